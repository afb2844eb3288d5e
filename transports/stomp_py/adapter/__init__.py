"""Other transports, by the names that programs import. There are none: each says so when it is used."""

from . import multicast, ws

__all__ = ["multicast", "ws"]
