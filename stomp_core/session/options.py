"""The settings of a session as keyword arguments, for the ``connect()`` of every adapter."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict

from ..wire import HeaderSource, Leniency, Limits
from .dialect import Dialect
from .listener import Listener
from .reconnect import Reconnect

__all__ = ["SessionOptions"]


class SessionOptions(TypedDict, total=False):
    """Keyword arguments that every adapter's ``connect()`` passes on; :class:`Session` says what each one means."""

    host: str | None
    client_id: str | None
    heart_beat: tuple[float, float]
    versions: Iterable[str]
    headers: HeaderSource
    reconnect: Reconnect | None
    connect_timeout: float
    handshake_timeout: float
    receipt_timeout: float
    close_timeout: float
    buffer_size: int
    dialect: Dialect | None
    limits: Limits | None
    leniency: Leniency | None
    escape_connect: bool
    heart_beat_tolerance: float
    listener: Listener | None
