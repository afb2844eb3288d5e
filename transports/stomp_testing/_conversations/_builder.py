"""Builder: writes a conversation step by step, and knows what a client and a server know at each point.

Each method adds what one side sends, and what the other one has to send in return: RECEIPTs, and the MESSAGEs of SENDs.
It decides nothing; see ``_actions.py`` for that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from stomp_core import Frame

from ._model import Role, Setting, Step, opposite

__all__ = ["Builder", "OpenTransaction", "Queued", "Subscribed"]

Pairs = Sequence[tuple[str, str]]


@dataclass(slots=True, eq=False)
class Subscribed:
    """A subscription.

    Attributes:
        id: of SUBSCRIBE; ``None`` for one of 1.0 without.
        destination: of SUBSCRIBE.
        ack: its ack mode.
        unacknowledged: the numbers of its messages that can be acknowledged, in the order of delivery.
    """

    id: str | None
    destination: str
    ack: str
    unacknowledged: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Queued:
    """A message that nobody has received.

    Attributes:
        destination: of SEND.
        headers: of the user.
        body: of SEND.
    """

    destination: str
    headers: Pairs
    body: bytes


@dataclass(slots=True)
class OpenTransaction:
    """A transaction that was begun.

    Attributes:
        name: its id.
        sent: what was sent in it.
        acknowledged: what was acknowledged in it.
    """

    name: str
    sent: list[Queued] = field(default_factory=list)
    acknowledged: list[tuple[Subscribed, int]] = field(default_factory=list)


class Builder:
    """A conversation that is being written.

    Args:
        version: of STOMP.
        role: the side that is tested.
        setting: what it needs.
    """

    def __init__(self, version: str, role: Role, setting: Setting) -> None:
        self.version = version
        self.role: Role = role
        self.peer: Role = opposite(role)
        self.setting = setting
        self.steps: list[Step] = []
        self.connected = False
        self.ended = False
        self.subscriptions: list[Subscribed] = []
        self.transactions: list[OpenTransaction] = []
        #: What can no longer be named: it was acknowledged, committed, aborted or unsubscribed.
        self.settled: list[tuple[Subscribed, int]] = []
        self.ended_transactions: list[str] = []
        self.ended_subscriptions: list[Subscribed] = []
        self._broken_at: int | None = None
        self._unused = list(setting.destinations)
        self._waiting: list[Queued] = []
        self._names = 0
        self._messages = 0

    # ------------------------------------------------------------------ what is added

    def add(self, sender: Role, frame: Frame, *, content_length: bool = True) -> None:
        """Add a legal frame."""
        data = frame.to_bytes(self.version, content_length=content_length or b"\0" in frame.body)
        self.steps.append(Step(sender, data, frame))

    def add_bytes(self, sender: Role, data: bytes, *, frame: Frame | None = None, wait: float = 0.0) -> None:
        """Add any bytes; ``b""`` closes the connection."""
        self.steps.append(Step(sender, data, frame, wait))

    def mark_violation(self) -> None:
        """Note that what is added next belongs to the violation."""
        if self._broken_at is None:
            self._broken_at = len(self.steps)

    def violate(self, frame: Frame, *, data: bytes | None = None, wait: float = 0.0) -> None:
        """Add a frame of the peer that breaks a rule.

        Args:
            frame: what is sent.
            data: its bytes; by default the legal bytes of the frame.
            wait: seconds of silence before it.
        """
        self.violate_bytes(frame.to_bytes(self.version) if data is None else data, frame=frame, wait=wait)

    def violate_bytes(self, data: bytes, *, frame: Frame | None = None, wait: float = 0.0) -> None:
        """Add bytes of the peer that break a rule; the first ones are where the violation begins."""
        self.mark_violation()
        self.add_bytes(self.peer, data, frame=frame, wait=wait)

    @property
    def broken_at(self) -> int:
        """The index of the step where the violation begins; the number of steps if there is none."""
        return len(self.steps) if self._broken_at is None else self._broken_at

    # ------------------------------------------------------------------ what can be used

    def new_name(self, suffix: str = "") -> str:
        """Return an id that was not used before."""
        self._names += 1
        return f"{self._names}{suffix}"

    def new_message(self) -> int:
        """Return the number of a new message, which its ids are made of."""
        self._messages += 1
        return self._messages

    def retire(self, destination: str) -> None:
        """Do not use a destination any more."""
        if destination in self._unused:
            self._unused.remove(destination)

    @property
    def unused_destinations(self) -> Sequence[str]:
        """The destinations that were not subscribed to."""
        return self._unused

    @property
    def acknowledgeable(self) -> list[tuple[Subscribed, int]]:
        """The messages that can be acknowledged, with their subscriptions."""
        return [(entry, number) for entry in self.subscriptions for number in entry.unacknowledged]

    # ------------------------------------------------------------------ the client's frames

    def connect(self, connect: Frame, connected: Frame) -> None:
        """Add the handshake."""
        self.add("client", connect)
        self.add("server", connected)
        self.connected = True

    def request(self, command: str, headers: Pairs, body: bytes = b"", *, receipt: str | None = None) -> None:
        """Add a client frame, and its RECEIPT if it asks for one."""
        pairs = [*headers, *([("receipt", receipt)] if receipt is not None else [])]
        self.add("client", Frame(command, pairs, body))
        if receipt is not None:
            self.add("server", Frame("RECEIPT", [("receipt-id", receipt)]))

    def subscribe(
        self,
        id: str | None,
        destination: str,
        ack: str,
        *,
        state_ack: bool = True,
        receipt: str | None = None,
    ) -> Subscribed:
        """Subscribe to a destination, which receives what was sent to it before."""
        headers = [("destination", destination)]
        if id is not None:
            headers.append(("id", id))
        if state_ack:
            headers.append(("ack", ack))
        self.request("SUBSCRIBE", headers, receipt=receipt)
        subscription = Subscribed(id, destination, ack)
        self.subscriptions.append(subscription)
        self.retire(destination)
        waiting = [message for message in self._waiting if message.destination == destination]
        self._waiting = [message for message in self._waiting if message.destination != destination]
        for message in waiting:
            self.deliver(subscription, message)
        return subscription

    def unsubscribe(self, subscription: Subscribed, *, receipt: str | None = None) -> None:
        """End a subscription. What it has not acknowledged can no longer be acknowledged."""
        named = (
            ("destination", subscription.destination) if subscription.id is None else ("id", subscription.id)
        )
        self.request("UNSUBSCRIBE", [named], receipt=receipt)
        self.subscriptions.remove(subscription)
        self.ended_subscriptions.append(subscription)
        self.settled += [(subscription, number) for number in subscription.unacknowledged]
        subscription.unacknowledged.clear()

    def publish(
        self,
        message: Queued,
        *,
        transaction: OpenTransaction | None = None,
        receipt: str | None = None,
    ) -> None:
        """Send a message, which is delivered at once, with its transaction, or with a later subscription."""
        headers = [("destination", message.destination), *message.headers]
        if transaction is not None:
            headers.append(("transaction", transaction.name))
        self.request("SEND", headers, message.body, receipt=receipt)
        if transaction is None:
            self._pass_on(message)
        else:
            transaction.sent.append(message)

    def _pass_on(self, message: Queued) -> None:
        for subscription in self.subscriptions:
            if subscription.destination == message.destination:
                self.deliver(subscription, message)
                return
        self._waiting.append(message)

    def acknowledge(
        self,
        command: str,
        subscription: Subscribed,
        number: int,
        *,
        transaction: OpenTransaction | None = None,
        receipt: str | None = None,
    ) -> None:
        """Send ACK or NACK; in mode ``client`` it covers all earlier messages of the subscription, too."""
        headers = self.acknowledgement(subscription, number)
        if transaction is not None:
            headers.append(("transaction", transaction.name))
        self.request(command, headers, receipt=receipt)
        covered = [
            other
            for other in subscription.unacknowledged
            if other == number or (subscription.ack == "client" and other < number)
        ]
        for other in covered:
            subscription.unacknowledged.remove(other)
        named = [(subscription, other) for other in covered]
        if transaction is None:
            self.settled += named
        else:
            transaction.acknowledged += named

    def acknowledgement(self, subscription: Subscribed, number: int) -> list[tuple[str, str]]:
        """Return the headers of an ACK."""
        if self.version == "1.2":
            return [("id", f"{{ack-{number}}}")]
        headers = [("message-id", f"{{message-{number}}}")]
        if self.version == "1.1":
            headers.append(("subscription", subscription.id or ""))
        return headers

    def begin(self, name: str, *, receipt: str | None = None) -> OpenTransaction:
        """Begin a transaction."""
        self.request("BEGIN", [("transaction", name)], receipt=receipt)
        transaction = OpenTransaction(name)
        self.transactions.append(transaction)
        return transaction

    def commit(self, transaction: OpenTransaction, *, receipt: str | None = None) -> None:
        """Commit a transaction: what was sent in it is delivered."""
        self.request("COMMIT", [("transaction", transaction.name)], receipt=receipt)
        self._end_transaction(transaction)
        self.settled += transaction.acknowledged
        for message in transaction.sent:
            self._pass_on(message)

    def abort(self, transaction: OpenTransaction, *, receipt: str | None = None) -> None:
        """Abort a transaction: what was acknowledged in it can be acknowledged again."""
        self.request("ABORT", [("transaction", transaction.name)], receipt=receipt)
        self._end_transaction(transaction)
        for subscription, number in transaction.acknowledged:
            if subscription in self.subscriptions:
                subscription.unacknowledged.append(number)
                subscription.unacknowledged.sort()

    def _end_transaction(self, transaction: OpenTransaction) -> None:
        self.transactions.remove(transaction)
        self.ended_transactions.append(transaction.name)

    def disconnect(self, *, receipt: str | None = None) -> None:
        """End the conversation: DISCONNECT, its RECEIPT, and the client closes."""
        self.request("DISCONNECT", [], receipt=receipt)
        self.add_bytes("client", b"")
        self.ended = True

    # ------------------------------------------------------------------ the server's frames

    def refuse(self, reason: str) -> None:
        """End the conversation: the server sends ERROR and closes."""
        self.add("server", Frame("ERROR", [("message", reason)]))
        self.add_bytes("server", b"")
        self.ended = True

    def deliver(self, subscription: Subscribed, message: Queued) -> None:
        """Send a MESSAGE."""
        number = self.new_message()
        self.add(
            "server", Frame("MESSAGE", self.message_headers(subscription, message, number), message.body)
        )
        if subscription.ack != "auto":
            subscription.unacknowledged.append(number)

    def message_headers(
        self, subscription: Subscribed, message: Queued, number: int
    ) -> list[tuple[str, str]]:
        """Return the headers of a MESSAGE."""
        headers = [("destination", message.destination), ("message-id", f"{{message-{number}}}")]
        if subscription.id is not None:
            headers.append(("subscription", subscription.id))
        if self.version == "1.2" and subscription.ack != "auto":
            headers.append(("ack", f"{{ack-{number}}}"))
        return [*headers, *message.headers]
