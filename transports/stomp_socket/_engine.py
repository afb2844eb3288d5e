"""The blocking engine: one thread for each connection, and callers that send by themselves.

What is true, whatever happens:

I1  The session and the sending side of the socket are used with the lock held only. It is a plain lock, and nobody
    holds it while waiting for anything but the kernel's copy of a non-blocking ``send()``.
I2  Only the thread reads, keeps deadlines, calls listeners, and closes sockets. What dials, a dialler of the program
    or ours, may block: it has a thread of its own for each attempt, which uses nothing of the engine but its bell, and
    whose stream is closed if it comes when nobody wants it any more.
I3  An operation that has returned has given its frame to the kernel. If the socket was full, the frame waits in the
    session's send queue, which is bounded, and the thread writes it. Only a pipeline leaves a frame behind others
    whose receipts are awaited: the turn that reads such a RECEIPT writes it. There are no timers in this.
I4  The thread decides under the lock for how long it sleeps (``until``, ``asleep``). A caller that changes what it
    decided by wakes it. What is appended to the requests, without the lock, is looked for after ``asleep`` was set.
    It never sleeps longer than ``until``.
I5  A caller who finds the lock taken leaves the operation to the thread, which performs all of them in one turn and
    writes their frames with one call: callers never stand in line for the lock.
I6  Callers perform only what is done for each message: SEND, ACK, NACK. Everything else (SUBSCRIBE, transactions,
    requests, close, timeouts, cancellation) is performed by the thread, where no signal handler can raise in the
    middle: it changes indexes that must agree, and settles what others wait for. A caller sleeps on a lock of its
    own, which the outcome releases.
I7  Between two calls ``session.changing`` is false, unless an exception (of a signal handler, as a rule) has
    interrupted an operation half-way. The next caller finds it true and has the connection replaced: what had left
    on it has an unknown outcome, and nothing is sent twice. Writing is not part of it: the session notes what the
    kernel took in the very call in which the kernel takes it. That is true of sockets; TLS and streams of the program's
    own are written to by Python code, so an exception within it is an interruption. A message that a caller was taking
    is put back.
I8  A thread that is inside of the section, or about to enter it, knows that. A signal handler or a finalizer that
    interrupts it cannot wait. What has no result (``send()``, ``ack()``, ``close()``, ``unsubscribe()``) is left to
    the connection's thread and returns at once; anything else is refused before anything is done.
I9  The thread holds the shared session, and nothing that holds the engine. When the last user of the engine is
    gone, so is the engine, and then the thread ends.
I10 In a fork of the process every operation raises, ``close()`` closes descriptors only, and the parent goes on.

The parts: :class:`SharedSession` is the callers' side, :class:`Loop` the thread, :class:`Engine` the lifetime.
"""

from __future__ import annotations

import atexit
import os
import warnings
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import Any
from weakref import WeakSet

from stomp_core.adapter import BlockingMessage, TransportOptions, run_in_threads
from stomp_core.session import Config, Delivery, Session

from ._loop import Loop
from ._shared_session import SharedSession
from ._stream import Stream

__all__ = ["Engine"]

_EXIT_TIMEOUT = 5.0  # seconds that all connections together have at exit to write what was sent
_JOIN_TIMEOUT = 5.0  # seconds that close() waits for the thread to end


class Engine:
    """Drives a session in a thread of its own. Everything that can use the connection holds the engine.

    It is a :class:`stomp_core.adapter.BlockingEngine`.

    Args:
        config: the options of the session.
        options: how to connect to an endpoint; by default as :class:`~stomp_core.adapter.TransportOptions` does.
        stream: connected already, with TLS if the endpoint is ``secure``; the first attempt takes it.
        make_delivery: see :class:`stomp_core.Session`. It must not hold the engine.
        tap, log: see :class:`stomp_core.Session`.

    Attributes:
        session: the session. Look at it; use it by the methods here only.
    """

    def __init__(
        self,
        config: Config,
        options: TransportOptions | None = None,
        *,
        stream: Stream | None = None,
        make_delivery: Callable[..., Delivery] = BlockingMessage,
        tap: bool = False,
        log: bool = True,
    ) -> None:
        if options is None:
            # For a stream that is given, no proxy is looked up in the environment.
            options = TransportOptions(config.parsed_endpoints, proxy=stream is None)
        self._shared = shared = SharedSession(config, make_delivery, tap=tap, log=log)
        self._loop = Loop(shared, options, stream)
        self.session: Session = shared.session
        # Bound once: each call would pay for a method that only passes it on.
        self.call: Any = partial(shared.call, False)
        self.call_delayed: Any = partial(shared.call, True)
        self.run: Any = shared.run
        self.wait: Any = shared.wait
        self.take: Any = shared.take
        self.run_workers = run_in_threads

    def start(self) -> None:
        """Start the thread, which connects."""
        _running.add(self._shared)
        self._loop.thread.start()

    def join(self) -> None:
        """Wait until the thread has ended, for a limited time: the session is closed, so it is about to."""
        # A handler of a signal may have raised before start() knew that the thread has started.
        if self._shared.may_wait and self._loop.thread.is_alive():
            self._loop.thread.join(_JOIN_TIMEOUT)

    @property
    def foreign(self) -> bool:
        """Whether this process is a fork of the one that made the connection, which it must not use."""
        return self._shared.foreign

    def drop(self) -> None:
        """Close the descriptors, and write nothing: for a fork of the process."""
        self._shared.drop()

    @property
    def socket(self) -> Stream | None:
        """The stream of the present connection, which only the engine uses; ``None`` while there is none."""
        return self._shared.socket

    def __del__(self) -> None:
        shared: SharedSession | None = getattr(self, "_shared", None)
        if shared is None:
            return
        if shared.foreign:
            shared.drop()
        elif not shared.session.closed and self._loop.thread.is_alive():
            warnings.warn(
                f"unclosed connection to {shared.session.endpoint}",
                ResourceWarning,
                stacklevel=2,
                source=self,
            )
            # The collector may run this anywhere, also inside of the section: it takes no lock.
            self._loop.unused = True
            shared.waker.wake()


_running: WeakSet[SharedSession] = WeakSet()


@atexit.register
def _write_what_is_left() -> None:
    """At exit the threads go on for a moment, so that what was sent to full sockets leaves. Nothing is closed."""
    deadline = monotonic() + _EXIT_TIMEOUT
    for shared in list(_running):
        shared.flush(deadline)


def _disown_all() -> None:
    for shared in list(_running):
        shared.disown()
    _running.clear()


def _after_fork_in_child(function: Callable[[], Any]) -> None:
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=function)


_after_fork_in_child(_disown_all)
