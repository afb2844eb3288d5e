"""Fault: one thing that a FaultProxy does to connections, as data; the table of all of them; and their grammar.

.. code-block:: text

    FAULT     = [ "to-server:" | "to-client:" ] NAME [ "=" VALUE ] { "@" CONDITION }
    CONDITION = "frame=" FRAMES | FRAMES | "before=" FRAMES | "byte=" NUMBER | "after=" TIME
              | "offset=" NUMBER | "connection=" ( NUMBER | "each" )
    FRAMES    = COMMAND [ ":" WHICH ] | "heart-beat" [ ":" WHICH ] | WHICH
    WHICH     = NUMBER [ "+" [ NUMBER ] ] | "every-" NUMBER | "all"
    TIME      = NUMBER [ "s" | "ms" ]

``parse_fault`` reads it, and ``str()`` of a fault writes it. docs/reference/faults.md explains it to users.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from stomp_core import CLIENT_RECEIVES, CLIENT_SENDS

__all__ = [
    "ENDINGS",
    "FAULTS",
    "HEART_BEAT",
    "Direction",
    "Fault",
    "FaultKind",
    "directions_of",
    "parse_fault",
    "parse_faults",
]

HEART_BEAT = "heart-beat"
_DIRECTIONS_OF_COMMANDS = {
    "to-server": frozenset(command for state in CLIENT_SENDS.values() for command in state),
    "to-client": frozenset(command for state in CLIENT_RECEIVES.values() for command in state),
}
_NUMBER = re.compile(r"[0-9]{1,15}")
_WHICH = re.compile(
    r"(?:(?P<all>all)|every-(?P<every>[0-9]{1,15})|(?P<first>[0-9]{1,15})(?P<on>\+(?P<step>[0-9]{1,15})?)?)"
)
_TIME = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(s|ms)?")


class Direction(StrEnum):
    """A direction of bytes.

    Attributes:
        TO_SERVER: from the client to the server.
        TO_CLIENT: from the server to the client.
    """

    TO_SERVER = "to-server"
    TO_CLIENT = "to-client"


# ---------------------------------------------------------------------- the table


@dataclass(frozen=True, slots=True)
class FaultKind:
    """What a name means.

    Attributes:
        meaning: what happens.
        places: where it can happen: ``"frame"``, ``"before"`` (a frame), ``"byte"``, ``"after"`` (a time), and ``""``
            for a fault that lasts from the beginning.
        value: what the value is: ``"size"`` in bytes, ``"seconds"``, ``"text"``, or ``""`` if there is none.
        default: the value, if none is given; ``None`` if there need not be one.
        needs_value: whether one must be given.
        on_heart_beats: whether it can be done to a heart-beat.
        directed: whether it can be limited to one direction; otherwise a direction is for counting only.
    """

    meaning: str
    places: tuple[str, ...]
    value: str = ""
    default: float | str | None = None
    needs_value: bool = False
    on_heart_beats: bool = True
    directed: bool = True


_A_PLACE = ("frame", "before", "byte", "after")
_ALWAYS = ("",)

#: Each fault by its name.
FAULTS: dict[str, FaultKind] = {
    "swallow": FaultKind("the frame or heart-beat is not passed on", ("frame",)),
    "duplicate": FaultKind("the frame or heart-beat is passed on twice", ("frame",)),
    "error": FaultKind(
        "the frame is not passed on; the client gets an ERROR with this text and the receipt-id of the frame, and both "
        "connections are closed",
        ("frame",),
        "text",
        "error made by the proxy",
        on_heart_beats=False,
    ),
    "corrupt": FaultKind(
        "all bits of one byte are inverted: that byte, or a byte of the frame that the seed chooses",
        ("frame", "byte"),
    ),
    "delay": FaultKind(
        "the frame and everything after it is delayed by this much; without a frame, each chunk of bytes is",
        ("", "frame"),
        "seconds",
        0.1,
    ),
    "split": FaultKind(
        "the frame, or everything, is written in pieces of this size", ("", "frame"), "size", 1
    ),
    "coalesce": FaultKind("bytes are held back until this many have arrived", _ALWAYS, "size", 4096),
    "coalesce-time": FaultKind(
        "the longest time for which `coalesce` holds bytes back", _ALWAYS, "seconds", 0.05
    ),
    "drop": FaultKind("all bytes from here on are discarded", ("", *_A_PLACE)),
    "stall": FaultKind(
        "nothing passes from here on, for this time or until `resume`; connections stay open, and if one side closes, "
        "the other side learns it only afterwards",
        ("", *_A_PLACE),
        "seconds",
    ),
    "half-open": FaultKind(
        "the connection is dead from here on: nothing is read or written any more, and no FIN or RST is passed on",
        ("", *_A_PLACE),
        directed=False,
    ),
    "cut": FaultKind("both sides are closed with a FIN here", _A_PLACE),
    "reset": FaultKind("both sides are closed with a RST here", _A_PLACE),
    "random-cut": FaultKind(
        "each new connection ends after a random number of bytes, this many on average, with a FIN or a RST",
        _ALWAYS,
        "size",
        needs_value=True,
        directed=False,
    ),
    "refuse": FaultKind("new connections are refused", _ALWAYS, directed=False),
}
#: Faults that happen at a place in the stream of bytes: behind a frame, before it, or after a number of bytes.
ENDINGS = frozenset({"drop", "stall", "half-open", "cut", "reset"})
#: Faults of the whole proxy.
_OF_ALL_CONNECTIONS = frozenset({"coalesce-time", "random-cut", "refuse"})


# ---------------------------------------------------------------------- one fault


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, and where it strikes.

    Without ``direction``, bytes and frames of both directions count together. Counting begins for each connection when
    it is accepted, or when the fault is added if that is later. A fault with one place strikes once, on the first
    connection that reaches the place; with ``each_connection`` it strikes once on each.

    Args:
        name: one of :data:`stomp_testing.FAULTS`.
        value: seconds, a size in bytes, or the text of an ERROR; ``None`` is the default of the name.
        direction: ``"to-server"`` or ``"to-client"``: which bytes and frames count, and are affected.
        frame: strike at frames with this command; ``"any"`` is every command, ``"heart-beat"`` a line end between
            frames. The first line end behind a frame belongs to the frame and does not count, as in the parser.
        before: ``frame`` names the frame before which it strikes, and not the one behind which.
        first: the number of the frame, from 1.
        every: 0 strikes at that frame only, ``n`` also at each n-th frame behind it.
        offset: bytes from there to the place; negative ones are inside of the frame, or before it.
        byte: strike when so many bytes have passed; ``corrupt`` strikes the byte with this number, from 1.
        after: strike so many seconds after the connection was accepted, or the fault added.
        connection: the number of the only connection that it strikes, from 1.
        each_connection: strike on each connection.

    Raises:
        ValueError: there is no such fault, or it cannot be had at this place, or a number is out of its range.

    >>> str(Fault("swallow", frame="RECEIPT", first=2))
    'swallow@frame=RECEIPT:2'
    """

    name: str
    value: float | str | None = None
    direction: Direction | str | None = None
    frame: str | None = None
    before: bool = False
    first: int = 1
    every: int = 0
    offset: int = 0
    byte: int | None = None
    after: float | None = None
    connection: int | None = None
    each_connection: bool = False

    def __post_init__(self) -> None:
        kind = FAULTS.get(self.name)
        if kind is None:
            raise ValueError(f"a fault is one of {', '.join(FAULTS)}, got {self.name!r}")
        self._set("direction", _direction(self.direction))
        if self.direction is not None and not kind.directed and not self.place:
            raise ValueError(f"{self.name} has no direction, got {self.direction}")
        self._check_value(kind)
        self._check_place(kind)
        self._check_numbers()

    @property
    def place(self) -> str:
        """Where it strikes: ``"frame"``, ``"before"``, ``"byte"``, ``"after"``; ``""`` is from the beginning."""
        if self.frame is not None:
            return "before" if self.before else "frame"
        if self.byte is not None:
            return "byte"
        return "" if self.after is None else "after"

    @property
    def strikes_once(self) -> bool:
        """Whether it is used up once it has struck."""
        return bool(self.place) and not self.every and not self.each_connection

    def strikes(self, number: int) -> bool:
        """Return whether it strikes at a frame.

        Args:
            number: the number of the frame, from 1.
        """
        if number == self.first:
            return True
        return bool(self.every) and number > self.first and (number - self.first) % self.every == 0

    def __str__(self) -> str:
        return "".join(self._parts())

    def _parts(self) -> Iterator[str]:
        if self.direction is not None:
            yield f"{self.direction}:"
        yield self.name
        if self.value is not None:
            yield f"={self.value:g}" if isinstance(self.value, float) else f"={self.value}"
        if self.frame is not None:
            command = "" if self.frame == "any" else f"{self.frame}:"
            yield f"@{self.place}={command}{self._which()}"
        if self.byte is not None:
            yield f"@byte={self.byte}"
        if self.after is not None:
            yield f"@after={self.after:g}s"
        if self.offset:
            yield f"@offset={self.offset}"
        if self.connection is not None:
            yield f"@connection={self.connection}"
        if self.each_connection:
            yield "@connection=each"

    def _which(self) -> str:
        if not self.every:
            return str(self.first)
        if self.every == 1:
            return "all" if self.first == 1 else f"{self.first}+"
        return f"every-{self.every}" if self.first == self.every else f"{self.first}+{self.every}"

    # ------------------------------------------------------------------ checks

    def _set(self, field: str, value: object) -> None:
        object.__setattr__(self, field, value)

    def _check_value(self, kind: FaultKind) -> None:
        value = self.value
        if not kind.value:
            if value is not None:
                raise ValueError(f"{self.name} has no value, got {value!r}; {_where(self.name, kind)}")
        elif value is None:
            if kind.needs_value:
                raise ValueError(f"{self.name} needs a value: {self.name}={_EXAMPLES[kind.value]}")
            self._set("value", kind.default)
        elif kind.value == "text":
            if not isinstance(value, str) or not value.isprintable() or not value:
                raise ValueError(f"the text of {self.name} must be printable and not empty, got {value!r}")
        elif isinstance(value, str | bool) or not math.isfinite(value) or value <= 0:
            number = "whole number of bytes" if kind.value == "size" else "number of seconds"
            raise ValueError(f"the value of {self.name} must be a {number} above 0, got {value!r}")
        elif kind.value == "seconds":
            self._set("value", float(value))
        elif value != int(value):
            raise ValueError(f"the value of {self.name} must be a whole number of bytes, got {value!r}")
        else:
            self._set("value", int(value))

    def _check_place(self, kind: FaultKind) -> None:
        if sum(place is not None for place in (self.frame, self.byte, self.after)) > 1:
            raise ValueError(f"a fault has one of frame, byte and after, got {self}")
        if self.frame is not None:
            command = self.frame if self.frame in ("any", HEART_BEAT) else self.frame.upper()
            directions = directions_of(command)
            if not directions:
                raise ValueError(f"a frame is a command of STOMP, any or heart-beat, got {self.frame!r}")
            if self.direction is not None and self.direction not in directions:
                raise ValueError(f"{command} is sent {directions[0]}, got {self.direction}")
            if command == HEART_BEAT and not kind.on_heart_beats:
                raise ValueError(f"{self.name} is for frames, not for heart-beats")
            self._set("frame", command)
        elif self.before:
            raise ValueError("before needs a frame")
        if self.place not in kind.places:
            got = f"@{self.place}" if self.place else "no place"
            raise ValueError(f"{_where(self.name, kind)}, got {got}")
        if self.offset and (self.frame is None or self.name not in ENDINGS):
            raise ValueError(
                f"offset is for {', '.join(sorted(ENDINGS))} at a frame, got {self.name}@offset={self.offset}"
            )
        if self.name in _OF_ALL_CONNECTIONS and (self.connection is not None or self.each_connection):
            raise ValueError(f"{self.name} is for all connections: leave out @connection")
        if self.connection is not None and self.each_connection:
            raise ValueError("a fault is for one connection or for each, got both")

    def _check_numbers(self) -> None:
        for name, number, least in (
            ("the number of a frame", self.first, 1),
            ("every", self.every, 0),
            ("byte", 1 if self.byte is None else self.byte, 1 if self.name == "corrupt" else 0),
            ("connection", 1 if self.connection is None else self.connection, 1),
        ):
            if number < least:
                raise ValueError(f"{name} must be at least {least}, got {number}")
        if self.after is not None and not (math.isfinite(self.after) and self.after >= 0):
            raise ValueError(f"after must be a number of seconds, 0 or more, got {self.after!r}")


def directions_of(frame: str) -> list[Direction]:
    """Return the directions in which a frame is sent: one of each command, both of ``any`` and ``heart-beat``."""
    return [
        direction
        for direction in Direction
        if frame in ("any", HEART_BEAT) or frame in _DIRECTIONS_OF_COMMANDS[direction]
    ]


_EXAMPLES = {"size": "1000", "seconds": "0.5s", "text": "text"}


def _where(name: str, kind: FaultKind) -> str:
    """Return where a fault can strike, as it is written."""
    forms = {
        "": name,
        "frame": f"{name}@frame=SEND:2",
        "before": f"{name}@before=SEND:2",
        "byte": f"{name}@byte=100",
        "after": f"{name}@after=2.5s",
    }
    return f"write {' or '.join(forms[place] for place in kind.places)}"


def _direction(direction: Direction | str | None) -> Direction | None:
    if direction is None:
        return None
    if direction not in tuple(Direction):
        raise ValueError(f"direction must be to-server or to-client, got {direction!r}")
    return Direction(direction)


# ---------------------------------------------------------------------- the grammar


def parse_faults(text: str) -> list[Fault]:
    """Read faults, separated by commas.

    Args:
        text: as in ``"delay=0.1s,cut@frame=SEND:3"``.

    Raises:
        ValueError: one of them cannot be read as a fault. The error says what is wrong with it.
    """
    return [parse_fault(part.strip()) for part in text.split(",")]


def parse_fault(text: str) -> Fault:
    """Read a fault.

    Args:
        text: as in ``"swallow@receipt"`` or ``"to-client:stall=2s@byte=100@connection=2"``.

    Raises:
        ValueError: the text cannot be read as a fault. The error says what is wrong with it.

    >>> parse_fault("error@frame=send:2")
    Fault(name='error', value='error made by the proxy', direction=None, frame='SEND', before=False, first=2, every=0, \
offset=0, byte=None, after=None, connection=None, each_connection=False)
    """
    head, *conditions = text.split("@")
    named, equals, value = head.partition("=")
    direction, colon, name = named.rpartition(":")
    fields: dict[str, object] = {}
    if colon:
        fields["direction"] = _direction(direction)
    kind = FAULTS.get(name)
    if equals and kind is not None:
        fields["value"] = _value(kind, value)
    for condition in conditions:
        found = _condition(condition)
        if fields.keys() & found.keys():
            raise ValueError(
                f"@{condition} in {text!r} stands beside another condition of its kind: leave out one"
            )
        fields |= found
    return Fault(name, **fields)  # type: ignore[arg-type]


def _value(kind: FaultKind, text: str) -> float | str:
    if kind.value == "seconds":
        return _seconds(text)
    if kind.value == "size" and _NUMBER.fullmatch(text):
        return int(text)
    return text


def _condition(text: str) -> dict[str, object]:
    name, equals, value = text.partition("=")
    match name if equals else "":
        case "frame" | "before":
            return _frames(value) | ({"before": True} if name == "before" else {})
        case "byte":
            return {"byte": _whole(name, value)}
        case "after":
            return {"after": _seconds(value)}
        case "offset":
            sign = -1 if value.startswith("-") else 1
            return {"offset": sign * _whole(name, value.removeprefix("-").removeprefix("+"))}
        case "connection":
            return {"each_connection": True} if value == "each" else {"connection": _whole(name, value)}
        case "" if text and not equals:
            return _frames(text)
    raise ValueError(
        f"a condition is frame=, before=, byte=, after=, offset= or connection=, or a command, got {text!r}"
    )


def _frames(text: str) -> dict[str, object]:
    command, colon, which = text.partition(":")
    if not colon and _WHICH.fullmatch(text):
        command, which = "any", text
    found = _WHICH.fullmatch(which or "1")
    if found is None or (colon and not which):
        raise ValueError(f"which frame is 2, 2+ (and all behind it), every-2 or all, got {which!r}")
    frame: dict[str, object] = {
        "frame": command.lower() if command.lower() == HEART_BEAT else command.upper()
    }
    if command == "any":
        frame = {"frame": "any"}
    if found["all"]:
        return frame | {"first": 1, "every": 1}
    if found["every"]:
        return frame | {"first": int(found["every"]), "every": int(found["every"])}
    return frame | {"first": int(found["first"]), "every": int(found["step"] or 1) if found["on"] else 0}


def _whole(name: str, text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{name} must be a whole number, got {text!r}")
    return int(text)


def _seconds(text: str) -> float:
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError(f"a time is a number of seconds, or has a unit: 2.5, 2.5s or 250ms, got {text!r}")
    return float(found[1]) / (1000 if found[2] == "ms" else 1)
