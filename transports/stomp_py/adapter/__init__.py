"""The other transports of stomp.py: WebSocket, and multicast, which raises an error when it is used."""

from . import multicast, ws

__all__ = ["multicast", "ws"]
