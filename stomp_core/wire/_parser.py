"""FrameParser: bytes in, frames out, in any chunking.

A frame is read in two ways that accept the same language.

*The fast way* needs the whole head in one piece: one regular expression finds its end and checks its lines in C.
It knows only what is common. Whatever it does not match (a CR, an error, a head that is not all there) goes

*the slow way*, line by line as lines arrive. It alone knows the leniencies and finds the precise reason for a
refusal. Since it judges every byte in the order of arrival, an error is the same however the stream was cut, and
each limit trips on the very byte that exceeds it.

Nothing is scanned twice: what the slow way and the body have taken out of a chunk they keep, and a chunk that ends
nothing is only put aside.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Literal

from ..errors import ConnectionGoneError, ErrorCode, RemoteProtocolError
from ._frame import Frame
from ._headers import Headers
from ._options import Leniency, Limits
from ._spec import (
    BODY_COMMANDS,
    COMMANDS,
    HANDSHAKE_COMMANDS,
    Version,
    decode_table,
    undefined_escape,
    unescape,
)
from ._stream_events import NEED_DATA, ConnectionClosed, HeartBeat, NeedData

__all__ = ["FrameParser"]

_LF, _CR, _NUL = 10, 13, 0
_SMALL_PIECE = 512  # smaller pieces of a body are gathered first: a list entry costs as much as they do
_GATHERED = 64 * 1024  # one ever-growing bytearray is many times slower than a list of pieces
_LONGEST_NUMBER = 19  # digits of a content-length; int() of thousands of digits takes quadratic time
_LONGEST_COMMAND = max(map(len, COMMANDS))
_MIN_HEADER_LINE = len(b"a:\n")

# Between frames, inside a head, inside a body.
_IDLE, _HEAD, _BODY = 0, 1, 2


@cache
def _head_expression() -> re.Pattern[bytes]:
    # The command, then "\nname:value" for each header, then the blank line. Possessive quantifiers stand on
    # single character classes only: CPython 3.11.0 to 3.11.4 match possessive groups wrongly. The classes, all bytes
    # but NUL, LF, CR (and the colon in names), are spelt without "^": that takes a third less time.
    name = rb"[\x01-\x09\x0b\x0c\x0e-9;-\xff]++"
    value = rb"[\x01-\x09\x0b\x0c\x0e-\xff]*+"
    return re.compile(rb"([A-Z]++)(?:\n%b:%b)*\n\n" % (name, value))


@cache
def _end_of_lines() -> re.Pattern[bytes]:
    return re.compile(rb"[\r\n]*+")


class FrameParser:
    """Turns a stream of bytes into frames; knows nothing of the conversation.

    Args:
        version: how to read: ``"1.0"``, ``"1.1"``, ``"1.2"``. ``None`` reads the handshake, whose frames come
            before a version is known; set :attr:`version` once it is.
        limits: what is refused because of its size.
        leniency: what is forgiven; nothing by default.

    Raises:
        ValueError: there is no such version.

    >>> parser = FrameParser("1.2")
    >>> parser.receive_data(b"RECEIPT\\nreceipt-id:7\\n\\n\\0\\n")
    >>> parser.next_frame().headers["receipt-id"], parser.next_frame()
    ('7', NEED_DATA)
    """

    def __init__(
        self, version: str | None = None, *, limits: Limits | None = None, leniency: Leniency | None = None
    ) -> None:
        self._limits = Limits() if limits is None else limits
        self._leniency = Leniency() if leniency is None else leniency
        self._match_head = _head_expression().match
        self._end_of_lines = _end_of_lines().match
        # A head of no more bytes than this keeps every limit, whatever its lines are. Nor does the expression look
        # further, since it remembers each line that it passes.
        self._quick_head = min(
            self._limits.max_head,
            self._limits.max_header_line,
            self._limits.max_headers * _MIN_HEADER_LINE + len(b"A\n\n"),
        )
        if self._limits.max_command < _LONGEST_COMMAND:
            self._quick_head = 0
        self._max_body = self._limits.max_body
        self._max_unterminated = self._limits.body_without_length

        self._chunks: list[bytes] = []
        self._data = b""
        self._pos = 0
        self._base = 0  # offset in the stream of _data[0]
        self._eof = False
        self._told_end = False
        self._error: RemoteProtocolError | None = None
        self._stage = _IDLE
        self._after_frame = False

        self._command = ""
        self._head_size = 0
        self._lines: list[bytes] = []
        self._partial = bytearray()
        self._pairs: list[tuple[str, str]] = []
        self._line_count = 0
        self._strict = True

        self._headers = Headers()
        self._head: bytes | None = None
        self._need = -1
        self._body_allowed = True
        self._pieces: list[bytes] = []
        self._small = bytearray()
        self._collected = 0

        self._set_version(version)

    def _set_version(self, version: str | None) -> None:
        self._version = None if version is None else _version(version)
        lenient = self._leniency
        self._tag = "" if version is None else str(version)
        # What the specification says, and what this reader does.
        self._lawful_crlf = self._version in (None, Version.V1_2)
        self._crlf = self._lawful_crlf or lenient.crlf
        self._lawful_decoder = decode_table(self._version)
        self._decoder = decode_table(self._version, cr_in_1_1=lenient.cr_escape_in_1_1)
        if self._decoder is None and lenient.escapes_in_1_0:
            self._decoder = decode_table(Version.V1_1, cr_in_1_1=lenient.cr_escape_in_1_1)
        self._trims = self._version is Version.V1_0
        self._any_body = self._version in (None, Version.V1_0)

    @property
    def version(self) -> Version | None:
        """The version that frames are read in; ``None`` during the handshake.

        It may be set between frames: bytes received but not yet asked for obey the new version.
        """
        return self._version

    @version.setter
    def version(self, version: str | None) -> None:
        self._set_version(version)

    @property
    def between_frames(self) -> bool:
        """Whether all that was told so far ended whole, and nothing is left that was not told."""
        return self._stage == _IDLE and self._pos >= len(self._data) and not self._chunks

    @property
    def limits(self) -> Limits:
        """The limits in force."""
        return self._limits

    def receive_data(self, data: bytes | bytearray | memoryview) -> None:
        """Take bytes from the stream. ``b""`` means that it has ended.

        Raises:
            ConnectionGoneError: bytes after the end.
            TypeError: ``data`` is not bytes.
        """
        if not isinstance(data, bytes):
            if not isinstance(data, bytearray | memoryview):
                raise TypeError(f"receive_data() takes bytes, not {type(data).__name__}")
            data = bytes(data)
        if not data:
            self._eof = True
        elif self._eof:
            raise ConnectionGoneError("bytes were received after the end of the stream")
        elif self._error is None:
            self._chunks.append(data)

    def next_frame(self) -> Frame | HeartBeat | ConnectionClosed | Literal[NeedData.NEED_DATA]:
        """The next thing that the bytes so far tell. The end of the stream is told once.

        Raises:
            RemoteProtocolError: what came is not STOMP. Everything before it has been returned; the parser stays in
                this error.
        """
        while True:
            if self._stage != _IDLE:
                if self._error is not None:
                    raise self._error.with_traceback(None)
                return self._slow_head() if self._stage == _HEAD else self._read_body()
            data = self._data
            pos = self._pos
            if pos >= len(data):
                if self._pull():
                    continue
                return self._end(cut=False)
            if data[pos] <= _CR:
                heart_beat = self._between_frames()
                if heart_beat is None:
                    continue
                return heart_beat
            match = self._match_head(data, pos, pos + self._quick_head)
            if match is None:
                return self._start_slow_head()
            block, end = match.end(1), match.end()
            command = COMMANDS.get(data[pos:block])
            if command is None:
                return self._start_slow_head()
            try:
                text = data[block : end - 1].decode()
            except UnicodeDecodeError:
                return self._start_slow_head()
            escaped = False
            if "\\" in text:
                verdict = self._quick_escaped(command, text)
                if verdict is None:
                    return self._start_slow_head()
                escaped = verdict
            if self._trims and not self._quick_in_1_0(command, text):
                return self._start_slow_head()
            headers = Headers._from_text(text, escaped)
            # The commonest frame of all: its body is here, whole.
            start = text.find("\ncontent-length:")
            if start < 0:
                stop, most = data.find(b"\0", end), self._max_unterminated
            else:
                start += 16
                length = text[start : text.index("\n", start)]
                stop, most = -1, self._max_body
                if length.isascii() and length.isdigit() and len(length) <= _LONGEST_NUMBER:
                    stop = end + int(length)
                    if stop >= len(data) or data[stop] != _NUL:
                        stop = -1
            if 0 <= stop - end <= most and (command in BODY_COMMANDS or stop == end):
                body = data[end:stop]
                stop += 1
                if stop < len(data) and data[stop] == _LF:
                    stop += 1
                    self._after_frame = False
                else:
                    self._after_frame = True
                self._pos = stop
                return Frame._parsed(command, headers, body, self._tag, None, True)
            self._pos = end
            self._head = None
            self._strict = True
            self._start_body(command, headers)

    # ---------------------------------------------------------------- the stream

    def _pull(self) -> bool:
        """Make waiting chunks the current one; the rest of the current one, if any, goes before them."""
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

    def _end(self, *, cut: bool) -> ConnectionClosed | Literal[NeedData.NEED_DATA]:
        if not self._eof or self._told_end:
            return NEED_DATA
        self._told_end = True
        if cut:
            inside = self._command or "a command line"
            return ConnectionClosed(
                clean=False, cut=True, reason=f"the stream ended inside a frame ({inside})"
            )
        return ConnectionClosed(clean=True, reason="the stream ended between frames")

    def _fail(self, code: ErrorCode, what: str, pos: int) -> RemoteProtocolError:
        """Enter the error state. ``pos`` counts in the current chunk."""
        offset = self._base + pos
        self._error = RemoteProtocolError(
            f"{what} (at byte {offset} of the stream)", code=code, offset=offset
        )
        self._stage = _BODY if self._stage == _IDLE else self._stage
        self._chunks.clear()
        return self._error

    def _partial_header(self, name: str) -> str | None:
        """A header of the frame that went wrong, if it was read before that happened."""
        if self._stage == _HEAD:
            return next((value for key, value in self._pairs if key == name), None)
        return self._headers.get(name)

    # ---------------------------------------------------------------- between frames

    def _between_frames(self) -> HeartBeat | ConnectionClosed | Literal[NeedData.NEED_DATA] | None:
        """Read a run of EOLs; None means: look again."""
        data, pos = self._data, self._pos
        match = self._end_of_lines(data, pos)
        assert match is not None
        stop = match.end()
        if stop == pos:
            if data[pos] == _NUL:
                if not self._leniency.nul_between_frames:
                    raise self._fail(ErrorCode.NUL_BETWEEN_FRAMES, "a NUL that ends no frame", pos)
                self._pos = pos + 1
                return None
            raise self._unexpected(pos)
        bare = -1
        lines = stop - pos
        if data.find(b"\r", pos, stop) >= 0:
            run = data[pos:stop]
            if not self._crlf and not self._leniency.cr_between_frames:
                bare = run.index(b"\r")
            else:
                if run.endswith(b"\r") and stop == len(data):
                    # Its LF may be under way.
                    stop -= 1
                    run = run[:-1]
                lone = run.replace(b"\r\n", b"").find(b"\r")
                if lone >= 0 and not self._leniency.cr_between_frames:
                    bare = re.search(rb"\r(?!\n)", run).start()  # type: ignore[union-attr]
            if bare >= 0:
                stop = pos + bare
                run = run[:bare]
            lines = run.count(b"\n")
        self._pos = stop
        if lines and self._after_frame:
            self._after_frame = False
            lines -= 1
        if lines:
            return HeartBeat(lines)
        if bare >= 0:
            raise self._fail(ErrorCode.BARE_CR, "a CR between frames that belongs to no end-of-line", stop)
        if stop < len(data) and data[stop] == _CR:
            return None if self._pull() else self._end_after_cr()
        return None

    def _end_after_cr(self) -> ConnectionClosed | Literal[NeedData.NEED_DATA]:
        if self._eof and not self._told_end and not self._leniency.cr_between_frames:
            self._told_end = True
            return ConnectionClosed(clean=False, cut=True, reason="the stream ended inside an end-of-line")
        return self._end(cut=False)

    def _unexpected(self, pos: int) -> RemoteProtocolError:
        byte = self._data[pos : pos + 1]
        return self._fail(
            ErrorCode.UNEXPECTED_BYTE,
            f"the byte {byte!r} where a frame should start; is the peer speaking STOMP, without TLS?"
            if self._base + pos == 0
            else f"the byte {byte!r} where a frame should start",
            pos,
        )

    # ---------------------------------------------------------------- the fast way's doubts

    def _quick_escaped(self, command: str, text: str) -> bool | None:
        """Whether the backslashes of a head are escapes, every one defined; None if only the slow way can tell."""
        if command in HANDSHAKE_COMMANDS:
            return None if self._leniency.escapes_in_connect else False
        if self._decoder is None:
            return False
        decoder = self._lawful_decoder
        if decoder is None or self._version is None:
            return None
        rest = text.replace("\\\\", "")
        defined = rest.count("\\n") + rest.count("\\c")
        if "\\r" in decoder:
            defined += rest.count("\\r")
        return True if rest.count("\\") == defined else None

    def _quick_in_1_0(self, command: str, text: str) -> bool:
        """Whether STOMP 1.0 has this command, and nothing to trim in its headers."""
        if command == "NACK":
            return False
        return command in HANDSHAKE_COMMANDS or not (
            " \n" in text or "\n " in text or " :" in text or ": " in text
        )

    # ---------------------------------------------------------------- the slow way

    def _start_slow_head(self) -> Frame | ConnectionClosed | Literal[NeedData.NEED_DATA]:
        first = self._data[self._pos]
        if not 65 <= first <= 90:
            raise self._unexpected(self._pos)
        self._stage = _HEAD
        self._command = ""
        self._head_size = 0
        self._pairs = []
        self._line_count = 0
        self._strict = True
        return self._slow_head()

    def _slow_head(self) -> Frame | ConnectionClosed | Literal[NeedData.NEED_DATA]:
        while True:
            data, pos = self._data, self._pos
            stop = data.find(b"\n", pos)
            complete = stop >= 0
            if not complete:
                stop = len(data)
            before = len(self._partial)
            self._check_size(pos, stop, before, complete)
            if not complete:
                self._partial += data[pos:]
                self._pos = stop
                if self._pull():
                    continue
                return self._end(cut=True)
            if before:
                line = bytes(self._partial) + data[pos:stop]
                self._partial.clear()
            else:
                line = data[pos:stop]
            start = pos - before
            self._pos = stop + 1
            self._head_size += len(line) + 1
            self._lines.append(line)
            if not self._command:
                self._read_command(line, start)
            elif self._read_header(line, start):
                self._head = b"\n".join(self._lines) + b"\n"
                self._lines = []
                headers = Headers._from_pairs(self._pairs)
                self._start_body(self._command, headers)
                return self._read_body()
            else:
                self._line_count += 1

    def _check_size(self, pos: int, stop: int, before: int, complete: bool) -> None:
        """Judge the line ``data[pos:stop]``, of which ``before`` bytes are already put aside, by its size and NULs.

        Of several faults the one on the earliest byte is reported, as if the bytes had come one by one.
        """
        limits = self._limits
        length = before + stop - pos
        most = limits.max_header_line if self._command else limits.max_command
        room = limits.max_head - self._head_size
        nul = self._data.find(b"\0", pos, stop)
        full = self._line_count >= limits.max_headers
        if nul < 0 and length <= most and length + complete <= room and not full:
            return
        start = pos - before
        where = self._where()
        if full and self._command:
            # One line more is too many, whatever it holds; the blank line is none, nor is a CR that may begin it.
            line = (self._partial + self._data[pos : min(pos + 2, stop)])[:2]
            first = 1 if self._ends_in_crlf() and line.startswith(b"\r") else 0
            if len(line) > first and line[first] != _NUL and first <= min(most, room):
                raise self._fail(
                    ErrorCode.TOO_MANY_HEADERS,
                    f"{self._command} has more than {limits.max_headers} header lines",
                    start + first,
                )
        if nul >= 0 and nul - start <= min(most, room):
            raise self._fail(ErrorCode.NUL_IN_HEAD, f"NUL inside {where}", nul)
        if most <= room and length > most:
            if not self._command:
                raise self._fail(
                    ErrorCode.COMMAND_TOO_LONG, f"a command line of more than {most} bytes", start + most
                )
            raise self._fail(
                ErrorCode.HEADER_LINE_TOO_LONG, f"{where} is longer than {most} bytes", start + most
            )
        if length + complete <= room:
            return
        raise self._fail(
            ErrorCode.HEAD_TOO_LARGE,
            f"the head of {self._command or 'a frame'} is larger than {limits.max_head} bytes",
            start + room,
        )

    def _where(self) -> str:
        return (
            f"header line {self._line_count + 1} of {self._command}" if self._command else "the command line"
        )

    def _read_command(self, line: bytes, start: int) -> None:
        name = line.removesuffix(b"\r")
        command = COMMANDS.get(name)
        if command is None:
            shown = name if len(name) <= 40 else name[:37] + b"..."
            raise self._fail(ErrorCode.UNKNOWN_COMMAND, f"{shown!r} is not a STOMP command", start)
        if command == "NACK" and self._version is Version.V1_0:
            raise self._fail(ErrorCode.UNKNOWN_COMMAND, "NACK does not exist in STOMP 1.0", start)
        self._command = command
        if len(name) < len(line):
            if not self._ends_in_crlf():
                raise self._fail(
                    ErrorCode.UNKNOWN_COMMAND,
                    f"the command {line!r}: in STOMP {self._version} a line ends in LF alone",
                    start,
                )
            self._note_crlf()

    def _ends_in_crlf(self) -> bool:
        """Whether a CR before the LF belongs to the end of a line."""
        return self._crlf or self._command in HANDSHAKE_COMMANDS

    def _note_crlf(self) -> None:
        if not self._lawful_crlf and self._command not in HANDSHAKE_COMMANDS:
            self._strict = False

    def _read_header(self, line: bytes, start: int) -> bool:
        """Read one line of the head; True if it was the blank one."""
        lenient = self._leniency
        handshake = self._command in HANDSHAKE_COMMANDS
        if line.endswith(b"\r") and self._ends_in_crlf():
            line = line[:-1]
            self._note_crlf()
        if not line:
            return True
        if b"\r" in line and self._version is Version.V1_2:
            if not lenient.bare_cr:
                raise self._fail(
                    ErrorCode.BARE_CR,
                    f"a CR that ends no line, in {self._where()}",
                    start + line.index(b"\r"),
                )
            self._strict = False
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            if not lenient.not_utf8:
                raise self._fail(
                    ErrorCode.NOT_UTF8, f"{self._where()} is not UTF-8", start + error.start
                ) from None
            self._strict = False
            text = line.decode(errors="surrogateescape")
        name, colon, value = text.partition(":")
        if self._trims and not handshake:
            name, value = name.strip(" "), value.strip(" ")
        if not colon or not name:
            if not lenient.bad_header_lines:
                if colon:
                    raise self._fail(ErrorCode.EMPTY_HEADER_NAME, f"{self._where()} has an empty name", start)
                raise self._fail(ErrorCode.HEADER_WITHOUT_COLON, f"{self._where()} has no colon", start)
            self._strict = False
            return False
        if "\\" in text:
            after_colon = start + len(line) - len(_encoded(value))
            name, value = self._unescape(name, start), self._unescape(value, after_colon)
        self._pairs.append((name, value))
        return False

    def _unescape(self, text: str, start: int) -> str:
        lawful, decoder = self._lawful_decoder, self._decoder
        if self._command in HANDSHAKE_COMMANDS:
            lawful = decoder = None
            if self._leniency.escapes_in_connect and self._command != "CONNECTED":
                decoder = decode_table(Version.V1_2)
        if decoder is None or "\\" not in text:
            return text
        undefined = undefined_escape(text, decoder)
        if undefined is not None:
            if lawful is None or self._version is None:
                # Not even escaped, it seems: 1.0 and the handshake may hold plain backslashes.
                return text
            if not self._leniency.unknown_escapes:
                raise self._fail(
                    ErrorCode.UNDEFINED_ESCAPE,
                    f"the undefined escape {undefined.group()!r} in {self._where()}",
                    start + len(_encoded(text[: undefined.start()])),
                )
        if lawful is None or undefined_escape(text, lawful) is not None:
            self._strict = False
        return unescape(text, decoder)

    # ---------------------------------------------------------------- the body

    def _start_body(self, command: str, headers: Headers) -> None:
        """The head is read, ``_pos`` is at the first octet of the body."""
        self._stage = _BODY
        self._command = command
        self._headers = headers
        self._collected = 0
        self._body_allowed = self._any_body or command in BODY_COMMANDS
        self._need = -1
        length = headers.get("content-length")
        if length is None:
            return
        digits = length
        if self._leniency.padded_content_length:
            digits = length.strip(" ")
            if digits != length:
                self._strict = False
        if not (digits.isascii() and digits.isdigit()) or len(digits) > _LONGEST_NUMBER:
            shown = length if len(length) <= 40 else length[:37] + "..."
            raise self._fail(
                ErrorCode.BAD_CONTENT_LENGTH,
                f"the content-length {shown!r} of {command} is not a number",
                self._pos,
            )
        need = int(digits)
        if need > self._max_body:
            raise self._fail(
                ErrorCode.BODY_TOO_LARGE,
                f"{command} announces a body of {need} bytes; the limit is {self._max_body}",
                self._pos,
            )
        if need and not self._body_allowed:
            self._refuse_body()
        self._need = need

    def _refuse_body(self) -> None:
        if not self._leniency.unexpected_body:
            raise self._fail(
                ErrorCode.BODY_NOT_ALLOWED,
                f"{self._command} has a body; in STOMP {self._version} only SEND, MESSAGE and ERROR may",
                self._pos,
            )

    def _read_body(self) -> Frame | ConnectionClosed | Literal[NeedData.NEED_DATA]:
        while True:
            data, pos = self._data, self._pos
            if self._need >= 0:
                stop = pos + self._need - self._collected
                complete = stop < len(data)
                if complete and data[stop] != _NUL:
                    raise self._fail(
                        ErrorCode.FRAME_NOT_TERMINATED,
                        f"no NUL behind the {self._need} bytes that content-length of {self._command} announced",
                        stop,
                    )
            else:
                stop = data.find(b"\0", pos)
                complete = stop >= 0
                size = self._collected + (stop if complete else len(data)) - pos
                if size and not self._body_allowed:
                    self._refuse_body()
                most = self._max_unterminated
                if size > most:
                    raise self._fail(
                        ErrorCode.BODY_TOO_LARGE,
                        f"the body of {self._command} has no content-length and no NUL within {most} bytes",
                        pos + most - self._collected,
                    )
            if complete:
                return self._finish(pos, stop)
            self._put_aside(data[pos:] if pos else data)
            self._pos = len(data)
            if not self._pull():
                return self._end(cut=True)

    def _put_aside(self, piece: bytes) -> None:
        self._collected += len(piece)
        if len(piece) >= _SMALL_PIECE:
            if self._small:
                self._pieces.append(bytes(self._small))
                self._small.clear()
            self._pieces.append(piece)
        else:
            self._small += piece
            if len(self._small) >= _GATHERED:
                self._pieces.append(bytes(self._small))
                self._small.clear()

    def _finish(self, pos: int, stop: int) -> Frame:
        data = self._data
        body = data[pos:stop]
        if self._collected:
            self._pieces.append(bytes(self._small))
            self._pieces.append(body)
            body = b"".join(self._pieces)
            self._pieces = []
            self._small.clear()
        headers, self._headers = self._headers, Headers()
        head, self._head = self._head, None
        self._stage = _IDLE
        self._pos = stop + 1
        self._after_frame = True
        if body and not self._body_allowed:
            return Frame(self._command, headers.without("content-length"))
        return Frame._parsed(self._command, headers, body, self._tag, head, self._strict)


def _version(version: str) -> Version:
    try:
        return Version(version)
    except ValueError:
        raise ValueError(
            f"{version!r} is not a version of STOMP that exists; use '1.0', '1.1' or '1.2'"
        ) from None


def _encoded(text: str) -> bytes:
    """The bytes that a piece of a head was decoded from."""
    return text.encode(errors="surrogateescape")
