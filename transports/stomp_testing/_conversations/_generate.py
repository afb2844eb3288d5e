"""One conversation from choices: a legal one, or one that breaks a rule."""

from __future__ import annotations

from ._actions import act, connect, disconnect, refuse
from ._builder import Builder
from ._choices import Choices
from ._conversation import Conversation, Mutation
from ._model import Demand, Role, Setting

__all__ = ["make_conversation"]


def make_conversation(
    choices: Choices,
    version: str,
    role: Role,
    *,
    mutation: Mutation | None = None,
    setting: Setting | None = None,
    length: int = 16,
) -> Conversation:
    """Make a conversation.

    Args:
        choices: where its decisions come from.
        version: ``"1.0"``, ``"1.1"`` or ``"1.2"``.
        role: the side that is tested, ``"client"`` or ``"server"``.
        mutation: the rule that is broken, one that has this version and role; ``None`` for a legal conversation.
        setting: what the implementation under test needs.
        length: how many actions there are before a violation, at most; some are left out, some have several steps.

    Returns:
        The conversation. It ends with the violation, unless that is one that has to be accepted.

    Raises:
        ValueError: the mutation has not this version or role.
    """
    if mutation is not None and (version not in mutation.versions or role not in mutation.roles):
        raise ValueError(f"{mutation.name} is not about a {role} of STOMP {version}")
    builder = Builder(version, role, setting or Setting())

    def add_action(choices: Choices) -> None:
        act(builder, choices)

    if mutation is None or not mutation.at_start:
        connect(builder, choices)
        choices.repeat(add_action, length)
    if mutation is None:
        if choices.chance(30):
            _end(builder, choices)
        return _written(builder, None)
    mutation.apply(builder, choices)
    if mutation.demand is Demand.MUST_ACCEPT and builder.connected:
        choices.repeat(add_action, 3)
    return _written(builder, mutation)


def _written(builder: Builder, broken: Mutation | None) -> Conversation:
    return Conversation(builder.version, builder.role, tuple(builder.steps), broken, builder.broken_at)


def _end(builder: Builder, choices: Choices) -> None:
    if builder.role == "client" and choices.chance(30):
        refuse(builder, choices)
    elif builder.setting.scripted_client:
        disconnect(builder, choices)
