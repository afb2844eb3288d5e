"""The straight paths of a client against the general ones: the same bytes, the same tracked state, the same refusals.

A MESSAGE that comes behind one of another subscription takes the general path of what is received. A list of headers in
place of a dict, on a new connection, takes that of what is sent.
"""

from __future__ import annotations

import tracemalloc
from enum import Enum
from functools import partial
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stomp_core import (
    NEED_DATA,
    Abort,
    Ack,
    Begin,
    ClientConnection,
    Commit,
    Connect,
    ConnectionGoneError,
    Disconnect,
    Event,
    Frame,
    HeartBeat,
    Leniency,
    LocalProtocolError,
    Message,
    Receipt,
    RemoteProtocolError,
    Send,
    StompError,
    Subscribe,
)
from stomp_core.protocol import send_parts

VERSIONS = ["1.0", "1.1", "1.2"]
TEXTS = st.text(alphabet='ab:\\\n\r\0 \xe9"', max_size=4)
HEADERS = st.dictionaries(TEXTS, TEXTS, max_size=3)


def connected(version: str, leniency: Leniency | None = None) -> ClientConnection:
    conn = ClientConnection([version], leniency=leniency)
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


@given(
    destination=st.one_of(TEXTS, st.just("/queue/a")),
    body=st.one_of(st.binary(max_size=3), st.text(max_size=2)),
    content_type=st.one_of(st.none(), TEXTS),
    receipt=st.one_of(st.none(), TEXTS, st.just("r-1")),
    headers=HEADERS,
    content_length=st.booleans(),
)
def test_sends_that_are_assembled_are_those_of_the_constructor(
    destination: str,
    body: bytes | str,
    content_type: str | None,
    receipt: str | None,
    headers: dict[str, str],
    content_length: bool,
) -> None:
    for _ in range(3):
        assembled = outcome(
            lambda: Send.assemble(
                *send_parts(destination, body, content_type, headers), receipt, content_length
            )
        )
        made = outcome(
            lambda: Send(
                destination,
                body,
                content_type=content_type,
                receipt=receipt,
                headers=headers,
                content_length=content_length,
            )
        )
        assert assembled == made
        assert not isinstance(made, Send) or made.content_length_wanted is assembled.content_length_wanted


#: Among them names that the straight path must leave to the general one.
NAMES = st.one_of(TEXTS, st.sampled_from(["receipt", "transaction", "content-length", "content-type"]))


@given(
    version=st.sampled_from(VERSIONS),
    destination=st.one_of(TEXTS, st.just("/queue/a")),
    headers=st.one_of(st.just({}), st.dictionaries(NAMES, st.one_of(TEXTS, st.just("1")), max_size=2)),
    bodies=st.lists(st.one_of(st.binary(max_size=3), st.text(max_size=2)), min_size=1, max_size=3),
    content_type=st.one_of(st.none(), TEXTS),
)
@example("1.2", "/queue/a", {"receipt": "auto-1"}, [b"x"], None)
@example("1.2", "/queue/a", {"transaction": "t"}, [b"x"], None)
@example("1.1", "/queue/a", {"a": "b\nreceipt:c"}, [b"x"], None)
@example("1.2", "/queue/a:b", {}, [b"x", b""], None)
def test_a_receipt_is_put_behind_known_headers_as_in_a_new_frame(
    version: str,
    destination: str,
    headers: dict[str, str],
    bodies: list[bytes | str],
    content_type: str | None,
) -> None:
    """Each message three times, so that its headers are new, come again, and are known."""
    conn = connected(version)
    for body in bodies:
        expected = outcome(
            lambda body=body: general(version).send(
                Send(
                    destination,
                    body,
                    headers=list(headers.items()),
                    content_type=content_type,
                    receipt="auto-1",
                ),
                now=1.0,
            )
        )
        for _ in range(3):
            try:
                merged, octets = send_parts(destination, body, content_type, headers)
            except LocalProtocolError:
                continue
            wire = conn.send_directly(merged, octets, 1.0, "auto-1")
            assert wire is None or wire == expected


def test_a_receipt_is_put_behind_known_headers_at_the_third_time() -> None:
    conn = connected("1.2")
    wires = [
        conn.send_directly(*send_parts("/queue/third", b"x", None, {"a": "b"}), 1.0, "auto-1")
        for _ in range(3)
    ]
    assert wires[2] == b"SEND\ndestination:/queue/third\na:b\nreceipt:auto-1\ncontent-length:1\n\nx\0"


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
def test_what_is_not_text_is_refused_however_often_it_comes(value: Any) -> None:
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


@pytest.mark.parametrize("others", [{}, {"a": "x\ny"}], ids=["plain", "escaped"])
def test_headers_that_are_known_name_an_open_transaction_only(others: dict[str, str]) -> None:
    headers = {"transaction": "t", **others}
    conn = connected("1.2")
    for _ in range(3):
        with pytest.raises(LocalProtocolError, match="no transaction 't' is open"):
            conn.send("/q", b"", headers=headers, now=1.0)
    conn.send(Begin("t"), now=1.0)
    for _ in range(3):
        assert b"\ntransaction:t\n" in conn.send("/q", b"", headers=headers, now=1.0)
    conn.send(Commit("t"), now=1.0)
    for _ in range(3):
        with pytest.raises(LocalProtocolError, match="no transaction 't' is open"):
            conn.send("/q", b"", headers=headers, now=1.0)


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


# ---------------------------------------------------------------------- RECEIPT


@pytest.mark.parametrize("version", VERSIONS)
@given(
    steps=st.lists(
        st.sampled_from(
            ["receipt", "receipt", "receipts", "message", "error", "line end", "disconnect", "cut", "end"]
        ),
        max_size=6,
    )
)
def test_receipts_are_taken_as_the_events_that_they_are(version: str, steps: list[str]) -> None:
    """Whatever came before it: after DISCONNECT, after an ERROR and at the end next_event() has to decide."""
    frames = {
        "receipt": b"RECEIPT\nreceipt-id:1\n\n\0\n",
        "receipts": b"RECEIPT\nreceipt-id:2\n\n\0RECEIPT\nreceipt-id:bye\n\n\0",
        "message": b"MESSAGE\nsubscription:s\nmessage-id:1\ndestination:/q\n\n\0",
        "error": b"ERROR\nmessage:no\n\n\0",
        "line end": b"\n",
        "cut": b"RECEIPT\nrec",
        "end": b"",
    }
    straight, general = connected(version), connected(version)
    for step in steps:
        for conn in (straight, general):
            if step == "disconnect":
                outcome(lambda conn=conn: conn.send(Disconnect(receipt="bye"), now=1.0))
            else:
                outcome(lambda conn=conn, step=step: conn.receive_data(frames[step], now=1.0))
        while True:
            taken = straight.take_receipt(lambda name: name)
            expected = outcome(general.next_event)
            if taken is not None:
                assert isinstance(expected, Receipt)
                assert expected.receipt_id == taken
            else:
                assert outcome(straight.next_event) == expected
            assert straight.state is general.state
            assert straight.between_frames is general.between_frames
            if not isinstance(expected, Event | HeartBeat):
                break


# ---------------------------------------------------------------------- MESSAGE and ACK


def send(event: Event, conn: ClientConnection) -> bytes:
    return conn.send(event, now=1.0)


# "new" is an id that was not delivered before; the others are repeated by a broker that does not keep to STOMP.
IDS = st.sampled_from(["new", "new", "1", "2", "a:\\b"])
SUBSCRIPTIONS = st.sampled_from(["s", "s", "s", "s:1"])
#: Which of the messages that are not acknowledged: mostly the oldest one.
WHICH = st.sampled_from([0, 0, 0, 0, 1, 2, -1])
STEPS = st.one_of(
    st.tuples(st.just("message"), SUBSCRIPTIONS, IDS),
    st.tuples(st.just("message"), st.just("s"), st.just("new")),
    st.tuples(st.just("ack"), WHICH),
    st.tuples(st.just("ack"), WHICH),
    st.tuples(st.sampled_from(["ack again", "ack by id", "nack", "ack in transaction", "covers"]), WHICH),
    st.tuples(st.sampled_from(["begin", "commit", "abort"])),
    st.tuples(st.sampled_from(["unsubscribe", "subscribe", "message without ack"]), SUBSCRIPTIONS),
)
MODES = st.sampled_from(["auto", "client", "client-individual"])


#: A message of another subscription, behind which no message is like the one before it.
DUMMY = b"MESSAGE\nsubscription:dummy\nmessage-id:0\ndestination:/q\n\n\0"


class Double:
    """Two connections: one takes the straight paths where it can, the other one never.

    Attributes:
        received: all messages, each as both connections have returned it.
        waiting: those for which no ACK was accepted; what else an ACK has covered is among them.
    """

    def __init__(self, version: str, covers: bool) -> None:
        self.straight, self.general = connected(version), connected(version)
        self.version = version
        for conn in (self.straight, self.general):
            conn.ack_covers_connection = covers
            conn.subscribe("/dummy", id="dummy", now=1.0)
        self.received: list[tuple[Message, Message]] = []
        self.waiting: list[tuple[Message, Message]] = []

    def both(self, call: Any) -> Any:
        straight, general = (outcome(partial(call, conn)) for conn in (self.straight, self.general))
        assert straight == general
        return straight

    def message(self, subscription: str, name: str, *, has_ack: bool = True, padding: str = "") -> bool:
        """Receive a message; return whether it was accepted."""
        ack_id = f"new-{len(self.received)}" if name == "new" else name
        headers = [("destination", "/q"), ("message-id", ack_id), ("subscription", subscription)]
        if padding:
            headers.append(("padding", padding))
        if has_ack and self.version != "1.0":
            headers.append(("ack", ack_id))
        wire = Frame("MESSAGE", headers).to_bytes(self.version)
        self.straight.receive_data(wire, now=1.0)
        self.general.receive_data(DUMMY + wire, now=1.0)
        assert isinstance(self.general.next_event(), Message)
        received = [outcome(conn.next_event) for conn in (self.straight, self.general)]
        if not all(isinstance(event, Message) for event in received):
            assert received[0] == received[1]
            return False
        self.received.append((received[0], received[1]))
        self.waiting.append((received[0], received[1]))
        return True

    def ack(self, pair: tuple[Message, Message]) -> bool:
        """Acknowledge a message; return whether it was accepted."""

        def on_straight_path() -> bytes:
            wire = self.straight.ack_received(pair[0], 1.0)
            return self.straight.ack(pair[0], now=1.0) if wire is None else wire

        expected = outcome(lambda: self.general.ack(pair[1], now=1.0))
        assert outcome(on_straight_path) == expected
        return isinstance(expected, bytes)

    def settle(self, step: str, pair: tuple[Message, Message]) -> None:
        """Do with a message what has no straight path."""

        def settled(conn: ClientConnection, message: Message) -> Any:
            if step == "ack by id" and self.version == "1.2":
                return send(Ack(message.headers.get("ack", "none")), conn)
            if step == "nack":
                return send(message.reject(), conn)
            if step == "covers":
                subscription, ids = conn.covered_by(message.acknowledge())
                return subscription.id, ids
            return send(message.acknowledge(transaction="t"), conn)

        straight = outcome(partial(settled, self.straight, pair[0]))
        assert straight == outcome(partial(settled, self.general, pair[1]))

    def compare(self) -> None:
        assert [(each.id, each.unacknowledged) for each in self.straight.subscriptions] == [
            (each.id, each.unacknowledged) for each in self.general.subscriptions
        ]
        assert self.straight.transactions == self.general.transactions


@settings(max_examples=300)
@given(
    version=st.sampled_from([*VERSIONS, "1.2", "1.2", "1.2"]),
    modes=st.tuples(MODES, MODES),
    covers=st.booleans(),
    steps=st.lists(STEPS, max_size=40),
)
@example(
    "1.2",
    ("client", "auto"),
    False,
    [("message", "s", "1"), ("message", "s", "2"), ("message", "s", "1"), ("ack", 1)],
)
@example(
    "1.2",
    ("client", "client"),
    True,
    [("message", "s:1", "1"), ("message", "s", "2"), ("message", "s", "1"), ("ack", 1)],
)
@example(
    "1.2",
    ("client", "auto"),
    False,
    [
        ("message", "s", "1"),
        ("message", "s", "2"),
        ("unsubscribe", "s"),
        ("subscribe", "s"),
        ("message", "s", "1"),
        ("message", "s", "2"),
        ("ack", 3),
    ],
)
@example(  # the ACK of the first "1" covers the second one, but not the third, which was delivered after it
    "1.2",
    ("client-individual", "auto"),
    False,
    [
        ("message", "s", "new"),
        ("ack", 0),
        ("message", "s", "1"),
        ("message", "s", "1"),
        ("message", "s", "2"),
        ("ack", 0),
        ("message", "s", "1"),
        ("ack", 0),
        ("ack", 1),
        ("ack", 1),
    ],
)
@example(  # an ACK of what is in the index covers its repeat among what is noted
    "1.2",
    ("client-individual", "auto"),
    False,
    [("message", "s", "1"), ("message", "s", "1"), ("message", "s", "2"), ("ack", 0), ("ack", 0), ("ack", 1)],
)
@example(  # what comes back is older than what is noted
    "1.2",
    ("client", "auto"),
    False,
    [
        ("message", "s", "1"),
        ("begin",),
        ("ack in transaction", 0),
        ("message", "s", "2"),
        ("abort",),
        ("ack", 1),
    ],
)
def test_messages_and_their_acks_are_tracked_alike(
    version: str, modes: tuple[str, str], covers: bool, steps: list[tuple[Any, ...]]
) -> None:
    double = Double(version, covers)
    subscribe = dict(zip(("s", "s:1"), modes, strict=True))
    if version == "1.0":
        subscribe = {"s": modes[0], "t": modes[1]}  # 1.0 cannot escape a colon
    for name, mode in subscribe.items():
        double.both(partial(ClientConnection.subscribe, destination="/q", id=name, ack=mode, now=1.0))  # type: ignore[arg-type]
    for step, *arguments in steps:
        if version == "1.0" and {"s:1", "a:\\b"} & set(arguments):
            continue
        if step == "message":
            if not double.message(*arguments):
                break
        elif step == "message without ack":
            if not double.message(arguments[0], "new", has_ack=False):
                break
        elif step == "unsubscribe":
            double.both(partial(ClientConnection.unsubscribe, id=arguments[0], now=1.0))
        elif step == "subscribe":
            again = Subscribe("/q", id=arguments[0], ack=modes[1])  # type: ignore[arg-type]
            double.both(partial(send, again))
        elif not arguments:
            kind = {"begin": Begin, "commit": Commit, "abort": Abort}[step]
            double.both(partial(send, kind("t")))
        else:
            messages = double.received if step == "ack again" else double.waiting
            pair = dict(enumerate(messages)).get(arguments[0] % max(1, len(messages)))
            if pair is None:
                continue
            if step not in ("ack", "ack again"):
                double.settle(step, pair)
            elif double.ack(pair):
                double.waiting = [each for each in double.waiting if each is not pair]
        double.compare()


@pytest.mark.parametrize("mode", ["client", "client-individual"])
@pytest.mark.parametrize("first", ["acknowledged first", "acknowledged last"])
def test_a_long_backlog_is_tracked_alike(mode: str, first: str) -> None:
    """More messages wait than are noted, some of them with long headers, and one id is repeated now and then."""
    double = Double("1.2", covers=False)
    double.both(partial(ClientConnection.subscribe, destination="/q", id="s", ack=mode, now=1.0))  # type: ignore[arg-type]
    double.message("s", "first")
    if first == "acknowledged first":
        assert double.ack(double.received[0])
    for number in range(2500):
        repeated = number % 700 in (5, 9)
        assert double.message("s", "repeated" if repeated else "new", padding="x" * 3000 * (number == 1800))
        if number == 1500:
            double.compare()
            for pair in double.received[1:1400]:
                double.ack(pair)
            double.compare()
    double.compare()
    for pair in double.received[1400:]:
        double.ack(pair)
    double.compare()
    accepted = double.ack(double.received[0])
    assert accepted is (first == "acknowledged last" and mode == "client-individual")
    double.compare()


def test_a_straight_path_refuses_a_message_without_ack_header() -> None:
    conn = connected("1.2", leniency=Leniency())
    conn.subscribe("/q", id="s", ack="client", now=1.0)
    good = b"MESSAGE\nsubscription:s\nmessage-id:1\ndestination:/q\nack:1\n\n\0"
    conn.receive_data(good + good.replace(b"\nack:1", b""), now=1.0)
    assert isinstance(conn.next_event(), Message)
    with pytest.raises(RemoteProtocolError, match="needs an 'ack' header"):
        conn.next_event()


@pytest.mark.parametrize("length", [1500, 10_000])
def test_messages_that_wait_for_their_acks_keep_little_memory(length: int) -> None:
    """The connection keeps their ids, and the headers of some of them, but not many and no long ones."""
    conn = connected("1.2")
    conn.subscribe("/q", id="s", ack="client-individual", now=1.0)
    wire = b"MESSAGE\nsubscription:s\nmessage-id:1\ndestination:/q\nack:%d\npadding:%b\n\n\0"
    tracemalloc.start()
    try:
        for number in range(3000):
            conn.receive_data(wire % (number, b"x" * length), now=1.0)
            conn.next_event()
        assert tracemalloc.get_traced_memory()[0] < 3_000_000
    finally:
        tracemalloc.stop()
    assert len(conn.unacknowledged("s")) == 3000


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


def test_a_silent_peer_gets_no_ack() -> None:
    """Its heart-beats are missing. That is known before :class:`ConnectionClosed` is returned."""
    conn = ClientConnection(["1.2"])
    conn.send(Connect(host="h", heart_beat=(0, 1000)), now=0.0)
    conn.receive_data(b"CONNECTED\nversion:1.2\nheart-beat:1000,0\n\n\0", now=0.0)
    conn.next_event()
    conn.subscribe("/q", id="s", ack="client-individual", now=0.0)
    conn.receive_data(b"MESSAGE\nsubscription:s\nmessage-id:1\ndestination:/q\nack:1\n\n\0", now=0.0)
    message = conn.next_event()
    assert isinstance(message, Message)
    conn.handle_timeout(100.0)
    assert conn.ack_received(message, 100.0) is None
    with pytest.raises(ConnectionGoneError):
        conn.ack(message, now=100.0)


def test_a_receipt_that_the_headers_name_too_is_written_once_or_refused() -> None:
    conn = connected("1.2")
    for _ in range(3):
        wire = conn.send("/q", b"", headers={"receipt": "r-1"}, receipt="r-1", now=1.0)
        assert wire == b"SEND\ndestination:/q\nreceipt:r-1\n\n\0"
        with pytest.raises(LocalProtocolError, match="'receipt' is given twice"):
            conn.send("/q", b"", headers={"receipt": "r-1"}, receipt="r-2", now=1.0)
