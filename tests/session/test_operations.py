"""Operations: what each fate means for each command."""

# What a call has changed, a checker does not know.
# mypy: no-warn-unreachable, disable-error-code=comparison-overlap

from __future__ import annotations

from typing import Any

import pytest

from stomp_core import Abort, Begin, Commit, Error, Headers, Message, Send, Session, Subscribe, Unsubscribe
from stomp_core.session import (
    Delivery,
    NotSent,
    NotSentInTime,
    OutcomeUnknown,
    Pending,
    ReceiptTimeout,
    Rejected,
    SessionClosed,
    Subscription,
    SubscriptionState,
    Transaction,
    TransactionInDoubt,
    TransactionLost,
    TransactionState,
)
from stomp_core.session.inbox import Budget
from stomp_core.session.operation import (
    Aborting,
    Acknowledging,
    Beginning,
    Committing,
    Disconnecting,
    Operation,
    Requesting,
    Sending,
    Subscribing,
    SubscriptionWait,
    Unsubscribing,
)

from .play import failure

NO = Error("no", body="not today")
SESSION = Session("stomp://broker")


def transaction(state: TransactionState = TransactionState.OPEN) -> Transaction:
    tx = Transaction(SESSION, "tx", 1)
    tx.state = state
    return tx


def subscription() -> Subscription:
    return Subscription(
        SESSION, Budget(1000, int), Delivery, "s", "/q", "client", None, None, Headers(), True
    )


def sending(receipt: str | None = "r", part_of: Transaction | None = None) -> Sending:
    return Sending(Send("/q", b"body"), Pending("SEND to /q"), receipt, 3.0, part_of)


def acknowledging(part_of: Transaction | None = None) -> Acknowledging:
    message = Message("/q", message_id="1", subscription="s", ack="1")
    return Acknowledging(message.acknowledge(), Pending("ACK of 1"), "r", 3.0, part_of)


def committing(receipt: str | None = "r") -> Committing:
    return Committing(
        Commit("tx"), Pending("COMMIT of tx"), receipt, 3.0, transaction(TransactionState.COMMITTING)
    )


def aborting() -> Aborting:
    return Aborting(Abort("tx"), Pending("ABORT of tx"), "r", 3.0, transaction(TransactionState.ABORTING))


def requesting() -> Requesting:
    return Requesting(Send("/rpc", b"?"), Pending("request to /rpc"), 3.0, "c-1")


def unsubscribing(deletes: bool = False) -> Unsubscribing:
    return Unsubscribing(Unsubscribe("s"), Pending("UNSUBSCRIBE from /q"), "r", 3.0, subscription(), deletes)


def subscribing(receipt: str | None = "r") -> tuple[Subscribing, Pending[Subscription]]:
    wanted = subscription()
    wanted.confirming = Pending("SUBSCRIBE to /q")
    return Subscribing(Subscribe("/q", id="s"), receipt, 3.0, wanted), wanted.confirming


def left(operation: Any) -> Any:
    operation.leave()
    return operation


# -------------------------------------------------------------------------------- leaving


def test_an_operation_without_a_receipt_is_done_when_there_is_room_for_it() -> None:
    operation = sending(receipt=None)
    operation.accepted()
    assert operation.pending.result() is None


def test_an_operation_with_a_receipt_is_not() -> None:
    operation = sending()
    operation.accepted()
    operation.leave()
    assert not operation.pending.done
    operation.confirmed()
    assert operation.pending.result() is None


def test_what_has_left_holds_its_body_no_longer() -> None:
    operation = sending()
    assert not operation.left
    operation.leave()
    assert operation.left
    assert operation.event is None


def test_what_is_withdrawn_holds_its_body_no_longer() -> None:
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
        (Beginning(Begin("tx"), Pending("BEGIN"), 1.0), True),
        (acknowledging(), False),
        (committing(), False),
        (aborting(), False),
        (unsubscribing(), False),
        (subscribing()[0], False),
        (Operation(Send("/q"), Pending("frame"), None, 1.0), False),
    ],
    ids=lambda value: value if isinstance(value, bool) else type(value).__name__,
)
def test_what_means_the_same_on_any_connection_is_portable(operation: Operation, portable: bool) -> None:
    assert operation.portable is portable


def test_a_transaction_that_has_begun_is_not_portable() -> None:
    beginning = Beginning(Begin("tx"), Pending("BEGIN"), 1.0)
    beginning.transaction = transaction()
    assert not beginning.portable


def test_begin_and_request_are_not_done_by_leaving() -> None:
    for operation in (Beginning(Begin("tx"), Pending("BEGIN"), 1.0), requesting()):
        operation.accepted()
        operation.leave()
        assert not operation.pending.done


# -------------------------------------------------------------------------------- rejected


@pytest.mark.parametrize(
    "make", [sending, acknowledging, committing, aborting, unsubscribing, lambda: subscribing()[0]]
)
def test_an_error_in_answer_rejects_and_is_there_to_be_read(make: Any) -> None:
    operation = left(make())
    operation.rejected(NO)
    error = failure(operation.pending, Rejected)
    assert error.error is NO
    assert str(error) == f"{operation.pending.what} was rejected by the broker: no: not today"


# -------------------------------------------------------------------------------- lost


@pytest.mark.parametrize("make", [sending, acknowledging], ids=["SEND", "ACK"])
def test_what_had_not_left_was_not_sent(make: Any) -> None:
    operation = make()
    operation.lost("the wire was cut", NO)
    assert str(failure(operation.pending, NotSent)).endswith("was not sent: the wire was cut")


@pytest.mark.parametrize("make", [sending, acknowledging], ids=["SEND", "ACK"])
@pytest.mark.parametrize("error", [NO, None], ids=["an ERROR meanwhile", "no ERROR"])
def test_what_was_on_its_way_is_unknown(make: Any, error: Error | None) -> None:
    operation = left(make())
    operation.lost("the wire was cut", error)
    unknown = failure(operation.pending, OutcomeUnknown)
    assert unknown.error is error
    assert f"whether the broker has done {operation.pending.what} is unknown: the wire was cut" in str(
        unknown
    )


@pytest.mark.parametrize("has_left", [True, False])
@pytest.mark.parametrize("make", [sending, acknowledging], ids=["SEND", "ACK"])
def test_what_was_part_of_a_transaction_is_lost_with_it(make: Any, has_left: bool) -> None:
    operation = make(part_of=transaction(TransactionState.LOST))
    if has_left:
        operation.leave()
    operation.lost("the wire was cut", NO)
    assert "was part of transaction 'tx': the wire was cut" in str(
        failure(operation.pending, TransactionLost)
    )


def test_what_was_part_of_a_transaction_in_doubt_is_in_doubt() -> None:
    operation = left(acknowledging(part_of=transaction(TransactionState.IN_DOUBT)))
    operation.lost("the wire was cut", NO)
    doubt = failure(operation.pending, TransactionInDoubt)
    assert doubt.error is NO
    assert "was part of transaction 'tx'" in str(doubt)


def test_what_was_part_of_a_transaction_that_is_done_is_unknown() -> None:
    operation = left(acknowledging(part_of=transaction(TransactionState.DONE)))
    operation.lost("the wire was cut", None)
    failure(operation.pending, OutcomeUnknown)


def test_a_commit_on_its_way_is_in_doubt() -> None:
    operation = left(committing())
    operation.lost("the wire was cut", NO)
    doubt = failure(operation.pending, TransactionInDoubt)
    assert doubt.error is NO
    assert "whether transaction 'tx' was committed is unknown: the wire was cut while COMMIT" in str(doubt)
    assert operation.transaction.state is TransactionState.IN_DOUBT


def test_a_commit_that_had_not_left_is_a_transaction_lost() -> None:
    operation = committing()
    operation.lost("the wire was cut", None)
    lost = failure(operation.pending, TransactionLost)
    assert str(lost) == "transaction 'tx' was not committed: the wire was cut before COMMIT was sent"
    assert operation.transaction.state is TransactionState.LOST


def test_a_commit_without_a_receipt_that_never_left_is_lost_all_the_same() -> None:
    operation = committing(receipt=None)
    operation.accepted()
    assert operation.transaction.state is TransactionState.DONE
    operation.lost("the wire was cut", None)
    assert operation.transaction.state is TransactionState.LOST


@pytest.mark.parametrize("has_left", [True, False])
def test_an_abort_is_done_by_the_loss_of_its_connection(has_left: bool) -> None:
    operation = aborting()
    if has_left:
        operation.leave()
    operation.lost("the wire was cut", None)
    assert operation.pending.result() is None
    assert operation.transaction.state is TransactionState.DONE


def test_so_is_an_unsubscribe() -> None:
    operation = left(unsubscribing())
    operation.lost("the wire was cut", None)
    assert operation.pending.result() is None
    assert operation.subscription.state is SubscriptionState.GONE


def test_but_not_one_that_deletes() -> None:
    operation = left(unsubscribing(deletes=True))
    operation.lost("the wire was cut", None)
    failure(operation.pending, OutcomeUnknown)


def test_a_subscription_outlives_the_loss_of_its_subscribe() -> None:
    operation, confirming = subscribing()
    left(operation).lost("the wire was cut", None)
    assert operation.pending.done, "nobody watches this frame any more"
    assert not confirming.done
    assert operation.subscription.state is SubscriptionState.ACTIVE


def test_no_reply_comes_when_its_queue_is_lost() -> None:
    operation = left(requesting())
    operation.lost("the wire was cut", NO)
    unknown = failure(operation.pending, OutcomeUnknown)
    assert str(unknown) == "no reply to the request to /rpc will come: the wire was cut"
    assert unknown.error is NO


# -------------------------------------------------------------------------------- late


def test_no_receipt_in_time() -> None:
    operation = left(sending())
    operation.late()
    assert str(failure(operation.pending, ReceiptTimeout)) == "no receipt for SEND to /q within 3 s"
    assert not operation.withdrawn


@pytest.mark.parametrize("make", [sending, requesting], ids=["SEND", "request"])
def test_what_can_be_taken_back_is_not_sent_when_it_is_late(make: Any) -> None:
    operation = make()
    operation.late()
    assert "was not sent within 3 s, and will not be" in str(failure(operation.pending, NotSentInTime))
    assert operation.withdrawn


def test_what_cannot_be_taken_back_may_still_happen() -> None:
    operation = acknowledging()
    operation.late()
    assert "still waits to be written after 3 s" in str(failure(operation.pending, ReceiptTimeout))
    assert not operation.withdrawn


@pytest.mark.parametrize("has_left", [True, False])
def test_a_commit_that_is_late_is_in_doubt(has_left: bool) -> None:
    operation = committing()
    if has_left:
        operation.leave()
    operation.late()
    assert "no receipt for COMMIT within 3 s" in str(failure(operation.pending, TransactionInDoubt))
    assert operation.transaction.state is TransactionState.IN_DOUBT


def test_no_reply_in_time() -> None:
    operation = left(requesting())
    operation.late()
    assert str(failure(operation.pending, ReceiptTimeout)) == "no reply to the request to /rpc within 3 s"


# -------------------------------------------------------------------------------- what each one is


def test_a_confirmed_commit_is_done_a_rejected_one_is_lost() -> None:
    one, other = left(committing()), left(committing())
    one.confirmed()
    assert one.transaction.state is TransactionState.DONE
    assert one.pending.result() is None
    other.rejected(NO)
    assert other.transaction.state is TransactionState.LOST


def test_a_confirmed_abort_is_done_a_rejected_one_is_lost() -> None:
    one, other = left(aborting()), left(aborting())
    one.confirmed()
    assert one.transaction.state is TransactionState.DONE
    assert one.pending.result() is None
    other.rejected(NO)
    assert other.transaction.state is TransactionState.LOST


def test_a_confirmed_subscribe_hands_over_the_subscription() -> None:
    operation, confirming = subscribing()
    assert not operation.subscription.asked
    operation.leave()
    assert operation.subscription.asked
    assert not confirming.done
    operation.confirmed()
    assert confirming.result() is operation.subscription
    assert operation.subscription.proven
    operation.confirmed()


def test_a_subscribe_without_a_receipt_hands_it_over_unproven() -> None:
    operation, confirming = subscribing(receipt=None)
    operation.accepted()
    assert confirming.result() is operation.subscription
    assert not operation.subscription.proven


def test_a_rejected_subscribe_ends_the_subscription() -> None:
    operation, confirming = subscribing()
    left(operation).rejected(NO)
    assert failure(confirming, Rejected).error is NO
    assert operation.subscription.state is SubscriptionState.GONE
    with pytest.raises(Rejected):
        operation.subscription.take()


def test_a_confirmed_unsubscribe_ends_the_subscription() -> None:
    operation = left(unsubscribing())
    operation.subscription._end(SubscriptionState.DRAINING)
    operation.confirmed()
    assert operation.subscription.state is SubscriptionState.GONE
    assert operation.pending.result() is None


def test_a_request_says_where_to_reply_behind_its_own_headers() -> None:
    operation = Requesting(Send("/rpc", b"?", headers={"x": "y"}), Pending("request"), 3.0, "c-7")
    event = operation.event_for("/temp-queue/replies")
    assert event.frame.body == b"?"
    assert event.headers.items() == [
        ("destination", "/rpc"),
        ("x", "y"),
        ("reply-to", "/temp-queue/replies"),
        ("correlation-id", "c-7"),
    ]


def test_disconnect_is_an_operation_like_others() -> None:
    operation = Disconnecting(Send("/q"), Pending("DISCONNECT"), "r", 1.0)
    assert not operation.portable


# -------------------------------------------------------------------------------- waiting for a subscription


@pytest.mark.parametrize(("asked", "kind"), [(True, ReceiptTimeout), (False, NotSentInTime)])
def test_whoever_waits_too_long_for_a_subscription_gives_it_back(asked: bool, kind: type[Any]) -> None:
    wanted = subscription()
    wanted.asked = asked
    pending: Pending[Subscription] = Pending("SUBSCRIBE to /q")
    wanted.confirming = pending
    given_back: list[bool] = []

    def give_back() -> None:
        given_back.append(pending.done)
        wanted._end(SubscriptionState.GONE)

    pending.on_abandon = give_back
    SubscriptionWait(pending, 3.0, wanted).late()
    assert given_back == [False]
    assert str(failure(pending, kind)).endswith("within 3 s")


def test_a_subscription_that_ends_before_it_began_says_so() -> None:
    wanted = subscription()
    pending: Pending[Subscription] = Pending("SUBSCRIBE to /q")
    wanted.confirming = pending
    wanted._end(SubscriptionState.GONE)
    assert str(failure(pending, SessionClosed)) == "the subscription to /q ended before it began"
