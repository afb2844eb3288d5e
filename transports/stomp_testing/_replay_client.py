"""The recorded side of clients, played to a server.

Everything happens in the recorded order, over all connections: a frame of a client is sent, a frame of the server is
awaited. Where the ids in a server's frame differ from the recorded ones (``message-id``, ``ack``), they are put in
place of these in what the client sends. Frames of the server that nobody has recorded are passed over.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from dataclasses import replace

from stomp_core import (
    NEED_DATA,
    ClientConnection,
    ConnectionClosed,
    Credentials,
    Event,
    Frame,
    Leniency,
    StompError,
)

from ._recorder import Recorder
from ._recording import Recording, RecordingStep
from ._replaced_ids import ReplacedIds
from .frame_json import MASK

__all__ = ["ReplayClient"]

_CHUNK = 64 * 1024
_LENIENCY = replace(Leniency.permissive(), unchecked_conversation=True)  # type: ignore[type-var, unused-ignore]
#: What must be the same in a frame that is awaited, beside its command.
_AWAITED = ("receipt-id", "subscription")


class ReplayClient:
    """Plays the clients of a recording to a server.

    Args:
        recording: the recording.
        recorder: receives the bytes of both directions.
        on_event: called with the number of a connection and a sentence, when it begins or ends.
        on_difference: called with the same when the server does something else than was recorded.
        speed: 1 is as fast as it was, 2 is twice as fast, 0 does not wait.
        credentials: the login and passcode for CONNECT, where those of the recording are masked.
        timeout: seconds to wait for each frame of the server.
    """

    def __init__(
        self,
        recording: Recording,
        recorder: Recorder,
        on_event: Callable[[int, str], object],
        on_difference: Callable[[int, str], object],
        speed: float,
        credentials: Credentials | None = None,
        timeout: float = 30.0,
    ) -> None:
        self._recording = recording
        self._recorder = recorder
        self._on_event = on_event
        self._on_difference = on_difference
        self._speed = speed
        self._credentials = credentials
        self._timeout = timeout
        self._ids = ReplacedIds()

    async def play(self, host: str, port: int, tls: ssl.SSLContext | None) -> bool:
        """Connect and play everything.

        Args:
            host: the name or address of the server.
            port: the TCP port of the server.
            tls: use TLS with this context; ``None`` is plaintext.

        Returns:
            Whether the server has sent what was recorded.

        Raises:
            OSError: the server cannot be reached.
        """
        connections: dict[int, _Connection] = {}
        same = True
        before = self._recording.steps[0].time if self._recording.steps else 0.0
        try:
            for step in self._recording.steps:
                if step.connection not in connections:
                    reader, writer = await asyncio.open_connection(host, port, ssl=tls)
                    self._on_event(step.connection, f"connected to {host}:{port}")
                    connections[step.connection] = _Connection(
                        step.connection, reader, writer, self._recorder
                    )
                if self._speed and not step.by_server:
                    await asyncio.sleep((step.time - before) / self._speed)
                before = step.time
                same = await self._play(step, connections[step.connection]) and same
        finally:
            for number, connection in connections.items():
                self._on_event(number, f"closed by the {'server' if connection.ended.is_set() else 'client'}")
                await connection.close()
        return same

    async def _play(self, step: RecordingStep, connection: _Connection) -> bool:
        try:
            if step.by_server:
                await self._await(step.frame, connection)
            elif step.frame is None:
                await connection.close()
            else:
                self._send(step.frame, step.raw, connection)
        except (OSError, StompError, EOFError, TimeoutError) as error:
            what = "the end" if step.frame is None else _shown(step.frame)
            wanted = f"expected {what} of the server" if step.by_server else f"could not send {what}"
            self._on_difference(step.connection, f"differs: {wanted}, {error}")
            return False
        return True

    async def _await(self, recorded: Frame | None, connection: _Connection) -> None:
        """Wait for a frame of the server, or for the end of the connection."""
        if recorded is None:
            await asyncio.wait_for(connection.ended.wait(), self._timeout)
            return
        wanted = self._ids.put_into(recorded)

        def is_wanted(frame: Frame) -> bool:
            return frame.command == wanted.command and all(
                frame.headers.get(name) == wanted.headers[name] for name in _AWAITED if name in wanted.headers
            )

        self._ids.learn(recorded, await connection.frame(is_wanted, self._timeout))

    def _send(self, recorded: Frame, raw: bytes | None, connection: _Connection) -> None:
        frame = self._ids.put_into(recorded)
        if frame.command in ("CONNECT", "STOMP"):
            frame = self._with_credentials(frame)
        connection.send(frame, raw if frame is recorded else None)

    def _with_credentials(self, frame: Frame) -> Frame:
        if self._credentials is None or frame.headers.get("passcode", MASK) != MASK:
            return frame
        given = {"login": self._credentials.login, "passcode": self._credentials.passcode}
        pairs = [(name, value) for name, value in frame.headers.items() if name not in given]
        pairs += [(name, value) for name, value in given.items() if value is not None]
        return frame.replace(headers=pairs)


class _Connection:
    """One connection to the server: what it sends, frame by frame, and what is sent to it."""

    def __init__(
        self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, recorder: Recorder
    ) -> None:
        self._number = number
        self._reader = reader
        self._writer = writer
        self._recorder = recorder
        self._connection = ClientConnection(leniency=_LENIENCY)
        self._frames: list[Frame] = []
        self._changed = asyncio.Event()
        self._connected = asyncio.Event()
        self.ended = asyncio.Event()
        self._end = "the server has closed the connection"
        self._tasks = [asyncio.ensure_future(self._read()), asyncio.ensure_future(self._send_heart_beats())]

    def send(self, frame: Frame, raw: bytes | None) -> None:
        """Send a frame: the recorded bytes, if there are any."""
        data = self._connection.send(frame, now=time.monotonic())
        self._write(raw or data)

    async def frame(self, is_wanted: Callable[[Frame], bool], timeout: float) -> Frame:
        """Return the first received frame that is wanted, and forget it.

        Raises:
            EOFError: the connection has ended.
            TimeoutError: it does not come.
        """
        deadline = time.monotonic() + timeout
        while True:
            for number, frame in enumerate(self._frames):
                if is_wanted(frame):
                    return self._frames.pop(number)
            got = f"got {', '.join(map(_shown, self._frames)) or 'nothing'}"
            if self.ended.is_set():
                raise EOFError(f"{got}; {self._end}")
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), deadline - time.monotonic())
            except TimeoutError:
                raise TimeoutError(f"{got} within {timeout:g} s") from None

    async def close(self) -> None:
        """Close the connection."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._writer.close()

    def _write(self, data: bytes) -> None:
        if data and not self._writer.is_closing():
            self._recorder.note(self._number, "to-server", data)
            self._writer.write(data)

    async def _read(self) -> None:
        try:
            while data := await self._reader.read(_CHUNK):
                self._recorder.note(self._number, "to-client", data)
                self._connection.receive_data(data, time.monotonic())
                while (event := self._connection.next_event()) is not NEED_DATA:
                    if isinstance(event, ConnectionClosed):
                        return
                    if isinstance(event, Event):
                        self._frames.append(event.frame)
                        if event.frame.command == "CONNECTED":
                            self._connected.set()
                self._changed.set()
        except (OSError, StompError) as error:
            self._end = str(error)
        finally:
            self.ended.set()
            self._changed.set()

    async def _send_heart_beats(self) -> None:
        """Send those that CONNECT has promised."""
        await self._connected.wait()
        while (deadline := self._connection.next_deadline()) is not None:
            await asyncio.sleep(max(deadline - time.monotonic(), 0.01))
            self._write(self._connection.handle_timeout(time.monotonic()))


def _shown(frame: Frame) -> str:
    headers = [f"{name}:{frame.headers[name]}" for name in (*_AWAITED, "message") if name in frame.headers]
    return " ".join([frame.command, *headers])
