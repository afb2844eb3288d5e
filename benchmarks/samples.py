"""The frames that every contestant parses and serializes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

__all__ = ["READ_SAMPLES", "WRITE_SAMPLES", "Decoded", "Sample", "cut"]

#: Command, headers and body: the expected result of parsing a frame.
Decoded = tuple[str, dict[str, str], bytes]


@dataclass(frozen=True)
class Sample:
    """Frames of one kind. No header needs escaping, because not every other client implements it.

    Attributes:
        name: for the table.
        body: of every frame.
        chunk: how many bytes a read returns.
        frames: how many there are.
    """

    name: str
    body: bytes
    chunk: int
    frames: int
    _made: dict[str, list[Decoded]] = field(default_factory=dict, compare=False, repr=False)

    def messages(self) -> list[Decoded]:
        """Return MESSAGEs as RabbitMQ sends them, with eight headers including ``content-length``."""
        return [
            (
                "MESSAGE",
                {
                    "subscription": "orders-1",
                    "ack": f"T_orders-1@@session-7Qn4fEfJ@@{number}",
                    "destination": "/queue/orders",
                    "message-id": f"T_orders-1@@session-7Qn4fEfJ@@{number}",
                    "redelivered": "false",
                    "persistent": "1",
                    "content-type": "application/json",
                    "content-length": str(len(self.body)),
                },
                self.body,
            )
            for number in range(self.frames)
        ]

    def sends(self) -> list[Decoded]:
        """Return SENDs with eight headers; the last one, ``content-length``, is added by the serializers."""
        return [
            (
                "SEND",
                {
                    "destination": "/queue/orders",
                    "content-type": "application/json",
                    "correlation-id": f"7Qn4fEfJ-{number}",
                    "reply-to": "/temp-queue/answers",
                    "persistent": "true",
                    "priority": "4",
                    "timestamp": "1763990400000",
                    "content-length": str(len(self.body)),
                },
                self.body,
            )
            for number in range(self.frames)
        ]


def cut(frames: Iterable[Decoded], chunk: int) -> list[bytes]:
    """Return the bytes of frames, with NUL and LF after each, in chunks as they are read from a socket."""
    stream = b"".join(
        b"%b\n%b\n%b\0\n"
        % (command.encode(), "".join(f"{name}:{value}\n" for name, value in headers.items()).encode(), body)
        for command, headers, body in frames
    )
    return [stream[start : start + chunk] for start in range(0, len(stream), chunk)]


def as_json(frames: Iterable[Decoded]) -> list[str]:
    """Return the fields of each frame as a JSON text."""
    return [
        json.dumps({"command": command, "headers": headers, "body": body.decode()})
        for command, headers, body in frames
    ]


_BODY = b'{"order": 4711, "customer": "Miller & Sons", "total": "129.90"} '
assert len(_BODY) == 64

READ_SAMPLES = (
    Sample("8 headers, 64-byte body, 64 KiB chunks", _BODY, 64 * 1024, 2000),
    Sample("8 headers, no body, 64 KiB chunks", b"", 64 * 1024, 2000),
    Sample("8 headers, 1 KiB body, 64 KiB chunks", _BODY * 16, 64 * 1024, 1000),
    Sample("8 headers, 64 KiB body, 64 KiB chunks", _BODY * 1024, 64 * 1024, 40),
    Sample("8 headers, 64-byte body, 1460-byte chunks", _BODY, 1460, 2000),
)
WRITE_SAMPLES = (
    Sample("8 headers, 64-byte body", _BODY, 0, 2000),
    Sample("8 headers, 1 KiB body", _BODY * 16, 0, 2000),
    Sample("8 headers, 64 KiB body", _BODY * 1024, 0, 200),
)
