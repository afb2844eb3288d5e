"""Programs written for stomp.py, as they stand in its documentation, but for the import and the address."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from stomp_testing import Broker
from tests.waiting import until

from .conftest import Open, Place
from .recording_listener import RecordingListener

SEND_AND_RECEIVE = """
import sys
import time
import stomp_py as stomp

class MyListener(stomp.ConnectionListener):
    def on_error(self, headers, message): print('received an error "%s"' % message)
    def on_message(self, headers, message): print('received a message "%s"' % message)

conn = stomp.Connection(ADDRESS)
conn.set_listener('', MyListener())
conn.start()
conn.connect('admin', 'password', wait=True)
conn.subscribe(destination='/queue/test', id=1, ack='auto')
conn.send(body=' '.join(sys.argv[1:]), destination='/queue/test')
time.sleep(2)
conn.disconnect()
"""

NEWER_SIGNATURE = """
import time
import sys
import stomp_py as stomp

class MyListener(stomp.ConnectionListener):
    def on_error(self, frame):
        print('received an error "%s"' % frame.body)

    def on_message(self, frame):
        print('received a message "%s"' % frame.body)

conn = stomp.Connection(ADDRESS)
conn.set_listener('', MyListener())
conn.connect('admin', 'password', wait=True)
conn.subscribe(destination='/queue/test', id=1, ack='auto')
conn.send(body=' '.join(sys.argv[1:]), destination='/queue/test')
time.sleep(2)
conn.disconnect()
"""


@pytest.mark.parametrize("program", [SEND_AND_RECEIVE, NEWER_SIGNATURE], ids=["headers, body", "frame"])
def test_programs_of_the_documentation_print_what_they_sent(
    program: str, place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    printed: list[str] = []

    def something_was_printed() -> bool:
        printed.append(capsys.readouterr().out)
        return any(printed)

    def sleep(seconds: float) -> None:
        """Stand in for their time.sleep(2), until the message has come."""
        assert seconds == 2
        until(something_was_printed)

    monkeypatch.setattr(sys, "argv", ["program", "hello", "wörld"])
    source = program.replace("/queue/test", place.new_queue()).replace("time.sleep(", "sleep(")
    exec(source, {"ADDRESS": place.address, "sleep": sleep})
    printed.append(capsys.readouterr().out)
    assert "".join(printed) == 'received a message "hello wörld"\n'


def test_messages_in_a_transaction_arrive_with_its_commit(place: Place, open_connection: Open) -> None:
    recorder = RecordingListener()
    conn = open_connection(place, recorder)
    queue = place.new_queue()
    conn.subscribe(queue, id=5)
    txid = conn.begin()
    conn.send(queue, "test1", transaction=txid)
    conn.send(queue, "test2", transaction=txid)
    conn.send(queue, "before", receipt="calls")
    recorder.wait_for("on_receipt")
    recorder.wait_for("on_message")
    conn.commit(txid)
    recorder.wait_for("on_message", 3)
    assert recorder.bodies() == ["before", "test1", "test2"]


def test_messages_in_an_aborted_transaction_never_arrive(place: Place, open_connection: Open) -> None:
    recorder = RecordingListener()
    conn = open_connection(place, recorder)
    queue = place.new_queue()
    conn.subscribe(queue, id=5)
    txid = conn.begin()
    conn.send(queue, "never", transaction=txid)
    conn.abort(txid)
    conn.send(queue, "after")
    recorder.wait_for("on_message")
    assert recorder.bodies() == ["after"]


def test_the_order_of_disconnecting_receipt_and_disconnected(place: Place, open_connection: Open) -> None:
    recorder = RecordingListener()
    conn = open_connection(place, recorder)
    before = len(recorder.received)
    conn.disconnect()
    recorder.wait_for("on_disconnected")
    after: list[tuple[str, Any]] = [
        (hook, frame and (frame.cmd, frame.headers, frame.body)) for hook, frame in recorder.received[before:]
    ]
    calls = [entry for entry in after if entry[0] in ("on_send", "on_receipt", "on_disconnected")]
    receipt = calls[0][1][1]["receipt"]
    assert calls == [
        ("on_send", ("DISCONNECT", {"receipt": receipt}, calls[0][1][2])),
        ("on_receipt", ("RECEIPT", {"receipt-id": receipt}, "")),
        ("on_disconnected", None),
    ]
    assert not conn.is_connected()


def test_the_hooks_from_dialling_to_connected(place: Place, open_connection: Open) -> None:
    recorder = RecordingListener()
    open_connection(place, recorder)
    assert recorder.names()[:3] == ["on_connecting", "on_send", "on_connected"]
    assert recorder.of("on_connecting") == [(place.host, place.port)]
    assert recorder.of("on_send")[0].cmd in ("CONNECT", "STOMP")
    assert recorder.of("on_connected")[0].headers["version"] == "1.1"


@pytest.mark.parametrize("body", ["text", "grün ☃", "", " \n spaces \n", "with\0nul"])
def test_a_text_body_arrives_as_it_was_sent(place: Place, open_connection: Open, body: str) -> None:
    recorder = RecordingListener()
    conn = open_connection(place, recorder)
    queue = place.new_queue()
    conn.subscribe(queue, id=1)
    conn.send(queue, body)
    recorder.wait_for("on_message")
    assert recorder.bodies() == [body]


def test_on_before_message_is_called_first(place: Place, open_connection: Open) -> None:
    recorder = RecordingListener()
    conn = open_connection(place, recorder)
    queue = place.new_queue()
    conn.subscribe(queue, id=1)
    conn.send(queue, "x", colour="red", headers={"size": 7})
    recorder.wait_for("on_message")
    before, after = (recorder.of(hook)[0] for hook in ("on_before_message", "on_message"))
    assert before is after
    assert (after.cmd, after.headers["colour"], after.headers["size"]) == ("MESSAGE", "red", "7")
    assert after.headers["destination"] == queue
    assert after.headers["subscription"] == "1"


SENDS_AND_ENDS = """
import stomp_py as stomp

conn = stomp.Connection(ADDRESS)
conn.connect('admin', 'password', wait=True)
for number in range(200):
    conn.send('/queue/a', str(number))
"""


FORKS = """
import os
import stomp_py as stomp

conn = stomp.Connection(ADDRESS)
conn.connect('admin', 'password', wait=True)
if os.fork() == 0:
    try:
        conn.send('/queue/a', 'from the child')
    except RuntimeError:
        conn.END()
        os._exit(0)
    os._exit(1)
assert os.wait()[1] == 0
conn.send('/queue/a', 'from the parent', receipt='r')
conn.disconnect()
"""


def run_program(program: str, here: Place) -> None:
    """Run a program in an interpreter of its own, and check that it prints no error."""
    source = f"import sys; sys.path[:0] = {sys.path!r}; ADDRESS = {here.address!r}\n{program}"
    options = ["-W", "ignore::DeprecationWarning"]  # os.fork() with threads, from Python 3.12 on
    done = subprocess.run(
        [sys.executable, *options, "-c", source], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork()")
@pytest.mark.parametrize("end", ["disconnect", "transport.disconnect_socket"])
def test_a_fork_refuses_calls_and_the_parent_goes_on(broker: Broker, here: Place, end: str) -> None:
    run_program(FORKS.replace("END", end), here)
    assert broker.messages("/queue/a") == [b"from the parent"]


def test_a_program_that_ends_without_disconnect_has_sent_all(broker: Broker, here: Place) -> None:
    run_program(SENDS_AND_ENDS, here)
    expected = [str(number).encode() for number in range(200)]
    broker.wait_until(lambda it: it.messages("/queue/a") == expected)
