"""Requests: carry out what a connected client asks for, on the exchange.

A ServerConnection has checked every frame that comes here: subscription ids are unique, ACKs name unacknowledged
messages, transactions are open. What remains is what a broker does about them. :meth:`Requests.handle` is a generator:
it yields each reply at the moment at which it must be written, because carrying out a request can deliver messages to
the same client, and brokers differ in which comes first.

Nothing in a transaction happens before COMMIT. Only the messages that an ACK covers leave their subscription at once,
so that a second ACK is an error; ABORT restores them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from stomp_core import Abort, Ack, Begin, Commit, Error, Nack, Receipt, Send, Subscribe, Unsubscribe

from ._exchange import Exchange
from ._messages import forwarded_headers
from ._queues import QueuedMessage, Receiver, Subscription
from ._settings import Flavour

__all__ = ["Requests"]

_TEMPORARY = "/temp-queue/"


class _PendingSend(NamedTuple):
    """A SEND of an open transaction, and the receipt that follows its COMMIT."""

    destination: str
    headers: Sequence[tuple[str, str]]
    body: bytes
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
        flavour: the broker to behave like.
        session: the name of the connection.
        receiver: gets the messages of the client's subscriptions.

    Attributes:
        local_names: the client's own names of its temporary queues, by the name of the queue.
        sends: how many SENDs were handled.
    """

    def __init__(self, exchange: Exchange, flavour: Flavour, session: str, receiver: Receiver) -> None:
        self._exchange = exchange
        self._flavour = flavour
        self._session = session
        self._receiver = receiver
        self._now = 0.0
        self._subscriptions: dict[str, Subscription] = {}
        self._without_id: dict[str, Subscription] = {}  # STOMP 1.0, by destination
        self._transactions: dict[str, _Transaction] = {}
        self._temporary: dict[str, str] = {}  # queues by the client's own name
        self._version = ""
        self._client_id: str | None = None
        self.local_names: dict[str, str] = {}
        self.sends = 0

    @property
    def subscriptions(self) -> list[Subscription]:
        """The client's subscriptions."""
        return [*self._subscriptions.values(), *self._without_id.values()]

    def begin(self, version: str, client_id: str | None) -> None:
        """Start with a client that was sent CONNECTED.

        Args:
            version: the negotiated version.
            client_id: the ``client-id`` of CONNECT, which names durable subscriptions in ActiveMQ 5.17.
        """
        self._version = version
        self._client_id = client_id

    def handle(self, event: object, now: float) -> Iterator[Receipt | Error] | None:
        """Carry out a request while the result is iterated.

        Returns:
            The replies, or ``None`` if the event is not a request of a connected client. The connection ends with an
            Error.
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
        self._subscriptions.clear()
        self._without_id.clear()
        for queue in self._temporary.values():
            self._exchange.delete(queue)

    # ------------------------------------------------------------------ SEND

    def _send(self, send: Send) -> Iterator[Receipt | Error]:
        self.sends += 1
        flavour = self._flavour
        body = send.body
        pairs = send.headers.items()
        # One dict instead of a search for each name. The first of repeated headers counts (STOMP 1.2, "Repeated
        # Header Entries"), so it is filled from the back.
        headers = dict(reversed(pairs))
        destination = headers.get("destination", "")
        receipt = headers.get("receipt")
        transaction = headers.get("transaction")
        forwarded = forwarded_headers(pairs, len(body), flavour)
        if destination.startswith(_TEMPORARY):
            if flavour.reply_queues:
                yield _unknown_destination(destination, receipt)
                return
            destination = self._temporary_queue(destination)
        reply_to = headers.get("reply-to")
        if reply_to is not None and reply_to.startswith(_TEMPORARY):
            queue = self._temporary_queue(reply_to)
            forwarded = [(name, queue if name == "reply-to" else value) for name, value in forwarded]
        if transaction is not None:
            # RabbitMQ 3.10 confirms a SEND of a transaction after COMMIT, ActiveMQ 5.17 at once.
            waits = flavour.transaction_receipts_wait
            pending = _PendingSend(destination, forwarded, body, receipt if waits else None)
            self._transactions[transaction].sends.append(pending)
            if receipt is not None and not waits:
                yield Receipt(receipt)
        elif receipt is None:
            self._exchange.publish(destination, forwarded, body)
        elif flavour.receipt_first:
            yield Receipt(receipt)
            self._exchange.publish(destination, forwarded, body)
        else:
            self._exchange.publish(destination, forwarded, body)
            yield Receipt(receipt)

    def _temporary_queue(self, name: str) -> str:
        """Return the queue behind the client's ``/temp-queue/x``, created when it is first named."""
        queue = self._temporary.get(name)
        if queue is None:
            queue = f"{self._flavour.temporary_prefix}{self._session}-{len(self._temporary) + 1}"
            self._temporary[name] = queue
            if self._flavour.reply_queues:
                # RabbitMQ 3.10: replies come with `subscription:/temp-queue/x`, without a SUBSCRIBE.
                subscription = self._subscriptions[name] = Subscription(self._receiver, name)
                self._exchange.subscribe(queue, subscription)
            else:
                self.local_names[queue] = name
        return queue

    # ------------------------------------------------------------------ SUBSCRIBE, UNSUBSCRIBE

    def _subscribe(self, subscribe: Subscribe) -> Iterator[Receipt | Error]:
        destination = subscribe.destination
        receipt = subscribe.receipt
        durable = self._durable_name(subscribe)
        if durable is not None and self._exchange.durable_in_use(durable):
            yield _durable_in_use(f"{' '.join(durable)} already has a subscriber\n", receipt)
            return
        if destination.startswith(_TEMPORARY):
            if self._flavour.reply_queues:
                yield _unknown_destination(destination, receipt)
                return
            destination = self._temporary_queue(destination)
        prefetch = _prefetch(subscribe)
        subscription = Subscription(self._receiver, subscribe.id, subscribe.ack, prefetch)
        if subscribe.id is None:
            self._without_id[subscribe.destination] = subscription
        else:
            self._subscriptions[subscribe.id] = subscription
        if receipt is not None:
            # RabbitMQ 3.10 and ActiveMQ 5.17: the RECEIPT comes before the messages that wait.
            yield Receipt(receipt)
        self._exchange.subscribe(destination, subscription, durable)

    def _durable_name(self, event: Subscribe | Unsubscribe) -> tuple[str, ...] | None:
        """Return what names a durable topic subscription, or ``None`` if none is meant."""
        headers = event.headers
        if isinstance(event, Subscribe) and not event.destination.startswith("/topic/"):
            return None
        if self._flavour.durable_by_id:
            durable = headers.get("durable") == "true" and event.id is not None
            return (event.id or "",) if durable else None
        name = headers.get("activemq.subscriptionName")
        return None if name is None or self._client_id is None else (self._client_id, name)

    def _unsubscribe(self, unsubscribe: Unsubscribe) -> Iterator[Receipt | Error]:
        # RabbitMQ 3.10 deletes a durable subscription only if UNSUBSCRIBE repeats `durable:true`; ActiveMQ 5.17 only
        # while it has no subscriber.
        durable = self._durable_name(unsubscribe)
        if durable is not None and not self._flavour.durable_by_id and self._exchange.durable_in_use(durable):
            yield _durable_in_use(
                f"{' '.join(durable)} can only be removed while it has no subscriber\n", unsubscribe.receipt
            )
            return
        if unsubscribe.id is not None:
            subscription = self._subscriptions.pop(unsubscribe.id)
        else:
            subscription = self._without_id.pop(unsubscribe.destination or "")
        self._exchange.unsubscribe(subscription)
        if durable is not None:
            self._exchange.delete_durable(durable)
        if unsubscribe.receipt is not None:
            yield Receipt(unsubscribe.receipt)

    # ------------------------------------------------------------------ ACK, NACK

    def _acknowledge(self, ack: Ack | Nack) -> Iterator[Receipt]:
        # STOMP 1.2 names the `ack` header of the MESSAGE in `id`, earlier versions name its message-id.
        ack_id = (ack.id if self._version == "1.2" else ack.message_id) or ""
        subscription = self._subscription_of(ack_id, ack.subscription)
        covered = subscription.remove_covered(ack_id)
        is_ack = isinstance(ack, Ack)
        # RabbitMQ 3.10: `requeue:false` drops or dead-letters.
        requeue = self._flavour.nack_requeues and ack.headers.get("requeue") != "false"
        transaction = ack.transaction
        if transaction is not None:
            pending = _PendingAck(subscription, covered, is_ack, requeue)
            self._transactions[transaction].acks.append(pending)
        else:
            self._settle(subscription, covered, is_ack, requeue)
        if ack.receipt is not None:
            yield Receipt(ack.receipt)

    def _subscription_of(self, ack_id: str, name: str | None) -> Subscription:
        if name is not None and self._version != "1.2":
            return self._subscriptions[name]
        # The ServerConnection refuses an ACK that names no unacknowledged message.
        return next(
            subscription for subscription in self.subscriptions if ack_id in subscription.unacknowledged
        )

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
        self._transactions[begin.transaction] = _Transaction()
        if begin.receipt is not None:
            yield Receipt(begin.receipt)

    def _commit(self, commit: Commit) -> Iterator[Receipt]:
        transaction = self._transactions.pop(commit.transaction)
        for send in transaction.sends:
            self._exchange.publish(send.destination, send.headers, send.body)
        for ack in transaction.acks:
            self._settle(ack.subscription, ack.covered, ack.is_ack, ack.requeue)
        if commit.receipt is not None:
            yield Receipt(commit.receipt)
        for send in transaction.sends:
            if send.receipt is not None:
                yield Receipt(send.receipt)

    def _abort(self, abort: Abort) -> Iterator[Receipt]:
        self._roll_back(self._transactions.pop(abort.transaction))
        if abort.receipt is not None:
            yield Receipt(abort.receipt)

    def _roll_back(self, transaction: _Transaction) -> None:
        # The last ACK first: each restores its messages before those that are unacknowledged already.
        for ack in reversed(transaction.acks):
            self._exchange.restore(ack.subscription, ack.covered)


def _prefetch(subscribe: Subscribe) -> int | None:
    # RabbitMQ's and ActiveMQ's header for it; 0 is no limit.
    value = subscribe.headers.get("prefetch-count") or subscribe.headers.get("activemq.prefetchSize")
    if value is None or not (value.isascii() and value.isdigit()):
        return None
    return int(value) or None


def _unknown_destination(destination: str, receipt: str | None) -> Error:
    # RabbitMQ 3.10: /temp-queue/ is for reply-to only.
    return Error(
        "Unknown destination", body=f"'{destination}' is not a valid destination\n", receipt_id=receipt
    )


def _durable_in_use(body: str, receipt: str | None) -> Error:
    return Error("Durable consumer is in use", body=body, receipt_id=receipt)


_HANDLERS: dict[type, Callable[[Requests, Any], Iterator[Receipt | Error]]] = {
    Send: Requests._send,
    Subscribe: Requests._subscribe,
    Unsubscribe: Requests._unsubscribe,
    Ack: Requests._acknowledge,
    Nack: Requests._acknowledge,
    Begin: Requests._begin,
    Commit: Requests._commit,
    Abort: Requests._abort,
}
