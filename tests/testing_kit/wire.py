"""A client of a few lines over a real socket, with a deadline on everything. It uses nothing of the library."""

from __future__ import annotations

import socket
import ssl
from typing import Self

PATIENCE = 5.0


class Wire:
    """One connection; frames are text without their NUL."""

    def __init__(
        self,
        port: int,
        *,
        host: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
        unix: str | None = None,
    ) -> None:
        if unix is not None:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(PATIENCE)
            self.socket.connect(unix)
        else:
            self.socket = socket.create_connection((host, port), timeout=PATIENCE)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_hostname=host)
        self._heard = b""

    def connect(self, more: str = "") -> Self:
        """CONNECT as guest, and wait for CONNECTED."""
        self.say(f"CONNECT\naccept-version:1.2\nhost:/\nlogin:guest\npasscode:guest\n{more}\n")
        answer = self.hear()
        assert answer.startswith("CONNECTED\n"), answer
        return self

    def say(self, *frames: str) -> None:
        self.socket.sendall("".join(f"{frame}\0" for frame in frames).encode())

    def hear(self) -> str:
        """The next frame; EOFError if there is none to come."""
        while b"\0" not in self._heard:
            piece = self.socket.recv(65536)
            if not piece:
                raise EOFError
            self._heard += piece
        frame, _, self._heard = self._heard.partition(b"\0")
        return frame.decode().lstrip("\n")

    def end(self) -> str:
        """How the connection ends: ``"FIN"`` or ``"RST"``. Frames that still come are thrown away."""
        try:
            while self.socket.recv(65536):
                pass
        except ConnectionResetError:
            return "RST"
        return "FIN"

    def is_quiet(self, seconds: float = 0.1) -> bool:
        """Whether nothing comes for so long, not even an end."""
        self.socket.settimeout(seconds)
        try:
            return not self.socket.recv(1) and False
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.socket.close()
