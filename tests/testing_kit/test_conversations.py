"""Conversations: stomp_core accepts what is legal, in both roles, and refuses each rule that is broken.

The conversations know what has to happen without stomp_core: so these tests compare two independent opinions.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

from stomp_core import (
    NEED_DATA,
    ClientConnection,
    ConnectionClosed,
    Event,
    Frame,
    HeartBeat,
    Leniency,
    LocalProtocolError,
    RemoteProtocolError,
    ServerConnection,
)
from stomp_testing import conformance, strategies
from stomp_testing._conversations import RandomChoices, make_conversation
from stomp_testing.strategies import Conversation, Demand, Kind, Mutation, Role, Setting, Step

VERSIONS = ("1.0", "1.1", "1.2")
ROLES: tuple[Role, ...] = ("client", "server")
MUTATIONS = strategies.MUTATIONS
BY_NAME = {mutation.name: mutation for mutation in MUTATIONS}
BY_ROLE = [
    pytest.param(mutation, role, id=f"{mutation.name}-{role}")
    for mutation in MUTATIONS
    for role in mutation.roles
    if mutation.name != "heart-beats-missing"  # not refused, but noticed: see below
]


class Play:
    """Both sides of a conversation, strict, and one clock.

    A legal frame is sent by the core of its side. The bytes that break a rule are only received.
    """

    def __init__(self, conversation: Conversation) -> None:
        self.conversation = conversation
        self.client = ClientConnection(offered_in(conversation), leniency=Leniency())
        self.server = ServerConnection()
        self.now = 0.0
        self.received: list[object] = []  # by the tested side

    def run(self, start: int, stop: int) -> None:
        """Play the steps from ``start`` to ``stop``."""
        steps = self.conversation.steps
        for index in range(start, stop):
            pieces = (
                index > 0 and steps[index].frame is not None and steps[index].frame is steps[index - 1].frame
            )
            self.step(steps[index], legal=index < self.conversation.broken_at, sent=pieces)

    def step(self, step: Step, *, legal: bool, sent: bool) -> None:
        sender, receiver = (
            (self.client, self.server) if step.sender == "client" else (self.server, self.client)
        )
        self.now += step.wait
        if step.frame is not None and (legal or (self.accepted and not sent)):
            wire = sender.send(step.frame, now=self.now)
            assert not legal or wire == step.data
        elif not step.data:
            sender.receive_data(b"", now=self.now)
        receiver.handle_timeout(self.now)
        receiver.receive_data(step.data, now=self.now)
        while (event := receiver.next_event()) is not NEED_DATA:
            if step.sender != self.conversation.role:
                self.received.append(event)

    @property
    def tested(self) -> ClientConnection | ServerConnection:
        return self.client if self.conversation.role == "client" else self.server

    @property
    def accepted(self) -> bool:
        return self.conversation.broken is not None and self.conversation.broken.demand is Demand.MUST_ACCEPT


def offered_in(conversation: Conversation) -> list[str]:
    """The versions that the client of a conversation offers."""
    connect = next((step.frame for step in conversation.steps if step.sender == "client"), None)
    listed = None if connect is None else connect.headers.get("accept-version")
    return [conversation.version] if listed is None else listed.split(",")


def conversations_of(mutation: Mutation, role: Role) -> Iterator[tuple[str, Conversation]]:
    for version in mutation.versions:
        for seed in range(12):
            yield version, make_conversation(RandomChoices(seed), version, role, mutation=mutation)


def frames_sent_to(conversation: Conversation) -> list[Frame]:
    return [step.frame for step in conversation.steps if step.frame and step.sender == conversation.peer]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("version", VERSIONS)
@given(data=st.data())
def test_legal_conversations_are_accepted_by_both_sides(
    version: str, role: Role, data: st.DataObject
) -> None:
    conversation = data.draw(strategies.conversations(version, role))
    play = Play(conversation)
    play.run(0, len(conversation.steps))
    frames = [event.frame for event in play.received if isinstance(event, Event)]
    assert frames == frames_sent_to(conversation)
    assert all(isinstance(event, Event | HeartBeat | ConnectionClosed) for event in play.received)


@pytest.mark.parametrize(("mutation", "role"), BY_ROLE)
def test_core_does_what_a_mutation_demands(mutation: Mutation, role: Role) -> None:
    """It refuses the very step that breaks the rule, with the code of the rule, or accepts it."""
    for version, conversation in conversations_of(mutation, role):
        assert (conversation.version, conversation.role, conversation.broken) == (version, role, mutation)
        play = Play(conversation)
        play.run(0, conversation.broken_at)
        if mutation.code is None:
            play.run(conversation.broken_at, len(conversation.steps))
            continue
        with pytest.raises(RemoteProtocolError) as caught:
            play.run(conversation.broken_at, len(conversation.steps))
        assert caught.value.code == mutation.code, str(conversation)


@pytest.mark.parametrize(
    ("mutation", "role"),
    [
        entry
        for entry in BY_ROLE
        if isinstance(entry.values[0], Mutation)
        and entry.values[0].kind is Kind.STATE
        and entry.values[0].code
        and not entry.values[0].at_start
    ],
)
def test_core_refuses_to_send_what_comes_at_a_wrong_time(mutation: Mutation, role: Role) -> None:
    for _, conversation in conversations_of(mutation, role):
        play = Play(conversation)
        play.run(0, conversation.broken_at)
        frame = conversation.steps[conversation.broken_at].frame
        peer = play.server if role == "client" else play.client
        if frame is not None:
            with pytest.raises(LocalProtocolError):
                peer.send(frame, now=play.now)


@pytest.mark.parametrize("role", ROLES)
def test_missing_heart_beats_end_a_connection(role: Role) -> None:
    conversation = make_conversation(RandomChoices(1), "1.2", role, mutation=BY_NAME["heart-beats-missing"])
    play = Play(conversation)
    play.run(0, conversation.broken_at)
    play.now += conversation.steps[-1].wait
    play.tested.handle_timeout(play.now)
    closed = play.tested.next_event()
    assert isinstance(closed, ConnectionClosed)
    assert closed.code == "heart-beat"


def test_a_seed_repeats_a_conversation() -> None:
    for mutation in MUTATIONS:
        first, second = (
            make_conversation(RandomChoices(7), mutation.versions[0], mutation.roles[0], mutation=mutation)
            for _ in range(2)
        )
        assert first == second


# ---------------------------------------------------------------------- the strategies

SEARCH = settings(database=None, max_examples=5000)


def commands(conversation: Conversation) -> list[str]:
    return [step.frame.command for step in conversation.steps if step.frame]


def test_minimal_conversations_are_short() -> None:
    assert len(find(strategies.conversations("1.2", "server"), lambda _: True, settings=SEARCH).steps) == 2
    twice = find(strategies.mutations("1.1", "server", names=["ack-twice"]), lambda _: True, settings=SEARCH)
    assert commands(twice) == ["CONNECT", "CONNECTED", "SUBSCRIBE", "SEND", "MESSAGE", "ACK", "ACK"]


@pytest.mark.parametrize("role", ROLES)
@given(data=st.data())
def test_drawn_mutations_break_a_rule_that_their_peer_can_break(role: Role, data: st.DataObject) -> None:
    version = data.draw(strategies.versions())
    drawn = data.draw(strategies.mutations(version, role))
    assert drawn.broken is not None
    assert version in drawn.broken.versions
    assert role in drawn.broken.roles
    assert drawn.steps[drawn.broken_at].sender == drawn.peer


def test_rules_that_do_not_exist_there_are_refused() -> None:
    strategy = strategies.mutations("1.0", "client", names=["ack-twice"])
    with pytest.raises(
        ValueError, match=r"names has no rule that the peer of a client can break in STOMP 1\.0"
    ):
        find(strategy, lambda _: True, settings=SEARCH)


def test_a_conversation_is_shown_as_its_steps() -> None:
    shown = repr(
        make_conversation(RandomChoices(1), "1.2", "client", mutation=BY_NAME["header-line-too-long"])
    )
    assert shown.startswith(
        "<Conversation: STOMP 1.2, client under test, header-line-too-long (may refuse)\n"
    )
    assert "\n! server: b'MESSAGE" in shown
    assert len(shown) < 20_000


def test_names_of_rules_are_unique_and_sections_exist() -> None:
    assert len(BY_NAME) == len(MUTATIONS)
    sections = {
        requirement.section
        for version in VERSIONS
        for requirement in conformance.load_requirements([version])
    }
    assert {mutation.section for mutation in MUTATIONS} - sections == set()


def test_placeholders_are_replaced_by_escaped_ids() -> None:
    step = Step("client", b"ACK\nid:{ack-1}\n\n\0")
    assert step.with_ids({"ack-1": "a:b", "ack-11": "no"}, "1.2") == b"ACK\nid:a\\cb\n\n\0"
    assert step.with_ids({"ack-1": "a:b"}, "1.0") == b"ACK\nid:a:b\n\n\0"


def test_a_client_that_is_not_scripted_only_connects_and_subscribes() -> None:
    setting = Setting(scripted_client=False)
    for seed in range(50):
        legal = make_conversation(RandomChoices(seed), "1.2", "client", setting=setting)
        sent = [step.frame.command for step in legal.steps if step.frame and step.sender == "client"]
        assert sent[0] in ("CONNECT", "STOMP")
        assert sent[1:] == ["SUBSCRIBE"]


def test_exchanges_pair_what_the_peer_sends_with_the_answers() -> None:
    legal = make_conversation(RandomChoices(3), "1.2", "server")
    assert [step for exchange in legal.exchanges() for step in (exchange.sent, *exchange.answers)] == list(
        legal.steps
    )
    connect = legal.exchanges()[0]
    assert connect.sent is not None
    assert connect.sent.sender == legal.peer == "client"
    assert [answer.frame.command for answer in connect.answers if answer.frame] == ["CONNECTED"]
