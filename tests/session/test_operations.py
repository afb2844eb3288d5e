"""Operations: what each outcome means for each command."""

# What a call has changed, a checker does not know.
# mypy: no-warn-unreachable, disable-error-code=comparison-overlap

from __future__ import annotations

import logging
from typing import Any

import pytest

from stomp_core import Abort, Begin, Commit, Error, Headers, Message, Send, Subscribe, Unsubscribe
from stomp_core.session import (
    NotSent,
    NotSentInTime,
    OutcomeUnknown,
    Pending,
    ReceiptTimeout,
    Rejected,
    SubscriptionState,
    TransactionInDoubt,
    TransactionLost,
    TransactionState,
)
from stomp_core.session._message_queue import BufferLimit
from stomp_core.session._operations import (
    AbortOperation,
    AckOperation,
    BeginOperation,
    CommitOperation,
    DisconnectOperation,
    Operation,
    RequestOperation,
    SendOperation,
    SubscribeOperation,
    SubscriptionWait,
    TimerCallback,
    UnsubscribeOperation,
)
from stomp_core.session._subscriptions import Progress, SubscriptionRecord
from stomp_core.session._transactions import TransactionRecord

from .play import failure

NO = Error("no", body="not today")
NOW = 9.0


def transaction(state: TransactionState = TransactionState.OPEN) -> TransactionRecord:
    record = TransactionRecord("tx")
    record.state = state
    return record


def subscription() -> SubscriptionRecord:
    record = SubscriptionRecord(BufferLimit(1000), "s", "/q", "client", None, None, Headers(), True)
    record.handle = "the handle"
    return record


def beginning() -> BeginOperation:
    return BeginOperation(Begin("tx"), Pending("BEGIN"), 1.0, transaction(), "the handle")


def sending(receipt: str | None = "r", part_of: TransactionRecord | None = None) -> SendOperation:
    return SendOperation(Send("/q", b"body"), Pending("SEND to /q"), receipt, 3.0, part_of)


def acknowledging(part_of: TransactionRecord | None = None) -> AckOperation:
    message = Message("/q", message_id="1", subscription="s", ack="1")
    return AckOperation(message.acknowledge(), Pending("ACK of 1"), "r", 3.0, part_of)


def committing(receipt: str | None = "r") -> CommitOperation:
    return CommitOperation(
        Commit("tx"), Pending("COMMIT of tx"), receipt, 3.0, transaction(TransactionState.COMMITTING)
    )


def aborting() -> AbortOperation:
    return AbortOperation(
        Abort("tx"), Pending("ABORT of tx"), "r", 3.0, transaction(TransactionState.ABORTING)
    )


def requesting() -> RequestOperation:
    return RequestOperation(Send("/rpc", b"?"), Pending("request to /rpc"), 3.0, "c-1")


def unsubscribing(deletes: bool = False) -> UnsubscribeOperation:
    return UnsubscribeOperation(
        Unsubscribe("s"), Pending("UNSUBSCRIBE from /q"), "r", 3.0, subscription(), deletes
    )


def subscribing(receipt: str | None = "r") -> tuple[SubscribeOperation, Pending[Any]]:
    record = subscription()
    waiter: Pending[Any] = Pending("SUBSCRIBE to /q")
    record.waiter = waiter
    return SubscribeOperation(Subscribe("/q", id="s"), receipt, 3.0, record), waiter


def left(operation: Any) -> Any:
    operation.leave()
    return operation


# -------------------------------------------------------------------------------- leaving


def test_an_operation_without_receipt_is_done_when_it_is_queued() -> None:
    operation = sending(receipt=None)
    operation.queued()
    assert operation.pending.result() is None


def test_an_operation_with_receipt_is_done_when_it_is_confirmed() -> None:
    operation = sending()
    operation.queued()
    operation.leave()
    assert not operation.pending.done
    operation.confirmed()
    assert operation.pending.result() is None


def test_a_frame_that_has_left_is_freed() -> None:
    operation = sending()
    assert not operation.left
    operation.leave()
    assert operation.left
    assert operation.event is None


def test_a_frame_that_is_withdrawn_is_freed() -> None:
    operation = sending()
    assert not operation.withdrawn
    operation.withdraw()
    assert operation.withdrawn
    assert operation.event is None
    assert not operation.left


@pytest.mark.parametrize(
    ("operation", "portable"),
    [
        (sending(), True),
        (sending(part_of=transaction()), False),
        (requesting(), True),
        (beginning(), True),
        (acknowledging(), False),
        (committing(), False),
        (aborting(), False),
        (unsubscribing(), False),
        (subscribing()[0], False),
        (Operation(Send("/q"), Pending("frame"), None, 1.0), False),
    ],
    ids=lambda value: value if isinstance(value, bool) else type(value).__name__,
)
def test_which_operations_are_portable(operation: Operation, portable: bool) -> None:
    assert operation.portable is portable


def test_begin_is_not_portable_once_it_was_sent() -> None:
    operation = beginning()
    operation.transaction = operation.record
    assert not operation.portable


def test_begin_and_request_are_not_done_when_they_leave() -> None:
    for operation in (beginning(), requesting()):
        operation.queued()
        operation.leave()
        assert not operation.pending.done


# -------------------------------------------------------------------------------- rejected


@pytest.mark.parametrize(
    "make", [sending, acknowledging, committing, aborting, unsubscribing, lambda: subscribing()[0]]
)
def test_an_error_that_answers_rejects_and_is_attached(make: Any) -> None:
    operation = left(make())
    operation.rejected(NO)
    error = failure(operation.pending, Rejected)
    assert error.error is NO
    assert str(error) == f"{operation.pending.what} was rejected by the broker: no: not today"


# -------------------------------------------------------------------------------- lost


@pytest.mark.parametrize("make", [sending, acknowledging], ids=["SEND", "ACK"])
def test_at_a_loss_what_has_not_left_was_not_sent(make: Any) -> None:
    operation = make()
    operation.lost("the cable was cut", NO)
    assert str(failure(operation.pending, NotSent)).endswith("was not sent: the cable was cut")


@pytest.mark.parametrize("make", [sending, acknowledging], ids=["SEND", "ACK"])
@pytest.mark.parametrize("error", [NO, None], ids=["an ERROR meanwhile", "no ERROR"])
def test_at_a_loss_the_outcome_of_what_has_left_is_unknown(make: Any, error: Error | None) -> None:
    operation = left(make())
    operation.lost("the cable was cut", error)
    unknown = failure(operation.pending, OutcomeUnknown)
    assert unknown.error is error
    assert f"whether the broker has done {operation.pending.what} is unknown: the cable was cut" in str(
        unknown
    )


@pytest.mark.parametrize("has_left", [True, False])
@pytest.mark.parametrize("make", [sending, acknowledging], ids=["SEND", "ACK"])
def test_part_of_a_lost_transaction_is_lost_with_it(make: Any, has_left: bool) -> None:
    operation = make(part_of=transaction(TransactionState.LOST))
    if has_left:
        operation.leave()
    operation.lost("the cable was cut", NO)
    assert "was part of transaction 'tx': the cable was cut" in str(
        failure(operation.pending, TransactionLost)
    )


def test_part_of_a_transaction_in_doubt_is_in_doubt() -> None:
    operation = left(acknowledging(part_of=transaction(TransactionState.IN_DOUBT)))
    operation.lost("the cable was cut", NO)
    doubt = failure(operation.pending, TransactionInDoubt)
    assert doubt.error is NO
    assert "was part of transaction 'tx'" in str(doubt)


def test_part_of_a_transaction_that_is_done_is_unknown() -> None:
    operation = left(acknowledging(part_of=transaction(TransactionState.DONE)))
    operation.lost("the cable was cut", None)
    failure(operation.pending, OutcomeUnknown)


def test_at_a_loss_a_commit_that_has_left_is_in_doubt() -> None:
    operation = left(committing())
    operation.lost("the cable was cut", NO)
    doubt = failure(operation.pending, TransactionInDoubt)
    assert doubt.error is NO
    assert "whether transaction 'tx' was committed is unknown: the cable was cut while COMMIT" in str(doubt)
    assert operation.transaction.state is TransactionState.IN_DOUBT


def test_at_a_loss_a_commit_that_has_not_left_is_lost() -> None:
    operation = committing()
    operation.lost("the cable was cut", None)
    lost = failure(operation.pending, TransactionLost)
    assert str(lost) == "transaction 'tx' was not committed: the cable was cut before COMMIT was sent"
    assert operation.record.state is TransactionState.LOST


def test_a_commit_without_receipt_that_never_left_is_lost() -> None:
    operation = committing(receipt=None)
    operation.queued()
    assert operation.record.state is TransactionState.DONE
    operation.lost("the cable was cut", None)
    assert operation.record.state is TransactionState.LOST


@pytest.mark.parametrize("has_left", [True, False])
def test_an_abort_is_done_by_the_loss_of_its_connection(has_left: bool) -> None:
    operation = aborting()
    if has_left:
        operation.leave()
    operation.lost("the cable was cut", None)
    assert operation.pending.result() is None
    assert operation.record.state is TransactionState.DONE


def test_an_unsubscribe_is_done_by_the_loss_of_its_connection() -> None:
    operation = left(unsubscribing())
    operation.lost("the cable was cut", None)
    assert operation.pending.result() is None
    assert operation.subscription.state is SubscriptionState.GONE


def test_deleting_a_subscription_is_not_done_by_a_loss() -> None:
    operation = left(unsubscribing(deletes=True))
    operation.lost("the cable was cut", None)
    failure(operation.pending, OutcomeUnknown)


def test_a_subscription_outlives_the_loss_of_its_subscribe() -> None:
    operation, waiter = subscribing()
    left(operation).lost("the cable was cut", None)
    assert operation.pending.done, "this frame is not watched any more"
    assert not waiter.done
    assert operation.subscription.state is SubscriptionState.ACTIVE


def test_no_reply_comes_when_the_reply_queue_is_lost() -> None:
    operation = left(requesting())
    operation.lost("the cable was cut", NO)
    unknown = failure(operation.pending, OutcomeUnknown)
    assert str(unknown) == "no reply to the request to /rpc will come: the cable was cut"
    assert unknown.error is NO


# -------------------------------------------------------------------------------- late


def test_a_receipt_that_does_not_come_in_time() -> None:
    operation = left(sending())
    operation.timed_out(NOW)
    assert str(failure(operation.pending, ReceiptTimeout)) == "no receipt for SEND to /q within 3 s"
    assert not operation.withdrawn


@pytest.mark.parametrize("make", [sending, requesting], ids=["SEND", "request"])
def test_a_portable_operation_that_times_out_is_withdrawn(make: Any) -> None:
    operation = make()
    operation.timed_out(NOW)
    assert "was not sent within 3 s, and will not be" in str(failure(operation.pending, NotSentInTime))
    assert operation.withdrawn


def test_an_operation_that_is_not_portable_is_not_withdrawn() -> None:
    operation = acknowledging()
    operation.timed_out(NOW)
    assert "still waits to be written after 3 s" in str(failure(operation.pending, ReceiptTimeout))
    assert not operation.withdrawn


@pytest.mark.parametrize("has_left", [True, False])
def test_a_commit_that_times_out_is_in_doubt(has_left: bool) -> None:
    operation = committing()
    if has_left:
        operation.leave()
    operation.timed_out(NOW)
    assert "no receipt for COMMIT within 3 s" in str(failure(operation.pending, TransactionInDoubt))
    assert operation.record.state is TransactionState.IN_DOUBT


def test_a_reply_that_does_not_come_in_time() -> None:
    operation = left(requesting())
    operation.timed_out(NOW)
    assert str(failure(operation.pending, ReceiptTimeout)) == "no reply to the request to /rpc within 3 s"


# -------------------------------------------------------------------------------- what each one is


def test_a_confirmed_commit_is_done_and_a_rejected_one_lost() -> None:
    one, other = left(committing()), left(committing())
    one.confirmed()
    assert one.transaction.state is TransactionState.DONE
    assert one.pending.result() is None
    other.rejected(NO)
    assert other.transaction.state is TransactionState.LOST


def test_a_confirmed_abort_is_done_and_a_rejected_one_lost() -> None:
    one, other = left(aborting()), left(aborting())
    one.confirmed()
    assert one.transaction.state is TransactionState.DONE
    assert one.pending.result() is None
    other.rejected(NO)
    assert other.transaction.state is TransactionState.LOST


def test_a_confirmed_subscribe_returns_the_subscription() -> None:
    operation, waiter = subscribing()
    assert not operation.subscription.ever_left
    operation.leave()
    assert operation.subscription.ever_left
    assert not waiter.done
    operation.confirmed()
    assert waiter.result() == "the handle"
    assert operation.subscription.progress is Progress.CONFIRMED
    operation.confirmed()


def test_a_subscribe_without_receipt_returns_it_unconfirmed() -> None:
    operation, waiter = subscribing(receipt=None)
    operation.queued()
    assert waiter.result() == "the handle"
    assert operation.subscription.progress is Progress.SENT


def test_a_rejected_subscribe_ends_the_subscription() -> None:
    operation, waiter = subscribing()
    left(operation).rejected(NO)
    assert failure(waiter, Rejected).error is NO
    assert operation.subscription.state is SubscriptionState.GONE
    assert isinstance(operation.subscription.error, Rejected)


def test_a_confirmed_unsubscribe_ends_the_subscription() -> None:
    operation = left(unsubscribing())
    operation.subscription.end(SubscriptionState.DRAINING)
    operation.confirmed()
    assert operation.subscription.state is SubscriptionState.GONE
    assert operation.pending.result() is None


def test_a_request_adds_where_to_reply_after_its_own_headers() -> None:
    operation = RequestOperation(Send("/rpc", b"?", headers={"x": "y"}), Pending("request"), 3.0, "c-7")
    event = operation.event_for("/temp-queue/replies")
    assert event.frame.body == b"?"
    assert event.headers.items() == [
        ("destination", "/rpc"),
        ("x", "y"),
        ("reply-to", "/temp-queue/replies"),
        ("correlation-id", "c-7"),
    ]


def test_disconnect_is_not_portable() -> None:
    operation = DisconnectOperation(Send("/q"), Pending("DISCONNECT"), "r", 1.0)
    assert not operation.portable


# -------------------------------------------------------------------------------- waiting for a subscription


@pytest.mark.parametrize(("ever_left", "kind"), [(True, ReceiptTimeout), (False, NotSentInTime)])
def test_a_wait_that_times_out_ends_the_subscription_first(ever_left: bool, kind: type[Any]) -> None:
    record = subscription()
    record.ever_left = ever_left
    pending: Pending[Any] = Pending("SUBSCRIBE to /q")
    record.waiter = pending
    ended: list[tuple[bool, float]] = []

    def end(now: float) -> None:
        ended.append((pending.done, now))
        record.end(SubscriptionState.GONE)

    pending.on_cancel = end
    SubscriptionWait(pending, 3.0, record).timed_out(NOW)
    assert ended == [(False, NOW)]
    assert str(failure(pending, kind)).endswith("within 3 s")


# -------------------------------------------------------------------------------- timers


def test_a_timer_calls_its_function_with_the_time() -> None:
    calls: list[float] = []
    timer = TimerCallback(calls.append, 3.0)
    timer.timed_out(NOW)
    assert calls == [NOW]
    assert timer.pending.done


def test_what_the_function_of_a_timer_raises_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def fail(now: float) -> None:
        raise ValueError("broken")

    TimerCallback(fail, 3.0).timed_out(NOW)
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("stomp_core", logging.ERROR)
    assert record.getMessage() == "a function given to call_later() raised"
