"""What a broker is told once, and the misbehaviour that a test switches on and off while it runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from stomp_core import Leniency, Limits

from .flavours import RABBITMQ, Flavour

__all__ = ["Misbehaviour", "Settings"]


@dataclass(slots=True)
class Misbehaviour:
    """What a broker of a test does not do. It may be changed at any time.

    Attributes:
        silent: CONNECT is read and never answered.
        connect_delay: seconds until CONNECT is answered.
        hold_receipts: no RECEIPT is sent; those held back follow once this is off again.
    """

    silent: bool = False
    connect_delay: float = 0.0
    hold_receipts: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """What all connections of a broker share; see :class:`~stomp_testing.Broker` for what the fields mean."""

    flavour: Flavour = RABBITMQ
    server: str | None = RABBITMQ.server
    users: Mapping[str, str] | None = None
    vhosts: Collection[str] | None = None
    versions: tuple[str, ...] = ("1.0", "1.1", "1.2")
    heart_beat: tuple[int, int] | None = None
    limits: Limits = field(default_factory=Limits)
    leniency: Leniency = field(default_factory=Leniency)
    connect_timeout: float = 10.0
    high_water: int = 256 * 1024
    misbehaviour: Misbehaviour = field(default_factory=Misbehaviour)
