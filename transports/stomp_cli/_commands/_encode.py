"""``stomp encode``: make the bytes of frames."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import IO

import click

from stomp_core import Connected, StompError
from stomp_testing.frame_json import frame_of, read_line

from .._terminal import note

#: What `decode` and `trace --jsonl` print beside frames.
_NO_FRAMES = ("error", "event", "note")


@click.command("encode")
@click.argument("file", type=click.Path(), required=False)
@click.option(
    "--version",
    type=click.Choice(["1.0", "1.1", "1.2"]),
    help="The version to write; by default 1.2, or what a CONNECTED names.",
)
@click.option("--no-content-length", is_flag=True, help="Add no content-length to a body.")
@click.option("--hex", "as_hex", is_flag=True, help="Write hexadecimal digits, a line for each frame.")
def command(file: str | None, version: str | None, no_content_length: bool, as_hex: bool) -> None:
    """Write the bytes of the frames in FILE, or in standard input: lines of JSON with command, headers and body.

    They are what `stomp decode` and `stomp trace --jsonl` print. A mistake ends it, and names its line.

    \b
    Examples:
      echo '{"command":"SEND","headers":{"destination":"/queue/a"},"body":"hi"}' | stomp encode | nc broker 61613
      stomp decode capture.bin --json | jq -c 'select(.command)' | stomp encode
    """
    encoder = _Encoder(version, not no_content_length)
    with _open(file) as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                data = encoder.encode(line)
            except (ValueError, StompError) as error:
                sys.stdout.buffer.flush()
                raise ValueError(f"line {number}: {error}") from None
            sys.stdout.buffer.write(data.hex().encode() + b"\n" if as_hex and data else data)
    sys.stdout.buffer.flush()


def _open(file: str | None) -> contextlib.AbstractContextManager[IO[bytes]]:
    if file is not None and file != "-":
        return Path(file).open("rb")
    if sys.stdin.isatty():
        note("reading from the terminal until Ctrl-D")
    return contextlib.nullcontext(sys.stdin.buffer)


class _Encoder:
    """Makes bytes of lines.

    Args:
        version: to write; ``None`` is 1.2 until a CONNECTED names another one.
        content_length: whether to add a ``content-length`` to a body.
    """

    def __init__(self, version: str | None, content_length: bool) -> None:
        self._version = version or "1.2"
        self._fixed = version is not None
        self._content_length = content_length

    def encode(self, line: bytes) -> bytes:
        """Return the bytes of a line.

        Raises:
            LocalProtocolError: this version cannot carry the frame.
            ValueError: it describes no frame.
        """
        content = read_line(line)
        if "command" not in content:
            if isinstance(beats := content.get("heart_beats"), int):
                return b"\n" * beats
            if any(name in content for name in _NO_FRAMES):
                return b""
        frame = frame_of(content)
        if frame.command == "CONNECTED" and not self._fixed:
            version = Connected.from_frame(frame).version
            self._version = version if version in ("1.0", "1.1", "1.2") else self._version
        return frame.to_bytes(self._version, content_length=self._content_length)
