"""What is counted by `instructions.py`: named pieces of work that users meet, of this library and of other clients.

A workload is a function that takes a number of messages, prepares them, and returns the work on all of them. The
work is done once: its connection or session is made beforehand, so that it does not count.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Sequence
from functools import partial

from stomp_core import NEED_DATA, ClientConnection, Connect, Frame, FrameParser, Pipeline, Session, Subscribe

from .readers import Reader, Take, readers
from .samples import Decoded, Sample, as_json, cut
from .writers import Writer, writers

__all__ = ["MESSAGES", "Workload", "workloads"]

#: Takes a number of messages and returns the work on them.
Workload = Callable[[int], Callable[[], object]]

KIB, MIB = 1024, 1024 * 1024
BODY = b"x" * 64
HEADERS = {"content-type": "application/json", "priority": "4", "persistent": "true"}
#: How many messages a workload processes while it is counted, where it is not as many as elsewhere.
MESSAGES = {"parse, 64 KiB bodies": 30, "parse, 16 MiB bodies": 2, "parse, 7 B": 200}


def workloads() -> dict[str, Workload]:
    """Return all workloads by name; those of other clients only if these are installed."""
    found: dict[str, Workload] = {
        "parse, 64 KiB": partial(_parse, 64 * KIB),
        "parse, 1460 B": partial(_parse, 1460),
        "parse, 7 B": partial(_parse, 7),
        "parse, 16 headers, 2 escapes, to_dict": _parse_escapes,
        "parse, 64 KiB bodies": partial(_parse, 64 * KIB, body=b"x" * 64 * KIB),
        "parse, 16 MiB bodies": partial(_parse, 64 * KIB, body=b"x" * 16 * MIB),
        "parse, RECEIPTs": _parse_receipts,
        "parse, EOLs": _parse_eols,
        "Frame(...).to_bytes": _frame_to_bytes,
        "Session.send": _session_send,
        "Session.send, receipt": _session_send_receipt,
        "Pipeline.send": _pipeline_send,
    }
    for mode in ("auto", "client", "client-individual"):
        found[f"events, {mode}"] = partial(_events, mode)
        found[f"session, take, {mode}"] = partial(_session_take, mode, False)
        if mode != "auto":
            found[f"session, take + ack, {mode}"] = partial(_session_take, mode, True)
    for kind in HEADERS_OF:
        found[f"ClientConnection.send, {kind}"] = partial(_connection_send, kind)
    for reader in readers()[0]:
        if not reader.ours:
            found[f"{reader.name}, parse, 64 KiB"] = partial(_peer_reads, reader, 64 * KIB)
            if not reader.from_json:
                found[f"{reader.name}, parse, 1460 B"] = partial(_peer_reads, reader, 1460)
    for writer in writers()[0]:
        if writer.name == "stomp.py, send()":
            for kind in HEADERS_OF:
                found[f"stomp.py, send, {kind}"] = partial(_peer_sends, writer, kind)
        elif not writer.ours and not writer.to_json:
            found[f"{writer.name}, write"] = partial(_peer_writes, writer)
    return found


# ---------------------------------------------------------------------- input

HEADERS_OF: dict[str, Callable[[int], dict[str, str]]] = {
    "same headers": lambda number: dict(HEADERS),
    "one header varies": lambda number: {**HEADERS, "correlation-id": f"7Qn4fEfJ-{number}"},
    "escapes": lambda number: {**HEADERS, "reply-to": "ID:host-1234:5\n"},
}


def _messages(number: int, body: bytes = BODY) -> list[Decoded]:
    return Sample("counted", body, 0, number).messages()


def _discard() -> Take:
    """Return a function that discards its argument."""
    return collections.deque(maxlen=0).append


def _pieces(stream: bytes, size: int) -> list[bytes]:
    return [stream[start : start + size] for start in range(0, len(stream), size)]


# ---------------------------------------------------------------------- parser


def _parse(size: int, number: int, body: bytes = BODY) -> Callable[[], None]:
    return partial(_read_all, cut(_messages(number, body), size))


def _read_all(pieces: Sequence[bytes]) -> None:
    parser = FrameParser("1.2")
    for piece in pieces:
        parser.receive_data(piece)
        while parser.next_frame() is not NEED_DATA:
            pass


def _parse_escapes(number: int) -> Callable[[], None]:
    """As ActiveMQ sends them: a message-id and an ack with colons."""
    extra = "".join(f"x-header-{one}:value{one}\n" for one in range(8))
    stream = b"".join(
        (
            f"MESSAGE\nsubscription:orders-1\ndestination:/queue/orders\nexpires:0\npriority:4\n"
            f"message-id:ID\\chost-41705-2\\c1\\c1\\c{one}\nack:ID\\chost-41705-3\\c{one}\n"
            f"timestamp:1763990400000\n{extra}content-length:64\n\n"
        ).encode()
        + BODY
        + b"\0\n"
        for one in range(number)
    )
    pieces = _pieces(stream, 64 * KIB)

    def work() -> None:
        parser = FrameParser("1.2")
        for piece in pieces:
            parser.receive_data(piece)
            while isinstance(frame := parser.next_frame(), Frame):
                frame.headers.to_dict()

    return work


def _parse_receipts(number: int) -> Callable[[], None]:
    stream = b"".join(b"RECEIPT\nreceipt-id:r-%d\n\n\0\n" % one for one in range(number))
    return partial(_read_all, _pieces(stream, 64 * KIB))


def _parse_eols(number: int) -> Callable[[], None]:
    """One end-of-line a read, as heart-beats come."""
    return partial(_read_all, [b"\n"] * number)


# ---------------------------------------------------------------------- typed events, sessions


def _connection() -> ClientConnection:
    conn = ClientConnection()
    conn.send(Connect(host="/"), now=0.0)
    conn.receive_data(b"CONNECTED\nversion:1.2\n\n\0\n", now=0.0)
    conn.next_event()
    return conn


def _session() -> Session:
    session = Session("stomp://localhost:61613")
    session.next_attempt(0.0)
    session.connection_made(0.0)
    session.data_to_send(MIB)
    session.receive_data(b"CONNECTED\nversion:1.2\nserver:RabbitMQ/3.10.8\n\n\0\n", 0.0)
    return session


def _events(mode: str, number: int) -> Callable[[], None]:
    conn = _connection()
    conn.send(Subscribe("/queue/orders", id="orders-1", ack=mode), now=0.0)  # type: ignore[arg-type]
    pieces = cut(_messages(number), 64 * KIB)

    def work() -> None:
        for piece in pieces:
            conn.receive_data(piece, 1.0)
            while conn.next_event() is not NEED_DATA:
                pass

    return work


def _session_take(mode: str, ack: bool, number: int) -> Callable[[], None]:
    pieces = cut(_messages(number), 64 * KIB)

    session = _session()
    pending = session.subscribe(
        0.0,
        "/queue/orders",
        id="orders-1",
        ack=mode,  # type: ignore[arg-type]
        receipt=False,
    )
    subscription = pending.result()

    def work() -> None:
        for piece in pieces:
            session.receive_data(piece, 1.0)
            while (message := subscription.take()) is not None:
                if ack:
                    session.ack(1.0, message)
            session.data_to_send(MIB)

    return work


# ---------------------------------------------------------------------- sending


def _frame_to_bytes(number: int) -> Callable[[], None]:
    def work() -> None:
        for _ in range(number):
            Frame("SEND", {"destination": "/queue/orders", **HEADERS}, BODY).to_bytes("1.2")

    return work


def _connection_send(kind: str, number: int) -> Callable[[], None]:
    all_headers = [HEADERS_OF[kind](one) for one in range(number)]

    conn = _connection()

    def work() -> None:
        for headers in all_headers:
            conn.send("/queue/orders", BODY, headers=headers, now=1.0)

    return work


def _session_send(number: int) -> Callable[[], None]:
    session = _session()

    def work() -> None:
        for _ in range(number):
            session.send(1.0, "/queue/orders", BODY, headers=HEADERS, receipt=False)
            session.data_to_send(MIB)

    return work


def _session_send_receipt(number: int) -> Callable[[], None]:
    """Send, have the RECEIPT read, and take the result, one message after the other."""

    session = _session()

    def work() -> None:
        for _ in range(number):
            pending = session.send(1.0, "/queue/orders", BODY, headers=HEADERS, receipt=True)
            head = bytes(session.data_to_send(MIB))
            start = head.index(b"receipt:") + len(b"receipt:")
            receipt = head[start : head.index(b"\n", start)]
            session.receive_data(b"RECEIPT\nreceipt-id:" + receipt + b"\n\n\0\n", 1.0)
            pending.result()

    return work


def _pipeline_send(number: int) -> Callable[[], None]:
    """Send with a window of fifty, as adapters do: ten frames leave together, and ten RECEIPTs come together."""

    session = _session()
    pipeline = Pipeline(session, 50)
    receipts = [b"RECEIPT\nreceipt-id:auto-%d\n\n\0\n" % one for one in range(1, number + 1)]

    def work() -> None:
        for one in range(0, number, 10):
            for _ in range(10):
                pipeline.send(1.0, "/queue/orders", BODY, headers=HEADERS)
            session.data_to_send(MIB)
            if one >= 40:
                session.receive_data(b"".join(receipts[one - 40 : one - 30]), 1.0)

    return work


# ---------------------------------------------------------------------- other clients


def _peer_reads(reader: Reader, size: int, number: int) -> Callable[[], None]:
    messages = _messages(number)
    given: Sequence[object] = as_json(messages) if reader.from_json else cut(messages, size)
    return partial(reader.read, given, _discard())


def _peer_writes(writer: Writer, number: int) -> Callable[[], None]:
    return partial(writer.write, writer.prepare(Sample("counted", BODY, 0, number).sends()), _discard())


def _peer_sends(writer: Writer, kind: str, number: int) -> Callable[[], None]:
    return partial(writer.write, [(HEADERS_OF[kind](one), BODY) for one in range(number)], _discard())
