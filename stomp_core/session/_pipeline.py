"""Pipeline: confirmed SENDs, a window of them in flight at a time, so that none waits for the one before it."""

from __future__ import annotations

from collections import deque
from functools import partial

from .._arguments import check_whole
from ..protocol import Body
from ..wire import HeaderSource
from ._errors import Unconfirmed
from ._pending import Pending
from ._session import Session

__all__ = ["Pipeline"]


class Pipeline:
    """Sends messages with a receipt each, and waits only while ``window`` of them are not confirmed yet.

    The messages arrive in the order in which they were sent. When one was not confirmed, the pipeline accepts no more:
    what follows would arrive without it. In all calls, ``now`` is seconds of any monotonic clock.

    Args:
        session: the session to send with.
        window: how many messages may be in flight at a time. Their bodies may be in memory until they have left.

    Attributes:
        confirmed: how many messages the broker has confirmed.

    Raises:
        TypeError: ``window`` is not a whole number.
        ValueError: ``window`` is less than 1.
    """

    def __init__(self, session: Session, window: int = 100) -> None:
        check_whole("window", window, "messages")
        self._session = session
        self._window = window
        self._sent = 0
        self._first = 0  # all before it have an outcome
        self._failures: list[tuple[int, Exception]] = []
        self._waiting: deque[tuple[Pending[int], int]] = deque()  # senders that wait for room in the window
        self._drains: list[Pending[None]] = []
        self._in_flight: dict[int, Pending[None]] = {}  # by their number
        self.confirmed: int = 0

    def __repr__(self) -> str:
        return f"<Pipeline, {self.confirmed} confirmed, {self.in_flight} in flight>"

    @property
    def in_flight(self) -> int:
        """How many messages have no outcome yet."""
        return len(self._in_flight)

    @property
    def first_in_flight(self) -> int:
        """The number of the first message that has no outcome yet. If all have one, that of the next one to send.

        Ask for it where the messages are sent, and not in another thread at the same time.
        """
        # Counted on here and not when a receipt comes, which another thread may see at any time.
        while self._first < self._sent and self._first not in self._in_flight:
            self._first += 1
        return self._first

    def send(
        self,
        now: float,
        destination: str,
        body: Body = b"",
        *,
        content_type: str | None = None,
        headers: HeaderSource = (),
        content_length: bool = True,
        timeout: float | None = None,
    ) -> Pending[int]:
        """Send a message with a receipt (STOMP 1.2, "SEND"), and wait until there is room for the next one.

        Args:
            now: seconds of any monotonic clock.
            destination: where to send it, such as ``"/queue/orders"``. The syntax is the broker's own.
            body: ``bytes`` are sent as they are. A ``str`` is sent as UTF-8, with
                ``content-type:text/plain;charset=utf-8`` unless ``content_type`` or ``headers`` name another.
            content_type: the MIME type of the body. By default it is not stated for ``bytes``.
            headers: further headers, a mapping or pairs of ``str``. They must not contradict the other arguments.
            content_length: whether to send the ``content-length`` header. ActiveMQ makes a BytesMessage of a message
                that has it, and a TextMessage of one that has not.
            timeout: seconds until the message counts as unconfirmed; by default ``receipt_timeout``. ``math.inf`` is no
                limit.

        Returns:
            The number of the message in this pipeline, from 0, by which :class:`.Unconfirmed` names it.

        Raises:
            Unconfirmed: an earlier message was not confirmed. This one was not sent.
            LocalProtocolError: STOMP cannot carry the message. Nothing has changed. For an argument of a wrong type it
                is also a ``TypeError``.
            TypeError, ValueError: ``timeout`` is not a number of seconds, or is negative.
            SessionClosed: the connection was closed.
            ConnectionLost, ConnectFailed: the connection has ended, and is not replaced.
        """
        if self._failures:
            raise self._unconfirmed()
        pending = self._session.send(
            now,
            destination,
            body,
            content_type=content_type,
            headers=headers,
            receipt=True,
            content_length=content_length,
            timeout=timeout,
        )
        number = self._sent
        self._sent = number + 1
        try:
            self._in_flight[number] = pending
            pending.add_done_callback(partial(self._settled, number, pending))
        except BaseException:
            # An exception of a signal handler: the caller gets it in place of the number, and drain() must not wait
            # for a message of which this pipeline may learn nothing.
            self._in_flight.pop(number, None)
            self._finish_if_empty()
            raise
        if len(self._in_flight) < self._window or self._failures:
            return Pending.completed("room in a pipeline", number)
        room: Pending[int] = Pending("room in a pipeline")
        self._waiting.append((room, number))
        return room

    def drain(self, now: float) -> Pending[None]:
        """Wait until the outcome of every message is known.

        Raises:
            Unconfirmed: some messages were not confirmed. It names them.
        """
        drained: Pending[None] = Pending("end of a pipeline")
        self._drains.append(drained)
        self._finish_if_empty()
        return drained

    def drains_after(self, error: BaseException | None) -> bool:
        """Return whether a ``with`` block that ends with ``error`` waits for the messages in flight.

        It does if the exception only says that the pipeline has failed: then it can name every message that has.

        Args:
            error: the exception that ends the block; ``None`` if there is none.
        """
        return error is None or isinstance(error, Unconfirmed)

    def _settled(self, number: int, pending: Pending[None]) -> None:
        if self._in_flight.get(number) is not pending:
            return  # send() was interrupted
        del self._in_flight[number]
        error = pending.exception()
        if error is None:
            self.confirmed += 1
        else:
            self._failures.append((number, error))
        # At the first receipt, not at the last of several: ActiveMQ holds further ones back (Nagle's algorithm) until
        # the first is answered.
        self._admit(len(self._waiting) if self._failures else self._window - len(self._in_flight))
        self._finish_if_empty()

    def _admit(self, senders: int) -> None:
        while self._waiting and senders > 0:
            room, number = self._waiting.popleft()
            room.succeed(number)
            senders -= 1

    def _finish_if_empty(self) -> None:
        if self._in_flight:
            return
        drains, self._drains = self._drains, []
        for drained in drains:
            if self._failures:
                drained.fail(self._unconfirmed())
            else:
                drained.succeed(None)

    def _unconfirmed(self) -> Unconfirmed:
        return Unconfirmed(tuple(sorted(self._failures, key=lambda failure: failure[0])), self._sent)
