"""What runtimes write when a program ends tells a refusal from a crash."""

from __future__ import annotations

import pytest

from stomp_testing.fuzzing._program_end import EndKind, end_of

PYTHON = """\
Traceback (most recent call last):
  File "client.py", line 3, in <module>
    connection.run()
{}
"""


@pytest.mark.parametrize(
    ("kind", "output"),
    [
        (EndKind.RAISED, PYTHON.format("stomp_core.errors.RemoteProtocolError: header line 1 has no colon")),
        (EndKind.RAISED, PYTHON.format("ValueError: not enough values to unpack (expected 2, got 1)")),
        (EndKind.MISTAKE, PYTHON.format("KeyError: 'heart-beat'")),
        (EndKind.MISTAKE, PYTHON.format("MemoryError")),
        (EndKind.RAISED, PYTHON.format("KeyError: 'a'\n\nThe above ...\n") + PYTHON.format("my.Refused: b")),
        (EndKind.MISTAKE, " + Exception Group Traceback (most recent call last):\n | ExceptionGroup\n  | KeyError: 1"),
        (EndKind.MISTAKE, 'Exception in thread "main" java.lang.NullPointerException: null\n\tat A.main(A.java:1)'),
        (EndKind.RAISED, 'Exception in thread "main" a.StompException: x\nCaused by: java.lang.NullPointerException'),
        (EndKind.MISTAKE, "a.js:1\n  x.y()\nTypeError: Cannot read properties\n    at a\n\nnode:internal/x:1"),
        (EndKind.RAISED, "node:events:491\n      throw er; // Unhandled 'error' event\n\nError: bad frame\n    at a"),
        (EndKind.MISTAKE, "a.rb:1:in `x': undefined method `y' for nil:NilClass (NoMethodError)"),
        (EndKind.RAISED, "a.rb:1:in `x': bad frame (Stomp::Error)\n\tfrom b"),
        (EndKind.RAISED, "PHP Fatal error:  Uncaught StompException: bad frame in a.php:1"),
        (EndKind.MISTAKE, "PHP Fatal error:  Uncaught TypeError: strlen() in a.php:1"),
        (EndKind.MISTAKE, "PHP Fatal error:  Allowed memory size of 1 bytes exhausted in a.php on line 1"),
        (EndKind.MISTAKE, "Unhandled exception. System.NullReferenceException: Object reference not set"),
        (EndKind.RAISED, "Unhandled exception. Acme.StompException: bad frame"),
        (EndKind.MISTAKE, "panic: runtime error: index out of range [5] with length 3\n\ngoroutine 1 [running]:"),
        (EndKind.RAISED, "panic: bad frame\n\ngoroutine 1 [running]:"),
        (EndKind.MISTAKE, "fatal error: all goroutines are asleep - deadlock!"),
        (EndKind.MISTAKE, "thread 'main' panicked at src/main.rs:2:5:\nindex out of bounds: the len is 3"),
        (EndKind.RAISED, "thread 'main' panicked at a.rs:2:5:\ncalled `Result::unwrap()` on an `Err` value: Bad"),
        (EndKind.ORDINARY, "bad frame: header line 1 has no colon"),
    ],
)  # fmt: skip
def test_output_of_a_program_that_has_failed(kind: EndKind, output: str) -> None:
    assert end_of(1, output.encode()).kind is kind


def test_signal_is_a_crash_whatever_was_written() -> None:
    end = end_of(-6, b"bad frame")
    assert (end.kind, end.name) == (EndKind.KILLED, "killed-by-sigabrt")


@pytest.mark.parametrize("status", [0, 3, None])
def test_status_alone_is_no_crash(status: int | None) -> None:
    assert end_of(status, b"").kind is EndKind.ORDINARY
