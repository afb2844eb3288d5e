"""The frame that listeners get, and functions of stomp.py that programs import.

The core parses and serializes what connections receive and send: :func:`convert_frame` is for programs only, and
:func:`parse_frame` otherwise reads only what a program gives to ``transport.send()`` as bytes.

No ``__all__``: programs that write ``from stomp.utils import *`` rely on the modules below as well.
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
    """A frame, which listeners may change. ``str(frame)`` does not show a passcode.

    Args:
        cmd: the command.
        headers: a ``dict``; by default an empty one.
        body: ``str`` or ``bytes``.

    Attributes:
        cmd: the command.
        headers: a ``dict``.
        original_headers: a copy of the headers, from before a listener changes them.
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
    """Encode text; return bytes as they are.

    Args:
        char_data: ``str`` or ``bytes``.
        encoding: the name of an encoding. What it cannot express becomes ``?``.

    Returns:
        The bytes.

    Raises:
        TypeError: ``char_data`` is neither.
    """
    if isinstance(char_data, str):
        return char_data.encode(encoding, errors="replace")
    if isinstance(char_data, bytes):
        return char_data
    raise TypeError(f"message should be a string or bytes, found {type(char_data)}")


def decode(byte_data: bytes | None, encoding: str = "utf-8") -> str | None:
    """Decode bytes; replace what cannot be decoded.

    Args:
        byte_data: the bytes, or ``None``.
        encoding: the name of an encoding.

    Returns:
        The text; ``None`` for ``None``.
    """
    return None if byte_data is None else byte_data.decode(encoding, errors="replace")


def pack(pieces: Iterable[bytes] = ()) -> bytes:
    """Join bytes.

    Args:
        pieces: the pieces, in order.

    Returns:
        One ``bytes`` of all of them.
    """
    return b"".join(pieces)


def join(chars: Iterable[bytes] = ()) -> str:
    """Join bytes, and decode them as UTF-8.

    Args:
        chars: the pieces, in order.

    Returns:
        The text.

    Raises:
        UnicodeDecodeError: they are not UTF-8.
    """
    return b"".join(chars).decode()


def length(s: str | bytes | None) -> int:
    """Return the length of text or bytes.

    Args:
        s: the text or bytes; the length of ``None`` is 0.
    """
    return 0 if s is None else len(s)


def is_eol_default(c: bytes) -> bool:
    """Return whether this is a line end of STOMP 1.0 and 1.1.

    Args:
        c: one or more bytes.
    """
    return c == b"\n"


def merge_headers(header_map_list: Iterable[Mapping[str, Any] | None]) -> dict[str, Any]:
    """Return a new dict of all headers.

    Args:
        header_map_list: mappings. Of headers with the same name the last one counts; ``None`` is ignored.
    """
    headers: dict[str, Any] = {}
    for header_map in header_map_list:
        if header_map:
            headers.update(header_map)
    return headers


def clean_headers(headers: dict[str, Any]) -> dict[str, Any]:
    """Return headers with the passcode masked, for logs.

    Args:
        headers: the headers, which stay as they are.
    """
    return {**headers, HDR_PASSCODE: _MASK} if HDR_PASSCODE in headers else headers


def clean_lines(lines: object) -> str:
    """Return lines as text with the passcode masked, for logs.

    Args:
        lines: anything; it is converted with ``str()``.
    """
    return PASSCODE_RE.sub(f"passcode:{_MASK}", str(lines))


def calculate_heartbeats(shb: Iterable[str | int], chb: tuple[int, int]) -> tuple[int, int]:
    """Negotiate heart-beats (STOMP 1.2, "Heart-beating"). Everything is in milliseconds; 0 is never.

    Args:
        shb: what the server can send, and what it asks for.
        chb: what the client can send, and what it asks for.

    Returns:
        The intervals of the client: ``(sending, receiving)``.

    Raises:
        ValueError: one of them is not two numbers.
    """
    server_sends, server_wants = shb
    sending, receiving = negotiate(chb, (int(server_sends), int(server_wants)))
    return round(sending * 1000), round(receiving * 1000)


def parse_headers(lines: Sequence[str], offset: int = 0) -> dict[str, str]:
    """Parse header lines, unescaped. Of repeated headers the first one counts.

    Args:
        lines: the lines; those without a colon are ignored.
        offset: the number of lines to skip.

    Returns:
        The headers.
    """
    headers: dict[str, str] = {}
    for line in lines[offset:]:
        name, colon, value = line.partition(":")
        if name and colon:
            headers.setdefault(unescape(name), unescape(value))
    return headers


def parse_frame(frame: bytes) -> Frame | None:
    """Parse a frame.

    Args:
        frame: the bytes of the frame, without the NUL.

    Returns:
        The frame, with a body of bytes; ``None`` if there are only line ends.
    """
    frame = frame.lstrip(b"\r\n")
    end = PREAMBLE_END_RE.search(frame)
    head = frame[: end.start()] if end else frame
    lines = [line for line in LINE_END_RE.split(head.decode(errors="replace")) if line]
    if not lines:
        return None
    return Frame(lines[0], parse_headers(lines, 1), frame[end.end() :] if end else b"")


def convert_frame(frame: Frame) -> list[bytes]:
    """Convert a frame to the pieces of its bytes, with the right ``content-length``.

    Headers are sorted but not escaped, as in stomp.py, where the protocol escapes them before.

    Args:
        frame: the frame.

    Returns:
        The pieces, in order.
    """
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
    """Return a new unique id."""
    return str(uuid.uuid4())


def get_errno(e: Any) -> Any:
    """Return the ``errno`` of an exception, otherwise its first argument.

    Args:
        e: the exception.
    """
    return getattr(e, "errno", None) or e.args[0]


def default_create_thread(callback: Callable[[], object]) -> threading.Thread:
    """Start a daemon thread, which does not keep the program from ending.

    Args:
        callback: what to run in it; a function without arguments.

    Returns:
        The thread.
    """
    thread = threading.Thread(target=callback, name="stomp.py", daemon=True)
    thread.start()
    return thread


@cache
def _localhost_names() -> list[str]:
    """Return all names of this machine.

    stomp.py 9.0 looks them up when it is imported, which takes seconds where a resolver does not answer. Here they are
    looked up when they are needed first.
    """
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
    """Return 1 for this machine, 2 for others: a key to sort by.

    Args:
        host_and_port: the host and its port.
    """
    host = host_and_port[0]
    return 1 if host in ("localhost", "127.0.0.1") or host in _localhost_names() else 2


def __getattr__(name: str) -> Any:
    # Not a constant, for the reason that _localhost_names() gives.
    if name == "LOCALHOST_NAMES":
        return _localhost_names()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
