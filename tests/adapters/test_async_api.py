"""The asynchronous API of stomp_core.adapter, over an engine that the test drives by hand: it knows no event loop."""

from __future__ import annotations

import types
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, TypeVar

import pytest

from stomp_core.adapter import AsyncConnection, AsyncMessage, AsyncSubscription
from stomp_core.session import (
    Config,
    Listener,
    Pending,
    Reconnect,
    Session,
    SessionClosed,
    TransactionLost,
)

T = TypeVar("T")


class Engine:
    """Waits by yielding the Pending to the test, which steps through the coroutine."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.now = 0.0
        self.checkpoints = 0
        self.aborted = self.joined = False

    def run(self, function: Callable[[float], T]) -> T:
        return function(self.now)

    async def wait(self, pending: Pending[T], timeout: float | None = None) -> T:
        deadline = None if timeout is None else self.now + timeout
        try:
            while not pending.done:
                if deadline is not None and self.now >= deadline:
                    raise TimeoutError
                await _step(pending)
        except BaseException:
            pending.cancel(self.now)
            raise
        return pending.result()

    async def checkpoint(self) -> None:
        self.checkpoints += 1

    def check_context(self) -> None:
        """Any loop will do."""

    async def run_workers(self, worker: Callable[[], Coroutine[Any, Any, None]], count: int) -> None:
        for _ in range(count):
            await worker()

    async def call_handler(
        self, handler: Callable[[AsyncMessage], Awaitable[object]], message: AsyncMessage
    ) -> None:
        await handler(message)

    def abort(self) -> None:
        self.aborted = True

    async def join(self) -> None:
        self.joined = True


@types.coroutine
def _step(pending: Pending[Any]) -> Generator[Pending[Any], None, None]:
    yield pending


class Connection(AsyncConnection):
    """A connection that is established."""

    def __init__(self, listener: Listener | None = None) -> None:
        config = Config("stomp://h", reconnect=Reconnect.never(), heart_beat=(0, 0), listener=listener)
        session = Session(config, make_delivery=AsyncMessage)
        session.next_attempt(0.0)
        session.connection_made(0.0)
        session.receive_data(b"CONNECTED\nversion:1.2\n\n\0", 0.0)
        session.data_to_send()
        self.engine = Engine(session)
        super().__init__(self.engine)

    def receive(self, data: bytes) -> None:
        self.session.receive_data(data, self.engine.now)

    def sent(self) -> list[bytes]:
        return [frame for frame in bytes(self.session.data_to_send()).split(b"\0") if frame.strip()]


def start(coroutine: Coroutine[Any, Any, T]) -> Pending[Any]:
    """Run it until it waits for something."""
    pending: Pending[Any] = coroutine.send(None)
    return pending


def finish(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run it to its end; it must not wait any more."""
    with pytest.raises(StopIteration) as stopped:
        coroutine.send(None)
    value: T = stopped.value.value
    return value


def subscribed(conn: Connection, ack: Any = "client-individual") -> AsyncSubscription:
    async def subscribe() -> AsyncSubscription:
        return await conn.subscribe("/queue/a", id="1", ack=ack, receipt=False)

    subscription = finish(subscribe())
    conn.sent()
    return subscription


def message(number: int) -> bytes:
    frame = b"MESSAGE\nsubscription:1\nmessage-id:m%d\nack:a%d\ndestination:/queue/a\n\nhello\0"
    return frame % (number, number)


def test_an_operation_returns_its_outcome() -> None:
    conn = Connection()
    send = conn.send("/queue/a", b"x", receipt="r")
    assert not start(send).done
    assert conn.sent() == [b"SEND\ndestination:/queue/a\nreceipt:r\ncontent-length:1\n\nx"]
    conn.receive(b"RECEIPT\nreceipt-id:r\n\n\0")
    assert finish(send) is None
    assert conn.engine.checkpoints == 1


def test_a_cancelled_operation_is_not_sent() -> None:
    conn = Connection()
    send = conn.send("/queue/a", b"x", receipt="r")
    start(send)
    send.close()
    assert conn.sent() == []


def test_messages_acknowledge_themselves() -> None:
    conn = Connection()
    messages = subscribed(conn)
    conn.receive(message(1) + message(2))
    first, second = finish(messages.receive()), finish(messages.__anext__())
    assert repr(first).startswith("<AsyncMessage 'm1'")
    finish(first.ack())
    finish(second.nack())
    assert conn.sent() == [b"ACK\nid:a1\n\n", b"NACK\nid:a2\n\n"]


def test_receive_waits_until_there_is_a_message() -> None:
    conn = Connection()
    receive = subscribed(conn).receive()
    start(receive)
    conn.receive(message(1))
    assert finish(receive).text == "hello"


def test_receive_may_time_out() -> None:
    conn = Connection()
    receive = subscribed(conn).receive(timeout=3)
    start(receive)
    conn.engine.now = 3.0
    with pytest.raises(TimeoutError, match=r"no message from /queue/a \(subscription '1'\) within 3 s$"):
        receive.send(None)


def test_a_message_that_comes_with_the_timeout_is_not_lost() -> None:
    conn = Connection()
    receive = subscribed(conn).receive(timeout=3)
    start(receive)
    conn.engine.now = 3.0
    conn.receive(message(1))
    assert finish(receive).message_id == "m1"


def test_an_ended_subscription_returns_no_message() -> None:
    conn = Connection()
    messages = subscribed(conn)

    async def leave() -> None:
        async with messages:
            pass

    finish(leave())
    (unsubscribe,) = conn.sent()
    assert unsubscribe.startswith(b"UNSUBSCRIBE\n")
    assert b"receipt:" not in unsubscribe, "subscribe() did not want one either"
    with pytest.raises(SessionClosed):
        messages.receive().send(None)
    with pytest.raises(StopAsyncIteration):
        messages.__anext__().send(None)


def test_the_end_of_a_subscription_may_be_confirmed_though_its_beginning_was_not() -> None:
    conn = Connection()
    messages = subscribed(conn)

    async def leave() -> None:
        await messages.unsubscribe(receipt=True)

    start(leaving := leave())
    (unsubscribe,) = conn.sent()
    conn.receive(b"RECEIPT\nreceipt-id:%b\n\n\0" % unsubscribe.split(b"receipt:")[1].split(b"\n")[0])
    finish(leaving)


def test_run_acknowledges_and_reports_failures() -> None:
    failures: list[str] = []

    class Observer(Listener):
        def handler_error(self, delivery: Any, error: Exception) -> None:
            failures.append(str(error))

    conn = Connection(Observer())
    messages = subscribed(conn)
    handled: list[str] = []

    async def handle(taken: AsyncMessage) -> None:
        handled.append(taken.message_id)
        if len(handled) == 2:
            messages.stop()
            raise ValueError("broken")

    conn.receive(message(1) + message(2) + message(3))
    assert finish(messages.run(handle)) is None
    assert handled == ["m1", "m2"]
    assert conn.sent() == [b"ACK\nid:a1\n\n"]
    assert failures == ["broken"]
    # The next run takes what this one has left, first what waits for its next try.
    assert [finish(messages.receive()).message_id for _ in range(2)] == ["m2", "m3"]


def test_a_transaction_block_commits_or_aborts() -> None:
    conn = Connection()

    async def fails() -> None:
        async with conn.transaction("t1") as tx:
            await tx.send("/queue/a", b"")
            raise KeyError

    with pytest.raises(KeyError):
        fails().send(None)
    assert [frame.split(b"\n")[0] for frame in conn.sent()] == [b"BEGIN", b"SEND", b"ABORT"]

    async def succeeds() -> None:
        async with conn.transaction("t2"):
            pass

    start(committing := succeeds())
    assert [frame.split(b"\n")[0] for frame in conn.sent()] == [b"BEGIN", b"COMMIT"]
    committing.close()


def test_a_transaction_block_reports_a_lost_connection() -> None:
    conn = Connection()

    async def loses() -> None:
        async with conn.transaction("t"):
            conn.receive(b"")

    with pytest.raises(TransactionLost):
        loses().send(None)


def test_a_cancelled_close_ends_the_connection_at_once() -> None:
    conn = Connection()
    start(closing := conn.disconnect())
    with pytest.raises(GeneratorExit):
        closing.throw(GeneratorExit())
    assert conn.engine.aborted
    assert conn.engine.joined


def test_an_invalid_timeout_of_close_changes_nothing() -> None:
    conn = Connection()
    with pytest.raises(ValueError, match="timeout"):
        conn.close(timeout=-1).send(None)
    assert not conn.engine.aborted
    assert not conn.closed
