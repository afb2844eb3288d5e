"""stomp_testing.stateful.SessionMachine, as a user derives from it: with rules and a policy of their own."""

from __future__ import annotations

import random

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import rule, run_state_machine_as_test

from stomp_core import Session
from stomp_core.session import Config, Delivery, Reconnect
from stomp_testing.stateful import SessionMachine


class AcknowledgeAtOnce(SessionMachine):
    def make_session(self) -> Session:
        config = Config("stomp://a", heart_beat=(0, 0), reconnect=Reconnect(rounds=None), buffer_size=5_000)
        return Session(config, rng=random.Random(0))

    def on_delivery(self, delivery: Delivery) -> None:
        self.call(self.session.ack, delivery, receipt=True)

    @rule()
    def send_two(self) -> None:
        self.send(receipt=True)
        self.send(receipt=False)


class SessionThatSendsTwice(SessionMachine):
    @rule()
    def send_the_first_one_again(self) -> None:
        if self.world.is_connected:
            self.call(self.session.send, "/queue/sent", "1")
            self.call(self.session.send, "/queue/sent", "1")
            self.write()


#: It finds the mistake, and does not look for the shortest history.
GENERATE = settings(database=None, max_examples=300, phases=[Phase.generate])

SessionMachine.TestCase.settings = settings(stateful_step_count=40, max_examples=30)
AcknowledgeAtOnce.TestCase.settings = settings(stateful_step_count=30, max_examples=15)
TestSessionMachine = SessionMachine.TestCase
TestAcknowledgeAtOnce = AcknowledgeAtOnce.TestCase


def test_a_message_that_is_sent_twice_is_found() -> None:
    with pytest.raises(AssertionError, match="sent: "):
        run_state_machine_as_test(SessionThatSendsTwice, settings=GENERATE)
