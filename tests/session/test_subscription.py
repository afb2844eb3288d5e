"""Subscription: what a client listens to."""

# What a call has changed, a checker does not know.
# mypy: no-warn-unreachable, disable-error-code=comparison-overlap

from __future__ import annotations

import pytest

from stomp_core import AckMode, Headers, Message, Session
from stomp_core.session import Delivery, Pending, Rejected, SessionClosed, Subscription, SubscriptionState
from stomp_core.session.inbox import Budget

from .play import Play, ids, taken

SESSION = Session("stomp://broker")
ENDED = SessionClosed("it has ended")


class Scene:
    def __init__(self, ack: AckMode = "auto") -> None:
        self.budget = Budget(1_000_000, int)
        self.subscription = Subscription(
            SESSION, self.budget, Delivery, "s", "/q", ack, None, None, Headers(), True
        )

    def deliver(self, *names: str) -> list[bool]:
        return [
            self.subscription._deliver(Message("/q", message_id=name, subscription="s", body=b"12345"), 4)
            for name in names
        ]


def test_messages_are_handed_over_in_order_with_where_they_came_on() -> None:
    scene = Scene()
    assert scene.deliver("1", "2") == [True, True]
    assert scene.subscription.waiting == 2
    first = scene.subscription.take()
    assert first is not None
    assert (first.message_id, first.subscription, first.connection_number) == ("1", scene.subscription, 4)
    assert ids(taken(scene.subscription)) == ["2"]
    assert scene.subscription.take() is None
    assert not scene.subscription.ended


def test_messages_weigh_on_the_budget_until_they_are_taken() -> None:
    scene = Scene()
    scene.deliver("1")
    assert scene.budget.held > 1024 + 5
    scene.subscription.take()
    assert scene.budget.held == 0


def test_an_arrival_is_awaited_until_there_is_one() -> None:
    scene = Scene()
    arrival = scene.subscription.arrival()
    assert not arrival.done
    scene.deliver("1")
    assert arrival.done


@pytest.mark.parametrize("state", [SubscriptionState.DRAINING, SubscriptionState.GONE])
def test_whoever_waits_is_woken_by_the_end(state: SubscriptionState) -> None:
    scene = Scene()
    arrival = scene.subscription.arrival()
    scene.subscription._end(state)
    assert arrival.done
    assert scene.subscription.state is state
    assert scene.subscription.ended
    assert scene.subscription.arrival().done
    assert scene.subscription.take() is None


def test_in_auto_mode_what_is_there_can_be_taken_after_the_end() -> None:
    scene = Scene("auto")
    scene.deliver("1", "2")
    scene.subscription._end(SubscriptionState.GONE)
    assert not scene.subscription.ended
    assert scene.subscription.arrival().done
    assert scene.budget.held == 0
    assert ids(taken(scene.subscription)) == ["1", "2"]
    assert scene.subscription.ended
    assert scene.subscription.dropped == 0


@pytest.mark.parametrize("ack", ["client", "client-individual"])
def test_in_the_other_modes_it_is_dropped_for_somebody_else_gets_it(ack: AckMode) -> None:
    scene = Scene(ack)
    scene.deliver("1", "2")
    scene.subscription._end(SubscriptionState.DRAINING)
    assert scene.subscription.ended
    assert scene.subscription.take() is None
    assert scene.subscription.dropped == 2
    assert scene.budget.held == 0


def test_late_messages_are_dropped_and_counted() -> None:
    scene = Scene()
    scene.subscription._end(SubscriptionState.DRAINING)
    assert scene.deliver("1", "2") == [False, False]
    assert scene.subscription.dropped == 2
    assert scene.subscription.take() is None


def test_why_it_ended_is_raised_behind_the_last_message() -> None:
    scene = Scene()
    scene.deliver("1")
    scene.subscription._end(SubscriptionState.GONE, ENDED)
    assert scene.subscription.error is ENDED
    assert scene.subscription.take() is not None
    for _ in range(2):
        with pytest.raises(SessionClosed, match="it has ended"):
            scene.subscription.take()


def test_what_ends_after_it_was_ended_changes_no_reason() -> None:
    scene = Scene()
    scene.subscription._end(SubscriptionState.DRAINING)
    scene.subscription._end(SubscriptionState.GONE, ENDED)
    assert scene.subscription.state is SubscriptionState.GONE
    assert scene.subscription.error is None
    assert scene.subscription.take() is None


def test_whoever_waits_for_its_beginning_is_told_why_it_never_began() -> None:
    scene = Scene()
    pending: Pending[Subscription] = Pending("SUBSCRIBE to /q")
    scene.subscription.confirming = pending
    scene.subscription._end(SubscriptionState.GONE, ENDED)
    assert pending.exception() is ENDED
    assert scene.subscription.confirming is None


@pytest.mark.parametrize(("ack", "kept"), [("auto", ["1"]), ("client", []), ("client-individual", [])])
def test_a_lost_connection_takes_what_will_be_delivered_again(ack: AckMode, kept: list[str]) -> None:
    scene = Scene(ack)
    scene.deliver("1")
    scene.subscription._connection_lost()
    assert ids(taken(scene.subscription)) == kept
    assert scene.subscription.dropped == 1 - len(kept)
    assert scene.subscription.state is SubscriptionState.ACTIVE
    assert scene.deliver("2") == [True]


def test_its_repr() -> None:
    assert repr(Scene("client").subscription) == "<Subscription 's' to '/q', client, active>"


def test_it_ends_itself() -> None:
    play = Play().connected()
    subscription = play.subscribed(durable="d")
    pending = subscription.unsubscribe(receipt=True, delete=True, timeout=5.0)
    event = play.hears_one()
    assert event.command == "UNSUBSCRIBE"
    assert event.headers["durable"] == "true"
    play.wait(5.1)
    assert pending.done
    other = play.subscribed()
    assert other.unsubscribe(receipt=False).done
    assert play.hears_one().receipt is None


def test_by_default_it_waits_for_the_brokers_word_and_deletes_nothing() -> None:
    play = Play().connected()
    subscription = play.subscribed(durable="d")
    pending = subscription.unsubscribe()
    event = play.hears_one()
    assert "durable" not in event.headers
    assert not pending.done
    play.confirms(event.receipt)
    assert pending.done


def test_the_words_for_its_states() -> None:
    assert [state.value for state in SubscriptionState] == ["active", "draining", "gone"]


def test_a_subscription_that_the_broker_ends_says_so_to_its_reader() -> None:
    play = Play().connected()
    subscription = play.subscribed("/queue/deleted")
    arrival = subscription.arrival()
    play.refuses("Queue deleted", headers={"subscription": subscription.id})
    assert arrival.done
    with pytest.raises(Rejected, match="the broker ended the subscription to /queue/deleted: Queue deleted"):
        subscription.take()
