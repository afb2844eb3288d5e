"""Driver: the contract of stomp_core.adapter, point by point. The numbers are those of the text of its module."""

# What a call has changed, a checker does not know.
# mypy: no-warn-unreachable, disable-error-code=comparison-overlap

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterator
from math import inf, nan
from typing import Any

import pytest

from stomp_core import Connected, Session
from stomp_core.adapter import Abort, Command, Dial, Driver, End, Line, Read, Timer, Write
from stomp_core.session import (
    Config,
    ConnectFailed,
    ConnectionLost,
    Endpoint,
    Listener,
    OutcomeUnknown,
    Reconnect,
    SessionState,
)

from .play import failure

CONNECTED = b"CONNECTED\nversion:1.2\nserver:RabbitMQ/3\nheart-beat:%d,%d\n\n\0"


class Loop:
    """An adapter without a network: it keeps what it was commanded to do."""

    def __init__(
        self,
        *,
        beats: tuple[int, int] = (0, 0),
        write_size: int = 64 * 1024,
        endpoint: str = "stomp://broker",
        **options: Any,
    ) -> None:
        self.now = 0.0
        self.beats = beats
        self.session = Session(
            Config(endpoint, **{"heart_beat": (0, 0), "reconnect": Reconnect(first_delay=0), **options})
        )
        self.wakes = 0
        self.driver = Driver(self.session, self._wake, write_size=write_size)
        self.lines: list[Line] = []
        self.written: list[bytes] = []  # the data of each Write

    def _wake(self) -> None:
        self.wakes += 1

    @property
    def line(self) -> Line:
        """The latest line."""
        return self.lines[-1]

    def poll(self) -> list[Command]:
        """Carry out a whole poll."""
        commands = []
        for command in self.driver.poll(self.now):
            commands.append(command)
            if isinstance(command, Dial):
                self.lines.append(command.line)
            elif isinstance(command, Write):
                self.written.append(bytes(command.data))
        return commands

    def flush(self) -> bytes:
        """Poll and write until there is nothing more to write; return what was written."""
        count = len(self.written)
        self.poll()
        while self.line.writing:
            self.line.written(self.now)
            self.poll()
        return b"".join(self.written[count:])

    def connected(self) -> Loop:
        """Dial, and let the broker accept CONNECT."""
        self.poll()
        self.line.made(self.now)
        self.flush()
        self.line.received(CONNECTED % self.beats, self.now)
        self.poll()
        return self


def kinds(commands: list[Command]) -> list[str]:
    return [type(command).__name__ for command in commands]


# -------------------------------------------------------------------------------- 1, 2, 3: polling


@pytest.mark.parametrize("now", [nan, inf, -inf, "0"])
def test_a_poll_needs_a_finite_time(now: Any) -> None:
    loop = Loop()
    with pytest.raises(ValueError, match="now must be a finite number of seconds"):
        list(loop.driver.poll(now))
    assert isinstance(loop.poll()[0], Dial)


def test_the_first_poll_dials() -> None:
    loop = Loop(connect_timeout=7.0)
    dial, timer = loop.poll()
    assert isinstance(dial, Dial)
    assert (str(dial.endpoint), dial.timeout, dial.line) == ("stomp://broker:61613", 7.0, loop.line)
    assert timer == Timer(7.0)


def test_polling_again_yields_nothing_new() -> None:
    loop = Loop().connected()
    assert [command for command in loop.poll() if not isinstance(command, Timer)] == []
    loop.session.send(loop.now, "/q")
    assert kinds(loop.poll()) == ["Write"]
    assert loop.poll() == []


def test_a_poll_that_was_stopped_in_the_middle_loses_nothing() -> None:
    loop = Loop().connected()
    loop.session.send(loop.now, "/q", receipt=True)
    loop.session.close(loop.now)
    for command in loop.driver.poll(loop.now):
        assert isinstance(command, Write)
        break
    assert loop.wakes > 0, "there is more to do"
    assert kinds(loop.poll()) == ["Timer"]
    assert kinds(loop.poll()) == ["Timer"], (
        "nobody was woken for this poll, so it may be the timer's, too early"
    )


def test_a_poll_that_was_stopped_and_kept_in_memory_does_no_harm() -> None:
    """As the traceback of an exception keeps it."""
    loop = Loop()
    stopped = loop.driver.poll(loop.now)
    assert isinstance(next(stopped), Dial)
    loop.poll()
    wakes = loop.wakes
    loop.session.close(loop.now)
    assert loop.wakes == wakes + 1


# -------------------------------------------------------------------------------- 4, 5: wake


def test_a_thousand_sends_wake_once() -> None:
    loop = Loop().connected()
    wakes = loop.wakes
    for _ in range(1000):
        loop.session.send(loop.now, "/q")
    assert loop.wakes == wakes + 1
    loop.poll()
    loop.session.send(loop.now, "/q")
    assert loop.wakes == wakes + 2


def test_wake_is_not_called_before_the_first_poll_or_during_one() -> None:
    loop = Loop()
    loop.session.send(loop.now, "/q")
    assert loop.wakes == 0
    for _ in loop.driver.poll(loop.now):
        loop.session.send(loop.now, "/q")
        assert loop.wakes == 0


def test_wake_is_not_called_during_a_fact() -> None:
    loop = Loop().connected()
    during: list[int] = []
    pending = loop.session.send(loop.now, "/q", receipt="r")
    loop.flush()
    wakes = loop.wakes

    def send_again() -> None:
        loop.session.send(loop.now, "/q")
        during.append(loop.wakes)

    pending.add_done_callback(send_again)
    loop.line.received(b"RECEIPT\nreceipt-id:r\n\n\0", loop.now)
    assert during == [wakes]
    assert loop.wakes == wakes + 1, "but after it"


def test_wake_may_be_set_later() -> None:
    loop = Loop().connected()
    loop.driver.wake = None
    loop.session.send(loop.now, "/q")
    loop.poll()
    calls: list[int] = []
    loop.driver.wake = lambda: calls.append(1)
    loop.session.send(loop.now, "/q")
    assert calls == [1]


def test_what_wake_raises_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise ValueError("broken")

    loop = Loop().connected()
    loop.driver.wake = fail
    assert loop.session.send(loop.now, "/q").done
    (record,) = caplog.records
    assert (record.name, record.levelno, record.getMessage()) == (
        "stomp_core",
        logging.ERROR,
        "wake() raised",
    )
    assert kinds(loop.poll()) == ["Write"]


# -------------------------------------------------------------------------------- 6, 7: dialling


def test_a_dial_that_takes_too_long_is_aborted_and_the_next_one_made() -> None:
    loop = Loop(connect_timeout=5.0, reconnect=Reconnect(first_delay=0, first_rounds=None))
    loop.poll()
    first = loop.line
    loop.now = 4.9
    assert kinds(loop.poll()) == ["Timer"]
    loop.now = 5.0
    abort, dial, _ = loop.poll()
    assert abort == Abort(first)
    assert isinstance(dial, Dial)
    assert first.over
    first.made(loop.now)
    assert loop.session.state is SessionState.WAITING, "it comes too late"


def test_the_last_dial_that_takes_too_long_ends_the_session() -> None:
    loop = Loop(connect_timeout=5.0)
    loop.poll()
    loop.now = 5.0
    abort, end = loop.poll()
    assert isinstance(abort, Abort)
    assert isinstance(end, End)
    assert "no connection within 5 s" in str(failure(loop.session.opened, ConnectFailed))


def test_a_dial_comes_with_what_is_to_be_asked_before() -> None:
    loop = Loop(login="app", passcode=lambda: "secret")
    dial = loop.poll()[0]
    assert isinstance(dial, Dial)
    assert dial.questions is not None
    assert dial.questions is dial.line.questions
    dial.questions.ask()
    dial.line.made(loop.now)
    loop.poll()
    assert b"passcode:secret" in loop.written[0]


def test_an_adapter_that_does_not_ask_is_spared_a_wrong_answer() -> None:
    loop = Loop(login="app", passcode=lambda: None)
    loop.poll()
    loop.line.made(loop.now)
    abort, end = loop.poll()
    assert abort == Abort(loop.line)
    assert isinstance(end, End)
    assert "passcode() must return a str, got None" in str(end.error)


def test_what_is_asked_counts_for_the_time_of_the_dial() -> None:
    class Forever:
        def __await__(self) -> Iterator[None]:
            yield

    loop = Loop(login="app", passcode=Forever, connect_timeout=5.0)
    dial = loop.poll()[0]
    assert isinstance(dial, Dial)
    assert dial.questions is not None
    asking = dial.questions.ask_async()
    asking.send(None)
    loop.now = 5.0
    assert kinds(loop.poll()) == ["Abort", "End"]
    asking.close()
    assert "passcode() did not return within 5 s" in str(failure(loop.session.opened, ConnectFailed))


@pytest.mark.parametrize("end", ["close", "terminate"])
def test_a_dial_that_nobody_wants_any_more_is_aborted(end: str) -> None:
    loop = Loop()
    loop.poll()
    getattr(loop.session, end)(loop.now)
    assert loop.poll() == [Abort(loop.line), End(None)]


def test_a_failed_dial_is_followed_by_the_next_after_the_pause() -> None:
    policy = Reconnect(first_delay=3.0, max_delay=3.0, jitter=0, first_rounds=2)
    loop = Loop(reconnect=policy)
    loop.poll()
    loop.line.lost(ConnectionRefusedError(), loop.now)
    assert loop.wakes == 1
    assert loop.poll() == [Timer(3.0)]
    loop.now = 3.0
    assert kinds(loop.poll())[0] == "Dial"
    assert len(loop.lines) == 2


# -------------------------------------------------------------------------------- 8, 9: writing and back pressure


def test_the_next_write_comes_when_the_last_one_is_written() -> None:
    loop = Loop(write_size=10).connected()
    loop.session.send(loop.now, "/q", b"0123456789")
    assert kinds(loop.poll()) == ["Write"]
    assert loop.poll() == []
    wakes = loop.wakes
    loop.line.written(loop.now)
    assert loop.wakes == wakes + 1
    assert kinds(loop.poll()) == ["Write"]
    wire = loop.written[-2] + loop.written[-1] + loop.flush()
    assert all(len(data) <= 10 for data in loop.written)
    assert wire.endswith(b"SEND\ndestination:/q\ncontent-length:10\n\n0123456789\0") or wire.startswith(
        b"SEND"
    )


def test_a_line_that_never_answers_written_holds_senders_back() -> None:
    loop = Loop().connected()
    pendings = [loop.session.send(loop.now, "/q", bytes(1_000_000)) for _ in range(20)]
    for _ in range(100):
        loop.poll()
    assert sum(pending.done for pending in pendings) <= 2
    assert sum(map(len, loop.written[1:])) <= 64 * 1024
    loop.flush()
    assert all(pending.done for pending in pendings)


def test_written_without_a_write_changes_nothing() -> None:
    loop = Loop().connected()
    loop.line.written(loop.now)
    loop.line.written(loop.now)
    loop.session.send(loop.now, "/q")
    loop.session.send(loop.now, "/q")
    assert kinds(loop.poll()) == ["Write"]


def test_a_heart_beat_is_a_write_like_any_other() -> None:
    """T1: nobody has to ask for what a poll or a fact has produced."""
    loop = Loop(heart_beat=(10, 10), beats=(10_000, 10_000)).connected()
    assert loop.session.heart_beat == (10.0, 10.0)
    loop.now = 10.0
    assert [bytes(command.data) for command in loop.poll() if isinstance(command, Write)] == [b"\n"]


# -------------------------------------------------------------------------------- 10: reading


def test_reading_stops_when_nobody_takes_and_starts_again() -> None:
    loop = Loop(buffer_size=1500).connected()
    subscription = loop.session.subscribe(loop.now, "/q", id="s", receipt=False).result()
    loop.flush()
    message = b"MESSAGE\nsubscription:s\nmessage-id:1\ndestination:/q\n\n\0"
    wakes = loop.wakes
    loop.line.received(message * 2, loop.now)
    assert loop.wakes == wakes + 1
    assert loop.poll() == [Read(loop.line, False)]
    loop.line.received(message, loop.now)  # one more chunk is allowed
    assert loop.poll() == []
    while subscription.take() is not None:
        pass
    assert loop.wakes == wakes + 2
    assert loop.poll() == [Read(loop.line, True)]


def test_a_new_line_reads() -> None:
    loop = Loop(buffer_size=1500).connected()
    loop.session.subscribe(loop.now, "/q", id="s", receipt=False)
    loop.flush()
    loop.line.received(b"MESSAGE\nsubscription:s\nmessage-id:1\ndestination:/q\n\n\0" * 2, loop.now)
    loop.poll()
    loop.line.lost(None, loop.now)
    loop.poll()
    loop.line.made(loop.now)
    assert loop.line.reading
    assert "Read" not in kinds(loop.poll())


# -------------------------------------------------------------------------------- 11: abort


@pytest.mark.parametrize(
    "end", [b"ERROR\nmessage:no\n\n\0", b"NONSENSE\n\n\0"], ids=["ERROR", "a protocol error"]
)
def test_a_connection_that_is_over_is_aborted_and_replaced(end: bytes) -> None:
    loop = Loop(reconnect=Reconnect(first_delay=0, max_delay=0)).connected()
    first = loop.line
    wakes = loop.wakes
    loop.line.received(end, loop.now)
    assert loop.wakes == wakes + 1
    abort, dial, _ = loop.poll()
    assert abort == Abort(first)
    assert isinstance(dial, Dial)


def test_a_close_that_is_confirmed_aborts_at_once() -> None:
    loop = Loop().connected()
    closing = loop.session.close(loop.now, receipt="bye")
    assert b"DISCONNECT" in loop.flush()
    loop.line.received(b"RECEIPT\nreceipt-id:bye\n\n\0", loop.now)
    assert loop.poll() == [Abort(loop.line), End(None)]
    assert closing.result() is True


def test_a_peer_that_never_reads_does_not_delay_the_end() -> None:
    """T3: the Write is never answered."""
    loop = Loop().connected()
    loop.session.send(loop.now, "/q", bytes(1_000_000))
    loop.poll()
    closing = loop.session.close(loop.now, timeout=4.0)
    loop.poll()
    loop.now = 4.0
    assert loop.poll() == [Abort(loop.line), End(None)]
    assert closing.result() is False


class _Layer:
    """A layer that changes nothing, and whose end is ``bye``."""

    opened, over, login_refused, promise_heart_beats, expands = True, None, False, True, False

    def new_layer(self, *arguments: object, **options: object) -> Any:
        return self

    def opening(self) -> bytes:
        return b""

    control = opening

    def receive_data(self, data: bytes) -> bytes:
        return bytes(data)

    def encode(self, wire: bytes) -> bytes:
        return wire

    def close(self, code: int = 1000, reason: str = "") -> bytes:
        return b"bye"


def ending(busy: bool = False) -> Loop:
    """Return a loop whose connection ends because of a violation, with the end of its layer still to be written."""
    loop = Loop(websocket=_Layer(), endpoint="ws://broker").connected()
    if busy:
        loop.session.send(loop.now, "/q")
        assert kinds(loop.poll()) == ["Write"]
    loop.line.received(b"WRONG\n\n\0", loop.now)
    return loop


def test_the_end_of_a_layer_is_written_before_the_abort() -> None:
    loop = ending()
    line = loop.line
    assert kinds(loop.poll()) == ["Write", "Timer"]
    assert loop.written[-1] == b"bye"
    assert "Abort" not in kinds(loop.poll()), "it is not written yet"
    wakes = loop.wakes
    line.written(loop.now)
    assert loop.wakes == wakes + 1
    assert kinds(loop.poll())[:2] == ["Abort", "Dial"]
    assert line.over


def test_it_waits_for_the_write_before_it() -> None:
    loop = ending(busy=True)
    assert "Abort" not in kinds(loop.poll())
    loop.line.written(loop.now)
    assert kinds(loop.poll())[0] == "Write"
    assert loop.written[-1] == b"bye"


@pytest.mark.parametrize("busy", [False, True], ids=["its own write", "the write before"])
def test_a_peer_that_does_not_read_gets_a_second_for_the_end(busy: bool) -> None:
    loop = ending(busy)
    commands = loop.poll()
    assert Timer(loop.now + 1.0) in commands
    loop.now += 0.9
    assert "Abort" not in kinds(loop.poll())
    loop.now += 0.1
    assert kinds(loop.poll())[:2] == ["Abort", "Dial"]


@pytest.mark.parametrize("end", ["eof", "lost", "received"])
def test_facts_while_the_end_is_written_do_no_harm(end: str) -> None:
    loop = ending()
    line = loop.line
    loop.poll()
    if end == "received":
        line.received(b"MESSAGE\n", loop.now)
    elif end == "eof":
        line.eof(loop.now)
    else:
        line.lost(OSError("reset"), loop.now)
        assert kinds(loop.poll())[0] == "Dial"
        return
    loop.now += 1.0
    assert kinds(loop.poll())[:2] == ["Abort", "Dial"]


def test_a_terminated_session_aborts_its_line() -> None:
    loop = Loop().connected()
    loop.session.terminate(loop.now)
    assert loop.poll() == [Abort(loop.line), End(None)]


# -------------------------------------------------------------------------------- 12: the timer


def test_a_timer_that_rings_too_early_is_set_again() -> None:
    """uvloop rings up to a millisecond early; the silence of the peer was never noticed then."""
    loop = Loop(heart_beat=(0, 10), beats=(10_000, 0)).connected()
    assert loop.driver.session.next_deadline() == 25.0
    loop.now = 24.9995
    assert loop.poll() == [Timer(25.0)]
    loop.now = 25.0
    abort, *_ = loop.poll()
    assert isinstance(abort, Abort)


def test_an_earlier_deadline_of_an_operation_wakes_and_moves_the_timer() -> None:
    loop = Loop(heart_beat=(0, 10), beats=(10_000, 0)).connected()
    wakes = loop.wakes
    loop.session.send(loop.now, "/q", receipt=True, timeout=3.0)
    assert loop.wakes == wakes + 1
    assert Timer(3.0) in loop.poll()
    loop.session.send(loop.now, "/q", receipt=True, timeout=9.0)
    assert not any(isinstance(command, Timer) for command in loop.poll()), "the earlier one stands"


def test_a_timer_that_has_rung_is_followed_by_the_next() -> None:
    loop = Loop(heart_beat=(10, 0), beats=(0, 10_000)).connected()
    for turn in range(1, 4):
        loop.now = 10.0 * turn
        commands = loop.poll()
        assert kinds(commands) == ["Write", "Timer"]
        loop.line.written(loop.now)


# -------------------------------------------------------------------------------- 13: the end


def test_end_comes_once() -> None:
    loop = Loop().connected()
    loop.session.terminate(loop.now)
    assert kinds(loop.poll()) == ["Abort", "End"]
    assert loop.poll() == []
    wakes = loop.wakes
    loop.line.lost(None, loop.now)
    loop.session.close(loop.now)
    assert loop.poll() == []
    assert loop.wakes <= wakes + 1


def test_end_names_the_error() -> None:
    loop = Loop(reconnect=Reconnect.never()).connected()
    loop.line.lost(OSError("cable cut"), loop.now)
    (end,) = loop.poll()
    assert isinstance(end, End)
    assert isinstance(end.error, ConnectionLost)


# -------------------------------------------------------------------------------- 14, 15: facts


FACTS: dict[str, Callable[[Line], None]] = {
    "made": lambda line: line.made(1.0),
    "received": lambda line: line.received(b"RECEIPT\nreceipt-id:r\n\n\0", 1.0),
    "alive": lambda line: line.received(b"", 1.0),
    "written": lambda line: line.written(1.0),
    "eof": lambda line: line.eof(1.0),
    "lost": lambda line: line.lost(OSError("late"), 1.0),
}


@pytest.mark.parametrize("fact", FACTS)
def test_late_facts_of_an_old_line_change_nothing(fact: str) -> None:
    loop = Loop().connected()
    old = loop.line
    old.lost(None, loop.now)
    loop.connected()
    pending = loop.session.send(loop.now, "/q", receipt="r")
    loop.poll()
    FACTS[fact](old)
    assert old.over
    assert not loop.line.over
    assert loop.line.writing
    assert (loop.session.state, pending.done) == (SessionState.CONNECTED, False)
    assert kinds(loop.poll()) == ["Timer"]


@pytest.mark.parametrize("fact", ["received", "alive", "written", "eof"])
def test_facts_before_made_change_nothing(fact: str) -> None:
    loop = Loop()
    loop.poll()
    FACTS[fact](loop.line)
    assert loop.session.state is SessionState.WAITING
    loop.line.made(1.0)
    assert loop.session.state is SessionState.HANDSHAKING


@pytest.mark.parametrize("fact", FACTS)
def test_repeated_facts_change_nothing(fact: str) -> None:
    loop = Loop().connected()
    pending = loop.session.send(loop.now, "/q", receipt="r")
    loop.poll()
    FACTS[fact](loop.line)
    state, done = loop.session.state, pending.done
    FACTS[fact](loop.line)
    assert (loop.session.state, pending.done) == (state, done)
    assert loop.session.connection_number == 1


def test_empty_data_means_that_the_peer_is_alive() -> None:
    loop = Loop(heart_beat=(0, 10), beats=(10_000, 0)).connected()
    for loop.now in (20.0, 40.0, 60.0):
        loop.line.received(b"", loop.now)
        loop.poll()
    assert loop.session.state is SessionState.CONNECTED
    loop.now = 85.0
    assert isinstance(loop.poll()[0], Abort)


def test_eof_ends_the_connection() -> None:
    loop = Loop().connected()
    pending = loop.session.send(loop.now, "/q", receipt=True)
    loop.flush()
    loop.line.eof(loop.now)
    failure(pending, OutcomeUnknown)
    assert isinstance(loop.poll()[0], Abort)


# -------------------------------------------------------------------------------- 16: wake after facts


@pytest.mark.parametrize("fact", ["made", "received", "lost", "eof"])
def test_after_a_fact_that_leaves_work_wake_is_called(fact: str) -> None:
    loop = Loop()
    loop.poll()
    if fact == "made":
        loop.line.made(loop.now)
    elif fact == "lost":
        loop.connected()
        wakes = loop.wakes
        loop.line.lost(OSError("gone"), loop.now)
        assert loop.wakes == wakes + 1
        return
    else:
        loop.connected()
        loop.wakes = 0
        if fact == "received":
            loop.line.received(b"ERROR\n\n\0", loop.now)
        else:
            loop.line.eof(loop.now)
    assert loop.wakes == 1


def test_a_session_that_waits_does_not_wake_its_loop() -> None:
    """Between two attempts there is nothing to do but to wait for the timer."""
    loop = Loop(reconnect=Reconnect(first_delay=5.0, max_delay=5.0, jitter=0)).connected()
    loop.line.lost(None, loop.now)
    loop.poll()
    wakes = loop.wakes
    for _ in range(10):
        loop.poll()
    assert loop.wakes == wakes


# -------------------------------------------------------------------------------- 17 to 23: in between


def test_operations_may_be_called_inside_a_poll() -> None:
    loop = Loop().connected()
    loop.session.send(loop.now, "/q", "1")
    commands: list[Command] = []
    for command in loop.driver.poll(loop.now):
        if isinstance(command, Write) and not commands:
            loop.session.send(loop.now, "/q", "2")
            loop.line.written(loop.now)
        commands.append(command)
    assert kinds(commands) == ["Write", "Write"]


def test_a_done_callback_may_call_an_operation() -> None:
    loop = Loop().connected()
    pending = loop.session.send(loop.now, "/q", receipt=True, timeout=3.0)
    loop.flush()
    pending.add_done_callback(lambda: loop.session.send(loop.now, "/q", "again"))
    loop.now = 3.0
    (write,) = [command for command in loop.poll() if isinstance(command, Write)]
    assert b"again" in bytes(write.data)


def test_the_session_is_driven_while_a_dial_goes_on() -> None:
    loop = Loop()
    pending = loop.session.send(loop.now, "/q", timeout=2.0)
    dial, timer = loop.poll()
    assert isinstance(dial, Dial)
    assert timer == Timer(2.0)
    loop.now = 2.0
    loop.poll()
    assert pending.done


def test_a_dial_may_fail_inside_the_poll() -> None:
    loop = Loop(reconnect=Reconnect(first_delay=3.0, max_delay=3.0, jitter=0, first_rounds=2))
    for command in loop.driver.poll(loop.now):
        if isinstance(command, Dial):
            command.line.lost(ConnectionRefusedError(), loop.now)
        else:
            assert command == Timer(3.0)
    assert loop.wakes == 0


def test_what_is_received_before_the_loss_is_its_reason() -> None:
    """Writing has failed, and then the adapter reads what the broker has sent before it closed."""
    loop = Loop(reconnect=Reconnect.never()).connected()
    loop.session.send(loop.now, "/q")
    loop.poll()
    loop.line.received(b"ERROR\nmessage:queue is gone\n\n\0", loop.now)
    loop.line.lost(BrokenPipeError(), loop.now)
    loop.poll()
    assert "queue is gone" in str(loop.session.error)


def test_no_abort_follows_a_loss() -> None:
    loop = Loop(reconnect=Reconnect(first_delay=0, max_delay=0)).connected()
    loop.line.lost(OSError("gone"), loop.now)
    assert "Abort" not in kinds(loop.poll())


def test_the_class_of_the_exception_decides_the_text() -> None:
    texts = set()
    for error in (ConnectionRefusedError("same"), OSError("same")):
        loop = Loop(reconnect=Reconnect.never())
        loop.poll()
        loop.line.lost(error, loop.now)
        loop.poll()
        texts.add(str(loop.session.error))
    assert len(texts) == 2
    assert any("nothing listens there" in text for text in texts)


def test_a_listener_may_call_an_operation() -> None:
    class Greeter(Listener):
        def connection_made(self, endpoint: Endpoint, connected: Connected) -> None:
            loop.session.send(loop.now, "/q", "hello")

    loop = Loop(listener=Greeter())
    loop.poll()
    loop.line.made(loop.now)
    loop.flush()
    loop.line.received(CONNECTED % (0, 0), loop.now)
    assert b"hello" in loop.flush()


def test_threads_share_a_session_with_one_lock_around_it() -> None:
    """Operations in four threads, polls and facts in this one, and the lock is all that they share."""
    loop = Loop().connected()
    lock = threading.Lock()
    wire: list[bytes] = []

    def send(thread: int) -> None:
        for number in range(50):
            with lock:
                loop.session.send(loop.now, "/q", f"<{thread}-{number}>")

    threads = [threading.Thread(target=send, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads) or loop.session.size_to_send:
        with lock:
            commands = list(loop.driver.poll(loop.now))
        for command in commands:
            if isinstance(command, Write):
                wire.append(bytes(command.data))
                with lock:
                    command.line.written(loop.now)
    for thread in threads:
        thread.join()
    got = re.findall(rb"<(\d)-(\d+)>", b"".join(wire))
    assert len(got) == 200
    for thread_number in range(4):
        mine = [int(number) for sender, number in got if int(sender) == thread_number]
        assert mine == list(range(50))
