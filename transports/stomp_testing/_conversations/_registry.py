"""All mutations."""

from __future__ import annotations

from ._model import Mutation, Role
from ._state_mutations import STATE_MUTATIONS
from ._wire_mutations import WIRE_MUTATIONS

__all__ = ["MUTATIONS", "mutations_of"]

MUTATIONS: tuple[Mutation, ...] = (*WIRE_MUTATIONS, *STATE_MUTATIONS)


def mutations_of(version: str, role: Role) -> tuple[Mutation, ...]:
    """Return the rules that the peer of ``role`` can break in a version."""
    return tuple(entry for entry in MUTATIONS if version in entry.versions and role in entry.roles)
