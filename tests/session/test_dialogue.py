"""Dialogue: what is said and heard on a client's connections, and what becomes of it when one of them ends."""

# What a call has changed, a checker does not know.
# mypy: no-warn-unreachable, disable-error-code=comparison-overlap

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import Any

import pytest

from stomp_core import (
    Connected,
    ConnectionClosed,
    Error,
    ErrorCode,
    HeartBeat,
    LocalProtocolError,
    Message,
    Receipt,
    Send,
)
from stomp_core.session import (
    ConnectFailed,
    ConnectionLost,
    Delivery,
    NotSent,
    OutcomeUnknown,
    Pending,
    Reconnect,
    Rejected,
    SessionState,
    Subscription,
    SubscriptionState,
    TransactionInDoubt,
)

from .play import ACTIVEMQ, Play, failure, ids, taken


def again(play: Play) -> None:
    """The wire is cut, and the next connection made."""
    play.cut()
    play.connected()


# -------------------------------------------------------------------------------- before there is a connection


def test_what_was_called_before_there_is_a_connection_is_said_in_order_behind_the_subscriptions() -> None:
    play = Play()
    play.session.send("/q", "1")
    play.session.subscribe("/a")
    play.session.begin("tx")
    play.session.send("/q", "2", receipt=True)
    play.session.subscribe("/b")
    play.dial()
    play.session.send("/q", "3")
    play.session.subscribe("/c")
    assert play.commands() == ["CONNECT"]
    play.welcome()
    said = play.hears()
    assert [event.command for event in said] == ["SUBSCRIBE"] * 3 + ["SEND", "BEGIN", "SEND", "SEND"]
    assert [event.destination for event in said[:3]] == ["/a", "/b", "/c"]
    assert [event.body for event in said if event.command == "SEND"] == [b"1", b"2", b"3"]


def test_nothing_is_said_when_the_handshake_fails_and_all_of_it_on_the_next_connection() -> None:
    play = Play("stomp://a,stomp://b")
    sending = play.session.send("/q", "1", receipt=True)
    subscribing = play.session.subscribe("/a")
    play.dial()
    assert play.commands() == ["CONNECT"]
    play.says_bytes(b"")
    play.connected()
    assert play.commands() == ["SUBSCRIBE", "SEND"]
    assert (sending.done, subscribing.done) == (False, False)


def test_what_waits_fails_when_there_will_be_no_connection() -> None:
    play = Play()
    sending, silent = play.session.send("/q", receipt=True), play.session.send("/q")
    subscribing, requesting = play.session.subscribe("/q"), play.session.request("/q")
    play.attempt()
    play.cut(ConnectionRefusedError())
    for pending in (sending, silent, requesting):
        error = failure(pending, NotSent)
        assert "was not sent: could not connect: stomp://broker:61613: connection refused" in str(error)
    assert failure(subscribing, ConnectFailed) is play.session.error


# -------------------------------------------------------------------------------- after a connection


def test_subscriptions_come_back_with_all_that_they_said() -> None:
    play = Play().connected()
    play.subscribed("/a", id="one", ack="client", prefetch=7, headers={"selector": "x"})
    play.subscribed("/b", id="two", durable="d")
    gone = play.subscribed("/c")
    play.session.unsubscribe(gone, receipt=False)
    first = play.written
    again(play)
    one, two = play.hears()
    assert (one.id, one.destination, one.ack) == ("one", "/a", "client")
    assert (one.headers["prefetch-count"], one.headers["selector"]) == ("7", "x")
    assert (two.id, two.headers["durable"]) == ("two", "true")
    assert one.receipt is not None
    assert one.receipt.encode() not in first, "receipts of the last connection prove nothing on this one"


def test_they_are_said_in_the_words_of_the_broker_that_is_there_now() -> None:
    play = Play(client_id="me").connected()
    play.subscribed("/a", durable="d", prefetch=7)
    play.server = ACTIVEMQ
    again(play)
    headers = play.hears_one().headers.to_dict()
    assert (headers["activemq.subscriptionName"], headers["activemq.prefetchSize"]) == ("d", "7")
    assert "prefetch-count" not in headers
    assert "durable" not in headers


def test_one_that_the_next_broker_has_no_words_for_ends_alone() -> None:
    play = Play().connected()
    durable, plain = play.subscribed("/a", durable="d"), play.subscribed("/b")
    arrival = durable.arrival()
    play.server = ACTIVEMQ
    again(play)
    assert play.hears_one().id == plain.id
    assert arrival.done
    assert durable.state is SubscriptionState.GONE
    with pytest.raises(LocalProtocolError) as caught:
        durable.take()
    assert caught.value.code == ErrorCode.MISSING_HEADER
    again(play)
    assert play.hears_one().id == plain.id


def test_messages_go_on_where_the_new_connection_takes_them_up() -> None:
    play = Play().connected()
    subscription = play.subscribed()
    play.delivers(subscription.id, "1", ack=None)
    again(play)
    play.confirms_all()
    play.delivers(subscription.id, "2", ack=None)
    first, second = taken(subscription)
    assert (first.message_id, first.connection_number) == ("1", 1)
    assert (second.message_id, second.connection_number) == ("2", 2)


def test_so_is_one_that_means_nothing_on_the_next_connection() -> None:
    play = Play().connected()
    subscription = play.subscribed(ack="client-individual")
    play.delivers(subscription.id, "1", "2")
    one, two = taken(subscription)
    assert play.session.ack(one).done
    confirmed = play.session.ack(two, receipt=True)
    assert play.session.send("/q").done, "this one goes out on the next connection"
    play.cut("gone")
    ((event, reason),) = play.observer.of("frame_dropped")
    assert event.id == "ack-1"
    assert "gone" in reason
    assert confirmed.done, "its caller knows"


@pytest.mark.parametrize("ack", ["client", "client-individual"])
def test_what_waits_to_be_acknowledged_is_not_handed_over_after_its_connection(ack: Any) -> None:
    play = Play().connected()
    subscription = play.subscribed(ack=ack)
    play.delivers(subscription.id, "1", "2")
    assert ids(taken(subscription)) == ["1", "2"]
    play.delivers(subscription.id, "3")
    again(play)
    assert subscription.take() is None
    assert subscription.dropped == 1
    play.confirms_all()
    play.delivers(subscription.id, "1", "2", "3")
    assert [delivery.connection_number for delivery in taken(subscription)] == [2, 2, 2]


def test_a_subscription_that_was_not_confirmed_yet_is_asked_for_again() -> None:
    play = Play().connected()
    pending = play.session.subscribe("/q", timeout=100.0)
    old = play.hears_one().receipt
    again(play)
    new = play.hears_one().receipt
    play.confirms(old)
    assert not pending.done
    play.confirms(new)
    assert pending.done


def test_its_own_wait_spans_connections() -> None:
    play = Play(receipt_timeout=1.0, reconnect=Reconnect(first_delay=0.0)).connected()
    pending = play.session.subscribe("/q", timeout=10.0)
    for _ in range(3):
        play.hears()
        play.wait(3.0)
        again(play)
    assert not pending.done
    play.wait(1.0)
    assert pending.done
    assert [event.command for event in play.hears()] == ["SUBSCRIBE", "UNSUBSCRIBE"]


# -------------------------------------------------------------------------------- the three fates


def test_what_had_left_is_unknown_and_never_said_again() -> None:
    play = Play().connected()
    pending = play.session.send("/q", "x", receipt=True)
    play.hears()
    again(play)
    error = failure(pending, OutcomeUnknown)
    assert (
        "whether the broker has done SEND to /q is unknown: the connection to stomp://broker:61613 was lost"
        in str(error)
    )
    assert play.hears() == []


def test_what_had_not_left_goes_first_on_the_next_connection_in_order() -> None:
    play = Play().connected()
    left = play.session.send("/q", "0", receipt=True)
    play.hears()
    pendings = [play.session.send("/q", str(number), receipt=bool(number % 2)) for number in range(1, 5)]
    play.cut()
    later = play.session.send("/q", "5", receipt=True)
    play.connected()
    said = play.hears()
    assert [event.body for event in said] == [b"1", b"2", b"3", b"4", b"5"]
    failure(left, OutcomeUnknown)
    assert [pending.done for pending in [*pendings, later]] == [False, True, False, True, False]
    for event in said:
        if event.receipt is not None:
            play.confirms(event.receipt)
    assert all(pending.result() is None for pending in [*pendings, later])


def test_it_keeps_its_place_over_several_connections_that_take_nothing() -> None:
    play = Play().connected()
    pending = play.session.send("/q", "1", receipt="mine")
    for _ in range(3):
        again(play)
    with pytest.raises(LocalProtocolError):
        play.session.send("/q", receipt="mine")
    assert play.hears_one().receipt == "mine"
    play.confirms("mine")
    assert pending.done


def test_an_acknowledgement_that_had_not_left_was_not_sent() -> None:
    play = Play().connected()
    subscription = play.subscribed(ack="client-individual")
    play.delivers(subscription.id, "1")
    (delivery,) = taken(subscription)
    pending = play.session.ack(delivery, receipt=True)
    again(play)
    assert "ACK of 1 was not sent: the connection to" in str(failure(pending, NotSent))
    assert play.commands() == ["SUBSCRIBE"]


def test_an_unconfirmed_frame_that_never_left_is_told_at_the_end() -> None:
    play = Play().connected()
    assert play.session.send("/q", "lost").done
    confirmed = play.session.send("/q", "told otherwise", receipt=True)
    play.cut()
    play.session.close()
    ((event, reason),) = play.observer.of("frame_dropped")
    assert isinstance(event, Send)
    assert event.body == b"lost"
    assert reason == "the session was closed"
    failure(confirmed, NotSent)


def test_a_cut_at_any_byte_of_the_answers_confirms_what_was_confirmed_and_nothing_else() -> None:
    cut_at, whole = 0, 1
    while cut_at <= whole:
        whole = answered_up_to(cut_at)
        cut_at += 1
    assert whole > 100


def answered_up_to(cut_at: int) -> int:
    """The broker's answers are cut off there; returns how long they would have been."""
    play = Play(reconnect=Reconnect(first_delay=0.0)).connected()
    session = play.session
    confirmed = session.send("/q", "a", receipt="one")
    subscribing = session.subscribe("/q", id="s", ack="client-individual")
    transaction = session.begin("tx").result()
    transaction.send("/q", "b")
    committing = transaction.commit()
    _, subscribe, _, _, commit = play.hears()
    answers = b"".join(
        frame.frame.to_bytes("1.2")
        for frame in (
            Receipt("one"),
            Receipt(subscribe.receipt),
            Message("/q", message_id="m", subscription="s", ack="m", body=b"xy"),
            Receipt(commit.receipt),
        )
    )
    arrived = answers[:cut_at]
    if arrived:
        play.says_bytes(arrived)
    play.cut()
    assert (confirmed.exception() is None) is (b"receipt-id:one\n\n\0" in arrived)
    if confirmed.exception() is not None:
        failure(confirmed, OutcomeUnknown)
    assert subscribing.done is (f"receipt-id:{subscribe.receipt}\n\n\0".encode() in arrived)
    assert (committing.exception() is None) is (cut_at >= len(answers))
    if committing.exception() is not None:
        failure(committing, TransactionInDoubt)
    play.connected()
    assert play.commands() == ["SUBSCRIBE"], "nothing else is said twice"
    return len(answers)


def test_a_cut_at_any_byte_of_what_is_said_sends_nothing_twice() -> None:
    """The writer took it all: how much of it the broker got is not for us to know."""
    whole = len(cut_while_writing(10_000)[0])
    for cut_at in range(whole + 1):
        wire, outcomes = cut_while_writing(cut_at)
        for body in (b"one", b"two", b"three"):
            assert wire.count(body) <= 1
        assert outcomes[0] is OutcomeUnknown
        assert outcomes[1] is OutcomeUnknown
        assert outcomes[2] is None, "it had not been taken, so it went out on the second connection"
        assert b"three" in wire


def cut_while_writing(cut_at: int) -> tuple[bytes, list[type[Exception] | None]]:
    play = Play(reconnect=Reconnect(first_delay=0.0)).connected()
    pendings = [play.session.send("/q", text, receipt=True) for text in ("one", "two")]
    arrived = play.session.data_to_send()[:cut_at]
    pendings.append(play.session.send("/q", "three", receipt=True))
    again(play)
    play.confirms_all()
    errors = [pending.exception() for pending in pendings]
    return arrived + play.written, [None if error is None else type(error) for error in errors]


# -------------------------------------------------------------------------------- ERROR


def test_an_error_ends_the_connection_from_our_side() -> None:
    play = Play().connected()
    play.refuses()
    assert play.session.want_close
    assert play.session.data_to_send() == b""
    assert play.session.state is SessionState.WAITING


def test_the_operation_that_it_names_is_rejected_the_others_are_unknown() -> None:
    play = Play().connected()
    one, two = play.session.send("/q", receipt=True), play.session.send("/q", receipt=True)
    _, second = play.hears()
    play.refuses("no", receipt_id=second.receipt)
    assert failure(two, Rejected).error.message == "no"
    assert failure(one, OutcomeUnknown).error is None, "the ERROR was the answer to the other one"


def test_the_only_one_under_way_is_rejected_without_being_named() -> None:
    """RabbitMQ names no receipt."""
    play = Play().connected()
    play.confirms_all()
    pending = play.session.send("/exchange/none", receipt=True)
    play.hears()
    play.refuses("not found", body="no exchange")
    assert failure(pending, Rejected).error.body == b"no exchange"


def test_of_several_each_is_unknown_and_shows_the_error() -> None:
    play = Play().connected()
    pendings = [play.session.send("/q", receipt=True) for _ in range(2)]
    play.hears()
    play.refuses("not found")
    for pending in pendings:
        error = failure(pending, OutcomeUnknown).error
        assert isinstance(error, Error)
        assert error.message == "not found"


def test_what_had_not_left_is_not_touched_by_an_error() -> None:
    play = Play().connected()
    pending = play.session.send("/q", "x", receipt=True)
    play.refuses("shutting down")
    assert not pending.done
    play.connected()
    assert play.hears_one().body == b"x"


def test_a_receipt_for_what_had_not_left_confirms_nothing() -> None:
    play = Play().connected()
    pending = play.session.send("/q", "x", receipt=True)
    play.confirms("auto-1")
    assert not pending.done
    assert play.hears_one().receipt == "auto-1"


def test_no_receipt_is_trusted_behind_an_error() -> None:
    play = Play().connected()
    pendings = [play.session.send("/q", receipt=True) for _ in range(2)]
    one, _ = play.hears()
    play.says_bytes(Error("no").frame.to_bytes("1.2") + Receipt(one.receipt).frame.to_bytes("1.2"))
    for pending in pendings:
        failure(pending, OutcomeUnknown)


def test_an_error_about_a_subscription_ends_that_one() -> None:
    play = Play().connected()
    one, two = play.subscribed("/one"), play.subscribed("/two")
    under_way = play.session.send("/q", receipt=True)
    play.hears()
    play.refuses("queue deleted", headers={"subscription": one.id})
    assert one.state is SubscriptionState.GONE
    assert isinstance(one.error, Rejected)
    assert one.error.error.message == "queue deleted"
    assert failure(under_way, OutcomeUnknown).error is None
    play.connected()
    assert play.hears_one().id == two.id
    assert play.session._subscriptions.on_trial is None


def test_an_error_about_one_that_is_ending_does_not_make_its_end_a_failure() -> None:
    play = Play().connected()
    subscription = play.subscribed()
    pending = play.session.unsubscribe(subscription)
    play.hears()
    play.refuses("queue deleted", headers={"subscription": subscription.id})
    assert pending.result() is None
    assert subscription.error is None
    assert subscription.take() is None


def test_an_error_about_a_subscription_that_is_being_made_rejects_it() -> None:
    play = Play().connected()
    pending = play.session.subscribe("/q", id="mine")
    other = play.session.send("/q", receipt=True)
    play.hears()
    play.refuses("no", headers={"subscription": "mine"})
    failure(pending, Rejected)
    failure(other, OutcomeUnknown)
    play.connected()
    assert play.hears() == []


def test_an_error_that_names_an_unknown_receipt_is_the_answer_to_nothing_here() -> None:
    play = Play().connected()
    pending = play.session.send("/q", receipt=True)
    play.hears()
    play.refuses("no", receipt_id="unknown")
    assert failure(pending, OutcomeUnknown).error is None


def test_an_error_about_a_stranger_is_about_something_unknown() -> None:
    play = Play().connected()
    pending = play.session.send("/q", receipt=True)
    play.hears()
    play.refuses("no", headers={"subscription": "stranger"})
    assert failure(pending, OutcomeUnknown).error is not None


def test_a_session_that_gives_up_because_of_an_error_shows_it() -> None:
    play = Play(reconnect=Reconnect.never()).connected()
    pending = play.session.send("/q", receipt=True)
    play.hears()
    play.refuses("no")
    failure(pending, Rejected)
    assert isinstance(play.session.error, ConnectionLost)
    assert play.session.error.error is not None


# -------------------------------------------------------------------------------- suspects


def nobody_knows_who(play: Play) -> None:
    """An ERROR that may be about anything; the session dials again."""
    play.refuses("access refused")
    play.connected()


def test_after_an_error_that_names_nobody_subscriptions_are_asked_for_one_after_the_other() -> None:
    """RabbitMQ says ERROR without a receipt-id to a SUBSCRIBE that it refuses, so said again it would end every
    connection."""
    play = Play(reconnect=Reconnect(first_delay=0.0)).connected()
    good = play.session.subscribe("/good")
    bad = play.session.subscribe("/bad")
    also_good = play.session.subscribe("/also-good", receipt=False)
    play.hears()
    nobody_knows_who(play)
    first = play.hears_one()
    assert first.destination == "/good"
    play.confirms(first.receipt)
    second = play.hears_one()
    assert second.destination == "/bad"
    play.refuses("access refused")
    assert failure(bad, Rejected).error.message == "access refused"
    assert good.done
    play.connected()
    third = play.hears_one()
    assert (third.destination, third.receipt is None) == ("/also-good", False), "asked for one to know"
    play.confirms(third.receipt)
    assert play.hears_one().destination == "/good"
    assert also_good.result().state is SubscriptionState.ACTIVE


def test_during_a_trial_nothing_else_is_said_and_then_all_of_it_in_order() -> None:
    play = Play(reconnect=Reconnect(first_delay=0.0)).connected()
    play.session.subscribe("/suspect")
    play.session.send("/q", "beside it", receipt=True)
    play.hears()
    nobody_knows_who(play)
    session = play.session
    suspect = play.hears_one()
    pendings: list[Pending[Any]] = [
        session.send("/q", "1", receipt=True),
        session.send("/q", "2"),
        session.begin("tx"),
        session.request("/rpc"),
        session.subscribe("/new"),
    ]
    assert play.hears() == []
    assert not any(pending.done for pending in pendings)
    play.confirms(suspect.receipt)
    said = play.hears()
    assert [event.command for event in said] == ["SUBSCRIBE", "SEND", "SEND", "BEGIN", "SEND"]
    assert said[0].destination == "/new"


def test_what_waited_for_the_connection_waits_for_the_trial_too() -> None:
    play = Play(reconnect=Reconnect(first_delay=0.0)).connected()
    play.session.subscribe("/suspect")
    play.hears()
    play.session.send("/q", "had not left")
    play.refuses("access refused", headers={"subscription": "stranger"})
    play.session.send("/q", "called meanwhile")
    play.connected()
    suspect = play.hears_one()
    assert suspect.destination == "/suspect"
    play.confirms(suspect.receipt)
    assert [event.body for event in play.hears()] == [b"had not left", b"called meanwhile"]


def test_a_trial_that_gets_no_answer_ends_in_time() -> None:
    play = Play(receipt_timeout=5.0, reconnect=Reconnect(first_delay=0.0)).connected()
    for destination in ("/a", "/b"):
        play.session.subscribe(destination, timeout=1000.0)
    play.hears()
    nobody_knows_who(play)
    assert play.hears_one().destination == "/a"
    play.wait(5.0)
    assert play.hears_one().destination == "/b"
    play.session.send("/q", timeout=100.0)
    play.wait(4.9)
    assert play.hears() == []
    play.wait(0.1)
    assert play.commands() == ["SEND"]


def test_a_suspect_without_words_does_not_hold_up_the_others() -> None:
    play = Play(server=None, reconnect=Reconnect(first_delay=0.0)).connected()
    suspect = play.session.subscribe("/a", headers={"x": "a\nb"})
    other = play.session.subscribe("/b")
    play.hears()
    play.refuses()
    play.version = "1.0"
    play.connected()
    assert isinstance(suspect.exception(), LocalProtocolError)
    assert play.hears_one().destination == "/b"
    play.confirms("auto-3")
    play.confirms("auto-4")
    assert other.done


def test_a_suspect_that_is_unsubscribed_holds_nothing_up() -> None:
    play = Play(reconnect=Reconnect(first_delay=0.0)).connected()
    suspect = play.session.subscribe("/a", receipt=False).result()
    play.session.subscribe("/b", receipt=False)
    play.hears()
    nobody_knows_who(play)
    first = play.hears_one()
    suspect.unsubscribe(receipt=False)
    assert play.commands() == ["UNSUBSCRIBE"]
    play.confirms(first.receipt)
    assert play.hears_one().destination == "/b"


def test_closing_ends_a_trial_and_says_what_waited_for_it() -> None:
    play = Play(reconnect=Reconnect(first_delay=0.0)).connected()
    play.session.subscribe("/a", receipt=False)
    play.session.subscribe("/b", receipt=False)
    play.hears()
    nobody_knows_who(play)
    play.session.send("/q", "x")
    play.session.close()
    suspect, send = play.hears()
    assert send.body == b"x"
    play.confirms(suspect.receipt)
    assert play.commands() == ["DISCONNECT"]


def test_a_subscription_that_brought_messages_is_no_suspect() -> None:
    play = Play(reconnect=Reconnect(first_delay=0.0)).connected()
    silent = play.session.subscribe("/a", receipt=False).result()
    play.hears()
    play.delivers(silent.id, "1", ack=None)
    nobody_knows_who(play)
    assert play.hears_one().receipt is None
    assert play.session._subscriptions.on_trial is None


def test_an_error_that_names_an_operation_makes_no_suspects() -> None:
    play = Play(reconnect=Reconnect(first_delay=0.0)).connected()
    play.session.subscribe("/a", receipt=False)
    play.session.send("/q", receipt="mine", timeout=1.0)
    play.hears()
    play.wait(1.0)
    play.refuses("no", receipt_id="mine")
    play.connected()
    play.hears()
    assert play.session._subscriptions.on_trial is None


def test_one_bad_subscription_among_many_costs_one_connection_more() -> None:
    """However busy the good ones are: a trial comes first."""
    play = Play(reconnect=Reconnect(first_delay=0.0)).connected()
    busy = play.session.subscribe("/busy", ack="client-individual", receipt=False).result()
    bad = play.session.subscribe("/bad", receipt=False).result()
    connections = 1
    while bad.state is SubscriptionState.ACTIVE:
        for event in play.hears():
            if event.command == "SUBSCRIBE" and event.destination == "/bad":
                play.refuses()
                break
            if event.command == "SUBSCRIBE" and event.receipt is not None:
                play.confirms(event.receipt)
            if event.command == "SUBSCRIBE":
                play.delivers(busy.id, "1")
                for delivery in taken(busy):
                    play.session.ack(delivery)
                    play.session.send("/out", "x")
        if play.session.state is SessionState.WAITING:
            play.connected()
            connections += 1
            assert connections < 5
    assert connections <= 3
    with pytest.raises(Rejected):
        bad.take()


# -------------------------------------------------------------------------------- hearing


def test_a_message_for_nobody_is_dropped_and_counted() -> None:
    play = Play().connected()
    play.delivers("stranger", "1", "2", ack=None)
    assert play.session.dropped == 2


def test_a_broker_of_1_0_that_names_no_subscription_is_understood_by_the_destination() -> None:
    play = Play(version="1.0").connected()
    one, other = play.subscribed("/one"), play.subscribed("/other")
    play.delivers(None, "1", destination="/one", ack=None)
    play.delivers(None, "2", destination="/other", ack=None)
    assert ids(taken(one)) == ["1"]
    assert ids(taken(other)) == ["2"]
    play.subscribed("/one")
    play.delivers(None, "3", destination="/one", ack=None)
    assert one.take() is None
    assert play.session.dropped == 1


def test_receipts_that_nobody_asked_for_are_no_crash() -> None:
    play = Play().connected()
    play.confirms("unknown", "auto-1", "")
    assert play.session.state is SessionState.CONNECTED


def test_deliveries_are_made_as_the_adapter_wants_them() -> None:
    class Mine(Delivery):
        pass

    play = Play(delivery=Mine).connected()
    subscription = play.subscribed()
    play.delivers(subscription.id, "1", ack=None)
    assert type(subscription.take()) is Mine
    reply = play.session.request("/q")
    play.hears()
    play.delivers("/temp-queue/replies", "2", ack=None)
    assert type(reply.result()) is Mine


# -------------------------------------------------------------------------------- the tap


def drained(play: Play) -> list[Any]:
    tap = play.session.tap
    assert tap is not None
    events = []
    while (event := tap.take()) is not None:
        events.append(event)
    return events


def test_the_tap_has_everything_in_the_order_in_which_it_came() -> None:
    play = Play(tap=True).connected()
    subscription = play.subscribed(id="s")
    play.delivers("s", "1", ack=None)
    play.says_bytes(b"\n\n")
    play.delivers("stranger", "2", ack=None)
    play.refuses("over")
    events = drained(play)
    assert [type(event) for event in events] == [
        Connected,
        Receipt,
        Message,
        HeartBeat,
        Message,
        Error,
        ConnectionClosed,
    ]
    assert (events[-1].clean, events[-1].code) == (False, "eof")
    assert "the broker said ERROR: over" in events[-1].reason
    assert ids(taken(subscription)) == ["1"], "and the subscriptions have theirs"
    assert play.session.dropped == 0, "somebody has it"


def test_ends_of_lines_are_heart_beats_in_the_tap_when_they_come_alone() -> None:
    """Those that come with a frame may be its decoration; those inside one are its body."""
    play = Play(tap=True).connected()
    drained(play)
    message = b"MESSAGE\nsubscription:s\nmessage-id:1\ndestination:/q\n\n\n\0"
    for piece in (message + b"\n\n\n", b"\n", b"\r\n\r\n", message[:-1], b"\n", b"\0", b"\n"):
        play.says_bytes(piece)
    events = drained(play)
    assert [type(event) for event in events] == [Message, HeartBeat, HeartBeat, Message, HeartBeat]
    assert [event.count for event in events if isinstance(event, HeartBeat)] == [1, 2, 1]
    assert events[3].body == b"\n\n"
    play.cut()
    assert [type(event) for event in drained(play)] == [ConnectionClosed]


def test_a_late_message_is_in_the_tap_and_counted_all_the_same() -> None:
    play = Play(tap=True).connected()
    subscription = play.subscribed()
    play.session.unsubscribe(subscription)
    play.delivers(subscription.id, "1", ack=None)
    assert play.session.dropped == 1
    assert len(drained(play)) == 3


def test_the_end_of_each_connection_is_told_once_and_whether_it_was_wanted() -> None:
    play = Play(tap=True).connected()
    again(play)
    play.session.close()
    play.confirms_all()
    closed = [event for event in drained(play) if isinstance(event, ConnectionClosed)]
    assert [event.clean for event in closed] == [False, True]


def test_a_broker_that_died_silently_ends_with_that_code() -> None:
    play = Play(tap=True, heart_beat=(0, 10), beats=(10_000, 0)).connected()
    play.wait(25.0)
    end = drained(play)[-1]
    assert (end.clean, end.code) == (False, "heart-beat")
    assert "nothing was received from the peer" in end.reason


@pytest.mark.parametrize("said", [True, False])
def test_an_end_that_comes_while_closing_is_clean_only_behind_disconnect(said: bool) -> None:
    play = Play(tap=True).connected()
    if not said:
        play.session.send("/q", receipt=True)
    play.session.close()
    play.hears()
    play.says_bytes(b"")
    assert drained(play)[-1].clean is said


def test_an_attempt_that_fails_has_no_end() -> None:
    play = Play(tap=True)
    play.dial()
    play.refuses("no")
    assert [type(event) for event in drained(play)] == [Error]


def test_whoever_waits_for_the_tap_is_woken_by_the_end() -> None:
    play = Play(tap=True).connected()
    drained(play)
    tap = play.session.tap
    assert tap is not None
    arrival = tap.arrival()
    assert not arrival.done
    play.session.close()
    play.confirms_all()
    assert arrival.done
    drained(play)
    assert tap.arrival().done, "nothing more will come"


def test_a_tap_that_nobody_takes_from_stops_the_reading() -> None:
    play = Play(tap=True, buffer_size=10_000).connected()
    for number in range(20):
        play.confirms(str(number))
    assert not play.session.want_read
    drained(play)
    assert play.session.want_read


# -------------------------------------------------------------------------------- when to read


def with_a_full_buffer(times: float = 1.0, **options: Any) -> tuple[Play, Subscription]:
    play = Play(buffer_size=100_000, **options).connected()
    subscription = play.subscribed()
    play.delivers(subscription.id, "1", ack=None, body=bytes(int(100_000 * times)))
    return play, subscription


def test_while_there_is_room_the_socket_is_read() -> None:
    play, _ = with_a_full_buffer(0.9)
    assert play.session.want_read


def test_a_slow_consumer_stops_the_reading_until_half_is_taken() -> None:
    play, subscription = with_a_full_buffer(0.4)
    play.delivers(subscription.id, "2", ack=None, body=bytes(40_000))
    assert play.session.want_read
    play.delivers(subscription.id, "3", ack=None, body=bytes(40_000))
    assert not play.session.want_read
    subscription.take()
    assert not play.session.want_read
    wakes = play.wakes
    subscription.take()
    assert play.session.want_read
    assert play.wakes > wakes


WAITERS: dict[str, Callable[[Play], object]] = {
    "a receipt": lambda play: play.session.send("/q", receipt=True),
    "a reply": lambda play: play.session.request("/q"),
    "room to write": lambda play: play.session.send("/q", bytes(1024 * 1024 + 1)),
    "closing": lambda play: play.session.close(),
}


@pytest.mark.parametrize("what", WAITERS)
def test_for_whoever_waits_reading_goes_on_up_to_four_times_the_buffer(what: str) -> None:
    play, subscription = with_a_full_buffer(tap=what == "closing")
    assert not play.session.want_read
    WAITERS[what](play)
    assert play.session.want_read
    play.delivers(subscription.id, "2", ack=None, body=bytes(200_000))
    assert play.session.want_read
    play.delivers(subscription.id, "3", ack=None, body=bytes(200_000))
    assert not play.session.want_read


def test_nobody_waits_for_room_where_there_is_just_enough() -> None:
    play, _ = with_a_full_buffer()
    head = len(b"SEND\ndestination:/q\ncontent-length:1048500\n\n\0")
    play.session.send("/q", bytes(1024 * 1024 - head))
    assert play.session.size_to_send == 1024 * 1024
    assert not play.session.want_read


def test_reading_stops_again_once_nobody_waits() -> None:
    play, _ = with_a_full_buffer()
    play.session.send("/q", receipt=True)
    play.confirms_all()
    assert not play.session.want_read
    play.session.send("/q", receipt=True, timeout=1.0)
    play.hears()
    play.wait(1.0)
    assert not play.session.want_read


def test_what_nobody_can_take_any_more_stops_nobody() -> None:
    """Left in the inbox of a subscription that had ended, it stopped the reading for ever."""
    play, subscription = with_a_full_buffer()
    assert not play.session.want_read
    play.session.unsubscribe(subscription, receipt=False)
    assert play.session.want_read
    del subscription
    play.delivers("s-1", "late", ack=None)
    other = play.subscribed()
    play.delivers(other.id, "2", ack=None)
    assert play.session.want_read


def test_a_handshake_is_read_however_full_the_buffer_is() -> None:
    play, subscription = with_a_full_buffer(5.0)
    play.cut()
    play.dial()
    assert play.session.want_read
    play.hears()
    play.welcome()
    assert not play.session.want_read
    subscription.take()
    assert play.session.want_read


def test_headers_weigh_too() -> None:
    play = Play(buffer_size=100_000).connected()
    subscription = play.subscribed()
    for number in range(2):
        play.delivers(subscription.id, str(number), ack=None, headers={"x": "y" * 60_000})
    assert not play.session.want_read


# -------------------------------------------------------------------------------- much of everything


def cost_of(action: Callable[[], object]) -> float:
    gc.collect()
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def subscriptions_coming_back(count: int) -> float:
    play = Play(listener=None).connected()
    for _ in range(count):
        play.session.subscribe("/q", receipt=False)
    play.session.data_to_send()
    play.cut()
    play.dial()
    play.hears()
    seconds = cost_of(play.welcome)
    subscriptions = list(play.session._subscriptions)
    data = b"".join(
        b"MESSAGE\ndestination:/q\nmessage-id:1\nsubscription:%b\n\n\0" % entry.id.encode()
        for entry in subscriptions
    )
    seconds += cost_of(lambda: play.says_bytes(data))
    return seconds + cost_of(lambda: [entry.unsubscribe(receipt=False) for entry in subscriptions])


def trials(count: int) -> float:
    play = Play(listener=None).connected()
    for _ in range(count):
        play.session.subscribe("/q")
    play.session.data_to_send()
    play.says_bytes(b"ERROR\n\n\0")
    play.connected()

    def all_of_them() -> None:
        for number in range(count + 1, 2 * count + 1):
            play.session.data_to_send()
            play.says_bytes(b"RECEIPT\nreceipt-id:auto-%d\n\n\0" % number)

    seconds = cost_of(all_of_them)
    assert play.session._subscriptions.on_trial is None
    return seconds


def outstanding_receipts(count: int) -> float:
    play = Play(listener=None).connected()
    session = play.session

    def all_of_them() -> None:
        for _ in range(count):
            session.send("/q", b"x", receipt=True)
        session.handle_timeout(0.0)
        session.data_to_send()
        play.says_bytes(b"".join(b"RECEIPT\nreceipt-id:auto-%d\n\n\0" % n for n in range(count, 0, -1)))

    seconds = cost_of(all_of_them)
    assert len(session._receipts) == 0
    return seconds


def deferred_sends_that_are_late(count: int) -> float:
    play = Play(listener=None)
    session = play.session

    def all_of_them() -> None:
        for number in range(count):
            session.send("/q", b"x", receipt=True, timeout=1.0 + number / count)
        session.handle_timeout(0.0)
        for step in range(100):
            session.handle_timeout(1.0 + step / 100)
        session.handle_timeout(3.0)

    return cost_of(all_of_them)


def deferred_sends_that_leave(count: int) -> float:
    play = Play(listener=None)
    for _ in range(count):
        play.session.send("/q", b"x", receipt=True)
    play.dial()
    play.hears()

    def all_of_them() -> None:
        play.welcome()
        play.session.connection_lost(None, 0.0)
        play.session.close()

    return cost_of(all_of_them)


def requests_under_way(count: int) -> float:
    play = Play(listener=None).connected()

    def all_of_them() -> None:
        for _ in range(count):
            play.session.request("/q")
        play.session.data_to_send()
        play.says_bytes(
            b"".join(
                b"MESSAGE\ndestination:/q\nmessage-id:1\nsubscription:/temp-queue/replies\ncorrelation-id:c-%d\n\n\0"
                % n
                for n in range(count, 0, -1)
            )
        )

    return cost_of(all_of_them)


def messages_that_name_no_subscription(count: int) -> float:
    play = Play(listener=None, version="1.0").connected()
    for number in range(count):
        play.session.subscribe(f"/{number}", receipt=False)
    play.session.data_to_send()
    # The ledger of the connection below looks at each of them; here it is the session's share that counts.
    messages = [Message(f"/{number}", message_id="1") for number in range(count)]

    def all_of_them() -> None:
        for message in messages:
            play.session._hear_message(message)

    return cost_of(all_of_them)


@pytest.mark.parametrize(
    "cost",
    [
        subscriptions_coming_back,
        trials,
        outstanding_receipts,
        deferred_sends_that_are_late,
        deferred_sends_that_leave,
        requests_under_way,
        messages_that_name_no_subscription,
    ],
    ids=lambda cost: cost.__name__.replace("_", " "),
)
def test_ten_times_as_many_cost_about_ten_times_as_much(cost: Callable[[int], float]) -> None:
    small = min(cost(300) for _ in range(3))
    large = min(cost(3000) for _ in range(2))
    assert large < 45 * small + 0.05


def test_what_is_carried_over_and_then_late_is_let_go_of() -> None:
    play = Play(listener=None).connected()
    for _ in range(100):
        play.session.send("/q", "x", receipt=True, timeout=1.0)
    play.cut()
    play.wait(2.0)
    assert len(list(play.session._backlog)) <= 1


def test_what_is_done_is_let_go_of() -> None:
    """A body must not stay in memory until the deadline of its confirmed SEND."""
    play = Play(listener=None).connected()
    for _ in range(20):
        play.session.send("/q", bytes(1000), receipt=True)
        (operation,) = play.session._receipts._awaited.values()
        assert operation.event is not None
        play.session.handle_timeout(0.0)
        play.confirms(play.hears_one().receipt)
        assert operation.event is None


def test_unsubscribing_over_and_over_leaves_nothing_behind() -> None:
    play = Play(listener=None)
    for _ in range(100):
        play.session.subscribe("/q", receipt=False)
        for subscription in play.session._subscriptions:
            subscription.unsubscribe()
    play.session.handle_timeout(0.0)
    assert list(play.session._subscriptions) == []
    assert len(play.session._subscriptions._to_say) == 0
    play.connected()
    assert play.hears() == []
    for _ in range(100):
        play.session.unsubscribe(play.subscribed(), receipt=False)
    assert list(play.session._subscriptions) == []
