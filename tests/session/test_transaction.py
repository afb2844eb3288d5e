"""Transaction: all or nothing, on one connection."""

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

from .play import Play, failure


def test_all_that_is_said_in_it_names_it() -> None:
    play = Play().connected()
    subscription = play.subscribed(ack="client-individual")
    play.delivers(subscription.id, "1", "2")
    one, two = subscription.take(), subscription.take()
    assert one is not None
    assert two is not None
    transaction = play.session.begin("tx", headers={"x": "y"}).result()
    assert (transaction.id, transaction.state, transaction.connection_number) == (
        "tx",
        TransactionState.OPEN,
        1,
    )
    assert transaction.send(
        "/queue/b", "body", content_type="a/b", headers={"p": "q"}, content_length=False
    ).done
    assert transaction.ack(one, headers={"p": "q"}).done
    assert transaction.nack(two, headers={"p": "q"}).done
    begin, send, ack, nack = play.hears()
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


def test_it_is_committed_when_the_broker_says_so() -> None:
    play = Play().connected()
    transaction = play.begun()
    pending = transaction.commit()
    assert transaction.state is TransactionState.COMMITTING
    commit = play.hears_one()
    assert (commit.command, commit.transaction) == ("COMMIT", transaction.id)
    assert not pending.done
    play.confirms(commit.receipt)
    assert pending.result() is None
    assert transaction.state is TransactionState.DONE


def test_without_a_receipt_it_is_committed_when_it_is_said() -> None:
    play = Play().connected()
    transaction = play.begun()
    assert transaction.commit(receipt=False).done
    assert transaction.state is TransactionState.DONE
    assert play.hears_one().receipt is None


def test_it_is_aborted_when_it_is_said_or_when_the_broker_says_so() -> None:
    play = Play().connected()
    one, two = play.begun(), play.begun()
    assert one.abort().done
    assert one.state is TransactionState.DONE
    pending = two.abort(receipt=True, timeout=3.0)
    assert two.state is TransactionState.ABORTING
    first, second = play.hears()
    assert (first.command, first.transaction, first.receipt) == ("ABORT", one.id, None)
    play.confirms(second.receipt)
    assert pending.done
    assert two.state is TransactionState.DONE


@pytest.mark.parametrize("end", ["commit", "abort"])
@pytest.mark.parametrize("say", ["send", "commit", "abort"])
def test_nothing_can_be_said_in_one_that_has_ended(end: str, say: str) -> None:
    play = Play().connected()
    transaction = play.begun()
    getattr(transaction, end)()
    play.hears()
    with pytest.raises(LocalProtocolError) as caught:
        getattr(transaction, say)(*(["/q"] if say == "send" else []))
    assert caught.value.code == ErrorCode.UNKNOWN_TRANSACTION
    assert play.hears() == []


def test_a_send_in_it_cannot_wait_for_its_receipt() -> None:
    """RabbitMQ gives it only after COMMIT: a deadlock."""
    play = Play().connected()
    transaction = play.begun()
    with pytest.raises(LocalProtocolError, match="only after COMMIT") as caught:
        play.session.send("/q", receipt=True, transaction=transaction)
    assert caught.value.code == ErrorCode.HEADER_NOT_ALLOWED
    assert play.hears() == []


def test_names_are_generated_and_none_that_is_open() -> None:
    play = Play().connected()
    play.begun("tx-1")
    assert play.begun().id == "tx-2"
    assert play.begun().id == "tx-3"


def test_one_name_is_open_once() -> None:
    play = Play().connected()
    transaction = play.begun("mine")
    with pytest.raises(LocalProtocolError) as caught:
        play.session.begin("mine")
    assert caught.value.code == ErrorCode.DUPLICATE_TRANSACTION
    assert play.hears() == []
    transaction.abort()
    assert play.begun("mine").state is TransactionState.OPEN


def test_it_can_be_named_by_its_name() -> None:
    play = Play().connected()
    transaction = play.begun("mine")
    play.session.send("/q", transaction="mine")
    pending = play.session.commit("mine")
    send, commit = play.hears()
    assert (send.transaction, commit.transaction) == ("mine", "mine")
    play.confirms(commit.receipt)
    assert pending.done
    assert transaction.state is TransactionState.DONE
    play.begun("other")
    assert play.session.abort("other").done
    assert play.hears_one().command == "ABORT"


# -------------------------------------------------------------------------------- a connection is lost


def test_one_that_was_open_is_lost_and_nothing_of_it_is_replayed() -> None:
    play = Play().connected()
    transaction = play.begun()
    transaction.send("/q", "a")
    play.cut()
    assert transaction.state is TransactionState.LOST
    play.connected()
    assert play.hears() == []
    with pytest.raises(TransactionLost):
        transaction.send("/q")
    with pytest.raises(TransactionLost):
        transaction.commit()
    assert transaction.abort().done, "that is no error"


def test_by_its_name_too() -> None:
    play = Play().connected()
    play.begun("mine")
    play.cut()
    play.connected()
    with pytest.raises(TransactionLost):
        play.session.send("/q", transaction="mine")
    with pytest.raises(TransactionLost):
        play.session.commit("mine")
    assert play.session.abort("mine").done
    with pytest.raises(LocalProtocolError) as caught:
        play.session.abort("mine")
    assert caught.value.code == ErrorCode.UNKNOWN_TRANSACTION


def test_a_commit_that_was_on_its_way_is_in_doubt() -> None:
    play = Play().connected()
    transaction = play.begun()
    pending = transaction.commit()
    play.hears()
    play.cut()
    assert transaction.state is TransactionState.IN_DOUBT
    failure(pending, TransactionInDoubt)
    play.connected()
    assert play.hears() == []
    with pytest.raises(LocalProtocolError):
        transaction.abort()


def test_a_commit_that_had_not_left_is_lost() -> None:
    play = Play().connected()
    transaction = play.begun()
    transaction.send("/q")
    pending = transaction.commit()
    play.cut()
    failure(pending, TransactionLost)
    assert transaction.state is TransactionState.LOST
    play.connected()
    assert play.hears() == []


def test_one_that_had_ended_is_not_touched_by_a_later_loss() -> None:
    play = Play().connected()
    committed, aborted, silent = play.begun(), play.begun(), play.begun()
    committed.commit()
    aborted.abort(receipt=True)
    silent.commit(receipt=False)
    play.confirms_all()
    play.cut()
    for transaction in (committed, aborted, silent):
        assert transaction.state is TransactionState.DONE


def test_an_abort_that_was_on_its_way_is_done() -> None:
    play = Play().connected()
    transaction = play.begun()
    pending = transaction.abort(receipt=True)
    play.hears()
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
def test_an_acknowledgement_in_it_shares_its_fate(commits: bool, leaves: bool, kind: type[Any]) -> None:
    play = Play().connected()
    subscription = play.subscribed(ack="client-individual")
    play.delivers(subscription.id, "1")
    delivery = subscription.take()
    assert delivery is not None
    transaction = play.begun()
    acknowledged = play.session.ack(delivery, transaction=transaction, receipt=True)
    play.hears()
    if commits:
        transaction.commit()
    if leaves:
        play.hears()
    play.cut()
    failure(acknowledged, kind)


def test_a_rejected_commit_has_not_happened() -> None:
    play = Play().connected()
    transaction = play.begun()
    play.confirms_all()
    pending = transaction.commit()
    play.refuses("no", receipt_id=play.hears_one().receipt)
    failure(pending, Rejected)
    assert transaction.state is TransactionState.LOST


def test_a_commit_without_an_answer_is_in_doubt_even_if_the_answer_comes_later() -> None:
    play = Play().connected()
    transaction = play.begun()
    pending = transaction.commit(timeout=3.0)
    commit = play.hears_one()
    play.wait(3.1)
    failure(pending, TransactionInDoubt)
    play.confirms(commit.receipt)
    assert transaction.state is TransactionState.IN_DOUBT


def test_an_abort_without_an_answer_is_a_timeout() -> None:
    play = Play().connected()
    pending = play.begun().abort(receipt=True, timeout=3.0)
    play.hears()
    play.wait(2.9)
    assert not pending.done
    play.wait(0.2)
    assert isinstance(pending.exception(), OutcomeUnknown)


# -------------------------------------------------------------------------------- before there is a connection


def test_it_waits_for_a_connection_and_begins_behind_what_was_said_before() -> None:
    play = Play()
    first = play.session.send("/q", "a", receipt=True)
    pending = play.session.begin("tx", headers={"x": "y"})
    assert not pending.done
    play.connected()
    transaction = pending.result()
    assert transaction.connection_number == 1
    send, begin = play.hears()
    assert (send.command, begin.command, begin.transaction, begin.headers["x"]) == (
        "SEND",
        "BEGIN",
        "tx",
        "y",
    )
    assert not first.done
    assert transaction.send("/q").done


def test_it_does_not_begin_when_there_is_no_connection_in_time() -> None:
    play = Play()
    pending = play.session.begin(timeout=3.0)
    play.wait(3.1)
    failure(pending, NotSentInTime)
    play.connected()
    assert play.hears() == []


def test_it_does_not_begin_when_there_will_be_none() -> None:
    play = Play()
    pending = play.session.begin()
    play.attempt()
    play.cut(OSError("no"))
    assert isinstance(play.session.error, ConnectFailed)
    failure(pending, NotSent)


def test_two_of_one_name_that_wait_for_a_connection_cannot_both_begin() -> None:
    play = Play()
    one, two = play.session.begin("mine"), play.session.begin("mine")
    play.connected()
    assert one.result().id == "mine"
    assert isinstance(two.exception(), LocalProtocolError)
    assert play.commands() == ["BEGIN"]


# -------------------------------------------------------------------------------- nobody wants it


def test_one_that_is_abandoned_before_it_begins_never_does() -> None:
    play = Play()
    pending = play.session.begin()
    pending.abandon()
    failure(pending, NotSent)
    play.connected()
    assert play.hears() == []


@pytest.mark.parametrize("waited", [True, False], ids=["it waited for the connection", "at once"])
def test_one_that_is_abandoned_after_it_began_is_aborted(waited: bool) -> None:
    play = Play()
    if waited:
        pending = play.session.begin()
        play.connected()
    else:
        play.connected()
        pending = play.session.begin()
    transaction = pending.result()
    pending.abandon()
    assert play.commands() == ["BEGIN", "ABORT"]
    assert transaction.state is TransactionState.DONE


def test_abandoning_does_not_abort_what_its_owner_has_ended() -> None:
    play = Play().connected()
    pending = play.session.begin()
    pending.result().commit(receipt=False)
    pending.abandon()
    assert play.commands() == ["BEGIN", "COMMIT"]


# -------------------------------------------------------------------------------- the session is closed


def test_while_the_session_closes_what_is_open_can_be_ended_but_nothing_begun() -> None:
    play = Play().connected()
    one, two = play.begun(), play.begun()
    play.session.send("/q", receipt=True)
    play.session.close()
    for say in (play.session.begin, lambda: one.send("/q")):
        with pytest.raises(SessionClosed):
            say()
    one.commit()
    two.abort()
    assert play.commands() == ["SEND", "COMMIT", "ABORT"]


def test_disconnect_aborts_what_is_open() -> None:
    play = Play().connected()
    one, two = play.begun(), play.begun()
    play.session.close()
    assert play.commands() == ["DISCONNECT"]
    assert one.abort().done
    assert one.state is TransactionState.DONE
    with pytest.raises(SessionClosed):
        two.commit()
    assert play.hears() == []
    play.wait(100.0)
    assert two.state is TransactionState.LOST
    with pytest.raises(TransactionLost):
        two.commit()


def test_the_words_for_its_states() -> None:
    assert [state.value for state in TransactionState] == [
        "open",
        "committing",
        "aborting",
        "done",
        "lost",
        "in doubt",
    ]


def test_its_repr() -> None:
    assert repr(Play().connected().begun("mine")) == "<Transaction 'mine', open>"
