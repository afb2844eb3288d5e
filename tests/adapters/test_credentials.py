"""Credentials and headers that are functions: tokens that expire and secrets that rotate, with each adapter."""

from __future__ import annotations

import asyncio
import gc
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import trio

import stomp_asyncio
import stomp_socket
import stomp_trio
from stomp_core.session import (
    AuthenticationFailed,
    ConnectFailed,
    Endpoint,
    Listener,
    NotSentInTime,
    Reconnect,
)
from stomp_testing import Broker, FaultProxy, Recorder
from tests.brokers.rabbitmq import RabbitMQ

from .worlds import HANGS, WORLDS, World, in_a_thread, until

AT_ONCE = Reconnect(first_delay=0, max_delay=0)


class Vault:
    """Where the program gets its passcode from; the broker knows the same one after a rotation."""

    def __init__(self, users: dict[str, str]) -> None:
        self.users = users
        self.passcode = users["app"]
        self.asked = 0

    def read(self) -> str:
        self.asked += 1
        return self.passcode

    def rotate(self, passcode: str) -> None:
        self.users["app"] = self.passcode = passcode


@pytest.fixture
def vault() -> Vault:
    return Vault({"app": "first-secret"})


@pytest.fixture
def broker(vault: Vault) -> Iterator[Broker]:
    with Broker(users=vault.users) as broker:
        yield broker


def url_of(broker: Broker) -> str:
    return f"stomp://{broker.host}:{broker.port}"


def is_connection(conn: Any, number: int) -> bool:
    return bool(conn.session.connection_number == number)


# -------------------------------------------------------------------------------- asked at each attempt


@pytest.mark.parametrize("plain", [True, False])
def test_each_attempt_asks_for_the_passcode(world: World, broker: Broker, vault: Vault, plain: bool) -> None:
    """A plain function will do in asyncio and trio, too."""
    passcode = vault.read if plain else world.question(vault.read)
    conn = world.connect(url_of(broker), "app", passcode, reconnect=AT_ONCE)
    for number in (2, 3):
        vault.rotate(f"secret-{number}")
        broker.drop_connections()
        until(partial(is_connection, conn, number))
        conn.send("/queue/a", str(number), receipt=True)
    assert broker.messages("/queue/a") == [b"2", b"3"]
    assert vault.asked == 3


def test_login_and_headers_are_asked_as_well(world: World) -> None:
    recorder = Recorder()
    numbers = iter(range(10))
    with Broker(users=None, recorder=recorder) as broker:
        conn = world.connect(
            url_of(broker),
            world.question(lambda: "app"),
            "secret",
            headers=world.question(lambda: {"Authorization": f"Bearer {next(numbers)}"}),
            reconnect=AT_ONCE,
        )
        broker.drop_connections()
        until(lambda: conn.session.connection_number == 2)
        sent = [
            (frame.headers["login"], frame.headers["Authorization"])
            for frame in recorder.frames("CONNECT", "to-server")
        ]
    assert sent == [("app", "Bearer 0"), ("app", "Bearer 1")]


def test_a_secure_connection_asks_before_it_dials(world: World, vault: Vault) -> None:
    with Broker(users=vault.users, tls=True) as broker:
        conn = world.connect(
            f"stomp+ssl://{broker.host}:{broker.tls_port}",
            "app",
            world.question(vault.read),
            ca_file=str(broker.ca_file),
        )
        conn.send("/queue/a", "hello", receipt=True)


# -------------------------------------------------------------------------------- refusals


def test_a_fresh_answer_is_tried_at_once_on_the_first_connect(
    world: World, broker: Broker, vault: Vault
) -> None:
    answers = iter(["stale", vault.passcode])
    conn = world.connect(url_of(broker), "app", world.question(lambda: next(answers)))
    conn.send("/queue/a", "hello", receipt=True)


def test_a_fresh_answer_is_tried_on_a_later_reconnect(world: World, broker: Broker, vault: Vault) -> None:
    """A cache drops what was refused: the listener learns of it before the next question."""

    class Cache(Listener):
        def __init__(self) -> None:
            self.token: str | None = None

        def error_received(self, error: Any) -> None:
            self.token = None

        def passcode(self) -> str:
            if self.token is None:
                self.token = vault.read()
            return self.token

    cache = Cache()
    conn = world.connect(
        url_of(broker), "app", world.question(cache.passcode), listener=cache, reconnect=AT_ONCE
    )
    vault.rotate("second-secret")
    broker.drop_connections()
    until(lambda: conn.session.connection_number == 2)
    conn.send("/queue/a", "hello", receipt=True)
    assert vault.asked == 2


def test_wrong_answers_end_the_session(world: World, broker: Broker, vault: Vault) -> None:
    vault.users["app"] = "another"
    with pytest.raises(AuthenticationFailed) as caught:
        world.connect(
            url_of(broker), "app", world.question(vault.read), reconnect=Reconnect(first_rounds=None)
        )
    assert vault.asked == 2
    assert "first-secret" not in "".join(traceback.format_exception(caught.value))


# -------------------------------------------------------------------------------- functions that fail


class TokenServerDown(Exception):
    pass


def test_what_a_function_raises_is_the_reason_and_the_cause(world: World, broker: Broker) -> None:
    def ask_token_server() -> str:
        raise TokenServerDown("no answer from 10.0.0.7")

    with pytest.raises(
        ConnectFailed, match=r"passcode\(\) raised TokenServerDown: no answer from 10\.0\.0\.7"
    ) as caught:
        world.connect(url_of(broker), "app", world.question(ask_token_server))
    assert isinstance(caught.value.__cause__, TokenServerDown)
    assert "in ask_token_server" in "".join(traceback.format_exception(caught.value))
    assert broker.connections == []


def test_a_function_that_fails_for_a_while_costs_no_message(
    world: World, broker: Broker, vault: Vault
) -> None:
    down = False

    def read() -> str:
        if down:
            raise TokenServerDown
        return vault.read()

    failed: list[str] = []

    class Watch(Listener):
        def attempt_failed(self, endpoint: Endpoint, reason: str) -> None:
            failed.append(reason)

    conn = world.connect(
        url_of(broker), "app", world.question(read), reconnect=Reconnect(max_delay=0.1), listener=Watch()
    )
    down = True
    broker.drop_connections()
    until(lambda: len(failed) >= 2)
    sending, outcome = in_a_thread(lambda: conn.send("/queue/a", "kept", receipt=True))
    down = False
    sending.join(HANGS)
    assert outcome == [None]
    assert broker.messages("/queue/a") == [b"kept"]
    assert "passcode() raised TokenServerDown" in failed[0]


@pytest.mark.parametrize("answer", [None, b"bytes", 5])
def test_a_wrong_answer_fails_at_once(world: World, broker: Broker, answer: Any) -> None:
    with pytest.raises(ConnectFailed, match=r"passcode\(\) must return a str, got "):
        world.connect(
            url_of(broker), "app", world.question(lambda: answer), reconnect=Reconnect(first_rounds=None)
        )


def test_a_function_that_takes_too_long_is_named(world: World, broker: Broker) -> None:
    entered, released = threading.Event(), threading.Event()
    try:
        with pytest.raises(ConnectFailed, match=r"passcode\(\) did not return within 0\.2 s"):
            world.connect(url_of(broker), "app", world.stuck_question(entered, released), connect_timeout=0.2)
        assert entered.wait(HANGS)
    finally:
        released.set()


def test_the_passcode_is_asked_before_a_dialler_of_the_program(world: World, vault: Vault) -> None:
    with Broker(users=vault.users) as broker:
        asked: list[str] = []

        def read() -> str:
            asked.append("passcode")
            return vault.read()

        conn = world.connect(url_of(broker), "app", world.question(read), dial=broker.dial)
        conn.send("/queue/a", "hello", receipt=True)
        assert asked == ["passcode"]
        conn.leave()


def test_a_stuck_function_is_not_taken_for_a_dialler(world: World, broker: Broker) -> None:
    entered, released = threading.Event(), threading.Event()
    try:
        with pytest.raises(ConnectFailed, match=r"passcode\(\) did not return within 0\.2 s"):
            world.connect(
                url_of(broker),
                "app",
                world.stuck_question(entered, released),
                dial=broker.dial,
                connect_timeout=0.2,
            )
    finally:
        released.set()


def test_a_connection_can_be_used_and_closed_while_it_asks(
    world: World, broker: Broker, vault: Vault
) -> None:
    """Deadlines of others pass, and close() does not wait for the function."""
    entered, released = threading.Event(), threading.Event()
    functions = iter([world.question(vault.read), world.stuck_question(entered, released)])
    conn = world.connect(
        url_of(broker), "app", lambda: next(functions)(), reconnect=AT_ONCE, connect_timeout=HANGS
    )
    broker.drop_connections()
    try:
        assert entered.wait(HANGS)
        with pytest.raises(NotSentInTime):
            conn.send("/queue/a", "x", receipt=True, timeout=0.1)
        conn.leave()
        assert conn.closed
    finally:
        released.set()


@pytest.mark.parametrize("name", ["asyncio", "trio"])
def test_a_cancelled_connect_cancels_the_function(broker: Broker, name: str) -> None:
    entered, released = threading.Event(), threading.Event()

    async def in_asyncio(question: Callable[[], Any]) -> None:
        connecting = asyncio.ensure_future(stomp_asyncio.connect(url_of(broker), "app", question))
        while not entered.is_set():  # noqa: ASYNC110 -- an event of threads
            await asyncio.sleep(0.001)
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting

    async def in_trio(question: Callable[[], Any]) -> None:
        async def connect() -> None:
            async with stomp_trio.connect(url_of(broker), "app", question):
                pass

        async with trio.open_nursery() as nursery:
            nursery.start_soon(connect)
            while not entered.is_set():  # noqa: ASYNC110 -- an event of threads
                await trio.sleep(0.001)
            nursery.cancel_scope.cancel()

    with WORLDS[name]() as world:
        world.call(in_trio if name == "trio" else in_asyncio, world.stuck_question(entered, released))
    assert released.is_set()


def test_a_task_that_fails_when_its_function_is_cancelled_is_of_no_interest(broker: Broker) -> None:
    """The function has a nursery of its own, whose other task raises in its cleanup."""

    async def fail_in_cleanup() -> None:
        try:
            await trio.sleep(HANGS)
        finally:
            raise TokenServerDown

    async def passcode() -> str:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail_in_cleanup)
            nursery.start_soon(trio.sleep, HANGS)
        return "late"

    async def connect() -> None:
        async with stomp_trio.connect(url_of(broker), "app", passcode, connect_timeout=0.05):
            pass

    with pytest.raises(ConnectFailed, match=r"passcode\(\) did not return within 0\.05 s"):
        trio.run(connect)


# -------------------------------------------------------------------------------- the blocking world


def test_the_blocking_world_refuses_async_functions_at_once() -> None:
    async def passcode() -> str:
        return "secret"

    with pytest.raises(TypeError, match="passcode must be a plain function here, got an async function"):
        stomp_socket.connect("stomp://127.0.0.1:1", "app", passcode)  # type: ignore[arg-type]


@pytest.mark.filterwarnings("error")
def test_the_blocking_world_awaits_nothing(broker: Broker) -> None:
    async def fetch() -> str:
        return "secret"

    with pytest.raises(ConnectFailed, match="of type coroutine, which nobody awaits"):
        stomp_socket.connect(url_of(broker), "app", lambda: fetch())  # type: ignore[arg-type,return-value]


@pytest.mark.parametrize(
    "use",
    [
        lambda conn: conn.send("/queue/a", "x"),
        lambda conn: conn.send("/queue/a", "x", receipt=True),
        lambda conn: conn.subscribe("/queue/a"),
        lambda conn: conn.close(),
        lambda conn: conn.begin(),
    ],
)
def test_a_function_that_uses_its_own_connection_is_refused(
    broker: Broker, vault: Vault, use: Callable[[Any], Any]
) -> None:
    """It would wait for a connection that waits for it."""
    connections: list[Any] = []
    refusals: list[str] = []

    def passcode() -> str:
        if connections:
            try:
                use(connections.pop())
            except RuntimeError as error:
                refusals.append(str(error))
        return vault.read()

    with stomp_socket.connect(url_of(broker), "app", passcode, reconnect=AT_ONCE) as conn:
        connections.append(conn)
        broker.drop_connections()
        until(lambda: conn.session.connection_number == 2)
        conn.send("/queue/b", "x", receipt=True)
    assert len(refusals) == 1
    assert "must not use their connection" in refusals[0]


def test_a_function_that_exits_does_not_end_the_thread(broker: Broker) -> None:
    def passcode() -> str:
        raise SystemExit(3)

    with pytest.raises(ConnectFailed, match=r"passcode\(\) raised SystemExit: 3"):
        stomp_socket.connect(url_of(broker), "app", passcode)


def test_a_function_that_is_stuck_is_not_called_again(broker: Broker, vault: Vault) -> None:
    """Each call would leave a thread behind."""
    stuck, released = threading.Event(), threading.Event()
    calls_when_stuck = 0
    failed: list[str] = []

    def passcode() -> str:
        nonlocal calls_when_stuck
        if stuck.is_set():
            calls_when_stuck += 1
            released.wait(HANGS)
        return vault.read()

    class Watch(Listener):
        def attempt_failed(self, endpoint: Endpoint, reason: str) -> None:
            failed.append(reason)

    with stomp_socket.connect(
        url_of(broker),
        "app",
        passcode,
        listener=Watch(),
        reconnect=Reconnect(first_rounds=None, first_delay=0, max_delay=0),
        connect_timeout=0.1,
    ) as conn:
        failed.clear()  # where this process was held up
        stuck.set()
        broker.drop_connections()
        until(lambda: len(failed) >= 3)
        assert calls_when_stuck == 1
        stuck.clear()
        released.set()
        until(lambda: conn.session.connection_number == 2)
    assert "passcode() did not return within 0.1 s" in failed[0]
    assert "an earlier call of passcode() has still not returned" in failed[1]


def test_nothing_is_left_open_when_a_stuck_function_outlives_its_connection(broker: Broker) -> None:
    entered, released = threading.Event(), threading.Event()

    def passcode() -> str:
        entered.set()
        released.wait(HANGS)
        return "late"

    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        with pytest.raises(ConnectFailed):
            stomp_socket.connect(url_of(broker), "app", passcode, connect_timeout=0.05)
        gc.collect()
        released.set()
        until(lambda: not any("asks" in thread.name for thread in threading.enumerate()))
        gc.collect()


# -------------------------------------------------------------------------------- asyncio


def test_a_function_that_awaits_something_cancelled_is_the_reason(broker: Broker) -> None:
    """Not the end of the task that dials, of which nobody would learn before the timeout."""

    async def passcode() -> str:
        cancelled: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        cancelled.cancel()
        return await cancelled

    async def connect() -> None:
        await stomp_asyncio.connect(url_of(broker), "app", passcode)

    with pytest.raises(ConnectFailed, match=r"passcode\(\) awaited something that was cancelled"):
        asyncio.run(connect())


# -------------------------------------------------------------------------------- a real broker


@pytest.mark.rabbitmq
def test_a_password_is_rotated_at_rabbitmq(rabbitmq: RabbitMQ) -> None:
    """In one world: rabbitmqctl takes seconds."""
    vault = Vault({"app": "first-secret"})
    rabbitmq.ctl("add_user", "app", vault.passcode)
    try:
        rabbitmq.ctl("set_permissions", "app", ".*", ".*", ".*")
        with FaultProxy(rabbitmq.url) as proxy, WORLDS["asyncio"]() as world:
            answers = iter(["stale"])
            conn = world.connect(
                f"stomp://{proxy.host}:{proxy.port}",
                "app",
                world.question(lambda: next(answers, None) or vault.read()),
                reconnect=AT_ONCE,
            )
            conn.send("/queue/rotation", "1", receipt=True)
            rabbitmq.ctl("change_password", "app", "second-secret")
            vault.rotate("second-secret")
            proxy.cut_all()
            until(lambda: conn.session.connection_number == 2)
            conn.send("/queue/rotation", "2", receipt=True)
            conn.leave()
    finally:
        rabbitmq.ctl("delete_user", "app")
