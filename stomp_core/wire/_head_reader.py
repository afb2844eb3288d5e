"""HeadReader: reads the head of a frame line by line, while it arrives.

It applies every rule and every leniency, and finds out why a head is refused. The parser uses it for the heads that its
regular expression does not match: incomplete, unusual or wrong ones.

Errors must not depend on how the stream was cut into chunks. So every check acts as if bytes came one by one: of
several violations the one at the earliest byte is reported, and a limit is exceeded by the first byte beyond it, be the
line complete or not.
"""

from __future__ import annotations

from ..errors import ErrorCode
from ._headers import Headers
from ._reading_rules import ReadingRules, violation
from ._spec import COMMANDS, HANDSHAKE_COMMANDS, Version, decode_table, undefined_escape, unescape

__all__ = ["HeadReader"]

_NUL = 0


class HeadReader:
    """Reads one head after the other.

    Attributes:
        command: the command of the head that is being read; ``""`` as long as its line is incomplete.
        strict: the head was read so far without a leniency having been needed.
    """

    __slots__ = (
        "_head_size",
        "_line_count",
        "_lines",
        "_pairs",
        "_partial_line",
        "_rules",
        "_unchecked",
        "command",
        "strict",
    )

    def __init__(self, rules: ReadingRules) -> None:
        self.start(rules)

    def start(self, rules: ReadingRules) -> None:
        """Begin a new head, and forget what is left of the one before."""
        self._rules = rules
        self.command = ""
        self.strict = True
        self._partial_line = bytearray()  # the beginning of a line that continues in the next chunk
        self._lines: list[bytes] = []  # complete ones, as received
        self._head_size = 0  # bytes of the complete lines
        self._line_count = 0  # header lines among them
        self._pairs: list[tuple[str, str]] = []
        self._update_unchecked()

    @property
    def headers(self) -> Headers:
        """The headers read so far."""
        return Headers.from_pairs(self._pairs)

    @property
    def raw(self) -> bytes:
        """The complete lines as received."""
        return b"\n".join(self._lines) + b"\n"

    def read(self, data: bytes, pos: int, base: int) -> int | None:
        """Read lines until the blank one.

        Args:
            data: a chunk of the stream.
            pos: where in it the head, or the rest of it, begins.
            base: the offset in the stream of ``data[0]``.

        Returns:
            Where in ``data`` the body begins; ``None`` if the head goes on in the next chunk. Then all of ``data`` was
            taken.

        Raises:
            RemoteProtocolError: the head breaks a rule.
        """
        while True:
            stop = data.find(b"\n", pos)
            complete = stop >= 0
            if not complete:
                stop = len(data)
            before = len(self._partial_line)
            # Below this size and without NUL the check would find nothing.
            if before + stop - pos >= self._unchecked or data.find(b"\0", pos, stop) >= 0:
                self._check_size(data, pos, stop, base, complete)
            if not complete:
                self._partial_line += data[pos:]
                return None
            line = data[pos:stop]
            if before:
                line = bytes(self._partial_line) + line
                self._partial_line.clear()
            start = base + pos - before
            pos = stop + 1
            self._head_size += len(line) + 1
            self._lines.append(line)
            if not self.command:
                self._read_command(line, start)
            elif self._read_header(line, start):
                return pos
            else:
                self._line_count += 1
            self._update_unchecked()

    def _update_unchecked(self) -> None:
        """Find out below which size the next line exceeds no limit: such pieces of it need no :meth:`_check_size`."""
        limits = self._rules.limits
        most = limits.max_header_line if self.command else limits.max_command
        full = self._line_count >= limits.max_headers
        self._unchecked = 0 if full else min(most, limits.max_head - self._head_size)

    def _check_size(self, data: bytes, pos: int, stop: int, base: int, complete: bool) -> None:
        """Check a line, or what has arrived of it, for NUL and against the limits.

        The line is ``_partial_line`` followed by ``data[pos:stop]``. This is called before the line is
        stored, so that a line that never ends takes no more memory than its limit.
        """
        limits = self._rules.limits
        before = len(self._partial_line)
        length = before + stop - pos
        most = limits.max_header_line if self.command else limits.max_command
        room = limits.max_head - self._head_size
        nul = data.find(b"\0", pos, stop)
        full = self._line_count >= limits.max_headers
        # A complete line takes its LF from the room of the head.
        if nul < 0 and length <= most and length + complete <= room and not full:
            return
        # Something may be wrong. Of several violations the one at the earliest byte is reported.
        start = base + pos - before
        where = self._where()
        if full and self.command:
            # The first byte of one line more is too much, whatever it is. But the blank line is not one line more, and
            # a CR may be the beginning of the blank line: then the byte after it decides.
            line = (self._partial_line + data[pos : min(pos + 2, stop)])[:2]
            first = 1 if self._rules.accepts_crlf(self.command) and line.startswith(b"\r") else 0
            if len(line) > first and line[first] != _NUL and first <= min(most, room):
                raise violation(
                    ErrorCode.TOO_MANY_HEADERS,
                    f"{self.command} has more than {limits.max_headers} header lines",
                    start + first,
                )
        if nul >= 0 and base + nul - start <= min(most, room):
            raise violation(ErrorCode.NUL_IN_HEAD, f"NUL inside {where}", base + nul)
        if most <= room and length > most:
            if not self.command:
                raise violation(
                    ErrorCode.COMMAND_TOO_LONG, f"a command line of more than {most} bytes", start + most
                )
            raise violation(
                ErrorCode.HEADER_LINE_TOO_LONG, f"{where} is longer than {most} bytes", start + most
            )
        if length + complete <= room:
            return
        raise violation(
            ErrorCode.HEAD_TOO_LARGE,
            f"the head of {self.command or 'a frame'} is larger than {limits.max_head} bytes",
            start + room,
        )

    def _where(self) -> str:
        return f"header line {self._line_count + 1} of {self.command}" if self.command else "the command line"

    def _read_command(self, line: bytes, start: int) -> None:
        """Read the command line, which begins at ``start`` in the stream."""
        rules = self._rules
        name = line.removesuffix(b"\r")
        command = COMMANDS.get(name)
        if command is None:
            shown = name if len(name) <= 40 else name[:37] + b"..."
            raise violation(ErrorCode.UNKNOWN_COMMAND, f"{shown!r} is not a STOMP command", start)
        if command == "NACK" and rules.version is Version.V1_0:
            if not rules.leniency.nack_in_1_0:
                raise violation(ErrorCode.UNKNOWN_COMMAND, "NACK does not exist in STOMP 1.0", start)
            self.strict = False
        self.command = command
        if len(name) < len(line):
            if not rules.accepts_crlf(command):
                raise violation(
                    ErrorCode.UNKNOWN_COMMAND,
                    f"the command {line!r}: in STOMP {rules.version} a line ends in LF alone",
                    start,
                )
            if rules.tolerates_crlf(command):
                self.strict = False

    def _read_header(self, line: bytes, start: int) -> bool:
        """Read a header line, which begins at ``start`` in the stream.

        Returns:
            True for the blank line that ends the head.
        """
        rules = self._rules
        leniency = rules.leniency
        if line.endswith(b"\r") and rules.accepts_crlf(self.command):
            line = line[:-1]
            if rules.tolerates_crlf(self.command):
                self.strict = False
        if not line:
            return True
        # In 1.2 a CR can only be a part of CRLF, since headers escape it. In 1.0 and 1.1 it is a character like others.
        if b"\r" in line and rules.version is Version.V1_2:
            if not leniency.bare_cr:
                raise violation(
                    ErrorCode.BARE_CR,
                    f"a CR that ends no line, in {self._where()}",
                    start + line.index(b"\r"),
                )
            self.strict = False
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            if not leniency.not_utf8:
                raise violation(
                    ErrorCode.NOT_UTF8, f"{self._where()} is not UTF-8", start + error.start
                ) from None
            self.strict = False
            text = line.decode(errors="surrogateescape")
        name, colon, value = text.partition(":")
        if rules.trims and self.command not in HANDSHAKE_COMMANDS:
            # Spaces only: 1.0 pads its examples with them, and a tab is a part of the value.
            name, value = name.strip(" "), value.strip(" ")
        if not colon or not name:
            if not leniency.bad_header_lines:
                if colon:
                    raise violation(ErrorCode.EMPTY_HEADER_NAME, f"{self._where()} has an empty name", start)
                raise violation(ErrorCode.HEADER_WITHOUT_COLON, f"{self._where()} has no colon", start)
            self.strict = False
            return False
        if "\\" in text:
            # After the split: an escaped colon does not separate the name from the value.
            after_colon = start + len(line) - len(_encode(value))
            name, value = self._unescape(name, start), self._unescape(value, after_colon)
        self._pairs.append((name, value))
        return False

    def _unescape(self, text: str, start: int) -> str:
        """Decode the escapes of a name or value that begins at ``start`` in the stream."""
        rules = self._rules
        defined, decoded = rules.defined_escapes, rules.decoded_escapes
        if self.command in HANDSHAKE_COMMANDS:
            defined = decoded = None
            if rules.leniency.escapes_in_connect and self.command != "CONNECTED":
                decoded = decode_table(Version.V1_2)
        if decoded is None or "\\" not in text:
            return text
        undefined = undefined_escape(text, decoded)
        if undefined is not None:
            if defined is None or rules.version is None:
                # In 1.0, in the handshake, and in an ERROR that comes instead of CONNECTED, a backslash may be a plain
                # character. If it cannot begin an escape, it is one, and so are the others in this text.
                return text
            if not rules.leniency.unknown_escapes:
                raise violation(
                    ErrorCode.UNDEFINED_ESCAPE,
                    f"the undefined escape {undefined.group()!r} in {self._where()}",
                    start + len(_encode(text[: undefined.start()])),
                )
        if defined is None or undefined_escape(text, defined) is not None:
            self.strict = False
        return unescape(text, decoded)


def _encode(text: str) -> bytes:
    """Return the bytes that a piece of a head was decoded from."""
    return text.encode(errors="surrogateescape")
