"""The examples are as short as docs/embedding.md and README say: who copies one has so much to read."""

from __future__ import annotations

import io
import tokenize
from pathlib import Path

import pytest

EMBEDDING = Path(__file__).parents[2] / "examples" / "embedding"
NOT_CODE = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER
}  # fmt: skip


def lines_of_code(file: Path) -> int:
    """Count the lines that are neither blank, nor comment, nor docstring, nor import."""
    lines: set[int] = set()
    statement: list[tokenize.TokenInfo] = []
    for token in tokenize.generate_tokens(io.StringIO(file.read_text()).readline):
        if token.type == tokenize.NEWLINE:
            if statement and not _is_left_out(statement):
                lines.update(*(range(each.start[0], each.end[0] + 1) for each in statement))
            statement = []
        elif token.type not in NOT_CODE:
            statement.append(token)
    return len(lines)


def _is_left_out(statement: list[tokenize.TokenInfo]) -> bool:
    docstring = len(statement) == 1 and statement[0].type == tokenize.STRING
    return docstring or statement[0].string in ("import", "from")


@pytest.mark.parametrize(
    ("file", "most"),
    [
        ("broker.py", 106),
        ("mitm_proxy.py", 48),
        ("gevent_adapter.py", 40),
        ("twisted_adapter.py", 55),
        ("selectors_loop.py", 70),
        ("qt_adapter.py", 90),  # half of them run coroutines
        ("anyio_adapter.py", 105),
    ],
)
def test_an_example_is_short(file: str, most: int) -> None:
    assert lines_of_code(EMBEDDING / file) <= most
