"""A state machine of hypothesis for programs that stand on :class:`stomp_core.Session`: adapters, policies, wrappers.

:class:`SessionMachine` does what a program, an adapter and a broker may do, in any order, and checks what always holds.
Derive from it, add rules with :func:`hypothesis.stateful.rule` and invariants, and override its hooks::

    class MyPolicy(SessionMachine):
        def make_session(self) -> Session:
            return Session("stomp://a,stomp://b", rng=random.Random(0))

        @rule()
        def send_twice(self) -> None:
            self.send(receipt=True)
            self.send(receipt=True)

    TestMyPolicy = MyPolicy.TestCase
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, TypeVar

try:
    from hypothesis import strategies as st
    from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
except ModuleNotFoundError as _error:
    if _error.name != "hypothesis":
        raise
    raise ModuleNotFoundError(
        "stomp_testing.stateful needs hypothesis: pip install stomp-core[testing]", name="hypothesis"
    ) from None

from stomp_core import (
    AckMode,
    Connected,
    Error,
    Event,
    Message,
    Receipt,
    Send,
    ServerConnection,
    Session,
    StompError,
    Subscribe,
    Unsubscribe,
)
from stomp_core.session import (
    Config,
    Delivery,
    Pending,
    Reconnect,
    SessionState,
    Subscription,
    Transaction,
)

from ._session_world import SessionWorld

__all__ = ["SessionMachine"]

T = TypeVar("T")


class SessionMachine(RuleBasedStateMachine):
    """Random histories of one session: operations, answers in any order, lost connections, and time as a number.

    What always holds: no message is sent twice, and messages are sent in the order of the calls; nothing is confirmed
    that the broker has not confirmed; messages are received in order, and none is lost while its connection lives; the
    buffers are bounded; and in the end every handle has an outcome.

    Attributes:
        world: the session, the broker and the clock.
        pendings: the outcome of each operation that was not refused at once.
        subscriptions: the subscriptions that were made.
        transactions: the transactions that were begun.
        deliveries: the messages that were taken.
    """

    def __init__(self) -> None:
        super().__init__()
        self.world: SessionWorld = SessionWorld(self.make_session())
        self.pendings: list[Pending[Any]] = [self.world.session.opened]
        self.subscriptions: list[Subscription] = []
        self.transactions: list[Transaction] = []
        self.deliveries: list[Delivery] = []
        self._sent = 0  # messages so far; the body of each is its number
        self._confirmable: dict[int, Pending[Any]] = {}  # messages that ask for a receipt
        self._received: list[int] = []  # by the broker
        self._open_receipts: dict[str, int | None] = {}  # of this connection, with the message
        self._confirmed: set[int] = set()
        self._live: dict[str, str] = {}  # subscriptions that the broker knows: id, destination
        self._delivered = 0
        self._in_flight: dict[
            str, list[int]
        ] = {}  # delivered on this connection and not taken, by subscription
        self._taken: dict[str, list[int]] = {}

    # ------------------------------------------------------------------ hooks

    def make_session(self) -> Session:
        """Return the session to test. Its ``rng`` must be seeded, so that a history can be repeated."""
        config = Config(
            "stomp://a,stomp://b",
            heart_beat=(0, 0),
            reconnect=Reconnect(rounds=None),
            receipt_timeout=30.0,
            buffer_size=10_000,
        )
        return Session(config, rng=random.Random(0))

    def make_broker(self, version: str) -> ServerConnection:
        """Return the broker's side of a new connection.

        Args:
            version: the version of STOMP that it is to speak.
        """
        return ServerConnection([version])

    def on_delivery(self, delivery: Delivery) -> None:
        """Do something with a message that was taken. By default it can be acknowledged later, or never.

        Args:
            delivery: the message.
        """

    # ------------------------------------------------------------------ for rules

    @property
    def session(self) -> Session:
        """The session."""
        return self.world.session

    def call(
        self, operation: Callable[..., Pending[T]], *arguments: Any, **options: Any
    ) -> Pending[T] | None:
        """Call an operation of the session at the present time; its outcome is checked in the end.

        Args:
            operation: a method of the session or of one of its handles.
            arguments: its arguments after ``now``.
            options: its keyword arguments.

        Returns:
            Its outcome; ``None`` if it was refused at once, which is allowed.
        """
        try:
            pending = operation(self.world.now, *arguments, **options)
        except StompError:
            return None
        self.pendings.append(pending)
        return pending

    def write(self) -> None:
        """Let the broker receive what the session has to send."""
        for event in self.world.write():
            self._note(event)

    def _note(self, event: Event) -> None:
        number = None
        if isinstance(event, Send) and event.destination == "/queue/sent":
            number = int(event.body)
            self._received.append(number)
        elif isinstance(event, Subscribe) and event.id is not None:
            self._live[event.id] = event.destination
        elif isinstance(event, Unsubscribe) and event.id is not None:
            self._live.pop(event.id, None)
            self._in_flight.pop(event.id, None)
        receipt = event.headers.get("receipt")
        if receipt is not None:
            assert receipt not in self._open_receipts, f"receipt {receipt!r} was asked for twice"
            self._open_receipts[receipt] = number

    def _forget_connection(self) -> None:
        self._open_receipts.clear()
        self._live.clear()
        self._in_flight.clear()

    def _is_connected(self) -> bool:
        return self.world.is_connected

    # ------------------------------------------------------------------ the network and the time

    @precondition(lambda self: self.world.can_connect)
    @rule(version=st.sampled_from(["1.2", "1.1", "1.0"]))
    def connect(self, version: str) -> None:
        """Let the session dial, and the broker accept."""
        self._forget_connection()
        self.world.connect(self.make_broker(version), Connected(version=version))
        self.write()

    @precondition(lambda self: self.world.broker is not None)
    @rule()
    def lose_connection(self) -> None:
        """Cut the connection."""
        self._forget_connection()
        self.world.lose(ConnectionResetError("cut"))

    @rule(seconds=st.sampled_from([0.0, 1.0, 40.0]))
    def wait(self, seconds: float) -> None:
        """Let time pass.

        Args:
            seconds: how many seconds.
        """
        self.world.wait(seconds)

    @rule()
    def write_now(self) -> None:
        """Let the socket take everything."""
        self.write()

    # ------------------------------------------------------------------ the program

    @rule(receipt=st.booleans())
    def send(self, receipt: bool) -> None:
        """Send a message."""
        self._sent += 1
        pending = self.call(self.session.send, "/queue/sent", str(self._sent), receipt=receipt)
        if pending is not None and receipt:
            self._confirmable[self._sent] = pending

    @rule(ack=st.sampled_from(["auto", "client", "client-individual"]))
    def subscribe(self, ack: AckMode) -> None:
        """Subscribe."""
        pending = self.call(self.session.subscribe, "/queue/received", ack=ack)
        if pending is not None:
            pending.add_done_callback(lambda: self._subscribed(pending))

    def _subscribed(self, pending: Pending[Subscription]) -> None:
        if pending.exception() is None:
            self.subscriptions.append(pending.result())

    @precondition(lambda self: self.subscriptions)
    @rule(data=st.data())
    def unsubscribe(self, data: st.DataObject) -> None:
        """End a subscription."""
        subscription = data.draw(st.sampled_from(self.subscriptions))
        self.subscriptions.remove(subscription)
        self._in_flight.pop(subscription.id, None)
        self.call(subscription.unsubscribe)

    @precondition(lambda self: self.subscriptions)
    @rule(data=st.data())
    def take(self, data: st.DataObject) -> None:
        """Take the next message of a subscription."""
        self.take_from(data.draw(st.sampled_from(self.subscriptions)))

    def take_from(self, subscription: Subscription) -> Delivery | None:
        """Take the next message of a subscription, and check that none is lost or comes twice.

        Args:
            subscription: the subscription.

        Returns:
            The message; ``None`` if there is none, or the subscription has ended.
        """
        try:
            delivery = subscription.take()
        except StompError:
            return None
        if delivery is not None:
            number = int(delivery.body)
            taken = self._taken.setdefault(subscription.id, [])
            assert not taken or taken[-1] < number, f"message {number} came again, or out of order: {taken}"
            taken.append(number)
            waiting = self._in_flight.get(subscription.id, [])
            if number in waiting:
                assert waiting[0] == number, f"message {waiting[0]} was lost"
                waiting.pop(0)
            self.deliveries.append(delivery)
            self.on_delivery(delivery)
        return delivery

    @precondition(lambda self: self.deliveries)
    @rule(data=st.data(), negative=st.booleans(), receipt=st.booleans())
    def acknowledge(self, data: st.DataObject, negative: bool, receipt: bool) -> None:
        """Acknowledge a message; this is refused if it was acknowledged, or its connection is lost."""
        delivery = data.draw(st.sampled_from(self.deliveries))
        self.call(self.session.nack if negative else self.session.ack, delivery, receipt=receipt)

    @rule()
    def begin(self) -> None:
        """Begin a transaction."""
        pending = self.call(self.session.begin)
        if pending is not None and pending.done and pending.exception() is None:
            self.transactions.append(pending.result())

    @precondition(lambda self: self.transactions)
    @rule(data=st.data(), action=st.sampled_from(["send", "commit", "abort"]))
    def use_transaction(self, data: st.DataObject, action: str) -> None:
        """Send in a transaction, or end it."""
        transaction = data.draw(st.sampled_from(self.transactions))
        if action == "send":
            self.call(transaction.send, "/queue/other", b"x")
        else:
            self.transactions.remove(transaction)
            self.call(transaction.commit if action == "commit" else transaction.abort)

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        """Let the caller of an operation no longer wait."""
        waiting = [pending for pending in self.pendings[1:] if not pending.done]
        if waiting:
            data.draw(st.sampled_from(waiting)).cancel(self.world.now)

    # ------------------------------------------------------------------ the broker

    @precondition(lambda self: self._is_connected() and self._open_receipts)
    @rule(data=st.data())
    def confirm(self, data: st.DataObject) -> None:
        """Let the broker send a RECEIPT, not always in the order of the requests."""
        receipt = data.draw(st.sampled_from(list(self._open_receipts)))
        number = self._open_receipts.pop(receipt)
        if number is not None:
            self._confirmed.add(number)
        self.world.receive(Receipt(receipt))
        self.write()

    @precondition(lambda self: self._is_connected() and self._live)
    @rule(data=st.data(), size=st.sampled_from([0, 3000]))
    def deliver(self, data: st.DataObject, size: int) -> None:
        """Let the broker send a MESSAGE, if the session reads."""
        subscription = data.draw(st.sampled_from(list(self._live)))
        if not self.session.want_read:
            return
        self._delivered += 1
        number = self._delivered
        # Leading zeros make the body large.
        body = str(number).zfill(size).encode()
        ack = f"ack-{number}" if self.session.version == "1.2" else None
        message = Message(
            self._live[subscription],
            body=body,
            message_id=f"message-{number}",
            subscription=subscription,
            ack=ack,
        )
        if any(entry.id == subscription for entry in self.subscriptions):
            self._in_flight.setdefault(subscription, []).append(number)
        self.world.receive(message)

    @precondition(lambda self: self._is_connected())
    @rule()
    def refuse(self) -> None:
        """Let the broker send ERROR, which ends the connection."""
        self.world.receive(Error("no"))
        self._forget_connection()

    # ------------------------------------------------------------------ what always holds

    @invariant()
    def messages_are_sent_once_and_in_order(self) -> None:
        """Check that nothing is sent again that was in flight when a connection was lost."""
        assert self._received == sorted(set(self._received)), f"sent: {self._received}"

    @invariant()
    def nothing_is_confirmed_without_a_receipt(self) -> None:
        """Check that a send with a receipt succeeds only by its RECEIPT."""
        for number, pending in self._confirmable.items():
            if pending.done and pending.exception() is None:
                assert number in self._confirmed, f"message {number} was not confirmed"

    @invariant()
    def reading_stops_only_when_the_buffer_is_full(self) -> None:
        """Check that no more is buffered than :attr:`stomp_core.Session.want_read` states.

        While a receipt is awaited, reading goes on up to four times the limit. The last message comes on top.
        """
        session = self.session
        limit = session.config.buffer_size
        assert session.want_read or session.buffered_size * 2 > limit
        assert session.buffered_size <= 4 * limit + 10_000

    @invariant()
    def no_deadline_has_passed(self) -> None:
        """Check that ``handle_timeout`` is not due again at once."""
        self.session.handle_timeout(self.world.now)
        deadline = self.session.next_deadline()
        assert deadline is None or deadline > self.world.now

    def teardown(self) -> None:
        """Take what was delivered, close the session, and check that every handle has an outcome."""
        for subscription in self.subscriptions:
            while self.take_from(subscription) is not None:
                pass
            if self.session.state is SessionState.CONNECTED and not subscription.ended:
                lost = self._in_flight.get(subscription.id)
                assert not lost, f"messages {lost} were lost"
        self.pendings.append(self.session.close(self.world.now))
        self.world.wait(60.0)
        assert self.session.closed
        for pending in self.pendings:
            assert pending.done, f"{pending!r} has no outcome"
            error = pending.exception()
            assert error is None or isinstance(error, StompError), f"{pending!r} failed with {error!r}"
        self.nothing_is_confirmed_without_a_receipt()
