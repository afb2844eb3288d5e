"""A TLS server that changes its keys during a connection: OpenSSL by ctypes, since the module ssl cannot ask for it."""

from __future__ import annotations

import ctypes
import ctypes.util
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import pytest

from tests.certificates import KeyPair
from tests.waiting import HANGS

__all__ = ["OpensslConnection", "OpensslServer"]

_PEM = 1  # SSL_FILETYPE_PEM
_VERSIONS = {"1.2": 0x0303, "1.3": 0x0304}
_SET_MIN_PROTO_VERSION, _SET_MAX_PROTO_VERSION = 123, 124
_HANDSHAKE_DONE = 0x20  # SSL_CB_HANDSHAKE_DONE
_UPDATE_REQUESTED = 1  # SSL_KEY_UPDATE_REQUESTED
_InfoCallback = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.c_int)


def _load() -> Any:
    name = ctypes.util.find_library("ssl")
    try:
        library = ctypes.CDLL(name or "libssl.so.3")
        for function in ("TLS_server_method", "SSL_CTX_new", "SSL_new"):
            getattr(library, function).restype = ctypes.c_void_p
        library.SSL_CTX_ctrl.restype = ctypes.c_long
    except (OSError, AttributeError):
        pytest.skip("OpenSSL's library is not installed by itself")
    return library


class OpensslConnection:
    """The connection of the one client, once TLS is agreed on. Its methods block."""

    def __init__(self, library: Any, ssl: ctypes.c_void_p, sock: socket.socket) -> None:
        self._library = library
        self._ssl = ssl
        self._sock = sock
        self._chunk = ctypes.create_string_buffer(16 * 1024)
        self._received = bytearray()

    def read_frame(self) -> bytes:
        """Return what was received up to a NUL. What is behind it comes next."""
        while (end := self._received.find(b"\0")) < 0:
            size = self._library.SSL_read(self._ssl, self._chunk, len(self._chunk))
            assert size > 0
            self._received += self._chunk.raw[:size]
        frame = bytes(self._received[: end + 1])
        del self._received[: end + 1]
        return frame

    def write(self, data: bytes) -> None:
        """Send all of it."""
        assert self._library.SSL_write(self._ssl, data, len(data)) == len(data)

    def update_keys(self) -> None:
        """Change the keys of TLS 1.3, and ask the client to do so, too (RFC 8446, section 4.6.3)."""
        assert self._library.SSL_key_update(self._ssl, _UPDATE_REQUESTED) == 1
        assert self._library.SSL_do_handshake(self._ssl) == 1

    def ask_for_handshake(self) -> None:
        """Ask the client for another handshake of TLS 1.2 (RFC 5246, section 7.4.1.1), and wait until it begins it.

        It goes on with the next :meth:`read_frame`.
        """
        assert self._library.SSL_renegotiate(self._ssl) == 1
        assert self._library.SSL_do_handshake(self._ssl) == 1
        self._sock.recv(1, socket.MSG_PEEK)


class OpensslServer:
    """Accepts one connection with TLS and plays a script to it, in a thread.

    Args:
        pair: its certificate.
        version: of TLS, ``"1.2"`` or ``"1.3"``.
        script: called with the connection.

    Attributes:
        handshakes: how many have come to their end. OpenSSL counts a request for one, too.
    """

    def __init__(self, pair: KeyPair, version: str, script: Callable[[OpensslConnection], object]) -> None:
        self.handshakes = 0
        self._library = library = _load()
        self._script = script
        self._context = ctypes.c_void_p(library.SSL_CTX_new(ctypes.c_void_p(library.TLS_server_method())))
        assert library.SSL_CTX_use_certificate_chain_file(self._context, str(pair.certificate).encode()) == 1
        assert library.SSL_CTX_use_PrivateKey_file(self._context, str(pair.key).encode(), _PEM) == 1
        for control in (_SET_MIN_PROTO_VERSION, _SET_MAX_PROTO_VERSION):
            number = ctypes.c_long(_VERSIONS[version])
            assert library.SSL_CTX_ctrl(self._context, control, number, None) == 1
        self._callback = _InfoCallback(self._note)
        library.SSL_CTX_set_info_callback(self._context, self._callback)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(HANGS)
        self.port: int = self._listener.getsockname()[1]
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._serve, name="openssl server", daemon=True)

    def _note(self, ssl: object, where: int, outcome: int) -> None:
        if where & _HANDSHAKE_DONE:
            self.handshakes += 1

    def _serve(self) -> None:
        try:
            sock, _ = self._listener.accept()
            with sock:
                sock.settimeout(None)
                ssl = ctypes.c_void_p(self._library.SSL_new(self._context))
                try:
                    assert self._library.SSL_set_fd(ssl, sock.fileno()) == 1
                    assert self._library.SSL_accept(ssl) == 1
                    self._script(OpensslConnection(self._library, ssl, sock))
                finally:
                    self._library.SSL_free(ssl)
        except BaseException as error:
            self._error = error

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()
        self._thread.join(HANGS)
        if error is None:
            assert not self._thread.is_alive()
            assert self._error is None
