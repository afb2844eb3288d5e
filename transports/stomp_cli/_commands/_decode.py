"""``stomp decode``: print bytes of STOMP as frames."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import click

from stomp_core import Frame
from stomp_testing.frame_json import frame_to_dict, to_json

from .._exit_status import ExitStatus
from .._frame_printing import FramePrinter
from .._frame_reader import Found, FrameReader, Problem
from .._terminal import colours, note

_CHUNK = 64 * 1024


@click.command("decode")
@click.argument("file", type=click.Path(), required=False)
@click.option(
    "--hex", "is_hex", is_flag=True, help="The input is hexadecimal digits; anything around them is ignored."
)
@click.option(
    "--version",
    type=click.Choice(["1.0", "1.1", "1.2"]),
    help="The version to read in; by default 1.2, or what CONNECT or CONNECTED names.",
)
@click.option("--role", type=click.Choice(["client", "server"]), help="Who has sent the bytes.")
@click.option("--pretty", "style", flag_value="pretty", help="As at a terminal: headers and body to look at.")
@click.option(
    "--json", "style", flag_value="json", help="As in a pipe: a line of JSON each, which encode reads."
)
def command(file: str | None, is_hex: bool, version: str | None, role: str | None, style: str | None) -> None:
    """Print the frames in FILE, or in standard input, and everything that is wrong with them.

    Each frame and each error has its offset in the input, in bytes. Behind an error, reading goes on after the next
    NUL. The exit status is 1 if there was one.

    \b
    Examples:
      stomp decode capture.bin
      printf 'SEND\\ndestination:/queue/a\\n\\nhello\\0' | stomp decode
      xxd -p capture.bin | stomp decode --hex --role client
      stomp decode capture.bin --json | jq 'select(.error)'
    """
    if style is None:
        style = "pretty" if sys.stdout.isatty() else "json"
    show = _show_json if style == "json" else _Pretty()
    reader = FrameReader(version, role)
    frames = problems = 0
    for found in _found(reader, file, is_hex):
        frames += isinstance(found.what, Frame)
        problems += isinstance(found.what, Problem)
        sys.stdout.buffer.write(show(found).encode("utf-8", "backslashreplace"))
    sys.stdout.flush()
    note(f"{frames} frame{'' if frames == 1 else 's'}, {problems} error{'' if problems == 1 else 's'}")
    if problems:
        click.get_current_context().exit(ExitStatus.FAILURE)


def _found(reader: FrameReader, file: str | None, is_hex: bool) -> Iterator[Found]:
    with _open(file) as stream:
        if is_hex:
            yield from reader.read(_from_hex(stream.read()))
        else:
            while data := stream.read1(_CHUNK):  # type: ignore[attr-defined] # as both of ours have
                yield from reader.read(data)
    yield from reader.end()


def _open(file: str | None) -> contextlib.AbstractContextManager[IO[bytes]]:
    if file is not None and file != "-":
        return Path(file).open("rb")
    if sys.stdin.isatty():
        note("reading from the terminal until Ctrl-D")
    return contextlib.nullcontext(sys.stdin.buffer)


def _from_hex(text: bytes) -> bytes:
    """Return the bytes of hexadecimal digits, with or without spaces, ``0x``, ``\\x``, commas and line ends."""
    digits = re.sub(rb"0x|\\\\x|[\s:,]", b"", text)
    try:
        return bytes.fromhex(digits.decode("ascii"))
    except ValueError:
        raise click.UsageError(
            "The input is not hexadecimal: an even number of digits, with or without spaces."
        ) from None


def _show_json(found: Found) -> str:
    content: dict[str, Any] = {"offset": found.offset}
    what = found.what
    if isinstance(what, Frame):
        content |= frame_to_dict(what)
    elif isinstance(what, Problem):
        violation = what.violation
        content |= {"error": str(violation.code), "section": violation.section, "text": violation.text}
        if what.near:
            content["near"] = what.near.decode("ascii", "backslashreplace")
    else:
        content["heart_beats"] = what.count
    return to_json(content) + "\n"


class _Pretty:
    """Shows what was found to people."""

    def __init__(self) -> None:
        self._printer = FramePrinter(colour=colours(sys.stdout))

    def __call__(self, found: Found) -> str:
        where = f"{found.offset:>8}"
        what = found.what
        if isinstance(what, Frame):
            return self._printer.frame(what, where)
        if isinstance(what, Problem):
            near = f", near {what.near!r}" if what.near else ""
            return self._printer.violations([f"byte {found.offset}: {what.violation}{near}"])
        return self._printer.other("line end" if what.count == 1 else f"{what.count} line ends", where)
