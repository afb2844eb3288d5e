"""Dialling: from an endpoint to a stream, within a deadline, and cancelled when asked to.

There is one way for all. A :data:`DialFunction`, that of the program or one of :mod:`._direct`, gives the raw stream to
the endpoint. It may block, so it runs in a thread of its own, and whatever comes when nobody wants it any more is
closed. TLS inside the stream is added here.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from time import monotonic
from typing import Any, Protocol

from stomp_core.adapter import TransportOptions
from stomp_core.session import Endpoint

from ._direct import DirectDial, ProxyDial, dial_function
from ._stream import Stream, checked, discard
from ._waker import Waker

__all__ = ["DialCancelled", "DialFunction", "ThreadWaiter", "Waiter", "dial", "dial_stream"]

#: What ``connect(dial=...)`` takes.
DialFunction = Callable[[Endpoint, float], Stream]


#: Seconds that one call is told to wait at most: sockets and locks refuse a timeout without end.
_LONGEST = 86400.0


class DialCancelled(Exception):
    """The session was closed while it was dialled."""


class Waiter(Protocol):
    """How the thread that wants a stream waits."""

    def wake(self) -> None:
        """End the wait, or the next one. Called by any thread."""
        ...

    def wait(
        self, stream: Stream | None, read: bool, write: bool, deadline: float, done: Callable[[], object]
    ) -> bool:
        """Return true when the stream is ready, or when ``done()`` is true after :meth:`wake`; false at the deadline.

        Raises:
            DialCancelled: the stream is not wanted any more.
        """
        ...


def dial_stream(
    endpoint: Endpoint,
    timeout: float,
    options: TransportOptions,
    waiter: Waiter,
    function: DialFunction | None = None,
) -> Stream:
    """Connect, with TLS if the endpoint is ``secure``.

    Args:
        endpoint: what to connect to.
        timeout: seconds for all of it.
        options: how.
        waiter: how to wait.
        function: gives the raw stream; by default as ``options`` say.

    Raises:
        OSError: the reason, from a dialler, a proxy, the operating system, the resolver or OpenSSL.
        DialCancelled: raised by ``waiter``.
    """
    deadline = monotonic() + timeout
    call = _Call(function or dial_function(options, endpoint), endpoint, min(timeout, _LONGEST), waiter.wake)
    try:
        call.start()
        waiter.wait(None, False, False, deadline, call.is_done)
        outcome = call.outcome
    except BaseException:
        call.cancel()
        raise
    too_late = outcome is None
    if outcome is None:
        call.cancel()
        outcome = None, TimeoutError(errno.ETIMEDOUT, "connecting took too long")
    returned, error = outcome
    if error is not None:
        # It has its cause, or has none on purpose.
        raise options.explain(endpoint, error, timeout, too_late=too_late)
    stream = checked(returned, endpoint)
    if not endpoint.secure:
        return stream
    try:
        context = options.tls_context()
    except BaseException:
        stream.close()
        raise
    from ._tls import start_tls

    return start_tls(
        stream,
        context,
        options.server_name(endpoint),
        lambda tls, read, write: waiter.wait(tls, read, write, deadline, _never),
    )


def _never() -> bool:
    return False


class _Call:
    """One call of a dial function, in a thread of its own.

    Args:
        function: see above.
        endpoint: its argument.
        timeout: its argument.
        wake: called when it has returned.
    """

    def __init__(
        self, function: DialFunction, endpoint: Endpoint, timeout: float, wake: Callable[[], None]
    ) -> None:
        self._function = function
        self._endpoint = endpoint
        self._timeout = timeout
        self._wake = wake
        self._lock = threading.Lock()
        self._cancelled = False
        #: What was returned, and what was raised; ``None`` while it runs.
        self.outcome: tuple[Any, BaseException | None] | None = None

    def start(self) -> None:
        """Start the thread. A daemon: one that hangs must not keep the interpreter from ending."""
        threading.Thread(target=self._run, name="stomp_socket dial", daemon=True).start()

    def _run(self) -> None:
        returned, error = None, None
        try:
            returned = self._function(self._endpoint, self._timeout)
        except BaseException as raised:  # SystemExit, too: it would end this thread, and nobody would know
            error = raised
        with self._lock:
            self.outcome = returned, error
            cancelled = self._cancelled
        if cancelled:
            self._discard()
        else:
            self._wake()

    def is_done(self) -> bool:
        """Return whether it has returned, or raised something."""
        return self.outcome is not None

    def cancel(self) -> None:
        """Close what it returns, now or later, and have it return soon if it can."""
        with self._lock:
            self._cancelled = True
            done = self.outcome is not None
        if done:
            self._discard()
        elif isinstance(self._function, (DirectDial, ProxyDial)):
            self._function.cancel()

    def _discard(self) -> None:
        assert self.outcome is not None
        returned, error = self.outcome
        if error is None:
            discard(returned)


class ThreadWaiter:
    """The :class:`Waiter` of a thread that has nothing else to do, until another thread cancels it."""

    def __init__(self) -> None:
        self._waker = Waker()
        self._cancelled = False
        self.wake = self._waker.wake

    def cancel(self) -> None:
        """Let :meth:`wait` raise. Called by another thread; to call it after :meth:`close` does no harm."""
        self._cancelled = True
        self._waker.wake()

    def close(self) -> None:
        """Close the descriptors. Called by the thread that has waited."""
        self._waker.close()

    def wait(
        self, stream: Stream | None, read: bool, write: bool, deadline: float, done: Callable[[], object]
    ) -> bool:
        """See :class:`Waiter`."""
        while not self._cancelled:
            ready = self._waker.wait(stream, read, write, max(0.0, deadline - monotonic()))
            if ready or done():
                return True
            if monotonic() >= deadline and not self._cancelled:
                return False
        raise DialCancelled("the attempt was given up")


def dial(
    endpoint: Endpoint,
    timeout: float,
    options: TransportOptions | None = None,
    prepare: Callable[[Any], object] | None = None,
) -> Stream:
    """Connect as an engine does, but now and here.

    Args:
        endpoint: what to connect to.
        timeout: seconds for all of it.
        options: how; by default directly, with TLS that verifies the server if the endpoint is ``secure``.
        prepare: called with each socket before it is connected, to bind it or to set options.

    Returns:
        A stream that does not block; a socket, unless ``options`` have a dialler.

    Raises:
        OSError: the reason, from a dialler, a proxy, the operating system, the resolver or OpenSSL.
    """
    if options is None:
        options = TransportOptions(endpoint, proxy=None)
    function = None if prepare is None else DirectDial(options.local_address, prepare)
    waiter = ThreadWaiter()
    try:
        return dial_stream(endpoint, timeout, options, waiter, function)
    finally:
        waiter.close()
