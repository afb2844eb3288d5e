"""How a program has ended: by itself, by a signal, by a mistake of its own, or by an error that nobody has handled.

An error that a library raises on purpose when its peer breaks a rule ends a small program with a traceback: that is a
refusal. A signal, memory that is used up, or an exception that no library raises on purpose is a crash.
"""

from __future__ import annotations

import re
import signal
from enum import Enum
from typing import NamedTuple

__all__ = ["EndKind", "ProgramEnd", "end_of"]

#: How runtimes report an exception that the program has not handled.
_UNHANDLED = re.compile(
    rb"Traceback \(most recent call last\)"  # Python
    rb"|^panic: |^fatal error: "  # Go
    rb"|^thread '.*' .*panicked at"  # Rust
    rb"|Exception in thread "  # Java, and threads of Python
    rb"|^Unhandled exception|UnhandledPromiseRejection|^Uncaught |^PHP Fatal error|^Fatal error: "  # .NET, node, PHP
    rb"|^\S*:[0-9]+:in .*\([\w:]*(?:Error|Exception)\)"  # Ruby
    rb"|^node:internal/|^\s+throw er;",  # node
    re.MULTILINE,
)
#: What is always a crash. A Rust program that panics since it unwraps an error is told apart below.
_FATAL = re.compile(
    rb"AddressSanitizer|Segmentation fault|core dumped"
    rb"|^fatal error: |^panic: runtime error"  # Go
    rb"|out of memory|Allowed memory size of|has overflowed its stack"
    rb"|^thread '.*' .*panicked at(?!(?:.|\n){0,200}?called `Result::(?:unwrap|expect))",
    re.MULTILINE,
)
#: The type of an exception, as Python, node, PHP, .NET and Java write it in front of its text, and Ruby behind.
_TYPE = re.compile(
    r"^[\s|+]*(?:Exception in thread \S+ |PHP Fatal error: +|Fatal error: +|Unhandled exception\. )?(?:Uncaught )?"
    r"(?:[\w.$\\]+[.\\])?(\w*(?:Error|Exception|Iteration))(?=:|\s*$)"
    r"|\((?:\w+::)*(\w*(?:Error|Exception))\)\s*$",
    re.MULTILINE,
)
_TRACEBACK = "Traceback (most recent call last)"
#: Exceptions that tell of a mistake in a program or of memory that is used up. No library raises them on purpose for
#: what it receives. The others, ValueError among them, may be its refusal.
_MISTAKES = frozenset(
    {
        # Python
        "AssertionError", "AttributeError", "IndexError", "KeyError", "MemoryError", "NameError", "NotImplementedError",
        "RecursionError", "StopAsyncIteration", "StopIteration", "SystemError", "TypeError", "UnboundLocalError",
        "ZeroDivisionError",
        # Java and .NET
        "ArithmeticException", "ArrayIndexOutOfBoundsException", "ClassCastException", "DivideByZeroException",
        "IndexOutOfBoundsException", "IndexOutOfRangeException", "InvalidCastException", "KeyNotFoundException",
        "NegativeArraySizeException", "NoSuchElementException", "NullPointerException", "NullReferenceException",
        "OutOfMemoryError", "OutOfMemoryException", "StackOverflowError", "StackOverflowException",
        "StringIndexOutOfBoundsException",
        # JavaScript, Ruby, PHP
        "ArgumentCountError", "ArithmeticError", "DivisionByZeroError", "FrozenError", "NoMemoryError", "NoMethodError",
        "RangeError", "ReferenceError", "SystemStackError", "UnhandledMatchError",
    }
)  # fmt: skip


class EndKind(Enum):
    """How a program has ended."""

    ORDINARY = "by itself"
    """It has ended with any status, or goes on."""
    RAISED = "by an exception"
    """By an exception that its library may have raised on purpose."""
    MISTAKE = "by a mistake"
    """By an exception that nobody raises on purpose, or since memory was used up."""
    KILLED = "by a signal"
    """By a signal, which abort() sends, too."""


class ProgramEnd(NamedTuple):
    """How a program has ended.

    Attributes:
        kind: in a word.
        name: of the symptom that it would be, in stable words.
        text: in a sentence, with the last line of its standard error.
    """

    kind: EndKind
    name: str
    text: str


def end_of(status: int | None, output: bytes) -> ProgramEnd:
    """Tell how a program has ended.

    Args:
        status: its exit status; negative for a signal, ``None`` if it goes on.
        output: the end of what it has written to its standard error.
    """
    last = _last_line(output)
    if status is not None and status < 0:
        name = signal.Signals(-status).name
        return ProgramEnd(
            EndKind.KILLED, f"killed-by-{name.lower()}", f"the program was ended by {name}{last}"
        )
    if _FATAL.search(output) or (_UNHANDLED.search(output) and _last_type(output) in _MISTAKES):
        text = f"the program has ended by an exception that no library raises on purpose{last}"
        return ProgramEnd(EndKind.MISTAKE, "unhandled-exception", text)
    if _UNHANDLED.search(output):
        return ProgramEnd(
            EndKind.RAISED, "raised", f"the program has ended by an exception that it does not handle{last}"
        )
    if status is None:
        return ProgramEnd(EndKind.ORDINARY, "goes-on", f"the program has not ended{last}")
    return ProgramEnd(
        EndKind.ORDINARY, f"exited-with-status-{status}", f"the program has ended with status {status}{last}"
    )


def _last_type(output: bytes) -> str:
    """Return the type of the last exception that is shown; ``""`` for none.

    In Python those of tracebacks before the last one were handled, or are its causes. Java shows causes behind "Caused
    by", and node in brackets: they do not match.
    """
    text = output.decode(errors="backslashreplace").rpartition(_TRACEBACK)[2]
    names = [match[1] or match[2] for match in _TYPE.finditer(text)]
    return names[-1] if names else ""


def _last_line(output: bytes) -> str:
    lines = output.decode(errors="backslashreplace").strip().splitlines()
    return f": {lines[-1].strip()[:300]}" if lines else ""
