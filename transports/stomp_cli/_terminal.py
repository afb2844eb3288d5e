"""What the user reads beside the data: on stderr, with colours only at a terminal that wants them."""

from __future__ import annotations

import os
import sys
from typing import TextIO

import click

__all__ = ["colours", "note", "warn"]


def colours(stream: TextIO) -> bool:
    """Return whether a stream is a terminal that shows colours (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def note(text: str) -> None:
    """Print a sentence on stderr."""
    click.echo(f"stomp: {text}", err=True)


def warn(text: str) -> None:
    """Print a sentence on stderr, in yellow at a terminal."""
    click.echo(
        click.style(f"stomp: {text}", fg="yellow") if colours(sys.stderr) else f"stomp: {text}", err=True
    )
