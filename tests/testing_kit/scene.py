"""A broker without sockets or a clock: the peers of one exchange, and clients that send literal text.

The only module of these tests that imports private modules of the kit: with them time is an argument.
"""

from __future__ import annotations

from stomp_testing._exchange import Exchange
from stomp_testing._peer import Peer
from stomp_testing._settings import BrokerFaults, Settings, flavour_named

CONNECT = "CONNECT\naccept-version:{version}\nhost:/\n{more}\n"


class Scene:
    """One broker, and the time."""

    def __init__(
        self, flavour: str = "rabbitmq", *, redelivery_delay: float = 0.0, **settings: object
    ) -> None:
        self.faults = BrokerFaults()
        self.settings = Settings(
            flavour=flavour_named(flavour),
            faults=self.faults,
            **settings,  # type: ignore[arg-type]
        )
        self.exchange = Exchange(self.settings.flavour, redelivery_delay, self.settings.clock)
        self.now = 100.0
        self.clients: list[Client] = []

    def dial(self) -> Client:
        """Return a client that has not sent anything."""
        client = Client(self)
        self.clients.append(client)
        return client

    def client(self, version: str = "1.2", more: str = "") -> Client:
        """Return a client that has received CONNECTED."""
        client = self.dial()
        answer = client.send(CONNECT.format(version=version, more=more))
        assert answer[0].startswith("CONNECTED\n"), answer
        return client

    def waiting(self, destination: str) -> list[bytes]:
        """Return the bodies that wait for a destination."""
        return [message.body for queue in self.exchange.queues_of(destination) for message in queue.waiting]


class Client:
    """One client. Frames are text without their NUL."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        name = f"s{len(scene.clients) + 1}"
        self.peer = Peer(scene.exchange, scene.settings, name, [], scene.now)

    def send(self, *frames: str) -> list[str]:
        """Send frames in one chunk, and return what the broker sends this client then."""
        self.peer.receive_data("".join(f"{frame}\0" for frame in frames).encode(), self._scene.now)
        return self.receive()

    def receive(self) -> list[str]:
        """Return the frames that the broker has sent since the last call."""
        data = b""
        while piece := self.peer.take_output():
            data += piece
            self.peer.output_written(transport_full=False)
        frames = data.decode().split("\0")
        assert frames.pop().strip("\n") == "", data
        return [frame.lstrip("\n") for frame in frames]

    def bodies(self) -> list[str]:
        """Return the bodies of the MESSAGEs that the broker has sent since the last call."""
        return [body(frame) for frame in self.receive() if frame.startswith("MESSAGE\n")]

    def leave(self) -> None:
        """Close the socket without DISCONNECT."""
        self.peer.receive_data(b"", self._scene.now)


def body(frame: str) -> str:
    """Return the body of a frame."""
    return frame.partition("\n\n")[2]


def header(frame: str, name: str) -> str | None:
    """Return a header's first value, as it is written in the frame."""
    for line in frame.partition("\n\n")[0].split("\n")[1:]:
        key, _, value = line.partition(":")
        if key == name:
            return value
    return None
