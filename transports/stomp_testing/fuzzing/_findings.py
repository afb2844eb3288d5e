"""Finding: something that is wrong with the program under test, with what shows it."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ._script import Script, to_bytes, to_text
from ._symptoms import SEVERITIES, Severity

__all__ = ["Finding", "Outcome", "RunReport", "load_findings"]


@dataclass(slots=True)
class Finding:
    """Something that is wrong.

    Attributes:
        severity: how bad it is.
        rule: the name of the broken rule; ``"legal"`` if everything that was sent is legal.
        symptom: what happened, in stable words.
        section: the section of the specification, by its title; ``""`` if it is about none.
        text: what was expected and what came.
        script: the shortest script that shows it.
        steps: the same as steps of a conformance case, with the step that fails at the end.
        role: what is tested, ``"server"`` or ``"client"``.
        sent: the bytes that were sent, by connection.
        number: the number of the conversation in the run that has shown it.
        repeat: how often it has to be played to be seen.
        minimised: whether the script was made shorter; ``False`` if it could not be played again.
        seen: in how many conversations it was seen.
    """

    severity: Severity
    rule: str
    symptom: str
    section: str
    text: str
    script: Script
    steps: list[dict[str, Any]]
    role: str = "server"
    sent: dict[str, bytes] = field(default_factory=dict)
    number: int = 0
    repeat: int = 1
    minimised: bool = True
    seen: int = 1

    @property
    def name(self) -> str:
        """A name for files, made of severity, rule and symptom."""
        words = f"{self.severity}-{self.rule}-{self.symptom}"
        return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")

    @property
    def case_id(self) -> str:
        """The id of the finding as a case of :mod:`stomp_testing.conformance`."""
        return f"{self.script.version}/fuzzing/{self.rule}#{self.role}/{self.symptom}"

    def case(self) -> dict[str, Any]:
        """Return it as a case, as in the files of :mod:`stomp_testing.conformance`."""
        name = re.sub(r"[^a-z0-9.-]+", "-", self.symptom)
        return {"name": name, "role": self.role, "start": "open", "steps": self.steps}

    def as_json(self) -> dict[str, Any]:
        """Return it for :func:`load_findings`."""
        return {
            "name": self.name,
            "severity": str(self.severity),
            "rule": self.rule,
            "symptom": self.symptom,
            "section": self.section,
            "version": self.script.version,
            "text": self.text,
            "number": self.number,
            "seen": self.seen,
            "repeat": self.repeat,
            "minimised": self.minimised,
            "case": self.case(),
            "script": self.script.as_json(),
            "sent": {on: to_text(data) for on, data in self.sent.items()},
        }

    @staticmethod
    def from_json(content: dict[str, Any]) -> Finding:
        """Return the finding of which :meth:`as_json` has returned an object.

        Args:
            content: the object.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        return Finding(
            Severity(content["severity"]),
            content["rule"],
            content["symptom"],
            content["section"],
            content["text"],
            Script.from_json(content["script"]),
            content["case"]["steps"],
            content["case"]["role"],
            {on: to_bytes(text) for on, text in content["sent"].items()},
            content["number"],
            content["repeat"],
            content["minimised"],
            content["seen"],
        )


def load_findings(path: Path) -> list[Finding]:
    """Return the findings of a file of JSON lines.

    Args:
        path: the file, ``findings.jsonl`` of a run.

    Raises:
        OSError: it cannot be read.
        ValueError: it contains something else.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        return [Finding.from_json(json.loads(line)) for line in lines if line.strip()]
    except (KeyError, TypeError, AttributeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} must contain findings of a run, got {error!r}") from None


#: What can become of a conversation, for the counts of a report.
Outcome = str


@dataclass(slots=True)
class RunReport:
    """What a run has found.

    Attributes:
        target: the program that was tested, such as its URL.
        server: the ``server`` header of a broker; the command of a client.
        role: ``"server"`` or ``"client"``.
        versions: the versions of STOMP that were tested.
        seed: the seed of the run.
        conversations: how many were played.
        seconds: how many seconds it took.
        counts: for each rule, how many conversations ended how. ``"as specified"``, ``"not decided"``, or the name of a
            symptom.
        demands: what the specification demands of the receiver, by rule.
        findings: the worst ones first.
        notes: what else has to be known, in sentences.
        ended_early: why the run has ended before its time, as when a broker has died and did not come back; ``None`` if
            it has not.
    """

    target: str
    server: str
    role: str
    versions: tuple[str, ...]
    seed: int
    conversations: int = 0
    seconds: float = 0.0
    counts: dict[str, Counter[Outcome]] = field(default_factory=dict)
    demands: dict[str, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    ended_early: str | None = None

    def count(self, script: Script, outcome: Outcome) -> None:
        """Note what became of a conversation.

        Args:
            script: the conversation.
            outcome: ``"as specified"``, ``"not decided"``, or the name of a symptom.
        """
        self.conversations += 1
        self.counts.setdefault(script.rule.name, Counter())[outcome] += 1
        self.demands.setdefault(script.rule.name, str(script.rule.demand))

    def sort(self) -> None:
        """Put the worst findings first."""
        self.findings.sort(key=lambda one: (SEVERITIES.index(one.severity), one.rule, one.symptom))

    def of_severity(self, severities: Iterable[Severity]) -> list[Finding]:
        """Return the findings of some severities.

        Args:
            severities: the severities.
        """
        chosen = set(severities)
        return [one for one in self.findings if one.severity in chosen]
