"""Pipeline: confirmed SENDs, a window of them in flight at a time."""

# What a call has changed, a checker does not know.
# mypy: no-warn-unreachable

from __future__ import annotations

import pytest

from stomp_core import LocalProtocolError
from stomp_core.session import (
    ConnectionLost,
    NotSentInTime,
    OutcomeUnknown,
    Pipeline,
    ReceiptTimeout,
    Reconnect,
    Rejected,
    SessionClosed,
    Unconfirmed,
)

from .interrupting import interrupt, interrupt_everywhere
from .play import Play, failure


def test_every_message_asks_for_a_receipt() -> None:
    play = Play().connected()
    pipeline = Pipeline(play.session)
    pending = pipeline.send(
        play.now, "/queue/a", "body", content_type="a/b", headers={"p": "q"}, content_length=False, timeout=5
    )
    assert pending.result() == 0
    send = play.sent_one()
    assert (send.destination, send.body, send.content_type) == ("/queue/a", b"body", "a/b")
    assert (send.headers["p"], send.content_length) == ("q", None)
    assert send.receipt is not None
    assert (pipeline.in_flight, pipeline.confirmed) == (1, 0)
    play.confirm(send.receipt)
    assert (pipeline.in_flight, pipeline.confirmed) == (0, 1)


def test_a_full_window_waits_for_one_receipt() -> None:
    play = Play().connected()
    pipeline = Pipeline(play.session, 3)
    rooms = [pipeline.send(play.now, "/queue/a") for _ in range(3)]
    assert [room.done for room in rooms] == [True, True, False]
    receipts = [send.receipt for send in play.sent()]
    play.confirm(receipts[0])
    assert [room.result() for room in rooms] == [0, 1, 2]


def test_the_first_message_without_an_outcome_is_known() -> None:
    play = Play().connected()
    pipeline = Pipeline(play.session, 10)
    assert pipeline.first_in_flight == 0
    for _ in range(4):
        pipeline.send(play.now, "/queue/a")
    first, second, third, fourth = [send.receipt for send in play.sent()]
    play.confirm(second)
    assert pipeline.first_in_flight == 0
    play.confirm(first)
    assert pipeline.first_in_flight == 2
    play.confirm(third)
    play.confirm(fourth)
    assert pipeline.first_in_flight == 4
    pipeline.send(play.now, "/queue/a")
    assert pipeline.first_in_flight == 4


def test_each_of_several_senders_waits_for_its_own_place() -> None:
    play = Play().connected()
    pipeline = Pipeline(play.session, 2)
    rooms = [pipeline.send(play.now, "/queue/a") for _ in range(4)]
    receipts = [send.receipt for send in play.sent()]
    states = []
    for receipt in receipts:
        play.confirm(receipt)
        states.append([room.done for room in rooms])
    assert states == [
        [True, False, False, False],
        [True, False, False, False],
        [True, True, False, False],
        [True] * 4,
    ]


def test_drain_is_done_when_everything_is_confirmed() -> None:
    play = Play().connected()
    pipeline = Pipeline(play.session)
    assert pipeline.drain(play.now).done
    for _ in range(3):
        pipeline.send(play.now, "/queue/a")
    ends = [pipeline.drain(play.now), pipeline.drain(play.now)]
    receipts = [send.receipt for send in play.sent()]
    play.confirm(*receipts[:2])
    assert not ends[0].done
    play.confirm(receipts[2])
    assert [end.result() for end in ends] == [None, None]
    pipeline.send(play.now, "/queue/a")
    assert not pipeline.drain(play.now).done


def test_after_an_unconfirmed_message_it_accepts_no_more() -> None:
    play = Play(reconnect=Reconnect(first_delay=0.0)).connected()
    pipeline = Pipeline(play.session, 4)
    for number in range(3):
        pipeline.send(play.now, "/queue/a", str(number))
    one, two, _ = play.sent()
    play.confirm(one.receipt)
    play.refuse("no such queue", receipt_id=two.receipt)
    error = failure(pipeline.drain(play.now), Unconfirmed)
    assert [(number, type(why)) for number, why in error.failures] == [(1, Rejected), (2, OutcomeUnknown)]
    assert error.sent == 3
    assert str(error) == (
        "2 of 3 messages were not confirmed; the first is number 1: "
        "SEND to /queue/a was rejected by the broker: no such queue"
    )
    play.close_socket()
    play.connected()
    with pytest.raises(Unconfirmed):
        pipeline.send(play.now, "/queue/a", "3")
    assert "SEND" not in play.commands()


def test_a_failure_releases_who_waits_for_room() -> None:
    play = Play(reconnect=Reconnect.never()).connected()
    pipeline = Pipeline(play.session, 2)
    pipeline.send(play.now, "/queue/a")
    rooms = [pipeline.send(play.now, "/queue/a") for _ in range(3)]
    play.sent()
    play.cut()
    assert [room.result() for room in rooms] == [1, 2, 3]
    assert len(failure(pipeline.drain(play.now), Unconfirmed).failures) == 4


def test_a_receipt_that_does_not_come_in_time_is_a_failure() -> None:
    play = Play(receipt_timeout=5).connected()
    pipeline = Pipeline(play.session)
    pipeline.send(play.now, "/queue/a")
    pipeline.send(play.now, "/queue/a", timeout=2)
    play.sent()
    end = pipeline.drain(play.now)
    play.wait(3)
    assert not end.done, "the other one may still come"
    play.wait(3)
    assert [(number, type(why)) for number, why in failure(end, Unconfirmed).failures] == [
        (0, ReceiptTimeout),
        (1, ReceiptTimeout),
    ]


def test_an_unsent_message_is_sent_on_the_next_connection() -> None:
    play = Play(reconnect=Reconnect(first_delay=0.0)).connected()
    pipeline = Pipeline(play.session)
    for number in range(3):
        pipeline.send(play.now, "/queue/a", str(number))
    play.cut()
    play.connected()
    assert [send.body for send in play.confirm_all()] == [b"0", b"1", b"2"]
    pipeline.drain(play.now).result()


def test_without_a_connection_it_fills_its_window() -> None:
    play = Play(receipt_timeout=5)
    pipeline = Pipeline(play.session, 2)
    assert pipeline.send(play.now, "/queue/a").done
    room = pipeline.send(play.now, "/queue/a")
    assert not room.done
    play.wait(6)
    assert room.done
    assert [type(why) for _, why in failure(pipeline.drain(play.now), Unconfirmed).failures] == [
        NotSentInTime
    ] * 2


def test_a_refused_message_is_not_counted() -> None:
    play = Play().connected()
    pipeline = Pipeline(play.session)
    for headers in ({"receipt": "r"}, {"destination": "/queue/b"}):
        with pytest.raises(LocalProtocolError):
            pipeline.send(play.now, "/queue/a", headers=headers)
    assert pipeline.in_flight == 0
    assert pipeline.send(play.now, "/queue/a").result() == 0


def test_after_the_end_of_the_session_it_raises_its_error() -> None:
    play = Play().connected()
    pipeline = Pipeline(play.session)
    play.close()
    with pytest.raises(SessionClosed):
        pipeline.send(play.now, "/queue/a")
    play = Play(reconnect=Reconnect.never()).connected()
    pipeline = Pipeline(play.session)
    play.cut()
    with pytest.raises(ConnectionLost):
        pipeline.send(play.now, "/queue/a")
    pipeline.drain(play.now).result()


def test_a_window_is_at_least_one_message() -> None:
    with pytest.raises(ValueError, match="of at least 1, got 0"):
        Pipeline(Play().session, 0)


def test_a_window_of_one_sends_one_after_the_other() -> None:
    play = Play().connected()
    pipeline = Pipeline(play.session, 1)
    room = pipeline.send(play.now, "/queue/a")
    assert not room.done
    play.confirm_all()
    assert room.done


def test_which_blocks_wait_for_what_is_in_flight() -> None:
    pipeline = Pipeline(Play().session)
    assert pipeline.drains_after(None)
    assert pipeline.drains_after(Unconfirmed(((0, ValueError("x")),), 1))
    assert not pipeline.drains_after(ValueError("x"))
    assert not pipeline.drains_after(KeyboardInterrupt())


def test_an_interrupted_send_keeps_nobody_waiting() -> None:
    """An exception of a signal handler at any point of send(): what was in flight is not in flight for ever."""

    def run(step: int) -> int:
        play = Play().connected()
        pipeline = Pipeline(play.session)
        steps = interrupt(lambda: pipeline.send(play.now, "/queue/a"), step)
        play.session.terminate(play.now)
        assert pipeline.in_flight == 0
        assert pipeline.drain(play.now).done
        return steps

    interrupt_everywhere(run)
