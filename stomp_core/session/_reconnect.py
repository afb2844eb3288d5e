"""When to dial which endpoint: failover in order of preference, full-jitter back-off between rounds.

A *round* tries every endpoint once, in order of preference. Before a round there is a pause of a random length
between 0 and a bound that grows with each failed round ("full jitter": a thousand clients do not come back at the
same moment). An attempt succeeds when CONNECTED arrives, not when TCP connects: a broker that is shutting down may
still accept sockets.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Any, Protocol

from .._arguments import check_number, check_seconds, check_whole
from .._hints import explained
from .._logging import log_exception
from .._records import field, record
from ._questions import Questions
from ._urls import Endpoint

__all__ = ["Attempt", "Reconnect", "Rng", "Schedule"]


class Rng(Protocol):
    """The one method of :class:`random.Random` that is needed."""

    def random(self) -> float:
        """Return a number of at least 0 and less than 1."""
        ...


@explained
@record
class Reconnect:
    """When to connect again, and when to give up. The option ``reconnect`` of ``connect()``.

    A *round* tries every endpoint once. Before a round there is a pause of a random length, up to a bound that grows
    with each failed round. If the broker refuses the credentials, there is no further round.

    Attributes:
        first_delay: the longest pause in seconds before the first round after a connection was lost. A connection that
            was up for less than a second, or less than the present bound, counts as another failed round, so that a
            broker that sends CONNECTED and closes at once is not dialled in a hot loop.
        max_delay: what the longest pause grows to, in seconds.
        rounds: how many rounds may fail after a loss before the connection is given up. ``None`` is no limit. 0 means
            that a lost connection is not replaced.
        first_rounds: how many rounds may fail before the very first connection. ``None`` is no limit. By default 1, so
            that a wrong address fails fast.
        growth: the factor by which the longest pause grows after a failed round.
        jitter: the share of a pause that is random, from 0 (none of it) to 1 (all of it).

    Raises:
        TypeError: an attribute is of a wrong type.
        ValueError: an attribute is out of its range.

    >>> Reconnect(max_delay=5, rounds=10)
    Reconnect(first_delay=0.1, max_delay=5.0, rounds=10, first_rounds=1, growth=2.0, jitter=1.0)
    """

    first_delay: float = 0.1
    max_delay: float = 30.0
    rounds: int | None = None
    first_rounds: int | None = 1
    growth: float = 2.0
    jitter: float = 1.0

    def __post_init__(self) -> None:
        numbers = {
            "first_delay": check_seconds("Reconnect.first_delay", self.first_delay, endless=False),
            "max_delay": check_seconds("Reconnect.max_delay", self.max_delay, endless=False),
            "growth": check_number("Reconnect.growth", self.growth),
            "jitter": check_number("Reconnect.jitter", self.jitter),
        }
        for name, number in numbers.items():  # as floats: a Decimal cannot be multiplied by one
            object.__setattr__(self, name, number)
        if not 0 <= self.first_delay <= self.max_delay < inf:
            raise ValueError(
                "Reconnect: expected 0 <= first_delay <= max_delay, in seconds, "
                f"got first_delay={self.first_delay!r}, max_delay={self.max_delay!r}"
            )
        if self.rounds is not None:
            check_whole("Reconnect.rounds", self.rounds, "rounds", least=0)
        if self.first_rounds is not None:
            check_whole("Reconnect.first_rounds", self.first_rounds, "rounds")
        if not 1 <= self.growth <= 1000:
            raise ValueError(f"Reconnect.growth must be between 1 and 1000, got {self.growth!r}")
        if not 0 <= self.jitter <= 1:
            raise ValueError(f"Reconnect.jitter must be between 0 and 1, got {self.jitter!r}")

    @classmethod
    def never(cls) -> Reconnect:
        """Return a policy that does not replace a lost connection."""
        return cls(rounds=0)


@record
class Attempt:
    """One attempt to connect.

    Attributes:
        endpoint: the endpoint to dial.
        at: the time before which it must not be dialled, in seconds on the clock of ``now``.
        timeout: how many seconds dialling may take, name resolution and TLS included.
        number: 1 for the first attempt since the last connection.
        questions: the functions for ``login``, ``passcode`` and ``headers``, to be asked before dialling, within
            ``timeout``; ``None`` if there is none. An adapter calls its ``ask()`` or awaits its ``ask_async()``, and
            reports what that raises.
    """

    endpoint: Endpoint
    at: float
    timeout: float
    number: int
    questions: Questions[Any] | None = field(default=None, compare=False, repr=False)


class Schedule:
    """Computes the order and the times of attempts from their outcomes.

    Args:
        endpoints: the endpoints, in order of preference.
        policy: the pauses, and when to give up.
        rng: for the jitter. Without it, every pause is as long as it may be.
        connect_timeout: seconds that one attempt may take.
    """

    def __init__(
        self, endpoints: Sequence[Endpoint], policy: Reconnect, rng: Rng | None, connect_timeout: float
    ) -> None:
        self._endpoints = tuple(endpoints)
        self._policy = policy
        self._rng = rng
        self._connect_timeout = connect_timeout
        self._ever_connected = False
        self._position = 0
        self._rounds_failed = 0
        self._growths = 0  # how often the bound has grown
        self._number = 0
        self._round_at: float | None = None
        self._connected_at: float | None = None

    def next(self, now: float) -> Attempt | None:
        """Return the attempt that is due, the same one until its outcome is known; ``None`` to give up.

        Args:
            now: seconds of any monotonic clock.
        """
        allowed = self._policy.rounds if self._ever_connected else self._policy.first_rounds
        if allowed is not None and self._rounds_failed >= allowed:
            return None
        if self._round_at is None:
            self._round_at = now + self._pause()
        endpoint = self._endpoints[self._position]
        return Attempt(endpoint, self._round_at, self._connect_timeout, self._number + 1)

    def _pause(self) -> float:
        if not self._ever_connected and self._rounds_failed == 0:
            return 0.0
        return self._bound() * (1.0 - self._policy.jitter * (1.0 - self._random()))

    def _random(self) -> float:
        if self._rng is None:
            return 1.0
        try:
            random = float(self._rng.random())
        except Exception as error:
            # In the middle of the end of a connection, which has to be dealt with.
            log_exception("rng.random() raised", error)
            return 1.0
        return random if 0.0 <= random <= 1.0 else 1.0

    def _bound(self) -> float:
        policy = self._policy
        # The exponent is capped: a client that has been retrying for a day must not overflow a float.
        return min(policy.max_delay, policy.first_delay * policy.growth ** min(self._growths, 60))

    def failed(self) -> None:
        """Note that the attempt did not lead to CONNECTED."""
        self._number += 1
        self._position += 1
        if self._position == len(self._endpoints):
            self._position = 0
            self._rounds_failed += 1
            if self._ever_connected or self._rounds_failed > 1:
                self._growths += 1
            self._round_at = None

    def repeat(self, now: float) -> None:
        """Note that the attempt did not lead to CONNECTED, and that the same endpoint is to be tried again at once.

        Args:
            now: seconds of any monotonic clock.
        """
        self._number += 1
        self._round_at = now

    def connected(self, now: float) -> None:
        """Note that CONNECTED has arrived.

        Args:
            now: seconds of any monotonic clock.
        """
        self._ever_connected = True
        self._rounds_failed = 0
        self._number = 0
        self._position = 0
        self._connected_at = now

    def lost(self, now: float, *, at_once: bool = False) -> None:
        """Note that the connection was lost.

        Back-off starts again from the first delay only after a connection that was up for a while: otherwise a broker
        that sends CONNECTED and closes at once would be dialled in a hot loop.

        Args:
            now: seconds of any monotonic clock.
            at_once: make no pause before the next round, because this side has ended the connection.
        """
        self._round_at = None
        lived = now - self._connected_at if self._connected_at is not None else 0.0
        if at_once:
            self._round_at = now
        elif lived >= max(1.0, self._bound()):
            self._growths = 0
        else:
            self._growths += 1
