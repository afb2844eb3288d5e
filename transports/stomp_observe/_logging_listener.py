"""LoggingListener: write what a connection does to the log.

Passcodes are never in the log: events mask them in their repr, and the session masks them in reasons and errors.
"""

from __future__ import annotations

import logging

from stomp_core import Connected, Error, Event, HeartBeat, Message, Receipt, Tolerated
from stomp_core.session import Attempt, Delivery, Endpoint, Listener

__all__ = ["LoggingListener"]


class LoggingListener(Listener):
    """Log connections at INFO, failures at WARNING and ERROR, frames and heart-beats at DEBUG.

    Args:
        logger: the logger to write to; ``None`` is the one named ``"stomp"``.
    """

    def __init__(self, logger: logging.Logger | None = None) -> None:
        self._logger = logging.getLogger("stomp") if logger is None else logger

    def dialling(self, attempt: Attempt) -> None:
        self._logger.info("dialling %s (attempt %d)", attempt.endpoint, attempt.number)

    def attempt_failed(self, endpoint: Endpoint, reason: str) -> None:
        self._logger.warning("could not connect: %s", reason)

    def connection_made(self, endpoint: Endpoint, connected: Connected) -> None:
        server = connected.server or "a broker that sends no name"
        self._logger.info("connected to %s: %s, STOMP %s", endpoint, server, connected.version)

    def connection_lost(self, endpoint: Endpoint, reason: str) -> None:
        self._logger.warning("%s", reason)

    def closed(self, error: Exception | None) -> None:
        if error is None:
            self._logger.info("closed")
        else:
            self._logger.error("closed: %s", error)

    def frame_sent(self, event: Event) -> None:
        self._logger.debug("sent %r", event)

    def frame_received(self, event: Event) -> None:
        self._logger.debug("received %r", event)

    def heart_beat_sent(self) -> None:
        self._logger.debug("sent a heart-beat")

    def heart_beat_received(self, heart_beat: HeartBeat) -> None:
        self._logger.debug("received a heart-beat")

    def heart_beat_late(self, silence: float) -> None:
        self._logger.warning(
            "nothing was received for %.1f s, longer than the negotiated heart-beat", silence
        )

    def error_received(self, error: Error) -> None:
        self._logger.error("the broker sent ERROR: %s", error.description)

    def tolerated(self, tolerated: Tolerated) -> None:
        self._logger.warning("tolerated: %s", tolerated.description)

    def frame_dropped(self, event: Event, reason: str) -> None:
        self._logger.error("%s was not sent: %s", event.frame.command, reason)

    def unexpected_receipt(self, receipt: Receipt, reason: str) -> None:
        self._logger.warning("RECEIPT %r confirms nothing: %s", receipt.receipt_id, reason)

    def message_dropped(self, message: Message, reason: str) -> None:
        self._logger.warning("message %r dropped: %s", message.message_id, reason)

    def handler_error(self, delivery: Delivery, error: Exception) -> None:
        self._logger.error(
            "the handler of message %r from %s failed",
            delivery.message_id,
            delivery.destination,
            exc_info=error,
        )

    def message_given_up(self, delivery: Delivery, failures: int) -> None:
        self._logger.error(
            "message %r from %s: giving up after %d failures",
            delivery.message_id,
            delivery.destination,
            failures,
        )
