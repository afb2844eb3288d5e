"""BrokerProgram: a broker that is a program: start it, and start it again when it has died or hangs."""

from __future__ import annotations

import threading
import time

from ._broker_target import BrokerTarget
from ._memory_watch import listening_process
from ._program import Program
from ._program_end import ProgramEnd

__all__ = ["BrokerProgram"]

#: Seconds between two attempts to connect, or to start it again.
_PAUSE = 0.05
_PAUSE_OF_STARTS = 0.5
#: Seconds that it has to end when it is asked to, before it is killed: at the end of a run, and if it hangs.
_TO_STOP = 10.0
_TO_STOP_IF_IT_HANGS = 0.5
#: Seconds between the end of its first connection and of its last, when it ends.
_TO_CLOSE = 0.3
#: Seconds in which a broker that listens, and refuses logins, may be about to be ready.
_UNREADY = 10.0


class BrokerProgram:
    """A broker that was started by a command, which either is the broker or starts it in the background.

    Args:
        command: its command line.
        target: where it listens.
        start_timeout: seconds that it has until it listens.

    Attributes:
        lock: for who finds out whether it serves, and starts it again if it does not.
        starts: how often it was started.
        hangs: whether a well-behaved client was not served, so that it need not be asked again.
        pid: the process that listens, or the one that was started; ``None`` if neither can be seen.

    Raises:
        OSError: it cannot be started, or does not listen in time.
        ValueError: something listens there already, or its command line has unbalanced quotes.
    """

    def __init__(self, command: str, target: BrokerTarget, start_timeout: float) -> None:
        self._command = command
        self._target = target
        self._start_timeout = start_timeout
        self.lock = threading.RLock()
        self.starts = 0
        self.hangs = False
        self.pid: int | None = None
        if self._listens():
            raise ValueError(f"--exec must start the broker, but {target.url} is served already")
        self._program = self._start(time.monotonic() + start_timeout, again=False)

    def end(self, seconds: float) -> ProgramEnd | None:
        """Return how it has ended; ``None`` if it runs, or has put itself into the background.

        Args:
            seconds: to wait for its end, if it does not accept connections any more.
        """
        if self._in_background:
            return None
        start = time.monotonic()
        while self._program.running:
            # One that ends may close connections first, and the socket on which it listens behind them.
            passed = time.monotonic() - start
            if passed >= seconds or (passed > _TO_CLOSE and self._listens()):
                return None
            self._program.wait(_PAUSE)
        return self._program.end(0.0)

    def restart(self) -> None:
        """End what there is of it, and start it again.

        Raises:
            OSError: it does not listen in time.
        """
        with self.lock:
            self._program.stop(_TO_STOP_IF_IT_HANGS)
            self._program = self._start(time.monotonic() + self._start_timeout, again=True)
            self.hangs = False

    def close(self) -> None:
        """End it."""
        self._program.stop(_TO_STOP)

    # ------------------------------------------------------------------ starting

    def _start(self, end: float, again: bool) -> Program:
        """Start it, several times if need be: its port may not be free at once when it was killed."""
        while True:
            program = Program(self._command, {})
            self._in_background = False
            try:
                self._await_listening(program, end)
            except ChildProcessError:
                program.kill()
                if not again or time.monotonic() > end:
                    raise
                time.sleep(_PAUSE_OF_STARTS)
            except BaseException:
                program.kill()
                raise
            else:
                self.starts += 1
                self.pid = listening_process(self._target.port) or (
                    None if self._in_background else program.pid
                )
                return program

    def _await_listening(self, program: Program, end: float) -> None:
        listens_since = None
        while not self._is_ready():
            status = program.wait(_PAUSE)
            if status:
                raise ChildProcessError(f"the broker has ended while it started: {program.end(0.0).text}")
            now = time.monotonic()
            if self._listens():
                listens_since = listens_since or now
            if listens_since is not None and now > listens_since + _UNREADY:
                break  # it refuses logins: other checks report that
            if now > end:
                raise TimeoutError(
                    f"the broker does not listen on {self._target.url} {self._start_timeout:g} s after its start"
                )
        self._in_background = program.wait(0.0) == 0

    def _listens(self) -> bool:
        try:
            self._target.connect().close()
        except OSError:
            return False
        return True

    def _is_ready(self) -> bool:
        """Whether it answers CONNECT. Some brokers listen before they accept logins."""
        try:
            answer = self._target.answer_to_connect("1.0,1.1,1.2")
        except OSError:
            return False
        return answer is not None and answer.command == "CONNECTED"
