"""StompPieces: a stream of STOMP, cut into the pieces that a proxy can treat apart: frames and line ends.

Joined, the pieces are the stream, byte for byte. Where it is cut depends on the stream only, not on the chunks.
"""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["Piece", "StompPieces"]

_CR, _LF = 13, 10
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_CONTENT_LENGTH = re.compile(rb"\ncontent-length:[ ]*([0-9]{1,12})[ \r\n]")


class Piece(NamedTuple):
    """A piece of a stream.

    Attributes:
        kind: ``"frame"``, with its NUL; ``"heart-beat"``, a line end between frames; ``"line-end"``, the one directly
            behind a frame; ``"other"``, what is not STOMP.
        data: its bytes.
    """

    kind: str
    data: bytes

    @property
    def command(self) -> str:
        """The command of a frame."""
        return self.data.split(b"\n", 1)[0].rstrip(b"\r\0").decode("latin-1")


class StompPieces:
    """Cuts one stream of STOMP, whatever its version.

    No FrameParser: one that tolerates every violation costs ten times as much, and everything passes here. In what is
    not STOMP, TLS for example, there are no frames.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()  # what was received since the end of the last piece
        self._needed = 0  # how many bytes the unfinished frame has, as far as that is known
        self._ends_at_nul = False  # its head is complete, and names no length
        self._searched = 0  # in so many bytes of it there is no NUL, if it ends at one
        self._is_stomp = True
        self._after_frame = False

    @property
    def unfinished(self) -> bytes:
        """The beginning of the next piece."""
        return bytes(self._buffer)

    def read(self, data: bytes) -> list[Piece]:
        """Return the pieces that are complete with the next bytes."""
        if not self._is_stomp:
            return [Piece("other", data)] if data else []
        self._buffer += data
        if len(self._buffer) < self._needed:
            return []
        pieces: list[Piece] = []
        position = 0
        while (piece := self._next(position)) is not None:
            pieces.append(piece)
            position += len(piece.data)
        del self._buffer[:position]
        self._needed = max(self._needed - position, 0)
        self._searched = len(self._buffer)
        return pieces

    def _next(self, position: int) -> Piece | None:
        """Return the piece that begins here, if it is complete."""
        buffer = self._buffer
        if position == len(buffer):
            return None
        first = buffer[position]
        if first in (_CR, _LF):
            return self._line_end(position)
        if not 0x41 <= first <= 0x5A:  # no command begins like this
            self._is_stomp = False
            return Piece("other", bytes(buffer[position:]))
        end = self._end_of_frame(position)
        if not end:
            return None
        self._after_frame = True
        return Piece("frame", bytes(buffer[position:end]))

    def _line_end(self, position: int) -> Piece | None:
        buffer = self._buffer
        size = 1
        if buffer[position] == _CR:
            if position + 1 == len(buffer):
                return None
            if buffer[position + 1] != _LF:
                return Piece("other", b"\r")
            size = 2
        kind = "line-end" if self._after_frame else "heart-beat"
        self._after_frame = False
        return Piece(kind, bytes(buffer[position : position + size]))

    def _end_of_frame(self, position: int) -> int:
        """Return the end of the frame that begins here; 0 if it is not known yet, or not received."""
        buffer = self._buffer
        size = len(buffer)
        if self._ends_at_nul:
            end = buffer.find(0, self._searched) + 1
        else:
            end = self._end_by_head(position)
        if end > size:
            self._needed = end
            return 0
        if end:
            self._ends_at_nul = False
        return end

    def _end_by_head(self, start: int) -> int:
        """Return the end as far as the head tells it, perhaps behind what was received; 0 if nothing tells it."""
        buffer = self._buffer
        head = _HEAD_END.search(buffer, start)
        if head is None:
            return buffer.find(0, start) + 1
        length = _CONTENT_LENGTH.search(buffer, start, head.end())
        if length is not None:
            return head.end() + int(length[1]) + 1
        self._ends_at_nul = True
        return buffer.find(0, start) + 1
