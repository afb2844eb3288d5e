"""FrameParser: a stream of bytes, cut into chunks anywhere, becomes frames.

Nearly every frame arrives whole in one chunk and holds nothing unusual. What such a frame costs depends on how much of
the work is done in C: one regular expression finds the end of the head and checks every line of it, one ``decode``
makes text of it, one ``find`` or one number gives the end of the body, and two slices cut out head and body. Nothing is
done per line, let alone per byte. The header lines stay one text until a header is looked up (see ``_headers.py``).

The expression matches only regular heads. So there are two paths, and where they overlap they accept the same language:

* The *fast path* is :meth:`FrameParser.next_frame`. It never refuses anything. If the expression does not match (a head
  that is incomplete, has a CR, or breaks a rule), or the text holds something unusual, it hands over to the slow path.
* The *slow path* is :class:`HeadReader` and :class:`BodyReader`. It takes chunks as they come, applies every leniency,
  and finds out what exactly is wrong, and at which byte.

What a stream means must not depend on its chunks, so the two paths must agree. The tests read everything whole and byte
by byte, and compare the frames, the errors, and the offsets of the errors.

The parser is in one of five states:

* ``_BETWEEN_FRAMES``: before the first byte of a frame. The version may be set here, and the fast path is tried.
* ``_HEAD_CUT``: the end of the chunk cut a head that is regular so far. Once the next chunk is there, the fast path is
  tried once more. In small chunks, where that does not help, the slow path reads the head.
* ``_IN_HEAD``: the slow path reads the lines of a head.
* ``_IN_BODY``: the head is complete, the body is not. A body that is not whole in the chunk of its head is read here.
* ``_FAILED``: a rule was broken, so what follows means nothing. The error is raised by every call, and everything that
  is received is discarded.

No byte is searched more than a few times for the same thing, however small the chunks are. They are stored as they are
and joined when the next one is needed, so a thousand tiny chunks received between two calls are copied once.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Literal, TypeVar

from .._arguments import check_instance
from .._mypyc import mypyc_attr
from ..errors import ConnectionGoneError, ErrorCode, RemoteProtocolError
from ._body_reader import LONGEST_NUMBER, BodyReader
from ._frame import Frame
from ._head_reader import HeadReader
from ._headers import Headers
from ._options import Leniency, Limits
from ._reading_rules import ReadingRules, violation
from ._spec import BODY_COMMANDS, COMMANDS, HANDSHAKE_COMMANDS, Version, is_trimmed
from ._stream_events import NEED_DATA, ConnectionClosed, HeartBeat, NeedData

__all__ = ["FrameParser"]

T = TypeVar("T")

_LF, _CR, _NUL = 10, 13, 0
_LONGEST_COMMAND = max(map(len, COMMANDS))
_MIN_HEADER_LINE = len(b"a:\n")
_LENGTH_OF_MESSAGE_OR_RECEIPT = len(b"MESSAGE")
_M = ord("M")
_CONTENT_LENGTH = "\ncontent-length:"
_NO_HEADERS = Headers()
_DEFAULT_LIMITS = Limits()  # immutable: one for all parsers

_BETWEEN_FRAMES, _HEAD_CUT, _IN_HEAD, _IN_BODY, _FAILED = 0, 1, 2, 3, 4


# The header lines of a regular head, each with the line feed before it.
#
# Possessive quantifiers stand on single characters only: CPython 3.11.0 to 3.11.4 match possessive groups wrongly
# (Debian 12 has 3.11.2). Names are all bytes but NUL, LF, CR and colon; spelt without "^" the class takes a third less
# time. Values are all bytes but LF, since a dot is faster than any class; NUL and CR in them are found later.
_HEADER_LINES = rb"(?:\n[\x01-\x09\x0b\x0c\x0e-9;-\xff]++:.*+)*"


@cache
def _head_expression() -> re.Pattern[bytes]:
    # The command, then the header lines, then the blank line. The two commands that clients receive most need neither
    # a group nor a look-up. They are equally long and differ in their first byte.
    return re.compile(rb"(?:MESSAGE|RECEIPT|([A-Z]++))%b\n\n" % _HEADER_LINES)


@cache
def _cut_head_expression() -> re.Pattern[bytes]:
    # The beginning of a regular head, which ends anywhere after the command.
    return re.compile(rb"([A-Z]++)%b(?:\n.*+)?\Z" % _HEADER_LINES)


@cache
def _receipt_expression() -> re.Pattern[bytes]:
    # A whole RECEIPT as brokers send it. Its id has printable ASCII characters only, and none that any version of STOMP
    # reads as something else: no backslash, which may begin an escape, and no space, which 1.0 trims.
    return re.compile(rb"RECEIPT\nreceipt-id:([!-\[\]-~]++)\n\n\0")


@cache
def _end_of_lines() -> re.Pattern[bytes]:
    return re.compile(rb"[\r\n]*+")


@mypyc_attr(allow_interpreted_subclasses=True)
class FrameParser:
    """Turns a stream of bytes into frames, without any rule of the conversation (STOMP 1.2, "Augmented BNF").

    Args:
        version: the version to read: ``"1.0"``, ``"1.1"`` or ``"1.2"``. ``None`` reads the handshake, whose frames come
            before a version is known; set :attr:`version` once it is.
        limits: size limits for received frames. Default: ``Limits()``.
        leniency: which violations are tolerated. Default: none.

    Raises:
        TypeError: an option is of a wrong type.
        ValueError: there is no such version.

    >>> parser = FrameParser("1.2")
    >>> parser.receive_data(b"RECEIPT\\nreceipt-id:7\\n\\n\\0\\n")
    >>> parser.next_frame().headers["receipt-id"], parser.next_frame()
    ('7', NEED_DATA)
    """

    def __init__(
        self, version: str | None = None, *, limits: Limits | None = None, leniency: Leniency | None = None
    ) -> None:
        check_instance("limits", limits, Limits, "Limits(max_body=...), in bytes")
        check_instance("leniency", leniency, Leniency, "Leniency.brokers() or Leniency.permissive()")
        self._limits = limits = _DEFAULT_LIMITS if limits is None else limits
        self._leniency = Leniency() if leniency is None else leniency
        self._match_head = _head_expression().match
        self._match_cut_head = _cut_head_expression().match
        self._end_of_lines = _end_of_lines().match
        # Heads of up to this many bytes cannot exceed any limit, whatever their lines are, so the fast path need not
        # check limits. Nor does the expression look further: it remembers every line that it passes, and a flood of
        # header lines would take thirty times its size in memory.
        self._max_fast_head = min(
            limits.max_head,
            limits.max_header_line,
            limits.max_headers * _MIN_HEADER_LINE + len(b"A\n\n"),
        )
        if limits.max_command < _LONGEST_COMMAND:
            self._max_fast_head = 0
        self._max_body = limits.max_body
        self._max_unterminated = limits.body_without_length
        self._set_version(version)

        # The stream: a chunk, where in it reading goes on, and the chunks after it.
        self._data = b""
        self._pos = 0
        self._base = 0  # offset in the stream of _data[0]
        self._chunks: list[bytes] = []
        self._eof = False
        self._end_reported = False
        self._discards = False  # received bytes are not stored

        self._state = _BETWEEN_FRAMES
        self._last_cut = -1  # offset in the stream of the last head that was in the state _HEAD_CUT
        self._after_frame = False  # the line feed that may follow the NUL of a frame has not come yet
        self._error: RemoteProtocolError | None = None
        self._failed_headers = _NO_HEADERS

        # The frame that is being read, in the states _IN_HEAD and _IN_BODY.
        self._head_reader = HeadReader(self._rules)
        self._body_reader = BodyReader(self._rules)
        self._command = ""
        self._headers = _NO_HEADERS
        self._head: bytes | None = None
        self._strict = True

    # ---------------------------------------------------------------- properties

    @property
    def version(self) -> Version | None:
        """The version that frames are read in; ``None`` during the handshake.

        It may be set between frames: bytes that were received but not yet read are then read in the new version.
        """
        return self._rules.version

    @version.setter
    def version(self, version: str | None) -> None:
        self._set_version(version)

    def _set_version(self, version: str | None) -> None:
        self._rules = rules = ReadingRules(version, self._limits, self._leniency)
        self._version_text = rules.version_text
        self._trims = rules.trims

    @property
    def limits(self) -> Limits:
        """The limits in force."""
        return self._limits

    @property
    def between_frames(self) -> bool:
        """True if no partial frame is buffered and everything received was returned."""
        return self._state == _BETWEEN_FRAMES and self._pos >= len(self._data) and not self._chunks

    @property
    def eof_received(self) -> bool:
        """True once :meth:`receive_data` was given ``b""``, also if :meth:`next_frame` has not reported it yet."""
        return self._eof

    def unread(self) -> bytes:
        """Return the received bytes that were not read yet, neither as frames nor as a part of one."""
        rest = b"" if self._state == _HEAD_CUT else self._data[self._pos :]
        return b"".join((rest, *self._chunks))

    def partial_header(self, name: str) -> str | None:
        """Return a header of the frame that broke a rule, if it was read before that.

        A server uses it to name the frame that its ERROR answers (STOMP 1.2, "ERROR").

        Args:
            name: the name of the header.

        Returns:
            The first value of the name; ``None`` also if no frame broke a rule.
        """
        return self._failed_headers.get(name)

    # ---------------------------------------------------------------- bytes in, frames out

    def receive_data(self, data: bytes | bytearray | memoryview) -> None:
        """Take bytes from the stream.

        Args:
            data: the bytes, in pieces of any size; ``b""`` means that the stream has ended.

        Raises:
            ConnectionGoneError: bytes came after the end.
            TypeError: ``data`` is not bytes.
        """
        if not isinstance(data, bytes):
            if not isinstance(data, bytearray | memoryview):
                raise TypeError(f"receive_data() takes bytes, not {type(data).__name__}")
            data = bytes(data)
        if not data:
            self._eof = True
        elif self._discards:
            pass
        elif self._eof:
            raise ConnectionGoneError("bytes were received after the end of the stream")
        elif self._error is None:
            self._chunks.append(data)

    def discard_input(self) -> None:
        """Forget everything that is buffered, and discard everything that is still received, except for its end.

        For a connection that has failed: what its peer still sends means nothing, and must not take memory.
        """
        self._data, self._pos, self._chunks = b"", 0, []
        self._discards = True
        self._end_reported = False
        self._error = None
        self._state = _BETWEEN_FRAMES
        self._forget_frame()

    def next_frame(self) -> Frame | HeartBeat | ConnectionClosed | Literal[NeedData.NEED_DATA]:
        """Return the next thing in the received bytes.

        Returns:
            A frame; a :class:`HeartBeat`; :class:`ConnectionClosed`, once, after the end of the stream; or
            :data:`.NEED_DATA` if the next frame is not complete yet.

        Raises:
            RemoteProtocolError: the stream violates STOMP. Everything before that was returned. From now on every call
                raises this error.
        """
        try:
            while True:
                if self._state != _BETWEEN_FRAMES:
                    if self._state == _HEAD_CUT:
                        if self._next_chunk():
                            self._state = _BETWEEN_FRAMES
                            continue
                        return self._start_head() if self._eof else NEED_DATA
                    if self._state == _IN_HEAD:
                        return self._read_head()
                    if self._state == _IN_BODY:
                        return self._read_body()
                    assert self._error is not None
                    raise self._error.with_traceback(None)
                data = self._data
                pos = self._pos
                if pos >= len(data):
                    if self._chunks:
                        self._next_chunk()
                        continue
                    return self._end() if self._eof else NEED_DATA
                if data[pos] <= _CR:
                    heart_beat = self._read_end_of_lines()
                    if heart_beat is None:
                        continue
                    return heart_beat
                match = self._match_head(data, pos, pos + self._max_fast_head)
                if match is None:
                    begun = self._match_cut_head(data, pos, pos + self._max_fast_head)
                    if begun is None:
                        return self._start_head()
                    match = self._match_long_head()
                    if match is None:
                        if self._is_cut_head(begun):
                            self._state = _HEAD_CUT
                            self._last_cut = self._base + pos
                            continue
                        return self._start_head()
                end = match.end()
                if match.lastindex is None:
                    command = "MESSAGE" if data[pos] == _M else "RECEIPT"
                    command_end = pos + _LENGTH_OF_MESSAGE_OR_RECEIPT
                else:
                    command_end = match.end(1)
                    command = COMMANDS.get(data[pos:command_end], "")
                    if not command:
                        return self._start_head()
                try:
                    text = data[command_end : end - 1].decode()
                except UnicodeDecodeError:
                    return self._start_head()
                escaped = False
                if "\\" in text or "\r" in text or "\0" in text or self._trims:
                    unescape = self._is_escaped(command, text)
                    if unescape is None:
                        return self._start_head()
                    escaped = unescape
                headers = Headers.from_text(text, escaped)
                # Is the body here as a whole?
                _, counted, rest = text.partition(_CONTENT_LENGTH)  # cheaper than find(), index() and a slice
                if not counted:
                    stop, most = data.find(b"\0", end), self._max_unterminated
                else:
                    length = rest.partition("\n")[0]
                    stop, most = -1, self._max_body
                    if length.isascii() and length.isdigit() and len(length) <= LONGEST_NUMBER:
                        stop = end + int(length)
                        if stop >= len(data) or data[stop] != _NUL:
                            stop = -1
                if 0 <= stop - end <= most and (command in BODY_COMMANDS or stop == end):
                    body = data[end:stop]
                    stop += 1
                    # Brokers write a line feed after every frame. It is read here, since it is no heart-beat.
                    if stop < len(data) and data[stop] == _LF:
                        stop += 1
                        self._after_frame = False
                    else:
                        self._after_frame = True
                    self._pos = stop
                    return Frame.assemble(command, headers, body, self._version_text, None, True, not counted)
                self._pos = end
                self._start_body(command, headers, None, True)
                return self._read_body()
        except RemoteProtocolError as error:
            if error is not self._error:
                self._fail(error)
            raise

    def take_receipt(self, accept: Callable[[str], T | None]) -> T | None:
        """Read a RECEIPT on a straight path, if it comes next in the received bytes and somebody wants it.

        Most of what a program receives that has its messages confirmed are frames of 30 bytes, of which only the id
        matters. It reads what :meth:`next_frame` would return as a RECEIPT with this id and no other header, and leaves
        the parser as that would; a property test compares the two.

        Args:
            accept: called with the id; returns ``None`` if it does not want the frame, and has changed nothing then.

        Returns:
            What ``accept`` has returned; ``None``, and nothing was read, if :meth:`next_frame` has to decide.
        """
        if self._state != _BETWEEN_FRAMES:
            return None
        if self._pos >= len(self._data) and not self._next_chunk():
            return None
        data, pos = self._data, self._pos
        # As in next_frame(): what is shorter exceeds no limit.
        match = _receipt_expression().match(data, pos, pos + self._max_fast_head)
        if match is None:
            return None
        accepted = accept(match[1].decode())
        if accepted is not None:
            stop = match.end()
            if stop < len(data) and data[stop] == _LF:
                self._pos = stop + 1
                self._after_frame = False
            else:
                self._pos = stop
                self._after_frame = True
        return accepted

    # ---------------------------------------------------------------- the stream

    def _next_chunk(self) -> bool:
        """Append all waiting chunks to the rest of the current one. False if none is waiting."""
        chunks = self._chunks
        if not chunks:
            return False
        rest = self._data[self._pos :]
        if rest:
            chunks.insert(0, rest)
        self._base += self._pos
        self._data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        self._pos = 0
        chunks.clear()
        return True

    def _end(self, inside: str = "") -> ConnectionClosed | Literal[NeedData.NEED_DATA]:
        """Report the end of the stream, or that more data is needed.

        Args:
            inside: what is incomplete now; ``""`` between frames.
        """
        if not self._eof or self._end_reported:
            return NEED_DATA
        self._end_reported = True
        if inside:
            return ConnectionClosed(clean=False, cut=True, reason=f"the stream ended inside {inside}")
        return ConnectionClosed(clean=True, reason="the stream ended between frames")

    def _fail(self, error: RemoteProtocolError) -> None:
        if self._state == _IN_HEAD:
            self._failed_headers = self._head_reader.headers
        elif self._state == _IN_BODY:
            self._failed_headers = self._headers
        self._error = error
        self._state = _FAILED
        self._data, self._pos, self._chunks = b"", 0, []
        self._forget_frame()

    # ---------------------------------------------------------------- between frames

    def _read_end_of_lines(self) -> HeartBeat | ConnectionClosed | Literal[NeedData.NEED_DATA] | None:
        """Read a run of line ends between frames (STOMP 1.2, "Heart-beating").

        All of them are one heart-beat, however many there are: a flood of them makes one object. The one that may
        follow the NUL of a frame is none (see :class:`HeartBeat`).

        Returns:
            ``None`` if there is nothing to report, and reading goes on at ``_pos``.

        Raises:
            RemoteProtocolError: something is there that neither ends a line nor begins a frame.
        """
        data, pos = self._data, self._pos
        match = self._end_of_lines(data, pos)
        assert match is not None
        stop = match.end()
        if stop == pos:
            if data[pos] == _NUL:
                if not self._rules.leniency.nul_between_frames:
                    raise violation(
                        ErrorCode.NUL_BETWEEN_FRAMES, "a NUL that ends no frame", self._base + pos
                    )
                self._pos = pos + 1
                return None
            raise self._unexpected_byte(pos)
        lines = stop - pos
        bare_cr = -1  # where in the run a CR is that ends no line
        if data.find(b"\r", pos, stop) >= 0:
            run = data[pos:stop]
            tolerated = self._rules.leniency.cr_between_frames
            if not self._rules.crlf and not tolerated:
                bare_cr = run.index(b"\r")
            else:
                if run.endswith(b"\r") and stop == len(data):
                    # Its LF may be in the next chunk.
                    stop -= 1
                    run = run[:-1]
                if not tolerated and b"\r" in run.replace(b"\r\n", b""):
                    bare_cr = re.search(rb"\r(?!\n)", run).start()  # type: ignore[union-attr]
            if bare_cr >= 0:
                # What comes before the violation is reported first.
                stop = pos + bare_cr
                run = run[:bare_cr]
            lines = run.count(b"\n")
        self._pos = stop
        if lines and self._after_frame:
            self._after_frame = False
            lines -= 1
        if lines:
            return HeartBeat(lines)
        if bare_cr >= 0:
            raise violation(
                ErrorCode.BARE_CR,
                "a CR between frames that belongs to no end-of-line",
                self._base + stop,
            )
        if stop < len(data) and data[stop] == _CR:
            # The one at the end of the data. At the end of the stream it is a line end that was cut.
            if self._next_chunk():
                return None
            return self._end("" if self._rules.leniency.cr_between_frames else "an end-of-line")
        return None

    def _unexpected_byte(self, pos: int) -> RemoteProtocolError:
        what = f"the byte {self._data[pos : pos + 1]!r} where a frame should start"
        offset = self._base + pos
        if offset == 0:
            # The first byte of all: most often a TLS port, or a server of another protocol.
            what += "; is the peer speaking STOMP, without TLS?"
        return violation(ErrorCode.UNEXPECTED_BYTE, what, offset)

    # ---------------------------------------------------------------- the fast path: is the head a regular one?

    def _is_escaped(self, command: str, text: str) -> bool | None:
        """Look more closely at the lines of a head that matches the expression.

        Returns:
            Whether they hold escapes; ``None`` if there is anything in them that only the slow path can read.
        """
        if "\r" in text or "\0" in text:
            return None
        if self._trims and not self._is_regular_in_1_0(command, text):
            return None
        return "\\" in text and self._has_only_defined_escapes(command, text)

    def _has_only_defined_escapes(self, command: str, text: str) -> bool | None:
        """Return how to treat the backslashes in the text of a head.

        Returns:
            True if every one belongs to an escape that the version defines; False if they are plain characters in this
            frame; ``None`` if this needs a closer look, on the slow path.
        """
        rules = self._rules
        if command in HANDSHAKE_COMMANDS:
            return None if rules.leniency.escapes_in_connect else False
        if rules.decoded_escapes is None:
            return False
        defined = rules.defined_escapes
        if defined is None or rules.version is None:
            return None
        # Without pairs of backslashes each of the others begins an escape of its own, so the numbers must be equal.
        rest = text.replace("\\\\", "")
        escapes = rest.count("\\n") + rest.count("\\c")
        if "\\r" in defined:
            escapes += rest.count("\\r")
        return True if rest.count("\\") == escapes else None

    def _is_regular_in_1_0(self, command: str, text: str) -> bool:
        """Return whether STOMP 1.0 has this command, and there is nothing to trim in its headers."""
        if command == "NACK":
            return False
        return command in HANDSHAKE_COMMANDS or not is_trimmed(text)

    def _match_long_head(self) -> re.Match[bytes] | None:
        """Match a head that exceeds no limit although it is longer than those that cannot exceed any.

        The limits are checked first. That bounds the memory of the match, which remembers every line.
        """
        data, pos = self._data, self._pos
        shortest = self._max_fast_head
        if len(data) - pos <= shortest or not shortest:
            return None
        end = data.find(b"\n\n", pos, pos + self._limits.max_head)
        if end < 0 or not self._is_within_limits(end):
            return None
        return self._match_head(data, pos, end + 2)

    def _is_within_limits(self, end: int) -> bool:
        """Return whether what there is of the head up to ``end`` exceeds no limit."""
        data, pos, limits = self._data, self._pos, self._limits
        if end - pos <= self._max_fast_head:
            return True
        if not self._max_fast_head or end - pos > limits.max_head:
            return False
        # The line feed of the command stands for the line that is not complete.
        if data.count(b"\n", pos, end) > limits.max_headers:
            return False
        if end - pos <= limits.max_header_line:
            return True
        return max(map(len, data[pos:end].split(b"\n"))) <= limits.max_header_line

    def _is_cut_head(self, begun: re.Match[bytes]) -> bool:
        """Return whether the rest of the data is the beginning of a regular head, which is worth another attempt.

        If so, the slow path would have nothing to report yet: every complete line is valid, the incomplete one has
        no NUL, and no limit is exceeded. A head gets one more attempt, not one per chunk: its second cut sends it to
        the slow path, which reads no byte again.

        Args:
            begun: the match of the first bytes of the head, as many as cannot exceed any limit.
        """
        data, pos = self._data, self._pos
        if self._last_cut == self._base + pos or not self._is_within_limits(len(data)):
            return False
        match = begun if begun.end() == len(data) else self._match_cut_head(data, pos)
        if match is None or data.find(b"\0", pos) >= 0:
            return False
        command_end = match.end(1)
        if command_end == len(data):
            return command_end - pos <= _LONGEST_COMMAND
        command = COMMANDS.get(data[pos:command_end])
        if command is None:
            return False
        try:
            complete_lines = data[command_end : data.rindex(b"\n") + 1].decode()
        except UnicodeDecodeError:
            return False
        return self._is_escaped(command, complete_lines) is not None

    # ---------------------------------------------------------------- the slow path

    def _start_head(self) -> Frame | ConnectionClosed | Literal[NeedData.NEED_DATA]:
        if not 65 <= self._data[self._pos] <= 90:
            # No command begins with anything but a capital letter. This is reported before the line is complete: a TLS
            # server sends a few bytes without LF, and would otherwise be waited for until a timeout.
            raise self._unexpected_byte(self._pos)
        self._state = _IN_HEAD
        self._head_reader.start(self._rules)
        return self._read_head()

    def _read_head(self) -> Frame | ConnectionClosed | Literal[NeedData.NEED_DATA]:
        reader = self._head_reader
        while self._pos < len(self._data) or self._next_chunk():
            end = reader.read(self._data, self._pos, self._base)
            if end is not None:
                self._pos = end
                self._start_body(reader.command, reader.headers, reader.raw, reader.strict)
                return self._read_body()
            self._pos = len(self._data)
        return self._end(f"a frame ({reader.command or 'a command line'})") if self._eof else NEED_DATA

    def _start_body(self, command: str, headers: Headers, head: bytes | None, strict: bool) -> None:
        """Enter the body, whose first byte is at ``_pos``. The arguments are those of :meth:`Frame.assemble`."""
        self._state = _IN_BODY
        self._command = command
        self._headers = headers
        self._head = head
        self._strict = strict
        self._body_reader.start(self._rules, command, headers, self._base + self._pos)

    def _read_body(self) -> Frame | ConnectionClosed | Literal[NeedData.NEED_DATA]:
        while self._pos < len(self._data) or self._next_chunk():
            read = self._body_reader.read(self._data, self._pos, self._base)
            if read is not None:
                return self._finish_frame(*read)
            self._pos = len(self._data)
        return self._end(f"a frame ({self._command})") if self._eof else NEED_DATA

    def _finish_frame(self, body: bytes, stop: int) -> Frame:
        """Return the frame that ends with the NUL at ``stop``."""
        if body and not self._body_reader.allowed:
            frame = Frame(self._command, self._headers.without("content-length"))
        else:
            strict = self._strict and self._body_reader.strict
            frame = Frame.assemble(
                self._command,
                self._headers,
                body,
                self._version_text,
                self._head,
                strict,
                not self._body_reader.counted,
            )
        self._headers = _NO_HEADERS
        self._head = None
        self._state = _BETWEEN_FRAMES
        self._pos = stop + 1
        self._after_frame = True
        return frame

    def _forget_frame(self) -> None:
        """Free the memory of the unfinished frame."""
        self._head_reader.start(self._rules)
        self._body_reader.clear()
        self._headers = _NO_HEADERS
        self._head = None
