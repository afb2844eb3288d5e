"""The contestants that write frames: from an existing frame object to bytes, and from a call to bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from stomp_core import ClientConnection, Connect, Frame

from .readers import Take, peer
from .samples import Decoded

__all__ = ["Writer", "writers"]


@dataclass(frozen=True)
class Writer:
    """One contestant.

    Attributes:
        name: for the table.
        prepare: makes the input of ``write``; its time is not measured.
        write: serializes each item and passes the bytes to its second argument.
        ours: whether it belongs to this library.
        to_json: whether it makes JSON texts.
        whole_call: whether it starts with a call that users make, not with a frame object.
    """

    name: str
    prepare: Callable[[Sequence[Decoded]], Sequence[Any]]
    write: Callable[[Sequence[Any], Take], None]
    ours: bool = False
    to_json: bool = False
    whole_call: bool = False


def writers() -> tuple[list[Writer], list[str]]:
    """Return all contestants that are installed, and the names of the clients that are not."""
    found = [
        Writer("Frame.to_bytes, not the first time", _frames, _to_bytes, ours=True),
        Writer("Frame(...).to_bytes", _without_length, _make_and_to_bytes, ours=True, whole_call=True),
        Writer("ClientConnection.send", _arguments, _send, ours=True, whole_call=True),
        Writer("json.dumps", _dicts, _json, to_json=True),
    ]
    missing = []
    for name, make in (
        ("stomp.py", _stomp_py),
        ("stompman", _stompman),
        ("stompest", _stompest),
        ("aiostomp", _aiostomp),
    ):
        try:
            found += make()
        except ImportError:
            missing.append(name)
    return found, missing


def _without_length(frames: Sequence[Decoded]) -> list[Decoded]:
    """Return the frames without ``content-length``, which the serializer adds."""
    return [
        (command, {name: value for name, value in headers.items() if name != "content-length"}, body)
        for command, headers, body in frames
    ]


def _arguments(frames: Sequence[Decoded]) -> list[tuple[dict[str, str], bytes]]:
    """Return headers and body as users pass them in addition to the destination."""
    own = ("destination", "content-length")
    return [
        ({name: value for name, value in headers.items() if name not in own}, body)
        for _, headers, body in frames
    ]


def _copies(frames: Sequence[Decoded]) -> list[Decoded]:
    """Return copies, for serializers that change the headers that they are given."""
    return [(command, dict(headers), body) for command, headers, body in frames]


# ---------------------------------------------------------------------- this library


def _frames(frames: Sequence[Decoded]) -> list[Frame]:
    return [Frame(command, headers, body) for command, headers, body in _without_length(frames)]


def _to_bytes(frames: Sequence[Frame], take: Take) -> None:
    for frame in frames:
        take(frame.to_bytes("1.2"))


def _make_and_to_bytes(frames: Sequence[Decoded], take: Take) -> None:
    for command, headers, body in frames:
        take(Frame(command, headers, body).to_bytes("1.2"))


def _send(arguments: Sequence[tuple[dict[str, str], bytes]], take: Take) -> None:
    conn = ClientConnection()
    conn.send(Connect(host="/"), now=0.0)
    conn.receive_data(b"CONNECTED\nversion:1.2\n\n\0\n", now=0.0)
    conn.next_event()
    now = 0.0
    for headers, body in arguments:
        now += 0.001
        take(conn.send("/queue/orders", body, headers=headers, now=now))


# ---------------------------------------------------------------------- json


def _dicts(frames: Sequence[Decoded]) -> list[dict[str, Any]]:
    return [
        {"command": command, "headers": headers, "body": body.decode()} for command, headers, body in frames
    ]


def _json(values: Sequence[dict[str, Any]], take: Take) -> None:
    for value in values:
        take(json.dumps(value))


# ---------------------------------------------------------------------- other clients


def _stomp_py() -> list[Writer]:
    Protocol12 = peer("stomp.protocol").Protocol12  # noqa: N806 - a class
    BaseTransport = peer("stomp.transport").BaseTransport  # noqa: N806 - a class
    StompPyFrame = peer("stomp.utils").Frame  # noqa: N806 - a class
    convert_frame, pack = peer("stomp.utils").convert_frame, peer("stomp.utils").pack

    def prepare(frames: Sequence[Decoded]) -> list[Any]:
        return [StompPyFrame(command, dict(headers), body) for command, headers, body in frames]

    def write(frames: Sequence[Any], take: Take) -> None:
        for frame in frames:
            take(pack(convert_frame(frame)))

    def make_and_write(frames: Sequence[Decoded], take: Take) -> None:
        for command, headers, body in frames:
            take(pack(convert_frame(StompPyFrame(command, headers, body))))

    def send(arguments: Sequence[tuple[dict[str, str], bytes]], take: Take) -> None:
        transport = BaseTransport()
        transport.send = take
        protocol = Protocol12(transport)
        for headers, body in arguments:
            protocol.send("/queue/orders", body, headers=headers)

    return [
        Writer("stomp.py", prepare, write),
        Writer("stomp.py, with Frame(...)", _copies, make_and_write, whole_call=True),
        Writer("stomp.py, send()", _arguments, send, whole_call=True),
    ]


def _stompman() -> list[Writer]:
    SendFrame = peer("stompman.frames").SendFrame  # noqa: N806 - a class
    dump_frame = peer("stompman.serde").dump_frame

    def prepare(frames: Sequence[Decoded]) -> list[Any]:
        return [SendFrame(headers=headers, body=body) for _, headers, body in frames]

    def write(frames: Sequence[Any], take: Take) -> None:
        for frame in frames:
            take(dump_frame(frame))

    return [Writer("stompman", prepare, write)]


def _stompest() -> list[Writer]:
    StompFrame = peer("stompest.protocol").StompFrame  # noqa: N806 - a class

    def prepare(frames: Sequence[Decoded]) -> list[Any]:
        return [
            StompFrame(command, headers=headers, body=body, version="1.2")
            for command, headers, body in frames
        ]

    def write(frames: Sequence[Any], take: Take) -> None:
        for frame in frames:
            take(bytes(frame))

    return [Writer("stompest", prepare, write)]


def _aiostomp() -> list[Writer]:
    StompProtocol = peer("aiostomp.protocol").StompProtocol  # noqa: N806 - a class

    def write(frames: Sequence[Decoded], take: Take) -> None:
        build = StompProtocol().build_frame
        for command, headers, body in frames:
            take(build(command, headers, body))

    return [Writer("aiostomp", _copies, write, whole_call=True)]
