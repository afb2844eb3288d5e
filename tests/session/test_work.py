"""Work: what becomes of a message after its handler, by literal bytes and a clock of numbers."""

from __future__ import annotations

import pytest

from stomp_core.session import Delivery, Listener, Session, SessionState, StaleMessageError, Subscription
from stomp_core.session.work import Work, WorkPolicy

CONNECTED = b"CONNECTED\nversion:%s\nserver:RabbitMQ/3\n\n\0"


def opened(version: bytes = b"1.2", listener: Listener | None = None) -> Session:
    session = Session("stomp://h", heart_beat=(0, 0), listener=listener)
    session.next_attempt(0.0)
    session.connection_made(0.0)
    session.receive_data(CONNECTED % version, 0.0)
    session.data_to_send()
    return session


def subscribed(session: Session, ack: str = "client-individual") -> Subscription:
    pending = session.subscribe("/queue/a", id="1", ack=ack, receipt=False)  # type: ignore[arg-type]
    session.data_to_send()
    return pending.result()


def deliver(session: Session, number: int, body: bytes = b"job", *, again: bool = False) -> None:
    redelivered = b"redelivered:true\n" if again else b""
    session.receive_data(
        b"MESSAGE\nsubscription:1\nmessage-id:m%d\nack:a%d\ndestination:/queue/a\n%b\n%b\0"
        % (number, number, redelivered, body),
        0.0,
    )


def taken(work: Work) -> Delivery:
    delivery = work.take()
    assert delivery is not None
    return delivery


class Log(list[tuple[str, str]]):
    def __call__(self, delivery: Delivery, error: Exception) -> None:
        self.append((delivery.message_id, str(error)))


def frames(session: Session) -> list[str]:
    return [frame.lstrip("\n") for frame in session.data_to_send().decode().split("\0") if frame.strip("\n")]


def start(
    session: Session,
    policy: WorkPolicy | None = None,
    *,
    ack: str = "client-individual",
    concurrency: int = 1,
) -> tuple[Work, Log]:
    log = Log()
    return Work(subscribed(session, ack), concurrency, policy, log), log


def test_a_message_whose_handler_returns_is_acknowledged() -> None:
    session = opened()
    work, log = start(session)
    deliver(session, 1)
    work.returned(taken(work)).result()
    assert frames(session) == ["ACK\nid:a1\n\n"]
    assert log == []


def test_a_message_whose_handler_acknowledges_by_itself_is_left_to_it() -> None:
    session = opened()
    work, _ = start(session)
    deliver(session, 1)
    delivery = taken(work)
    session.nack(delivery)
    work.returned(delivery).result()
    assert frames(session) == ["NACK\nid:a1\n\n"]


def test_on_return_leave_says_nothing() -> None:
    session = opened()
    work, _ = start(session, WorkPolicy(on_return="leave"))
    deliver(session, 1)
    work.returned(taken(work)).result()
    assert frames(session) == []


def test_in_auto_mode_nothing_is_acknowledged() -> None:
    session = opened()
    work, log = start(session, ack="auto")
    deliver(session, 1)
    work.returned(taken(work)).result()
    deliver(session, 2)
    work.raised(taken(work), ValueError("broken")).result()
    session.handle_timeout(1000.0)
    assert frames(session) == []
    assert log == [("m2", "broken")]


def test_nack_is_said_after_a_pause_that_doubles_with_each_failure_and_the_worker_does_not_wait() -> None:
    session = opened()
    work, log = start(session, WorkPolicy(first_delay=0.5, max_delay=1.5, max_failures=None))
    now = 0.0
    for number, pause in enumerate((0.5, 1.0, 1.5, 1.5), start=1):
        deliver(session, number, again=number > 1)
        assert work.raised(taken(work), ValueError("broken")).done
        session.handle_timeout(now)
        assert session.next_deadline() == now + pause
        session.handle_timeout(now + pause - 0.01)
        assert frames(session) == []
        now += pause
        session.handle_timeout(now)
        assert frames(session) == [f"NACK\nid:a{number}\n\n"]
    assert log == [(f"m{number}", "broken") for number in (1, 2, 3, 4)]


def test_messages_are_told_apart_by_what_they_carry_and_not_by_their_ids() -> None:
    session = opened()
    work, _ = start(session, WorkPolicy(first_delay=0, max_delay=0, max_failures=2, given_up="ack"))
    deliver(session, 1, b"good job")
    work.raised(taken(work), ValueError()).result()
    deliver(session, 2, b"bad job")
    work.raised(taken(work), ValueError()).result()
    assert frames(session) == ["NACK\nid:a1\n\n", "NACK\nid:a2\n\n"]
    deliver(session, 3, b"bad job", again=True)
    work.raised(taken(work), ValueError()).result()
    assert frames(session) == ["ACK\nid:a3\n\n"]


def test_success_forgets_earlier_failures() -> None:
    session = opened()
    work, _ = start(session, WorkPolicy(first_delay=0, max_delay=0, max_failures=2))
    for number, fails in enumerate((True, False, True), start=1):
        deliver(session, number, again=number > 1)
        if fails:
            work.raised(taken(work), ValueError()).result()
        else:
            work.returned(taken(work)).result()
    assert frames(session) == ["NACK\nid:a1\n\n", "ACK\nid:a2\n\n", "NACK\nid:a3\n\n"]


@pytest.mark.parametrize(
    ("given_up", "said"),
    [("leave", []), ("ack", ["ACK\nid:a1\n\n"]), ("nack", ["NACK\nid:a1\n\n"])],
)
def test_after_so_many_failures_a_message_is_given_up(given_up: str, said: list[str]) -> None:
    session = opened()
    work, _ = start(session, WorkPolicy(max_failures=1, given_up=given_up))  # type: ignore[arg-type]
    deliver(session, 1)
    work.raised(taken(work), ValueError()).result()
    session.handle_timeout(1000.0)
    assert frames(session) == said


def test_a_message_that_is_given_up_can_be_moved_in_one_transaction() -> None:
    session = opened()
    work, _ = start(session, WorkPolicy(max_failures=1, given_up="move", dead_letters="/queue/dead"))
    deliver(session, 1)
    work.raised(taken(work), ValueError()).result()
    begin, send, ack, commit = frames(session)
    assert begin.startswith("BEGIN\ntransaction:tx-")
    transaction = begin.split("\n")[1]
    assert send == f"SEND\ndestination:/queue/dead\n{transaction}\ncontent-length:3\n\njob"
    assert ack == f"ACK\nid:a1\n{transaction}\n\n"
    assert commit == f"COMMIT\n{transaction}\n\n"


def test_the_observer_hears_of_failures_and_of_what_is_given_up() -> None:
    class Heard(Listener):
        def __init__(self) -> None:
            self.told: list[tuple[object, ...]] = []

        def handler_error(self, delivery: Delivery, error: Exception) -> None:
            self.told.append((delivery.message_id, str(error)))

        def message_given_up(self, delivery: Delivery, failures: int) -> None:
            self.told.append((delivery.message_id, failures))

    heard = Heard()
    session = opened(listener=heard)
    work, log = start(session, WorkPolicy(first_delay=0, max_delay=0, max_failures=2))
    deliver(session, 1)
    work.raised(taken(work), ValueError("one")).result()
    deliver(session, 2, again=True)
    work.raised(taken(work), ValueError("two")).result()
    assert heard.told == [("m1", "one"), ("m2", "two"), ("m2", 2)]
    assert log == []


def test_stop_lets_every_worker_end_and_says_what_the_handler_raised() -> None:
    session = opened()
    work, _ = start(session, WorkPolicy(on_error="stop"), concurrency=2)
    deliver(session, 1)
    deliver(session, 2)
    delivery = taken(work)
    work.raised(delivery, ValueError("enough")).result()
    assert work.ended
    assert work.take() is None
    assert work.arrival().done
    with pytest.raises(ValueError, match="enough"):
        work.finish()
    assert frames(session) == []


def test_stopping_wakes_a_worker_that_waits() -> None:
    session = opened()
    work, _ = start(session)
    arrival = work.arrival()
    before = arrival.done
    work.stop()
    assert (before, arrival.done) == (False, True)
    assert work.ended
    work.finish()


def test_stopping_a_subscription_ends_the_work_on_it_and_not_the_subscription() -> None:
    session = opened()
    subscription = subscribed(session)
    first, second = (Work(subscription, 1, None, Log()) for _ in range(2))
    subscription.stop()
    assert first.ended
    assert second.ended
    first.finish()
    second.finish()
    assert subscription.works == []
    assert not subscription.ended


def test_a_message_of_a_lost_connection_is_left_to_the_broker() -> None:
    session = opened()
    work, _ = start(session)
    deliver(session, 1)
    delivery = taken(work)
    session.receive_data(b"", 1.0)
    session.connection_lost(None, 1.0)
    with pytest.raises(StaleMessageError):
        session.ack(delivery)
    work.returned(delivery).result()
    work.raised(delivery, ValueError()).result()
    session.handle_timeout(100.0)
    assert session.state is SessionState.WAITING
    assert not work.ended


def test_why_a_subscription_ended_is_why_work_ended() -> None:
    session = opened()
    work, _ = start(session)
    session.receive_data(b"ERROR\nmessage:queue deleted\nsubscription:1\n\n\0", 1.0)
    assert work.take() is None
    assert work.ended
    with pytest.raises(Exception, match="queue deleted"):
        work.finish()


def test_1_0_has_no_nack_so_the_message_is_left() -> None:
    session = opened(b"1.0")
    work, _ = start(session, WorkPolicy(first_delay=0, max_delay=0))
    deliver(session, 1)
    work.raised(taken(work), ValueError()).result()
    assert frames(session) == []


def test_memory_of_failures_is_bounded() -> None:
    session = opened()
    work, _ = start(session, WorkPolicy(on_error="leave", max_failures=None))
    for number in range(10_050):
        deliver(session, number, b"%d" % number)
        work.raised(taken(work), ValueError())
    assert len(work._failures) == 10_000


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
    work, _ = start(session, ack="client")
    deliver(session, 1)
    work.returned(taken(work)).result()
    assert frames(session) == ["ACK\nid:a1\n\n"]
