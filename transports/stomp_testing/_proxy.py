"""FaultProxy: a TCP proxy between a client and any broker, which makes connections fail as networks and brokers do.

It passes bytes on as they are, so that TLS and WebSockets pass through it as well. It finds the STOMP frames in them,
those in a WebSocket too, so that faults can strike at frames. With an SSL context for a side, TLS ends at the proxy on
that side, and it sees what is inside. What can happen is the table in ``_fault``, how it is done to the bytes of a
connection is in ``_relay``; this class is the part that other threads see.
"""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Callable, Iterable
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

from ._armed_fault import ArmedFault
from ._fault import Direction, Fault, parse_fault
from ._network import LoopThread, listening_socket, reset, stop_serving, wait_until
from ._recorder import Recorder
from ._relay import FaultPlan, Faults, Relay

__all__ = ["FaultProxy"]

#: Faults that are fields of Faults, if they have no place.
_LASTING = {
    "delay": "delay",
    "split": "split",
    "coalesce": "coalesce",
    "coalesce-time": "coalesce_time",
    "drop": "drop",
}
_STOP_TIMEOUT = 1.0  # seconds for connections to end
_WITH_TLS = {"stomp": "stomp+ssl", "ws": "wss"}
_WITHOUT_TLS = {with_tls: without for without, with_tls in _WITH_TLS.items()}
_DEFAULT_PORTS = {"stomp": 61613, "stomp+ssl": 61614, "ws": 80, "wss": 443}


class FaultProxy:
    """A proxy that makes connections fail, by default on 127.0.0.1.

    One thread serves it. Every method may be called from any thread.

    >>> import stomp_socket
    >>> with Broker() as broker, FaultProxy(broker.url) as proxy:
    ...     with stomp_socket.connect(proxy.url) as connection:
    ...         connection.send("/queue/a", "hello", receipt=True)
    ...         proxy.reset_all()
    ...     broker.messages("/queue/a")
    [b'hello']

    Args:
        upstream: the URL of the broker (``stomp``, ``stomp+ssl``, ``ws`` or ``wss``), or ``"host:port"``.
        faults: faults to begin with, as for :meth:`add`.
        recorder: receives all bytes that pass. It sees inside TLS only if the proxy ends TLS on both sides.
        mean_bytes: cut connections at random, each after this many bytes on average, both directions together;
            ``None`` is never.
        resets: the share of random cuts that are RSTs; the others are FINs.
        seed: for random cuts, and for the bytes of frames that are corrupted. When the n-th connection is cut depends
            on nothing but the seed and n.
        port: the port to listen on; ``None`` takes a free one.
        host: the address of this machine to listen on.
        tls: accept TLS with this server context, and pass on what is inside.
        upstream_tls: speak TLS with the broker, with this context of a client. A side with TLS has no half-closed
            connections: when the other side has closed, it is closed.
        on_event: called with the number of a connection and a sentence when it is accepted, cannot be passed on, or
            ends. It is called in the thread of the proxy.
        on_strike: called with the number of a connection, a fault that strikes it, and what it strikes: a command,
            ``"heart-beat"``, ``"byte 100"``, ``"2.5 s"``. It is called in the thread of the proxy.

    Attributes:
        accepted: how many connections were accepted.

    Raises:
        ValueError: ``upstream`` has no host, ``mean_bytes`` is not positive, or the text of a fault cannot be read.
    """

    def __init__(
        self,
        upstream: str,
        *,
        faults: Iterable[Fault | str] = (),
        recorder: Recorder | None = None,
        mean_bytes: float | None = None,
        resets: float = 0.5,
        seed: int = 0,
        port: int | None = None,
        host: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
        upstream_tls: ssl.SSLContext | None = None,
        on_event: Callable[[int, str], object] | None = None,
        on_strike: Callable[[int, Fault, str], object] | None = None,
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
        shared = {direction: Faults() for direction in Direction}
        self._plan = FaultPlan(recorder, on_strike, seed, shared, [])
        self._flowing = asyncio.Event()  # cleared while new connections wait for the end of a stall
        self._cut_after: ArmedFault | None = None
        self._cut_after_frames: ArmedFault | None = None
        self._relays: dict[Relay, None] = {}
        self._serving: set[asyncio.Task[None]] = set()
        self._thread: LoopThread | None = None
        self._listener: asyncio.Server | None = None
        self._refusing = False
        self.accepted: int = 0
        for fault in faults:
            self.add(fault)

    @property
    def to_server(self) -> Faults:
        """How the bytes of clients are passed on. Its fields may be set."""
        return self._plan.faults[Direction.TO_SERVER]

    @property
    def to_client(self) -> Faults:
        """How the bytes of the server are passed on. Its fields may be set."""
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
    def open_connections(self) -> list[int]:
        """The numbers of the connections that pass through it now, from 1 in the order in which they were accepted."""
        return sorted(relay.number for relay in list(self._relays) if not relay.ended)

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
        """Close all connections and end the thread. It may be called twice."""
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
        self._flowing = asyncio.Event()
        self._flowing.set()
        await self._listen()
        for armed in list(self._plan.armed):
            self._begin(armed)
        self._refusing = any(armed.fault.name == "refuse" for armed in self._plan.armed)
        if self._refusing:
            assert self._listener is not None
            await stop_serving(self._listener)

    async def _listen(self) -> None:
        listener = listening_socket(self._host, self._port)
        self._port = listener.getsockname()[1]
        self._listener = await asyncio.start_server(self._serve, sock=listener, ssl=self._tls)

    async def _stop(self) -> None:
        if self._listener is not None:
            await stop_serving(self._listener)
        self._end_stalls()
        for relay in list(self._relays):
            relay.close()
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
            random_cut = Fault("reset" if self._random.random() < self._resets else "cut", byte=after)
        host, port = writer.get_extra_info("peername", ("", 0))[:2]
        self._report(number, f"accepted from {host}:{port}")
        await self._flowing.wait()
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

        It ends the first connection that reaches the number, and only that one. Counting begins now. A second call
        takes the place of the first.

        Args:
            number: how many bytes.
            direction: which bytes count; ``None`` is both directions together.
            reset: end with a RST instead of a FIN.

        Raises:
            ValueError: the direction does not exist, or the number is negative.
            RuntimeError: the proxy is not running.
        """
        armed = ArmedFault(Fault(_cut_name(reset), direction=direction, byte=number))

        def replace() -> None:
            self._remove(self._cut_after)
            self._cut_after = self._arm(armed)

        self._running().call(replace)

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
        at the end of the WebSocket frame in which the last of them ends. A second call takes the place of the first.

        Args:
            number: how many frames, at least 1.
            direction: which frames count; ``None`` is both directions together.
            offset: bytes from the end of the last frame to the cut. With 1, one byte more passes, the first of the next
                frame. With -1, the last byte of the frame does not pass.
            reset: end with a RST instead of a FIN.

        Raises:
            ValueError: the direction does not exist, or ``number`` is less than 1, or TLS passes through, in which a
                proxy sees no frames.
            RuntimeError: the proxy is not running.
        """
        if number < 1:
            raise ValueError(f"number must be at least 1, got {number!r}")
        fault = Fault(_cut_name(reset), direction=direction, frame="any", first=number, offset=offset)
        self._check_sees_frames(fault)
        armed = ArmedFault(fault)

        def replace() -> None:
            self._remove(self._cut_after_frames)
            self._cut_after_frames = self._arm(armed)

        self._running().call(replace)

    def cut(self, connection: int, *, reset: bool = False) -> None:
        """End one connection on both sides.

        Args:
            connection: the number of the connection, from 1.
            reset: end it with a RST instead of a FIN.

        Raises:
            ValueError: there is no such connection now.
            RuntimeError: the proxy is not running.
        """

        def cut() -> None:
            for relay in self._relays:
                if relay.number == connection and not relay.ended:
                    relay.cut(hard=reset)
                    return
            raise ValueError(f"there is no connection {connection!r} now")

        self._running().call(cut)

    def stall(self) -> None:
        """Pass nothing on, and keep every connection open. New connections are accepted.

        Raises:
            RuntimeError: the proxy is not running.
        """
        self._running().call(lambda: self._arm(ArmedFault(Fault("stall"))))

    def resume(self) -> None:
        """End every stall: pass on what waited, and go on.

        Raises:
            RuntimeError: the proxy is not running.
        """
        self._running().call(self._end_stalls)

    # ------------------------------------------------------------------ faults as data

    def add(self, fault: Fault | str) -> ArmedFault:
        """Let a fault strike, as soon as something reaches its place.

        >>> with Broker() as broker, FaultProxy(broker.url) as proxy:  # doctest: +SKIP
        ...     swallowed = proxy.add("swallow@receipt:2")
        ...     ...
        ...     proxy.wait_until(lambda _: swallowed.struck)

        Args:
            fault: a :class:`Fault`, or the text of one (``docs/reference/faults.md``). What is added before
                :meth:`start` is there for the first connection.

        Returns:
            The fault, with how often it has struck.

        Raises:
            ValueError: the text of the fault cannot be read; or the fault is for frames, and TLS passes through, in
                which a proxy sees none.
        """
        armed = ArmedFault(parse_fault(fault) if isinstance(fault, str) else fault)
        self._check_sees_frames(armed.fault)
        if self._thread is None:
            self._plan.armed.append(armed)
            self._set_lasting(armed.fault)
        else:
            self._thread.call(lambda: self._arm(armed))
            if armed.fault.name == "refuse":
                self.refuse_connections = True
        return armed

    @property
    def faults(self) -> list[ArmedFault]:
        """The faults that were added and may still strike."""
        return list(self._plan.armed)

    def remove(self, armed: ArmedFault) -> None:
        """Let a fault strike no more. What it has done stays: a connection that is half-open remains so.

        Args:
            armed: what :meth:`add` returned.
        """
        if self._thread is None:
            self._remove(armed)
            return
        self._thread.call(lambda: self._remove(armed))
        if armed.fault.name == "refuse":
            self.refuse_connections = False

    def clear(self) -> None:
        """Remove every fault, end every stall and accept connections. What is half-open remains so."""

        def clear() -> None:
            for armed in self.faults:
                self._remove(armed)
            for relay in self._relays:
                relay.clear()
            self._end_stalls()

        if self._thread is None:
            clear()
            return
        self._thread.call(clear)
        self.refuse_connections = False

    def _check_sees_frames(self, fault: Fault) -> None:
        if fault.frame is not None and self._url.scheme in _WITHOUT_TLS and self._upstream_tls is None:
            raise ValueError(f"a proxy sees no frames in TLS: use bytes, or not {self._url.scheme}")

    def _arm(self, armed: ArmedFault) -> ArmedFault:
        self._plan.armed.append(armed)
        self._set_lasting(armed.fault)
        self._begin(armed)
        for relay in list(self._relays):
            relay.arm(armed)
        return armed

    def _begin(self, armed: ArmedFault) -> None:
        """Let new connections wait, if this is a stall of everything."""
        if _stalls_everything(armed.fault):
            self._flowing.clear()
        if armed.fault.name == "stall" and not armed.fault.place and isinstance(armed.fault.value, float):
            asyncio.get_running_loop().call_later(armed.fault.value, self._end_stall, armed)

    def _end_stall(self, armed: ArmedFault) -> None:
        if armed in self._plan.armed:
            self._plan.armed.remove(armed)
            self._let_flow()

    def _end_stalls(self) -> None:
        for armed in self.faults:
            if armed.fault.name == "stall" and not armed.fault.place:
                self._end_stall(armed)
        for relay in self._relays:
            relay.resume()

    def _let_flow(self) -> None:
        """Let new connections wait no longer, unless there is another stall."""
        if not any(_stalls_everything(armed.fault) for armed in self._plan.armed):
            self._flowing.set()

    def _remove(self, armed: ArmedFault | None) -> None:
        if armed is None or armed not in self._plan.armed:
            return
        self._plan.armed.remove(armed)
        self._unset_lasting(armed.fault)
        self._let_flow()
        for relay in self._relays:
            relay.disarm(armed)

    def _set_lasting(self, fault: Fault) -> None:
        """Begin with a fault that concerns every connection all the time."""
        if fault.place or fault.connection is not None:
            return
        if fault.name == "random-cut":
            self._mean_bytes = float(fault.value or 0)
        elif fault.name in _LASTING:
            self._set_shared(fault, True if fault.value is None else fault.value)

    def _unset_lasting(self, fault: Fault) -> None:
        if fault.place or fault.connection is not None:
            return
        if fault.name == "random-cut":
            self._mean_bytes = None
        elif fault.name in _LASTING:
            self._set_shared(fault, getattr(Faults(), _LASTING[fault.name]))

    def _set_shared(self, fault: Fault, value: Any) -> None:
        for direction in Direction:
            if fault.direction in (None, direction):
                setattr(self._plan.faults[direction], _LASTING[fault.name], value)

    @property
    def refuse_connections(self) -> bool:
        """Whether the port is closed. Existing connections stay. It may be set.

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
        if not refuse:
            self._plan.armed = [armed for armed in self._plan.armed if armed.fault.name != "refuse"]

    def wait_until(self, condition: Callable[[FaultProxy], object], timeout: float = 30.0) -> None:
        """Wait for a condition: ``proxy.wait_until(lambda p: p.connections == 2)``.

        Args:
            condition: a function that is called with this proxy; a true result ends the wait.
            timeout: seconds to wait at most.

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


def _cut_name(reset: bool) -> str:
    return "reset" if reset else "cut"


def _stalls_everything(fault: Fault) -> bool:
    """Whether new connections are not passed on, because nothing can be sent to the server."""
    return (
        fault.name == "stall"
        and not fault.place
        and fault.connection is None
        and fault.direction is not Direction.TO_CLIENT
    )
