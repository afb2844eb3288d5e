"""HandlerRunner: what becomes of a message after its handler, in literal bytes."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from stomp_core.session import (
    Config,
    Delivery,
    HandlerRunner,
    Listener,
    Listeners,
    Session,
    SessionState,
    StaleMessageError,
    Subscription,
    WorkPolicy,
)

NOW = 0.0
CONNECTED = b"CONNECTED\nversion:%s\nserver:RabbitMQ/3\n\n\0"


def opened(version: bytes = b"1.2", listener: Listener | None = None) -> Session:
    session = Session(Config("stomp://h", heart_beat=(0, 0), listener=listener))
    session.next_attempt(0.0)
    session.connection_made(0.0)
    session.receive_data(CONNECTED % version, 0.0)
    session.data_to_send()
    return session


def subscribed(session: Session, ack: str = "client-individual") -> Subscription:
    pending = session.subscribe(0.0, "/queue/a", id="1", ack=ack, receipt=False)  # type: ignore[arg-type]
    session.data_to_send()
    return pending.result()


def deliver(session: Session, number: int, body: bytes = b"job", *, again: bool = False) -> None:
    redelivered = b"redelivered:true\n" if again else b""
    session.receive_data(
        b"MESSAGE\nsubscription:1\nmessage-id:m%d\nack:a%d\ndestination:/queue/a\n%b\n%b\0"
        % (number, number, redelivered, body),
        0.0,
    )


def taken(runner: HandlerRunner) -> Delivery:
    delivery = runner.take()
    assert delivery is not None
    return delivery


def frames(session: Session) -> list[str]:
    return [frame.lstrip("\n") for frame in session.data_to_send().decode().split("\0") if frame.strip("\n")]


def start(
    session: Session,
    policy: WorkPolicy | None = None,
    *,
    ack: str = "client-individual",
    concurrency: int = 1,
) -> HandlerRunner:
    return HandlerRunner(session, subscribed(session, ack), concurrency, policy)


def logged(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """The log records so far, with the text of their exceptions."""
    found = []
    for record in caplog.records:
        assert (record.name, record.levelno) == ("stomp_core", logging.ERROR)
        assert record.exc_info is not None
        found.append((record.getMessage(), str(record.exc_info[1])))
    return found


def test_a_message_whose_handler_returns_is_acknowledged(caplog: pytest.LogCaptureFixture) -> None:
    session = opened()
    runner = start(session)
    deliver(session, 1)
    runner.returned(NOW, taken(runner)).result()
    assert frames(session) == ["ACK\nid:a1\n\n"]
    assert logged(caplog) == []


def test_a_message_whose_handler_acknowledges_by_itself_is_left_to_it() -> None:
    session = opened()
    runner = start(session)
    deliver(session, 1)
    delivery = taken(runner)
    session.nack(0.0, delivery)
    runner.returned(NOW, delivery).result()
    assert frames(session) == ["NACK\nid:a1\n\n"]


def test_on_return_leave_says_nothing() -> None:
    session = opened()
    runner = start(session, WorkPolicy(on_return="leave"))
    deliver(session, 1)
    runner.returned(NOW, taken(runner)).result()
    assert frames(session) == []


def test_in_auto_mode_nothing_is_acknowledged(caplog: pytest.LogCaptureFixture) -> None:
    session = opened()
    runner = start(session, ack="auto")
    deliver(session, 1)
    runner.returned(NOW, taken(runner)).result()
    deliver(session, 2)
    runner.raised(NOW, taken(runner), ValueError("broken")).result()
    session.handle_timeout(1000.0)
    assert frames(session) == []
    assert logged(caplog) == [("the handler of message 'm2' from /queue/a failed", "broken")]


def test_nack_is_said_after_a_pause_that_doubles_with_each_failure_and_the_worker_does_not_wait(
    caplog: pytest.LogCaptureFixture,
) -> None:
    session = opened()
    runner = start(session, WorkPolicy(first_delay=0.5, max_delay=1.5, max_failures=None))
    now = 0.0
    for number, pause in enumerate((0.5, 1.0, 1.5, 1.5), start=1):
        deliver(session, number, again=number > 1)
        assert runner.raised(now, taken(runner), ValueError("broken")).done
        assert session.next_deadline() == now + pause
        session.handle_timeout(now + pause - 0.01)
        assert frames(session) == []
        now += pause
        session.handle_timeout(now)
        assert frames(session) == [f"NACK\nid:a{number}\n\n"]
    assert logged(caplog) == [
        (f"the handler of message 'm{number}' from /queue/a failed", "broken") for number in (1, 2, 3, 4)
    ]


def test_messages_are_told_apart_by_what_they_carry_and_not_by_their_ids() -> None:
    session = opened()
    runner = start(session, WorkPolicy(first_delay=0, max_delay=0, max_failures=2, given_up="ack"))
    deliver(session, 1, b"good job")
    runner.raised(NOW, taken(runner), ValueError()).result()
    deliver(session, 2, b"bad job")
    runner.raised(NOW, taken(runner), ValueError()).result()
    assert frames(session) == ["NACK\nid:a1\n\n", "NACK\nid:a2\n\n"]
    deliver(session, 3, b"bad job", again=True)
    runner.raised(NOW, taken(runner), ValueError()).result()
    assert frames(session) == ["ACK\nid:a3\n\n"]


def test_success_forgets_earlier_failures() -> None:
    session = opened()
    runner = start(session, WorkPolicy(first_delay=0, max_delay=0, max_failures=2))
    for number, fails in enumerate((True, False, True), start=1):
        deliver(session, number, again=number > 1)
        if fails:
            runner.raised(NOW, taken(runner), ValueError()).result()
        else:
            runner.returned(NOW, taken(runner)).result()
    assert frames(session) == ["NACK\nid:a1\n\n", "ACK\nid:a2\n\n", "NACK\nid:a3\n\n"]


@pytest.mark.parametrize(
    ("given_up", "said"),
    [("leave", []), ("ack", ["ACK\nid:a1\n\n"]), ("nack", ["NACK\nid:a1\nrequeue:false\n\n"])],
)
def test_after_so_many_failures_a_message_is_given_up(
    given_up: str, said: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    session = opened()
    runner = start(session, WorkPolicy(max_failures=1, given_up=given_up))  # type: ignore[arg-type]
    deliver(session, 1)
    runner.raised(NOW, taken(runner), ValueError("broken")).result()
    session.handle_timeout(1000.0)
    assert frames(session) == said
    assert logged(caplog) == [
        ("the handler of message 'm1' from /queue/a failed", "broken"),
        (f"message 'm1' from /queue/a is not retried any more after 1 failures ({given_up})", "broken"),
    ]


def test_a_message_that_is_given_up_can_be_moved_in_one_transaction() -> None:
    session = opened()
    runner = start(session, WorkPolicy(max_failures=1, given_up="move", dead_letters="/queue/dead"))
    deliver(session, 1)
    runner.raised(NOW, taken(runner), ValueError()).result()
    begin, ack, send, commit = frames(session)
    assert begin.startswith("BEGIN\ntransaction:tx-")
    transaction = begin.split("\n")[1]
    assert send == f"SEND\ndestination:/queue/dead\n{transaction}\ncontent-length:3\n\njob"
    assert ack == f"ACK\nid:a1\n{transaction}\n\n"
    assert commit == f"COMMIT\n{transaction}\n\n"


def test_a_message_that_its_handler_acknowledged_before_it_failed_is_not_moved() -> None:
    session = opened()
    runner = start(session, WorkPolicy(max_failures=1, given_up="move", dead_letters="/queue/dead"))
    deliver(session, 1)
    delivery = taken(runner)
    session.ack(0.0, delivery)
    runner.raised(NOW, delivery, ValueError()).result()
    assert [frame.partition("\n")[0] for frame in frames(session)] == ["ACK", "BEGIN", "ABORT"]


def test_in_auto_mode_a_message_is_moved_at_its_first_failure_since_it_does_not_come_again() -> None:
    session = opened()
    runner = start(session, WorkPolicy(given_up="move", dead_letters="/queue/dead"), ack="auto")
    deliver(session, 1)
    runner.raised(NOW, taken(runner), ValueError()).result()
    assert frames(session) == ["SEND\ndestination:/queue/dead\ncontent-length:3\n\njob"]


def test_the_observer_hears_of_failures_and_of_what_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    class Heard(Listener):
        def __init__(self) -> None:
            self.told: list[tuple[object, ...]] = []

        def handler_error(self, delivery: Delivery, error: Exception) -> None:
            self.told.append((delivery.message_id, str(error)))

        def message_given_up(self, delivery: Delivery, failures: int) -> None:
            self.told.append((delivery.message_id, failures))

    heard = Heard()
    session = opened(listener=heard)
    runner = start(session, WorkPolicy(first_delay=0, max_delay=0, max_failures=2))
    deliver(session, 1)
    runner.raised(NOW, taken(runner), ValueError("one")).result()
    deliver(session, 2, again=True)
    runner.raised(NOW, taken(runner), ValueError("two")).result()
    assert heard.told == [("m1", "one"), ("m2", "two"), ("m2", 2)]
    assert logged(caplog) == []


def test_what_the_observer_has_no_method_for_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    class Deaf(Listener):
        def closed(self, error: Exception | None) -> None:
            """All that it hears."""

    class Hears(Listener):
        def handler_error(self, delivery: Delivery, error: Exception) -> None:
            """And says nothing."""

    for listener, count in (
        (Deaf(), 1),
        (Hears(), 0),
        (Listeners(Deaf(), Deaf()), 1),
        (Listeners(Deaf(), Hears()), 0),
    ):
        caplog.clear()
        session = opened(listener=listener)
        runner = start(session)
        deliver(session, 1)
        runner.raised(NOW, taken(runner), ValueError("broken")).result()
        assert len(logged(caplog)) == count


class Spans(Listener):
    """Notes what a handler is called within."""

    def __init__(self, trouble: str = "") -> None:
        self.story: list[str] = []
        self.trouble = trouble

    @contextmanager
    def handling(self, delivery: Delivery) -> Iterator[None]:
        if self.trouble == "enter":
            raise RuntimeError(self.trouble)
        try:
            yield
        except Exception as error:
            self.story.append(repr(error))
            raise
        finally:
            if self.trouble == "exit":
                raise RuntimeError(self.trouble)
        self.story.append("returned")


def test_a_handler_is_called_within_what_the_observer_wants() -> None:
    spans = Spans()
    session = opened(listener=spans)
    runner = start(session)
    for number in (1, 2):
        deliver(session, number)
    with runner.handling(taken(runner)):
        pass
    with pytest.raises(KeyError), runner.handling(taken(runner)):
        raise KeyError("own")
    assert spans.story == ["returned", "KeyError('own')"]


@pytest.mark.parametrize("trouble", ["enter", "exit"])
@pytest.mark.parametrize("several", [False, True], ids=["alone", "among others"])
def test_what_an_observer_raises_around_a_handler_disturbs_nobody(
    caplog: pytest.LogCaptureFixture, trouble: str, several: bool
) -> None:
    clumsy, other = Spans(trouble), Spans()
    session = opened(listener=Listeners(clumsy, other) if several else clumsy)
    runner = start(session)
    for number in (1, 2):
        deliver(session, number)
    with runner.handling(taken(runner)):
        pass
    with pytest.raises(KeyError), runner.handling(taken(runner)):
        raise KeyError("own")
    assert logged(caplog) == [("a listener raised in handling()", trouble)] * 2
    assert other.story == (["returned", "KeyError('own')"] if several else [])


def test_stop_lets_every_worker_end_and_says_what_the_handler_raised() -> None:
    session = opened()
    runner = start(session, WorkPolicy(on_error="stop"), concurrency=2)
    deliver(session, 1)
    deliver(session, 2)
    delivery = taken(runner)
    runner.raised(NOW, delivery, ValueError("enough")).result()
    assert runner.ended
    assert runner.take() is None
    assert runner.ready().done
    with pytest.raises(ValueError, match="enough"):
        runner.finish()
    assert frames(session) == []


def test_stopping_wakes_a_worker_that_waits() -> None:
    session = opened()
    runner = start(session)
    arrival = runner.ready()
    before = arrival.done
    runner.stop()
    assert (before, arrival.done) == (False, True)
    assert runner.ended
    runner.finish()


def test_stopping_a_subscription_ends_the_work_on_it_and_not_the_subscription() -> None:
    session = opened()
    subscription = subscribed(session)
    first, second = (HandlerRunner(session, subscription, 1, None) for _ in range(2))
    subscription.stop()
    assert first.ended
    assert second.ended
    first.finish()
    second.finish()
    assert not subscription.ended


def test_a_message_of_a_lost_connection_is_left_to_the_broker() -> None:
    session = opened()
    runner = start(session)
    deliver(session, 1)
    delivery = taken(runner)
    session.receive_data(b"", 1.0)
    session.connection_lost(None, 1.0)
    with pytest.raises(StaleMessageError):
        session.ack(0.0, delivery)
    runner.returned(NOW, delivery).result()
    runner.raised(NOW, delivery, ValueError()).result()
    session.handle_timeout(100.0)
    assert session.state is SessionState.WAITING
    assert not runner.ended


def test_why_a_subscription_ended_is_why_work_ended() -> None:
    session = opened()
    runner = start(session)
    session.receive_data(b"ERROR\nmessage:queue deleted\nsubscription:1\n\n\0", 1.0)
    assert runner.take() is None
    assert runner.ended
    with pytest.raises(Exception, match="queue deleted"):
        runner.finish()


def test_1_0_has_no_nack_so_the_message_is_left() -> None:
    session = opened(b"1.0")
    runner = start(session, WorkPolicy(first_delay=0, max_delay=0))
    deliver(session, 1)
    runner.raised(NOW, taken(runner), ValueError()).result()
    assert frames(session) == []


def test_memory_of_failures_is_bounded() -> None:
    session = opened()
    runner = start(session, WorkPolicy(max_failures=2, on_error="leave", given_up="ack"))
    for number in range(10_002):
        deliver(session, number, b"%d" % number)
        runner.raised(NOW, taken(runner), ValueError())
    for number, remembered in ((1, False), (10_001, True)):
        deliver(session, 20_000 + number, b"%d" % number)
        runner.raised(NOW, taken(runner), ValueError())
        assert (frames(session) == [f"ACK\nid:a{20_000 + number}\n\n"]) is remembered


@pytest.mark.parametrize(
    "arguments",
    [
        {"on_return": "nack"},
        {"on_error": "retry"},
        {"given_up": "stop"},
        {"first_delay": -1},
        {"first_delay": 2, "max_delay": 1},
        {"max_failures": 0},
        {"given_up": "move"},
        {"dead_letters": "/queue/dead"},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        WorkPolicy(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(("concurrency", "ack"), [(0, "client-individual"), (2, "client")])
def test_a_concurrency_that_makes_no_sense_is_refused(concurrency: int, ack: str) -> None:
    with pytest.raises(ValueError):
        start(opened(), concurrency=concurrency, ack=ack)


def test_one_worker_may_work_in_client_mode() -> None:
    session = opened()
    runner = start(session, ack="client")
    deliver(session, 1)
    runner.returned(NOW, taken(runner)).result()
    assert frames(session) == ["ACK\nid:a1\n\n"]
