"""LoopEngine: what engines of event loops have in common, which is when to poll the driver.

It polls after each operation and each fact, at once, if the driver has woken it. So the first frame of a turn of the
loop is written immediately, and costs no detour over a callback.

Turns. An engine that has written all of a Write tells so by :meth:`LoopEngine.wrote`. As long as there is more, the
next Write follows at once. Otherwise the turn is open: nobody polls until the engine calls :meth:`LoopEngine.end_turn`
at the end of this turn of the loop, so what is sent meanwhile leaves together. But to come back at the end of a turn
costs more than a write (in trio, a task must be woken), and a task that confirms each of its sends sends nothing else
before it has the receipt. So the first Write after a fact opens no turn, if no other receipt is awaited. The next one,
without a fact in between, does: many may follow, and these are collected.

Held up. If the loop stands still for a while, the broker's heart-beats are in the socket and not yet read: its silence
must not be judged before the sockets were looked at. So the engine calls :meth:`LoopEngine.timer_rang` only after it
has looked at its sockets. What else is to be done while the timer is overdue, such as to stop reading, is done at once:
that poll gets a time just before the timer, at which nothing is due.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from math import inf, nextafter
from typing import TypeVar

from ..session import Session
from ._driver import Command, Driver, End, Line, Timer

__all__ = ["LoopEngine"]

T = TypeVar("T")


class LoopEngine(ABC):
    """Drives one session in the thread of an event loop. An adapter derives its engine from this.

    Args:
        session: the session.
        clock: a function that returns ``now``, in seconds; a monotonic clock, such as ``time.monotonic``.

    Attributes:
        session: see above.
        timer_at: when the engine's timer is to ring, in seconds on its clock; infinity is never.
        ended: whether :class:`End` was carried out. Nothing will be dialled or written any more.
    """

    def __init__(self, session: Session, clock: Callable[[], float]) -> None:
        self.session = session
        self.timer_at: float = inf
        self.ended: bool = False
        self._clock = clock
        self._driver = Driver(session, self._wake)
        self._inside = False  # in an operation or a fact, or in a poll: a poll comes after it
        self._poll_due = False  # the engine itself polls first
        self._turn_open = False
        self._written_since_fact = False  # a Write, and nothing else was sent then

    # ------------------------------------------------------------------ what an adapter adds

    @abstractmethod
    def carry_out(self, command: Command) -> None:
        """Carry out a command of the driver; see :class:`Driver`. :attr:`timer_at` is set already.

        Args:
            command: the command.
        """

    @abstractmethod
    def poll_soon(self) -> None:
        """Call :meth:`poll_if_due` in the next turn of the loop. It is called in the middle of something."""

    def check_context(self) -> None:  # noqa: B027 -- an adapter may do without
        """Refuse to go on in another event loop than that of the engine, unless the session has ended.

        Raises:
            RuntimeError: this is another loop.
        """

    # ------------------------------------------------------------------ what an adapter calls

    def run(self, function: Callable[[float], T]) -> T:
        """Call ``function(now)``, then carry out what the driver wants, and return the function's value.

        Args:
            function: a function of ``now``, which is seconds.

        Raises:
            Exception: what ``function`` raised.
        """
        outermost = not self._inside
        self._inside = True
        try:
            return function(self._clock())
        finally:
            if outermost:
                self._inside = False
                if self._poll_due:
                    self.poll_if_due()

    def report(self, fact: Callable[..., object], *arguments: object) -> None:
        """Call ``fact(*arguments, now)``, then carry out what the driver wants.

        Args:
            fact: a method of a :class:`Line`, such as ``line.received``.
            arguments: its arguments before ``now``.
        """
        self._written_since_fact = False
        self.run(lambda now: fact(*arguments, now))

    def wrote(self, line: Line) -> bool:
        """Note that all data of a Write has left.

        Args:
            line: the connection.

        Returns:
            Whether the engine must call :meth:`end_turn` at the end of this turn of the loop.
        """
        if self.session.size_to_send:
            line.written(self._clock())
            return False
        if not self._written_since_fact and self.session.awaited_receipts <= 1:
            self._written_since_fact = True
            line.written(self._clock())
            return False
        self._turn_open = True
        return True

    def end_turn(self, line: Line) -> None:
        """Write what was sent since :meth:`wrote`.

        Args:
            line: the connection.
        """
        self._turn_open = False
        self.run(line.written)

    def timer_rang(self, at: float | None = None) -> None:
        """Do what is due. The timer has rung, and the engine has looked at its sockets since.

        Args:
            at: when it rang, in seconds on the engine's clock; by default now. If the loop was held up between looking
                at the sockets and this call, nobody has seen what came meanwhile: silence is judged by the earlier
                time.
        """
        self.timer_at = inf
        self._poll(self._clock() if at is None else at)

    def poll_if_due(self) -> None:
        """Carry out what the driver wants, if it has something."""
        if self._poll_due and not self._turn_open:
            now = self._clock()
            self._poll(now if now < self.timer_at else nextafter(self.timer_at, -inf))

    def poll(self) -> None:
        """Carry out what the driver wants."""
        self._poll(self._clock())

    def _poll(self, now: float) -> None:
        self._poll_due = False
        if self.ended:
            return
        try:
            for command in self._driver.poll(now):
                if isinstance(command, Timer):
                    self.timer_at = command.at
                elif isinstance(command, End):
                    self.timer_at = inf
                    self.ended = True
                self.carry_out(command)
        except BaseException:
            # A mistake in this library. Nobody may wait for a session that nobody drives.
            self.ended = True
            self.session.terminate(self._clock())
            self.carry_out(End(None))
            raise

    def abort(self) -> None:
        """End the session and its connection at once."""
        self.session.terminate(self._clock())
        self.poll()

    # ------------------------------------------------------------------ for the driver

    def _wake(self) -> None:
        self._poll_due = True
        if not self._inside:
            self.poll_soon()
