"""Stream: what a dialler returns, and how the engine uses one that is no socket of the standard library."""

from __future__ import annotations

import errno
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from types import CodeType
from typing import Any, Protocol

from stomp_core.adapter import no_stream
from stomp_core.session import Endpoint

__all__ = ["CheckedStream", "Stream", "checked", "discard", "is_not_now"]

_EXPECTED = "a connected socket, or a Stream (with fileno, recv, send and close)"


class Stream(Protocol):
    """What a dialler returns: a connected byte stream that never blocks. A connected socket is one.

    The engine calls one method at a time, but from several threads. Any exception but BlockingIOError means that the
    connection is lost.
    """

    def fileno(self) -> int:
        """Return the descriptor to wait for, for reading and for writing. It stays the same."""
        ...

    def recv(self, size: int, /) -> bytes:
        """Return received bytes; ``b""`` at the end of the stream.

        Bytes that are left behind must be visible to a poll of the descriptor.

        Args:
            size: how many bytes to return at most, roughly.

        Raises:
            BlockingIOError: there is nothing yet.
            OSError: the stream is broken.
        """
        ...

    def send(self, data: bytes | memoryview, /) -> int:
        """Write some of the data, and return how many bytes.

        After a BlockingIOError the same bytes are offered again, once the descriptor is ready.

        Args:
            data: the bytes.

        Raises:
            BlockingIOError: there is no room now.
            OSError: the stream is broken.
        """
        ...

    def close(self) -> object:
        """Close the stream at once. The result is ignored."""
        ...


def is_not_now(error: BaseException) -> bool:
    """Return whether an exception of a stream means only that it cannot read or write at the moment.

    Args:
        error: the exception.
    """
    if isinstance(error, (BlockingIOError, InterruptedError)):
        return True
    ssl = sys.modules.get("ssl")  # imported by what dials with TLS; without it there are no errors of it
    return ssl is not None and isinstance(error, (ssl.SSLWantReadError, ssl.SSLWantWriteError))


def checked(returned: Any, endpoint: Endpoint) -> Stream:
    """Return what a dialler has returned, ready for use; close it if it cannot be used.

    Raises:
        DialFailed: it cannot be used.
    """
    try:
        if isinstance(returned, socket.socket):
            fault = _fault_of_socket(returned, endpoint)
            if fault:
                raise no_stream(returned, _EXPECTED, fault)
            returned.setblocking(False)
            return returned
        missing = [
            name
            for name in ("fileno", "recv", "send", "close")
            if not callable(getattr(returned, name, None))
        ]
        if returned is None or missing:
            raise no_stream(returned, _EXPECTED, "" if returned is None else f"which has no {missing[0]}()")
        return CheckedStream(returned)
    except BaseException:
        discard(returned)
        raise


def _fault_of_socket(sock: socket.socket, endpoint: Endpoint) -> str:
    if sock.fileno() < 0:
        return "which is closed"
    if sock.type != socket.SOCK_STREAM:
        return "which is no stream socket"
    if endpoint.secure:
        import ssl

        if isinstance(sock, ssl.SSLSocket):
            return f"although TLS inside {endpoint.scheme}:// is made by the library, with ssl_context=..."
    try:
        sock.getpeername()
    except OSError as error:
        return f"which is not connected ({error.strerror})"
    return ""


def discard(returned: Any) -> None:
    """Close what a dialler has returned, whatever it is."""
    try:
        returned.close()
    except Exception as error:
        import logging

        logging.getLogger("stomp_core").debug("what dial() has returned could not be closed: %r", error)


class StreamFailed(ConnectionError):
    """A method of a stream has raised something, which is the ``__cause__``, or has returned nonsense."""


class CheckedStream:
    """A stream of the program's own, whose faults come out as OSErrors of this module.

    Args:
        stream: the program's.

    Raises:
        DialFailed: it has no descriptor.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._recv = stream.recv
        self._send = stream.send
        number: object
        try:
            number = stream.fileno()
        except Exception as error:
            number = error
        if isinstance(number, Exception):
            raise no_stream(stream, _EXPECTED, f"whose fileno() raised {number!r}")
        if type(number) is not int or number < 0:
            closed = ": it is closed" if number == -1 else ""
            raise no_stream(stream, _EXPECTED, f"whose fileno() is {number!r}{closed}")
        self._number = number

    def fileno(self) -> int:
        """See :class:`Stream`."""
        return self._number

    def recv(self, size: int, /) -> bytes:
        """See :class:`Stream`."""
        try:
            data: Any = self._recv(size)
            if isinstance(data, (bytes, bytearray, memoryview)):
                return bytes(data)
        except Exception as error:
            if is_not_now(error):
                raise BlockingIOError(errno.EAGAIN, "nothing was received yet") from None
            raise _failure("recv", error) from error
        raise StreamFailed(f"recv() of the dialled stream returned {type(data).__name__} in place of bytes")

    def send(self, data: bytes | memoryview, /) -> int:
        """See :class:`Stream`."""
        try:
            taken: Any = self._send(data)
        except Exception as error:
            if _is_of_signal_handler(error):
                raise  # it belongs to the caller that is sending
            if is_not_now(error):
                raise BlockingIOError(errno.EAGAIN, "there is no room now") from None
            raise _failure("send", error) from error
        if type(taken) is int and 0 < taken <= len(data):
            return taken
        if taken in (0, None):  # as raw files do it
            raise BlockingIOError(errno.EAGAIN, "there is no room now")
        raise StreamFailed(f"send() of the dialled stream returned {taken!r} for {len(data)} bytes")

    def close(self) -> None:
        """See :class:`Stream`."""
        discard(self._stream)


def _failure(method: str, error: Exception) -> OSError:
    import ssl

    if isinstance(error, OSError) and error.strerror and not isinstance(error, ssl.SSLError):
        return OSError(error.errno, error.strerror)  # of the class that the number means
    text = str(error)
    what = type(error).__name__ + (f": {text}" if text else "")
    return StreamFailed(f"{method}() of the dialled stream raised {what}")


def _is_of_signal_handler(error: BaseException) -> bool:
    """Return whether a signal handler has raised it: one of its frames belongs to a handler that is installed now."""
    if threading.current_thread() is not threading.main_thread():
        return False
    handlers = {code for number in signal.valid_signals() for code in _codes_of(signal.getsignal(number))}
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code in handlers:
            return True
        trace = trace.tb_next
    return False


def _codes_of(handler: Any) -> Iterator[CodeType]:
    if not callable(handler):
        return
    handler = getattr(handler, "func", handler)  # of a partial
    for function in (handler, getattr(handler, "__func__", None), vars(type(handler)).get("__call__")):
        code = getattr(function, "__code__", None)
        if isinstance(code, CodeType):
            yield code
