"""The other transports of stomp.py. This package has none of them; each raises an error when it is used."""

from . import multicast, ws

__all__ = ["multicast", "ws"]
