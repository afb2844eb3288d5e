"""ConnectionLog: writes what becomes of a session's connections to the loggers of :mod:`stomp_core._logging`.

=========== ===========================================================================================================
ERROR       giving up; a frame that was accepted and never left
WARNING     a failed attempt; a lost connection; an ERROR while closing; late heart-beats; a dropped message, once for
            each subscription and connection; a violation by the broker that is tolerated, once for each kind and
            connection; subscriptions of which one acknowledges the messages of the other, once
INFO        an attempt; a connection, a new one after a loss; closed by the caller
DEBUG       frames and heart-beats, in the logger ``stomp_core.frames``
=========== ===========================================================================================================

What handlers of messages raise is not written here: :mod:`stomp_core.session._worker` logs it, unless a listener takes
it. An ERROR is quoted by the line that says what became of its connection, so it has no line of its own.

No line contains a passcode: the session masks it in what the broker sent, and events mask it in their repr. No line can
be forged: what comes from elsewhere is escaped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._logging import get_logger
from .._text import printable
from ..protocol import Connected, Error, Event, Message, Receipt, Tolerated
from ..wire import HeartBeat
from ._listener import Listener
from ._reconnect import Attempt
from ._urls import Endpoint

if TYPE_CHECKING:
    from logging import Logger

__all__ = ["ConnectionLog"]

_SHOWN_PAUSE = 0.05  # seconds


class ConnectionLog(Listener):
    """Logs one session.

    Attributes:
        logs_frames: whether frames and heart-beats are logged; see :meth:`update`.
    """

    def __init__(self) -> None:
        self._connection: Logger = get_logger("connection")
        self._frames: Logger = get_logger("frames")
        self._endpoint: Endpoint | None = None  # of the latest attempt
        self._established = False  # whether there ever was a connection
        self._tolerated: set[str] = set()  # codes that were logged for the present connection
        self._dropping: set[str | None] = (
            set()
        )  # subscriptions of which a dropped message was logged, likewise
        self._covering_ack = False  # whether it was logged
        self.logs_frames = False
        self.update()

    def update(self) -> None:
        """Find out whether frames are logged: a question that is too expensive to ask for each of them."""
        self.logs_frames = self._frames.isEnabledFor(10)  # DEBUG

    def dialling_after(self, attempt: Attempt, pause: float) -> None:
        """Log an attempt, which begins in ``pause`` seconds."""
        self._endpoint = attempt.endpoint
        later = f" in {pause:.1f} s" if pause >= _SHOWN_PAUSE else ""
        self._connection.info(
            "connecting to %s%s (attempt %d)", printable(str(attempt.endpoint)), later, attempt.number
        )

    def attempt_failed(self, endpoint: Endpoint, reason: str) -> None:
        self._connection.warning("could not connect: %s", printable(reason))

    def connection_made(self, endpoint: Endpoint, connected: Connected) -> None:
        self._endpoint = endpoint
        self._tolerated.clear()
        self._dropping.clear()
        what = "connected again" if self._established else "connected"
        self._established = True
        server = connected.server or "a broker that sends no name"
        self._connection.info(
            "%s to %s: %s, STOMP %s", what, printable(str(endpoint)), printable(server), connected.version
        )

    def connection_lost(self, endpoint: Endpoint, reason: str) -> None:
        self._connection.warning("%s", printable(reason))

    def error_while_closing(self, error: Error) -> None:
        """Log an ERROR after the caller has closed the session, which nothing else reports."""
        self._connection.warning(
            "%s: the broker sent ERROR while the session was closing: %s", self._where(), error.description
        )

    def covering_ack(self, broker: str, covering: str, covered: str) -> None:
        """Log, once, that an ACK of one subscription acknowledges messages of another one."""
        if not self._covering_ack:
            self._covering_ack = True
            self._connection.warning(
                "%s: an ACK of a message from %s, subscribed with ack='client', also acknowledges all earlier messages "
                "from %s: %s covers all subscriptions of a connection; use ack='client-individual', or a connection "
                "for each subscription",
                self._where(),
                printable(covering),
                printable(covered),
                broker,
            )

    def closed(self, error: Exception | None) -> None:
        if error is None:
            self._connection.info("%s: closed by the caller", self._where())
        else:
            self._connection.error("giving up: %s", printable(str(error)))

    def heart_beat_late(self, silence: float) -> None:
        self._connection.warning(
            "%s: heart-beats are late: nothing was received for %.1f s", self._where(), silence
        )

    def tolerated(self, tolerated: Tolerated) -> None:
        if tolerated.code not in self._tolerated:
            self._tolerated.add(tolerated.code)
            self._connection.warning("%s: tolerated: %s", self._where(), printable(tolerated.description))

    def frame_dropped(self, event: Event, reason: str) -> None:
        destination = event.headers.get("destination")
        what = event.frame.command if destination is None else f"{event.frame.command} to {destination}"
        self._connection.error("%s was not sent: %s", printable(what), printable(reason))

    def unexpected_receipt(self, receipt: Receipt, reason: str) -> None:
        """Log a RECEIPT that confirms nothing."""
        self._connection.warning("RECEIPT %r confirms nothing: %s", receipt.receipt_id, printable(reason))

    def message_dropped(self, message: Message, reason: str) -> None:
        # Of a subscription, the first one only: after UNSUBSCRIBE as many may come as the broker had on their way. Each
        # message for a temporary queue is a reply that somebody may miss.
        name = message.subscription
        of_subscription = name is not None and not name.startswith("/temp-queue/")
        if of_subscription:
            if name in self._dropping:
                return
            self._dropping.add(name)
        what = f"message {message.message_id!r} from {message.destination}"
        rest = " (later ones of this subscription are not logged)" if of_subscription else ""
        self._connection.warning("%s was dropped: %s%s", printable(what), printable(reason), rest)

    def frame_sent(self, event: Event) -> None:
        self._frames.debug("sent %r", event)

    def frame_received(self, event: Event) -> None:
        self._frames.debug("received %r", event)

    def heart_beat_sent(self) -> None:
        self._frames.debug("sent a heart-beat")

    def heart_beat_received(self, heart_beat: HeartBeat) -> None:
        self._frames.debug("received a heart-beat")

    def _where(self) -> str:
        return printable(str(self._endpoint)) if self._endpoint is not None else "not connected"
