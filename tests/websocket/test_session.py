"""A session over WebSocket: the handshake, what is received and sent, how it ends. Pure, with one clock."""

# What a call has changed, a checker does not know.
# mypy: no-warn-unreachable, disable-error-code=comparison-overlap

from __future__ import annotations

import io
import logging
from typing import Any

import pytest
from websockets.frames import Close, Frame, Opcode

from stomp_core import Connect, Connected, Leniency, Receipt, Send
from stomp_core.session import (
    AuthenticationFailed,
    Config,
    ConnectFailed,
    ConnectionLost,
    Endpoint,
    OutcomeUnknown,
    Reconnect,
    Session,
    SessionState,
)
from stomp_websocket import WebSocket, WebSocketRequest
from tests.session.play import failure, taken

from .play import URL, WebSocketPlay, answer_to

ONCE = Reconnect(rounds=1)


def closing(code: int, reason: str = "") -> bytes:
    return Frame(Opcode.CLOSE, Close(code, reason).serialize()).serialize(mask=False)


def text(data: bytes, *, fin: bool = True) -> bytes:
    return Frame(Opcode.TEXT, data, fin).serialize(mask=False)


def dialled(**options: Any) -> WebSocketPlay:
    play = WebSocketPlay(**options)
    play.dial()
    return play


def refused(play: WebSocketPlay) -> str:
    """Return why the session has ended, which must be that it could not connect."""
    assert play.session.state is SessionState.CLOSED
    assert play.session.want_close
    error = play.session.error
    assert isinstance(error, ConnectFailed)
    return str(error)


# -------------------------------------------------------------------------------- opening


def test_connect_follows_when_the_websocket_is_opened() -> None:
    play = dialled(login="joe", passcode="s3cret")
    request = bytes(play.session.data_to_send())
    assert request.startswith(b"GET /ws HTTP/1.1\r\nHost: broker\r\n")
    assert b"s3cret" not in request
    assert play.session.state is SessionState.HANDSHAKING
    answer = answer_to(request, "Sec-WebSocket-Protocol: v12.stomp")
    for position in range(len(answer)):
        assert play.session.size_to_send == 0, "CONNECT waits for the whole answer"
        play.session.receive_data(answer[position : position + 1], play.now)
    wire = bytes(play.session.data_to_send())
    assert wire[0] == 0x81
    assert wire.count(b"CONNECT") == 0, "it is masked"


def test_a_connection_is_made_and_used() -> None:
    play = WebSocketPlay(login="joe", passcode="s3cret")
    play.dial()
    (connect,) = play.sent()
    assert (connect.login, connect.passcode, connect.host) == ("joe", "s3cret", "/")
    play.accept()
    assert play.session.opened.done
    assert play.http_request.path == "/ws"
    subscription = play.subscribed("/queue/a")
    play.deliver(subscription.id, "1", body="grün")
    play.deliver(subscription.id, "2", body=bytes(range(256)))
    assert [message.body for message in taken(subscription)] == ["grün".encode(), bytes(range(256))]
    pending = play.send("/queue/a", "hello", receipt=True)
    play.confirm_all()
    assert pending.exception() is None


def test_what_follows_the_http_answer_in_the_same_chunk_is_processed() -> None:
    """As from a broker that does not wait for CONNECT: nothing of the chunk is lost."""
    play = dialled()
    request = bytes(play.session.data_to_send())
    play.session.receive_data(
        answer_to(request) + text(b"ERROR\nmessage:not yet\n\n\0") + closing(1002), play.now
    )
    assert "the broker refused: not yet" in refused(play)


def test_frames_and_messages_need_not_agree() -> None:
    play = WebSocketPlay()
    play.connected()
    subscription = play.subscribed("/queue/a")
    wire = b"".join(
        b"MESSAGE\ndestination:/queue/a\nmessage-id:%d\nsubscription:%s\n\nbody\0"
        % (number, subscription.id.encode())
        for number in range(4)
    )
    # Several in one message, one over several messages, and over fragments with a Ping between them.
    play.session.receive_data(text(wire[:150]), play.now)
    play.session.receive_data(Frame(Opcode.BINARY, wire[150:160]).serialize(mask=False), play.now)
    play.session.receive_data(
        text(wire[160:170], fin=False) + Frame(Opcode.PING, b"").serialize(mask=False), play.now
    )
    play.session.receive_data(Frame(Opcode.CONT, wire[170:]).serialize(mask=False), play.now)
    assert [message.message_id for message in taken(subscription)] == ["0", "1", "2", "3"]
    assert bytes(play.session.data_to_send())[0] == 0x8A


def test_each_connection_has_a_websocket_of_its_own() -> None:
    play = WebSocketPlay(reconnect=Reconnect(first_delay=1.0, max_delay=1.0))
    play.connected()
    waiting = play.send("/queue/a", "one", receipt=True)
    play.cut(ConnectionResetError("reset"))
    play.dial()
    assert play.commands() == ["CONNECT"]
    play.accept()
    (send,) = play.confirm_all()
    assert send.body == b"one"
    assert waiting.exception() is None


def test_only_websocket_endpoints_of_a_failover_list_have_one() -> None:
    play = WebSocketPlay(["stomp://a", "ws://b/ws"], reconnect=Reconnect(first_delay=0.0, max_delay=0.0))
    play.attempt()
    play.session.connection_made(play.now)
    assert bytes(play.session.data_to_send()).startswith(b"CONNECT\n")
    play.cut("gone")
    play.connected()
    assert str(play.session.endpoint) == "ws://b:80/ws"
    assert play.commands() == []
    play.send("/q", "x")
    assert play.commands() == ["SEND"]
    play.cut("gone")
    play.attempt()
    play.session.connection_made(play.now)
    assert bytes(play.session.data_to_send()).startswith(b"CONNECT\n"), "the next one has none again"


# -------------------------------------------------------------------------------- refusals


def test_a_refusal_names_endpoint_status_and_what_to_check() -> None:
    play = WebSocketPlay(
        "ws://broker:15674/wrong", check=lambda request: (404, "nothing here\n"), reconnect=ONCE
    )
    play.dial()
    play.sent()
    assert refused(play) == (
        'could not connect: ws://broker:15674/wrong: the server answered HTTP 404 Not Found ("nothing here") instead '
        "of opening a WebSocket: check the path of the URL (RabbitMQ: /ws; Spring: that of its endpoint, or that and "
        "/websocket)"
    )
    assert type(play.session.error) is ConnectFailed


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_login_is_not_tried_again(status: int) -> None:
    play = WebSocketPlay(
        check=lambda request: (status, "no\n"), reconnect=Reconnect(rounds=5, first_rounds=5)
    )
    play.dial()
    play.sent()
    assert type(play.session.error) is AuthenticationFailed
    assert f"HTTP {status}" in refused(play)


def test_a_login_that_was_accepted_before_gets_three_attempts() -> None:
    """Brokers listen before they know their users."""
    known = [True]
    play = WebSocketPlay(
        check=lambda request: None if known[0] else (401, "no\n"),
        reconnect=Reconnect(first_delay=0.0, max_delay=0.0),
    )
    play.connected()
    known[0] = False
    play.cut("restart")
    for _ in range(2):
        play.dial()
        play.sent()
        assert not play.session.closed
    play.dial()
    play.sent()
    assert type(play.session.error) is AuthenticationFailed


def test_silence_ends_the_attempt_after_the_handshake_timeout() -> None:
    play = dialled(handshake_timeout=3.0, reconnect=ONCE)
    play.session.data_to_send()
    play.wait(2.9)
    assert not play.session.closed
    play.wait(0.2)
    assert "ws://broker:80/ws: connected, but no answer to the WebSocket request came within 3 s" in refused(
        play
    )


def test_the_handshake_timeout_covers_http_and_connected() -> None:
    play = dialled(handshake_timeout=3.0, reconnect=ONCE)
    request = bytes(play.session.data_to_send())
    play.wait(2.0)
    play.session.receive_data(answer_to(request), play.now)
    play.wait(0.9)
    assert not play.session.closed
    play.wait(0.2)
    assert "the WebSocket is open, but no CONNECTED came within 3 s: check that the path" in refused(play)


def test_half_an_answer_is_shown_when_its_time_is_over() -> None:
    play = dialled(handshake_timeout=3.0, reconnect=ONCE)
    play.session.receive_data(b"HTTP/1.1 401 Unauthorized\r\n\r\nwho are you?", play.now)
    play.wait(3.1)
    assert type(play.session.error) is AuthenticationFailed
    assert 'incomplete after 3 s: the server answered HTTP 401 Unauthorized ("who are you?")' in refused(play)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (b"", "complete: check that this is a WebSocket port; if it is one with TLS, use wss://"),
        (b"HTTP/1.1 101 Swi", "before its answer to the WebSocket request was complete: check"),
        (b"HTTP/1.0 200 OK\r\n\r\n", "HTTP/1.0"),
        (
            b"ERROR\nmessage:no\n\n\0",
            "this port speaks plain STOMP, not WebSocket: check the scheme: use stomp://",
        ),
        (
            b"AMQP\0\0\x09\x01",
            "this port speaks AMQP, not WebSocket: check the port: RabbitMQ's for WebSocket is 15674",
        ),
        (b"\x15\x03\x01\0\x02\x02\x16", "this port speaks TLS, not WebSocket: check the scheme: use wss://"),
        (b"SSH-2.0-OpenSSH\r\n", "this port speaks SSH, not WebSocket: check the port"),
        (b"garbage\r\n", "got no valid answer: invalid HTTP status line: garbage"),
    ],
)
def test_what_is_no_websocket_is_recognised(answer: bytes, sentence: str) -> None:
    play = dialled(reconnect=ONCE)
    play.session.data_to_send()
    if answer:
        play.session.receive_data(answer, play.now)
    if not play.session.closed:
        play.session.receive_data(b"", play.now)
    assert sentence in refused(play)


@pytest.mark.parametrize("reported", ["receive_data", "connection_lost"])
def test_the_end_of_the_stream_may_be_reported_in_either_way(reported: str) -> None:
    play = dialled(reconnect=ONCE)
    play.session.receive_data(b"HTTP/1.1 403 Forbidden\r\n\r\nno", play.now)
    if reported == "receive_data":
        play.session.receive_data(b"", play.now)
    else:
        play.session.connection_lost(None, play.now)
    assert 'HTTP 403 Forbidden ("no")' in str(play.session.error)


def test_a_plain_stomp_session_on_a_websocket_port_gets_a_hint() -> None:
    from tests.session.play import Play

    play = Play("stomp://broker:15674", reconnect=ONCE)
    play.dial()
    play.receive_bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    assert "this port speaks HTTP, not STOMP" in str(play.session.error)
    assert "ws://localhost:15674/ws" in str(play.session.error)
    play = Play("stomp://broker:15674", reconnect=ONCE)
    play.dial()
    play.receive_bytes(b"")
    assert "port 15674 is usually STOMP over WebSocket, whose URL begins with ws://" in str(
        play.session.error
    )


def test_through_tls_the_remedy_is_a_scheme_with_tls() -> None:
    from tests.session.play import Play

    play = Play("stomp+ssl://broker:15673", reconnect=ONCE)
    play.dial()
    play.receive_bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    assert "begins with wss://, as in wss://localhost:15673/ws" in str(play.session.error)
    over_websocket = WebSocketPlay("wss://broker:61614/ws", reconnect=ONCE)
    over_websocket.dial()
    over_websocket.session.data_to_send()
    over_websocket.session.receive_data(b"ERROR\nmessage:no\n\n\0", over_websocket.now)
    assert "speaks STOMP without WebSocket, not WebSocket" not in refused(over_websocket)
    assert "check the scheme: use stomp+ssl:// for this port" in refused(over_websocket)


def test_a_websocket_session_on_a_stomp_port_gets_a_hint() -> None:
    play = WebSocketPlay("ws://broker:61613/ws", handshake_timeout=3.0, reconnect=ONCE)
    play.dial()
    play.wait(4.0)
    assert "port 61613 is usually plain STOMP: use stomp:// for it" in refused(play)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ConnectionRefusedError("refused"), "that the broker runs with its WebSocket listener on"),
        (ConnectionResetError("reset"), "check that it is the broker's WebSocket port"),
    ],
)
def test_a_failed_dial_speaks_of_the_websocket_port(error: Exception, sentence: str) -> None:
    play = WebSocketPlay("ws://broker:15674/ws", reconnect=ONCE)
    play.attempt()
    play.cut(error)
    assert sentence in str(play.session.error)


def test_headers_that_cannot_be_sent_are_a_failed_attempt() -> None:
    answers = iter([{"Authorization": "fine"}, {"Authorization": "s3cret\n"}, {"Authorization": "good"}])
    play = WebSocketPlay(
        websocket=WebSocket(headers=lambda: next(answers)),
        reconnect=Reconnect(first_delay=0.0, max_delay=0.0),
    )
    play.connected()
    play.cut()
    play.dial()
    assert play.session.want_close
    (_, reason) = play.recorder.of("attempt_failed")[0]
    assert "'Authorization' of a WebSocket has a value that HTTP does not allow" in reason
    assert "s3cret" not in reason
    play.connected()
    assert play.http_request.headers["Authorization"] == "good"


# -------------------------------------------------------------------------------- the end of a connection


def test_a_close_before_connected_is_explained() -> None:
    play = dialled(reconnect=ONCE, passcode="s3cret", login="joe")
    play.sent()
    play.session.receive_data(closing(1008, "bad s3cret"), play.now)
    assert (
        "the peer closed the connection before CONNECTED (the peer closed the WebSocket with code 1008 (policy "
        'violation), because "bad ***"): check that the path of the URL is that of STOMP'
    ) in refused(play)


@pytest.mark.parametrize("passcode", ["e", "code", "the", "WebSocket", "peer"])
def test_no_sentence_of_ours_is_masked(passcode: str) -> None:
    def texts(passcode: str) -> list[str]:
        found = []
        for answer in (
            b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.1 301 Moved\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n",
            b"x\r\n",
        ):
            play = dialled(passcode=passcode, login="joe", reconnect=ONCE)
            play.session.receive_data(answer, play.now)
            found.append(str(play.session.error))
        for end in (closing(1008, "no"), closing(4001), b"\x83\0", b"\x82\x7f\x7f" + bytes(7)):
            play = dialled(passcode=passcode, login="joe", reconnect=ONCE)
            play.sent()
            play.session.receive_data(end, play.now)
            found.append(str(play.session.error))
        return found

    assert texts(passcode) == texts("x" * 30)


def test_a_close_after_connected_is_explained() -> None:
    play = WebSocketPlay(reconnect=Reconnect.never())
    play.connected()
    pending = play.send("/queue/a", "x", receipt=True)
    play.sent()
    play.session.receive_data(closing(1013, "maintenance"), play.now)
    error = play.session.error
    assert isinstance(error, ConnectionLost)
    assert 'the peer closed the WebSocket with code 1013 (try again later), because "maintenance"' in str(
        error
    )
    assert "code 1013" in str(failure(pending, OutcomeUnknown))


def test_an_error_before_the_close_is_not_lost() -> None:
    play = WebSocketPlay(reconnect=Reconnect.never())
    play.connected()
    play.session.receive_data(text(b"ERROR\nmessage:shutting down\n\n\0") + closing(1002), play.now)
    error = play.session.error
    assert isinstance(error, ConnectionLost)
    assert "the broker sent ERROR: shutting down" in str(error)
    assert error.error is not None


def test_an_end_without_close_is_1006() -> None:
    play = WebSocketPlay(reconnect=Reconnect.never())
    play.connected()
    play.session.receive_data(b"", play.now)
    assert "the WebSocket ended without a Close frame (1006, abnormal closure)" in str(play.session.error)


def test_a_violation_of_websocket_loses_the_connection() -> None:
    play = WebSocketPlay(reconnect=Reconnect.never())
    play.connected()
    play.session.receive_data(Frame(Opcode.TEXT, b"\n").serialize(mask=True), play.now)
    assert "the peer broke the WebSocket protocol: incorrect masking" in str(play.session.error)


# -------------------------------------------------------------------------------- heart-beats


VIOLATIONS = [
    (Frame(Opcode.TEXT, b"\n").serialize(mask=True), 1002),
    (text(b"WRONG\n\n\0"), 1002),
    (closing(1001), 1001),
]


@pytest.mark.parametrize(("data", "code"), VIOLATIONS, ids=["no WebSocket", "no STOMP", "a Close frame"])
@pytest.mark.parametrize("reconnect", [Reconnect.never(), Reconnect()], ids=["ends", "goes on"])
def test_the_last_that_is_written_is_a_close_frame(data: bytes, code: int, reconnect: Reconnect) -> None:
    play = WebSocketPlay(reconnect=reconnect)
    play.connected()
    play.session.receive_data(data, play.now)
    assert play.session.want_close
    play.web.receive_data(play.session.data_to_send())
    assert play.web.over is not None
    assert f"code {code}" in play.web.over
    assert play.session.data_to_send() == b""


@pytest.mark.parametrize(("data", "code"), VIOLATIONS, ids=["no WebSocket", "no STOMP", "a Close frame"])
def test_a_close_frame_that_was_not_written_is_not_sent_on_the_next_connection(
    data: bytes, code: int
) -> None:
    play = WebSocketPlay(reconnect=Reconnect(first_delay=0))
    play.connected()
    play.session.receive_data(data, play.now)
    assert play.session.size_to_send > 0
    play.session.connection_lost(None, play.now)
    assert play.session.size_to_send == 0
    play.connected()
    assert play.web.over is None


def test_no_close_frame_is_written_inside_of_another_frame() -> None:
    play = WebSocketPlay(reconnect=Reconnect.never())
    play.connected()
    play.session.send(play.now, "/q", "x" * 1000)
    play.session.data_to_send(100)
    play.session.receive_data(text(b"WRONG\n\n\0"), play.now)
    assert play.session.want_close
    assert play.session.size_to_send == 0


def test_a_heart_beat_is_a_message_that_is_exactly_a_line_feed() -> None:
    play = WebSocketPlay(heart_beat=(1, 0), beats=(0, 1000))
    play.connected()
    play.sent()
    play.wait(0.9)
    data = bytes(play.session.data_to_send())
    assert data[:2] == b"\x81\x81", "one text message of one byte"
    assert play.web.receive_data(data) == b"\n"


@pytest.mark.parametrize(
    ("server", "promised"), [("Cowboy", "0,3000"), ("cowboy/2", "0,3000"), ("nginx", "2000,3000")]
)
def test_rabbitmqs_http_server_is_promised_no_heart_beats_and_gets_them(server: str, promised: str) -> None:
    """RabbitMQ ends the connection when flow control ends, if the client has promised heart-beats."""
    play = WebSocketPlay(heart_beat=(2, 3), beats=(3000, 2000))
    play.dial()
    request = bytes(play.session.data_to_send())
    play.web.receive_data(request)
    play.web.control()
    play.session.receive_data(answer_to(request, f"Server: {server}"), play.now)
    (connect,) = play.sent()
    assert connect.headers["heart-beat"] == promised
    play.accept()
    assert play.session.heart_beat == (2.0, 3.0)
    play.wait(1.7)
    assert play.exchange() == b"\n"
    play.wait(6.0)
    assert play.session.state is not SessionState.CONNECTED, "its silence counts still"


@pytest.mark.parametrize(("promise", "offered"), [(False, "0,3000"), (True, "2000,3000")])
def test_whether_heart_beats_are_promised_can_be_chosen(promise: bool, offered: str) -> None:
    play = WebSocketPlay(
        heart_beat=(2, 3), beats=(3000, 2000), websocket=WebSocket(promise_heart_beats=promise)
    )
    play.dial()
    request = bytes(play.session.data_to_send())
    play.web.receive_data(request)
    play.web.control()
    play.session.receive_data(answer_to(request, "Server: " + ("nginx", "Cowboy")[promise]), play.now)
    (connect,) = play.sent()
    assert connect.headers["heart-beat"] == offered


def test_a_connect_frame_of_ones_own_is_sent_as_it_is() -> None:
    play = WebSocketPlay(connect_frame=Connect(host="/", heart_beat=(2000, 0)), beats=(0, 2000))
    play.dial()
    request = bytes(play.session.data_to_send())
    play.web.receive_data(request)
    play.web.control()
    play.session.receive_data(answer_to(request, "Server: Cowboy"), play.now)
    (connect,) = play.sent()
    assert connect.headers["heart-beat"] == "2000,0"


def test_a_frame_that_comes_slowly_is_a_sign_of_life() -> None:
    """RabbitMQ sends a MESSAGE of any size as one WebSocket frame: nothing of it is STOMP's until it is whole."""
    play = WebSocketPlay(heart_beat=(0, 1), beats=(1000, 0))
    play.connected()
    subscription = play.subscribed("/queue/a")
    wire = text(
        b"MESSAGE\ndestination:/queue/a\nmessage-id:1\nsubscription:%s\n\n%s\0"
        % (subscription.id.encode(), b"x" * 10_000)
    )
    for position in range(0, len(wire), 500):
        play.wait(1.0)
        play.session.receive_data(wire[position : position + 500], play.now)
    assert play.session.state is SessionState.CONNECTED
    assert [len(message.body) for message in taken(subscription)] == [10_000]
    assert play.recorder.of("heart_beat_late") == []
    play.wait(5.0)
    assert play.session.state is SessionState.WAITING, "silence is noticed still"


def test_pings_are_a_sign_of_life_too() -> None:
    play = WebSocketPlay(heart_beat=(0, 1), beats=(1000, 0))
    play.connected()
    for _ in range(10):
        play.wait(1.0)
        play.session.receive_data(Frame(Opcode.PING, b"").serialize(mask=False), play.now)
    assert play.session.state is SessionState.CONNECTED


# -------------------------------------------------------------------------------- writing


def test_a_pong_goes_before_frames_that_have_not_begun_and_never_inside_of_one() -> None:
    play = WebSocketPlay()
    play.connected()
    play.send("/queue/a", "a" * 1000)
    play.send("/queue/a", "b" * 1000)
    begun = bytes(play.session.data_to_send(100))
    play.session.receive_data(Frame(Opcode.PING, b"?").serialize(mask=False), play.now)
    rest = b""
    while data := play.session.data_to_send(100):
        rest += bytes(data)
    assert play.session.size_to_send == 0
    frames = play.web.receive_data(begun + rest)
    assert frames.count(b"SEND\n") == 2
    assert play.web.over is None


def test_an_operation_that_is_withdrawn_is_not_missed() -> None:
    play = WebSocketPlay(websocket=WebSocket(compression=True), server_options=WebSocket(compression=True))
    play.connected()
    first = play.send("/queue/a", "first " * 20, receipt=True)
    play.send("/queue/a", "second " * 20)
    first.cancel(play.now)
    (only,) = play.sent()
    assert isinstance(only, Send)
    assert only.body.startswith(b"second")


def test_the_blocking_engines_way_of_writing_writes_the_same() -> None:
    play = WebSocketPlay()
    play.connected()
    written = io.BytesIO()
    for number in range(3):
        play.send("/queue/a", f"{number}")
        play.session.write_with(written.write)
    assert play.session.size_to_send == 0
    assert play.web.receive_data(written.getvalue()).count(b"SEND\n") == 3


def test_raw_frames_wait_for_the_websocket() -> None:
    from stomp_core import Frame as StompFrame

    play = WebSocketPlay(leniency=Leniency(unchecked_conversation=True))
    play.dial()
    with pytest.raises(ConnectionError, match="no connection at the moment"):
        play.send_frame(StompFrame("SEND", [("destination", "/q")], b""))
    play.exchange()
    play.send_frame(StompFrame("SEND", [("destination", "/q")], b""))
    assert play.exchange().startswith(b"SEND\n")


# -------------------------------------------------------------------------------- closing


def test_after_the_receipt_of_disconnect_a_close_frame_is_sent_and_awaited() -> None:
    play = WebSocketPlay()
    play.connected()
    done = play.close()
    (disconnect,) = play.sent()
    play.receive(Receipt(disconnect.receipt))
    assert not done.done
    assert not play.session.want_close
    data = bytes(play.session.data_to_send())
    play.web.receive_data(data)
    assert play.web.over == "the peer closed the WebSocket with code 1000 (ok)"
    play.session.receive_data(play.web.control(), play.now)
    assert play.session.want_close
    assert done.result() is True
    assert play.session.error is None


@pytest.mark.parametrize("end", ["silence", "eof", "lost", "reset", "violation", "error"])
def test_whatever_follows_the_receipt_closing_is_confirmed(end: str) -> None:
    play = WebSocketPlay(close_timeout=5.0)
    play.connected()
    done = play.close()
    (disconnect,) = play.sent()
    play.receive(Receipt(disconnect.receipt))
    play.session.data_to_send()
    if end == "silence":
        play.wait(0.4)
        assert not done.done
        play.wait(0.2)
    elif end == "eof":
        play.session.receive_data(b"", play.now)
    elif end == "violation":
        play.session.receive_data(b"\x83\0", play.now)
    elif end == "error":
        play.session.receive_data(text(b"ERROR\nmessage:late\n\n\0"), play.now)
    else:
        play.session.connection_lost(None if end == "lost" else ConnectionResetError("reset"), play.now)
    assert done.result() is True
    assert play.session.state is SessionState.CLOSED


def test_a_peer_that_answers_no_close_gets_a_second_at_most() -> None:
    play = WebSocketPlay(close_timeout=1000.0)
    play.connected()
    done = play.close()
    (disconnect,) = play.sent()
    play.receive(Receipt(disconnect.receipt))
    play.wait(1.01)
    assert done.result() is True
    assert play.session.want_close


def test_pings_do_not_replace_our_close() -> None:
    play = WebSocketPlay()
    play.connected()
    play.close()
    (disconnect,) = play.sent()
    play.receive(Receipt(disconnect.receipt))
    play.session.receive_data(Frame(Opcode.PING, b"").serialize(mask=False), play.now)
    play.web.receive_data(bytes(play.session.data_to_send()))
    assert play.web.over == "the peer closed the WebSocket with code 1000 (ok)"


def test_rabbitmq_closes_upon_disconnect_which_confirms_nothing() -> None:
    """It sends Close 1000 "STOMP died", as an administrator's close does, and no RECEIPT."""
    play = WebSocketPlay()
    play.connected()
    done = play.close()
    play.sent()
    play.session.receive_data(closing(1000, "STOMP died"), play.now)
    assert done.result() is False
    assert play.session.state is SessionState.CLOSED
    assert play.session.error is None


def test_terminating_closes_the_socket_at_once() -> None:
    play = WebSocketPlay()
    play.connected()
    play.session.terminate(play.now)
    assert play.session.want_close


def test_a_session_that_is_closed_while_the_websocket_opens_ends_at_once() -> None:
    play = dialled()
    assert play.close().result() is False
    assert play.session.want_close


# -------------------------------------------------------------------------------- other layers


class Reversed:
    """A byte layer that is open from the start: every byte is its complement."""

    opened = True
    over: str | None = None
    login_refused = False
    promise_heart_beats = True
    expands = False

    def opening(self) -> bytes:
        return b""

    def receive_data(self, data: bytes | bytearray | memoryview) -> bytes:
        return bytes(255 - byte for byte in bytes(data))

    def receive_eof(self) -> None:
        self.over = "it is over"

    def encode(self, wire: bytes) -> bytes:
        return bytes(255 - byte for byte in wire)

    def control(self) -> bytes:
        return b""

    def close(self, code: int = 1000, reason: str = "") -> bytes:
        return b""

    def explain_silence(self, seconds: float) -> str:
        return "silence"


class Factory:
    def new_layer(self, endpoint: Endpoint, versions: object, headers: object = None) -> Reversed:
        return Reversed()


def test_a_layer_of_ones_own_needs_nothing_but_the_interface() -> None:
    session = Session(
        Config("ws://broker", websocket=Factory(), heart_beat=(0, 0), reconnect=Reconnect.never())
    )
    layer = Reversed()
    session.next_attempt(0.0)
    session.connection_made(0.0)
    assert layer.encode(bytes(session.data_to_send())).startswith(b"CONNECT\n")
    connected = Connected(version="1.2").frame.to_bytes("1.2")
    session.receive_data(layer.encode(connected), 0.0)
    assert session.opened.done
    done = session.close(0.0)
    disconnect = layer.encode(bytes(session.data_to_send()))
    receipt = disconnect.partition(b"receipt:")[2].partition(b"\n")[0]
    session.receive_data(layer.encode(b"RECEIPT\nreceipt-id:" + receipt + b"\n\n\0"), 0.0)
    assert done.result() is True


# -------------------------------------------------------------------------------- secrets


def test_no_log_error_or_notification_shows_a_header(caplog: pytest.LogCaptureFixture) -> None:
    token = "Bearer s3cret-token"

    def check(request: WebSocketRequest) -> tuple[int, str]:
        return 401, f"{request.headers['Authorization']} is not valid\n"

    with caplog.at_level(logging.DEBUG):
        play = WebSocketPlay(
            f"{URL}?token=s3cret-query", websocket=WebSocket(headers={"Authorization": token}), check=check
        )
        play.dial()
        play.sent()
    error, config = play.session.error, play.session.config
    everything = f"{caplog.text} {error!r} {error} {play.recorder.calls} {config}"
    assert "*** is not valid" in everything
    assert "s3cret" not in everything
