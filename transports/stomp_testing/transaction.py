"""Transaction: what a client has said between BEGIN and COMMIT. Nothing of it has happened yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .queues import Item, Subscription

__all__ = ["Sent", "Settled", "Transaction"]


class Sent(NamedTuple):
    """A SEND, and the receipt that is owed for it after COMMIT."""

    destination: str
    headers: Sequence[tuple[str, str]]
    body: bytes
    receipt: str | None


class Settled(NamedTuple):
    """An ACK or NACK: the messages that it means, by the id for ACK."""

    subscription: Subscription
    items: dict[str, Item]
    accepted: bool
    requeue: bool


class Transaction:
    """An open transaction."""

    __slots__ = ("sent", "settled")

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.settled: list[Settled] = []

    def send(
        self, destination: str, headers: Sequence[tuple[str, str]], body: bytes, receipt: str | None
    ) -> None:
        """Note a SEND."""
        self.sent.append(Sent(destination, headers, body, receipt))

    def settle(
        self, subscription: Subscription, items: dict[str, Item], accepted: bool, requeue: bool
    ) -> None:
        """Note an ACK (accepted) or a NACK."""
        self.settled.append(Settled(subscription, items, accepted, requeue))
