"""What both sides of a connection have to remember: subscriptions, unacknowledged messages, open transactions.

STOMP has rules that concern more than one frame: an ACK needs a MESSAGE that can be acknowledged, a COMMIT needs a
BEGIN. Client and server have to know the same things to keep these rules, and learn them from the same frames, only in
opposite directions. So both use one :class:`ConnectionTracker` for each connection, and feed it with all client frames
and all MESSAGEs, sent or received. It knows neither its role nor the state of the connection.

**Check first, then change.** :meth:`ConnectionTracker.check` raises :class:`RuleViolation` and changes nothing;
:meth:`ConnectionTracker.apply` changes and never raises after a check. A client can check a frame, and if it is
refused, nothing has happened. The caller turns a violation into the error of its side: LocalProtocolError for a frame
that was to be sent, RemoteProtocolError for one that was received.

**Which messages an ACK or NACK covers.** In 1.2 the frame names the ``ack`` header of a MESSAGE, before that its
``message-id``. In mode ``client-individual`` the frame covers this message only. In mode ``client`` it is cumulative:
it covers the message and every message that the same subscription received before it and that is not acknowledged yet
("SUBSCRIBE ack Header": acknowledgement of this and all previous messages on the subscription). "Before" is the order
of delivery on this connection. RabbitMQ's covers what any subscription of the connection received before it, which
:attr:`ConnectionTracker.ack_covers_connection` says. To know it, each subscription has its unacknowledged messages in
an ordered dict, and the order lasts until they are acknowledged. A NACK covers what an ACK would cover.

**To which subscription an ACK belongs.** A frame of 1.1 names the subscription. One of 1.2 need not, since the server
chooses ``ack`` ids, and one of 1.0 cannot. But several subscriptions may have received the same message under the same
id, so an index maps each id to its *holders*, the subscriptions in which it is unacknowledged, in the order of
delivery. An ACK without subscription belongs to the first holder, which has waited longest.

**What an aborted transaction restores.** An ACK in a transaction takes effect with COMMIT. Until then the messages that
it covers are set aside in the transaction, and cannot be acknowledged again. ABORT makes them unacknowledged again, at
the place that the order of delivery gives them, which matters in mode ``client``: with messages 1 to 4, ACK 2 in t,
ACK 4 in u (it covers 3 and 4), ABORT u and then ABORT t, the order has to be 1, 2, 3, 4 again, so that an ACK of 2 does
not cover 3. Therefore each message has a number, and a restored one is put before those with higher numbers. If the
subscription ended in the meantime, its messages are not restored: the server redelivers them to others.

**Subscriptions without an id.** In 1.0 SUBSCRIBE needs no ``id``. Such a subscription is identified by its destination,
and its MESSAGEs have no ``subscription`` header. A message without it belongs to the subscription with exactly its
destination. If there is none, it was subscribed to with a wildcard, and the message names a destination of its own; or
SUBSCRIBE had an ``id``, and the server did not repeat it in the MESSAGE (1.0 does not demand it). These two cases look
the same from here, and brokers have different wildcards. So the message is given to a subscription that has to
acknowledge messages, if there is any: to track a message that needs no ACK does no harm, but to refuse an ACK that the
server waits for stops the subscription.

Artemis makes up an id for a subscription of 1.0 that has none. So in 1.0 a ``subscription`` header that names an
unknown one does not count if there is a subscription without id to exactly this destination.

**Deliveries that are only noted.** Most messages are acknowledged in the order of delivery. Therefore a MESSAGE of the
same subscription as the one before it is only noted (_noted_deliveries.py), and entered into the dicts described above
when they are needed for anything but the ACK of the oldest one. So only the subscription of the latest message may have
noted deliveries, and they are later than all that is entered.

**Frames that break the rules.** A connection may be allowed to send what :meth:`ConnectionTracker.check` refuses.
:meth:`ConnectionTracker.apply_regardless` then tracks what makes sense: an ACK whose message is known acknowledges it,
whatever subscription it names, since brokers go by the message, and since what is never acknowledged would be tracked
for ever. Everything else changes nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from itertools import count
from operator import itemgetter
from typing import NamedTuple

from ..errors import ErrorCode
from ..wire import Headers, Version
from ._events import Ack, Event, Message, Nack, Subscribe, Unsubscribe
from ._latest_subscription import LatestSubscription
from ._noted_deliveries import LONGEST_NOTED, MOST_NOTED, NotedDeliveries

__all__ = ["ConnectionTracker", "Coverage", "RuleViolation", "TrackedSubscription"]

_V1_0, _V1_2 = Version.V1_0, Version.V1_2
_ACK_MODES = ("auto", "client", "client-individual")

# The ids for ACK of some messages of one subscription, each with the number of its delivery.
_Numbered = dict[str, int]


class RuleViolation(Exception):
    """A frame that the frames before it do not allow.

    Attributes:
        code: which rule.
    """

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code


class TrackedSubscription:
    """A subscription of one connection, as far as both sides have to remember it. Read-only.

    Args:
        id: the ``id`` of its SUBSCRIBE; ``None`` for a subscription of 1.0 without one.
        destination: the destination of its SUBSCRIBE.
        ack: ``"auto"``, ``"client"`` or ``"client-individual"``.
    """

    __slots__ = ("_ack", "_destination", "_id", "_noted", "_unacknowledged")

    # In mode "client" it is an OrderedDict: after many removals at the front a dict takes long to find its first entry.
    _unacknowledged: dict[str, int]

    def __init__(self, id: str | None, destination: str, ack: str) -> None:
        self._id = id
        self._destination = destination
        self._ack = ack
        self._unacknowledged = OrderedDict() if ack == "client" else {}
        self._noted = NotedDeliveries()  # later than all of those

    @property
    def id(self) -> str | None:
        """The ``id`` of its SUBSCRIBE; ``None`` for a subscription of 1.0 without one."""
        return self._id

    @property
    def destination(self) -> str:
        """The destination of its SUBSCRIBE."""
        return self._destination

    @property
    def ack(self) -> str:
        """The ack mode: ``"auto"``, ``"client"`` or ``"client-individual"`` (STOMP 1.2, "SUBSCRIBE ack Header")."""
        return self._ack

    @property
    def unacknowledged(self) -> tuple[str, ...]:
        """The messages that were delivered and not acknowledged, in the order of delivery.

        Each one is the id that an ACK has to name: the ``ack`` header of the MESSAGE in 1.2, its ``message-id``
        before. Always empty in mode ``"auto"``.
        """
        entered = _in_order(self._unacknowledged)
        # A message that is delivered again before it was acknowledged keeps its place.
        return tuple(dict.fromkeys([*entered, *self._noted.ids()]))

    def __repr__(self) -> str:
        return f"TrackedSubscription(id={self._id!r}, destination={self._destination!r}, ack={self._ack!r})"


class Coverage(NamedTuple):
    """The messages that an ACK or NACK covers.

    Args:
        subscription: the subscription to which all of them were delivered.
        ids: as in :attr:`TrackedSubscription.unacknowledged`, in the order of delivery.
    """

    subscription: TrackedSubscription
    ids: tuple[str, ...]


class ConnectionTracker:
    """The subscriptions, unacknowledged messages and transactions of one connection."""

    def __init__(self) -> None:
        self._version = Version.V1_0
        self._id_line = "\nmessage-id:"  # how the header line of a MESSAGE begins whose value an ACK names
        #: How many subscriptions have to acknowledge messages. While there are none, no message needs to be tracked.
        self.acknowledging = 0
        #: Whether a cumulative ACK covers what any subscription of the connection received before; see above.
        self.ack_covers_connection = False
        #: Whether a MESSAGE without ``ack`` header is taken for one that needs no ACK, though its subscription does.
        self.tolerates_missing_ack = False
        self._by_id: dict[str, TrackedSubscription] = {}
        self._by_destination: dict[str, TrackedSubscription] = {}  # 1.0: those without an id
        self._transactions: dict[str, dict[TrackedSubscription, _Numbered]] = {}
        # For most ids there is one holder; a dict of holders would take time and memory for each message.
        self._holders: dict[str, TrackedSubscription | dict[TrackedSubscription, None]] = {}
        self._numbers = count()
        # The latest ACK or NACK and what it covered, until the next tracked client frame.
        self._latest_ack: tuple[Ack | Nack, TrackedSubscription, _Numbered] | None = None
        self._latest_message: LatestSubscription[TrackedSubscription] = LatestSubscription()

    @property
    def version(self) -> Version:
        """The version of the connection, in which it is decided what an ACK names."""
        return self._version

    @version.setter
    def version(self, version: Version) -> None:
        self._version = version
        self._id_line = "\nack:" if version is _V1_2 else "\nmessage-id:"

    # ------------------------------------------------------------------ what is tracked

    @property
    def subscriptions(self) -> tuple[TrackedSubscription, ...]:
        """All subscriptions: those with an id, then those without, each in the order of SUBSCRIBE."""
        return (*self._by_id.values(), *self._by_destination.values())

    @property
    def transactions(self) -> dict[str, tuple[str, ...]]:
        """The open transactions, each with the ids of the messages that were acknowledged in it."""
        return {
            name: tuple(ack_id for covered in by_subscription.values() for ack_id in _in_order(covered))
            for name, by_subscription in self._transactions.items()
        }

    def find_subscription(self, id: str | None, destination: str | None) -> TrackedSubscription:
        """Return the subscription that an UNSUBSCRIBE with these headers means.

        Raises:
            RuleViolation: there is none.
        """
        if id is not None:
            subscription = self._by_id.get(id)
        else:
            subscription = self._by_destination.get(destination or "")
        if subscription is None:
            what = f"id {id!r}" if id is not None else f"destination {destination!r}"
            raise RuleViolation(ErrorCode.UNKNOWN_SUBSCRIPTION, f"there is no subscription with {what}")
        return subscription

    def has_subscription_for(self, message: Message) -> bool:
        """Return whether the peer has a subscription to which this MESSAGE may be sent."""
        name = message.subscription
        return name in self._by_id if name is not None else bool(self._by_destination)

    def covered_by(self, event: Ack | Nack) -> Coverage:
        """Return what an ACK or NACK covers: what it has covered if it was the latest one, else what it would cover.

        Raises:
            RuleViolation: it would be refused.
        """
        if self._latest_ack is not None and self._latest_ack[0] is event:
            _, subscription, covered = self._latest_ack
            return Coverage(subscription, _in_order(covered))
        subscription, ack_id = self._find_message(event)
        if subscription._ack != "client":
            return Coverage(subscription, (ack_id,))
        ids = list(subscription._unacknowledged)
        return Coverage(subscription, tuple(ids[: ids.index(ack_id) + 1]))

    # ------------------------------------------------------------------ client frames

    def check(self, event: Event) -> None:
        """Check a client frame against what is tracked; change nothing.

        Raises:
            RuleViolation: it is not allowed.
        """
        command = event.command
        if command in ("SEND", "ACK", "NACK"):
            transaction = event.frame.headers.find("\ntransaction:")
            if transaction is not None:
                self._check_open(transaction)
            if command != "SEND":
                assert isinstance(event, Ack | Nack)
                self._find_message(event)
        elif command == "SUBSCRIBE":
            assert isinstance(event, Subscribe)
            self._check_subscribe(event)
        elif command == "UNSUBSCRIBE":
            assert isinstance(event, Unsubscribe)
            self.find_subscription(event.id, event.destination)
        elif command in ("BEGIN", "COMMIT", "ABORT"):
            name = event.headers["transaction"]
            if command != "BEGIN":
                self._check_open(name)
            elif name in self._transactions:
                raise RuleViolation(ErrorCode.DUPLICATE_TRANSACTION, f"transaction {name!r} is already open")

    def _check_open(self, transaction: str) -> None:
        if transaction not in self._transactions:
            raise RuleViolation(ErrorCode.UNKNOWN_TRANSACTION, f"no transaction {transaction!r} is open")

    def _check_subscribe(self, event: Subscribe) -> None:
        if event.ack not in _ACK_MODES:
            raise RuleViolation(
                ErrorCode.BAD_ACK_MODE,
                f"the ack mode {event.ack!r} is not one of 'auto', 'client', 'client-individual'",
            )
        if event.id is None:
            if event.destination in self._by_destination:
                raise RuleViolation(
                    ErrorCode.DUPLICATE_SUBSCRIPTION,
                    f"{event.destination!r} is already subscribed without an id",
                )
        elif event.id in self._by_id:
            raise RuleViolation(
                ErrorCode.DUPLICATE_SUBSCRIPTION, f"subscription id {event.id!r} is already in use"
            )

    def _find_message(self, event: Ack | Nack) -> tuple[TrackedSubscription, str]:
        """Return the subscription and the id of the message that an ACK or NACK names."""
        self._enter_noted()
        if self._version is _V1_2:
            ack_id = event.id or ""
            subscription_id = None
        else:
            ack_id = event.message_id or ""
            subscription_id = event.subscription
        if subscription_id is not None:
            subscription = self._by_id.get(subscription_id)
            if subscription is None:
                raise RuleViolation(
                    ErrorCode.UNKNOWN_SUBSCRIPTION, f"there is no subscription {subscription_id!r}"
                )
            if ack_id in subscription._unacknowledged:
                return subscription, ack_id
        else:
            # As in _first_holder(), without the call: this runs for every ACK.
            holder = self._holders.get(ack_id)
            if holder is not None:
                return next(iter(holder)) if isinstance(holder, dict) else holder, ack_id
        covered = (
            " (at this broker an ACK in mode 'client' covers the earlier messages of all subscriptions)"
            if self.ack_covers_connection and any(entry._ack == "client" for entry in self.subscriptions)
            else ""
        )
        raise RuleViolation(
            ErrorCode.NOT_ACKNOWLEDGEABLE,
            f"no message {ack_id!r} can be acknowledged here: it was acknowledged already{covered}, its subscription "
            "is in auto mode or has ended, or it was delivered on another connection",
        )

    def _first_holder(self, ack_id: str) -> TrackedSubscription | None:
        """Return the subscription that has waited longest for an ACK with this id."""
        self._enter_noted()
        holder = self._holders.get(ack_id)
        return next(iter(holder)) if isinstance(holder, dict) else holder

    def apply(self, event: Event) -> None:
        """Change what is tracked as a client frame demands that :meth:`check` has passed. SEND changes nothing."""
        command = event.command
        if command in ("ACK", "NACK"):
            assert isinstance(event, Ack | Nack)
            subscription, ack_id = self._find_message(event)
            self._acknowledge(event, subscription, ack_id)
            return
        self._latest_ack = None
        self._enter_noted()
        if command == "SUBSCRIBE":
            assert isinstance(event, Subscribe)
            subscription = TrackedSubscription(event.id, event.destination, event.ack)
            if event.id is None:
                self._by_destination[event.destination] = subscription
            else:
                self._by_id[event.id] = subscription
            self.acknowledging += subscription._ack != "auto"
        elif command == "UNSUBSCRIBE":
            assert isinstance(event, Unsubscribe)
            self._remove(self.find_subscription(event.id, event.destination))
        elif command == "BEGIN":
            self._transactions[event.headers["transaction"]] = {}
        elif command == "COMMIT":
            del self._transactions[event.headers["transaction"]]
        elif command == "ABORT":
            self._restore_aborted(self._transactions.pop(event.headers["transaction"]))

    def apply_regardless(self, event: Event) -> None:
        """Change what is tracked as far as a frame makes sense that breaks rules; see the top of this module."""
        if isinstance(event, Ack | Nack):
            ack_id = (event.id if self._version is _V1_2 else event.message_id) or ""
            subscription = self._first_holder(ack_id)
            if subscription is not None and (
                event.transaction is None or event.transaction in self._transactions
            ):
                self._acknowledge(event, subscription, ack_id)
        elif event.command not in ("BEGIN", "COMMIT", "ABORT") or "transaction" in event.headers:
            try:
                self.check(event)
            except RuleViolation:
                return
            self.apply(event)

    def _remove(self, subscription: TrackedSubscription) -> None:
        if subscription._id is None:
            del self._by_destination[subscription._destination]
        else:
            del self._by_id[subscription._id]
        if subscription is self._latest_message.value:
            self._latest_message.forget()
        self.acknowledging -= subscription._ack != "auto"
        self._remove_holder(subscription, subscription._unacknowledged)
        for by_subscription in self._transactions.values():
            by_subscription.pop(subscription, None)

    def _acknowledge(self, event: Ack | Nack, subscription: TrackedSubscription, ack_id: str) -> None:
        unacknowledged = subscription._unacknowledged
        covered: _Numbered = {}
        if subscription._ack == "client":
            while ack_id in unacknowledged:
                earliest = next(iter(unacknowledged))
                covered[earliest] = unacknowledged.pop(earliest)
            if self.ack_covers_connection:
                self._cover_others(subscription, covered[ack_id], event.transaction)
        else:
            covered[ack_id] = unacknowledged.pop(ack_id)
        self._remove_holder(subscription, covered)
        transaction = event.transaction
        if transaction is not None:
            self._transactions[transaction].setdefault(subscription, {}).update(covered)
        self._latest_ack = event, subscription, covered

    def acknowledge_one(self, headers: Headers, ack_id: str) -> bool:
        """Acknowledge one message outside of a transaction, if nothing has to be decided. The straight path of an ACK.

        It does what :meth:`check` and :meth:`apply` do; a property test compares them.

        Args:
            headers: of the MESSAGE.
            ack_id: what the ACK names in 1.2.

        Returns:
            False, and nothing has changed, if it covers other messages as well, or is not allowed.
        """
        holders, latest = self._holders, self._latest_message.value
        # Whatever has a holder was delivered before all that is noted.
        if not holders and latest is not None and latest._noted.acknowledge_oldest(headers, ack_id):
            self._latest_ack = None
            return True
        if ack_id not in holders:
            self._enter_noted()
        subscription = holders.get(ack_id)
        if type(subscription) is not TrackedSubscription:
            return False
        unacknowledged = subscription._unacknowledged
        if subscription._ack == "client" and (
            next(iter(unacknowledged)) != ack_id
            or (self.ack_covers_connection and len(self._by_id) + len(self._by_destination) > 1)
        ):
            return False
        self._latest_ack = None
        if subscription is latest:  # only this one may have deliveries that are noted
            subscription._noted.acknowledge_earlier(ack_id)
        del holders[ack_id]
        del unacknowledged[ack_id]
        return True

    def _cover_others(self, named: TrackedSubscription, number: int, transaction: str | None) -> None:
        """Acknowledge what the other subscriptions received before a delivery of ``named``."""
        for subscription in self.subscriptions:
            unacknowledged = subscription._unacknowledged
            if subscription is named or not unacknowledged:
                continue
            covered = {ack_id: before for ack_id, before in unacknowledged.items() if before < number}
            for ack_id in covered:
                del unacknowledged[ack_id]
            self._remove_holder(subscription, covered)
            if transaction is not None and covered:
                self._transactions[transaction].setdefault(subscription, {}).update(covered)

    def _restore_aborted(self, transaction: dict[TrackedSubscription, _Numbered]) -> None:
        """Make the messages that a transaction acknowledged unacknowledged again, in the order of delivery."""
        for subscription, restored in transaction.items():
            unacknowledged = subscription._unacknowledged
            # One that was delivered again meanwhile waits already, and takes the earlier of its two places.
            for ack_id in restored.keys() & unacknowledged.keys():
                restored[ack_id] = min(restored[ack_id], unacknowledged.pop(ack_id))
            latest = max(restored.values())
            # In mode "client" everything unacknowledged was delivered later, except for what another aborted
            # transaction has restored. Those messages are taken out and sorted in.
            while subscription._ack == "client" and unacknowledged:
                if next(iter(unacknowledged.values())) >= latest:
                    break
                ack_id = next(iter(unacknowledged))
                restored[ack_id] = unacknowledged.pop(ack_id)
            for ack_id, number in sorted(restored.items(), key=itemgetter(1), reverse=True):
                unacknowledged[ack_id] = number
                if isinstance(unacknowledged, OrderedDict):
                    unacknowledged.move_to_end(ack_id, last=False)
                self._add_holder(subscription, ack_id)

    # ------------------------------------------------------------------ MESSAGE

    def add_alike(self, headers: Headers, text: str, at: int) -> bool:
        """Track a MESSAGE of the same subscription as the one before it, on a straight path.

        It does what :meth:`add_message` does; a property test compares the two.

        Args:
            headers: those of the MESSAGE.
            text: their text.
            at: where in it the header ``subscription`` begins.

        Returns:
            False, and nothing has changed, if :meth:`add_message` has to decide.
        """
        latest = self._latest_message
        line = latest.line  # as in its find(), which would search for the header again
        if text[at : at + len(line)] != line:
            return False
        subscription = latest.value
        if subscription is None or subscription._ack == "auto":
            return subscription is not None
        noted = subscription._noted.headers
        if self._id_line not in text or len(noted) >= MOST_NOTED or len(text) > LONGEST_NOTED:
            return False
        noted.append(headers)
        return True

    def add_message(self, message: Message) -> None:
        """Track a MESSAGE. One that belongs to no subscription, or needs no ACK, changes nothing.

        Raises:
            RuleViolation: it has to be acknowledged, but has no ``ack`` header, and that is not tolerated. Nothing has
                changed.
        """
        self._enter_noted()
        headers = message.frame.headers
        name = headers.find("\nsubscription:")
        subscription = (
            self._subscription_without_id(message.destination) if name is None else self._by_id.get(name)
        )
        if subscription is None and self._version is _V1_0:
            subscription = self._by_destination.get(message.destination)
        if subscription is None:
            return
        if name is not None and subscription._id == name:
            self._latest_message.remember(name, subscription, headers.text)
            subscription._noted.id_line = self._id_line
        if subscription._ack == "auto":
            return
        ack_id = headers.find(self._id_line)
        if ack_id is None:
            if self.tolerates_missing_ack:
                return
            raise RuleViolation(
                ErrorCode.MISSING_HEADER,
                f"MESSAGE needs an 'ack' header: subscription {name!r} is in {subscription._ack} mode",
            )
        self._enter(subscription, ack_id)

    def _enter(self, subscription: TrackedSubscription, ack_id: str) -> None:
        """Enter a delivery. To do it again changes nothing."""
        if self._holders.setdefault(ack_id, subscription) is not subscription:
            self._add_holder(subscription, ack_id)
        # A message that is delivered again before it was acknowledged keeps its place.
        subscription._unacknowledged.setdefault(ack_id, next(self._numbers))

    def _enter_noted(self) -> None:
        """Enter the deliveries that are only noted: all of them belong to the subscription of the latest message."""
        subscription = self._latest_message.value
        if subscription is not None and subscription._noted.headers:
            for ack_id in subscription._noted.ids():
                self._enter(subscription, ack_id)
            subscription._noted.clear()

    def _subscription_without_id(self, destination: str) -> TrackedSubscription | None:
        """1.0: return the subscription of a message that names none; see the top of this module."""
        subscription = self._by_destination.get(destination)
        if subscription is not None:
            return subscription
        candidates = (self._by_destination or self._by_id).values()
        for subscription in candidates:
            if subscription._destination == destination:
                return subscription
        return next((subscription for subscription in candidates if subscription._ack != "auto"), None)

    # ------------------------------------------------------------------ the index of holders

    def _add_holder(self, subscription: TrackedSubscription, ack_id: str) -> None:
        holder = self._holders.setdefault(ack_id, subscription)
        if holder is not subscription:
            if not isinstance(holder, dict):
                holder = self._holders[ack_id] = {holder: None}
            holder[subscription] = None

    def _remove_holder(self, subscription: TrackedSubscription, ack_ids: Iterable[str]) -> None:
        holders = self._holders
        for ack_id in ack_ids:
            holder = holders[ack_id]
            if isinstance(holder, dict):
                del holder[subscription]
                if holder:
                    continue
            del holders[ack_id]


def _in_order(numbered: _Numbered) -> tuple[str, ...]:
    return tuple([ack_id for ack_id, _ in sorted(numbered.items(), key=itemgetter(1))])
