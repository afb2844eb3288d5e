"""Frames as listeners see them, and the helpers that programs import.

No ``__all__``: programs that write ``from stomp.utils import *`` count on the modules below as well.
"""

from __future__ import annotations

import os
import re
import socket
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from stomp_core.protocol import negotiate
from stomp_core.wire import unescape

from .constants import *  # noqa: F403 -- programs get them from here too
from .constants import HDR_CONTENT_LENGTH, HDR_PASSCODE

NULL = b"\0"
ENC_NEWLINE = b"\n"
ENC_NULL = NULL
HEADER_LINE_RE = re.compile("(?P<key>[^:]+)[:](?P<value>.*)")
PREAMBLE_END_RE = re.compile(b"\n\n|\r\n\r\n")
LINE_END_RE = re.compile("\r?\n")
PASSCODE_RE = re.compile(r"passcode:\s*[^\n'\" ]+")

_MASK = "********"


class Frame:
    """A frame, which listeners may change.

    Attributes:
        cmd: the command.
        headers: a ``dict``.
        original_headers: a copy of them from before any listener changed them.
        body: ``str`` or ``bytes``.
    """

    __slots__ = ("__dict__", "body", "cmd", "headers", "original_headers")

    def __init__(
        self, cmd: str | None = None, headers: dict[str, Any] | None = None, body: Any = None
    ) -> None:
        self.cmd: str | None = cmd
        self.headers: dict[str, Any] = {} if headers is None else headers
        self.original_headers: dict[str, Any] = self.headers.copy()
        self.body: Any = body

    def __str__(self) -> str:
        return f"{{cmd={self.cmd},headers=[{clean_headers(self.headers)}],body={self.body}}}"


HEARTBEAT_FRAME = Frame("heartbeat")


def encode(char_data: str | bytes, encoding: str = "utf-8") -> bytes:
    """Text to bytes; bytes stay as they are.

    Raises:
        TypeError: it is neither.
    """
    if isinstance(char_data, str):
        return char_data.encode(encoding, errors="replace")
    if isinstance(char_data, bytes):
        return char_data
    raise TypeError(f"message should be a string or bytes, found {type(char_data)}")


def decode(byte_data: bytes | None, encoding: str = "utf-8") -> str | None:
    """Bytes to text, for people: what is not text is replaced."""
    return None if byte_data is None else byte_data.decode(encoding, errors="replace")


def pack(pieces: Iterable[bytes] = ()) -> bytes:
    """Join bytes."""
    return b"".join(pieces)


def join(chars: Iterable[bytes] = ()) -> str:
    """Join bytes, and decode the whole."""
    return b"".join(chars).decode()


def length(s: str | bytes | None) -> int:
    """The length; of nothing, 0."""
    return 0 if s is None else len(s)


def is_eol_default(c: bytes) -> bool:
    """Whether this is an end of line as 1.0 and 1.1 have it."""
    return c == b"\n"


def merge_headers(header_map_list: Iterable[Mapping[str, Any] | None]) -> dict[str, Any]:
    """A new dict of all of them, the later ones first in rank."""
    headers: dict[str, Any] = {}
    for header_map in header_map_list:
        if header_map:
            headers.update(header_map)
    return headers


def clean_headers(headers: dict[str, Any]) -> dict[str, Any]:
    """The same without the passcode, for logs."""
    return {**headers, HDR_PASSCODE: _MASK} if HDR_PASSCODE in headers else headers


def clean_lines(lines: object) -> str:
    """What is to be logged, as text without any passcode."""
    return PASSCODE_RE.sub(f"passcode:{_MASK}", str(lines))


def calculate_heartbeats(shb: Iterable[str | int], chb: tuple[int, int]) -> tuple[int, int]:
    """The intervals, in milliseconds, that a server's and a client's wishes amount to: ``(sending, receiving)``."""
    server_sends, server_wants = shb
    sending, receiving = negotiate(chb, (int(server_sends), int(server_wants)))
    return round(sending * 1000), round(receiving * 1000)


def parse_headers(lines: Sequence[str], offset: int = 0) -> dict[str, str]:
    """Header lines as a dict, unescaped; of repeated headers the first counts."""
    headers: dict[str, str] = {}
    for line in lines[offset:]:
        name, colon, value = line.partition(":")
        if name and colon:
            headers.setdefault(unescape(name), unescape(value))
    return headers


def parse_frame(frame: bytes) -> Frame | None:
    """A frame without its NUL; ``None`` if it is nothing but ends of lines. For programs: connections do not use it."""
    frame = frame.lstrip(b"\r\n")
    end = PREAMBLE_END_RE.search(frame)
    head = frame[: end.start()] if end else frame
    lines = [line for line in LINE_END_RE.split(head.decode(errors="replace")) if line]
    if not lines:
        return None
    return Frame(lines[0], parse_headers(lines, 1), frame[end.end() :] if end else b"")


def convert_frame(frame: Frame) -> list[bytes]:
    """A frame as lines, nothing escaped. For programs: connections do not use it."""
    body = encode(frame.body) if frame.body else b""
    headers = dict(frame.headers)
    if body and HDR_CONTENT_LENGTH in headers:
        headers[HDR_CONTENT_LENGTH] = len(body)
    lines = [encode(f"{frame.cmd}\n")] if frame.cmd else []
    for name, value in sorted(headers.items()):
        values = value if isinstance(value, tuple) else (value,)
        lines += [encode(f"{name}:{one}\n") for one in values if one is not None]
    lines.append(ENC_NEWLINE)
    if body:
        lines.append(body)
    if frame.cmd:
        lines.append(ENC_NULL)
    return lines


def get_uuid() -> str:
    """An id that nobody else has."""
    return str(uuid.uuid4())


def get_errno(e: Any) -> Any:
    """The error number of an exception, or else its first argument."""
    return getattr(e, "errno", None) or e.args[0]


def default_create_thread(callback: Callable[[], object]) -> threading.Thread:
    """Start a thread that keeps no program from ending."""
    thread = threading.Thread(target=callback, name="stomp.py", daemon=True)
    thread.start()
    return thread


@cache
def _localhost_names() -> list[str]:
    """All names of this machine; asking for them may take a resolver's time, so it is done when they are wanted."""
    names = ["localhost", "127.0.0.1"]
    if not os.environ.get("STOMP_SKIP_HOSTNAME_SCAN"):
        own = socket.gethostname()
        names += [own, socket.getfqdn(own)]
        try:
            names.append(socket.gethostbyname(own))
        except OSError:
            pass  # a machine that cannot resolve its own name
    return names


def is_localhost(host_and_port: tuple[str, int]) -> int:
    """1 if it is this machine, 2 if not: a key to sort by."""
    host = host_and_port[0]
    return 1 if host in ("localhost", "127.0.0.1") or host in _localhost_names() else 2


def __getattr__(name: str) -> Any:
    if name == "LOCALHOST_NAMES":
        return _localhost_names()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
