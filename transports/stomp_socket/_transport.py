"""SocketTransport: a transport for any event loop that can tell when a socket is ready.

It dials as ``stomp_socket.connect()`` does, with proxies, TLS and ``dial=``, in a thread, since names cannot be
resolved without one. From then on everything happens in the thread of the loop, and nothing blocks.
"""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING

from stomp_core.adapter import TransportOptions
from stomp_core.session import Endpoint

from ._dial import DialCancelled, dial_stream
from ._stream import Stream, is_not_now
from ._waker import READ, WRITE, new_poll

if TYPE_CHECKING:
    from stomp_core.adapter import CallbackEngine, Line

__all__ = ["SocketTransport", "Watch"]

#: ``watch(descriptor, read, write, callback)``: call ``callback()``, in the thread of the loop, as long as the
#: descriptor is ready for what is wanted. It holds until the next call for the same descriptor; with neither ``read``
#: nor ``write``, it is watched no more.
Watch = Callable[[int, bool, bool, Callable[[], object]], object]

_READ_SIZE = 64 * 1024
_READS_AT_A_TIME = 8  # and then it is the turn of other sockets, and of timers
_LONGEST = 86400.0


class SocketTransport:
    """One attempt to connect, and the connection that it becomes. It is a :class:`stomp_core.adapter.Transport`.

    Return one from the ``dial`` of a :class:`~stomp_core.adapter.CallbackEngine`,
    :class:`~stomp_core.adapter.AsyncLoopEngine` or :class:`~stomp_core.adapter.BlockingLoopEngine`.

    Args:
        engine: reports go to it.
        line: the attempt.
        endpoint: where to.
        options: how to get there.
        watch: the loop's way to tell when a descriptor is ready; see :data:`Watch`.
    """

    def __init__(
        self,
        engine: CallbackEngine,
        line: Line,
        endpoint: Endpoint,
        options: TransportOptions,
        watch: Watch,
    ) -> None:
        self._engine = engine
        self._line = line
        self._watch = watch
        self._stream: Stream | None = None
        self._unsent = memoryview(b"")
        self._reading = True
        self._reads_on = False  # _read_on() is called soon
        self._write_waits_to_read = False
        self._watched = (False, False)
        line.too_late = options.explain(
            endpoint, TimeoutError(errno.ETIMEDOUT, "connecting took too long"), line.timeout, too_late=True
        )
        self._dialler = _Dialler(line, endpoint, options)
        self._dialler.start()
        watch(self._dialler.descriptor, True, False, self._dialled)

    # ------------------------------------------------------------------ for the engine

    def write(self, data: bytes | memoryview) -> None:
        """See :class:`stomp_core.adapter.Transport`."""
        self._unsent = memoryview(data)
        self._write()

    def set_reading(self, on: bool) -> None:
        """See :class:`stomp_core.adapter.Transport`."""
        self._reading = on
        self._watch_stream()
        if on:
            self._read_on_soon()

    def abort(self) -> None:
        """See :class:`stomp_core.adapter.Transport`."""
        self._stop_dialling()
        stream, self._stream = self._stream, None
        if stream is not None:
            self._watch(stream.fileno(), False, False, _nothing)
            stream.close()

    # ------------------------------------------------------------------ dialling

    def _dialled(self) -> None:
        dialler = self._dialler
        if dialler.closed:
            return
        self._stop_dialling()
        if self._line.over:
            return
        if dialler.stream is None:
            self._engine.report(self._line.lost, dialler.error)
            return
        self._stream = dialler.stream
        self._watch_stream()
        self._engine.report(lambda now: self._line.made(now, dialler.via))

    def _stop_dialling(self) -> None:
        if not self._dialler.closed:
            self._watch(self._dialler.descriptor, False, False, _nothing)
            self._dialler.close(keep_stream=not self._line.over)

    # ------------------------------------------------------------------ reading and writing

    def _ready(self) -> None:
        if self._stream is None:
            return
        if self._unsent:
            self._write()
        self._read()

    def _read(self) -> None:
        for _ in range(_READS_AT_A_TIME):
            stream = self._stream
            if stream is None or not self._reading or self._line.over:
                return
            try:
                data = stream.recv(_READ_SIZE)
            except OSError as error:
                if not is_not_now(error):
                    self._lost(error)
                return
            if data:
                self._engine.report(self._line.received, data)
            else:
                self._engine.report(self._line.eof)
        self._read_on_soon()

    def _read_on_soon(self) -> None:
        # TLS may have decrypted more than was taken, of which the descriptor knows nothing.
        if not self._reads_on:
            self._reads_on = True
            self._engine.call_later(0.0, self._read_on)

    def _read_on(self) -> None:
        self._reads_on = False
        if self._stream is not None:
            self._read()

    def _write(self) -> None:
        stream = self._stream
        if stream is None:
            return
        self._write_waits_to_read = False
        try:
            self._unsent = self._unsent[stream.send(self._unsent) :]
        except OSError as error:
            if not is_not_now(error):
                self._read_the_last(stream)
                self._lost(error)
                return
            self._write_waits_to_read = type(error).__name__ == "SSLWantReadError"
        self._watch_stream()
        if not self._unsent:
            self._engine.report(self._line.written)

    def _read_the_last(self, stream: Stream) -> None:
        """Read what the peer has sent before it closed: an ERROR among it says why."""
        try:
            while not self._line.over and (data := stream.recv(_READ_SIZE)):
                self._engine.report(self._line.received, data)
        except OSError:
            pass

    def _lost(self, error: OSError) -> None:
        self._engine.report(self._line.lost, error)
        self.abort()

    def _watch_stream(self) -> None:
        if self._stream is not None:
            writing = bool(self._unsent) and not self._write_waits_to_read
            reading = self._reading or self._write_waits_to_read
            if self._watched != (reading, writing):
                self._watched = reading, writing
                self._watch(self._stream.fileno(), reading, writing, self._ready)


def _nothing() -> None:
    pass


class _Dialler:
    """Dials in a thread of its own. It is a :class:`.Waiter`.

    Attributes:
        descriptor: can be read when it is done.
        stream: what it has connected; ``None`` if that has failed.
        error: why it has failed.
        via: what the stream goes through.
        closed: whether nobody waits for it any more.
    """

    def __init__(self, line: Line, endpoint: Endpoint, options: TransportOptions) -> None:
        self._line = line
        self._endpoint = endpoint
        self._options = options
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._keep_stream = True
        self._done = False
        self._near, self._far = socket.socketpair()
        self._cancel_near, self._cancel_far = socket.socketpair()
        self.descriptor: int = self._near.fileno()
        self.stream: Stream | None = None
        self.error: BaseException | None = None
        self.via: str = ""
        self.closed: bool = False

    def start(self) -> None:
        """Start the thread. A daemon: one that hangs must not keep the interpreter from ending."""
        threading.Thread(target=self._run, name="stomp_socket dials", daemon=True).start()

    def close(self, *, keep_stream: bool) -> None:
        """Stop dialling, in the thread of the loop.

        Args:
            keep_stream: whether the caller takes the stream, if there is one.
        """
        self.closed = True
        self._near.close()
        with self._lock:
            self._keep_stream = keep_stream
            done = self._done
            if not done:
                self._cancel_near.send(b"\0")
        self._event.set()
        if done and not keep_stream and self.stream is not None:
            self.stream.close()

    def _run(self) -> None:
        timeout = min(self._line.timeout, _LONGEST)
        deadline = monotonic() + timeout
        try:
            questions = self._line.questions
            if questions is not None:
                questions.ask()
                timeout = max(0.0, deadline - monotonic())
            stream = dial_stream(self._endpoint, timeout, self._options, self)
            self.via = self._options.via(self._endpoint)
            with self._lock:
                self._done = True
                if self._keep_stream:
                    self.stream = stream
                else:
                    stream.close()
        except BaseException as error:  # SystemExit, too: it would end this thread, and nobody would know
            self.error = error
        with self._lock:
            self._done = True
        self._far.close()  # which makes the other end readable
        self._cancel_near.close()
        self._cancel_far.close()

    def wake(self) -> None:
        """End :meth:`wait`, or the next one."""
        self._event.set()

    def wait(
        self, stream: Stream | None, read: bool, write: bool, deadline: float, done: Callable[[], object]
    ) -> bool:
        """Wait until the stream is ready, or ``done()`` is true.

        Raises:
            DialCancelled: :meth:`close` was called.
        """
        left = max(0.0, deadline - monotonic())
        if stream is None:
            ready = self._event.wait(left)
        else:
            poll = new_poll()
            poll.register(self._cancel_far.fileno(), READ)
            poll.register(stream.fileno(), (READ if read else 0) | (WRITE if write else 0))
            ready = bool(poll.poll(left * 1000))
        if self.closed and not done():
            raise DialCancelled(errno.ECANCELED, "the attempt was given up")
        return ready
