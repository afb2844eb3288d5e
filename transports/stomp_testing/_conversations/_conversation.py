"""A conversation as a whole, and the rule that it breaks."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from stomp_core import ErrorCode

from ._builder import Builder
from ._choices import Choices
from ._model import Demand, Kind, Role, Step, opposite

__all__ = ["Conversation", "Exchange", "Mutation", "Turn"]


@dataclass(frozen=True, slots=True)
class Mutation:
    """A rule of STOMP, and how to break it.

    Attributes:
        name: for reports, as in ``"undefined-escape"``.
        kind: what it is about.
        roles: who can receive it: the side that is tested.
        versions: in which there is this rule.
        section: the section of the specification, by its title.
        demand: what the receiver has to do.
        code: with which stomp_core refuses it; ``None`` if it does not.
        apply: adds the steps that break the rule to a conversation, and those that they need.
        at_start: whether it is the first thing in the conversation, or replaces the handshake.
    """

    name: str
    kind: Kind
    roles: tuple[Role, ...]
    versions: tuple[str, ...]
    section: str
    demand: Demand
    code: ErrorCode | None
    apply: Callable[[Builder, Choices], None] = field(repr=False)
    at_start: bool = False

    def __str__(self) -> str:
        return self.name


class Exchange(NamedTuple):
    """Something that the peer sends, and the steps of the tested side that follow.

    Attributes:
        sent: ``None`` if the tested side begins.
        answers: what it sends until the peer sends again. A server may send MESSAGEs and RECEIPTs in another order.
    """

    sent: Step | None
    answers: tuple[Step, ...]


class Turn(NamedTuple):
    """Steps of one side that follow each other: their bytes may arrive together.

    Attributes:
        sender: ``"client"`` or ``"server"``.
        steps: the steps.
        data: their bytes.
        closes: whether the sender closes the connection behind them.
    """

    sender: Role
    steps: tuple[Step, ...]
    data: bytes
    closes: bool


@dataclass(frozen=True, slots=True, repr=False)
class Conversation:
    """What a client and a server send each other, in this order.

    Attributes:
        version: the version of STOMP.
        role: the side that is tested. The other one is played, and commits the violation.
        steps: the steps of both sides. Those of the tested side are what it has to send.
        broken: the rule that is broken; ``None`` in a legal conversation.
        broken_at: the index in ``steps`` where the violation begins; ``len(steps)`` in a legal conversation.
    """

    version: str
    role: Role
    steps: tuple[Step, ...]
    broken: Mutation | None = None
    broken_at: int = field(default=0)

    @property
    def peer(self) -> Role:
        """The side that is played."""
        return opposite(self.role)

    @property
    def must_refuse(self) -> bool:
        """True if a strict receiver refuses the last step."""
        return self.broken is not None and self.broken.demand in (Demand.MUST_REFUSE, Demand.SHOULD_REFUSE)

    def exchanges(self) -> list[Exchange]:
        """Group the steps: what the peer sends, each time with what has to be sent in return."""
        groups: list[tuple[Step | None, list[Step]]] = []
        for step in self.steps:
            if step.sender == self.peer:
                groups.append((step, []))
            else:
                if not groups:
                    groups.append((None, []))
                groups[-1][1].append(step)
        return [Exchange(sent, tuple(answers)) for sent, answers in groups]

    def turns(self) -> list[Turn]:
        """Group the steps by their sender."""
        return [
            Turn(steps[0].sender, steps, b"".join(step.data for step in steps), not steps[-1].data)
            for _, group in itertools.groupby(self.steps, key=lambda step: step.sender)
            for steps in (tuple(group),)
        ]

    def __str__(self) -> str:
        rule = "legal" if self.broken is None else f"{self.broken.name} ({self.broken.demand})"
        lines = [f"STOMP {self.version}, {self.role} under test, {rule}"]
        for index, step in enumerate(self.steps):
            lines.append(f"{'!' if index >= self.broken_at else ' '} {step}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        # Hypothesis shows it in its reports, where the steps are what one wants to read.
        return f"<Conversation: {self}>"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))
