"""Work grows no faster than its input: what is repeated four times as often takes about four times as many steps.

Steps are lines of Python that run in the library, counted and not timed, so the result is the same on a busy machine.
What happens inside of one C call is not seen here; tests/wire/test_parser.py measures that. An input is a few bytes of
settings and then what is repeated (see :func:`growth`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import stomp_core
from stomp_core import (
    NEED_DATA,
    Ack,
    ClientConnection,
    Connect,
    ConnectionClosed,
    FrameParser,
    Leniency,
    Limits,
    Message,
    RemoteProtocolError,
    ServerConnection,
    StompError,
    Subscribe,
)
from stomp_core.session import Config, Session

from .choices import Choices

__all__ = ["SHAPES", "growth", "steps"]

_FEW, _MANY = 200, 800
#: Steps that are not counted: caches that are filled once, lists that are compacted now and then.
_SPARE = 1500
_LIBRARY = stomp_core.__path__[0]
_TIMES = _MANY // _FEW


def growth(data: bytes) -> None:
    """Check that four times as many repetitions take at most six times as many steps.

    Byte 0 picks one of :data:`SHAPES`, which reads its own settings.
    """
    choices = Choices(data)
    shape = choices.pick(tuple(SHAPES))
    settings = choices.rest()
    SHAPES[shape](Choices(settings), _FEW)  # fills caches
    few = steps(lambda: SHAPES[shape](Choices(settings), _FEW))
    many = steps(lambda: SHAPES[shape](Choices(settings), _MANY))
    assert many <= few * _TIMES * 1.5 + _SPARE, (
        f"{shape}: {few} steps for {_FEW} repetitions, {many} steps for {_MANY}"
    )


def steps(run: Callable[[], object]) -> int:
    """Return how many lines of the library are run."""
    count = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        if not frame.f_code.co_filename.startswith(_LIBRARY):
            return None
        count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        run()
    finally:
        sys.settrace(before)
    return count


# ---------------------------------------------------------------------- what is repeated

_VERSIONS = ("1.2", "1.1", "1.0")
_LIMITS = Limits(max_header_line=1 << 20, max_head=1 << 20, max_headers=1 << 16)


def _parse(choices: Choices, times: int, *, start: bytes, end: bytes) -> None:
    """Parse `start`, many pieces, and `end`, in chunks."""
    version = choices.pick(_VERSIONS)
    leniency = choices.pick((Leniency(), Leniency.permissive()))
    size = choices.byte() % 64 + 1  # so small that even the few repetitions take several chunks
    stream = start + choices.rest() * times + end
    parser = FrameParser(version, limits=_LIMITS, leniency=leniency)
    try:
        for at in range(0, len(stream), size):
            parser.receive_data(stream[at : at + size])
            while parser.next_frame() is not NEED_DATA:
                pass
    except RemoteProtocolError:
        pass


def _frames(choices: Choices, times: int) -> None:
    _parse(choices, times, start=b"", end=b"")


def _head(choices: Choices, times: int) -> None:
    _parse(choices, times, start=b"SEND\ndestination:/q\n", end=b"\n\0")


def _line(choices: Choices, times: int) -> None:
    _parse(choices, times, start=b"SEND\na:", end=b"\n\n\0")


def _body(choices: Choices, times: int) -> None:
    _parse(choices, times, start=b"SEND\ndestination:/q\n\n", end=b"\0")


def _connected(version: str) -> tuple[ClientConnection, ServerConnection]:
    client, server = ClientConnection((version,)), ServerConnection((version,), unsolicited_messages=True)
    server.receive_data(client.send(Connect(host="/")))
    server.next_event()
    client.receive_data(server.send(stomp_core.Connected()))
    client.next_event()
    return client, server


def _acknowledge(choices: Choices, times: int) -> None:
    """Deliver messages to several subscriptions, and acknowledge them in an order."""
    client, server = _connected(choices.pick(_VERSIONS))
    modes = [choices.pick(("client-individual", "client")) for _ in range(1 + choices.byte() % 3)]
    stride = choices.byte() % 7 + 1
    backwards, in_transaction, is_cut = (bool(choices.byte() & 1) for _ in range(3))
    for number, mode in enumerate(modes):
        client.send(Subscribe(f"/q/{number}", id=str(number), ack=mode))  # type: ignore[arg-type]
    messages = []
    for number in range(times):
        name = number % len(modes)
        message = Message(f"/q/{name}", message_id=f"m{number}", subscription=str(name), ack=f"m{number}")
        wire = server.send(message)
        for piece in (wire[:9], wire[9:]) if is_cut else (wire,):
            client.receive_data(piece)
        event = client.next_event()
        assert isinstance(event, Message)
        messages.append(event)
    if in_transaction:
        client.begin("t")
    order = [message for start in range(stride) for message in messages[start::stride]]
    for message in reversed(order) if backwards else order:
        try:
            answer = message.acknowledge(transaction="t" if in_transaction else None)
            assert isinstance(answer, Ack)
            client.send(answer)
        except StompError:
            pass  # an earlier ACK has covered it
    if in_transaction:
        client.abort("t")


def _session(choices: Choices, times: int) -> None:
    """Let a session have many operations, and end in one of many ways."""
    session = Session(Config("stomp://a", receipt_timeout=10.0))
    kinds = [choices.byte() for _ in range(4)]
    is_connected, ending = choices.byte() & 1, choices.byte() % 4
    server = ServerConnection(unsolicited_messages=True)
    now = 1.0

    def exchange() -> None:
        server.receive_data(session.data_to_send() or b"\n", now)
        while (event := server.next_event()) is not NEED_DATA and not isinstance(event, ConnectionClosed):
            if isinstance(event, Connect):
                session.receive_data(server.send(stomp_core.Connected(), now=now), now)

    session.next_attempt(now)
    session.connection_made(now)
    if is_connected:
        exchange()
    pendings: list[Any] = []
    for number in range(times):
        kind = kinds[number % 4] % 6
        if kind == 0:
            pendings.append(session.send(now, "/q", b"x", receipt=True))
        elif kind == 1:
            pendings.append(session.send(now, "/q", b"x"))
        elif kind == 2:
            pendings.append(session.subscribe(now, f"/q/{number}", ack="client", receipt=bool(number & 1)))
        elif kind == 3:
            pendings.append(session.begin(now))
        elif kind == 4:
            pendings.append(session.request(now, "/q", b"x"))
        elif pendings:
            pendings[len(pendings) // 2].cancel(now)
    if ending == 0:
        session.handle_timeout(now + 20.0)
    elif ending == 1:
        session.connection_lost(ConnectionResetError("reset"), now)
    elif ending == 2:
        for pending in pendings:
            pending.cancel(now)
    session.close(now)
    session.handle_timeout(now + 100.0)


#: What is repeated, by name.
SHAPES: dict[str, Callable[[Choices, int], None]] = {
    "frames": _frames,
    "header lines": _head,
    "one line": _line,
    "body": _body,
    "acknowledge": _acknowledge,
    "session": _session,
}
