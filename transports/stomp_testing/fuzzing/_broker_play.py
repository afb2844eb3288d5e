"""Play a script to a broker, and compare what comes back with what the reference sends."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from stomp_core import Frame

from .._conversations import Demand
from ._broker_target import BrokerTarget
from ._bystander import Bystander
from ._case import CaseSteps, describe
from ._heart_beats import patience_for, promised_interval, silence
from ._played import Played
from ._reference import MARK, Expected, Reference
from ._script import HEART_BEATS, Script, Send, connect_frame, fill_ids, fill_values
from ._symptoms import Severity, Symptom
from ._wire import Closed, Illegal, Stalled, Wire

__all__ = ["play_to_broker"]

#: Seconds in which a symptom that is known shows: it need not be waited for again and again.
_IF_KNOWN = 0.3
_BARRIER = "barrier"


class _MayBe(Exception):
    """The broker has refused what it may refuse."""


class _Undecided(Exception):
    """The script was shortened into something else."""


class _Found(Exception):
    def __init__(self, symptom: Symptom) -> None:
        self.symptom = symptom


def play_to_broker(
    script: Script,
    target: BrokerTarget,
    *,
    bystander: Bystander | None = None,
    known: Collection[str] = (),
    patience: float = 0.0,
    heart_beat_patience: float = 1.0,
    values: Mapping[str, str] | None = None,
) -> Played:
    """Play a script.

    Args:
        script: what to send.
        target: the broker.
        bystander: a well-behaved client that has to be served all the time.
        known: names of symptoms of this rule that need no long wait.
        patience: seconds to wait before what was not refused counts as accepted.
        heart_beat_patience: how much longer than usual to wait for heart-beats.
        values: for placeholders; ``None`` takes names of queues that nobody else has.

    Returns:
        What became of it.
    """
    player = _Player(script, target, bystander, known, patience, heart_beat_patience, values)
    try:
        player.play()
    except _Found as found:
        player.played.symptom = player.worst_symptom(found.symptom)
        player.played.script = player.legal_part()
        player.steps.add(dict(step) for step in found.symptom.expected)
    except _Undecided:
        player.played.decided = False
    finally:
        player.close()
    player.played.steps = player.steps.as_json()
    return player.played


class _Player:
    def __init__(
        self,
        script: Script,
        target: BrokerTarget,
        bystander: Bystander | None,
        known: Collection[str],
        patience: float,
        heart_beat_patience: float,
        values: Mapping[str, str] | None,
    ) -> None:
        self._script = script
        self._target = target
        self._bystander = bystander
        self._known = known
        self._patience = patience
        self._heart_beat_patience = heart_beat_patience
        self._values = dict(values or target.values())
        self._reference = Reference()
        self._wires: dict[str, Wire] = {}
        self._ids: dict[str, dict[str, str]] = {}
        self._early: dict[str, list[Frame]] = {}
        self._connected: dict[str, Frame] = {}
        self._receipts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._barriers = 0
        self._delivered: set[str] = set()
        self._all_sent = False
        self._count = 0
        self.steps = CaseSteps(script.version, self._values)
        self.played = Played()

    # ------------------------------------------------------------------ the script

    def play(self) -> None:
        try:
            self._play_sends()
        except _MayBe:
            pass
        self._check_bystander("while the connection of the conversation is open")
        for wire in self._wires.values():
            wire.close()
        self._check_bystander("behind the conversation")

    def _play_sends(self) -> None:
        waiting: list[Expected] = []
        for number, send in enumerate(self._script.sends, 1):
            waiting += self._send(send)
            self._count = number
            self._all_sent = number == len(self._script.sends)
            if self._reference.refused is not None:
                self._check_refusal(send)
                return
            following = self._script.sends[number : number + 1]
            if not (send.joined and following and following[0].can_follow_at_once()):
                self._await(waiting)
                waiting = []
        self._await(waiting)
        self._end_of_script()

    def legal_part(self) -> Script | None:
        """Return what was sent if that breaks no rule; ``None`` if it is the whole script."""
        if self._all_sent or not self._count:
            return None
        return self._script.legal_part(self._count)

    def worst_symptom(self, symptom: Symptom) -> Symptom:
        """Return what a well-behaved client sees, if that is worse: the broker may have died, or serve nobody."""
        others = None if self._bystander is None else self._bystander.check()
        return (
            others if others is not None and others.severity in (Severity.CRASH, Severity.HANG) else symptom
        )

    def close(self) -> None:
        for on, wire in self._wires.items():
            wire.close()
            self.played.sent[on] = bytes(wire.sent)

    def _end_of_script(self) -> None:
        rule = self._script.rule
        if rule.must_refuse and rule.code is not None:
            self.played.decided = False  # the reference has found nothing wrong with these bytes
        elif rule.must_refuse:
            self._await_refusal(self._script.sends[-1].on)
        elif rule == HEART_BEATS:
            self._check_heart_beats()
        elif rule.demand is not Demand.MAY_REFUSE:
            for on in list(self._wires):
                if not self._reference.has_ended(on) and not self._wires[on].closed:
                    self._pass_barrier(on)

    def _send(self, send: Send) -> list[Expected]:
        """Send one thing to the broker and to the reference; return what the reference sends."""
        on = send.on
        if send.wait:
            self.steps.wait(on, send.wait)
            time.sleep(send.wait)
        template = fill_values(send.data, self._values)
        if on not in self._wires:
            self._open(on)
        wire = self._wires[on]
        own = {f"{kind}-{number}": str(number) for number in range(1, 100) for kind in ("message", "ack")}
        expected = self._reference.receive(on, fill_ids(template, own, self._script.version))
        if any(
            one.frame.headers.get("version", self._script.version) != self._script.version for one in expected
        ):
            raise _Undecided  # without accept-version it is a conversation of another version
        self.steps.receive(on, send.data)
        if not template:
            wire.close()
            return expected
        data = fill_ids(template, self._ids.get(on, {}), self._script.version)
        try:
            wire.write(data, self._target.timeout, send.piece)
        except Stalled as stalled:
            raise self._found(Severity.HANG, "does-not-read", str(stalled)) from None
        return expected

    def _open(self, on: str) -> None:
        try:
            self._wires[on] = self._target.connect()
        except OSError as error:
            raise self._found(
                Severity.CRASH, "no-connection", f"it does not accept a connection: {error}"
            ) from None

    # ------------------------------------------------------------------ what has to come

    def _await(self, expected: Iterable[Expected]) -> None:
        """Wait for frames, each on its connection, in any order."""
        by_connection: dict[str, list[Expected]] = {}
        for one in expected:
            by_connection.setdefault(one.on, []).append(one)
        for on, wanted in by_connection.items():
            frames = [one for one in wanted if not self._reference_was_early(on, one)]
            self._await_on(on, frames)
            self.steps.sends(on, wanted)

    def _reference_was_early(self, on: str, expected: Expected) -> bool:
        """Whether the broker has sent this already, before it was waited for."""
        for frame in self._early.get(on, []):
            if self._matches(frame, expected):
                self._early[on].remove(frame)
                self._accept(frame, expected)
                return True
        return False

    def _await_on(self, on: str, wanted: list[Expected]) -> None:
        end = time.monotonic() + self._seconds_for(wanted)
        while wanted:
            try:
                frame = self._wires[on].frame(max(0.0, end - time.monotonic()))
            except TimeoutError:
                raise self._missing(on, wanted) from None
            except Closed:
                raise self._refused(on, wanted, "the end of the connection") from None
            except Illegal as error:
                raise self._illegal(error) from None
            if frame.command == "ERROR":
                raise self._refused(on, wanted, describe(frame))
            match = next((one for one in wanted if self._matches(frame, one)), None)
            if match is None:
                self._check_damage(frame, wanted)
                self._unexpected(on, frame)
                continue
            wanted.remove(match)
            if frame.command == "RECEIPT":
                self._was_asked_for(on, frame)
            self._accept(frame, match)

    def _seconds_for(self, wanted: list[Expected]) -> float:
        if any(_missing_name(one) in self._known for one in wanted):
            return _IF_KNOWN
        return self._target.timeout

    def _matches(self, frame: Frame, expected: Expected) -> bool:
        if frame.command != expected.frame.command:
            return False
        if frame.command == "RECEIPT":
            return frame.headers.get("receipt-id") == expected.frame.headers["receipt-id"]
        if frame.command == "MESSAGE":
            return frame.headers.get(MARK) == expected.frame.headers.get(MARK)
        return True

    def _accept(self, frame: Frame, expected: Expected) -> None:
        """Check the content of a frame that was expected."""
        on = expected.on
        if frame.command == "CONNECTED":
            version = frame.headers.get("version", "1.0")
            if version != expected.frame.headers["version"]:
                raise self._found(
                    Severity.WRONG_ANSWER,
                    "wrong-version",
                    f"expected version {expected.frame.headers['version']}, got {describe(frame)}",
                    section="Protocol Negotiation",
                )
            self._wires[on].set_version(version)
            self._connected[on] = frame
        elif frame.command == "MESSAGE":
            self._check_message(frame, expected)
            ids = self._ids.setdefault(on, {})
            ids[f"message-{expected.number}"] = frame.headers.get("message-id", "")
            ids[f"ack-{expected.number}"] = frame.headers.get("ack", "")
            if MARK in frame.headers:
                self._delivered.add(frame.headers[MARK])

    def _check_message(self, frame: Frame, expected: Expected) -> None:
        needed = ["message-id", *(["ack"] if expected.acknowledged and self._script.version == "1.2" else [])]
        for name in needed:
            if not frame.headers.get(name):
                raise self._wrong_message(name, "a value", frame, expected)
        for name, value in expected.frame.headers.to_dict().items():
            if name in ("message-id", "ack", "content-length"):
                continue
            if not self._is_same(frame.headers.get(name), value):
                raise self._wrong_message(name, repr(value), frame, expected)
        if frame.body != expected.frame.body:
            raise self._wrong_message("body", repr(expected.frame.body[:200]), frame, expected)

    def _check_damage(self, frame: Frame, wanted: list[Expected]) -> None:
        """A MESSAGE that does not tell which one it is may be one that is waited for, with a damaged head."""
        if frame.command != "MESSAGE" or MARK in frame.headers:
            return
        for one in wanted:
            destination = one.frame.headers.get("destination", "")
            same = frame.headers.get("destination", destination) == destination
            if one.frame.command == "MESSAGE" and same and destination not in self._reference.unmarked:
                raise self._wrong_message(MARK, repr(one.frame.headers.get(MARK)), frame, one)

    def _is_same(self, received: str | None, sent: str) -> bool:
        """Whether a header has kept its value.

        1.0 has examples with a space behind the colon, and does not state whether it belongs to the value.
        """
        if self._script.version == "1.0" and received is not None:
            return received.strip() == sent.strip()
        return received == sent

    def _wrong_message(self, what: str, wanted: str, frame: Frame, expected: Expected) -> _Found:
        kind = what if what in _STANDARD else "header"
        return self._found(
            Severity.WRONG_ANSWER,
            f"message-changed-{kind}",
            f"expected a MESSAGE with {wanted} as {what}, got {describe(frame)}",
            ({"sends": self.steps.pattern(expected)},),
            section="MESSAGE",
            on=expected.on,
        )

    def _missing(self, on: str, wanted: list[Expected]) -> _Found:
        """Nothing has come. Is it only this frame, or has the broker stopped?"""
        one = wanted[0]
        self.steps.sends(on, [])
        steps = ({"sends": self.steps.pattern(one)},)
        text = f"expected {one.frame.command} in answer to {one.cause}, nothing came in {self._target.timeout:g} s"
        if one.frame.command == "CONNECTED" or not self._answers(on):
            return self._found(Severity.HANG, f"no-answer-to-{one.cause.lower()}", text, steps, on=on)
        return self._found(
            Severity.WRONG_ANSWER, _missing_name(one), f"{text}; it answers later frames", steps, on=on
        )

    def _answers(self, on: str) -> bool:
        """Whether the broker confirms one more frame, whatever else it sends."""
        receipt = self._write_barrier(on, note=False)
        end = time.monotonic() + self._target.timeout
        try:
            while True:
                frame = self._wires[on].frame(max(0.0, end - time.monotonic()))
                if frame.headers.get("receipt-id") == receipt:
                    return True
        except (TimeoutError, Illegal, Closed):
            return False

    def _refused(self, on: str, wanted: list[Expected], what: str) -> Exception:
        if self._all_sent and self._script.rule.demand is Demand.MAY_REFUSE:
            return _MayBe()
        one = wanted[0]
        closed = what.startswith("the end")
        return self._found(
            Severity.WRONG_ANSWER,
            f"refused-{one.cause.lower()}" + ("-without-error" if closed else ""),
            f"expected {one.frame.command} in answer to a legal {one.cause}, got {what}",
            ({"sends": self.steps.pattern(one)},),
            on=on,
        )

    def _illegal(self, error: Illegal) -> _Found:
        return self._found(
            Severity.WRONG_ANSWER, f"illegal-frame-{error.code}", f"it has sent what is no STOMP: {error}"
        )

    def _unexpected(self, on: str, frame: Frame) -> None:
        """Check a frame that nobody waits for; return if it may be sent."""
        mark = frame.headers.get(MARK)
        receipt = {"sends": {"command": "RECEIPT"}}
        if frame.command == "RECEIPT" and self._was_asked_for(on, frame):
            self._early.setdefault(on, []).append(frame)
            return
        if frame.command == "MESSAGE":
            sent = self._reference.known.get(mark or "")
            destination = frame.headers.get("destination", "")
            unique = self._values["queue"].removesuffix("a")
            if (sent is None and mark is not None) or not destination.startswith(unique):
                raise self._found(
                    Severity.LEAK,
                    "message-of-another-client",
                    f"it has delivered a message that this client has no part in: {describe(frame)}",
                    (receipt,),
                    on=on,
                )
            if mark in self._reference.maybe and self._reference.may_deliver(on, destination):
                return
            again = "-again" if mark in self._delivered else ""
            raise self._found(
                Severity.WRONG_ANSWER,
                f"unexpected-message{again}",
                "it has delivered a message that "
                + ("was delivered before" if again else "is not to be delivered")
                + f": {describe(frame)}",
                (receipt,),
                section="MESSAGE",
                on=on,
            )
        raise self._found(
            Severity.WRONG_ANSWER,
            f"unexpected-{frame.command.lower()}",
            f"nothing asks for {describe(frame)}",
            (receipt,),
            on=on,
        )

    def _was_asked_for(self, on: str, frame: Frame) -> bool:
        """Whether a frame has asked for this RECEIPT, which may come early, or late where it is in a transaction."""
        receipt = frame.headers.get("receipt-id", "")
        self._receipts[on][receipt] += 1
        return self._receipts[on][receipt] <= self._reference.asked[on][receipt]

    # ------------------------------------------------------------------ barriers and refusals

    def _write_barrier(self, on: str, note: bool = True) -> str:
        """Send a harmless frame that has to be confirmed, and return its receipt."""
        self._barriers += 1
        receipt = f"{_BARRIER}-{self._barriers}"
        data = f"BEGIN\ntransaction:{receipt}\nreceipt:{receipt}\n\n\0".encode()
        if note:
            self.steps.receive(on, data)
        self._reference.receive(on, data)
        try:
            self._wires[on].write(data, self._target.timeout)
        except Stalled as stalled:
            raise self._found(Severity.HANG, "does-not-read", str(stalled)) from None
        return receipt

    def _pass_barrier(self, on: str) -> None:
        receipt = self._write_barrier(on)
        frame = Frame("RECEIPT", [("receipt-id", receipt)])
        self._await([Expected(on, frame, 0, "BEGIN")])

    def _check_refusal(self, send: Send) -> None:
        """The reference has refused the last step. So has the broker, or it has to be told."""
        rule = self._script.rule
        if rule.code != self._reference.refused:
            self.played.decided = False  # shortened into something else
        elif rule.must_refuse:
            self._await_refusal(send.on)

    def _await_refusal(self, on: str) -> None:
        if self._patience:
            time.sleep(self._patience)
        wire = self._wires[on]
        receipt = self._ask_whether_it_goes_on(on)
        timeout = _IF_KNOWN if "ignored" in self._known else self._target.timeout
        end = time.monotonic() + timeout
        refusal: tuple[dict[str, Any], ...] = ({"rejects": {}},)
        while True:
            try:
                frame = wire.frame(max(0.0, end - time.monotonic()))
            except Closed:
                return
            except Illegal as error:
                raise self._illegal(error) from None
            except TimeoutError:
                raise self._found(
                    Severity.HANG,
                    "ignored",
                    f"expected a refusal, nothing came in {timeout:g} s",
                    refusal,
                    on=on,
                ) from None
            if frame.command == "ERROR":
                self._await_end(on)
                return
            accepted = frame.headers.get("receipt-id") == receipt if receipt else frame.command == "CONNECTED"
            if accepted:
                self._check_acceptance(on, refusal)
                return
            self._note_while_refusing(on, frame)

    def _note_while_refusing(self, on: str, frame: Frame) -> None:
        if frame.command == "MESSAGE" and not frame.headers.get("destination", "").startswith(
            self._values["queue"].removesuffix("a")
        ):
            self._unexpected(on, frame)

    def _ask_whether_it_goes_on(self, on: str) -> str | None:
        """Send what is answered by who has not refused the step before; return the receipt, if it is one."""
        first = next(send.data for send in self._script.sends if send.on == on)
        if first.startswith((b"CONNECT", b"STOMP")):
            return None if sum(send.on == on for send in self._script.sends) == 1 else self._write_barrier(on)
        connect = connect_frame(self._script.version)
        self.steps.receive(on, connect)
        self._wires[on].write(fill_values(connect, self._values), self._target.timeout)
        return None

    def _check_acceptance(self, on: str, refusal: tuple[dict[str, Any], ...]) -> None:
        rule = self._script.rule
        if rule.demand is Demand.MUST_REFUSE:
            severity = Severity.WRONG_ANSWER
        elif rule.demand is Demand.SHOULD_REFUSE:
            severity = Severity.LENIENT
        else:
            return
        raise self._found(
            severity,
            "accepted",
            f"expected a refusal ({self._reference.refused_text or rule.name}), it goes on",
            refusal,
            on=on,
        )

    def _await_end(self, on: str) -> None:
        """Behind ERROR the broker has to close the connection."""
        if "open-after-error" in self._known or self._script.version == "1.0":
            return
        end = time.monotonic() + self._target.close_timeout
        try:
            while True:
                self._wires[on].frame(max(0.0, end - time.monotonic()))
        except (Closed, Illegal):
            return
        except TimeoutError:
            raise self._found(
                Severity.LENIENT,
                "open-after-error",
                f"it has sent ERROR and not closed the connection within {self._target.close_timeout:g} s",
                ({"rejects": {"closes": True}},),
                section="ERROR",
                on=on,
            ) from None

    def _check_heart_beats(self) -> None:
        """What CONNECTED promises has to come."""
        [(on, connected)] = self._connected.items()
        connect = next(send.data for send in self._script.sends if send.on == on)
        interval = promised_interval(connect, connected)
        if interval is None or "no-heart-beat" in self._known:
            return  # none has to come, or it is known that none does
        allowed = self._heart_beat_patience * patience_for(interval)
        try:
            seconds = silence(self._wires[on], interval, allowed)
        except Closed:
            return  # it may close a connection on which nothing comes
        except Illegal as error:
            raise self._illegal(error) from None
        if seconds is not None:
            raise self._found(
                Severity.WRONG_ANSWER,
                "no-heart-beat",
                f"it has promised heart-beats every {interval:g} s (heart-beat:{connected.headers['heart-beat']} in "
                f"CONNECTED), and sent nothing for {seconds:.1f} s",
                ({"beats": {"within": round(1000 * allowed)}},),
                section="Heart-beating",
                on=on,
            )

    # ------------------------------------------------------------------ others

    def _check_bystander(self, when: str) -> None:
        if self._bystander is None:
            return
        symptom = self._bystander.check()
        if symptom is not None:
            self._bystander = None  # it has closed its connection, and tells nothing more
            raise _Found(replace(symptom, text=f"{symptom.text} ({when})"))

    def _found(
        self,
        severity: Severity,
        name: str,
        text: str,
        expected: tuple[dict[str, Any], ...] = (),
        *,
        section: str | None = None,
        on: str = "a",
    ) -> _Found:
        if on != "a":
            expected = tuple({"on": on, **step} for step in expected)
        return _Found(Symptom(severity, name, text, expected, section))


_STANDARD = ("body", "destination", "subscription", "message-id", "ack", "content-type", MARK)


def _missing_name(expected: Expected) -> str:
    if expected.frame.command == "MESSAGE":
        return "message-lost"
    return f"no-{expected.frame.command.lower()}-for-{expected.cause.lower()}"
