"""Passage: what of the bytes of one direction is written to the other side, frame by frame. No I/O and no clock.

Bytes come in any chunks. As long as no fault waits for a frame of this direction they leave at once. If one does, a
frame leaves when it is complete, so what happens to it depends on nothing but the bytes before it.
"""

from __future__ import annotations

from collections.abc import Callable

from ._stomp_pieces import StompPieces
from ._verdict import Decide, Verdict, verdict_on, without_empty
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

    def receive(self, data: bytes) -> list[Verdict]:
        """Take the next bytes, and return what leaves now."""
        if self._web_socket is None:
            opened = self._opening.pass_on(self._direction, data)
            if opened is None:
                self._left += len(data)
                return [Verdict(data)]
            if self._opening.reader is None:
                return without_empty(self._receive_stomp(opened))
            reader = self._opening.reader
            self._web_socket = WebSocketPassage(
                lambda more: reader.read(self._direction, more), self._decide, self._holds, self._left
            )
            data = opened
        return without_empty(self._web_socket.receive(data))

    def end(self) -> bytes:
        """Return what is held back of an incomplete frame: it leaves before the end of the connection."""
        if self._web_socket is not None:
            return b"".join(verdict.data for verdict in self._web_socket.release())
        held = self._pieces.unfinished[self._left :]
        self._left += len(held)
        return held

    def _receive_stomp(self, data: bytes) -> list[Verdict]:
        verdicts = []
        for piece in self._pieces.read(data):
            left = min(self._left, len(piece.data))
            self._left -= left
            verdict = verdict_on(self._decide, piece, begun=left > 0)
            if left:
                verdict.data = piece.data[left:]
            verdicts.append(verdict)
        if not self._holds():
            verdicts.append(Verdict(self.end()))
        return verdicts
