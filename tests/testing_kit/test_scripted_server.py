"""ScriptedServer: it sends literal bytes and keeps what it receives."""

from __future__ import annotations

import threading
import time

import pytest

from stomp_testing import CLOSE, RESET, Expect, Pause, ScriptedServer, ServerCertificate, Step

from .wire import Wire


def test_it_sends_the_bytes_of_the_script_and_keeps_input() -> None:
    with ScriptedServer([b"\x00\xff", b"not stomp"]) as server, Wire(server.port) as wire:
        received = b""
        while len(received) < 11:
            received += wire.socket.recv(100)
        assert received == b"\x00\xffnot stomp"
        wire.socket.sendall(b"\xfe\x00")
        server.wait_for(b"\xfe\x00")
        assert server.received == b"\xfe\x00"
        assert wire.is_quiet(0.03)


def test_expect_waits_for_bytes_after_the_last_expect() -> None:
    with ScriptedServer([Expect(b"a"), b"1", Expect(b"a"), b"2"]) as server, Wire(server.port) as wire:
        wire.socket.sendall(b"a")
        assert wire.socket.recv(10) == b"1"
        assert wire.is_quiet(0.03)
        wire.socket.sendall(b"ba")
        assert wire.socket.recv(10) == b"2"


@pytest.mark.parametrize(("step", "end"), [(CLOSE, "FIN"), (RESET, "RST")])
def test_a_script_can_end_the_connection(step: Step, end: str) -> None:
    with ScriptedServer([Expect(b"x"), step]) as server, Wire(server.port) as wire:
        wire.socket.sendall(b"x")
        assert wire.end() == end
        server.wait_until_closed()


def test_pause_waits_for_its_seconds() -> None:
    with ScriptedServer([Pause(0.1), b"x"]) as server:
        began = time.monotonic()
        with Wire(server.port) as wire:
            assert wire.socket.recv(1) == b"x"
        assert time.monotonic() - began >= 0.09


def test_a_list_of_lists_is_a_script_for_each_connection() -> None:
    with ScriptedServer([[b"1"], [b"2"]]) as server:
        for expected in (b"1", b"2", b"2"):
            with Wire(server.port) as wire:
                assert wire.socket.recv(10) == expected
                wire.socket.sendall(expected)
        server.wait_until_closed()
        assert server.connections == [b"1", b"2", b"2"]
        assert server.open_connections == 0


def test_it_sends_and_closes_on_demand() -> None:
    with ScriptedServer() as server, Wire(server.port) as one, Wire(server.port) as two:
        one.socket.sendall(b"hello")
        server.wait_for(b"hello")
        while server.open_connections < 2:
            time.sleep(0.001)
        server.send(b"all")
        assert (one.socket.recv(10), two.socket.recv(10)) == (b"all", b"all")
        server.close_connections(reset=True)
        assert (one.end(), two.end()) == ("RST", "RST")


def test_it_uses_tls() -> None:
    certificate = ServerCertificate()
    with ScriptedServer([b"secret"], tls=certificate.server_context()) as server:
        assert server.url == f"stomp+ssl://guest:guest@127.0.0.1:{server.port}"
        with Wire(server.port, tls=certificate.client_context()) as wire:
            assert wire.socket.recv(10) == b"secret"


def test_wait_for_raises_after_its_timeout() -> None:
    """The error shows what was received instead."""
    with ScriptedServer() as server, Wire(server.port) as wire:
        wire.socket.sendall(b"something else")
        server.wait_for(b"something")
        with pytest.raises(TimeoutError, match="something else"):
            server.wait_for(b"hello", timeout=0.01)
        with pytest.raises(TimeoutError):
            server.wait_until_closed(timeout=0.01)


def test_stopping_ends_the_thread_and_connections() -> None:
    before = threading.active_count()
    server = ScriptedServer([Expect(b"never")])
    server.start()
    with Wire(server.port) as wire:
        wire.socket.sendall(b"x")
        server.wait_for(b"x")
        server.stop()
        server.stop()
        assert wire.end() in ("FIN", "RST")
    assert threading.active_count() == before
    with pytest.raises(RuntimeError):
        server.send(b"x")


def test_steps_and_lists_of_steps_do_not_mix() -> None:
    with pytest.raises(ValueError):
        ScriptedServer([b"x", [b"y"]])
