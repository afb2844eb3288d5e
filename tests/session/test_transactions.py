"""The books of transactions."""

from __future__ import annotations

from typing import Any

import pytest

from stomp_core import ErrorCode, LocalProtocolError, Session
from stomp_core.session import Transaction, TransactionLost, TransactionState
from stomp_core.session.transactions import Transactions

SESSION = Session("stomp://broker")


def begun(books: Transactions, *names: str) -> list[Transaction]:
    made = [Transaction(SESSION, name, 1) for name in names]
    for transaction in made:
        books.begun(transaction)
    return made


class View:
    """What an adapter has of a transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    @property
    def id(self) -> str:
        return self._transaction.id

    @property
    def state(self) -> TransactionState:
        return self._transaction.state


def test_names_are_generated_that_no_open_transaction_has() -> None:
    books = Transactions()
    assert books.free_id() == "tx-1"
    begun(books, "tx-2")
    assert books.free_id() == "tx-3"


def test_an_open_transaction_is_found_by_itself_by_its_name_and_by_a_view_of_it() -> None:
    books = Transactions()
    one, other = begun(books, "a", "b")
    assert books.find("a") is one
    assert books.find(other) is other
    assert books.find(View(one)) is one


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
def test_one_that_has_ended_is_not_found(state: TransactionState, named: Any) -> None:
    books = Transactions()
    (one,) = begun(books, "a")
    one.state = state
    books.ended(one)
    with pytest.raises(LocalProtocolError) as caught:
        books.find("a" if named is str else named(one))
    assert caught.value.code == ErrorCode.UNKNOWN_TRANSACTION
    if named is not str:
        assert f"transaction 'a' is {state.value}, not open" in str(caught.value)


def test_one_that_never_was_is_not_found() -> None:
    with pytest.raises(LocalProtocolError, match="no transaction 'x' is open") as caught:
        Transactions().find("x")
    assert caught.value.code == ErrorCode.UNKNOWN_TRANSACTION


@pytest.mark.parametrize("named", [lambda tx: tx.id, View, lambda tx: tx], ids=["name", "view", "itself"])
def test_one_that_was_open_at_a_loss_is_lost(named: Any) -> None:
    books = Transactions()
    (one,) = begun(books, "a")
    books.connection_lost()
    assert one.state is TransactionState.LOST
    with pytest.raises(TransactionLost, match="transaction 'a' was lost with its connection"):
        books.find(named(one))
    assert books.take_lost(named(one))


def test_one_that_had_ended_before_the_loss_is_not() -> None:
    books = Transactions()
    (one,) = begun(books, "a")
    one.state = TransactionState.COMMITTING
    books.ended(one)
    books.connection_lost()
    assert one.state is TransactionState.COMMITTING
    assert not books.take_lost("a")
    assert not books.take_lost(one)


def test_a_lost_name_is_told_once_where_it_is_given_up() -> None:
    books = Transactions()
    (one,) = begun(books, "a")
    books.connection_lost()
    assert books.take_lost("a")
    assert not books.take_lost("a")
    assert books.take_lost(one), "the transaction itself remembers"


def test_a_name_that_is_begun_anew_is_lost_no_more() -> None:
    books = Transactions()
    begun(books, "a")
    books.connection_lost()
    (again,) = begun(books, "a")
    assert books.find("a") is again
    assert not books.take_lost("a")


def test_names_are_remembered_over_losses_of_nothing_but_do_not_pile_up() -> None:
    books = Transactions()
    begun(books, "a")
    books.connection_lost()
    books.connection_lost()
    with pytest.raises(TransactionLost):
        books.find("a")
    begun(books, "b")
    books.connection_lost()
    with pytest.raises(TransactionLost):
        books.find("b")
    with pytest.raises(LocalProtocolError, match="no transaction 'a'"):
        books.find("a")
