"""Transaction: all or nothing, on one connection. It is never replayed on another."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from ..protocol import Body
from ..wire import HeaderSource
from .pending import Pending

if TYPE_CHECKING:
    from .delivery import Delivery
    from .session import Session

__all__ = ["Transaction", "TransactionLike", "TransactionState"]


class TransactionState(StrEnum):
    """Where a transaction stands."""

    OPEN = "open"
    COMMITTING = "committing"  # COMMIT is said, the broker's word is not there
    ABORTING = "aborting"
    DONE = "done"  # committed or aborted, as asked
    LOST = "lost"  # the connection was lost while it was open: nothing of it has happened
    IN_DOUBT = (
        "in doubt"  # the connection was lost while COMMIT was on its way: all or nothing of it has happened
    )


class TransactionLike(Protocol):
    """What can be named as a transaction: a :class:`Transaction`, or an adapter's view of one."""

    @property
    def id(self) -> str:
        """Its name on the wire."""
        ...

    @property
    def state(self) -> TransactionState:
        """Where it stands."""
        ...


class Transaction:
    """One transaction. Made by :meth:`Session.begin`.

    Attributes:
        id: its name on the wire.
        state: see :class:`TransactionState`.
        connection_number: the connection that it lives on.
    """

    __slots__ = ("_session", "connection_number", "id", "state")

    def __init__(self, session: Session, id: str, connection_number: int) -> None:
        self._session = session
        self.id = id
        self.connection_number = connection_number
        self.state = TransactionState.OPEN

    def send(
        self,
        destination: str,
        body: Body = b"",
        *,
        content_type: str | None = None,
        headers: HeaderSource = (),
        content_length: bool = True,
    ) -> Pending[None]:
        """Send within the transaction: delivered when it is committed. See :meth:`Session.send`.

        There is no receipt to wait for: RabbitMQ gives it only after COMMIT, whose own receipt covers it.
        """
        return self._session.send(
            destination,
            body,
            content_type=content_type,
            headers=headers,
            content_length=content_length,
            transaction=self,
        )

    def ack(self, delivery: Delivery, *, headers: HeaderSource = ()) -> Pending[None]:
        """Acknowledge within the transaction. See :meth:`Session.ack`."""
        return self._session.ack(delivery, transaction=self, headers=headers)

    def nack(self, delivery: Delivery, *, headers: HeaderSource = ()) -> Pending[None]:
        """Reject within the transaction. See :meth:`Session.nack`."""
        return self._session.nack(delivery, transaction=self, headers=headers)

    def commit(self, *, receipt: bool = True, timeout: float | None = None) -> Pending[None]:
        """Make all of it happen. See :meth:`Session.commit`."""
        return self._session.commit(self, receipt=receipt, timeout=timeout)

    def abort(self, *, receipt: bool = False, timeout: float | None = None) -> Pending[None]:
        """Make nothing of it happen. See :meth:`Session.abort`."""
        return self._session.abort(self, receipt=receipt, timeout=timeout)

    def __repr__(self) -> str:
        return f"<Transaction {self.id!r}, {self.state.value}>"
