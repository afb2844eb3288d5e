"""ScriptedServer: send literal bytes and keep what is received.

It knows nothing of STOMP, so it can send what no broker would. A script is a list of steps: bytes to send, an Expect
that waits for bytes of the client, a Pause, and CLOSE or RESET to end the connection. After its script a connection
stays open, silent, until the client or the server ends it.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from enum import Enum
from typing import Final, Literal, NamedTuple, Self

from ._network import LoopThread, listening_socket, reset, stop_serving, wait_until

__all__ = ["CLOSE", "RESET", "End", "Expect", "Pause", "ScriptedServer", "Step"]

_CHUNK = 64 * 1024


class End(Enum):
    """How a script may end a connection."""

    CLOSE = "CLOSE"
    RESET = "RESET"


CLOSE: Final[Literal[End.CLOSE]] = End.CLOSE
RESET: Final[Literal[End.RESET]] = End.RESET


class Expect(NamedTuple):
    """Wait until the client has sent these bytes, behind the bytes that earlier steps have waited for.

    Args:
        data: the bytes; by default the NUL that ends a frame.
    """

    data: bytes = b"\0"


class Pause(NamedTuple):
    """Wait for some time.

    Args:
        seconds: how many seconds.
    """

    seconds: float


Step = bytes | Expect | Pause | Literal[End.CLOSE, End.RESET]


class ScriptedServer:
    """A server on 127.0.0.1 that plays a script to every client.

    >>> CONNECTED = b"CONNECTED\\nversion:1.2\\n\\n\\0"
    >>> with ScriptedServer([Expect(b"\\0"), CONNECTED, Expect(b"\\0"), CLOSE]) as server:
    ...     server.url  # doctest: +ELLIPSIS
    'stomp://guest:guest@127.0.0.1:...'

    Args:
        script: the steps: ``bytes`` to send, :class:`Expect`, :class:`Pause`, :data:`.CLOSE`, :data:`.RESET`. A list of
            lists is a script for each connection, in their order; the last one is used for all further connections.
        tls: use TLS with this context.
        port: the port to listen on; ``None`` takes a free one.

    Raises:
        ValueError: the script contains both steps and lists of steps.
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
            raise ValueError("script must contain either steps or lists of steps, got both")
        self._scripts = scripts or [steps]
        self._tls = tls
        self._port = port
        self._received: list[bytearray] = []  # by connection, as the two below
        self._writers: list[asyncio.StreamWriter] = []
        self._ended: list[bool] = []
        self._thread: LoopThread | None = None
        self._server: asyncio.Server | None = None

    # ------------------------------------------------------------------ what can be seen

    @property
    def port(self) -> int:
        """The port that it listens on.

        Raises:
            RuntimeError: the server was never started.
        """
        if self._port is None:
            raise RuntimeError("no port: the server was never started")
        return self._port

    @property
    def url(self) -> str:
        """The URL of the server, such as ``"stomp://guest:guest@127.0.0.1:61613"``."""
        scheme = "stomp" if self._tls is None else "stomp+ssl"
        return f"{scheme}://guest:guest@127.0.0.1:{self.port}"

    @property
    def received(self) -> bytes:
        """Everything that clients have sent, one connection after the other."""
        return b"".join(self.connections)

    @property
    def connections(self) -> list[bytes]:
        """What each client has sent, in the order in which they connected."""
        return [bytes(data) for data in list(self._received)]

    @property
    def open_connections(self) -> int:
        """How many connections neither side has ended."""
        return self._ended.count(False)

    def wait_for(self, data: bytes, timeout: float = 30.0) -> None:
        """Wait until a client has sent these bytes.

        Args:
            data: the bytes, anywhere in what one client has sent.
            timeout: seconds to wait at most.

        Raises:
            TimeoutError: no client has sent them in time; the text shows what came instead.
        """
        wait_until(
            lambda: any(data in received for received in self.connections),
            timeout,
            lambda: f"expected {data!r} within {timeout:g} s, got {self.received!r}",
        )

    def wait_until_closed(self, connections: int = 1, timeout: float = 30.0) -> None:
        """Wait until every connection has ended.

        Args:
            connections: how many must have been there at least.
            timeout: seconds to wait at most.

        Raises:
            TimeoutError: that did not happen in time.
        """
        wait_until(
            lambda: len(self._ended) >= connections and not self.open_connections,
            timeout,
            lambda: (
                f"expected {connections} closed connections and none open within {timeout:g} s, "
                f"got {self._ended.count(True)} closed and {self.open_connections} open"
            ),
        )

    # ------------------------------------------------------------------ by hand

    def send(self, data: bytes) -> None:
        """Send bytes to every client now.

        Args:
            data: the bytes.

        Raises:
            RuntimeError: the server is not running.
        """
        thread = self._running()

        def write() -> None:
            for writer in self._writers:
                writer.write(data)

        thread.call(write)

    def close_connections(self, *, reset: bool = False) -> None:
        """End every connection.

        Args:
            reset: end them with a RST instead of a FIN.

        Raises:
            RuntimeError: the server is not running.
        """
        thread = self._running()

        def end() -> None:
            for writer in self._writers:
                _end(writer, RESET if reset else CLOSE)

        thread.call(end)

    # ------------------------------------------------------------------ start and stop

    def start(self) -> None:
        """Start listening.

        Raises:
            OSError: the port is taken.
        """
        listener = listening_socket("127.0.0.1", self._port)
        self._port = listener.getsockname()[1]
        self._thread = LoopThread("stomp_testing scripted server")
        self._server = self._thread.run(asyncio.start_server(self._serve, sock=listener, ssl=self._tls))

    def stop(self) -> None:
        """End every connection and the thread. It may be called twice."""
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
            raise RuntimeError("the server is not running: call start() first")
        return self._thread

    # ------------------------------------------------------------------ one connection

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = len(self._received)
        received = bytearray()
        data_arrived = asyncio.Event()
        self._received.append(received)
        self._writers.append(writer)
        self._ended.append(False)
        script = self._scripts[min(number, len(self._scripts) - 1)]
        playing = asyncio.ensure_future(_play(script, received, data_arrived, writer))
        try:
            while data := await reader.read(_CHUNK):
                received += data
                data_arrived.set()
        except OSError:
            # The client has reset the connection.
            pass
        finally:
            playing.cancel()
            self._ended[number] = True
            writer.close()


async def _play(
    script: Sequence[Step], received: bytearray, data_arrived: asyncio.Event, writer: asyncio.StreamWriter
) -> None:
    position = 0  # in what was received: behind the bytes that the last Expect has found
    for step in script:
        if isinstance(step, bytes):
            writer.write(step)
            await writer.drain()
        elif isinstance(step, Expect):
            while (found := received.find(step.data, position)) < 0:
                data_arrived.clear()
                await data_arrived.wait()
            position = found + len(step.data)
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
