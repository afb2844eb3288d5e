"""Pipeline: confirmed SENDs, a window of them under way at a time, so that none waits for the one before it."""

from __future__ import annotations

from collections import deque
from functools import partial

from ..protocol import Body
from ..wire import HeaderSource
from .errors import Unconfirmed
from .pending import Pending
from .session import Session

__all__ = ["Pipeline"]


class Pipeline:
    """Sends messages with a receipt each, and waits only when ``window`` of them are not confirmed yet.

    The messages arrive in the order in which they were said. Once one is known not to be confirmed the pipeline takes
    no more: what follows would arrive without it.

    Args:
        session: what to send by.
        window: how many messages may be under way at a time. Their bodies may be in memory until they have left.

    Attributes:
        under_way: messages that have no outcome yet.
        confirmed: messages that the broker has confirmed.

    Raises:
        ValueError: a window that is not at least 1.
    """

    def __init__(self, session: Session, window: int = 100) -> None:
        if window < 1:
            raise ValueError(f"window is a number of messages of at least 1, not {window!r}")
        self._session = session
        self._window = window
        self._sent = 0
        self._failures: list[tuple[int, Exception]] = []
        self._rooms: deque[tuple[Pending[int], int]] = deque()
        self._ends: list[Pending[None]] = []
        self.under_way = 0
        self.confirmed = 0

    def send(
        self,
        destination: str,
        body: Body = b"",
        *,
        content_type: str | None = None,
        headers: HeaderSource = (),
        content_length: bool = True,
        timeout: float | None = None,
    ) -> Pending[int]:
        """Send a message, with a receipt (STOMP 1.2, "SEND"); done when there is room for the next one.

        Args:
            destination, body, content_type, headers, content_length: as for :meth:`Session.send`.
            timeout: seconds until the message counts as unconfirmed; otherwise the session's ``receipt_timeout``.

        Returns:
            The number of the message in this pipeline, from 0, by which :class:`Unconfirmed` tells of it.

        Raises:
            Unconfirmed: an earlier message was not confirmed. This one was not sent.
            LocalProtocolError: STOMP cannot carry it. Nothing has changed.
            SessionClosed, ConnectionLost: the session has ended.
        """
        if self._failures:
            raise self._unconfirmed()
        pending = self._session.send(
            destination,
            body,
            content_type=content_type,
            headers=headers,
            receipt=True,
            content_length=content_length,
            timeout=timeout,
        )
        number = self._sent
        self._sent += 1
        self.under_way += 1
        pending.add_done_callback(partial(self._settled, number, pending))
        if self.under_way < self._window or self._failures:
            return Pending.completed("room in a pipeline", number)
        room: Pending[int] = Pending("room in a pipeline")
        self._rooms.append((room, number))
        return room

    def drain(self) -> Pending[None]:
        """Done when every message has been confirmed.

        Fails with:
            Unconfirmed: some were not. It says which, and each has its outcome by then.
        """
        end: Pending[None] = Pending("end of a pipeline")
        self._ends.append(end)
        self._end_if_dry()
        return end

    def drains_after(self, error: BaseException | None) -> bool:
        """Whether a block that ends with this exception, or with none, waits for what is under way.

        It does if the exception is only that the pipeline has failed: then it learns of everything that has.
        """
        return error is None or isinstance(error, Unconfirmed)

    def _settled(self, number: int, pending: Pending[None]) -> None:
        self.under_way -= 1
        error = pending.exception()
        if error is None:
            self.confirmed += 1
        else:
            self._failures.append((number, error))
        # At the first receipt, not at the last of several: ActiveMQ holds further ones back (Nagle's algorithm) until
        # the first is answered.
        self._let_go(len(self._rooms) if self._failures else self._window - self.under_way)
        self._end_if_dry()

    def _let_go(self, senders: int) -> None:
        while self._rooms and senders > 0:
            room, number = self._rooms.popleft()
            room.succeed(number)
            senders -= 1

    def _end_if_dry(self) -> None:
        if self.under_way:
            return
        ends, self._ends = self._ends, []
        for end in ends:
            if self._failures:
                end.fail(self._unconfirmed())
            else:
                end.succeed(None)

    def _unconfirmed(self) -> Unconfirmed:
        return Unconfirmed(tuple(sorted(self._failures, key=lambda failure: failure[0])), self._sent)
