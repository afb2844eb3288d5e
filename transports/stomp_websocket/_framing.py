"""Frames of RFC 6455, section 5.2: the fast way for nearly all of them.

A stream is cut into whole frames here. What is plain (a whole message in one frame, not compressed) is taken apart at
once; every other frame is left to websockets, which also finds what is wrong with it. Both ways give the same, which a
test checks; this one costs a tenth.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from websockets.utils import apply_mask
else:
    try:
        from websockets.speedups import apply_mask
    except ImportError:  # it is written in C, and not compiled everywhere
        from websockets.utils import apply_mask

__all__ = ["FrameSplitter", "data_frame"]

_TEXT = 0x81  # the first byte of a text frame that is a whole message
_BINARY = 0x82


def data_frame(payload: bytes, *, text: bool, mask: bool) -> bytes:
    """Return a message in one frame.

    Args:
        payload: what is in it.
        text: a text message, else a binary one.
        mask: mask it, as a client must.
    """
    first = _TEXT if text else _BINARY
    size = len(payload)
    bit = 0x80 if mask else 0
    if size < 126:
        head = bytes((first, bit | size))
    elif size < 0x10000:
        head = struct.pack("!BBH", first, bit | 126, size)
    else:
        head = struct.pack("!BBQ", first, bit | 127, size)
    if not mask:
        return head + payload
    key = os.urandom(4)  # unpredictable, see RFC 6455, section 10.3
    return b"".join((head, key, apply_mask(payload, key)))


class FrameSplitter:
    """Cuts a stream into frames. What it keeps of an incomplete one is bounded.

    Args:
        max_size: bytes of a frame at most. Of a larger one the head is enough for websockets to refuse it.
        masked: whether frames must be masked, as those of a client.

    Attributes:
        fragmented: whether a message in several frames has begun and not ended: then no frame is plain.
    """

    __slots__ = ("_masked", "_max_size", "_needed", "_rest", "fragmented")

    def __init__(self, max_size: int, *, masked: bool) -> None:
        self._max_size = max_size
        self._masked = masked
        self._rest = bytearray()  # of an incomplete frame
        self.fragmented = False
        self._needed = 0  # how many bytes it has, as far as that is known

    def split(self, data: bytes) -> Iterator[tuple[bool, bytes]]:
        """Yield what is complete: ``(True, payload)`` of a plain frame, ``(False, frame)`` of any other one."""
        if self._rest:
            self._rest += data
            if len(self._rest) < self._needed:
                return
            data = bytes(self._rest)
            self._rest.clear()
        position, end = 0, len(data)
        while end - position >= 2:
            size = data[position + 1]
            masked = size >= 0x80
            size &= 0x7F
            start = position + 2
            if size >= 126:
                start += 2 if size == 126 else 8
                if start > end:
                    break
                size = int.from_bytes(data[position + 2 : start], "big")
            if masked:
                start += 4
            stop = start + size
            if size > self._max_size or masked is not self._masked:
                yield False, data[position:start]  # wrong already
                return
            if stop > end:
                self._needed = stop - position
                self._rest += data[position:]
                return
            if data[position] not in (_TEXT, _BINARY) or self.fragmented:
                yield False, data[position:stop]
            elif masked:
                yield True, apply_mask(data[start:stop], data[start - 4 : start])
            else:
                yield True, data[start:stop]
            position = stop
        if position < end:  # not even the head is complete
            self._needed = end - position + 1
            self._rest += data[position:]
