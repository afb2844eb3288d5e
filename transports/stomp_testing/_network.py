"""Network helpers of the servers in this package: an event loop in a thread, listening sockets, ends of connections.

Broker, FaultProxy and ScriptedServer are used by blocking and by asynchronous tests alike. Each of them therefore runs
in an event loop of its own, in a background thread of its own, and every public method may be called from any thread.
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
import struct
import threading
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

__all__ = [
    "LoopThread",
    "listening_socket",
    "reset",
    "run_pending_callbacks",
    "send_fin",
    "stop_serving",
    "unix_listening_socket",
    "wait_until",
]

T = TypeVar("T")
_LOOP_TURNS = 8  # an accepted connection takes three until its handler runs
_CALL_TIMEOUT = 30.0  # seconds; a call into the loop takes less than 0.1
_POLL_INTERVAL = 0.002  # seconds between two checks of a condition
_BACKLOG = 1024  # connections that the kernel accepts before the loop does
_LOWEST_FREE_PORT = 10_000


# ---------------------------------------------------------------------- the event loop


class LoopThread:
    """Run an event loop in a background thread, from the moment of creation until :meth:`close`.

    The loop is always asyncio's selector loop. ``uvloop.install()`` changes what ``asyncio.new_event_loop()`` returns,
    and uvloop's transports are no ``asyncio.Transport``; the loop of the program under test must make no difference
    to the tools that test it.

    Args:
        name: the name of the thread.
    """

    def __init__(self, name: str) -> None:
        self._loop = asyncio.SelectorEventLoop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the loop, wait for it, and return or raise what it returns or raises."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(_CALL_TIMEOUT)

    def call(self, function: Callable[[], T]) -> T:
        """Call a function in the loop's thread, wait for it, and return or raise what it returns or raises."""
        if threading.current_thread() is self._thread:
            # For example from a Recorder's callback: a thread that waits for itself would never end.
            return function()

        async def calling() -> T:
            return function()

        return self.run(calling())

    def close(self) -> None:
        """Cancel all tasks, end the thread and close the loop."""

        async def cancel_all() -> None:
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._loop.shutdown_asyncgens()
            # A transport closes its socket one turn after its close() or abort() was called.
            await run_pending_callbacks()

        self.run(cancel_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_CALL_TIMEOUT)
        self._loop.close()


async def run_pending_callbacks() -> None:
    """Let the loop turn a few times: accepted connections get their protocol, closed transports close their sockets."""
    for _ in range(_LOOP_TURNS):
        await asyncio.sleep(0)


async def stop_serving(server: asyncio.Server) -> None:
    """Close a listener, and wait until every connection that it accepted has its transport.

    ``Server.close`` alone would lose a connection whose transport is about to be created: its socket would never be
    closed, which shows as a ResourceWarning.
    """
    loop = asyncio.get_running_loop()
    for listener in server.sockets:
        loop.remove_reader(listener.fileno())
    await run_pending_callbacks()
    server.close()


def wait_until(condition: Callable[[], object], timeout: float, failure: Callable[[], str]) -> None:
    """Check a condition every few milliseconds until it is true.

    Args:
        condition: returns something true when the wait is over.
        timeout: seconds.
        failure: returns the text of the TimeoutError.

    Raises:
        TimeoutError: the condition did not become true in time.
    """
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(failure())
        time.sleep(_POLL_INTERVAL)


# ---------------------------------------------------------------------- listening sockets


def listening_socket(host: str, port: int | None) -> socket.socket:
    """Open a listening TCP socket.

    Args:
        host: an address of this machine.
        port: ``None`` picks a free port below the range from which the system takes the ports of outgoing
            connections. A client that dials a port of that range again and again while nobody listens there can get
            the same number for its own end, and is then connected to itself.

    Raises:
        OSError: the port is taken or not allowed, or the address is not one of this machine. The text names both.
        ValueError: there is no such port.
    """
    if port is not None:
        if not 0 <= port <= 65535:
            raise ValueError(f"port must be from 0 to 65535, got {port}")
        return _bound(host, port)
    # SystemRandom: tests may seed the global generator, and two runs side by side would then pick the same ports.
    candidates = random.SystemRandom().sample(range(_LOWEST_FREE_PORT, _first_ephemeral_port()), k=200)
    for candidate in candidates[:-1]:
        try:
            return _bound(host, candidate)
        except socket.gaierror:
            raise  # no other port makes the host known
        except OSError:
            continue
    return _bound(host, 0)


def _first_ephemeral_port() -> int:
    try:
        first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        first = 0
    return first if first > _LOWEST_FREE_PORT + 1000 else 32_768


def _bound(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise socket.gaierror(error.errno, f"cannot listen on {host}: {error.strerror}") from None
    listener = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":
            # After a restart the old connections linger in TIME_WAIT; they must not keep the port.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"cannot listen on {host}:{port}: {error.strerror}") from None
    listener.setblocking(False)
    return listener


def unix_listening_socket(path: str) -> socket.socket:
    """Open a listening Unix socket. A socket file that a dead process left behind is replaced.

    Raises:
        OSError: another process listens there, or the path cannot be used.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if os.path.exists(path):
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                try:
                    probe.connect(path)
                except ConnectionRefusedError:
                    os.unlink(path)
        listener.bind(path)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"cannot listen on {path}: {error.strerror}") from None
    listener.setblocking(False)
    return listener


# ---------------------------------------------------------------------- ends of connections


def send_fin(transport: asyncio.WriteTransport) -> bool:
    """Close the sending side of a connection after what was written, and leave the receiving side open.

    Returns:
        False if the transport cannot do that, as with TLS.
    """
    if not transport.can_write_eof():
        return False
    if not transport.is_closing():
        try:
            transport.write_eof()
        except OSError:
            # ENOTCONN: the peer has closed and then answered with a RST to what was still sent to it. Nothing is
            # left to receive a FIN.
            pass
    return True


def reset(transport: asyncio.WriteTransport) -> None:
    """End a connection with a RST: unsent bytes are lost, and the peer gets ECONNRESET. A Unix socket has no RST."""
    connection = transport.get_extra_info("socket")
    if connection is not None and connection.family != getattr(socket, "AF_UNIX", None):
        try:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            # The connection has already ended.
            pass
    transport.abort()
