"""What we accept and what stomp.py, stompman and stompest accept: every difference is explained in a table.

The table is `differences.json`. Where our parser refuses the first frame, the entry has the code of our error for its
name. The other entries have a condition in :data:`CONDITIONS` or :data:`LINES`, which says when they may occur and what
may be different. A difference that no entry explains is a finding: either we read something wrong, or a peer does, and
then it gets an entry. The section "What this library and others accept" of docs/fuzzing.md is made of the table by
`python -m fuzz.page`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from .readers import INCOMPLETE, PEERS, Outcome, Read, Refused, ours

__all__ = [
    "CONDITIONS",
    "DIFFERENCES",
    "LINES",
    "Difference",
    "differences",
    "kind_of",
    "peers",
    "text_of",
]

_HANDSHAKE = ("CONNECT", "STOMP", "CONNECTED")
#: The table: see `differences.json`.
DIFFERENCES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "differences.json").read_text(encoding="utf-8")
)


class Difference(NamedTuple):
    """What one peer makes of a stream that we read otherwise.

    Attributes:
        peer: its name.
        name: the entry of the table that explains it; ``None`` if nothing does.
        ours: what we make of it.
        theirs: what the peer makes of it.
    """

    peer: str
    name: str | None
    ours: Outcome
    theirs: Outcome


def peers(data: bytes) -> None:
    """Check that every difference between our parser and those of others is explained. The input is the stream."""
    for found in differences(data):
        assert found.name is not None, (
            f"not explained in fuzz/differences.json: of {data!r} {found.peer} makes {found.theirs!r}, "
            f"and we make {found.ours!r}"
        )


def differences(stream: bytes) -> list[Difference]:
    """Return what the peers read otherwise than we do. Reasons to refuse are not compared."""
    mine = ours(stream)
    found = []
    for peer, read in PEERS.items():
        theirs = read(stream)
        if theirs == mine or (isinstance(mine, Refused) and isinstance(theirs, Refused)):
            continue
        found.append(Difference(peer, _explanation(peer, stream, mine, theirs), mine, theirs))
    return found


def kind_of(outcome: Outcome) -> str:
    """Return ``"frame"``, ``"refused"`` or ``"nothing"``."""
    return "frame" if isinstance(outcome, Read) else "refused" if isinstance(outcome, Refused) else INCOMPLETE


def _explanation(peer: str, stream: bytes, mine: Outcome, theirs: Outcome) -> str | None:
    """Return the first entry of the table that explains a difference."""
    entries: list[str] = [
        entry["name"]
        for entry in DIFFERENCES
        if kind_of(theirs) in entry["peers"].get(peer, {}).get("examples", {})
    ]
    if isinstance(mine, Refused) and mine.code in entries:
        return mine.code
    for name in entries:
        condition = CONDITIONS.get(name)
        if condition is not None and condition(stream, theirs):
            return name
    # The others are about a single header each, and a frame may have several such headers.
    found = {name: lines for name in entries if (lines := _lines_like(name, stream))}
    return next(iter(found), None) if _differ_only_in(set().union(*found.values()), mine, theirs) else None


# ---------------------------------------------------------------------- differences in what is no error


def _head(stream: bytes) -> bytes:
    """Return the head as we read it, without the line ends before it."""
    stream = stream.lstrip(b"\r\n")
    blank = re.search(rb"\n\r?\n", stream)
    return stream if blank is None else stream[: blank.end()]


def _lines_like(name: str, stream: bytes) -> set[bytes]:
    """Return the header lines that an entry of the table is about."""
    affects = LINES.get(name)
    if affects is None:
        return set()
    command, *lines = _head(stream).replace(b"\r\n", b"\n").split(b"\n")
    return {line for line in lines if affects(command.decode(), line)}


def _differ_only_in(lines: set[bytes], mine: Outcome, theirs: Outcome) -> bool:
    """Return whether two frames are the same, but for the headers in these lines."""
    if not isinstance(mine, Read) or not isinstance(theirs, Read):
        return False
    if (mine.command, mine.body) != (theirs.command, theirs.body):
        return False
    # A line that a peer reads otherwise may take the name of another header, and hide it: one more is different then.
    return len(set(mine.headers.items()) ^ set(theirs.headers.items())) <= 3 * len(lines)


def _colon_in_value(stream: bytes, theirs: Outcome) -> bool:
    lines = _head(stream).split(b"\n")[1:]
    return isinstance(theirs, Refused) and any(line.count(b":") > 1 for line in lines)


def _undefined_escape_in_stomp(stream: bytes, theirs: Outcome) -> bool:
    head = _head(stream)
    return isinstance(theirs, Refused) and head.startswith(b"STOMP") and b"\\" in head


def _content_length_in_any_case(stream: bytes, theirs: Outcome) -> bool:
    names = {line.partition(b":")[0] for line in _head(stream).split(b"\n")[1:]}
    # stompman has dropped the escapes that it does not know before it compares the name.
    return any(
        name != b"content-length" and re.sub(rb"\\.", b"", name).lower().endswith(b"content-length")
        for name in names
    )


#: Differences in where a frame ends: whether an entry may apply to a stream, of which the peer makes this.
CONDITIONS: dict[str, Callable[[bytes, Outcome], bool]] = {
    "line-ends-mixed": lambda stream, theirs: b"\r\n" in _head(stream),
    # stomp.py loses the frame, and may return what comes behind it.
    "line-ends-before-a-frame": lambda stream, theirs: stream.startswith((b"\n\n", b"\r\n", b"\n\r\n")),
    "colon-refused": _colon_in_value,
    "undefined-escape-in-stomp": _undefined_escape_in_stomp,
    "content-length-in-any-case": _content_length_in_any_case,
}
#: Differences in a single header: whether an entry is about this header line of a frame with this command.
LINES: dict[str, Callable[[str, bytes], bool]] = {
    "escapes-in-the-handshake": lambda command, line: b"\\" in line and command in _HANDSHAKE,
    "backslashes": lambda command, line: b"\\" in line,
    "colon-in-a-value": lambda command, line: line.count(b":") > 1,
}


def text_of(example: str) -> bytes:
    """Return the bytes of an example: the table has one character for each byte."""
    return example.encode("latin-1")
