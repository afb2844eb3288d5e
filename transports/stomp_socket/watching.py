"""Watching: one thread's sleep, which a socket ends, or somebody who rings."""

from __future__ import annotations

import selectors
import socket

__all__ = ["Watcher"]

# Of one socket and a bell: poll() has no limit to a descriptor's number, and epoll would cost calls to set up.
_Selector: type[selectors.BaseSelector] = getattr(selectors, "PollSelector", selectors.SelectSelector)


class Watcher:
    """For one thread at a time that waits; :meth:`ring` may be called by any."""

    def __init__(self) -> None:
        self._bell, self._rope = socket.socketpair()
        self._bell.setblocking(False)
        self._rope.setblocking(False)
        self._selector = _Selector()
        self._selector.register(self._bell, selectors.EVENT_READ)
        self._watched: tuple[socket.socket | None, int] = (None, 0)

    def ring(self) -> None:
        """Wake the thread that waits, or else the next one that would."""
        try:
            self._rope.send(b"\0")
        except OSError:
            pass  # full: it wakes anyway; closed: nobody waits any more

    def wait(self, sock: socket.socket | None, read: bool, write: bool, timeout: float | None) -> bool:
        """Wait until the socket can be read or written, as asked, or somebody rings, for ``timeout`` seconds at most.

        Returns:
            Whether it is the socket.
        """
        self._watch(sock, (selectors.EVENT_READ if read else 0) | (selectors.EVENT_WRITE if write else 0))
        ready = [key.fileobj for key, _ in self._selector.select(timeout)]
        if self._bell in ready:
            try:
                while self._bell.recv(4096):
                    pass
            except BlockingIOError:
                pass
        return sock is not None and sock in ready

    def forget(self) -> None:
        """Watch no socket any more: it is about to be closed."""
        self._watch(None, 0)

    def _watch(self, sock: socket.socket | None, events: int) -> None:
        if not events:
            sock = None
        if self._watched == (sock, events):
            return
        if self._watched[0] is not None:
            self._selector.unregister(self._watched[0])
        if sock is not None:
            self._selector.register(sock, events)
        self._watched = (sock, events)

    def close(self) -> None:
        """Let go of everything."""
        self._selector.close()
        self._bell.close()
        self._rope.close()
