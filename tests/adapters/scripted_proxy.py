"""ScriptedProxy: a proxy of 60 lines that speaks SOCKS 4, SOCKS 5 and HTTP CONNECT, and fails as it is told."""

from __future__ import annotations

import base64
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import Self

__all__ = ["ScriptedProxy", "pump", "read", "read_until"]

Behaviour = Callable[[socket.socket], None]


class ScriptedProxy:
    """Listens on a port of loopback, with a thread for each connection and direction.

    Args:
        login: the only user and password that it accepts, as ``"user:password"``; ``None`` accepts everybody.
        pieces: send each answer byte by byte.
        behaviour: what it does with a connection, in place of being a proxy.
        names: host names that it knows, by which address to connect to in place of them.

    Attributes:
        targets: what clients have asked for, in order: ``"host:port"``.
        sources: the addresses of the clients.
    """

    def __init__(
        self,
        login: str | None = None,
        *,
        pieces: bool = False,
        behaviour: Behaviour | None = None,
        names: Mapping[str, str] | None = None,
    ) -> None:
        self._login = login
        self._pieces = pieces
        self._behaviour = behaviour or self._serve
        self._names = names or {}
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self.targets: list[str] = []
        self.sources: list[str] = []

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._start(self._accept)
        return self

    def __exit__(self, *exception: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive()

    def url(self, scheme: str) -> str:
        login = "" if self._login is None else f"{self._login}@"
        return f"{scheme}://{login}127.0.0.1:{self.port}"

    def cut(self) -> None:
        """End all connections."""
        for sock in list(self._open):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _start(self, function: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=function, args=arguments, name="scripted proxy", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, (source, _) = self._listener.accept()
                self.sources.append(source)
                self._start(self._handle, client)

    def _handle(self, client: socket.socket) -> None:
        self._open.add(client)
        with client, contextlib.suppress(OSError, EOFError):
            self._behaviour(client)
        self._open.discard(client)

    def _serve(self, client: socket.socket) -> None:
        first = read(client, 1)
        handshake = {b"\5": self._socks5, b"\4": self._socks4}.get(first, self._http)
        host, port, granted, refused = handshake(client, first)
        self.targets.append(f"{host}:{port}")
        try:
            server = socket.create_connection((self._names.get(host, host), port))
        except OSError:
            self._answer(client, refused)
            return
        self._open.add(server)
        self._answer(client, granted)
        with server:
            self._start(pump, server, client)
            pump(client, server)
        self._open.discard(server)

    def _answer(self, client: socket.socket, data: bytes) -> None:
        for piece in [data[i : i + 1] for i in range(len(data))] if self._pieces else [data]:
            client.sendall(piece)
            time.sleep(0.0005 * self._pieces)  # so that the client gets them one by one

    def _socks5(self, client: socket.socket, first: bytes) -> tuple[str, int, bytes, bytes]:
        methods = read(client, read(client, 1)[0])
        if self._login is not None and b"\2" not in methods:
            self._answer(client, b"\5\xff")
            raise EOFError
        self._answer(client, b"\5\2" if self._login is not None else b"\5\0")
        if self._login is not None:
            read(client, 1)
            user, password = (read(client, read(client, 1)[0]).decode() for _ in range(2))
            self._answer(client, b"\1\0" if f"{user}:{password}" == self._login else b"\1\1")
        kind = read(client, 4)[3]
        if kind == 3:
            host = read(client, read(client, 1)[0]).decode()
        else:
            host = socket.inet_ntop(
                *((socket.AF_INET, read(client, 4)) if kind == 1 else (socket.AF_INET6, read(client, 16)))
            )
        port = int.from_bytes(read(client, 2), "big")
        return host, port, b"\5\0\0\1\0\0\0\0\0\0", b"\5\5\0\1\0\0\0\0\0\0"

    def _socks4(self, client: socket.socket, first: bytes) -> tuple[str, int, bytes, bytes]:
        read(client, 1)
        port, address, _ = int.from_bytes(read(client, 2), "big"), read(client, 4), read_until(client, b"\0")
        named = address[:3] == bytes(3)  # 4a
        host = read_until(client, b"\0")[:-1].decode() if named else socket.inet_ntoa(address)
        return host, port, b"\0\x5a" + bytes(6), b"\0\x5b" + bytes(6)

    def _http(self, client: socket.socket, first: bytes) -> tuple[str, int, bytes, bytes]:
        head = (first + read_until(client, b"\r\n\r\n")).decode()
        expected = "" if self._login is None else base64.b64encode(self._login.encode()).decode()
        if self._login is not None and f"Proxy-Authorization: Basic {expected}\r\n" not in head:
            self._answer(
                client, b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n"
            )
            raise EOFError
        host, _, port = head.split()[1].rpartition(":")
        return host, int(port), b"HTTP/1.1 200 OK\r\nVia: x\r\n\r\n", b"HTTP/1.1 502 Bad Gateway\r\n\r\n"


def read(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = sock.recv(size - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


def read_until(sock: socket.socket, end: bytes) -> bytes:
    data = b""
    while not data.endswith(end):
        data += read(sock, 1)
    return data


def pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for sock in (source, target):
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
