"""However a connection ends, ``on_disconnected`` is called once, then ``on_receiver_loop_completed`` once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import stomp_py as stomp
from stomp_py.exception import ConnectFailedException, NotConnectedException
from stomp_testing import Broker, Expect, ScriptedServer

from .conftest import LOGIN, PASSCODE, Open, Place
from .recording_listener import RecordingListener

End = Callable[[Broker, Any], object]
ENDS: dict[str, End] = {
    "disconnect": lambda broker, conn: conn.disconnect(),
    "disconnect with a receipt": lambda broker, conn: conn.disconnect(receipt="bye"),
    "disconnect twice": lambda broker, conn: [conn.disconnect(), conn.disconnect(receipt="bye")],
    "the socket is closed": lambda broker, conn: conn.transport.disconnect_socket(),
    "the socket is closed, then disconnect": lambda broker, conn: [
        conn.transport.disconnect_socket(),
        conn.disconnect(),
        conn.transport.stop(),
    ],
    "the broker closes": lambda broker, conn: broker.drop_connections(),
    "the broker resets": lambda broker, conn: broker.drop_connections(reset=True),
    "the broker sends ERROR": lambda broker, conn: broker.send_error_to_all("no more"),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_the_end_of_a_connection_is_notified_once(
    end: End, broker: Broker, here: Place, open_connection: Open
) -> None:
    recorder = RecordingListener()
    conn = open_connection(here, recorder)
    end(broker, conn)
    recorder.wait_for("on_receiver_loop_completed")
    assert not conn.is_connected()
    conn.connect(LOGIN, PASSCODE, wait=True)  # late calls would come before this one ends
    conn.disconnect()
    recorder.wait_for("on_receiver_loop_completed", 2)
    ends = ("on_disconnected", "on_receiver_loop_completed")
    assert [name for name in recorder.names() if name in ends] == [*ends, *ends]


@pytest.mark.parametrize(
    "answer", [b"ERROR\nmessage:no\n\n\0", b"nonsense\n\n\0", None], ids=["ERROR", "no STOMP", "nothing"]
)
def test_the_end_of_a_refused_connection_is_notified_once(answer: bytes | None) -> None:
    recorder = RecordingListener()
    with ScriptedServer([Expect(b"\0")] if answer is None else [Expect(b"\0"), answer]) as server:
        timeout = 0.1 if answer is None else None
        conn = stomp.Connection([("127.0.0.1", server.port)], timeout=timeout)
        conn.set_listener("", recorder)
        with pytest.raises(ConnectFailedException):
            conn.connect(LOGIN, PASSCODE, wait=True)
        recorder.wait_for("on_receiver_loop_completed")
        conn.disconnect()
        server.wait_until_closed()
    assert recorder.names("on_error") == [
        "on_connecting",
        "on_send",
        "on_disconnected",
        "on_receiver_loop_completed",
    ]


def test_without_a_connection_no_listener_sees_a_frame(here: Place, open_connection: Open) -> None:
    recorder = RecordingListener()
    conn = open_connection(here, recorder)
    conn.disconnect(receipt="bye")
    before = recorder.names()
    assert before.count("on_disconnecting") == 1
    with pytest.raises(NotConnectedException):
        conn.send("/queue/a", "x")
    assert recorder.names() == before


def test_to_wait_is_the_third_argument_of_connect() -> None:
    with ScriptedServer([Expect(b"\0")]) as server:
        conn = stomp.Connection([("127.0.0.1", server.port)], timeout=0.1)
        with pytest.raises(ConnectFailedException):
            conn.connect(LOGIN, PASSCODE, True)


def test_1_0_can_leave_out_the_content_length() -> None:
    with ScriptedServer([Expect(b"\0"), b"CONNECTED\n\n\0"]) as server:
        conn = stomp.Connection10([("127.0.0.1", server.port)], auto_content_length=False)
        conn.connect(LOGIN, PASSCODE, wait=True)
        conn.send("/queue/a", "x")
        server.wait_for(b"SEND\ndestination:/queue/a\n\nx\0")
        conn.transport.disconnect_socket()
