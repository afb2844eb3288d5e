"""The state machines as targets of the player: a broker on ServerConnections, and an echo client on a ClientConnection.

There are no sockets and no clock. A read that would wait moves the time on, so heart-beats are due when they should be,
and nothing that does not come is waited for.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import defaultdict, deque
from collections.abc import Iterable
from uuid import uuid4

from stomp_core import (
    NEED_DATA,
    AckMode,
    ClientConnection,
    Connect,
    Connected,
    ConnectionClosed,
    Disconnect,
    Error,
    Event,
    Message,
    Receipt,
    RemoteProtocolError,
    Send,
    ServerConnection,
    State,
    Subscribe,
    TrackedSubscription,
)

__all__ = ["MemoryBroker", "MemoryClient", "MemoryLine"]


class MemoryLine:
    """One connection whose other end is a state machine.

    Args:
        connection: the state machine.
        pieces: give it every byte alone, instead of all that is written at once.
    """

    def __init__(self, connection: ClientConnection | ServerConnection, pieces: bool) -> None:
        self._connection = connection
        self._pieces = pieces
        self._output = bytearray()
        self._closed = False
        self._now = 0.0

    @property
    def now(self) -> float:
        """The time of this connection, in seconds."""
        return self._now

    @property
    def closed(self) -> bool:
        """Whether either end has closed."""
        return self._closed

    def write(self, data: bytes) -> None:
        for chunk in (data[at : at + 1] for at in range(len(data))) if self._pieces else (data,):
            if self._closed:
                return
            self._connection.receive_data(chunk, now=self._now)
            self._process()

    def read(self, seconds: float) -> bytes:
        if not self._output and not self._closed:
            self._pass_time(seconds)
        if not self._output and not self._closed:
            raise TimeoutError
        data, self._output = bytes(self._output), bytearray()
        return data

    def wait(self, seconds: float) -> None:
        end = self._now + seconds
        while not self._closed and (deadline := self._connection.next_deadline()) is not None:
            if deadline > end:
                break
            self._handle_timeout(deadline)
        self._now = end

    def close(self) -> None:
        if not self._closed:
            self._connection.receive_data(b"", now=self._now)
            self._process()
            self.end()

    def send(self, data: bytes) -> None:
        """Send bytes to the player."""
        self._output += data

    def end(self) -> None:
        """Close this end."""
        self._closed = True

    def _pass_time(self, seconds: float) -> None:
        """Let time pass until there is output."""
        end = self._now + seconds
        while not self._output and not self._closed:
            deadline = self._connection.next_deadline()
            if deadline is None or deadline > end:
                self._now = end
                return
            self._handle_timeout(deadline)

    def _handle_timeout(self, deadline: float) -> None:
        self._now = max(self._now, deadline)
        self._output += self._connection.handle_timeout(now=self._now)
        self._process()

    def _process(self) -> None:
        try:
            while not self._closed and (event := self._connection.next_event()) is not NEED_DATA:
                if isinstance(event, ConnectionClosed):
                    self.end()
                elif isinstance(event, Event):
                    self._on_event(event)
        except RemoteProtocolError as error:
            if error.frame_hint is not None and isinstance(self._connection, ServerConnection):
                self.send(self._connection.send(error.frame_hint, now=self._now))
            self.end()

    @abstractmethod
    def _on_event(self, event: Event) -> None:
        """Do what a frame asks for."""


# ---------------------------------------------------------------------- a broker


class MemoryBroker:
    """Queues, and the connections of clients.

    Args:
        pieces: as for MemoryLine.
    """

    def __init__(self, pieces: bool = False) -> None:
        self._pieces = pieces
        self._queues: defaultdict[str, deque[Send]] = defaultdict(deque)
        self._lines: list[_BrokersLine] = []

    def open(self) -> MemoryLine:
        line = _BrokersLine(self, self._pieces)
        self._lines.append(line)
        return line

    def publish(self, send: Send) -> None:
        self._queues[send.destination].append(send)
        self.distribute(send.destination)

    def put_back(self, sends: Iterable[Send]) -> None:
        """Put messages to the front of their queues, and deliver them again."""
        sends = list(sends)
        for send in reversed(sends):
            self._queues[send.destination].appendleft(send)
        for destination in {send.destination for send in sends}:
            self.distribute(destination)

    def distribute(self, destination: str) -> None:
        """Deliver what is in a queue to its subscribers in turn."""
        queue = self._queues[destination]
        while queue:
            for line in self._lines:
                subscription = line.subscription_to(destination)
                if subscription is not None:
                    line.deliver(queue.popleft(), subscription)
                    self._lines.remove(line)
                    self._lines.append(line)
                    break
            else:
                return


class _BrokersLine(MemoryLine):
    def __init__(self, broker: MemoryBroker, pieces: bool) -> None:
        self._server = ServerConnection()
        self._broker = broker
        super().__init__(self._server, pieces)

    def subscription_to(self, destination: str) -> TrackedSubscription | None:
        if self.closed:
            return None
        return next((one for one in self._server.subscriptions if one.destination == destination), None)

    def deliver(self, send: Send, subscription: TrackedSubscription) -> None:
        self.send(self._server.deliver(send, subscription, now=self.now))

    def end(self) -> None:
        super().end()
        self._broker.put_back(self._server.take_unacknowledged())

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Connect):
            if (event.login, event.passcode) != ("guest", "guest"):
                raise self._server.refusal(event, "wrong login or passcode")
            mine = event.heart_beat[1], event.heart_beat[0]
            heart_beat = mine if any(mine) else None
            self.send(
                self._server.send(
                    Connected(server="memory/1", session=uuid4().hex, heart_beat=heart_beat), now=self.now
                )
            )
            return
        effects = self._server.effects(event)
        if event.headers.get("receipt") is not None:
            self.send(self._server.send(Receipt(event.headers["receipt"]), now=self.now))
        if isinstance(event, Subscribe):
            self._broker.distribute(event.destination)
        for cause, sends in effects:
            if isinstance(cause, Send):
                self._broker.publish(cause)
            elif cause.command != "ACK":
                self._broker.put_back(sends)
        if isinstance(event, Disconnect):
            self.end()


# ---------------------------------------------------------------------- a client


class MemoryClient:
    """The echo client that README.md of the data describes.

    Args:
        version: the only one that it offers.
        pieces: as for MemoryLine.
    """

    def __init__(self, version: str, pieces: bool = False) -> None:
        self._version = version
        self._pieces = pieces

    def open(self) -> MemoryLine:
        return _ClientsLine(self._version, self._pieces)


class _ClientsLine(MemoryLine):
    def __init__(self, version: str, pieces: bool) -> None:
        self._client = ClientConnection((version,))
        super().__init__(self._client, pieces)
        self.send(
            self._client.connect("/", login="guest", passcode="guest", heart_beat=(1000, 1000), now=self.now)
        )

    def _on_event(self, event: Event) -> None:
        client, now = self._client, self.now
        if isinstance(event, Connected):
            ack: AckMode = "client" if event.version == "1.0" else "client-individual"
            self.send(client.subscribe("/queue/conformance", id="0", ack=ack, now=now))
        elif isinstance(event, Message) and client.state is State.CONNECTED:
            if event.body == b"bye":
                self.send(client.ack(event, now=now))
                self.send(client.disconnect(receipt="bye", now=now))
                return
            echo, reveal = event.headers.get("echo"), event.headers.get("reveal")
            headers = {} if echo is None else {"echo": echo}
            body = event.body if reveal is None else reveal.encode()
            self.send(client.send("/queue/echo", body, headers=headers, now=now))
            self.send(client.ack(event, now=now))
        elif isinstance(event, Error) or (isinstance(event, Receipt) and event.receipt_id == "bye"):
            self.end()
