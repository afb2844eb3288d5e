"""The straight paths of a client against the general ones: the same bytes, the same tracked state, the same refusals.

A MESSAGE that comes behind one of another subscription takes the general path of what is received. A list of headers in
place of a dict, on a new connection, takes that of what is sent.
"""

from __future__ import annotations

from enum import Enum
from functools import partial
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stomp_core import (
    NEED_DATA,
    Abort,
    Begin,
    ClientConnection,
    Commit,
    Connect,
    Event,
    Frame,
    Leniency,
    LocalProtocolError,
    Message,
    RemoteProtocolError,
    Send,
    StompError,
)

VERSIONS = ["1.0", "1.1", "1.2"]
TEXTS = st.text(alphabet='ab:\\\n\r\0 \xe9"', max_size=4)
HEADERS = st.dictionaries(TEXTS, TEXTS, max_size=3)


def connected(version: str) -> ClientConnection:
    conn = ClientConnection([version])
    conn.send(Connect(host="h"), now=0.0)
    conn.receive_data(f"CONNECTED\nversion:{version}\n\n\0".encode(), now=0.0)
    conn.next_event()
    return conn


def outcome(call: Any) -> Any:
    """Return what a call returns, or the error that it raises."""
    try:
        return call()
    except StompError as error:
        return type(error), error.code, str(error)


# ---------------------------------------------------------------------- SEND


@given(
    version=st.sampled_from(VERSIONS),
    destination=st.one_of(TEXTS, st.just("/queue/a")),
    headers=HEADERS,
    bodies=st.lists(st.one_of(st.binary(max_size=3), st.text(max_size=2)), min_size=1, max_size=3),
    content_type=st.one_of(st.none(), TEXTS),
    receipt=st.one_of(st.none(), TEXTS, st.just("r-1")),
    content_length=st.booleans(),
)
@example("1.2", "/queue/a", {}, [b"", b"x"], None, "r-1", True)
@example("1.0", "/queue/a", {"a": " b"}, [b"x", b"x", b"x"], None, None, True)
@example("1.2", "/queue/a", {"destination": "/queue/a"}, [b"x"], None, None, True)
@example("1.2", "/queue/a", {"destination": "/queue/b"}, [b"x"], None, None, True)
@example("1.2", "/queue/a", {"receipt": "r-1"}, [b"x"], None, "r-1", True)
@example("1.2", "/queue/a", {"content-length": "1"}, [b"x", b"y", b"zz"], None, None, True)
@example("1.2", "/queue/a", {"a:b": "c", "d": "e\nf"}, [b"x"] * 3, None, None, True)
def test_sends_are_written_as_if_each_were_the_first(
    version: str,
    destination: str,
    headers: dict[str, str],
    bodies: list[bytes | str],
    content_type: str | None,
    receipt: str | None,
    content_length: bool,
) -> None:
    """Each message three times, so that it is new, comes again, and is known; and against a list of pairs."""
    options: dict[str, Any] = {
        "content_type": content_type, "receipt": receipt, "content_length": content_length
    }  # fmt: skip
    conn = connected(version)
    for body in bodies:
        expected = outcome(
            lambda body=body: general(version).send(
                Send(destination, body, headers=list(headers.items()), **options), now=1.0
            )
        )
        for _ in range(3):
            as_event = outcome(
                lambda body=body: conn.send(Send(destination, body, headers=headers, **options), now=1.0)
            )
            as_call = outcome(
                lambda body=body: conn.send(destination, body, headers=headers, now=1.0, **options)
            )
            assert as_event == expected
            assert as_call == expected
    assert conn.next_event() is NEED_DATA


def general(version: str) -> ClientConnection:
    """Return a connection that is new: it knows no headers."""
    return connected(version)


class Colour(str, Enum):  # noqa: UP042 -- the older way, whose members have a hash of their own
    RED = "red"


class Careless(str):
    """It equals every text that differs in case only."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and self.lower() == other.lower()

    def __hash__(self) -> int:
        return hash(self.lower())


def test_what_compares_equal_and_is_written_differently_is_not_confused() -> None:
    conn = connected("1.2")
    for _ in range(3):
        assert b"\na:x\n" in conn.send("/q", b"", headers={"a": "x"}, now=1.0)
        assert b"\na:X\n" in conn.send("/q", b"", headers={"a": Careless("X")}, now=1.0)
        odd: dict[str, str] = {Careless("A"): "x"}
        assert b"\nA:x\n" in conn.send("/q", b"", headers=odd, now=1.0)
        assert b"destination:/Q\n" in conn.send(Careless("/Q"), b"", headers={"a": "x"}, now=1.0)
        assert b"\na:red\n" in conn.send("/q", b"", headers={"a": Colour.RED}, now=1.0)
        assert b"\na:red\n" in conn.send("/q", b"", headers={"a": "red"}, now=1.0)


@pytest.mark.parametrize("value", [1, True, 1.0, None, b"1", ["1"], {"a": "1"}])
def test_what_is_no_text_is_refused_however_often_it_comes(value: Any) -> None:
    conn = connected("1.2")
    for _ in range(3):
        conn.send("/q", b"", headers={"a": "1"}, now=1.0)
        with pytest.raises(TypeError, match="not a str"):
            conn.send("/q", b"", headers={"a": value}, now=1.0)
        with pytest.raises((TypeError, LocalProtocolError)):
            conn.send(value, b"", headers={"a": "1"}, now=1.0)


def test_a_mapping_that_the_caller_changes_is_seen_as_it_is() -> None:
    conn = connected("1.2")
    headers = {"a": "1"}
    for _ in range(3):
        assert b"\na:1\n" in conn.send("/q", b"", headers=headers, now=1.0)
    headers["a"] = "2"
    headers["b"] = "3"
    for _ in range(3):
        assert b"\na:2\nb:3\n" in conn.send("/q", b"", headers=headers, now=1.0)


def test_headers_are_written_in_the_order_of_the_caller() -> None:
    """Two dicts are equal whatever their order is, but a frame keeps it."""
    conn = connected("1.2")
    for _ in range(3):
        assert b"\na:1\nb:2\n" in conn.send("/q", b"", headers={"a": "1", "b": "2"}, now=1.0)
        assert b"\nb:2\na:1\n" in conn.send("/q", b"", headers={"b": "2", "a": "1"}, now=1.0)


def test_headers_that_are_known_name_an_open_transaction_only() -> None:
    conn = connected("1.2")
    for _ in range(3):
        with pytest.raises(LocalProtocolError, match="no transaction 't' is open"):
            conn.send("/q", b"", headers={"transaction": "t"}, now=1.0)
    conn.send(Begin("t"), now=1.0)
    for _ in range(3):
        assert b"\ntransaction:t\n" in conn.send("/q", b"", headers={"transaction": "t"}, now=1.0)
    conn.send(Commit("t"), now=1.0)
    for _ in range(3):
        with pytest.raises(LocalProtocolError, match="no transaction 't' is open"):
            conn.send("/q", b"", headers={"transaction": "t"}, now=1.0)


def test_known_headers_are_written_for_the_version_of_each_connection() -> None:
    connections = {version: connected(version) for version in VERSIONS}
    for _ in range(3):
        for version, conn in connections.items():
            if version == "1.0":
                with pytest.raises(LocalProtocolError):
                    conn.send("/q", b"", headers={"a": "x\ny"}, now=1.0)
            else:
                assert b"\na:x\\ny\n" in conn.send("/q", b"", headers={"a": "x\ny"}, now=1.0)
            value = b"x\\cy" if version != "1.0" else b"x:y"
            assert b"\na:" + value + b"\n" in conn.send("/q", b"", headers={"a": "x:y"}, now=1.0)


def test_a_straight_path_counts_as_a_sign_of_life_and_checks_now() -> None:
    conn = ClientConnection(["1.2"])
    conn.send(Connect(host="h", heart_beat=(1000, 0)), now=0.0)
    conn.receive_data(b"CONNECTED\nversion:1.2\nheart-beat:0,1000\n\n\0", now=0.0)
    conn.next_event()
    for second in range(1, 5):
        conn.send("/q", b"x", now=float(second))
        assert conn.next_deadline() == pytest.approx(second + 0.8)
    with pytest.raises(ValueError, match="finite"):
        conn.send("/q", b"x", now=float("nan"))
    with pytest.raises(TypeError, match="needs now="):
        conn.send("/q", b"x")
    assert conn.next_deadline() == pytest.approx(4.8)


# ---------------------------------------------------------------------- MESSAGE and ACK


def send(event: Event, conn: ClientConnection) -> bytes:
    return conn.send(event, now=1.0)


IDS = st.sampled_from(["1", "2", "a:\\b"])
SUBSCRIPTIONS = st.sampled_from(["s", "s", "s:1"])
STEPS = st.one_of(
    st.tuples(st.just("message"), SUBSCRIPTIONS, IDS),
    st.tuples(st.just("message"), SUBSCRIPTIONS, IDS),
    st.tuples(st.just("ack"), SUBSCRIPTIONS, IDS),
    st.tuples(st.just("ack"), SUBSCRIPTIONS, IDS),
    st.tuples(st.sampled_from(["nack", "ack in transaction"]), SUBSCRIPTIONS, IDS),
    st.tuples(st.sampled_from(["begin", "commit", "abort", "unsubscribe", "subscribe"]), SUBSCRIPTIONS, IDS),
)
MODES = st.sampled_from(["auto", "client", "client-individual"])


#: A message of another subscription, behind which no message is like the one before it.
DUMMY = b"MESSAGE\nsubscription:dummy\nmessage-id:0\ndestination:/q\n\n\0"


class Double:
    """Two connections: one takes the straight paths where it can, the other one never."""

    def __init__(self, version: str, covers: bool) -> None:
        self.straight, self.general = connected(version), connected(version)
        self.version = version
        for conn in (self.straight, self.general):
            conn.ack_covers_connection = covers
            conn.subscribe("/dummy", id="dummy", now=1.0)
        self.messages: dict[tuple[str, str], tuple[Message, Message]] = {}
        self.results: list[Any] = []

    def both(self, call: Any) -> None:
        straight, general = (outcome(partial(call, conn)) for conn in (self.straight, self.general))
        assert straight == general

    def message(self, subscription: str, id: str) -> bool:
        headers = [("destination", "/q"), ("message-id", id), ("subscription", subscription), ("ack", id)]
        wire = Frame("MESSAGE", headers if self.version != "1.0" else headers[:3]).to_bytes(self.version)
        self.straight.receive_data(wire, now=1.0)
        self.general.receive_data(DUMMY + wire, now=1.0)
        assert isinstance(self.general.next_event(), Message)
        received = [outcome(conn.next_event) for conn in (self.straight, self.general)]
        if not all(isinstance(event, Message) for event in received):
            assert received[0] == received[1]
            return False
        self.messages[subscription, id] = received[0], received[1]
        return True

    def ack(self, subscription: str, id: str) -> None:
        pair = self.messages.get((subscription, id))
        if pair is None:
            return

        def on_straight_path() -> bytes:
            wire = self.straight.ack_received(pair[0], 1.0)
            return self.straight.ack(pair[0], now=1.0) if wire is None else wire

        assert outcome(on_straight_path) == outcome(lambda: self.general.ack(pair[1], now=1.0))

    def settle(self, step: str, subscription: str, id: str) -> None:
        for conn, message in zip(
            (self.straight, self.general), self.messages.get((subscription, id), ()), strict=False
        ):
            event = outcome(
                message.reject if step == "nack" else partial(message.acknowledge, transaction="t")
            )
            self.results.append(outcome(partial(send, event, conn)) if isinstance(event, Event) else event)
        assert self.results[::2] == self.results[1::2]

    def compare(self) -> None:
        assert [(each.id, each.unacknowledged) for each in self.straight.subscriptions] == [
            (each.id, each.unacknowledged) for each in self.general.subscriptions
        ]
        assert self.straight.transactions == self.general.transactions


@given(
    version=st.sampled_from([*VERSIONS, "1.2", "1.2"]),
    modes=st.tuples(MODES, MODES),
    covers=st.booleans(),
    steps=st.lists(STEPS, max_size=20),
)
@example(
    "1.2",
    ("client", "auto"),
    False,
    [("message", "s", "1"), ("message", "s", "2"), ("message", "s", "1"), ("ack", "s", "2")],
)
@example(
    "1.2",
    ("client", "client"),
    True,
    [("message", "s:1", "1"), ("message", "s", "2"), ("message", "s", "1"), ("ack", "s", "2")],
)
@example(
    "1.2",
    ("client", "auto"),
    False,
    [
        ("message", "s", "1"),
        ("message", "s", "2"),
        ("unsubscribe", "s", "1"),
        ("subscribe", "s", "1"),
        ("message", "s", "1"),
        ("message", "s", "2"),
        ("ack", "s", "2"),
    ],
)
def test_messages_and_their_acks_are_tracked_alike(
    version: str, modes: tuple[str, str], covers: bool, steps: list[tuple[str, str, str]]
) -> None:
    double = Double(version, covers)
    subscribe = dict(zip(("s", "s:1"), modes, strict=True))
    if version == "1.0":
        subscribe = {"s": modes[0], "t": modes[1]}  # 1.0 cannot escape a colon
    for name, mode in subscribe.items():
        double.both(partial(ClientConnection.subscribe, destination="/q", id=name, ack=mode, now=1.0))  # type: ignore[arg-type]
    for step, subscription, message_id in steps:
        if version == "1.0" and (":" in subscription + message_id or "\\" in subscription + message_id):
            continue
        if step == "message":
            if not double.message(subscription, message_id):
                break
        elif step == "ack":
            double.ack(subscription, message_id)
        elif step in ("nack", "ack in transaction"):
            double.settle(step, subscription, message_id)
        elif step == "unsubscribe":
            double.both(partial(ClientConnection.unsubscribe, id=subscription, now=1.0))
        elif step == "subscribe":
            double.both(
                partial(
                    ClientConnection.subscribe,
                    destination="/q",
                    id=subscription,
                    ack="client-individual",
                    now=1.0,
                )
            )
        else:
            kind = {"begin": Begin, "commit": Commit, "abort": Abort}[step]
            double.both(partial(send, kind("t")))
        double.compare()


def test_a_straight_path_refuses_a_message_without_ack_header() -> None:
    conn = connected("1.2")
    conn.subscribe("/q", id="s", ack="client", now=1.0)
    good = b"MESSAGE\nsubscription:s\nmessage-id:1\ndestination:/q\nack:1\n\n\0"
    conn.receive_data(good + good.replace(b"\nack:1", b""), now=1.0)
    assert isinstance(conn.next_event(), Message)
    with pytest.raises(RemoteProtocolError, match="needs an 'ack' header"):
        conn.next_event()


@pytest.mark.parametrize(
    ("received", "written"), [(b"a:b", b"a\\cb"), (b"a:b\\c", b"a\\cb\\c"), (b"\\t", b"\\\\t")]
)
def test_an_id_that_a_leniency_has_tolerated_is_escaped_in_its_ack(received: bytes, written: bytes) -> None:
    """A colon in a value must be escaped in 1.2. A peer that does not is read; its id is written as it should be."""
    conn = ClientConnection(["1.2"], leniency=Leniency.permissive())
    conn.send(Connect(host="h"), now=0.0)
    conn.receive_data(b"CONNECTED\nversion:1.2\n\n\0", now=0.0)
    conn.next_event()
    conn.subscribe("/q", id="s", ack="client-individual", now=1.0)
    conn.receive_data(
        b"MESSAGE\nsubscription:s\nmessage-id:1\ndestination:/q\nack:" + received + b"\n\n\0", now=1.0
    )
    message = conn.next_event()
    assert isinstance(message, Message)
    assert conn.ack_received(message, 1.0) is None
    assert conn.ack(message, now=1.0) == b"ACK\nid:" + written + b"\n\n\0"


def test_a_receipt_that_the_headers_name_too_is_written_once_or_refused() -> None:
    conn = connected("1.2")
    for _ in range(3):
        wire = conn.send("/q", b"", headers={"receipt": "r-1"}, receipt="r-1", now=1.0)
        assert wire == b"SEND\ndestination:/q\nreceipt:r-1\n\n\0"
        with pytest.raises(LocalProtocolError, match="'receipt' is given twice"):
            conn.send("/q", b"", headers={"receipt": "r-1"}, receipt="r-2", now=1.0)
