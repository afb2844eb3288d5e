"""What waits to be sent: the bytes of frames for the present connection, and operations that wait for a connection.

:class:`SendQueue` gives its bytes to the driver in one of two ways. :meth:`~SendQueue.take` returns them, and they
count as sent. :meth:`~SendQueue.write_with` calls a function that writes, and may be interrupted anywhere by an
exception of a signal handler without losing a byte or sending one twice; the blocking engine needs that.

How an interruption does no harm. The bytes being written are a :class:`_Piece`. How many of them the kernel took is
noted by the same C call in which it takes them (``list.extend(map(send, ...))``): there is no point between the two
at which CPython looks for signals. What waits becomes the next piece by storing one attribute; if the interruption
comes before the entries are then removed, the next call sees that the piece was made of the list that is still there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ..protocol import Message
from ..wire import Frame, Headers, Version
from ._operations import AckOperation, Operation, SendOperation, UnmadeSend
from ._pending import Pending

__all__ = ["Backlog", "SendQueue"]

#: What bytes belong to: an operation; a SEND that nobody waits for; the headers of a MESSAGE whose ACK nobody waits
#: for; or nothing (heart-beats, raw frames).
_Owner = Operation | UnmadeSend | Headers | None
_Entry = tuple[bytes, _Owner]


class _Piece:
    """Bytes that are being written.

    Attributes:
        wire: the bytes.
        taken: how many of them were taken, call by call.
        source: the list of entries that it was made of.
        count: how many entries of that list.
    """

    __slots__ = ("count", "source", "taken", "wire")

    def __init__(self, wire: bytes, source: list[_Entry], count: int) -> None:
        self.wire = wire
        self.taken: list[int] = []
        self.source = source
        self.count = count


class SendQueue:
    """Frames in the order in which they will leave. A frame leaves whole or not at all: its first byte decides.

    Attributes:
        size: bytes that have not left.
        encode: what the byte layer of the present connection makes of a frame; ``None`` if there is no layer. It is
            called when a frame is put and not when it leaves: what :meth:`write_with` promises about interruptions
            then needs nothing of a layer.
    """

    __slots__ = ("_cut", "_entries", "_first", "_piece", "_withdrawn", "encode", "size")

    def __init__(self) -> None:
        self._entries: list[_Entry] = []
        self._first: bytes | None = None  # what was put first, as long as it is the first entry
        self._piece: _Piece | None = None
        self._withdrawn = 0
        self._cut = False  # whether a frame had left in part when the queue was emptied
        self.encode: Callable[[bytes], bytes] | None = None
        self.size = 0

    def __len__(self) -> int:
        """How many frames have not left."""
        return len(self._entries)

    def put(self, wire: bytes, owner: _Owner) -> None:
        """Add a frame, or a heart-beat.

        Args:
            wire: its bytes.
            owner: the operation that it belongs to. A SEND that nobody waits for stands for itself, and the headers of
                a MESSAGE for its ACK: they become operations only if the connection is lost before they have left.
        """
        if self.encode is not None:
            wire = self.encode(wire)
        self._entries.append((wire, owner))
        self.size += len(wire)

    def put_first(self, wire: bytes) -> None:
        """Add bytes of a byte layer before every frame of which no byte has left.

        They replace what was put first before and has not left. So a peer that sends pings and does not read costs one
        Pong and no more.
        """
        self._current_piece()  # before the list is changed: it may have to take its own entries out
        entries = self._entries
        if entries and entries[0][0] is self._first:
            self.size -= len(entries[0][0])
            del entries[0]
        self._first = wire
        entries.insert(0, (wire, None))
        self.size += len(wire)

    def take(self, limit: int | None = None) -> bytes | memoryview:
        """Return bytes to write; they count as sent.

        Args:
            limit: bytes at most; the rest of a frame that is cut by it comes first the next time. ``None``: all.
        """
        if self._piece is None and not self._withdrawn and (limit is None or self.size <= limit):
            # Nearly always: everything fits.
            entries, self._entries = self._entries, []
            self.size = 0
            for _, owner in entries:
                if isinstance(owner, Operation):
                    owner.leave()
            return entries[0][0] if len(entries) == 1 else b"".join([wire for wire, _ in entries])
        piece = self._current_piece() or self._next_piece(limit)
        if piece is None:
            return b""
        offset = sum(piece.taken)
        size = len(piece.wire) - offset
        if limit is not None and limit < size:
            data: bytes | memoryview = memoryview(piece.wire)[offset : offset + limit]
            piece.taken.append(limit)
        else:
            data = memoryview(piece.wire)[offset:] if offset else piece.wire
            self._piece = None
        self.size -= len(data)
        if limit is None and self._entries:
            # Only behind a piece that was cut by an earlier limit.
            return bytes(data) + self.take()
        return data

    def write_with(self, send: Callable[[bytes | memoryview], int]) -> None:
        """Write everything by calling ``send``, until nothing is left or it raises.

        Args:
            send: writes bytes and returns how many it took, as ``socket.send`` does. It must be written in
                C for the promise above; with any other one the caller must assume after an interruption that bytes
                were taken which are not noted here.
        """
        if self._piece is None and len(self._entries) == 1 and not self._withdrawn:
            # The straight path: one frame, which the socket takes as a whole. It is the loop below without its cases.
            entries = self._entries
            wire, owner = entries[0]
            if isinstance(owner, Operation) and not owner.left:
                owner.leave()
            self._piece = piece = _Piece(wire, entries, 1)
            self._entries = []
            piece.taken.extend(map(send, (wire,)))
            if piece.taken[0] == len(wire) and not self._entries:
                self._piece = None
                self.size = 0
                return
            self.size = len(wire) - piece.taken[0] + sum(len(entry[0]) for entry in self._entries)
        while True:
            current = self._current_piece() or self._next_piece(None)
            if current is None:
                self.size = 0
                return
            offset = sum(current.taken)
            rest = memoryview(current.wire)[offset:] if offset else current.wire
            current.taken.extend(map(send, (rest,)))
            unwritten = len(rest) - current.taken[-1]
            if not unwritten:
                self._piece = None
            # Computed anew: to subtract what was taken could be done twice, or not at all, by an interruption.
            self.size = unwritten + sum(len(entry[0]) for entry in self._entries)

    def _current_piece(self) -> _Piece | None:
        """Return the piece that is being written, unless all of it was taken."""
        piece = self._piece
        if piece is None:
            return None
        if piece.source is self._entries:
            # Interrupted right after the piece was made: its entries are still in the list.
            self._entries = self._entries[piece.count :]
        if sum(piece.taken) >= len(piece.wire):
            # Interrupted right after the last byte was taken.
            self._piece = None
            return None
        return piece

    def _next_piece(self, limit: int | None) -> _Piece | None:
        """Make a piece of the entries: all of them, or as many whole frames as fit in ``limit``, but at least one."""
        if self._withdrawn:
            self._remove_withdrawn()
        entries = source = self._entries
        if not entries:
            return None
        if limit is not None and self.size > limit:
            entries = _as_many_as_fit(entries, limit)
        for _, owner in entries:
            if isinstance(owner, Operation) and not owner.left:
                owner.leave()
        wire = entries[0][0] if len(entries) == 1 else b"".join([wire for wire, _ in entries])
        self._piece = piece = _Piece(wire, source, len(entries))
        self._entries = source[len(entries) :]
        return piece

    def drop(self) -> list[Operation]:
        """Empty the queue; return the operations whose frames have not left, in order."""
        piece = self._current_piece()
        self._cut = self._cut or (piece is not None and sum(piece.taken) > 0)
        self._remove_withdrawn()
        entries, self._entries = self._entries, []
        self._piece = None
        self.encode = None
        self.size = 0
        operations: list[Operation] = []
        for _, owner in entries:
            if isinstance(owner, UnmadeSend):
                operations.append(SendOperation(owner, Pending.completed("SEND", None), None, 0.0))
            elif isinstance(owner, Headers):
                message = Message.from_frame(Frame.assemble("MESSAGE", owner, b"", Version.V1_2))
                acknowledged = Pending.completed(f"ACK of {message.message_id}", None)
                operations.append(AckOperation(message.acknowledge(), acknowledged, None, 0.0))
            elif owner is not None:
                operations.append(owner)
        return operations

    def begin(self) -> None:
        """Note that what is put from now on is written to a new connection."""
        self._cut = False

    def put_last(self, wire: bytes) -> None:
        """Add the end of a byte layer to the emptied queue, unless a frame was cut: it would be read as its rest."""
        if not self._cut:
            self.put(wire, None)

    def note_withdrawn(self) -> None:
        """Note that one of the operations was withdrawn: its bytes are not kept for long."""
        self._withdrawn += 1
        # Not each time: a thousand operations that time out together would take a million steps.
        if self._withdrawn * 2 > len(self._entries):
            self._remove_withdrawn()

    def _remove_withdrawn(self) -> None:
        if not self._withdrawn:
            return
        piece = self._current_piece()  # first: it may have to take its own entries out of the list
        self._entries = [
            entry for entry in self._entries if not (isinstance(entry[1], Operation) and entry[1].withdrawn)
        ]
        self._withdrawn = 0
        rest = 0 if piece is None else len(piece.wire) - sum(piece.taken)
        self.size = rest + sum(len(wire) for wire, _ in self._entries)


def _as_many_as_fit(entries: list[_Entry], limit: int) -> list[_Entry]:
    count = 0
    size = 0
    for wire, _ in entries:
        size += len(wire)
        if size > limit and count:
            break
        count += 1
    return entries[:count]


class Backlog:
    """Operations that wait for a connection, in the order in which they will be sent."""

    __slots__ = ("_entries", "_withdrawn")

    def __init__(self) -> None:
        self._entries: list[Operation] = []  # an empty deque takes 760 bytes, for each connection
        self._withdrawn = 0

    def __iter__(self) -> Iterator[Operation]:
        return iter(self._entries)

    def add(self, operation: Operation) -> None:
        """Add an operation at the end."""
        self._entries.append(operation)

    def add_first(self, operations: Iterable[Operation]) -> None:
        """Add operations, in this order, before all others: they were queued first, on a connection that was lost."""
        self._entries[:0] = operations

    def take(self) -> list[Operation]:
        """Empty the backlog; return what was in it."""
        entries = [operation for operation in self._entries if not operation.withdrawn]
        self._entries.clear()
        self._withdrawn = 0
        return entries

    def note_withdrawn(self) -> None:
        """Note that one of the operations was withdrawn: it is not kept for long."""
        self._withdrawn += 1
        if self._withdrawn * 2 > len(self._entries):
            self._entries.extend(self.take())
