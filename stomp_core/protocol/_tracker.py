"""What both sides of a connection must remember to keep STOMP's rules: subscriptions, what is unacknowledged,
transactions.

Checking and doing are two steps, so that a refused call changes nothing. A broken rule is a :class:`RuleBroken`;
the client makes a LocalProtocolError of it (you said it), the server a RemoteProtocolError (they did).
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import count
from operator import itemgetter

from ..errors import ErrorCode
from ..wire import Version
from ._events import Ack, Event, Message, Nack, Subscribe, Unsubscribe

__all__ = ["Ledger", "RuleBroken", "SubscriptionRecord"]

_V1_2 = Version.V1_2
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
        unacknowledged: ids for ACK of the messages that wait, each with the number of its delivery. In ``client``
            mode they stand in that order. (Ordered by links: a plain dict is slow to find its first entry once many
            before it have gone.)
    """

    __slots__ = ("ack", "destination", "key", "unacknowledged")

    def __init__(self, key: str | None, destination: str, ack: str) -> None:
        self.key = key
        self.destination = destination
        self.ack = ack
        self.unacknowledged: OrderedDict[str, int] = OrderedDict()


class Ledger:
    """The books of one connection, kept alike by client and server."""

    def __init__(self) -> None:
        self.version = Version.V1_0
        self.subscriptions: dict[str, SubscriptionRecord] = {}
        self.without_id: dict[str, SubscriptionRecord] = {}  # 1.0: by destination
        #: What each open transaction has acknowledged.
        self.transactions: dict[str, dict[SubscriptionRecord, dict[str, int]]] = {}
        #: How many live subscriptions are not automatic.
        self.acknowledging = 0
        # Whose a waiting id is. Several subscriptions may have got the same message; then an ACK of 1.0 means the one
        # that has waited longest.
        self._holders: dict[str, SubscriptionRecord | dict[SubscriptionRecord, None]] = {}
        self._numbers = count()

    # ------------------------------------------------------------------ checks

    def check(self, event: Event) -> None:
        """Raise RuleBroken if this client frame does not fit; change nothing."""
        command = event.command
        if command in ("SEND", "ACK", "NACK"):
            transaction = event.frame.headers.find("\ntransaction:")
            if transaction is not None:
                self._check_open(transaction)
            if command != "SEND":
                assert isinstance(event, Ack | Nack)
                self._waiting(event)
        elif command == "SUBSCRIBE":
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
        name = None
        if self.version is Version.V1_2:
            ack_id = event.id or ""
        else:
            ack_id = event.message_id or ""
            name = event.subscription
        if name is not None:
            record = self.subscriptions.get(name)
            if record is None:
                raise RuleBroken(ErrorCode.UNKNOWN_SUBSCRIPTION, f"there is no subscription {name!r}")
            if ack_id in record.unacknowledged:
                return record, ack_id
        else:
            holder = self._holders.get(ack_id)
            if holder is not None:
                return next(iter(holder)) if isinstance(holder, dict) else holder, ack_id
        raise RuleBroken(
            ErrorCode.NOT_ACKNOWLEDGEABLE,
            f"no message {ack_id!r} waits for an acknowledgement here: it was acknowledged already, its subscription "
            "is in auto mode or has ended, or it came on another connection",
        )

    # ------------------------------------------------------------------ deeds

    def enter(self, event: Event) -> None:
        """Take a client frame, that :meth:`check` has passed, into the books."""
        command = event.command
        if command == "SEND":
            return
        if command == "SUBSCRIBE":
            assert isinstance(event, Subscribe)
            record = SubscriptionRecord(event.id, event.destination, event.ack)
            if event.id is None:
                self.without_id[event.destination] = record
            else:
                self.subscriptions[event.id] = record
            self.acknowledging += record.ack != "auto"
        elif command == "UNSUBSCRIBE":
            assert isinstance(event, Unsubscribe)
            self._end(self._find(event))
        elif command == "BEGIN":
            self.transactions[event.headers["transaction"]] = {}
        elif command == "COMMIT":
            del self.transactions[event.headers["transaction"]]
        elif command == "ABORT":
            self._give_back(self.transactions.pop(event.headers["transaction"]))
        elif command in ("ACK", "NACK"):
            assert isinstance(event, Ack | Nack)
            self._settle(event)

    def _end(self, record: SubscriptionRecord) -> None:
        if record.key is None:
            del self.without_id[record.destination]
        else:
            del self.subscriptions[record.key]
        self.acknowledging -= record.ack != "auto"
        for ack_id in record.unacknowledged:
            self._let_go(record, ack_id)
        for settled in self.transactions.values():
            settled.pop(record, None)

    def _hold(self, record: SubscriptionRecord, ack_id: str) -> None:
        holder = self._holders.setdefault(ack_id, record)
        if holder is not record:
            if not isinstance(holder, dict):
                holder = self._holders[ack_id] = {holder: None}
            holder[record] = None

    def _let_go(self, record: SubscriptionRecord, ack_id: str) -> None:
        holder = self._holders[ack_id]
        if isinstance(holder, dict):
            del holder[record]
            if holder:
                return
        del self._holders[ack_id]

    def _settle(self, event: Ack | Nack) -> None:
        record, ack_id = self._waiting(event)
        waiting = record.unacknowledged
        settled = {}
        if record.ack == "client":
            # Cumulative: this message, and all that its subscription got before it.
            while ack_id in waiting:
                earliest, number = waiting.popitem(last=False)
                settled[earliest] = number
        else:
            settled[ack_id] = waiting.pop(ack_id)
        for gone in settled:
            self._let_go(record, gone)
        if event.transaction is not None:
            self.transactions[event.transaction].setdefault(record, {}).update(settled)

    def _give_back(self, transaction: dict[SubscriptionRecord, dict[str, int]]) -> None:
        """What an aborted transaction acknowledged waits again, in the order of delivery."""
        for record, settled in transaction.items():
            waiting = record.unacknowledged
            latest = max(settled.values())
            while record.ack == "client" and waiting and next(iter(waiting.values())) < latest:
                # Given back earlier, by another transaction.
                ack_id, number = waiting.popitem(last=False)
                settled[ack_id] = number
            for ack_id, number in sorted(settled.items(), key=itemgetter(1), reverse=True):
                waiting[ack_id] = number
                waiting.move_to_end(ack_id, last=False)
                self._hold(record, ack_id)

    def delivered(self, message: Message) -> None:
        """Note a MESSAGE, whether or not there is a subscription that it can belong to.

        Raises:
            RuleBroken: it cannot be acknowledged, though it must be.
        """
        headers = message.frame.headers
        name = headers.find("\nsubscription:")
        record = self._recipient(message.destination) if name is None else self.subscriptions.get(name)
        if record is not None and record.ack != "auto":
            ack_id = headers.find("\nack:" if self.version is _V1_2 else "\nmessage-id:")
            if ack_id is None:
                raise RuleBroken(
                    ErrorCode.MISSING_HEADER,
                    f"MESSAGE needs an 'ack' header: subscription {name!r} is in {record.ack} mode",
                )
            # One that comes again while it waits keeps its place.
            record.unacknowledged.setdefault(ack_id, next(self._numbers))
            if self._holders.setdefault(ack_id, record) is not record:
                self._hold(record, ack_id)

    def _recipient(self, destination: str) -> SubscriptionRecord | None:
        """1.0: the subscription that a message belongs to which names none."""
        record = self.without_id.get(destination)
        if record is not None:
            return record
        # A wildcard: the message names a destination of its own. Or SUBSCRIBE had an id, which the server should
        # have repeated, yet need not.
        candidates = (self.without_id or self.subscriptions).values()
        for record in candidates:
            if record.destination == destination:
                return record
        return next((record for record in candidates if record.ack != "auto"), None)
