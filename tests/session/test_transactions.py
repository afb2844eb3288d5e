"""Transactions: all or nothing, on one connection."""

# What a call has changed, a checker does not know.
# mypy: no-warn-unreachable, disable-error-code=comparison-overlap

from __future__ import annotations

from typing import Any

import pytest

from stomp_core import ErrorCode, LocalProtocolError
from stomp_core.session import (
    ConnectFailed,
    NotSent,
    NotSentInTime,
    OutcomeUnknown,
    Rejected,
    SessionClosed,
    TransactionInDoubt,
    TransactionLost,
    TransactionState,
)
from stomp_core.session._transactions import TransactionRecord, Transactions

from .play import Play, failure

# -------------------------------------------------------------------------------- the records


def begun(transactions: Transactions, *names: str) -> list[TransactionRecord]:
    made = [TransactionRecord(name) for name in names]
    for record in made:
        transactions.begin(record)
    return made


class View:
    """What an adapter has of a transaction."""

    def __init__(self, record: TransactionRecord) -> None:
        self._record = record

    @property
    def id(self) -> str:
        return self._record.id

    @property
    def state(self) -> TransactionState:
        return self._record.state


def test_a_generated_name_is_not_that_of_an_open_transaction() -> None:
    transactions = Transactions()
    assert transactions.free_id() == "tx-1"
    begun(transactions, "tx-2")
    assert transactions.free_id() == "tx-3"


def test_an_open_transaction_is_found_by_itself_name_or_view() -> None:
    transactions = Transactions()
    one, other = begun(transactions, "a", "b")
    assert transactions.find("a") is one
    assert transactions.find(other) is other
    assert transactions.find(View(one)) is one


@pytest.mark.parametrize("named", [str, View, lambda name: name], ids=["name", "view", "itself"])
@pytest.mark.parametrize(
    "state",
    [
        TransactionState.COMMITTING,
        TransactionState.ABORTING,
        TransactionState.DONE,
        TransactionState.IN_DOUBT,
    ],
)
def test_a_transaction_that_has_ended_is_not_found(state: TransactionState, named: Any) -> None:
    transactions = Transactions()
    (one,) = begun(transactions, "a")
    one.state = state
    transactions.end(one)
    with pytest.raises(LocalProtocolError) as caught:
        transactions.find("a" if named is str else named(one))
    assert caught.value.code == ErrorCode.UNKNOWN_TRANSACTION
    if named is not str:
        assert f"transaction 'a' is {state.value}, not open" in str(caught.value)


def test_an_unknown_name_is_not_found() -> None:
    with pytest.raises(LocalProtocolError, match="no transaction 'x' is open") as caught:
        Transactions().find("x")
    assert caught.value.code == ErrorCode.UNKNOWN_TRANSACTION


@pytest.mark.parametrize("named", [lambda tx: tx.id, View, lambda tx: tx], ids=["name", "view", "itself"])
def test_a_transaction_that_is_open_at_a_loss_is_lost(named: Any) -> None:
    transactions = Transactions()
    (one,) = begun(transactions, "a")
    transactions.connection_lost()
    assert one.state is TransactionState.LOST
    with pytest.raises(TransactionLost, match="transaction 'a' was lost with its connection"):
        transactions.find(named(one))
    assert transactions.forget_lost(named(one))


def test_a_transaction_that_had_ended_before_the_loss_is_not_lost() -> None:
    transactions = Transactions()
    (one,) = begun(transactions, "a")
    one.state = TransactionState.COMMITTING
    transactions.end(one)
    transactions.connection_lost()
    assert one.state is TransactionState.COMMITTING
    assert not transactions.forget_lost("a")
    assert not transactions.forget_lost(one)


def test_the_name_of_a_lost_transaction_is_reported_once() -> None:
    transactions = Transactions()
    (one,) = begun(transactions, "a")
    transactions.connection_lost()
    assert transactions.forget_lost("a")
    assert not transactions.forget_lost("a")
    assert transactions.forget_lost(one), "its own state stays"


def test_a_name_that_is_begun_again_is_not_lost_any_more() -> None:
    transactions = Transactions()
    begun(transactions, "a")
    transactions.connection_lost()
    (again,) = begun(transactions, "a")
    assert transactions.find("a") is again
    assert not transactions.forget_lost("a")


def test_lost_names_are_remembered_until_the_next_names_are_lost() -> None:
    transactions = Transactions()
    begun(transactions, "a")
    transactions.connection_lost()
    transactions.connection_lost()
    with pytest.raises(TransactionLost):
        transactions.find("a")
    begun(transactions, "b")
    transactions.connection_lost()
    with pytest.raises(TransactionLost):
        transactions.find("b")
    with pytest.raises(LocalProtocolError, match="no transaction 'a'"):
        transactions.find("a")


# -------------------------------------------------------------------------------- in a session


def test_every_frame_of_a_transaction_names_it() -> None:
    play = Play().connected()
    subscription = play.subscribed(ack="client-individual")
    play.deliver(subscription.id, "1", "2")
    one, two = subscription.take(), subscription.take()
    assert one is not None
    assert two is not None
    transaction = play.begin("tx", headers={"x": "y"}).result()
    assert (transaction.id, transaction.state, transaction.connection_number) == (
        "tx",
        TransactionState.OPEN,
        1,
    )
    assert transaction.send(
        play.now, "/queue/b", "body", content_type="a/b", headers={"p": "q"}, content_length=False
    ).done
    assert transaction.ack(play.now, one, headers={"p": "q"}).done
    assert transaction.nack(play.now, two, headers={"p": "q"}).done
    begin, send, ack, nack = play.sent()
    assert (begin.command, begin.transaction, begin.headers["x"]) == ("BEGIN", "tx", "y")
    assert [event.command for event in (send, ack, nack)] == ["SEND", "ACK", "NACK"]
    assert [event.transaction for event in (send, ack, nack)] == ["tx"] * 3
    assert [event.headers["p"] for event in (send, ack, nack)] == ["q"] * 3
    assert (send.destination, send.body, send.content_type, send.content_length) == (
        "/queue/b",
        b"body",
        "a/b",
        None,
    )


def test_a_commit_is_done_when_its_receipt_comes() -> None:
    play = Play().connected()
    transaction = play.begun()
    pending = transaction.commit(play.now)
    assert transaction.state is TransactionState.COMMITTING
    commit = play.sent_one()
    assert (commit.command, commit.transaction) == ("COMMIT", transaction.id)
    assert not pending.done
    play.confirm(commit.receipt)
    assert pending.result() is None
    assert transaction.state is TransactionState.DONE


def test_a_commit_without_receipt_is_done_when_it_is_queued() -> None:
    play = Play().connected()
    transaction = play.begun()
    assert transaction.commit(play.now, receipt=False).done
    assert transaction.state is TransactionState.DONE
    assert play.sent_one().receipt is None


def test_an_abort_is_done_when_it_is_queued_or_confirmed() -> None:
    play = Play().connected()
    one, two = play.begun(), play.begun()
    assert one.abort(play.now).done
    assert one.state is TransactionState.DONE
    pending = two.abort(play.now, receipt=True, timeout=3.0)
    assert two.state is TransactionState.ABORTING
    first, second = play.sent()
    assert (first.command, first.transaction, first.receipt) == ("ABORT", one.id, None)
    play.confirm(second.receipt)
    assert pending.done
    assert two.state is TransactionState.DONE


@pytest.mark.parametrize("end", ["commit", "abort"])
@pytest.mark.parametrize("operation", ["send", "commit", "abort"])
def test_a_transaction_that_has_ended_refuses_operations(end: str, operation: str) -> None:
    play = Play().connected()
    transaction = play.begun()
    getattr(transaction, end)(play.now)
    play.sent()
    with pytest.raises(LocalProtocolError) as caught:
        getattr(transaction, operation)(play.now, *(["/q"] if operation == "send" else []))
    assert caught.value.code == ErrorCode.UNKNOWN_TRANSACTION
    assert play.sent() == []


def test_a_send_in_a_transaction_cannot_ask_for_a_receipt() -> None:
    """RabbitMQ sends it only after COMMIT, which would be a deadlock."""
    play = Play().connected()
    transaction = play.begun()
    with pytest.raises(LocalProtocolError, match="only after COMMIT") as caught:
        play.send("/q", receipt=True, transaction=transaction)
    assert caught.value.code == ErrorCode.HEADER_NOT_ALLOWED
    assert play.sent() == []


def test_a_session_generates_names_that_are_not_open() -> None:
    play = Play().connected()
    play.begun("tx-1")
    assert play.begun().id == "tx-2"
    assert play.begun().id == "tx-3"


def test_a_name_can_be_open_once() -> None:
    play = Play().connected()
    transaction = play.begun("mine")
    with pytest.raises(LocalProtocolError) as caught:
        play.begin("mine")
    assert caught.value.code == ErrorCode.DUPLICATE_TRANSACTION
    assert play.sent() == []
    transaction.abort(play.now)
    assert play.begun("mine").state is TransactionState.OPEN


def test_operations_may_name_a_transaction_by_its_id() -> None:
    play = Play().connected()
    transaction = play.begun("mine")
    play.send("/q", transaction="mine")
    pending = play.commit("mine")
    send, commit = play.sent()
    assert (send.transaction, commit.transaction) == ("mine", "mine")
    play.confirm(commit.receipt)
    assert pending.done
    assert transaction.state is TransactionState.DONE
    play.begun("other")
    assert play.abort("other").done
    assert play.sent_one().command == "ABORT"


# -------------------------------------------------------------------------------- a connection is lost


def test_a_lost_transaction_is_never_replayed() -> None:
    play = Play().connected()
    transaction = play.begun()
    transaction.send(play.now, "/q", "a")
    play.cut()
    assert transaction.state is TransactionState.LOST
    play.connected()
    assert play.sent() == []
    with pytest.raises(TransactionLost):
        transaction.send(play.now, "/q")
    with pytest.raises(TransactionLost):
        transaction.commit(play.now)
    assert transaction.abort(play.now).done, "it is aborted already"


def test_a_lost_transaction_is_lost_by_its_id_too() -> None:
    play = Play().connected()
    play.begun("mine")
    play.cut()
    play.connected()
    with pytest.raises(TransactionLost):
        play.send("/q", transaction="mine")
    with pytest.raises(TransactionLost):
        play.commit("mine")
    assert play.abort("mine").done
    with pytest.raises(LocalProtocolError) as caught:
        play.abort("mine")
    assert caught.value.code == ErrorCode.UNKNOWN_TRANSACTION


def test_a_commit_in_flight_at_a_loss_is_in_doubt() -> None:
    play = Play().connected()
    transaction = play.begun()
    pending = transaction.commit(play.now)
    play.sent()
    play.cut()
    assert transaction.state is TransactionState.IN_DOUBT
    failure(pending, TransactionInDoubt)
    play.connected()
    assert play.sent() == []
    with pytest.raises(LocalProtocolError):
        transaction.abort(play.now)


def test_a_commit_that_has_not_left_at_a_loss_is_lost() -> None:
    play = Play().connected()
    transaction = play.begun()
    transaction.send(play.now, "/q")
    pending = transaction.commit(play.now)
    play.cut()
    failure(pending, TransactionLost)
    assert transaction.state is TransactionState.LOST
    play.connected()
    assert play.sent() == []


def test_a_later_loss_does_not_change_what_had_ended() -> None:
    play = Play().connected()
    committed, aborted, silent = play.begun(), play.begun(), play.begun()
    committed.commit(play.now)
    aborted.abort(play.now, receipt=True)
    silent.commit(play.now, receipt=False)
    play.confirm_all()
    play.cut()
    for transaction in (committed, aborted, silent):
        assert transaction.state is TransactionState.DONE


def test_an_abort_in_flight_at_a_loss_is_done() -> None:
    play = Play().connected()
    transaction = play.begun()
    pending = transaction.abort(play.now, receipt=True)
    play.sent()
    play.cut()
    assert pending.result() is None
    assert transaction.state is TransactionState.DONE


@pytest.mark.parametrize(
    ("commits", "leaves", "kind"),
    [
        (False, True, TransactionLost),
        (True, True, TransactionInDoubt),
        (True, False, TransactionLost),
    ],
    ids=["open", "COMMIT on its way", "COMMIT had not left"],
)
def test_an_ack_in_a_transaction_has_its_outcome(commits: bool, leaves: bool, kind: type[Any]) -> None:
    play = Play().connected()
    subscription = play.subscribed(ack="client-individual")
    play.deliver(subscription.id, "1")
    delivery = subscription.take()
    assert delivery is not None
    transaction = play.begun()
    acknowledged = play.ack(delivery, transaction=transaction, receipt=True)
    play.sent()
    if commits:
        transaction.commit(play.now)
    if leaves:
        play.sent()
    play.cut()
    failure(acknowledged, kind)


@pytest.mark.parametrize("command", ["ack", "nack"])
def test_at_artemis_an_ack_in_a_transaction_is_refused(command: str) -> None:
    """It would not be a part of it: an ABORT would not bring the message back."""
    play = Play(server="ActiveMQ-Artemis/2.31.2").connected()
    subscription = play.subscribed(ack="client-individual")
    play.deliver(subscription.id, "1")
    delivery = subscription.take()
    assert delivery is not None
    transaction = play.begun()
    play.sent()
    with pytest.raises(LocalProtocolError, match=f"does not make {command.upper()} a part of a transaction"):
        getattr(transaction, command)(play.now, delivery)
    assert play.sent() == []
    play.ack(delivery)
    assert play.sent_one().command == "ACK"


def test_a_rejected_commit_loses_the_transaction() -> None:
    play = Play().connected()
    transaction = play.begun()
    play.confirm_all()
    pending = transaction.commit(play.now)
    play.refuse("no", receipt_id=play.sent_one().receipt)
    failure(pending, Rejected)
    assert transaction.state is TransactionState.LOST


def test_a_commit_that_timed_out_stays_in_doubt() -> None:
    play = Play().connected()
    transaction = play.begun()
    pending = transaction.commit(play.now, timeout=3.0)
    commit = play.sent_one()
    play.wait(3.1)
    failure(pending, TransactionInDoubt)
    play.confirm(commit.receipt)
    assert transaction.state is TransactionState.IN_DOUBT


def test_an_abort_without_receipt_in_time_is_a_timeout() -> None:
    play = Play().connected()
    pending = play.begun().abort(play.now, receipt=True, timeout=3.0)
    play.sent()
    play.wait(2.9)
    assert not pending.done
    play.wait(0.2)
    assert isinstance(pending.exception(), OutcomeUnknown)


# -------------------------------------------------------------------------------- before there is a connection


def test_begin_waits_for_a_connection_in_its_order() -> None:
    play = Play()
    first = play.send("/q", "a", receipt=True)
    pending = play.begin("tx", headers={"x": "y"})
    assert not pending.done
    play.connected()
    transaction = pending.result()
    assert transaction.connection_number == 1
    send, begin = play.sent()
    assert (send.command, begin.command, begin.transaction, begin.headers["x"]) == (
        "SEND",
        "BEGIN",
        "tx",
        "y",
    )
    assert not first.done
    assert transaction.send(play.now, "/q").done


def test_without_a_connection_in_time_begin_is_not_sent() -> None:
    play = Play()
    pending = play.begin(timeout=3.0)
    play.wait(3.1)
    failure(pending, NotSentInTime)
    play.connected()
    assert play.sent() == []


def test_begin_fails_when_there_will_be_no_connection() -> None:
    play = Play()
    pending = play.begin()
    play.attempt()
    play.cut(OSError("no"))
    assert isinstance(play.session.error, ConnectFailed)
    failure(pending, NotSent)


def test_of_two_waiting_begins_of_one_name_the_second_fails() -> None:
    play = Play()
    one, two = play.begin("mine"), play.begin("mine")
    play.connected()
    assert one.result().id == "mine"
    assert isinstance(two.exception(), LocalProtocolError)
    assert play.commands() == ["BEGIN"]


# -------------------------------------------------------------------------------- the caller no longer waits


def test_a_begin_that_is_cancelled_before_it_left_never_leaves() -> None:
    play = Play()
    pending = play.begin()
    pending.cancel(play.now)
    failure(pending, NotSent)
    play.connected()
    assert play.sent() == []


@pytest.mark.parametrize("waited", [True, False], ids=["it waited for the connection", "at once"])
def test_a_begin_that_is_cancelled_later_is_aborted(waited: bool) -> None:
    play = Play()
    if waited:
        pending = play.begin()
        play.connected()
    else:
        play.connected()
        pending = play.begin()
    transaction = pending.result()
    pending.cancel(play.now)
    assert play.commands() == ["BEGIN", "ABORT"]
    assert transaction.state is TransactionState.DONE


def test_cancelling_does_not_abort_what_has_ended() -> None:
    play = Play().connected()
    pending = play.begin()
    pending.result().commit(play.now, receipt=False)
    pending.cancel(play.now)
    assert play.commands() == ["BEGIN", "COMMIT"]


# -------------------------------------------------------------------------------- the session is closed


def test_while_closing_transactions_can_be_ended_but_not_begun() -> None:
    play = Play().connected()
    one, two = play.begun(), play.begun()
    play.send("/q", receipt=True)
    play.close()
    for operation in (play.begin, lambda: one.send(play.now, "/q")):
        with pytest.raises(SessionClosed):
            operation()
    one.commit(play.now)
    two.abort(play.now)
    assert play.commands() == ["SEND", "COMMIT", "ABORT"]


def test_disconnect_aborts_open_transactions() -> None:
    play = Play().connected()
    one, two = play.begun(), play.begun()
    play.close()
    assert play.commands() == ["DISCONNECT"]
    assert one.abort(play.now).done
    assert one.state is TransactionState.DONE
    with pytest.raises(SessionClosed):
        two.commit(play.now)
    assert play.sent() == []
    play.wait(100.0)
    assert two.state is TransactionState.LOST
    with pytest.raises(TransactionLost):
        two.commit(play.now)


def test_the_names_of_the_states() -> None:
    assert [state.value for state in TransactionState] == [
        "open",
        "committing",
        "aborting",
        "done",
        "lost",
        "in doubt",
    ]


def test_the_repr_shows_id_and_state() -> None:
    assert repr(Play().connected().begun("mine")) == "<Transaction 'mine', open>"
