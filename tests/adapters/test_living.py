"""Connections that live: heart-beats while the program is busy, silence that is noticed, and an orderly end."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any

import pytest

from stomp_core.session import ConnectFailed, Reconnect
from stomp_testing import Broker, Expect, FaultProxy, Recorder, ScriptedServer
from tests.heart_beats import PATIENT, BeatingBroker

from .test_network import has_proc, sockets_to
from .worlds import HANGS, World, in_a_thread, never, until

CONNECTED = b"CONNECTED\nversion:1.2\n\n\0"
SOON = Reconnect(first_delay=0.01, max_delay=0.05)
set_profile: Callable[[Any], None] | None = getattr(threading, "setprofile_all_threads", None)


def test_heart_beats_keep_an_idle_connection_alive(world: World) -> None:
    with BeatingBroker() as broker:
        conn = world.connect(broker.url, **broker.beats.client_options())
        assert conn.heart_beat == (0.1, 0.1)
        broker.beats.wait(5)
        assert conn.session.connection_number == 1
        assert conn.connected is not None
        conn.send("/queue/a", "alive", receipt=True)


def test_heart_beats_go_on_while_a_handler_is_busy(world: World) -> None:
    with BeatingBroker() as broker:
        broker.send("/queue/a", "long job")
        conn = world.connect(broker.url, **broker.beats.client_options())
        jobs = conn.subscribe("/queue/a", ack="client-individual")
        jobs.run(world.waiting_handler(broker.beats.more, lambda message: jobs.inner.stop()))
        assert conn.session.connection_number == 1
        assert broker.connections
        broker.wait_until(lambda _: not broker.unacknowledged("/queue/a"), timeout=HANGS)


def test_a_silent_broker_is_noticed_and_replaced(world: World) -> None:
    reported: list[float] = []

    class Observer(world.module.Listener):  # type: ignore[misc,name-defined]
        def heart_beat_late(self, silence: float) -> None:
            reported.append(silence)

    # Where this process is held up, silence is noticed before the stall, too: then the stall ends the next connection.
    with Broker(flavour=PATIENT, heart_beat=(1, 1)) as broker, FaultProxy(broker.url) as proxy:
        conn = world.connect(proxy.url, heart_beat=(0.2, 0.2), reconnect=SOON, listener=Observer())
        # In auto mode the old connection could still get the message: the broker does not know yet that it is dead.
        messages = conn.subscribe("/queue/a", ack="client-individual")
        proxy.stall()
        broker.wait_until(lambda _: conn.connected is None, timeout=HANGS)
        proxy.resume()
        broker.send("/queue/a", "after the silence")
        assert messages.receive().text == "after the silence"
        assert reported


def test_without_heart_beats_silence_is_tolerated(world: World) -> None:
    with Broker(heart_beat=(0, 0)) as broker:
        conn = world.connect(broker.url, heart_beat=(0.1, 0.1))
        assert conn.heart_beat == (0.0, 0.0)
        assert never(lambda: conn.session.connection_number != 1, 0.5)


def test_close_sends_disconnect_and_waits_for_its_receipt(world: World) -> None:
    recorder = Recorder()
    with Broker(recorder=recorder) as broker:
        conn = world.connect(broker.url)
        conn.send("/queue/a", "last message")
        assert conn.close() is True
        (disconnect,) = recorder.frames("DISCONNECT", "to-server")
        assert disconnect.headers["receipt"]
        assert broker.messages("/queue/a") == [b"last message"]


def test_leaving_the_block_closes_the_connection(world: World) -> None:
    with Broker() as broker:
        conn = world.connect(broker.url)
        conn.leave()
        assert conn.closed
        broker.wait_until(lambda _: not broker.connections, timeout=HANGS)


def test_close_ends_in_time_if_no_receipt_comes(world: World) -> None:
    script: list[Any] = [Expect(b"\0"), CONNECTED, Expect(b"DISCONNECT")]
    with ScriptedServer(script) as server:
        conn = world.connect(server.url, close_timeout=10 * HANGS)
        # The timeout in the options, which the call's own one replaces, would be noticed: as a call that hangs.
        assert conn.close(timeout=0.3) is False
        server.wait_until_closed(timeout=HANGS)


def test_close_without_a_connection_ends_at_once(world: World) -> None:
    with Broker() as broker:
        patience = 10 * HANGS  # a call that waits for the next attempt, or for the timeout of close(), hangs
        reconnect = Reconnect(first_delay=patience, max_delay=patience, jitter=0)
        conn = world.connect(broker.url, reconnect=reconnect, close_timeout=patience)
        broker.kill()
        until(lambda: conn.connected is None)
        conn.leave()
        assert conn.closed


def test_a_broker_that_is_killed_and_restarted_is_found_again(world: World) -> None:
    with Broker() as broker:
        conn = world.connect(broker.url, reconnect=SOON)
        messages = conn.subscribe("/queue/a", ack="client-individual")
        broker.kill()
        broker.start()
        broker.send("/queue/a", "back")
        assert messages.receive().text == "back"


@pytest.mark.parametrize("size", [1, 7])
def test_bytes_may_arrive_in_pieces_of_any_size(world: World, size: int) -> None:
    with Broker() as broker, FaultProxy(broker.url) as proxy:
        proxy.to_client.split = proxy.to_server.split = size
        conn = world.connect(proxy.url)
        messages = conn.subscribe("/queue/a", ack="client-individual")
        conn.send("/queue/a", "in pieces", receipt=True)
        message = messages.receive()
        assert message.text == "in pieces"
        message.ack(receipt=True)


def test_after_an_error_of_the_broker_the_next_connection_goes_on(world: World) -> None:
    reported: list[str] = []

    class Observer(world.module.Listener):  # type: ignore[misc,name-defined]
        def error_received(self, error: Any) -> None:
            reported.append(error.description)

    with Broker() as broker:
        conn = world.connect(broker.url, reconnect=SOON, listener=Observer())
        messages = conn.subscribe("/queue/a")
        broker.send_error_to_all("closed by an administrator", "maintenance")
        broker.wait_until(lambda _: conn.session.connection_number == 2, timeout=HANGS)
        broker.send("/queue/a", "on we go")
        assert messages.receive().text == "on we go"
        assert reported == ["closed by an administrator: maintenance"]


def test_pauses_between_attempts_are_a_matter_of_chance(world: World) -> None:
    """Many clients that lose the same broker do not come back all at once."""
    attempts: list[float] = []

    class Observer(world.module.Listener):  # type: ignore[misc,name-defined]
        def dialling(self, attempt: Any) -> None:
            attempts.append(attempt.at)

    reconnect = Reconnect(first_rounds=12, first_delay=0.1, max_delay=0.1)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        url = f"stomp://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ConnectFailed):
            world.connect(url, reconnect=reconnect, listener=Observer())
    pauses = [later - earlier for earlier, later in itertools.pairwise(attempts)]
    assert len(pauses) == 11
    assert min(pauses) < 0.09, "without chance, no pause is shorter than 0.1 s"


def test_what_is_sent_is_reported_at_once(world: World) -> None:
    """Nothing else wakes who tells it: there are no heart-beats, and no timeouts soon."""
    sent: list[str] = []

    class Observer(world.module.Listener):  # type: ignore[misc,name-defined]
        def frame_sent(self, event: Any) -> None:
            sent.append(event.command)

    with Broker() as broker:
        patience = 10 * HANGS
        conn = world.connect(
            broker.url,
            heart_beat=(0, 0),
            connect_timeout=patience,
            handshake_timeout=patience,
            listener=Observer(),
        )
        conn.send("/queue/a", "x")
        until(lambda: "SEND" in sent)


def test_close_does_not_wait_for_a_peer_that_does_not_read(world: World) -> None:
    """What it has not taken is not sent any more: the socket is closed at once, and nothing of it lives on."""
    reads = threading.Event()

    def serve() -> bytes:
        peer, _ = listener.accept()
        end = b""
        with peer, suppress(ConnectionResetError):
            peer.settimeout(HANGS)
            peer.recv(4096)
            peer.sendall(CONNECTED)
            reads.wait(2 * HANGS)
            while data := peer.recv(1 << 20):
                end = (end + data)[-5:]
        return end

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread, outcome = in_a_thread(serve)
        port = listener.getsockname()[1]
        conn = world.connect(f"stomp://127.0.0.1:{port}", heart_beat=(0, 0))
        sender, _ = in_a_thread(lambda: conn.send("/queue/a", bytes(20_000_000) + b"last", timeout=HANGS))
        until(lambda: conn.session.size_to_send)
        assert conn.close(timeout=0.2) is False
        if has_proc:
            until(lambda: not list(sockets_to(port)))
        reads.set()
        thread.join(HANGS)
        sender.join(HANGS)
    assert outcome
    assert outcome[0] != b"last\0"


@pytest.mark.skipif(set_profile is None, reason="new in Python 3.12")
def test_an_idle_connection_does_nothing(world: World) -> None:
    """No thread and no task goes round and round."""
    calls = itertools.count()

    def count(frame: FrameType, event: str, argument: object) -> None:
        if "stomp" in frame.f_code.co_filename:
            next(calls)

    with Broker(heart_beat=(0, 0)) as broker:
        conn = world.connect(broker.url, heart_beat=(0, 0))
        messages = conn.subscribe("/queue/a")
        for _ in range(3):
            conn.send("/queue/a", "x", receipt=True)
            messages.receive()
        assert set_profile is not None
        set_profile(count)
        try:
            never(lambda: False, 0.3)
        finally:
            set_profile(None)
        assert next(calls) < 500
