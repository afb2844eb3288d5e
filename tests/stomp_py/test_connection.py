"""The methods of a connection, what they send, and the attributes that programs use."""

from __future__ import annotations

import socket
import threading
import time
from enum import Enum
from typing import Any

import pytest

import stomp_py as stomp
from stomp_py.constants import CMD_DISCONNECT
from stomp_py.exception import ConnectFailedException, NotConnectedException, ProtocolException
from stomp_testing import CLOSE, Broker, Expect, Pause, ScriptedServer
from tests.waiting import HANGS, never, until

from .conftest import LOGIN, PASSCODE, Open, Place
from .recording_listener import RecordingListener

ERROR = b"ERROR\nmessage:Unknown destination\n\n\0"
MESSAGE = b"MESSAGE\nsubscription:s\nmessage-id:1\ndestination:/queue/a\n\nhello\0"
VERSIONS = {"1.0": stomp.Connection10, "1.1": stomp.Connection11, "1.2": stomp.Connection12}


@pytest.fixture(params=list(VERSIONS))
def version(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


def unused_port() -> int:
    """Return a port of this machine on which nothing listens any more."""
    with Broker() as broker:
        return broker.port


def vhost_for(version: str) -> dict[str, Any]:
    """Return arguments for RabbitMQ: from 1.1 on it takes the ``host`` header for the name of a virtual host."""
    return {} if version == "1.0" else {"vhost": "/"}


# ---------------------------------------------------------------------- versions, and acknowledging


def test_a_connection_speaks_its_version(place: Place, version: str, open_connection: Open) -> None:
    recorder = RecordingListener()
    conn = open_connection(place, recorder, VERSIONS[version], **vhost_for(version))
    assert conn.version == version
    assert recorder.of("on_connected")[0].headers.get("version", "1.0") == version


def test_the_default_is_1_1() -> None:
    assert stomp.Connection is stomp.Connection11 is stomp.StompConnection11


def acknowledge(conn: Any, what: str, headers: dict[str, str], **more: Any) -> None:
    """Call ``ack()`` or ``nack()`` with the arguments that they have in each version."""
    call = getattr(conn, what)
    if conn.version == "1.2":
        call(headers["ack"], **more)
    elif conn.version == "1.1":
        call(headers["message-id"], headers["subscription"], **more)
    else:
        call(headers["message-id"], **more)


def test_an_acknowledged_message_does_not_come_again(
    place: Place, version: str, open_connection: Open
) -> None:
    queue = place.new_queue()
    recorder = RecordingListener()
    conn = open_connection(place, recorder, VERSIONS[version], **vhost_for(version))
    conn.subscribe(queue, id=7, ack="client-individual")
    for body in ("one", "two"):
        conn.send(queue, body)
    recorder.wait_for("on_message", 2)
    acknowledge(conn, "ack", recorder.of("on_message")[1].headers, receipt="acknowledged")
    recorder.wait_for("on_receipt")
    conn.disconnect(receipt="bye")

    again = RecordingListener()
    conn = open_connection(place, again, VERSIONS[version], **vhost_for(version))
    conn.subscribe(queue, id=7)
    conn.send(queue, "last")
    again.wait_for("on_message", 2)
    assert sorted(again.bodies()) == ["last", "one"]


def test_a_cumulative_ack_covers_what_came_before(place: Place, version: str, open_connection: Open) -> None:
    queue = place.new_queue()
    recorder = RecordingListener()
    conn = open_connection(place, recorder, VERSIONS[version], **vhost_for(version))
    conn.subscribe(queue, id=7, ack="client")
    for body in ("one", "two", "three"):
        conn.send(queue, body)
    recorder.wait_for("on_message", 3)
    acknowledge(conn, "ack", recorder.of("on_message")[1].headers, receipt="acknowledged")
    recorder.wait_for("on_receipt")
    conn.disconnect(receipt="bye")

    again = RecordingListener()
    conn = open_connection(place, again, VERSIONS[version], **vhost_for(version))
    conn.subscribe(queue, id=7)
    again.wait_for("on_message")
    assert again.bodies() == ["three"]


@pytest.mark.parametrize(("ack", "left"), [("client", ["three"]), ("client-individual", ["one", "three"])])
def test_a_message_of_a_subscription_without_id_is_acknowledged(
    place: Place, open_connection: Open, ack: str, left: list[str]
) -> None:
    """Only 1.0 has such subscriptions. The MESSAGE names none, and the ACK names the message alone."""
    recorder = RecordingListener()
    queue = place.new_queue()
    conn = open_connection(place, recorder, stomp.Connection10)
    conn.subscribe(queue, ack=ack)
    for body in ("one", "two", "three"):
        conn.send(queue, body)
    recorder.wait_for("on_message", 3)
    headers = recorder.of("on_message")[1].headers
    assert "subscription" not in headers
    conn.ack(headers["message-id"], receipt="acknowledged")
    recorder.wait_for("on_receipt")
    conn.disconnect(receipt="bye")

    again = RecordingListener()
    conn = open_connection(place, again, stomp.Connection10)
    conn.subscribe(queue)
    again.wait_for("on_message", len(left))
    assert again.bodies() == left


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_a_refused_message_comes_again_on_rabbitmq(
    broker: Broker, here: Place, version: str, open_connection: Open
) -> None:
    recorder = RecordingListener()
    conn = open_connection(here, recorder, VERSIONS[version], **vhost_for(version))
    conn.subscribe("/queue/a", id="s", ack="client-individual")
    conn.send("/queue/a", "x")
    acknowledge(conn, "nack", recorder.wait_for("on_message").headers)
    acknowledge(conn, "ack", recorder.wait_for("on_message", 2).headers)
    conn.disconnect(receipt="bye")
    assert broker.messages("/queue/a") == []


def test_an_ack_in_an_aborted_transaction_has_no_effect(
    broker: Broker, here: Place, version: str, open_connection: Open
) -> None:
    recorder = RecordingListener()
    conn = open_connection(here, recorder, VERSIONS[version], **vhost_for(version))
    conn.subscribe("/queue/a", id=1, ack="client-individual")
    conn.send("/queue/a", "x")
    txid = conn.begin()
    acknowledge(conn, "ack", recorder.wait_for("on_message").headers, transaction=txid)
    conn.abort(txid)
    conn.disconnect(receipt="bye")
    assert broker.messages("/queue/a") == [b"x"]


def test_an_ack_for_nothing_is_sent_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    assert sent(lambda conn: conn.ack("m", "s")) == b"ACK\nmessage-id:m\nsubscription:s\n\n\0"
    assert "sent, although STOMP does not allow it: there is no subscription 's'" in caplog.text


def test_begin_sends_the_given_id_or_a_new_one(here: Place, open_connection: Open) -> None:
    conn = open_connection(here)
    assert conn.begin("mine") == "mine"
    first, second = conn.begin(), conn.begin()
    assert isinstance(first, str)
    assert first != second
    for name in ("mine", first, second):
        conn.commit(name)


def test_no_message_arrives_after_unsubscribe(
    broker: Broker, here: Place, version: str, open_connection: Open
) -> None:
    recorder = RecordingListener()
    conn = open_connection(here, recorder, VERSIONS[version], **vhost_for(version))
    conn.subscribe("/queue/a", id=1)
    conn.send("/queue/a", "x")
    recorder.wait_for("on_message")
    conn.unsubscribe(id=1)
    conn.send("/queue/a", "y", receipt="r")
    recorder.wait_for("on_receipt")
    assert broker.messages("/queue/a") == [b"y"]
    assert recorder.bodies() == ["x"]


def test_1_0_subscribes_and_unsubscribes_by_destination(
    broker: Broker, here: Place, open_connection: Open
) -> None:
    recorder = RecordingListener()
    conn = open_connection(here, recorder, stomp.Connection10)
    conn.subscribe("/queue/a")
    conn.send("/queue/a", "x")
    recorder.wait_for("on_message")
    conn.unsubscribe("/queue/a")
    conn.send("/queue/a", "y", receipt="r")
    recorder.wait_for("on_receipt")
    assert broker.messages("/queue/a") == [b"y"]


# ---------------------------------------------------------------------- what is on the wire


def sent(call: Any, type: Any = stomp.Connection, **arguments: Any) -> bytes:
    """Return the bytes that a broker receives because of a call, without CONNECT."""
    version = {stomp.Connection10: b"1.0", stomp.Connection12: b"1.2"}.get(type, b"1.1")
    with ScriptedServer([Expect(b"\0"), b"CONNECTED\nversion:" + version + b"\n\n\0"]) as server:
        conn = type([("127.0.0.1", server.port)], **arguments)
        conn.connect(LOGIN, PASSCODE, wait=True)
        call(conn)
        conn.send_frame("SEND", {"destination": "end"})
        server.wait_for(b"destination:end")
        _, _, rest = server.received.partition(b"\0")
        server.close_connections()
    return bytes(rest.partition(b"SEND\ndestination:end")[0])


def test_headers_are_sent_in_sorted_order() -> None:
    wire = sent(
        lambda conn: conn.send("/queue/a", "x", zebra=1, alpha="2", headers={"middle": None, "kind": True})
    )
    assert wire == b"SEND\nalpha:2\ncontent-length:1\ndestination:/queue/a\nkind:True\nzebra:1\n\nx\0"


def test_alike_messages_state_the_length_of_their_own_body() -> None:
    def send(conn: Any) -> None:
        for body in ("x", "x", "x", "grün", "", b"x" * 100, "x"):
            conn.send("/queue/a", body, zebra="1")

    lines = [b"content-length:%d\n" % length if length else b"" for length in (1, 1, 1, 5, 0, 100, 1)]
    bodies = [b"x", b"x", b"x", "grün".encode(), b"", b"x" * 100, b"x"]
    assert sent(send) == b"".join(
        b"SEND\n%bdestination:/queue/a\nzebra:1\n\n%b\0" % pair for pair in zip(lines, bodies, strict=True)
    )


def test_headers_that_only_equal_the_latest_are_made_anew() -> None:
    class Colour(str, Enum):  # noqa: UP042 -- a StrEnum is written as its value
        RED = "red"

    def send(conn: Any) -> None:
        for colour in ("red", "red", Colour.RED, "red", 1, True, 1.0, "1", None, ("1",), ("1", "2")):
            conn.send("/queue/a", "", colour=colour)

    lines = sent(send).decode().split("\n")
    assert [line for line in lines if line.startswith("colour:")] == [
        *("colour:red", "colour:red", f"colour:{Colour.RED!s}", "colour:red"),
        *("colour:1", "colour:True", "colour:1.0", "colour:1", "colour:1", "colour:1", "colour:2"),
    ]


def test_transport_sends_bytes_of_a_frame_or_a_line_end() -> None:
    assert sent(lambda conn: conn.transport.send(b"\n")) == b"\n"
    assert sent(lambda conn: conn.transport.send(b"SEND\ndestination:/queue/a\n\nx\0")).endswith(b"\n\nx\0")


def test_a_line_end_needs_an_established_connection() -> None:
    with ScriptedServer([Expect(b"\0")]) as server:
        conn = stomp.Connection([("127.0.0.1", server.port)])
        with pytest.raises(NotConnectedException):
            conn.transport.send(b"\n")
        conn.connect(LOGIN, PASSCODE)
        conn.transport.send(b"\n")  # before CONNECTED there is nothing to keep alive
        server.wait_for(b"\0")
        conn.disconnect()
        with pytest.raises(NotConnectedException):
            conn.transport.send(b"\n")
        assert server.received.endswith(b"\0")


def test_connect_sends_its_headers_in_sorted_order() -> None:
    with ScriptedServer([Expect(b"\0"), b"CONNECTED\nversion:1.1\n\n\0"]) as server:
        conn = stomp.Connection([("127.0.0.1", server.port)], vhost="there", heartbeats=(0, 5000))
        conn.connect(LOGIN, PASSCODE, wait=True, headers={"client-id": "me"}, zebra="1")
        assert server.received == (
            b"STOMP\naccept-version:1.1\nclient-id:me\nheart-beat:0,5000\nhost:there\n"
            b"login:admin\npasscode:password\nzebra:1\n\n\0"
        )
        server.close_connections()


@pytest.mark.parametrize(
    ("command", "arguments"), [("STOMP", {}), ("CONNECT", {"with_connect_command": True})]
)
def test_connect_sends_the_chosen_command(command: str, arguments: dict[str, Any]) -> None:
    """In 1.2 the host header is the name of the machine, which RabbitMQ takes for a virtual host."""
    recorder = RecordingListener()
    with Broker(users={LOGIN: PASSCODE}, vhosts=("127.0.0.1",)) as broker:
        conn = stomp.Connection12([(broker.host, broker.port)])
        conn.set_listener("", recorder)
        conn.connect(LOGIN, PASSCODE, wait=True, **arguments)
        conn.disconnect()
    assert recorder.of("on_send")[0].cmd == command
    assert recorder.of("on_send")[0].headers["host"] == "127.0.0.1"


def test_without_auto_content_length_none_is_sent() -> None:
    wire = sent(lambda conn: conn.send("/queue/a", "x"), auto_content_length=False)
    assert wire == b"SEND\ndestination:/queue/a\n\nx\0"


def test_subscribe_sends_what_it_was_given() -> None:
    wire = sent(lambda conn: conn.subscribe("/queue/a", 5, selector="x > 1", headers={"prefetch": 10}))
    assert wire == b"SUBSCRIBE\nack:auto\ndestination:/queue/a\nid:5\nprefetch:10\nselector:x > 1\n\n\0"


def test_what_cannot_be_written_safely_is_refused_and_not_sent() -> None:
    def call(conn: Any) -> None:
        with pytest.raises(ProtocolException, match="NUL"):
            conn.send("/queue/a", "x", kind="a\0b")

    assert sent(call) == b""


# ---------------------------------------------------------------------- connecting


def test_without_a_broker_connecting_fails_and_names_the_host() -> None:
    port = unused_port()
    conn = stomp.Connection([("127.0.0.1", port)], reconnect_attempts_max=1)
    with pytest.raises(ConnectFailedException, match=str(port)):
        conn.connect(LOGIN, PASSCODE, wait=True)
    assert not conn.is_connected()


@pytest.mark.parametrize(
    ("answer", "check"),
    [
        (
            b"ERROR\nmessage:Bad CONNECT\n\n\0",
            "check username and passcode, and the virtual host (vhost=...)",
        ),
        (
            b"ERROR\nmessage:Supported versions are\nversion:1.0\n\n\0",
            "use the Connection class of a version",
        ),
        (b"\x15\x03\x01\x00\x02\x02\x16", "call set_ssl()"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "check the port"),
    ],
    ids=["passcode", "version", "TLS", "HTTP"],
)
def test_connect_errors_name_the_arguments_of_stomp_py(answer: bytes, check: str) -> None:
    with ScriptedServer([Expect(b"\0"), answer]) as server:
        conn = stomp.Connection([("127.0.0.1", server.port)])
        with pytest.raises(ConnectFailedException) as caught:
            conn.connect(LOGIN, PASSCODE, wait=True)
    assert check in str(caught.value)
    for term_of_the_core in ("ws://", "stomp+ssl://", "(host=", "versions=", "escape_connect"):
        assert term_of_the_core not in str(caught.value)


@pytest.mark.parametrize(
    "arguments",
    [
        {"timeout": 20_000},
        {"reconnect_sleep_initial": 5_000, "reconnect_sleep_max": 10_000},
        {"heartbeats": (7_200_000, 7_200_000)},
    ],
    ids=lambda arguments: next(iter(arguments)),
)
def test_numbers_that_the_core_takes_for_milliseconds_are_accepted(
    here: Place, open_connection: Open, arguments: dict[str, Any]
) -> None:
    """stomp.py accepts them, and its heart-beats are milliseconds."""
    assert open_connection(here, **arguments).is_connected()


@pytest.mark.parametrize("arguments", [{"reconnect_sleep_jitter": -0.1}, {"heart_beat_receive_scale": 0}])
def test_numbers_out_of_range_are_named(here: Place, arguments: dict[str, Any]) -> None:
    (name,) = arguments
    with pytest.raises(ValueError, match=f"{name} must be"):
        stomp.Connection(here.address, **arguments).connect(LOGIN, PASSCODE)


def test_a_wrong_passcode_fails_and_calls_on_error(place: Place) -> None:
    recorder = RecordingListener()
    conn = stomp.Connection(place.address)
    conn.set_listener("", recorder)
    with pytest.raises(ConnectFailedException) as caught:
        conn.connect(LOGIN, "not the passcode", wait=True)
    assert "not the passcode" not in str(caught.value)
    recorder.wait_for("on_error")
    recorder.wait_for("on_disconnected")


def test_without_waiting_on_connected_is_called(here: Place) -> None:
    recorder = RecordingListener()
    conn = stomp.Connection(here.address)
    conn.set_listener("", recorder)
    conn.connect(LOGIN, PASSCODE)
    recorder.wait_for("on_connected")
    conn.disconnect()


def test_a_frame_sent_before_connected_waits_for_it(broker: Broker, here: Place) -> None:
    conn = stomp.Connection(here.address)
    conn.connect(LOGIN, PASSCODE)
    conn.send("/queue/a", "early")
    broker.wait_until(lambda it: it.messages("/queue/a") == [b"early"])
    conn.disconnect(receipt="bye")


def test_frames_that_waited_keep_their_order() -> None:
    """They are sent before on_connected is called, however long that takes."""
    arrived: list[bool] = []

    class Greeting(stomp.ConnectionListener):
        def on_connected(self, frame: stomp.utils.Frame) -> None:
            server.wait_for(b"/queue/c")
            arrived.append(True)
            conn.send("/queue/d", "")

    with ScriptedServer([Expect(b"\0")]) as server:
        conn = stomp.Connection([("127.0.0.1", server.port)])
        conn.set_listener("", Greeting())
        conn.connect(LOGIN, PASSCODE)
        for destination in ("/queue/a", "/queue/b", "/queue/c"):
            conn.send(destination, "")
        server.wait_for(b"\0")
        server.send(b"CONNECTED\nversion:1.1\n\n\0")
        server.wait_for(b"/queue/d")
        lines = server.received.decode().split("\n")
        conn.transport.disconnect_socket()
    assert [line[-1] for line in lines if line.startswith("destination:")] == list("abcd")
    assert arrived


def test_frames_that_waited_and_cannot_be_written_are_logged(
    broker: Broker, here: Place, caplog: pytest.LogCaptureFixture
) -> None:
    broker.silent = True
    recorder = RecordingListener()
    conn = stomp.Connection(here.address)
    conn.set_listener("", recorder)
    conn.connect("admin", "password")
    conn.send("/queue/a", "x", kind="a\0b")
    conn.commit("nope")
    broker.silent = False
    recorder.wait_for("on_error")
    calls = {record.levelname: record.getMessage() for record in caplog.records}
    assert calls["ERROR"].startswith("SEND was not sent")
    assert "no transaction 'nope' is open" in calls["WARNING"]
    conn.disconnect()


def test_the_first_host_that_answers_is_used(here: Place) -> None:
    conn = stomp.Connection(
        [("127.0.0.1", unused_port()), (here.host, here.port)], reconnect_sleep_initial=0.01
    )
    conn.connect(LOGIN, PASSCODE, wait=True)
    assert conn.transport.current_host_and_port == (here.host, here.port)
    conn.disconnect()


def test_a_broker_that_starts_later_is_reached(broker: Broker, here: Place) -> None:
    broker.stop()
    timer = threading.Timer(0.5, broker.start)
    timer.start()
    conn = stomp.Connection(
        here.address, reconnect_attempts_max=-1, reconnect_sleep_initial=0.05, reconnect_sleep_max=0.1
    )
    conn.connect(LOGIN, PASSCODE, wait=True)
    assert conn.is_connected()
    conn.disconnect()
    timer.join()


def test_reconnect_attempts_max_limits_the_attempts(caplog: pytest.LogCaptureFixture) -> None:
    conn = stomp.Connection(
        [("127.0.0.1", unused_port())],
        reconnect_attempts_max=3,
        reconnect_sleep_initial=0.15,
        reconnect_sleep_increase=1.0,
        reconnect_sleep_jitter=0.0,
    )
    began = time.monotonic()
    with pytest.raises(ConnectFailedException):
        conn.connect(LOGIN, PASSCODE, wait=True)
    assert time.monotonic() - began > 0.4  # 0.15 s, then 0.3 s
    assert ["refused" in record.getMessage() for record in caplog.records] == [True] * 3


@pytest.mark.parametrize(("maximum", "made"), [(1, 2), (2, 2), (3, 4)])
def test_every_host_of_a_round_is_an_attempt(
    maximum: int, made: int, caplog: pytest.LogCaptureFixture
) -> None:
    """As in stomp.py, which looks at the number of attempts at the end of a round."""
    hosts = [("127.0.0.1", unused_port()) for _ in range(2)]
    conn = stomp.Connection(hosts, reconnect_attempts_max=maximum, reconnect_sleep_initial=0.0)
    with pytest.raises(ConnectFailedException) as caught:
        conn.connect(LOGIN, PASSCODE, wait=True)
    assert ["refused" in record.getMessage() for record in caplog.records] == [True] * made
    assert all(str(port) in str(caught.value) for _, port in hosts)


def test_a_second_connect_uses_the_connection_that_there_is() -> None:
    with ScriptedServer([Expect(b"\0")]) as server:
        conn = stomp.Connection([("127.0.0.1", server.port)])
        for passcode in ("first", "second"):
            conn.connect(LOGIN, passcode)
        server.send(b"CONNECTED\nversion:1.1\n\n\0")
        server.wait_for(b"second")
        assert len(server.connections) == 1
        conn.transport.disconnect_socket()
        server.wait_until_closed()


def test_to_dial_again_closes_the_earlier_socket() -> None:
    with ScriptedServer([Expect(b"\0"), b"CONNECTED\nversion:1.1\n\n\0"]) as server:
        conn = stomp.Connection([("127.0.0.1", server.port)])
        conn.transport.start()
        conn.transport.start()
        until(lambda: (len(server.connections), server.open_connections) == (2, 1))
        conn.connect(LOGIN, PASSCODE, wait=True)
        assert server.connections[0] == b""
        conn.transport.disconnect_socket()
        server.wait_until_closed()


def test_to_connect_in_vain_leaves_no_connection_behind() -> None:
    with ScriptedServer([Expect(b"\0")]) as server:
        conn = stomp.Connection([("127.0.0.1", server.port)], timeout=0.1)
        with pytest.raises(ConnectFailedException):
            conn.connect(LOGIN, PASSCODE, wait=True)
        server.wait_until_closed()
        assert not conn.is_connected()


def test_a_disconnect_of_the_program_s_own_asks_for_no_receipt() -> None:
    with ScriptedServer([Expect(b"\0"), b"CONNECTED\nversion:1.1\n\n\0", Expect(b"\0"), CLOSE]) as server:
        conn = stomp.Connection([("127.0.0.1", server.port)])
        conn.connect(LOGIN, PASSCODE, wait=True)
        conn.send_frame("DISCONNECT", {"reason": "test"})
        server.wait_until_closed()
        assert server.received.endswith(b"\0DISCONNECT\nreason:test\n\n\0")


@pytest.mark.parametrize(("answer", "agreed"), [("nonsense", (0, 0)), ("7000,4000", (5000, 7000))])
def test_heartbeats_shows_what_was_agreed(answer: str, agreed: tuple[int, int]) -> None:
    """A header that is not two numbers asks for none."""
    connected = f"CONNECTED\nversion:1.1\nheart-beat:{answer}\n\n\0".encode()
    with ScriptedServer([Expect(b"\0"), connected]) as server:
        conn = stomp.Connection([("127.0.0.1", server.port)], heartbeats=(5000, 6000))
        assert conn.heartbeats == (5000, 6000)
        conn.connect(LOGIN, PASSCODE, wait=True)
        assert conn.heartbeats == agreed
        conn.transport.disconnect_socket()


def test_without_heartbeats_there_is_no_such_header() -> None:
    with ScriptedServer([Expect(b"\0"), b"CONNECTED\nversion:1.1\n\n\0"]) as server:
        conn = stomp.Connection([("127.0.0.1", server.port)])
        conn.connect(LOGIN, PASSCODE, wait=True)
        assert b"heart-beat" not in server.received
        conn.transport.disconnect_socket()


def test_a_tuple_repeats_a_header_and_none_leaves_it_out() -> None:
    with ScriptedServer([Expect(b"\0"), b"CONNECTED\nversion:1.1\n\n\0"]) as server:
        conn = stomp.Connection([("127.0.0.1", server.port)])
        conn.connect(LOGIN, PASSCODE, wait=True)
        conn.send("/queue/a", "x", headers={"a": ("1", None, 2), "b": None, "c": ()})
        server.wait_for(b"SEND")
        server.wait_for(b"x\0")
        assert server.received.endswith(b"SEND\na:1\na:2\ncontent-length:1\ndestination:/queue/a\n\nx\0")
        conn.transport.disconnect_socket()


def test_the_jitter_makes_pauses_longer_and_never_shorter(
    closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    wait = threading.Event.wait

    def note(event: threading.Event, timeout: float | None = None) -> bool:
        if timeout is None or timeout < 2:
            return wait(event, timeout)
        pauses.append(timeout)
        return False

    monkeypatch.setattr(threading.Event, "wait", note)
    conn = stomp.Connection(
        [("127.0.0.1", closed_port)],
        reconnect_attempts_max=30,
        reconnect_sleep_initial=20.0,
        reconnect_sleep_increase=0.0,
        reconnect_sleep_jitter=1.0,
    )
    with pytest.raises(ConnectFailedException):
        conn.connect(LOGIN, PASSCODE, wait=True)
    assert len(pauses) == 29
    assert min(pauses) > 15  # less than 20 only by the time that has passed since it was computed
    assert 25 < max(pauses) <= 40


def test_proxies_of_the_environment_are_not_used(here: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """stomp.py knows none."""
    getaddrinfo = socket.getaddrinfo

    def resolve(host: Any, port: Any, *arguments: Any, **options: Any) -> Any:
        return getaddrinfo(here.host if host == "broker.test" else host, port, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setenv("all_proxy", "http://127.0.0.1:1")
    conn = stomp.Connection([("broker.test", here.port)], reconnect_attempts_max=1)
    conn.connect(LOGIN, PASSCODE, wait=True)
    conn.disconnect()


def test_two_threads_that_dial_do_so_one_after_the_other(
    broker: Broker, here: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the socket of one of them would be lost."""
    getaddrinfo, go_on = socket.getaddrinfo, threading.Event()
    entered: list[int] = []

    def resolve(host: Any, port: Any, *arguments: Any, **options: Any) -> Any:
        if host != "slow.test":
            return getaddrinfo(host, port, *arguments, **options)
        entered.append(threading.get_ident())
        go_on.wait(HANGS)
        return getaddrinfo(here.host, port, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    conn = stomp.Connection([("slow.test", here.port)], reconnect_attempts_max=1)
    threads = [threading.Thread(target=conn.transport.attempt_connection) for _ in range(2)]
    for thread in threads:
        thread.start()
    until(lambda: entered)
    assert never(lambda: len(entered) > 1, 0.1)
    go_on.set()
    for thread in threads:
        thread.join(HANGS)
    assert len(entered) == 2
    conn.connect(LOGIN, PASSCODE, wait=True)
    broker.wait_until(lambda _: len(broker.connections) == 1, HANGS)
    conn.disconnect()


def test_a_timeout_of_no_seconds_is_no_default() -> None:
    """The default is 10 s, in which anybody answers."""
    with ScriptedServer([Expect(b"\0"), b"CONNECTED\nversion:1.1\n\n\0"]) as server:
        conn = stomp.Connection([("127.0.0.1", server.port)], timeout=0, reconnect_attempts_max=1)
        with pytest.raises(ConnectFailedException):
            conn.connect(LOGIN, PASSCODE, wait=True)


CANCELLING: dict[str, Any] = {
    "stop": lambda conn: conn.transport.stop(),
    "disconnect": lambda conn: conn.disconnect(),
    "cancel_connecting": lambda conn: conn.transport.cancel_connecting(),
    "disconnect_socket": lambda conn: conn.transport.disconnect_socket(),
}


@pytest.mark.parametrize("cancel", CANCELLING.values(), ids=CANCELLING)
def test_dialling_can_be_cancelled(cancel: Any, caplog: pytest.LogCaptureFixture) -> None:
    """And the program may connect again."""
    port = unused_port()
    conn = stomp.Connection(
        [("127.0.0.1", port)],
        reconnect_attempts_max=-1,
        reconnect_sleep_initial=5000,
        reconnect_sleep_max=5000,
    )
    outcome: list[BaseException] = []

    def connect() -> None:
        try:
            conn.connect(LOGIN, PASSCODE, wait=True)
        except ConnectFailedException as error:
            outcome.append(error)

    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    until(lambda: "refused" in caplog.text)
    cancel(conn)
    thread.join(HANGS)
    assert ["cancelled" in str(error) for error in outcome] == [True]
    with Broker(port=port, users={LOGIN: PASSCODE}):
        conn.connect(LOGIN, PASSCODE, wait=True)
        conn.disconnect()


def test_a_server_that_does_not_speak_tls_is_given_up_in_time() -> None:
    with ScriptedServer([Pause(5), CLOSE]) as server:
        address = ("127.0.0.1", server.port)
        conn = stomp.Connection([address], timeout=0.1, reconnect_attempts_max=1)
        conn.set_ssl([address], verify=False)
        with pytest.raises(ConnectFailedException, match=r"within 0\.1 s"):
            conn.connect(LOGIN, PASSCODE, wait=True)


@pytest.mark.parametrize("kind", VERSIONS.values(), ids=VERSIONS)
def test_a_server_that_answers_connect_too_late_is_given_up(kind: Any) -> None:
    with ScriptedServer([Expect(b"\0"), Pause(5), b"CONNECTED\nversion:1.1\n\n\0"]) as server:
        conn = kind([("127.0.0.1", server.port)], timeout=0.1)
        with pytest.raises(ConnectFailedException, match=r"within 0\.1 s"):
            conn.connect(LOGIN, PASSCODE, wait=True)


def test_a_program_may_connect_again_after_the_end(
    broker: Broker, here: Place, open_connection: Open
) -> None:
    recorder = RecordingListener()
    conn = open_connection(here, recorder)
    for number in (1, 2, 3):
        if number % 2:
            broker.drop_connections()
        else:
            conn.disconnect()
        recorder.wait_for("on_disconnected", number)
        assert not conn.is_connected()
        conn.connect(LOGIN, PASSCODE, wait=True)
        conn.subscribe("/queue/a", id=1)
        conn.send("/queue/a", str(number))
        recorder.wait_for("on_message", number)
    assert recorder.bodies() == ["1", "2", "3"]


def test_without_a_connection_nothing_can_be_sent(here: Place, open_connection: Open) -> None:
    with pytest.raises(NotConnectedException):
        stomp.Connection(here.address).send("/queue/a", "x")
    conn = open_connection(here)
    conn.disconnect(receipt="bye")
    with pytest.raises(NotConnectedException):
        conn.send("/queue/a", "x")


def test_to_disconnect_twice_or_never_connected_does_no_harm(here: Place, open_connection: Open) -> None:
    stomp.Connection(here.address).disconnect()
    conn = open_connection(here)
    conn.disconnect()
    conn.disconnect()
    assert not conn.is_connected()


def test_disconnect_sends_the_given_receipt_and_headers(here: Place, open_connection: Open) -> None:
    recorder = RecordingListener()
    conn = open_connection(here, recorder)
    conn.disconnect(receipt="bye", headers={"why": "done", "more": "0"}, more="1")
    assert recorder.of("on_receipt")[0].headers == {"receipt-id": "bye"}
    assert recorder.of("on_send")[-1].headers == {"receipt": "bye", "why": "done", "more": "1"}
    assert not conn.is_connected()


def test_start_and_stop_do_no_harm(here: Place) -> None:
    recorder = RecordingListener()
    conn = stomp.Connection(here.address)
    conn.set_listener("", recorder)
    conn.start()
    conn.connect(LOGIN, PASSCODE, wait=True)
    conn.subscribe("/queue/a", id=1)
    conn.send("/queue/a", "x")
    recorder.wait_for("on_message")
    conn.disconnect()
    conn.stop()
    assert not conn.is_connected()


def test_a_context_disconnects_at_its_end(broker: Broker, here: Place) -> None:
    recorder = RecordingListener()
    with stomp.Connection(here.address) as conn:
        conn.set_listener("", recorder)
        conn.connect(LOGIN, PASSCODE, wait=True)
        conn.send("/queue/a", "x")
    assert not conn.is_connected()
    assert broker.messages("/queue/a") == [b"x"]
    assert "on_receipt" in recorder.names()


def test_a_context_disconnects_after_an_exception(here: Place) -> None:
    conn = stomp.Connection(here.address)

    def block() -> None:
        with conn:
            conn.connect(LOGIN, PASSCODE, wait=True)
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        block()
    assert not conn.is_connected()


def test_a_context_without_a_connection_does_no_harm(here: Place) -> None:
    with stomp.Connection(here.address) as conn:
        pass
    assert not conn.is_connected()


# ---------------------------------------------------------------------- attributes that programs use


def test_set_receipt_keeps_a_value_until_the_receipt(here: Place, open_connection: Open) -> None:
    recorder = RecordingListener()
    conn = open_connection(here, recorder)
    conn.set_receipt("r", CMD_DISCONNECT + " is not what it is for")
    conn.set_receipt("never", "x")
    conn.set_receipt("never", None)
    conn.send("/queue/a", "x", receipt="r")
    recorder.wait_for("on_receipt")
    assert conn.is_connected()


def test_override_threading_creates_the_receiver_thread(here: Place) -> None:
    made: list[threading.Thread] = []

    def create(callback: Any) -> threading.Thread:
        thread = threading.Thread(target=callback, name="of the program", daemon=True)
        made.append(thread)
        thread.start()
        return thread

    names: list[str] = []
    recorder = RecordingListener()
    conn = stomp.Connection(here.address)
    conn.override_threading(create)
    conn.set_listener("", recorder)
    listener: Any = stomp.ConnectionListener()
    listener.on_message = lambda frame: names.append(threading.current_thread().name)
    conn.set_listener("", listener)
    conn.set_listener("z", recorder)
    conn.connect(LOGIN, PASSCODE, wait=True)
    assert conn.transport.receiver_thread is made[0]
    conn.subscribe("/queue/a", id=1)
    conn.send("/queue/a", "x")
    recorder.wait_for("on_message")
    conn.disconnect()
    assert names == ["of the program"]


def test_the_attributes_that_programs_use(here: Place, open_connection: Open) -> None:
    conn = open_connection(here, heartbeats=(1000, 2000))
    transport = conn.transport
    assert isinstance(transport.socket, socket.socket)
    assert transport.socket.getpeername() == (here.host, here.port)
    assert transport.receiver_thread.is_alive()
    assert transport._Transport__host_and_ports == here.address
    assert transport.is_connected()
    assert conn.heartbeats == (1000, 2000)
    assert isinstance(conn.received_heartbeat, float)
    conn.disconnect(receipt="bye")
    assert transport.socket is None


def test_a_socket_that_is_shut_down_is_a_lost_connection(here: Place, open_connection: Open) -> None:
    recorder = RecordingListener()
    conn = open_connection(here, recorder)
    conn.transport.socket.shutdown(socket.SHUT_RDWR)
    recorder.wait_for("on_disconnected")
    assert not conn.is_connected()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, [("localhost", 61613)]),
        ({"host_and_ports": [("broker", 1)]}, [("broker", 1)]),
        ({"host_and_ports": [("broker", 1), ("localhost", 2)]}, [("localhost", 2), ("broker", 1)]),
        (
            {"host_and_ports": [("broker", 1), ("localhost", 2)], "prefer_localhost": False},
            [("broker", 1), ("localhost", 2)],
        ),
    ],
)
def test_this_machine_comes_first_by_default(arguments: Any, expected: Any) -> None:
    transport: Any = stomp.Connection(**arguments).transport
    assert transport._Transport__host_and_ports == expected


def test_a_connection_is_bound_to_bind_host_port(here: Place, open_connection: Open) -> None:
    while True:
        port = unused_port()
        try:
            conn = open_connection(here, bind_host_port=("127.0.0.1", port), reconnect_attempts_max=1)
        except ConnectFailedException as error:
            if "already in use" not in str(error):  # another program was quicker
                raise
            continue
        break
    assert conn.transport.socket.getsockname() == ("127.0.0.1", port)


@pytest.mark.skipif(not hasattr(socket, "TCP_KEEPIDLE"), reason="Linux only")
@pytest.mark.parametrize("keepalive", [True, ("linux", 11, 12, 13)])
def test_keepalive_sets_the_options_of_the_socket(here: Place, keepalive: Any, open_connection: Open) -> None:
    sock = open_connection(here, keepalive=keepalive).transport.socket
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    if keepalive is not True:
        names = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
        assert [sock.getsockopt(socket.IPPROTO_TCP, name) for name in names] == [11, 12, 13]


def test_every_argument_of_a_constructor_is_known() -> None:
    common = {
        "host_and_ports": [("broker", 1)],
        "prefer_localhost": True,
        "try_loopback_connect": True,
        "reconnect_sleep_initial": 0.1,
        "reconnect_sleep_increase": 0.5,
        "reconnect_sleep_jitter": 0.1,
        "reconnect_sleep_max": 60.0,
        "reconnect_attempts_max": 3,
        "timeout": 1.0,
        "keepalive": None,
        "auto_decode": True,
        "encoding": "utf-8",
        "auto_content_length": True,
        "bind_host_port": None,
    }
    newer = {"heartbeats": (0, 0), "vhost": "/", "heart_beat_receive_scale": 1.5}
    stomp.Connection10(**common)  # type: ignore[arg-type]
    for newer_type in (stomp.Connection11, stomp.Connection12):
        newer_type(**common, **newer)  # type: ignore[arg-type]


# ---------------------------------------------------------------------- what is refused


def test_multicast_raises() -> None:
    with pytest.raises(NotImplementedError, match="multicast"):
        stomp.adapter.multicast.MulticastConnection()


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda conn: conn.unsubscribe(id=9), id="an unknown subscription"),
        pytest.param(lambda conn: conn.send_frame("NONSENSE", {}), id="an unknown command"),
        pytest.param(lambda conn: conn.subscribe("/queue/b", id=1), id="an id in use"),
        pytest.param(
            lambda conn: conn.subscribe("/queue/b", id=2, ack="sometimes"), id="an unknown ack mode"
        ),
        pytest.param(lambda conn: conn.commit("never begun"), id="an unknown transaction"),
        pytest.param(lambda conn: conn.send_frame("MESSAGE", {"destination": "a"}), id="a frame of servers"),
    ],
)
def test_what_stomp_forbids_is_answered_by_the_broker(
    here: Place, open_connection: Open, call: Any, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = RecordingListener()
    conn = open_connection(here, recorder)
    conn.subscribe("/queue/a", id=1)
    call(conn)
    assert "sent, although STOMP does not allow it" in caplog.text
    assert recorder.wait_for("on_error").cmd == "ERROR"


def test_a_frame_that_cannot_be_written_leaves_the_connection_intact(
    here: Place, open_connection: Open
) -> None:
    recorder = RecordingListener()
    conn = open_connection(here, recorder)
    conn.subscribe("/queue/a", id=1)
    with pytest.raises(ProtocolException):
        conn.send("/queue/a", "x", kind="a\0b")
    conn.send("/queue/a", "x")
    recorder.wait_for("on_message")


def test_a_connection_goes_on_after_an_error_if_the_broker_lets_it() -> None:
    """RabbitMQ leaves most connections open after ERROR, and programs for stomp.py rely on it."""
    recorder = RecordingListener()
    script: Any = [
        Expect(b"\0"),
        b"CONNECTED\nversion:1.1\n\n\0",
        Expect(b"\0"),
        ERROR,
        Expect(b"\0"),
        MESSAGE,
        CLOSE,
    ]
    with ScriptedServer(script) as server:
        conn = stomp.Connection([("127.0.0.1", server.port)])
        conn.set_listener("", recorder)
        conn.connect(LOGIN, PASSCODE, wait=True)
        conn.send("/nowhere", "x")
        assert recorder.wait_for("on_error").headers["message"] == "Unknown destination"
        assert conn.is_connected()
        conn.send("/queue/a", "x")
        assert recorder.wait_for("on_message").body == "hello"
        recorder.wait_for("on_disconnected")
    assert not conn.is_connected()


@pytest.mark.parametrize("stated", [b"", b"version:1.0\n", b"version: 1.1\n"])
def test_a_server_may_state_any_version(stated: bytes) -> None:
    """As simple test doubles of brokers do; frames are those of the connection's class."""
    script: Any = [Expect(b"\0"), b"CONNECTED\n%b\n\0" % stated, Expect(b"\0"), CLOSE]
    with ScriptedServer(script) as server:
        conn = stomp.Connection([("127.0.0.1", server.port)])
        conn.connect(LOGIN, PASSCODE, wait=True)
        conn.send("/queue/a", "", kind="a:b")
        server.wait_for(b"SEND\ndestination:/queue/a\nkind:a\\cb\n\n\0")
        server.wait_until_closed()
        conn.disconnect()


def test_a_broker_may_log_in_clients_by_itself() -> None:
    """RabbitMQ's implicit connect: the program dials, and begins with any frame."""
    recorder = RecordingListener()
    script: Any = [Expect(b"\0"), b"RECEIPT\nreceipt-id:1\n\n\0", Expect(b"\0"), MESSAGE]
    with ScriptedServer(script) as server:
        conn = stomp.Connection([("127.0.0.1", server.port)])
        conn.set_listener("", recorder)
        conn.transport.start()
        conn.subscribe("/queue/a", "s", receipt="1")
        recorder.wait_for("on_receipt")
        conn.send("/queue/a", "x")
        assert recorder.wait_for("on_message").body == "hello"
        assert server.received == (
            b"SUBSCRIBE\nack:auto\ndestination:/queue/a\nid:s\nreceipt:1\n\n\0"
            b"SEND\ncontent-length:1\ndestination:/queue/a\n\nx\0"
        )
        assert not conn.is_connected()
        conn.disconnect()


@pytest.mark.rabbitmq
def test_an_ack_goes_by_the_message_whatever_subscription_it_names(
    rabbitmq: Any, open_connection: Open
) -> None:
    place = Place("rabbitmq", rabbitmq.host, rabbitmq.tcp_port)
    queue = place.new_queue()
    recorder = RecordingListener()
    conn = open_connection(place, recorder)
    conn.subscribe(queue, "s", ack="client-individual")
    conn.send(queue, "x")
    message = recorder.wait_for("on_message")
    conn.ack(message.headers["message-id"], "another")
    conn.disconnect(receipt="bye")
    again = RecordingListener()
    conn = open_connection(place, again)
    conn.subscribe(queue, "s", receipt="subscribed")
    conn.send(queue, "y")
    again.wait_for("on_message")
    assert again.bodies() == ["y"]


def test_small_frames_are_sent_at_once(here: Place, open_connection: Open) -> None:
    """Nagle's algorithm would hold back a frame until the one before it is acknowledged."""
    conn = open_connection(here)
    assert conn.transport.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_the_socket_can_be_closed_without_disconnect() -> None:
    recorder = RecordingListener()
    with ScriptedServer([Expect(b"\0"), b"CONNECTED\nversion:1.1\n\n\0"]) as server:
        conn = stomp.Connection([("127.0.0.1", server.port)])
        conn.set_listener("", recorder)
        conn.connect(LOGIN, PASSCODE, wait=True)
        conn.transport.disconnect_socket()
        assert recorder.names()[-2:] == ["on_disconnected", "on_receiver_loop_completed"]
        assert not conn.is_connected()
        assert not conn.transport.connection_error
        server.wait_until_closed()
        assert server.received.count(b"\0") == 1
        with pytest.raises(NotConnectedException):
            conn.send("/queue/a", "x")
        conn.connect(LOGIN, PASSCODE, wait=True)
        assert conn.is_connected()
        conn.transport.disconnect_socket()


def test_set_connected_before_connected_ends_the_wait() -> None:
    with ScriptedServer([Expect(b"\0")]) as server:
        conn = stomp.Connection([("127.0.0.1", server.port)])
        conn.connect(LOGIN, PASSCODE)
        conn.transport.set_connected(True)
        conn.transport.wait_for_connection()
        assert conn.is_connected()
        conn.transport.disconnect_socket()
        assert not conn.is_connected()
        conn.connect(LOGIN, PASSCODE)
        assert not conn.is_connected()  # it was for the connection of then
        conn.transport.disconnect_socket()


def test_set_connected_ends_only_the_waits_of_then() -> None:
    with ScriptedServer([Expect(b"\0")]) as server:
        conn = stomp.Connection([("127.0.0.1", server.port)])
        conn.connect(LOGIN, PASSCODE)
        conn.transport.set_connected(True)
        conn.transport.set_connected(False)
        with pytest.raises(ConnectFailedException):
            conn.transport.wait_for_connection(0.05)
        conn.transport.set_connected(True)
        conn.transport.wait_for_connection()
        conn.transport.disconnect_socket()


def test_set_connected_changes_what_is_shown(here: Place, open_connection: Open) -> None:
    conn = open_connection(here)
    conn.transport.set_connected(False)
    assert not conn.is_connected()
    assert not conn.transport.connected
    conn.transport.set_connected(True)
    assert conn.is_connected()
    conn.disconnect()
    conn.transport.set_connected(True)
    assert not conn.is_connected()  # as in stomp.py, where there is no socket
    recorder = RecordingListener()
    conn.set_listener("", recorder)
    conn.transport.set_connected(False)
    conn.connect(LOGIN, PASSCODE, wait=True)
    assert conn.is_connected()


def test_set_connected_wakes_a_thread_that_waits_for_connected() -> None:
    with ScriptedServer([Expect(b"\0")]) as server:
        conn = stomp.Connection([("127.0.0.1", server.port)], timeout=60)
        # If this is so late that nobody waits yet, the wait ends at once.
        timer = threading.Timer(0.2, conn.transport.set_connected, [True])
        conn.connect(LOGIN, PASSCODE)
        timer.start()
        conn.transport.wait_for_connection()
        timer.join()
        assert conn.is_connected()
        conn.transport.set_connected(False)
        conn.transport.disconnect_socket()
        conn.transport.set_connected(True)
        assert not conn.is_connected()


def test_to_wait_for_connected_has_a_timeout_of_its_own() -> None:
    """The connection stays, and CONNECTED may still come."""
    with ScriptedServer([Expect(b"\0")]) as server:
        conn = stomp.Connection([("127.0.0.1", server.port)], timeout=5000)
        conn.connect(LOGIN, PASSCODE)
        with pytest.raises(ConnectFailedException):
            conn.transport.wait_for_connection(0.05)
        server.send(b"CONNECTED\nversion:1.1\n\n\0")
        conn.transport.wait_for_connection(HANGS)
        assert conn.is_connected()
        conn.transport.disconnect_socket()


def test_connected_after_set_connected_is_received_as_ever() -> None:
    recorder = RecordingListener()
    with ScriptedServer([Expect(b"\0")]) as server:
        conn = stomp.Connection([("127.0.0.1", server.port)])
        conn.set_listener("", recorder)
        conn.connect(LOGIN, PASSCODE)
        server.wait_for(b"\0")
        conn.transport.set_connected(True)
        conn.transport.set_connected(False)
        conn.send("/queue/a", "x")
        server.send(b"CONNECTED\nversion:1.1\n\n\0")
        conn.transport.wait_for_connection()
        assert conn.is_connected()
        server.wait_for(b"SEND")
        conn.transport.disconnect_socket()
    assert len(recorder.of("on_connected")) == 1


def test_after_set_connected_false_disconnect_does_nothing() -> None:
    recorder = RecordingListener()

    def hide_and_disconnect(conn: Any) -> None:
        conn.set_listener("", recorder)
        conn.transport.set_connected(False)
        conn.disconnect()
        conn.disconnect(receipt="bye")
        assert conn.transport.socket is not None
        conn.transport.set_connected(True)

    assert sent(hide_and_disconnect) == b""
    assert "on_disconnecting" not in recorder.names()


@pytest.mark.parametrize(
    ("type", "chosen", "taken_as"),
    [
        (stomp.Connection10, b"1.2", "1.0"),
        (stomp.Connection11, b"1.2", "1.1"),
        (stomp.Connection11, b"2.0", "1.1"),
        (stomp.Connection12, b"1.0", "1.2"),
    ],
)
def test_a_version_that_was_not_offered_is_a_warning(
    type: Any, chosen: bytes, taken_as: str, caplog: pytest.LogCaptureFixture
) -> None:
    with ScriptedServer([Expect(b"\0"), b"CONNECTED\nversion:" + chosen + b"\n\n\0"]) as server:
        conn = type([("127.0.0.1", server.port)])
        conn.connect(LOGIN, PASSCODE, wait=True)
        conn.transport.disconnect_socket()
    expected = f"the server chose STOMP '{chosen.decode()}', which was not offered; taken as {taken_as}"
    assert [record.levelname for record in caplog.records if expected in record.getMessage()] == ["WARNING"]


@pytest.mark.parametrize("chosen", [b"1.2", b"1.3", b"1.0"])
def test_a_version_that_only_the_program_and_the_broker_know(chosen: bytes) -> None:
    answer = b"CONNECTED\nversion:" + chosen + b"\n\n\0"
    with ScriptedServer([Expect(b"\0"), answer, Expect(b"destination:a"), MESSAGE]) as server:
        recorder = RecordingListener()
        conn = stomp.Connection12([("127.0.0.1", server.port)])
        conn.version = "1.3"
        conn.set_listener("", recorder)
        conn.connect(LOGIN, PASSCODE, wait=True)
        conn.subscribe("a", "s")
        assert recorder.wait_for("on_message").body == "hello"
        conn.transport.disconnect_socket()


@pytest.mark.parametrize(
    ("type", "escaped"), [(stomp.Connection11, "a\\c\r\\\\"), (stomp.Connection12, "a\\c\\r\\\\")]
)
def test_who_watches_send_frame_finds_the_headers_escaped(
    type: Any, escaped: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Programs assert in their tests what send_frame() was called with. A mock keeps the dictionary itself.
    calls: list[tuple[str, dict[str, Any]]] = []
    given = {"note": "a:\r\\"}

    conn = type([("127.0.0.1", 1)])
    monkeypatch.setattr(conn, "send_frame", lambda cmd, headers: calls.append((cmd, headers)))
    conn.subscribe("/queue/a", 1, headers=given)
    assert calls[0][0] == "SUBSCRIBE"
    assert calls[0][1]["note"] == escaped
    assert calls[0][1]["id"] == 1
    assert given == {"note": "a:\r\\"}


def test_set_connected_of_a_transport_without_network() -> None:
    transport = stomp.transport.BaseTransport()
    assert not transport.is_connected()
    transport.set_connected(True)
    assert transport.is_connected()


def test_escapes_are_undone_in_1_0_too() -> None:
    """As in stomp.py, although 1.0 has none."""
    recorder = RecordingListener()
    message = b"MESSAGE\ndestination:/queue/a\nmessage-id:1\nname:a\\cb\n\nx\0"
    with ScriptedServer([Expect(b"\0"), b"CONNECTED\nversion:1.0\n\n\0", message]) as server:
        conn = stomp.Connection10([("127.0.0.1", server.port)])
        conn.set_listener("", recorder)
        conn.connect(LOGIN, PASSCODE, wait=True)
        recorder.wait_for("on_message")
        assert recorder.of("on_message")[0].headers["name"] == "a:b"
        conn.transport.disconnect_socket()
