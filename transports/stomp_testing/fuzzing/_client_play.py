"""Play a script to a client that connects, as a hostile broker."""

from __future__ import annotations

import socket
import time
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

from stomp_core import NEED_DATA, Frame, FrameParser, ProtocolError

from .._checker import Checker
from .._conversations import Demand
from ._case import CaseSteps, describe, printable, wire_value
from ._played import Played
from ._program import Program
from ._program_end import EndKind, ProgramEnd
from ._script import LEGAL, Script, Send, fill_ids
from ._symptoms import SEVERITIES, Severity, Symptom
from ._wire import Closed, Illegal, Stalled, Wire

__all__ = ["ClientTarget", "Habits", "play_to_client"]

_IF_KNOWN = 0.5
#: Seconds for each answer while candidates for the shortest conversation are tried.
_QUICK = 0.5
#: A client may take so much more memory than with an ordinary conversation, beside what it is sent.
_MEMORY = 96 * 1024 * 1024
_MEMORY_FACTOR = 8


@dataclass(frozen=True, slots=True)
class Habits:
    """What the client does with an ordinary message, as it has shown before.

    Attributes:
        acknowledges: it sends ACK.
        echoes: it sends the body back.
        reveals: it sends the header ``reveal`` back as a body, as the echo client of the conformance cases does.
        raises: it ends with an unhandled exception when the connection is closed, whatever went before.
        mistakes: that is one that no library raises on purpose.
        memory: its peak, in bytes; 0 if that cannot be seen.
    """

    acknowledges: bool = False
    echoes: bool = False
    reveals: bool = False
    raises: bool = False
    mistakes: bool = False
    memory: int = 0


@dataclass(frozen=True, slots=True)
class ClientTarget:
    """A client under test.

    Attributes:
        listener: where it connects.
        command: starts it for each conversation; ``None`` if it connects again and again by itself.
        timeout: seconds that it has for each answer, and to end.
        start_timeout: seconds that it has to connect.
        habits: what it does with ordinary messages.
    """

    listener: socket.socket
    command: str | None
    timeout: float = 5.0
    start_timeout: float = 30.0
    habits: Habits = field(default_factory=Habits)

    @property
    def url(self) -> str:
        """The URL for the client."""
        host, port = self.listener.getsockname()[:2]
        return f"stomp://guest:guest@{host}:{port}"

    def start(self, version: str) -> Program | None:
        """Start the client, if there is a command for it.

        Raises:
            OSError: it cannot be started.
        """
        if self.command is None:
            return None
        # The one before may have connected once more, before it was ended.
        self.listener.setblocking(False)
        try:
            while True:
                self.listener.accept()[0].close()
        except BlockingIOError:
            pass
        return Program(self.command, {"STOMP_URL": self.url, "STOMP_VERSION": version})


class _Found(Exception):
    def __init__(self, symptom: Symptom) -> None:
        self.symptom = symptom


class _Ended(Exception):
    """The client has closed the connection, or has sent DISCONNECT."""


def play_to_client(
    script: Script, target: ClientTarget, *, known: Collection[str] = (), quickly: bool = False
) -> Played:
    """Play a script.

    Args:
        script: what to send.
        target: the client.
        known: names of symptoms of this rule that need no long wait.
        quickly: wait shorter.

    Returns:
        What became of it.

    Raises:
        OSError: the program cannot be started.
        TimeoutError: it does not connect.
    """
    program = target.start(script.version)
    player = None
    try:
        target.listener.settimeout(target.start_timeout)
        connection, _ = target.listener.accept()
        player = _Player(script, target, Wire(connection), program, known, quickly)
        try:
            player.play()
        except _Found as found:
            player.played.symptom = found.symptom
        player.end()
        if player.played.symptom is not None:
            player.played.script = player.legal_part()
            player.played.decided = not player.breaks_another_rule()
        return player.finished()
    finally:
        if player is not None:
            player.close()
        if program is not None:
            program.kill()


def _is_worse(first: Symptom, second: Symptom) -> bool:
    return SEVERITIES.index(first.severity) < SEVERITIES.index(second.severity)


class _Player:
    def __init__(
        self,
        script: Script,
        target: ClientTarget,
        wire: Wire,
        program: Program | None,
        known: Collection[str],
        quickly: bool,
    ) -> None:
        self._script = script
        self._target = target
        self._wire = wire
        self._program = program
        self._known = known
        self._timeout = min(_QUICK, target.timeout) if quickly else target.timeout
        self._checker = Checker()
        self._parser = FrameParser()
        self._violated: str | None = None
        self._ids: dict[str, str] = {}
        self._waiting: list[
            tuple[str, str, bytes]
        ] = []  # ACK ids and echoes that have to come: kind, name, body
        self._sent_bytes = 0
        self._subscribed = False
        self._count = 0
        self.steps = CaseSteps(script.version)
        self.played = Played()

    # ------------------------------------------------------------------ the script

    def play(self) -> None:
        try:
            connect = self._frame()
        except _Ended:
            return  # it has connected, and says nothing: it is no client of STOMP, or has no time for us
        self.steps.add([{"sends": {"command": connect.command}}])
        try:
            for send in self._script.sends:
                self._before(send)
                self._send(send)
                self._count += 1
                if self._violated is not None:
                    break
                self._read_what_is_there()
            self._await_subscribe()
            self._check_answers()
        except _Ended:
            self._check_early_end()

    def breaks_another_rule(self) -> bool:
        """Whether what was sent breaks a rule, but not that of the script: it was shortened into something else."""
        return self._violated not in (None, "error", self._script.rule.code)

    def legal_part(self) -> Script | None:
        """Return what was sent if the rule was not broken yet, so that a symptom has another cause; else ``None``."""
        rule = self._script.rule
        is_broken = self._count == len(self._script.sends)
        if rule.must_refuse and rule.code is not None:
            is_broken = self._violated is not None
        if rule == LEGAL or is_broken or not self._count:
            return None
        return self._script.legal_part(self._count)

    def _before(self, send: Send) -> None:
        if send.wait:
            self.steps.wait("a", send.wait)
            self._read_for(send.wait)
        if b"{subscription}" in send.data or b"{destination}" in send.data:
            self._await_subscribe()

    def _await_subscribe(self) -> None:
        """Wait until a connected client has subscribed: to lose the connection before is another thing to test."""
        end = time.monotonic() + self._target.timeout
        while self._parser.version is not None and self._violated is None and not self._subscribed:
            self._process(self._frame_until(end))

    def _send(self, send: Send) -> None:
        data = fill_ids(send.data, self._ids, self._script.version)
        self.steps.receive("a", send.data)
        if not data:
            self._wire.shut_down()
            raise _Ended
        self._sent_bytes += len(data)
        self._check_sent(data)
        try:
            self._wire.write(data, self._target.timeout, send.piece)
        except Stalled as stalled:
            raise _found(Severity.HANG, "does-not-read", str(stalled)) from None

    def _check_sent(self, data: bytes) -> None:
        """Find out whether a strict client refuses this, and what it has to do with it otherwise."""
        self._parser.receive_data(data)
        try:
            while (frame := self._parser.next_frame()) is not NEED_DATA:
                if not isinstance(frame, Frame):
                    continue
                violations = self._checker.check("to-client", frame)
                if violations:
                    self._violated = violations[0].code
                    return
                if frame.command == "CONNECTED":
                    self._parser.version = frame.headers.get("version", "1.0")
                    self._wire.set_version(frame.headers.get("version", "1.0"))
                elif frame.command == "MESSAGE":
                    self._expect_answer(frame)
                elif frame.command == "ERROR":
                    self._violated = "error"  # it ends the conversation
        except ProtocolError as error:
            self._violated = error.code

    def _expect_answer(self, message: Frame) -> None:
        habits = self._target.habits
        acknowledged = message.headers.get("ack" if self._script.version == "1.2" else "message-id")
        if habits.acknowledges and acknowledged is not None:
            self._waiting.append(("ACK", acknowledged, b""))
        if habits.echoes:
            reveal = message.headers.get("reveal") if habits.reveals else None
            self._waiting.append(("SEND", "", message.body if reveal is None else reveal.encode()))

    # ------------------------------------------------------------------ what the client sends

    def _frame(self) -> Frame:
        return self._frame_until(time.monotonic() + self._target.timeout)

    def _frame_until(self, end: float) -> Frame:
        """Return the next frame, which was checked.

        Raises:
            _Ended: the connection has ended, or nothing came.
        """
        try:
            frame = self._wire.frame(max(0.0, end - time.monotonic()))
        except (Closed, TimeoutError):
            raise _Ended from None
        except Illegal as error:
            if self._violated is not None:
                raise _Ended from None
            raise _found(
                Severity.WRONG_ANSWER, f"illegal-frame-{error.code}", f"it has sent {error}"
            ) from None
        self._check_received(frame)
        return frame

    def _check_received(self, frame: Frame) -> None:
        if self._violated is not None:
            return  # it may have understood something else than we
        for violation in self._checker.check("to-server", frame):
            if f"illegal-frame-{violation.code}" in self._known:
                continue
            raise _found(
                Severity.WRONG_ANSWER,
                f"illegal-frame-{violation.code}",
                f"it has sent {describe(frame)}: {violation.text}",
                section=violation.section,
            )

    def _read_what_is_there(self) -> None:
        self._read_for(0.0)

    def _read_for(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while True:
            try:
                frame = self._wire.frame(max(0.0, end - time.monotonic()))
            except TimeoutError:
                return
            except Closed:
                raise _Ended from None
            except Illegal as error:
                raise _found(
                    Severity.WRONG_ANSWER, f"illegal-frame-{error.code}", f"it has sent {error}"
                ) from None
            self._check_received(frame)
            self._process(frame)

    def _process(self, frame: Frame) -> None:
        """Answer a frame as a broker does."""
        receipt = frame.headers.get("receipt")
        if frame.command == "SUBSCRIBE" and not self._subscribed:
            self._subscribed = True
            self._ids["subscription"] = frame.headers.get("id", "")
            self._ids["destination"] = frame.headers.get("destination", "")
            expected = {"id": {"as": "subscription", "optional": True}, "destination": {"as": "destination"}}
            self.steps.add([{"sends": {"command": "SUBSCRIBE", "headers": expected}}])
        elif frame.command in ("ACK", "SEND"):
            self._note_answer(frame)
        if receipt is not None and self._violated is None:
            data = f"RECEIPT\nreceipt-id:{wire_value(receipt, self._script.version)}\n\n\0".encode("latin-1")
            self._check_sent(data)
            self._wire.write(data, self._target.timeout)
        if frame.command == "DISCONNECT":
            raise _Ended

    def _note_answer(self, frame: Frame) -> None:
        if frame.command == "ACK":
            named = frame.headers.get("id" if self._script.version == "1.2" else "message-id")
            self._waiting = [one for one in self._waiting if one[:2] != ("ACK", named)]
            return
        position = next((at for at, one in enumerate(self._waiting) if one[0] == "SEND"), None)
        if position is None:
            return
        body = self._waiting.pop(position)[2]
        if frame.body != body:
            raise _found(
                Severity.WRONG_ANSWER,
                "message-changed",
                f"expected an echo of {body[:200]!r}, got {describe(frame)}",
                ({"sends": {"command": "SEND", "body": body.decode("latin-1")}},),
            )

    # ------------------------------------------------------------------ checking

    def _check_answers(self) -> None:
        rule = self._script.rule
        if self.breaks_another_rule():
            self.played.decided = False  # shortened into something else
            return
        if rule.must_refuse:
            if self._violated is None and rule.code is not None:
                self.played.decided = False  # these bytes break nothing
                return
            self._await_refusal()
            return
        end = time.monotonic() + (_IF_KNOWN if "message-not-answered" in self._known else self._timeout)
        while self._waiting and self._violated is None:
            try:
                frame = self._wire.frame(max(0.0, end - time.monotonic()))
            except TimeoutError:
                kind, name, _ = self._waiting[0]
                raise _found(
                    Severity.WRONG_ANSWER,
                    "message-not-answered",
                    f"expected {kind} {printable(name)} for a MESSAGE, as for others before, nothing came in "
                    f"{self._timeout:g} s",
                    ({"sends": {"command": kind}},),
                ) from None
            except Closed:
                raise _Ended from None
            except Illegal as error:
                raise _found(
                    Severity.WRONG_ANSWER, f"illegal-frame-{error.code}", f"it has sent {error}"
                ) from None
            self._check_received(frame)
            self._process(frame)

    def _await_refusal(self) -> None:
        """A strict client closes the connection."""
        seconds = _IF_KNOWN if "went-on" in self._known else self._timeout
        end = time.monotonic() + seconds
        answers = 0
        while True:
            try:
                frame = self._wire.frame(max(0.0, end - time.monotonic()))
            except (Closed, Illegal):
                return
            except TimeoutError:
                break
            if frame.command == "DISCONNECT":
                return
            answers += 1
        rule = self._script.rule
        severity = Severity.WRONG_ANSWER if rule.demand is Demand.MUST_REFUSE else Severity.LENIENT
        raise _found(
            severity,
            "went-on",
            f"expected the end of the connection ({self._violated or rule.name}), it is open after {seconds:g} s"
            + (f", and {answers} frames came" if answers else ""),
            ({"rejects": {}},),
        )

    def _check_early_end(self) -> None:
        """The client has ended the conversation, which it may do by DISCONNECT, and when a rule was broken."""
        rule = self._script.rule
        if not self._wire.closed or self._violated is not None:
            return
        if rule.must_refuse and rule.code is None:
            return  # the bytes do not tell whether the rule was broken
        if rule.demand is Demand.MAY_REFUSE or self._script.sends[-1].data == b"":
            return
        raise _found(
            Severity.WRONG_ANSWER,
            "closed",
            "it has closed the connection, and everything that it was sent is legal",
            ({"sends": {"command": "DISCONNECT"}},),
        )

    def end(self) -> None:
        """Close the connection, and see how the client ends."""
        self._report_worse(self._symptom_of_memory())
        self._wire.shut_down()
        end = time.monotonic() + self._timeout
        try:
            while not self._wire.closed:
                self._wire.frame(max(0.0, end - time.monotonic()))
        except (Closed, Illegal):
            pass
        except TimeoutError:
            if self._program is None or self._program.running:
                text = f"the connection was closed, and the client has not noticed within {self._timeout:g} s"
                self._report_worse(Symptom(Severity.HANG, "hung", text, ({"closes": True},)))
                return
        self._wire.close()
        if self._program is not None:
            self._report_end(self._program.end(self._timeout))

    def _report_end(self, end: ProgramEnd) -> None:
        """Find out whether the client may end so: by an error if a rule was broken, and not otherwise."""
        habits, found = self._target.habits, self.played.symptom
        if end.kind is EndKind.KILLED or (end.kind is EndKind.MISTAKE and not habits.mistakes):
            self._report_worse(Symptom(Severity.CRASH, end.name, end.text))
        elif found is not None and found.name == "closed":
            self.played.symptom = replace(found, text=f"{found.text}; {end.text}")
        elif end.kind is EndKind.RAISED and not habits.raises and self._is_legal():
            text = f"everything that it was sent is legal, and {end.text}"
            self._report_worse(Symptom(Severity.WRONG_ANSWER, "refused-legal", text))

    def _is_legal(self) -> bool:
        """Whether the client may refuse nothing of what it was sent."""
        return self._violated is None and self._script.rule.demand is Demand.MUST_ACCEPT

    def _report_worse(self, symptom: Symptom | None) -> None:
        if symptom is not None and (self.played.symptom is None or _is_worse(symptom, self.played.symptom)):
            self.played.symptom = symptom

    def _symptom_of_memory(self) -> Symptom | None:
        if self._program is None or not self._target.habits.memory:
            return None
        peak = self._program.peak_memory()
        allowed = self._target.habits.memory + _MEMORY + _MEMORY_FACTOR * self._sent_bytes
        if peak <= allowed:
            return None
        text = f"it has taken {peak >> 20} MiB of memory, {self._target.habits.memory >> 20} MiB with others"
        return Symptom(Severity.MEMORY, "memory-grows", f"{text}, and was sent {self._sent_bytes} bytes")

    def finished(self) -> Played:
        """Return what became of it, with what was sent."""
        if self.played.symptom is not None:
            self.steps.add(dict(step) for step in self.played.symptom.expected)
        self.played.steps = self.steps.as_json()
        self.played.sent = {"a": bytes(self._wire.sent)}
        return self.played

    def close(self) -> None:
        """Close the connection."""
        self._wire.close()


def _found(
    severity: Severity,
    name: str,
    text: str,
    expected: tuple[dict[str, Any], ...] = (),
    *,
    section: str | None = None,
) -> _Found:
    return _Found(Symptom(severity, name, text, expected, section))
