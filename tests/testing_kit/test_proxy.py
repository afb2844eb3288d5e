"""FaultProxy: faults of networks, and what both sides of a connection see of them."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from stomp_testing import Broker, FaultProxy, Recorder, ScriptedServer, ServerCertificate

from ..waiting import HANGS
from .wire import Wire


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


@pytest.fixture
def proxy(server: ScriptedServer) -> Iterator[FaultProxy]:
    with FaultProxy(server.url) as running:
        yield running


def connected(proxy: FaultProxy, server: ScriptedServer) -> Wire:
    """Connect through the proxy, and wait until the server has accepted."""
    # Earlier connections must have ended on both sides of the proxy.
    proxy.wait_until(lambda proxy: proxy.connections == server.open_connections)
    count = proxy.connections + 1
    wire = Wire(proxy.port)
    try:
        proxy.wait_until(lambda proxy: proxy.connections == server.open_connections == count)
    except BaseException:
        wire.socket.close()
        raise
    return wire


def read(wire: Wire, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = wire.socket.recv(size - len(data))
        assert piece
        data += piece
    return data


@pytest.mark.parametrize(
    ("upstream", "url"),
    [
        ("stomp://guest:gu%2Fest@127.0.0.1:9", "stomp://guest:gu%2Fest@127.0.0.1:{port}"),
        ("ws://localhost/ws?x=1", "ws://127.0.0.1:{port}/ws?x=1"),
        ("stomp+ssl://localhost:9", "stomp+ssl://127.0.0.1:{port}"),
        ("localhost:9", "stomp://127.0.0.1:{port}"),
        ("stomp://[::1]:9", "stomp://127.0.0.1:{port}"),
    ],
)
def test_the_url_is_the_upstreams_with_another_address(upstream: str, url: str) -> None:
    with FaultProxy(upstream) as proxy:
        assert proxy.url == url.format(port=proxy.port)


@pytest.mark.parametrize("upstream", ["", "stomp://", "nowhere"])
def test_an_upstream_needs_a_host_and_a_port(upstream: str) -> None:
    with pytest.raises(ValueError):
        FaultProxy(upstream)


def test_bytes_pass_unchanged_in_both_directions(proxy: FaultProxy, server: ScriptedServer) -> None:
    data = bytes(range(256)) * 1000
    with connected(proxy, server) as wire:
        wire.socket.sendall(data)
        server.wait_for(data)
        server.send(data)
        assert read(wire, len(data)) == data
    server.wait_until_closed()
    proxy.wait_until(lambda proxy: proxy.connections == 0)
    assert (proxy.accepted, proxy.cuts) == (1, 0)


def test_fin_and_rst_of_one_side_are_passed_on(proxy: FaultProxy, server: ScriptedServer) -> None:
    with connected(proxy, server) as wire:
        server.close_connections()
        assert wire.end() == "FIN"
    server.wait_until_closed()
    proxy.wait_until(lambda proxy: proxy.connections == 0)
    with connected(proxy, server) as wire:
        server.close_connections(reset=True)
        assert wire.end() == "RST"


def test_the_other_direction_goes_on_after_a_fin(proxy: FaultProxy, server: ScriptedServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with FaultProxy(f"127.0.0.1:{listener.getsockname()[1]}") as proxy, Wire(proxy.port) as wire:
            accepted, _ = listener.accept()
            with accepted:
                wire.socket.sendall(b"question")
                wire.socket.shutdown(socket.SHUT_WR)
                accepted.settimeout(HANGS)
                question = b""
                while data := accepted.recv(100):
                    question += data
                assert question == b"question"
                accepted.sendall(b"answer")
                assert read(wire, 6) == b"answer"


def test_a_client_that_leaves_first_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    """The client answers the RECEIPT with a RST, so that the broker's FIN cannot be passed on (ENOTCONN)."""
    with Broker() as broker, FaultProxy(broker.url) as proxy:
        for _ in range(10):
            with Wire(proxy.port) as wire:
                wire.connect().send("DISCONNECT\nreceipt:bye\n\n")
        proxy.wait_until(lambda proxy: proxy.accepted == 10 and proxy.connections == 0)
    assert caplog.records == []


@pytest.mark.parametrize(("action", "end"), [("cut_all", "FIN"), ("reset_all", "RST")])
def test_cut_all_and_reset_all_end_every_connection(
    proxy: FaultProxy, server: ScriptedServer, action: str, end: str
) -> None:
    with connected(proxy, server) as one, connected(proxy, server) as two:
        getattr(proxy, action)()
        assert (one.end(), two.end()) == (end, end)
    server.wait_until_closed()
    assert proxy.cuts == 2
    with connected(proxy, server) as wire:
        wire.socket.sendall(b"again")
        server.wait_for(b"again")


def test_a_stall_holds_bytes_back_and_loses_none(proxy: FaultProxy, server: ScriptedServer) -> None:
    with connected(proxy, server) as wire:
        proxy.stall()
        wire.socket.sendall(b"ping")
        server.send(b"pong")
        assert wire.is_quiet(0.05)
        assert server.received == b""
        proxy.resume()
        assert read(wire, 4) == b"pong"
        server.wait_for(b"ping")


def test_a_stall_holds_a_fin_back(proxy: FaultProxy, server: ScriptedServer) -> None:
    with connected(proxy, server) as wire:
        proxy.stall()
        server.close_connections()
        assert wire.is_quiet(0.05)
        proxy.resume()
        assert wire.end() == "FIN"


@pytest.mark.parametrize(("reset", "end"), [(False, "FIN"), (True, "RST")])
def test_cut_after_counts_to_the_byte(
    proxy: FaultProxy, server: ScriptedServer, reset: bool, end: str
) -> None:
    """Bytes of before, and of the other direction, do not count."""
    with connected(proxy, server) as wire:
        wire.socket.sendall(b"before")
        server.wait_for(b"before")
        proxy.cut_after(5, "to-server", reset=reset)
        server.send(b"does not count")
        assert read(wire, 14) == b"does not count"
        wire.socket.sendall(b"0123456789")
        assert wire.end() == end
    server.wait_until_closed()
    if not reset:
        assert server.received == b"before01234"
    with connected(proxy, server) as wire:
        wire.socket.sendall(b"0123456789")
        server.wait_for(b"0123456789")


@pytest.mark.parametrize("offset", [0, 1, -1])
@pytest.mark.parametrize("reset", [False, True])
def test_cut_after_frames_counts_to_the_byte(
    proxy: FaultProxy, server: ScriptedServer, offset: int, reset: bool
) -> None:
    frames = [
        b"SEND\ndestination:/queue/a\ncontent-length:5\n\na\0\n\nb\0",
        b"\n\r\nSEND\r\ndestination:/queue/a\r\n\r\nb\0",
        b"\nACK\nid:1\n\n\0",
        b"SEND\ndestination:/queue/a\n\n\0",
    ]
    end = len(b"".join(frames[:3])) + offset
    with connected(proxy, server) as other, connected(proxy, server) as wire:
        proxy.cut_after_frames(3, "to-server", reset=reset, offset=offset)
        wire.socket.sendall(b"".join(frames) + b"\n")
        assert wire.end() == ("RST" if reset else "FIN")
        if not reset:
            server.wait_for(b"".join(frames)[:end])
            assert server.connections[-1] == b"".join(frames)[:end]
        other.socket.sendall(b"x")
        server.wait_for(b"x")
    assert proxy.cuts == 1


@pytest.mark.parametrize("size", [1, 2, 7, 40])
def test_frames_are_counted_whatever_the_pieces(proxy: FaultProxy, server: ScriptedServer, size: int) -> None:
    """Heart-beats, NULs in bodies, heads in pieces and both directions together."""
    frames = b"SEND\ncontent-length:2\n\n\0\0\0\n\n\nSEND\n\nbody in pieces\0" * 3
    with connected(proxy, server) as wire:
        proxy.to_server.split = size
        proxy.cut_after_frames(6)
        wire.socket.sendall(frames + b"NEXT\n\n\0")
        assert wire.end() == "FIN"
        server.wait_for(frames)
    assert server.received == frames


def test_a_cut_comes_with_the_last_byte_that_passes(proxy: FaultProxy, server: ScriptedServer) -> None:
    """And not only with the one behind it, which may never be sent."""
    with connected(proxy, server) as wire:
        proxy.cut_after(10, "to-server")
        wire.socket.sendall(b"0123456789")
        assert wire.end() == "FIN"
        server.wait_for(b"0123456789")
    with connected(proxy, server) as wire:
        proxy.cut_after_frames(1, "to-server")
        wire.socket.sendall(b"SEND\n\n\0")
        assert wire.end() == "FIN"
        server.wait_for(b"SEND\n\n\0")
    assert proxy.cuts == 2


def test_cut_after_frames_needs_frames(proxy: FaultProxy) -> None:
    with pytest.raises(ValueError, match="number must be at least 1"):
        proxy.cut_after_frames(0)
    with FaultProxy("wss://127.0.0.1:1/ws") as other, pytest.raises(ValueError, match="no frames in TLS"):
        other.cut_after_frames(1)


def test_split_makes_small_pieces(proxy: FaultProxy, server: ScriptedServer) -> None:
    proxy.to_client.split = 3
    with connected(proxy, server) as wire:
        server.send(b"0123456789" * 5)
        pieces: list[bytes] = []
        while sum(map(len, pieces)) < 50:
            pieces.append(wire.socket.recv(1000))
        assert b"".join(pieces) == b"0123456789" * 5
        assert len(pieces) > 5


class Pieces(Recorder):
    """Gets the bytes as they are written."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def note(self, connection: int, direction: str, data: bytes, *, at: float | None = None) -> None:
        self.sizes.append(len(data))


@pytest.mark.parametrize("size", [1, 3, 5])
def test_split_makes_pieces_of_exactly_this_size(server: ScriptedServer, size: int) -> None:
    pieces = Pieces()
    with FaultProxy(server.url, recorder=pieces) as proxy:
        proxy.to_server.split = size
        with connected(proxy, server) as wire:
            wire.socket.sendall(b"0123456789" * 3)
            server.wait_for(b"0123456789" * 3)
    assert pieces.sizes == [size] * (30 // size)


def test_coalesce_makes_large_pieces(proxy: FaultProxy, server: ScriptedServer) -> None:
    proxy.to_client.coalesce = 10
    proxy.to_client.coalesce_time = 100 * HANGS
    with connected(proxy, server) as wire:
        for digit in b"012345678":
            server.send(bytes([digit]))
        assert wire.is_quiet(0.03)
        server.send(b"9")
        assert wire.socket.recv(100) == b"0123456789"
        proxy.to_client.coalesce_time = 0.05
        server.send(b"few")
        assert wire.socket.recv(100) == b"few"


def test_coalesced_bytes_pass_before_the_end(proxy: FaultProxy, server: ScriptedServer) -> None:
    proxy.to_client.coalesce = 100
    proxy.to_client.coalesce_time = 100 * HANGS
    with connected(proxy, server) as wire:
        server.send(b"held back")
        assert wire.is_quiet(0.03)
        server.close_connections()
        assert read(wire, 9) == b"held back"
        assert wire.end() == "FIN"


def test_delay_makes_bytes_late(proxy: FaultProxy, server: ScriptedServer) -> None:
    proxy.to_client.delay = 0.1
    with connected(proxy, server) as wire:
        began = time.monotonic()
        server.send(b"late")
        assert read(wire, 4) == b"late"
        assert time.monotonic() - began >= 0.09


def test_drop_discards_the_bytes_of_one_direction(proxy: FaultProxy, server: ScriptedServer) -> None:
    proxy.to_server.drop = True
    with connected(proxy, server) as wire:
        wire.socket.sendall(b"lost")
        server.send(b"found")
        assert read(wire, 5) == b"found"
    server.wait_until_closed()  # everything that passes has passed
    assert server.received == b""


def test_refuse_connections_keeps_existing_ones(proxy: FaultProxy, server: ScriptedServer) -> None:
    with connected(proxy, server) as wire:
        proxy.refuse_connections = True
        with pytest.raises(ConnectionRefusedError):
            Wire(proxy.port)
        wire.socket.sendall(b"still")
        server.wait_for(b"still")
        proxy.refuse_connections = False
        Wire(proxy.port).socket.close()


def test_a_client_is_reset_if_the_upstream_is_down() -> None:
    with ScriptedServer() as server:
        port = server.port
    with FaultProxy(f"127.0.0.1:{port}") as proxy:
        try:
            with Wire(proxy.port) as wire:
                assert wire.end() == "RST"
        except ConnectionResetError:
            # The RST came before connect() had returned.
            pass
        proxy.wait_until(lambda proxy: proxy.accepted == 1)


@pytest.mark.parametrize(("resets", "ends"), [(0.0, {"FIN"}), (1.0, {"RST"})])
def test_the_share_of_resets_among_random_cuts(resets: float, ends: set[str]) -> None:
    assert {end for _, end in cuts_with(1, resets)} == ends


def cuts_with(seed: int, resets: float = 0.5) -> list[tuple[int, str]]:
    """Return for each of eight connections after how many bytes it was cut, and how."""
    found = []
    with (
        ScriptedServer() as server,
        FaultProxy(server.url, mean_bytes=500, seed=seed, resets=resets) as proxy,
    ):
        for number in range(8):
            with Wire(proxy.port) as wire:
                try:
                    wire.socket.sendall(b"x" * 20_000)
                except ConnectionError:
                    pass
                end = wire.end()
            server.wait_until_closed(connections=number + 1)
            found.append((len(server.connections[number]) if end == "FIN" else -1, end))
        assert proxy.cuts == 8
    return found


def test_random_cuts_are_the_same_for_the_same_seed() -> None:
    assert cuts_with(1) == cuts_with(1)
    assert cuts_with(1) != cuts_with(2)


def test_a_recorder_gets_only_the_bytes_that_pass() -> None:
    recorder = Recorder()
    with Broker() as broker, FaultProxy(broker.url, recorder=recorder) as proxy, Wire(proxy.port) as wire:
        wire.connect()
        proxy.cut_after(10, "to-server")
        wire.send("SEND\ndestination:/queue/a\n\nx")
        assert wire.end() == "FIN"
        broker.wait_until(lambda broker: not broker.connections)
        assert broker.messages("/queue/a") == []
    assert [frame.command for frame in recorder.frames()] == ["CONNECT", "CONNECTED"]


@pytest.mark.parametrize("to_broker", [False, True])
@pytest.mark.parametrize("to_client", [False, True])
def test_tls_ends_at_the_proxy_on_either_side(to_client: bool, to_broker: bool) -> None:
    certificate = ServerCertificate()
    recorder = Recorder()
    with (
        Broker(tls=certificate.server_context()) as broker,
        FaultProxy(
            broker.tls_url if to_broker else broker.url,
            recorder=recorder,
            tls=certificate.server_context() if to_client else None,
            upstream_tls=certificate.client_context() if to_broker else None,
        ) as proxy,
    ):
        assert proxy.url.startswith("stomp+ssl://" if to_client else "stomp://")
        proxy.cut_after_frames(3)
        with Wire(proxy.port, tls=certificate.client_context() if to_client else None) as wire:
            wire.connect()
            wire.send("SEND\ndestination:/queue/a\n\nx")
            assert wire.end() == "FIN"
    assert [frame.command for frame in recorder.frames()] == ["CONNECT", "CONNECTED", "SEND"]


def test_events_report_the_beginning_and_end_of_connections(server: ScriptedServer) -> None:
    events: list[tuple[int, str]] = []
    with FaultProxy(server.url, on_event=lambda *event: events.append(event)) as proxy:
        connected(proxy, server).socket.close()
        proxy.wait_until(lambda _: len(events) == 2)
        with connected(proxy, server):
            server.close_connections()
            proxy.wait_until(lambda proxy: len(server.connections) == 2 and not server.open_connections)
        proxy.wait_until(lambda _: len(events) == 4)
        with connected(proxy, server):
            proxy.reset_all()
            proxy.wait_until(lambda _: len(events) == 6)
        server.stop()
        try:
            with Wire(proxy.port) as wire:
                assert wire.end() == "RST"
        except ConnectionResetError:
            # The RST came before connect() had returned.
            pass
        proxy.wait_until(lambda _: len(events) == 8)
    assert [number for number, _ in events] == [1, 1, 2, 2, 3, 3, 4, 4]
    assert all(text.startswith("accepted from 127.0.0.1:") for _, text in events[::2])
    assert [text for _, text in events[1:6:2]] == [
        "closed by the client",
        "closed by the server",
        "reset by the proxy",
    ]
    assert events[7][1].startswith("reset: the server cannot be reached: ")


def test_stopping_ends_the_thread_and_stalled_connections() -> None:
    before = threading.active_count()
    with Broker() as broker:
        proxy = FaultProxy(broker.url)
        proxy.start()
        with pytest.raises(RuntimeError):
            proxy.start()
        with Wire(proxy.port) as wire:
            wire.connect()
            proxy.stall()
            wire.send("BEGIN\ntransaction:t\n\n")
            proxy.stop()
            proxy.stop()
            assert wire.end() in ("FIN", "RST")
        assert urlsplit(proxy.url).port == proxy.port
    assert threading.active_count() == before
    with pytest.raises(RuntimeError):
        proxy.cut_all()
