"""Random histories: operations, answers in any order, losses and jumps of the clock, and what holds in all of them.

* Every Pending ends, at the latest when the session is closed and its time is over.
* Nothing is confirmed that the broker did not confirm, on the connection that it was sent on.
* No message is sent twice, and messages are sent in the order of the calls.
* What the session sends is STOMP: the broker's side is strict.
* Reading stops only when the buffer is full, and handle_timeout() is never due again at once.
"""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from stomp_core import ProtocolError, StompError
from stomp_core.session import (
    Pending,
    Reconnect,
    SessionState,
    StaleMessageError,
    Subscription,
    SubscriptionState,
    Transaction,
    TransactionState,
)

from .play import Play

Key = tuple[int, str]  # the connection, and a receipt that was asked for on it


class RandomHistories(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.play = Play()
        self.pendings: list[Pending[Any]] = []
        self.sent: dict[bytes, Pending[None]] = {}  # confirmed sends, by body
        self.asked: dict[bytes, Key] = {}  # where a body was received, and its receipt
        self.received_bodies: list[int] = []
        self.outstanding: list[Key] = []
        self.confirmed: set[Key] = set()
        self.commits: dict[str, Transaction] = {}
        self.committed: dict[str, Key] = {}
        self.live: list[str] = []  # subscriptions that the broker knows, by id
        self.subscribing: list[Pending[Subscription]] = []
        self.beginning: list[Pending[Transaction]] = []
        self.deliveries: list[Any] = []
        self.readies: list[Pending[None]] = []
        self.count = 0
        self.message = 0

    @initialize(
        version=st.sampled_from(["1.0", "1.1", "1.2"]),
        server=st.sampled_from(["RabbitMQ/3", "ActiveMQ/5", None]),
        beats=st.sampled_from([(0, 0), (10_000, 10_000)]),
        rounds=st.sampled_from([None, 0, 2]),
        tap=st.booleans(),
        at_once=st.booleans(),
    )
    def start(
        self,
        version: str,
        server: str | None,
        beats: tuple[int, int],
        rounds: int | None,
        tap: bool,
        at_once: bool,
    ) -> None:
        self.play = Play(
            "stomp://a,stomp://b",
            version=version,
            server=server,
            beats=beats,
            heart_beat=(10, 10),
            reconnect=Reconnect(rounds=rounds, first_rounds=3),
            receipt_timeout=30.0,
            buffer_size=10_000,
            tap=tap,
        )
        self.pendings.append(self.play.session.opened)
        if at_once:
            self.connect()

    def is_connected(self) -> bool:
        return self.play.broker is not None and self.play.session.connected is not None

    # ---------------------------------------------------------------- what a program does

    def call(self, operation: Any, *arguments: Any, **options: Any) -> Any:
        try:
            pending = operation(self.play.now, *arguments, **options)
        except StompError:
            return None  # refused; that is an outcome
        self.pendings.append(pending)
        return pending

    def next_body(self, size: int = 0) -> bytes:
        self.count += 1
        return b"%d;" % self.count + bytes(size)

    @rule(
        receipt=st.booleans(), size=st.sampled_from([0, 0, 0, 600_000]), timeout=st.sampled_from([None, 1.0])
    )
    def send(self, receipt: bool, size: int, timeout: float | None) -> None:
        body = self.next_body(size)
        pending = self.call(self.play.session.send, "/q", body, receipt=receipt, timeout=timeout)
        if pending is not None and receipt:
            self.sent[body] = pending

    @rule(
        ack=st.sampled_from(["auto", "client", "client-individual"]),
        receipt=st.booleans(),
        timeout=st.sampled_from([None, 1.0]),
    )
    def subscribe(self, ack: Any, receipt: bool, timeout: float | None) -> None:
        pending = self.call(self.play.session.subscribe, "/q", ack=ack, receipt=receipt, timeout=timeout)
        if pending is not None:
            self.subscribing.append(pending)

    def subscription(self, data: st.DataObject) -> Subscription | None:
        ready = [entry.result() for entry in self.subscribing if entry.done and entry.exception() is None]
        return data.draw(st.sampled_from(ready)) if ready else None

    @rule(data=st.data(), receipt=st.booleans())
    def unsubscribe(self, data: st.DataObject, receipt: bool) -> None:
        subscription = self.subscription(data)
        if subscription is not None:
            self.call(subscription.unsubscribe, receipt=receipt)

    @rule(data=st.data())
    def take(self, data: st.DataObject) -> None:
        subscription = self.subscription(data)
        if subscription is None:
            return
        self.readies.append(subscription.ready())
        try:
            delivery = subscription.take()
        except StompError:
            assert subscription.state is SubscriptionState.GONE
            return
        if delivery is not None:
            self.deliveries.append(delivery)

    @rule()
    def take_from_the_tap(self) -> None:
        tap = self.play.session.tap
        if tap is not None:
            self.readies.append(tap.ready())
            while tap.take() is not None:
                pass

    @precondition(lambda self: self.deliveries)
    @rule(data=st.data(), receipt=st.booleans(), command=st.sampled_from(["ack", "nack"]))
    def acknowledge(self, data: st.DataObject, receipt: bool, command: str) -> None:
        delivery = data.draw(st.sampled_from(self.deliveries))
        session = self.play.session
        try:
            self.pendings.append(getattr(session, command)(self.play.now, delivery, receipt=receipt))
        except StaleMessageError:
            assert delivery.connection_number != session.connection_number or session.connected is None
        except StompError:
            pass

    @rule()
    def begin(self) -> None:
        pending = self.call(self.play.session.begin)
        if pending is not None:
            self.beginning.append(pending)

    @rule(data=st.data(), end=st.sampled_from(["send", "commit", "abort"]), receipt=st.booleans())
    def use_a_transaction(self, data: st.DataObject, end: str, receipt: bool) -> None:
        begun = [entry.result() for entry in self.beginning if entry.done and entry.exception() is None]
        if not begun:
            return
        transaction = data.draw(st.sampled_from(begun))
        was = transaction.state
        if end == "send":
            self.call(transaction.send, "/tx", b"x")
        elif self.call(getattr(transaction, end), receipt=receipt) is not None:
            assert was in (TransactionState.OPEN, TransactionState.LOST)
            if end == "commit" and receipt:
                self.commits[transaction.id] = transaction

    @rule()
    def request(self) -> None:
        self.call(self.play.session.request, "/rpc")

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        waiting = [pending for pending in self.pendings if not pending.done]
        if waiting:
            data.draw(st.sampled_from(waiting)).cancel(self.play.now)

    @precondition(lambda self: self.count > 8)
    @rule(timeout=st.sampled_from([None, 0.5]))
    def close(self, timeout: float | None) -> None:
        self.pendings.append(self.play.close(timeout=timeout))

    # ---------------------------------------------------------------- what the adapter does

    def can_dial(self) -> bool:
        session = self.play.session
        return not session.closed and (self.play.broker is None or session.want_close)

    @precondition(can_dial)
    @rule()
    def dial(self) -> None:
        self.play.dial()
        self.outstanding.clear()
        self.live.clear()

    @precondition(can_dial)
    @rule()
    def connect(self) -> None:
        self.dial()
        self.write()
        self.play.accept()
        self.write()

    @precondition(lambda self: self.can_dial() and self.play.broker is None)
    @rule()
    def fail_to_dial(self) -> None:
        self.play.attempt()
        self.play.session.connection_lost(ConnectionRefusedError(), self.play.now)

    @precondition(lambda self: self.play.broker is not None)
    @rule()
    def write(self) -> None:
        play = self.play
        connection = play.session.connection_number
        for event in play.sent():
            command = getattr(event, "command", "beat")
            receipt = getattr(event, "receipt", None)
            if receipt is not None:
                assert (connection, receipt) not in self.outstanding
                self.outstanding.append((connection, receipt))
            if command == "SEND" and event.destination == "/q":
                self.received_bodies.append(int(event.body.partition(b";")[0]))
                if receipt is not None:
                    self.asked[event.body] = (connection, receipt)
            elif command == "COMMIT" and receipt is not None:
                self.committed[event.transaction] = (connection, receipt)
            elif command == "SUBSCRIBE":
                self.live.append(event.id)

    @precondition(lambda self: self.play.broker is not None)
    @rule(reason=st.sampled_from([None, "cut", ConnectionResetError("reset")]))
    def lose(self, reason: Any) -> None:
        self.play.cut(reason)

    @rule(seconds=st.sampled_from([0.0, 0.1, 1.0, 5.0, 20.0, 40.0]))
    def wait(self, seconds: float) -> None:
        self.play.wait(seconds)

    # ---------------------------------------------------------------- what the broker does

    @precondition(lambda self: self.play.session.state is SessionState.HANDSHAKING)
    @rule(answer=st.sampled_from(["yes", "yes", "yes", "full", "access denied"]))
    def answer_connect(self, answer: str) -> None:
        self.write()
        if answer == "yes":
            self.play.accept()
        else:
            self.play.refuse(answer)

    @precondition(lambda self: self.is_connected() and self.outstanding)
    @rule(data=st.data())
    def confirm(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(self.outstanding))
        self.outstanding.remove(key)
        self.confirmed.add(key)
        self.play.confirm(key[1])

    @precondition(is_connected)
    @rule()
    def confirm_all(self) -> None:
        self.write()
        while self.outstanding and self.is_connected():
            key = self.outstanding.pop(0)
            self.confirmed.add(key)
            self.play.confirm(key[1])
            if self.is_connected():
                self.write()

    @precondition(is_connected)
    @rule(number=st.integers(1, 30))
    def send_an_unknown_receipt(self, number: int) -> None:
        name = f"auto-{number}"
        if all(receipt != name for _, receipt in self.outstanding):
            self.play.receive_bytes(b"RECEIPT\nreceipt-id:%b\n\n\0" % name.encode())

    @precondition(lambda self: self.is_connected() and self.live)
    @rule(data=st.data(), size=st.sampled_from([0, 0, 5000]))
    def deliver(self, data: st.DataObject, size: int) -> None:
        self.message += 1
        subscription = data.draw(st.sampled_from(self.live))
        self.play.deliver(subscription, str(self.message), body=bytes(size))

    @precondition(is_connected)
    @rule(number=st.integers(0, 9))
    def reply(self, number: int) -> None:
        headers = {"correlation-id": f"c-{number}"} if number else {}
        for subscription in ("/temp-queue/replies", *self.live[-1:]):
            self.message += 1
            self.play.deliver(subscription, str(self.message), headers=headers)

    @precondition(is_connected)
    @rule(data=st.data(), kind=st.sampled_from(["plain", "receipt", "subscription"]))
    def refuse(self, data: st.DataObject, kind: str) -> None:
        if kind == "receipt" and self.outstanding:
            self.play.refuse(receipt_id=data.draw(st.sampled_from(self.outstanding))[1])
        elif kind == "subscription" and self.live:
            self.play.refuse(headers={"subscription": data.draw(st.sampled_from(self.live))})
        else:
            self.play.refuse()

    @precondition(lambda self: self.play.broker is not None)
    @rule(data=st.sampled_from([b"", b"\n", b"\n", b"NONSENSE\n\n\0"]))
    def send_bytes(self, data: bytes) -> None:
        self.play.receive_bytes(data)

    # ---------------------------------------------------------------- what must hold

    @invariant()
    def nothing_is_confirmed_that_the_broker_did_not_confirm(self) -> None:
        for body, pending in self.sent.items():
            if pending.done and pending.exception() is None:
                assert self.asked[body] in self.confirmed
        for name, transaction in self.commits.items():
            if transaction.state is TransactionState.DONE:
                assert self.committed[name] in self.confirmed

    @invariant()
    def messages_are_sent_once_and_in_order(self) -> None:
        assert self.received_bodies == sorted(set(self.received_bodies))

    @invariant()
    def reading_stops_only_when_the_buffer_is_full(self) -> None:
        session = self.play.session
        assert session.want_read or session.buffered_size * 2 > 10_000
        assert session.buffered_size >= 0

    @invariant()
    def handle_timeout_is_not_due_again(self) -> None:
        session = self.play.session
        session.handle_timeout(self.play.now)
        deadline = session.next_deadline()
        assert deadline is None or deadline > self.play.now

    @invariant()
    def a_closed_session_has_nothing_to_do(self) -> None:
        session = self.play.session
        if session.closed:
            assert session.next_deadline() is None
            assert session.data_to_send() == b""
            assert all(pending.done for pending in self.pendings)

    def teardown(self) -> None:
        play = self.play
        self.pendings.append(play.close())
        play.wait(10.0)
        assert play.session.closed
        assert [pending for pending in self.pendings if not pending.done] == []
        assert [ready for ready in self.readies if not ready.done] == []
        self.nothing_is_confirmed_that_the_broker_did_not_confirm()
        for pending in self.pendings:
            assert pending.exception() is None or isinstance(pending.exception(), StompError | ProtocolError)
        if play.session.want_close:
            play.cut()
        assert play.session.next_attempt(play.now) is None
        assert play.session.buffered_size == 0


RandomHistories.TestCase.settings = settings(stateful_step_count=60)
TestRandomHistories = RandomHistories.TestCase
