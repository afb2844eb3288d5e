"""What both sides of a connection must remember to keep STOMP's rules: subscriptions, what is unacknowledged,
transactions.

Checking and doing are two steps, so that a refused call changes nothing. A broken rule is a :class:`RuleBroken`;
the client makes a LocalProtocolError of it (you said it), the server a RemoteProtocolError (they did).
"""

from __future__ import annotations

from ..errors import ErrorCode
from ..wire import Version
from .events import Ack, Event, Message, Nack, Subscribe, Unsubscribe

__all__ = ["Ledger", "RuleBroken", "SubscriptionRecord"]

_ACK_MODES = ("auto", "client", "client-individual")


class RuleBroken(Exception):
    """A frame that the state of the conversation forbids."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code


class SubscriptionRecord:
    """One live subscription of a connection.

    Attributes:
        key: its id, or ``None`` for one of STOMP 1.0 without.
        destination: what it listens to.
        ack: its mode.
        unacknowledged: ids for ACK of the messages that wait, in order of delivery.
    """

    __slots__ = ("ack", "destination", "key", "unacknowledged")

    def __init__(self, key: str | None, destination: str, ack: str) -> None:
        self.key = key
        self.destination = destination
        self.ack = ack
        self.unacknowledged: dict[str, None] = {}


_Settled = list[tuple[SubscriptionRecord, list[str]]]


class Ledger:
    """The books of one connection, kept alike by client and server."""

    def __init__(self) -> None:
        self.version = Version.V1_0
        self.subscriptions: dict[str, SubscriptionRecord] = {}
        self.without_id: dict[str, SubscriptionRecord] = {}  # 1.0: by destination
        self.transactions: dict[str, _Settled] = {}
        self.acknowledging = False  # whether any live subscription is not automatic

    # ------------------------------------------------------------------ checks

    def check(self, event: Event) -> None:
        """Raise RuleBroken if this client frame does not fit; change nothing."""
        command = event.command
        if command == "SUBSCRIBE":
            assert isinstance(event, Subscribe)
            self._check_subscribe(event)
        elif command == "UNSUBSCRIBE":
            assert isinstance(event, Unsubscribe)
            self._find(event)
        elif command in ("BEGIN", "COMMIT", "ABORT"):
            name = event.headers["transaction"]
            if command == "BEGIN":
                if name in self.transactions:
                    raise RuleBroken(ErrorCode.DUPLICATE_TRANSACTION, f"transaction {name!r} is already open")
            else:
                self._check_open(name)
        elif command in ("SEND", "ACK", "NACK"):
            transaction = event.headers.get("transaction")
            if transaction is not None:
                self._check_open(transaction)
            if command != "SEND":
                assert isinstance(event, Ack | Nack)
                self._waiting(event)

    def _check_open(self, transaction: str) -> None:
        if transaction not in self.transactions:
            raise RuleBroken(ErrorCode.UNKNOWN_TRANSACTION, f"no transaction {transaction!r} is open")

    def _check_subscribe(self, event: Subscribe) -> None:
        if event.ack not in _ACK_MODES:
            raise RuleBroken(
                ErrorCode.BAD_ACK_MODE,
                f"the ack mode {event.ack!r} is not one of 'auto', 'client', 'client-individual'",
            )
        if event.id is None:
            if event.destination in self.without_id:
                raise RuleBroken(
                    ErrorCode.DUPLICATE_SUBSCRIPTION,
                    f"{event.destination!r} is already subscribed without an id",
                )
        elif event.id in self.subscriptions:
            raise RuleBroken(
                ErrorCode.DUPLICATE_SUBSCRIPTION, f"subscription id {event.id!r} is already in use"
            )

    def _find(self, event: Unsubscribe) -> SubscriptionRecord:
        if event.id is not None:
            record = self.subscriptions.get(event.id)
        else:
            record = self.without_id.get(event.destination or "")
        if record is None:
            what = f"id {event.id!r}" if event.id is not None else f"destination {event.destination!r}"
            raise RuleBroken(ErrorCode.UNKNOWN_SUBSCRIPTION, f"there is no subscription with {what}")
        return record

    def _waiting(self, event: Ack | Nack) -> tuple[SubscriptionRecord, str]:
        """The subscription and the id that an ACK or NACK means."""
        if self.version is Version.V1_2:
            ack_id = event.id or ""
            candidates = list(self.subscriptions.values())
        else:
            ack_id = event.message_id or ""
            name = event.subscription
            if name is not None:
                record = self.subscriptions.get(name)
                if record is None:
                    raise RuleBroken(ErrorCode.UNKNOWN_SUBSCRIPTION, f"there is no subscription {name!r}")
                candidates = [record]
            else:
                candidates = [*self.subscriptions.values(), *self.without_id.values()]
        for record in candidates:
            if ack_id in record.unacknowledged:
                return record, ack_id
        raise RuleBroken(
            ErrorCode.NOT_ACKNOWLEDGEABLE,
            f"no message {ack_id!r} waits for an acknowledgement here: it was acknowledged already, its subscription "
            "is in auto mode or has ended, or it came on another connection",
        )

    # ------------------------------------------------------------------ deeds

    def enter(self, event: Event) -> None:
        """Take a client frame, that :meth:`check` has passed, into the books."""
        command = event.command
        if command == "SUBSCRIBE":
            assert isinstance(event, Subscribe)
            record = SubscriptionRecord(event.id, event.destination, event.ack)
            if event.id is None:
                self.without_id[event.destination] = record
            else:
                self.subscriptions[event.id] = record
            self._note_acknowledging()
        elif command == "UNSUBSCRIBE":
            assert isinstance(event, Unsubscribe)
            record = self._find(event)
            if record.key is None:
                del self.without_id[record.destination]
            else:
                del self.subscriptions[record.key]
            self._note_acknowledging()
        elif command == "BEGIN":
            self.transactions[event.headers["transaction"]] = []
        elif command == "COMMIT":
            del self.transactions[event.headers["transaction"]]
        elif command == "ABORT":
            self._give_back(self.transactions.pop(event.headers["transaction"]))
        elif command in ("ACK", "NACK"):
            assert isinstance(event, Ack | Nack)
            self._settle(event)

    def _note_acknowledging(self) -> None:
        records = [*self.subscriptions.values(), *self.without_id.values()]
        self.acknowledging = any(record.ack != "auto" for record in records)

    def _settle(self, event: Ack | Nack) -> None:
        record, ack_id = self._waiting(event)
        settled = []
        if record.ack == "client":
            # Cumulative: this message, and all that its subscription got before it.
            for waiting in record.unacknowledged:
                settled.append(waiting)
                if waiting == ack_id:
                    break
        else:
            settled.append(ack_id)
        for waiting in settled:
            del record.unacknowledged[waiting]
        if event.transaction is not None:
            self.transactions[event.transaction].append((record, settled))

    def _give_back(self, settled: _Settled) -> None:
        # What an aborted transaction acknowledged waits again, in the order of delivery.
        for record, ids in reversed(settled):
            record.unacknowledged = {**dict.fromkeys(ids), **record.unacknowledged}

    def delivered(self, message: Message) -> SubscriptionRecord | None:
        """Note a MESSAGE. Returns its subscription; ``None`` if there is none that it can belong to."""
        name = message.subscription
        record: SubscriptionRecord | None
        if name is not None:
            record = self.subscriptions.get(name)
        else:
            record = self.without_id.get(message.destination)
            if record is None and self.without_id:
                # A 1.0 subscription to a wildcard: the message names a destination of its own.
                record = next(iter(self.without_id.values()))
        if record is not None and record.ack != "auto":
            ack_id = message.ack if self.version is Version.V1_2 else message.message_id
            if ack_id is None:
                raise RuleBroken(
                    ErrorCode.MISSING_HEADER,
                    f"MESSAGE needs an 'ack' header: subscription {name!r} is in {record.ack} mode",
                )
            record.unacknowledged[ack_id] = None
        return record
