"""LoggingListener: the log shows what a connection does, and never a passcode."""

from __future__ import annotations

import logging

import pytest

import stomp_socket
from stomp_observe import Listener, Listeners, LoggingListener
from stomp_testing import Broker


def test_the_log_shows_the_life_of_a_connection(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with Broker(users={"guest": "hush-hush"}) as broker:
        url = broker.url
        with stomp_socket.connect(url, listener=LoggingListener()) as conn:
            conn.send("/queue/a", "hello", receipt=True)
            with conn.subscribe("/queue/a") as messages:
                messages.receive(timeout=10)
                broker.drop_connections(reset=True)
                broker.send("/queue/a", "again")
                messages.receive(timeout=10)
    logged = [(record.levelname, record.getMessage()) for record in caplog.records if record.name == "stomp"]
    text = "\n".join(message for _, message in logged)
    port = broker.port
    assert ("INFO", f"dialling stomp://127.0.0.1:{port} (attempt 1)") in logged
    assert any(level == "INFO" and message.startswith("connected to") for level, message in logged)
    assert any(level == "WARNING" and "was lost" in message for level, message in logged)
    assert logged[-1] == ("INFO", "closed")
    assert "sent Connect(" in text
    assert "received Message(" in text
    assert "'passcode', '***'" in text
    assert "hush" not in text


def test_a_failure_to_connect_names_what_to_check(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(stomp_socket.ConnectFailed):
        stomp_socket.connect("stomp://guest:hush@127.0.0.1:1", listener=LoggingListener())
    assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR"]
    assert "check the port" in caplog.text
    assert "hush" not in caplog.text


def test_a_failing_handler_is_logged_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    def handle(message: stomp_socket.Message) -> None:
        jobs.stop()
        raise ValueError("broken job")

    with Broker() as broker, stomp_socket.connect(broker.url) as conn:
        conn.send("/queue/a", "job", receipt=True)
        with conn.subscribe("/queue/a", ack="client-individual") as jobs:
            jobs.run(handle)
    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert record.name == "stomp_core"
    assert "from /queue/a failed" in record.getMessage()
    assert "ValueError: broken job" in caplog.text


def test_a_listener_that_raises_does_not_affect_others(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Listener):
        def closed(self, error: Exception | None) -> None:
            raise RuntimeError("I am broken")

    class Counting(Listener):
        closings = 0

        def closed(self, error: Exception | None) -> None:
            self.closings += 1

    first, last = Counting(), Counting()
    with Broker() as broker:
        stomp_socket.connect(broker.url, listener=Listeners(first, Broken(), last)).close()
    assert (first.closings, last.closings) == (1, 1)
    assert [record.name for record in caplog.records if record.levelname == "ERROR"] == ["stomp_core"]
    assert "RuntimeError: I am broken" in caplog.text


def test_listeners_pass_on_every_hook() -> None:
    hooks = {name for name in vars(Listener) if not name.startswith("_")}
    assert hooks <= set(vars(Listeners))
