"""Broker: start and stop, listeners, messages, faults and back pressure, over real sockets."""

from __future__ import annotations

import asyncio
import resource
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import stomp_socket
from stomp_core import ClientConnection, Connected, Message, Receipt
from stomp_testing import ACTIVEMQ, Broker, Flavour, Recorder, ServerCertificate

from ..waiting import HANGS, never
from .wire import Wire

SUBSCRIBE = "SUBSCRIBE\nid:1\ndestination:/queue/a\nack:client-individual\nreceipt:s\n\n"


@pytest.fixture
def broker() -> Iterator[Broker]:
    with Broker() as running:
        yield running


# -------------------------------------------------------------------------------- addresses, start and stop


def test_the_url_has_the_first_users_credentials_quoted() -> None:
    with Broker(users={"us:er": "p@ss/word"}) as broker:
        url = urlsplit(broker.url)
        assert (url.scheme, url.hostname, url.port) == ("stomp", "127.0.0.1", broker.port)
        assert (url.username, url.password) == ("us%3Aer", "p%40ss%2Fword")


def test_without_users_anyone_may_connect() -> None:
    with Broker(users=None) as broker, Wire(broker.port) as wire:
        assert broker.url == f"stomp://127.0.0.1:{broker.port}"
        wire.send("CONNECT\naccept-version:1.2\nhost:/\n\n")
        assert wire.receive().startswith("CONNECTED\n")


def test_a_broker_that_was_never_started_has_no_url() -> None:
    with pytest.raises(RuntimeError):
        _ = Broker().url


def test_the_error_names_a_port_that_is_taken(broker: Broker) -> None:
    with pytest.raises(OSError, match=f"127.0.0.1:{broker.port}"):
        Broker(port=broker.port).start()


def test_a_failed_start_leaves_no_thread(broker: Broker) -> None:
    before = threading.active_count()
    other = Broker(port=broker.port)
    with pytest.raises(OSError):
        other.start()
    assert threading.active_count() == before
    assert not other.running


def test_starting_twice_is_an_error(broker: Broker) -> None:
    with pytest.raises(RuntimeError):
        broker.start()


def test_stopping_ends_the_thread_and_frees_the_port() -> None:
    before = threading.active_count()
    broker = Broker()
    broker.start()
    assert threading.active_count() == before + 1
    broker.stop()
    broker.stop()
    assert threading.active_count() == before
    with pytest.raises(ConnectionRefusedError):
        Wire(broker.port)


def test_faults_need_a_running_broker() -> None:
    with pytest.raises(RuntimeError):
        Broker().stall()


def test_an_unknown_flavour_is_an_error() -> None:
    with pytest.raises(ValueError, match="'rabbitmq', 'activemq', got 'hornetq'"):
        Broker(flavour="hornetq")


@pytest.mark.parametrize("flavour", ["activemq", ACTIVEMQ], ids=["name", "object"])
def test_a_flavour_is_given_by_name_or_as_an_object(flavour: str | Flavour) -> None:
    with Broker(flavour=flavour) as broker, Wire(broker.port) as wire:
        wire.send("CONNECT\naccept-version:1.2\nhost:/\nlogin:guest\npasscode:guest\n\n")
        assert "\nserver:ActiveMQ/" in wire.receive()


def test_a_free_port_is_below_those_of_outgoing_connections() -> None:
    """A client that dials a port of that range while nobody listens there can be connected to itself."""
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    if first <= 11_000:
        pytest.skip("this machine uses nearly every port for outgoing connections")
    with Broker() as one, Broker() as two:
        assert one.port != two.port
        assert max(one.port, two.port) < first


# -------------------------------------------------------------------------------- listeners


def test_a_client_connection_sends_and_receives_through_it(broker: Broker) -> None:
    client = ClientConnection()
    with Wire(broker.port) as wire:

        def event() -> object:
            while not isinstance(found := client.next_event(), Connected | Message | Receipt):
                client.receive_data(wire.socket.recv(65536), now=0.0)
            return found

        wire.socket.sendall(client.connect("/", login="guest", passcode="guest"))
        assert isinstance(event(), Connected)
        wire.socket.sendall(client.subscribe("/queue/a", id="1", ack="client"))
        wire.socket.sendall(client.send("/queue/a", "hello"))
        message = event()
        assert isinstance(message, Message)
        assert message.text == "hello"
        wire.socket.sendall(client.ack(message, receipt="r"))
        assert event() == Receipt("r")
    assert broker.messages("/queue/a") == []


def test_tls_has_its_own_port_and_a_certificate_to_trust() -> None:
    with Broker(tls=True) as broker:
        context = ssl.create_default_context(cafile=str(broker.ca_file))
        with Wire(broker.tls_port, tls=context) as wire:
            wire.connect()
            assert urlsplit(broker.tls_url).port == broker.tls_port
            assert urlsplit(broker.tls_url).scheme == "stomp+ssl"
        with pytest.raises(ssl.SSLCertVerificationError):
            Wire(broker.tls_port, tls=ssl.create_default_context())


def test_tls_accepts_a_context_of_the_caller() -> None:
    """An SSLContext in place of True."""
    certificate = ServerCertificate()
    with (
        Broker(tls=certificate.server_context()) as broker,
        Wire(broker.tls_port, tls=certificate.client_context()) as wire,
    ):
        wire.connect()


def test_the_broker_listens_on_a_unix_socket_and_removes_it(tmp_path: Path) -> None:
    path = tmp_path / "stomp.sock"
    with Broker(unix_path=path) as broker:
        assert broker.unix_url == f"stomp+unix://guest:guest@{path}"
        with Wire(0, unix=str(path)) as wire:
            wire.connect()
    assert not path.exists()


def test_a_unix_socket_of_a_dead_process_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "stomp.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with Broker(unix_path=path), Wire(0, unix=str(path)) as wire:
        wire.connect()


def test_a_unix_socket_in_use_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "stomp.sock"
    with Broker(unix_path=path), pytest.raises(OSError, match=r"stomp\.sock"):
        Broker(unix_path=path).start()


UNDER_UVLOOP = """
import uvloop

uvloop.install()

import stomp_socket
from stomp_testing import Broker, FaultProxy

with Broker(websocket=True) as broker:
    for url in (broker.url, broker.ws_url):
        with FaultProxy(url) as proxy, stomp_socket.connect(proxy.url) as conn:
            conn.send("/queue/a", "hello", receipt=True)
    print(broker.messages("/queue/a"))
"""


def test_the_broker_serves_clients_under_uvloop() -> None:
    """uvloop.install() changes what new_event_loop() returns; uvloop's transports are no asyncio.Transport."""
    pytest.importorskip("uvloop", reason='pip install "stomp-core[uvloop]"')
    run = subprocess.run(
        [sys.executable, "-c", UNDER_UVLOOP], capture_output=True, text=True, timeout=60, check=False
    )
    assert run.stdout == "[b'hello', b'hello']\n", run.stderr


# -------------------------------------------------------------------------------- messages and clients


def test_waiting_and_unacknowledged_messages_are_visible(broker: Broker) -> None:
    broker.send("/queue/a", "one")
    broker.send("/queue/a", b"two", {"x": "1"})
    assert broker.messages("/queue/a") == [b"one", b"two"]
    with Wire(broker.port) as wire:
        wire.connect().send(SUBSCRIBE)
        assert wire.receive().startswith("RECEIPT\n")
        assert wire.receive().endswith("one")
        assert wire.receive().endswith("two")
        assert broker.messages("/queue/a") == []
        assert broker.unacknowledged("/queue/a") == [b"one", b"two"]
        (client,) = broker.connections
        assert (client.login, client.version, client.destinations) == ("guest", "1.2", ("/queue/a",))
    broker.wait_until(lambda broker: broker.messages("/queue/a") == [b"one", b"two"])
    assert broker.connections == []


def test_activemq_states_the_length_of_a_body_with_nul() -> None:
    """A test can publish what no client could send without its length."""
    with Broker(flavour="activemq") as broker, Wire(broker.port) as wire:
        broker.send("/queue/a", b"x")
        broker.send("/queue/a", b"a\0b")
        wire.connect()
        wire.send("SUBSCRIBE\nid:1\ndestination:/queue/a\n\n")
        assert "content-length" not in wire.receive()
        assert "content-length:3\n" in wire.receive()


def test_wait_until_raises_after_its_timeout(broker: Broker) -> None:
    with pytest.raises(TimeoutError):
        broker.wait_until(lambda broker: broker.connections, timeout=0.01)


def test_queues_survive_a_restart_on_the_same_port(
    broker: Broker,
) -> None:
    """An unacknowledged message is delivered again."""
    port = broker.port
    broker.send("/queue/a", "one")
    with Wire(port) as wire:
        wire.connect().send(SUBSCRIBE)
        wire.receive()
        assert wire.receive().endswith("one")
        broker.restart()
        assert wire.end() == "FIN"
    assert broker.port == port
    with Wire(port) as wire:
        wire.connect().send(SUBSCRIBE)
        wire.receive()
        message = wire.receive()
        assert "\nredelivered:true\n" in message
        assert message.endswith("one")


def test_addresses_and_certificate_survive_a_restart() -> None:
    """A client that has read them before goes on with them."""
    with Broker(tls=True, websocket=True) as broker:
        before = (broker.url, broker.tls_url, broker.ws_url, broker.wss_url, broker.ca_file)
        context = ssl.create_default_context(cafile=str(broker.ca_file))
        broker.restart()
        assert (broker.url, broker.tls_url, broker.ws_url, broker.wss_url, broker.ca_file) == before
        with Wire(broker.tls_port, tls=context) as wire:
            wire.connect()


def test_session_names_are_unique_across_restarts(broker: Broker) -> None:
    sessions: set[str] = set()
    for _ in range(2):
        with Wire(broker.port) as wire:
            wire.connect()
            sessions.update(client.session for client in broker.connections)
        broker.restart()
    assert len(sessions) == 2


# -------------------------------------------------------------------------------- faults


def test_kill_resets_connections_and_closes_the_port(broker: Broker) -> None:
    with Wire(broker.port) as one, Wire(broker.port) as two:
        one.connect()
        two.connect()
        broker.kill()
        assert (one.end(), two.end()) == ("RST", "RST")
    with pytest.raises(ConnectionRefusedError):
        Wire(broker.port)
    broker.start()
    with Wire(broker.port) as wire:
        wire.connect()


@pytest.mark.parametrize(("reset", "end"), [(False, "FIN"), (True, "RST")])
def test_drop_connections_ends_them_and_accepts_new_ones(broker: Broker, reset: bool, end: str) -> None:
    with Wire(broker.port) as wire:
        wire.connect()
        broker.drop_connections(reset=reset)
        assert broker.connections == []
        assert wire.end() == end
    with Wire(broker.port) as wire:
        wire.connect()


def test_refuse_connections_keeps_existing_ones(broker: Broker) -> None:
    with Wire(broker.port) as wire:
        wire.connect()
        broker.refuse_connections = True
        with pytest.raises(ConnectionRefusedError):
            Wire(broker.port)
        wire.send("BEGIN\ntransaction:t\nreceipt:r\n\n")
        assert wire.receive().startswith("RECEIPT\n")
        broker.refuse_connections = False
        with Wire(broker.port) as other:
            other.connect()


def test_send_error_to_all_sends_error_and_closes(broker: Broker) -> None:
    """With the defaults."""
    with Wire(broker.port) as wire:
        wire.connect()
        broker.send_error_to_all("shutting down", "now")
        error = wire.receive()
        assert error.startswith("ERROR\nmessage:shutting down\n")
        assert error.endswith("\n\nnow")
        assert wire.end() == "FIN"


def test_an_error_reaches_a_client_that_goes_on_sending(broker: Broker) -> None:
    with Wire(broker.port) as wire:
        wire.connect()
        garbage = b"SEND\nno colon\n\n\0" + b"SEND\ndestination:/queue/a\n\n\0" * 50_000
        sending = threading.Thread(target=wire.socket.sendall, args=(garbage,))
        sending.start()
        sending.join(HANGS)
        assert wire.receive().startswith("ERROR\n")
        assert wire.end() == "FIN"
    assert broker.messages("/queue/a") == []


def test_a_stalled_broker_is_silent_until_it_resumes(broker: Broker) -> None:
    with Wire(broker.port) as wire:
        wire.connect("heart-beat:0,40\n")
        broker.stall()
        wire.send("BEGIN\ntransaction:t\nreceipt:r\n\n")
        with Wire(broker.port) as other:
            other.send("CONNECT\naccept-version:1.2\nhost:/\nlogin:guest\npasscode:guest\n\n")
            assert other.is_quiet()
            wire.socket.setblocking(False)
            with pytest.raises(BlockingIOError):  # noqa: PT012 - heart-beats from before the stall may have come
                while wire.socket.recv(100) == b"\n":
                    pass
            wire.socket.settimeout(HANGS)
            broker.resume()
            assert wire.receive().startswith("RECEIPT\n")
            assert other.receive().startswith("CONNECTED\n")


def test_a_stalled_broker_reads_nothing(broker: Broker) -> None:
    with Wire(broker.port) as wire:
        wire.connect()
        broker.stall()
        wire.send("SEND\ndestination:/queue/a\n\nx")
        assert never(lambda: broker.messages("/queue/a"), 0.1)
        broker.resume()
        broker.wait_until(lambda broker: broker.messages("/queue/a") == [b"x"])


def test_a_stalled_broker_sends_no_heart_beats(broker: Broker) -> None:
    with Wire(broker.port) as wire:
        wire.connect("heart-beat:0,20\n")
        assert wire.socket.recv(1) == b"\n"
        broker.stall()
        wire.is_quiet(0.05)
        assert wire.is_quiet(0.1)


def test_a_silent_broker_does_not_answer_connect(broker: Broker) -> None:
    broker.silent = True
    with Wire(broker.port) as wire:
        wire.send("CONNECT\naccept-version:1.2\nhost:/\nlogin:guest\npasscode:guest\n\n")
        assert wire.is_quiet()
        broker.silent = False
        assert wire.receive().startswith("CONNECTED\n")
    assert not broker.silent


def test_connect_delay_delays_connected(broker: Broker) -> None:
    broker.connect_delay = 0.15
    with Wire(broker.port) as wire:
        began = time.monotonic()
        wire.connect()
        assert time.monotonic() - began >= 0.14


def test_held_receipts_are_sent_when_released(broker: Broker) -> None:
    broker.hold_receipts = True
    with Wire(broker.port) as wire:
        wire.connect().send("SEND\ndestination:/queue/a\nreceipt:r\n\nx")
        assert wire.is_quiet()
        assert broker.messages("/queue/a") == [b"x"]
        broker.hold_receipts = False
        assert wire.receive() == "RECEIPT\nreceipt-id:r\n\n"


def test_a_client_without_heart_beats_is_disconnected() -> None:
    with Broker(flavour="activemq") as broker, Wire(broker.port) as wire:
        began = time.monotonic()
        wire.connect("heart-beat:50,50\n")
        # Four intervals of 50 ms without a byte; the broker's heart-beats in between do not count.
        assert wire.end() == "FIN"
        assert time.monotonic() - began > 0.19
        assert broker.connections == []


def test_a_client_without_connect_is_disconnected() -> None:
    with Broker(connect_timeout=0.05) as broker, Wire(broker.port) as wire:
        assert wire.end() == "FIN"


def test_nacked_messages_are_redelivered_after_the_delay() -> None:
    with Broker(redelivery_delay=0.1) as broker, Wire(broker.port) as wire:
        broker.send("/queue/a", "x")
        wire.connect().send(SUBSCRIBE)
        wire.receive()
        message = wire.receive()
        ack = message.partition("\nack:")[2].partition("\n")[0]
        began = time.monotonic()
        wire.send(f"NACK\nid:{ack}\n\n")
        assert "\nredelivered:true\n" in wire.receive()
        assert time.monotonic() - began >= 0.09


def test_a_recorders_callback_may_call_the_broker() -> None:
    """It runs in the broker's own thread."""
    seen: list[list[bytes]] = []
    recorder = Recorder(lambda record: seen.append(embedded.messages("/queue/a")))
    with Broker(recorder=recorder) as embedded, Wire(embedded.port) as wire:
        embedded.send("/queue/a", "x")
        wire.connect()
    assert [b"x"] in seen


def test_a_recorder_gets_decrypted_bytes_of_both_sides() -> None:
    recorder = Recorder()
    with Broker(tls=True, recorder=recorder) as broker:
        context = ssl.create_default_context(cafile=str(broker.ca_file))
        with Wire(broker.tls_port, tls=context) as wire:
            wire.connect().send("DISCONNECT\nreceipt:bye\n\n")
            assert wire.receive() == "RECEIPT\nreceipt-id:bye\n\n"
    assert [frame.command for frame in recorder.frames()] == ["CONNECT", "CONNECTED", "DISCONNECT", "RECEIPT"]
    assert "passcode:***" in recorder.transcript()


# -------------------------------------------------------------------------------- back pressure


def test_messages_for_a_client_that_does_not_read_stay_queued() -> None:
    with Broker() as broker, Wire(broker.port) as slow:
        slow.connect().send("SUBSCRIBE\nid:1\ndestination:/queue/a\n\n")
        broker.wait_until(lambda broker: broker.connections and broker.connections[0].destinations)
        body = b"x" * 100_000
        for _ in range(200):
            broker.send("/queue/a", body)
        # What kernels and the broker buffer is far below 20 MB; the rest waits in the queue.
        assert len(broker.messages("/queue/a")) > 50
        for _ in range(200):
            assert slow.receive().endswith("x" * 1000)
        assert broker.messages("/queue/a") == []


def test_a_sender_is_blocked_while_the_memory_is_full() -> None:
    frame = b"SEND\ndestination:/queue/a\ncontent-length:100000\n\n" + b"x" * 100_000 + b"\0"
    with Broker(memory=2_000_000) as broker, Wire(broker.port) as sender, Wire(broker.port) as receiver:
        sender.connect()
        flood = threading.Thread(target=lambda: sender.socket.sendall(frame * 200))
        flood.start()
        flood.join(0.3)
        assert flood.is_alive()
        assert len(broker.messages("/queue/a")) < 60
        receiver.connect().send("SUBSCRIBE\nid:1\ndestination:/queue/a\n\n")
        for _ in range(200):
            assert receiver.receive().endswith("x")
        flood.join(HANGS)
        assert not flood.is_alive()


def test_a_client_with_too_many_unread_receipts_is_not_read() -> None:
    receipt = "r" * 1000
    frame = f"SEND\ndestination:/topic/nobody\nreceipt:{receipt}\n\n\0".encode()
    with Broker() as broker, Wire(broker.port) as sender:
        sender.connect()
        sent = 0
        sender.socket.settimeout(0.3)
        try:
            while sent < 64:
                sender.socket.sendall(frame * 1000)
                sent += 1
        except TimeoutError:
            pass
        assert sent < 64
        # Once the client reads its receipts, it is read again.
        sender.socket.settimeout(HANGS)
        assert receipt in sender.receive()


def test_a_thousand_connections_with_ten_subscriptions_each() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2200:
        pytest.skip("this machine does not allow two thousand open sockets")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2200), hard))
    connect = b"CONNECT\naccept-version:1.2\nhost:/\nlogin:guest\npasscode:guest\n\n\0"
    subscriptions = b"".join(
        b"SUBSCRIBE\nid:%d\ndestination:/topic/t%d\n%s\n\0"
        % (number, number, b"receipt:r\n" if number == 9 else b"")
        for number in range(10)
    )

    async def use(broker: Broker) -> int:
        async def one() -> int:
            reader, writer = await asyncio.open_connection("127.0.0.1", broker.port)
            writer.write(connect + subscriptions)
            await reader.readuntil(b"receipt-id:r\n\n\0")
            subscribed.release()
            got = 0
            for _ in range(10):
                got += (await reader.readuntil(b"\0")).endswith(b"hello\0")
            writer.close()
            await writer.wait_closed()
            return got

        subscribed = asyncio.Semaphore(0)
        clients = asyncio.gather(*[one() for _ in range(1000)])
        for _ in range(1000):
            await asyncio.wait_for(subscribed.acquire(), HANGS)
        assert threading.active_count() == threads + 1
        assert sum(len(client.destinations) for client in broker.connections) == 10_000
        for number in range(10):
            broker.send(f"/topic/t{number}", "hello")
        return sum(await asyncio.wait_for(clients, HANGS))

    threads = threading.active_count()
    try:
        with Broker() as broker:
            assert asyncio.run(use(broker)) == 10_000
            broker.wait_until(lambda broker: not broker.connections)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_subscription_without_an_id_gets_its_messages_as_from_rabbitmq(broker: Broker) -> None:
    """RabbitMQ 3.10 accepts it in 1.2, too, and its MESSAGE names no subscription."""
    with Wire(broker.port).connect() as wire:
        wire.send(
            "SUBSCRIBE\ndestination:/queue/a\nreceipt:r\n\n", "SEND\ndestination:/queue/a\nx:a b\n\nhello"
        )
        assert wire.receive() == "RECEIPT\nreceipt-id:r\n\n"
        head, _, body = wire.receive().partition("\n\n")
        assert head.startswith("MESSAGE\ndestination:/queue/a\nmessage-id:Q_/queue/a@@")
        assert "\nx:a b" in head
        assert "\nsubscription:" not in head
        assert body == "hello"


@pytest.mark.parametrize("flavour", ["rabbitmq", "activemq"])
@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2"])
def test_an_ack_names_its_message_in_every_version(flavour: str, version: str) -> None:
    with Broker(flavour=flavour) as broker:
        broker.send("/queue/a", "x")
        with stomp_socket.connect(broker.url, versions=(version,)) as connection:
            message = connection.subscribe("/queue/a", ack="client").receive(timeout=HANGS)
            message.ack(receipt=True)
        assert broker.messages("/queue/a") == []
