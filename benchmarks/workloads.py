"""What is counted in instructions: this library's layers, and stomp.py's, with the same messages.

A workload is a function that prepares everything for a number of messages and returns what is then counted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from stomp_core import (
    NEED_DATA,
    ClientConnection,
    Connect,
    Frame,
    FrameParser,
    Send,
    Session,
    Subscribe,
)

from .readers import peer

__all__ = ["WORKLOADS", "Workload"]

#: Prepares so many messages, and returns what processes them.
Workload = Callable[[int], Callable[[], object]]

_BODY = b"x" * 64
_HEADERS = {"priority": "4", "correlation-id": "c-1"}
_NOW = 1.0


def _message(number: int, *, ack: bool = True, escapes: bool = False) -> bytes:
    """Return a MESSAGE with eight headers, as RabbitMQ sends it; or one of sixteen, whose ids have escapes."""
    name = f"ID\\cbroker-4711\\c{number}" if escapes else f"T_s-1@@session-7Qn4fEfJ@@{number}"
    lines = [
        "MESSAGE", "subscription:s-1", "destination:/queue/orders", f"message-id:{name}", "redelivered:false",
        "persistent:true", "content-type:application/json",
    ]  # fmt: skip
    lines += [f"ack:{name}"] if ack else []
    lines += [f"x-header-{at}:value {at}" for at in range(8)] if escapes else []
    return "\n".join([*lines, f"content-length:{len(_BODY)}", "", ""]).encode() + _BODY + b"\0\n"


def _pieces(frames: Iterable[bytes], size: int) -> list[bytes]:
    stream = b"".join(frames)
    return [stream[at : at + size] for at in range(0, len(stream), size)]


# ---------------------------------------------------------------------- reading


def _parse(make: Callable[[int], bytes], size: int, *, to_dict: bool = False) -> Workload:
    def prepare(messages: int) -> Callable[[], object]:
        pieces = _pieces([make(number) for number in range(messages)], size)
        parser = FrameParser("1.2")

        def run() -> None:
            for piece in pieces:
                parser.receive_data(piece)
                while (frame := parser.next_frame()) is not NEED_DATA:
                    if to_dict and isinstance(frame, Frame):
                        frame.headers.to_dict()

        return run

    return prepare


def _connected() -> ClientConnection:
    conn = ClientConnection(["1.2"])
    conn.send(Connect(host="/"), now=0.0)
    conn.receive_data(b"CONNECTED\nversion:1.2\n\n\0", now=0.0)
    conn.next_event()
    return conn


def _events(ack: str) -> Workload:
    def prepare(messages: int) -> Callable[[], object]:
        pieces = _pieces([_message(number, ack=ack != "auto") for number in range(messages)], 65536)
        conn = _connected()
        conn.send(Subscribe("/queue/orders", id="s-1", ack=ack), now=0.0)  # type: ignore[arg-type]

        def run() -> None:
            for piece in pieces:
                conn.receive_data(piece, _NOW)
                while conn.next_event() is not NEED_DATA:
                    pass

        return run

    return prepare


def _session() -> Session:
    session = Session("stomp://localhost", log=False)
    session.next_attempt(0.0)
    session.connection_made(0.0)
    session.data_to_send()
    session.receive_data(b"CONNECTED\nversion:1.2\nserver:RabbitMQ/3.10.8\n\n\0", 0.0)
    return session


def _take(ack: str, *, acknowledge: bool) -> Workload:
    def prepare(messages: int) -> Callable[[], object]:
        pieces = _pieces([_message(number, ack=ack != "auto") for number in range(messages)], 65536)
        session = _session()
        subscription = session.subscribe(0.0, "/queue/orders", id="s-1", ack=ack, receipt=False).result()  # type: ignore[arg-type]
        session.data_to_send()

        def run() -> None:
            for piece in pieces:
                session.receive_data(piece, _NOW)
                while (message := subscription.take()) is not None:
                    if acknowledge:
                        session.ack(_NOW, message)
                session.data_to_send()

        return run

    return prepare


# ---------------------------------------------------------------------- sending


def _headers(kind: str, number: int) -> dict[str, str]:
    """Return the headers of a message: the same ones, one that varies, or some that must be escaped."""
    if kind == "varying":
        return {**_HEADERS, "correlation-id": f"c-{number}"}
    return {**_HEADERS, "correlation-id": "a:b\nc"} if kind == "escapes" else dict(_HEADERS)


def _make_frames(messages: int) -> Callable[[], object]:
    def run() -> None:
        for number in range(messages):
            Frame("SEND", {"destination": "/queue/orders", **_headers("varying", number)}, _BODY).to_bytes(
                "1.2"
            )

    return run


def _send(kind: str, *, event: bool = False) -> Workload:
    def prepare(messages: int) -> Callable[[], object]:
        conn = _connected()

        def run() -> None:
            for number in range(messages):
                headers = _headers(kind, number)
                if event:
                    conn.send(Send("/queue/orders", _BODY, headers=headers), now=_NOW)
                else:
                    conn.send("/queue/orders", _BODY, headers=headers, now=_NOW)

        return run

    return prepare


def _session_send(*, receipt: bool) -> Workload:
    def prepare(messages: int) -> Callable[[], object]:
        session = _session()
        receipts = [b"RECEIPT\nreceipt-id:auto-%d\n\n\0" % number for number in range(1, messages + 1)]

        def run() -> None:
            for number in range(messages):
                sent = session.send(
                    _NOW, "/queue/orders", _BODY, headers=_headers("same", number), receipt=receipt
                )
                session.data_to_send()
                if receipt:
                    session.receive_data(receipts[number], _NOW)
                    sent.result()

        return run

    return prepare


# ---------------------------------------------------------------------- others


def _json(messages: int) -> Callable[[], object]:
    headers = dict(line.split(":", 1) for line in _message(1).decode().split("\n\n")[0].split("\n")[1:])
    texts = [json.dumps({"headers": headers, "body": _BODY.decode(), "number": n}) for n in range(messages)]

    def run() -> None:
        for text in texts:
            json.loads(text)

    return run


def _stomp_py_parse(size: int) -> Workload:
    def prepare(messages: int) -> Callable[[], object]:
        base, utils = peer("stomp.transport").BaseTransport, peer("stomp.utils")

        class Transport(base):  # type: ignore[misc, valid-type]
            def receive(self) -> bytes:
                return self.pieces.pop()  # type: ignore[no-any-return]

        transport: Any = Transport()
        transport.running = True
        transport.pieces = _pieces([_message(number) for number in range(messages)], size)[::-1]
        read = transport._BaseTransport__read

        def run() -> None:
            while transport.pieces:
                for frame in read():
                    utils.parse_frame(frame)

        return run

    return prepare


def _stomp_py_send(kind: str) -> Workload:
    def prepare(messages: int) -> Callable[[], object]:
        protocol, utils = peer("stomp.protocol"), peer("stomp.utils")

        class Transport:
            def set_listener(self, name: str, listener: object) -> None:
                pass

            def transmit(self, frame: object) -> None:
                utils.pack(utils.convert_frame(frame))

        client = protocol.Protocol12(Transport())

        def run() -> None:
            for number in range(messages):
                client.send("/queue/orders", _BODY, headers=_headers(kind, number))

        return run

    return prepare


def _escaped(number: int) -> bytes:
    return _message(number, escapes=True)


def _receipt(number: int) -> bytes:
    return b"RECEIPT\nreceipt-id:auto-%d\n\n\0\n" % number


def _heart_beat(number: int) -> bytes:
    return b"\n"


WORKLOADS: dict[str, Workload] = {
    "parse, 64 KiB reads": _parse(_message, 65536),
    "parse, 1460-byte reads": _parse(_message, 1460),
    "parse, 7-byte reads": _parse(_message, 7),
    "parse, 16 headers with escapes, to_dict()": _parse(_escaped, 65536, to_dict=True),
    "parse, RECEIPTs": _parse(_receipt, 65536),
    "parse, line ends": _parse(_heart_beat, 1),
    "events, auto": _events("auto"),
    "events, client": _events("client"),
    "events, client-individual": _events("client-individual"),
    "session, take, auto": _take("auto", acknowledge=False),
    "session, take, client-individual": _take("client-individual", acknowledge=False),
    "session, take and ack, client": _take("client", acknowledge=True),
    "session, take and ack, client-individual": _take("client-individual", acknowledge=True),
    "Frame(...).to_bytes()": _make_frames,
    "connection.send(), same headers": _send("same"),
    "connection.send(), a varying header": _send("varying"),
    "connection.send(), with escapes": _send("escapes"),
    "connection.send(Send(...)), same headers": _send("same", event=True),
    "session.send()": _session_send(receipt=False),
    "session.send(), receipt and RECEIPT": _session_send(receipt=True),
    "stomp.py, parse, 64 KiB reads": _stomp_py_parse(65536),
    "stomp.py, parse, 1460-byte reads": _stomp_py_parse(1460),
    "stomp.py, send, same headers": _stomp_py_send("same"),
    "stomp.py, send, a varying header": _stomp_py_send("varying"),
    "stomp.py, send, with escapes": _stomp_py_send("escapes"),
    "json.loads": _json,
}
