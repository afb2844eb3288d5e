"""Conversations between a client and a server, legal ones and such as break one named rule of STOMP.

    choices = RandomChoices(seed)
    conversation = make_conversation(choices, "1.2", "server", mutation=choices.pick(mutations_of("1.2", "server")))

The strategies of :mod:`stomp_testing.strategies` and the fuzzer stand on this package. Its decisions come from
:class:`Choices`: a seed gives the same conversation each time, and hypothesis shrinks one.
"""

from __future__ import annotations

from ._choices import BytesChoices, Choices, RandomChoices
from ._conversation import Conversation, Exchange, Mutation, Turn
from ._generate import make_conversation
from ._model import Demand, Kind, Role, Setting, Step
from ._registry import MUTATIONS, mutations_of

__all__ = [
    "MUTATIONS",
    "BytesChoices",
    "Choices",
    "Conversation",
    "Demand",
    "Exchange",
    "Kind",
    "Mutation",
    "RandomChoices",
    "Role",
    "Setting",
    "Step",
    "Turn",
    "make_conversation",
    "mutations_of",
]
