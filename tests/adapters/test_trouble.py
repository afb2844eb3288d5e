"""Trouble: peers and programs at their worst, and the traps that other clients fell into."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

import pytest
import trio

import stomp_asyncio
import stomp_socket
import stomp_trio
from stomp_core import HeartBeat, Session, StompError
from stomp_core.session import Endpoint, Listener, NotSent, OutcomeUnknown, Reconnect, StaleMessageError
from stomp_testing import CLOSE, RESET, Broker, Expect, Pause, Record, Recorder, ScriptedServer
from tests.certificates import Certificates
from tests.heart_beats import PATIENCE, PATIENT

from .worlds import (
    HANGS,
    World,
    in_a_thread,
    over_every_transport,
    over_every_transport_of_a_loop,
    over_websocket_too,
    until,
)

CONNECTED = b"CONNECTED\nversion:1.2\nserver:RabbitMQ/3\n\n\0"
SOON = Reconnect(first_delay=0.01, max_delay=0.05)


class Blocked(Listener):
    """Holds up an event loop for longer than silence is tolerated, and tells how it goes on.

    Attributes:
        options: for the connection. It tolerates a tenth of a second of silence.
        recorder: for the broker.
        events: what comes first after that: a heart-beat, or the end of the connection.
    """

    def __init__(self) -> None:
        self.options: dict[str, Any] = {"heart_beat": (0, 0.04), "reconnect": SOON, "listener": self}
        self.recorder = Recorder(self._on_record, keep=False)
        self.events: list[str] = []
        self._sent = 0

    def _on_record(self, record: Record) -> None:
        if record.direction == "to-client" and isinstance(record.what, HeartBeat):
            self._sent += 1

    def heart_beat_received(self, heart_beat: HeartBeat) -> None:
        self.events.append("a heart-beat")

    def connection_lost(self, endpoint: Endpoint, reason: str) -> None:
        self.events.append(f"a loss: {reason}")

    def hold_up(self, session: Session) -> bool:
        """Hold up the event loop that runs this, and until the broker has sent two more heart-beats.

        It tells of one before it writes it, so the first of them is there for certain.

        Returns:
            Whether it had a connection: where the whole process is held up, it may just have lost one.
        """
        connected = session.connected is not None
        time.sleep(0.15)
        sent = self._sent
        if connected:
            until(lambda: self._sent > sent + 1)
        self.events.clear()
        return connected


# ---------------------------------------------------------------------- peers


def test_the_broker_s_last_frames_are_read_after_a_failed_write(world: World) -> None:
    received: list[str] = []

    class Observer(world.module.Listener):  # type: ignore[misc,name-defined]
        def error_received(self, error: Any) -> None:
            received.append(error.description)

    script: list[Any] = [Expect(b"\0"), CONNECTED, Expect(b"one\0"), b"ERROR\nmessage:enough\n\n\0", RESET]
    with ScriptedServer(script) as server:
        conn = world.connect(server.url, reconnect=Reconnect.never(), listener=Observer())
        conn.send("/queue/a", "one")

        def send_late() -> Any:
            # The event loop has not looked at the socket when it writes to it.
            server.wait_until_closed(timeout=HANGS)
            return conn.inner.send("/queue/a", "two", receipt=True)

        with pytest.raises(Exception, match="enough"):
            world.call(send_late)
        assert received == ["enough"]


@contextmanager
def broker_that_gives_up(tls: ssl.SSLContext | None, paused: threading.Event, how: str) -> Iterator[int]:
    """One that fills the inbox of its subscriber; and once that reads no more, it sends ERROR and closes."""

    messages = b"MESSAGE\nsubscription:s\nmessage-id:1\ndestination:/q\n\n%b\0" % (b"x" * 5000)

    def serve() -> None:
        peer, _ = listener.accept()
        peer.settimeout(HANGS)
        peer.setsockopt(
            socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
        )  # a reset drops what still waits to be sent
        with peer if tls is None else tls.wrap_socket(peer, server_side=True) as peer:
            received = b""
            for answer in (CONNECTED, messages):
                while b"\0" not in received:
                    received += peer.recv(65536)
                received = received.partition(b"\0")[2]
                peer.sendall(answer)
            assert paused.wait(HANGS)
            if how != "without a word":
                peer.sendall(b"ERROR\nmessage:enough\n\nyou are too slow%b\0" % (b" " * 100_000))
            if how == "reset":
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            elif isinstance(peer, ssl.SSLSocket) and how == "close_notify":
                peer.setblocking(False)
                with suppress(ssl.SSLError):  # it has not answered, or has written meanwhile
                    peer.unwrap()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread, outcome = in_a_thread(serve)
        try:
            yield listener.getsockname()[1]
        finally:
            paused.set()
            thread.join(HANGS)
            assert outcome == [None]


@pytest.mark.parametrize(
    ("secure", "how"),
    [
        (False, "closed"), (False, "reset"), (True, "closed"), (True, "reset"), (True, "close_notify"),
    ],
)  # fmt: skip
def test_the_broker_s_last_frames_are_read_though_the_inbox_is_full(
    world: World, tls_certs: Certificates, secure: bool, how: str
) -> None:
    """The program reads nothing, so the socket is not read; then writing fails, and the ERROR lies in the socket.

    It is longer than one read.
    """
    received: list[str] = []
    inbox_is_full, paused = threading.Event(), threading.Event()

    class Observer(world.module.Listener):  # type: ignore[misc,name-defined]
        def frame_received(self, event: Any) -> None:
            if event.command == "MESSAGE":
                inbox_is_full.set()

        def error_received(self, error: Any) -> None:
            received.append(error.description)

    client = server = None
    if secure:
        client = ssl.create_default_context(cafile=str(tls_certs.ca))
        server = tls_certs.server.server_context()

    def dial(*_: Any) -> socket.socket:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 200_000)  # has room for all of the ERROR
        sock.connect(("127.0.0.1", port))
        return sock

    with broker_that_gives_up(server, paused, how) as port:
        conn = world.connect(
            f"stomp{'+ssl' if secure else ''}://localhost",
            dial=dial,
            ssl_context=client,
            listener=Observer(),
            buffer_size=1000,
            reconnect=Reconnect.never(),
        )
        subscription = conn.subscribe("/q", id="s", receipt=False)
        assert inbox_is_full.wait(HANGS)
        for _ in range(3):
            world.call(lambda: None)  # what was decided then is done now
        assert received == []
        paused.set()

        def send_until_it_fails() -> None:
            until(lambda: world.call(conn.inner.send, "/queue/a", "x" * 10_000))

        with pytest.raises(Exception, match="enough"):
            send_until_it_fails()
        assert len(received) == 1
        assert received[0].startswith("enough: you are too slow")
        assert len(subscription.receive().body) == 5000, "what was received before is still there"


def test_a_failed_write_is_noticed_though_the_inbox_is_full(world: World) -> None:
    """Nothing is read, so only the write finds out that the broker has gone."""
    inbox_is_full, paused, lost = threading.Event(), threading.Event(), threading.Event()

    class Observer(world.module.Listener):  # type: ignore[misc,name-defined]
        def frame_received(self, event: Any) -> None:
            if event.command == "MESSAGE":
                inbox_is_full.set()

        def connection_lost(self, endpoint: Any, reason: str) -> None:
            lost.set()

    with broker_that_gives_up(None, paused, "without a word") as port:
        conn = world.connect(
            f"stomp://127.0.0.1:{port}", listener=Observer(), buffer_size=1000, reconnect=Reconnect.never()
        )
        conn.subscribe("/q", id="s", receipt=False)
        assert inbox_is_full.wait(HANGS)
        paused.set()
        with pytest.raises(StompError):
            until(lambda: world.call(conn.inner.send, "/queue/a", "x" * 10_000))
        assert lost.wait(HANGS)


def test_a_broker_that_sends_error_and_stays_is_left(world: World) -> None:
    """After an ERROR nothing can be trusted (STOMP 1.2, "ERROR"): the socket is closed from our side."""
    stays: list[Any] = [Expect(b"\0"), CONNECTED, b"ERROR\nmessage:enough\n\n\0"]
    with ScriptedServer([stays, [Expect(b"\0"), CONNECTED]]) as server:
        conn = world.connect(server.url, reconnect=SOON, close_timeout=0.2)
        until(lambda: len(server.connections) == 2 and server.open_connections == 1)
        until(lambda: conn.connected is not None)


def test_the_socket_of_a_silent_broker_is_closed(world: World) -> None:
    """It is not only replaced: a broker that comes back to life would deliver messages to it."""
    promises = b"CONNECTED\nversion:1.2\nheart-beat:50,0\n\n\0"
    with ScriptedServer([[Expect(b"\0"), promises], [Expect(b"\0"), CONNECTED]]) as server:
        conn = world.connect(server.url, heart_beat=(0, 0.05), reconnect=SOON, close_timeout=0.2)
        until(lambda: len(server.connections) == 2 and server.open_connections == 1)
        until(lambda: conn.connected is not None)


@contextmanager
def talkative_broker(message: bytes, count: int) -> Iterator[int]:
    """One that reads nothing before all that it has to say was taken."""

    def serve() -> None:
        peer, _ = listener.accept()
        rest = b""  # read, and not looked at: frames may come in one piece

        def expect(mark: bytes) -> None:
            nonlocal rest
            while (at := rest.find(mark)) < 0:
                piece = peer.recv(65536)
                if not piece:
                    raise EOFError(f"the client left before it sent {mark!r}")
                rest = rest[-len(mark) :] + piece
            rest = rest[at + len(mark) :]

        with peer:
            peer.settimeout(HANGS)
            expect(b"\0")
            peer.sendall(CONNECTED)
            expect(b"SUBSCRIBE")
            expect(b"\0")
            frame = b"MESSAGE\nsubscription:1\nmessage-id:%d\ndestination:/queue/a\ncontent-length:%d\n\n%b\0"
            for number in range(count):
                peer.sendall(frame % (number, len(message), message))
            expect(b"receipt:last")
            expect(b"\0")
            peer.sendall(b"RECEIPT\nreceipt-id:last\n\n\0")
            while peer.recv(1 << 20):
                pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(HANGS)
    assert not thread.is_alive()


def test_reading_does_not_wait_for_writing(world: World) -> None:
    with talkative_broker(b"x" * 1_000_000, 12) as port:
        conn = world.connect(f"stomp://127.0.0.1:{port}", heart_beat=(0, 0), close_timeout=0.2)
        messages = conn.subscribe("/queue/a", id="1", receipt=False)
        # Neither fits into the buffers of the system: who reads only after it has written waits for ever.
        conn.send("/queue/b", b"y" * 12_000_000)
        conn.send("/queue/b", "done", receipt="last", timeout=HANGS)
        assert [len(messages.receive().body) for _ in range(12)] == [1_000_000] * 12
        conn.leave()


def test_a_large_message_comes_through_tls(world: World, tls_certs: Certificates) -> None:
    serves = tls_certs.server.server_context()
    trusts = ssl.create_default_context(cafile=tls_certs.ca)
    with Broker(tls=serves) as broker:
        conn = world.connect(broker.tls_url, ssl_context=trusts)
        messages = conn.subscribe("/queue/a", ack="client-individual")
        for size in (1, 16_384, 16_385, 3_000_000, 0):
            conn.send("/queue/a", b"x" * size, receipt=True)
            message = messages.receive()
            assert len(message.body) == size
            message.ack(receipt=True)


@over_websocket_too
def test_no_confirmed_message_is_lost_by_broken_connections(world: World) -> None:
    jobs = [f"job {number}" for number in range(30)]
    got: set[str] = set()
    with world.broker() as broker, world.proxy(broker, mean_bytes=2_000, seed=7) as proxy:
        producer = world.connect(proxy.url, reconnect=SOON)
        consumer = world.connect(proxy.url, reconnect=SOON)
        messages = consumer.subscribe("/queue/a", ack="client-individual", timeout=HANGS)

        def produce() -> None:
            for job in jobs:
                while True:
                    try:
                        producer.send("/queue/a", job, receipt=True)
                        break
                    except (NotSent, OutcomeUnknown):
                        pass  # again: better twice than never

        thread = threading.Thread(target=produce)
        thread.start()
        deadline = time.monotonic() + HANGS
        while len(got) < len(jobs):
            assert time.monotonic() < deadline, f"{set(jobs) - got} never came"
            try:
                message = messages.receive(timeout=0.2)
                got.add(message.text)
                message.ack(receipt=True)
            except (StaleMessageError, NotSent, OutcomeUnknown, TimeoutError):
                pass
        thread.join(HANGS)
        assert not thread.is_alive()
        assert proxy.cuts > 2


@pytest.mark.parametrize(("end", "text"), [(RESET, "reset"), (CLOSE, "the peer closed the connection")])
def test_the_reason_of_a_loss_is_reported(world: World, end: Any, text: str) -> None:
    reasons: list[str] = []

    class Observer(world.module.Listener):  # type: ignore[misc,name-defined]
        def connection_lost(self, endpoint: Any, reason: str) -> None:
            reasons.append(reason)

    with ScriptedServer([Expect(b"\0"), CONNECTED, Expect(b"end"), end]) as server:
        conn = world.connect(server.url, reconnect=Reconnect.never(), listener=Observer())
        conn.send("/queue/a", "end")
        until(lambda: reasons)
        assert text in reasons[0].lower()


# ---------------------------------------------------------------------- programs


@over_every_transport_of_a_loop
def test_a_program_that_blocks_is_not_taken_for_a_silent_broker(world: World) -> None:
    blocked = Blocked()
    with world.broker(recorder=blocked.recorder, heart_beat=(1, 1)) as broker:
        conn = world.connect(broker.url, **blocked.options)
        # In trio the order in which tasks go on is a matter of chance: once may be good luck.
        for _ in range(8):
            until(lambda: world.call(blocked.hold_up, conn.session))
            until(lambda: blocked.events)
            assert blocked.events[0] == "a heart-beat"
        conn.send("/queue/a", "still here", receipt=True)


@over_every_transport
def test_a_stuck_handler_does_not_stop_the_other_subscriptions(world: World) -> None:
    with world.broker(flavour=PATIENT, heart_beat=(1, 1)) as broker:
        for _ in range(20):
            broker.send("/queue/slow", b"x" * 1000)
        conn = world.connect(broker.url, heart_beat=(0.2, 0.2), heart_beat_tolerance=PATIENCE)
        slow = conn.subscribe("/queue/slow", ack="client-individual", prefetch=2)
        fast = conn.subscribe("/queue/fast")
        slow.receive()
        for number in range(50):
            broker.send("/queue/fast", str(number))
        assert [fast.receive().text for _ in range(50)] == [str(number) for number in range(50)]
        assert len(broker.unacknowledged("/queue/slow")) == 2


def test_a_blocking_call_may_be_interrupted_by_a_signal() -> None:
    class AlarmError(Exception):
        pass

    def ring(number: int, frame: FrameType | None) -> None:
        raise AlarmError

    with Broker() as broker, stomp_socket.connect(broker.url) as conn:
        messages = conn.subscribe("/queue/a", ack="client-individual")
        before = signal.signal(signal.SIGALRM, ring)

        def receive_until_it_rings() -> None:
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            messages.receive()

        try:
            with pytest.raises(AlarmError):
                receive_until_it_rings()
        finally:
            signal.signal(signal.SIGALRM, before)
        broker.send("/queue/a", "not lost")
        assert messages.receive(timeout=HANGS).text == "not lost"


def test_a_listener_must_not_wait_for_its_own_connection() -> None:
    reported: list[str] = []

    class Waits(stomp_socket.Listener):
        def frame_received(self, event: Any) -> None:
            if event.command == "RECEIPT" and not reported:
                try:
                    conn.send("/queue/b", "from within", receipt=True)
                except RuntimeError as error:
                    reported.append(str(error))

    with Broker() as broker, stomp_socket.connect(broker.url, listener=Waits()) as conn:
        conn.send("/queue/a", "hello", receipt=True)
    assert reported == [
        "a listener must not call an operation of its connection: hand it over to another thread"
    ]


def test_several_threads_may_share_a_subscription() -> None:
    with Broker() as broker, stomp_socket.connect(broker.url) as conn:
        messages = conn.subscribe("/queue/a", ack="client-individual")
        got: list[str] = []

        def consume() -> None:
            for message in messages:
                message.ack()
                got.append(message.text)

        threads = [threading.Thread(target=consume) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number in range(200):
            conn.send("/queue/a", str(number))
        broker.wait_until(lambda _: len(got) == 200, timeout=HANGS)
        messages.unsubscribe()
        for thread in threads:
            thread.join(HANGS)
            assert not thread.is_alive()
        assert sorted(got, key=int) == [str(number) for number in range(200)]


def test_a_handler_that_awaits_something_cancelled_has_failed() -> None:
    failures: list[str] = []

    class Observer(stomp_asyncio.Listener):
        def handler_error(self, delivery: Any, error: Exception) -> None:
            failures.append(f"{error}, by {error.__cause__!r}")

    async def main(broker: Broker) -> None:
        async with stomp_asyncio.connect(broker.url, listener=Observer()) as conn:
            async with conn.subscribe("/queue/a", ack="client-individual") as jobs:

                async def handle(message: stomp_asyncio.Message) -> None:
                    if message.text == "last":
                        jobs.stop()
                        return
                    stuck = asyncio.get_running_loop().create_future()
                    stuck.cancel()
                    await stuck

                await asyncio.wait_for(jobs.run(handle), HANGS)

    with Broker() as broker:
        for body in ("first", "last"):
            broker.send("/queue/a", body)
        asyncio.run(main(broker))
        assert failures == ["the handler awaited something that was cancelled, by CancelledError()"]
        assert broker.messages("/queue/a") == [b"first"]


def test_cancelled_workers_leave_their_messages_unacknowledged() -> None:
    async def main(broker: Broker) -> None:
        async with stomp_asyncio.connect(broker.url) as conn:
            async with conn.subscribe("/queue/a", ack="client-individual") as jobs:
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.2):
                        await jobs.run(lambda message: asyncio.sleep(60), concurrency=2)
            await conn.send("/queue/b", "alive", receipt=True)

    async def in_trio(broker: Broker) -> None:
        async with stomp_trio.connect(broker.url) as conn:
            async with conn.subscribe("/queue/a", ack="client-individual") as jobs:
                with trio.move_on_after(0.2) as scope:
                    await jobs.run(lambda message: trio.sleep(60), concurrency=2)  # noqa: ASYNC105
                assert scope.cancelled_caught
            await conn.send("/queue/b", "alive", receipt=True)

    with Broker() as broker:
        for body in ("first", "last"):
            broker.send("/queue/a", body)
        asyncio.run(main(broker))
        assert broker.messages("/queue/a") == [b"first", b"last"]
        trio.run(in_trio, broker)
        assert broker.messages("/queue/a") == [b"first", b"last"]


def test_an_asyncio_program_may_end_without_closing() -> None:
    async def main(broker: Broker) -> None:
        conn = await stomp_asyncio.connect(broker.url)
        await conn.send("/queue/a", "hello", receipt=True)

    with Broker() as broker:
        asyncio.run(main(broker))
        gc.collect()
        broker.wait_until(lambda b: not b.connections, timeout=HANGS)


def test_a_blocked_uvloop_is_not_taken_for_a_silent_broker() -> None:
    uvloop = pytest.importorskip("uvloop", reason='pip install "stomp-core[uvloop]"')

    async def main(broker: Broker) -> None:
        async with stomp_asyncio.connect(broker.url, **blocked.options) as conn:
            while not blocked.hold_up(conn.session):  # noqa: ASYNC110 -- it blocks, on purpose
                await asyncio.sleep(0.01)
            while not blocked.events:  # noqa: ASYNC110 -- a listener is called
                await asyncio.sleep(0.01)
            assert blocked.events[0] == "a heart-beat"
            await conn.send("/queue/a", "still here", receipt=True)

    blocked = Blocked()
    with (
        Broker(recorder=blocked.recorder, heart_beat=(1, 1)) as broker,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(main(broker))


def test_closing_during_a_reconnect_ends_at_once(world: World) -> None:
    patience = 10 * HANGS  # a call that waits for one of the timeouts hangs
    first: list[Any] = [Expect(b"\0"), CONNECTED, Pause(patience)]
    with ScriptedServer([first, [Expect(b"\0"), Pause(patience)]]) as server:
        conn = world.connect(server.url, reconnect=SOON, handshake_timeout=patience, close_timeout=patience)
        server.close_connections()
        until(lambda: len(server.connections) == 2 and server.connections[1])
        conn.leave()


@pytest.mark.parametrize("world_name", ["asyncio", "trio"])
def test_a_tls_handshake_that_is_cancelled_leaves_no_socket(world_name: str, tls_certs: Certificates) -> None:
    trusts = ssl.create_default_context(cafile=tls_certs.ca)

    async def in_asyncio() -> None:
        connecting = asyncio.ensure_future(stomp_asyncio.connect(url, ssl_context=trusts))
        while not server.received:  # noqa: ASYNC110 -- the server is a thread
            await asyncio.sleep(0.001)
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting

    async def in_trio() -> None:
        async def connect() -> None:
            async with stomp_trio.connect(url, ssl_context=trusts):
                pass

        async with trio.open_nursery() as nursery:
            nursery.start_soon(connect)
            while not server.received:  # noqa: ASYNC110 -- the server is a thread
                await trio.sleep(0.001)
            nursery.cancel_scope.cancel()

    with ScriptedServer([Pause(2 * HANGS)]) as server:
        url = server.url.replace("stomp://", "stomp+ssl://")
        if world_name == "asyncio":
            asyncio.run(in_asyncio())
        else:
            trio.run(in_trio)
        server.wait_until_closed(timeout=HANGS)


def test_trio_keeps_cause_and_context_of_the_block_s_exception() -> None:
    async def main(broker: Broker) -> None:
        with pytest.raises(ValueError, match="caused") as caused:
            async with stomp_trio.connect(broker.url):
                raise ValueError("caused") from KeyError("cause")
        assert isinstance(caused.value.__cause__, KeyError)
        assert caused.value.__context__ is None
        with pytest.raises(ValueError, match="in context") as in_context:  # noqa: PT012
            async with stomp_trio.connect(broker.url):
                try:
                    raise KeyError("first")
                except KeyError:
                    raise ValueError("in context")  # noqa: B904 - the context is what is tested
        assert isinstance(in_context.value.__context__, KeyError)
        assert in_context.value.__cause__ is None

    with Broker() as broker:
        trio.run(main, broker)


def test_trio_keeps_a_group_that_the_block_itself_raises() -> None:
    async def main(broker: Broker) -> None:
        group = ExceptionGroup("two", [ValueError("one"), KeyError("other")])
        with pytest.raises(ExceptionGroup) as caught:
            async with stomp_trio.connect(broker.url):
                raise group
        assert caught.value is group

    with Broker() as broker:
        trio.run(main, broker)


def test_trio_keeps_an_exception_of_a_cancelled_block() -> None:
    async def main(broker: Broker) -> None:
        with pytest.raises(ValueError, match="of the block"):  # noqa: PT012
            with trio.fail_after(HANGS), trio.CancelScope() as scope:
                async with stomp_trio.connect(broker.url):
                    scope.cancel()
                    raise ValueError("of the block")

    with Broker() as broker:
        trio.run(main, broker)


def test_trio_keeps_all_that_several_handlers_raise() -> None:
    class Ends(BaseException):
        pass

    async def handle(message: Any) -> None:
        try:
            if message.text == "second":
                raise Ends("second")
            await trio.sleep_forever()
        finally:
            if message.text == "first":
                raise Ends("first")

    async def main(broker: Broker) -> None:
        async with stomp_trio.connect(broker.url) as conn:
            jobs = await conn.subscribe("/queue/a", ack="client-individual")
            with pytest.raises(BaseExceptionGroup) as caught:
                await jobs.run(handle, concurrency=2)
            assert sorted(str(error) for error in caught.value.exceptions) == ["first", "second"]

    with Broker() as broker:
        for text in ("first", "second"):
            broker.send("/queue/a", text)
        trio.run(main, broker)


def test_trio_raises_an_internal_error_of_the_library() -> None:
    async def main(broker: Broker) -> None:
        with pytest.raises(ZeroDivisionError), trio.fail_after(HANGS):  # noqa: PT012
            async with stomp_trio.connect(broker.url) as conn:
                conn.session.handle_timeout = lambda now: 1 / 0  # type: ignore[method-assign,assignment]
                await conn.send("/queue/a", "hello", receipt=True, timeout=0.05)
                await trio.sleep_forever()

    with Broker(hold_receipts=True) as broker:
        trio.run(main, broker)


@pytest.mark.parametrize("seconds", [0.0, 0.05])
def test_a_scope_around_a_trio_connection_ends_it(seconds: float) -> None:
    async def main(broker: Broker) -> None:
        with trio.fail_after(HANGS), trio.move_on_after(seconds) as scope:
            async with stomp_trio.connect(broker.url):
                await trio.sleep_forever()
        assert scope.cancelled_caught

    with Broker() as broker:
        trio.run(main, broker)
        broker.wait_until(lambda b: not b.connections, timeout=HANGS)
