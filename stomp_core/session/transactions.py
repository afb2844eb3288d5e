"""The books of transactions: which are open, and which names the last connections took with them."""

from __future__ import annotations

from ..errors import ErrorCode, LocalProtocolError
from .errors import TransactionLost
from .transaction import Transaction, TransactionLike, TransactionState

__all__ = ["Transactions"]


class Transactions:
    """All open transactions of a session. They live on the present connection."""

    def __init__(self) -> None:
        self._open: dict[str, Transaction] = {}
        self._lost: set[str] = set()
        self._counter = 0

    def free_id(self) -> str:
        """A name that no open transaction has."""
        while True:
            self._counter += 1
            name = f"tx-{self._counter}"
            if name not in self._open:
                return name

    def begun(self, transaction: Transaction) -> None:
        """BEGIN is said."""
        self._open[transaction.id] = transaction
        self._lost.discard(transaction.id)

    def ended(self, transaction: Transaction) -> None:
        """COMMIT or ABORT is said."""
        del self._open[transaction.id]

    def find(self, transaction: TransactionLike | str) -> Transaction:
        """An open transaction, by itself or by its name.

        Raises:
            TransactionLost: it went with its connection.
            LocalProtocolError: it has ended already, or there never was one of this name.
        """
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
                f"transaction {name!r} was lost with its connection; nothing of it has happened"
            )
        found = self._open.get(name)
        if found is None:
            raise LocalProtocolError(f"no transaction {name!r} is open", code=ErrorCode.UNKNOWN_TRANSACTION)
        return found

    def take_lost(self, transaction: TransactionLike | str) -> bool:
        """Whether this transaction was lost. Of a name it is remembered until it is told here, or begun anew."""
        lost = self._is_lost(transaction)
        if isinstance(transaction, str):
            self._lost.discard(transaction)
        return lost

    def _is_lost(self, transaction: TransactionLike | str) -> bool:
        if isinstance(transaction, str):
            return transaction in self._lost
        return transaction.state is TransactionState.LOST

    def connection_lost(self) -> None:
        """What was open is lost."""
        for transaction in self._open.values():
            transaction.state = TransactionState.LOST
        if self._open:
            # Those of an earlier connection are forgotten: nobody has asked for them.
            self._lost = set(self._open)
        self._open.clear()
