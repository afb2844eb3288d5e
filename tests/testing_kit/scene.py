"""A broker without sockets or a clock: peers around one exchange, and clients that speak literal text."""

from __future__ import annotations

from stomp_testing._exchange import Exchange
from stomp_testing._peer import Peer
from stomp_testing._settings import BrokerFaults, Settings, flavour_named

HELLO = "CONNECT\naccept-version:{version}\nhost:/\n{more}\n"


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
        self.exchange = Exchange(self.settings.flavour, redelivery_delay)
        self.now = 100.0
        self.clients: list[Client] = []

    def dial(self) -> Client:
        """A client that has not said anything."""
        client = Client(self)
        self.clients.append(client)
        return client

    def client(self, version: str = "1.2", more: str = "") -> Client:
        """A client that was answered CONNECTED."""
        client = self.dial()
        answer = client.say(HELLO.format(version=version, more=more))
        assert answer[0].startswith("CONNECTED\n"), answer
        return client

    def waiting(self, destination: str) -> list[bytes]:
        """The bodies that wait."""
        return [item.body for queue in self.exchange.queues_of(destination) for item in queue.waiting]


class Client:
    """One client. Frames are text without their NUL."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        name = f"s{len(scene.clients) + 1}"
        self.peer = Peer(scene.exchange, scene.settings, name, [], scene.now)

    def say(self, *frames: str) -> list[str]:
        """Say these frames in one piece; returns what the broker has for this client then."""
        self.peer.receive_data("".join(f"{frame}\0" for frame in frames).encode(), self._scene.now)
        return self.hear()

    def hear(self) -> list[str]:
        """What the broker has said since the last call, as far as this client reads."""
        said = b""
        while piece := self.peer.take_output():
            said += piece
            self.peer.output_written(transport_full=False)
        frames = said.decode().split("\0")
        assert frames.pop().strip("\n") == "", said
        return [frame.lstrip("\n") for frame in frames]

    def bodies(self) -> list[str]:
        """The bodies of the MESSAGEs that :meth:`hear` gives."""
        return [body(frame) for frame in self.hear() if frame.startswith("MESSAGE\n")]

    def leave(self) -> None:
        """Close the socket without a word."""
        self.peer.receive_data(b"", self._scene.now)


def body(frame: str) -> str:
    return frame.partition("\n\n")[2]


def header(frame: str, name: str) -> str | None:
    """A header's first value, as it stands in the frame."""
    for line in frame.partition("\n\n")[0].split("\n")[1:]:
        key, _, value = line.partition(":")
        if key == name:
            return value
    return None
