"""TLS inside a stream: by the module ssl's sockets where the stream is a socket, in memory where it is not."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Callable

from ._stream import Stream

__all__ = ["start_tls"]

_READ_SIZE = 64 * 1024
_RECORD = 16 * 1024  # bytes that one record of TLS carries (RFC 8446, section 5.1)


def start_tls(
    stream: Stream, context: ssl.SSLContext, name: str, wait: Callable[[Stream, bool, bool], bool]
) -> Stream:
    """Agree on TLS, and return the stream inside it. If that fails, the stream is closed.

    Args:
        stream: to the server.
        context: for TLS.
        name: of the server, which its certificate must have.
        wait: ``wait(stream, read, write)`` returns true when the stream is ready, false at the deadline.

    Raises:
        OSError: the reason, from OpenSSL or the stream.
        TimeoutError: the deadline has come.
    """
    tls: ssl.SSLSocket | TlsStream
    try:
        if isinstance(stream, socket.socket):
            tls = context.wrap_socket(stream, server_hostname=name, do_handshake_on_connect=False)
        else:
            tls = TlsStream(stream, context, name)
    except BaseException:
        stream.close()
        raise
    try:
        while True:
            try:
                tls.do_handshake()
                return tls
            except ssl.SSLWantReadError:
                ready = wait(tls, True, False)
            except ssl.SSLWantWriteError:
                ready = wait(tls, False, True)
            if not ready:
                raise TimeoutError(errno.ETIMEDOUT, "the TLS handshake took too long")
    except BaseException:
        tls.close()
        raise


class TlsStream:
    """TLS inside any stream. It is a :class:`Stream`.

    Args:
        stream: below.
        context: for TLS.
        name: of the server.
    """

    def __init__(self, stream: Stream, context: ssl.SSLContext, name: str) -> None:
        self._stream = stream
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)
        self._unsent = memoryview(b"")  # encrypted
        self._encrypted = 0  # bytes of the data of send() that are in there
        self._ended = False

    def fileno(self) -> int:
        """See :class:`Stream`."""
        return self._stream.fileno()

    def do_handshake(self) -> None:
        """Go on with the handshake; return when it is done.

        Raises:
            SSLWantReadError, SSLWantWriteError: the stream must be ready for this first.
            OSError: it has failed.
        """
        while True:
            done = False
            try:
                self._tls.do_handshake()
                done = True
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError:
                self._try_to_flush()  # the alert, which tells the server why
                raise
            try:
                self._flush()
            except BlockingIOError:
                raise ssl.SSLWantWriteError from None
            if done:
                return
            try:
                self._receive()
            except BlockingIOError:
                raise ssl.SSLWantReadError from None

    def recv(self, size: int, /) -> bytes:
        """Return all that one read of the stream has brought: nothing stays here, where no poll() sees it."""
        data = self._decrypted()
        if not data and not self._ended:
            self._receive()
            data = self._decrypted()
        if not data and not self._ended:
            raise BlockingIOError(errno.EAGAIN, "no whole record was received yet")
        return data

    def send(self, data: bytes | memoryview, /) -> int:
        """Encrypt some of ``data``. It counts as sent when the stream has taken all of it, encrypted."""
        if not self._encrypted:
            self._encrypted = self._tls.write(memoryview(data)[:_RECORD])
        self._flush()
        taken, self._encrypted = self._encrypted, 0
        return taken

    def close(self) -> None:
        """See :class:`Stream`."""
        self._stream.close()

    def _receive(self) -> None:
        data = self._stream.recv(_READ_SIZE)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()
            self._ended = True

    def _decrypted(self) -> bytes:
        pieces: list[bytes] = []
        try:
            while piece := self._tls.read(_READ_SIZE):
                pieces.append(piece)
            self._ended = True  # the peer's close_notify; it need not close the stream below
        except ssl.SSLWantReadError:
            self._try_to_flush()  # the answer to a change of keys, for instance
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            self._ended = True  # the end without close_notify is no attack: STOMP has frames
        except ssl.SSLError:
            if not pieces:
                raise
        return b"".join(pieces)

    def _flush(self) -> None:
        while self._unsent or self._outgoing.pending:
            if not self._unsent:
                self._unsent = memoryview(self._outgoing.read())
            self._unsent = self._unsent[self._stream.send(self._unsent) :]

    def _try_to_flush(self) -> None:
        try:
            self._flush()
        except OSError:
            pass  # the next write finds out
