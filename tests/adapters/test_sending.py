"""Sending: confirmed, rejected, not sent or unknown; and never twice."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from stomp_core import LocalProtocolError
from stomp_core.session import NotSent, OutcomeUnknown, ReceiptTimeout, Reconnect, Rejected, SessionClosed
from stomp_testing import CLOSE, Expect, Pause, ScriptedServer

from .worlds import HANGS, World, over_every_transport, over_websocket_too

CONNECTED = b"CONNECTED\nversion:1.2\nserver:RabbitMQ/3\n\n\0"
SOON = Reconnect(first_delay=0.01, max_delay=0.05)


Script = list[Any]


def meanwhile(function: Callable[[], Any]) -> threading.Thread:
    thread = threading.Thread(target=function)
    thread.start()
    return thread


@over_every_transport
def test_a_confirmed_send_returns_when_the_broker_has_the_message(world: World) -> None:
    with world.broker() as broker:
        conn = world.connect(broker.url)
        conn.send("/queue/a", "hello", receipt=True)
        assert broker.messages("/queue/a") == [b"hello"]


@over_every_transport
def test_an_unconfirmed_send_arrives_too(world: World) -> None:
    with world.broker() as broker:
        conn = world.connect(broker.url)
        for number in range(100):
            conn.send("/queue/a", str(number))
        conn.leave()
        assert broker.messages("/queue/a") == [b"%d" % number for number in range(100)]


@over_every_transport
def test_text_is_sent_as_text_and_bytes_as_bytes(world: World) -> None:
    with world.broker() as broker:
        conn = world.connect(broker.url)
        messages = conn.subscribe("/queue/a")
        conn.send("/queue/a", "grün")
        conn.send(
            "/queue/a", bytes(range(256)), content_type="application/octet-stream", headers={"a:b": "c\nd"}
        )
        first, second = messages.receive(), messages.receive()
        assert (first.text, first.content_type) == ("grün", "text/plain;charset=utf-8")
        assert (second.body, second.content_type) == (bytes(range(256)), "application/octet-stream")
        assert second.headers["a:b"] == "c\nd"


@over_every_transport
def test_content_length_may_be_left_out(world: World) -> None:
    with world.broker(flavour="activemq") as broker:
        conn = world.connect(broker.url)
        messages = conn.subscribe("/queue/a")
        conn.send("/queue/a", "text", content_length=False)
        conn.send("/queue/a", "text")
        assert "content-length" not in messages.receive().headers
        assert messages.receive().headers["content-length"] == "4"


def test_a_rejected_send_raises_the_reason(world: World) -> None:
    script: Script = [
        Expect(b"\0"),
        CONNECTED,
        Expect(b"\0"),
        b"ERROR\nreceipt-id:r\nmessage:no such exchange\n\ndetails\0",
    ]
    with ScriptedServer(script) as server:
        conn = world.connect(server.url, reconnect=Reconnect.never())
        with pytest.raises(Rejected, match="no such exchange") as caught:
            conn.send("/exchange/nowhere", "hello", receipt="r")
        assert caught.value.error.body == b"details"
        assert caught.value.code == "rejected"


def test_a_send_in_flight_is_unknown_and_not_sent_again(world: World) -> None:
    first: Script = [Expect(b"\0"), CONNECTED, Expect(b"once\0"), CLOSE]
    second: Script = [
        Expect(b"\0"),
        CONNECTED,
        Expect(b"twice\0"),
        b"RECEIPT\nreceipt-id:r2\n\n\0",
        Pause(2 * HANGS),
    ]
    with ScriptedServer([first, second]) as server:
        conn = world.connect(server.url, reconnect=SOON)
        with pytest.raises(OutcomeUnknown, match="/queue/a is unknown"):
            conn.send("/queue/a", "once", receipt="r1")
        conn.send("/queue/a", "twice", receipt="r2")
        assert b"once" in server.connections[0]
        assert b"once" not in server.connections[1]
        conn.close(timeout=0.2)


@over_websocket_too
def test_a_send_without_a_connection_waits_for_one(world: World) -> None:
    with world.broker() as broker, world.proxy(broker) as proxy:
        conn = world.connect(proxy.url, reconnect=SOON)
        proxy.refuse_connections = True
        proxy.reset_all()
        broker.wait_until(lambda _: conn.connected is None, timeout=HANGS)
        sender = meanwhile(lambda: conn.send("/queue/a", "patience", receipt=True, timeout=HANGS))
        proxy.refuse_connections = False
        sender.join(HANGS)
        assert broker.messages("/queue/a") == [b"patience"]


@over_websocket_too
def test_a_send_that_finds_no_connection_in_time_is_not_sent(world: World) -> None:
    with world.broker() as broker, world.proxy(broker) as proxy:
        conn = world.connect(proxy.url, reconnect=SOON)
        proxy.refuse_connections = True
        proxy.reset_all()
        broker.wait_until(lambda _: conn.connected is None, timeout=HANGS)
        with pytest.raises(NotSent) as caught:
            conn.send("/queue/a", "late", receipt=True, timeout=0.3)
        assert isinstance(caught.value, TimeoutError)


@over_every_transport
def test_without_a_receipt_the_outcome_is_unknown_after_a_timeout(world: World) -> None:
    with world.broker(hold_receipts=True) as broker:
        # No heart-beat wakes who must notice that. The timeouts of the connection are far away, too.
        quiet = {"heart_beat": (0, 0), "connect_timeout": 10 * HANGS, "handshake_timeout": 10 * HANGS}
        conn = world.connect(broker.url, **quiet)
        with pytest.raises(ReceiptTimeout, match=r"within 0\.2 s") as caught:
            conn.send("/queue/a", "hello", receipt=True, timeout=0.2)
        assert isinstance(caught.value, TimeoutError)
        broker.hold_receipts = False
        conn.send("/queue/a", "again", receipt=True)
        assert broker.messages("/queue/a") == [b"hello", b"again"]


@over_every_transport
@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        (("/queue/a\0",), {}),
        (("/queue/a", "x"), {"headers": {"destination": "/queue/b"}}),
        (("/queue/a", "x"), {"headers": {"receipt": "r"}}),
        (("/queue/a", b"\0"), {"content_length": False}),
        (("/queue/a", "x"), {"transaction": "unknown"}),
        (("/queue/a", "x"), {"headers": {"n": 1}}),
    ],
)
def test_what_stomp_forbids_is_refused_without_effect(
    world: World, arguments: tuple[Any, ...], options: dict[str, Any]
) -> None:
    with world.broker() as broker:
        conn = world.connect(broker.url)
        with pytest.raises(LocalProtocolError):
            conn.send(*arguments, receipt=True, **options)
        conn.send("/queue/a", "fine", receipt=True)
        assert broker.messages("/queue/a") == [b"fine"]


@over_every_transport
def test_many_confirmed_sends_at_a_time(world: World) -> None:
    with world.broker() as broker:
        conn = world.connect(broker.url)

        def send_twenty(n: int) -> None:
            for i in range(20):
                conn.send("/queue/a", f"{n}-{i}", receipt=True)

        threads = [meanwhile(partial(send_twenty, n)) for n in range(8)]
        for thread in threads:
            thread.join(HANGS)
        assert sorted(broker.messages("/queue/a")) == sorted(
            b"%d-%d" % (n, i) for n in range(8) for i in range(20)
        )


@over_every_transport
def test_after_close_nothing_is_sent(world: World) -> None:
    # The other flavour does not confirm DISCONNECT over WebSocket.
    with world.broker(flavour="activemq") as broker:
        conn = world.connect(broker.url)
        assert conn.close() is True
        assert conn.closed
        with pytest.raises(SessionClosed):
            conn.send("/queue/a", "late")
        assert conn.close() is True


@over_every_transport
def test_a_request_gets_its_reply(world: World) -> None:
    for flavour in ("rabbitmq", "activemq"):
        with world.broker(flavour=flavour) as broker:
            client, service = world.connect(broker.url), world.connect(broker.url)
            requests = service.subscribe("/queue/rpc")

            def serve(service: Any = service, requests: Any = requests) -> None:
                for _ in range(2):
                    request = requests.receive()
                    headers = {"correlation-id": request.headers["correlation-id"]}
                    service.send(request.headers["reply-to"], request.text.upper(), headers=headers)

            server = meanwhile(serve)
            for word in ("one", "two"):
                assert client.request("/queue/rpc", word, timeout=HANGS).text == word.upper()
            server.join(HANGS)
            with pytest.raises(TimeoutError):
                client.request("/queue/nobody", "hello", timeout=0.2)
