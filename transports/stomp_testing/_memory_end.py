"""End: one end of a connection in memory.

The broker runs in a thread and a loop of its own, so the two ends of a connection live in two threads: an end passes
what it has to the other one by a function that calls something in the other one's thread. Flow control is that of TCP:
an end that does not read lets the bytes pile up, and above a limit the other end has to wait.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

__all__ = ["HIGH", "End"]

#: Bytes under way from which on a sender waits.
HIGH = 64 * 1024


class End:
    """One end of a connection. Its methods are called in its own thread, but for :meth:`post`.

    Args:
        post: calls a function in this end's thread, soon; what is posted first is called first.

    Attributes:
        peer: the other end.
        under_way: bytes that were sent and that the other end has not taken yet.
        peer_is_gone: the other end receives nothing more.
    """

    peer: End

    def __init__(self, post: Callable[..., object]) -> None:
        self._post = post
        self.under_way = 0
        self.peer_is_gone = False

    def post(self, function: Callable[..., object], *arguments: Any) -> None:
        """Call a function in this end's thread. If its loop has ended, nobody is there to be told anything."""
        with suppress(RuntimeError):  # trio.RunFinishedError is one
            self._post(function, *arguments)

    def send(self, data: bytes | memoryview) -> None:
        """Send bytes to the other end."""
        self.under_way += len(data)
        self.peer.post(self.peer.arrived, bytes(data))

    def send_end(self, error: Exception | None = None) -> None:
        """Send the end of the stream, behind everything else: a FIN, or with an exception a RST."""
        self.peer.post(self.peer.arrived, b"" if error is None else error)

    def leave(self, error: Exception | None = None) -> None:
        """Close this end: send the end of the stream, and receive nothing more."""
        self.send_end(error)
        self.peer.post(self.peer.peer_left)

    def arrived(self, what: bytes | Exception) -> None:
        """Note that bytes have come, or the end of the stream."""
        raise NotImplementedError

    def taken(self, size: int) -> None:
        """Note that the other end has taken bytes."""
        raise NotImplementedError

    def peer_left(self) -> None:
        """Note that the other end receives nothing more."""
        raise NotImplementedError
