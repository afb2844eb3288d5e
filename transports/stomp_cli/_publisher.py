"""Sends messages, each confirmed by the broker, and counts what became of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from types import TracebackType

from stomp_core import StompError
from stomp_core.session import NotSent, OutcomeUnknown, Rejected, TransactionLost, Unconfirmed
from stomp_socket import Connection, Pipeline

from ._exit_status import ExitStatus
from ._message_json import Outgoing
from ._terminal import warn

__all__ = ["Outcomes", "Publisher", "publish_in_transactions"]

_PRUNE_EVERY = 64  # sends between two looks at which messages need not be remembered any more


class Outcomes:
    """What became of messages.

    Attributes:
        confirmed: the broker has them.
        rejected: it answered with ERROR.
        unknown: the connection was lost, or there was no answer in time: it may have them.
        not_sent: they never left this process, since sending ended before.
        first_error: why the first one was not confirmed.
    """

    def __init__(self) -> None:
        self.confirmed = 0
        self.rejected = 0
        self.unknown = 0
        self.not_sent = 0
        self.first_error: Exception | None = None

    def __str__(self) -> str:
        text = f"{self.confirmed} confirmed, {self.rejected} rejected, {self.unknown} unknown"
        return f"{text}, {self.not_sent} not sent" if self.not_sent else text

    @property
    def status(self) -> ExitStatus:
        """The exit status of the command that sent them."""
        if self.rejected:
            return ExitStatus.REJECTED
        return ExitStatus.UNKNOWN if self.unknown else ExitStatus.OK

    def add_failure(self, error: Exception) -> None:
        """Count a message that was not confirmed."""
        if self.first_error is None:
            self.first_error = error
            warn(str(error))
        if isinstance(error, OutcomeUnknown):
            self.unknown += 1
        elif isinstance(error, Rejected):
            self.rejected += 1
        else:
            self.not_sent += 1


class Publisher(AbstractContextManager["Publisher"]):
    """Sends messages over pipelines, one after the other: a pipeline accepts no more once a message of it has failed.

    A message that never left this process is sent again, in its order. One whose outcome is unknown is not: the broker
    may have it.

    Args:
        connection: to send by.
        destination: of the messages that have none of their own.
        window: how many messages may be in flight at a time.
        keep_going: whether to go on after the broker has rejected a message.
        on_failure: gets each message that was not confirmed, and why.
        on_confirmed: gets each message that was confirmed, in the order in which they were sent.

    Attributes:
        outcomes: what became of the messages so far.
    """

    def __init__(
        self,
        connection: Connection,
        destination: str | None = None,
        *,
        window: int = 100,
        keep_going: bool = False,
        on_failure: Callable[[Outgoing, Exception], object] | None = None,
        on_confirmed: Callable[[Outgoing], object] | None = None,
    ) -> None:
        self._connection = connection
        self._destination = destination
        self._window = window
        self._keep_going = keep_going
        self._on_failure = on_failure
        self._on_confirmed = on_confirmed
        self.outcomes = Outcomes()
        self._begin_pipeline()

    def _begin_pipeline(self) -> None:
        self._pipeline: Pipeline = self._connection.pipeline(self._window)
        self._numbers = 0
        self._remembered: deque[tuple[int, Outgoing]] = deque()  # those that may still fail

    def send(self, message: Outgoing) -> None:
        """Send a message; wait while the window is full.

        Raises:
            Rejected: the broker has rejected a message, and ``keep_going`` is false.
            StompError: the connection is lost for good, or the message cannot be sent.
            ValueError: the message has no destination.
        """
        # All before this one has been confirmed if send() does not raise: it raises if one of them has failed.
        settled = self._pipeline.first_in_flight
        while True:
            try:
                self._send_once(message)
            except Unconfirmed:
                self._settle_failures()
                continue
            break
        if self._on_confirmed is not None or self._numbers % _PRUNE_EVERY == 0:
            self._forget_before(settled)

    def _send_once(self, message: Outgoing) -> None:
        # Remembered first: an interruption inside send() may come after it has left.
        self._remembered.append((self._numbers, message))
        try:
            message.send_by(self._pipeline.send, self._destination)
        except (StompError, ValueError):
            self._remembered.pop()
            raise
        self._numbers += 1

    def finish(self) -> None:
        """Wait until the outcome of every message is known.

        Raises:
            Rejected: as :meth:`send` does.
            StompError: the connection is lost for good.
        """
        while True:
            try:
                self._pipeline.drain()
            except Unconfirmed:
                self._settle_failures()
                continue
            self._forget_before(self._numbers)
            return

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.finish()
        else:
            # Ctrl-C, or a message that cannot be sent: tell what became of the others.
            try:
                self.finish()
            except StompError:
                pass

    def _forget_before(self, number: int) -> None:
        while self._remembered and self._remembered[0][0] < number:
            _, message = self._remembered.popleft()
            self._confirm(message)

    def _confirm(self, message: Outgoing) -> None:
        self.outcomes.confirmed += 1
        if self._on_confirmed is not None:
            self._on_confirmed(message)

    def _settle_failures(self) -> None:
        """Count what a pipeline has not confirmed, and begin another one with the messages that never left."""
        failures: dict[int, Exception] = {}
        try:
            self._pipeline.drain()
        except Unconfirmed as error:
            failures = dict(error.failures)
        remembered = self._remembered
        self._begin_pipeline()
        again: list[tuple[Outgoing, Exception]] = []
        rejection: Exception | None = None
        lost: Exception | None = None
        for number, message in remembered:
            failure = failures.get(number)
            if failure is None:
                self._confirm(message)
            elif isinstance(failure, (Rejected, OutcomeUnknown)):
                self._fail(message, failure)
                if isinstance(failure, Rejected) and rejection is None:
                    rejection = failure
            else:
                again.append((message, failure))
                if not isinstance(failure, NotSent):  # the session has ended
                    lost = failure
        if lost is None and not self._keep_going:
            lost = rejection
        if lost is not None:
            for message, failure in again:
                self._fail(message, failure)
            raise lost
        for message, _ in again:
            self.send(message)

    def _fail(self, message: Outgoing, failure: Exception) -> None:
        self.outcomes.add_failure(failure)
        if self._on_failure is not None:
            self._on_failure(message, failure)


def publish_in_transactions(
    connection: Connection, destination: str | None, messages: Iterable[Outgoing], size: int
) -> Outcomes:
    """Send messages in transactions of a size. A transaction that was lost before its COMMIT is sent again.

    Args:
        connection: to send by.
        destination: of the messages that have none of their own.
        messages: to send.
        size: how many belong to a transaction.

    Raises:
        StompError: the broker rejected a transaction, or the connection is lost for good.
    """
    outcomes = Outcomes()
    batch: list[Outgoing] = []

    def commit() -> None:
        while batch:
            try:
                with connection.transaction() as transaction:
                    for message in batch:
                        message.send_by(transaction.send, destination)
            except TransactionLost:
                continue  # nothing of it has happened
            except (OutcomeUnknown, Rejected) as error:
                for _ in batch:
                    outcomes.add_failure(error)
                if isinstance(error, Rejected):
                    batch.clear()
                    raise
            else:
                outcomes.confirmed += len(batch)
            batch.clear()

    for message in messages:
        batch.append(message)
        if len(batch) == size:
            commit()
    commit()
    return outcomes
