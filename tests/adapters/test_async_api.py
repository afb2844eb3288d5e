"""Awaiting: operations as coroutines, driven by hand, since they know no event loop."""

from __future__ import annotations

import types
from collections.abc import Callable, Coroutine, Generator
from random import Random
from typing import Any, TypeVar

import pytest

from stomp_core.session import Pending, Reconnect, Session, SessionClosed, TransactionLost
from stomp_core.session.awaiting import AwaitedConnection, AwaitedSubscription, Message, giving, opening

T = TypeVar("T")
CONNECTED = b"CONNECTED\nversion:1.2\n\n\0"


class Engine:
    """Waits by yielding the pending to whoever drives the coroutine."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.turns = 0
        self.aborted = False

    def perform(self, operation: Callable[[], Pending[T]]) -> Pending[T]:
        return operation()

    def attend(self) -> None:
        pass

    def abort(self) -> None:
        self.aborted = True

    async def turn(self) -> None:
        self.turns += 1

    async def wait(self, pending: Pending[T]) -> T:
        if not pending.done:
            await _until(pending)
        return pending.result()


@types.coroutine
def _until(pending: Pending[Any]) -> Generator[Pending[Any], None, None]:
    while not pending.done:
        yield pending


class Subscription(AwaitedSubscription):
    failures: list[str]

    @staticmethod
    def _log(sentence: str, error: Exception) -> None:
        Subscription.failures.append(str(error))

    async def _within(self, timeout: float, wait: Callable[[], Coroutine[Any, Any, T]]) -> T:
        raise TimeoutError(f"{timeout:g}")

    async def _together(self, worker: Callable[[], Coroutine[Any, Any, None]], concurrency: int) -> None:
        for _ in range(concurrency):
            await worker()


class Connection(AwaitedConnection[Engine]):
    def __init__(self) -> None:
        wake: Callable[[], None] = lambda: None  # noqa: E731
        options: Any = {"reconnect": Reconnect.never(), "heart_beat": (0, 0)}
        self._engine = Engine(self._new_session(wake, "stomp://h", None, options, Random(1)))
        self._subject = session = self._engine.session
        session.next_attempt(0.0)
        session.connection_made(0.0)
        session.receive_data(CONNECTED, 0.0)
        session.data_to_send()

    subscribe = opening(giving(Session.subscribe, Subscription))

    def hears(self, frame: bytes) -> None:
        self._subject.receive_data(frame, 0.0)

    def says(self) -> list[bytes]:
        return [frame for frame in self._subject.data_to_send().split(b"\0") if frame.strip()]


def step(coroutine: Coroutine[Any, Any, T]) -> Pending[Any]:
    """Run it until it waits for something."""
    pending: Pending[Any] = coroutine.send(None)
    return pending


def finish(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run it to its end; it must not wait any more."""
    with pytest.raises(StopIteration) as stopped:
        coroutine.send(None)
    value: T = stopped.value.value
    return value


def subscribed(conn: Connection, ack: Any = "client-individual") -> Subscription:
    async def subscribe() -> Subscription:
        return await conn.subscribe("/queue/a", id="1", ack=ack, receipt=False)

    subscription = finish(subscribe())
    conn.says()
    Subscription.failures = []
    return subscription


def message(number: int) -> bytes:
    return b"MESSAGE\nsubscription:1\nmessage-id:m%d\nack:a%d\ndestination:/queue/a\n\nhello\0" % (
        number,
        number,
    )


def test_an_operation_returns_when_its_outcome_is_known() -> None:
    conn = Connection()
    send = conn.send("/queue/a", "x", receipt="r")
    assert not step(send).done
    assert conn.says() == [
        b"SEND\ndestination:/queue/a\ncontent-type:text/plain;charset=utf-8\nreceipt:r\ncontent-length:1\n\nx"
    ]
    conn.hears(b"RECEIPT\nreceipt-id:r\n\n\0")
    assert finish(send) is None
    assert conn._engine.turns == 1


def test_it_keeps_the_name_and_the_words_of_the_session_s() -> None:
    assert Connection.send.__name__ == "send"
    assert Connection.send.__doc__ == Session.send.__doc__
    assert Connection.subscribe.__doc__ == Session.subscribe.__doc__


def test_a_message_knows_its_connection() -> None:
    conn = Connection()
    messages = subscribed(conn)
    conn.hears(message(1) + message(2))
    first, second = finish(messages.receive()), finish(messages.__anext__())
    assert isinstance(first, Message)
    assert repr(first).startswith("<Message 'm1'")
    finish(first.ack())
    finish(second.nack())
    assert conn.says() == [b"ACK\nid:a1\n\n", b"NACK\nid:a2\n\n"]


def test_waiting_for_a_message_goes_on_until_there_is_one() -> None:
    conn = Connection()
    receive = subscribed(conn).receive()
    step(receive)
    conn.hears(message(1))
    assert finish(receive).text == "hello"


def test_a_deadline_is_the_world_s_affair() -> None:
    with pytest.raises(TimeoutError, match="3"):
        subscribed(Connection()).receive(timeout=3).send(None)


def test_a_subscription_that_has_ended_says_so() -> None:
    conn = Connection()
    messages = subscribed(conn)

    async def leave() -> None:
        async with messages:
            pass

    step(leaving := leave())
    (unsubscribe,) = conn.says()
    conn.hears(b"RECEIPT\nreceipt-id:%b\n\n\0" % unsubscribe.split(b"receipt:")[1].split(b"\n")[0])
    finish(leaving)
    with pytest.raises(SessionClosed):
        messages.receive().send(None)
    with pytest.raises(StopAsyncIteration):
        messages.__anext__().send(None)


def test_a_handler_s_message_is_acknowledged_and_a_failure_is_told() -> None:
    conn = Connection()
    messages = subscribed(conn)
    handled: list[str] = []

    async def handle(taken: Message) -> None:
        handled.append(taken.message_id)
        if len(handled) == 2:
            messages.stop()
            raise ValueError("broken")

    conn.hears(message(1) + message(2) + message(3))
    assert finish(messages.run(handle)) is None
    assert handled == ["m1", "m2"]
    assert conn.says() == [b"ACK\nid:a1\n\n"]
    assert Subscription.failures == ["broken"]
    assert messages._subject.works == []


def test_a_block_of_a_transaction_is_committed_or_aborted() -> None:
    conn = Connection()

    async def fails() -> None:
        async with conn.transaction("t1") as tx:
            await tx.send("/queue/a", b"")
            raise KeyError

    with pytest.raises(KeyError):
        fails().send(None)
    assert [frame.split(b"\n")[0] for frame in conn.says()] == [b"BEGIN", b"SEND", b"ABORT"]

    async def succeeds() -> None:
        async with conn.transaction("t2"):
            pass

    step(committing := succeeds())
    assert [frame.split(b"\n")[0] for frame in conn.says()] == [b"BEGIN", b"COMMIT"]
    committing.close()


def test_a_block_whose_connection_is_lost_says_so_at_its_end() -> None:
    conn = Connection()

    async def loses() -> None:
        async with conn.transaction("t"):
            conn.hears(b"")

    with pytest.raises(TransactionLost):
        loses().send(None)


def test_a_close_that_is_cancelled_ends_the_connection_at_once() -> None:
    conn = Connection()
    step(closing := conn.disconnect())
    with pytest.raises(GeneratorExit):
        closing.throw(GeneratorExit())
    assert conn._engine.aborted
