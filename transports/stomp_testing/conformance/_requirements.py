"""The requirements of the specifications, read from the JSON files beside this module."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["DATA", "VERSIONS", "Case", "Requirement", "Step", "load_requirements"]

#: The folder of the data.
DATA = Path(__file__).parent
#: The versions of STOMP that there are data of.
VERSIONS = ("1.0", "1.1", "1.2")


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a case.

    Attributes:
        kind: what happens, such as ``"receive"``.
        value: the argument, as in the JSON.
        on: the name of the connection.
        refused: for a ``command``, the code of the error with which the library has to refuse it; otherwise ``None``.
    """

    kind: str
    value: Any
    on: str
    refused: str | None


@dataclass(frozen=True, slots=True)
class Case:
    """One test of a requirement.

    Attributes:
        id: a unique name, such as ``"1.2/body/other-frames#parser/ack"``.
        version: the version of STOMP.
        level: the level of the requirement, if the case has none of its own. ``"STRICT"`` if the specification forbids
            the peer to send what this case sends, and does not state what the receiver does. A strict receiver refuses
            it.
        role: what is tested: ``"parser"``, ``"serializer"``, ``"client-api"``, ``"client"`` or ``"server"``.
        start: ``"connected"`` if the handshake precedes the steps, ``"open"`` if not.
        steps: the steps, in order.
    """

    id: str
    version: str
    level: str
    role: str
    start: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Requirement:
    """One sentence of a specification.

    Attributes:
        id: a unique name, such as ``"1.2/connect/accept-version"``.
        version: the version of the specification.
        section: the heading that the sentence stands under.
        level: ``"MUST"``, ``"SHOULD"`` or ``"MAY"``, as RFC 2119 means them, whichever of its words the sentence uses;
            ``"WILL"`` for a sentence that describes what happens without any of them.
        quote: the sentence, or the part of it that matters.
        cases: the tests of this requirement.
        tested_by: the ids of requirements whose cases test this one, too.
        untestable: why there is no test; ``None`` if there is one.
    """

    id: str
    version: str
    section: str
    level: str
    quote: str
    cases: tuple[Case, ...]
    tested_by: tuple[str, ...]
    untestable: str | None


def load_requirements(versions: Iterable[str] = VERSIONS) -> list[Requirement]:
    """Return the requirements of the specifications, in the order of their texts.

    Args:
        versions: the versions of STOMP; by default all.

    Raises:
        ValueError: there is no such version.
    """
    return [requirement for version in versions for requirement in _load(version)]


def _load(version: str) -> list[Requirement]:
    if version not in VERSIONS:
        raise ValueError(f"versions must be of {', '.join(VERSIONS)}, got {version!r}")
    content = json.loads((DATA / f"stomp-{version}.json").read_text(encoding="utf-8"))
    return [_requirement(each, version) for each in content["requirements"]]


def _requirement(data: dict[str, Any], version: str) -> Requirement:
    return Requirement(
        data["id"],
        version,
        data["section"],
        data["level"],
        data["quote"],
        tuple(_case(case, data, version) for case in data.get("cases", ())),
        tuple(data.get("tested_by", ())),
        data.get("untestable"),
    )


def _case(data: dict[str, Any], requirement: dict[str, Any], version: str) -> Case:
    steps = tuple(map(_step, data["steps"]))
    role, level = data["role"], data.get("level", requirement["level"])
    case_id = f"{requirement['id']}#{role}/{data['name']}"
    return Case(case_id, version, level, role, data.get("start", "connected"), steps)


def _step(data: dict[str, Any]) -> Step:
    rest = dict(data)
    on, refused = rest.pop("on", "a"), rest.pop("refused", None)
    [(kind, value)] = rest.items()
    return Step(kind, value, on, refused)
