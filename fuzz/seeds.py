"""The seed corpus, written down: `python -m fuzz.seeds` writes the files of fuzz/corpus/ that have these names.

Files beside them are inputs that a fuzzer has found; they stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .connection import BEATS, JUMPS, OPERATIONS
from .decoder import LIMITS, SIZES, SWITCHES, VERSIONS
from .more_seeds import more_seeds
from .serializer import COMMANDS
from .session import STEPS

__all__ = ["seeds"]


def seeds() -> Iterator[tuple[str, str, bytes]]:
    """All seeds: target, name of the file, contents."""
    for name, data in _decoder():
        yield "decoder", name, data
    for name, data in _connection():
        yield "connection", name, data
    for name, data in _conversation():
        yield "conversation", name, data
    for name, data in _serializer():
        yield "serializer", name, data
    for name, data in _session():
        yield "session", name, data
    for target, name, data in more_seeds():
        yield target, name, data


Seeds = Iterator[tuple[str, bytes]]

# ---------------------------------------------------------------------- decoder


def _stream(
    stream: bytes,
    version: str | None = "1.2",
    *,
    ends: bool = False,
    lenient: tuple[str, ...] = (),
    limits: int = 0,
    sizes: tuple[int, int] = (3, 5),
) -> bytes:
    mask = sum(1 << SWITCHES.index(name) for name in lenient)
    first = VERSIONS.index(version) | (4 if ends else 0)
    chunks = [SIZES.index(min(entry for entry in SIZES if entry >= size)) for size in sizes]
    return bytes([first, mask & 255, mask >> 8, limits, *chunks]) + stream


def _decoder() -> Seeds:
    message = b"MESSAGE\nsubscription:a\nmessage-id:m1\ndestination:/q\ncontent-length:5\n\nhello\0\n"
    receipt = b"RECEIPT\nreceipt-id:1\n\n\0"
    yield "message-with-content-length", _stream(message)
    yield "message-without-content-length", _stream(b"MESSAGE\ndestination:/q\n\nhello\0")
    yield "message-empty", _stream(b"MESSAGE\ndestination:/q\n\n\0")
    yield "two-frames-in-one-chunk", _stream(message + receipt, sizes=(200, 200))
    yield "frames-without-line-feeds-between", _stream(receipt * 4, sizes=(7, 30))
    yield "body-with-nul-and-frame-inside", _stream(b"SEND\ncontent-length:24\n\n\0" + receipt + b"\0")
    yield (
        "body-of-600-bytes-in-pieces",
        _stream(b"SEND\ncontent-length:600\n\n" + b"x" * 600 + b"\0", sizes=(256, 3)),
    )
    for sizes in ((8, 600), (600, 8), (40, 528)):
        yield (
            f"body-in-pieces-of-{sizes[0]}-and-{sizes[1]}",
            _stream(b"SEND\n\n" + bytes(range(1, 251)) * 3 + b"\0", sizes=sizes),
        )
    yield "heart-beats-only", _stream(b"\n\n\n\n", sizes=(1, 2))
    yield "heart-beats-around-a-frame", _stream(b"\n\n" + receipt + b"\n\n\n" + receipt + b"\n")
    yield "heart-beats-in-crlf", _stream(b"\r\n\r\n" + receipt + b"\r\n\r\n")
    yield "cr-at-the-end-of-the-stream", _stream(receipt + b"\n\r", ends=True)
    yield "cr-alone-between-frames", _stream(b"\r" + receipt)
    yield "cr-alone-between-frames-tolerated", _stream(b"\r\r\n" + receipt, lenient=("cr_between_frames",))
    yield "nul-between-frames", _stream(receipt + b"\0" + receipt)
    yield (
        "nul-between-frames-tolerated",
        _stream(receipt + b"\n\0\0" + receipt, lenient=("nul_between_frames",)),
    )
    yield "crlf-frame", _stream(b"SEND\r\ndestination:/q\r\ncontent-length:2\r\n\r\n\r\n\0\r\n")
    yield "crlf-and-lf-mixed", _stream(b"SEND\ndestination:/q\r\na:b\n\r\nx\0")
    yield "crlf-frame-in-1.0", _stream(b"SEND\r\ndestination:/q\r\n\r\nx\0", "1.0")
    yield "crlf-value-in-1.1", _stream(b"SEND\ndestination:/q\r\n\nx\0", "1.1")
    yield "crlf-tolerated-in-1.1", _stream(b"SEND\r\ndestination:/q\r\n\r\nx\0", "1.1", lenient=("crlf",))
    yield "cr-inside-a-value", _stream(b"SEND\ndestination:/q\rx\n\n\0")
    yield "cr-inside-a-value-tolerated", _stream(b"SEND\ndestination:/q\rx\n\n\0", lenient=("bare_cr",))
    yield "escapes-of-1.2", _stream(b"SEND\nd\\ce:a\\nb\\cc\\\\d\\re\n\n\0")
    yield "escapes-of-1.1", _stream(b"SEND\nd\\ce:a\\nb\\cc\\\\d\n\n\0", "1.1")
    yield "escape-cr-in-1.1", _stream(b"SEND\nd:a\\rb\n\n\0", "1.1")
    yield "escape-cr-in-1.1-tolerated", _stream(b"SEND\nd:a\\rb\n\n\0", "1.1", lenient=("cr_escape_in_1_1",))
    yield "escapes-in-1.0", _stream(b"SEND\nd:a\\nb\\t\n\n\0", "1.0")
    yield "escapes-in-1.0-undone", _stream(b"SEND\nd:a\\nb\n\n\0", "1.0", lenient=("escapes_in_1_0",))
    yield "escape-of-backslash-then-n", _stream(b"SEND\nd:a\\\\nb\n\n\0")
    yield "escape-undefined", _stream(b"SEND\nd:a\\tb\n\n\0")
    yield "escape-undefined-tolerated", _stream(b"SEND\nd:a\\tb\\\n\n\0", lenient=("unknown_escapes",))
    yield "escape-cut-off", _stream(b"SEND\nd:a\\\n\n\0")
    yield "connect-with-backslash", _stream(b"CONNECT\nlogin:a\\nb\\x\nhost:/\n\n\0", None)
    yield (
        "connect-unescaped",
        _stream(b"CONNECT\nlogin:a\\nb\nhost:/\n\n\0", None, lenient=("escapes_in_connect",)),
    )
    yield "connected-in-crlf", _stream(b"CONNECTED\r\nversion:1.2\r\nserver: x \r\n\r\n\0\n", None)
    yield "error-before-the-version", _stream(b"ERROR\nmessage:a\\cb\nx:\\t\n\nno\0", None, ends=True)
    yield "spaces-kept-in-1.2", _stream(b"SEND\n a : b \n\n\0")
    yield "spaces-trimmed-in-1.0", _stream(b"SEND\n a : b \n\n\0", "1.0")
    for number, line in enumerate((b" a:b", b"a :b", b"a: b", b"a:b ")):
        yield f"a-space-trimmed-in-1.0-{number}", _stream(b"SEND\n" + line + b"\n\n\0", "1.0", sizes=(200, 1))
    yield "tabs-kept-in-1.0", _stream(b"SEND\n\ta\t:\tb\t\n c : d\t \n\n\0", "1.0")
    yield (
        "a-strict-frame-behind-a-tolerated-one",
        _stream(b"SEND\nx\n\n\0SEND\na:\\\\\r\n\n\0SEND\r\na:b\r\n\r\n\0", lenient=("bad_header_lines",)),
    )
    yield "nack-in-1.0", _stream(b"NACK\nmessage-id:1\n\n\0", "1.0")
    yield "header-repeated", _stream(b"SEND\nfoo:World\nfoo:Hello\nfoo:\n\n\0")
    yield "header-with-colons", _stream(b"SEND\na:b:c::d\n\n\0")
    yield "header-without-colon", _stream(b"SEND\ndestination\n\n\0")
    yield "header-with-empty-name", _stream(b"SEND\n:x\n\n\0")
    yield "header-lines-skipped", _stream(b"SEND\n:x\nnothing\na:b\n\n\0", lenient=("bad_header_lines",))
    yield "header-not-utf-8", _stream(b"SEND\na:\xff\xfe\n\n\0")
    yield "header-not-utf-8-tolerated", _stream(b"SEND\na:\xff\xfe\n\n\0", lenient=("not_utf8",))
    yield "header-of-other-line-ends", _stream("SEND\na:b\u2028c\x0b\x0c\x85d\n\n\0".encode())
    yield "nul-in-a-command", _stream(b"SE\0ND\n\n\0")
    yield "nul-in-a-header", _stream(b"SEND\na:\0b\n\n\0")
    yield "command-unknown", _stream(b"HELLO\n\n\0")
    yield "command-in-small-letters", _stream(b"send\n\n\0")
    yield "tls-hello-instead-of-a-frame", _stream(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
    yield "content-length-too-small", _stream(b"SEND\ncontent-length:4\n\nhello\0")
    yield "content-length-too-large", _stream(b"SEND\ncontent-length:6\n\nhello\0" + receipt)
    yield "content-length-signed", _stream(b"SEND\ncontent-length:+5\n\nhello\0")
    yield "content-length-padded", _stream(b"SEND\ncontent-length: 5 \n\nhello\0")
    yield (
        "content-length-padded-tolerated",
        _stream(b"SEND\ncontent-length: 5 \n\nhello\0", lenient=("padded_content_length",)),
    )
    yield "content-length-in-other-digits", _stream("SEND\ncontent-length:\u0665\n\nhello\0".encode())
    yield "content-length-of-3-gb", _stream(b"SEND\ncontent-length:3000000000\n\nhello")
    yield "content-length-of-5000-digits", _stream(b"SEND\ncontent-length:" + b"9" * 5000 + b"\n\n")
    yield "content-length-twice", _stream(b"SEND\ncontent-length:1\ncontent-length:5\n\nx\0")
    yield "content-length-of-no-body", _stream(b"RECEIPT\nreceipt-id:1\ncontent-length:0\n\n\0")
    yield "body-where-none-may-be", _stream(b"RECEIPT\nreceipt-id:1\n\nx\0")
    yield (
        "body-where-none-may-be-dropped",
        _stream(
            b"RECEIPT\nreceipt-id:1\n\nx\0RECEIPT\ncontent-length:1\n\nx\0", lenient=("unexpected_body",)
        ),
    )
    yield "body-on-any-frame-of-1.0", _stream(b"RECEIPT\nreceipt-id:1\n\nx\0", "1.0")
    yield "end-inside-a-head", _stream(b"SEND\ndestination:/", ends=True)
    yield "end-inside-a-body", _stream(b"SEND\ncontent-length:10\n\nhello", ends=True)
    yield "end-between-frames", _stream(receipt, ends=True)
    yield (
        "everything-tolerated",
        _stream(
            b"\r\0SEND\r\n:\n\xff: \\t\r\rcontent-length\ncontent-length: 1 \n\nx\0",
            "1.1",
            lenient=tuple(name for name in SWITCHES if not name.startswith("escapes_in")),
        ),
    )
    for number in range(1, len(LIMITS)):
        yield f"limits-{number}-just-kept", _stream(b"SEND\na:b\n\nx\0ACK\n\n\0", limits=number)
        yield f"limits-{number}-long-line", _stream(b"SEND\na:" + b"b" * 100, limits=number)
        yield f"limits-{number}-many-headers", _stream(b"SEND\n" + b"a:b\n" * 20 + b"\n\0", limits=number)
        yield f"limits-{number}-endless-body", _stream(b"SEND\n\n" + b"b" * 100, limits=number)
        yield f"limits-{number}-announced-body", _stream(b"SEND\ncontent-length:65\n\n", limits=number)
        yield from _at_the_limits(number)


def _at_the_limits(number: int) -> Seeds:
    """Each limit reached, and exceeded by one."""
    limits = LIMITS[number]
    headers = min(limits.max_headers, 20)
    for more in (0, 1):
        which = f"limits-{number}-{('reached', 'exceeded')[more]}"
        body = min(limits.body_without_length, 500) + more
        yield f"{which}-body", _limited(b"SEND\n\n" + b"x" * body, number)
        body = min(limits.max_body, 500) + more
        yield f"{which}-counted-body", _limited(b"SEND\ncontent-length:%d\n\n" % body + b"x" * body, number)
        yield f"{which}-headers", _limited(b"SEND\n" + b"a:\n" * (headers + more) + b"\n", number)
        line = min(limits.max_header_line, 500) + more
        yield f"{which}-line", _limited(b"SEND\na:" + b"x" * (line - 2) + b"\n\n", number)
        rest = min(limits.max_head, 500) + more - len(b"SEND\na:b\n\n")
        sizes = _parts(rest, min(limits.max_header_line, 8))
        lines = b"".join(b"a:" + b"x" * (size - 3) + b"\n" for size in sizes)
        yield f"{which}-head", _limited(b"SEND\na:b\n" + lines + b"\n", number)


def _limited(frame: bytes, limits: int) -> bytes:
    return _stream(frame + b"\0", limits=limits, sizes=(200, 7))


def _parts(total: int, size: int) -> list[int]:
    """Return line sizes of at least 3 that add up to a total."""
    parts = [size] * (total // size)
    rest = total - sum(parts)
    if parts:
        parts[-1] += rest
    return parts


# ---------------------------------------------------------------------- connection

_OPERATION = {operation.__name__.removeprefix("_"): number for number, operation in enumerate(OPERATIONS)}
_CLIENT, _SERVER = 0, 1
_AUTO, _CUMULATIVE, _INDIVIDUAL = 1, 2, 3
_SECOND_BEATS = 2  # "1000,1000"


def _op(name: str, *arguments: int) -> bytes:
    return bytes([_OPERATION[name], *arguments])


def _raw(data: bytes) -> bytes:
    pieces = [data[start : start + 255] for start in range(0, len(data), 255)]
    return b"".join(bytes([_OPERATION["raw"], len(piece)]) + piece for piece in pieces)


def _wait(seconds: float) -> bytes:
    return _op("wait", JUMPS.index(seconds))


# What a client says: kind, receipt, name, transaction, and what the kind needs.


def _connect(beats: int = 0) -> bytes:
    return bytes([0, 0, 0, 0, 0, beats, 0, 0])


def _subscribe(name: int = 0, ack: int = _AUTO, receipt: int = 0) -> bytes:
    return bytes([1, receipt, name, 0, 0, 0, ack])


def _unsubscribe(name: int = 0) -> bytes:
    return bytes([2, 0, name, 0, 0, 0])


def _acknowledge(message: int = 0, transaction: int = 0, *, reject: bool = False) -> bytes:
    return bytes([4 if reject else 3, 0, 0, transaction, message])


def _of_transaction(kind: str) -> bytes:
    return bytes([{"begin": 5, "commit": 6, "abort": 7}[kind], 0, 0, 0])


def _disconnect(receipt: int = 2) -> bytes:
    return bytes([8, receipt, 0, 0])


def _send(body: bytes, transaction: int = 0) -> bytes:
    return bytes([9, 2, 0, transaction, len(body)]) + body


def _message(number: int, name: int = 0, body: bytes = b"x") -> bytes:
    """What a server sends: the kind and its own arguments."""
    return bytes([1, name, 0, number, 0, 1 + number, len(body)]) + body


_IN_A = 2  # the transaction "a" in a client's choice of one


def _connection() -> Seeds:
    settings = bytes([_CLIENT, 0, 0, 0])
    send = bytes([_OPERATION["send"]])
    connected = settings + send + _connect() + _raw(b"CONNECTED\nversion:1.2\n\n\0\n")
    beating = (
        settings
        + send
        + _connect(_SECOND_BEATS)
        + _raw(b"CONNECTED\nversion:1.2\nheart-beat:1000,1000\n\n\0\n")
    )
    message = b"MESSAGE\nsubscription:a\nmessage-id:m%d\nack:m%d\ndestination:/q\n\nx\0\n"
    three = b"".join(message % (number, number) for number in (1, 2, 3))
    yield "client-connects", connected
    yield (
        "client-receives-error-instead-of-connected",
        settings + send + _connect() + _raw(b"ERROR\nmessage:no\n\n\0\n") + (_op("end")),
    )
    yield "client-receives-junk-after-error", connected + _raw(b"ERROR\n\n\0\xff\xff\xff") + _op("end")
    yield (
        "client-receives-a-version-that-was-not-offered",
        settings + send + _connect() + _raw(b"CONNECTED\nversion:1.3\n\n\0"),
    )
    yield "client-receives-message-before-connected", settings + send + _connect() + _raw(message % (1, 1))
    yield (
        "client-acknowledges-each",
        connected
        + send
        + _subscribe(ack=_INDIVIDUAL)
        + _raw(three)
        + (send + _acknowledge(1) + send + _acknowledge(1) + send + _acknowledge(0, reject=True)),
    )
    yield (
        "client-acknowledges-all-up-to-one",
        connected
        + send
        + _subscribe(ack=_CUMULATIVE)
        + _raw(three)
        + (send + _acknowledge(1) + send + _acknowledge(0) + send + _acknowledge(2)),
    )
    yield (
        "client-acknowledges-in-auto-mode",
        connected + send + _subscribe() + _raw(three) + send + _acknowledge(0),
    )
    yield "client-aborts-and-acknowledges-again", connected + send + _subscribe(ack=_CUMULATIVE) + _raw(three) + (
        send + _of_transaction("begin") + send + _acknowledge(1, _IN_A) + send + _of_transaction("abort")
        + send + _acknowledge(0) + send + _acknowledge(2)
    )  # fmt: skip
    yield (
        "client-commits",
        connected
        + send
        + _of_transaction("begin")
        + send
        + _send(b"hello", _IN_A)
        + (send + _of_transaction("commit") + send + _of_transaction("commit")),
    )
    yield "client-subscribes-twice", connected + send + _subscribe() + send + _subscribe()
    yield (
        "client-unsubscribes-and-receives-late",
        connected + send + _subscribe() + send + _unsubscribe() + _raw(three),
    )
    yield (
        "client-disconnects",
        connected
        + send
        + _disconnect()
        + send
        + _send(b"x")
        + _raw(b"RECEIPT\nreceipt-id:r\n\n\0\n")
        + _op("end"),
    )
    yield (
        "client-loses-the-server",
        connected + _raw(b"MESSAGE\nsubscription:a") + _op("end") + send + _send(b"x"),
    )
    yield "client-beats-in-time", beating + _op("to_the_deadline") * 3
    yield "client-receives-nothing", beating + _wait(25.0) + _op("timeout") + send + _send(b"x")
    yield (
        "client-receives-nothing-while-it-does-not-read",
        beating
        + _op("pause")
        + _wait(3600.0)
        + _op("timeout")
        + (_op("resume") + _op("timeout") + _op("to_the_deadline")),
    )
    yield (
        "client-is-told-a-nonsense-heart-beat",
        bytes([_CLIENT, 0, 2, 0])
        + send
        + _connect(_SECOND_BEATS)
        + _raw(b"CONNECTED\nversion:1.1\nheart-beat:fast\n\n\0"),
    )
    yield (
        "client-breaks-limits",
        bytes([_CLIENT, 0, 0, 1]) + send + _connect() + _raw(b"CONNECTED\nversion:" + b"1" * 200),
    )
    yield (
        "client-receives-a-foreign-charset",
        connected
        + send
        + _subscribe()
        + _raw(
            b"MESSAGE\nsubscription:a\nmessage-id:1\ndestination:/q\ncontent-type:text/plain;charset=utf-16\n\n\xff\xfea\0\0"
        ),
    )
    yield "client-misses-a-required-header", connected + _raw(b"MESSAGE\ndestination:/q\n\nx\0")
    yield (
        "client-misses-the-ack-header",
        connected
        + send
        + _subscribe(ack=_INDIVIDUAL)
        + _raw(b"MESSAGE\nsubscription:a\nmessage-id:1\ndestination:/q\n\nx\0"),
    )
    yield (
        "client-receives-two-errors",
        connected
        + _raw(b"ERROR\nmessage:1\n\n\0\nERROR\nmessage:2\n\n\0\n")
        + _op("end")
        + (send + _send(b"x") + _raw(b"x")),
    )
    yield (
        "client-receives-a-body-on-connected",
        bytes([_CLIENT, 0, 2, 0]) + send + _connect() + _raw(b"CONNECTED\nversion:1.2\n\nx\0"),
    )
    yield (
        "client-receives-a-nonsense-heart-beat",
        settings + send + _connect() + _raw(b"CONNECTED\nversion:1.2\nheart-beat:x\n\n\0"),
    )
    yield "client-says-commands-in-a-wrong-state", settings + send + _send(b"x") + send + _disconnect()
    old = bytes([_CLIENT, 1, 0, 0]) + send + _connect() + _raw(b"CONNECTED\n\n\0\n")
    without_id = bytes([1, 0, 0, 0, 0, 1, _CUMULATIVE])
    yield (
        "client-of-1.0-subscribes-without-id",
        old
        + send
        + without_id
        + _raw(
            b"MESSAGE\nmessage-id:m1\ndestination:/q\n\nx\0\nMESSAGE\nmessage-id:m2\ndestination:/q/1\n\nx\0\n"
        )
        + send
        + _acknowledge(1)
        + send
        + bytes([2, 0, 0, 0, 1, 1])
        + send
        + bytes([2, 0, 0, 0, 1, 1]),
    )
    yield "client-of-1.0-subscribes-twice-without-id", old + send + without_id + send + without_id
    yield "client-of-1.0-unsubscribes-from-nothing", old + send + bytes([2, 0, 0, 0, 0, 1])
    yield (
        "client-of-1.1-acknowledges",
        bytes([_CLIENT, 2, 0, 0])
        + send
        + _connect()
        + _raw(b"CONNECTED\nversion:1.1\n\n\0\n")
        + send
        + _subscribe(ack=_CUMULATIVE)
        + _raw(three)
        + send
        + _acknowledge(1)
        + send
        + _acknowledge(1),
    )
    yield "client-begins-twice", connected + send + _of_transaction("begin") + send + _of_transaction("begin")
    server = bytes([_SERVER, 0, 0, 0])
    hello = _raw(b"CONNECT\naccept-version:1.0,1.1,1.2\nhost:/\nheart-beat:1000,1000\n\n\0")
    answered = server + hello + send + bytes([0, 0, 0, _SECOND_BEATS])
    subscribed = answered + _raw(b"SUBSCRIBE\nid:a\ndestination:/q\nack:client\n\n\0")
    yield "server-accepts", answered
    yield (
        "server-reads-on-behind-connect",
        server + hello + _raw(b"SEND\ndestination:/q\n\nx\0") + send + bytes([0, 0, 0, 0]),
    )
    yield "server-receives-no-connect", server + _raw(b"SEND\ndestination:/q\nreceipt:1\n\nx\0")
    yield "server-receives-http", server + _raw(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    yield "server-shares-no-version", server + _raw(b"CONNECT\naccept-version:2.0\nhost:/\n\n\0")
    yield "server-misses-the-host", server + _raw(b"CONNECT\naccept-version:1.2\n\n\0")
    yield (
        "server-delivers",
        subscribed + (send + _message(0) + send + _message(1) + _raw(b"ACK\nid:m2\n\n\0ACK\nid:m1\n\n\0")),
    )
    yield "server-delivers-what-nobody-asked-for", answered + send + _message(0)
    yield (
        "server-receives-an-unknown-ack-mode",
        answered + _raw(b"SUBSCRIBE\nid:a\ndestination:/q\nack:maybe\n\n\0"),
    )
    yield (
        "server-receives-a-receipt-on-connect",
        server + _raw(b"CONNECT\naccept-version:1.2\nhost:/\nreceipt:1\n\n\0"),
    )
    yield (
        "server-receives-the-same-subscription-twice",
        subscribed + _raw(b"SUBSCRIBE\nid:a\ndestination:/p\n\n\0"),
    )
    yield "server-receives-begin-twice", answered + _raw(b"BEGIN\ntransaction:t\n\n\0" * 2)
    yield (
        "server-of-1.0-receives-unsubscribe-from-nothing",
        server + _raw(b"CONNECT\n\n\0") + send + bytes([0, 0, 0, 0]) + _raw(b"UNSUBSCRIBE\n\n\0"),
    )
    yield "server-says-another-version", server + hello + send + bytes([0, 0, 2, 0])
    yield "server-receives-ack-of-nothing", answered + _raw(b"ACK\nid:m1\nreceipt:r:1\n\n\0")
    yield "server-receives-commit-of-nothing", answered + _raw(b"COMMIT\ntransaction:t\nreceipt:r\\c1\n\n\0")
    yield "server-receives-an-undefined-escape", answered + _raw(b"SEND\nreceipt:7\ndestination:/q\\t\n\n\0")
    yield (
        "server-receives-disconnect-and-more",
        answered + _raw(b"DISCONNECT\nreceipt:1\n\n\0SEND\ndestination:/q\n\n\0") + _op("end"),
    )
    yield "server-loses-a-silent-client", answered + _op("to_the_deadline") + _wait(25.0) + _op("timeout")


# ---------------------------------------------------------------------- conversation


def _conversation() -> Seeds:
    for mine in range(1, len(BEATS)):
        for theirs in range(1, len(BEATS)):
            connect = b"\0" + _connect(mine) + b"\0"
            connected = bytes([1, 0, 0, 0, theirs, 0])
            yield f"heart-beats-{mine}-{theirs}", b"\0\0" + connect + connected + b"\2\5\2\6\2\0"
    client, server, time, close = bytes([0]), bytes([1]), bytes([2]), bytes([3, 0, 1])
    cut = bytes([7])
    # The server leaves the version to the connection.
    accepts = server + bytes([0, 0, 0, _SECOND_BEATS]) + cut
    for number, version in enumerate(("1.0-to-1.2", "1.0", "1.1", "1.2")):
        hello = bytes([number, 0]) + client + _connect(_SECOND_BEATS) + cut + accepts
        subscribed = hello + client + _subscribe(ack=_CUMULATIVE, receipt=2) + cut
        delivered = subscribed + b"".join(server + _message(number) + cut for number in range(3))
        yield f"{version}-hello", hello + close
        yield (
            f"{version}-message-and-acks",
            delivered + (client + _acknowledge(1) + cut + client + _acknowledge(2, reject=True) + cut),
        )
        yield f"{version}-transaction-aborted", delivered + (
            client + _of_transaction("begin") + cut + client + _acknowledge(1, _IN_A) + cut
            + client + _of_transaction("abort") + cut + client + _acknowledge(2) + cut
        )  # fmt: skip
        yield f"{version}-an-hour-of-silence", hello + time + bytes([JUMPS.index(3600.0)]) * 2
        yield (
            f"{version}-goodbye",
            hello
            + client
            + _send(b"a\0b")
            + cut
            + client
            + _disconnect()
            + cut
            + (server + bytes([3, 0, 0]) + cut + close),
        )
    yield "no-version-in-common", bytes([3, 1]) + client + _connect() + cut
    yield (
        "error-ends-it",
        bytes([0, 0]) + client + _connect() + cut + server + bytes([4, 1, 2]) + b"no" + bytes([0]) + cut,
    )


# ---------------------------------------------------------------------- serializer


def _written(
    *pairs: tuple[bytes, bytes],
    command: str = "SEND",
    version: str = "1.2",
    body: bytes = b"",
    content_length: bool = True,
    required: bool = True,
    event: bool = False,
) -> bytes:
    flags = (0 if content_length else 16) | (0 if required else 32) | (64 if event else 0)
    # The version is the whole byte modulo 3, so that every byte means one.
    first = next(
        flags | low for low in range(16) if (flags | low) % 3 == ("1.0", "1.1", "1.2").index(version)
    )
    headers = b"".join(bytes([len(part)]) + part for pair in pairs for part in pair)
    return bytes([first, COMMANDS.index(command), len(pairs)]) + headers + body


def _serializer() -> Seeds:
    yield "plain", _written((b"a", b"b"), body=b"hello")
    yield "body-of-a-frame", _written(body=b"\nSEND\ndestination:/q\n\n\0")
    for version in ("1.0", "1.1", "1.2"):
        for what, name, value in (
            ("line-feed", b"a\nb", b"c\nd"),
            ("carriage-return", b"a\rb", b"c\r"),
            ("crlf", b"a\r\nb", b"c\r\nd"),
            ("colon", b"a:b", b"c:d"),
            ("nul", b"a\0b", b"c\0d"),
            ("backslash", b"a\\nb", b"c\\\\n\\"),
            ("spaces", b" a ", b" b "),
            ("blank-line", b"a", b"\n\nbody"),
            ("frame-injected", b"a", b"b\n\n\0\nSEND\ndestination:/admin\n\nx"),
        ):
            yield f"{what}-in-{version}", _written((name, value), version=version, body=b"x")
            yield f"{what}-in-value-in-{version}", _written((b"a", value), version=version)
    for command in ("CONNECT", "STOMP", "CONNECTED"):
        yield f"{command.lower()}-with-line-feed", _written((b"login", b"a\nb"), command=command)
        yield f"{command.lower()}-with-backslash-and-colon", _written((b"login", b"a\\n:b"), command=command)
    yield "empty-name", _written((b"", b"x"))
    yield "empty-value", _written((b"x", b""))
    yield "lone-surrogate", _written((b"x", b"\xff"))
    yield "not-ascii", _written(("\u2028\x85".encode(), "\U0001f4a9".encode()))
    yield "content-length-right", _written((b"content-length", b"5"), body=b"hello")
    yield "content-length-first", _written((b"content-length", b"5"), (b"a", b"b"), body=b"hello")
    yield "content-length-of-no-body-first", _written((b"content-length", b"0"), (b"a", b"b"))
    yield "content-length-that-lies", _written((b"content-length", b"4"), body=b"hello")
    yield (
        "content-length-twice",
        _written((b"content-length", b"5"), (b"content-length", b"5"), body=b"hello"),
    )
    yield "content-length-with-zeros", _written((b"content-length", b"05"), body=b"hello")
    yield "content-length-off", _written(body=b"hello", content_length=False)
    yield "content-length-off-with-nul", _written(body=b"hel\0lo", content_length=False)
    yield "body-where-none-may-be", _written(command="ACK", body=b"x")
    yield "required-missing", _written(command="SUBSCRIBE", required=False)
    yield "nack-in-1.0", _written(command="NACK", version="1.0")
    yield "command-in-small-letters", _written(command="send")
    yield "command-with-a-header-inside", _written(command="SEND\nx:y")
    yield "event-plain", _written((b"a", b"b"), body=b"hello", event=True, required=False)
    yield "event-with-another-destination", _written((b"destination", b"/admin"), event=True, required=False)
    yield "event-with-the-same-destination", _written((b"destination", b"/q"), event=True, required=False)


# ---------------------------------------------------------------------- session


_Step = str | tuple[str | int, ...]  # a step, and the bytes that it reads


def _history(*steps: _Step, version: int = 0, rounds: int = 0) -> bytes:
    data = [version, rounds]
    for step in steps:
        words = (step,) if isinstance(step, str) else step
        data += [STEPS.index(word) if isinstance(word, str) else word for word in words]
    return bytes(data)


def _session() -> Seeds:
    cut, rabbitmq = 9, 0
    connected: tuple[_Step, ...] = ("dial", ("write", rabbitmq, cut))
    # Operations read which transaction and which message they mean only once there are any.
    sent: _Step = ("send confirmed", 1)
    subscribed: tuple[_Step, ...] = (*connected, ("subscribe", 0, 1), "write", ("answer", 0, cut))
    taken: tuple[_Step, ...] = (*subscribed, ("deliver", 0, cut), "take")
    for number, version in enumerate(("1.2", "1.1", "1.0")):
        yield f"{version}-confirmed", _history(*connected, sent, "write", ("answer", 0, cut), version=number)
        yield (
            f"{version}-message-and-ack",
            _history(*taken, ("ack", 0, 1), "write", ("answer", 0, cut), version=number),
        )
        yield (
            f"{version}-transaction",
            _history(*connected, "begin", ("send in a transaction", 0), ("commit", 0, 1), "write", ("answer", 0, cut),
                   version=number),
        )  # fmt: skip
    yield (
        "cut-between-send-and-receipt",
        _history(*connected, sent, "write", "end of stream", *connected, "write"),
    )
    yield (
        "cut-before-it-was-written",
        _history(*connected, sent, "send", "reset", *connected, "write", ("answer", 0, cut)),
    )
    yield "sent-while-there-is-no-connection", _history(sent, "send", *connected, "write", ("answer", 0, cut))
    yield (
        "three-in-flight-and-one-is-refused",
        _history(*connected, sent, sent, sent, "write", ("refuse", 1, 1, cut), *connected),
    )
    yield (
        "an-error-without-receipt-id",
        _history(*connected, sent, sent, "write", ("refuse", 0, 0, cut), *connected),
    )
    yield "receipt-too-late", _history(*connected, sent, "write", ("wait", 5), ("answer", 0, cut))
    yield "subscription-comes-back", _history(*subscribed, "reset", *connected, "write", ("answer", 0, cut))
    yield "stale-message", _history(*taken, "reset", *connected, "write", ("ack", 0, 0))
    yield "commit-in-doubt", _history(*connected, "begin", ("commit", 0, 1), "write", "reset")
    yield "transaction-lost", _history(*connected, "begin", "write", "reset", *connected, ("commit", 0, 1))
    yield "first-endpoint-is-dead", _history("fail to dial", *connected, sent, "write", ("answer", 0, cut))
    yield "no-endpoint-answers", _history(sent, *["fail to dial"] * 6)
    yield "gives-up-when-lost", _history(*connected, sent, "write", "reset", rounds=1)
    yield "a-silent-broker", _history(*connected, ("wait", 4), ("wait", 4), ("wait", 4), "to the deadline")
    yield "a-silent-handshake", _history("dial", "write", ("wait", 4))
    yield "request-and-cut", _history(*connected, "request", "write", "reset", *connected)
    yield "buffer-full", _history(*subscribed, *[("deliver", 0, cut)] * 12, *["take"] * 12)
    yield "cancelled", _history(("subscribe", 0, 1), "begin", sent, ("cancel", 1), ("cancel", 2), *connected)
    yield (
        "closed-with-receipts-in-flight",
        _history(*connected, sent, "write", "close", ("answer", 0, cut), "write"),
    )
    yield "closed-while-dialling", _history(sent, "close")
    yield "junk", _history(*connected, sent, ("send junk", 3, 1, 2), *connected)


def main() -> None:
    corpus = Path(__file__).parent / "corpus"
    for target, name, data in seeds():
        folder = corpus / target
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


if __name__ == "__main__":
    main()
