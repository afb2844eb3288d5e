"""Bystander: a well-behaved client that is connected all the time, and has to be served whatever others do."""

from __future__ import annotations

import time
import uuid

from stomp_core import Frame

from ._broker_target import BrokerTarget
from ._played import NotServed
from ._symptoms import Severity, Symptom
from ._wire import Closed, Illegal, Stalled

__all__ = ["Bystander"]


class _Wrong(Exception):
    def __init__(self, symptom: Symptom) -> None:
        self.symptom = symptom


class Bystander:
    """A client with a queue of its own: it sends, receives, and acknowledges.

    Args:
        target: the broker.
        version: of STOMP.
        timeout: seconds for each answer while it connects; ``None`` for those of the target.

    Raises:
        OSError: the broker does not accept its connection.
        NotServed: the broker does not serve it from the start.
    """

    def __init__(self, target: BrokerTarget, version: str = "1.2", timeout: float | None = None) -> None:
        self._target = target
        self._timeout = timeout or target.timeout
        self._version = version
        self._queue = f"{target.destination}{uuid.uuid4().hex}bystander"
        self._count = 0
        self._wire = target.connect()
        try:
            self._connect()
            self._round_trip()
        except _Wrong as wrong:
            self._wire.close()
            raise NotServed(wrong.symptom) from None
        self._timeout = target.timeout

    def check(self) -> Symptom | None:
        """Send, receive and acknowledge one message; return what was wrong."""
        try:
            self._round_trip()
        except _Wrong as wrong:
            self._wire.close()
            return wrong.symptom
        return None

    def close(self) -> None:
        """Close the connection."""
        self._wire.close()

    def _connect(self) -> None:
        target = self._target
        pairs = [("accept-version", self._version), ("host", target.virtual_host)]
        pairs += [("login", target.login), ("passcode", target.passcode)]
        self._write("CONNECT", pairs)
        connected = self._frame()
        if connected.command != "CONNECTED":
            raise self._wrong(Severity.CRASH, "bystander-refused", f"CONNECT was answered by {connected}")
        self._wire.set_version(connected.headers.get("version", "1.0"))
        ack = "client" if self._version == "1.0" else "client-individual"
        self._write("SUBSCRIBE", [("destination", self._queue), ("id", "b"), ("ack", ack), ("receipt", "s")])
        self._expect_receipt("s")

    def _round_trip(self) -> None:
        self._count += 1
        body = f"{self._queue} {self._count}".encode()
        name = str(self._count)
        self._write("SEND", [("destination", self._queue), ("receipt", f"m{name}")], body)
        receipt = message = None
        while receipt is None or message is None:
            frame = self._frame()
            if frame.command == "RECEIPT" and frame.headers.get("receipt-id") == f"m{name}" and not receipt:
                receipt = frame
            elif frame.command == "MESSAGE" and frame.body == body and message is None:
                message = frame
            else:
                raise self._unexpected(frame)
        self._write("ACK", [*self._acknowledgement(message), ("receipt", f"a{name}")])
        self._expect_receipt(f"a{name}")

    def _acknowledgement(self, message: Frame) -> list[tuple[str, str]]:
        if self._version == "1.2":
            return [("id", message.headers.get("ack", ""))]
        pairs = [("message-id", message.headers.get("message-id", ""))]
        return pairs if self._version == "1.0" else [*pairs, ("subscription", "b")]

    def _expect_receipt(self, receipt: str) -> None:
        frame = self._frame()
        if frame.command != "RECEIPT" or frame.headers.get("receipt-id") != receipt:
            raise self._unexpected(frame)

    def _write(self, command: str, pairs: list[tuple[str, str]], body: bytes = b"") -> None:
        try:
            self._wire.write(Frame(command, pairs, body).to_bytes(self._version), self._timeout)
        except Stalled as stalled:
            raise self._wrong(Severity.HANG, "bystander-stalled", str(stalled)) from None

    def _frame(self) -> Frame:
        start = time.monotonic()
        try:
            return self._wire.frame(self._timeout)
        except TimeoutError:
            text = f"a well-behaved client got no answer in {time.monotonic() - start:.1f} s"
            raise self._wrong(Severity.HANG, "bystander-stalled", text) from None
        except Closed:
            text = "the connection of a well-behaved client was closed"
            raise self._wrong(Severity.CRASH, "bystander-closed", text) from None
        except Illegal as error:
            text = f"a well-behaved client was sent what is no STOMP: {error}"
            raise self._wrong(Severity.WRONG_ANSWER, f"illegal-frame-{error.code}", text) from None

    def _unexpected(self, frame: Frame) -> _Wrong:
        shown = f"{frame.command} {frame.headers.to_dict()} {frame.body[:60]!r}"
        if frame.command == "MESSAGE" and not frame.body.startswith(self._queue.encode()):
            return self._wrong(
                Severity.LEAK,
                "message-of-another-client",
                f"a well-behaved client received a message of another one: {shown}",
            )
        return self._wrong(
            Severity.CRASH if frame.command == "ERROR" else Severity.WRONG_ANSWER,
            f"bystander-{frame.command.lower()}",
            f"a well-behaved client received {shown}",
        )

    def _wrong(self, severity: Severity, name: str, text: str) -> _Wrong:
        return _Wrong(Symptom(severity, name, text))
