"""A small client over a real socket, with a timeout on everything. It uses nothing of the library."""

from __future__ import annotations

import socket
import ssl
from typing import Self

from tests.waiting import HANGS


class Wire:
    """One connection; frames are text without their NUL."""

    def __init__(
        self,
        port: int,
        *,
        host: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
        unix: str | None = None,
        name: str | None = None,
    ) -> None:
        if unix is not None:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(HANGS)
            self.socket.connect(unix)
        else:
            self.socket = socket.create_connection((host, port), timeout=HANGS)
        if tls is not None:
            try:
                self.socket = tls.wrap_socket(self.socket, server_hostname=name or host)
            except BaseException:
                self.socket.close()
                raise
        self._received = b""

    def connect(self, more: str = "") -> Self:
        """Send CONNECT as guest, and wait for CONNECTED."""
        self.send(f"CONNECT\naccept-version:1.2\nhost:/\nlogin:guest\npasscode:guest\n{more}\n")
        answer = self.receive()
        assert answer.startswith("CONNECTED\n"), answer
        return self

    def send(self, *frames: str) -> None:
        """Send frames."""
        self.socket.sendall("".join(f"{frame}\0" for frame in frames).encode())

    def receive(self) -> str:
        """Return the next frame; raise EOFError if the broker has closed."""
        while b"\0" not in self._received:
            piece = self.socket.recv(65536)
            if not piece:
                raise EOFError
            self._received += piece
        frame, _, self._received = self._received.partition(b"\0")
        return frame.decode().lstrip("\n")

    def end(self) -> str:
        """Wait for the end of the connection: ``"FIN"`` or ``"RST"``. Frames that still come are discarded."""
        try:
            while self.socket.recv(65536):
                pass
        except ConnectionResetError:
            return "RST"
        return "FIN"

    def is_quiet(self, seconds: float = 0.1) -> bool:
        """Return whether nothing comes for some seconds, not even an end."""
        self.socket.settimeout(seconds)
        try:
            return not self.socket.recv(1) and False
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(HANGS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.socket.close()
