"""Sessions whose leniency is ``unchecked_conversation``: any frame at any time, and nothing of the session breaks."""

from __future__ import annotations

from typing import Any

import pytest

from stomp_core import (
    Connect,
    Error,
    Frame,
    Leniency,
    LocalProtocolError,
    Message,
    Nack,
    Receipt,
    Send,
    Subscribe,
)
from stomp_core.session import Config, Rejected, SessionState

from .play import Play, failure

UNCHECKED = Leniency(unchecked_conversation=True)


def unchecked(**options: Any) -> Play:
    return Play(leniency=UNCHECKED, tap=True, **options)


def test_frames_that_the_conversation_forbids_are_sent() -> None:
    play = unchecked(listener=None).connected()
    session = play.session
    for frame, rule in (
        (Frame("NACK", {"id": "m"}), "not-acknowledgeable"),
        (Frame("PUBLISH", {"a": "b"}), "unexpected-frame"),
        (Send.from_frame(Frame("SEND")), "missing-header"),
    ):
        assert session.send_frame(0.0, frame).done
        assert [broken.code for broken in session.take_broken_rules()] == [rule]
    assert bytes(session.data_to_send()).endswith(b"NACK\nid:m\n\n\0PUBLISH\na:b\n\n\0SEND\n\n\0")
    assert session.take_broken_rules() == ()


def test_without_the_switch_they_are_refused() -> None:
    play = Play(leniency=Leniency.permissive()).connected()
    for frame in (Nack("m"), Frame("PUBLISH"), Frame("SEND"), Frame("DISCONNECT")):
        with pytest.raises(LocalProtocolError):
            play.send_frame(frame)
    assert play.session.take_broken_rules() == ()


def test_there_are_no_broken_rules_without_a_connection() -> None:
    assert unchecked().session.take_broken_rules() == ()


def test_a_frame_may_be_sent_before_connected() -> None:
    play = unchecked()
    play.dial()
    assert play.session.state is SessionState.HANDSHAKING
    play.send_frame(Subscribe("/q", id="s", receipt="r"))
    assert bytes(play.session.data_to_send()).endswith(b"SUBSCRIBE\nid:s\ndestination:/q\nreceipt:r\n\n\0")


def test_any_frame_may_come_in_the_place_of_connect() -> None:
    """RabbitMQ's implicit connect."""
    play = unchecked(connect_frame=Subscribe("/q", id="s", receipt="r"))
    play.dial()
    assert play.session.data_to_send() == b"SUBSCRIBE\nid:s\ndestination:/q\nreceipt:r\n\n\0"
    play.session.receive_data(
        b"RECEIPT\nreceipt-id:r\n\n\0MESSAGE\nsubscription:s\nmessage-id:1\ndestination:/q\n\n\0", 0.0
    )
    assert play.session.tap is not None
    assert play.session.tap.take() == Receipt("r")
    assert isinstance(play.session.tap.take(), Message)
    assert play.session.state is SessionState.HANDSHAKING


def test_without_the_switch_connect_comes_first() -> None:
    with pytest.raises(LocalProtocolError):
        Config("stomp://broker", connect_frame=Subscribe("/q", id="s"))


def test_an_error_does_not_end_the_session() -> None:
    play = unchecked().connected()
    play.session.receive_data(b"ERROR\nmessage:no\n\n\0", play.now)
    assert play.session.state is SessionState.CONNECTED
    play.send_frame(Send("/q"))
    assert play.session.tap is not None
    tapped = []
    while (event := play.session.tap.take()) is not None:
        tapped.append(event)
    assert tapped[-1] == Error("no")


def test_an_error_that_answers_an_operation_fails_it() -> None:
    play = unchecked().connected()
    pending = play.send("/q", "x", receipt="r")
    play.session.data_to_send()
    play.session.receive_data(b"ERROR\nmessage:no\nreceipt-id:r\n\n\0", play.now)
    assert failure(pending, Rejected).error == Error("no", receipt_id="r")
    assert play.session.state is SessionState.CONNECTED


def test_an_error_that_answers_connect_ends_it() -> None:
    play = unchecked()
    play.dial()
    play.session.receive_data(b"ERROR\nmessage:Access refused for user 'me'\n\n\0", play.now)
    assert play.session.state is SessionState.CLOSED


def test_disconnect_may_be_sent_by_itself() -> None:
    play = unchecked().connected()
    play.session.data_to_send()
    play.send_frame(Frame("DISCONNECT"))
    assert play.session.data_to_send() == b"DISCONNECT\n\n\0"


def test_close_sends_its_headers_in_their_order_and_waits_for_its_own_receipt() -> None:
    play = unchecked().connected()
    play.send_frame(Send("/q", receipt="r"))
    play.session.data_to_send()
    closing = play.close(headers=[("a", "b"), ("receipt", "r"), ("z", "c")])
    assert play.session.data_to_send() == b"DISCONNECT\na:b\nreceipt:r\nz:c\n\n\0"
    play.session.receive_data(b"RECEIPT\nreceipt-id:r\n\n\0", play.now)  # of SEND
    assert not closing.done
    play.session.receive_data(b"RECEIPT\nreceipt-id:r\n\n\0", play.now)
    assert closing.done


def test_a_connect_that_offers_any_version_is_sent() -> None:
    frame = Frame("CONNECT", [("host", "h"), ("accept-version", "100.1")])
    play = unchecked(connect_frame=Connect.from_frame(frame))
    play.dial()
    assert play.session.data_to_send() == b"CONNECT\nhost:h\naccept-version:100.1\n\n\0"
