"""HandlerRunner: what becomes of a message after its handler, in literal bytes."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from stomp_core import StompError
from stomp_core.session import (
    Config,
    Delivery,
    HandlerRunner,
    Listener,
    Listeners,
    Pending,
    Rejected,
    Session,
    SessionState,
    StaleMessageError,
    Subscription,
    WorkPolicy,
)

NOW = 0.0
CONNECTED = b"CONNECTED\nversion:%s\nserver:%s\n\n\0"


def opened(
    version: bytes = b"1.2", listener: Listener | None = None, server: bytes = b"RabbitMQ/3"
) -> Session:
    session = Session(Config("stomp://h", heart_beat=(0, 0), listener=listener))
    session.next_attempt(0.0)
    session.connection_made(0.0)
    session.receive_data(CONNECTED % (version, server), 0.0)
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
    return [
        frame.lstrip("\n")
        for frame in bytes(session.data_to_send()).decode().split("\0")
        if frame.strip("\n")
    ]


def is_done(pending: Pending[None]) -> bool:
    """Whether it is done; a type checker does not take it for a constant."""
    return pending.done


def commands(session: Session) -> list[str]:
    return [frame.partition("\n")[0] for frame in frames(session)]


def receipt(session: Session, frame: str) -> None:
    """Confirm a frame that asks for it."""
    (name,) = (line for line in frame.split("\n") if line.startswith("receipt:"))
    session.receive_data(f"RECEIPT\nreceipt-id:{name.removeprefix('receipt:')}\n\n\0".encode(), 0.0)


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


def test_a_handler_may_acknowledge_by_itself() -> None:
    session = opened()
    runner = start(session)
    deliver(session, 1)
    delivery = taken(runner)
    session.nack(0.0, delivery)
    runner.returned(NOW, delivery).result()
    assert frames(session) == ["NACK\nid:a1\n\n"]


def test_on_return_leave_sends_nothing() -> None:
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


def test_the_pause_before_nack_doubles_with_each_failure(
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


def test_a_message_is_recognised_by_its_content() -> None:
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


def test_a_success_resets_the_count_of_failures() -> None:
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
    ("given_up", "sent"),
    [("leave", []), ("ack", ["ACK\nid:a1\n\n"]), ("nack", ["NACK\nid:a1\nrequeue:false\n\n"])],
)
def test_after_max_failures_a_message_is_not_retried(
    given_up: str, sent: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    session = opened()
    runner = start(session, WorkPolicy(max_failures=1, given_up=given_up))  # type: ignore[arg-type]
    deliver(session, 1)
    runner.raised(NOW, taken(runner), ValueError("broken")).result()
    session.handle_timeout(1000.0)
    assert frames(session) == sent
    assert logged(caplog) == [
        ("the handler of message 'm1' from /queue/a failed", "broken"),
        (f"message 'm1' from /queue/a is not retried any more after 1 failures ({given_up})", "broken"),
    ]


def test_a_failed_message_can_be_moved_in_one_transaction() -> None:
    session = opened(server=b"ActiveMQ/5")
    runner = start(session, WorkPolicy(max_failures=1, given_up="move", dead_letters="/queue/dead"))
    deliver(session, 1)
    moved = runner.raised(NOW, taken(runner), ValueError("no"))
    begin, ack, send, commit = frames(session)
    assert begin.startswith("BEGIN\ntransaction:tx-")
    transaction = begin.split("\n")[1]
    assert send == (
        f"SEND\ndestination:/queue/dead\n{transaction}\n"
        "x-failed-destination:/queue/a\nx-failures:1\nx-error:ValueError\\c no\n\njob"
    )
    assert ack == f"ACK\nid:a1\n{transaction}\n\n"
    assert commit.startswith(f"COMMIT\n{transaction}\nreceipt:")
    assert not moved.done
    receipt(session, commit)
    moved.result()


@pytest.mark.parametrize("server", [b"RabbitMQ/3", b"Other"])
def test_where_transactions_are_not_atomic_the_ack_waits_for_the_receipt(server: bytes) -> None:
    session = opened(server=server)
    runner = start(session, WorkPolicy(max_failures=1, given_up="move", dead_letters="/queue/dead"))
    deliver(session, 1)
    moved = runner.raised(NOW, taken(runner), ValueError("no"))
    (send,) = frames(session)
    assert send.startswith("SEND\ndestination:/queue/dead\n")
    assert "\nreceipt:" in send
    assert not is_done(moved)
    receipt(session, send)
    moved.result()
    assert frames(session) == ["ACK\nid:a1\n\n"]


def test_an_acknowledged_message_is_not_moved() -> None:
    session = opened()
    runner = start(session, WorkPolicy(max_failures=1, given_up="move", dead_letters="/queue/dead"))
    deliver(session, 1)
    delivery = taken(runner)
    session.ack(0.0, delivery)
    runner.raised(NOW, delivery, ValueError()).result()
    assert commands(session) == ["ACK"]


def test_in_auto_mode_a_message_is_moved_at_its_first_failure() -> None:
    session = opened()
    runner = start(session, WorkPolicy(given_up="move", dead_letters="/queue/dead"), ack="auto")
    deliver(session, 1)
    moved = runner.raised(NOW, taken(runner), ValueError())
    (send,) = frames(session)
    assert send.startswith("SEND\ndestination:/queue/dead\n")
    assert "\nreceipt:" in send
    assert not moved.done
    receipt(session, send)
    moved.result()


def test_the_listener_is_notified_of_failures(caplog: pytest.LogCaptureFixture) -> None:
    class Recording(Listener):
        def __init__(self) -> None:
            self.calls: list[tuple[object, ...]] = []

        def handler_error(self, delivery: Delivery, error: Exception) -> None:
            self.calls.append((delivery.message_id, str(error)))

        def message_given_up(self, delivery: Delivery, failures: int) -> None:
            self.calls.append((delivery.message_id, failures))

    recording = Recording()
    session = opened(listener=recording)
    runner = start(session, WorkPolicy(first_delay=0, max_delay=0, max_failures=2))
    deliver(session, 1)
    runner.raised(NOW, taken(runner), ValueError("one")).result()
    deliver(session, 2, again=True)
    runner.raised(NOW, taken(runner), ValueError("two")).result()
    assert recording.calls == [("m1", "one"), ("m2", "two"), ("m2", 2)]
    assert logged(caplog) == []


def test_what_the_listener_has_no_method_for_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    class WithoutMethod(Listener):
        def closed(self, error: Exception | None) -> None:
            """The only method that it has."""

    class WithMethod(Listener):
        def handler_error(self, delivery: Delivery, error: Exception) -> None:
            """Do nothing."""

    for listener, count in (
        (WithoutMethod(), 1),
        (WithMethod(), 0),
        (Listeners(WithoutMethod(), WithoutMethod()), 1),
        (Listeners(WithoutMethod(), WithMethod()), 0),
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
        self.calls: list[str] = []
        self.trouble = trouble

    @contextmanager
    def handling(self, delivery: Delivery) -> Iterator[None]:
        if self.trouble == "enter":
            raise RuntimeError(self.trouble)
        try:
            yield
        except Exception as error:
            self.calls.append(repr(error))
            raise
        finally:
            if self.trouble == "exit":
                raise RuntimeError(self.trouble)
        self.calls.append("returned")


def test_a_handler_is_called_in_the_context_of_the_listener() -> None:
    spans = Spans()
    session = opened(listener=spans)
    runner = start(session)
    for number in (1, 2):
        deliver(session, number)
    with runner.handling(taken(runner)):
        pass
    with pytest.raises(KeyError), runner.handling(taken(runner)):
        raise KeyError("own")
    assert spans.calls == ["returned", "KeyError('own')"]


@pytest.mark.parametrize("trouble", ["enter", "exit"])
@pytest.mark.parametrize("several", [False, True], ids=["alone", "among others"])
def test_what_that_context_raises_is_logged(
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
    assert other.calls == (["returned", "KeyError('own')"] if several else [])


def test_on_error_stop_ends_all_workers_and_raises() -> None:
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


def test_stopping_a_subscription_stops_its_handlers_only() -> None:
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


def test_the_error_of_the_subscription_is_raised_at_the_end() -> None:
    session = opened()
    runner = start(session)
    session.receive_data(b"ERROR\nmessage:queue deleted\nsubscription:1\n\n\0", 1.0)
    assert runner.take() is None
    assert runner.ended
    with pytest.raises(Exception, match="queue deleted"):
        runner.finish()


# ---------------------------------------------------------------------- retries in this client

FINAL = [
    (b"1.2", b"ActiveMQ/5.17"),
    (b"1.2", b"ActiveMQ-Artemis/2"),
    (b"1.2", b"Other"),
    (b"1.0", b"RabbitMQ/3"),
]
final = pytest.mark.parametrize(
    ("version", "server"), FINAL, ids=["ActiveMQ", "Artemis", "unknown", "RabbitMQ 1.0"]
)


@final
@pytest.mark.parametrize(
    ("given_up", "last"),
    [
        ("leave", []),
        ("ack", ["ACK"]),
        ("nack", ["NACK"]),
        ("move", ["BEGIN", "ACK", "SEND", "COMMIT"]),
    ],
)
def test_where_nack_is_final_nothing_is_sent_before_the_last_failure(
    version: bytes, server: bytes, given_up: str, last: list[str]
) -> None:
    if given_up == "move" and server != b"ActiveMQ/5.17":
        last = ["SEND"]  # the ACK waits for its receipt
    session = opened(version, server=server)
    policy = WorkPolicy(
        first_delay=1, max_delay=8, max_failures=3, given_up=given_up,  # type: ignore[arg-type]
        dead_letters="/queue/dead" if given_up == "move" else None,
    )  # fmt: skip
    runner = start(session, policy)
    deliver(session, 1)
    delivery = taken(runner)
    for now, pause in ((0.0, 1.0), (1.0, 2.0)):
        runner.raised(now, delivery, ValueError()).result()
        assert runner.take() is None
        waiting = runner.ready()
        session.handle_timeout(now + pause - 0.1)
        assert not is_done(waiting)
        session.handle_timeout(now + pause)
        assert is_done(waiting)
        assert frames(session) == []
        assert taken(runner) is delivery
    runner.raised(3.0, delivery, ValueError())
    if version == b"1.0" and given_up == "nack":
        last = []  # there is no NACK in 1.0
    assert commands(session) == last
    session.handle_timeout(1000.0)
    assert runner.take() is None


def test_a_retry_that_succeeds_is_acknowledged() -> None:
    session = opened(server=b"ActiveMQ/5")
    runner = start(session, WorkPolicy(first_delay=0, max_delay=0, max_failures=2))
    for number in (1, 2):
        deliver(session, number)
        delivery = taken(runner)
        runner.raised(NOW, delivery, ValueError()).result()
        assert taken(runner) is delivery
        runner.returned(NOW, delivery).result()
        assert frames(session) == [f"ACK\nid:a{number}\n\n"]


def test_while_one_message_pauses_others_are_handled() -> None:
    session = opened(server=b"ActiveMQ/5")
    runner = start(session)
    deliver(session, 1)
    deliver(session, 2)
    runner.raised(NOW, taken(runner), ValueError()).result()
    runner.returned(NOW, taken(runner)).result()
    assert frames(session) == ["ACK\nid:a2\n\n"]
    session.handle_timeout(0.5)
    assert taken(runner).message_id == "m1"


def test_messages_of_the_same_content_are_counted_apart() -> None:
    session = opened(server=b"ActiveMQ/5")
    runner = start(session, WorkPolicy(first_delay=0, max_delay=0, max_failures=3, given_up="ack"))
    for number in (1, 2, 3):
        deliver(session, number, b"tick")
    tries: list[str] = []
    while (delivery := runner.take()) is not None:
        tries.append(delivery.message_id)
        runner.raised(NOW, delivery, ValueError()).result()
    assert sorted(tries) == [name for name in ("m1", "m2", "m3") for _ in range(3)]
    assert len(frames(session)) == 3


@pytest.mark.parametrize("server", [b"ActiveMQ/5", b"RabbitMQ/3"])
def test_in_client_mode_no_later_ack_covers_a_message_that_pauses(server: bytes) -> None:
    session = opened(server=server)
    runner = start(session, WorkPolicy(first_delay=1, max_failures=5), ack="client")
    deliver(session, 1)
    deliver(session, 2)
    first = taken(runner)
    runner.raised(NOW, first, ValueError()).result()
    assert runner.take() is None
    waiting = runner.ready()
    assert not is_done(waiting)
    session.handle_timeout(1.0)
    assert is_done(waiting)
    if server.startswith(b"Rabbit"):
        assert frames(session) == ["NACK\nid:a1\n\n"]
    else:
        assert taken(runner) is first
        runner.returned(1.0, first).result()
        assert frames(session) == ["ACK\nid:a1\n\n"]
    assert taken(runner).message_id == "m2"


def reconnected(session: Session, server: bytes, now: float) -> None:
    session.receive_data(b"", now)
    session.connection_lost(None, now)
    session.next_attempt(now)
    session.connection_made(now)
    session.receive_data(CONNECTED % (b"1.2", server), now)
    session.data_to_send()


@pytest.mark.parametrize("due", [False, True], ids=["pausing", "due"])
@pytest.mark.parametrize("ack", ["client", "client-individual"])
def test_a_connection_lost_between_tries_leaves_the_message_to_the_broker(ack: str, due: bool) -> None:
    session = opened(server=b"ActiveMQ/5")
    runner = start(session, WorkPolicy(first_delay=1, max_failures=2, given_up="ack"), ack=ack)
    deliver(session, 1)
    runner.raised(NOW, taken(runner), ValueError()).result()
    if due:
        session.handle_timeout(1.0)
    reconnected(session, b"ActiveMQ/5", 1.0)
    assert runner.take() is None
    deliver(session, 2, again=True)
    again = taken(runner)
    assert again.message_id == "m2"
    session.handle_timeout(100.0)
    assert runner.take() is None
    # What was counted on the first connection counts.
    runner.raised(100.0, again, ValueError()).result()
    assert frames(session) == ["ACK\nid:a2\n\n"]


def test_a_worker_that_waits_for_a_pause_ends_with_the_subscription() -> None:
    session = opened(server=b"ActiveMQ/5")
    runner = start(session, ack="client")
    deliver(session, 1)
    deliver(session, 2)
    runner.raised(NOW, taken(runner), ValueError()).result()
    waiting = runner.ready()
    session.terminate(0.1)
    assert waiting.done
    assert runner.take() is None
    assert runner.ended
    runner.finish()


def test_what_pauses_when_the_workers_stop_comes_first_the_next_time() -> None:
    session = opened(server=b"ActiveMQ/5")
    subscription = subscribed(session)
    runner = HandlerRunner(session, subscription, 1, None)
    for number in (1, 2, 3):
        deliver(session, number)
    for _ in range(2):
        runner.raised(NOW, taken(runner), ValueError()).result()
    runner.stop()
    runner.finish()
    session.handle_timeout(100.0)
    assert [delivery.message_id for delivery in iter(subscription.take, None)] == ["m1", "m2", "m3"]


def test_a_message_that_its_handler_acknowledged_is_not_retried() -> None:
    session = opened(server=b"ActiveMQ/5")
    runner = start(session, WorkPolicy(first_delay=0, max_delay=0))
    deliver(session, 1)
    delivery = taken(runner)
    session.ack(NOW, delivery)
    runner.raised(NOW, delivery, ValueError()).result()
    assert runner.take() is None


def test_a_message_is_put_back_that_an_interrupted_caller_took() -> None:
    session = opened(server=b"ActiveMQ/5")
    runner = start(session, WorkPolicy(first_delay=0, max_delay=0))
    deliver(session, 1)
    delivery = taken(runner)
    runner.raised(NOW, delivery, ValueError()).result()
    entry = runner.first()
    assert taken(runner) is delivery
    assert entry is not None
    runner.put_back(entry)
    runner.put_back(entry)
    assert taken(runner) is delivery
    assert runner.take() is None


def test_without_a_prefetch_only_so_many_messages_pause() -> None:
    session = opened(server=b"ActiveMQ/5")
    runner = start(session, WorkPolicy(first_delay=1))
    for number in range(1001):
        deliver(session, number)
    for _ in range(1000):
        runner.raised(NOW, taken(runner), ValueError()).result()
    assert runner.take() is None
    assert not runner.ready().done
    session.handle_timeout(1.0)
    assert taken(runner).message_id == "m0"


# ---------------------------------------------------------------------- moved


MOVE = WorkPolicy(first_delay=0, max_delay=0, max_failures=1, given_up="move", dead_letters="/queue/dead")


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("broken"), "ValueError: broken"),
        (ValueError("two\nlines\r\n\tand \0 \x1b[31m"), "ValueError: two lines and ? ?[31m"),
        (KeyError("\\"), "KeyError: '//'"),
        (ValueError("x" * 1000), "ValueError: " + "x" * 188),
        (ValueError("\ud800"), "ValueError: ?"),
        (Unprintable(), "Unprintable"),
    ],
)
@pytest.mark.parametrize("version", [b"1.0", b"1.2"])
def test_a_moved_message_names_the_reason_in_one_line(
    version: bytes, error: Exception, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # pytest-xdist cannot transmit a captured log that contains half of a character.
    monkeypatch.setattr(logging.getLogger("stomp_core"), "propagate", False)
    session = opened(version)
    runner = start(session, MOVE)
    deliver(session, 1)
    runner.raised(NOW, taken(runner), error)
    (send,) = (frame for frame in frames(session) if frame.startswith("SEND"))
    lines = send.partition("\n\n")[0].split("\n")
    (line,) = (line for line in lines if line.startswith("x-error:"))
    assert line.removeprefix("x-error:").replace("\\c", ":") == text


def test_a_moved_message_has_its_headers_but_not_its_expiry() -> None:
    session = opened(server=b"ActiveMQ/5")
    runner = start(session, MOVE)
    session.receive_data(
        b"MESSAGE\nsubscription:1\nmessage-id:m1\nack:a1\ndestination:/queue/a\nexpires:1\npersistent:true\n"
        b"colour:red\nx-error:an earlier one\nx-failures:7\n\njob\0",
        0.0,
    )
    runner.raised(NOW, taken(runner), ValueError("no"))
    (send,) = (frame for frame in frames(session) if frame.startswith("SEND"))
    lines = send.partition("\n\n")[0].split("\n")
    assert [line for line in lines if not line.startswith("transaction:")] == [
        "SEND", "destination:/queue/dead", "persistent:true", "colour:red",
        "x-failed-destination:/queue/a", "x-failures:1", "x-error:ValueError\\c no",
    ]  # fmt: skip


def test_a_move_that_is_lost_is_done_again_after_one_failure() -> None:
    session = opened(server=b"ActiveMQ/5")
    policy = WorkPolicy(
        first_delay=0, max_delay=0, max_failures=3, given_up="move", dead_letters="/queue/dead"
    )
    runner = start(session, policy)
    deliver(session, 1)
    delivery = taken(runner)
    for _ in range(2):
        runner.raised(NOW, delivery, ValueError()).result()
        assert taken(runner) is delivery
    moved = runner.raised(NOW, delivery, ValueError())
    assert commands(session) == ["BEGIN", "ACK", "SEND", "COMMIT"]
    reconnected(session, b"ActiveMQ/5", 1.0)
    moved.result()
    assert not runner.ended
    deliver(session, 2, again=True)
    runner.raised(1.0, taken(runner), ValueError())
    assert commands(session) == ["BEGIN", "ACK", "SEND", "COMMIT"]


@pytest.mark.parametrize("server", [b"ActiveMQ/5", b"RabbitMQ/3"])
def test_a_refused_move_is_raised(server: bytes) -> None:
    session = opened(server=server)
    runner = start(session, MOVE)
    deliver(session, 1)
    moved = runner.raised(NOW, taken(runner), ValueError())
    session.data_to_send()
    session.receive_data(b"ERROR\nmessage:no such queue\n\n\0", 1.0)
    session.connection_lost(None, 1.0)
    # Without a receipt-id it may be the answer to another frame: it is tried once more.
    moved.result()
    session.next_attempt(1.0)
    session.connection_made(1.0)
    session.receive_data(CONNECTED % (b"1.2", server), 1.0)
    session.data_to_send()
    deliver(session, 2, again=True)
    moved = runner.raised(1.0, taken(runner), ValueError())
    session.data_to_send()
    session.receive_data(b"ERROR\nmessage:no such queue\n\n\0", 2.0)
    session.connection_lost(None, 2.0)
    with pytest.raises(StompError, match="no such queue"):
        moved.result()


def test_a_move_that_is_rejected_is_raised_at_once() -> None:
    session = opened()
    runner = start(session, MOVE)
    deliver(session, 1)
    moved = runner.raised(NOW, taken(runner), ValueError())
    (send,) = frames(session)
    (name,) = (line for line in send.split("\n") if line.startswith("receipt:"))
    answer = f"ERROR\nmessage:no such queue\nreceipt-id:{name.removeprefix('receipt:')}\n\n\0"
    session.receive_data(answer.encode(), 1.0)
    with pytest.raises(Rejected, match="no such queue"):
        moved.result()


def test_a_message_is_left_to_the_broker_when_the_session_is_closing() -> None:
    session = opened(server=b"ActiveMQ/5")
    runner = start(session, MOVE)
    deliver(session, 1)
    delivery = taken(runner)
    session.close(NOW)
    runner.raised(NOW, delivery, ValueError()).result()
    assert commands(session) == ["DISCONNECT"]


def test_the_memory_of_failures_is_bounded() -> None:
    session = opened()
    runner = start(session, WorkPolicy(max_failures=2, on_error="leave", given_up="ack"))
    for number in range(10_002):
        deliver(session, number, b"%d" % number)
        runner.raised(NOW, taken(runner), ValueError())
    for number, remembered in ((1, False), (10_001, True)):
        deliver(session, 20_000 + number, b"%d" % number, again=True)
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
def test_an_option_out_of_its_range_is_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        WorkPolicy(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(("concurrency", "ack"), [(0, "client-individual"), (2, "client")])
def test_a_concurrency_out_of_its_range_is_refused(concurrency: int, ack: str) -> None:
    with pytest.raises(ValueError):
        start(opened(), concurrency=concurrency, ack=ack)


def test_client_mode_allows_one_worker() -> None:
    session = opened()
    runner = start(session, ack="client")
    deliver(session, 1)
    runner.returned(NOW, taken(runner)).result()
    assert frames(session) == ["ACK\nid:a1\n\n"]
