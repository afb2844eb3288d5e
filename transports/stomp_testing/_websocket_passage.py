"""WebSocketPassage: what of one direction of a WebSocket is passed on, when faults strike STOMP frames in it.

A WebSocket frame leaves as it came, unless something in it was changed. Then it is made anew: with the same mask, and
without compression. The frames of one compressed message can only be made anew together, so they leave together. What
follows a changed message of a compressed stream is made anew, too, because the receiver has no longer the window that
the sender compresses with.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator

from ._stomp_pieces import Piece, StompPieces
from ._verdict import Decide, Verdict, verdict_on
from ._websocket_reader import Part, is_compressed, is_final, is_message, with_payload

__all__ = ["WebSocketPassage"]


class _Group:
    """WebSocket frames that leave together: those of one compressed message; any other frame is alone.

    Attributes:
        carriers: of the frames.
        is_complete: whether the last one has come.
        has_left: whether one of them has left as it came, and the others must, too.
    """

    def __init__(self, *, is_complete: bool) -> None:
        self.carriers: list[_Carrier] = []
        self.is_complete = is_complete
        self.has_left = False

    @property
    def is_settled(self) -> bool:
        """Whether it is known what becomes of every frame."""
        return self.is_complete and not any(carrier.open for carrier in self.carriers)


class _Carrier:
    """A WebSocket frame, or a piece of HTTP, that has not left.

    Attributes:
        part: what came.
        left: so many of its bytes have left already.
        group: the frames with which it leaves.
        open: how many bytes of its payload belong to a piece that is not complete.
        payload: what its payload is now.
        verdict: what happens to it.
    """

    def __init__(self, part: Part, left: int, group: _Group) -> None:
        self.part = part
        self.left = left
        self.group = group
        group.carriers.append(self)
        self.open = len(part.payload) if part.is_stomp else 0
        self.payload = b""
        self.changed = False
        self.verdict = Verdict(part.raw[left:])

    @property
    def is_fixed(self) -> bool:
        """Whether it must leave as it came."""
        return self.left > 0 or self.group.has_left


class WebSocketPassage:
    """The bytes of one direction, from the HTTP request or answer on.

    Args:
        read: returns the parts that are complete with the next bytes.
        decide: called for each STOMP frame and heart-beat.
        holds: returns whether a STOMP frame must be complete before it leaves.
        left: so many of the first bytes have left already.
    """

    def __init__(
        self, read: Callable[[bytes], Iterable[Part]], decide: Decide, holds: Callable[[], bool], left: int
    ) -> None:
        self._read = read
        self._decide = decide
        self._holds = holds
        self._pieces = StompPieces()
        self._carriers: deque[_Carrier] = deque()
        self._raw = bytearray()  # what came of the next WebSocket frame
        self._left = left  # so many bytes of it have left already
        self._begun = 0  # so many bytes of the incomplete piece have left already
        self._group: _Group | None = None  # of the compressed message whose frames are read
        self._made_anew = False  # a compressed frame was changed
        self._is_broken = False  # what follows is not read

    def receive(self, data: bytes) -> Iterator[Verdict]:
        """Take the next bytes, and yield what leaves now."""
        self._raw += data
        for part in self._read(data):
            self._take(part)
            while self._carriers and self._carriers[0].group.is_settled:
                yield self._finished(self._carriers.popleft())
        if self._is_broken or not self._holds():
            yield from self.release()

    def release(self) -> list[Verdict]:
        """Return everything that is held back, which leaves now."""
        verdicts = []
        while self._carriers:
            carrier = self._carriers.popleft()
            carrier.group.has_left = True
            self._begun += carrier.open
            # What is open belongs to no frame that could have been changed yet.
            carrier.payload += carrier.part.payload[len(carrier.part.payload) - carrier.open :]
            verdicts.append(self._finished(carrier))
        if not self._made_anew:  # the beginning of a frame that will be made anew cannot leave
            rest = bytes(self._raw[self._left :])
            self._left = len(self._raw)
            if rest:
                verdicts.append(Verdict(rest))
        return verdicts

    def _take(self, part: Part) -> None:
        size = len(part.raw)
        left = min(self._left, size)
        self._left -= left
        del self._raw[:size]
        self._is_broken = part.kind == "broken"
        self._carriers.append(_Carrier(part, left, self._group_of(part)))
        if part.is_stomp:
            for piece in self._pieces.read(part.payload):
                self._place(piece)

    def _group_of(self, part: Part) -> _Group:
        if not part.is_stomp:
            return _Group(is_complete=True)
        if part.kind != "continuation":
            self._group = _Group(is_complete=False) if is_compressed(part.raw) else None
        if self._group is None:
            return _Group(is_complete=True)
        self._group.is_complete = is_final(part.raw)
        return self._group

    def _place(self, piece: Piece) -> None:
        """Put a complete piece into the carriers in which it came."""
        begun = min(self._begun, len(piece.data))
        self._begun -= begun
        carriers = self._carriers_of(len(piece.data) - begun)
        if not carriers:
            return  # all of it has left
        fixed = bool(begun) or any(carrier.is_fixed for carrier, _ in carriers)
        verdict = verdict_on(self._decide, piece, begun=fixed)
        changed = not fixed and verdict.data != piece.data
        position = begun
        for carrier, size in carriers:
            carrier.open -= size
            carrier.changed |= changed
            if not changed:
                carrier.payload += piece.data[position : position + size]
            position += size
        if changed:
            carriers[-1][0].payload += verdict.data
        carriers[0][0].verdict.before += verdict.before
        verdict.before = []
        carriers[-1][0].verdict.add(verdict)

    def _carriers_of(self, size: int) -> list[tuple[_Carrier, int]]:
        """Return the carriers of the next bytes of payload, and how many of these bytes each has."""
        found = []
        for carrier in self._carriers:
            taken = min(carrier.open, size)
            if taken:
                found.append((carrier, taken))
                size -= taken
        return found

    def _finished(self, carrier: _Carrier) -> Verdict:
        """Return what leaves of a carrier."""
        part, verdict = carrier.part, carrier.verdict
        changed = any(other.changed for other in carrier.group.carriers)
        if not part.is_stomp or carrier.left or not (changed or self._made_anew):
            return verdict
        self._made_anew = self._made_anew or is_compressed(part.raw)
        # A message without a payload would be taken for something else than no message.
        is_empty = not carrier.payload and is_message(part.raw)
        verdict.data = b"" if is_empty else with_payload(part.raw, carrier.payload)
        return verdict
