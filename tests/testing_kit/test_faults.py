"""Faults by name: what each of them does, on a frame, a byte or a time, in both directions."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from websockets.sync.client import connect as connect_websocket
from websockets.sync.server import ServerConnection, serve

import stomp_socket
from stomp_core import Frame, FrameParser, StompError
from stomp_core.session import ReceiptTimeout, Rejected
from stomp_testing import (
    FAULTS,
    Broker,
    Fault,
    FaultProxy,
    Recorder,
    ScriptedServer,
    parse_fault,
    parse_faults,
)
from stomp_websocket import WebSocket

from ..waiting import never, until
from .wire import Wire

SENDS = [f"SEND\ndestination:/queue/a\nreceipt:{number}\n\nbody {number}\0\n".encode() for number in range(4)]
RECEIPTS = [f"RECEIPT\nreceipt-id:{number}\n\n\0\n".encode() for number in range(4)]


class Line:
    """A client, the proxy and a server, each of which sends literal bytes."""

    def __init__(self, server: ScriptedServer, proxy: FaultProxy) -> None:
        self.server = server
        self.proxy = proxy
        self.strikes: list[tuple[int, str]] = []
        self.wire = self.dial()

    def dial(self) -> Wire:
        """Connect, and wait until the server has accepted."""
        count = len(self.server.connections) + 1
        wire = Wire(self.proxy.port)
        try:
            until(lambda: len(self.server.connections) == count)
        except BaseException:
            wire.socket.close()
            raise
        return wire

    def send(self, *data: bytes) -> None:
        self.wire.socket.sendall(b"".join(data))

    def arrives(self, *data: bytes, connection: int = 0) -> None:
        """Check that exactly these bytes have come to the server, once so many have."""
        expected = b"".join(data)
        until(lambda: len(self.server.connections) > connection)
        until(lambda: len(self.server.connections[connection]) >= len(expected))
        assert self.server.connections[connection] == expected

    def receives(self, *data: bytes) -> None:
        """Check that exactly these bytes come to the client next."""
        expected, received = b"".join(data), b""
        while len(received) < len(expected):
            piece = self.wire.socket.recv(len(expected) - len(received))
            assert piece, received
            received += piece
        assert received == expected

    def ends(self, how: str = "FIN", after: bytes = b"") -> None:
        """Check that the client gets these bytes and then the end."""
        received = b""
        try:
            while piece := self.wire.socket.recv(65536):
                received += piece
        except ConnectionResetError:
            assert how == "RST"
            return
        assert (received, how) == (after, "FIN")

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *exception: object) -> None:
        self.wire.socket.close()


@contextmanager
def line(*faults: Fault | str, **options: object) -> Iterator[Line]:
    """A server, a proxy with these faults, and a client."""
    with ScriptedServer() as server:
        with FaultProxy(server.url, faults=faults, **options) as proxy:  # type: ignore[arg-type]
            with Line(server, proxy) as made:
                yield made


# ---------------------------------------------------------------------- a scenario for each name


def swallow() -> None:
    with line("swallow@receipt:2") as scene:
        scene.server.send(b"".join(RECEIPTS))
        scene.receives(RECEIPTS[0], b"\n", *RECEIPTS[2:])


def duplicate() -> None:
    with line("duplicate@frame=SEND:2") as scene:
        scene.send(*SENDS)
        second = SENDS[1].rstrip(b"\n")
        scene.arrives(SENDS[0], second, *SENDS[1:])


def error() -> None:
    with line("error=queue is full@frame=SEND:2") as scene:
        scene.send(*SENDS)
        scene.ends(after=b"ERROR\nmessage:queue is full\nreceipt-id:1\n\n\0")
        scene.server.wait_until_closed()
        scene.arrives(SENDS[0], connection=0)
        assert scene.proxy.cuts == 1


def corrupt() -> None:
    with line("to-server:corrupt@byte=3") as scene:
        scene.send(b"0123456789")
        scene.arrives(b"01\xcd3456789")
    with line("corrupt@send:2") as scene:
        scene.send(*SENDS)
        until(lambda: len(scene.server.received) == len(b"".join(SENDS)))
        different = differences(scene.server.received, b"".join(SENDS))
        assert len(different) == 1
        assert len(SENDS[0]) <= different[0] < len(SENDS[0] + SENDS[1]) - 1


def delay() -> None:
    with line("to-client:delay=50ms", "delay=100ms@message") as scene:
        assert scene.proxy.to_client.delay == 0.05
        assert scene.proxy.to_server.delay == 0.0
        scene.proxy.to_client.delay = 0.0
        began = time.monotonic()
        scene.server.send(b"MESSAGE\n\n\0" + RECEIPTS[0])
        scene.receives(b"MESSAGE\n\n\0", RECEIPTS[0])
        assert time.monotonic() - began >= 0.09


def split() -> None:
    with line("split=3@receipt:2", "to-server:split=5") as scene:
        assert (scene.proxy.to_server.split, scene.proxy.to_client.split) == (5, 0)
        scene.server.send(b"".join(RECEIPTS))
        scene.receives(*RECEIPTS)


def coalesce() -> None:
    with line("to-client:coalesce=10", "coalesce-time=60s") as scene:
        assert scene.proxy.to_client.coalesce_time == 60
        scene.server.send(b"01234")
        assert scene.wire.is_quiet(0.03)
        scene.server.send(b"56789")
        assert scene.wire.socket.recv(100) == b"0123456789"


def coalesce_time() -> None:
    with line("coalesce=1000", "coalesce-time=1ms") as scene:
        scene.server.send(b"few")
        scene.receives(b"few")


def drop() -> None:
    with line("to-server:drop@byte=4") as scene:
        scene.send(b"0123456789")
        scene.send(b"more")
        scene.server.send(b"found")
        scene.receives(b"found")
        scene.arrives(b"0123")


def stall() -> None:
    with line("to-client:stall@receipt:2") as scene:
        scene.server.send(b"".join(RECEIPTS))
        scene.receives(RECEIPTS[0], RECEIPTS[1].rstrip(b"\n"))
        assert scene.wire.is_quiet(0.03)
        scene.send(b"passes")
        scene.arrives(b"passes")
        scene.proxy.resume()
        scene.receives(b"\n", *RECEIPTS[2:])


def half_open() -> None:
    """Both sides see silence: neither bytes, nor a FIN, nor a RST of the other side."""
    with line("half-open@frame=SEND:2") as scene:
        scene.send(*SENDS)
        scene.arrives(SENDS[0], SENDS[1].rstrip(b"\n"))
        scene.server.send(b"nobody gets this")
        assert scene.wire.is_quiet(0.03)
        scene.proxy.resume()
        scene.server.close_connections(reset=True)
        assert scene.wire.is_quiet(0.03)
        assert scene.proxy.connections == 1
        scene.proxy.cut_all()
        assert scene.wire.end() in ("FIN", "RST")


def cut() -> None:
    with line("cut@frame=SEND:2") as scene:
        scene.send(*SENDS)
        scene.ends("FIN")
        scene.server.wait_until_closed()
        scene.arrives(SENDS[0], SENDS[1].rstrip(b"\n"))


def reset() -> None:
    with line("reset@byte=4") as scene:
        scene.send(b"0123456789")
        scene.ends("RST")
        scene.server.wait_until_closed()


def random_cut() -> None:
    with line("random-cut=1000", seed=3) as scene:
        try:
            for _ in range(100):
                scene.send(b"x" * 1000)
        except ConnectionError:
            pass
        assert scene.wire.end() in ("FIN", "RST")
        assert scene.proxy.cuts == 1


def refuse() -> None:
    with ScriptedServer() as server, FaultProxy(server.url, faults=["refuse"]) as proxy:
        with pytest.raises(ConnectionRefusedError):
            Wire(proxy.port)
        proxy.clear()
        Wire(proxy.port).socket.close()


SCENARIOS: dict[str, Callable[[], None]] = {
    scenario.__name__.replace("_", "-"): scenario
    for scenario in (
        swallow, duplicate, error, corrupt, delay, split, coalesce, coalesce_time, drop, stall, half_open, cut,
        reset, random_cut, refuse,
    )
}  # fmt: skip


def differences(one: bytes, other: bytes) -> list[int]:
    assert len(one) == len(other)
    return [number for number, pair in enumerate(zip(one, other, strict=True)) if pair[0] != pair[1]]


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_does_what_its_name_promises(name: str) -> None:
    SCENARIOS[name]()


# ---------------------------------------------------------------------- places


ENDS = ["cut", "reset", "stall", "half-open", "drop"]


@pytest.mark.parametrize("name", ENDS)
@pytest.mark.parametrize(
    ("where", "passing"),
    [
        ("frame=SEND:2", SENDS[0] + SENDS[1][:-1]),
        ("before=SEND:2", SENDS[0]),
        ("before=SEND:2@offset=7", SENDS[0] + SENDS[1][:7]),
        ("frame=SEND:2@offset=-1", SENDS[0] + SENDS[1][:-2]),
        ("frame=SEND:2@offset=3", SENDS[0] + SENDS[1] + SENDS[2][:2]),
        ("byte=40", b"".join(SENDS)[:40]),
        ("byte=0", b""),
    ],
)
@pytest.mark.parametrize("size", [1, 1000])
def test_an_ending_is_exact_to_the_byte_in_any_chunks(
    name: str, where: str, passing: bytes, size: int
) -> None:
    """What has passed is seen by a recorder: a RST takes with it what was not read."""
    recorder = Passed()
    strikes: list[str] = []
    with (
        ScriptedServer() as server,
        FaultProxy(
            server.url,
            faults=[f"to-server:{name}@{where}"],
            recorder=recorder,
            on_strike=lambda _, fault, __: strikes.append(fault.name),
        ) as proxy,
        FaultProxy(proxy.url) as chunks,
        Wire(chunks.port) as wire,
    ):
        chunks.to_server.split = size
        wire.socket.sendall(b"".join(SENDS))
        until(lambda: strikes)
        assert never(lambda: recorder.passed != passing, 0.02)
        if name in ("cut", "reset"):
            assert wire.end() == ("FIN" if name == "cut" else "RST")
    assert strikes == [name]


@pytest.mark.parametrize("size", [1, 10_000])
def test_an_ending_comes_before_faults_behind_it(size: int) -> None:
    """Whatever the chunks, what no longer passes is not struck: it remains for the next connection."""
    with line("cut@send:1", "swallow@send:2@connection=each", "corrupt@byte=150") as scene:
        with FaultProxy(scene.proxy.url) as chunks, Wire(chunks.port) as wire:
            chunks.to_server.split = size
            wire.socket.sendall(b"".join(SENDS) * 2)
            assert wire.end() == "FIN"
        assert [(str(armed.fault), armed.struck) for armed in scene.proxy.faults] == [
            ("swallow@frame=SEND:2@connection=each", 0),
            ("corrupt@byte=150", 0),
        ]
    with line("cut@byte=10", "swallow@send:2") as scene:
        scene.send(*SENDS)
        assert scene.wire.end() == "FIN"
        assert [armed.struck for armed in scene.proxy.faults] == [0]


@pytest.mark.parametrize("name", ENDS)
@pytest.mark.parametrize(
    ("where", "passing"),
    [
        ("receipt:2", RECEIPTS[0] + RECEIPTS[1][:-1]),
        ("before=receipt:2", RECEIPTS[0]),
        ("byte=30", b"".join(RECEIPTS)[:30]),
    ],
)
def test_an_ending_towards_the_client(name: str, where: str, passing: bytes) -> None:
    with line(f"to-client:{name}@{where}") as scene:
        scene.server.send(b"".join(RECEIPTS))
        if name == "reset":
            assert scene.wire.end() == "RST"
            return
        scene.receives(passing)
        assert scene.wire.end() == "FIN" if name == "cut" else scene.wire.is_quiet(0.02)


@pytest.mark.parametrize("name", ["cut", "reset"])
def test_an_ending_after_n_bytes_ends_a_chunk_of_exactly_n(name: str) -> None:
    """It does not wait for the byte behind them."""
    with line(f"{name}@byte=10") as scene:
        scene.send(b"0123456789")
        assert scene.wire.end() == ("FIN" if name == "cut" else "RST")
        if name == "cut":
            scene.arrives(b"0123456789")


@pytest.mark.parametrize("name", ENDS)
def test_an_ending_at_a_time(name: str) -> None:
    with line() as scene:
        scene.send(b"passes")
        scene.arrives(b"passes")
        scene.proxy.add(f"{name}@after=30ms")
        scene.proxy.wait_until(lambda proxy: not proxy.faults)
        if name in ("cut", "reset"):
            assert scene.wire.end() == ("FIN" if name == "cut" else "RST")
            return
        scene.send(b"nobody gets this")
        scene.server.send(b"nor this")
        assert scene.wire.is_quiet(0.03)
        assert scene.server.received == b"passes"


def test_a_stall_holds_a_rst_back() -> None:
    with line() as scene:
        scene.proxy.stall()
        scene.server.close_connections(reset=True)
        assert scene.wire.is_quiet(0.03)
        scene.proxy.resume()
        scene.ends("RST")


@pytest.mark.parametrize("text", ["stall", "to-server:stall", "stall=100ms"])
def test_a_new_connection_waits_for_the_end_of_a_stall(text: str) -> None:
    with ScriptedServer() as server, FaultProxy(server.url, faults=[text]) as proxy:
        with Wire(proxy.port) as wire:
            wire.socket.sendall(b"waits")
            proxy.wait_until(lambda proxy: proxy.accepted == 1)
            if text != "stall=100ms":
                assert never(lambda: server.connections, 0.03)
                proxy.resume()
            until(lambda: server.received == b"waits")
            assert proxy.faults == []


def test_a_stall_ends_after_its_time() -> None:
    with line("stall=50ms@byte=2", "to-client:stall=50ms") as scene:
        scene.send(b"0123")
        scene.server.send(b"hello")
        scene.receives(b"hello")
        scene.arrives(b"0123")


@pytest.mark.parametrize(
    ("which", "struck"),
    [
        ("", [1]),
        (":3", [3]),
        (":3+", [3, 4, 5, 6]),
        (":2+3", [2, 5]),
        (":every-2", [2, 4, 6]),
        (":all", range(1, 7)),
    ],
)
def test_which_frames_are_struck(which: str, struck: list[int]) -> None:
    frames = [f"SEND\n\n{number}\0".encode() for number in range(1, 7)]
    with line(f"swallow@SEND{which}") as scene:
        scene.send(*frames)
        scene.arrives(*(frame for number, frame in enumerate(frames, 1) if number not in struck))


def test_without_direction_and_command_both_directions_count_together() -> None:
    with line("swallow@frame=3") as scene:
        scene.send(SENDS[0])
        scene.arrives(SENDS[0])
        scene.server.send(RECEIPTS[0])
        scene.receives(RECEIPTS[0])
        scene.send(SENDS[1], SENDS[2])
        scene.arrives(SENDS[0], b"\n", SENDS[2])


@pytest.mark.parametrize("direction", ["to-server", "to-client"])
def test_heart_beats_are_swallowed_one_or_all(direction: str) -> None:
    """The line end directly behind a frame is not a heart-beat. When all heart-beats go, it goes, too."""
    stream = b"\n\r\n" + SENDS[0] + b"\r\n\n" + SENDS[1] + b"\n"
    for which, left in [
        ("2", b"\n" + SENDS[0] + b"\r\n\n" + SENDS[1] + b"\n"),
        ("3", b"\n\r\n" + SENDS[0] + b"\n" + SENDS[1] + b"\n"),
        ("all", SENDS[0][:-1] + SENDS[1][:-1]),
    ]:
        with line(f"{direction}:swallow@heart-beat:{which}") as scene:
            if direction == "to-server":
                scene.send(stream, b"END\n\n\0")
                scene.arrives(left, b"END\n\n\0")
            else:
                scene.server.send(stream + b"END\n\n\0")
                scene.receives(left, b"END\n\n\0")


@pytest.mark.parametrize(
    ("where", "cuts"),
    [("", [1, 0, 0]), ("@connection=2", [0, 1, 0]), ("@connection=each", [1, 1, 1])],
)
def test_a_fault_strikes_the_first_connection_or_a_certain_one_or_each(where: str, cuts: list[int]) -> None:
    with ScriptedServer() as server, FaultProxy(server.url, faults=[f"cut@send{where}"]) as proxy:
        for number, cut in enumerate(cuts):
            with Wire(proxy.port) as wire:
                wire.socket.sendall(SENDS[0])
                until(lambda: server.received.count(b"body") == number + 1)  # noqa: B023
                if cut:
                    assert wire.end() == "FIN"
                else:
                    assert wire.is_quiet(0.02)
        assert proxy.cuts == sum(cuts)


def test_counting_begins_when_a_fault_is_added() -> None:
    with line() as scene:
        scene.send(SENDS[0], SENDS[1][:10])
        scene.arrives(SENDS[0], SENDS[1][:10])
        armed = scene.proxy.add(Fault("swallow", frame="SEND"))
        scene.send(SENDS[1][10:], SENDS[2], SENDS[3])
        scene.arrives(SENDS[0], SENDS[1], b"\n", SENDS[3])
        assert (armed.struck, armed.is_used_up, scene.proxy.faults) == (1, True, [])


def test_a_second_cut_takes_the_place_of_the_first() -> None:
    with Broker() as broker, FaultProxy(broker.url) as proxy:
        for number in (5, 7):
            proxy.cut_after(number, "to-server")
            proxy.cut_after_frames(number, "to-client")
        assert sorted(
            (armed.fault.byte, armed.fault.first) for armed in proxy.faults if armed.fault.byte
        ) == [(7, 1)]
        assert [armed.fault.first for armed in proxy.faults if armed.fault.frame] == [7]


def test_a_refusal_that_has_ended_is_no_fault_any_more() -> None:
    with Broker() as broker, FaultProxy(broker.url) as proxy:
        proxy.add("refuse")
        assert [armed.fault.name for armed in proxy.faults] == ["refuse"]
        proxy.refuse_connections = False
        assert proxy.faults == []


def test_clear_ends_the_faults_of_single_connections() -> None:
    with line() as scene:
        dropped = scene.proxy.add(Fault("drop", connection=1))
        assert dropped.struck
        scene.send(b"lost")
        assert never(lambda: scene.server.received, 0.03)
        scene.proxy.clear()
        scene.send(b"hello")
        scene.arrives(b"hello")


def test_a_fault_that_was_removed_before_its_time_does_not_strike() -> None:
    with line() as scene:
        armed = scene.proxy.add(Fault("cut", after=0.03))
        scene.proxy.remove(armed)
        assert never(lambda: scene.proxy.cuts or armed.struck, 0.1)
        scene.send(b"hello")
        scene.arrives(b"hello")


def test_what_a_fault_at_a_place_has_done_stays_when_it_is_removed() -> None:
    with line() as scene:
        armed = scene.proxy.add("stall@send:all")
        scene.send(SENDS[0])
        until(lambda: armed.struck)
        scene.send(b"waits")
        scene.proxy.remove(armed)
        assert never(lambda: b"waits" in scene.server.received, 0.05)
        scene.proxy.resume()
        until(lambda: scene.server.received.endswith(b"waits"))


def test_a_fault_that_was_removed_strikes_no_more() -> None:
    with line("drop", "to-client:stall", "random-cut=10") as scene:
        armed = scene.proxy.add("swallow@send:all")
        assert [str(one.fault) for one in scene.proxy.faults] == [
            "drop",
            "to-client:stall",
            "random-cut=10",
            "swallow@frame=SEND:all",
        ]
        scene.proxy.remove(armed)
        scene.proxy.clear()
        assert scene.proxy.faults == []
        scene.server.send(b"hello")
        scene.receives(b"hello")
    with line("swallow@send:all", "cut@byte=1000") as scene:
        scene.proxy.clear()
        scene.send(*SENDS)
        scene.arrives(*SENDS)
    with line() as scene:
        stalled = scene.proxy.add("stall")
        scene.send(b"waits")
        assert never(lambda: scene.server.received, 0.03)
        scene.proxy.remove(stalled)
        scene.arrives(b"waits")
        refused = scene.proxy.add("refuse")
        with pytest.raises(ConnectionRefusedError):
            Wire(scene.proxy.port)
        scene.proxy.remove(refused)
        scene.dial().socket.close()


# ---------------------------------------------------------------------- bytes that must not be lost or changed


@pytest.mark.parametrize(
    "faults", [["coalesce=1000000", "coalesce-time=60s"], ["swallow@message:all", "swallow@ack:all"]]
)
def test_bytes_that_are_held_back_are_not_lost_at_the_end(faults: list[str]) -> None:
    """For coalescing, and for the end of a frame."""
    half = b"SEND\n\nonly a pa"
    with line(*faults) as scene:
        scene.send(half)
        scene.wire.socket.shutdown(socket.SHUT_WR)
        scene.arrives(half)
    with line(*faults) as scene:
        scene.server.send(half)
        scene.server.close_connections()
        scene.ends(after=half)


def test_frames_that_no_fault_concerns_pass_unchanged_and_in_order() -> None:
    """All kinds of frames, in chunks of every size."""
    odd = [
        b"\r\n\n",
        b"CONNECT\r\naccept-version:1.2\r\n\r\n\0\r\n",
        b"SEND\ncontent-length:5\n\n\0\n\0\nx\0",
        b"SEND\nno colon\n\n\0\n\n",
        b"UNKNOWN\n\n\xff\xfe\0",
        b"ACK\nid:1\n\n\0",
    ]
    stream = b"".join(odd) * 3
    for size in (1, 3, 10_000):
        with line("swallow@nack:all", "corrupt@message:all", "delay@begin:all") as scene:
            with FaultProxy(scene.proxy.url) as chunks, Wire(chunks.port) as wire:
                chunks.to_server.split = size
                wire.socket.sendall(stream)
                scene.arrives(stream, connection=1)


def test_what_is_not_stomp_passes_at_once() -> None:
    with line("swallow@frame=all") as scene:
        scene.send(b"not stomp\0")
        scene.arrives(b"not stomp\0")
        scene.server.send(b"\x16\x03\x01TLS")
        scene.receives(b"\x16\x03\x01TLS")


def outcome(size: int, seed: int) -> bytes:
    """Send the same with the same faults; return what came."""
    faults = [
        "corrupt@send:every-3",
        "swallow@ack:2+2",
        "duplicate@begin",
        "to-server:swallow@heart-beat:2",
        "corrupt@byte=500",
    ]
    stream = b"".join(
        b"SEND\ncontent-length:3\n\na\0b\0\n\nACK\nid:%d\n\n\0BEGIN\n\n\0" % number for number in range(12)
    )
    recorder = Passed()
    with (
        ScriptedServer() as server,
        FaultProxy(server.url, faults=faults, seed=seed, recorder=recorder) as proxy,
    ):
        with FaultProxy(proxy.url) as chunks, Wire(chunks.port) as wire:
            chunks.to_server.split = size
            wire.socket.sendall(stream)
            wire.socket.shutdown(socket.SHUT_WR)
            server.wait_until_closed()
    return recorder.passed


def test_the_same_faults_seed_and_traffic_give_the_same_bytes() -> None:
    assert outcome(1, 7) == outcome(50, 7) == outcome(10_000, 7)
    assert outcome(1000, 7) != outcome(1000, 8)


class Passed(Recorder):
    """Remembers the bytes that pass to the server."""

    def __init__(self) -> None:
        super().__init__(keep=False)
        self.passed = b""

    def note(self, connection: int, direction: str, data: bytes, *, at: float | None = None) -> None:
        if direction == "to-server":
            self.passed += data


# ---------------------------------------------------------------------- with a client and a broker


def test_a_receipt_that_is_swallowed() -> None:
    """The client of this library finds out that the outcome is unknown."""
    with Broker() as broker, FaultProxy(broker.url) as proxy:
        with stomp_socket.connect(proxy.url, receipt_timeout=0.3) as connection:
            swallowed = proxy.add("swallow@receipt")
            with pytest.raises(ReceiptTimeout):
                connection.send("/queue/a", "hello", receipt=True)
            proxy.wait_until(lambda _: swallowed.struck)
            assert broker.messages("/queue/a") == [b"hello"]


@pytest.mark.parametrize("frame", ["SEND:2", "RECEIPT:2"])
def test_an_error_takes_the_place_of_a_frame_or_of_its_answer(frame: str) -> None:
    with Broker() as broker, FaultProxy(broker.url, faults=[f"error=full@frame={frame}"]) as proxy:
        with stomp_socket.connect(proxy.url) as connection:
            connection.send("/queue/a", "one", receipt=True)
            with pytest.raises(Rejected, match="full"):
                connection.send("/queue/a", "two", receipt=True)
            connection.send("/queue/a", "three", receipt=True)  # on a new connection
        expected = [b"one", b"three"] if frame == "SEND:2" else [b"one", b"two", b"three"]
        assert broker.messages("/queue/a") == expected


def test_an_error_does_not_come_inside_a_frame_of_the_server() -> None:
    with line("error=no@send") as scene:
        scene.server.send(b"MESSAGE\n\nonly a pa")
        assert scene.wire.is_quiet(0.03)
        scene.send(SENDS[0])
        scene.ends(after=b"ERROR\nmessage:no\nreceipt-id:0\n\n\0")


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2"])
def test_the_error_is_a_frame_of_every_version(version: str) -> None:
    text = "a: b\\c"
    with line(f"error={text}@send") as scene:
        scene.send(b"SEND\r\nreceipt:a\\nb\r\n\r\n\0")
        data = b""
        while piece := scene.wire.socket.recv(1000):
            data += piece
    parser = FrameParser(version)
    parser.receive_data(data)
    frame = parser.next_frame()
    assert isinstance(frame, Frame)
    assert frame.command == "ERROR"
    assert frame.headers["receipt-id"] == ("a\\nb" if version == "1.0" else "a\nb")
    if version != "1.0":
        assert frame.headers["message"] == text


# ---------------------------------------------------------------------- over WebSocket


@pytest.mark.parametrize("deflate", [False, True])
@pytest.mark.parametrize(
    "fault", ["swallow@send:2", "to-server:corrupt@begin", "duplicate@send:2", "error=no@send:2"]
)
def test_faults_strike_frames_over_websocket(deflate: bool, fault: str) -> None:
    """Later frames arrive, although the compressor of the sender knows the swallowed one."""
    options: dict[str, Any] = {"websocket": WebSocket(compression=deflate)}
    with Broker(**options) as broker, FaultProxy(broker.ws_url, faults=[fault]) as proxy:
        with stomp_socket.connect(proxy.url, **options) as connection:
            if "begin" in fault:
                with pytest.raises(StompError):
                    with connection.transaction() as transaction:
                        transaction.send("/queue/a", "x")
                return
            for number in range(5):
                if fault.startswith("error") and number == 1:
                    with pytest.raises(Rejected, match="no"):
                        connection.send("/queue/a", str(number), receipt=True)
                else:
                    connection.send("/queue/a", f"the same text again {number}")
            connection.send("/queue/b", "last", receipt=True)
        numbers = [body[-1:] for body in broker.messages("/queue/a")]
        expected = {"s": b"0234", "d": b"011234", "e": b"0234"}[fault[0]]
        assert b"".join(numbers) == expected


def test_a_window_of_a_compressor_that_lost_a_message() -> None:
    """The sender compresses with what it has sent before; the receiver has not got all of it."""
    texts = [
        f"SEND\ndestination:/queue/the-same-long-name\n\nthe same text {number}\0" for number in range(6)
    ]
    received: list[str] = []

    def handle(connection: ServerConnection) -> None:
        received.extend(str(message) for message in connection)

    with serve(handle, "127.0.0.1", 0, compression="deflate") as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        port = server.socket.getsockname()[1]
        faults = ["swallow@send:2", "duplicate@send:4", "swallow@send:5"]
        with FaultProxy(f"ws://127.0.0.1:{port}", faults=faults) as proxy:
            with connect_websocket(proxy.url, compression="deflate") as client:
                client.send(texts[0] + texts[1])
                client.send([texts[2][:9], texts[2][9:]])
                for text in texts[3:]:
                    client.send(text)
        server.shutdown()
        thread.join()
    assert received == [texts[0], texts[2], texts[3] * 2, texts[5]]


@pytest.mark.parametrize("deflate", [None, "deflate"])
def test_a_frame_in_fragments_and_in_several_messages_is_struck(deflate: str | None) -> None:
    received: list[str] = []

    def handle(connection: ServerConnection) -> None:
        received.extend(str(message) for message in connection)

    with serve(handle, "127.0.0.1", 0, compression=deflate) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        port = server.socket.getsockname()[1]
        faults = ["swallow@send", "error=no@begin"]
        with FaultProxy(f"ws://127.0.0.1:{port}", faults=faults) as proxy:
            with connect_websocket(proxy.url, compression=deflate) as client:
                client.send(["SEND\n", "\nin frag", "ments\0ACK\n\n\0"])
                client.send("NACK\n\n\0SEND\n\nin two")
                client.send(" messages\0")
                client.send("BEGIN\nreceipt:1\n\n\0")
                assert client.recv() == "ERROR\nmessage:no\nreceipt-id:1\n\n\0"
        server.shutdown()
        thread.join()
    assert "".join(received) == "ACK\n\n\0NACK\n\n\0SEND\n\nin two messages\0"


def test_a_fault_strikes_in_a_message_whose_end_never_comes() -> None:
    """A frame that is complete, and the beginning of one that is not, are in the same WebSocket frame."""
    with Broker(websocket=True) as broker, FaultProxy(broker.ws_url, faults=["swallow@nack"]) as proxy:
        with connect_websocket(proxy.url, subprotocols=["v12.stomp"]) as client:  # type: ignore[list-item]
            cut = proxy.add("cut@send")
            client.send("SEND\ndestination:/queue/a\n\n1\0SEND\n\nonly a pa")
            client.socket.shutdown(socket.SHUT_WR)
            proxy.wait_until(lambda proxy: proxy.cuts == 1)
            assert cut.struck == 1


# ---------------------------------------------------------------------- the language


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("swallow@receipt", Fault("swallow", frame="RECEIPT")),
        ("swallow@frame=MESSAGE:3", Fault("swallow", frame="MESSAGE", first=3)),
        (
            "to-client:swallow@heart-beat:all",
            Fault("swallow", frame="heart-beat", every=1, direction="to-client"),
        ),
        ("corrupt@byte=120", Fault("corrupt", byte=120)),
        ("stall@after=2.5s", Fault("stall", after=2.5)),
        ("stall=250ms@before=5+", Fault("stall", 0.25, frame="any", before=True, first=5, every=1)),
        ("error=a=b@frame=SEND:2", Fault("error", "a=b", frame="SEND", first=2)),
        ("cut@message:every-3@offset=-1", Fault("cut", frame="MESSAGE", first=3, every=3, offset=-1)),
        ("drop@byte=1@connection=each", Fault("drop", byte=1, each_connection=True)),
        ("half-open@connection=2", Fault("half-open", connection=2)),
        ("delay", Fault("delay", 0.1)),
    ],
)
def test_a_text_is_a_fault(text: str, fault: Fault) -> None:
    assert parse_fault(text) == fault
    assert parse_fault(str(fault)) == fault


def test_a_list_of_faults_has_commas() -> None:
    assert parse_faults("drop, cut@byte=3") == [Fault("drop"), Fault("cut", byte=3)]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "a fault is one of swallow, duplicate, .*, got ''"),
        ("explode", "a fault is one of swallow, duplicate, .*, got 'explode'"),
        ("cut", "write cut@frame=SEND:2 or .*, got no place"),
        ("cut=5", "cut has no value, got '5'; write cut@frame=SEND:2"),
        ("swallow@byte=3", "write swallow@frame=SEND:2, got @byte"),
        ("up:cut@byte=3", "direction must be to-server or to-client, got 'up'"),
        ("to-client:half-open", "half-open has no direction, got to-client"),
        ("to-server:swallow@receipt", "RECEIPT is sent to-client, got to-server"),
        ("swallow@frame=SEND:x", "which frame is 2, 2\\+ .*, every-2 or all, got 'x'"),
        ("swallow@frame=SEND:0", "the number of a frame must be at least 1, got 0"),
        ("swallow@foo", "a frame is a command of STOMP, any or heart-beat, got 'FOO'"),
        ("swallow@receipt@frame=2", "@frame=2 in .* stands beside another condition of its kind"),
        ("cut@byte=3@after=2s", "a fault has one of frame, byte and after"),
        ("cut@byte=x", "byte must be a whole number, got 'x'"),
        ("corrupt@byte=0", "byte must be at least 1, got 0"),
        ("cut@after=soon", "a time is a number of seconds, or has a unit: 2.5, 2.5s or 250ms, got 'soon'"),
        ("cut@byte=3@offset=1", "offset is for cut, .* at a frame, got cut@offset=1"),
        ("cut@where=3", "a condition is frame=, before=, .*, got 'where=3'"),
        ("cut@byte=1@connection=0", "connection must be at least 1, got 0"),
        ("refuse@connection=1", "refuse is for all connections"),
        ("delay=-1", "a time is a number of seconds"),
        ("delay=0", "the value of delay must be a number of seconds above 0, got 0.0"),
        ("split=x", "the value of split must be a whole number of bytes above 0, got 'x'"),
        ("random-cut", "random-cut needs a value: random-cut=1000"),
        ("error=@send", "the text of error must be printable and not empty, got ''"),
        ("error@heart-beat", "error is for frames, not for heart-beats"),
    ],
)
def test_a_wrong_text_has_one_clear_error(text: str, error: str) -> None:
    with pytest.raises(ValueError, match=f"^{error}"):
        parse_fault(text)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"name": "cut", "byte": 1, "before": True}, "before needs a frame"),
        ({"name": "cut", "byte": 1, "frame": "SEND"}, "a fault has one of frame, byte and after"),
        ({"name": "cut", "byte": -1}, "byte must be at least 0, got -1"),
        (
            {"name": "cut", "byte": 1, "connection": 1, "each_connection": True},
            "for one connection or for each",
        ),
        ({"name": "cut", "frame": "SEND", "every": -1}, "every must be at least 0, got -1"),
        ({"name": "cut", "after": float("nan")}, "after must be a number of seconds, 0 or more, got nan"),
        ({"name": "delay", "value": float("inf")}, "must be a number of seconds above 0, got inf"),
        ({"name": "delay", "value": True}, "must be a number of seconds above 0, got True"),
        ({"name": "split", "value": 1.5}, "must be a whole number of bytes, got 1.5"),
        ({"name": "error", "value": "a\nb", "frame": "SEND"}, "must be printable and not empty"),
        ({"name": "cut", "byte": 1, "direction": "up"}, "direction must be to-server or to-client, got 'up'"),
    ],
)
def test_a_wrong_argument_has_one_clear_error(arguments: dict[str, Any], error: str) -> None:
    with pytest.raises(ValueError, match=error):
        Fault(**arguments)


def test_frame_faults_need_frames() -> None:
    with pytest.raises(ValueError, match="sees no frames in TLS"):
        FaultProxy("stomp+ssl://127.0.0.1:1", faults=["swallow@receipt"])
