"""Requests and their replies: the books, and the conventions of brokers."""

# What a call has changed, a checker does not know.
# mypy: no-warn-unreachable, disable-error-code=comparison-overlap

from __future__ import annotations

import pytest

from stomp_core import ErrorCode, LocalProtocolError, Message, Send
from stomp_core.session import (
    ACTIVEMQ as ACTIVEMQ_DIALECT,
)
from stomp_core.session import (
    RABBITMQ as RABBITMQ_DIALECT,
)
from stomp_core.session import (
    NotSent,
    NotSentInTime,
    OutcomeUnknown,
    Pending,
    ReceiptTimeout,
)
from stomp_core.session.operation import Requesting
from stomp_core.session.requests import ReplyQueue, Requests

from .play import ACTIVEMQ, RABBITMQ, Play, failure

# -------------------------------------------------------------------------------- the books


def request(books: Requests) -> Requesting:
    made = Requesting(Send("/rpc"), Pending("request to /rpc"), 1.0, books.new_id())
    books.said(made)
    return made


def reply(correlation_id: str | None, subscription: str = "replies") -> Message:
    headers = {} if correlation_id is None else {"correlation-id": correlation_id}
    return Message("/temp-queue/x", message_id="1", subscription=subscription, headers=headers)


def books() -> Requests:
    made = Requests()
    made.queue = ReplyQueue(ACTIVEMQ_DIALECT, "replies")
    return made


def test_where_replies_come_in_is_a_matter_of_dialect() -> None:
    activemq = ReplyQueue(ACTIVEMQ_DIALECT, "s-9")
    assert (activemq.destination, activemq.subscription) == ("/temp-queue/replies", "s-9")
    rabbitmq = ReplyQueue(RABBITMQ_DIALECT, "s-9")
    assert (rabbitmq.destination, rabbitmq.subscription) == ("/temp-queue/replies", "/temp-queue/replies")


def test_a_reply_is_known_by_its_correlation_id() -> None:
    pages = books()
    one, two = request(pages), request(pages)
    assert (one.correlation_id, two.correlation_id) == ("c-1", "c-2")
    assert len(pages) == 2
    assert pages.heard(reply("c-2")) is two
    assert pages.heard(reply("c-2")) is None
    assert pages.heard(reply("c-1")) is one
    assert len(pages) == 0


def test_before_the_first_request_nothing_is_a_reply() -> None:
    assert Requests().heard(reply("c-1")) is None


def test_what_comes_elsewhere_is_no_reply() -> None:
    pages = books()
    one = request(pages)
    assert pages.heard(reply("c-1", subscription="other")) is None
    assert pages.heard(Message("/temp-queue/x", message_id="1", headers={"correlation-id": "c-1"})) is None
    assert pages.heard(reply("c-1")) is one


def test_a_reply_without_correlation_id_belongs_to_the_only_request() -> None:
    pages = books()
    one = request(pages)
    assert pages.heard(reply(None)) is one
    two = request(pages)
    assert pages.heard(reply(None)) is two


def test_of_two_requests_nobody_knows_which_one_is_meant() -> None:
    pages = books()
    request(pages)
    two = request(pages)
    assert pages.heard(reply(None)) is None
    assert pages.heard(reply("c-2")) is two


def test_a_late_reply_is_not_taken_for_that_to_the_next_request() -> None:
    """One that was given up may still be answered."""
    pages = books()
    pages.given_up(request(pages))
    two = request(pages)
    assert pages.heard(reply(None)) is None
    assert len(pages) == 1
    assert pages.heard(reply(None)) is two, "both are answered now"


def test_one_that_was_never_sent_is_never_answered() -> None:
    pages = books()
    withdrawn = request(pages)
    withdrawn.withdraw()
    pages.given_up(withdrawn)
    two = request(pages)
    assert pages.heard(reply(None)) is two


def test_giving_up_twice_is_giving_up_once() -> None:
    pages = books()
    withdrawn, _ = request(pages), request(pages)
    two = request(pages)
    withdrawn.withdraw()
    pages.given_up(withdrawn)
    pages.given_up(withdrawn)
    assert pages.heard(reply(None)) is None, "two may be meant"
    assert pages.heard(reply("c-3")) is two


def test_replies_that_nobody_asked_for_confuse_nothing() -> None:
    pages = books()
    for _ in range(3):
        assert pages.heard(reply("unknown")) is None
        assert pages.heard(reply(None)) is None
    one = request(pages)
    assert pages.heard(reply(None)) is one


def test_a_lost_connection_takes_queue_and_requests_with_it() -> None:
    pages = books()
    one = request(pages)
    pages.given_up(request(pages))
    assert pages.connection_lost() == [one]
    assert len(pages) == 0
    assert pages.queue is None
    pages.queue = ReplyQueue(ACTIVEMQ_DIALECT, "replies")
    three = request(pages)
    assert pages.heard(reply(None)) is three


# -------------------------------------------------------------------------------- in a session


def test_rabbitmq_is_asked_without_a_subscription_of_ours() -> None:
    play = Play(server=RABBITMQ).connected()
    pending = play.session.request("/queue/rpc", "?", headers={"x": "y"})
    send = play.hears_one()
    assert send.destination == "/queue/rpc"
    assert send.body == b"?"
    assert (send.headers["reply-to"], send.headers["x"]) == ("/temp-queue/replies", "y")
    assert not pending.done
    play.delivers(
        "/temp-queue/replies",
        "1",
        ack=None,
        body=b"!",
        headers={"correlation-id": send.headers["correlation-id"]},
    )
    answer = pending.result()
    assert answer.body == b"!"
    assert answer.subscription is None
    assert answer.connection_number == 1
    assert play.session.dropped == 0


@pytest.mark.parametrize("server", [ACTIVEMQ, None])
def test_others_are_subscribed_to_once_a_connection(server: str | None) -> None:
    play = Play(server=server).connected()
    for connection in range(2):
        one = play.session.request("/queue/rpc")
        two = play.session.request("/queue/rpc")
        subscribe, *sends = play.hears()
        assert (subscribe.command, subscribe.destination, subscribe.ack) == (
            "SUBSCRIBE",
            "/temp-queue/replies",
            "auto",
        )
        assert [send.command for send in sends] == ["SEND", "SEND"]
        for send, pending in zip(reversed(sends), (two, one), strict=True):
            play.delivers(
                subscribe.id,
                "1",
                ack=None,
                destination="/remote-temp-queue/ID:x",
                headers={"correlation-id": send.headers["correlation-id"]},
            )
            assert pending.result().connection_number == connection + 1
        play.cut()
        play.connected()


def test_the_reply_queue_takes_nobodys_id() -> None:
    play = Play(server=ACTIVEMQ).connected()
    mine = play.subscribed(id="replies")
    other = play.session.subscribe("/queue/b")
    play.session.request("/queue/rpc")
    subscribes = [event for event in play.hears() if event.command == "SUBSCRIBE"]
    assert len({event.id for event in subscribes} | {mine.id}) == 3
    assert not other.done


def test_a_request_waits_for_a_connection() -> None:
    play = Play(server=ACTIVEMQ)
    pending = play.session.request("/queue/rpc", "?")
    play.connected()
    assert play.commands() == ["SUBSCRIBE", "SEND"]
    assert not pending.done


def test_a_request_that_had_not_left_is_said_anew_with_the_next_queue() -> None:
    play = Play(server=RABBITMQ).connected()
    pending = play.session.request("/queue/rpc", "?")
    play.cut()
    assert not pending.done
    play.server = ACTIVEMQ
    play.connected()
    subscribe, send = play.hears()
    assert subscribe.command == "SUBSCRIBE"
    play.delivers(subscribe.id, "1", ack=None, headers={"correlation-id": send.headers["correlation-id"]})
    assert pending.done


def test_one_that_had_left_is_unknown() -> None:
    play = Play().connected()
    pending = play.session.request("/queue/rpc", "?")
    play.hears()
    play.cut()
    failure(pending, OutcomeUnknown)


def test_no_reply_in_time() -> None:
    play = Play().connected()
    pending = play.session.request("/queue/rpc", "?", timeout=5.0)
    play.hears()
    play.wait(4.9)
    assert not pending.done
    play.wait(0.2)
    failure(pending, ReceiptTimeout)
    play.delivers("/temp-queue/replies", "1", ack=None, headers={"correlation-id": "c-1"})
    assert play.session.dropped == 1
    assert play.observer.of("message_dropped")[0][1] == "nobody waits for it"


def test_a_request_that_is_not_sent_in_time_is_never_sent() -> None:
    play = Play().connected()
    pending = play.session.request("/queue/rpc", "?", timeout=5.0)
    play.wait(6.0)
    failure(pending, NotSentInTime)
    assert play.hears() == []


def test_a_request_that_is_abandoned_before_it_left_is_never_sent() -> None:
    play = Play()
    pending = play.session.request("/queue/rpc", "?")
    pending.abandon()
    failure(pending, NotSent)
    play.connected()
    assert play.hears() == []


@pytest.mark.parametrize("name", ["reply-to", "correlation-id"])
def test_what_a_request_says_itself_cannot_be_said_in_headers(name: str) -> None:
    play = Play().connected()
    with pytest.raises(LocalProtocolError, match=name) as caught:
        play.session.request("/queue/rpc", headers={name: "x"})
    assert caught.value.code == ErrorCode.HEADER_CLASH
    assert play.hears() == []


def test_a_reply_is_read_although_the_buffer_is_full() -> None:
    play = Play(buffer_size=1000).connected()
    subscription = play.subscribed()
    play.delivers(subscription.id, "1", ack=None)
    assert not play.session.want_read
    pending = play.session.request("/queue/rpc")
    assert play.session.want_read
    play.hears()
    play.delivers("/temp-queue/replies", "2", ack=None, headers={"correlation-id": "c-1"})
    assert pending.done
    assert not play.session.want_read


def test_a_request_that_this_broker_cannot_carry_fails_alone() -> None:
    play = Play(version="1.0")
    bad = play.session.request("/queue/rpc", headers={"x": "a\nb"})
    good = play.session.send("/queue/a", receipt=True)
    play.connected()
    assert play.commands() == ["SEND"]
    assert isinstance(bad.exception(), LocalProtocolError)
    assert not good.done
