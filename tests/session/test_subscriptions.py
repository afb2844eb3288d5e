"""Subscriptions: their queues and states, and which of them a connection still has to subscribe."""

# What a call has changed, a checker does not know.
# mypy: no-warn-unreachable, disable-error-code=comparison-overlap

from __future__ import annotations

import pytest

from stomp_core import AckMode, Headers, Message, Session
from stomp_core.session import Delivery, Pending, Rejected, SessionClosed, Subscription, SubscriptionState
from stomp_core.session._message_queue import BufferLimit
from stomp_core.session._subscriptions import Progress, SubscriptionRecord, Subscriptions

from .play import Play, ids, taken

ENDED = SessionClosed("it has ended")


# -------------------------------------------------------------------------------- one subscription


class Scene:
    """A record with its handle, and a broker that delivers to it."""

    def __init__(self, ack: AckMode = "auto") -> None:
        self.limit = BufferLimit(1_000_000)
        self.record = SubscriptionRecord(self.limit, "s", "/q", ack, None, None, Headers(), True)
        self.subscription = Subscription(Session("stomp://broker"), self.record, Delivery)

    def deliver(self, *names: str) -> list[bool]:
        return [
            self.record.receive(Message("/q", message_id=name, subscription="s", body=b"12345"), 4)
            for name in names
        ]


def test_messages_are_taken_in_order_with_their_connection() -> None:
    scene = Scene()
    assert scene.deliver("1", "2") == [True, True]
    assert scene.subscription.waiting == 2
    first = scene.subscription.take()
    assert first is not None
    assert (first.message_id, first.subscription, first.connection_number) == ("1", scene.subscription, 4)
    assert ids(taken(scene.subscription)) == ["2"]
    assert scene.subscription.take() is None
    assert not scene.subscription.ended


def test_messages_in_the_queue_are_counted_with_their_overhead() -> None:
    scene = Scene()
    scene.deliver("1")
    assert scene.limit.size > 1024 + 5


def test_ready_is_done_when_a_message_has_come() -> None:
    scene = Scene()
    ready = scene.subscription.ready()
    assert not ready.done
    scene.deliver("1")
    assert ready.done


@pytest.mark.parametrize("state", [SubscriptionState.DRAINING, SubscriptionState.GONE])
def test_the_end_wakes_waiters(state: SubscriptionState) -> None:
    scene = Scene()
    ready = scene.subscription.ready()
    scene.record.end(state)
    assert ready.done
    assert scene.subscription.state is state
    assert scene.subscription.ended
    assert scene.subscription.ready().done
    assert scene.subscription.take() is None


def test_in_auto_mode_messages_can_be_taken_after_the_end() -> None:
    scene = Scene("auto")
    scene.deliver("1", "2")
    scene.record.end(SubscriptionState.GONE)
    assert not scene.subscription.ended
    assert scene.subscription.ready().done
    assert scene.limit.size == 0
    assert ids(taken(scene.subscription)) == ["1", "2"]
    assert scene.subscription.ended
    assert scene.subscription.dropped == 0


@pytest.mark.parametrize("ack", ["client", "client-individual"])
def test_in_other_modes_the_end_drops_the_messages(ack: AckMode) -> None:
    """The broker delivers them to somebody else."""
    scene = Scene(ack)
    scene.deliver("1", "2")
    scene.record.end(SubscriptionState.DRAINING)
    assert scene.subscription.ended
    assert scene.subscription.take() is None
    assert scene.subscription.dropped == 2
    assert scene.limit.size == 0


def test_messages_after_the_end_are_dropped_and_counted() -> None:
    scene = Scene()
    scene.record.end(SubscriptionState.DRAINING)
    assert scene.deliver("1", "2") == [False, False]
    assert scene.subscription.dropped == 2
    assert scene.subscription.take() is None


def test_the_reason_of_the_end_is_raised_after_the_last_message() -> None:
    scene = Scene()
    scene.deliver("1")
    scene.record.end(SubscriptionState.GONE, ENDED)
    assert scene.subscription.error is ENDED
    assert scene.subscription.take() is not None
    for _ in range(2):
        with pytest.raises(SessionClosed, match="it has ended"):
            scene.subscription.take()


def test_a_second_end_keeps_the_reason_of_the_first() -> None:
    scene = Scene()
    scene.record.end(SubscriptionState.DRAINING)
    scene.record.end(SubscriptionState.GONE, ENDED)
    assert scene.subscription.state is SubscriptionState.GONE
    assert scene.subscription.error is None
    assert scene.subscription.take() is None


@pytest.mark.parametrize("error", [ENDED, None])
def test_the_end_fails_who_waits_for_the_confirmation(error: Exception | None) -> None:
    scene = Scene()
    pending: Pending[Subscription] = Pending("SUBSCRIBE to /q")
    scene.record.waiter = pending
    scene.record.end(SubscriptionState.GONE, error)
    if error is not None:
        assert pending.exception() is ENDED
    else:
        assert str(pending.exception()) == "the subscription to /q ended before it was confirmed"
    assert scene.record.waiter is None


def test_an_interrupted_end_still_fails_who_waits() -> None:
    """A signal handler that raises in a callback of another waiter must not leave anybody waiting."""
    scene = Scene()
    pending: Pending[Subscription] = Pending("SUBSCRIBE to /q")
    scene.record.waiter = pending

    def interrupt() -> None:
        raise KeyboardInterrupt

    scene.subscription.ready().add_done_callback(interrupt)
    with pytest.raises(KeyboardInterrupt):
        scene.record.end(SubscriptionState.GONE, ENDED)
    assert pending.exception() is ENDED


@pytest.mark.parametrize(("ack", "kept"), [("auto", ["1"]), ("client", []), ("client-individual", [])])
def test_a_loss_drops_messages_that_will_be_delivered_again(ack: AckMode, kept: list[str]) -> None:
    scene = Scene(ack)
    scene.deliver("1")
    scene.record.connection_lost()
    assert ids(taken(scene.subscription)) == kept
    assert scene.subscription.dropped == 1 - len(kept)
    assert scene.subscription.state is SubscriptionState.ACTIVE
    assert scene.deliver("2") == [True]


@pytest.mark.parametrize("ack", ["auto", "client", "client-individual"])
def test_a_message_that_was_being_taken_can_be_put_back(ack: AckMode) -> None:
    """An exception of a signal handler may come between take() and its caller."""
    play = Play().connected()
    subscription = play.subscribed("/q", ack=ack)
    play.deliver(subscription.id, "1", "2", destination="/q")
    entry = subscription.first()
    assert entry is not None
    assert ids(taken(subscription)) == ["1", "2"]
    subscription.put_back(entry)
    assert ids(taken(subscription)) == ["1"]
    play.cut()
    subscription.put_back(entry)
    # What is not acknowledged is delivered again on the next connection.
    assert ids(taken(subscription)) == (["1"] if ack == "auto" else [])
    assert subscription.dropped == (0 if ack == "auto" else 1)


def test_a_message_that_was_not_taken_yet_is_not_doubled() -> None:
    """The exception came before take(): the entry is recognised as the first one."""
    play = Play().connected()
    subscription = play.subscribed("/q")
    play.deliver(subscription.id, "1", "2", destination="/q")
    entry = subscription.first()
    assert entry is not None
    subscription.put_back(entry)
    assert ids(taken(subscription)) == ["1", "2"]


def test_the_repr_shows_id_destination_mode_and_state() -> None:
    assert repr(Scene("client").subscription) == "<Subscription 's' to '/q', client, active>"


def test_stop_calls_the_stop_callbacks_that_were_not_removed() -> None:
    subscription = Scene().subscription
    calls: list[int] = []

    def first() -> None:
        calls.append(1)

    subscription.add_stop_callback(first)
    subscription.add_stop_callback(lambda: calls.append(2))
    subscription.stop()
    subscription.remove_stop_callback(first)
    subscription.stop()
    assert calls == [1, 2, 2]


def test_unsubscribe_passes_its_options_on() -> None:
    play = Play().connected()
    subscription = play.subscribed(durable="d")
    pending = subscription.unsubscribe(play.now, receipt=True, delete=True, timeout=5.0)
    event = play.sent_one()
    assert event.command == "UNSUBSCRIBE"
    assert event.headers["durable"] == "true"
    play.wait(5.1)
    assert pending.done
    other = play.subscribed()
    assert other.unsubscribe(play.now, receipt=False).done
    assert play.sent_one().receipt is None


@pytest.mark.parametrize("receipt", [True, False])
def test_unsubscribe_asks_for_a_receipt_as_subscribe_did(receipt: bool) -> None:
    play = Play().connected()
    pending = play.subscribe("/q", receipt=receipt)
    asked = play.sent_one().receipt
    assert (asked is not None) is receipt
    if asked is not None:
        play.confirm(asked)
    pending.result().unsubscribe(play.now)
    assert (play.sent_one().receipt is not None) is receipt


def test_unsubscribe_waits_for_the_receipt_and_deletes_nothing() -> None:
    play = Play().connected()
    subscription = play.subscribed(durable="d")
    pending = subscription.unsubscribe(play.now)
    event = play.sent_one()
    assert "durable" not in event.headers
    assert not pending.done
    play.confirm(event.receipt)
    assert pending.done


def test_the_names_of_the_states() -> None:
    assert [state.value for state in SubscriptionState] == ["active", "draining", "gone"]


def test_the_reader_of_a_subscription_that_the_broker_ends_gets_the_error() -> None:
    play = Play().connected()
    subscription = play.subscribed("/queue/deleted")
    ready = subscription.ready()
    play.refuse("Queue deleted", headers={"subscription": subscription.id})
    assert ready.done
    with pytest.raises(Rejected, match="the broker ended the subscription to /queue/deleted: Queue deleted"):
        subscription.take()


# -------------------------------------------------------------------------------- the index


def added(
    subscriptions: Subscriptions, *names: str, destination: str = "/q", ack: AckMode = "auto"
) -> list[SubscriptionRecord]:
    made = [
        SubscriptionRecord(BufferLimit(1000), name, destination, ack, None, None, Headers(), True)
        for name in names
    ]
    for record in made:
        subscriptions.add(record)
    return made


def send_all(subscriptions: Subscriptions) -> list[str]:
    """Send every SUBSCRIBE that may be sent at once; return the ids."""
    names = []
    while (record := subscriptions.next_to_send()) is not None:
        record.progress = Progress.SENT
        names.append(record.id)
    return names


def test_a_subscription_is_found_by_its_id() -> None:
    subscriptions = Subscriptions()
    one, other = added(subscriptions, "a", "b")
    assert subscriptions.get("a") is one
    assert subscriptions.get("c") is None
    assert subscriptions.get(None) is None
    assert "a" in subscriptions
    assert "c" not in subscriptions
    assert list(subscriptions) == [one, other]


def test_a_generated_id_is_not_in_use() -> None:
    subscriptions = Subscriptions()
    assert subscriptions.free_id() == "s-1"
    added(subscriptions, "s-2")
    assert subscriptions.free_id() == "s-3"


def test_a_removed_subscription_is_not_found_and_its_id_is_free() -> None:
    subscriptions = Subscriptions()
    one, other = added(subscriptions, "a", "b")
    subscriptions.remove(one)
    subscriptions.remove(one)
    assert "a" not in subscriptions
    assert list(subscriptions) == [other]
    (again,) = added(subscriptions, "a")
    subscriptions.remove(one)
    assert subscriptions.get("a") is again, "the id is another subscription's now"


def test_the_only_subscription_to_a_destination_is_found() -> None:
    subscriptions = Subscriptions()
    one, two = added(subscriptions, "a", "b")
    (three,) = added(subscriptions, "c", destination="/other")
    assert subscriptions.only_one_to("/q") is None
    assert subscriptions.only_one_to("/other") is three
    assert subscriptions.only_one_to("/nowhere") is None
    subscriptions.remove(one)
    assert subscriptions.only_one_to("/q") is two
    subscriptions.remove(two)
    assert subscriptions.only_one_to("/q") is None


def test_after_clear_there_is_no_subscription() -> None:
    subscriptions = Subscriptions()
    added(subscriptions, "a")
    subscriptions.connection_made()
    subscriptions.clear()
    assert list(subscriptions) == []
    assert subscriptions.only_one_to("/q") is None
    assert send_all(subscriptions) == []


def test_subscriptions_can_be_removed_while_they_are_iterated() -> None:
    subscriptions = Subscriptions()
    added(subscriptions, "a", "b", "c")
    for record in subscriptions:
        subscriptions.remove(record)
    assert list(subscriptions) == []


def test_a_new_connection_subscribes_all_in_order() -> None:
    subscriptions = Subscriptions()
    added(subscriptions, "a", "b", "c")
    assert send_all(subscriptions) == []
    subscriptions.connection_made()
    assert send_all(subscriptions) == ["a", "b", "c"]
    assert send_all(subscriptions) == []


def test_what_a_lost_connection_did_not_send_waits_for_the_next() -> None:
    subscriptions = Subscriptions()
    added(subscriptions, "a", "b")
    subscriptions.connection_made()
    subscriptions.connection_lost()
    assert send_all(subscriptions) == []
    subscriptions.connection_made()
    assert send_all(subscriptions) == ["a", "b"]


def test_a_subscription_that_has_ended_is_not_sent() -> None:
    subscriptions = Subscriptions()
    _, two, _ = added(subscriptions, "a", "b", "c")
    subscriptions.connection_made()
    two.end(SubscriptionState.GONE)
    assert send_all(subscriptions) == ["a", "c"]


# -------------------------------------------------------------------------------- probing


def lose_with_an_error(subscriptions: Subscriptions) -> None:
    """The connection ends with an ERROR that may answer anything, and the next one is made."""
    subscriptions.mark_unanswered()
    subscriptions.connection_lost()
    subscriptions.connection_made()


def test_unanswered_subscriptions_are_probed_first_one_at_a_time() -> None:
    subscriptions = Subscriptions()
    confirmed, one, two = added(subscriptions, "confirmed", "one", "two")
    subscriptions.connection_made()
    send_all(subscriptions)
    confirmed.progress = Progress.CONFIRMED
    lose_with_an_error(subscriptions)
    assert send_all(subscriptions) == ["one"]
    assert subscriptions.probing is one
    assert send_all(subscriptions) == []
    subscriptions.answered(one)
    assert subscriptions.probing is None
    assert send_all(subscriptions) == ["two"]
    subscriptions.answered(two)
    assert send_all(subscriptions) == ["confirmed"]
    assert subscriptions.probing is None


def test_a_subscription_that_was_never_sent_is_not_probed() -> None:
    subscriptions = Subscriptions()
    added(subscriptions, "a")
    lose_with_an_error(subscriptions)
    assert send_all(subscriptions) == ["a"]
    assert subscriptions.probing is None


def test_a_message_is_an_answer_to_subscribe() -> None:
    subscriptions = Subscriptions()
    (one,) = added(subscriptions, "a")
    subscriptions.connection_made()
    send_all(subscriptions)
    one.receive(Message("/q", message_id="1", subscription="a"), 1)
    lose_with_an_error(subscriptions)
    send_all(subscriptions)
    assert subscriptions.probing is None


def test_a_subscription_is_probed_until_it_is_answered() -> None:
    subscriptions = Subscriptions()
    one, two = added(subscriptions, "one", "two")
    subscriptions.connection_made()
    send_all(subscriptions)
    lose_with_an_error(subscriptions)
    assert send_all(subscriptions) == ["one"]
    subscriptions.answered(one)
    assert send_all(subscriptions) == ["two"]
    subscriptions.connection_lost()  # without an ERROR
    assert subscriptions.probing is None
    subscriptions.connection_made()
    assert send_all(subscriptions) == ["two"], "it has no answer yet; the other one has"
    subscriptions.answered(two)
    assert send_all(subscriptions) == ["one"]


def test_the_answer_to_another_subscription_does_not_end_probing() -> None:
    subscriptions = Subscriptions()
    one, two = added(subscriptions, "one", "two")
    subscriptions.connection_made()
    send_all(subscriptions)
    lose_with_an_error(subscriptions)
    send_all(subscriptions)
    subscriptions.answered(two)
    assert subscriptions.probing is one
    subscriptions.answered(one)
    assert send_all(subscriptions) == ["two"]
    assert subscriptions.probing is None, "it was answered"


@pytest.mark.parametrize("forget", ["remove", "clear"])
def test_an_unanswered_subscription_that_is_removed_is_not_probed(forget: str) -> None:
    subscriptions = Subscriptions()
    (one,) = added(subscriptions, "one")
    subscriptions.connection_made()
    send_all(subscriptions)
    subscriptions.mark_unanswered()
    if forget == "remove":
        subscriptions.remove(one)
    else:
        subscriptions.clear()
    subscriptions.connection_lost()
    subscriptions.add(one)
    subscriptions.connection_made()
    assert send_all(subscriptions) == ["one"]
    assert subscriptions.probing is None


def test_a_new_subscription_waits_while_another_is_probed() -> None:
    subscriptions = Subscriptions()
    (one,) = added(subscriptions, "one")
    subscriptions.connection_made()
    send_all(subscriptions)
    lose_with_an_error(subscriptions)
    send_all(subscriptions)
    (new,) = added(subscriptions, "new")
    subscriptions.send_later(new)
    assert send_all(subscriptions) == []
    subscriptions.answered(one)
    assert send_all(subscriptions) == ["new"]


def test_a_loss_forgets_the_progress_and_what_had_ended() -> None:
    subscriptions = Subscriptions()
    one, draining, gone = added(subscriptions, "one", "draining", "gone", ack="client")
    subscriptions.connection_made()
    send_all(subscriptions)
    for record in (one, draining, gone):
        record.receive(Message("/q", message_id="1", subscription="x"), 1)
    draining.end(SubscriptionState.DRAINING)
    gone.end(SubscriptionState.GONE)
    subscriptions.connection_lost()
    assert list(subscriptions) == [one]
    assert one.progress is Progress.NOT_SENT
    assert draining.state is SubscriptionState.GONE
    assert (one.dropped, len(one.queue)) == (1, 0), "what is not acknowledged comes again"
    subscriptions.connection_lost()
    assert send_all(subscriptions) == []
