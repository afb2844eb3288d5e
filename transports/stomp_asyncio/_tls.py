"""TLS over a transport of any kind.

``loop.start_tls()`` takes only transports of the loop's own: asyncio asks for an attribute that is not documented, and
uvloop for classes of its own. A dialler may return a transport that somebody has written in thirty lines.
"""

from __future__ import annotations

import asyncio
import errno
import ssl
from typing import cast

from ._transports import close_transport, method_of

__all__ = ["TlsTransport"]

_READ_SIZE = 64 * 1024


class TlsTransport(asyncio.Protocol):
    """TLS between a transport, whose protocol it is, and a protocol, whose transport it is.

    Args:
        context: the options of TLS.
        server_name: the name that the server's certificate must have.
        protocol: gets what is decrypted.

    Attributes:
        transport: the one below; ``None`` until it is connected.
    """

    def __init__(self, context: ssl.SSLContext, server_name: str, protocol: asyncio.Protocol) -> None:
        self.transport: asyncio.Transport | None = None
        self._protocol = protocol
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_name)
        self._handshake: asyncio.Future[None] | None = None
        self._error: Exception | None = None  # of the transport, before the handshake
        self._agreed = False
        self._unsent = b""  # what TLS does not take before it has received something: a new key
        self._reading = True
        self._full = False  # the transport is
        self._paused = False  # the protocol is told so
        self._ended = False  # the end of the stream was reported
        self._closed = False

    async def handshake(self, transport: asyncio.Transport) -> None:
        """Agree on TLS with the peer.

        Raises:
            OSError: TLS failed, the certificate is not trusted, or the connection was lost.
        """
        if self._error is not None:
            raise self._error
        self.transport = transport
        self._handshake = asyncio.get_running_loop().create_future()
        self._advance()
        await self._handshake
        if (set_limits := method_of(transport, "set_write_buffer_limits")) is not None:
            set_limits(high=0, low=0)

    def _advance(self) -> None:
        if self._handshake is None or self._handshake.done():
            return
        agreed = False
        try:
            self._tls.do_handshake()
            agreed = True
        except ssl.SSLWantReadError:
            pass
        except OSError as error:
            self._fail(error)
        try:
            self._flush()  # our part of the handshake, or the alert
        except Exception as error:  # of the transport
            self._fail(error)
        if agreed and not self._handshake.done():
            self._agreed = True
            self._handshake.set_result(None)

    def _fail(self, error: Exception) -> None:
        if self._handshake is None:
            self._error = self._error or error
        elif not self._handshake.done():
            self._handshake.set_exception(error)

    # ------------------------------------------------------------------ for the transport below

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self.transport is None:
            self.transport = cast(asyncio.Transport, transport)  # handshake() begins
        elif transport is not self.transport:
            close_transport(transport)  # a dialler has made two

    def data_received(self, data: bytes) -> None:
        self._incoming.write(data)
        if not self._agreed:
            self._advance()
        if self._agreed:
            self._read()
            try:
                if self._unsent:
                    self.write(b"")
                self._flush()  # an answer of TLS itself
            except Exception as error:  # of the transport
                self._lose(error)

    def eof_received(self) -> None:
        self._incoming.write_eof()
        self._fail(ConnectionResetError(errno.ECONNRESET, "the peer closed the connection"))
        if self._agreed:
            self._read()

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed = True
        self._fail(exc or ConnectionResetError(errno.ECONNRESET, "the peer closed the connection"))
        if self._agreed:
            self._reading = True  # what came before the end counts
            self._read()
            self._protocol.connection_lost(exc)

    def pause_writing(self) -> None:
        self._full = True
        self._update_writing()

    def resume_writing(self) -> None:
        self._full = False
        self._update_writing()

    # ------------------------------------------------------------------ for the protocol above

    def write(self, data: bytes | memoryview) -> None:
        """Encrypt and write."""
        self._unsent = self._unsent + bytes(data) if self._unsent else bytes(data)
        try:
            while self._unsent:
                self._unsent = self._unsent[self._tls.write(self._unsent) :]
        except ssl.SSLWantReadError:
            pass
        self._flush()
        self._update_writing()

    def is_closing(self) -> bool:
        """Return whether the transport below is closed, or about to be."""
        is_closing = method_of(self.transport, "is_closing")
        return self._closed or (is_closing is not None and is_closing())

    def abort(self) -> None:
        """Close the transport below at once."""
        self._closed = True
        if self.transport is not None:
            close_transport(self.transport)

    def pause_reading(self) -> None:
        """Pass nothing to the protocol, and stop the transport from reading if it can be stopped."""
        self._reading = False
        if (pause := method_of(self.transport, "pause_reading")) is not None:
            pause()

    def resume_reading(self) -> None:
        """Read again, beginning with what is here already."""
        self._reading = True
        asyncio.get_running_loop().call_soon(self._read)
        if (resume := method_of(self.transport, "resume_reading")) is not None:
            resume()

    def _read(self) -> None:
        try:
            while self._reading and not self._ended:
                data = self._tls.read(_READ_SIZE)
                if data:
                    self._protocol.data_received(data)
                else:
                    self._end()
        except ssl.SSLWantReadError:
            pass
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            self._end()
        except OSError as error:
            self._lose(error)

    def _lose(self, error: Exception) -> None:
        self._ended = True
        self.abort()
        self._protocol.connection_lost(error)

    def _end(self) -> None:
        self._ended = True
        self._protocol.eof_received()

    def _flush(self) -> None:
        if self.transport is not None and self._outgoing.pending and not self.is_closing():
            self.transport.write(self._outgoing.read())

    def _update_writing(self) -> None:
        paused = self._full or bool(self._unsent)
        if paused is not self._paused and self._agreed:
            self._paused = paused
            if paused:
                self._protocol.pause_writing()
            else:
                self._protocol.resume_writing()
