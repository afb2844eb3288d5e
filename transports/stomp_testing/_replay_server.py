"""The recorded side of a server, played to clients that connect.

The first client gets what the first recorded one got, and so on; when there are more, they get what the last one got.
A frame of the server is sent when the client has sent as many frames as the recorded one had sent before it. Where the
ids in a client's frame differ from the recorded ones, they are put in place of these in what the server sends.

It is plain STOMP, also what was recorded over WebSocket.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from dataclasses import replace

from stomp_core import (
    NEED_DATA,
    ConnectionClosed,
    Event,
    Frame,
    Leniency,
    ServerConnection,
    StompError,
)

from ._recorder import Recorder
from ._recording import Recording, RecordingStep
from ._replaced_ids import ReplacedIds
from ._websocket_reader import Opening

__all__ = ["ReplayServer"]

_CHUNK = 64 * 1024
_HANDSHAKE = ("CONNECT", "STOMP")
_NO_WEBSOCKET = (
    b"HTTP/1.1 501 Not Implemented\r\nContent-Type: text/plain\r\nContent-Length: 57\r\nConnection: close\r\n\r\n"
    b"A replay speaks no WebSocket: connect to stomp:// instead"
)
_LENIENCY = replace(Leniency.permissive(), unchecked_conversation=True)  # type: ignore[type-var, unused-ignore]


class ReplayServer:
    """Serve clients until it is cancelled.

    Args:
        recording: the recording.
        recorder: receives the bytes of both directions.
        on_event: called with the number of a connection and a sentence, when it begins or ends.
        on_difference: called with the same when a client does something else than was recorded.
        speed: 1 is as fast as it was, 2 is twice as fast, 0 does not wait.
    """

    def __init__(
        self,
        recording: Recording,
        recorder: Recorder,
        on_event: Callable[[int, str], object],
        on_difference: Callable[[int, str], object],
        speed: float,
    ) -> None:
        self._recording = recording
        self._recorder = recorder
        self._on_event = on_event
        self._on_difference = on_difference
        self._speed = speed
        self._accepted = 0

    async def serve(self, host: str, port: int, tls: ssl.SSLContext | None) -> asyncio.Server:
        """Listen for clients.

        Args:
            host: the address to listen on.
            port: the TCP port.
            tls: use TLS with this context; ``None`` is plaintext.

        Returns:
            The server of asyncio.

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
            self._play(client, _answer_first(connections[min(number, len(connections)) - 1]), writer)
        )
        beating = asyncio.ensure_future(client.send_heart_beats())
        opening = Opening()
        end = "closed by the client"
        try:
            while data := await reader.read(_CHUNK):
                known = opening.pass_on("to-server", data)
                if opening.reader is not None:
                    writer.write(_NO_WEBSOCKET)
                    end = "closed: the client speaks WebSocket, and a replay is plain STOMP: connect to stomp://"
                    break
                if known is not None:
                    client.receive(known)
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

    async def _play(
        self, client: _Client, steps: list[RecordingStep], writer: asyncio.StreamWriter
    ) -> str | None:
        """Play the steps; return how the connection has ended, if the server has ended it."""
        ids = ReplacedIds()
        before = steps[0].time if steps else 0.0
        for step in steps:
            if step.by_server:
                if self._speed:
                    await asyncio.sleep((step.time - before) / self._speed)
                if step.frame is None:
                    writer.close()
                    return "closed by the server, as it was recorded"
                client.send(step.frame, step.raw, ids)
                await writer.drain()
            elif step.frame is not None:
                sent = await client.next_frame()
                # In the handshake a passcode is masked, and heart-beats are negotiated anew.
                if sent.command not in _HANDSHAKE:
                    ids.learn(step.frame, sent)
                if sent.command != step.frame.command:
                    recorded = f"{step.frame.command} when it was recorded"
                    self._on_difference(client.number, f"the client sent {sent.command}, and {recorded}")
            before = step.time
        return None


def _answer_first(steps: list[RecordingStep]) -> list[RecordingStep]:
    """Return the steps with the answer to CONNECT directly behind it.

    A client may have sent other frames before the answer came. They are read after it, in the version that it names.
    """
    handshake = next((at for at, step in enumerate(steps) if _is_handshake(step)), None)
    answer = next((at for at, step in enumerate(steps) if step.by_server), None)
    if handshake is None or answer is None or answer < handshake:
        return steps
    behind = [step for step in steps[handshake + 1 :] if step is not steps[answer]]
    return [*steps[: handshake + 1], steps[answer], *behind]


def _is_handshake(step: RecordingStep) -> bool:
    return step.frame is not None and step.frame.command in _HANDSHAKE


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

    def send(self, frame: Frame, raw: bytes | None, ids: ReplacedIds) -> None:
        """Send a frame: the recorded bytes, if nothing in it is to be replaced."""
        now = ids.put_into(frame)
        data = self._connection.send(now, now=time.monotonic())
        self._write(raw if raw and now is frame else data)
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
