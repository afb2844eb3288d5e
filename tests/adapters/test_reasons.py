"""What a listener is told when a connection ends, in each way in which a byte stream ends."""

from __future__ import annotations

import re
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
import trio

import stomp_trio
from stomp_core import StompError
from stomp_core.session import Reconnect
from tests.certificates import Certificates

from .test_tls_keys import DIALLERS
from .worlds import CONNECTED, HANGS, World, in_a_thread, until


def close(raw: socket.socket, stream: socket.socket) -> None:
    raw.shutdown(socket.SHUT_RDWR)


def close_notify(raw: socket.socket, stream: socket.socket) -> None:
    assert isinstance(stream, ssl.SSLSocket)
    with suppress(OSError):  # the client closes without one of its own
        stream.unwrap()


def reset(raw: socket.socket, stream: socket.socket) -> None:
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.close()


def garbage(raw: socket.socket, stream: socket.socket) -> None:
    raw.send(b"this is no record of TLS")
    with suppress(OSError):
        while raw.recv(65536):  # its alert, and then it closes
            pass


@contextmanager
def broker_that_ends(
    tls: ssl.SSLContext | None, end: Callable[[socket.socket, socket.socket], None]
) -> Iterator[int]:
    """Return the port of one that answers CONNECT, and ends the connection after the next frame."""

    def serve() -> None:
        peer, _ = listener.accept()
        raw = peer.dup()
        with raw, peer if tls is None else tls.wrap_socket(peer, server_side=True) as stream:
            for answer in (CONNECTED, b""):
                while not stream.recv(65536).endswith(b"\0"):
                    pass
                stream.sendall(answer)
            end(raw, stream)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread, outcome = in_a_thread(serve)
        yield listener.getsockname()[1]
        thread.join(HANGS)
        assert outcome == [None]


BY_THE_PEER = "the peer closed the connection in state 'connected', without ERROR or DISCONNECT"


@pytest.mark.parametrize("in_memory", [False, True], ids=["socket", "memory"])
@pytest.mark.parametrize(
    ("secure", "end", "text"),
    [
        (False, close, BY_THE_PEER),
        (False, reset, "Connection reset by peer"),
        (True, close, BY_THE_PEER),
        (True, close_notify, BY_THE_PEER),
        (True, reset, "Connection reset by peer"),
        (True, garbage, "SSL: WRONG_VERSION_NUMBER"),
    ],
)
def test_a_stream_that_ends_is_the_reason(
    world: World, secure: bool, end: Any, text: str, in_memory: bool, tls_certs: Certificates
) -> None:
    reasons: list[str] = []

    class Observer(world.module.Listener):  # type: ignore[misc,name-defined]
        def connection_lost(self, endpoint: Any, reason: str) -> None:
            reasons.append(reason)

    tls = tls_certs.server.server_context() if secure else None
    with broker_that_ends(tls, end) as port:
        conn = world.connect(
            f"stomp{'+ssl' if secure else ''}://localhost:{port}",
            ca_file=str(tls_certs.ca) if secure else None,
            dial=DIALLERS[world.module.__name__] if in_memory else None,
            reconnect=Reconnect.never(),
            heart_beat=(0, 0),
            listener=Observer(),
        )
        conn.send("/queue/a", "end")
        until(lambda: reasons)
        assert text in reasons[0]


# ---------------------------------------------------------------------- streams of trio


class Ending(trio.abc.Stream):
    """A stream in memory to a broker that answers CONNECT, until reading or writing ends as it is told."""

    def __init__(self, *, receive: Exception | None = None, send: Exception | None = None) -> None:
        self.receive_error = receive
        self.send_error = send
        self.answers = [CONNECTED]
        self.asked = trio.Event()
        self.ended = trio.Event()

    async def send_all(self, data: Any) -> None:
        await trio.lowlevel.checkpoint()
        self.asked.set()
        if b"SEND" in bytes(data):
            if self.send_error is not None:
                raise self.send_error
            self.ended.set()

    async def wait_send_all_might_not_block(self) -> None: ...

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await self.asked.wait()
        if self.answers:
            return self.answers.pop()
        await self.ended.wait()
        if self.receive_error is not None:
            raise self.receive_error
        return b""

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


def broken(cause: Exception | None) -> trio.BrokenResourceError:
    error = trio.BrokenResourceError("a word of trio's")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize("where", ["receive", "send"])
@pytest.mark.parametrize(
    ("error", "text"),
    [
        (broken(OSError(5, "the cable was cut")), "[Errno 5] the cable was cut"),
        (broken(ValueError("no such gateway")), "no such gateway"),
        (broken(None), "[Errno 32] Broken pipe"),
        (trio.ClosedResourceError("closed from here"), "closed from here"),
        (RuntimeError("a fault of the stream"), "a fault of the stream"),
        (None, BY_THE_PEER),
    ],
    ids=["cause", "other cause", "no cause", "closed", "other", "end"],
)
def test_a_stream_of_trio_that_ends_is_the_reason(where: str, error: Exception | None, text: str) -> None:
    reasons: list[str] = []

    class Observer(stomp_trio.Listener):
        def connection_lost(self, endpoint: Any, reason: str) -> None:
            reasons.append(reason)

    async def main() -> None:
        with trio.fail_after(HANGS):
            async with stomp_trio.connect(
                "custom://somewhere",
                dial=lambda endpoint: Ending(**{where: error}),
                heart_beat=(0, 0),
                reconnect=Reconnect.never(),
                listener=Observer(),
            ) as conn:
                with pytest.raises(StompError, match=re.escape(text)):
                    await conn.send("/queue/a", "x", receipt=True)

    trio.run(main)
    assert reasons == [f"the connection to custom://somewhere was lost: {text}"]
