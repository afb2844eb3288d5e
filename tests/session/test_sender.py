"""Sender: what is sent and received on a connection, and what becomes of operations when it ends."""

# What a call has changed, a checker does not know.
# mypy: no-warn-unreachable, disable-error-code=comparison-overlap

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stomp_core import (
    ClientConnection,
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
    Listener,
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
from stomp_core.session._operations import SendOperation, UnmadeSend
from stomp_core.session._subscriptions import SubscriptionRecord

from .play import ACTIVEMQ, Play, count_alive, failure, ids, taken

# -------------------------------------------------------------------------------- before there is a connection


def test_the_backlog_is_sent_in_order_behind_the_subscriptions() -> None:
    play = Play()
    play.send("/q", "1")
    play.subscribe("/a")
    play.begin("tx")
    play.send("/q", "2", receipt=True)
    play.subscribe("/b")
    play.dial()
    play.send("/q", "3")
    play.subscribe("/c")
    assert play.commands() == ["CONNECT"]
    play.accept()
    frames = play.sent()
    assert [event.command for event in frames] == ["SUBSCRIBE"] * 3 + ["SEND", "BEGIN", "SEND", "SEND"]
    assert [event.destination for event in frames[:3]] == ["/a", "/b", "/c"]
    assert [event.body for event in frames if event.command == "SEND"] == [b"1", b"2", b"3"]


def test_the_backlog_outlives_a_failed_handshake() -> None:
    play = Play("stomp://a,stomp://b")
    sending = play.send("/q", "1", receipt=True)
    subscribing = play.subscribe("/a")
    play.dial()
    assert play.commands() == ["CONNECT"]
    play.receive_bytes(b"")
    play.connected()
    assert play.commands() == ["SUBSCRIBE", "SEND"]
    assert (sending.done, subscribing.done) == (False, False)


def test_the_backlog_fails_when_there_will_be_no_connection() -> None:
    play = Play()
    sending, silent = play.send("/q", receipt=True), play.send("/q")
    subscribing, requesting = play.subscribe("/q"), play.request("/q")
    play.attempt()
    play.cut(ConnectionRefusedError())
    for pending in (sending, silent, requesting):
        error = failure(pending, NotSent)
        assert "was not sent: could not connect: stomp://broker:61613: connection refused" in str(error)
    assert failure(subscribing, ConnectFailed) is play.session.error


# -------------------------------------------------------------------------------- after a connection


def test_subscriptions_are_restored_with_all_their_headers() -> None:
    play = Play().connected()
    play.subscribed("/a", id="one", ack="client", prefetch=7, headers={"selector": "x"})
    play.subscribed("/b", id="two", durable="d")
    gone = play.subscribed("/c")
    play.unsubscribe(gone, receipt=False)
    first = play.written
    play.reconnect()
    one, two = play.sent()
    assert (one.id, one.destination, one.ack) == ("one", "/a", "client")
    assert (one.headers["prefetch-count"], one.headers["selector"]) == ("7", "x")
    assert (two.id, two.headers["durable"]) == ("two", "true")
    assert one.receipt is not None
    assert one.receipt.encode() not in first, "receipts of the last connection prove nothing on this one"


def test_they_are_restored_with_the_headers_of_the_new_broker() -> None:
    play = Play(client_id="me").connected()
    play.subscribed("/a", ack="client", durable="d", prefetch=7)
    play.server = ACTIVEMQ
    play.reconnect()
    headers = play.sent_one().headers.to_dict()
    assert (headers["activemq.subscriptionName"], headers["activemq.prefetchSize"]) == ("d", "7")
    assert "prefetch-count" not in headers
    assert "durable" not in headers


def test_one_that_the_new_broker_cannot_have_ends_alone() -> None:
    play = Play().connected()
    durable, plain = play.subscribed("/a", durable="d"), play.subscribed("/b")
    arrival = durable.ready()
    play.server = ACTIVEMQ
    play.reconnect()
    assert play.sent_one().id == plain.id
    assert arrival.done
    assert durable.state is SubscriptionState.GONE
    with pytest.raises(LocalProtocolError) as caught:
        durable.take()
    assert caught.value.code == ErrorCode.MISSING_HEADER
    play.reconnect()
    assert play.sent_one().id == plain.id


def test_messages_of_both_connections_come_in_order() -> None:
    play = Play().connected()
    subscription = play.subscribed()
    play.deliver(subscription.id, "1", ack=None)
    play.reconnect()
    play.confirm_all()
    play.deliver(subscription.id, "2", ack=None)
    first, second = taken(subscription)
    assert (first.message_id, first.connection_number) == ("1", 1)
    assert (second.message_id, second.connection_number) == ("2", 2)


def test_an_unconfirmed_ack_that_never_left_is_reported_as_dropped() -> None:
    play = Play().connected()
    subscription = play.subscribed(ack="client-individual")
    play.deliver(subscription.id, "1", "2")
    one, two = taken(subscription)
    assert play.ack(one).done
    confirmed = play.ack(two, receipt=True)
    assert play.send("/q").done, "this one goes out on the next connection"
    play.cut("gone")
    ((event, reason),) = play.recorder.of("frame_dropped")
    assert event.id == "ack-1"
    assert "gone" in reason
    assert confirmed.done, "its caller is told by its Pending"


@pytest.mark.parametrize("ack", ["client", "client-individual"])
def test_unacknowledged_messages_are_dropped_at_a_loss(ack: Any) -> None:
    play = Play().connected()
    subscription = play.subscribed(ack=ack)
    play.deliver(subscription.id, "1", "2")
    assert ids(taken(subscription)) == ["1", "2"]
    play.deliver(subscription.id, "3")
    play.reconnect()
    assert subscription.take() is None
    assert subscription.dropped == 1
    play.confirm_all()
    play.deliver(subscription.id, "1", "2", "3")
    assert [delivery.connection_number for delivery in taken(subscription)] == [2, 2, 2]


def test_a_subscription_that_was_not_confirmed_is_sent_again() -> None:
    play = Play().connected()
    pending = play.subscribe("/q", timeout=100.0)
    old = play.sent_one().receipt
    play.reconnect()
    new = play.sent_one().receipt
    play.confirm(old)
    assert not pending.done
    play.confirm(new)
    assert pending.done


def test_the_wait_for_a_subscription_spans_connections() -> None:
    play = Play(receipt_timeout=1.0, reconnect=Reconnect(first_delay=0.0)).connected()
    pending = play.subscribe("/q", timeout=10.0)
    for _ in range(3):
        play.sent()
        play.wait(3.0)
        play.reconnect()
    assert not pending.done
    play.wait(1.0)
    assert pending.done
    assert [event.command for event in play.sent()] == ["SUBSCRIBE", "UNSUBSCRIBE"]


# -------------------------------------------------------------------------------- the three fates


def test_what_has_left_at_a_loss_is_unknown_and_never_sent_again() -> None:
    play = Play().connected()
    pending = play.send("/q", "x", receipt=True)
    play.sent()
    play.reconnect()
    error = failure(pending, OutcomeUnknown)
    assert (
        "whether the broker has done SEND to /q is unknown: the connection to stomp://broker:61613 was lost"
        in str(error)
    )
    assert play.sent() == []


def test_what_has_not_left_goes_first_on_the_next_connection() -> None:
    play = Play().connected()
    left = play.send("/q", "0", receipt=True)
    play.sent()
    pendings = [play.send("/q", str(number), receipt=bool(number % 2)) for number in range(1, 5)]
    play.cut()
    later = play.send("/q", "5", receipt=True)
    play.connected()
    frames = play.sent()
    assert [event.body for event in frames] == [b"1", b"2", b"3", b"4", b"5"]
    failure(left, OutcomeUnknown)
    assert [pending.done for pending in [*pendings, later]] == [False, True, False, True, False]
    for event in frames:
        if event.receipt is not None:
            play.confirm(event.receipt)
    assert all(pending.result() is None for pending in [*pendings, later])


def test_it_keeps_its_place_over_several_connections() -> None:
    play = Play().connected()
    pending = play.send("/q", "1", receipt="mine")
    for _ in range(3):
        play.reconnect()
    with pytest.raises(LocalProtocolError):
        play.send("/q", receipt="mine")
    assert play.sent_one().receipt == "mine"
    play.confirm("mine")
    assert pending.done


def test_an_ack_that_has_not_left_at_a_loss_was_not_sent() -> None:
    play = Play().connected()
    subscription = play.subscribed(ack="client-individual")
    play.deliver(subscription.id, "1")
    (delivery,) = taken(subscription)
    pending = play.ack(delivery, receipt=True)
    play.reconnect()
    assert "ACK of 1 was not sent: the connection to" in str(failure(pending, NotSent))
    assert play.commands() == ["SUBSCRIBE"]


def test_an_unconfirmed_send_that_never_left_is_reported_at_the_end() -> None:
    play = Play().connected()
    assert play.send("/q", "lost").done
    confirmed = play.send("/q", "confirmed", receipt=True)
    play.cut()
    play.close()
    ((event, reason),) = play.recorder.of("frame_dropped")
    assert isinstance(event, Send)
    assert event.body == b"lost"
    assert reason == "the session was closed"
    failure(confirmed, NotSent)


def test_a_loss_at_any_byte_of_the_answers() -> None:
    cut_at, whole = 0, 1
    while cut_at <= whole:
        whole = answered_up_to(cut_at)
        cut_at += 1
    assert whole > 100


def answered_up_to(cut_at: int) -> int:
    """The broker's answers are cut off there; returns how long they would have been."""
    play = Play(reconnect=Reconnect(first_delay=0.0)).connected()
    confirmed = play.send("/q", "a", receipt="one")
    subscribing = play.subscribe("/q", id="s", ack="client-individual")
    transaction = play.begin("tx").result()
    transaction.send(play.now, "/q", "b")
    committing = transaction.commit(play.now)
    _, subscribe, _, _, commit = play.sent()
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
        play.receive_bytes(arrived)
    play.cut()
    assert (confirmed.exception() is None) is (b"receipt-id:one\n\n\0" in arrived)
    if confirmed.exception() is not None:
        failure(confirmed, OutcomeUnknown)
    assert subscribing.done is (f"receipt-id:{subscribe.receipt}\n\n\0".encode() in arrived)
    assert (committing.exception() is None) is (cut_at >= len(answers))
    if committing.exception() is not None:
        failure(committing, TransactionInDoubt)
    play.connected()
    assert play.commands() == ["SUBSCRIBE"], "nothing else is sent twice"
    return len(answers)


def test_a_loss_at_any_byte_of_what_is_sent_sends_nothing_twice() -> None:
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
    pendings = [play.send("/q", text, receipt=True) for text in ("one", "two")]
    arrived = bytes(play.session.data_to_send())[:cut_at]
    pendings.append(play.send("/q", "three", receipt=True))
    play.reconnect()
    play.confirm_all()
    errors = [pending.exception() for pending in pendings]
    return arrived + play.written, [None if error is None else type(error) for error in errors]


# -------------------------------------------------------------------------------- ERROR


def test_an_error_makes_us_close_the_socket() -> None:
    play = Play().connected()
    play.refuse()
    assert play.session.want_close
    assert play.session.data_to_send() == b""
    assert play.session.state is SessionState.WAITING


def test_the_operation_that_an_error_names_is_rejected() -> None:
    play = Play().connected()
    one, two = play.send("/q", receipt=True), play.send("/q", receipt=True)
    _, second = play.sent()
    play.refuse("no", receipt_id=second.receipt)
    assert failure(two, Rejected).error.message == "no"
    assert failure(one, OutcomeUnknown).error is None, "the ERROR answered the other one"


def test_the_only_operation_in_flight_is_rejected_unnamed() -> None:
    """RabbitMQ's ERROR has no receipt-id."""
    play = Play().connected()
    play.confirm_all()
    pending = play.send("/exchange/none", receipt=True)
    play.sent()
    play.refuse("not found", body="no exchange")
    assert failure(pending, Rejected).error.body == b"no exchange"


@pytest.mark.parametrize("options", [{}, {"listener": None}], ids=["watched", "straight path"])
def test_an_ack_without_receipt_makes_an_unnamed_error_ambiguous(options: dict[str, Any]) -> None:
    """RabbitMQ's ERROR, which has no receipt-id, may be about the ACK as well as about the SEND in front of it."""
    play = Play(**options).connected()
    subscription = play.subscribed(ack="client-individual")
    play.deliver(subscription.id, "1")
    delivery = subscription.take()
    assert delivery is not None
    play.confirm_all()
    pending = play.send("/q", receipt=True)
    play.ack(delivery)
    play.sent()
    play.refuse("no")
    error = failure(pending, OutcomeUnknown).error
    assert isinstance(error, Error)
    assert error.message == "no"


@pytest.mark.parametrize("options", [{}, {"listener": None}], ids=["watched", "straight path"])
def test_a_send_without_receipt_makes_an_unnamed_error_ambiguous(options: dict[str, Any]) -> None:
    play = Play(**options).connected()
    play.confirm_all()
    pending = play.send("/q", receipt=True)
    play.send("/q")
    play.sent()
    play.refuse("no")
    error = failure(pending, OutcomeUnknown).error
    assert isinstance(error, Error)
    assert error.message == "no"


def test_of_several_each_is_unknown_with_the_error_attached() -> None:
    play = Play().connected()
    pendings = [play.send("/q", receipt=True) for _ in range(2)]
    play.sent()
    play.refuse("not found")
    for pending in pendings:
        error = failure(pending, OutcomeUnknown).error
        assert isinstance(error, Error)
        assert error.message == "not found"


def test_an_error_does_not_answer_what_has_not_left() -> None:
    play = Play().connected()
    pending = play.send("/q", "x", receipt=True)
    play.refuse("shutting down")
    assert not pending.done
    play.connected()
    assert play.sent_one().body == b"x"


def test_a_receipt_for_what_has_not_left_confirms_nothing() -> None:
    play = Play().connected()
    pending = play.send("/q", "x", receipt=True)
    play.confirm("auto-1")
    assert not pending.done
    assert play.sent_one().receipt == "auto-1"


FRAMES = st.one_of(
    st.integers(0, 9).map(lambda number: b"RECEIPT\nreceipt-id:auto-%d\n\n\0\n" % number),
    st.sampled_from(
        [
            b"RECEIPT\nreceipt-id:mine\n\n\0\n",
            b"RECEIPT\nreceipt-id:raw\n\n\0\n",
            b"RECEIPT\nreceipt-id:auto-2\na:b\n\n\0\n",
            b"MESSAGE\nsubscription:s\nmessage-id:1\ndestination:/q\n\nbody\0\n",
            b"\n",
        ]
    ),
)


@given(
    frames=st.lists(FRAMES, max_size=12),
    size=st.integers(10, 400),
    unsent=st.booleans(),
    closes=st.booleans(),
)
@example([b"RECEIPT\nreceipt-id:auto-%d\n\n\0\n" % number for number in range(9)], 400, False, True)
def test_receipts_on_the_straight_path_settle_what_they_settle_as_events(
    frames: list[bytes], size: int, unsent: bool, closes: bool
) -> None:
    """With a tap every frame takes the general path. Somebody who is told of a receipt may close the session."""
    outcomes = []
    for tap in (False, True):
        play = Play(listener=None, tap=tap).connected()
        settled: list[object] = []

        def watch(pending: Pending[Any], name: str, settled: list[object] = settled) -> None:
            pending.add_done_callback(lambda: settled.append((name, pending.exception())))

        for number in range(4):
            watch(play.send("/q", receipt=True), f"send {number}")
        watch(play.send("/q", receipt="mine"), "mine")
        watch(play.subscribe("/q", id="s"), "subscribe")
        play.send_frame(Send("/q", receipt="raw"))
        if closes:
            stopper = play.send("/q", receipt=True)
            stopper.add_done_callback(partial(play.session.close, play.now))
        play.session.data_to_send()
        if unsent:
            watch(play.send("/q", receipt=True), "unsent")
        stream = b"".join(frames)
        for start in range(0, len(stream), size):
            play.session.receive_data(stream[start : start + size], play.now)
        outcomes.append(
            [settled, play.session.state, play.session.awaited_receipts, bytes(play.session.data_to_send())]
        )
    assert repr(outcomes[0]) == repr(outcomes[1])


def test_receipts_behind_an_error_are_ignored() -> None:
    play = Play().connected()
    pendings = [play.send("/q", receipt=True) for _ in range(2)]
    one, _ = play.sent()
    play.receive_bytes(Error("no").frame.to_bytes("1.2") + Receipt(one.receipt).frame.to_bytes("1.2"))
    for pending in pendings:
        failure(pending, OutcomeUnknown)


def test_an_error_about_a_subscription_ends_that_one() -> None:
    play = Play().connected()
    one, two = play.subscribed("/one"), play.subscribed("/two")
    in_flight = play.send("/q", receipt=True)
    play.sent()
    play.refuse("queue deleted", headers={"subscription": one.id})
    assert one.state is SubscriptionState.GONE
    assert isinstance(one.error, Rejected)
    assert one.error.error.message == "queue deleted"
    assert failure(in_flight, OutcomeUnknown).error is None
    play.connected()
    subscribe = play.sent_one()
    assert subscribe.id == two.id
    play.send("/q")
    assert play.commands() == ["SEND"], "nothing is probed"


def test_an_error_about_an_ending_subscription_is_no_failure() -> None:
    play = Play().connected()
    subscription = play.subscribed()
    pending = play.unsubscribe(subscription)
    play.sent()
    play.refuse("queue deleted", headers={"subscription": subscription.id})
    assert pending.result() is None
    assert subscription.error is None
    assert subscription.take() is None


def test_an_error_about_an_unconfirmed_subscription_rejects_it() -> None:
    play = Play().connected()
    pending = play.subscribe("/q", id="mine")
    other = play.send("/q", receipt=True)
    play.sent()
    play.refuse("no", headers={"subscription": "mine"})
    failure(pending, Rejected)
    failure(other, OutcomeUnknown)
    play.connected()
    assert play.sent() == []


def test_an_error_with_an_unknown_receipt_id_answers_nothing() -> None:
    play = Play().connected()
    pending = play.send("/q", receipt=True)
    play.sent()
    play.refuse("no", receipt_id="unknown")
    assert failure(pending, OutcomeUnknown).error is None


def test_an_error_about_an_unknown_subscription_may_mean_anything() -> None:
    play = Play().connected()
    pending = play.send("/q", receipt=True)
    play.sent()
    play.refuse("no", headers={"subscription": "unknown"})
    assert failure(pending, OutcomeUnknown).error is not None


def test_a_session_that_ends_with_an_error_has_it_attached() -> None:
    play = Play(reconnect=Reconnect.never()).connected()
    pending = play.send("/q", receipt=True)
    play.sent()
    play.refuse("no")
    failure(pending, Rejected)
    assert isinstance(play.session.error, ConnectionLost)
    assert play.session.error.error is not None


# -------------------------------------------------------------------------------- probing


def unattributed_error(play: Play) -> None:
    """Send an ERROR that may answer anything; the session connects again."""
    play.refuse("access refused")
    play.connected()


def test_after_an_unattributed_error_subscriptions_are_probed() -> None:
    """RabbitMQ answers a SUBSCRIBE that it refuses with an ERROR without receipt-id. Sent again with the others, it
    would end every connection.
    """
    play = Play(reconnect=Reconnect(first_delay=0.0)).connected()
    good = play.subscribe("/good")
    bad = play.subscribe("/bad")
    also_good = play.subscribe("/also-good", receipt=False)
    play.sent()
    unattributed_error(play)
    first = play.sent_one()
    assert first.destination == "/good"
    play.confirm(first.receipt)
    second = play.sent_one()
    assert second.destination == "/bad"
    play.refuse("access refused")
    assert failure(bad, Rejected).error.message == "access refused"
    assert good.done
    play.connected()
    third = play.sent_one()
    assert (third.destination, third.receipt is None) == ("/also-good", False), "a probe asks for a receipt"
    play.confirm(third.receipt)
    assert play.sent_one().destination == "/good"
    assert also_good.result().state is SubscriptionState.ACTIVE


def test_while_one_is_probed_everything_else_waits_in_order() -> None:
    play = Play(reconnect=Reconnect(first_delay=0.0)).connected()
    play.subscribe("/probed")
    play.send("/q", "beside it", receipt=True)
    play.sent()
    unattributed_error(play)
    probed = play.sent_one()
    pendings: list[Pending[Any]] = [
        play.send("/q", "1", receipt=True),
        play.send("/q", "2"),
        play.begin("tx"),
        play.request("/rpc"),
        play.subscribe("/new"),
    ]
    assert play.sent() == []
    assert not any(pending.done for pending in pendings)
    play.confirm(probed.receipt)
    frames = play.sent()
    assert [event.command for event in frames] == ["SUBSCRIBE", "SEND", "SEND", "BEGIN", "SEND"]
    assert frames[0].destination == "/new"


def test_the_backlog_waits_for_probing_too() -> None:
    play = Play(reconnect=Reconnect(first_delay=0.0)).connected()
    play.subscribe("/probed")
    play.sent()
    play.send("/q", "had not left")
    play.refuse("access refused", headers={"subscription": "unknown"})
    play.send("/q", "called meanwhile")
    play.connected()
    probed = play.sent_one()
    assert probed.destination == "/probed"
    play.confirm(probed.receipt)
    assert [event.body for event in play.sent()] == [b"had not left", b"called meanwhile"]


def test_a_probe_without_an_answer_times_out() -> None:
    play = Play(receipt_timeout=5.0, reconnect=Reconnect(first_delay=0.0)).connected()
    for destination in ("/a", "/b"):
        play.subscribe(destination, timeout=1000.0)
    play.sent()
    unattributed_error(play)
    assert play.sent_one().destination == "/a"
    play.wait(5.0)
    assert play.sent_one().destination == "/b"
    play.send("/q", timeout=100.0)
    play.wait(4.9)
    assert play.sent() == []
    play.wait(0.1)
    assert play.commands() == ["SEND"]


def test_a_probe_that_cannot_be_sent_does_not_delay_the_others() -> None:
    play = Play(server=None, reconnect=Reconnect(first_delay=0.0)).connected()
    probed = play.subscribe("/a", headers={"x": "a\nb"})
    other = play.subscribe("/b")
    play.sent()
    play.refuse()
    play.version = "1.0"
    play.connected()
    assert isinstance(probed.exception(), LocalProtocolError)
    assert play.sent_one().destination == "/b"
    play.confirm("auto-3")
    play.confirm("auto-4")
    assert other.done


def test_a_probe_that_is_unsubscribed_does_not_delay_the_others() -> None:
    play = Play(reconnect=Reconnect(first_delay=0.0)).connected()
    probed = play.subscribe("/a", receipt=False).result()
    play.subscribe("/b", receipt=False)
    play.sent()
    unattributed_error(play)
    first = play.sent_one()
    probed.unsubscribe(play.now, receipt=False)
    assert play.commands() == ["UNSUBSCRIBE"]
    play.confirm(first.receipt)
    assert play.sent_one().destination == "/b"


def test_closing_sends_what_waits_for_a_probe() -> None:
    play = Play(reconnect=Reconnect(first_delay=0.0)).connected()
    play.subscribe("/a", receipt=False)
    play.subscribe("/b", receipt=False)
    play.sent()
    unattributed_error(play)
    play.send("/q", "x")
    play.close()
    probed, send = play.sent()
    assert send.body == b"x"
    play.confirm(probed.receipt)
    assert play.commands() == ["DISCONNECT"]


def test_a_subscription_that_got_messages_is_not_probed() -> None:
    play = Play(reconnect=Reconnect(first_delay=0.0)).connected()
    silent = play.subscribe("/a", receipt=False).result()
    play.sent()
    play.deliver(silent.id, "1", ack=None)
    unattributed_error(play)
    play.send("/q")
    subscribe, send = play.sent()
    assert subscribe.receipt is None, "it is not probed"
    assert send.command == "SEND"


def test_after_an_attributed_error_nothing_is_probed() -> None:
    play = Play(reconnect=Reconnect(first_delay=0.0)).connected()
    play.subscribe("/a", receipt=False)
    play.send("/q", receipt="mine", timeout=1.0)
    play.sent()
    play.wait(1.0)
    play.refuse("no", receipt_id="mine")
    play.connected()
    play.send("/q")
    assert play.commands() == ["SUBSCRIBE", "SEND"]


def test_a_refused_subscription_costs_one_more_connection() -> None:
    """However busy the good ones are: probing comes first."""
    play = Play(reconnect=Reconnect(first_delay=0.0)).connected()
    busy = play.subscribe("/busy", ack="client-individual", receipt=False).result()
    bad = play.subscribe("/bad", receipt=False).result()
    connections = 1
    while bad.state is SubscriptionState.ACTIVE:
        for event in play.sent():
            if event.command == "SUBSCRIBE" and event.destination == "/bad":
                play.refuse()
                break
            if event.command == "SUBSCRIBE" and event.receipt is not None:
                play.confirm(event.receipt)
            if event.command == "SUBSCRIBE":
                play.deliver(busy.id, "1")
                for delivery in taken(busy):
                    play.ack(delivery)
                    play.send("/out", "x")
        if play.session.state is SessionState.WAITING:
            play.connected()
            connections += 1
            assert connections < 5
    assert connections <= 3
    with pytest.raises(Rejected):
        bad.take()


# -------------------------------------------------------------------------------- hearing


def test_a_message_for_no_subscription_is_dropped_and_counted() -> None:
    play = Play().connected()
    play.deliver("unknown", "1", "2", ack=None)
    assert play.session.dropped == 2


def test_in_1_0_a_message_may_be_matched_by_its_destination() -> None:
    play = Play(version="1.0").connected()
    one, other = play.subscribed("/one"), play.subscribed("/other")
    play.deliver(None, "1", destination="/one", ack=None)
    play.deliver(None, "2", destination="/other", ack=None)
    assert ids(taken(one)) == ["1"]
    assert ids(taken(other)) == ["2"]
    play.subscribed("/one")
    play.deliver(None, "3", destination="/one", ack=None)
    assert one.take() is None
    assert play.session.dropped == 1


def test_unknown_receipts_are_ignored() -> None:
    play = Play().connected()
    play.confirm("unknown", "auto-1", "")
    assert play.session.state is SessionState.CONNECTED


def test_deliveries_are_made_by_make_delivery() -> None:
    class Mine(Delivery):
        pass

    play = Play(make_delivery=Mine).connected()
    subscription = play.subscribed()
    play.deliver(subscription.id, "1", ack=None)
    assert type(subscription.take()) is Mine
    reply = play.request("/q")
    play.sent()
    play.deliver("/temp-queue/replies", "2", ack=None)
    assert type(reply.result()) is Mine


# -------------------------------------------------------------------------------- the tap


def drained(play: Play) -> list[Any]:
    tap = play.session.tap
    assert tap is not None
    events = []
    while (event := tap.take()) is not None:
        events.append(event)
    return events


def test_the_tap_has_every_event_in_order() -> None:
    play = Play(tap=True).connected()
    subscription = play.subscribed(id="s")
    play.deliver("s", "1", ack=None)
    play.receive_bytes(b"\n\n")
    play.deliver("unknown", "2", ack=None)
    play.refuse("over")
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
    assert "the broker sent ERROR: over" in events[-1].reason
    assert ids(taken(subscription)) == ["1"], "the subscription has its message too"
    assert play.session.dropped == 0, "the tap has it"


def test_line_ends_that_come_alone_are_heart_beats_in_the_tap() -> None:
    """Those that come with a frame may be its decoration; those inside one are its body."""
    play = Play(tap=True).connected()
    drained(play)
    message = b"MESSAGE\nsubscription:s\nmessage-id:1\ndestination:/q\n\n\n\0"
    for piece in (message + b"\n\n\n", b"\n", b"\r\n\r\n", message[:-1], b"\n", b"\0", b"\n"):
        play.receive_bytes(piece)
    events = drained(play)
    assert [type(event) for event in events] == [Message, HeartBeat, HeartBeat, Message, HeartBeat]
    assert [event.count for event in events if isinstance(event, HeartBeat)] == [1, 2, 1]
    assert events[3].body == b"\n\n"
    play.cut()
    assert [type(event) for event in drained(play)] == [ConnectionClosed]


def test_a_late_message_is_in_the_tap_and_counted() -> None:
    play = Play(tap=True).connected()
    subscription = play.subscribed()
    play.unsubscribe(subscription)
    play.deliver(subscription.id, "1", ack=None)
    assert play.session.dropped == 1
    assert len(drained(play)) == 3


def test_the_tap_has_the_end_of_each_connection_once() -> None:
    play = Play(tap=True).connected()
    play.reconnect()
    play.close()
    play.confirm_all()
    closed = [event for event in drained(play) if isinstance(event, ConnectionClosed)]
    assert [event.clean for event in closed] == [False, True]


def test_a_silent_broker_ends_with_the_code_heart_beat() -> None:
    play = Play(tap=True, heart_beat=(0, 10), beats=(10_000, 0)).connected()
    play.wait(25.0)
    end = drained(play)[-1]
    assert (end.clean, end.code) == (False, "heart-beat")
    assert "from the peer for 25.0 s" in end.reason


@pytest.mark.parametrize("answer", ["before DISCONNECT", "nothing", "another", "its receipt"])
def test_an_end_while_closing_is_clean_only_with_the_receipt_of_disconnect(answer: str) -> None:
    """Without it nobody knows whether the broker has processed what was sent before."""
    play = Play(tap=True).connected()
    if answer == "before DISCONNECT":
        play.send("/q", receipt=True)
    closing = play.close()
    sent = play.sent()
    if answer == "another":
        play.confirm("something")
    elif answer == "its receipt":
        play.confirm(sent[-1].receipt)
    play.receive_bytes(b"")
    confirmed = answer == "its receipt"
    assert drained(play)[-1].clean is confirmed
    assert closing.result() is confirmed
    assert play.session.error is None, "the caller closed it"


@pytest.mark.parametrize("reported", ["the end of the stream", "a lost connection"])
@pytest.mark.parametrize(
    ("received", "cut"),
    [(b"MESS", True), (b"RECEIPT\nreceipt-id:1\n\n", True), (b"\r", True), (b"\n", False), (b"", False)],
)
def test_the_tap_has_the_end_as_the_protocol_layer_saw_it(received: bytes, cut: bool, reported: str) -> None:
    play = Play(tap=True).connected()
    conn = ClientConnection()
    conn.connect(host="/")
    conn.receive_data(b"CONNECTED\nversion:1.2\n\n\0" + received)
    conn.receive_data(b"")
    while not isinstance(expected := conn.next_event(), ConnectionClosed):
        pass
    if received:
        play.receive_bytes(received)
    if reported == "a lost connection":
        play.cut()
    else:
        play.receive_bytes(b"")
    end = drained(play)[-1]
    assert (end.clean, end.cut, end.code) == (False, cut, "eof")
    assert end == expected
    assert end.reason == expected.reason
    ((_, reason),) = play.recorder.of("connection_lost")
    assert expected.reason in reason


def test_the_tap_has_the_end_that_comes_while_closing_as_it_was() -> None:
    play = Play(tap=True).connected()
    play.close()
    play.receive_bytes(b"RECEI")
    play.receive_bytes(b"")
    assert drained(play)[-1].cut


def test_a_failed_attempt_puts_no_end_in_the_tap() -> None:
    play = Play(tap=True)
    play.dial()
    play.refuse("no")
    assert [type(event) for event in drained(play)] == [Error]


def test_the_end_wakes_who_waits_for_the_tap() -> None:
    play = Play(tap=True).connected()
    drained(play)
    tap = play.session.tap
    assert tap is not None
    arrival = tap.ready()
    assert not arrival.done
    play.close()
    play.confirm_all()
    assert arrival.done
    drained(play)
    assert tap.ready().done, "nothing more will come"


def test_a_full_tap_stops_reading() -> None:
    play = Play(tap=True, buffer_size=10_000).connected()
    for number in range(20):
        play.confirm(str(number))
    assert not play.session.want_read
    drained(play)
    assert play.session.want_read


# -------------------------------------------------------------------------------- when to read


def with_a_full_buffer(times: float = 1.0, **options: Any) -> tuple[Play, Subscription]:
    play = Play(buffer_size=100_000, **options).connected()
    subscription = play.subscribed()
    play.deliver(subscription.id, "1", ack=None, body=bytes(int(100_000 * times)))
    return play, subscription


def test_while_the_buffer_has_room_the_socket_is_read() -> None:
    play, _ = with_a_full_buffer(0.9)
    assert play.session.want_read


def test_a_full_buffer_stops_reading_until_half_is_taken() -> None:
    play, subscription = with_a_full_buffer(0.4)
    play.deliver(subscription.id, "2", ack=None, body=bytes(40_000))
    assert play.session.want_read
    play.deliver(subscription.id, "3", ack=None, body=bytes(40_000))
    assert not play.session.want_read
    subscription.take()
    assert not play.session.want_read
    wakes = play.wakes
    subscription.take()
    assert play.session.want_read
    assert play.wakes > wakes


WAITERS: dict[str, Callable[[Play], object]] = {
    "a receipt": lambda play: play.send("/q", receipt=True),
    "a reply": lambda play: play.request("/q"),
    "room to write": lambda play: play.send("/q", bytes(1024 * 1024 + 1)),
    "closing": lambda play: play.close(),
}


@pytest.mark.parametrize("what", WAITERS)
def test_while_something_is_awaited_reading_goes_on(what: str) -> None:
    play, subscription = with_a_full_buffer(tap=what == "closing")
    assert not play.session.want_read
    WAITERS[what](play)
    assert play.session.want_read
    play.deliver(subscription.id, "2", ack=None, body=bytes(200_000))
    assert play.session.want_read
    play.deliver(subscription.id, "3", ack=None, body=bytes(200_000))
    assert not play.session.want_read


def test_a_send_queue_that_is_just_full_is_not_awaited() -> None:
    play, _ = with_a_full_buffer()
    head = len(b"SEND\ndestination:/q\ncontent-length:1048500\n\n\0")
    play.send("/q", bytes(1024 * 1024 - head))
    assert play.session.size_to_send == 1024 * 1024
    assert not play.session.want_read


def test_reading_stops_again_when_nothing_is_awaited() -> None:
    play, _ = with_a_full_buffer()
    play.send("/q", receipt=True)
    play.confirm_all()
    assert not play.session.want_read
    play.send("/q", receipt=True, timeout=1.0)
    play.sent()
    play.wait(1.0)
    assert not play.session.want_read


def test_messages_of_an_ended_subscription_do_not_stop_reading() -> None:
    """Left in the queue of a subscription that had ended, it stopped the reading for ever."""
    play, subscription = with_a_full_buffer()
    assert not play.session.want_read
    play.unsubscribe(subscription, receipt=False)
    assert play.session.want_read
    del subscription
    play.deliver("s-1", "late", ack=None)
    other = play.subscribed()
    play.deliver(other.id, "2", ack=None)
    assert play.session.want_read


def test_a_handshake_is_read_however_full_the_buffer_is() -> None:
    play, subscription = with_a_full_buffer(5.0)
    play.cut()
    play.dial()
    assert play.session.want_read
    play.sent()
    play.accept()
    assert not play.session.want_read
    subscription.take()
    assert play.session.want_read


def test_headers_count_towards_the_buffer() -> None:
    play = Play(buffer_size=100_000).connected()
    subscription = play.subscribed()
    for number in range(2):
        play.deliver(subscription.id, str(number), ack=None, headers={"x": "y" * 60_000})
    assert not play.session.want_read


# -------------------------------------------------------------------------------- much of everything


def cost_of(action: Callable[[], object]) -> float:
    gc.collect()
    start = time.process_time()
    action()
    return time.process_time() - start


def restored_subscriptions(count: int) -> float:
    play = Play(listener=None).connected()
    subscriptions = [play.subscribe("/q", receipt=False).result() for _ in range(count)]
    play.session.data_to_send()
    play.cut()
    play.dial()
    play.sent()
    seconds = cost_of(play.accept)
    data = b"".join(
        b"MESSAGE\ndestination:/q\nmessage-id:1\nsubscription:%b\n\n\0" % entry.id.encode()
        for entry in subscriptions
    )
    seconds += cost_of(lambda: play.receive_bytes(data))
    return seconds + cost_of(lambda: [entry.unsubscribe(play.now, receipt=False) for entry in subscriptions])


def probes(count: int) -> float:
    play = Play(listener=None).connected()
    for _ in range(count):
        play.subscribe("/q")
    play.session.data_to_send()
    play.receive_bytes(b"ERROR\n\n\0")
    play.connected()

    def all_of_them() -> None:
        for number in range(count + 1, 2 * count + 1):
            play.session.data_to_send()
            play.receive_bytes(b"RECEIPT\nreceipt-id:auto-%d\n\n\0" % number)

    seconds = cost_of(all_of_them)
    assert play.send("/q").done, "nothing is probed any more"
    return seconds


def receipts_in_flight(count: int) -> float:
    play = Play(listener=None).connected()
    session = play.session

    def all_of_them() -> None:
        for _ in range(count):
            session.send(0.0, "/q", b"x", receipt=True)
        session.handle_timeout(0.0)
        session.data_to_send()
        play.receive_bytes(b"".join(b"RECEIPT\nreceipt-id:auto-%d\n\n\0" % n for n in range(count, 0, -1)))

    seconds = cost_of(all_of_them)
    session.close(0.0)
    assert bytes(session.data_to_send()).startswith(b"DISCONNECT"), "all receipts have come"
    return seconds


def backlog_that_times_out(count: int) -> float:
    play = Play(listener=None)
    session = play.session

    def all_of_them() -> None:
        for number in range(count):
            session.send(0.0, "/q", b"x", receipt=True, timeout=1.0 + number / count)
        session.handle_timeout(0.0)
        for step in range(100):
            session.handle_timeout(1.0 + step / 100)
        session.handle_timeout(3.0)

    return cost_of(all_of_them)


def backlog_that_is_sent(count: int) -> float:
    play = Play(listener=None)
    for _ in range(count):
        play.send("/q", b"x", receipt=True)
    play.dial()
    play.sent()

    def all_of_them() -> None:
        play.accept()
        play.session.connection_lost(None, 0.0)
        play.close()

    return cost_of(all_of_them)


def requests_in_flight(count: int) -> float:
    play = Play(listener=None).connected()

    def all_of_them() -> None:
        for _ in range(count):
            play.request("/q")
        play.session.data_to_send()
        play.receive_bytes(
            b"".join(
                b"MESSAGE\ndestination:/q\nmessage-id:1\nsubscription:/temp-queue/replies\ncorrelation-id:c-%d\n\n\0"
                % n
                for n in range(count, 0, -1)
            )
        )

    return cost_of(all_of_them)


@pytest.mark.parametrize("options", [{}, {"listener": None}], ids=["watched", "straight path"])
def test_an_ack_waits_for_room_as_a_send_does(options: dict[str, Any]) -> None:
    play = Play(**options).connected()
    subscription = play.subscribed(ack="client-individual")
    play.deliver(subscription.id, "1")
    delivery = subscription.take()
    play.send("/q", b"x" * (2 << 20))
    assert delivery is not None
    acknowledging = play.ack(delivery)
    assert not acknowledging.done
    play.sent()
    assert acknowledging.done


def test_what_has_left_is_not_sent_again_if_the_driver_was_interrupted() -> None:
    """A callback raises between the moment a SEND counts as sent and the one in which the queue forgets it."""

    def interrupted() -> None:
        raise KeyboardInterrupt

    play = Play().connected()
    confirmed = play.send("/q", "1", receipt=True)
    play.send("/q", b"x" * (2 << 20)).add_done_callback(interrupted)
    with pytest.raises(KeyboardInterrupt):
        play.session.write_with(len)
    play.cut("interrupted")
    failure(confirmed, OutcomeUnknown)
    play.connected()
    assert b"1" not in [event.body for event in play.sent() if isinstance(event, Send)]


@pytest.mark.parametrize(
    "cost",
    [
        restored_subscriptions,
        probes,
        receipts_in_flight,
        backlog_that_times_out,
        backlog_that_is_sent,
        requests_in_flight,
    ],
    ids=lambda cost: cost.__name__.replace("_", " "),
)
def test_the_cost_grows_linearly(cost: Callable[[int], float]) -> None:
    small = min(cost(200) for _ in range(3))
    large = min(cost(2000) for _ in range(2))
    assert large < 45 * small + 0.05


def test_operations_that_move_to_the_backlog_and_time_out_are_freed() -> None:
    play = Play(listener=None).connected()
    before = count_alive(SendOperation)
    for _ in range(100):
        play.send("/q", "x", receipt=True, timeout=1.0)
    play.cut()
    play.wait(2.0)
    assert count_alive(SendOperation) - before <= 1


def test_a_body_is_freed_when_it_was_written() -> None:
    """It must not stay in memory until the deadline of its confirmed SEND."""
    play = Play(listener=None).connected()
    before = count_alive(UnmadeSend)
    pendings = [play.send("/q", bytes(1000), receipt=True) for _ in range(20)]
    assert count_alive(UnmadeSend) == before + 20
    play.session.data_to_send()
    assert count_alive(UnmadeSend) == before
    assert not any(pending.done for pending in pendings)


def test_subscriptions_that_have_ended_are_freed() -> None:
    play = Play(listener=None)
    before = count_alive(SubscriptionRecord)
    for _ in range(100):
        play.subscribe("/q", receipt=False).cancel(play.now)
    play.wait(0.0)
    assert count_alive(SubscriptionRecord) == before
    play.connected()
    assert play.sent() == []
    for _ in range(100):
        play.unsubscribe(play.subscribed(), receipt=False)
    play.sent()
    play.wait(31.0)
    assert count_alive(SubscriptionRecord) == before


@pytest.mark.parametrize("destination", ["/queue/a", "/queue/b:c", "/queue/\u00e9"])
@pytest.mark.parametrize("body", ["text", "", b"bytes", b"", bytearray(b"array")], ids=repr)
@pytest.mark.parametrize(
    "options", [{}, {"content_type": "a/b"}, {"content_length": False}, {"receipt": True}]
)
def test_a_message_like_an_earlier_one_has_the_bytes_of_the_first_one(
    destination: str, body: Any, options: dict[str, Any]
) -> None:
    """The straight path changes nothing but the receipt id. With a listener nothing takes it."""
    outputs = []
    for listener in (None, Listener()):
        play = Play(listener=listener).connected()
        written = []
        for _ in range(3):
            play.send(destination, body, **options)
            written.append(bytes(play.session.data_to_send()))
        assert written[1:] == [written[0].replace(b"auto-1\n", b"auto-%d\n" % number) for number in (2, 3)]
        outputs.append(written)
    assert outputs[0] == outputs[1]
