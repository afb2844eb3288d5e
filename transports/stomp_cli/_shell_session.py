"""The state of the shell: its connection, subscriptions, transaction, and the messages that came."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

import click

from stomp_core import Frame
from stomp_core.protocol import AckMode, Error, Event, Receipt
from stomp_core.protocol import Message as MessageEvent
from stomp_core.session import (
    Delivery,
    Listener,
    Listeners,
    Rejected,
    TransactionInDoubt,
    TransactionLost,
)
from stomp_socket import Connection, Message, StompError, Subscription, Transaction

from ._connecting import Interruptions
from ._message_json import Outgoing
from ._shell_output import ShellOutput
from ._shell_statistics import Statistics

__all__ = ["Seen", "ShellSession"]

_REMEMBERED = 1000  # unacknowledged messages, and names to complete
_WAIT = 0.1  # seconds; Python calls the handler of Ctrl-C between two waits, on every system


class Seen:
    """Destinations and names of headers that were typed or received, for completion."""

    def __init__(self) -> None:
        self.destinations: dict[str, None] = {}
        self.headers: dict[str, None] = {}

    def add(self, destinations: list[str], headers: list[str]) -> None:
        """Remember names; the oldest are forgotten when there are too many."""
        for names, new in ((self.destinations, destinations), (self.headers, headers)):
            for name in new:
                names.pop(name, None)
                names[name] = None
                if len(names) > _REMEMBERED:
                    names.pop(next(iter(names)), None)


class ShellSession:
    """One connection, and what was done with it.

    Args:
        connect: connects, with the listener that it is given.
        output: where messages and remarks go.

    Attributes:
        connection: the connection.
        seen: names for completion.
        statistics: what is counted.
        transaction: the one that SEND, ACK and NACK are part of.
        failure: why a subscription or the connection has ended by itself; the first time.
    """

    def __init__(self, connect: Callable[[Listener], Connection], output: ShellOutput) -> None:
        self._output = output
        self.seen = Seen()
        self.statistics = Statistics()
        self.transaction: Transaction | None = None
        self.failure: Exception | None = None
        self._subscriptions: list[Subscription] = []
        self._unacknowledged: deque[Message] = deque(maxlen=_REMEMBERED)
        self._arrived = threading.Condition()
        self._received = 0
        self._awaited = 0
        self._raw = _RawFrames(output, self._count_message, self._fail)
        self.connection = connect(Listeners(Interruptions(output.remark), self.statistics, self._raw))

    # ------------------------------------------------------------------ subscriptions

    @property
    def subscriptions(self) -> list[Subscription]:
        """The subscriptions, in the order in which they were made."""
        return list(self._subscriptions)

    def subscribe(self, destination: str, ack: AckMode, **options: Any) -> Subscription:
        """Subscribe, and print the messages that come.

        Raises:
            UsageError: there is a subscription to this destination, and this one has no id.
            StompError: as ``Connection.subscribe()`` raises.
        """
        if options.get("id") is None and any(one.destination == destination for one in self._subscriptions):
            raise click.UsageError(f"already subscribed to {destination}; --id makes another subscription")
        self.seen.add([destination], [])
        subscription = self.connection.subscribe(destination, ack=ack, **options)
        self._subscriptions.append(subscription)
        threading.Thread(target=self._read, args=(subscription,), daemon=True).start()
        return subscription

    def unsubscribe(self, name: str) -> Subscription:
        """Unsubscribe.

        Args:
            name: the destination, or the id of the subscription.

        Raises:
            UsageError: there is no such subscription.
            StompError: as ``Subscription.unsubscribe()`` raises.
        """
        for subscription in self._subscriptions:
            if name in (subscription.id, subscription.destination):
                self._subscriptions.remove(subscription)
                subscription.unsubscribe()
                return subscription
        have = ", ".join(one.destination for one in self._subscriptions) or "none"
        raise click.UsageError(f"no subscription {name}; there is {have}")

    def _read(self, subscription: Subscription) -> None:
        """Print the messages of a subscription. Run in a thread of its own."""
        try:
            for message in subscription:
                self.remember(message)
                if subscription.ack != "auto":
                    self._unacknowledged.append(message)
                self._output.message(message)
                self._count_message()
        except (StompError, OSError) as error:
            if subscription in self._subscriptions:
                self._subscriptions.remove(subscription)
            self._fail(error)

    def remember(self, message: Delivery) -> None:
        """Remember the names in a message, for completion."""
        reply_to = message.headers.get("reply-to")
        destinations = [message.destination] if reply_to is None else [message.destination, reply_to]
        self.seen.add(destinations, list(message.headers))

    def _count_message(self) -> None:
        with self._arrived:
            self._received += 1
            self._arrived.notify_all()

    def _fail(self, error: Exception) -> None:
        with self._arrived:
            if self.failure is None:
                self.failure = error
            self._arrived.notify_all()

    def wait(self, count: int, timeout: float) -> None:
        """Wait until so many messages have come, beside those that were waited for already.

        Raises:
            TimeoutError: there were less in time.
            StompError, OSError: a subscription has ended by itself.
        """
        with self._arrived:
            expected = self._awaited + count
            deadline = time.monotonic() + timeout
            while self._received < expected and self.failure is None and time.monotonic() < deadline:
                self._arrived.wait(_WAIT)
            missing = expected - self._received
            self._awaited = min(expected, self._received)
        self.check()
        if missing > 0:
            raise TimeoutError(f"{count - missing} of {count} messages came within {timeout:g} s")

    def wait_until_idle(self, seconds: float) -> None:
        """Wait until no message has come for so long, if there is a subscription."""
        with self._arrived:
            seen = -1
            while self._subscriptions and self.failure is None and seen != self._received:
                seen = self._received
                self._arrived.wait(seconds)
        self.check()

    def check(self) -> None:
        """Raise why something has ended by itself, once."""
        failure, self.failure = self.failure, None
        if failure is not None:
            raise failure

    # ------------------------------------------------------------------ messages

    def send(self, destination: str, message: Outgoing) -> None:
        """Send a message, in the transaction if there is one; otherwise the broker confirms it.

        Raises:
            StompError: as ``Connection.send()`` raises.
        """
        self.seen.add([destination], [name for name, _ in message.headers])
        if self.transaction is not None:
            self._in_transaction(lambda transaction: message.send_by(transaction.send, destination))
        else:
            message.send_by(partial(self.connection.send, receipt=True), destination)

    def acknowledge(self, name: str, subscription: str | None, headers: list[tuple[str, str]]) -> Message:
        """Acknowledge a message, in the transaction if there is one.

        Args:
            name: its id, or ``last``.
            subscription: the id of its subscription, if ids of messages are not unique.
            headers: further headers.

        Returns:
            The message.

        Raises:
            UsageError: there is no such message.
            StompError: as ``Message.ack()`` raises.
        """
        message = self._take_unacknowledged(name, subscription)
        if self.transaction is not None:
            self._in_transaction(lambda transaction: transaction.ack(message, headers=headers))
        else:
            message.ack(headers=headers)
        return message

    def refuse(self, name: str, subscription: str | None, headers: list[tuple[str, str]]) -> Message:
        """Do the same as :meth:`acknowledge`, with NACK: the message was not consumed."""
        message = self._take_unacknowledged(name, subscription)
        if self.transaction is not None:
            self._in_transaction(lambda transaction: transaction.nack(message, headers=headers))
        else:
            message.nack(headers=headers)
        return message

    @property
    def unacknowledged(self) -> list[str]:
        """The ids of the messages that :meth:`acknowledge` knows, the oldest first."""
        return [message.message_id for message in list(self._unacknowledged)]

    def _take_unacknowledged(self, name: str, subscription: str | None) -> Message:
        for message in reversed(list(self._unacknowledged)):
            ids = ("last", message.message_id, message.headers.get("ack"))
            of = message.subscription
            if name in ids and (subscription is None or (of is not None and of.id == subscription)):
                self._unacknowledged.remove(message)
                return message
        raise click.UsageError(
            f"no unacknowledged message {name}: subscribe with client or client-individual, and take the id from its "
            "headers"
        )

    # ------------------------------------------------------------------ transactions

    def begin(self, id: str | None) -> Transaction:
        """Begin a transaction.

        Raises:
            UsageError: there is one.
        """
        if self.transaction is not None:
            raise click.UsageError(f"there is a transaction already: {self.transaction.id}")
        self.transaction = self.connection.begin(id)
        return self.transaction

    def end_transaction(self, *, commit: bool) -> Transaction:
        """Commit or abort the transaction, confirmed by the broker.

        Raises:
            UsageError: there is none.
            StompError: as ``Transaction.commit()`` raises.
        """
        transaction, self.transaction = self.transaction, None
        if transaction is None:
            raise click.UsageError("there is no transaction; begin one with: begin")
        if commit:
            transaction.commit()
        else:
            transaction.abort(receipt=True)
        return transaction

    def _in_transaction(self, do: Callable[[Transaction], object]) -> None:
        assert self.transaction is not None
        try:
            do(self.transaction)
        except (TransactionLost, TransactionInDoubt):
            self.transaction = None
            raise

    # ------------------------------------------------------------------ raw frames

    def send_raw(self, frame: Frame) -> None:
        """Send a frame as it is, and print what the broker answers to it.

        Raises:
            StompError: as ``Connection.send_frame()`` raises.
        """
        self._raw.expect_answers(frame)
        self.connection.send_frame(frame)


class _RawFrames(Listener):
    """Prints what answers a raw frame, which the connection does not track: RECEIPT, and messages of a SUBSCRIBE."""

    def __init__(
        self,
        output: ShellOutput,
        on_message: Callable[[], object],
        on_error: Callable[[Exception], object],
    ) -> None:
        self._output = output
        self._on_message = on_message
        self._on_error = on_error
        self._receipts: set[str] = set()
        self._subscriptions: set[str] = set()

    def expect_answers(self, frame: Frame) -> None:
        """Print the answers to a frame that is about to be sent."""
        if (receipt := frame.headers.get("receipt")) is not None:
            self._receipts.add(receipt)
        subscription = frame.headers.get("id")
        if frame.command == "SUBSCRIBE" and subscription is not None:
            self._subscriptions.add(subscription)

    def frame_received(self, event: Event) -> None:
        if isinstance(event, Receipt) and event.receipt_id in self._receipts:
            self._receipts.discard(event.receipt_id)
            self._output.answer(f"RECEIPT {event.receipt_id}")
        elif isinstance(event, MessageEvent) and event.headers.get("subscription") in self._subscriptions:
            self._output.message(Delivery(event, None, 0))
            self._on_message()

    def error_received(self, error: Error) -> None:
        receipt = error.frame.headers.get("receipt-id")
        if receipt in self._receipts:
            self._receipts.discard(receipt)
            reason = error.frame.headers.get("message") or error.frame.body.decode(errors="replace")
            self._on_error(Rejected(f"the broker rejected raw frame {receipt!r}: {reason}", error))
