"""Events: one class for each frame of the specification, with its fields by name."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest

from stomp_core import (
    Abort,
    Ack,
    Begin,
    Commit,
    Connect,
    Connected,
    Disconnect,
    Error,
    Event,
    Frame,
    FrameParser,
    HeaderSource,
    LocalProtocolError,
    Message,
    Nack,
    Receipt,
    Send,
    Subscribe,
    Tolerated,
    Unsubscribe,
)
from stomp_core.protocol import event_from_frame

from .pair import VERSIONS


def parsed(wire: bytes, version: str | None = "1.2") -> Any:
    """Return the event of these bytes."""
    parser = FrameParser(version)
    parser.receive_data(wire)
    frame = parser.next_frame()
    assert isinstance(frame, Frame)
    return event_from_frame(frame)


EVERY_FRAME: list[tuple[str, Event, list[tuple[str, str]], bytes]] = [
    (
        "CONNECT",
        Connect(host="h", login="me", passcode="p", heart_beat=(1, 2), accept_version=("1.1", "1.2")),
        [
            ("accept-version", "1.1,1.2"),
            ("host", "h"),
            ("login", "me"),
            ("passcode", "p"),
            ("heart-beat", "1,2"),
        ],
        b"",
    ),
    ("STOMP", Connect(host="h", command="STOMP"), [("host", "h")], b""),
    (
        "CONNECTED",
        Connected(version="1.2", session="s", server="mine/1.0", heart_beat=(0, 3)),
        [("version", "1.2"), ("session", "s"), ("server", "mine/1.0"), ("heart-beat", "0,3")],
        b"",
    ),
    (
        "SEND",
        Send("/q", b"body", content_type="a/b", transaction="t", receipt="r"),
        [("destination", "/q"), ("content-type", "a/b"), ("transaction", "t"), ("receipt", "r")],
        b"body",
    ),
    (
        "SUBSCRIBE",
        Subscribe("/q", id="s", ack="client", receipt="r"),
        [("id", "s"), ("destination", "/q"), ("ack", "client"), ("receipt", "r")],
        b"",
    ),
    ("UNSUBSCRIBE", Unsubscribe("s", receipt="r"), [("id", "s"), ("receipt", "r")], b""),
    ("UNSUBSCRIBE", Unsubscribe(destination="/q"), [("destination", "/q")], b""),
    (
        "ACK",
        Ack("a", transaction="t", receipt="r"),
        [("id", "a"), ("transaction", "t"), ("receipt", "r")],
        b"",
    ),
    (
        "NACK",
        Nack(message_id="m", subscription="s"),
        [("message-id", "m"), ("subscription", "s")],
        b"",
    ),
    ("BEGIN", Begin("t", receipt="r"), [("transaction", "t"), ("receipt", "r")], b""),
    ("COMMIT", Commit("t", receipt="r"), [("transaction", "t"), ("receipt", "r")], b""),
    ("ABORT", Abort("t", receipt="r"), [("transaction", "t"), ("receipt", "r")], b""),
    ("DISCONNECT", Disconnect(receipt="r"), [("receipt", "r")], b""),
    (
        "MESSAGE",
        Message("/q", message_id="m", subscription="s", ack="a", body=b"body", content_type="a/b"),
        [
            ("subscription", "s"),
            ("message-id", "m"),
            ("destination", "/q"),
            ("ack", "a"),
            ("content-type", "a/b"),
        ],
        b"body",
    ),
    ("RECEIPT", Receipt("r"), [("receipt-id", "r")], b""),
    (
        "ERROR",
        Error("no", body=b"why", receipt_id="r", content_type="a/b"),
        [("message", "no"), ("receipt-id", "r"), ("content-type", "a/b")],
        b"why",
    ),
]
every_frame = pytest.mark.parametrize(
    ("command", "event", "headers", "body"),
    EVERY_FRAME,
    ids=[f"{row[0]} {i}" for i, row in enumerate(EVERY_FRAME)],
)


@every_frame
def test_arguments_become_headers(
    command: str, event: Event, headers: list[tuple[str, str]], body: bytes
) -> None:
    assert (event.frame.command, event.headers.items(), event.frame.body) == (command, headers, body)


@every_frame
def test_an_event_from_a_frame_equals_the_one_made_by_hand(
    command: str, event: Event, headers: list[tuple[str, str]], body: bytes
) -> None:
    viewed = event_from_frame(Frame(command, headers, body))
    assert type(viewed) is type(event)
    assert viewed == event
    assert hash(viewed) == hash(event)
    assert viewed.content_length_wanted


@every_frame
def test_other_headers_follow_in_order_with_repeats(
    command: str, event: Event, headers: list[tuple[str, str]], body: bytes
) -> None:
    more = [("x", "1"), ("y", "2"), ("x", "3")]
    required: dict[type[Event], dict[str, str]] = {
        Send: {"destination": "/q"},
        Subscribe: {"destination": "/q"},
        Message: {"destination": "/q", "message_id": "m"},
        Receipt: {"receipt_id": "r"},
        **{kind: {"transaction": "t"} for kind in (Begin, Commit, Abort)},
    }
    make: Any = type(event)
    made = make(**required.get(type(event), {}), headers=more)
    assert made.headers.items()[-3:] == more
    assert made.headers.get("x") == "1"


def test_missing_optional_fields_read_as_their_default() -> None:
    connect = Connect()
    assert (connect.host, connect.login, connect.passcode) == (None, None, None)
    assert (connect.accept_version, connect.heart_beat) == (("1.0",), (0, 0))
    connected = Connected()
    assert (connected.version, connected.session, connected.server, connected.heart_beat) == (
        "1.0",
        None,
        None,
        (0, 0),
    )
    send = Send("/q")
    assert (send.body, send.content_type, send.content_length, send.transaction, send.receipt) == (
        b"",
        None,
        None,
        None,
        None,
    )
    subscribe = Subscribe("/q")
    assert (subscribe.id, subscribe.ack, subscribe.receipt) == (None, "auto", None)
    unsubscribe = Unsubscribe()
    assert (unsubscribe.id, unsubscribe.destination, unsubscribe.receipt) == (None, None, None)
    ack = Ack()
    assert (ack.id, ack.message_id, ack.subscription, ack.transaction, ack.receipt) == (None,) * 5
    message = Message("/q", message_id="m")
    assert (message.subscription, message.ack, message.content_type, message.content_length) == (None,) * 4
    error = Error()
    assert (error.message, error.receipt_id, error.body, error.content_type) == ("", None, b"", None)


def test_missing_required_fields_read_as_empty() -> None:
    for command, field in (
        ("SEND", "destination"),
        ("SUBSCRIBE", "destination"),
        ("BEGIN", "transaction"),
        ("RECEIPT", "receipt_id"),
        ("MESSAGE", "destination"),
        ("MESSAGE", "message_id"),
    ):
        assert getattr(event_from_frame(Frame(command)), field) == ""


def test_fields_of_received_frames() -> None:
    connect = parsed(
        b"STOMP\naccept-version:1.0, 1.1 ,,2.0\nhost:h\nlogin:l\npasscode:p\nheart-beat:3,4\n\n\0", None
    )
    assert isinstance(connect, Connect)
    assert (connect.accept_version, connect.host, connect.login) == (("1.0", "1.1", "2.0"), "h", "l")
    assert (connect.passcode, connect.heart_beat) == ("p", (3, 4))
    connected = parsed(b"CONNECTED\nversion:1.1\nsession:s\nserver:x/1 y\nheart-beat:0,9\n\n\0", None)
    assert (connected.version, connected.session, connected.server, connected.heart_beat) == (
        "1.1",
        "s",
        "x/1 y",
        (0, 9),
    )
    send = parsed(
        b"SEND\ndestination:/q\ntransaction:t\nreceipt:r\ncontent-type:a/b\ncontent-length:3\n\n\0\0\0\0"
    )
    assert (send.destination, send.transaction, send.receipt) == ("/q", "t", "r")
    assert (send.content_type, send.content_length, send.body) == ("a/b", 3, b"\0\0\0")
    subscribe = parsed(b"SUBSCRIBE\nid:s\ndestination:/q\nack:client\nreceipt:r\n\n\0")
    assert (subscribe.id, subscribe.destination, subscribe.ack, subscribe.receipt) == (
        "s",
        "/q",
        "client",
        "r",
    )
    unsubscribe = parsed(b"UNSUBSCRIBE\nid:s\ndestination:/q\n\n\0")
    assert (unsubscribe.id, unsubscribe.destination) == ("s", "/q")
    ack = parsed(b"ACK\nid:a\nmessage-id:m\nsubscription:s\ntransaction:t\nreceipt:r\n\n\0")
    assert (ack.id, ack.message_id, ack.subscription, ack.transaction, ack.receipt) == (
        "a",
        "m",
        "s",
        "t",
        "r",
    )
    assert parsed(b"COMMIT\ntransaction:t\n\n\0").transaction == "t"
    message = parsed(
        b"MESSAGE\nsubscription:s\nmessage-id:m\ndestination:/q\nack:a\ncontent-type:a/b\ncontent-length:1\n\nx\0"
    )
    assert (message.subscription, message.message_id, message.destination, message.ack) == (
        "s",
        "m",
        "/q",
        "a",
    )
    assert (message.content_type, message.content_length, message.body) == ("a/b", 1, b"x")
    assert parsed(b"RECEIPT\nreceipt-id:r\n\n\0").receipt_id == "r"
    error = parsed(b"ERROR\nmessage:m\nreceipt-id:r\n\nwhy\0")
    assert (error.message, error.receipt_id, error.body) == ("m", "r", b"why")


def test_the_first_of_repeated_headers_counts_unescaped() -> None:
    message = parsed(
        b"MESSAGE\nsubscription:a\\cb\nsubscription:late\nmessage-id:m\\\\\ndestination:/q\\n\nack:\nack:x\n\n\0"
    )
    assert (message.subscription, message.message_id, message.destination, message.ack) == (
        "a:b",
        "m\\",
        "/q\n",
        "",
    )


def test_a_malformed_heart_beat_reads_as_0_0() -> None:
    assert Connect(headers={"heart-beat": "x"}).heart_beat == (0, 0)
    assert Connected(headers={"heart-beat": "1"}).heart_beat == (0, 0)


# ------------------------------------------------------------------------ what the caller may send


CLASHES: list[tuple[Any, str]] = [
    (lambda headers: Send("/q", headers=headers), "destination"),
    (lambda headers: Send("/q", receipt="r", headers=headers), "receipt"),
    (lambda headers: Send("/q", transaction="t", headers=headers), "transaction"),
    (lambda headers: Send("/q", content_type="a/b", headers=headers), "content-type"),
    (lambda headers: Subscribe("/q", id="s", headers=headers), "id"),
    (lambda headers: Subscribe("/q", ack="client", headers=headers), "ack"),
    (lambda headers: Unsubscribe("s", headers=headers), "id"),
    (lambda headers: Ack("a", headers=headers), "id"),
    (lambda headers: Nack(message_id="m", headers=headers), "message-id"),
    (lambda headers: Begin("t", headers=headers), "transaction"),
    (lambda headers: Disconnect(receipt="r", headers=headers), "receipt"),
    (lambda headers: Connect(host="h", headers=headers), "host"),
    (lambda headers: Connect(heart_beat=(1, 2), headers=headers), "heart-beat"),
    (lambda headers: Connect(accept_version=("1.2",), headers=headers), "accept-version"),
    (lambda headers: Connected(version="1.2", headers=headers), "version"),
    (lambda headers: Message("/q", message_id="m", headers=headers), "message-id"),
    (lambda headers: Receipt("r", headers=headers), "receipt-id"),
    (lambda headers: Error("no", headers=headers), "message"),
]


@pytest.mark.parametrize(("make", "name"), CLASHES, ids=[name for _, name in CLASHES])
def test_headers_never_override_arguments(make: Any, name: str) -> None:
    with pytest.raises(LocalProtocolError, match=f"'{name}' is given twice") as caught:
        make({name: "other"})
    assert caught.value.code == "header-clash"
    stated = make(()).headers[name]
    assert make({name: stated}).headers.get_all(name) == [stated], (
        "the same value twice is no clash, and is written once"
    )


def test_a_clash_of_passcodes_shows_neither() -> None:
    with pytest.raises(LocalProtocolError) as caught:
        Connect(passcode="secret", headers={"passcode": "hidden"})
    assert str(caught.value) == "header 'passcode' is given twice: as an argument and in headers"
    with pytest.raises(LocalProtocolError) as caught:
        Connect(login="one", headers={"login": "two"})
    assert str(caught.value) == (
        "header 'login' is given twice, as 'one' and 'two': as an argument and in headers"
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda bad: Send(bad),
        lambda bad: Subscribe(bad),
        lambda bad: Begin(bad),
        lambda bad: Commit(bad),
        lambda bad: Abort(bad),
        lambda bad: Receipt(bad),
        lambda bad: Message(bad, message_id="m"),
        lambda bad: Message("/q", message_id=bad),
    ],
)
def test_required_arguments_cannot_be_none(make: Any) -> None:
    with pytest.raises(LocalProtocolError, match="is required, got None") as caught:
        make(None)
    assert caught.value.code == "missing-header"


@pytest.mark.parametrize("value", [1, b"s", True, 1.5])
def test_header_values_must_be_str(value: Any) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        Subscribe("/q", id=value)
    assert caught.value.code == "not-text"
    with pytest.raises(LocalProtocolError):
        Send("/q", headers={"x": value})


@pytest.mark.parametrize("event", [Connect, Connected, Send, Ack, Message, Receipt, Error, Disconnect])
@pytest.mark.parametrize("command", ["CONNECT", "STOMP", "CONNECTED", "SEND", "NACK", "MESSAGE", "send", ""])
def test_an_event_is_made_of_a_frame_that_fits(event: type[Event], command: str) -> None:
    """A Send that is a CONNECTED frame made the connection fail with an AssertionError."""
    fits = command == event.command or (event is Connect and command == "STOMP")
    if fits:
        assert event.from_frame(Frame(command)).frame.command == command
    else:
        with pytest.raises(LocalProtocolError, match=f"{event.__name__} is made of a {event.command} frame"):
            event.from_frame(Frame(command))


def test_accept_version_is_written_in_increasing_order() -> None:
    connect = Connect(accept_version=["2.0", "1.10", "1.2", "1.9", "1.2"])
    assert connect.headers["accept-version"] == "1.2,1.9,1.10,2.0"


@pytest.mark.parametrize(
    "wrong", ["", "1", "1.2,1.1", " 1.2", "1.2\n", "1.x", "1.2.3", "\u0661.2", "1" * 5000]
)
def test_accept_version_must_be_versions(wrong: str) -> None:
    with pytest.raises(LocalProtocolError, match="must be versions as in") as caught:
        Connect(accept_version=["1.1", wrong])
    assert caught.value.code == "bad-header-value"


@pytest.mark.parametrize("wrong", [1.2, None, b"1.2", 12])
def test_accept_version_must_be_text(wrong: Any) -> None:
    with pytest.raises(TypeError, match="must be versions as str"):
        Connect(accept_version=[wrong])


@pytest.mark.parametrize(
    ("offer", "known"),
    [
        ("accept-version:1.2\n", ("1.2",)),
        ("accept-version:1.3,1.2, 1.1 ,2.0\n", ("1.1", "1.2")),
        ("accept-version:1.2,1.2\n", ("1.2",)),
        ("accept-version:1.3\n", ()),
        ("accept-version:\n", ()),
        ("", ("1.0",)),
    ],
)
def test_the_known_versions_of_an_offer(offer: str, known: tuple[str, ...]) -> None:
    """A client may offer versions that come after this library."""
    connect = parsed(f"CONNECT\n{offer}host:h\n\n\0".encode(), None)
    assert isinstance(connect, Connect)
    assert connect.known_versions == known


def test_accept_version_cannot_be_one_str() -> None:
    with pytest.raises(TypeError, match="several versions"):
        Connect(accept_version="1.2")


def test_headers_may_be_an_iterator() -> None:
    source: HeaderSource = iter([("content-type", "a/b"), ("x", "1")])
    assert Send("/q", "text", headers=source).headers.items() == [
        ("destination", "/q"),
        ("content-type", "a/b"),
        ("x", "1"),
    ]


# ------------------------------------------------------------------------ bodies


TEXT_MAKERS: list[tuple[str, Any, str]] = [
    ("Send", lambda **arguments: Send("/q", **arguments), "text/plain;charset=utf-8"),
    ("Message", lambda **arguments: Message("/q", message_id="m", **arguments), "text/plain;charset=utf-8"),
    ("Error", lambda **arguments: Error("m", **arguments), "text/plain"),
]
text_makers = pytest.mark.parametrize(
    ("make", "default"), [row[1:] for row in TEXT_MAKERS], ids=[row[0] for row in TEXT_MAKERS]
)


@text_makers
def test_text_is_encoded_as_utf_8_with_a_content_type(make: Any, default: str) -> None:
    event = make(body="hé")
    assert (event.body, event.content_type, event.text) == (b"h\xc3\xa9", default, "hé")


@text_makers
def test_bytes_get_no_content_type(make: Any, default: str) -> None:
    for body in (b"a", bytearray(b"a"), memoryview(b"a")):
        assert (make(body=body).body, make(body=body).content_type) == (b"a", None)
    assert make(body="").content_type is None, "without a body there is no type"


@text_makers
def test_the_caller_may_state_the_content_type_of_text(make: Any, default: str) -> None:
    assert make(body="x", content_type="text/html").content_type == "text/html"
    assert make(body="x", headers={"content-type": "text/html"}).content_type == "text/html"


def test_other_bodies_are_refused() -> None:
    body: Any = 5
    with pytest.raises(TypeError):
        Send("/q", body)


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        (None, b"h\xc3\xa9", "hé"),
        ("text/plain", b"h\xc3\xa9", "hé"),
        ("text/html;charset=utf-16-le", b"h\0", "h"),
        ('text/html; Charset="latin-1"', b"\xe9", "é"),
        ("application/xml;a=b ; charset = latin-1", b"\xe9", "é"),
        ("text/plain;format=flowed", b"h\xc3\xa9", "hé"),
        ("charset=latin-1", b"h\xc3\xa9", "hé"),
    ],
)
def test_text_is_decoded_in_the_charset_of_its_type(content_type: str | None, body: bytes, text: str) -> None:
    assert Send("/q", body, content_type=content_type).text == text


def test_a_body_that_is_not_text_raises() -> None:
    with pytest.raises(UnicodeDecodeError):
        _ = Send("/q", b"\xff").text
    with pytest.raises(LookupError):
        _ = Send("/q", b"x", content_type="text/plain;charset=klingon").text


# ------------------------------------------------------------------------ acknowledging


@pytest.mark.parametrize(
    ("version", "headers"),
    [
        ("1.0", [("message-id", "m")]),
        ("1.1", [("message-id", "m"), ("subscription", "s")]),
        ("1.2", [("id", "a")]),
    ],
)
def test_acknowledge_and_reject_in_every_version(version: str, headers: list[tuple[str, str]]) -> None:
    message = parsed(b"MESSAGE\nsubscription:s\nmessage-id:m\ndestination:/q\nack:a\n\n\0", version)
    more = [("transaction", "t"), ("receipt", "r"), ("x", "y")]
    ack = message.acknowledge(transaction="t", receipt="r", headers={"x": "y"})
    nack = message.reject(transaction="t", receipt="r", headers={"x": "y"})
    assert (type(ack), ack.headers.items()) == (Ack, headers + more)
    assert (type(nack), nack.headers.items()) == (Nack, headers + more)
    assert message.acknowledge().headers.items() == headers
    assert message.reject().headers.items() == headers


def test_in_1_2_acknowledge_needs_an_ack_header() -> None:
    message = parsed(b"MESSAGE\nsubscription:s\nmessage-id:m\ndestination:/q\n\n\0")
    with pytest.raises(LocalProtocolError, match="auto mode") as caught:
        message.acknowledge()
    assert caught.value.code == "not-acknowledgeable"


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_before_1_2_acknowledge_needs_no_ack_header(version: str) -> None:
    message = parsed(b"MESSAGE\nsubscription:s\nmessage-id:m\ndestination:/q\n\n\0", version)
    assert message.acknowledge().message_id == "m"


def test_acknowledge_of_a_message_made_by_hand() -> None:
    """Its headers decide."""
    assert Message("/q", message_id="m", subscription="s", ack="a").acknowledge() == Ack("a")
    assert Message("/q", message_id="m", subscription="s").reject() == Nack(message_id="m", subscription="s")


# ------------------------------------------------------------------------ comparison and repr


def test_events_are_equal_by_class_and_frame() -> None:
    assert Begin("t") == Begin("t")
    assert Begin("t") != Begin("u")
    assert Begin("t") != Commit("t")
    assert Begin("t") != "BEGIN"
    assert Begin("t") == mock.ANY, "what is no event may have a send"
    assert Connect(host="h") != Connect(host="h", command="STOMP")
    assert len({Ack("a"), Ack("a"), Nack("a")}) == 2


def test_the_repr_shows_headers_and_the_start_of_the_body() -> None:
    assert repr(Begin("t")) == "Begin(Headers([('transaction', 't')]))"
    assert repr(Send("/q", b"x")) == "Send(Headers([('destination', '/q')]), body=b'x')"
    assert repr(Send("/q", b"x" * 60)).endswith(f"body={b'x' * 60!r})")
    assert repr(Send("/q", b"x" * 61)).endswith(f"body={b'x' * 60!r}...)")
    assert "secret" not in repr(Connect(passcode="secret"))


STACK_TRACE = """\
java.lang.SecurityException: User name is invalid.
\tat org.apache.activemq.security.SimpleAuthenticationBroker.authenticate(SimpleAuthenticationBroker.java:103)
\tat org.apache.activemq.security.AbstractAuthenticationBroker.addConnection(AbstractAuthenticationBroker.java:62)
"""


@pytest.mark.parametrize(
    ("error", "description"),
    [
        (Error("no"), "no"),
        (Error("no", body="why\n  so"), "no: why"),
        (Error("no", body="\n  why\n"), "no: why"),
        (Error(body="why\nso"), "why"),
        (Error("no\nat all", body="why"), "no: why"),
        (Error(body="\x1b[31mred\u2028"), "\\x1b[31mred"),
        (Error("User name is invalid.", body=STACK_TRACE), "User name is invalid."),
        (Error(body=STACK_TRACE), "java.lang.SecurityException: User name is invalid."),
        (Error(body="why"), "why"),
        (Error("same", body="same\n"), "same"),
        (Error(), "the server gave no reason"),
        (Error("no", body=b"\xff"), "no: \ufffd"),
        (Error(body="x" * 2000), "x" * 300 + "..."),
        (Error("y" * 301, body="why"), "y" * 300 + "...: why"),
    ],
)
def test_the_description_of_an_error_is_one_line(error: Error, description: str) -> None:
    assert error.description == description


def test_tolerated_has_a_code_and_a_description() -> None:
    events = Tolerated("bad-heart-beat", "a sentence")
    assert (events.code, events.description) == ("bad-heart-beat", "a sentence")
    assert events == Tolerated("bad-heart-beat", "another")
    assert hash(events) == hash(Tolerated("bad-heart-beat", "another"))
    assert events != Tolerated("other", "a sentence")
    assert events != "bad-heart-beat"
    assert repr(events) == "Tolerated('bad-heart-beat', 'a sentence')"


def test_only_stomp_commands_become_events() -> None:
    with pytest.raises(LocalProtocolError, match="'HELLO' is not a STOMP command") as caught:
        event_from_frame(Frame("HELLO"))
    assert caught.value.code == "unknown-command"


@pytest.mark.parametrize("version", VERSIONS)
def test_an_event_is_a_view_of_its_frame(version: str) -> None:
    parser = FrameParser(version)
    parser.receive_data(b"SEND\ndestination:/q\n\nbody\0")
    frame = parser.next_frame()
    assert isinstance(frame, Frame)
    event = event_from_frame(frame)
    assert event.frame is frame
    assert event.headers is frame.headers


def test_content_length_may_be_left_out_of_a_send() -> None:
    assert Send("/q", b"x").content_length_wanted
    assert not Send("/q", b"x", content_length=False).content_length_wanted
    frame = Frame("SEND", [("destination", "/q")], b"x")
    assert Send.from_frame(frame).content_length_wanted
    assert not Send.from_frame(frame, content_length=False).content_length_wanted
