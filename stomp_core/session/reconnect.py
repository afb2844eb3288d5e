"""When to dial which endpoint: failover in order of preference, full-jitter back-off between rounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Protocol

from .endpoint import Endpoint

__all__ = ["Attempt", "Reconnect", "Rng", "Schedule"]


class Rng(Protocol):
    """The one method of :class:`random.Random` that is needed."""

    def random(self) -> float:
        """A number of at least 0 and less than 1."""
        ...


@dataclass(frozen=True, slots=True)
class Reconnect:
    """What to do when no endpoint answers.

    A *round* tries every endpoint once, in order of preference. Before a round there is a pause of a random length
    between 0 and a bound that grows with each round that fails ("full jitter": a thousand clients do not come back at
    the same moment).

    Attributes:
        first_delay: the bound before the first round after a loss, in seconds.
        max_delay: what the bound grows to, in seconds.
        rounds: how many rounds may fail after a loss before the session gives up; ``None`` is no limit, 0 means that
            a lost connection is not replaced.
        first_rounds: the same before the first connection of all, so that a wrong address is told soon.
        growth: what the bound is multiplied with after a round that failed.
        jitter: which share of a pause is left to chance, from 0 (none of it) to 1 (all of it).
    """

    first_delay: float = 0.1
    max_delay: float = 30.0
    rounds: int | None = None
    first_rounds: int | None = 1
    growth: float = 2.0
    jitter: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.first_delay <= self.max_delay < inf:
            raise ValueError("Reconnect: 0 <= first_delay <= max_delay is needed, in seconds")
        if self.rounds is not None and self.rounds < 0:
            raise ValueError("Reconnect.rounds must be at least 0")
        if self.first_rounds is not None and self.first_rounds < 1:
            raise ValueError("Reconnect.first_rounds must be at least 1")
        if not 1 <= self.growth <= 1000:
            raise ValueError("Reconnect.growth must be between 1 and 1000")
        if not 0 <= self.jitter <= 1:
            raise ValueError("Reconnect.jitter must be between 0 and 1")

    @classmethod
    def never(cls) -> Reconnect:
        """One connection and no other."""
        return cls(rounds=0)


@dataclass(frozen=True, slots=True)
class Attempt:
    """Dial this.

    Attributes:
        endpoint: where to.
        at: not before then, on the clock of ``now``.
        timeout: how many seconds dialling may take, name resolution and TLS included.
        number: 1 for the first attempt since there was a connection.
    """

    endpoint: Endpoint
    at: float
    timeout: float
    number: int


class Schedule:
    """The order of attempts. Knows no session: it is told what became of each attempt."""

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
        self._backoff = 0  # how often the bound has grown
        self._number = 0
        self._round_at: float | None = None
        self._connected_at: float | None = None

    def next(self, now: float) -> Attempt | None:
        """The attempt that is due; the same one until its outcome is told. ``None``: the policy gives up."""
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
        chance = self._rng.random() if self._rng is not None else 1.0
        return self._bound() * (1.0 - self._policy.jitter * (1.0 - chance))

    def _bound(self) -> float:
        policy = self._policy
        # The power is capped: a client that has been retrying for a day must not overflow a float.
        return min(policy.max_delay, policy.first_delay * policy.growth ** min(self._backoff, 60))

    def failed(self) -> None:
        """The attempt led to no CONNECTED."""
        self._number += 1
        self._position += 1
        if self._position == len(self._endpoints):
            self._position = 0
            self._rounds_failed += 1
            if self._ever_connected or self._rounds_failed > 1:
                self._backoff += 1
            self._round_at = None

    def connected(self, now: float) -> None:
        """CONNECTED has arrived."""
        self._ever_connected = True
        self._rounds_failed = 0
        self._number = 0
        self._position = 0
        self._connected_at = now

    def lost(self, now: float) -> None:
        """The connection that was is no more.

        Back-off starts anew only for one that has lived: a broker that says CONNECTED and hangs up at once would be
        dialled in a hot loop otherwise.
        """
        self._round_at = None
        lived = now - self._connected_at if self._connected_at is not None else 0.0
        self._backoff = 0 if lived >= max(1.0, self._bound()) else self._backoff + 1
