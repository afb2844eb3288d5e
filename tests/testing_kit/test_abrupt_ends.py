"""Clients that leave at any moment, in any way: nothing reaches the event loop's exception handler.

The fixture ``_nothing_is_unhandled`` of tests/conftest.py fails a test after which something has.
"""

from __future__ import annotations

import random
import socket
import ssl
import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stomp_core import Leniency
from stomp_testing import CLOSE, RESET, Broker, Expect, FaultProxy, ScriptedServer, Step

from ..waiting import HANGS
from .scene import Scene

CONVERSATION = (
    b"CONNECT\naccept-version:1.2\nhost:/\nlogin:guest\npasscode:guest\nheart-beat:1,1\n\n\0"
    b"SUBSCRIBE\nid:1\ndestination:/queue/a\nack:client\n\n\0"
    b"BEGIN\ntransaction:t\n\n\0"
    + b"SEND\ndestination:/queue/a\nreceipt:r\n\n%b\0"
    % (b"x" * 20_000)
    * 20
    + b"SEND\ndestination:/queue/a\ntransaction:t\n\nx\0"
    b"COMMIT\ntransaction:t\nreceipt:c\n\n\0"
    b"ACK\nid:unknown\n\n\0"
    b"DISCONNECT\nreceipt:d\n\n\0"
)


def leave_by_reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def leave_with_unread_bytes(connection: socket.socket) -> None:
    connection.close()


def leave_by_shutdown(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # the broker has reset it
    connection.close()


WAYS = (leave_by_reset, leave_with_unread_bytes, leave_by_shutdown)


def leave_everywhere(dial: Callable[[], socket.socket]) -> None:
    """Leave after a random part of the conversation, a hundred times."""
    numbers = random.Random(19)
    for number in range(100):
        connection = dial()
        connection.settimeout(HANGS)
        try:
            connection.sendall(CONVERSATION[: numbers.randrange(len(CONVERSATION))])
            if number % 3 == 0:
                connection.recv(1000)
        except OSError:
            pass  # the other side was faster
        WAYS[number % len(WAYS)](connection)


@pytest.mark.parametrize("flavour", ["rabbitmq", "activemq"])
@pytest.mark.parametrize("way", ["plain", "TLS", "through a proxy", "through a proxy that cuts"])
def test_clients_leave_a_broker(flavour: str, way: str) -> None:
    with Broker(flavour=flavour, tls=way == "TLS", high_water=10_000) as broker:
        if way == "plain":
            leave_everywhere(lambda: socket.create_connection((broker.host, broker.port)))
        elif way == "TLS":
            trust = ssl.create_default_context(cafile=str(broker.ca_file))

            def dial() -> socket.socket:
                return trust.wrap_socket(
                    socket.create_connection((broker.host, broker.tls_port)), server_hostname="localhost"
                )

            leave_everywhere(dial)
        else:
            cuts = 100_000.0 if way.endswith("cuts") else None
            with FaultProxy(broker.url, mean_bytes=cuts, seed=19) as proxy:
                leave_everywhere(lambda: socket.create_connection((proxy.host, proxy.port)))
                proxy.wait_until(lambda proxy: not proxy.connections, timeout=HANGS)
        broker.wait_until(lambda broker: not broker.connections, timeout=HANGS)
        broker.restart()


@pytest.mark.parametrize("last", [CLOSE, RESET], ids=["CLOSE", "RESET"])
def test_clients_leave_a_scripted_server(last: Step) -> None:
    script: list[Step] = [Expect(b"CONNECT"), b"CONNECTED\nversion:1.2\n\n\0" + b"\n" * 100_000, last]
    with ScriptedServer(script) as server:
        leave_everywhere(lambda: socket.create_connection(("127.0.0.1", server.port)))


NAMES = st.sampled_from(
    [b"destination", b"id", b"ack", b"receipt", b"transaction", b"message-id", b"subscription", b"login",
     b"reply-to", b"expires", b"expiration", b"persistent", b"prefetch-count", b"content-length", b"heart-beat",
     b"accept-version", b"host", b"activemq.subscriptionName", b"durable", b"client-id"]
)  # fmt: skip
VALUES = st.one_of(
    st.sampled_from(
        [b"/queue/a", b"/topic/a.*", b"/topic/a.b", b"/temp-queue/x", b"/exchange/amq.topic/a.b", b"/exchange/x", b"1",
         b"t", b"client", b"client-individual", b"true", b"T_1@@s1@@1", b"ID\\cstomp_testing\\c1", b"1.0", b"1.2", b"/",
         b"1,1", b"", b"9" * 40, b"\xff", b" a ", b"a\\nb"]
    ),
    st.binary(max_size=6),
)  # fmt: skip
COMMANDS = st.sampled_from(
    [b"SEND", b"SUBSCRIBE", b"UNSUBSCRIBE", b"ACK", b"NACK", b"BEGIN", b"COMMIT", b"ABORT", b"CONNECT", b"MESSAGE",
     b"ERROR", b"STOMP", b"DISCONNECT"]
)  # fmt: skip
FRAMES = st.tuples(COMMANDS, st.lists(st.tuples(NAMES, VALUES), max_size=5), st.binary(max_size=3))


@given(
    st.sampled_from(["rabbitmq", "activemq"]),
    st.sampled_from([None, Leniency.permissive()]),
    st.sampled_from([b"1.0", b"1.1", b"1.2"]),
    st.lists(FRAMES, max_size=8),
)
def test_whatever_a_client_sends_the_peer_raises_nothing(
    flavour: str,
    leniency: Leniency | None,
    version: bytes,
    frames: list[tuple[bytes, list[tuple[bytes, bytes]], bytes]],
) -> None:
    """Two clients, of which the second one receives what the first one sends."""
    scene = Scene(flavour, leniency=leniency)
    sender = scene.client("1.2").peer
    receiver = scene.client(version.decode()).peer
    receiver.receive_data(b"SUBSCRIBE\nid:1\ndestination:/queue/a\nack:client\n\n\0", scene.now)
    receiver.receive_data(b"SUBSCRIBE\nid:2\ndestination:/topic/a.b\n\n\0", scene.now)
    for command, headers, body in frames:
        head = b"".join(b"%b:%b\n" % pair for pair in headers)
        for peer in (sender, receiver):
            peer.receive_data(b"%b\n%b\n%b\0" % (command, head, body), scene.now)
            while peer.take_output():
                peer.output_written(transport_full=False)
    for peer in (sender, receiver):
        peer.receive_data(b"", scene.now)
