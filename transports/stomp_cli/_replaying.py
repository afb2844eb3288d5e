"""The recorded side of a server, played to clients that connect: ``trace --replay``.

The first client gets what the first recorded one got, and so on; when there are more, they get what the last one got.
A frame of the server is sent when the client has sent as many frames as the recorded one had sent before it. Where the
headers of a client's frame differ from the recorded ones (the ids that it invents), they are put in place of these in
what the server sends.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from base64 import b64decode
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import NamedTuple

from stomp_core import (
    NEED_DATA,
    ConnectionClosed,
    Event,
    Frame,
    Leniency,
    ServerConnection,
    StompError,
)
from stomp_testing import Recorder

from ._frame_json import frame_of, read_line

__all__ = ["Recording", "ReplayServer"]

_CHUNK = 64 * 1024
_HANDSHAKE = ("CONNECT", "STOMP")
_LENIENCY = replace(Leniency.permissive(), unchecked_conversation=True)  # type: ignore[type-var, unused-ignore]


class _Step(NamedTuple):
    """One thing in a recording.

    Attributes:
        time: seconds.
        frame: what was sent; ``None`` is the end of the connection by the server.
        raw: its bytes, if the server has sent it.
    """

    time: float
    frame: Frame | None
    raw: bytes | None


class Recording:
    """What ``trace --record`` has written.

    Args:
        lines: of the file.

    Attributes:
        connections: the steps of each connection, in their order.

    Raises:
        ValueError: a line is not of a recording; the text names it.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        by_number: dict[int, list[_Step]] = {}
        for number, line in enumerate(lines, 1):
            try:
                content = read_line(line)
                connection, seconds = content.get("connection"), content.get("time")
                if not isinstance(connection, int) or not isinstance(seconds, (int, float)):
                    raise ValueError(
                        "it has no connection or no time: was it written by `stomp trace --record`?"
                    )
                steps = by_number.setdefault(connection, [])
                if "command" in content:
                    frame = _frame_with_length_as_recorded(content)
                    raw = content.get("raw_base64")
                    steps.append(_Step(seconds, frame, None if raw is None else b64decode(raw)))
                elif str(content.get("event", "")).endswith("by the server"):
                    steps.append(_Step(seconds, None, None))
            except ValueError as error:
                raise ValueError(f"line {number}: {error}") from None
        self.connections = list(by_number.values())
        if not self.connections:
            raise ValueError("the recording is empty")


def _frame_with_length_as_recorded(content: dict[str, object]) -> Frame:
    frame = frame_of(content)
    omits = "content-length" not in frame.headers
    return Frame.assemble(frame.command, frame.headers, frame.body, None, omits_content_length=omits)


class ReplayServer:
    """Serves clients until it is cancelled.

    Args:
        recording: what to play.
        recorder: gets the bytes of both directions.
        on_event: gets the number of a connection, and a sentence, when it begins, ends, or differs from the recording.
        speed: 1 is as fast as it was, 2 twice as fast; 0 does not wait.
    """

    def __init__(
        self, recording: Recording, recorder: Recorder, on_event: Callable[[int, str], object], speed: float
    ) -> None:
        self._recording = recording
        self._recorder = recorder
        self._on_event = on_event
        self._speed = speed
        self._accepted = 0

    async def serve(self, host: str, port: int, tls: ssl.SSLContext | None) -> asyncio.Server:
        """Listen.

        Raises:
            OSError: the port is taken.
        """
        return await asyncio.start_server(self._serve, host, port, ssl=tls)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._accepted += 1
        number = self._accepted
        host, port = writer.get_extra_info("peername")[:2]
        self._on_event(number, f"accepted from {host}:{port}")
        connections = self._recording.connections
        client = _Client(number, writer, self._recorder)
        playing = asyncio.ensure_future(
            self._play(client, connections[min(number, len(connections)) - 1], writer)
        )
        beating = asyncio.ensure_future(client.send_heart_beats())
        end = "closed by the client"
        try:
            while data := await reader.read(_CHUNK):
                client.receive(data)
            if playing.done():
                end = playing.result() or end
        except OSError:
            end = "reset by the client"
        except StompError as error:
            end = f"closed: {error}"
        finally:
            playing.cancel()
            beating.cancel()
            writer.close()
            self._on_event(number, end)

    async def _play(self, client: _Client, steps: list[_Step], writer: asyncio.StreamWriter) -> str | None:
        """Play the steps; return how the connection has ended, if the server has ended it."""
        replaced: dict[str, str] = {}
        before = steps[0].time if steps else 0.0
        for step in steps:
            if step.frame is not None and step.raw is None:
                sent = await client.next_frame()
                replaced |= _differences(step.frame, sent)
                if sent.command != step.frame.command:
                    self._on_step_differs(client.number, step.frame, sent)
            else:
                if self._speed:
                    await asyncio.sleep((step.time - before) / self._speed)
                if step.frame is None:
                    writer.close()
                    return "closed by the server, as it was recorded"
                client.send(step.frame, step.raw, replaced)
                await writer.drain()
            before = step.time
        return None

    def _on_step_differs(self, number: int, recorded: Frame, sent: Frame) -> None:
        self._on_event(number, f"the client sent {sent.command}, and {recorded.command} when it was recorded")


class _Client:
    """One client: what it sends, frame by frame, and what is sent to it."""

    def __init__(self, number: int, writer: asyncio.StreamWriter, recorder: Recorder) -> None:
        self.number = number
        self._writer = writer
        self._recorder = recorder
        self._connection = ServerConnection(leniency=_LENIENCY, check_requests=False)
        self._frames: asyncio.Queue[Frame] = asyncio.Queue()
        self._connected = asyncio.Event()

    def receive(self, data: bytes) -> None:
        """Take bytes from the client.

        Raises:
            RemoteProtocolError: they are not STOMP.
        """
        self._recorder.note(self.number, "to-server", data)
        self._connection.receive_data(data, time.monotonic())
        self._read_frames()

    async def next_frame(self) -> Frame:
        """Return the next frame that the client sends."""
        return await self._frames.get()

    def send(self, frame: Frame, raw: bytes | None, replaced: dict[str, str]) -> None:
        """Send a frame: the recorded bytes, if nothing in it is to be replaced."""
        pairs = [(name, replaced.get(value, value)) for name, value in frame.headers.items()]
        if pairs != frame.headers.items():
            frame, raw = frame.replace(headers=pairs), None
        data = self._connection.send(frame, now=time.monotonic())
        self._write(raw or data)
        if frame.command == "CONNECTED":
            self._connected.set()
            self._read_frames()  # those behind CONNECT are read in the version that is known now

    async def send_heart_beats(self) -> None:
        """Send those that CONNECTED has promised."""
        await self._connected.wait()
        while (deadline := self._connection.next_deadline()) is not None:
            await asyncio.sleep(max(deadline - time.monotonic(), 0.01))
            self._write(self._connection.handle_timeout(time.monotonic()))
            self._read_frames()

    def _write(self, data: bytes) -> None:
        if data and not self._writer.is_closing():
            self._recorder.note(self.number, "to-client", data)
            self._writer.write(data)

    def _read_frames(self) -> None:
        while (event := self._connection.next_event()) is not NEED_DATA:
            if isinstance(event, ConnectionClosed):
                self._writer.close()
                return
            if isinstance(event, Event):
                self._frames.put_nowait(event.frame)


def _differences(recorded: Frame, sent: Frame) -> dict[str, str]:
    """Return the values of headers that differ, by the recorded ones."""
    if recorded.command in _HANDSHAKE or recorded.command != sent.command:
        return {}  # a passcode is masked, and heart-beats are negotiated anew
    return {
        value: sent.headers[name]
        for name, value in recorded.headers.items()
        if name != "content-length" and sent.headers.get(name, value) != value
    }
