"""How the tables of mutations are written: the parts that most rules have in common."""

from __future__ import annotations

from collections.abc import Callable

from ._builder import Builder
from ._choices import Choices
from ._frames import next_frame

__all__ = ["Apply", "insert_line", "replace_command", "with_command", "with_line", "without_header"]

Apply = Callable[[Builder, Choices], None]


def insert_line(data: bytes, line: bytes, at: int = 1) -> bytes:
    """Return a frame with one more header line, which is the ``at``-th one behind the command."""
    head, blank, rest = data.partition(b"\n\n")
    lines = head.split(b"\n")
    lines.insert(at, line)
    return b"\n".join(lines) + blank + rest


def without_header(data: bytes, name: str) -> bytes:
    """Return a frame without the lines of a header."""
    head, blank, rest = data.partition(b"\n\n")
    lines = [line for line in head.split(b"\n") if not line.startswith(name.encode() + b":")]
    return b"\n".join(lines) + blank + rest


def replace_command(data: bytes, command: bytes) -> bytes:
    """Return a frame with another command."""
    return command + data[data.index(b"\n") :]


def with_line(*lines: bytes) -> Apply:
    """Return a mutation that adds one of these header lines to a frame of the peer."""

    def apply(builder: Builder, choices: Choices) -> None:
        frame = next_frame(builder, choices)
        data = frame.to_bytes(builder.version)
        at = choices.integer(1, data.partition(b"\n\n")[0].count(b"\n") + 1)
        builder.violate(frame, data=insert_line(data, choices.pick(lines), at))

    return apply


def with_command(*commands: bytes) -> Apply:
    """Return a mutation that replaces the command of a frame of the peer; ``%b`` stands for the right one."""

    def apply(builder: Builder, choices: Choices) -> None:
        frame = next_frame(builder, choices)
        command = choices.pick(commands).replace(b"%b", frame.command.encode())
        builder.violate(frame, data=replace_command(frame.to_bytes(builder.version), command))

    return apply
