"""Passage: what of the bytes of one direction is written to the other side, frame by frame. No I/O and no clock.

Bytes come in any chunks. As long as no fault waits for a frame of this direction they leave at once. If one does, a
frame leaves when it is complete, and is decided about when everything before it has left: what happens to it depends on
nothing but the bytes before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ._stomp_pieces import StompPieces
from ._verdict import Decide, Verdict, verdict_on
from ._websocket_passage import WebSocketPassage
from ._websocket_reader import Opening

__all__ = ["Passage"]


class Passage:
    """The bytes of one direction of a connection, with WebSocket or without it.

    Args:
        direction: ``"to-server"`` or ``"to-client"``.
        opening: of the connection, shared by both directions.
        decide: called for each frame and heart-beat.
        holds: returns whether a frame must be complete before it leaves.
    """

    def __init__(self, direction: str, opening: Opening, decide: Decide, holds: Callable[[], bool]) -> None:
        self._direction = direction
        self._opening = opening
        self._decide = decide
        self._holds = holds
        self._pieces = StompPieces()
        self._left = 0  # so many bytes of what is not complete have left already
        self._web_socket: WebSocketPassage | None = None

    def receive(self, data: bytes) -> Iterator[Verdict]:
        """Take the next bytes, and yield what leaves now. Each has to leave before the next is asked for."""
        if self._web_socket is None:
            opened = self._opening.pass_on(self._direction, data)
            if opened is None:
                self._left += len(data)
                yield Verdict(data)
                return
            if self._opening.reader is None:
                yield from self._receive_stomp(opened, data)
                return
            reader = self._opening.reader
            self._web_socket = WebSocketPassage(
                lambda more: reader.read(self._direction, more), self._decide, self._holds, self._left
            )
            data = opened
        yield from self._web_socket.receive(data)

    def end(self) -> list[Verdict]:
        """Return what is held back of an incomplete frame: it leaves before the end of the connection."""
        if self._web_socket is not None:
            return self._web_socket.release()
        held = self._held()
        return [Verdict(held)] if held else []

    def _held(self) -> bytes:
        """Return what is held back of an incomplete piece, and leaves now."""
        held = self._pieces.unfinished[self._left :]
        self._left += len(held)
        return held

    def _receive_stomp(self, opened: bytes, data: bytes) -> Iterator[Verdict]:
        if not self._holds():
            held = self._held()
            self._pieces.read(opened)
            self._left = len(self._pieces.unfinished)
            yield Verdict(held + data)
            return
        for piece in self._pieces.read(opened):
            left = min(self._left, len(piece.data))
            self._left -= left
            verdict = verdict_on(self._decide, piece, begun=left > 0)
            if left:
                verdict.data = piece.data[left:]
            yield verdict
        if not self._holds():
            yield Verdict(self._held())
