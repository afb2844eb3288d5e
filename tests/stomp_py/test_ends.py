"""However a connection ends, ``on_disconnected`` is called once, then ``on_receiver_loop_completed`` once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import stomp_py as stomp
from stomp_py.exception import ConnectFailedException
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
