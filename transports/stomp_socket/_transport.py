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

from ._dial import ThreadWaiter, dial_stream
from ._shared_session import READ_SIZE
from ._stream import Stream, is_not_now

if TYPE_CHECKING:
    from stomp_core.adapter import CallbackEngine, Line

__all__ = ["SocketTransport", "Watch"]

#: ``watch(descriptor, read, write, callback)``: call ``callback()``, in the thread of the loop, as long as the
#: descriptor is ready for what is wanted. It holds until the next call for the same descriptor; with neither ``read``
#: nor ``write``, it is watched no more.
Watch = Callable[[int, bool, bool, Callable[[], object]], object]

_READS_AT_A_TIME = 8  # and then it is the turn of other sockets, and of timers


class SocketTransport:
    """One attempt to connect, and the connection that it becomes. It is a :class:`stomp_core.adapter.Transport`.

    Return one from the ``dial`` of a :class:`~stomp_core.adapter.CallbackEngine`,
    :class:`~stomp_core.adapter.AsyncLoopEngine` or :class:`~stomp_core.adapter.BlockingLoopEngine`.

    Args:
        engine: the engine to report to.
        line: the attempt.
        endpoint: the endpoint to connect to.
        options: how to connect: TLS, a proxy, ``dial=``.
        watch: asks the loop to call back when a descriptor is ready; see :data:`.Watch`.
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
        """Write all of the data, and report ``line.written`` when it has left.

        Args:
            data: the bytes.
        """
        self._unsent = memoryview(data)
        self._write()

    def set_reading(self, on: bool) -> None:
        """Start or stop reading.

        Args:
            on: whether to read.
        """
        self._reading = on
        self._watch_stream()
        if on:
            self._read_on_soon()

    def abort(self) -> None:
        """Close at once, whatever is unsent, or stop dialling."""
        self._stop_dialling()
        stream, self._stream = self._stream, None
        if stream is not None:
            self._watch(stream.fileno(), False, False, _nothing)
            stream.close()

    # ------------------------------------------------------------------ dialling

    def _dialled(self) -> None:
        dialler = self._dialler
        if self._line.over:
            self._stop_dialling()
        elif not dialler.closed:
            self._watch(dialler.descriptor, False, False, _nothing)
            self._stream = dialler.take()
            if self._stream is None:
                self._engine.report(self._line.lost, dialler.error)
            else:
                self._watch_stream()
                self._engine.report(lambda now: self._line.made(now, dialler.via))

    def _stop_dialling(self) -> None:
        if not self._dialler.closed:
            self._watch(self._dialler.descriptor, False, False, _nothing)
            self._dialler.cancel()

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
                data = stream.recv(READ_SIZE)
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
            while not self._line.over and (data := stream.recv(READ_SIZE)):
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
    """Dials in a thread of its own.

    Attributes:
        descriptor: can be read when it is done.
        error: why it has failed.
        via: what the stream goes through.
        closed: whether nobody waits for it any more.
    """

    def __init__(self, line: Line, endpoint: Endpoint, options: TransportOptions) -> None:
        self._line = line
        self._endpoint = endpoint
        self._options = options
        self._waiter = ThreadWaiter()
        self._lock = threading.Lock()
        self._stream: Stream | None = None
        self._near, self._far = socket.socketpair()
        self.descriptor: int = self._near.fileno()
        self.error: BaseException | None = None
        self.via: str = options.via(endpoint)
        self.closed: bool = False

    def start(self) -> None:
        """Start the thread. A daemon: one that hangs must not keep the interpreter from ending."""
        threading.Thread(target=self._run, name="stomp_socket dials", daemon=True).start()

    def take(self) -> Stream | None:
        """Return the stream, once, in the thread of the loop; ``None`` if there is none. What comes later is closed."""
        with self._lock:
            self.closed = True
            stream, self._stream = self._stream, None
        self._near.close()
        return stream

    def cancel(self) -> None:
        """Stop dialling, in the thread of the loop."""
        stream = self.take()
        self._waiter.cancel()
        if stream is not None:
            stream.close()

    def _run(self) -> None:
        timeout = self._line.timeout
        deadline = monotonic() + timeout
        try:
            questions = self._line.questions
            if questions is not None:
                questions.ask()
                timeout = max(0.0, deadline - monotonic())
            stream = dial_stream(self._endpoint, timeout, self._options, self._waiter)
            with self._lock:
                wanted = not self.closed
                if wanted:
                    self._stream = stream
            if not wanted:
                stream.close()
        except BaseException as error:  # SystemExit, too: it would end this thread, and nobody would know
            self.error = error
        finally:
            self._far.close()  # which makes the other end readable
            self._waiter.close()
