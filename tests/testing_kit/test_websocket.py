"""Broker(websocket=True), used by the client of the ``websockets`` package, and compared with RabbitMQ's Web-STOMP."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

pytest.importorskip("websockets", reason='pip install "stomp-core[websocket]"')

from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from stomp_core import Leniency
from stomp_testing import Broker, FaultProxy, Note, Recorder
from stomp_websocket import WebSocket, WebSocketRequest
from tests.brokers import RabbitMQ
from tests.waiting import HANGS

from .wire import Wire

CONNECT = "CONNECT\naccept-version:1.2\nlogin:guest\npasscode:guest\n{more}\n\0"
Place = tuple[str, str, str]  # URL, login and passcode


@contextmanager
def open_url(url: str, **options: Any) -> Iterator[ClientConnection]:
    """Open a WebSocket, without credentials in HTTP."""
    scheme, _, rest = url.partition("://")
    defaults = {
        "compression": None,
        "max_size": None,
        "proxy": None,
        "ping_interval": None,
        "open_timeout": HANGS,
    }
    options = {**defaults, "subprotocols": [Subprotocol("v12.stomp")], **options}
    with connect(f"{scheme}://{rest.rpartition('@')[2]}", **options) as client:
        yield client


def receive(client: ClientConnection) -> str:
    """Return the next frame, without its NUL and what follows."""
    message = client.recv(HANGS)
    assert isinstance(message, str)
    return message.partition("\0")[0]


@contextmanager
def opened(url: str, more: str = "", **options: Any) -> Iterator[ClientConnection]:
    """Open a WebSocket, and connect as guest."""
    with open_url(url, **options) as client:
        client.send(CONNECT.format(more=more))
        assert receive(client).startswith("CONNECTED\n")
        yield client


def end_of(client: ClientConnection) -> tuple[int, str] | None:
    """Wait for the end; return code and reason of the Close frame, or ``None`` if there was none."""
    try:
        while True:
            client.recv(HANGS, decode=False)
    except ConnectionClosed as closed:
        return None if closed.rcvd is None else (closed.rcvd.code, closed.rcvd.reason)


@pytest.fixture
def broker() -> Iterator[Broker]:
    with Broker(websocket=True) as broker:
        yield broker


# ---------------------------------------------------------------------- the same as RabbitMQ's


@pytest.fixture(params=["embedded", pytest.param("real", marks=pytest.mark.rabbitmq)])
def web_stomp(request: pytest.FixtureRequest) -> Iterator[tuple[str, Callable[[], str]]]:
    """A URL, and a function that makes a queue: of the embedded broker, and of the one that it stands for."""
    if request.param == "real":
        real: RabbitMQ = request.getfixturevalue("rabbitmq")
        yield real.ws_url, real.new_queue
    else:
        with Broker(websocket=True, users={"admin": "password"}) as broker:
            yield broker.ws_url, lambda: "/queue/a"


WebStomp = tuple[str, Callable[[], str]]


@contextmanager
def admin(url: str, **options: Any) -> Iterator[ClientConnection]:
    with open_url(url, **options) as client:
        client.send(CONNECT.format(more="").replace("guest", "admin", 1).replace("guest", "password"))
        assert receive(client).startswith("CONNECTED\n")
        yield client


def test_disconnect_ends_the_websocket_without_receipt(web_stomp: WebStomp) -> None:
    with admin(web_stomp[0]) as client:
        client.send("DISCONNECT\nreceipt:bye\n\n\0")
        with pytest.raises(ConnectionClosed) as caught:
            client.recv(HANGS)
    assert caught.value.rcvd is not None
    assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (1000, "STOMP died")


def test_frames_and_messages_need_not_be_the_same(web_stomp: WebStomp) -> None:
    url, new_queue = web_stomp
    queue = new_queue()
    with admin(url) as client:
        client.send(f"SUBSCRIBE\nid:1\ndestination:{queue}\nreceipt:1\n\n\0\n\n")
        assert receive(client) == "RECEIPT\nreceipt-id:1\n\n"
        client.send("")
        client.send(f"SEND\ndestination:{queue}\n\ntwo\0SEND\ndestination:{queue}\n\nin one\0")
        for piece in ("SEND\ndesti", f"nation:{queue}\n\no", "ne in three\0"):
            client.send(piece)
        client.send([f"SEND\ndestination:{queue}\n", "\n", "fragments\0"])
        client.send(f"SEND\ndestination:{queue}\n\nbinary\0".encode())
        bodies = [receive(client).partition("\n\n")[2] for _ in range(5)]
    assert bodies == ["two", "in one", "one in three", "fragments", "binary"]


def test_bytes_are_sent_as_text_whatever_they_are(web_stomp: WebStomp) -> None:
    """RabbitMQ breaks RFC 6455 here, and so does the broker that stands for it: no browser can read this."""
    url, new_queue = web_stomp
    queue = new_queue()
    body = bytes(range(256))
    with admin(url) as client:
        client.send(f"SUBSCRIBE\nid:1\ndestination:{queue}\n\n\0")
        client.send(f"SEND\ndestination:{queue}\ncontent-length:256\n\n".encode() + body + b"\0")
        message = client.recv(HANGS, decode=False)
        assert body in message
        client.send(f"SEND\ndestination:{queue}\ncontent-length:1\n\n".encode() + b"\xff\0")
        with pytest.raises((UnicodeDecodeError, ConnectionClosed)):
            client.recv(HANGS)  # it is text, which the client decodes


def test_text_that_is_not_utf_8_is_refused(web_stomp: WebStomp) -> None:
    url, new_queue = web_stomp
    with admin(url) as client:
        client.send(f"SEND\ndestination:{new_queue()}\n\n\xff\0".encode("latin-1"), text=True)
        end = end_of(client)
    assert end is not None
    assert end[0] == 1007


@pytest.mark.parametrize(
    ("offered", "chosen"), [(["v11.stomp", "v12.stomp"], True), (["chat"], False), (None, False)]
)
def test_a_known_subprotocol_is_chosen(web_stomp: WebStomp, offered: list[str] | None, chosen: bool) -> None:
    with admin(web_stomp[0], subprotocols=offered) as client:
        assert (client.subprotocol is not None) is chosen


def test_a_path_that_is_none_is_404(web_stomp: WebStomp) -> None:
    with pytest.raises(InvalidStatus) as caught:
        with open_url(web_stomp[0] + "x"):
            pass
    assert caught.value.response.status_code == 404


def test_ping_and_close_are_answered(web_stomp: WebStomp) -> None:
    with admin(web_stomp[0]) as client:
        assert client.ping("are you there").wait(HANGS)
        client.close(4001, "enough")
        assert client.close_code == 4001
        assert client.protocol.close_rcvd is not None


def test_compression_is_agreed_on(web_stomp: WebStomp) -> None:
    url, new_queue = web_stomp
    queue = new_queue()
    if queue == "/queue/a":
        with Broker(websocket=WebSocket(compression=True), users={"admin": "password"}) as broker:
            send_compressed(broker.ws_url, queue)
    else:
        send_compressed(url, queue)


def send_compressed(url: str, queue: str) -> None:
    with admin(url, compression="deflate") as client:
        assert client.response is not None
        assert "permessage-deflate" in client.response.headers["Sec-WebSocket-Extensions"]
        client.send(f"SUBSCRIBE\nid:1\ndestination:{queue}\n\n\0")
        for number in range(3):
            client.send(f"SEND\ndestination:{queue}\n\n{number} {'é' * 50_000}\0")
            assert receive(client).endswith(f"{number} {'é' * 50_000}")


# ---------------------------------------------------------------------- ActiveMQ's


@pytest.fixture
def activemq_flavour() -> Iterator[Broker]:
    with Broker(flavour="activemq", websocket=True) as broker:
        yield broker


def test_activemq_reads_one_frame_of_each_text_message(activemq_flavour: Broker) -> None:
    with opened(activemq_flavour.ws_url) as client:
        client.send("SEND\ndestination:a\n\nfirst\0SEND\ndestination:a\n\ndropped\0")
        client.send(b"SEND\ndestination:a\n\nbinary\0")
        client.send("\n\nSEND\ndestination:a\nreceipt:1\n\nsecond\0\n")
        assert receive(client) == "RECEIPT\nreceipt-id:1\n\n"
    assert activemq_flavour.messages("a") == [b"first", b"second"]


@pytest.mark.parametrize("message", ["SEND\ndestination:a\n\nno NUL", "\n\n", ""])
def test_activemq_refuses_a_message_without_a_whole_frame(activemq_flavour: Broker, message: str) -> None:
    with opened(activemq_flavour.ws_url) as client:
        client.send(message)
        end = end_of(client)
    assert end is not None
    assert end[0] == 1002


def test_activemq_answers_the_subprotocol_stomp_if_it_knows_none(activemq_flavour: Broker) -> None:
    with open_url(
        activemq_flavour.ws_url, subprotocols=[Subprotocol("chat"), Subprotocol("stomp")]
    ) as client:
        assert client.subprotocol == "stomp"
    with open_url(activemq_flavour.ws_url, subprotocols=[Subprotocol("v11.stomp")]) as client:
        assert client.subprotocol == "v11.stomp"


def test_activemq_replaces_bytes_and_keeps_content_length(activemq_flavour: Broker) -> None:
    activemq_flavour.send("a", b"\xff\xfe", {"content-length": "2"})
    with opened(activemq_flavour.ws_url) as client:
        client.send("SUBSCRIBE\nid:1\ndestination:a\n\n\0")
        message = receive(client)
    assert message.endswith("\n\n\ufffd\ufffd")


def test_activemq_confirms_disconnect(activemq_flavour: Broker) -> None:
    with opened(activemq_flavour.ws_url) as client:
        client.send("DISCONNECT\nreceipt:bye\n\n\0")
        assert receive(client) == "RECEIPT\nreceipt-id:bye\n\n"
        assert end_of(client) == (1000, "")


# ---------------------------------------------------------------------- either


def test_clients_of_tcp_and_of_websocket_share_the_queues(broker: Broker) -> None:
    with Wire(broker.port).connect() as plain, opened(broker.ws_url) as client:
        client.send("SUBSCRIBE\nid:1\ndestination:/queue/a\nreceipt:1\n\n\0")
        receive(client)
        plain.send("SEND\ndestination:/queue/a\n\ngrüße")
        assert receive(client).endswith("\n\ngrüße")
        assert [info.login for info in broker.connections] == ["guest", "guest"]


def test_wss(tmp_path: Any) -> None:
    with Broker(websocket=True, tls=True) as broker:
        trusting = ssl.create_default_context(cafile=str(broker.ca_file))
        with opened(broker.wss_url, ssl=trusting) as client:
            client.send("SEND\ndestination:/queue/a\nreceipt:1\n\nsecure\0")
            assert receive(client) == "RECEIPT\nreceipt-id:1\n\n"
            client.send("DISCONNECT\n\n\0")
            assert end_of(client) == (1000, "STOMP died")
        assert broker.messages("/queue/a") == [b"secure"]


def test_a_path_and_a_check_of_ones_own() -> None:
    def check(request: WebSocketRequest) -> tuple[int, str] | None:
        if "authorization" not in request.headers:
            return 401, "no token"
        return None if request.headers.get("Origin") != "http://evil" else (403, "not from there")

    with Broker(websocket=True, websocket_path="/stomp/websocket", websocket_check=check) as broker:
        assert broker.ws_url.endswith(f"@127.0.0.1:{broker.ws_port}/stomp/websocket")
        token = {"Authorization": "Bearer x"}
        for options, status in (({}, 401), ({"additional_headers": token, "origin": "http://evil"}, 403)):
            with pytest.raises(InvalidStatus) as caught:
                with open_url(broker.ws_url, **options):
                    pass
            assert caught.value.response.status_code == status
        with opened(broker.ws_url + "?tenant=7", additional_headers=token):
            pass


def test_a_missing_host_is_tolerated_in_a_strict_broker_too() -> None:
    with Broker(websocket=True, leniency=Leniency()) as broker:
        with opened(broker.ws_url):
            pass
        with Wire(broker.port) as plain:
            plain.send("CONNECT\naccept-version:1.2\nlogin:guest\npasscode:guest\n\n")
            assert plain.receive().startswith("ERROR\n")


@pytest.mark.parametrize("flavour", ["rabbitmq", "activemq"])
def test_after_error_comes_a_close_frame(flavour: str) -> None:
    with Broker(websocket=True, flavour=flavour) as broker, opened(broker.ws_url) as client:
        broker.send_error_to_all("overloaded")
        assert receive(client).startswith("ERROR\n")
        end = end_of(client)
    assert end is not None
    assert end[0] == 1000


def test_the_end_of_the_broker_is_1001_and_that_of_the_network_is_none(broker: Broker) -> None:
    with opened(broker.ws_url) as client:
        broker.drop_connections()
        assert end_of(client) is None
    with opened(broker.ws_url) as client:
        broker.drop_connections(reset=True)
        assert end_of(client) is None
    port = broker.ws_port
    with opened(broker.ws_url) as client:
        broker.kill()
        assert end_of(client) is None
    broker.start()
    assert broker.ws_port == port
    with opened(broker.ws_url) as client:
        broker.stop()
        assert end_of(client) == (1001, "")


def test_a_client_that_does_not_answer_close_is_left(broker: Broker) -> None:
    """It never sends its Close frame, and the broker ends the connection all the same."""
    request = (
        "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    disconnect = b"CONNECT\naccept-version:1.2\nlogin:guest\npasscode:guest\n\n\0DISCONNECT\n\n\0"
    frame = bytes((0x82, 0x80 | len(disconnect))) + bytes(4) + disconnect  # masked with zeros
    with socket.create_connection(("127.0.0.1", broker.ws_port), timeout=HANGS) as client:
        client.sendall(request.encode() + frame)
        answer = b""
        while data := client.recv(4096):
            answer += data
    assert answer.endswith(b"\x88\x0c\x03\xe8STOMP died")


def test_faults_of_the_broker_reach_websockets(broker: Broker) -> None:
    with opened(broker.ws_url) as client:
        broker.hold_receipts = True
        client.send("SEND\ndestination:/queue/a\nreceipt:1\n\n\0")
        broker.wait_until(lambda broker: broker.messages("/queue/a"))
        with pytest.raises(TimeoutError):
            client.recv(0.05)
        broker.hold_receipts = False
        assert receive(client) == "RECEIPT\nreceipt-id:1\n\n"
        broker.stall()
        client.send("SEND\ndestination:/queue/a\nreceipt:2\n\n\0")
        ping = client.ping()
        assert not ping.wait(0.05)
        broker.resume()
        assert receive(client) == "RECEIPT\nreceipt-id:2\n\n"
        assert ping.wait(HANGS)
    broker.refuse_connections = True
    with pytest.raises(ConnectionRefusedError):
        with open_url(broker.ws_url):
            pass
    broker.refuse_connections = False
    with opened(broker.ws_url):
        pass


def test_heart_beats_are_messages_of_one_line_feed() -> None:
    with (
        Broker(websocket=True, heart_beat=(100, 0)) as broker,
        opened(broker.ws_url, "heart-beat:0,100\n") as client,
    ):
        assert client.recv(HANGS) == "\n"


def test_text_may_be_switched_to_binary_as_in_rabbitmq() -> None:
    with Broker(websocket=WebSocket(text=False)) as broker, open_url(broker.ws_url) as client:
        client.send(CONNECT.format(more=""))
        answer = client.recv(HANGS)
        assert isinstance(answer, bytes)
        assert answer.startswith(b"CONNECTED\n")


def test_messages_are_bounded() -> None:
    with Broker(websocket=WebSocket(max_size=2048)) as broker:
        with opened(broker.ws_url) as client:
            client.send("x" * 3000)
            end = end_of(client)
            assert end is not None
            assert end[0] == 1009
        with opened(broker.ws_url) as client:
            with suppress(ConnectionClosed):  # the broker may be quicker than the last fragment
                client.send(["x" * 1000] * 3)
            end = end_of(client)
            assert end is not None
            assert end[0] == 1009


def test_another_protocol_on_the_port_gets_an_http_answer(broker: Broker) -> None:
    with socket.create_connection(("127.0.0.1", broker.ws_port), timeout=HANGS) as client:
        client.sendall(b"CONNECT\naccept-version:1.2\n\n\0")
        answer = b""
        while data := client.recv(4096):
            answer += data
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert not broker.connections


def test_the_recorder_shows_stomp_and_notes() -> None:
    recorder = Recorder()
    with Broker(websocket=WebSocket(compression=True), recorder=recorder) as broker:
        options: dict[str, Any] = {
            "compression": "deflate",
            "additional_headers": {"Authorization": "Bearer geheim", "Cookie": "s=geheim"},
        }
        with opened(broker.ws_url + "?token=geheim", **options) as client:
            client.ping("are you there").wait(HANGS)
            client.send(["SEND\ndestination:/queue/a\nreceipt:1\n", "\ngrü", "ße\0"])
            receive(client)
            client.close(4001, "enough")
        broker.wait_until(lambda broker: not broker.connections)
    assert [frame.command for frame in recorder.frames()] == ["CONNECT", "CONNECTED", "SEND", "RECEIPT"]
    assert recorder.frames("SEND")[0].body == "grüße".encode()
    notes = [
        (record.direction, record.what.text) for record in recorder.records if isinstance(record.what, Note)
    ]
    assert notes[0][1].startswith("HTTP GET /ws?*** ")
    assert notes[1][1].startswith("HTTP 101 Switching Protocols ")
    assert notes[2:] == [
        ("to-server", "ping b'are you there'"),
        ("to-client", "pong b'are you there'"),
        ("to-server", "close 4001 enough"),
        ("to-client", "close 4001 enough"),
    ]
    assert "geheim" not in recorder.transcript()
    assert "(HTTP GET /ws?*** " in recorder.transcript()


# ---------------------------------------------------------------------- behind a proxy


@pytest.fixture(params=[False, True], ids=["plain", "deflate"])
def deflate(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def test_a_proxy_cuts_after_frames_of_stomp(deflate: bool) -> None:
    """They are counted in both directions, masked, compressed, and however they are spread over messages."""
    recorder = Recorder()
    options: dict[str, Any] = {"compression": "deflate" if deflate else None}
    with (
        Broker(websocket=WebSocket(compression=deflate)) as broker,
        FaultProxy(broker.ws_url, recorder=recorder) as proxy,
    ):
        with opened(proxy.url, **options) as client:
            proxy.cut_after_frames(3, "to-server")
            client.send("SEND\ndestination:/queue/a\n\n1\0\n\nSEND\ndestination:/queue/a\n\n2\0")
            for piece in ("SEND\ndestina", "tion:/queue/a\n\n", "3\0"):
                client.send(piece)
            with suppress(ConnectionClosed):
                client.send("SEND\ndestination:/queue/a\n\nnever\0")
            assert end_of(client) is None
        broker.wait_until(lambda broker: len(broker.messages("/queue/a")) == 3)
        with opened(proxy.url, **options) as client:
            proxy.cut_after_frames(2, "to-client", offset=-1)
            client.send("SUBSCRIBE\nid:1\ndestination:/queue/a\n\n\0")
            assert receive(client).endswith("\n\n1")
            assert end_of(client) is None  # in the middle of a WebSocket frame
    bodies = [frame.body for frame in recorder.frames("SEND")]
    assert bodies == [b"1", b"2", b"3"]


@pytest.mark.parametrize("direction", ["to-server", "to-client"])
def test_a_proxy_cuts_in_the_middle_of_the_handshake(broker: Broker, direction: str) -> None:
    with FaultProxy(broker.ws_url) as proxy:
        proxy.cut_after(40, direction)
        with pytest.raises((InvalidMessage, ConnectionError)), open_url(proxy.url):
            pass
        assert proxy.cuts == 1
        with opened(proxy.url):
            pass


def test_a_proxy_splits_delays_and_coalesces_websockets(broker: Broker) -> None:
    with FaultProxy(broker.ws_url) as proxy:
        proxy.to_client.split = 3
        proxy.to_server.split = 5
        with opened(proxy.url) as client:
            proxy.to_client.delay = 0.01
            proxy.to_client.coalesce = 50
            client.send("SUBSCRIBE\nid:1\ndestination:/queue/a\n\n\0")
            client.send("SEND\ndestination:/queue/a\n\ngrüße\0")
            assert receive(client).endswith("\n\ngrüße")


def test_what_is_no_option_is_refused() -> None:
    with pytest.raises(TypeError, match="websocket must be True, False or a WebSocket"):
        Broker(websocket="yes")  # type: ignore[arg-type]
    for path in ("ws", "/a b", "/a?b", "/ü"):
        with pytest.raises(ValueError, match="websocket_path must be a path"):
            Broker(websocket=True, websocket_path=path)
    with Broker() as broker:
        for name in ("ws_port", "wss_port", "ws_url", "wss_url"):
            with pytest.raises(RuntimeError, match="no ws"):
                getattr(broker, name)


def test_without_websockets_the_error_names_what_to_install() -> None:
    code = (
        "import sys; sys.modules['websockets'] = None; from stomp_testing import Broker\n"
        "with Broker() as broker: pass\n"
        "try: Broker(websocket=True)\n"
        "except ImportError as error: print(error)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert "pip install 'stomp-core[websocket]'" in run.stdout, run.stderr
