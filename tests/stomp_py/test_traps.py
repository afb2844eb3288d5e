"""Faults of stomp.py that ``stomp_py`` does not have. The same program runs with both, and both outcomes are checked.

Theirs needs ``pip install stomp.py``, and is skipped without it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

import stomp_py
from stomp_testing import Broker, Expect, ScriptedServer
from tests.waiting import HANGS

from .conftest import LOGIN, PASSCODE, Place
from .recording_listener import RecordingListener

CONNECTED = b"CONNECTED\nversion:1.1\n\n\0"
MESSAGE = b"MESSAGE\nsubscription:1\nmessage-id:%d\ndestination:/queue/a\n\n%b\0"


@pytest.fixture
def theirs() -> ModuleType:
    module: ModuleType = pytest.importorskip("stomp", reason="pip install stomp.py")
    return module


def major(module: ModuleType) -> int:
    return int(module.__version__.partition(".")[0])


# It leaves sockets and threads behind, which is not the point here.
leaky = pytest.mark.filterwarnings("ignore")


class Collector:
    """A listener without a base class, which works with both."""

    def __init__(self, on_message: Callable[[Any], object] | None = None) -> None:
        self.bodies: list[Any] = []
        self.headers: list[dict[str, str]] = []
        self.disconnected = threading.Event()
        self.timeouts = 0
        self._then = on_message

    def on_message(self, frame: Any) -> None:
        self.bodies.append(frame.body)
        self.headers.append(frame.headers)
        if self._then is not None:
            self._then(frame)

    def on_send(self, frame: Any) -> None:
        pass

    def on_disconnected(self) -> None:
        self.disconnected.set()

    def on_heartbeat_timeout(self) -> None:
        self.timeouts += 1

    def wait_for(self, count: int, seconds: float = HANGS) -> bool:
        deadline = time.monotonic() + seconds
        while len(self.bodies) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        return len(self.bodies) >= count


def connect(lib: Any, place: Place, listener: Any, **arguments: Any) -> Any:
    # Without vhost=..., stomp.py sends no host header, which STOMP 1.1 and the embedded broker require.
    conn = lib.Connection(place.address, vhost="/", **arguments)
    conn.set_listener("test", listener)
    conn.connect(LOGIN, PASSCODE, wait=True)
    return conn


# ---------------------------------------------------------------------- a MESSAGE between coalesced heart-beats


def between_heart_beats(lib: Any) -> list[Any]:
    received = Collector()
    with ScriptedServer([Expect(b"\0"), CONNECTED, Expect(b"SUBSCRIBE")]) as server:
        conn = lib.Connection([("127.0.0.1", server.port)])
        conn.set_listener("test", received)
        conn.connect(LOGIN, PASSCODE, wait=True)
        conn.subscribe("/queue/a", id=1)
        server.wait_for(b"SUBSCRIBE")
        server.send(b"\n\n" + MESSAGE % (1, b"first") + b"\n\n\n" + MESSAGE % (2, b"second") + b"\n")
        server.send(MESSAGE % (3, b"third"))
        deadline = time.monotonic() + HANGS
        while "third" not in received.bodies and time.monotonic() < deadline:
            time.sleep(0.01)
    received.disconnected.wait(HANGS)
    return received.bodies


def test_a_message_between_coalesced_heart_beats_arrives() -> None:
    assert between_heart_beats(stomp_py) == ["first", "second", "third"]


def test_a_line_end_that_comes_alone_is_a_heart_beat() -> None:
    """Programs test themselves with stomp.py's own stub of a server, which also leaves headers out."""
    recorder = RecordingListener()
    with ScriptedServer([Expect(b"\0"), CONNECTED + b"\n\n", Expect(b"SUBSCRIBE")]) as server:
        conn = stomp_py.Connection([("127.0.0.1", server.port)])
        conn.set_listener("test", recorder)
        conn.connect(LOGIN, PASSCODE, wait=True)
        conn.subscribe("/queue/a", id=1)
        server.wait_for(b"SUBSCRIBE")
        assert recorder.of("on_heartbeat") == []
        for number in range(1, 3):
            server.send(b"\n")
            recorder.wait_for("on_heartbeat", number)
            server.send(b"MESSAGE\ncontent-type:text/plain\n\nHello\n...\0\n")
            recorder.wait_for("on_message", number)
    recorder.wait_for("on_disconnected")
    assert [frame.headers for frame in recorder.of("on_message")] == [{"content-type": "text/plain"}] * 2
    assert recorder.bodies() == ["Hello\n..."] * 2
    assert len(recorder.of("on_heartbeat")) == 2


@leaky
def test_theirs_loses_a_message_between_coalesced_heart_beats(theirs: ModuleType) -> None:
    assert between_heart_beats(theirs) == ["second", "third"]


# ---------------------------------------------------------------------- connect(wait=True) to a silent peer


def connect_to_silence(lib: Any, patience: float) -> Any:
    """Return what connect() raises; ``None`` if it has not returned."""
    raised: list[BaseException] = []
    with ScriptedServer() as server:
        conn = lib.Connection([("127.0.0.1", server.port)], timeout=0.5)

        def call() -> None:
            try:
                conn.connect(LOGIN, PASSCODE, wait=True)
            except BaseException as error:
                raised.append(error)

        thread = threading.Thread(target=call, daemon=True)
        thread.start()
        thread.join(patience)
        outcome = raised[0] if raised else None
        assert thread.is_alive() == (outcome is None)
    thread.join(HANGS)
    return outcome


def test_connecting_to_a_silent_peer_fails_in_time() -> None:
    assert isinstance(connect_to_silence(stomp_py, HANGS), stomp_py.exception.ConnectFailedException)


@leaky
def test_theirs_waits_for_ever_for_a_silent_peer(theirs: ModuleType) -> None:
    # With a timeout=..., a read ends, and the connection with it. Without one, connect() never returns.
    with ScriptedServer() as server:
        conn = theirs.Connection([("127.0.0.1", server.port)])
        thread = threading.Thread(target=_quietly, args=(conn,), daemon=True)
        thread.start()
        thread.join(1.5)
        assert thread.is_alive()
    thread.join(HANGS)


def _quietly(conn: Any) -> None:
    try:
        conn.connect(LOGIN, PASSCODE, wait=True)
    except Exception:
        pass


# ---------------------------------------------------------------------- an exception in a listener


def raising(lib: Any, here: Place, patience: float = HANGS) -> tuple[list[Any], bool]:
    def fail(frame: Any) -> None:
        if frame.body == "bad":
            raise ValueError("the listener has a bug")

    received = Collector(fail)
    conn = connect(lib, here, received)
    conn.subscribe("/queue/a", id=1)
    for number, body in enumerate(("bad", "good"), start=1):
        conn.send("/queue/a", body)
        if not received.wait_for(number, patience):
            break
    alive = conn.is_connected()
    if alive:
        conn.disconnect()
    return received.bodies, alive


def test_an_exception_in_a_listener_is_logged_only(here: Place, caplog: pytest.LogCaptureFixture) -> None:
    assert raising(stomp_py, here) == (["bad", "good"], True)
    assert "the listener has a bug" in caplog.text


@leaky
def test_theirs_ends_at_an_exception_in_a_listener(theirs: ModuleType, here: Place) -> None:
    try:
        bodies, alive = raising(theirs, here, 1.0)
    except Exception:
        return  # send() has raised, because the connection had ended
    assert "good" not in bodies or not alive


# ---------------------------------------------------------------------- heart-beats shrink with each connection


def heart_beats_asked_for(lib: Any) -> list[bytes]:
    answer = b"CONNECTED\nversion:1.1\nheart-beat:0,9000\n\n\0"
    script: list[Any] = [Expect(b"\0"), answer]
    asked = []
    with ScriptedServer([script, script]) as server:
        conn = lib.Connection([("127.0.0.1", server.port)], heartbeats=(4000, 5000))
        for number in range(2):
            received = Collector()
            conn.set_listener("test", received)
            conn.connect(LOGIN, PASSCODE, wait=True)
            line = next(
                line for line in server.connections[number].split(b"\n") if line.startswith(b"heart-beat:")
            )
            asked.append(line)
            server.close_connections()
            assert received.disconnected.wait(HANGS)
    return asked


def test_each_connection_asks_for_the_same_heart_beats() -> None:
    assert heart_beats_asked_for(stomp_py) == [b"heart-beat:4000,5000"] * 2


@leaky
def test_theirs_asks_for_what_was_negotiated_the_last_time(theirs: ModuleType) -> None:
    assert heart_beats_asked_for(theirs) == [b"heart-beat:4000,5000", b"heart-beat:9000,0"]


# ---------------------------------------------------------------------- a slow listener


def slow_listener(lib: Any, here: Place, **arguments: Any) -> tuple[list[Any], int]:
    """Let a listener take 2.5 s, with a heart-beat every 0.3 s; return the bodies and how often silence was noticed."""
    received = Collector(lambda frame: time.sleep(2.5) if frame.body == "slow" else None)
    conn = connect(lib, here, received, heartbeats=(300, 300), **arguments)
    conn.subscribe("/queue/a", id=1)
    for body in ("slow", "quick"):
        conn.send("/queue/a", body)
    # The connection ends in the one case; the second message comes in the other one.
    deadline = time.monotonic() + HANGS
    while not (received.wait_for(2, 0.01) or received.timeouts or time.monotonic() > deadline):
        pass
    if conn.is_connected():
        conn.disconnect()
        received.disconnected.wait(HANGS)
    return received.bodies, received.timeouts


def test_heart_beats_go_on_while_a_listener_takes_its_time(here: Place) -> None:
    # It tolerates 2.1 s of silence: less than the listener takes, and more than a busy machine holds it up.
    assert slow_listener(stomp_py, here, heart_beat_receive_scale=7) == (["slow", "quick"], 0)


@leaky
def test_theirs_ends_the_connection_of_a_slow_listener(theirs: ModuleType, here: Place) -> None:
    assert slow_listener(theirs, here)[1] > 0


# ---------------------------------------------------------------------- TLS


def test_set_ssl_that_matches_no_host_is_an_error(here: Place) -> None:
    conn = stomp_py.Connection(here.address)
    with pytest.raises(ValueError, match="elsewhere"):
        conn.set_ssl(for_hosts=[("elsewhere", 61614)])


@leaky
def test_theirs_then_sends_the_passcode_in_plaintext(theirs: ModuleType, here: Place) -> None:
    conn = theirs.Connection(here.address, vhost="/")
    conn.set_ssl(for_hosts=[("elsewhere", 61614)])
    conn.connect(LOGIN, PASSCODE, wait=True)
    assert conn.is_connected()
    conn.disconnect()


def connect_to_a_stranger(lib: Any) -> Any:
    """Connect to a server whose certificate is not signed by a trusted authority."""
    pytest.importorskip("trustme", reason='pip install "stomp-core[testing]"')
    with Broker(users={LOGIN: PASSCODE}, tls=True) as broker:
        address = ("127.0.0.1", broker.tls_port)
        conn = lib.Connection([address], reconnect_attempts_max=1, vhost="/")
        conn.set_ssl(for_hosts=[address])
        conn.connect(LOGIN, PASSCODE, wait=True)
        conn.disconnect()


def test_certificates_are_verified_by_default() -> None:
    with pytest.raises(stomp_py.exception.ConnectFailedException, match=r"(?i)certificate .* ca_certs"):
        connect_to_a_stranger(stomp_py)


@leaky
def test_theirs_up_to_8_trusts_every_server(theirs: ModuleType) -> None:
    if major(theirs) >= 9:
        with pytest.raises(theirs.exception.ConnectFailedException):
            connect_to_a_stranger(theirs)
    else:
        connect_to_a_stranger(theirs)


# ---------------------------------------------------------------------- the passcode


def log_of_connecting(lib: Any, here: Place, caplog: pytest.LogCaptureFixture) -> str:
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("stomp.py").setLevel(logging.DEBUG)
        conn = connect(lib, here, Collector())
        conn.disconnect()
    logging.getLogger("stomp.py").setLevel(logging.NOTSET)
    return caplog.text


def test_the_passcode_is_in_no_log(here: Place, caplog: pytest.LogCaptureFixture) -> None:
    text = log_of_connecting(stomp_py, here, caplog)
    assert "CONNECT" in text
    assert PASSCODE not in text


@leaky
def test_theirs_logs_the_passcode(theirs: ModuleType, here: Place, caplog: pytest.LogCaptureFixture) -> None:
    assert PASSCODE in log_of_connecting(theirs, here, caplog)


# ---------------------------------------------------------------------- headers


def odd_header(lib: Any, here: Place) -> dict[str, str]:
    received = Collector()
    conn = connect(lib, here, received)
    conn.subscribe("/queue/a", id=1)
    conn.send("/queue/a", "x", headers={"odd:name": "a:b\\c\nd"})
    assert received.wait_for(1)
    conn.disconnect()
    return received.headers[0]


def test_header_names_are_escaped_as_values_are(here: Place) -> None:
    assert odd_header(stomp_py, here)["odd:name"] == "a:b\\c\nd"


@leaky
def test_theirs_does_not_escape_the_names_of_headers(theirs: ModuleType, here: Place) -> None:
    headers = odd_header(theirs, here)
    assert "odd:name" not in headers
    assert headers["odd"].startswith("name")


def headers_after_sending(lib: Any, here: Place) -> dict[str, Any]:
    conn = connect(lib, here, Collector())
    headers = {"destination": "/queue/a", "kind": "a:b"}
    conn.send_frame("SEND", headers, "x")
    conn.disconnect()
    return headers


def test_the_callers_headers_stay_as_they_are(here: Place) -> None:
    assert headers_after_sending(stomp_py, here) == {"destination": "/queue/a", "kind": "a:b"}


def test_listeners_do_not_change_the_callers_headers(here: Place) -> None:
    class Adding(Collector):
        def on_send(self, frame: Any) -> None:
            frame.headers["added"] = "yes"

    conn = connect(stomp_py, here, Adding())
    headers = {"destination": "/queue/a"}
    conn.send_frame("SEND", headers, "x")
    conn.send("/queue/a", "x", headers=headers)
    conn.disconnect()
    assert headers == {"destination": "/queue/a"}


@leaky
def test_theirs_escapes_the_callers_own_headers(theirs: ModuleType, here: Place) -> None:
    assert headers_after_sending(theirs, here)["kind"] == "a\\cb"


# ---------------------------------------------------------------------- binary bodies

BINARY = bytes(range(256))


def binary_body(lib: Any, here: Place, **arguments: Any) -> Any:
    received = Collector()
    conn = connect(lib, here, received, **arguments)
    conn.subscribe("/queue/a", id=1)
    conn.send("/queue/a", BINARY)
    assert received.wait_for(1)
    conn.disconnect()
    return received.bodies[0]


def test_a_body_that_is_not_text_stays_bytes_with_a_warning(
    here: Place, caplog: pytest.LogCaptureFixture
) -> None:
    assert binary_body(stomp_py, here) == BINARY
    assert "bytes" in caplog.text


def test_the_warning_comes_once_for_each_connection(here: Place, caplog: pytest.LogCaptureFixture) -> None:
    received = Collector()
    conn = stomp_py.Connection(here.address, vhost="/")
    conn.set_listener("test", received)
    for number in range(1, 3):
        conn.connect(LOGIN, PASSCODE, wait=True)
        conn.subscribe("/queue/a", id=1)
        for _ in range(3):
            conn.send("/queue/a", BINARY)
        assert received.wait_for(3 * number)
        conn.disconnect(receipt="bye")
        warnings = [record for record in caplog.records if "not UTF-8" in record.message]
        assert len(warnings) == number
    assert received.bodies == [BINARY] * 6


@pytest.mark.parametrize("body", [BINARY, b"text"])
def test_without_decoding_every_body_is_bytes(here: Place, body: bytes) -> None:
    received = Collector()
    conn = connect(stomp_py, here, received, auto_decode=False)
    conn.subscribe("/queue/a", id=1)
    conn.send("/queue/a", body)
    assert received.wait_for(1)
    conn.disconnect()
    assert received.bodies == [body]


@leaky
def test_theirs_replaces_what_is_not_text_silently(theirs: ModuleType, here: Place) -> None:
    body = binary_body(theirs, here)
    assert isinstance(body, str)
    assert "\ufffd" in body
