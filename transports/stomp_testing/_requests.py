"""Requests: carry out what a connected client asks for, on the exchange.

Nothing about a request is checked before it comes here but that the client is connected: brokers differ in what they
refuse and in how they do it. :meth:`Requests.handle` is a generator: it yields each RECEIPT at the moment at which it
must be written, because carrying out a request can deliver messages to the same client, and brokers differ in which
comes first. A request that the broker refuses raises RequestRefused, and has changed nothing.

Nothing in a transaction happens before COMMIT. Only the messages that an ACK covers leave their subscription at once,
so that a second ACK is an error; ABORT restores them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from stomp_core import Abort, Ack, Begin, Commit, Nack, Receipt, Send, Subscribe, Unsubscribe

from ._destinations import TOPIC, Destinations
from ._exchange import Exchange
from ._messages import forwarded_headers
from ._queues import QueuedMessage, Receiver, Subscription
from ._refusals import Problem, RequestRefused
from ._settings import Settings

__all__ = ["Requests"]

_TEMPORARY = "/temp-queue/"
_ACK_MODES = ("auto", "client", "client-individual")
#: RabbitMQ's ids of messages: the tag of the subscription, the session, and the number of the delivery.
_ACK_ID = re.compile(r"([TQ]_.*)@@.*@@([0-9]+)", re.DOTALL)


class _PendingSend(NamedTuple):
    """A SEND of an open transaction, and the receipt that follows its COMMIT."""

    destination: str
    headers: Sequence[tuple[str, str]]
    body: bytes
    expires: float | None
    receipt: str | None


class _PendingAck(NamedTuple):
    """An ACK or NACK of an open transaction, and the messages that it covers."""

    subscription: Subscription
    covered: dict[str, QueuedMessage]
    is_ack: bool
    requeue: bool


class _Transaction:
    """What an open transaction will do."""

    __slots__ = ("acks", "sends")

    def __init__(self) -> None:
        self.sends: list[_PendingSend] = []
        self.acks: list[_PendingAck] = []


class Requests:
    """The requests of one connected client, and what they have created.

    Args:
        exchange: the destinations, shared with other clients.
        settings: the broker's.
        session: the name of the connection.
        receiver: gets the messages of the client's subscriptions.

    Attributes:
        local_names: the client's own names of its temporary queues, by the name of the queue.
        sends: how many SENDs were handled.
    """

    def __init__(self, exchange: Exchange, settings: Settings, session: str, receiver: Receiver) -> None:
        self._exchange = exchange
        self._flavour = settings.flavour
        self._clock = settings.clock
        self._destinations = Destinations(settings.flavour, settings.exchanges)
        self._session = session
        self._receiver = receiver
        self._now = 0.0
        self._subscriptions: dict[str, Subscription] = {}  # by tag
        # Those whose tag was taken by a later one (ActiveMQ), and ended ones with unacknowledged messages (RabbitMQ).
        self._nameless: list[Subscription] = []
        self._transactions: dict[str, _Transaction] = {}
        self._temporary: dict[str, str] = {}  # queues by the client's own name
        self._version = ""
        self._client_id: str | None = None
        self.local_names: dict[str, str] = {}
        self.sends = 0

    @property
    def subscriptions(self) -> list[Subscription]:
        """The client's subscriptions."""
        return [*self._subscriptions.values(), *self._nameless]

    def begin(self, version: str, client_id: str | None) -> None:
        """Start with a client that was sent CONNECTED.

        Args:
            version: the negotiated version.
            client_id: the ``client-id`` of CONNECT, which names durable subscriptions in ActiveMQ 5.17.
        """
        self._version = version
        self._client_id = client_id
        if client_id is not None:
            self._exchange.client_ids.add(client_id)

    def handle(self, event: object, now: float) -> Iterator[Receipt] | None:
        """Carry out a request while the result is iterated.

        Returns:
            The receipts, or ``None`` if the event is not a request of a connected client. Iterating raises
            RequestRefused if the broker refuses it.
        """
        handler = _HANDLERS.get(type(event))
        if handler is None:
            return None
        self._now = now
        return handler(self, event)

    def close(self) -> None:
        """Abort all transactions, end all subscriptions and delete temporary queues."""
        for transaction in self._transactions.values():
            self._roll_back(transaction)
        self._transactions.clear()
        for subscription in self.subscriptions:
            self._exchange.unsubscribe(subscription)
            self._exchange.requeue_unacknowledged(subscription)
        self._subscriptions.clear()
        self._nameless.clear()
        for queue in self._temporary.values():
            self._exchange.delete(queue)
        if self._client_id is not None:
            self._exchange.client_ids.discard(self._client_id)

    # ------------------------------------------------------------------ SEND

    def _send(self, send: Send) -> Iterator[Receipt]:
        self.sends += 1
        flavour = self._flavour
        body = send.body
        # One dict instead of a search for each name. The first of repeated headers counts (STOMP 1.2, "Repeated
        # Header Entries"), so it is filled from the back.
        headers = dict(reversed(send.headers.items()))
        if flavour.strict_destinations and "message-id" in headers:
            raise RequestRefused(Problem.MESSAGE_ID)
        destination = headers.get("destination")
        if destination is None:
            raise RequestRefused(Problem.NO_DESTINATION)
        receipt = headers.get("receipt")
        transaction = headers.get("transaction")
        if transaction is not None:
            self._open_transaction(transaction)
        if destination.startswith(_TEMPORARY):
            if flavour.reply_queues:
                raise RequestRefused(Problem.TEMPORARY_DESTINATION, destination=destination)
            destination = self._temporary_queue(destination)
        else:
            destination = self._destinations.resolve(destination)
        expires = self._expiry(headers) if flavour.ttl_header in headers else None
        forwarded = forwarded_headers(headers, len(body), flavour, self._clock)
        reply_to = headers.get("reply-to")
        if reply_to is not None and reply_to.startswith(_TEMPORARY):
            queue = self._temporary_queue(reply_to)
            forwarded = [(name, queue if name == "reply-to" else value) for name, value in forwarded]
        if transaction is not None:
            # RabbitMQ 3.10 confirms a SEND of a transaction after COMMIT, ActiveMQ 5.17 at once.
            waits = flavour.transaction_receipts_wait
            pending = _PendingSend(destination, forwarded, body, expires, receipt if waits else None)
            self._transactions[transaction].sends.append(pending)
            if receipt is not None and not waits:
                yield Receipt(receipt)
        elif receipt is None:
            self._exchange.publish(destination, forwarded, body, expires)
        elif flavour.receipt_first:
            yield Receipt(receipt)
            self._exchange.publish(destination, forwarded, body, expires)
        else:
            self._exchange.publish(destination, forwarded, body, expires)
            yield Receipt(receipt)

    def _expiry(self, headers: Mapping[str, str]) -> float | None:
        """Return when a message expires, in seconds of the clock."""
        value = headers[self._flavour.ttl_header]
        if not (value.isascii() and value.isdigit()):
            raise RequestRefused(Problem.EXPIRY, value=value)
        seconds = int(value[:18]) / 1000
        if self._flavour.ttl_is_a_date:
            return seconds or None
        return self._clock() + seconds

    def _temporary_queue(self, name: str) -> str:
        """Return the queue behind the client's ``/temp-queue/x``, created when it is first named."""
        queue = self._temporary.get(name)
        if queue is None:
            queue = f"{self._flavour.temporary_prefix}{self._session}-{len(self._temporary) + 1}"
            self._temporary[name] = queue
            if self._flavour.reply_queues:
                # RabbitMQ 3.10: replies come with `subscription:/temp-queue/x`, without a SUBSCRIBE.
                subscription = self._subscriptions[f"T_{name}"] = Subscription(
                    self._receiver, name, f"T_{name}"
                )
                self._exchange.subscribe(queue, subscription)
            else:
                self.local_names[queue] = name
        return queue

    # ------------------------------------------------------------------ SUBSCRIBE, UNSUBSCRIBE

    def _subscribe(self, subscribe: Subscribe) -> Iterator[Receipt]:
        flavour = self._flavour
        refusals = flavour.refusals
        headers = subscribe.headers
        receipt = subscribe.receipt
        asked = headers.get("destination")
        if subscribe.id is None and self._version != "1.0" and Problem.NO_ID in refusals:
            raise RequestRefused(Problem.NO_ID)
        if not asked and Problem.NULL_DESTINATION in refusals:
            raise RequestRefused(Problem.NULL_DESTINATION)
        if asked is None:
            raise RequestRefused(Problem.NO_DESTINATION)
        ack = headers.get("ack", "auto")
        if ack not in _ACK_MODES:
            if Problem.ACK_MODE in refusals:
                raise RequestRefused(Problem.ACK_MODE)
            ack = "auto"
        prefetch = self._prefetch(headers.get(flavour.prefetch_header))
        durable = self._durable_name(subscribe)
        if (
            durable is not None
            and Problem.DURABLE_IN_USE in refusals
            and self._exchange.durable_in_use(durable)
        ):
            raise _durable_in_use(durable)
        if not asked.startswith(_TEMPORARY):
            destination = self._destinations.resolve(asked)
        elif flavour.reply_queues:
            raise RequestRefused(Problem.TEMPORARY_DESTINATION, destination=asked)
        else:
            destination = self._temporary_queue(asked)
        tag = f"Q_{asked}" if subscribe.id is None else f"T_{subscribe.id}"
        if tag in self._subscriptions:
            if Problem.DUPLICATE_ID in refusals:
                raise RequestRefused(Problem.DUPLICATE_ID, tag=tag)
            self._nameless.append(self._subscriptions.pop(tag))
        subscription = Subscription(self._receiver, subscribe.id, tag, ack, prefetch)
        self._subscriptions[tag] = subscription
        if receipt is not None:
            # RabbitMQ 3.10 and ActiveMQ 5.17: the RECEIPT comes before the messages that wait.
            yield Receipt(receipt)
        self._exchange.subscribe(destination, subscription, durable)

    def _prefetch(self, value: str | None) -> int | None:
        if value is None:
            return None
        if not (value.isascii() and value.isdigit()):
            if Problem.PREFETCH in self._flavour.refusals:
                raise RequestRefused(Problem.PREFETCH)
            return None
        limit = int(value[:18])
        return limit if limit or self._flavour.zero_prefetch_is_none else None

    def _durable_name(self, event: Subscribe | Unsubscribe) -> tuple[str, ...] | None:
        """Return what names a durable topic subscription, or ``None`` if none is meant."""
        headers = event.headers
        if isinstance(event, Subscribe) and not event.destination.startswith(TOPIC):
            return None
        if self._flavour.durable_by_id:
            durable = headers.get("durable") == "true" and event.id is not None
            return (event.id or "",) if durable else None
        name = headers.get("activemq.subscriptionName")
        return None if name is None or self._client_id is None else (self._client_id, name)

    def _unsubscribe(self, unsubscribe: Unsubscribe) -> Iterator[Receipt]:
        flavour = self._flavour
        destination = unsubscribe.headers.get("destination")
        if unsubscribe.id is None and (
            destination is None or (self._version != "1.0" and Problem.NO_ID in flavour.refusals)
        ):
            raise RequestRefused(Problem.NO_SUBSCRIPTION)
        # RabbitMQ 3.10 deletes a durable subscription only if UNSUBSCRIBE repeats `durable:true`; ActiveMQ 5.17 only
        # while it has no subscriber.
        durable = self._durable_name(unsubscribe)
        by_name = durable is not None and not flavour.durable_by_id
        if durable is not None and by_name and self._exchange.durable_in_use(durable):
            raise _durable_in_use(durable)
        tag = f"Q_{destination}" if unsubscribe.id is None else f"T_{unsubscribe.id}"
        subscription = self._subscriptions.pop(tag, None)
        if subscription is not None:
            self._exchange.unsubscribe(subscription, requeue=flavour.unsubscribe_requeues)
            if not flavour.unsubscribe_requeues and subscription.unacknowledged:
                self._nameless.append(subscription)
        elif not by_name:
            named = f"id='{unsubscribe.id}'" if unsubscribe.id is not None else f"destination='{destination}'"
            raise RequestRefused(Problem.UNKNOWN_SUBSCRIPTION, subscription=named)
        if durable is not None:
            self._exchange.delete_durable(durable)
        if unsubscribe.receipt is not None:
            yield Receipt(unsubscribe.receipt)

    # ------------------------------------------------------------------ ACK, NACK

    def _acknowledge(self, ack: Ack | Nack) -> Iterator[Receipt]:
        flavour = self._flavour
        is_ack = isinstance(ack, Ack)
        if not is_ack and self._version == "1.0" and Problem.NACK_IN_1_0 in flavour.refusals:
            raise RequestRefused(Problem.NACK_IN_1_0)
        # STOMP 1.2 names the `ack` header of the MESSAGE in `id`, earlier versions name its message-id.
        header = "id" if self._version == "1.2" else "message-id"
        ack_id = ack.headers.get(header)
        if ack_id is None:
            raise RequestRefused(Problem.NO_ACK_ID, header=header)
        if flavour.message_id_is_ack:
            subscription, ack_id = self._by_tag(ack_id, header)
        else:
            subscription = self._by_message(ack, ack_id)
        transaction = ack.transaction
        if transaction is not None:
            self._open_transaction(transaction)
        cumulative = is_ack or flavour.nack_is_cumulative
        covered = [(subscription, subscription.remove_covered(ack_id, cumulative=cumulative))]
        if cumulative and subscription.ack == "client" and flavour.ack_covers_connection:
            covered += self._delivered_before(int(ack_id.rpartition("@@")[2]))
        # RabbitMQ 3.10: `requeue:false` drops or dead-letters.
        requeue = flavour.nack_requeues and ack.headers.get("requeue") != "false"
        if ack.receipt is not None:
            # RabbitMQ 3.10 and ActiveMQ 5.17: the RECEIPT comes before the messages for which there is room now.
            yield Receipt(ack.receipt)
        for holder, messages in covered:
            if transaction is not None:
                pending = _PendingAck(holder, messages, is_ack, requeue)
                self._transactions[transaction].acks.append(pending)
            else:
                self._settle(holder, messages, is_ack, requeue)

    def _delivered_before(self, number: int) -> list[tuple[Subscription, dict[str, QueuedMessage]]]:
        """Remove and return, by subscription, what was delivered before a delivery of this connection.

        RabbitMQ 3.10 has one channel for a connection, and acknowledges everything on it up to a number.
        """
        covered = []
        for subscription in self.subscriptions:
            unacknowledged = subscription.unacknowledged
            earlier = [key for key in unacknowledged if int(key.rpartition("@@")[2]) < number]
            if earlier:
                covered.append((subscription, {key: unacknowledged.pop(key) for key in earlier}))
        return covered

    def _by_tag(self, ack_id: str, header: str) -> tuple[Subscription, str]:
        """Return the subscription and the id of a message, as RabbitMQ finds it: other headers do not matter."""
        parts = _ACK_ID.fullmatch(ack_id)
        if parts is None:
            raise RequestRefused(Problem.BAD_ACK_ID, header=header)
        tag, number = parts.groups()
        subscription = self._subscriptions.get(tag)
        if subscription is None:
            raise RequestRefused(Problem.ACK_WITHOUT_SUBSCRIPTION, id=ack_id)
        # RabbitMQ does not compare the session.
        ack_id = f"{tag}@@{self._session}@@{number}"
        if ack_id not in subscription.unacknowledged:
            raise RequestRefused(Problem.STALE_ACK_ID, tag=number)
        return subscription, ack_id

    def _by_message(self, ack: Ack | Nack, ack_id: str) -> Subscription:
        """Return the subscription of a message, as ActiveMQ finds it."""
        name = ack.subscription
        if self._version == "1.1" and name is None:
            raise RequestRefused(Problem.NO_ACK_SUBSCRIPTION)
        for subscription in self.subscriptions:
            if ack_id in subscription.unacknowledged and (self._version != "1.1" or subscription.id == name):
                return subscription
        raise RequestRefused(Problem.STALE_ACK_ID, message_id=ack.message_id or "null")

    def _settle(
        self, subscription: Subscription, covered: dict[str, QueuedMessage], is_ack: bool, requeue: bool
    ) -> None:
        messages = list(covered.values())
        if is_ack:
            self._exchange.ack(subscription, messages)
        else:
            self._exchange.nack(subscription, messages, self._now, requeue=requeue)

    # ------------------------------------------------------------------ BEGIN, COMMIT, ABORT

    def _begin(self, begin: Begin) -> Iterator[Receipt]:
        name = _named_transaction(begin)
        open_one = self._transactions.get(name)
        if open_one is not None:
            if Problem.TRANSACTION_OPEN in self._flavour.refusals:
                raise RequestRefused(Problem.TRANSACTION_OPEN, transaction=name)
            # RabbitMQ 3.10 forgets the open one, and what was sent in it.
            self._roll_back(open_one)
        self._transactions[name] = _Transaction()
        if begin.receipt is not None:
            yield Receipt(begin.receipt)

    def _open_transaction(self, name: str) -> _Transaction:
        transaction = self._transactions.get(name)
        if transaction is None:
            raise RequestRefused(Problem.UNKNOWN_TRANSACTION, transaction=name)
        return transaction

    def _commit(self, commit: Commit) -> Iterator[Receipt]:
        name = _named_transaction(commit)
        transaction = self._open_transaction(name)
        del self._transactions[name]
        for send in transaction.sends:
            self._exchange.publish(send.destination, send.headers, send.body, send.expires)
        for ack in transaction.acks:
            self._settle(ack.subscription, ack.covered, ack.is_ack, ack.requeue)
        if commit.receipt is not None:
            yield Receipt(commit.receipt)
        for send in transaction.sends:
            if send.receipt is not None:
                yield Receipt(send.receipt)

    def _abort(self, abort: Abort) -> Iterator[Receipt]:
        name = _named_transaction(abort)
        transaction = self._open_transaction(name)
        del self._transactions[name]
        self._roll_back(transaction)
        if abort.receipt is not None:
            yield Receipt(abort.receipt)

    def _roll_back(self, transaction: _Transaction) -> None:
        # The last ACK first: each restores its messages before those that are unacknowledged already.
        for ack in reversed(transaction.acks):
            self._exchange.restore(ack.subscription, ack.covered)


def _durable_in_use(durable: tuple[str, ...]) -> RequestRefused:
    client, name = durable
    return RequestRefused(Problem.DURABLE_IN_USE, durable=f"client: {client} and subscriptionName: {name}")


def _named_transaction(event: Begin | Commit | Abort) -> str:
    name = event.headers.get("transaction")
    if name is None:
        raise RequestRefused(Problem.NO_TRANSACTION)
    return name


_HANDLERS: dict[type, Callable[[Requests, Any], Iterator[Receipt]]] = {
    Send: Requests._send,
    Subscribe: Requests._subscribe,
    Unsubscribe: Requests._unsubscribe,
    Ack: Requests._acknowledge,
    Nack: Requests._acknowledge,
    Begin: Requests._begin,
    Commit: Requests._commit,
    Abort: Requests._abort,
}
