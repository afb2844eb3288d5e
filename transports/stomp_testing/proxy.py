"""FaultProxy: a TCP proxy between a client and any broker, which breaks connections in every way that networks do.

It passes bytes and knows nothing of STOMP, so TLS and WebSockets go through it as well.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Self
from urllib.parse import urlsplit, urlunsplit

from .loop_thread import LoopThread, stop_serving
from .ports import listening_socket, reset
from .recorder import Recorder

__all__ = ["Direction", "FaultProxy", "Ill"]

_CHUNK = 64 * 1024
_APART = 0.0005  # seconds between the pieces of a split chunk, so that the reader sees them one by one
_GRACE = 1.0  # seconds for connections to end
_PORTS = {"stomp": 61613, "stomp+ssl": 61614, "ws": 80, "wss": 443}


class Direction(StrEnum):
    """Which way bytes go."""

    TO_SERVER = "to-server"
    TO_CLIENT = "to-client"


@dataclass(slots=True)
class Ill:
    """How the bytes of one direction fare. It may be changed at any time.

    Attributes:
        split: write in pieces of at most so many bytes; 0 is as they come.
        coalesce: hold bytes back until so many have gathered, or nothing came for ``coalesce_time``.
        coalesce_time: seconds.
        delay: seconds that each chunk is late.
        drop: read the bytes and throw them away.
    """

    split: int = 0
    coalesce: int = 0
    coalesce_time: float = 0.05
    delay: float = 0.0
    drop: bool = False


class FaultProxy:
    """A proxy on 127.0.0.1. One thread runs it; every method may be called from any thread.

    >>> with Broker() as broker, FaultProxy(broker.url) as proxy:  # doctest: +SKIP
    ...     client = connect(proxy.url)
    ...     proxy.reset_all()

    Args:
        upstream: the URL of the broker (``stomp``, ``stomp+ssl``, ``ws`` or ``wss``), or ``"host:port"``.
        recorder: notes all that passes; plain connections only.
        mean_bytes: cut connections at random: each one after so many bytes in the mean, both directions together.
        resets: the share of random cuts that are RSTs, the others are FINs.
        seed: for what is random. The n-th connection's fate depends on the seed, n and the bytes that pass alone.
        port: ``None`` takes a free one.

    Attributes:
        to_server, to_client: how the bytes of each direction fare, an :class:`Ill` each.
        accepted: how many connections there were.
        cuts: how many of them the proxy has ended, in whatever way.
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
    ) -> None:
        if mean_bytes is not None and not mean_bytes > 0:
            raise ValueError("mean_bytes must be more than 0")
        self._url = urlsplit(upstream if "://" in upstream else f"//{upstream}")
        host, given = self._url.hostname, self._url.port or _PORTS.get(self._url.scheme)
        if host is None or given is None:
            raise ValueError("upstream is a URL with a host, or 'host:port'")
        self._upstream = (host, given)
        self._recorder = recorder
        self._mean_bytes = mean_bytes
        self._resets = resets
        self._random = random.Random(seed)
        self._port = port
        self._pairs: dict[_Pair, None] = {}
        self._serving: set[asyncio.Task[None]] = set()
        self._thread: LoopThread | None = None
        self._listener: asyncio.Server | None = None
        self._flowing: asyncio.Event | None = None
        self._refusing = False
        self._cut_after: tuple[int, Direction | None, bool] | None = None
        self.to_server = Ill()
        self.to_client = Ill()
        self.accepted = 0
        self.cuts = 0

    # ------------------------------------------------------------------ where it is

    @property
    def host(self) -> str:
        """127.0.0.1."""
        return "127.0.0.1"

    @property
    def port(self) -> int:
        """Where it listens.

        Raises:
            RuntimeError: it was never started.
        """
        if self._port is None:
            raise RuntimeError("the proxy was never started")
        return self._port

    @property
    def url(self) -> str:
        """The upstream's URL with the proxy in place of host and port; credentials, path and query are kept."""
        credentials, at, _ = self._url.netloc.rpartition("@")
        scheme = self._url.scheme or "stomp"
        return urlunsplit(self._url._replace(scheme=scheme, netloc=f"{credentials}{at}127.0.0.1:{self.port}"))

    @property
    def connections(self) -> int:
        """How many connections pass through it now."""
        return sum(not pair.has_ended() for pair in list(self._pairs))

    # ------------------------------------------------------------------ its life

    def start(self) -> None:
        """Listen.

        Raises:
            OSError: the port is taken.
            RuntimeError: it runs already.
        """
        if self._thread is not None:
            raise RuntimeError("the proxy runs already")
        self._thread = thread = LoopThread("stomp_testing proxy")
        try:
            thread.run(self._open())
        except BaseException:
            self._thread = None
            thread.close()
            raise

    async def _open(self) -> None:
        listener = listening_socket("127.0.0.1", self._port)
        self._port = listener.getsockname()[1]
        if self._flowing is None:
            self._flowing = asyncio.Event()
            self._flowing.set()
        self._listener = await asyncio.start_server(self._serve, sock=listener)

    def stop(self) -> None:
        """End every connection and the thread. Safe to call twice."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        thread.run(self._shut())
        thread.close()
        self._flowing = None

    async def _shut(self) -> None:
        if self._listener is not None:
            await stop_serving(self._listener)
        for pair in list(self._pairs):
            pair.close()
        if self._flowing is not None:
            self._flowing.set()
        if self._serving:
            await asyncio.wait(self._serving, timeout=_GRACE)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    # ------------------------------------------------------------------ faults on demand

    def cut_all(self) -> None:
        """End every connection with a FIN, on both sides."""
        self._running().call(lambda: self._end_all(hard=False))

    def reset_all(self) -> None:
        """End every connection with a RST, on both sides."""
        self._running().call(lambda: self._end_all(hard=True))

    def cut_after(
        self, number: int, direction: Direction | str | None = None, *, reset: bool = False
    ) -> None:
        """Let so many more bytes pass, to the byte, then end the connection that they passed on.

        It counts for the next connection to reach the number, and for that one alone; the count of each begins now.

        Args:
            direction: which bytes count; ``None`` is both.
            reset: end with a RST instead of a FIN.
        """
        which = None if direction is None else Direction(direction)

        def arm() -> None:
            self._cut_after = (number, which, reset)
            for pair in self._pairs:
                pair.passed = dict.fromkeys(Direction, 0)

        self._running().call(arm)

    def stall(self) -> None:
        """Pass nothing either way and keep every connection open, new ones too."""
        self._running().call(lambda: self._flow().clear())

    def resume(self) -> None:
        """Let pass what waited, and what comes."""
        self._running().call(lambda: self._flow().set())

    @property
    def refuse_connections(self) -> bool:
        """Whether the port is closed; those who are connected stay. May be set."""
        return self._refusing

    @refuse_connections.setter
    def refuse_connections(self, refuse: bool) -> None:
        thread = self._running()
        if refuse and not self._refusing:
            assert self._listener is not None
            thread.run(stop_serving(self._listener))
        elif not refuse and self._refusing:
            thread.run(self._open())
        self._refusing = refuse

    def wait_until(self, condition: Callable[[FaultProxy], object], timeout: float = 5.0) -> None:
        """Wait for something, as in ``proxy.wait_until(lambda p: p.connections == 2)``.

        Raises:
            TimeoutError: it did not come true within ``timeout`` seconds.
        """
        deadline = time.monotonic() + timeout
        while not condition(self):
            if time.monotonic() > deadline:
                raise TimeoutError(f"what was waited for did not happen within {timeout:g} s")
            time.sleep(0.002)

    def _running(self) -> LoopThread:
        if self._thread is None:
            raise RuntimeError("the proxy does not run")
        return self._thread

    def _flow(self) -> asyncio.Event:
        assert self._flowing is not None
        return self._flowing

    def _end_all(self, *, hard: bool) -> None:
        for pair in list(self._pairs):
            self._end(pair, hard=hard)

    def _end(self, pair: _Pair, *, hard: bool) -> None:
        if not pair.has_ended():
            self.cuts += 1
            if hard:
                pair.reset()
            else:
                pair.cut()

    # ------------------------------------------------------------------ one connection

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        self.accepted += 1
        number = self.accepted
        # Drawn in the order of arrival, before anything can wait.
        fate = None
        if self._mean_bytes is not None:
            fate = (int(self._random.expovariate(1 / self._mean_bytes)), self._random.random() < self._resets)
        await self._flow().wait()
        try:
            upstream_reader, upstream_writer = await asyncio.open_connection(*self._upstream)
        except OSError:
            # A broker that is down: the client is told so as well as a proxy can.
            reset(writer.transport)
            return
        pair = _Pair(writer, upstream_writer, fate)
        self._pairs[pair] = None
        try:
            await asyncio.gather(
                self._pump(pair, number, reader, upstream_writer, Direction.TO_SERVER, self.to_server),
                self._pump(pair, number, upstream_reader, writer, Direction.TO_CLIENT, self.to_client),
            )
        finally:
            pair.close()
            self._pairs.pop(pair, None)

    async def _pump(
        self,
        pair: _Pair,
        number: int,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        direction: Direction,
        ill: Ill,
    ) -> None:
        flowing = self._flow()
        try:
            while True:
                data = await self._gather(reader, ill)
                await flowing.wait()
                if not data:
                    break
                if pair.has_ended():
                    # What is still said is read and thrown away: to close a socket with unread bytes in it is a RST.
                    continue
                if ill.drop:
                    continue
                if ill.delay:
                    await asyncio.sleep(ill.delay)
                    await flowing.wait()
                for piece in _pieces(data, ill.split):
                    if pair.has_ended():
                        break
                    allowed, hard = self._allowed(pair, direction, len(piece))
                    passing = piece[:allowed]
                    if passing:
                        pair.count(direction, len(passing))
                        if self._recorder is not None:
                            self._recorder.note(number, direction.value, passing)
                        writer.write(passing)
                    if allowed < len(piece) or hard is not None:
                        self._end(pair, hard=bool(hard))
                        break
                    await writer.drain()
                    if ill.split:
                        await asyncio.sleep(_APART)
                        await flowing.wait()
        except OSError:
            # One side has reset: so is the other.
            pair.reset()
            return
        if not pair.has_ended() and writer.can_write_eof():
            writer.write_eof()

    async def _gather(self, reader: asyncio.StreamReader, ill: Ill) -> bytes:
        data = await reader.read(_CHUNK)
        while data and ill.coalesce > len(data):
            try:
                more = await asyncio.wait_for(reader.read(_CHUNK), ill.coalesce_time)
            except TimeoutError:
                break
            if not more:
                break
            data += more
        return data

    def _allowed(self, pair: _Pair, direction: Direction, size: int) -> tuple[int, bool | None]:
        """How many of these bytes may pass, and how the connection ends after them; ``None``: it does not."""
        if self._cut_after is not None:
            limit, which, hard = self._cut_after
            if which is None or which is direction:
                room = limit - (sum(pair.passed.values()) if which is None else pair.passed[which])
                if room <= size:
                    self._cut_after = None
                    return max(room, 0), hard
        if pair.fate is not None:
            limit, hard = pair.fate
            room = limit - pair.total
            if room <= size:
                return max(room, 0), hard
        return size, None


class _Pair:
    """The two sockets of one connection."""

    def __init__(
        self, client: asyncio.StreamWriter, server: asyncio.StreamWriter, fate: tuple[int, bool] | None
    ) -> None:
        self._client = client
        self._server = server
        self.fate = fate
        self.passed = dict.fromkeys(Direction, 0)
        self.total = 0
        self._ended = False
        self._timer: asyncio.TimerHandle | None = None

    def count(self, direction: Direction, size: int) -> None:
        self.passed[direction] += size
        self.total += size

    def has_ended(self) -> bool:
        return self._ended

    def cut(self) -> None:
        """A FIN to both sides. What they are still saying is read and thrown away for a while: to close a socket
        with unread bytes in it is a RST.
        """
        self._ended = True
        for writer in (self._client, self._server):
            if not writer.is_closing() and writer.can_write_eof():
                writer.write_eof()
        self._timer = asyncio.get_running_loop().call_later(_GRACE, self.close)

    def reset(self) -> None:
        """A RST to both sides."""
        self._ended = True
        for writer in (self._client, self._server):
            reset(writer.transport)

    def close(self) -> None:
        """Let go of both sockets."""
        self._ended = True
        if self._timer is not None:
            self._timer.cancel()
        for writer in (self._client, self._server):
            writer.close()


def _pieces(data: bytes, size: int) -> list[bytes]:
    if not size:
        return [data]
    return [data[start : start + size] for start in range(0, len(data), size)]
