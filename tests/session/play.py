"""Play: a session, the broker's side of its connection, and one clock for both. Shared by the tests of the session.

The broker sends what the test makes it send, and nothing else. It is the server role of the core, which is strict, so
a frame that STOMP does not allow fails the test. Where a broker misbehaves, the test sends bytes.
"""

from __future__ import annotations

import gc
from functools import partial
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
from stomp_core.session import Attempt, Config, Delivery, Listener, Pending, Subscription, Transaction

T = TypeVar("T")
RABBITMQ = "RabbitMQ/3.13.7"
ACTIVEMQ = "ActiveMQ/5.18.4"
URL = "stomp://broker"
#: What Session itself takes; everything else is an option of Config.
_OF_SESSION = ("wake", "run_listener", "make_delivery", "tap", "rng")


class Recorder(Listener):
    """A listener that records every call."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("_") or name in ("calls", "names", "of"):
            return object.__getattribute__(self, name)

        if name == "handles":
            return lambda method: True

        def record(*arguments: Any) -> tuple[()]:
            self.calls.append((name, *arguments))
            return ()

        return record

    def names(self) -> list[str]:
        """The methods that were called, in order."""
        return [entry[0] for entry in self.calls]

    def of(self, name: str) -> list[tuple[Any, ...]]:
        """The arguments of each call of one method."""
        return [entry[1:] for entry in self.calls if entry[0] == name]


class Play:
    """A session that dials only when the test calls for it, and a broker that answers only then.

    Args:
        endpoints: of the session.
        version: the only version that the broker speaks.
        server: the ``server`` header of CONNECTED.
        beats: the ``heart-beat`` header of CONNECTED, in milliseconds.
        options: of :class:`Session` and :class:`Config`.
    """

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
        self.recorder = Recorder()
        options = {"heart_beat": (0, 0), "listener": self.recorder, "wake": self._wake, **options}
        of_session = {name: options.pop(name) for name in _OF_SESSION if name in options}
        self.session = Session(Config(endpoints, **options), **of_session)
        self.broker: ServerConnection | None = None
        self.written = b""  # on the present connection

    def _wake(self) -> None:
        self.wakes += 1

    # ------------------------------------------------------------------ operations, at the present time

    @property
    def send(self) -> partial[Pending[None]]:
        return partial(self.session.send, self.now)

    @property
    def subscribe(self) -> partial[Pending[Subscription]]:
        return partial(self.session.subscribe, self.now)

    @property
    def unsubscribe(self) -> partial[Pending[None]]:
        return partial(self.session.unsubscribe, self.now)

    @property
    def ack(self) -> partial[Pending[None]]:
        return partial(self.session.ack, self.now)

    @property
    def nack(self) -> partial[Pending[None]]:
        return partial(self.session.nack, self.now)

    @property
    def begin(self) -> partial[Pending[Transaction]]:
        return partial(self.session.begin, self.now)

    @property
    def commit(self) -> partial[Pending[None]]:
        return partial(self.session.commit, self.now)

    @property
    def abort(self) -> partial[Pending[None]]:
        return partial(self.session.abort, self.now)

    @property
    def request(self) -> partial[Pending[Delivery]]:
        return partial(self.session.request, self.now)

    @property
    def send_frame(self) -> partial[Pending[None]]:
        return partial(self.session.send_frame, self.now)

    @property
    def send_heart_beat(self) -> partial[Pending[None]]:
        return partial(self.session.send_heart_beat, self.now)

    @property
    def close(self) -> partial[Pending[bool]]:
        return partial(self.session.close, self.now)

    # ------------------------------------------------------------------ connecting

    def attempt(self) -> Attempt:
        """Return the next attempt to connect; there must be one."""
        attempt = self.session.next_attempt(self.now)
        assert attempt is not None
        return attempt

    def dial(self) -> Attempt:
        """Wait until the next attempt is due, and let it lead to a connection."""
        if self.session.want_close:
            self.close_socket()
        attempt = self.attempt()
        self.now = max(self.now, attempt.at)
        self.session.connection_made(self.now)
        self.broker = ServerConnection([self.version], unsolicited_messages=True)
        self.written = b""
        return attempt

    def accept(self) -> None:
        """Let the broker answer CONNECT with CONNECTED."""
        headers = () if self.server is None else (("server", self.server),)
        self.receive(Connected(version=self.version, heart_beat=self.beats, headers=headers))

    def connected(self) -> Play:
        """Dial, and let the broker answer CONNECTED."""
        self.dial()
        self.sent()
        self.accept()
        return self

    def reconnect(self) -> None:
        """Lose the connection, and make the next one."""
        self.cut()
        self.connected()

    # ------------------------------------------------------------------ what the session sends

    def sent(self) -> list[Any]:
        """Write everything that the session has to send; return it as the broker's events."""
        assert self.broker is not None
        data = self.session.data_to_send()
        self.written += data
        if data:
            self.broker.receive_data(data, self.now)
        events: list[Any] = []
        while (event := self.broker.next_event()) is not NEED_DATA:
            assert not isinstance(event, ConnectionClosed | Tolerated)
            events.append(event)
        return events

    def sent_one(self) -> Any:
        """Write everything that the session has to send, which must be one frame; return it."""
        (event,) = self.sent()
        return event

    def commands(self) -> list[str]:
        """Write everything that the session has to send; return the commands."""
        return [event.command if isinstance(event, Event) else "beat" for event in self.sent()]

    # ------------------------------------------------------------------ what the session receives

    def receive(self, *events: Event) -> None:
        """Let the broker send these frames."""
        assert self.broker is not None
        for event in events:
            self.session.receive_data(self.broker.send(event, now=self.now), self.now)

    def receive_bytes(self, data: bytes) -> None:
        """Let the broker send these bytes; ``b""`` is the end of the stream."""
        self.session.receive_data(data, self.now)

    def confirm(self, *receipts: str) -> None:
        """Let the broker send RECEIPTs with these ids."""
        self.receive(*map(Receipt, receipts))

    def confirm_all(self) -> list[Any]:
        """Write everything, and let the broker confirm each frame that asks for a receipt. Return what was sent."""
        events = self.sent()
        for event in events:
            receipt = getattr(event, "receipt", None)
            if receipt is not None:
                self.confirm(receipt)
        return events

    def refuse(self, message: str = "no", **options: Any) -> None:
        """Let the broker send ERROR."""
        self.receive(Error(message, **options))

    def deliver(
        self, subscription: str | None, *ids: str, destination: str = "/queue/a", **options: Any
    ) -> None:
        """Let the broker send MESSAGE, once for each id."""
        for name in ids:
            ack = options.get("ack", f"ack-{name}" if self.version == "1.2" else None)
            rest = {key: value for key, value in options.items() if key != "ack"}
            self.receive(Message(destination, message_id=name, subscription=subscription, ack=ack, **rest))

    # ------------------------------------------------------------------ time, and the end of a connection

    def wait(self, seconds: float) -> None:
        """Let time pass: ``handle_timeout`` is called whenever it is due."""
        until = self.now + seconds
        self.session.handle_timeout(self.now)
        for _ in range(100_000):
            deadline = self.session.next_deadline()
            if deadline is None or deadline > until:
                break
            self.now = max(self.now, deadline)
            self.session.handle_timeout(self.now)
        else:
            raise AssertionError("handle_timeout() is due again and again")
        self.now = until
        self.session.handle_timeout(self.now)

    def cut(self, reason: BaseException | str | None = None) -> None:
        """Report that the connection is lost, or that dialling failed."""
        self.session.connection_lost(reason, self.now)
        self.broker = None

    def close_socket(self) -> None:
        """Close the socket, as the session wants."""
        assert self.session.want_close
        self.cut()

    # ------------------------------------------------------------------ shorthands

    def subscribed(self, destination: str = "/queue/a", **options: Any) -> Subscription:
        """Return a subscription that the broker has confirmed."""
        pending = self.subscribe(destination, **options)
        self.confirm_all()
        return pending.result()

    def begun(self, id: str | None = None) -> Transaction:
        """Return a transaction whose BEGIN was written."""
        transaction = self.begin(id).result()
        self.sent()
        return transaction


def taken(subscription: Subscription) -> list[Delivery]:
    """Take all messages of a subscription."""
    found = []
    while (delivery := subscription.take()) is not None:
        found.append(delivery)
    return found


def ids(deliveries: list[Delivery]) -> list[str]:
    return [delivery.message_id for delivery in deliveries]


def failure(pending: Pending[Any], kind: type[T]) -> T:
    """Return why an operation failed, which must be of exactly this type."""
    assert pending.done
    error = pending.exception()
    assert type(error) is kind, repr(pending)
    return error


def count_alive(kind: type[object]) -> int:
    """Return how many instances of a class are in memory, subclasses included."""
    gc.collect()
    return sum(isinstance(entry, kind) for entry in gc.get_objects())
