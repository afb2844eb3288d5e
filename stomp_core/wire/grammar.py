"""The tables of the specifications: which commands there are, what each must carry, which may have a body.

STOMP 1.2, "Frames and Headers"; STOMP 1.1, the same; STOMP 1.0 says it in prose.
"""

from __future__ import annotations

from .versions import Version

__all__ = [
    "BODY_COMMANDS",
    "CLIENT_COMMANDS",
    "COMMANDS",
    "HANDSHAKE_COMMANDS",
    "REQUIRED_HEADERS",
    "SERVER_COMMANDS",
]

CLIENT_COMMANDS = frozenset(
    {
        "CONNECT",
        "STOMP",
        "SEND",
        "SUBSCRIBE",
        "UNSUBSCRIBE",
        "ACK",
        "NACK",
        "BEGIN",
        "COMMIT",
        "ABORT",
        "DISCONNECT",
    }
)
SERVER_COMMANDS = frozenset({"CONNECTED", "MESSAGE", "RECEIPT", "ERROR"})

#: From the bytes of a command line to the command.
COMMANDS = {name.encode("ascii"): name for name in sorted(CLIENT_COMMANDS | SERVER_COMMANDS)}

#: Neither escaped nor trimmed, whatever the version: they are read before it is known.
HANDSHAKE_COMMANDS = frozenset({"CONNECT", "STOMP", "CONNECTED"})

#: The only ones that may have a body in 1.1 and 1.2 ("Body"). 1.0 is silent.
BODY_COMMANDS = frozenset({"SEND", "MESSAGE", "ERROR"})

_TRANSACTION = {"BEGIN": ("transaction",), "COMMIT": ("transaction",), "ABORT": ("transaction",)}
_1_0: dict[str, tuple[str, ...]] = {
    "SEND": ("destination",),
    "SUBSCRIBE": ("destination",),
    "ACK": ("message-id",),
    "MESSAGE": ("destination", "message-id"),
    "RECEIPT": ("receipt-id",),
    **_TRANSACTION,
}
_1_1: dict[str, tuple[str, ...]] = {
    "CONNECT": ("accept-version", "host"),
    "STOMP": ("accept-version", "host"),
    "CONNECTED": ("version",),
    "SEND": ("destination",),
    "SUBSCRIBE": ("destination", "id"),
    "UNSUBSCRIBE": ("id",),
    "ACK": ("message-id", "subscription"),
    "NACK": ("message-id", "subscription"),
    "MESSAGE": ("destination", "message-id", "subscription"),
    "RECEIPT": ("receipt-id",),
    **_TRANSACTION,
}
_1_2: dict[str, tuple[str, ...]] = {**_1_1, "ACK": ("id",), "NACK": ("id",)}

#: The headers without which a frame may not be written, by version and command. (UNSUBSCRIBE of 1.0 takes
#: ``id`` or ``destination``, which a table of required names cannot say: the serialiser does.)
REQUIRED_HEADERS: dict[str, dict[str, tuple[str, ...]]] = {
    Version.V1_0: _1_0,
    Version.V1_1: _1_1,
    Version.V1_2: _1_2,
}
