"""Peer: one client's connection as a broker sees it, between a ServerConnection and the exchange. No I/O.

Bytes come in by ``receive_data``; what is to be written gathers in ``output`` until the server takes it. The rules
of STOMP are kept by the ServerConnection, those of queues by the exchange; what is left is to tell one what the other
said.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

from stomp_core import (
    NEED_DATA,
    Abort,
    Ack,
    Begin,
    Commit,
    Connect,
    Connected,
    ConnectionClosed,
    Disconnect,
    Error,
    Nack,
    Receipt,
    RemoteProtocolError,
    Send,
    ServerConnection,
    StompError,
    Subscribe,
    Unsubscribe,
)

from .delivery import passed_on, write_message
from .exchange import Exchange
from .queues import Item, Subscription
from .settings import Settings
from .transaction import Transaction

__all__ = ["Peer"]

_TEMPORARY = "/temp-queue/"


class Peer:
    """One client.

    Args:
        exchange: the destinations that it shares with others.
        settings: the broker's.
        session: names this connection.
        touched: called with this peer when there is something to write, or when it has ended.
        now: seconds of any monotonic clock.

    Attributes:
        congested: what was written is not being read; no message is delivered until that changes.
        closing: nothing more is read; close once the output is written.
        published: how many SENDs came in.
    """

    def __init__(
        self,
        exchange: Exchange,
        settings: Settings,
        session: str,
        touched: Callable[[Peer], None],
        now: float,
    ) -> None:
        flavour = settings.flavour
        self._exchange = exchange
        self._settings = settings
        self._flavour = flavour
        self._touched = touched
        self._now = now
        self._connection = ServerConnection(
            settings.versions,
            limits=settings.limits,
            leniency=settings.leniency,
            unsolicited_messages=flavour.reply_queues,
            heart_beat_pace=flavour.heart_beat_pace,
            heart_beat_tolerance=flavour.heart_beat_tolerance,
        )
        self._numbers = count(1)
        self._subscriptions: dict[str, Subscription] = {}
        self._without_id: dict[str, Subscription] = {}
        self._transactions: dict[str, Transaction] = {}
        self._temporary: dict[str, str] = {}  # from the client's own name to the queue
        self._own_names: dict[str, str] = {}  # and back
        self._held_receipts: list[str] = []
        self._connect_due = now + settings.connect_timeout
        self._waiting_connect: Connect | None = None
        self._unheard = 0  # bytes behind a CONNECT that is not answered yet
        self._output: list[bytes] = []
        self._size = 0
        self._dirty = False
        self._ended = False
        self.session = session
        self.login: str | None = None
        self.client_id: str | None = None
        self.congested = False
        self.closing = False
        self.published = 0

    @property
    def version(self) -> str | None:
        """What was negotiated; ``None`` before."""
        return self._connection.version

    @property
    def connected(self) -> bool:
        """Whether CONNECTED was sent and nothing has ended since."""
        return self._connection.state.value == "connected" and not self.closing

    @property
    def deaf(self) -> bool:
        """Whether so much waits behind an unanswered CONNECT that no more should be read."""
        return self._waiting_connect is not None and self._unheard > self._settings.high_water

    @property
    def subscriptions(self) -> list[Subscription]:
        """Those that live."""
        return [*self._subscriptions.values(), *self._without_id.values()]

    # ------------------------------------------------------------------ bytes and time

    def receive_data(self, data: bytes, now: float) -> None:
        """Take bytes from the client; ``b""`` means that it has closed."""
        if self.closing:
            return
        self._now = now
        if self._waiting_connect is not None:
            self._unheard += len(data)
        self._connection.receive_data(data, now)
        self._read()

    def take_output(self) -> bytes:
        """What has to be written now."""
        wire = b"".join(self._output)
        self._output.clear()
        self._size = 0
        self._dirty = False
        return wire

    def relieve(self, transport_full: bool) -> None:
        """Say how the transport is after it was written to: what waits for this client is delivered, or waits on."""
        if not transport_full and self.congested and self._size < self._settings.high_water:
            self.congested = False
            for subscription in self.subscriptions:
                if subscription.queue is not None:
                    subscription.queue.wake(subscription)
                if self.congested:
                    return
        elif transport_full:
            self.congested = True

    def next_deadline(self) -> float | None:
        """When :meth:`handle_timeout` must be called at the latest; ``None`` is never."""
        if self.closing:
            return None
        if self.version is None or self._waiting_connect is not None:
            return None if self._settings.misbehaviour.silent else self._connect_due
        return self._connection.next_deadline()

    def handle_timeout(self, now: float) -> None:
        """Beat, declare the client dead, give up the wait for CONNECT, or answer it late: whatever is due."""
        self._now = now
        if self.closing:
            return
        if self.version is None or self._waiting_connect is not None:
            if now < self._connect_due or self._settings.misbehaviour.silent:
                return
            if self._waiting_connect is None:
                self.end()
            else:
                self._answer_connect()
                self._read()
            return
        beat = self._connection.handle_timeout(now)
        if beat:
            self._write(beat)
        else:
            self._read()

    def pause_reading(self, now: float) -> None:
        """Nobody reads what the client says for now, so its silence proves nothing."""
        self._connection.pause_reading(now)

    def resume_reading(self, now: float) -> None:
        """Somebody reads again."""
        self._connection.resume_reading(now)

    # ------------------------------------------------------------------ what the broker does to it

    def say_error(self, message: str, body: str = "", *, close: bool = True) -> None:
        """Send an ERROR that the client did not ask for."""
        if not self.closing:
            self._error(message, body, close=close)

    def release_receipts(self) -> None:
        """Send what was held back."""
        held, self._held_receipts = self._held_receipts, []
        for receipt in held:
            self._receipt(receipt)

    def reconsider_connect(self, now: float) -> None:
        """Answer a CONNECT that waits only because the broker was silent."""
        self._now = now
        if self._waiting_connect is not None and now >= self._connect_due:
            self._answer_connect()
            self._read()

    def end(self) -> None:
        """The connection is over: what it had is given back."""
        self.closing = True
        if not self._ended:
            self._ended = True
            self.congested = True
            for transaction in self._transactions.values():
                self._abort(transaction)
            self._transactions.clear()
            for subscription in self.subscriptions:
                self._exchange.unsubscribe(subscription)
            self._subscriptions.clear()
            self._without_id.clear()
            for queue in self._temporary.values():
                self._exchange.delete(queue)
        self._touch()

    def deliver(self, subscription: Subscription, item: Item) -> str:
        """Write a MESSAGE; returns what an ACK will name."""
        version = self._connection.version
        number = next(self._numbers)
        if self._flavour.message_id_is_ack:
            message_id = ack_id = f"T_{subscription.id}@@{self.session}@@{number}"
        else:
            message_id = f"ID-{self.session}-{item.order}"
            ack_id = f"ID-{self.session}-ack-{number}" if version == "1.2" else message_id
        destination = item.destination
        pairs = [] if subscription.id is None else [("subscription", subscription.id)]
        pairs.append(("message-id", message_id))
        pairs.append(("destination", self._own_names.get(destination, destination)))
        if version == "1.2" and subscription.ack != "auto":
            pairs.append(("ack", ack_id))
        if item.deliveries:
            pairs.append(("redelivered", "true"))
        wire = write_message(self._connection, pairs, item.headers, item.body, self._flavour, self._now)
        self._write(wire)
        return ack_id

    # ------------------------------------------------------------------ reading

    def _read(self) -> None:
        connection, handlers = self._connection, _HANDLERS
        while not self.closing:
            try:
                event = connection.next_event()
            except RemoteProtocolError as error:
                hint = error.frame_hint
                assert hint is not None
                self._write(connection.send(hint, now=self._now))
                self.end()
                return
            if event is NEED_DATA:
                return
            handler = handlers.get(type(event))
            if handler is not None:
                handler(self, event)

    def _closed(self, event: ConnectionClosed) -> None:
        self.end()

    def _connect(self, connect: Connect) -> None:
        self._waiting_connect = connect
        misbehaviour = self._settings.misbehaviour
        self._connect_due = self._now + misbehaviour.connect_delay
        if not misbehaviour.silent and not misbehaviour.connect_delay:
            self._answer_connect()
        else:
            self._touch()

    def _answer_connect(self) -> None:
        connect, self._waiting_connect = self._waiting_connect, None
        assert connect is not None
        settings = self._settings
        users = settings.users
        if users is not None and (
            connect.login not in users or users[connect.login or ""] != connect.passcode
        ):
            self._error(self._flavour.refusal, f"Access refused for user '{connect.login or ''}'\n")
            return
        if settings.vhosts is not None and connect.host not in settings.vhosts:
            detail = f"Virtual host '{connect.host or ''}' access denied\n"
            self._error(self._flavour.refusal, detail)
            return
        self.login = connect.login
        self.client_id = connect.headers.get("client-id")
        heart_beat = settings.heart_beat
        if heart_beat is None:
            # As both brokers do: whatever the client asks for.
            can_send, would_like = connect.heart_beat
            heart_beat = (would_like, can_send)
        connected = Connected(session=self.session, server=settings.server, heart_beat=heart_beat)
        self._write(self._connection.send(connected, now=self._now))

    def _send(self, send: Send) -> None:
        self.published += 1
        headers = send.headers
        destination = send.destination
        receipt = headers.get("receipt")
        transaction = headers.get("transaction")
        pairs = passed_on(send, self._flavour)
        body = send.body
        if destination.startswith(_TEMPORARY):
            if self._flavour.reply_queues:
                self._error("Unknown destination", f"'{destination}' is not a valid destination\n", receipt)
                return
            destination = self._temporary_queue(destination)
        reply_to = headers.get("reply-to")
        if reply_to is not None and reply_to.startswith(_TEMPORARY):
            queue = self._temporary_queue(reply_to)
            pairs = [(name, queue if name == "reply-to" else value) for name, value in pairs]
        if transaction is not None:
            waits = self._flavour.transaction_receipts_wait
            self._transactions[transaction].send(destination, pairs, body, receipt if waits else None)
            if not waits:
                self._receipt(receipt)
            return
        if self._flavour.receipt_first:
            self._receipt(receipt)
            self._exchange.publish(destination, pairs, body)
        else:
            self._exchange.publish(destination, pairs, body)
            self._receipt(receipt)

    def _temporary_queue(self, name: str) -> str:
        """The queue behind the client's ``/temp-queue/x``, which is made when it is first spoken of."""
        queue = self._temporary.get(name)
        if queue is None:
            queue = f"{self._flavour.temporary_prefix}{self.session}-{len(self._temporary) + 1}"
            self._temporary[name] = queue
            if self._flavour.reply_queues:
                subscription = self._subscriptions[name] = Subscription(self, name)
                self._exchange.subscribe(queue, subscription)
            else:
                self._own_names[queue] = name
        return queue

    def _subscribe(self, subscribe: Subscribe) -> None:
        destination = subscribe.destination
        receipt = subscribe.receipt
        durable = self._durable_name(subscribe)
        if durable is not None and self._exchange.in_use(durable):
            self._error("Durable consumer is in use", f"{' '.join(durable)} is subscribed already\n", receipt)
            return
        if destination.startswith(_TEMPORARY):
            if self._flavour.reply_queues:
                self._error("Unknown destination", f"'{destination}' is not a valid destination\n", receipt)
                return
            destination = self._temporary_queue(destination)
        subscription = Subscription(self, subscribe.id, subscribe.ack, _credit(subscribe))
        if subscribe.id is None:
            self._without_id[subscribe.destination] = subscription
        else:
            self._subscriptions[subscribe.id] = subscription
        self._receipt(receipt)
        self._exchange.subscribe(destination, subscription, durable)

    def _durable_name(self, event: Subscribe | Unsubscribe) -> tuple[str, ...] | None:
        """What names a durable topic subscription, each broker in its own way."""
        headers = event.headers
        if isinstance(event, Subscribe) and not event.destination.startswith("/topic/"):
            return None
        if self._flavour.reply_queues:
            durable = headers.get("durable") == "true" and event.id is not None
            return (event.id or "",) if durable else None
        name = headers.get("activemq.subscriptionName")
        return None if name is None or self.client_id is None else (self.client_id, name)

    def _unsubscribe(self, unsubscribe: Unsubscribe) -> None:
        durable = self._durable_name(unsubscribe)
        if durable is not None and not self._flavour.reply_queues and self._exchange.in_use(durable):
            self._error(
                "Durable consumer is in use",
                f"{' '.join(durable)} can be removed while inactive\n",
                unsubscribe.receipt,
            )
            return
        if unsubscribe.id is not None:
            subscription = self._subscriptions.pop(unsubscribe.id)
        else:
            subscription = self._without_id.pop(unsubscribe.destination or "")
        self._exchange.unsubscribe(subscription)
        if durable is not None:
            self._exchange.forget_durable(durable)
        self._receipt(unsubscribe.receipt)

    def _acknowledge(self, ack: Ack | Nack) -> None:
        ack_id = (ack.id if self._connection.version == "1.2" else ack.message_id) or ""
        subscription = self._subscription_of(ack_id, ack.subscription)
        taken = subscription.take(ack_id)
        accepted = isinstance(ack, Ack)
        requeue = self._flavour.nack_requeues and ack.headers.get("requeue") != "false"
        transaction = ack.transaction
        if transaction is not None:
            self._transactions[transaction].settle(subscription, taken, accepted, requeue)
        else:
            self._settle(subscription, list(taken.values()), accepted, requeue)
        self._receipt(ack.receipt)

    def _subscription_of(self, ack_id: str, name: str | None) -> Subscription:
        if name is not None and self._connection.version != "1.2":
            return self._subscriptions[name]
        # The ServerConnection has seen to it that there is one.
        return next(
            subscription for subscription in self.subscriptions if ack_id in subscription.unacknowledged
        )

    def _settle(self, subscription: Subscription, items: list[Item], accepted: bool, requeue: bool) -> None:
        if accepted:
            self._exchange.accept(subscription, items)
        else:
            self._exchange.refuse(subscription, items, self._now, requeue=requeue)

    # ------------------------------------------------------------------ transactions

    def _begin(self, begin: Begin) -> None:
        self._transactions[begin.transaction] = Transaction()
        self._receipt(begin.receipt)

    def _commit(self, commit: Commit) -> None:
        transaction = self._transactions.pop(commit.transaction)
        for sent in transaction.sent:
            self._exchange.publish(sent.destination, sent.headers, sent.body)
        for settled in transaction.settled:
            items = list(settled.items.values())
            self._settle(settled.subscription, items, settled.accepted, settled.requeue)
        self._receipt(commit.receipt)
        for sent in transaction.sent:
            self._receipt(sent.receipt)

    def _abort_frame(self, abort: Abort) -> None:
        self._abort(self._transactions.pop(abort.transaction))
        self._receipt(abort.receipt)

    def _abort(self, transaction: Transaction) -> None:
        for settled in reversed(transaction.settled):
            if settled.subscription.active:
                settled.subscription.give_back(settled.items)
            else:
                self._exchange.put_back(settled.subscription, list(settled.items.values()))

    # ------------------------------------------------------------------ the end, and what is said

    def _disconnect(self, disconnect: Disconnect) -> None:
        self._receipt(disconnect.receipt)
        self.end()

    def _receipt(self, receipt: str | None) -> None:
        if receipt is None:
            return
        if self._settings.misbehaviour.hold_receipts:
            self._held_receipts.append(receipt)
        else:
            self._write(self._connection.send(Receipt(receipt), now=self._now))

    def _error(self, message: str, body: str, receipt: str | None = None, *, close: bool = True) -> None:
        try:
            error = Error(message, body=body, receipt_id=receipt)
            self._write(self._connection.send(error, now=self._now))
        except StompError:
            # Before a version is agreed, or after an ERROR, there is nothing that can be said.
            pass
        if close:
            self.end()

    def _write(self, wire: bytes) -> None:
        self._output.append(wire)
        self._size += len(wire)
        if self._size >= self._settings.high_water:
            self.congested = True
        self._touch()

    def _touch(self) -> None:
        if not self._dirty:
            self._dirty = True
            self._touched(self)


def _credit(subscribe: Subscribe) -> int | None:
    value = subscribe.headers.get("prefetch-count") or subscribe.headers.get("activemq.prefetchSize")
    if value is None or not (value.isascii() and value.isdigit()):
        return None
    return int(value) or None


_HANDLERS: dict[type, Callable[[Peer, Any], None]] = {
    ConnectionClosed: Peer._closed,
    Connect: Peer._connect,
    Send: Peer._send,
    Subscribe: Peer._subscribe,
    Unsubscribe: Peer._unsubscribe,
    Ack: Peer._acknowledge,
    Nack: Peer._acknowledge,
    Begin: Peer._begin,
    Commit: Peer._commit,
    Abort: Peer._abort_frame,
    Disconnect: Peer._disconnect,
}
