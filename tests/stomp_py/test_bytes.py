"""What ``stomp_py`` puts on the wire is what stomp.py puts there, byte for byte, also if STOMP forbids it.

Each call is made with both, against a server that records what it receives. What differs is listed, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

import stomp_py
from stomp_testing import CLOSE, Expect, ScriptedServer

Call = Callable[[Any], object]
END = b"destination:END"
VERSIONS = ("1.0", "1.1", "1.2")

pytestmark = pytest.mark.filterwarnings("ignore")  # stomp.py leaves sockets and threads behind


@pytest.fixture
def theirs() -> ModuleType:
    module: ModuleType = pytest.importorskip("stomp", reason="pip install stomp.py")
    if not module.__version__.startswith("9."):
        pytest.skip("these are the bytes of stomp.py 9")
    return module


def record(lib: Any, version: str, call: Call | None, connect: Call | None = None, **arguments: Any) -> Any:
    """Return the bytes that a server receives because of a call, or the name of the exception that it raises.

    Args:
        lib: stomp or stomp_py.
        version: of the connection class.
        call: gets the connection. Without it the bytes of the handshake are returned.
        connect: connects, if not in the usual way.
        arguments: of the constructor.
    """
    answer = b"CONNECTED\nversion:%b\n\n\0" % version.encode()
    with ScriptedServer([Expect(b"\0"), answer]) as server:
        kind = getattr(lib, f"StompConnection{version.replace('.', '')}")
        if version != "1.0":
            arguments = {"vhost": "there", **arguments}
        conn = kind([("127.0.0.1", server.port)], **arguments)
        if connect is None:
            conn.connect("me", "secret", wait=True)
        else:
            connect(conn)
        outcome = ""
        if call is not None:
            try:
                call(conn)
            except (Exception, AssertionError) as error:
                outcome = type(error).__name__
            conn.send_frame("SEND", {"destination": "END"})
            server.wait_for(END)
        else:
            server.wait_for(b"\0")
        handshake, _, rest = bytes(server.received).partition(b"\0")
        server.close_connections()
    if call is None:
        return handshake
    return outcome or rest.partition(b"SEND\ndestination:END")[0]


class Odd:
    def __str__(self) -> str:
        return "odd:object"


#: Calls of all versions.
CALLS: dict[str, Call] = {
    "send": lambda c: c.send("/queue/a", "x"),
    "send bytes": lambda c: c.send("/queue/a", b"\xff\xfe"),
    "send bytes with NUL": lambda c: c.send("/queue/a", b"a\0b"),
    "send empty text": lambda c: c.send("/queue/a", ""),
    "send empty bytes": lambda c: c.send("/queue/a", b""),
    "send no body": lambda c: c.send("/queue/a", None),
    "send no destination": lambda c: c.send(None, "x"),
    "send empty destination": lambda c: c.send("", "x"),
    "send text that is not ASCII": lambda c: c.send("/queue/grün", "grün ☃"),
    "send with half of a surrogate pair": lambda c: c.send("/queue/a", "\ud800", kind="\udfff"),
    "send a number": lambda c: c.send("/queue/a", 5),
    "send a list": lambda c: c.send("/queue/a", ["x"]),
    "send content_type": lambda c: c.send("/queue/a", "x", "text/plain"),
    "send content_type over headers": lambda c: c.send("/q", "x", "a/b", headers={"content-type": "c/d"}),
    "send empty content_type": lambda c: c.send("/queue/a", "x", ""),
    "send headers": lambda c: c.send("/queue/a", "x", headers={"b": "1", "a": "2"}),
    "send keywords": lambda c: c.send("/queue/a", "x", b="1", a="2"),
    "send keywords over headers": lambda c: c.send("/queue/a", "x", headers={"a": "1"}, a="2"),
    "send numbers": lambda c: c.send("/queue/a", "x", priority=9, ratio=0.5, persistent=True, none=None),
    "send bytes as a value": lambda c: c.send("/queue/a", "x", odd=b"bytes"),
    "send a tuple": lambda c: c.send("/queue/a", "x", many=("1", "2", 3)),
    "send a tuple of nothing": lambda c: c.send("/queue/a", "x", many=()),
    "send an empty value": lambda c: c.send("/queue/a", "x", empty=""),
    "send an empty name": lambda c: c.send("/queue/a", "x", headers={"": "value"}),
    "send spaces": lambda c: c.send("/queue/a", "x", padded=" a "),
    "send a tab": lambda c: c.send("/queue/a", "x", tab="\ta\t"),
    "send escapes": lambda c: c.send("/queue/a", "x", odd="a:b\\c\\n"),
    "send upper case": lambda c: c.send("/queue/a", "x", headers={"Z": "1", "a": "2", "B": "3"}),
    "send destination twice": lambda c: c.send("/queue/a", "x", headers={"destination": "/queue/b"}),
    "send right length": lambda c: c.send("/queue/a", "x", headers={"content-length": 1}),
    "send wrong length": lambda c: c.send("/queue/a", "x", headers={"content-length": 99}),
    "send zero length": lambda c: c.send("/queue/a", "", headers={"content-length": 0}),
    "send length of None": lambda c: c.send("/queue/a", "x", headers={"content-length": None}),
    "send receipt": lambda c: c.send("/queue/a", "x", receipt="r-1"),
    "send the same receipt twice": lambda c: [c.send("/queue/a", "x", receipt="r") for _ in range(2)],
    "send in an unknown transaction": lambda c: c.send("/queue/a", "x", transaction="t"),
    "send message-id": lambda c: c.send("/queue/a", "x", headers={"message-id": "1"}),
    "send twice": lambda c: [c.send("/queue/a", body) for body in ("x", "yy")],
    "send_frame": lambda c: c.send_frame("SEND", {"destination": "/queue/a"}, "x"),
    "send_frame without headers": lambda c: c.send_frame("SEND", {}),
    "send_frame unknown command": lambda c: c.send_frame("NONSENSE", {"a": "b"}),
    "send_frame lower case": lambda c: c.send_frame("send", {"destination": "/queue/a"}, "x"),
    "send_frame server command": lambda c: c.send_frame("MESSAGE", {"destination": "/queue/a"}, "x"),
    "send_frame CONNECTED": lambda c: c.send_frame("CONNECTED", {"version": "9"}),
    "send_frame SUBSCRIBE without headers": lambda c: c.send_frame("SUBSCRIBE", {}),
    "send_frame SUBSCRIBE with a body": lambda c: c.send_frame("SUBSCRIBE", {"destination": "/q"}, "body"),
    "send_frame ACK without headers": lambda c: c.send_frame("ACK", {}),
    "send_frame NACK": lambda c: c.send_frame("NACK", {"message-id": "m"}),
    "send_frame second CONNECT": lambda c: c.send_frame(
        "CONNECT", {"accept-version": "1.2, 1.1", "host": "x"}
    ),
    "send_frame STOMP with a passcode": lambda c: c.send_frame("STOMP", {"passcode": "a:b\\c"}),
    "send_frame DISCONNECT": lambda c: c.send_frame("DISCONNECT", {}),
    "send_frame BEGIN without headers": lambda c: c.send_frame("BEGIN", {}),
    "send_frame heart-beat": lambda c: c.send_frame(None, {}, None),
    "begin": lambda c: c.begin("t"),
    "begin with headers": lambda c: c.begin("t", {"b": 1}, a="2"),
    "begin with keywords over headers": lambda c: c.begin("t", {"b": 1}, b="2"),
    "begin a number": lambda c: c.begin(7),
    "begin twice": lambda c: [c.begin("t") for _ in range(2)],
    "commit": lambda c: [c.begin("t"), c.commit("t", receipt="r")],
    "commit unknown": lambda c: c.commit("never begun"),
    "commit twice": lambda c: [c.begin("t"), c.commit("t"), c.commit("t")],
    "commit None": lambda c: c.commit(None),
    "commit empty": lambda c: c.commit(""),
    "abort": lambda c: [c.begin("t"), c.abort("t", {"a": "b"})],
    "abort unknown": lambda c: c.abort("never begun"),
    "abort None": lambda c: c.abort(None),
    "all in a transaction": lambda c: [c.begin("t"), c.send("/q", "x", transaction="t"), c.commit("t")],
    "transport.transmit a heart-beat": lambda c: c.transport.transmit(type_of_frame(c)(None, {}, None)),
    "transport.send": lambda c: c.transport.send(b"SEND\nb:1\ndestination:/queue/a\na:2\n\nx\0"),
    "transport.send a line end": lambda c: c.transport.send(b"\n"),
}

#: Calls that need arguments of their own in a version.
CALLS_OF: dict[str, dict[str, Call]] = {
    "1.0": {
        "subscribe": lambda c: c.subscribe("/queue/a"),
        "subscribe id": lambda c: c.subscribe("/queue/a", 1, "client", {"selector": "a > 1"}, prefetch=5),
        "subscribe id 0": lambda c: c.subscribe("/queue/a", 0),
        "subscribe twice": lambda c: [c.subscribe("/queue/a") for _ in range(2)],
        "subscribe id twice": lambda c: [c.subscribe("/queue/a", "s") for _ in range(2)],
        "subscribe unknown mode": lambda c: c.subscribe("/queue/a", ack="sometimes"),
        "subscribe no mode": lambda c: c.subscribe("/queue/a", ack=None),
        "unsubscribe": lambda c: c.unsubscribe("/queue/a"),
        "unsubscribe id": lambda c: c.unsubscribe(id="s"),
        "unsubscribe both": lambda c: c.unsubscribe("/queue/a", "s", {"a": "b"}),
        "unsubscribe nothing": lambda c: c.unsubscribe(),
        "unsubscribe empty": lambda c: c.unsubscribe(""),
        "ack": lambda c: c.ack("m"),
        "ack all": lambda c: c.ack("m", "t", "r"),
        "ack None": lambda c: c.ack(None),
        "ack a number": lambda c: c.ack(5),
    },
    "1.1": {
        "subscribe": lambda c: c.subscribe("/queue/a", 1),
        "subscribe all": lambda c: c.subscribe("/queue/a", 1, "client", {"selector": "a > 1"}, prefetch=5),
        "subscribe no id": lambda c: c.subscribe("/queue/a", None),
        "subscribe id twice": lambda c: [c.subscribe("/queue/a", "s") for _ in range(2)],
        "subscribe unknown mode": lambda c: c.subscribe("/queue/a", "s", ack="sometimes"),
        "unsubscribe": lambda c: c.unsubscribe(1),
        "unsubscribe all": lambda c: c.unsubscribe("s", {"a": "b"}, c="d"),
        "unsubscribe None": lambda c: c.unsubscribe(None),
        "ack": lambda c: c.ack("m", "s"),
        "ack all": lambda c: c.ack("m", 1, "t", "r"),
        "ack no subscription": lambda c: c.ack("m", None),
        "ack frame without subscription": lambda c: c.send_frame("ACK", {"message-id": "m"}),
        "nack": lambda c: c.nack("m", "s"),
        "nack all": lambda c: c.nack("m", 1, "t", "r", requeue=False),
        "escape": lambda c: c.subscribe("/queue/a", "a:b", selector="x = 'a\nb'"),
    },
    "1.2": {
        "subscribe": lambda c: c.subscribe("/queue/a", 1),
        "ack": lambda c: c.ack("m"),
        "ack all": lambda c: c.ack("m", "t", "r"),
        "nack": lambda c: c.nack("m"),
        "nack all": lambda c: c.nack("m", "t", "r", requeue=False),
        "ack frame with message-id": lambda c: c.send_frame("ACK", {"message-id": "m", "subscription": "1"}),
        "escape": lambda c: c.send("/queue/a", "x", odd="a:b\\c\r\nd"),
    },
}


def type_of_frame(conn: Any) -> Any:
    """Return the class of frames of the library that this connection is of."""
    package = type(conn).__module__.partition(".")[0]
    return (stomp_py if package == "stomp_py" else pytest.importorskip("stomp")).utils.Frame


def cases() -> list[Any]:
    return [
        pytest.param(version, call, id=f"{version} {name}")
        for version in VERSIONS
        for name, call in {**CALLS, **CALLS_OF[version]}.items()
    ]


@pytest.mark.parametrize(("version", "call"), cases())
def test_the_bytes_are_those_of_stomp_py(theirs: ModuleType, version: str, call: Call) -> None:
    assert record(stomp_py, version, call) == record(theirs, version, call)


REFUSED = "ProtocolException"

#: What differs: the version, the call, what stomp_py does, and a piece of what stomp.py sends.
DIFFERENCES: dict[str, tuple[str, Call, bytes | str, bytes]] = {
    # Injection: another header or frame would be read.
    "line feed in 1.0": ("1.0", lambda c: c.send("/q", "", a="1\nb:2"), REFUSED, b"a:1\nb:2\n"),
    "line feed in a name": ("1.0", lambda c: c.send("/q", "", headers={"a:1\nb": "2"}), REFUSED, b"a:1\nb:2\n"),
    "colon in a name of 1.0": ("1.0", lambda c: c.send("/q", "", headers={"a:b": "c"}), REFUSED, b"a:b:c\n"),
    "space before a name of 1.0": (
        "1.0", lambda c: c.send("/q", "", headers={" content-length": "0"}), REFUSED, b"\n content-length:0\n",
    ),
    "carriage return in 1.1": ("1.1", lambda c: c.send("/q", "", a="1\rb:2"), REFUSED, b"a:1\rb\\c2\n"),
    "NUL in a value": ("1.2", lambda c: c.send("/q", "", a="1\0SEND\n"), REFUSED, b"a:1\0SEND\\n\n"),
    "line feed in a command": ("1.2", lambda c: c.send_frame("SEND\na:b", {}), REFUSED, b"SEND\na:b\n\n\0"),
    "line feed in a passcode": (
        "1.2", lambda c: c.send_frame("CONNECT", {"passcode": "a\nb:c"}), REFUSED, b"passcode:a\nb:c\n",
    ),
    "NUL in a body without length": (
        "1.2", lambda c: c.send_frame("SEND", {"destination": "/q"}, "a\0SEND\n\n"), REFUSED, b"\n\na\0SEND\n\n\0",
    ),
    "a length without a body": (
        "1.2", lambda c: c.send_frame("SEND", {"content-length": 99}), REFUSED, b"content-length:99\n\n\0",
    ),
    # Escapes: the names of headers, and values that are not text, have them too.
    "colon in a name": (
        "1.1", lambda c: c.send("/q", "", headers={"a:b": "c"}),
        b"SEND\na\\cb:c\ndestination:/q\n\n\0", b"a:b:c\n",
    ),
    "colon in an object": (
        "1.1", lambda c: c.send("/q", "", a=Odd()), b"SEND\na:odd\\cobject\ndestination:/q\n\n\0", b"a:odd:object\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("version", "call", "ours", "piece"), DIFFERENCES.values(), ids=DIFFERENCES)
def test_what_differs(theirs: ModuleType, version: str, call: Call, ours: bytes | str, piece: bytes) -> None:
    assert record(stomp_py, version, call) == ours
    assert piece in record(theirs, version, call)


def test_1_1_connects_with_a_host_that_stomp_requires(theirs: ModuleType) -> None:
    ours = record(stomp_py, "1.1", None, vhost=None)
    assert ours.replace(b"host:/\n", b"") == record(theirs, "1.1", None, vhost=None)
    assert b"host:/\n" in ours


#: How a program connects: with the arguments of the constructor, and with the call.
HANDSHAKES: dict[str, tuple[dict[str, Any], Call]] = {
    "credentials": ({}, lambda c: c.connect("me", "secret", wait=True)),
    "no credentials": ({}, lambda c: c.connect(wait=True)),
    "empty credentials": ({}, lambda c: c.connect("", "", wait=True)),
    "a number as passcode": ({}, lambda c: c.connect("me", 1234, wait=True)),
    "passcode with a colon and a backslash": ({}, lambda c: c.connect("me", "a:b\\c", wait=True)),
    "headers": ({}, lambda c: c.connect("me", "secret", True, {"client-id": "x", "z": 1}, a="2")),
    "login over headers": ({}, lambda c: c.connect("me", "secret", True, {"login": "you"})),
    "a receipt": ({}, lambda c: c.connect("me", "secret", True, {"receipt": "r"})),
}
HANDSHAKES_FROM_1_1: dict[str, tuple[dict[str, Any], Call]] = {
    "CONNECT": ({}, lambda c: c.connect("me", "secret", True, with_connect_command=True)),
    "heart-beats": ({"heartbeats": (4000, 5000)}, lambda c: c.connect("me", "secret", True)),
    "vhost over host": ({}, lambda c: c.connect("me", "secret", True, {"host": "elsewhere"})),
    "a malformed heart-beat": ({}, lambda c: c.connect("me", "secret", True, {"heart-beat": "often"})),
}


def handshakes() -> list[Any]:
    return [
        pytest.param(version, *how, id=f"{version} {name}")
        for version in VERSIONS
        for name, how in {**HANDSHAKES, **(HANDSHAKES_FROM_1_1 if version != "1.0" else {})}.items()
    ]


@pytest.mark.parametrize(("version", "arguments", "connect"), handshakes())
def test_the_bytes_of_connecting_are_those_of_stomp_py(
    theirs: ModuleType, version: str, arguments: dict[str, Any], connect: Call
) -> None:
    assert record(stomp_py, version, None, connect, **arguments) == record(
        theirs, version, None, connect, **arguments
    )


def connect_offering(version: str) -> Call:
    def connect(conn: Any) -> None:
        conn.version = version
        conn.connect("me", "secret")

    return connect


@pytest.mark.parametrize("offered", ["100.1", "1.3", "1.0,1.2", "1.2, 1.1", "1.2,1.0", ""])
def test_any_accept_version_is_offered(theirs: ModuleType, offered: str) -> None:
    connect = connect_offering(offered)
    assert record(stomp_py, "1.2", None, connect) == record(theirs, "1.2", None, connect)


@pytest.mark.parametrize("version", VERSIONS)
def test_without_auto_content_length_the_bytes_are_those_of_stomp_py(
    theirs: ModuleType, version: str
) -> None:
    def call(conn: Any) -> None:
        conn.send("/queue/a", "text")
        conn.send("/queue/a", b"bytes", headers={"content-length": 5})
        conn.send("/queue/a", "")

    arguments: Any = {"auto_content_length": False}
    assert record(stomp_py, version, call, **arguments) == record(theirs, version, call, **arguments)


def test_a_second_connect_is_sent(theirs: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    def call(conn: Any) -> None:
        conn.connect("me", "again")

    wire = record(stomp_py, "1.2", call)
    assert wire == b"STOMP\naccept-version:1.2\nhost:there\nlogin:me\npasscode:again\n\n\0"
    assert wire == record(theirs, "1.2", call)
    assert "connected already" in caplog.text


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("receipt", ["bye", 5, None])
def test_disconnect_is_that_of_stomp_py(theirs: ModuleType, version: str, receipt: Any) -> None:
    def disconnect(lib: Any) -> bytes:
        answer = b"CONNECTED\nversion:%b\n\n\0" % version.encode()
        script: Any = [Expect(b"\0"), answer, Expect(b"\0"), Expect(b"\0"), CLOSE]
        with ScriptedServer(script) as server:
            kind = getattr(lib, f"StompConnection{version.replace('.', '')}")
            conn = kind([("127.0.0.1", server.port)])
            conn.connect("me", "secret", wait=True)
            conn.send("/queue/a", "x", receipt=receipt)
            conn.send_frame("DISCONNECT", {"b": 1, "receipt": receipt, "z": "a:b"})
            server.wait_until_closed()
            return bytes(server.received).partition(b"\0")[2].partition(b"\0")[2].rstrip(b"\0")

    assert disconnect(stomp_py) == disconnect(theirs)
