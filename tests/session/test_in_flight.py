"""What is awaited: receipts, which operation an ERROR answers, replies, and the deadlines of all operations."""

# What a call has changed, a checker does not know.
# mypy: no-warn-unreachable, disable-error-code=comparison-overlap

from __future__ import annotations

import gc
import time
import weakref
from typing import Any

import pytest

from stomp_core import Error, ErrorCode, LocalProtocolError, Message, Send
from stomp_core.session import ACTIVEMQ as ACTIVEMQ_PROFILE
from stomp_core.session import RABBITMQ as RABBITMQ_PROFILE
from stomp_core.session import NotSent, NotSentInTime, OutcomeUnknown, Pending, ReceiptTimeout
from stomp_core.session._in_flight import Deadlines, Receipts, Replies, ReplyQueue
from stomp_core.session._operations import RequestOperation, SendOperation

from .play import ACTIVEMQ, RABBITMQ, Play, failure


def operation(receipt: str | None) -> SendOperation:
    return SendOperation(Send("/q"), Pending("SEND"), receipt, 1.0)


def in_flight(receipts: Receipts, *ids: str | None) -> list[SendOperation]:
    """Operations that were sent and have left; ``None`` asks for no receipt."""
    operations = [operation(receipt) for receipt in ids]
    for entry in operations:
        receipts.add(entry)
        entry.leave()
    return operations


# -------------------------------------------------------------------------------- receipt ids


def test_ids_are_generated_where_a_receipt_is_asked_for() -> None:
    receipts = Receipts()
    assert receipts.id_for(False) is None
    assert [receipts.id_for(True), receipts.id_for(True), receipts.new_id()] == ["auto-1", "auto-2", "auto-3"]


def test_the_id_of_the_caller_is_used_as_it_is() -> None:
    assert Receipts().id_for("mine") == "mine"
    assert Receipts().id_for("") == ""


def test_an_id_in_use_is_refused() -> None:
    receipts = Receipts()
    receipts.reserve("mine")
    with pytest.raises(LocalProtocolError, match="'mine' is in use") as caught:
        receipts.id_for("mine")
    assert caught.value.code == ErrorCode.HEADER_CLASH


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        ("auto-1", True),
        ("auto-2", True),
        ("auto-3", False),
        ("auto-0x1", False),
        ("auto-", False),
        ("Auto-1", False),
        ("1", False),
        ("auto-" + "9" * 30, False),
        pytest.param("auto-" + "9" * 5000, False, id="5000 digits"),
        ("auto-١", False),
    ],
)
def test_an_id_that_was_ever_generated_is_in_use(name: str, refused: bool) -> None:
    """The late RECEIPT of an operation that timed out must not confirm another one."""
    receipts = Receipts()
    receipts.new_id()
    receipts.new_id()
    if refused:
        with pytest.raises(LocalProtocolError):
            receipts.id_for(name)
    else:
        assert receipts.id_for(name) == name


def test_an_id_that_a_caller_uses_is_not_generated() -> None:
    receipts = Receipts()
    receipts.reserve("auto-1")
    receipts.reserve("auto-3")
    receipts.reserve_raw("auto-4")
    assert [receipts.new_id(), receipts.new_id()] == ["auto-2", "auto-5"]


# -------------------------------------------------------------------------------- RECEIPT


def test_a_receipt_confirms_only_its_own_operation() -> None:
    receipts = Receipts()
    one, two = in_flight(receipts, "a", "b")
    assert len(receipts) == 2
    assert receipts.receive("b") is two
    assert len(receipts) == 1
    assert receipts.receive("b") is None
    assert receipts.receive("unknown") is None
    assert receipts.receive("a") is one
    assert len(receipts) == 0


def test_a_receipt_for_a_frame_that_has_not_left_confirms_nothing() -> None:
    receipts = Receipts()
    waiting = operation("a")
    receipts.add(waiting)
    assert receipts.receive("a") is None
    assert receipts.unexpected("a") == "the frame that asks for it has not been sent yet"
    assert len(receipts) == 1
    waiting.leave()
    assert receipts.receive("a") is waiting
    assert receipts.unexpected("a") == "no frame on this connection has asked for it"


def test_a_receipt_that_comes_twice_or_too_late_is_recognised_by_its_generated_id() -> None:
    receipts = Receipts()
    name = receipts.new_id()
    in_flight(receipts, name)
    receipts.receive(name)
    assert receipts.unexpected(name) == "nobody waits for it any more: it comes too late, or twice"
    assert receipts.unexpected("auto-2") == "no frame on this connection has asked for it"


def test_an_id_is_free_again_when_its_receipt_has_come() -> None:
    receipts = Receipts()
    receipts.reserve("mine")
    in_flight(receipts, "mine")
    receipts.receive("mine")
    assert receipts.id_for("mine") == "mine"


def test_an_id_that_no_operation_waits_for_is_freed_too() -> None:
    receipts = Receipts()
    receipts.reserve("mine")
    assert receipts.receive("mine") is None
    assert receipts.unexpected("mine") is not None
    assert receipts.id_for("mine") == "mine"


def test_raw_frames_that_share_an_id_are_counted() -> None:
    receipts = Receipts()
    for _ in range(3):
        receipts.check_raw("raw")
        receipts.reserve_raw("raw")
    for _ in range(3):
        with pytest.raises(LocalProtocolError):
            receipts.id_for("raw")
        assert receipts.receive("raw") is None
        assert receipts.unexpected("raw") is None, "a raw frame has asked for it"
    assert receipts.unexpected("raw") == "no frame on this connection has asked for it"
    assert receipts.id_for("raw") == "raw"


def test_a_loss_frees_the_ids_of_raw_frames() -> None:
    receipts = Receipts()
    receipts.reserve_raw("raw")
    receipts.connection_lost()
    assert receipts.id_for("raw") == "raw"


def test_the_id_of_a_timed_out_operation_stays_in_use() -> None:
    """Until its RECEIPT comes after all, or the connection ends."""
    receipts = Receipts()
    receipts.reserve("mine")
    (late,) = in_flight(receipts, "mine")
    receipts.forget(late)
    assert len(receipts) == 0
    with pytest.raises(LocalProtocolError):
        receipts.id_for("mine")
    assert receipts.receive("mine") is None
    assert receipts.unexpected("mine") == "nobody waits for it any more: it comes too late, or twice"
    assert receipts.id_for("mine") == "mine"


def test_the_id_of_a_withdrawn_operation_is_free() -> None:
    receipts = Receipts()
    receipts.reserve("mine")
    waiting = operation("mine")
    receipts.add(waiting)
    waiting.withdraw()
    receipts.forget(waiting)
    assert len(receipts) == 0
    assert receipts.id_for("mine") == "mine"


def test_forgetting_an_operation_without_receipt_changes_nothing() -> None:
    receipts = Receipts()
    (unconfirmed,) = in_flight(receipts, None)
    receipts.forget(unconfirmed)
    assert len(receipts) == 0


def test_frames_are_numbered_from_one_on_every_connection() -> None:
    receipts = Receipts()
    assert [entry.number for entry in in_flight(receipts, "a", None, "b")] == [1, 2, 3]
    receipts.connection_lost()
    assert [entry.number for entry in in_flight(receipts, "c")] == [1]


# -------------------------------------------------------------------------------- which operation an ERROR answers


def test_an_error_with_a_receipt_id_answers_that_operation() -> None:
    receipts = Receipts()
    _, two, _, _ = in_flight(receipts, "a", "b", "c", None)
    assert receipts.answered_by(Error("no", receipt_id="b")) is two
    assert len(receipts) == 2
    assert receipts.receive("b") is None


@pytest.mark.parametrize("ids", [("a",), ("a", "b")], ids=["one in flight", "two"])
def test_an_error_with_an_unknown_receipt_id_answers_nothing(ids: tuple[str, ...]) -> None:
    receipts = Receipts()
    in_flight(receipts, *ids)
    assert receipts.answered_by(Error("no", receipt_id="x")) is None
    assert len(receipts) == len(ids)


def test_an_error_without_receipt_id_answers_the_only_operation_in_flight() -> None:
    receipts = Receipts()
    (one,) = in_flight(receipts, "a")
    assert receipts.answered_by(Error("no")) is one
    assert len(receipts) == 0


def test_of_two_operations_in_flight_it_answers_none() -> None:
    receipts = Receipts()
    in_flight(receipts, "a", "b")
    assert receipts.answered_by(Error("no")) is None
    assert len(receipts) == 2


@pytest.mark.parametrize("ids", [(None, "a"), ("a", None)], ids=["before", "after"])
def test_a_frame_without_a_receipt_may_be_the_cause(ids: tuple[str | None, ...]) -> None:
    receipts = Receipts()
    in_flight(receipts, *ids)
    assert receipts.answered_by(Error("no")) is None


def test_a_frame_before_a_confirmed_one_is_not_the_cause() -> None:
    receipts = Receipts()
    _, _, three = in_flight(receipts, None, "a", "b")
    receipts.receive("a")
    assert receipts.answered_by(Error("no")) is three


def test_receipts_out_of_order_do_not_change_that() -> None:
    receipts = Receipts()
    in_flight(receipts, "a", None, "b")
    receipts.receive("b")
    receipts.receive("a")
    (last,) = in_flight(receipts, "c")
    assert receipts.answered_by(Error("no")) is last


def test_an_error_about_a_subscription_answers_no_operation() -> None:
    receipts = Receipts()
    in_flight(receipts, "a")
    assert receipts.answered_by(Error("gone", headers={"subscription": "s"})) is None


def test_a_frame_that_has_not_left_is_not_the_cause() -> None:
    receipts = Receipts()
    receipts.add(operation("a"))
    assert receipts.answered_by(Error("shutting down")) is None
    assert receipts.answered_by(Error("shutting down", receipt_id="a")) is None
    assert len(receipts) == 1


def test_the_only_one_that_has_left_is_answered() -> None:
    receipts = Receipts()
    (one,) = in_flight(receipts, "a")
    receipts.add(operation("b"))
    receipts.add(operation("c"))
    assert receipts.answered_by(Error("no")) is one
    assert len(receipts) == 2


# -------------------------------------------------------------------------------- receipts when a connection ends


def test_a_loss_returns_the_waiting_operations_in_order() -> None:
    receipts = Receipts()
    operations = in_flight(receipts, "a", "b")
    assert receipts.connection_lost() == operations
    assert len(receipts) == 0
    assert receipts.connection_lost() == []


def test_unconfirmed_frames_of_a_lost_connection_are_no_cause_on_the_next() -> None:
    receipts = Receipts()
    in_flight(receipts, "a", None)
    receipts.connection_lost()
    (one,) = in_flight(receipts, "b")
    assert receipts.answered_by(Error("no")) is one


def test_receipts_of_a_lost_connection_confirm_nothing_on_the_next() -> None:
    receipts = Receipts()
    in_flight(receipts, None, None, "a")
    receipts.receive("a")
    receipts.connection_lost()
    in_flight(receipts, None, "b")
    assert receipts.answered_by(Error("no")) is None


def test_after_a_loss_only_operations_sent_again_keep_their_ids() -> None:
    receipts = Receipts()
    for name in ("a", "b"):
        receipts.reserve(name)
    receipts.keep_only([operation("a"), operation(None), operation("auto-9")])
    with pytest.raises(LocalProtocolError):
        receipts.id_for("a")
    assert receipts.id_for("b") == "b"
    assert receipts.id_for("auto-9") == "auto-9", "it was never chosen by a caller"


def test_operations_that_are_sent_again_get_new_numbers() -> None:
    receipts = Receipts()
    one, two = operation("a"), operation("b")
    receipts.add(one)
    receipts.add(two)
    receipts.connection_lost()
    receipts.add(two)
    receipts.add(one)
    assert [two.number, one.number] == [1, 2]


# -------------------------------------------------------------------------------- replies


def request(replies: Replies) -> RequestOperation:
    made = RequestOperation(Send("/rpc"), Pending("request to /rpc"), 1.0, replies.new_id())
    replies.add(made)
    return made


def reply(correlation_id: str | None, subscription: str = "replies") -> Message:
    headers = {} if correlation_id is None else {"correlation-id": correlation_id}
    return Message("/temp-queue/x", message_id="1", subscription=subscription, headers=headers)


def with_queue() -> Replies:
    made = Replies()
    made.queue = ReplyQueue(ACTIVEMQ_PROFILE, "replies")
    return made


def test_the_reply_queue_depends_on_the_broker() -> None:
    activemq = ReplyQueue(ACTIVEMQ_PROFILE, "s-9")
    assert (activemq.destination, activemq.subscription) == ("/temp-queue/replies", "s-9")
    rabbitmq = ReplyQueue(RABBITMQ_PROFILE, "s-9")
    assert (rabbitmq.destination, rabbitmq.subscription) == ("/temp-queue/replies", "/temp-queue/replies")


def test_a_reply_is_matched_by_its_correlation_id() -> None:
    replies = with_queue()
    one, two = request(replies), request(replies)
    assert (one.correlation_id, two.correlation_id) == ("c-1", "c-2")
    assert len(replies) == 2
    assert replies.receive(reply("c-2")) is two
    assert replies.receive(reply("c-2")) is None
    assert replies.receive(reply("c-1")) is one
    assert len(replies) == 0


def test_before_the_first_request_no_message_is_a_reply() -> None:
    assert Replies().receive(reply("c-1")) is None


def test_a_message_of_another_subscription_is_no_reply() -> None:
    replies = with_queue()
    one = request(replies)
    assert replies.receive(reply("c-1", subscription="other")) is None
    without = Message("/temp-queue/x", message_id="1", headers={"correlation-id": "c-1"})
    assert replies.receive(without) is None
    assert replies.receive(reply("c-1")) is one


def test_a_reply_without_correlation_id_answers_the_only_request() -> None:
    replies = with_queue()
    one = request(replies)
    assert replies.receive(reply(None)) is one
    two = request(replies)
    assert replies.receive(reply(None)) is two


def test_a_reply_without_correlation_id_answers_neither_of_two_requests() -> None:
    replies = with_queue()
    request(replies)
    two = request(replies)
    assert replies.receive(reply(None)) is None
    assert replies.receive(reply("c-2")) is two


def test_a_late_reply_is_not_taken_for_that_to_the_next_request() -> None:
    """A request that timed out may still be answered."""
    replies = with_queue()
    replies.forget(request(replies))
    two = request(replies)
    assert replies.receive(reply(None)) is None
    assert len(replies) == 1
    assert replies.receive(reply(None)) is two, "both are answered now"


def test_a_request_that_was_withdrawn_is_never_answered() -> None:
    replies = with_queue()
    withdrawn = request(replies)
    withdrawn.withdraw()
    replies.forget(withdrawn)
    two = request(replies)
    assert replies.receive(reply(None)) is two


def test_forgetting_a_request_twice_is_forgetting_it_once() -> None:
    replies = with_queue()
    withdrawn, _ = request(replies), request(replies)
    two = request(replies)
    withdrawn.withdraw()
    replies.forget(withdrawn)
    replies.forget(withdrawn)
    assert replies.receive(reply(None)) is None, "two may be meant"
    assert replies.receive(reply("c-3")) is two


def test_replies_without_a_request_change_nothing() -> None:
    replies = with_queue()
    for _ in range(3):
        assert replies.receive(reply("unknown")) is None
        assert replies.receive(reply(None)) is None
    one = request(replies)
    assert replies.receive(reply(None)) is one


def test_a_loss_takes_queue_and_requests_with_it() -> None:
    replies = with_queue()
    one = request(replies)
    replies.forget(request(replies))
    assert replies.connection_lost() == [one]
    assert len(replies) == 0
    assert replies.queue is None
    replies.queue = ReplyQueue(ACTIVEMQ_PROFILE, "replies")
    three = request(replies)
    assert replies.receive(reply(None)) is three


# -------------------------------------------------------------------------------- requests in a session


def test_rabbitmq_needs_no_subscribe_to_the_reply_queue() -> None:
    play = Play(server=RABBITMQ).connected()
    pending = play.request("/queue/rpc", "?", headers={"x": "y"})
    send = play.sent_one()
    assert send.destination == "/queue/rpc"
    assert send.body == b"?"
    assert (send.headers["reply-to"], send.headers["x"]) == ("/temp-queue/replies", "y")
    assert not pending.done
    play.deliver(
        "/temp-queue/replies",
        "1",
        ack=None,
        body=b"!",
        headers={"correlation-id": send.headers["correlation-id"]},
    )
    answer = pending.result()
    assert answer.body == b"!"
    assert answer.subscription is None
    assert answer.connection_number == 1
    assert play.session.dropped == 0


@pytest.mark.parametrize("server", [ACTIVEMQ, None])
def test_other_brokers_get_one_subscribe_per_connection(server: str | None) -> None:
    play = Play(server=server).connected()
    for connection in range(2):
        one = play.request("/queue/rpc")
        two = play.request("/queue/rpc")
        subscribe, *sends = play.sent()
        assert (subscribe.command, subscribe.destination, subscribe.ack) == (
            "SUBSCRIBE",
            "/temp-queue/replies",
            "auto",
        )
        assert [send.command for send in sends] == ["SEND", "SEND"]
        for send, pending in zip(reversed(sends), (two, one), strict=True):
            play.deliver(
                subscribe.id,
                "1",
                ack=None,
                destination="/remote-temp-queue/ID:x",
                headers={"correlation-id": send.headers["correlation-id"]},
            )
            assert pending.result().connection_number == connection + 1
        play.cut()
        play.connected()


def test_the_reply_queue_has_a_subscription_id_of_its_own() -> None:
    play = Play(server=ACTIVEMQ).connected()
    mine = play.subscribed(id="replies")
    other = play.subscribe("/queue/b")
    play.request("/queue/rpc")
    subscribes = [event for event in play.sent() if event.command == "SUBSCRIBE"]
    assert len({event.id for event in subscribes} | {mine.id}) == 3
    assert not other.done


def test_a_request_waits_for_a_connection() -> None:
    play = Play(server=ACTIVEMQ)
    pending = play.request("/queue/rpc", "?")
    play.connected()
    assert play.commands() == ["SUBSCRIBE", "SEND"]
    assert not pending.done


def test_an_unsent_request_is_sent_again_with_the_next_reply_queue() -> None:
    play = Play(server=RABBITMQ).connected()
    pending = play.request("/queue/rpc", "?")
    play.cut()
    assert not pending.done
    play.server = ACTIVEMQ
    play.connected()
    subscribe, send = play.sent()
    assert subscribe.command == "SUBSCRIBE"
    play.deliver(subscribe.id, "1", ack=None, headers={"correlation-id": send.headers["correlation-id"]})
    assert pending.done


def test_the_outcome_of_a_request_in_flight_at_a_loss_is_unknown() -> None:
    play = Play().connected()
    pending = play.request("/queue/rpc", "?")
    play.sent()
    play.cut()
    failure(pending, OutcomeUnknown)


def test_a_request_without_a_reply_times_out() -> None:
    play = Play().connected()
    pending = play.request("/queue/rpc", "?", timeout=5.0)
    play.sent()
    play.wait(4.9)
    assert not pending.done
    play.wait(0.2)
    failure(pending, ReceiptTimeout)
    play.deliver("/temp-queue/replies", "1", ack=None, headers={"correlation-id": "c-1"})
    assert play.session.dropped == 1
    assert play.recorder.of("message_dropped")[0][1] == (
        "it is a reply that came too late, or for nobody: no request waits for correlation-id 'c-1' any more; a longer "
        "timeout=... of request() would have returned it"
    )


def test_a_request_that_is_not_sent_in_time_is_never_sent() -> None:
    play = Play().connected()
    pending = play.request("/queue/rpc", "?", timeout=5.0)
    play.wait(6.0)
    failure(pending, NotSentInTime)
    assert play.sent() == []


def test_a_request_that_is_cancelled_before_it_left_is_never_sent() -> None:
    play = Play()
    pending = play.request("/queue/rpc", "?")
    pending.cancel(play.now)
    failure(pending, NotSent)
    play.connected()
    assert play.sent() == []


@pytest.mark.parametrize("name", ["reply-to", "correlation-id"])
def test_the_headers_of_a_request_must_not_set_its_own_ones(name: str) -> None:
    play = Play().connected()
    with pytest.raises(LocalProtocolError, match=name) as caught:
        play.request("/queue/rpc", headers={name: "x"})
    assert caught.value.code == ErrorCode.HEADER_CLASH
    assert play.sent() == []


def test_a_reply_is_read_though_the_buffer_is_full() -> None:
    play = Play(buffer_size=1000).connected()
    subscription = play.subscribed()
    play.deliver(subscription.id, "1", ack=None)
    assert not play.session.want_read
    pending = play.request("/queue/rpc")
    assert play.session.want_read
    play.sent()
    play.deliver("/temp-queue/replies", "2", ack=None, headers={"correlation-id": "c-1"})
    assert pending.done
    assert not play.session.want_read


def test_a_request_that_the_version_cannot_carry_fails_alone() -> None:
    play = Play(version="1.0")
    bad = play.request("/queue/rpc", headers={"x": "a\nb"})
    good = play.send("/queue/a", receipt=True)
    play.connected()
    assert play.commands() == ["SEND"]
    assert isinstance(bad.exception(), LocalProtocolError)
    assert not good.done


# -------------------------------------------------------------------------------- deadlines


class Job:
    def __init__(self, timeout: float) -> None:
        self.timeout = timeout
        self.pending: Pending[Any] = Pending("job")

    def timed_out(self, now: float) -> None:
        raise AssertionError("Deadlines only finds them")


def due(deadlines: Deadlines, now: float) -> list[Any]:
    return list(deadlines.due(now))


def test_without_jobs_there_is_no_deadline() -> None:
    deadlines = Deadlines()
    assert deadlines.next() is None
    assert due(deadlines, 1e9) == []


def test_a_deadline_counts_from_the_time_of_adding() -> None:
    deadlines, job = Deadlines(), Job(5.0)
    deadlines.add(100.0, job)
    assert deadlines.next() == 105.0
    assert job.pending.deadline == 105.0


def test_a_job_is_due_once_its_deadline_is_reached() -> None:
    deadlines, job = Deadlines(), Job(5.0)
    deadlines.add(0.0, job)
    assert due(deadlines, 4.999) == []
    assert due(deadlines, 5.0) == [job]
    assert due(deadlines, 5.0) == []
    assert deadlines.next() is None


def test_the_earliest_is_due_first_and_of_equals_the_older_one() -> None:
    deadlines = Deadlines()
    jobs = [Job(3.0), Job(1.0), Job(2.0), Job(1.0)]
    for job in jobs:
        deadlines.add(10.0, job)
    assert deadlines.next() == 11.0
    assert due(deadlines, 13.0) == [jobs[1], jobs[3], jobs[2], jobs[0]]


def test_a_job_that_is_done_has_no_deadline() -> None:
    deadlines, early, late = Deadlines(), Job(1.0), Job(2.0)
    deadlines.add(0.0, early)
    deadlines.add(0.0, late)
    early.pending.succeed(None)
    assert deadlines.next() == 2.0
    late.pending.succeed(None)
    assert due(deadlines, 10.0) == []


def test_a_job_that_is_added_while_others_are_due_waits() -> None:
    """A done callback that repeats an operation with timeout 0 must not keep handle_timeout() busy for ever."""
    deadlines = Deadlines()
    deadlines.add(0.0, Job(1.0))
    count = 0
    for _ in deadlines.due(5.0):
        deadlines.add(5.0, Job(0.0))
        count += 1
    assert count == 1
    assert deadlines.next() == 5.0


def test_what_an_interruption_leaves_is_due_the_next_time() -> None:
    deadlines = Deadlines()
    jobs = [Job(1.0), Job(2.0)]
    for job in jobs:
        deadlines.add(0.0, job)
    assert next(deadlines.due(5.0)) is jobs[0]
    assert due(deadlines, 5.0) == [jobs[1]]


def test_done_jobs_do_not_accumulate_behind_one_with_a_late_deadline() -> None:
    deadlines = Deadlines()
    slow = Job(1e6)
    deadlines.add(0.0, slow)
    alive: list[weakref.ref[Job]] = []

    def quick(turn: int) -> None:
        job = Job(2e6 + turn)
        alive.append(weakref.ref(job))
        deadlines.add(float(turn), job)
        job.pending.succeed(None)

    for turn in range(10_000):
        quick(turn)
    gc.collect()
    assert sum(ref() is not None for ref in alive) <= 1025
    assert deadlines.next() == 1e6


def test_removing_done_jobs_keeps_the_order() -> None:
    deadlines = Deadlines()
    timeouts = [float(number * 7919 % 5000) for number in range(5000)]
    jobs = [Job(timeout) for timeout in timeouts]
    for number, job in enumerate(jobs):
        deadlines.add(0.0, job)
        if number % 3:
            job.pending.succeed(None)
    expected = sorted((job for job in jobs if not job.pending.done), key=lambda job: job.timeout)
    assert sorted(deadlines.remaining(), key=lambda job: job.timeout) == expected
    assert due(deadlines, 1e9) == expected


def test_after_clear_nothing_is_due() -> None:
    deadlines = Deadlines()
    deadlines.add(0.0, Job(1.0))
    deadlines.clear()
    assert deadlines.remaining() == []
    assert deadlines.next() is None
    assert due(deadlines, 5.0) == []


def test_adding_one_of_many_deadlines_is_cheap() -> None:
    def cost(count: int) -> float:
        deadlines = Deadlines()
        for _ in range(count):
            deadlines.add(0.0, Job(1e6))
        start = time.process_time()
        for _ in range(1000):
            deadlines.add(0.0, Job(1e6))
            deadlines.next()
        return time.process_time() - start

    assert min(cost(8000) for _ in range(3)) < 30 * min(cost(500) for _ in range(3)) + 0.05


def test_all_of_many_deadlines_are_found() -> None:
    deadlines = Deadlines()
    jobs = [Job(float(number)) for number in range(5000)]
    for job in jobs:
        deadlines.add(0.0, job)
    assert due(deadlines, 2499.0) == jobs[:2500]
    assert deadlines.next() == 2500.0
    assert due(deadlines, 1e9) == jobs[2500:]
