"""The books of receipts: which operations wait for theirs, and which one an ERROR answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import islice

from ..errors import ErrorCode, LocalProtocolError
from ..protocol import Error
from .operation import Operation

__all__ = ["Receipts"]

# Unlike what a caller would choose, who is refused it.
_GENERATED = "auto-"
_MOST_DIGITS = 18


class Receipts:
    """The receipts that are awaited on the present connection, in the order in which they were asked for."""

    def __init__(self) -> None:
        self._awaited: dict[str, Operation] = {}
        # Ids that the caller chose. One whose operation is late stays until the connection ends: the RECEIPT that may
        # still come must not confirm the next operation of that name.
        self._chosen: set[str] = set()
        # Ids on raw frames, whose books somebody else keeps: how many of their RECEIPTs are to come.
        self._foreign: Counter[str] = Counter()
        self._counter = 0
        self._said = 0  # frames on this connection
        self._answered = 0  # the latest of them that has its receipt
        self._silent = 0  # the latest of them that asked for none

    def __len__(self) -> int:
        return len(self._awaited)

    # ------------------------------------------------------------------ ids

    def id_for(self, receipt: bool | str) -> str | None:
        """The id of a receipt that is asked for like this: ``True``, or an id of the caller's.

        Raises:
            LocalProtocolError: that id is in use.
        """
        if not isinstance(receipt, str):
            return self.new_id() if receipt else None
        self.check_foreign(receipt)
        if receipt in self._foreign:
            raise self._in_use(receipt)
        return receipt

    def check_foreign(self, receipt: str) -> None:
        """Refuse an id on a raw frame that is an operation's. Raw frames may share one among themselves.

        Raises:
            LocalProtocolError: that id is in use.
        """
        if receipt in self._chosen or self._was_generated(receipt):
            raise self._in_use(receipt)

    def _in_use(self, receipt: str) -> LocalProtocolError:
        return LocalProtocolError(f"receipt id {receipt!r} is in use", code=ErrorCode.HEADER_CLASH)

    def new_id(self) -> str:
        """An id that is not in use, and never was."""
        while True:
            self._counter += 1
            name = f"{_GENERATED}{self._counter}"
            if name not in self._chosen and name not in self._foreign:
                return name

    def _was_generated(self, name: str) -> bool:
        number = name.removeprefix(_GENERATED)
        if number == name or not (number.isascii() and number.isdigit()) or len(number) > _MOST_DIGITS:
            return False
        return int(number) <= self._counter

    def claim(self, name: str) -> None:
        """An operation with this id, which the caller chose, was accepted."""
        self._chosen.add(name)

    def claim_foreign(self, name: str) -> None:
        """A raw frame with this id was said: its RECEIPT must confirm nothing else."""
        self._foreign[name] += 1

    # ------------------------------------------------------------------ the life of an operation

    def said(self, operation: Operation) -> None:
        """Its frame is said on this connection."""
        if operation.receipt is None:
            self.said_silently()
        else:
            self._said += 1
            self._awaited[operation.receipt] = operation
        operation.number = self._said

    def said_silently(self) -> None:
        """A frame that asks for none is said."""
        self._said += 1
        self._silent = self._said

    def heard(self, receipt_id: str) -> Operation | None:
        """The operation that this RECEIPT answers; ``None`` if nothing asked for it."""
        operation = self._awaited.get(receipt_id)
        if operation is None:
            self._chosen.discard(receipt_id)
            if self._foreign[receipt_id] <= 1:
                del self._foreign[receipt_id]
            else:
                self._foreign[receipt_id] -= 1
            return None
        if not operation.left:
            return None  # it cannot be the answer to what the broker never heard
        del self._awaited[receipt_id]
        self._chosen.discard(receipt_id)
        self._answered = max(self._answered, operation.number)
        return operation

    def given_up(self, operation: Operation) -> None:
        """Nobody waits for it any more."""
        if operation.receipt is None:
            return
        self._awaited.pop(operation.receipt, None)
        if operation.withdrawn:
            self._chosen.discard(operation.receipt)

    def culprit(self, error: Error) -> Operation | None:
        """Take out what this ERROR answers. Without a receipt-id (RabbitMQ) only if nothing else can be meant."""
        operation = None
        if error.receipt_id is not None:
            operation = self._awaited.get(error.receipt_id)
        elif "subscription" not in error.headers and self._silent <= self._answered:
            # Frames leave in order, so those that have left stand first.
            in_flight = [entry for entry in islice(self._awaited.values(), 2) if entry.left]
            if len(in_flight) == 1:
                operation = in_flight[0]
        if operation is None or not operation.left:
            return None
        assert operation.receipt is not None
        return self._awaited.pop(operation.receipt)

    def connection_lost(self) -> list[Operation]:
        """No RECEIPT comes any more. Returns what waited for one."""
        awaited = list(self._awaited.values())
        self._awaited.clear()
        self._foreign.clear()
        self._said = self._answered = self._silent = 0
        return awaited

    def keep_only(self, operations: Iterable[Operation]) -> None:
        """After a loss: the ids of these operations alone stay in use; they will be said anew."""
        self._chosen.intersection_update(
            [operation.receipt for operation in operations if operation.receipt is not None]
        )
