"""Changes of keys during a connection with TLS: the server may ask for them at any time."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest
import trio

from stomp_core.session import Reconnect
from tests.certificates import Certificates

from .openssl_server import OpensslConnection, OpensslServer
from .worlds import CONNECTED, HANGS, World, until

LARGE = b"x" * 300_000
SENDERS = 60  # more than a session takes at a time
THIRD = 3  # the first one, the request for another one, and that


def message(number: int) -> bytes:
    return b"\nMESSAGE\nsubscription:s\nmessage-id:%d\ndestination:/queue/a\n\n%d\0" % (number, number)


def receipt_for(frame: bytes) -> bytes:
    name = next(line for line in frame.split(b"\n") if line.startswith(b"receipt:"))
    return b"\nRECEIPT\nreceipt-id:%s\n\n\0" % name.removeprefix(b"receipt:")


class PlainStream:
    """What a program's ``dial`` may return in the blocking world: no socket, so TLS works in memory."""

    def __init__(self, sock: socket.socket) -> None:
        self.fileno, self.recv, self.send, self.close = sock.fileno, sock.recv, sock.send, sock.close


async def dial_transport(endpoint: Any, protocol: Callable[[], asyncio.Protocol]) -> asyncio.BaseTransport:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_connection(protocol, "127.0.0.1", endpoint.port)
    return transport


def dial_stream(endpoint: Any, timeout: float) -> PlainStream:
    sock = socket.create_connection(("127.0.0.1", endpoint.port), HANGS)
    sock.setblocking(False)
    return PlainStream(sock)


async def dial_stapled(endpoint: Any) -> trio.StapledStream[Any, Any]:
    stream = await trio.open_tcp_stream("127.0.0.1", endpoint.port)
    return trio.StapledStream(stream, stream)


DIALLERS = {
    "stomp_socket": dial_stream,
    "stomp_asyncio": dial_transport,
    "stomp_trio": dial_stapled,
}


@pytest.fixture(params=["in a socket", "in memory"])
def connect(request: pytest.FixtureRequest, world: World, tls_certs: Certificates) -> Callable[..., Any]:
    """Connect to a server, with TLS of the loop or the module ssl, or with TLS in memory."""

    def connect(server: OpensslServer) -> Any:
        return world.connect(
            f"stomp+ssl://localhost:{server.port}",
            ca_file=str(tls_certs.ca),
            reconnect=Reconnect(first_rounds=1),
            connect_timeout=HANGS,
            handshake_timeout=HANGS,
            receipt_timeout=HANGS,
            dial=DIALLERS[world.module.__name__] if request.param == "in memory" else None,
        )

    return connect


def test_keys_may_change_while_frames_go_both_ways(
    connect: Callable[..., Any], tls_certs: Certificates
) -> None:
    """RFC 8446, section 4.6.3: the receiver answers before its next record."""

    def serve(peer: OpensslConnection) -> None:
        peer.read_frame()
        peer.update_keys()
        peer.write(CONNECTED)
        peer.write(receipt_for(peer.read_frame()))  # SUBSCRIBE
        for number in range(3):
            peer.update_keys()  # twice in a row, from the second time on
            peer.write(message(number))
            peer.update_keys()
            sent = peer.read_frame()
            assert sent.endswith(LARGE + b"\0")
            peer.write(receipt_for(sent))
        peer.write(receipt_for(peer.read_frame()))  # DISCONNECT

    with OpensslServer(tls_certs.server, "1.3", serve) as server:
        conn = connect(server)
        subscription = conn.subscribe("/queue/a", id="s")
        for number in range(3):
            assert subscription.receive().text == str(number)
            conn.send("/queue/b", LARGE, receipt=True)
        conn.close()


@pytest.mark.parametrize("sending", [False, True], ids=["idle", "sending"])
def test_a_server_may_ask_for_another_handshake(
    connect: Callable[..., Any], tls_certs: Certificates, sending: bool
) -> None:
    """In TLS 1.2. The client answers at once, and what it sends meanwhile follows when the new keys are known."""
    asked, go_on = threading.Event(), threading.Event()

    def serve(peer: OpensslConnection) -> None:
        peer.read_frame()
        peer.write(CONNECTED)
        peer.write(receipt_for(peer.read_frame()))  # SUBSCRIBE
        peer.ask_for_handshake()
        asked.set()
        assert go_on.wait(HANGS)
        assert peer.read_frame().endswith(LARGE + b"\0")
        peer.write(message(1))
        peer.write(receipt_for(peer.read_frame()))
        peer.write(receipt_for(peer.read_frame()))  # DISCONNECT

    with OpensslServer(tls_certs.server, "1.2", serve) as server:
        conn = connect(server)
        subscription = conn.subscribe("/queue/a", id="s")
        assert asked.wait(HANGS)
        if sending:
            conn.send("/queue/b", LARGE)
            go_on.set()
        else:
            go_on.set()
            until(lambda: server.handshakes == THIRD)
            conn.send("/queue/b", LARGE)
        assert subscription.receive().text == "1"
        conn.send("/queue/b", "x", receipt=True)
        assert server.handshakes == THIRD
        conn.close()


@pytest.mark.parametrize("connect", ["in memory"], indirect=True)
@pytest.mark.parametrize("world", ["asyncio"], indirect=True)
def test_senders_wait_while_tls_takes_nothing(
    world: World, connect: Callable[..., Any], tls_certs: Certificates
) -> None:
    """It takes nothing between the beginning of another handshake and its end."""
    asked, go_on = threading.Event(), threading.Event()

    def serve(peer: OpensslConnection) -> None:
        peer.read_frame()
        peer.write(CONNECTED)
        peer.ask_for_handshake()
        asked.set()
        assert go_on.wait(HANGS)
        for _ in range(SENDERS):
            peer.read_frame()
        peer.write(receipt_for(peer.read_frame()))  # DISCONNECT

    async def send(conn: Any) -> list[bool]:
        senders = [asyncio.ensure_future(conn.send("/queue/a", LARGE)) for _ in range(SENDERS)]
        for _ in range(20):
            await asyncio.sleep(0)
        done = [sender.done() for sender in senders]
        go_on.set()
        await asyncio.gather(*senders)
        return done

    with OpensslServer(tls_certs.server, "1.2", serve) as server:
        conn = connect(server)
        assert asked.wait(HANGS)
        assert not all(world.call(send, conn.inner))
        conn.close()
