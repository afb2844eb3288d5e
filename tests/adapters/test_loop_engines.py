"""CallbackEngine, AsyncLoopEngine and BlockingLoopEngine on a loop of numbers: what they do for the authors of engines.

That they work on real loops is tested in tests/examples/embedding.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Coroutine, Generator
from functools import partial
from typing import Any

import pytest

from stomp_core import Session
from stomp_core.adapter import AsyncLoopEngine, BlockingLoopEngine, CallbackEngine, Line, WaitTimeout
from stomp_core.session import Config, ConnectFailed, ConnectionLost, Endpoint, Listener, Reconnect, Rng

CONNECTED = b"CONNECTED\nversion:1.2\nheart-beat:%d,%d\n\n\0"
MESSAGE = b"MESSAGE\nsubscription:%b\nmessage-id:m\ndestination:/q\n\nbody\0"


class Loop:
    """Time is a number, and moves only in :meth:`run`."""

    def __init__(self) -> None:
        self.now = 0.0
        self.early = 0.0  # by which timers ring too early, in the next turn
        self.calls: list[tuple[float, int, list[Callable[[], object]]]] = []
        self.numbers = itertools.count()
        self.turns = 0

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Callable[[], object]:
        cell = [callback]
        heapq.heappush(self.calls, (self.now + seconds, next(self.numbers), cell))

        def cancel() -> None:
            assert cell, "it is cancelled after it was called, or twice"
            cell.clear()

        return cancel

    def turn(self) -> None:
        """Call what is due, but not what is added meanwhile."""
        self.turns += 1
        due = []
        while self.calls and self.calls[0][0] - self.early <= self.now:
            due.append(heapq.heappop(self.calls)[2])
        self.early = 0.0
        for cell in due:
            for callback in cell[:]:
                cell.clear()
                callback()

    def run(self, until: float) -> None:
        """Let time pass."""
        while self.calls and self.calls[0][0] - self.early <= until:
            self.now = max(self.now, self.calls[0][0] - self.early)
            self.turn()
        self.now = until


class Pipe:
    """A transport that keeps what it is told to do."""

    def __init__(self, line: Line, endpoint: Endpoint) -> None:
        self.line, self.endpoint = line, endpoint
        self.written = b""
        self.reading = True
        self.aborted = False

    def write(self, data: bytes | memoryview) -> None:
        self.written += data

    def set_reading(self, on: bool) -> None:
        self.reading = on

    def abort(self) -> None:
        self.aborted = True


class Pipes:
    """What the engines of this file have in common."""

    def __init__(self) -> None:
        self.loop = Loop()
        self.pipes: list[Pipe] = []
        self.refuse: OSError | None = None

    def dial(self, line: Line, endpoint: Endpoint) -> Pipe:
        if self.refuse is not None:
            raise self.refuse
        self.pipes.append(Pipe(line, endpoint))
        return self.pipes[-1]


class Engine(CallbackEngine):
    def __init__(self, **options: Any) -> None:
        self.world = Pipes()
        super().__init__(Session(config(**options)), lambda: self.world.loop.now)

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Callable[[], object]:
        return self.world.loop.call_later(seconds, callback)

    def dial(self, line: Line, endpoint: Endpoint) -> Pipe:
        return self.world.dial(line, endpoint)


def config(**options: Any) -> Config:
    return Config("stomp://broker", **{"heart_beat": (0, 0), "reconnect": Reconnect.never(), **options})


def connect(engine: CallbackEngine, world: Pipes, beats: tuple[int, int] = (0, 0)) -> Pipe:
    """Let the broker accept CONNECT; return the transport."""
    engine.poll()
    pipe = world.pipes[-1]
    engine.report(pipe.line.made)
    engine.report(pipe.line.written)
    engine.report(pipe.line.received, CONNECTED % beats)
    pipe.written = b""
    return pipe


# ---------------------------------------------------------------------- CallbackEngine


def test_commands_become_calls_of_the_transport() -> None:
    engine = Engine(buffer_size=1500)
    pipe = connect(engine, engine.world)
    assert pipe.endpoint.host == "broker"
    subscription = engine.run(lambda now: engine.session.subscribe(now, "/q", id="s", receipt=False)).result()
    assert pipe.written.startswith(b"SUBSCRIBE\n"), "it is written before run() returns"
    engine.report(pipe.line.received, MESSAGE % b"s" * 2)
    assert (pipe.reading, pipe.aborted) == (False, False)
    while subscription.take() is not None:
        pass
    engine.world.loop.run(until=0.0)
    assert (pipe.reading, pipe.aborted) == (True, False)
    engine.abort()
    assert (pipe.aborted, engine.ended) == (True, True)


def test_there_is_one_write_until_written() -> None:
    engine = Engine()
    pipe = connect(engine, engine.world)
    for _ in range(2):
        engine.run(lambda now: engine.session.send(now, "/q"))
    assert pipe.written.count(b"SEND\n") == 1
    engine.report(pipe.line.written)
    assert pipe.written.count(b"SEND\n") == 2


def test_what_dial_raises_is_why_the_attempt_failed() -> None:
    engine = Engine()
    engine.world.refuse = ConnectionRefusedError("nobody listens")
    engine.poll()
    assert engine.ended
    assert isinstance(engine.session.error, ConnectFailed)
    assert "connection refused: nothing listens there" in str(engine.session.error)


@pytest.mark.parametrize("method", ["write", "set_reading"])
def test_what_a_transport_raises_is_why_the_connection_was_lost(method: str) -> None:
    engine = Engine(buffer_size=1500)
    pipe = connect(engine, engine.world)
    subscription = engine.run(lambda now: engine.session.subscribe(now, "/q", id="s", receipt=False))
    engine.report(pipe.line.written)

    def fail(argument: object) -> None:
        raise BrokenPipeError("broken")

    setattr(pipe, method, fail)
    if method == "write":
        engine.run(lambda now: engine.session.send(now, "/q"))
    else:
        engine.report(pipe.line.received, MESSAGE % b"s" * 2)
    assert (pipe.aborted, engine.ended) == (True, True)
    assert isinstance(engine.session.error, ConnectionLost)
    assert subscription.done


def test_an_abort_that_raises_is_logged_and_the_session_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    engine = Engine(reconnect=Reconnect(first_delay=0, max_delay=0))
    pipe = connect(engine, engine.world)

    def fail() -> None:
        raise OSError("it is closed already")

    pipe.abort = fail  # type: ignore[method-assign]
    engine.report(pipe.line.eof)
    engine.world.loop.run(until=0.0)
    assert len(engine.world.pipes) == 2
    assert "abort() of a transport raised" in caplog.text


def test_a_dial_that_takes_too_long_is_aborted() -> None:
    engine = Engine(connect_timeout=5.0)
    engine.poll()
    engine.world.loop.run(until=6.0)
    assert engine.world.pipes[0].aborted
    assert "no connection within 5 s" in str(engine.session.error)


def test_a_timer_that_rings_too_early_is_set_again() -> None:
    engine = Engine(heart_beat=(0, 10))
    pipe = connect(engine, engine.world, beats=(10_000, 0))
    engine.world.loop.early = 0.001
    engine.world.loop.run(until=24.9995)
    assert not pipe.aborted
    engine.world.loop.run(until=25.0)
    assert pipe.aborted


def test_sockets_are_looked_at_before_the_peer_counts_as_silent() -> None:
    """The loop stood still: the turn after the timer has rung finds heart-beats in the socket."""
    engine = Engine(heart_beat=(0, 10))
    loop = engine.world.loop
    pipe = connect(engine, engine.world, beats=(10_000, 0))
    loop.now = 100.0
    loop.turn()
    engine.report(pipe.line.received, b"\n")
    loop.run(until=100.0)
    assert not pipe.aborted
    loop.run(until=126.0)
    assert pipe.aborted


def test_a_loop_that_stands_still_while_sockets_are_looked_at_is_no_silence() -> None:
    """A timer for something else has rung, the sockets were looked at, and then the loop stood still."""
    engine = Engine(heart_beat=(0, 10), listener=Listener())  # whom it would tell that heart-beats are late
    loop = engine.world.loop
    pipe = connect(engine, engine.world, beats=(10_000, 0))
    assert engine.timer_at < 25.0
    loop.now = engine.timer_at
    loop.turn()
    loop.turn()
    loop.now = 100.0
    loop.turn()
    assert not pipe.aborted
    engine.report(pipe.line.received, b"\n")
    loop.run(until=100.0)
    assert not pipe.aborted
    loop.run(until=126.0)
    assert pipe.aborted


def test_reading_stops_at_once_although_the_timer_is_overdue() -> None:
    """The loop stood still, then reads what has come meanwhile: a flood."""
    engine = Engine(heart_beat=(10, 10), buffer_size=1500)
    loop = engine.world.loop
    pipe = connect(engine, engine.world, beats=(10_000, 10_000))
    engine.run(lambda now: engine.session.subscribe(now, "/q", id="s", receipt=False))
    engine.report(pipe.line.written)
    loop.now = 100.0
    engine.report(pipe.line.received, MESSAGE % b"s" * 2)
    assert (pipe.reading, pipe.aborted) == (False, False)
    loop.run(until=100.0)
    assert pipe.written.endswith(b"\0\n"), "and then the heart-beat is sent that was due"


def test_there_is_one_timer_at_a_time() -> None:
    engine = Engine()
    connect(engine, engine.world)
    for timeout in (10.0, 9.0, 8.0, 7.0):
        engine.run(partial(engine.session.send, destination="/q", receipt=True, timeout=timeout))
    assert len([cell for _, _, cell in engine.world.loop.calls if cell]) == 1


def test_an_engine_whose_loop_fails_ends_and_raises_it() -> None:
    engine = Engine()
    pipe = connect(engine, engine.world)
    pending = engine.run(lambda now: engine.session.send(now, "/q", receipt=True))

    def fail(seconds: float, callback: Callable[[], object]) -> Callable[[], object]:
        raise RuntimeError("the loop is closed")

    engine.call_later = fail  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="the loop is closed"):
        engine.run(lambda now: engine.session.send(now, "/q", receipt=True, timeout=1.0))
    assert engine.ended
    assert engine.session.closed
    assert pending.done, "nobody waits for an engine that has ended"
    assert pipe.written


# ---------------------------------------------------------------------- AsyncLoopEngine


class Event:
    def __init__(self) -> None:
        self.is_set = False

    def set(self) -> None:
        self.is_set = True

    def __await__(self) -> Generator[Event, None, None]:
        while not self.is_set:
            yield self

    async def wait(self) -> None:
        await self


class AsyncEngine(AsyncLoopEngine):
    def __init__(self, *, rng: Rng | None = None, **options: Any) -> None:
        self.world = Pipes()
        super().__init__(config(**options), lambda: self.world.loop.now, rng=rng)

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Callable[[], object]:
        return self.world.loop.call_later(seconds, callback)

    def dial(self, line: Line, endpoint: Endpoint) -> Pipe:
        return self.world.dial(line, endpoint)

    def new_event(self) -> Event:
        return Event()

    async def run_workers(self, worker: Callable[[], Coroutine[Any, Any, None]], count: int) -> None:
        for _ in range(count):
            await worker()


def finish(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run the last step of a coroutine."""
    with pytest.raises(StopIteration) as stopped:
        coroutine.send(None)
    return stopped.value.value


def test_open_returns_when_the_broker_has_accepted() -> None:
    engine = AsyncEngine()
    opening = engine.open()
    opening.send(None)
    pipe = engine.world.pipes[0]
    engine.report(pipe.line.made)
    opening.send(None)
    engine.report(pipe.line.received, CONNECTED % (0, 0))
    connection = finish(opening)
    assert connection.session is engine.session
    assert not connection.closed


def test_open_that_fails_or_is_cancelled_ends_the_session() -> None:
    engine = AsyncEngine()
    engine.world.refuse = OSError("no cable")
    with pytest.raises(ConnectFailed, match="no cable"):
        engine.open().send(None)
    engine = AsyncEngine()
    opening = engine.open()
    opening.send(None)
    with pytest.raises(GeneratorExit):
        opening.throw(GeneratorExit)
    assert engine.ended
    assert engine.world.pipes[0].aborted


def test_waiting_has_a_timeout_and_its_timer_is_cancelled() -> None:
    engine = AsyncEngine()
    pipe = connect(engine, engine.world)
    pending = engine.run(lambda now: engine.session.send(now, "/q", receipt="r"))
    waiting = engine.wait(pending, 3.0)
    waiting.send(None)
    engine.world.loop.run(until=3.0)
    with pytest.raises(TimeoutError, match="SEND to /q took more than 3 s"):
        waiting.send(None)
    pending = engine.run(lambda now: engine.session.send(now, "/q", receipt="s"))
    waiting = engine.wait(pending, 3.0)
    waiting.send(None)
    engine.report(pipe.line.written)
    engine.report(pipe.line.received, b"RECEIPT\nreceipt-id:s\n\n\0")
    assert finish(waiting) is None
    loop = engine.world.loop
    assert not [cell for at, _, cell in loop.calls if at == loop.now + 3.0 and cell], "its timer is left"
    loop.run(until=20.0)


def test_a_waiting_task_that_is_cancelled_takes_back_what_has_not_left() -> None:
    engine = AsyncEngine()
    pipe = connect(engine, engine.world)
    engine.run(lambda now: engine.session.send(now, "/q", "1", receipt=True))
    pending = engine.run(lambda now: engine.session.send(now, "/q", "2", receipt=True))
    waiting = engine.wait(pending)
    waiting.send(None)
    with pytest.raises(GeneratorExit):
        waiting.throw(GeneratorExit)
    engine.report(pipe.line.written)
    assert pipe.written.count(b"SEND\n") == 1


def test_a_task_that_never_waits_lets_others_run() -> None:
    engine = AsyncEngine()
    connect(engine, engine.world)
    assert finish(engine.checkpoint()) is None
    engine.world.loop.now = 1.0
    checkpoint = engine.checkpoint()
    checkpoint.send(None)
    engine.world.loop.run(until=1.0)
    assert finish(checkpoint) is None
    assert finish(engine.checkpoint()) is None


def test_join_waits_for_the_end() -> None:
    engine = AsyncEngine()
    connect(engine, engine.world)
    joining = [engine.join(), engine.join()]
    for coroutine in joining:
        coroutine.send(None)
    engine.abort()
    for coroutine in joining:
        assert finish(coroutine) is None
    assert finish(engine.join()) is None


# ---------------------------------------------------------------------- BlockingLoopEngine


class Flag:
    """Lets time pass while it is waited for."""

    def __init__(self, world: Pipes) -> None:
        self.world = world
        self.is_set = False

    def set(self) -> None:
        self.is_set = True

    def wait(self, timeout: float | None = None) -> None:
        loop = self.world.loop
        loop.run(until=loop.now + (100.0 if timeout is None else timeout))


class BlockingEngine(BlockingLoopEngine):
    def __init__(self, *, rng: Rng | None = None, **options: Any) -> None:
        self.world = Pipes()
        super().__init__(config(**options), lambda: self.world.loop.now, rng=rng)

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Callable[[], object]:
        return self.world.loop.call_later(seconds, callback)

    def dial(self, line: Line, endpoint: Endpoint) -> Pipe:
        pipe = self.world.dial(line, endpoint)
        self.world.loop.call_later(1.0, lambda: connect(self, self.world))
        return pipe

    def new_event(self) -> Flag:
        return Flag(self.world)

    def run_workers(
        self, worker: Callable[[], None], count: int, name: str, stop: Callable[[], object]
    ) -> None:
        for _ in range(count):
            worker()


def test_a_blocking_connection_opens_receives_and_closes() -> None:
    engine = BlockingEngine(close_timeout=2.0)
    connection = engine.open()
    assert engine.world.loop.now >= 1.0
    pipe = engine.world.pipes[0]
    subscription = connection.subscribe("/q", id="s", receipt=False)
    engine.call_later(2.0, lambda: engine.report(pipe.line.received, MESSAGE % b"s"))
    assert subscription.receive(timeout=5.0).text == "body"
    with pytest.raises(TimeoutError, match="5 s"):
        subscription.receive(timeout=5.0)
    assert connection.close() is False, "nobody has answered DISCONNECT"
    assert pipe.aborted
    assert engine.ended


def test_blocking_waits_have_a_timeout() -> None:
    engine = BlockingEngine()
    engine.open()
    pipe = engine.world.pipes[0]
    engine.run(lambda now: engine.session.send(now, "/q", "1", receipt=True))
    pending = engine.run(lambda now: engine.session.send(now, "/q", "2", receipt=True))
    with pytest.raises(WaitTimeout, match="SEND to /q took more than 3 s"):
        engine.wait(pending, 3.0)
    engine.report(pipe.line.written)
    assert pipe.written.count(b"SEND\n") == 1, "nobody waits any more for what had not left"


def test_a_blocking_open_that_is_interrupted_ends_the_session() -> None:
    class Interrupted(Flag):
        def wait(self, timeout: float | None = None) -> None:
            raise KeyboardInterrupt

    engine = BlockingEngine()
    engine.new_event = lambda: Interrupted(engine.world)  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        engine.open()
    assert engine.ended
    assert engine.world.pipes[0].aborted


def test_a_blocking_open_that_fails_raises_why() -> None:
    engine = BlockingEngine()
    engine.world.refuse = OSError("no cable")
    with pytest.raises(ConnectFailed, match="no cable"):
        engine.open()


@pytest.mark.parametrize("make", [AsyncEngine, BlockingEngine])
def test_the_jitter_of_pauses_comes_from_rng(make: type[AsyncEngine | BlockingEngine]) -> None:
    class Half:
        asked = 0

        def random(self) -> float:
            self.asked += 1
            return 0.5

    half = Half()
    engine = make(
        rng=half, reconnect=Reconnect(first_rounds=None, first_delay=8.0, max_delay=8.0, jitter=1.0)
    )
    engine.world.refuse = OSError("no cable")
    engine.poll()
    assert half.asked == 1
    engine.world.loop.run(until=3.9)
    assert half.asked == 1
    engine.world.loop.run(until=4.1)
    assert half.asked == 2
