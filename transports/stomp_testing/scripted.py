"""ScriptedServer: says literal bytes, and keeps what it hears. It knows nothing of STOMP, so it can lie about it."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Sequence
from enum import Enum
from typing import Final, Literal, NamedTuple, Self

from .loop_thread import LoopThread, stop_serving
from .ports import listening_socket, reset

__all__ = ["CLOSE", "RESET", "Expect", "Pause", "ScriptedServer", "Step"]


class End(Enum):
    """How a script may end a connection."""

    CLOSE = "CLOSE"
    RESET = "RESET"


CLOSE: Final[Literal[End.CLOSE]] = End.CLOSE
RESET: Final[Literal[End.RESET]] = End.RESET


class Expect(NamedTuple):
    """Wait until the client has said this, after what earlier steps have waited for."""

    data: bytes = b"\0"


class Pause(NamedTuple):
    """Wait for so many seconds."""

    seconds: float


Step = bytes | Expect | Pause | Literal[End.CLOSE, End.RESET]


class ScriptedServer:
    """A server on 127.0.0.1 that gives every client the same treatment.

    After its script the connection stays open, silent, until the client or this server goes.

    >>> CONNECTED = b"CONNECTED\\nversion:1.2\\n\\n\\0"
    >>> with ScriptedServer([Expect(b"\\0"), CONNECTED, Expect(b"\\0"), CLOSE]) as server:
    ...     server.url  # doctest: +ELLIPSIS
    'stomp://guest:guest@127.0.0.1:...'

    Args:
        script: the steps: ``bytes`` to send, :class:`Expect`, :class:`Pause`, :data:`CLOSE`, :data:`RESET`. A list of
            lists is one script a connection, in their order; the last one serves all further ones.
        tls: speak TLS with this context.
        port: ``None`` takes a free one.

    Raises:
        ValueError: steps and lists of steps side by side.
    """

    def __init__(
        self,
        script: Sequence[Step | list[Step]] = (),
        *,
        tls: ssl.SSLContext | None = None,
        port: int | None = None,
    ) -> None:
        scripts = [step for step in script if isinstance(step, list)]
        steps = [step for step in script if not isinstance(step, list)]
        if scripts and steps:
            raise ValueError("a script is steps, or lists of steps, not both")
        self._scripts = scripts or [steps]
        self._tls = tls
        self._port = port
        self._heard: list[bytearray] = []
        self._writers: list[asyncio.StreamWriter] = []
        self._ended: list[bool] = []
        self._thread: LoopThread | None = None
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """Where it listens.

        Raises:
            RuntimeError: it was never started.
        """
        if self._port is None:
            raise RuntimeError("the server was never started")
        return self._port

    @property
    def url(self) -> str:
        """As in ``"stomp://guest:guest@127.0.0.1:61613"``."""
        scheme = "stomp" if self._tls is None else "stomp+ssl"
        return f"{scheme}://guest:guest@127.0.0.1:{self.port}"

    @property
    def received(self) -> bytes:
        """All that clients have said, one after the other."""
        return b"".join(bytes(heard) for heard in list(self._heard))

    @property
    def connections(self) -> list[bytes]:
        """What each client has said, in the order in which they came."""
        return [bytes(heard) for heard in list(self._heard)]

    @property
    def open_connections(self) -> int:
        """How many have not been ended by either side."""
        return self._ended.count(False)

    def wait_for(self, data: bytes, timeout: float = 5.0) -> None:
        """Wait until some client has said this.

        Raises:
            TimeoutError: nobody has, within ``timeout`` seconds.
        """
        deadline = time.monotonic() + timeout
        while not any(data in heard for heard in self.connections):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{data!r} did not come within {timeout:g} s, but {self.received!r}")
            time.sleep(0.002)

    def wait_until_closed(self, connections: int = 1, timeout: float = 5.0) -> None:
        """Wait until every connection so far, and at least so many, have ended.

        Raises:
            TimeoutError: that has not happened after ``timeout`` seconds.
        """
        deadline = time.monotonic() + timeout
        while len(self._ended) < connections or self.open_connections:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self._ended.count(True)} connections have ended after {timeout:g} s")
            time.sleep(0.002)

    def send(self, data: bytes) -> None:
        """Say this to every client, now."""
        thread = self._running()

        def write() -> None:
            for writer in self._writers:
                writer.write(data)

        thread.call(write)

    def close_connections(self, *, reset: bool = False) -> None:
        """End every connection, with a FIN or a RST."""
        thread = self._running()

        def end() -> None:
            for writer in self._writers:
                _end(writer, RESET if reset else CLOSE)

        thread.call(end)

    # ------------------------------------------------------------------ its life

    def start(self) -> None:
        """Listen.

        Raises:
            OSError: the port is taken.
        """
        listener = listening_socket("127.0.0.1", self._port)
        self._port = listener.getsockname()[1]
        self._thread = LoopThread("stomp_testing scripted server")
        self._server = self._thread.run(asyncio.start_server(self._serve, sock=listener, ssl=self._tls))

    def stop(self) -> None:
        """End every connection and the thread. Safe to call twice."""
        thread, self._thread = self._thread, None
        server, self._server = self._server, None
        if thread is None or server is None:
            return

        async def close() -> None:
            await stop_serving(server)
            for writer in self._writers:
                writer.transport.abort()

        thread.run(close())
        thread.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def _running(self) -> LoopThread:
        if self._thread is None:
            raise RuntimeError("the server does not run")
        return self._thread

    # ------------------------------------------------------------------ one connection

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = len(self._heard)
        heard = bytearray()
        news = asyncio.Event()
        self._heard.append(heard)
        self._writers.append(writer)
        self._ended.append(False)
        script = self._scripts[min(number, len(self._scripts) - 1)]
        acting = asyncio.ensure_future(self._act(script, heard, news, writer))
        try:
            while data := await reader.read(64 * 1024):
                heard += data
                news.set()
        except OSError:
            pass
        finally:
            acting.cancel()
            self._ended[number] = True
            writer.close()

    async def _act(
        self, script: Sequence[Step], heard: bytearray, news: asyncio.Event, writer: asyncio.StreamWriter
    ) -> None:
        seen = 0
        for step in script:
            if isinstance(step, bytes):
                writer.write(step)
                await writer.drain()
            elif isinstance(step, Expect):
                while (found := heard.find(step.data, seen)) < 0:
                    news.clear()
                    await news.wait()
                seen = found + len(step.data)
            elif isinstance(step, Pause):
                await asyncio.sleep(step.seconds)
            else:
                _end(writer, step)
                return


def _end(writer: asyncio.StreamWriter, how: End) -> None:
    if how is End.RESET:
        reset(writer.transport)
    else:
        writer.close()
