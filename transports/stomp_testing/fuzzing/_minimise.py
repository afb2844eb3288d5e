"""Make a script as short as it can be without losing its symptom: first steps, then headers, then bytes.

It is delta debugging: each candidate is played again. A function plays it, and returns whether it shows the same.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from stomp_core import ErrorCode

from ._script import Script, Send

__all__ = ["minimise"]

T = TypeVar("T")
#: A placeholder, or a byte.
_TOKEN = re.compile(rb"(?s)\$?\{[a-z0-9-]+\}|.")
_MOST_BYTES = 1000
_PLACEHOLDER = re.compile(rb"\{[a-z0-9-]+\}")
_NUMBER = re.compile(rb"(\{(?:message|ack)-)([0-9]+)\}")
_MOST_RENUMBERED = 3
_SIMPLER: tuple[Callable[[Send], Send], ...] = (
    lambda send: replace(send, wait=0.0),
    lambda send: replace(send, piece=0),
    lambda send: replace(send, joined=False),
)
#: The codes of what is wrong in a frame, whatever was sent before it.
_OF_BYTES = (
    ErrorCode.UNEXPECTED_BYTE, ErrorCode.NUL_BETWEEN_FRAMES, ErrorCode.UNKNOWN_COMMAND,
    ErrorCode.HEADER_WITHOUT_COLON, ErrorCode.EMPTY_HEADER_NAME, ErrorCode.UNDEFINED_ESCAPE, ErrorCode.BARE_CR,
    ErrorCode.NUL_IN_HEAD, ErrorCode.NOT_UTF8, ErrorCode.BAD_CONTENT_LENGTH, ErrorCode.FRAME_NOT_TERMINATED,
)  # fmt: skip


def minimise(
    script: Script,
    shows: Callable[[Script], bool],
    *,
    seconds: float = 10.0,
    most: int = 250,
    clock: Callable[[], float] = time.monotonic,
) -> Script:
    """Return the shortest script that was found.

    Args:
        script: one that shows the symptom.
        shows: plays a script, and returns whether it shows the same symptom.
        seconds: how long to try.
        most: how many candidates to try.
        clock: tells the seconds that have passed.
    """
    search = _Search(script, shows, clock, clock() + seconds, most)
    search.replace_last_frame()
    search.drop_steps()
    search.use_one_connection()
    search.simplify_steps()
    search.drop_headers()
    search.shorten_bodies()
    search.shorten_values()
    search.shorten_last_bytes()
    return search.best


class _Search:
    def __init__(
        self,
        script: Script,
        shows: Callable[[Script], bool],
        clock: Callable[[], float],
        end: float,
        most: int,
    ) -> None:
        self.best = script
        self._shows = shows
        self._clock = clock
        self._end = end
        self._left = most
        self._tried: set[Script] = {script}

    def _try(self, sends: Sequence[Send]) -> bool:
        candidate = self.best.with_sends(tuple(sends))
        if not sends or candidate in self._tried or self._left <= 0 or self._clock() > self._end:
            return False
        self._tried.add(candidate)
        self._left -= 1
        if not self._shows(candidate):
            return False
        self.best = candidate
        return True

    # ------------------------------------------------------------------ steps

    def replace_last_frame(self) -> None:
        """Put the header line that breaks a rule into a BEGIN, which needs nothing that goes before it."""
        first, last = self.best.sends[0], self.best.sends[-1]
        lines, _ = _split(last.data)
        if self.best.rule.code not in _OF_BYTES or len(self.best.sends) == 1 or len(last.data) > _MOST_BYTES:
            return
        for line in lines[1:]:
            data = b"BEGIN\ntransaction:1\n" + line + b"\n\n\0"
            if self._try([first, Send(data)]):
                return

    def use_one_connection(self) -> None:
        """Send everything on the first connection."""
        first = self.best.sends[0]
        connected: set[str] = {first.on}
        sends = []
        for send in self.best.sends:
            if send.on in connected and send.data:
                sends.append(replace(send, on=first.on))
            connected.add(send.on)  # the first one of a connection is its CONNECT
        if len(connected) > 1:
            self._try(sends)

    def drop_steps(self) -> None:
        """Leave out steps: halves, quarters, and in the end each alone."""
        _reduce(lambda: list(self.best.sends), self._try_renumbered)

    def _try_renumbered(self, sends: Sequence[Send]) -> bool:
        """Try these steps; and, since messages may be missing now, with smaller numbers in what names them."""
        if self._try(sends):
            return True
        dropped = sum(send.data.startswith(b"SEND") for send in self.best.sends) - sum(
            send.data.startswith(b"SEND") for send in sends
        )
        return any(
            self._try([replace(send, data=_renumbered(send.data, less)) for send in sends])
            for less in range(1, min(dropped, _MOST_RENUMBERED) + 1)
        )

    def simplify_steps(self) -> None:
        """Send each step whole, at once, and with answers awaited."""
        plain = [replace(send, wait=0.0, piece=0, joined=False) for send in self.best.sends]
        if self._try(plain):
            return
        for index in range(len(self.best.sends)):
            for change in _SIMPLER:
                self._try_change(index, change)

    def _try_change(self, index: int, change: Callable[[Send], Send]) -> bool:
        sends = list(self.best.sends)
        sends[index] = change(sends[index])
        return self._try(sends)

    def _try_data(self, index: int, data: bytes) -> bool:
        return self._try_change(index, lambda send: replace(send, data=data))

    # ------------------------------------------------------------------ headers and bodies

    def drop_headers(self) -> None:
        """Leave out header lines."""
        for index in range(len(self.best.sends)):

            def lines(index: int = index) -> list[bytes]:
                return _split(self.best.sends[index].data)[0][1:]

            def attempt(kept: Sequence[bytes], index: int = index) -> bool:
                head, rest = _split(self.best.sends[index].data)
                data = b"\n".join([head[0], *kept]) + rest
                return self._try_data(index, data)

            if lines():
                _reduce(lines, attempt, can_be_empty=True)

    def shorten_bodies(self) -> None:
        """Replace bodies by shorter ones; a content-length follows."""
        for index, send in enumerate(self.best.sends):
            lines, rest = _split(send.data)
            if not rest.endswith(b"\0") or len(rest) < 4:
                continue
            body = rest[2:-1] if rest.startswith(b"\n\n") else b""
            for shorter in (b"", body[:1], body[: len(body) // 2]):
                if body and len(shorter) < len(body):
                    head = [_with_length(line, len(body), len(shorter)) for line in lines]
                    data = b"\n".join(head) + b"\n\n" + shorter + b"\0"
                    if self._try_data(index, data):
                        break

    def shorten_values(self) -> None:
        """Replace long header values, everywhere at once: they are ids that other frames name."""
        for number, value in enumerate(sorted(set(self._values()), key=len, reverse=True)):
            short = b"%d" % number
            sends = [
                replace(send, data=send.data.replace(b":" + value + b"\n", b":" + short + b"\n"))
                for send in self.best.sends
            ]
            if len(short) < len(value):
                self._try(sends)

    def _values(self) -> Iterator[bytes]:
        for send in self.best.sends:
            for line in _split(send.data)[0][1:]:
                value = line.partition(b":")[2]
                if len(value) > 1 and not _PLACEHOLDER.search(value):
                    yield value

    def shorten_last_bytes(self) -> None:
        """Leave out bytes of the last head if its bytes break the rule, and not what was sent before it."""
        data = self.best.sends[-1].data
        if self.best.rule.code not in _OF_BYTES or len(data) > _MOST_BYTES:
            return

        # Without the blank line, what follows would be part of the head.
        _, blank, rest = data.partition(b"\n\n")

        def attempt(kept: Sequence[bytes]) -> bool:
            return self._try_data(-1, b"".join(kept) + blank + rest)

        _reduce(lambda: _TOKEN.findall(self.best.sends[-1].data.partition(b"\n\n")[0]), attempt)


def _reduce(
    items: Callable[[], list[T]], attempt: Callable[[Sequence[T]], bool], can_be_empty: bool = False
) -> None:
    """Leave out pieces of a list as long as an attempt without them succeeds."""
    size = max(1, len(items()) // 2)
    while True:
        changed, position = False, 0
        while position < len(current := items()):
            kept = current[:position] + current[position + size :]
            if (kept or can_be_empty) and attempt(kept):
                changed = True
            else:
                position += size
        if size == 1 and not changed:
            return
        size = max(1, size // 2)


def _split(data: bytes) -> tuple[list[bytes], bytes]:
    """Return the lines of a head, and the rest from its blank line on."""
    position = data.find(b"\n\n")
    if position < 0:
        return [data], b""
    return data[:position].split(b"\n"), data[position:]


def _renumbered(data: bytes, less: int) -> bytes:
    return _NUMBER.sub(lambda match: match[1] + b"%d}" % max(1, int(match[2]) - less), data)


def _with_length(line: bytes, old: int, new: int) -> bytes:
    return b"content-length:%d" % new if line == b"content-length:%d" % old else line
