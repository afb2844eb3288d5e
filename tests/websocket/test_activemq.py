"""ActiveMQ's WebSocket connector, played by a peer that is as strict as its source: Debian's package cannot start it.

It reads one STOMP frame of each message and drops the rest, ignores binary messages, and takes a heart-beat only from
a message that is exactly a line feed. It answers the subprotocol ``stomp`` to who offers none that it knows.
"""

from __future__ import annotations

from typing import Any

import pytest
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from stomp_core import NEED_DATA, FrameParser, Message
from stomp_core import Frame as StompFrame
from stomp_websocket import WebSocket
from tests.session.play import ACTIVEMQ, Play, taken

KNOWN = ("v12.stomp", "v11.stomp", "v10.stomp")


class Connector:
    """The server's end: it keeps what it understands, and what it drops."""

    def __init__(self) -> None:
        self._protocol = ServerProtocol(
            subprotocols=[Subprotocol(name) for name in KNOWN],
            select_subprotocol=lambda _, offered: next(
                (Subprotocol(name) for name in KNOWN if name in offered), Subprotocol("stomp")
            ),
        )
        self.frames: list[StompFrame] = []
        self.heart_beats = 0
        self.dropped: list[bytes] = []
        self._message = b""
        self._text = False

    def receive(self, data: bytes) -> bytes:
        """Process bytes, and return the answer of HTTP and WebSocket."""
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._protocol.send_response(self._protocol.accept(event))
            elif isinstance(event, Frame) and event.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
                if event.opcode is not Opcode.CONT:
                    self._message, self._text = b"", event.opcode is Opcode.TEXT
                self._message += event.data
                if event.fin:
                    self._on_message(self._message)
        return b"".join(self._protocol.data_to_send())

    def _on_message(self, message: bytes) -> None:
        if not self._text:
            self.dropped.append(message)
        elif message == b"\n":
            self.heart_beats += 1
        else:
            message.decode()
            parser = FrameParser()
            parser.receive_data(message)
            frame = parser.next_frame()
            assert isinstance(frame, StompFrame), "a message that contains no whole frame is an error there"
            self.frames.append(frame)
            if parser.next_frame() is not NEED_DATA:
                self.dropped.append(message)

    def send(self, data: bytes) -> bytes:
        self._protocol.send_text(data)
        return b"".join(self._protocol.data_to_send())


class ConnectorPlay(Play):
    """A session that talks to the connector."""

    def __init__(self, **options: Any) -> None:
        super().__init__("ws://broker:61614", server=ACTIVEMQ, **options)
        self.connector = Connector()

    def connected(self) -> Play:
        self.dial()
        self.exchange()
        self.accept()
        return self

    def exchange(self) -> None:
        """Write everything, as the blocking engine does it: in one piece."""
        while data := self.session.data_to_send():
            if answer := self.connector.receive(bytes(data)):
                self.session.receive_data(answer, self.now)

    def receive(self, *events: Any) -> None:
        for event in events:
            wire = event.frame.to_bytes(self.version)
            self.session.receive_data(self.connector.send(wire), self.now)


def test_each_frame_arrives_whatever_is_written_at_once() -> None:
    play = ConnectorPlay(beats=(0, 1000), heart_beat=(1, 0))
    play.connected()
    for number in range(50):
        play.send("/queue/a", f"grün {number}")
    play.exchange()
    sent = [frame for frame in play.connector.frames if frame.command == "SEND"]
    assert [frame.body.decode() for frame in sent] == [f"grün {number}" for number in range(50)]
    for _ in range(5):
        play.wait(0.9)
        play.exchange()
    assert play.connector.heart_beats == 5
    assert play.connector.dropped == []


def test_its_messages_are_received() -> None:
    play = ConnectorPlay()
    play.connected()
    pending = play.subscribe("/queue/a", receipt=False)
    subscription = pending.result()
    play.receive(Message("/queue/a", message_id="1", subscription=subscription.id, body="grün"))
    assert [message.body.decode() for message in taken(subscription)] == ["grün"]


@pytest.mark.parametrize("subprotocols", [(), ("mqtt",)])
def test_its_subprotocol_stomp_is_accepted(subprotocols: tuple[str, ...]) -> None:
    play = ConnectorPlay(websocket=WebSocket(subprotocols=subprotocols))
    play.connected()
    assert play.session.connected is not None


def test_a_body_that_is_not_utf8_goes_as_binary_which_it_ignores() -> None:
    """docs/how-to/websocket.md names it: bytes do not pass over this connector, whatever a client does."""
    play = ConnectorPlay()
    play.connected()
    play.send("/queue/a", b"\xff")
    play.exchange()
    assert len(play.connector.dropped) == 1


def test_fragments_and_a_close_are_understood() -> None:
    play = ConnectorPlay()
    play.connected()
    play.session.receive_data(Frame(Opcode.TEXT, b"\n", False).serialize(mask=False), play.now)
    play.session.receive_data(Frame(Opcode.CONT, b"\n").serialize(mask=False), play.now)
    assert play.session.connected is not None
    play.session.receive_data(Frame(Opcode.CLOSE, b"").serialize(mask=False), play.now)
    assert play.session.connected is None
