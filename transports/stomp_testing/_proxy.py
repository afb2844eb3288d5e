"""FaultProxy: a TCP proxy between a client and any broker, which makes connections fail as networks do.

It passes bytes on as they are, so that TLS and WebSockets pass through it as well. It finds the STOMP frames in them,
those in a WebSocket too, only to count them. With an SSL context for a side, TLS ends at the proxy on that side, and
it sees what is inside. What can happen to the bytes of a connection is described in ``_relay``; this class is the part
that other threads see.
"""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Callable
from typing import Self
from urllib.parse import urlsplit, urlunsplit

from ._network import LoopThread, listening_socket, reset, stop_serving, wait_until
from ._recorder import Recorder
from ._relay import Cut, Direction, FaultPlan, Faults, FrameCut, Relay

__all__ = ["FaultProxy"]

_STOP_TIMEOUT = 1.0  # seconds for connections to end
_WITH_TLS = {"stomp": "stomp+ssl", "ws": "wss"}
_WITHOUT_TLS = {with_tls: without for without, with_tls in _WITH_TLS.items()}
_DEFAULT_PORTS = {"stomp": 61613, "stomp+ssl": 61614, "ws": 80, "wss": 443}


class FaultProxy:
    """Run a proxy, by default on 127.0.0.1. One thread serves it; every method may be called from any thread.

    >>> import stomp_socket
    >>> with Broker() as broker, FaultProxy(broker.url) as proxy:
    ...     with stomp_socket.connect(proxy.url) as connection:
    ...         connection.send("/queue/a", "hello", receipt=True)
    ...         proxy.reset_all()
    ...     broker.messages("/queue/a")
    [b'hello']

    Args:
        upstream: the URL of the broker (``stomp``, ``stomp+ssl``, ``ws`` or ``wss``), or ``"host:port"``.
        recorder: receives all bytes that pass. What is inside TLS it gets only if the proxy ends TLS on both sides.
        mean_bytes: cut connections at random, each after this many bytes on average, both directions together;
            ``None`` is never.
        resets: the share of random cuts that are RSTs; the others are FINs.
        seed: for random cuts. When the n-th connection is cut depends on nothing but the seed and n.
        port: the port to listen on; ``None`` takes a free one.
        host: the address of this machine to listen on.
        tls: accept TLS with this context, of a server; what is inside is passed on.
        upstream_tls: speak TLS with the broker, with this context of a client. A side with TLS has no half-closed
            connections: when the other side has closed, it is closed.
        on_event: called with the number of a connection and a sentence when it is accepted, cannot be passed on, or
            ends. It is called in the thread of the proxy.

    Attributes:
        accepted: how many connections were accepted.

    Raises:
        ValueError: ``upstream`` has no host, or ``mean_bytes`` is not positive.
    """

    def __init__(
        self,
        upstream: str,
        *,
        recorder: Recorder | None = None,
        mean_bytes: float | None = None,
        resets: float = 0.5,
        seed: int = 0,
        port: int | None = None,
        host: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
        upstream_tls: ssl.SSLContext | None = None,
        on_event: Callable[[int, str], object] | None = None,
    ) -> None:
        if mean_bytes is not None and not mean_bytes > 0:
            raise ValueError(f"mean_bytes must be positive, got {mean_bytes!r}")
        self._url = urlsplit(upstream if "://" in upstream else f"//{upstream}")
        upstream_port = self._url.port or _DEFAULT_PORTS.get(self._url.scheme)
        if self._url.hostname is None or upstream_port is None:
            # The text does not quote it: a URL can contain a passcode.
            raise ValueError("upstream must be a URL with a host, or 'host:port'")
        self._upstream = (self._url.hostname, upstream_port)
        self._mean_bytes = mean_bytes
        self._resets = resets
        self._random = random.Random(seed)
        self._port = port
        self._host = host
        self._tls = tls
        self._upstream_tls = upstream_tls
        self._on_event = on_event
        self._plan = FaultPlan(recorder)
        self._relays: dict[Relay, None] = {}
        self._serving: set[asyncio.Task[None]] = set()
        self._thread: LoopThread | None = None
        self._listener: asyncio.Server | None = None
        self._refusing = False
        self.accepted: int = 0

    @property
    def to_server(self) -> Faults:
        """How the bytes of clients are passed on; its fields may be set."""
        return self._plan.faults[Direction.TO_SERVER]

    @property
    def to_client(self) -> Faults:
        """How the bytes of the server are passed on; its fields may be set."""
        return self._plan.faults[Direction.TO_CLIENT]

    # ------------------------------------------------------------------ what can be seen

    @property
    def host(self) -> str:
        """The address that it listens on."""
        return self._host

    @property
    def port(self) -> int:
        """The port that it listens on.

        Raises:
            RuntimeError: the proxy was never started.
        """
        if self._port is None:
            raise RuntimeError("no port: the proxy was never started")
        return self._port

    @property
    def url(self) -> str:
        """The upstream's URL with the proxy's host, port and TLS; credentials, path and query are kept."""
        credentials, at, _ = self._url.netloc.rpartition("@")
        scheme = self._url.scheme or "stomp"
        if self._tls is not None:
            scheme = _WITH_TLS.get(scheme, scheme)
        elif self._upstream_tls is not None:
            scheme = _WITHOUT_TLS.get(scheme, scheme)
        host = f"[{self._host}]" if ":" in self._host else self._host
        return urlunsplit(self._url._replace(scheme=scheme, netloc=f"{credentials}{at}{host}:{self.port}"))

    @property
    def connections(self) -> int:
        """How many connections pass through it now."""
        return sum(not relay.ended for relay in list(self._relays))

    @property
    def cuts(self) -> int:
        """How many connections the proxy has ended, in whatever way."""
        return self._plan.cuts

    # ------------------------------------------------------------------ start and stop

    def start(self) -> None:
        """Start listening.

        Raises:
            OSError: the port is taken.
            RuntimeError: the proxy is already running.
            ValueError: there is no such port.
        """
        if self._thread is not None:
            raise RuntimeError("the proxy is already running")
        self._thread = thread = LoopThread("stomp_testing proxy")
        try:
            thread.run(self._start())
        except BaseException:
            self._thread = None
            thread.close()
            raise

    def stop(self) -> None:
        """Close all connections and end the thread. May be called twice."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        thread.run(self._stop())
        thread.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    async def _start(self) -> None:
        # A new event each time: it belongs to the loop in which it is first awaited.
        self._plan.flowing = asyncio.Event()
        self._plan.flowing.set()
        self._refusing = False
        await self._listen()

    async def _listen(self) -> None:
        listener = listening_socket(self._host, self._port)
        self._port = listener.getsockname()[1]
        self._listener = await asyncio.start_server(self._serve, sock=listener, ssl=self._tls)

    async def _stop(self) -> None:
        if self._listener is not None:
            await stop_serving(self._listener)
        for relay in list(self._relays):
            relay.close()
        self._plan.flowing.set()
        if self._serving:
            await asyncio.wait(self._serving, timeout=_STOP_TIMEOUT)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        self.accepted += 1
        number = self.accepted
        random_cut = None
        if self._mean_bytes is not None:
            # Drawn in the order of arrival, before anything is awaited: the same seed gives the same cuts.
            after = int(self._random.expovariate(1 / self._mean_bytes))
            random_cut = Cut(after, reset=self._random.random() < self._resets)
        host, port = writer.get_extra_info("peername", ("", 0))[:2]
        self._report(number, f"accepted from {host}:{port}")
        await self._plan.flowing.wait()
        try:
            server = await asyncio.open_connection(*self._upstream, ssl=self._upstream_tls)
        except OSError as error:
            # The broker is down. A RST is the nearest that a proxy has to a refused connection.
            reset(writer.transport)
            self._report(number, f"reset: the server cannot be reached: {error}")
            return
        relay = Relay(number, (reader, writer), server, self._plan, random_cut)
        self._relays[relay] = None
        try:
            await relay.run()
        finally:
            self._relays.pop(relay, None)
            self._report(number, relay.end)

    def _report(self, number: int, text: str) -> None:
        if self._on_event is not None:
            self._on_event(number, text)

    # ------------------------------------------------------------------ faults on demand

    def cut_all(self) -> None:
        """End every connection with a FIN, on both sides.

        Raises:
            RuntimeError: the proxy is not running.
        """
        self._running().call(lambda: self._cut_all(hard=False))

    def reset_all(self) -> None:
        """End every connection with a RST, on both sides.

        Raises:
            RuntimeError: the proxy is not running.
        """
        self._running().call(lambda: self._cut_all(hard=True))

    def cut_after(
        self, number: int, direction: Direction | str | None = None, *, reset: bool = False
    ) -> None:
        """Let an exact number of bytes pass, then end the connection on which they passed.

        It ends the first connection that reaches the number, and only that one. Counting begins now.

        Args:
            number: how many bytes.
            direction: which bytes count; ``None`` is both directions together.
            reset: end with a RST instead of a FIN.

        Raises:
            ValueError: the direction does not exist.
            RuntimeError: the proxy is not running.
        """
        cut = Cut(number, reset, None if direction is None else Direction(direction))

        def arm() -> None:
            self._plan.next_cut = cut
            for relay in self._relays:
                relay.count_from_here()

        self._running().call(arm)

    def cut_after_frames(
        self,
        number: int,
        direction: Direction | str | None = None,
        *,
        offset: int = 0,
        reset: bool = False,
    ) -> None:
        """Let an exact number of STOMP frames pass, then end the connection on which they passed.

        It ends the first connection that reaches the number, and only that one. Counting begins now. Heart-beats do not
        count. Over WebSocket it is the frames of STOMP that count, however they are spread over messages; the cut is
        at the end of the WebSocket frame in which the last of them ends.

        Args:
            number: how many frames, at least 1.
            direction: which frames count; ``None`` is both directions together.
            offset: bytes from the end of the last frame to the cut. With 1, one byte more passes, the first of the next
                frame. With -1, the last byte of the frame does not pass, unless it comes in a piece of its own.
            reset: end with a RST instead of a FIN.

        Raises:
            ValueError: the direction does not exist, or ``number`` is less than 1, or TLS passes through, in which a
                proxy sees no frames.
            RuntimeError: the proxy is not running.
        """
        if number < 1:
            raise ValueError(f"number must be at least 1, got {number!r}")
        if self._url.scheme in _WITHOUT_TLS and self._upstream_tls is None:
            raise ValueError(f"a proxy sees no frames in TLS: use cut_after(), or not {self._url.scheme}")
        cut = FrameCut(number, offset, reset, None if direction is None else Direction(direction))

        def arm() -> None:
            self._plan.next_frame_cut = cut
            for relay in self._relays:
                relay.count_from_here()

        self._running().call(arm)

    def stall(self) -> None:
        """Pass nothing on, and keep every connection open. New connections are accepted.

        Raises:
            RuntimeError: the proxy is not running.
        """
        self._running().call(lambda: self._plan.flowing.clear())

    def resume(self) -> None:
        """Pass on what waited during a stall, and go on.

        Raises:
            RuntimeError: the proxy is not running.
        """
        self._running().call(lambda: self._plan.flowing.set())

    @property
    def refuse_connections(self) -> bool:
        """Whether the port is closed; existing connections stay. May be set.

        Raises:
            RuntimeError: it is set while the proxy is not running.
        """
        return self._refusing

    @refuse_connections.setter
    def refuse_connections(self, refuse: bool) -> None:
        thread = self._running()
        if refuse and not self._refusing:
            assert self._listener is not None
            thread.run(stop_serving(self._listener))
        elif not refuse and self._refusing:
            thread.run(self._listen())
        self._refusing = refuse

    def wait_until(self, condition: Callable[[FaultProxy], object], timeout: float = 30.0) -> None:
        """Wait for a condition: ``proxy.wait_until(lambda p: p.connections == 2)``.

        Args:
            condition: called with this proxy; true ends the wait.
            timeout: seconds.

        Raises:
            TimeoutError: the condition did not become true in time.
        """
        wait_until(
            lambda: condition(self),
            timeout,
            lambda: f"the condition did not become true within {timeout:g} s",
        )

    def _running(self) -> LoopThread:
        if self._thread is None:
            raise RuntimeError("the proxy is not running: call start() first")
        return self._thread

    def _cut_all(self, *, hard: bool) -> None:
        for relay in list(self._relays):
            relay.cut(hard=hard)
