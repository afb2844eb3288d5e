"""Transactions: records of the open ones, and which names were lost with the last connection.

A transaction lives on one connection (STOMP 1.2, "BEGIN": a broker aborts what is open when the connection ends). It is
never partly replayed on another one.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from .._arguments import shown
from ..errors import ErrorCode, LocalProtocolError
from ._errors import TransactionLost

__all__ = ["TransactionLike", "TransactionRecord", "TransactionState", "Transactions", "check_transaction"]


class TransactionState(StrEnum):
    """The state of a transaction.

    Attributes:
        OPEN: BEGIN was sent.
        COMMITTING: COMMIT was sent, its receipt has not come.
        ABORTING: ABORT was sent, its receipt has not come.
        DONE: it was committed or aborted, as asked.
        LOST: the connection was lost while it was open. The broker dropped all of it.
        IN_DOUBT: the connection was lost while COMMIT was in flight. Either all of it was committed, or nothing.
    """

    OPEN = "open"
    COMMITTING = "committing"
    ABORTING = "aborting"
    DONE = "done"
    LOST = "lost"
    IN_DOUBT = "in doubt"


class TransactionLike(Protocol):
    """A transaction, as an argument of a call: a :class:`Transaction` of the session, or one of an adapter."""

    @property
    def id(self) -> str:
        """The ``transaction`` header of its frames."""
        ...

    @property
    def state(self) -> TransactionState:
        """The state of the transaction."""
        ...


class TransactionRecord:
    """What the session knows of one transaction.

    Attributes:
        id: its name on the wire.
        connection_number: the connection that it lives on; 0 until BEGIN is in its send queue.
        state: see :class:`TransactionState`.
    """

    __slots__ = ("connection_number", "id", "state")

    def __init__(self, id: str) -> None:
        self.id: str = id
        self.connection_number: int = 0
        self.state: TransactionState = TransactionState.OPEN


def check_transaction(transaction: object) -> None:
    """Check an argument that stands for a transaction.

    Raises:
        TypeError: it is neither a transaction nor the id of one.
    """
    if not isinstance(transaction, str) and not (
        hasattr(transaction, "state") and hasattr(transaction, "id")
    ):
        raise TypeError(f"transaction must be what begin() returned, or its id, got {shown(transaction)}")


class Transactions:
    """The open transactions of a session. All of them live on the present connection."""

    def __init__(self) -> None:
        self._open: dict[str, TransactionRecord] = {}
        self._lost: set[str] = set()
        self._counter = 0

    def free_id(self) -> str:
        """Return a name that no open transaction has."""
        while True:
            self._counter += 1
            name = f"tx-{self._counter}"
            if name not in self._open:
                return name

    def begin(self, transaction: TransactionRecord) -> None:
        """Add a transaction whose BEGIN was sent."""
        self._open[transaction.id] = transaction
        self._lost.discard(transaction.id)

    def end(self, transaction: TransactionRecord) -> None:
        """Remove a transaction whose COMMIT or ABORT was sent."""
        del self._open[transaction.id]

    def find(self, transaction: TransactionLike | str) -> TransactionRecord:
        """Return an open transaction, named by itself or by its id.

        Raises:
            TransactionLost: it was lost with its connection.
            LocalProtocolError: it has ended, or there was never one of this name.
        """
        check_transaction(transaction)
        if isinstance(transaction, str):
            name = transaction
        else:
            name = transaction.id
            if transaction.state not in (TransactionState.OPEN, TransactionState.LOST):
                raise LocalProtocolError(
                    f"transaction {name!r} is {transaction.state.value}, not open",
                    code=ErrorCode.UNKNOWN_TRANSACTION,
                )
        if self._is_lost(transaction):
            raise TransactionLost(
                f"transaction {name!r} was lost with its connection; the broker dropped all of it"
            )
        found = self._open.get(name)
        if found is None:
            raise LocalProtocolError(f"no transaction {name!r} is open", code=ErrorCode.UNKNOWN_TRANSACTION)
        return found

    def forget_lost(self, transaction: TransactionLike | str) -> bool:
        """Return whether this transaction was lost with its connection.

        A name is remembered until it is asked for here, or until a new transaction has it.
        """
        lost = self._is_lost(transaction)
        if isinstance(transaction, str):
            self._lost.discard(transaction)
        return lost

    def _is_lost(self, transaction: TransactionLike | str) -> bool:
        if isinstance(transaction, str):
            return transaction in self._lost
        return transaction.state is TransactionState.LOST

    def connection_lost(self) -> None:
        """Mark all open transactions as lost."""
        for transaction in self._open.values():
            transaction.state = TransactionState.LOST
        if self._open:
            # The names of an earlier connection are forgotten: nobody has asked for them.
            self._lost = set(self._open)
        self._open.clear()
