"""Make the script of the n-th conversation of a seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from stomp_core import Frame

from .._conversations import (
    Conversation,
    Mutation,
    RandomChoices,
    Role,
    Setting,
    Step,
    make_conversation,
    mutations_of,
)
from ._heart_beats import heart_beat_script
from ._reference import MARK
from ._script import HEART_BEATS, LEGAL, UNFINISHED, Rule, Script, Send, connect_frame

__all__ = ["ScriptMaker"]

#: Of so many conversations, one for each version looks for heart-beats. These take a second or two.
_PERIOD_OF_HEART_BEATS = 400
_QUEUES = ("${queue}", "${other-queue}")


@dataclass(frozen=True, slots=True)
class _Plan:
    version: str
    mutation: Mutation | None


class ScriptMaker:
    """Makes scripts: every second one is legal, and the others break each rule in turn.

    A few of the legal ones are silent, and want heart-beats.

    Args:
        seed: the same seed makes the same scripts.
        versions: of STOMP, that are tested.
        role: the side that is tested.
        ack_covers_connection: as in :class:`Setting`.
        only: break these rules only, by their names; all if it is empty.
    """

    def __init__(
        self,
        seed: int,
        versions: Sequence[str],
        role: Role = "server",
        *,
        ack_covers_connection: bool = False,
        only: Sequence[str] = (),
    ) -> None:
        self._seed = seed
        self._role: Role = role
        self._setting = Setting(
            host="${host}",
            login="${login}",
            passcode="${passcode}",
            destinations=_QUEUES,
            ack_covers_connection=ack_covers_connection,
            scripted_client=role == "server",
        )
        plans = [
            _Plan(version, mutation)
            for version in versions
            for mutation in mutations_of(version, role)
            if not only or mutation.name in only
        ]
        self._with_heart_beats = [
            version
            for version in versions
            if version != "1.0" and role == "server" and (not only or HEART_BEATS.name in only)
        ]
        if not plans and not self._with_heart_beats and "legal" not in only:
            raise ValueError(f"no rule has one of the names {', '.join(only)}")
        random.Random(seed).shuffle(plans)
        self._plans = plans
        self._versions = tuple(versions)
        self._legal = not only or "legal" in only

    def make(self, number: int) -> Script:
        """Return the script of a number, counted from 0."""
        silent = self._version_of_heart_beats(number)
        if silent is not None:
            return heart_beat_script(silent)
        choices = RandomChoices(self._seed * 1_000_003 + number)
        plan = self._plan(number)
        version = choices.pick(self._versions) if plan is None else plan.version
        mutation = None if plan is None else plan.mutation
        # Many brokers know one way of escaping, for all versions; once that is found, it hides what else there is.
        setting = replace(self._setting, plain=choices.chance(85 if version == "1.0" else 30))
        conversation = make_conversation(
            choices,
            version,
            self._role,
            mutation=mutation,
            setting=setting,
            length=choices.pick((3, 6, 12)),
        )
        if self._role == "client":
            return _script_of_server(conversation)
        return _Writer(conversation, choices).script()

    def _version_of_heart_beats(self, number: int) -> str | None:
        versions = self._with_heart_beats
        if versions and not self._plans and not self._legal:
            return versions[number % len(versions)]
        turn = number % _PERIOD_OF_HEART_BEATS
        # The even ones are legal, as this is.
        return versions[turn // 2 - 1] if turn % 2 == 0 and 0 < turn <= 2 * len(versions) else None

    def _plan(self, number: int) -> _Plan | None:
        if not self._plans or (self._legal and number % 2 == 0):
            return None
        return self._plans[(number // (2 if self._legal else 1)) % len(self._plans)]


def rule_of(mutation: Mutation | None) -> Rule:
    """Return the rule that a mutation breaks."""
    if mutation is None:
        return LEGAL
    code = None if mutation.code is None else str(mutation.code)
    return Rule(mutation.name, mutation.section, mutation.demand, code)


def _script_of_server(conversation: Conversation) -> Script:
    sends = tuple(Send(step.data, wait=step.wait) for step in conversation.steps if step.sender == "server")
    return Script(conversation.version, sends, rule_of(conversation.broken))


class _Writer:
    """Writes what the client sends, to which choices add how it is cut, and what a second client finds later."""

    def __init__(self, conversation: Conversation, choices: RandomChoices) -> None:
        self._conversation = conversation
        self._choices = choices
        self._marks = 0
        self._receipts = 0
        self._confirms = False

    def script(self) -> Script:
        conversation, choices = self._conversation, self._choices
        broken = conversation.broken
        steps = [
            (index < conversation.broken_at, step)
            for index, step in enumerate(conversation.steps)
            if step.sender == "client"
        ]
        self._confirms = choices.chance(40)
        sends = [self._send(step, marked) for marked, step in steps]
        style = choices.integer(0, 9)
        if style == 0:
            sends = [replace(send, piece=1) for send in sends]
        elif style == 1:
            sends = [replace(send, piece=choices.integer(2, 9)) for send in sends]
        elif style in (2, 3):
            sends = _joined(sends)
        if broken is not None:
            return Script(conversation.version, tuple(sends), rule_of(broken))
        if choices.chance(10):
            whole = sends[-1].data
            if len(whole) > 1:
                sends[-1] = replace(sends[-1], data=whole[: choices.integer(1, len(whole) - 1)])
                return Script(conversation.version, tuple(sends), UNFINISHED)
        sends += self._later_client(closed=any(not send.data for send in sends))
        return Script(conversation.version, tuple(sends))

    def _send(self, step: Step, marked: bool) -> Send:
        data = step.data
        if marked and step.frame is not None and step.frame.command == "SEND" and data.startswith(b"SEND\n"):
            self._marks += 1
            data = data.replace(b"SEND\n", b"SEND\n%b:${queue}-%d\n" % (MARK.encode(), self._marks), 1)
        if marked and self._confirms and step.frame is not None:
            data = self._with_receipt(step.frame, data)
        return Send(data, wait=step.wait)

    def _with_receipt(self, frame: Frame, data: bytes) -> bytes:
        """Ask for a RECEIPT, which tells of each frame alone whether it was processed."""
        line = frame.command.encode() + b"\n"
        if frame.command in ("CONNECT", "STOMP") or "receipt" in frame.headers or not data.startswith(line):
            return data
        self._receipts += 1
        return line + b"receipt:asked-%d\n" % self._receipts + data[len(line) :]

    def _later_client(self, closed: bool) -> list[Send]:
        """Close the connection, if it is not, and take what is left in the queues."""
        version = self._conversation.version
        sends = [] if closed else [Send(b"")]
        sends.append(Send(connect_frame(version), "b"))
        for number, queue in enumerate(_QUEUES):
            pairs = [("destination", queue), ("id", str(number)), ("receipt", f"taking-{number}")]
            sends.append(Send(Frame("SUBSCRIBE", pairs).to_bytes(version), "b"))
            mark = (MARK, f"${{queue}}-last-{number}")
            last = Frame("SEND", [("destination", queue), mark], b"last")
            sends.append(Send(last.to_bytes(version), "b"))
        return sends


def _joined(sends: list[Send]) -> list[Send]:
    """Let frames follow each other without waiting for answers, apart from the handshake."""
    return [*sends[:1], *[replace(send, joined=True) for send in sends[1:-1]], *sends[1:][-1:]]
