"""What the tests of the session share: a session, the broker's side of its wire, and one clock for both.

The broker says what the script tells it to, and nothing else. It is the server role of the core, so it hears what was
really said; where a broker misbehaves, the script says bytes.
"""

from __future__ import annotations

from typing import Any, TypeVar

from stomp_core import (
    NEED_DATA,
    Connected,
    ConnectionClosed,
    Error,
    Event,
    Message,
    Receipt,
    ServerConnection,
    Session,
    Tolerated,
)
from stomp_core.session import Attempt, Delivery, Listener, Pending, Subscription, Transaction

T = TypeVar("T")
RABBITMQ = "RabbitMQ/3.13.7"
ACTIVEMQ = "ActiveMQ/5.18.4"
URL = "stomp://broker"


class Observer(Listener):
    """A listener that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("_") or name in ("told", "names", "of"):
            return object.__getattribute__(self, name)

        def hear(*arguments: Any) -> tuple[()]:
            self.told.append((name, *arguments))
            return ()

        return hear

    def names(self) -> list[str]:
        return [entry[0] for entry in self.told]

    def of(self, name: str) -> list[tuple[Any, ...]]:
        return [entry[1:] for entry in self.told if entry[0] == name]


class Play:
    """A session that dials when it is told to, and a broker that does not answer unless it is told to."""

    def __init__(
        self,
        endpoints: Any = URL,
        *,
        version: str = "1.2",
        server: str | None = RABBITMQ,
        beats: tuple[int, int] = (0, 0),
        **options: Any,
    ) -> None:
        self.now = 0.0
        self.version = version
        self.server = server
        self.beats = beats
        self.wakes = 0
        self.observer = Observer()
        options = {"heart_beat": (0, 0), "listener": self.observer, "wake": self._wake, **options}
        self.session = Session(endpoints, **options)
        self.broker: ServerConnection | None = None
        self.written = b""  # on the present connection

    def _wake(self) -> None:
        self.wakes += 1

    # ------------------------------------------------------------------ connecting

    def dial(self) -> Attempt:
        """Wait until the next attempt is due, and let it lead to a connection."""
        if self.session.want_close:
            self.lets_go()
        attempt = self.attempt()
        self.now = max(self.now, attempt.at)
        self.session.connection_made(self.now)
        self.broker = ServerConnection([self.version], unsolicited_messages=True)
        self.written = b""
        return attempt

    def attempt(self) -> Attempt:
        attempt = self.session.next_attempt(self.now)
        assert attempt is not None
        return attempt

    def connected(self) -> Play:
        """Dial, and let the broker answer CONNECTED."""
        self.dial()
        self.hears()
        self.welcome()
        return self

    def welcome(self) -> None:
        """The broker answers CONNECT."""
        assert self.broker is not None
        headers = () if self.server is None else (("server", self.server),)
        self.says(Connected(version=self.version, heart_beat=self.beats, headers=headers))

    # ------------------------------------------------------------------ talking

    def hears(self) -> list[Any]:
        """What the session had to say, as the broker hears it."""
        assert self.broker is not None
        data = self.session.data_to_send()
        self.written += data
        if data:
            self.broker.receive_data(data, self.now)
        heard: list[Any] = []
        while (event := self.broker.next_event()) is not NEED_DATA:
            assert not isinstance(event, ConnectionClosed | Tolerated)
            heard.append(event)
        return heard

    def hears_one(self) -> Any:
        (event,) = self.hears()
        return event

    def commands(self) -> list[str]:
        """What the session had to say, by command."""
        return [event.command if isinstance(event, Event) else "beat" for event in self.hears()]

    def says(self, *events: Event) -> None:
        """The broker says this."""
        assert self.broker is not None
        for event in events:
            self.session.receive_data(self.broker.send(event, now=self.now), self.now)

    def says_bytes(self, data: bytes) -> None:
        self.session.receive_data(data, self.now)

    def confirms(self, *receipts: str) -> None:
        self.says(*map(Receipt, receipts))

    def confirms_all(self) -> list[Any]:
        """The broker hears what was said, and confirms whatever asks for it. Returns what it heard."""
        heard = self.hears()
        for event in heard:
            receipt = getattr(event, "receipt", None)
            if receipt is not None:
                self.confirms(receipt)
        return heard

    def refuses(self, message: str = "no", **options: Any) -> None:
        """The broker says ERROR."""
        self.says(Error(message, **options))

    def delivers(
        self, subscription: str | None, *ids: str, destination: str = "/queue/a", **options: Any
    ) -> None:
        """The broker says MESSAGE, once for each id."""
        for name in ids:
            ack = options.get("ack", f"ack-{name}" if self.version == "1.2" else None)
            rest = {key: value for key, value in options.items() if key != "ack"}
            self.says(Message(destination, message_id=name, subscription=subscription, ack=ack, **rest))

    # ------------------------------------------------------------------ time and ends

    def wait(self, seconds: float) -> None:
        """Let time pass: handle_timeout is called whenever it is due, and the broker hears what is written."""
        until = self.now + seconds
        self.session.handle_timeout(self.now)
        for _ in range(100_000):
            deadline = self.session.next_deadline()
            if deadline is None or deadline > until:
                break
            self.now = max(self.now, deadline)
            self.session.handle_timeout(self.now)
        else:
            raise AssertionError("the session spins")
        self.now = until
        self.session.handle_timeout(self.now)

    def cut(self, reason: BaseException | str | None = None) -> None:
        """The wire is cut; the adapter sees it."""
        self.session.connection_lost(reason, self.now)
        self.broker = None

    def lets_go(self) -> None:
        """The session is done with its socket; the adapter closes it."""
        assert self.session.want_close
        self.cut()

    # ------------------------------------------------------------------ shorthands

    def subscribed(self, destination: str = "/queue/a", **options: Any) -> Subscription:
        """A subscription that the broker has confirmed."""
        pending = self.session.subscribe(destination, **options)
        self.confirms_all()
        return pending.result()

    def begun(self, id: str | None = None) -> Transaction:
        transaction = self.session.begin(id).result()
        self.hears()
        return transaction


def taken(subscription: Subscription) -> list[Delivery]:
    """All that the subscription has to hand over."""
    found = []
    while (delivery := subscription.take()) is not None:
        found.append(delivery)
    return found


def ids(deliveries: list[Delivery]) -> list[str]:
    return [delivery.message_id for delivery in deliveries]


def failure(pending: Pending[Any], kind: type[T]) -> T:
    """Why it failed, which is of exactly this type."""
    assert pending.done
    error = pending.exception()
    assert type(error) is kind, repr(pending)
    return error
