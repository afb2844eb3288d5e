"""Session: the operations, what is refused, and what each one writes."""

# What a call has changed, a checker does not know.
# mypy: no-warn-unreachable, disable-error-code=comparison-overlap

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf, nan
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stomp_core import (
    ConnectionClosed,
    Disconnect,
    ErrorCode,
    Frame,
    Headers,
    LocalProtocolError,
    Send,
    Session,
    StompError,
    Subscribe,
)
from stomp_core.session import (
    BrokerProfile,
    ConnectFailed,
    ConnectionLost,
    Delivery,
    Listener,
    NotSent,
    NotSentInTime,
    OutcomeUnknown,
    Pending,
    ReceiptTimeout,
    Reconnect,
    Rejected,
    SessionClosed,
    SessionState,
    StaleMessageError,
    Subscription,
    SubscriptionState,
)
from stomp_core.session._operations import SendOperation
from stomp_core.session._subscriptions import SubscriptionRecord

from .interrupting import Interruption, interrupt, interrupt_everywhere
from .play import ACTIVEMQ, Play, count_alive, failure, ids, taken

ARTEMIS = "ActiveMQ-Artemis/2.31.2"


def delivered(play: Play, ack: Any = "client-individual", name: str = "1") -> Delivery:
    """A message that was taken from a subscription of its own."""
    subscription = play.subscribed(ack=ack)
    play.deliver(subscription.id, name, ack="ack-1" if play.version == "1.2" and ack != "auto" else None)
    delivery = subscription.take()
    assert delivery is not None
    return delivery


# -------------------------------------------------------------------------------- SEND


def test_send_writes_its_arguments_as_a_frame() -> None:
    play = Play().connected()
    pending = play.send("/queue/a", "häh", headers={"x": "y"})
    assert pending.result() is None
    assert play.session.data_to_send() == (
        b"SEND\ndestination:/queue/a\ncontent-type:text/plain;charset=utf-8\nx:y\ncontent-length:4\n\nh\xc3\xa4h\0"
    )


def test_a_body_is_text_or_bytes_with_or_without_content_length() -> None:
    play = Play().connected()
    play.send("/q", b"\0\xff", content_type="image/x")
    play.send("/q", "text", content_length=False)
    binary, text = play.sent()
    assert (binary.body, binary.content_type, binary.content_length) == (b"\0\xff", "image/x", 2)
    assert (text.body, text.content_type, text.content_length) == (b"text", "text/plain;charset=utf-8", None)


def test_a_confirmed_send_is_done_when_its_receipt_comes() -> None:
    play = Play().connected()
    pending = play.send("/q", receipt=True)
    send = play.sent_one()
    assert not pending.done
    play.confirm("other")
    assert not pending.done
    play.confirm(send.receipt)
    assert pending.result() is None


def test_a_receipt_ends_only_its_own_send() -> None:
    play = Play().connected()
    one, two = play.send("/q", receipt=True), play.send("/q", receipt=True)
    _, second = play.sent()
    play.confirm(second.receipt)
    assert (one.done, two.done) == (False, True)


def test_a_receipt_id_can_be_chosen() -> None:
    play = Play().connected()
    pending = play.send("/q", receipt="mine")
    assert play.sent_one().receipt == "mine"
    play.confirm("mine")
    assert pending.done


@pytest.mark.parametrize("connected", [True, False], ids=["connected", "deferred"])
def test_a_receipt_id_is_used_once_at_a_time(connected: bool) -> None:
    play = Play()
    if connected:
        play.connected()
    play.send("/q", "first", receipt="mine")
    with pytest.raises(LocalProtocolError) as caught:
        play.send("/q", "second", receipt="mine")
    assert caught.value.code == ErrorCode.HEADER_CLASH
    if not connected:
        play.connected()
    assert [event.body for event in play.sent()] == [b"first"]
    play.confirm("mine")
    play.send("/q", "third", receipt="mine")
    assert play.sent_one().body == b"third"


def test_a_late_receipt_confirms_no_other_send_of_that_id() -> None:
    play = Play().connected()
    play.send("/q", receipt="mine", timeout=1.0)
    play.sent()
    play.wait(2.0)
    with pytest.raises(LocalProtocolError):
        play.send("/q", receipt="mine")
    play.cut()
    play.connected()
    assert not play.send("/q", receipt="mine").done


def test_the_receipt_id_of_a_refused_frame_is_still_free() -> None:
    play = Play().connected()
    with pytest.raises(LocalProtocolError):
        play.send("/q", headers={"x\0": "y"}, receipt="mine")
    assert not play.send("/q", receipt="mine").done


def test_generated_ids_avoid_chosen_ones() -> None:
    play = Play().connected()
    play.send("/q", receipt="auto-1")
    play.send("/q", receipt=True)
    assert len({event.receipt for event in play.sent()}) == 2


@pytest.mark.parametrize("name", ["receipt", "transaction"])
@pytest.mark.parametrize("operation", ["send", "subscribe", "ack", "nack", "begin", "request"])
def test_an_argument_of_the_call_is_refused_as_a_header(operation: str, name: str) -> None:
    play = Play().connected()
    argument = delivered(play) if operation in ("ack", "nack") else "/q"
    with pytest.raises(
        LocalProtocolError, match=f"pass '{name}' as an argument of the call, not in headers"
    ) as caught:
        getattr(play, operation)(argument, headers={name: "x"})
    assert caught.value.code == ErrorCode.HEADER_NOT_ALLOWED
    assert play.sent() == []


@pytest.mark.parametrize("timeout", [-1, nan])
@pytest.mark.parametrize("connected", [True, False])
def test_a_negative_timeout_is_refused_and_nothing_is_sent(timeout: float, connected: bool) -> None:
    play = Play()
    if connected:
        play.connected()
    for call in (
        lambda: play.send("/q", timeout=timeout),
        lambda: play.subscribe("/q", timeout=timeout),
        lambda: play.begin(timeout=timeout),
        lambda: play.request("/q", timeout=timeout),
        lambda: play.close(timeout=timeout),
    ):
        with pytest.raises(ValueError, match=f"timeout must be at least 0 seconds, got {timeout}"):
            call()
    if not connected:
        play.connected()
    assert play.sent() == []
    assert play.session.state is SessionState.CONNECTED


def test_an_unknown_transaction_is_refused() -> None:
    play = Play().connected()
    with pytest.raises(LocalProtocolError) as caught:
        play.send("/q", transaction="x")
    assert caught.value.code == ErrorCode.UNKNOWN_TRANSACTION


def test_what_no_version_can_carry_is_refused_while_disconnected() -> None:
    play = Play()
    for call in (
        lambda: play.send("/q", headers={"x": "a\0"}),
        lambda: play.send("/q", b"\0", content_length=False),
        lambda: play.subscribe("/q", headers={"x": "a\0"}),
        lambda: play.begin("a\0"),
        lambda: play.request("/q", headers={"x": "a\0"}),
    ):
        with pytest.raises(LocalProtocolError):
            call()
    play.connected()
    assert play.sent() == []


def test_what_the_only_offered_version_cannot_carry_is_refused() -> None:
    with pytest.raises(LocalProtocolError):
        Play(versions=["1.0"]).send("/q", headers={"x": "a\nb"})
    Play(versions=["1.0", "1.1"]).send("/q", headers={"x": "a\nb"})


def test_an_operation_that_the_version_cannot_carry_fails_alone() -> None:
    play = Play(version="1.0")
    bad = play.send("/q", headers={"x": "a\nb"}, receipt="mine")
    good = play.send("/q", "good", receipt=True)
    play.connected()
    assert isinstance(bad.exception(), LocalProtocolError)
    assert play.sent_one().body == b"good"
    assert not good.done
    play.send("/q", receipt="mine")


# -------------------------------------------------------------------------------- deadlines


def test_a_receipt_that_does_not_come_in_time_is_a_timeout() -> None:
    play = Play(receipt_timeout=7.0).connected()
    default, own = play.send("/q", receipt=True), play.send("/q", receipt=True, timeout=3.0)
    play.sent()
    play.wait(3.0)
    failure(own, ReceiptTimeout)
    assert not default.done
    play.wait(4.0)
    failure(default, ReceiptTimeout)
    assert play.session.state is SessionState.CONNECTED


def test_a_deadline_counts_from_the_time_of_the_operation() -> None:
    play = Play().connected()
    play.now = 1000.0
    pending = play.send("/q", receipt=True, timeout=5.0)
    assert play.session.next_deadline() == 1005.0
    assert pending.deadline == 1005.0


def test_what_a_received_frame_triggers_has_its_deadline_at_once() -> None:
    """An adapter without wake() asks next_deadline() right after receive_data()."""
    play = Play(receipt_timeout=5.0)
    pending = play.subscribe("/q", timeout=99.0)
    play.session.handle_timeout(0.0)
    play.dial()
    play.now = 10.0
    play.sent()
    play.accept()
    assert not pending.done
    assert play.session.next_deadline() == 15.0


def test_a_send_that_was_not_written_in_time_is_never_sent() -> None:
    play = Play().connected()
    pending = play.send("/q", receipt=True, timeout=5.0)
    play.send("/q", "other")
    play.wait(5.0)
    failure(pending, NotSentInTime)
    assert play.sent_one().body == b"other"
    play.confirm("auto-1")
    failure(pending, NotSentInTime)


def test_a_send_that_found_no_connection_in_time_is_never_sent() -> None:
    play = Play()
    pending = play.send("/q", timeout=5.0)
    other = play.send("/q", "other", timeout=50.0)
    play.wait(5.0)
    failure(pending, NotSentInTime)
    assert not other.done
    play.connected()
    assert other.done
    assert play.sent_one().body == b"other"


def test_a_deadline_spans_connections() -> None:
    play = Play(reconnect=Reconnect(first_delay=1.0, max_delay=1.0)).connected()
    pending = play.send("/q", receipt=True, timeout=5.0)
    play.wait(3.0)
    play.cut()
    play.wait(1.5)
    play.connected()
    play.sent()
    assert play.now == 4.5
    play.wait(0.4)
    assert not pending.done
    play.wait(0.1)
    failure(pending, ReceiptTimeout)


def test_an_infinite_timeout_means_no_timeout() -> None:
    play = Play().connected()
    pending = play.send("/q", receipt=True, timeout=inf)
    play.sent()
    play.wait(1e6)
    assert not pending.done


def test_a_timeout_of_zero_is_due_at_once() -> None:
    play = Play().connected()
    pending = play.send("/q", receipt=True, timeout=0)
    play.session.handle_timeout(0.0)
    assert pending.done


# -------------------------------------------------------------------------------- a caller is cancelled


@pytest.mark.parametrize("connected", [True, False], ids=["connected", "deferred"])
def test_a_send_that_is_cancelled_before_it_left_never_leaves(connected: bool) -> None:
    play = Play()
    if connected:
        play.connected()
    pending = play.send("/q", "cancelled", receipt="mine")
    play.send("/q", "kept", receipt=True)
    pending.cancel(play.now)
    assert str(failure(pending, NotSent)) == "SEND to /q was withdrawn before it was sent"
    if not connected:
        play.connected()
    assert play.sent_one().body == b"kept"
    play.send("/q", receipt="mine")


def test_a_send_that_has_left_cannot_be_cancelled() -> None:
    play = Play().connected()
    pending = play.send("/q", receipt=True)
    send = play.sent_one()
    pending.cancel(play.now)
    assert not pending.done
    play.confirm(send.receipt)
    assert pending.result() is None


def test_a_send_that_is_done_cannot_be_cancelled() -> None:
    play = Play().connected()
    play.send("/q").cancel(play.now)
    assert play.commands() == ["SEND"]


def test_a_send_that_is_done_has_nothing_to_cancel() -> None:
    play = Play().connected()
    silent, confirmed = play.send("/q"), play.send("/q", receipt=True)
    play.confirm_all()
    assert silent.on_cancel is None
    assert confirmed.on_cancel is None


def test_a_send_in_a_transaction_cannot_be_cancelled() -> None:
    play = Play().connected()
    fill(play)
    pending = play.begin().result().send(play.now, "/q")
    assert not pending.done
    pending.cancel(play.now)
    assert play.commands()[-1] == "SEND"
    assert pending.done


def test_an_ack_that_is_cancelled_is_sent_all_the_same() -> None:
    play = Play().connected()
    pending = play.ack(delivered(play), receipt=True)
    pending.cancel(play.now)
    assert play.commands() == ["ACK"]


# -------------------------------------------------------------------------------- room to write


def fill(play: Play) -> None:
    """Fill the send queue above its high-water mark."""
    play.send("/q", bytes(1024 * 1024 + 1))


def test_an_unconfirmed_send_is_done_while_there_is_room() -> None:
    play = Play().connected()
    head = len(b"SEND\ndestination:/q\ncontent-length:1048500\n\n\0")
    assert play.send("/q", bytes(1024 * 1024 - head)).done, "to the last byte"
    assert play.session.size_to_send == 1024 * 1024
    pending = play.send("/q")
    assert not pending.done
    play.sent()
    assert pending.result() is None


def test_a_send_that_finds_no_room_in_time_is_not_sent() -> None:
    play = Play(receipt_timeout=5.0).connected()
    fill(play)
    pending = play.send("/q", "late")
    play.wait(5.0)
    failure(pending, NotSentInTime)
    assert b"late" not in play.session.data_to_send()


def test_an_ack_that_finds_no_room_in_time_may_still_leave() -> None:
    play = Play(receipt_timeout=5.0).connected()
    delivery = delivered(play)
    fill(play)
    pending = play.ack(delivery)
    assert not pending.done
    play.wait(5.0)
    failure(pending, ReceiptTimeout)
    assert play.commands()[-1] == "ACK"


def test_bytes_that_are_not_sent_in_time_are_freed() -> None:
    play = Play(receipt_timeout=1.0).connected()
    play.send("/q", bytes(2_000_000))
    for _ in range(100):
        play.send("/q", bytes(1_000_000))
        play.wait(1.0)
        assert play.session.size_to_send < 6_000_000


def test_operations_that_timed_out_before_a_connection_are_freed() -> None:
    play = Play(reconnect=Reconnect(first_rounds=None))
    before = count_alive(SendOperation)
    for _ in range(100):
        play.send("/q", "x", timeout=1.0)
        play.wait(1.0)
    assert count_alive(SendOperation) - before <= 2


# -------------------------------------------------------------------------------- SUBSCRIBE


def test_subscribe_is_done_when_its_receipt_comes() -> None:
    play = Play().connected()
    pending = play.subscribe("/queue/a")
    event = play.sent_one()
    assert (event.command, event.destination, event.ack) == ("SUBSCRIBE", "/queue/a", "auto")
    assert not pending.done
    play.confirm(event.receipt)
    subscription = pending.result()
    assert (subscription.id, subscription.destination, subscription.ack) == (event.id, "/queue/a", "auto")
    assert subscription.state is SubscriptionState.ACTIVE


def test_subscribe_without_receipt_is_done_when_it_is_queued() -> None:
    play = Play().connected()
    pending = play.subscribe("/queue/a", receipt=False)
    assert pending.done
    assert play.sent_one().receipt is None


def test_subscribe_writes_its_arguments_and_no_more() -> None:
    play = Play().connected()
    play.subscribe("/queue/a", headers={"x": "y"})
    assert play.session.data_to_send() == (
        b"SUBSCRIBE\nid:s-1\ndestination:/queue/a\nack:auto\nreceipt:auto-1\nx:y\n\n\0"
    )


def test_a_message_may_come_before_the_receipt() -> None:
    play = Play().connected()
    pending = play.subscribe("/queue/a", id="mine")
    play.sent()
    play.deliver("mine", "1", ack=None)
    play.confirm("auto-1")
    assert ids(taken(pending.result())) == ["1"]


def test_generated_subscription_ids_are_not_in_use() -> None:
    play = Play().connected()
    play.subscribed(id="s-1")
    assert play.subscribed().id == "s-2"
    with pytest.raises(LocalProtocolError) as caught:
        play.subscribe("/q", id="s-2")
    assert caught.value.code == ErrorCode.DUPLICATE_SUBSCRIPTION
    assert play.sent() == []


@pytest.mark.parametrize("connected", [True, False])
def test_a_subscription_id_is_in_use_before_there_is_a_connection(connected: bool) -> None:
    play = Play()
    if connected:
        play.connected()
    play.subscribe("/q", id="mine")
    with pytest.raises(LocalProtocolError, match="'mine' is already in use"):
        play.subscribe("/other", id="mine")


@pytest.mark.parametrize("ack", ["auto", "client", "client-individual"])
def test_the_ack_mode_is_sent(ack: Any) -> None:
    play = Play().connected()
    play.subscribe("/q", ack=ack)
    assert play.sent_one().ack == ack


def test_an_unknown_ack_mode_is_refused() -> None:
    with pytest.raises(LocalProtocolError, match="'manual'") as caught:
        Play().connected().subscribe("/q", ack="manual")
    assert caught.value.code == ErrorCode.BAD_ACK_MODE


def test_an_unknown_ack_mode_is_refused_while_disconnected() -> None:
    with pytest.raises(LocalProtocolError) as caught:
        Play().subscribe("/q", ack="manual")
    assert caught.value.code == ErrorCode.BAD_ACK_MODE


def test_prefetch_must_be_at_least_1() -> None:
    for prefetch in (0, -1):
        with pytest.raises(LocalProtocolError, match="prefetch") as caught:
            Play().connected().subscribe("/q", prefetch=prefetch)
        assert caught.value.code == ErrorCode.BAD_HEADER_VALUE
    Play().connected().subscribe("/q", ack="client", prefetch=1)


def test_prefetch_in_auto_mode_is_refused() -> None:
    for play in (Play(), Play().connected()):
        for options in ({}, {"ack": "auto"}):
            with pytest.raises(ValueError, match=r"prefetch=1 has no effect .*ack='client-individual'"):
                play.subscribe("/q", prefetch=1, **options)
    assert play.sent() == []


def test_prefetch_is_refused_where_the_broker_has_no_header_for_it() -> None:
    play = Play(broker_profile=BrokerProfile("Other", "other")).connected()
    with pytest.raises(LocalProtocolError, match="no header for prefetch=2 is known of the broker 'Other'"):
        play.subscribe("/q", ack="client", prefetch=2)
    assert play.sent() == []


@pytest.mark.parametrize(
    ("server", "headers_sent"),
    [
        ("RabbitMQ/3", {"prefetch-count": "5"}),
        (ACTIVEMQ, {"activemq.prefetchSize": "5"}),
        (ARTEMIS, {"consumer-window-size": "400"}),
        (None, {"prefetch-count": "5", "activemq.prefetchSize": "5"}),
    ],
)
def test_prefetch_uses_the_header_of_the_broker(server: str | None, headers_sent: dict[str, str]) -> None:
    play = Play(server=server).connected()
    play.subscribe("/q", ack="client", prefetch=5, headers={"selector": "x = 1"})
    headers = play.sent_one().headers.to_dict()
    assert headers.pop("selector") == "x = 1"
    assert {
        name: value for name, value in headers.items() if "prefetch" in name or "window" in name
    } == headers_sent


@pytest.mark.parametrize(
    ("server", "client_id", "headers_sent"),
    [
        ("RabbitMQ/3", None, {"durable": "true", "auto-delete": "false"}),
        (ACTIVEMQ, "me", {"activemq.subscriptionName": "news"}),
        (ARTEMIS, "me", {"durable-subscription-name": "news"}),
    ],
)
def test_a_durable_subscription_uses_the_headers_of_the_broker(
    server: str, client_id: str | None, headers_sent: dict[str, str]
) -> None:
    play = Play(server=server, client_id=client_id).connected()
    play.subscribe("/topic/a", durable="news")
    event = play.sent_one()
    assert event.id == "news"
    assert headers_sent.items() <= event.headers.to_dict().items()


def test_a_durable_subscription_may_have_another_id() -> None:
    play = Play(server=ACTIVEMQ, client_id="me").connected()
    play.subscribe("/topic/a", durable="news", id="mine")
    event = play.sent_one()
    assert (event.id, event.headers["activemq.subscriptionName"]) == ("mine", "news")


@pytest.mark.parametrize(
    ("server", "code", "text"),
    [
        (None, ErrorCode.HEADER_NOT_ALLOWED, "of this broker are not known"),
        (
            ACTIVEMQ,
            ErrorCode.MISSING_HEADER,
            "ActiveMQ Classic identifies durable subscribers by the client_id",
        ),
        (
            ARTEMIS,
            ErrorCode.MISSING_HEADER,
            "ActiveMQ Artemis identifies durable subscribers by the client_id",
        ),
    ],
)
@pytest.mark.parametrize("connected", [True, False])
def test_a_durable_subscription_that_the_broker_cannot_have_fails(
    server: str | None, code: ErrorCode, text: str, connected: bool
) -> None:
    play = Play(server=server)
    if connected:
        play.connected()
        with pytest.raises(LocalProtocolError, match=text) as caught:
            play.subscribe("/topic/a", durable="news")
        assert caught.value.code == code
    else:
        pending = play.subscribe("/topic/a", durable="news")
        play.connected()
        error = failure(pending, LocalProtocolError)
        assert error.code == code
    assert play.sent() == []
    play.send("/q")
    assert play.commands() == ["SEND"]
    play.subscribe("/q", id="news")


@pytest.mark.parametrize(("value", "clashes"), [("5", False), ("6", True)])
def test_a_header_must_not_contradict_an_argument(value: str, clashes: bool) -> None:
    play = Play().connected()
    if clashes:
        with pytest.raises(LocalProtocolError, match="'prefetch-count' is given twice, as '5' by") as caught:
            play.subscribe("/q", ack="client", prefetch=5, headers={"prefetch-count": value})
        assert caught.value.code == ErrorCode.HEADER_CLASH
        assert play.sent() == []
    else:
        play.subscribe("/q", ack="client", prefetch=5, headers={"prefetch-count": value})
        assert play.sent_one().headers.get_all("prefetch-count") == ["5"]


def test_a_rejected_subscription_has_ended() -> None:
    play = Play().connected()
    pending = play.subscribe("/secret", id="mine")
    event = play.sent_one()
    play.refuse("access refused", receipt_id=event.receipt)
    assert "SUBSCRIBE to /secret was rejected by the broker: access refused" in str(
        failure(pending, Rejected)
    )
    play.connected()
    assert play.sent() == [], "sent again it would end every further connection too"
    play.subscribe("/other", id="mine")


def test_a_subscription_that_is_not_confirmed_in_time_is_ended() -> None:
    play = Play().connected()
    pending = play.subscribe("/q", id="mine", timeout=3.0)
    play.sent()
    play.wait(3.0)
    failure(pending, ReceiptTimeout)
    event = play.sent_one()
    assert (event.command, event.id, event.receipt) == ("UNSUBSCRIBE", "mine", None)
    play.cut()
    play.connected()
    assert play.sent() == []


def test_a_subscription_without_a_connection_in_time_is_never_sent() -> None:
    play = Play()
    pending = play.subscribe("/q", timeout=3.0)
    play.wait(3.0)
    failure(pending, NotSentInTime)
    play.connected()
    assert play.sent() == []


@pytest.mark.parametrize("confirmed", [True, False])
def test_a_subscription_that_is_cancelled_is_unsubscribed(confirmed: bool) -> None:
    play = Play().connected()
    pending = play.subscribe("/q", id="mine")
    event = play.sent_one()
    if confirmed:
        play.confirm(event.receipt)
    pending.cancel(play.now)
    unsubscribe = play.sent_one()
    assert (unsubscribe.command, unsubscribe.id, unsubscribe.receipt) == ("UNSUBSCRIBE", "mine", None)
    assert pending.done
    play.confirm(event.receipt)
    play.cut()
    play.connected()
    assert play.sent() == []


@pytest.mark.parametrize("closed", [True, False])
def test_a_subscription_cancelled_before_it_was_sent_is_never_sent(closed: bool) -> None:
    play = Play()
    pending = play.subscribe("/q")
    if closed:
        play.close()
    pending.cancel(play.now)
    failure(pending, SessionClosed)
    if not closed:
        play.connected()
        assert play.sent() == []


# -------------------------------------------------------------------------------- UNSUBSCRIBE


def test_unsubscribe_is_done_when_its_receipt_comes() -> None:
    play = Play().connected()
    subscription = play.subscribed()
    pending = play.unsubscribe(subscription)
    assert subscription.state is SubscriptionState.DRAINING
    event = play.sent_one()
    assert (event.command, event.id) == ("UNSUBSCRIBE", subscription.id)
    assert not pending.done
    play.deliver(subscription.id, "late", ack=None)
    assert subscription.dropped == 1
    assert play.session.dropped == 1
    play.confirm(event.receipt)
    assert pending.result() is None
    assert subscription.state is SubscriptionState.GONE


def test_the_id_of_a_draining_subscription_is_in_use() -> None:
    play = Play().connected()
    pending = play.unsubscribe(play.subscribed(id="mine"))
    with pytest.raises(LocalProtocolError) as caught:
        play.subscribe("/other", id="mine")
    assert caught.value.code == ErrorCode.DUPLICATE_SUBSCRIPTION
    play.confirm_all()
    assert pending.done
    assert play.subscribed("/other", id="mine").destination == "/other"


def test_unsubscribe_without_receipt_frees_the_id_at_once() -> None:
    play = Play().connected()
    subscription = play.subscribed("/one", id="mine")
    assert play.unsubscribe(subscription, receipt=False).done
    assert subscription.state is SubscriptionState.GONE
    other = play.subscribe("/two", id="mine")
    assert play.commands() == ["UNSUBSCRIBE", "SUBSCRIBE"]
    play.confirm("auto-2")
    play.deliver("mine", "1", ack=None)
    assert ids(taken(other.result())) == ["1"]
    assert subscription.take() is None


def test_unsubscribing_twice_is_no_error() -> None:
    play = Play().connected()
    subscription = play.subscribed()
    play.unsubscribe(subscription)
    assert play.unsubscribe(subscription).done
    assert play.commands() == ["UNSUBSCRIBE"]


def test_unsubscribing_without_a_connection_sends_nothing() -> None:
    play = Play().connected()
    subscription = play.subscribed()
    play.cut()
    assert play.unsubscribe(subscription).result() is None
    assert subscription.state is SubscriptionState.GONE
    play.connected()
    assert play.sent() == []


def test_without_room_to_write_a_subscription_ends_at_once() -> None:
    play = Play().connected()
    subscription = play.subscribed()
    fill(play)
    pending = play.unsubscribe(subscription, receipt=False)
    assert subscription.state is SubscriptionState.GONE
    assert not pending.done
    play.sent()
    assert pending.done


def test_an_unsubscribe_is_done_when_its_connection_is_lost() -> None:
    play = Play().connected()
    subscription = play.subscribed(id="mine")
    pending = play.unsubscribe(subscription)
    play.sent()
    play.cut()
    assert pending.result() is None
    play.connected()
    assert play.sent() == []
    play.subscribe("/q", id="mine")


def test_an_unsubscribe_without_answer_ends_the_subscription() -> None:
    play = Play().connected()
    subscription = play.subscribed(id="mine")
    pending = play.unsubscribe(subscription, timeout=3.0)
    play.sent()
    play.wait(3.0)
    failure(pending, ReceiptTimeout)
    assert subscription.ended
    play.cut()
    play.connected()
    assert play.sent() == []
    assert subscription.state is SubscriptionState.GONE
    play.subscribe("/q", id="mine")


@pytest.mark.parametrize(
    ("server", "forgotten"),
    [
        ("RabbitMQ/3", {"durable": "true", "auto-delete": "false"}),
        (ARTEMIS, {"durable-subscription-name": "news"}),
    ],
)
def test_a_durable_subscription_can_be_left_or_deleted(server: str, forgotten: dict[str, str]) -> None:
    play = Play(server=server, client_id="me").connected()
    for delete in (False, True):
        subscription = play.subscribed("/topic/a", durable="news")
        play.unsubscribe(subscription, delete=delete)
        (event,) = play.confirm_all()
        headers = event.headers.without("id", "receipt").to_dict()
        assert headers == (forgotten if delete else {})


def test_a_durable_subscription_of_activemq_cannot_be_deleted() -> None:
    play = Play(server=ACTIVEMQ, client_id="me").connected()
    subscription = play.subscribed("/topic/a", durable="news")
    with pytest.raises(LocalProtocolError, match="its own tools"):
        play.unsubscribe(subscription, delete=True)
    assert play.sent() == []
    assert subscription.state is SubscriptionState.ACTIVE
    play.unsubscribe(subscription)
    (event,) = play.confirm_all()
    assert event.headers.without("id", "receipt").to_dict() == {}


def test_a_durable_subscription_is_not_deleted_by_default() -> None:
    play = Play().connected()
    play.unsubscribe(play.subscribed(durable="news"))
    assert play.sent_one().headers.without("receipt").to_dict() == {"id": "news"}


def test_only_a_durable_subscription_can_be_deleted() -> None:
    play = Play().connected()
    play.unsubscribe(play.subscribed(), delete=True)
    assert "durable" not in play.sent_one().headers


def test_deleting_without_a_connection_fails() -> None:
    play = Play().connected()
    one, two = play.subscribed(durable="one"), play.subscribed(durable="two")
    unknown = play.unsubscribe(one, delete=True)
    play.sent()
    play.cut()
    failure(unknown, OutcomeUnknown)
    assert "'two' was not deleted" in str(failure(play.unsubscribe(two, delete=True), NotSent))
    assert two.state is SubscriptionState.GONE
    three = play.subscribe("/q", durable="three")
    three.cancel(play.now)
    assert three.done


# -------------------------------------------------------------------------------- ACK and NACK


@pytest.mark.parametrize("command", ["ack", "nack"])
@pytest.mark.parametrize(
    ("version", "names"),
    [
        ("1.2", {"id": "ack-1"}),
        ("1.1", {"message-id": "1", "subscription": "s-1"}),
        ("1.0", {"message-id": "1"}),
    ],
)
def test_ack_uses_the_headers_of_the_version(version: str, names: dict[str, str], command: str) -> None:
    play = Play(version=version).connected()
    delivery = delivered(play)
    acknowledge = getattr(play, command)
    if (version, command) == ("1.0", "nack"):
        with pytest.raises(LocalProtocolError) as caught:
            acknowledge(delivery)
        assert caught.value.code == ErrorCode.NOT_IN_VERSION
        assert play.sent() == []
        play.ack(delivery)
        return
    assert acknowledge(delivery, headers={"requeue": "false"}).done
    event = play.sent_one()
    assert event.command == command.upper()
    assert event.headers.to_dict() == {**names, "requeue": "false"}


@pytest.mark.parametrize("command", ["ack", "nack"])
@pytest.mark.parametrize("receipt", [True, "mine"])
def test_ack_and_nack_can_ask_for_a_receipt(command: str, receipt: bool | str) -> None:
    play = Play().connected()
    pending = getattr(play, command)(delivered(play), receipt=receipt, timeout=3.0)
    assert pending.what == f"{command.upper()} of 1"
    event = play.sent_one()
    assert not pending.done
    if receipt == "mine":
        assert event.receipt == "mine"
        with pytest.raises(LocalProtocolError):
            play.send("/q", receipt="mine")
    play.confirm(event.receipt)
    assert pending.result() is None


def test_an_ack_without_receipt_in_time_is_a_timeout() -> None:
    play = Play().connected()
    pending = play.ack(delivered(play), receipt=True, timeout=3.0)
    play.sent()
    play.wait(3.0)
    failure(pending, ReceiptTimeout)


@pytest.mark.parametrize("command", ["ack", "nack"])
def test_ack_and_nack_may_be_part_of_a_transaction(command: str) -> None:
    play = Play().connected()
    delivery = delivered(play)
    play.begun("tx")
    getattr(play, command)(delivery, transaction="tx")
    assert play.sent_one().transaction == "tx"


def test_a_message_can_be_acknowledged_once() -> None:
    play = Play().connected()
    delivery = delivered(play)
    play.ack(delivery)
    for acknowledge in (play.ack, play.nack):
        with pytest.raises(LocalProtocolError) as caught:
            acknowledge(delivery)
        assert caught.value.code == ErrorCode.NOT_ACKNOWLEDGEABLE
    assert play.commands() == ["ACK"]


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2"])
def test_no_message_can_be_acknowledged_in_auto_mode(version: str) -> None:
    play = Play(version=version).connected()
    with pytest.raises(LocalProtocolError) as caught:
        play.ack(delivered(play, ack="auto"))
    assert caught.value.code == ErrorCode.NOT_ACKNOWLEDGEABLE
    assert play.sent() == []


def test_no_message_of_an_ended_subscription_can_be_acknowledged() -> None:
    play = Play().connected()
    delivery = delivered(play)
    assert delivery.subscription is not None
    play.unsubscribe(delivery.subscription)
    with pytest.raises(LocalProtocolError) as caught:
        play.ack(delivery)
    assert caught.value.code == ErrorCode.NOT_ACKNOWLEDGEABLE


@pytest.mark.parametrize("moment", ["waiting", "handshaking", "connected"])
@pytest.mark.parametrize("command", ["ack", "nack"])
def test_a_message_of_a_lost_connection_is_stale(moment: str, command: str) -> None:
    play = Play().connected()
    delivery = delivered(play)
    play.cut()
    if moment == "handshaking":
        play.dial()
        play.sent()
    elif moment == "connected":
        play.connected()
        play.sent()
        # The same ids come again.
        play.deliver("s-1", "1", ack="ack-1")
    with pytest.raises(
        StaleMessageError, match="message '1' came on an earlier connection; the broker delivers it again"
    ) as caught:
        getattr(play, command)(delivery)
    assert caught.value.code == "stale-message"
    if moment != "waiting":
        assert play.sent() == []


def test_after_the_close_a_message_cannot_be_acknowledged() -> None:
    play = Play().connected()
    delivery = delivered(play)
    play.close()
    play.confirm_all()
    with pytest.raises(SessionClosed):
        play.ack(delivery)


def test_while_closing_it_can_be_until_disconnect_is_sent() -> None:
    play = Play().connected()
    delivery = delivered(play)
    play.send("/q", receipt=True)
    play.close()
    assert play.ack(delivery).done
    assert play.confirm_all()[-1].command == "ACK"
    with pytest.raises(SessionClosed):
        play.ack(delivery)


# -------------------------------------------------------------------------------- raw frames


def test_any_frame_can_be_sent_raw() -> None:
    play = Play(tap=True).connected()
    assert play.send_frame(Send("/q", b"x")).done
    assert play.send_frame(Frame("SUBSCRIBE", {"id": "raw", "destination": "/q", "receipt": "mine"})).done
    assert play.commands() == ["SEND", "SUBSCRIBE"]
    assert play.send_frame(Send("/q")).done
    play.sent()
    play.confirm("mine")
    play.deliver("raw", "1", ack=None)
    assert play.session.dropped == 0
    assert play.session.tap is not None
    tapped = []
    while (event := play.session.tap.take()) is not None:
        tapped.append(type(event).__name__)
    assert tapped == ["Connected", "Receipt", "Message"]
    play.cut()
    play.connected()
    assert play.sent() == [], "it does not come back"


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize("closing", [False, True])
def test_the_tap_shows_whether_the_stream_ended_inside_a_frame(cut: bool, closing: bool) -> None:
    play = Play(tap=True, reconnect=Reconnect.never()).connected()
    if closing:
        play.close()
        play.sent()
    play.receive_bytes(b"RECEIPT\nrec" if cut else b"\n")
    play.receive_bytes(b"")
    assert play.session.tap is not None
    *_, closed = iter(play.session.tap.take, None)
    assert isinstance(closed, ConnectionClosed)
    assert closed.cut is cut


def test_the_rules_of_stomp_hold_for_raw_frames() -> None:
    play = Play().connected()
    play.send_frame(Subscribe("/q", id="raw"))
    for what in (Subscribe("/q", id="raw"), Frame("CONNECT", {}), Frame("NONSENSE", {})):
        with pytest.raises(LocalProtocolError):
            play.send_frame(what)


def test_only_close_can_send_disconnect() -> None:
    """The session would not wait for its RECEIPT, and close() could not send it again."""
    play = Play().connected()
    for what in (Disconnect(), Frame("DISCONNECT", {"receipt": "mine"})):
        with pytest.raises(LocalProtocolError, match="close") as caught:
            play.send_frame(what)
        assert caught.value.code == ErrorCode.UNEXPECTED_FRAME
    assert play.sent() == []
    play.send("/q", receipt="mine")


def test_the_receipt_of_a_raw_frame_confirms_nothing_else() -> None:
    play = Play().connected()
    play.send_frame(Send("/q", receipt="auto-1"))
    pending = play.send("/q", receipt=True)
    play.sent()
    play.confirm("auto-1")
    assert not pending.done
    with pytest.raises(LocalProtocolError):
        play.send_frame(Send("/q", receipt="auto-2"))
    play.send_frame(Send("/q", receipt="mine"))
    with pytest.raises(LocalProtocolError):
        play.send("/q", receipt="mine")


def test_raw_frames_may_share_a_receipt_id() -> None:
    play = Play().connected()
    play.send_frame(Send("/q", receipt="mine"))
    play.send_frame(Send("/q", receipt="mine"))
    play.confirm("mine")
    with pytest.raises(LocalProtocolError):
        play.send("/q", receipt="mine")
    play.confirm("mine")
    play.send("/q", receipt="mine")


def test_a_raw_frame_cannot_have_the_receipt_id_of_an_operation() -> None:
    play = Play().connected()
    play.send("/q", receipt="mine")
    with pytest.raises(LocalProtocolError) as caught:
        play.send_frame(Send("/q", receipt="mine"))
    assert caught.value.code == ErrorCode.HEADER_CLASH


def test_a_raw_frame_needs_a_connection() -> None:
    play = Play()
    with pytest.raises(ConnectionLost, match="no connection at the moment"):
        play.send_frame(Send("/q"))
    play.dial()
    with pytest.raises(ConnectionLost):
        play.send_frame(Send("/q"))
    play.close()
    with pytest.raises(SessionClosed):
        play.send_frame(Send("/q"))


@example(["begin", ("transaction", b"", True), "commit", ("transaction", b"", True)])
@example([("receipt", b"", True), ("receipt", b"", True), "confirm", "mine"])
@example([("plain", b"x", True), ("plain", bytes(600_000), True), ("plain", bytes(600_000), True)])
@example([("plain", b"x", True), "probe", ("plain", b"x", True)])
@example([("plain", b"x", True), "close", ("plain", b"x", True)])
@example([("plain", b"x", True), ("plain", b"x", False), ("plain", b"\0", False)])
@given(
    st.lists(
        st.one_of(
            st.tuples(
                st.sampled_from(["plain", "other", "escaped", "receipt", "transaction"]),
                st.sampled_from([b"", b"x", b"\0", bytes(600_000)]),
                st.booleans(),
            ),
            st.sampled_from(["begin", "commit", "write", "confirm", "mine", "cut", "probe", "close"]),
        ),
        max_size=20,
    )
)
def test_reused_headers_of_raw_frames_behave_like_new_ones(steps: list[Any]) -> None:
    """A SEND with the very Headers object of an earlier one takes a faster path, with the same outcome."""
    kinds = {
        "plain": {"destination": "/q"},
        "other": {"destination": "/r", "a": "b"},
        "escaped": {"destination": "/q:\\"},
        "receipt": {"destination": "/q", "receipt": "mine"},
        "transaction": {"destination": "/q", "transaction": "t"},
    }
    same = {kind: Headers(headers) for kind, headers in kinds.items()}
    plays = [
        Play(listener=None, heart_beat=(1000.0, 0.0), beats=(0, 1_000_000)).connected() for _ in range(2)
    ]

    def do(play: Play, step: Any, headers: Mapping[str, Any]) -> object:
        session = play.session
        try:
            if isinstance(step, tuple):
                kind, body, content_length = step
                frame = Frame("SEND", headers[kind], body)
                return play.send_frame(Send.from_frame(frame, content_length=content_length)).done
            if step in ("begin", "commit"):
                return play.send_frame(Frame(step.upper(), {"transaction": "t"})).done
            if step == "write":
                return session.data_to_send()
            if step == "mine":
                return play.send("/q", receipt="mine").done
            if step == "close":
                play.close()
            elif step == "confirm":
                play.confirm("mine")
            elif session.state is SessionState.CONNECTED:
                if step == "probe":
                    play.subscribe("/refused")
                    play.sent()
                    play.refuse("access refused", headers={"subscription": "unknown"})
                else:
                    play.cut()
                play.connected()
        except StompError as error:
            return type(error), str(error)
        return session.size_to_send

    for step in steps:
        for play in plays:
            play.now += 1.0
        assert do(plays[0], step, same) == do(plays[1], step, kinds)
        assert plays[0].session.next_deadline() == plays[1].session.next_deadline()
    assert plays[0].session.data_to_send() == plays[1].session.data_to_send()


# -------------------------------------------------------------------------------- close


def test_close_sends_disconnect_and_is_done_with_its_receipt() -> None:
    play = Play().connected()
    pending = play.close()
    assert play.close() is pending
    assert play.session.state is SessionState.CLOSING
    event = play.sent_one()
    assert event.command == "DISCONNECT"
    assert not pending.done
    play.confirm(event.receipt)
    assert pending.result() is True
    assert play.session.state is SessionState.CLOSED
    assert play.session.error is None
    assert play.recorder.of("closed") == [(None,)]
    play.close_socket()
    assert play.session.next_attempt(play.now) is None


def test_disconnect_may_have_a_receipt_id_and_headers() -> None:
    play = Play().connected()
    pending = play.close(receipt="bye", headers={"x": "y"})
    assert play.session.data_to_send() == b"DISCONNECT\nreceipt:bye\nx:y\n\n\0"
    play.confirm("bye")
    assert pending.result() is True


def test_disconnect_has_them_also_when_it_has_to_wait() -> None:
    play = Play().connected()
    play.send("/q", receipt=True)
    play.close(receipt="bye", headers={"x": "y"})
    play.confirm_all()
    event = play.sent_one()
    assert (event.command, event.receipt, event.headers["x"]) == ("DISCONNECT", "bye", "y")


def test_the_receipt_id_of_disconnect_is_reserved() -> None:
    play = Play().connected()
    delivery = delivered(play)
    play.send("/q", receipt=True)
    play.close(receipt="bye")
    with pytest.raises(LocalProtocolError):
        play.ack(delivery, receipt="bye")
    play.confirm_all()
    assert play.commands() == ["DISCONNECT"]


@pytest.mark.parametrize(
    "options",
    [
        {"receipt": "mine"},
        {"headers": {"x\0": "y"}},
        {"headers": {"receipt": "x"}},
        {"headers": {"a": "b\r"}},
    ],
    ids=["an id in use", "NUL", "a receipt in the headers", "what 1.1 cannot carry"],
)
def test_a_refused_close_changes_nothing(options: dict[str, Any]) -> None:
    play = Play(version="1.1").connected()
    subscription = play.subscribed()
    waiting = play.send("/q", receipt="mine")
    with pytest.raises(LocalProtocolError):
        play.close(**options)
    assert play.session.state is SessionState.CONNECTED
    assert subscription.state is SubscriptionState.ACTIVE
    play.confirm_all()
    assert waiting.done
    assert play.close() is play.close()
    assert play.commands() == ["DISCONNECT"]


def test_close_wakes_the_driver_for_its_deadline() -> None:
    play = Play().connected()
    play.send("/q", receipt=True)
    play.sent()
    before = play.wakes
    play.close()
    assert play.session.size_to_send == 0
    assert play.wakes > before, "there is a new deadline"


@pytest.mark.parametrize("connected", [True, False])
def test_a_closed_session_holds_no_subscription(connected: bool) -> None:
    play = Play()
    before = count_alive(SubscriptionRecord)
    play.subscribe("/q")
    if connected:
        play.connected()
        play.confirm_all()
    play.close()
    if connected:
        play.confirm_all()
    assert play.session.closed
    assert count_alive(SubscriptionRecord) == before


def test_close_waits_for_the_receipts_in_flight() -> None:
    play = Play().connected()
    one, two = play.send("/q", receipt=True), play.send("/q", receipt=True)
    play.send("/q", "silent")
    pending = play.close()
    first, second, _ = play.sent()
    play.confirm(first.receipt)
    assert one.done
    assert play.sent() == []
    play.confirm(second.receipt)
    assert two.done
    assert play.confirm_all()[0].command == "DISCONNECT"
    assert pending.result() is True


def test_close_waits_for_them_for_half_of_its_time() -> None:
    play = Play().connected()
    waiting = play.send("/q", receipt=True)
    pending = play.close(timeout=10.0)
    play.sent()
    play.wait(4.9)
    assert play.sent() == []
    play.wait(0.1)
    disconnect = play.sent_one()
    assert not waiting.done
    play.wait(4.9)
    assert not pending.done
    play.confirm(disconnect.receipt)
    assert pending.result() is True
    assert "unknown: the session was closed before its receipt came" in str(failure(waiting, OutcomeUnknown))


def test_a_receipt_behind_disconnect_still_counts() -> None:
    play = Play().connected()
    waiting = play.send("/q", receipt=True)
    play.close(timeout=10.0)
    (send,) = play.sent()
    play.wait(5.0)
    play.confirm(send.receipt)
    assert waiting.done
    assert play.commands() == ["DISCONNECT"], "sent once"
    assert play.session.state is SessionState.CLOSING


def test_a_receipt_timeout_ends_the_wait_of_close() -> None:
    play = Play().connected()
    play.send("/q", receipt=True, timeout=2.0)
    play.close(timeout=100.0)
    play.sent()
    play.wait(2.0)
    assert play.commands() == ["DISCONNECT"]


def test_the_last_cancellation_ends_the_wait_of_close() -> None:
    play = Play().connected()
    waiting = play.send("/q", receipt=True)
    play.close()
    waiting.cancel(play.now)
    assert play.commands() == ["DISCONNECT"]


@pytest.mark.parametrize(("timeout", "seconds"), [(None, 8.0), (3.0, 3.0), (0, 0.0)])
def test_close_ends_at_its_deadline_unconfirmed(timeout: float | None, seconds: float) -> None:
    play = Play(close_timeout=8.0).connected()
    play.now = 100.0
    pending = play.close(timeout=timeout)
    play.sent()
    if seconds:
        play.wait(seconds - 0.1)
        assert not pending.done
        play.wait(0.1)
    else:
        play.session.handle_timeout(100.0)
    assert pending.result() is False
    assert play.session.want_close
    assert play.session.closed
    assert play.session.error is None


def test_the_deadline_of_close_counts_from_its_call() -> None:
    play = Play().connected()
    play.now = 1000.0
    play.close(timeout=3.0)
    assert play.session.next_deadline() == 1003.0


def test_close_without_time_for_receipts_sends_disconnect() -> None:
    play = Play().connected()
    play.send("/q", receipt=True)
    pending = play.close(timeout=0)
    play.session.handle_timeout(0.0)
    assert play.commands() == ["SEND", "DISCONNECT"]
    play.session.handle_timeout(0.0)
    assert pending.done


@pytest.mark.parametrize(
    "end",
    [
        lambda play: play.receive_bytes(b""),
        lambda play: play.cut(OSError("reset")),
        lambda play: play.refuse(),
    ],
    ids=["EOF", "reset", "ERROR"],
)
@pytest.mark.parametrize("disconnecting", [True, False], ids=["after DISCONNECT", "before it"])
def test_a_loss_while_closing_ends_the_session(end: Any, disconnecting: bool) -> None:
    play = Play().connected()
    waiting = None
    if not disconnecting:
        waiting = play.send("/q", receipt=True)
    pending = play.close()
    play.sent()
    end(play)
    assert pending.result() is False
    assert play.session.closed
    assert play.session.error is None
    assert play.session.next_deadline() is None
    if waiting is not None:
        assert waiting.done
    assert "connection_lost" not in play.recorder.names(), "the caller asked for it"


@pytest.mark.parametrize("moment", ["new", "dialling", "handshaking", "waiting again"])
def test_without_a_connection_close_is_done_at_once(moment: str) -> None:
    play = Play()
    pending_send = None
    if moment == "dialling":
        play.attempt()
    elif moment == "handshaking":
        play.dial()
        play.sent()
    elif moment == "waiting again":
        play.connected()
        play.cut()
    pending_send = play.send("/q")
    subscribing = play.subscribe("/q")
    beginning = play.begin()
    assert play.close().result() is False
    assert play.session.state is SessionState.CLOSED
    failure(pending_send, NotSent)
    failure(subscribing, SessionClosed)
    failure(beginning, NotSent)
    assert play.session.want_close is (moment == "handshaking")
    assert play.session.data_to_send() == b""
    if moment != "waiting again":
        assert "closed before it was connected" in str(failure(play.session.opened, ConnectFailed))


def test_closing_what_is_closed_is_no_error() -> None:
    play = Play(reconnect=Reconnect.never()).connected()
    play.cut()
    assert play.close().result() is False
    assert isinstance(play.session.error, ConnectionLost)


def test_close_ends_subscriptions_at_once() -> None:
    play = Play().connected()
    subscription = play.subscribed()
    arrival = subscription.ready()
    confirming = play.subscribe("/other")
    play.close()
    assert subscription.state is SubscriptionState.GONE
    assert arrival.done
    assert subscription.ended
    assert subscription.take() is None
    failure(confirming, SessionClosed)
    play.sent()
    play.deliver(subscription.id, "late", ack=None)
    assert play.session.dropped == 1


@pytest.mark.parametrize(
    "call",
    [
        lambda play: play.send("/q"),
        lambda play: play.subscribe("/q"),
        lambda play: play.begin(),
        lambda play: play.request("/q"),
        lambda play: play.send_frame(Send("/q")),
    ],
    ids=["send", "subscribe", "begin", "request", "send_frame"],
)
@pytest.mark.parametrize("closed", [True, False], ids=["closed", "closing"])
def test_a_closed_session_accepts_no_operations(call: Any, closed: bool) -> None:
    play = Play().connected()
    play.close()
    if closed:
        play.confirm_all()
    with pytest.raises(
        SessionClosed, match=r"this connection is closed: close\(\) was called; call connect\(\)"
    ):
        call(play)


@pytest.mark.parametrize(
    "call",
    [
        lambda play: play.send("/q"),
        lambda play: play.subscribe("/q"),
        lambda play: play.begin(),
        lambda play: play.send_frame(Send("/q")),
    ],
    ids=["send", "subscribe", "begin", "send_frame"],
)
@pytest.mark.parametrize("close_too", [True, False])
def test_a_failed_session_raises_its_error(call: Any, close_too: bool) -> None:
    play = Play()
    play.attempt()
    play.cut(ConnectionRefusedError())
    if close_too:
        play.close()
    for _ in range(2):
        with pytest.raises(ConnectFailed, match="connection refused"):
            call(play)


def test_ack_on_a_failed_session_raises_its_error() -> None:
    play = Play(reconnect=Reconnect.never()).connected()
    delivery = delivered(play)
    play.cut("gone")
    with pytest.raises(ConnectionLost, match="gone"):
        play.ack(delivery)


# -------------------------------------------------------------------------------- misuse that must not hurt


def test_a_refused_call_changes_nothing() -> None:
    play = Play().connected()
    for call in (
        lambda: play.send("/q", headers={"x\0": "y"}, receipt=True),
        lambda: play.subscribe("/q", headers={"x\0": "y"}),
        lambda: play.begin("\0"),
        lambda: play.request("/q", headers={"x\0": "y"}),
    ):
        with pytest.raises(LocalProtocolError):
            call()
    commands = play.commands()
    assert commands in ([], ["SUBSCRIBE"]), "at most the SUBSCRIBE to the reply queue"
    play.cut()
    play.connected()
    assert play.sent() == []
    assert play.session.next_deadline() is None


def test_the_default_timeouts_and_sizes() -> None:
    session = Session("stomp://a")
    attempt = session.next_attempt(0.0)
    assert attempt is not None
    assert attempt.timeout == 10.0
    assert session.config.handshake_timeout == 10.0
    assert session.config.connect_timeout == 10.0
    assert session.config.receipt_timeout == 30.0
    assert session.config.close_timeout == 10.0
    assert session.config.buffer_size == 16 * 1024 * 1024


def test_a_session_is_made_without_a_broker() -> None:
    session = Session(["stomp://a", "stomp://b"], tap=False)
    assert session.tap is None
    assert [str(endpoint) for endpoint in session.endpoints] == ["stomp://a:61613", "stomp://b:61613"]


# -------------------------------------------------------------------------------- time


NOW_CALLS: dict[str, Callable[[Session, Any], object]] = {
    "next_attempt": lambda session, now: session.next_attempt(now),
    "connection_made": lambda session, now: session.connection_made(now),
    "connection_lost": lambda session, now: session.connection_lost(None, now),
    "receive_data": lambda session, now: session.receive_data(b"", now),
    "alive": lambda session, now: session.alive(now),
    "handle_timeout": lambda session, now: session.handle_timeout(now),
    "terminate": lambda session, now: session.terminate(now),
    "send": lambda session, now: session.send(now, "/q"),
    "subscribe": lambda session, now: session.subscribe(now, "/q"),
    "begin": lambda session, now: session.begin(now),
    "request": lambda session, now: session.request(now, "/q"),
    "send_frame": lambda session, now: session.send_frame(now, Send("/q")),
    "send_heart_beat": lambda session, now: session.send_heart_beat(now),
    "call_later": lambda session, now: session.call_later(now, 1.0, lambda now: None),
    "close": lambda session, now: session.close(now),
}


@pytest.mark.parametrize("now", [nan, inf, -inf, None, "1"])
@pytest.mark.parametrize("call", NOW_CALLS)
def test_now_must_be_a_finite_number(call: str, now: Any) -> None:
    play = Play().connected()
    with pytest.raises(ValueError, match=f"now must be a finite number of seconds, got {now!r}"):
        NOW_CALLS[call](play.session, now)
    assert (play.session.state, play.session.changing) == (SessionState.CONNECTED, False)
    assert play.sent() == []


@pytest.mark.parametrize("now", [nan, inf])
def test_operations_of_handles_need_a_finite_now_too(now: float) -> None:
    play = Play().connected()
    delivery, transaction = delivered(play), play.begun()
    subscription = delivery.subscription
    assert isinstance(subscription, Subscription)
    calls: list[Callable[[], object]] = [
        lambda: play.session.ack(now, delivery),
        lambda: play.session.nack(now, delivery),
        lambda: subscription.unsubscribe(now),
        lambda: transaction.send(now, "/q"),
        lambda: transaction.ack(now, delivery),
        lambda: transaction.nack(now, delivery),
        lambda: transaction.commit(now),
        lambda: transaction.abort(now),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="now must be a finite number"):
            call()
    assert play.sent() == []
    assert subscription.state is SubscriptionState.ACTIVE


# -------------------------------------------------------------------------------- misuse by a driver


@pytest.mark.parametrize("call", ["receive_data", "alive", "connection_lost", "connection_made"])
@pytest.mark.parametrize("moment", ["new", "lost"])
def test_facts_without_a_connection_raise_and_change_nothing(moment: str, call: str) -> None:
    play = Play()
    if moment == "lost":
        play.connected()
        play.cut()
    calls = list(play.recorder.calls)
    with pytest.raises(RuntimeError, match=rf"{call}\(\) was called without (a connection|an attempt): call"):
        NOW_CALLS[call](play.session, 1.0)
    assert play.session.state is SessionState.WAITING
    assert play.recorder.calls == calls
    play.connected()


def test_facts_about_a_connection_that_is_over_change_nothing() -> None:
    play = Play().connected()
    play.refuse()
    assert play.session.want_close
    play.receive_bytes(b"RECEIPT\nreceipt-id:x\n\n\0")
    play.session.alive(play.now)
    assert play.session.state is SessionState.WAITING


# -------------------------------------------------------------------------------- wake, callbacks, timers


def test_wake_may_be_set_later() -> None:
    session = Session("stomp://broker")
    session.send(0.0, "/q")
    calls: list[int] = []
    session.wake = lambda: calls.append(1)
    session.send(0.0, "/q")
    assert calls == [1]


def test_what_wake_raises_is_logged_and_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise ValueError("broken")

    play = Play(wake=fail).connected()
    assert play.send("/q").done
    assert not play.session.changing
    (record,) = caplog.records
    assert (record.name, record.getMessage()) == ("stomp_core", "wake() raised")
    assert play.commands() == ["SEND"]


def test_what_a_done_callback_raises_is_logged_and_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise ValueError("broken")

    play = Play().connected()
    one, two = play.send("/q", receipt="1"), play.send("/q", receipt="2")
    one.add_done_callback(fail)
    play.sent()
    play.receive_bytes(b"RECEIPT\nreceipt-id:1\n\n\0RECEIPT\nreceipt-id:2\n\n\0")
    assert one.done
    assert two.done
    (record,) = caplog.records
    assert (record.name, record.getMessage()) == ("stomp_core", "a done callback raised")


def test_call_later_calls_at_its_time_unless_the_session_ends() -> None:
    play = Play().connected()
    calls: list[float] = []
    play.session.call_later(play.now, 3.0, calls.append)
    assert play.session.next_deadline() == 3.0
    play.wait(3.0)
    assert calls == [3.0]
    play.session.call_later(play.now, 3.0, calls.append)
    play.session.terminate(play.now)
    assert play.session.next_deadline() is None
    play.wait(10.0)
    assert calls == [3.0]


def test_an_operation_from_a_callback_at_a_loss_waits() -> None:
    """Everything of the lost connection is up to date when the first callback is called."""
    play = Play().connected()
    one, two = play.subscribed("/one"), play.subscribed("/two")
    pending = play.send("/q", receipt=True)
    play.sent()

    def react() -> None:
        play.unsubscribe(one)
        play.send("/q", "again")

    pending.add_done_callback(react)
    play.reconnect()
    subscribe, send = play.sent()
    assert (subscribe.id, send.body) == (two.id, b"again")
    assert one.ended


def test_a_frame_that_a_listener_sends_comes_after_its_cause() -> None:
    """The order decides which operation an ERROR without receipt-id may answer."""

    sent: list[bytes] = []

    class Reacting(Listener):
        def frame_sent(self, event: Any) -> None:
            if event.frame.body == b"first":
                sent.append(event.frame.body)
                play.send("/q", "second")

    play = Play(listener=Reacting()).connected()
    confirmed = play.send("/q", "first", receipt="1")
    other = play.send("/q", "third", receipt="3")
    play.sent()
    play.confirm("1")
    play.refuse("no")
    assert confirmed.done
    failure(other, OutcomeUnknown)
    assert sent == [b"first"]


# -------------------------------------------------------------------------------- interruptions


def test_changing_is_false_after_an_operation_and_after_a_refusal() -> None:
    play = Play().connected()
    during: list[bool] = []
    play.session.wake = lambda: during.append(play.session.changing)
    play.send("/q")
    with pytest.raises(LocalProtocolError):
        play.send("/q", headers={"x\0": "y"})
    with pytest.raises(LocalProtocolError):
        play.send_frame(Frame("CONNECT", {}))
    assert during == [False]
    assert not play.session.changing
    assert play.commands() == ["SEND"]


def test_changing_is_true_while_an_operation_is_half_way() -> None:
    class Watching(Listener):
        def __init__(self) -> None:
            self.seen: list[bool] = []

        def frame_sent(self, event: Any) -> None:
            if event.command != "CONNECT":
                self.seen.append(play.session.changing)

    listener = Watching()
    play = Play(listener=listener).connected()
    play.send("/q")
    play.subscribe("/q")
    play.begin()
    assert listener.seen == [True, True, True]
    assert not play.session.changing


OPERATIONS: dict[str, Callable[[Play], object]] = {
    "send": lambda play: play.send("/q", b"body", receipt="mine"),
    "subscribe": lambda play: play.subscribe("/q", id="mine"),
    "begin and commit": lambda play: play.begin("mine").result().commit(play.now),
    "send_frame": lambda play: play.send_frame(Send("/q", b"body", receipt="mine")),
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_may_be_interrupted_anywhere(operation: str) -> None:
    """A driver that finds ``changing`` replaces the connection; then nothing is sent twice, and all is settled."""

    def run(step: int) -> int:
        play = Play(listener=None, reconnect=Reconnect(first_delay=0.0)).connected()
        before = play.send("/q", b"before", receipt=True)
        result = interrupt(lambda: OPERATIONS[operation](play), step)
        replaced = play.session.changing
        if replaced:
            play.cut("interrupted")
            play.connected()
            assert not play.session.changing
        sent = play.confirm_all()
        assert not replaced or {event.command for event in sent} == {"SEND"}, (
            "the caller has no other handles"
        )
        assert [event.body for event in sent if event.command == "SEND"].count(b"before") == 1
        assert before.done
        # The session works as before: the next operation is confirmed, and closing waits for nothing.
        after = play.send("/q", b"after", receipt=True)
        play.confirm_all()
        assert after.result() is None
        closing = play.close()
        play.confirm_all()
        assert closing.result() is True
        return result

    interrupt_everywhere(run, stride=3)


class HandlerError(StompError):
    """What a signal handler raises that uses a connection of its own."""

    def __init__(self) -> None:
        super().__init__("raised by a signal handler")


OF_MESSAGES: dict[str, Callable[[Play, Delivery], object]] = {
    "ack": lambda play, message: play.ack(message, receipt=True),
    "nack": lambda play, message: play.nack(message),
    "ack in a transaction": lambda play, message: play.begin("mine").result().ack(play.now, message),
}


@pytest.mark.parametrize("operation", OF_MESSAGES)
def test_an_ack_that_a_stomp_error_interrupts_forgets_no_message(operation: str) -> None:
    """The message is acknowledged, or can still be, or comes again on the next connection."""

    def run(step: int) -> int:
        play = Play(listener=None, reconnect=Reconnect(first_delay=0.0)).connected()
        subscription = play.subscribed(ack="client-individual")
        play.deliver(subscription.id, "1")
        (message,) = taken(subscription)
        result = interrupt(
            lambda: OF_MESSAGES[operation](play, message),
            step,
            error=HandlerError,
            layers=("session", "protocol"),
        )
        if not play.session.changing:
            commands = [event.command for event in play.confirm_all()]
            if operation == "ack in a transaction" or not commands:
                assert ("ACK" in commands) is not play.session.is_unacknowledged(message)
            else:
                assert not play.session.is_unacknowledged(message)
        return result

    interrupt_everywhere(run, stride=7)


def test_a_subscribe_that_a_stomp_error_interrupts_leaves_no_subscription() -> None:
    """Nobody has its handle, so nobody would take its messages."""

    def run(step: int) -> int:
        play = Play(listener=None, reconnect=Reconnect(first_delay=0.0)).connected()
        handles: list[Pending[Subscription]] = []
        result = interrupt(
            lambda: handles.append(play.subscribe("/q")),
            step,
            error=HandlerError,
            layers=("session", "protocol"),
        )
        if play.session.changing:
            play.cut("interrupted")
            play.connected()
            assert play.sent() == []
        return result

    interrupt_everywhere(run, stride=3)


def interrupt_when_done(pending: Pending[Any]) -> None:
    def fail() -> None:
        raise Interruption

    pending.add_done_callback(fail)


@pytest.mark.parametrize("end", ["terminate", "loss", "give up", "timeout"])
def test_an_end_that_a_callback_interrupts_settles_everything(end: str) -> None:
    policy = Reconnect.never() if end == "give up" else Reconnect(first_delay=0.0)
    play = Play(reconnect=policy, tap=True, receipt_timeout=5.0).connected()
    subscription = play.subscribed()
    confirmed = [play.send("/q", receipt=True) for _ in range(3)]
    request = play.request("/rpc")
    committing = play.begun().commit(play.now)
    play.sent()
    unsent = play.send("/q", "unsent", receipt=True)
    assert play.session.tap is not None
    waiting: list[Pending[Any]] = [*confirmed, request, committing]
    for pending in (confirmed[0], request, subscription.ready()):
        interrupt_when_done(pending)
    ends = {
        "terminate": lambda: play.session.terminate(play.now),
        "timeout": lambda: play.session.handle_timeout(5.0),
    }
    with pytest.raises(Interruption):
        ends.get(end, lambda: play.cut("gone"))()
    if end == "timeout":
        with pytest.raises(Interruption):  # of the request
            play.session.handle_timeout(5.0)
        play.session.handle_timeout(5.0)
    assert [pending for pending in waiting if not pending.done] == []
    if end == "loss":
        assert not unsent.done
        play.connected()
        assert [event.body for event in play.sent() if event.command == "SEND"] == [b"unsent"]
    else:
        assert unsent.done
    if end in ("terminate", "give up"):
        assert subscription.ready().done
        assert play.session.closed
        assert play.recorder.names()[-1] == "closed"
        play.session.terminate(play.now)


def test_terminate_settles_what_an_interrupted_end_has_left() -> None:
    def run(step: int) -> int:
        play = Play(listener=None, tap=True).connected()
        ready = play.subscribed().ready()
        confirmed = play.send("/q", receipt=True)
        request, committing = play.request("/rpc"), play.begun().commit(play.now)
        subscribing = play.subscribe("/other")
        play.sent()
        unsent = play.send("/q", bytes(2_000_000))
        closing = play.close()
        result = interrupt(lambda: play.session.terminate(play.now), step)
        play.session.terminate(play.now)
        for pending in (ready, confirmed, request, committing, subscribing, unsent, closing):
            assert pending.done, repr(pending)
        assert play.session.closed
        assert play.session.next_deadline() is None
        assert play.session.want_close
        return result

    interrupt_everywhere(run, stride=17)


def test_terminate_ends_at_once_without_disconnect() -> None:
    play = Play().connected()
    pending = play.send("/q", receipt=True)
    play.sent()
    play.session.terminate(play.now)
    assert str(failure(pending, OutcomeUnknown)).endswith("the session was closed before its receipt came")
    assert play.session.data_to_send() == b""
    assert play.session.closed
    assert play.session.error is None
    play.close_socket()
    assert play.session.next_attempt(play.now) is None
    assert play.close().result() is False


def test_a_failed_session_that_is_closed_too_has_nothing_to_do() -> None:
    play = Play(reconnect=Reconnect.never()).connected()
    play.cut()
    assert play.close().result() is False
    assert play.session.next_deadline() is None
    play.wait(100.0)
