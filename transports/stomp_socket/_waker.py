"""Waker: one thread's sleep, which ends when a socket is ready, when somebody wakes it, or at a deadline."""

from __future__ import annotations

import errno
import select
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._stream import Stream

__all__ = ["SelectPoll", "Waker", "new_poll", "wait_writable"]

_READ = getattr(select, "POLLIN", 1)
_WRITE = getattr(select, "POLLOUT", 4)
_LONGEST = 86_400.0  # seconds; poll() takes no more than 2**31 milliseconds. To wake early does no harm.


class SelectPoll:
    """What is needed of :func:`select.poll`, for platforms that have only :func:`select.select`, as Windows."""

    def __init__(self) -> None:
        self._events: dict[int, int] = {}

    def register(self, number: int, events: int) -> None:
        """Watch a descriptor."""
        self._events[number] = events

    def unregister(self, number: int) -> None:
        """Watch a descriptor no longer."""
        del self._events[number]

    def poll(self, milliseconds: float | None) -> list[tuple[int, int]]:
        """Wait until one is ready; return those that are, with 0 in place of what they are ready for."""
        read = [number for number, events in self._events.items() if events & _READ]
        write = [number for number, events in self._events.items() if events & _WRITE]
        # Windows reports a failed attempt to connect as an exceptional condition only.
        ready = select.select(read, write, write, None if milliseconds is None else milliseconds / 1000)
        return [(number, 0) for number in {*ready[0], *ready[1], *ready[2]}]


#: Makes a poll object.
new_poll: Callable[[], Any] = getattr(select, "poll", SelectPoll)


def wait_writable(number: int, timeout: float) -> None:
    """Wait until a descriptor can be written, for ``timeout`` seconds at most."""
    poll = new_poll()
    poll.register(number, _WRITE)
    poll.poll(timeout * 1000)


class Waker:
    """For one thread that waits. :meth:`wake` may be called by any thread, and by signal handlers."""

    def __init__(self) -> None:
        self._receiver, self._sender = socket.socketpair()
        self._receiver.setblocking(False)
        self._sender.setblocking(False)
        self._poll = new_poll()
        self._poll.register(self._receiver.fileno(), _READ)
        self._watched: tuple[int, int] = (-1, 0)

    def wake(self) -> None:
        """Wake the thread that waits; if it does not wait now, its next wait ends at once."""
        try:
            self._sender.send(b"\0")
        except OSError as error:
            # Full of earlier calls: the thread wakes anyway. Closed: nobody waits any more. Anything else is the
            # exception of a signal handler, such as the TimeoutError of an alarm, which is an OSError, too.
            if error.errno not in (errno.EAGAIN, errno.EWOULDBLOCK, errno.EBADF, errno.EPIPE):
                raise

    def wait(self, sock: Stream | None, read: bool, write: bool, timeout: float | None) -> bool:
        """Wait until a socket is ready, somebody calls :meth:`wake`, or the time is over.

        Args:
            sock: the socket, if there is one.
            read: wait until it can be read.
            write: wait until it can be written.
            timeout: seconds; ``None`` is for ever. After a day it is over in any case.

        Returns:
            Whether the socket is ready.
        """
        events = (_READ if read else 0) | (_WRITE if write else 0)
        wanted = (sock.fileno(), events) if sock is not None and events else (-1, 0)
        if wanted != self._watched:
            self.forget()
            if wanted[0] >= 0:
                self._poll.register(*wanted)
            self._watched = wanted
        ready = False
        # poll() counts whole milliseconds, and to wake too early would cost another turn.
        milliseconds = None if timeout is None else min(timeout, _LONGEST) * 1000 + 0.999
        for number, _ in self._poll.poll(milliseconds):
            if number == wanted[0]:
                ready = True
            else:
                try:
                    self._receiver.recv(4096)
                except BlockingIOError:
                    pass
        return ready

    def forget(self) -> None:
        """Watch no socket any more. Call it before the socket is closed."""
        if self._watched[0] >= 0:
            self._poll.unregister(self._watched[0])
        self._watched = (-1, 0)

    def close(self) -> None:
        """Close the descriptors."""
        self._sender.close()
        self._receiver.close()
