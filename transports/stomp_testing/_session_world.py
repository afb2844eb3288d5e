"""A session without an adapter: the broker at the other end of its connection, and one clock for both."""

from __future__ import annotations

from stomp_core import NEED_DATA, Connected, ConnectionClosed, Event, HeartBeat, ServerConnection, Session
from stomp_core.session import SessionState

__all__ = ["SessionWorld"]


class SessionWorld:
    """A session, a strict broker that sends what it is told to, and the time.

    Args:
        session: a new one.

    Attributes:
        session: the session.
        now: the time in seconds.
        broker: the broker's side of the present connection; ``None`` while there is none.
    """

    def __init__(self, session: Session) -> None:
        self.session: Session = session
        self.now: float = 0.0
        self.broker: ServerConnection | None = None

    @property
    def is_connected(self) -> bool:
        """True between CONNECTED and the end of the connection."""
        return self.broker is not None and self.session.connected is not None

    @property
    def can_connect(self) -> bool:
        """True if the session would dial."""
        return not self.session.closed and (self.broker is None or self.session.want_close)

    def connect(self, broker: ServerConnection, connected: Connected) -> None:
        """Wait until the next attempt is due, and let the broker accept it."""
        if self.broker is not None:
            self.lose(None)
        attempt = self.session.next_attempt(self.now)
        if attempt is None:
            return
        self.wait(max(0.0, attempt.at - self.now))
        if self.session.next_attempt(self.now) is None:
            return
        self.session.connection_made(self.now)
        self.broker = broker
        self.write()
        if self.session.state is SessionState.HANDSHAKING:
            self.receive(connected)

    def write(self) -> list[Event]:
        """Let the broker receive everything that the session has to send; return it.

        Raises:
            RemoteProtocolError: it is not STOMP.
        """
        if self.broker is None:
            return []
        data = bytes(self.session.data_to_send())
        if data:
            self.broker.receive_data(data, self.now)
        events: list[Event] = []
        while (event := self.broker.next_event()) is not NEED_DATA:
            if isinstance(event, Event):
                events.append(event)
            elif not isinstance(event, HeartBeat):
                assert isinstance(event, ConnectionClosed), event
                break
        return events

    def receive(self, event: Event) -> None:
        """Let the session receive a frame of the broker."""
        if self.broker is not None:
            self.session.receive_data(self.broker.send(event, now=self.now), self.now)

    def lose(self, reason: BaseException | str | None) -> None:
        """Report that the connection is lost, or that dialling failed."""
        self.broker = None
        self.session.connection_lost(reason, self.now)

    def wait(self, seconds: float) -> None:
        """Let time pass. Each deadline of the session is kept.

        Raises:
            AssertionError: the session has a deadline that does not pass.
        """
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
