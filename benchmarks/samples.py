"""The frames that everybody has to read and to write."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

__all__ = ["READ_SAMPLES", "WRITE_SAMPLES", "Decoded", "Sample", "cut"]

#: Command, headers, body: what whoever reads a frame must have got out of it.
Decoded = tuple[str, dict[str, str], bytes]


@dataclass(frozen=True)
class Sample:
    """Frames of one kind. No header needs an escape, since not every peer knows how to write or read one.

    Attributes:
        name: for people.
        body: of every frame.
        chunk: how many bytes a read returns.
        frames: how many there are.
        judged: whether the promises about ratios are about this one.
    """

    name: str
    body: bytes
    chunk: int
    frames: int
    judged: bool = False
    _made: dict[str, list[Decoded]] = field(default_factory=dict, compare=False, repr=False)

    def messages(self) -> list[Decoded]:
        """MESSAGEs as RabbitMQ sends them: eight headers, ``content-length`` among them."""
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
        """SENDs of eight headers; ``content-length``, the last, is what a serializer adds."""
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
    """The frames on the wire, NUL and LF behind each, in pieces as a socket would give them."""
    stream = b"".join(
        b"%b\n%b\n%b\0\n"
        % (command.encode(), "".join(f"{name}:{value}\n" for name, value in headers.items()).encode(), body)
        for command, headers, body in frames
    )
    return [stream[start : start + chunk] for start in range(0, len(stream), chunk)]


def as_json(frames: Iterable[Decoded]) -> list[str]:
    """The same fields as one JSON text a frame."""
    return [
        json.dumps({"command": command, "headers": headers, "body": body.decode()})
        for command, headers, body in frames
    ]


_BODY = b'{"order": 4711, "customer": "Miller & Sons", "total": "129.90"} '
assert len(_BODY) == 64

READ_SAMPLES = (
    Sample("8 headers, 64-byte body, 64 KiB chunks", _BODY, 64 * 1024, 2000, judged=True),
    Sample("8 headers, no body, 64 KiB chunks", b"", 64 * 1024, 2000),
    Sample("8 headers, 1 KiB body, 64 KiB chunks", _BODY * 16, 64 * 1024, 1000),
    Sample("8 headers, 64 KiB body, 64 KiB chunks", _BODY * 1024, 64 * 1024, 40),
    Sample("8 headers, 64-byte body, 1460-byte chunks", _BODY, 1460, 2000),
)
WRITE_SAMPLES = (
    Sample("8 headers, 64-byte body", _BODY, 0, 2000, judged=True),
    Sample("8 headers, 1 KiB body", _BODY * 16, 0, 2000),
    Sample("8 headers, 64 KiB body", _BODY * 1024, 0, 200),
)
