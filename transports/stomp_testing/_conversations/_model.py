"""What a conversation consists of: its steps, and the words that describe them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from stomp_core import Frame
from stomp_core.wire import escape

__all__ = [
    "ALL",
    "BOTH",
    "ESCAPING",
    "Demand",
    "Kind",
    "Role",
    "Setting",
    "Step",
    "opposite",
]

Role = Literal["client", "server"]
_MOST_SHOWN = 200  # bytes of one step

BOTH: tuple[Role, ...] = ("client", "server")
ALL = ("1.0", "1.1", "1.2")
#: The versions that have escapes, required headers of the handshake, and a table of frames with a body.
ESCAPING = ("1.1", "1.2")


def opposite(role: Role) -> Role:
    """Return the other side."""
    return "server" if role == "client" else "client"


class Kind(StrEnum):
    """What a mutation is about."""

    WIRE = "wire"
    """the bytes of a frame"""
    STATE = "state"
    """what went before it"""
    LIMITS = "limits"
    """how large it is, or how many there are"""
    TIMING = "timing"
    """when it comes"""


class Demand(StrEnum):
    """What the receiver of a mutation has to do. A client refuses by closing; a server sends ERROR first."""

    MUST_REFUSE = "must refuse"
    """A sentence of the specification demands it."""
    SHOULD_REFUSE = "should refuse"
    """The sender breaks the specification, which does not state what the receiver does. A strict one refuses it."""
    MAY_REFUSE = "may refuse"
    """Both are allowed."""
    MUST_ACCEPT = "must accept"
    """It is legal, although some implementations refuse it. The conversation goes on behind it."""


@dataclass(frozen=True, slots=True)
class Step:
    """One side sends something.

    Attributes:
        sender: ``"client"`` or ``"server"``.
        data: the bytes; ``b""`` means that the sender closes the connection. What only the peer of the sender can know
            is a placeholder, see :meth:`with_ids`.
        frame: the frame in ``data``; ``None`` if it is something else, such as an end-of-line or a broken frame.
        wait: seconds without a byte from this sender before it.
    """

    sender: Role
    data: bytes
    frame: Frame | None = None
    wait: float = 0.0

    def __str__(self) -> str:
        if not self.data:
            return f"{self.sender} closes"
        pause = f"after {self.wait:g} s " if self.wait else ""
        size = len(self.data)
        more = f"... ({size} bytes)" if size > _MOST_SHOWN else ""
        return f"{self.sender}: {pause}{self.data[:_MOST_SHOWN]!r}{more}"

    def with_ids(self, ids: Mapping[str, str], version: str) -> bytes:
        """Return the bytes with the ids that the other side has chosen in place of the placeholders.

        Placeholders are ``{message-1}`` and ``{ack-1}``, the headers ``message-id`` and ``ack`` of a MESSAGE; and,
        where the client is not scripted, ``{subscription}`` and ``{destination}`` of its SUBSCRIBE. In memory they can
        stay: they are legal values, and both sides use the same ones.

        Args:
            ids: values, unescaped, by placeholder without its braces.
            version: the version of the conversation.
        """
        data = self.data
        for name, value in ids.items():
            placeholder = b"{%b}" % name.encode()
            if placeholder in data:
                text = value if version == "1.0" else escape(value, version)  # type: ignore[arg-type]
                data = data.replace(placeholder, text.encode())
        return data


@dataclass(frozen=True, slots=True)
class Setting:
    """What the implementation under test needs, and what it cannot be tested with.

    Attributes:
        host: the virtual host in CONNECT.
        login: the login in CONNECT; ``None`` for none.
        passcode: the passcode in CONNECT; ``None`` for none.
        destinations: queues. Each one is subscribed to once at most, so that it is known who gets which message.
        plain: ids, headers and bodies are printable ASCII without colons and backslashes.
        nacks: NACK is sent. Brokers differ in what becomes of the message.
        ack_covers_connection: a cumulative ACK covers what all subscriptions received before (RabbitMQ). Then there is
            one subscription in mode ``client`` at most.
        scripted_client: the client sends what the conversation states. Without it, a client under test is a program
            that connects, subscribes once and goes on as it likes: only CONNECT and SUBSCRIBE are steps of it.
    """

    host: str = "/"
    login: str | None = None
    passcode: str | None = None
    destinations: tuple[str, ...] = ("/queue/a", "/queue/b", "/queue/c")
    plain: bool = False
    nacks: bool = True
    ack_covers_connection: bool = False
    scripted_client: bool = True
