"""FrameCounter: where the STOMP frames end in what passes a proxy, with WebSocket or without it."""

from __future__ import annotations

import re

from ._websocket_reader import Opening

__all__ = ["FrameCounter"]

_LINE_ENDS = b"\r\n"
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_CONTENT_LENGTH = re.compile(rb"\ncontent-length:[ ]*([0-9]{1,12})[ \r\n]")


class FrameCounter:
    """Finds the ends of frames in both directions of one connection."""

    def __init__(self) -> None:
        self._frames = {"to-server": _Ends(), "to-client": _Ends()}
        self._opening = Opening()

    def ends(self, direction: str, data: bytes) -> list[int]:
        """Return where frames end in the next bytes of a direction, each as a number of these bytes.

        Heart-beats do not count. In what is neither STOMP nor WebSocket, TLS for example, there are no frames.
        """
        opened = self._opening.pass_on(direction, data)
        if opened is None:
            return []
        earlier = len(opened) - len(data)
        frames = self._frames[direction]
        if self._opening.reader is None:
            return [end - earlier for end in frames.read(opened)]
        found = []
        for part in self._opening.reader.read(direction, opened):
            if part.is_stomp:
                found += [part.end - earlier] * len(frames.read(part.payload))
        return found


class _Ends:
    """Finds the ends of frames in one stream of STOMP, whatever its version.

    No FrameParser: one that tolerates every violation costs ten times as much, and everything passes here.
    """

    def __init__(self) -> None:
        self._unfinished = bytearray()  # what was received since the end of the last frame
        self._needed = 0  # how many bytes the unfinished frame has, as far as that is known
        self._ends_at_nul = False  # its head is complete, and names no length
        self._searched = 0  # in so many bytes of it there is no NUL, if it ends at one
        self._is_stomp = True

    def read(self, data: bytes) -> list[int]:
        """Return where frames end, each as a number of these bytes."""
        if not self._is_stomp:
            return []
        buffer = self._unfinished
        earlier = len(buffer)
        buffer += data
        if len(buffer) < self._needed:
            return []
        ends = []
        position = 0
        while end := self._end_of_frame(position):
            ends.append(end - earlier)
            position = end
        del buffer[:position]
        self._needed = max(self._needed - position, 0)
        self._searched = len(buffer)
        return ends

    def _end_of_frame(self, position: int) -> int:
        """Return the end of the frame that begins here; 0 if it is not known yet."""
        buffer = self._unfinished
        size = len(buffer)
        start = position
        while start < size and buffer[start] in _LINE_ENDS:
            start += 1
        if start == size:
            return 0
        if not 0x41 <= buffer[start] <= 0x5A:  # no command begins like this
            self._is_stomp = False
            buffer.clear()
            return 0
        if self._ends_at_nul:
            end = buffer.find(0, self._searched) + 1
        else:
            end = self._end_by_head(start)
        if end > size:
            self._needed = end
            return 0
        if end:
            self._ends_at_nul = False
        return end

    def _end_by_head(self, start: int) -> int:
        """Return the end as far as the head tells it, perhaps behind what was received; 0 if nothing tells it."""
        buffer = self._unfinished
        head = _HEAD_END.search(buffer, start)
        if head is None:
            return buffer.find(0, start) + 1
        length = _CONTENT_LENGTH.search(buffer, start, head.end())
        if length is not None:
            return head.end() + int(length[1]) + 1
        self._ends_at_nul = True
        return buffer.find(0, start) + 1
