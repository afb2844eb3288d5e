"""Checker: what breaks STOMP is found in both directions, and checking goes on behind it."""

from __future__ import annotations

import pytest

from stomp_testing import Broker, Checker, FaultProxy, Record, Recorder, Violation

from .wire import Wire

CONNECT = b"CONNECT\naccept-version:1.2\nhost:/\n\n\0"
CONNECTED = b"CONNECTED\nversion:1.2\n\n\0"
SUBSCRIBE = b"SUBSCRIBE\nid:1\ndestination:/queue/a\nack:client-individual\n\n\0"


def checked(*sent: bytes) -> list[str]:
    """Return the violations, as ``"direction code"``; what a server sends begins with a command of a server."""
    checker = Checker()
    found: list[str] = []

    def check(record: Record) -> None:
        for violation in checker.check(record.direction, record.what):
            found.append(f"{record.direction} {violation.code}")

    recorder = Recorder(check)
    for data in sent:
        of_server = data.startswith((b"CONNECTED", b"MESSAGE", b"RECEIPT", b"ERROR"))
        recorder.note(1, "to-client" if of_server else "to-server", data)
    return found


def message(number: int, subscription: str = "1") -> bytes:
    head = (
        f"MESSAGE\ndestination:/queue/a\nmessage-id:{number}\nsubscription:{subscription}\nack:{number}\n\n"
    )
    return head.encode() + b"x\0"


def test_an_ordinary_conversation_breaks_no_rule() -> None:
    assert (
        checked(
            CONNECT,
            CONNECTED,
            SUBSCRIBE,
            message(1),
            b"ACK\nid:1\n\n\0",
            b"UNSUBSCRIBE\nid:1\n\n\0",
            message(2),  # it was on its way
            b"DISCONNECT\nreceipt:9\n\n\0",
            b"RECEIPT\nreceipt-id:9\n\n\0",
        )
        == []
    )


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2"])
def test_a_server_may_choose_any_version_that_was_offered(version: str) -> None:
    connect = b"CONNECT\naccept-version:1.0,1.1,1.2\nhost:/\n\n\0"
    assert checked(connect, f"CONNECTED\nversion:{version}\n\n\0".encode(), message(1)) == [
        "to-client unknown-subscription"
    ]


def test_a_client_of_1_0_needs_no_host() -> None:
    assert checked(b"CONNECT\n\n\0", b"CONNECTED\n\n\0", b"SUBSCRIBE\ndestination:/queue/a\n\n\0") == []


@pytest.mark.parametrize(
    ("frame", "found"),
    [
        (b"ACK\nid:7\n\n\0", "to-server not-acknowledgeable"),
        (b"SEND\n\nx\0", "to-server missing-header"),
        (b"SUBSCRIBE\nid:1\ndestination:/queue/b\n\n\0", "to-server duplicate-subscription"),
        (b"COMMIT\ntransaction:t\n\n\0", "to-server unknown-transaction"),
        (b"SEND\ndestination:a\\x\n\n\0", "to-server undefined-escape"),
        (b"BEGIN\ntransaction:t\n\nbody\0", "to-server body-not-allowed"),
        (message(2, "other"), "to-client unknown-subscription"),
        (b"MESSAGE\nsubscription:1\n\n\0", "to-client missing-header"),
        (b"RECEIPT\n\n\0", "to-client missing-header"),
        (CONNECTED, "to-client unexpected-frame"),
    ],
)
def test_a_violation_is_found_and_checking_goes_on(frame: bytes, found: str) -> None:
    assert checked(CONNECT, CONNECTED, SUBSCRIBE, frame) == [found]
    assert checked(CONNECT, CONNECTED, SUBSCRIBE, frame, message(1), b"ACK\nid:1\n\n\0") == [found]
    last = b"NACK\nid:none\n\n\0"
    assert checked(CONNECT, CONNECTED, SUBSCRIBE, frame, last) == [found, "to-server not-acknowledgeable"]


@pytest.mark.parametrize(
    ("connect", "connected", "found"),
    [
        (b"CONNECT\naccept-version:1.2\n\n\0", CONNECTED, ["to-server missing-header"]),
        (CONNECT, b"CONNECTED\nversion:1.1\n\n\0", ["to-client version-not-offered"]),
        (CONNECT, b"CONNECTED\nversion:1.2\nheart-beat:often\n\n\0", ["to-client bad-heart-beat"]),
        (b"CONNECT\naccept-version:9.9\nhost:/\n\n\0", b"ERROR\n\n\0", ["to-server version-not-shared"]),
    ],
)
def test_the_handshake_is_checked(connect: bytes, connected: bytes, found: list[str]) -> None:
    assert checked(connect, connected) == found


def test_connect_is_sent_once() -> None:
    assert checked(CONNECT, CONNECTED, CONNECT) == ["to-server unexpected-frame"]
    assert checked(CONNECT, CONNECT) == ["to-server unexpected-frame"]


@pytest.mark.parametrize("answer", [CONNECTED, b"ERROR\nmessage:no\n\n\0"])
def test_frames_directly_behind_connect_are_no_violation(answer: bytes) -> None:
    assert checked(CONNECT, SUBSCRIBE, b"SEND\ndestination:/queue/a\n\n\0", answer) == []


def test_what_was_sent_before_connected_is_known_behind_it() -> None:
    assert checked(CONNECT, SUBSCRIBE, CONNECTED, message(1), b"ACK\nid:1\n\n\0", b"ACK\nid:1\n\n\0") == [
        "to-server not-acknowledgeable"
    ]


def test_a_violation_behind_connect_is_found_when_it_comes_and_once() -> None:
    sends = b"SEND\n\n\0"
    assert checked(CONNECT, sends) == ["to-server missing-header"]
    assert checked(CONNECT, sends, CONNECTED) == ["to-server missing-header"]


def test_after_error_a_server_sends_nothing() -> None:
    assert checked(CONNECT, CONNECTED, SUBSCRIBE, b"ERROR\nmessage:no\n\n\0", message(1)) == [
        "to-client unexpected-frame"
    ]


def test_bytes_that_are_not_stomp_are_a_violation() -> None:
    assert checked(b"\x16\x03\x01") == ["to-server unexpected-byte"]


def test_a_violation_names_its_section() -> None:
    text = str(Violation("undefined-escape", "an escape"))
    assert text == 'an escape (STOMP 1.2, "Value Encoding")'


def test_the_embedded_broker_breaks_no_rule() -> None:
    checker = Checker()
    found: list[Violation] = []
    recorder = Recorder(lambda record: found.extend(checker.check(record.direction, record.what)))
    with Broker() as broker, FaultProxy(broker.url, recorder=recorder) as proxy, Wire(proxy.port) as wire:
        wire.connect()
        wire.send("SUBSCRIBE\nid:1\ndestination:/queue/a\nack:client\n\n")
        wire.send("SEND\ndestination:/queue/a\nreceipt:1\n\nhello")
        assert {wire.receive().partition("\n")[0] for _ in range(2)} == {"MESSAGE", "RECEIPT"}
        wire.send("DISCONNECT\nreceipt:2\n\n")
        assert wire.receive().startswith("RECEIPT")
    assert found == []
