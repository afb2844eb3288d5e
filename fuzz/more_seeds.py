"""The seeds of the targets that compare: with a model, a twin, another size, the other end, or other clients."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from .growth import SHAPES
from .headers import MAKERS, QUESTIONS
from .peers import DIFFERENCES, text_of
from .tracking import STEPS as TRACKING
from .twins import STEPS as TWINS
from .websocket import STEPS as ENDS

__all__ = ["more_seeds"]

#: How many seeds of a target are random, but the same each time, and how many steps they have.
_RANDOM, _STEPS = 12, 60
Seeds = Iterator[tuple[str, bytes]]


def more_seeds() -> Iterator[tuple[str, str, bytes]]:
    """All seeds of these targets: target, name of the file, contents."""
    of_targets = {
        "headers": _headers, "twins": _twins, "tracking": _tracking, "growth": _growth, "websocket": _websocket,
        "peers": _peers,
    }  # fmt: skip
    for target, seeds in of_targets.items():
        for name, data in seeds():
            yield target, name, data


def _piece(data: bytes) -> bytes:
    return bytes([len(data)]) + data


def _program(steps: Sequence[str], *chosen: str | int | tuple[str | int | bytes, ...]) -> bytes:
    """Return steps by name, each with its arguments."""
    program = b""
    for step in chosen:
        for part in step if isinstance(step, tuple) else (step,):
            program += (
                part
                if isinstance(part, bytes)
                else bytes([part if isinstance(part, int) else steps.index(part)])
            )
    return program


def _headers() -> Seeds:
    pairs = [
        ("a", "b"),
        ("a", "c"),
        ("ab", "a:b"),
        ("x\\y", "1\n2"),
        ("passcode", "secret"),
        ("b", " c "),
        ("e", ""),
    ]
    encoded = bytes([len(pairs)]) + b"".join(
        _piece(name.encode()) + _piece(value.encode()) for name, value in pairs
    )
    for number, maker in enumerate(MAKERS):
        # Each question about each name, several times: after a few look-ups headers make an index.
        questions = b"".join(
            bytes([question, name]) for name in range(20) for question in range(len(QUESTIONS))
        )
        yield maker.replace(" ", "-"), bytes([number]) + encoded + questions
        yield (
            f"{maker.replace(' ', '-')}-asked-backwards",
            bytes([number]) + encoded + questions[1::-1] + questions[::-1],
        )
    # Asked once, when there is no index yet.
    for name in range(len(pairs) + 6):
        for question in (QUESTIONS.index("get"), QUESTIONS.index("contains")):
            data = bytes([MAKERS.index("parsed")]) + encoded + bytes([question, name])
            yield f"parsed-{QUESTIONS[question]}-{name}", data
    plain = bytes([2]) + _piece(b"a") + _piece(b"b") + _piece(b"destination") + _piece(b"/q")
    with_lines = b"".join(bytes([QUESTIONS.index("with line"), name]) for name in range(12))
    for number, maker in enumerate(MAKERS):
        yield f"{maker.replace(' ', '-')}-plain", bytes([number]) + plain + with_lines


_CONNECT = bytes([0, 0, 0, 0, 0, 0, 0, 0])  # arguments of client_frame()
_BEATING = bytes([0, 0, 0, 0, 0, 2, 0, 0])


def _accepted(version: str, beats: int = 0) -> bytes:
    """Return the version to write in, the arguments of server_frame() for CONNECTED, and how often it is received."""
    number = ("1.0", "1.1", "1.2").index(version)
    return bytes([number, 0, 0, 3 - number, beats, 0])


def _twins() -> Seeds:
    connected = ("send", _CONNECT), ("receive", _accepted("1.2"))
    subscribe = ("send", b"\1\0\0\0\0\0\3")
    message = [
        ("receive", bytes([1, 0, 0, number % 3, 0, 1 + number % 3, 1]) + b"x" + b"\0") for number in range(9)
    ]
    sends = [
        ("send to a destination", _piece(b"x" * size), which) for which in range(5) for size in (0, 1, 1, 40)
    ]
    settings = b"\0\0\0"
    yield "client-sends-again-and-again", settings + _program(TWINS, *connected, *sends, *sends)
    acks = [("ack", number) for number in (0, 1, 2, 2, 4, 3, 8, 7, 6, 5)]
    mixed = [step for pair in zip(message, acks, strict=False) for step in pair]
    for number, versions in enumerate(("1.2", "1.0", "1.1")):
        start = bytes([0, (3, 1, 2)[number], 0])
        connected = ("send", _CONNECT), ("receive", _accepted(versions))
        yield (
            f"client-acknowledges-{versions}",
            start + _program(TWINS, *connected, subscribe, *message, *acks),
        )
        yield (
            f"client-acknowledges-as-it-receives-{versions}",
            start
            + _program(
                TWINS,
                *connected,
                subscribe,
                *mixed,
            ),
        )
    beating = ("send", _BEATING), ("receive", _accepted("1.2", 2))
    dead = ("wait", 6), "to the deadline"
    yield (
        "client-is-declared-dead",
        settings
        + _program(
            TWINS, *beating, ("wait", 6), "to the deadline", ("send to a destination", _piece(b"x"), 0)
        ),
    )
    yield (
        "client-acknowledges-when-the-peer-is-dead",
        settings + _program(TWINS, *beating, subscribe, *message, *dead, ("ack", 0), ("ack", 1)),
    )
    yield (
        "client-beats-after-it-sent",
        settings
        + _program(
            TWINS, *beating, subscribe, message[0], ("wait", 2), ("ack", 0), ("send to a destination", b"\1x", 0),
            "to the deadline", "to the deadline",
        ),
    )  # fmt: skip
    yield from _random_programs("twins", 3, len(TWINS))


def _tracking() -> Seeds:
    begun, many = ("begin", 0), (("deliver many", 0), ("deliver many", 1))
    last_first = [("ack", number, 0) for number in (11, 5, 2, 0)]
    for version in range(3):
        for mode in range(3):
            start = bytes([version, 0]) + _program(TRACKING, ("subscribe", 0, mode), ("subscribe", 1, 0))
            yield (
                f"{version}{mode}-in-order",
                start + _program(TRACKING, many[0], *[("ack", n, 0) for n in range(6)]),
            )
            yield (
                f"{version}{mode}-last-first",
                start + _program(TRACKING, *many, *last_first),
            )
            yield (
                f"{version}{mode}-aborted",
                start
                + _program(
                    TRACKING, *many, begun, ("ack", 1, 3), ("begin", 1), ("ack", 3, 4), ("abort", 1), ("abort", 0),
                    ("ack", 1, 0),
                ),
            )  # fmt: skip
            yield (
                f"{version}{mode}-unsubscribed-in-a-transaction",
                start
                + _program(
                    TRACKING, *many, begun, ("ack", 1, 3), ("unsubscribe", 0), ("subscribe", 0, mode), ("abort", 0),
                    many[0], ("ack", 0, 0),
                ),
            )  # fmt: skip
            yield (
                f"{version}{mode}-delivered-again",
                start
                + _program(
                    TRACKING, ("deliver", 0, 0), ("deliver", 0, 1), ("deliver", 0, 0), ("ack", 0, 0), ("deliver", 0, 2),
                    ("deliver", 0, 1), ("ack", 1, 0), ("ack", 1, 0), ("deliver", 1, 1), ("ack", 2, 0),
                ),
            )  # fmt: skip
        start = bytes([version, 0]) + _program(TRACKING, ("subscribe", 0, 1), ("subscribe", 1, 0))
        again = ("deliver", 0, 0), ("deliver", 0, 1), ("deliver", 0, 0)
        yield (
            f"{version}-repeated-before-its-ack",
            start + _program(TRACKING, *again, ("ack", 0, 0), ("ack again", 1, 0), ("ack again", 0, 0)),
        )
        yield (
            f"{version}-repeated-behind-its-ack",
            start
            + _program(
                TRACKING, ("deliver many", 0), ("ack", 0, 0), ("ack", 1, 0), ("deliver", 0, 0), ("deliver", 0, 1),
                ("ack", 2, 0), ("ack again", 6, 0), ("ack again", 7, 0),
            ),
        )  # fmt: skip
        yield (
            f"{version}-covers-the-connection",
            bytes([version, 1])
            + _program(
                TRACKING, ("subscribe", 0, 0), ("subscribe", 1, 1), *many, ("deliver many", 0), ("ack", 8, 0)
            ),
        )
    yield from _random_programs(
        "tracking", 2, len(TRACKING), start=_program(TRACKING, ("subscribe", 0, 0), ("subscribe", 1, 1))
    )


def _growth() -> Seeds:
    settings = bytes([0, 0, 40])  # version, leniency, size of chunks
    frame = b"RECEIPT\nreceipt-id:1\n\n\0"
    repeated = {
        "frames": (frame, frame + b"\n", b"\n", b"\r\n", b"SEND\ncontent-length:3\n\nabc\0"),
        "header lines": (b"a:b\n", b"a:\\c\n", b"a:b\r\n"),
        "one line": (b"x", b"\\c", b"\\\\"),
        "body": (b"x", b"\n"),
    }
    shapes = list(SHAPES)
    for shape, pieces in repeated.items():
        for number, piece in enumerate(pieces):
            yield f"{shape.replace(' ', '-')}-{number}", bytes([shapes.index(shape)]) + settings + piece
    for mode in range(2):
        for is_backwards in range(2):
            name = f"acknowledge-{mode}-{'backwards' if is_backwards else 'forwards'}"
            yield name, bytes([shapes.index("acknowledge"), 0, 2, mode, mode, mode, 0, is_backwards, 1, 1])
    for ending in range(4):
        yield f"session-{ending}", bytes([shapes.index("session"), 0, 1, 2, 4, 1, ending])
        yield f"session-not-connected-{ending}", bytes([shapes.index("session"), 0, 3, 5, 0, 0, ending])


def _websocket() -> Seeds:
    frames = (
        b"\n",
        b"SEND\ndestination:/q\n\nx\0",
        "SEND\n\näöü€\0".encode(),
        "xäöü€ä€".encode(),
        b"SEND\n\n\xff\0",
        b"x" * 100,
    )
    sent = [
        (step, _piece(frame), times)
        for step in ("client sends", "server sends")
        for frame in frames
        for times in (0, 3)
    ]
    for size in range(3):
        for text in range(4):
            for chunk in (0, 6):
                yield f"ends-{size}-{text}-{chunk}", bytes([size | text << 2, chunk]) + _program(ENDS, *sent)
        yield f"whole-messages-{size}", bytes([32 | size, 6]) + _program(ENDS, *sent)
    yield "client-closes", b"\0\4" + _program(ENDS, sent[2], ("client closes", 0), sent[2], sent[-1], "end")
    yield (
        "server-closes",
        b"\0\4" + _program(ENDS, sent[2], ("server closes", 2), sent[2], sent[-1], "end", sent[0]),
    )
    raw = {
        "two-pings": b"\x89\x01a\x89\x01b",
        "many-frames": b"\x81\x01a\x82\x01b\x81\x01c",
        "fragments-around-a-ping": b"\x01\x01a\x89\x00\x80\x01b",
        "text-that-is-not-utf-8": b"\x81\x02\xff\xfe",
        "close-and-more": b"\x88\x02\x03\xe8\x81\x01a",
        "masked-by-a-server": b"\x81\x81abcdx",
        "reserved-bit": b"\xc1\x01a",
        "fragmented-ping": b"\x09\x00",
        "too-large": b"\x81\x7f\0\0\0\0\0\1\0\0",
        "a-frame-and-a-half": b"\x81\x01a\x81\x7d" + b"x" * 9,
    }
    for name, data in raw.items():
        for chunk in (0, 3):
            yield (
                f"peer-{name}-{chunk}",
                bytes([16, chunk, 1]) + _piece(data) + bytes([1]) + _piece(data) + b"\2",
            )


def _peers() -> Seeds:
    for entry in DIFFERENCES:
        for peer, found in entry["peers"].items():
            for kind, example in found["examples"].items():
                yield f"{entry['name']}-{peer}-{kind}", text_of(example)
    yield (
        "no-difference",
        b"MESSAGE\nsubscription:a\nmessage-id:1\ndestination:/q\ncontent-length:3\n\na\0b\0\n",
    )
    yield "undefined-escape-alone", b"SEND\ndestination:/q\nx:a\\tb\n\n\0"


def _random_programs(target: str, settings: int, steps: int, start: bytes = b"") -> Seeds:
    for number in range(_RANDOM):
        chosen = random.Random(f"{target} {number}")
        head = bytes(chosen.randrange(4) for _ in range(settings))
        yield f"random-{number}", head + start + bytes(chosen.randrange(steps) for _ in range(_STEPS))
