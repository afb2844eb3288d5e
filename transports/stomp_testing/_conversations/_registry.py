"""All mutations."""

from __future__ import annotations

from ._conversation import Mutation
from ._handshake_mutations import HANDSHAKE_MUTATIONS
from ._header_mutations import HEADER_MUTATIONS
from ._length_mutations import LENGTH_MUTATIONS
from ._limit_mutations import LIMIT_MUTATIONS, TIMING_MUTATIONS
from ._model import Role
from ._state_mutations import STATE_MUTATIONS
from ._wire_mutations import WIRE_MUTATIONS

__all__ = ["MUTATIONS", "mutations_of"]

MUTATIONS: tuple[Mutation, ...] = (
    *WIRE_MUTATIONS,
    *LENGTH_MUTATIONS,
    *HEADER_MUTATIONS,
    *STATE_MUTATIONS,
    *HANDSHAKE_MUTATIONS,
    *LIMIT_MUTATIONS,
    *TIMING_MUTATIONS,
)


def mutations_of(version: str, role: Role) -> tuple[Mutation, ...]:
    """Return the rules that the peer of ``role`` can break in a version."""
    return tuple(entry for entry in MUTATIONS if version in entry.versions and role in entry.roles)
