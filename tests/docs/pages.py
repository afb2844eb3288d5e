"""Run the code on a page, and compare what it prints with what the page shows.

- A ``python`` block that begins with an import is a program of its own; any other continues the block before it.
- What a block prints stands in an ``output`` block behind it. Nothing may be printed that the page does not show.
- A ``console`` block has commands behind ``$``, each followed by its output. They run with a shell.
- A block whose first line is a comment with a file name is written to that file. If a ``console`` block runs the file,
  or another file imports it, it is run there and nowhere else.
- In output, ``...`` stands for any text.
- ``<!-- skip: next "why" -->`` in front of a block leaves it out.

All blocks of a page share an embedded broker, which stands for the one at ``localhost:61613``, and an empty folder.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from unittest import SkipTest

from sybil import Example, Sybil
from sybil.document import Document
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser, SkipParser
from sybil.region import Lexeme
from sybil.typing import Parser

from stomp_testing import Broker

from ..waiting import HANGS

__all__ = ["ROOT", "PageFailure", "blocks", "pages", "run_page"]

ROOT = Path(__file__).parents[2]
_FILE_NAME = re.compile(r"# ([\w-]+\.\w+)\n")
_URL = re.compile(r"(stomp|ws)://(guest:guest@)?localhost:(61613|15674/ws)")
_CHECKER = doctest.OutputChecker()
#: Languages of blocks that may be files. Only Python is run.
_FILES = ("toml", "ini", "yaml", "sh")


def pages() -> list[str]:
    """Return all pages, by their paths from the root of the project."""
    found = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    return sorted(path.relative_to(ROOT).as_posix() for path in found)


def blocks(page: str, *languages: str) -> list[str]:
    """Return the source of the blocks of a page in any of the languages, in their order."""
    parsers: list[Parser] = [CodeBlockParser(language, _nothing) for language in languages]
    document = Sybil(parsers).parse(ROOT / page)
    return [str(example.parsed) for example in document.examples()]


def _nothing(example: Example) -> None:
    """Evaluate nothing."""


class PageFailure(AssertionError):
    """A block of a page does not do what the page shows."""


def run_page(page: str, folder: Path) -> int:
    """Run every block of a page.

    Args:
        page: its path from the root of the project.
        folder: the working directory of its code.

    Returns:
        How many blocks were run.

    Raises:
        PageFailure: a block does not do what the page shows.
    """
    run = _Run(page, folder)
    broker = Broker(websocket="localhost:15674" in run.text)
    with broker, contextlib.chdir(folder), _no_module_named_stomp():
        run.broker = broker
        for example in run.document().examples():
            with contextlib.suppress(SkipTest):
                example.evaluate()
        run.end_program()
    return run.count


@contextlib.contextmanager
def _no_module_named_stomp() -> Iterator[None]:
    """A page may let stomp_py stand for stomp; other tests in this process need stomp.py itself."""

    def take_out() -> dict[str, ModuleType]:
        names = [name for name in sys.modules if name.partition(".")[0] == "stomp"]
        return {name: sys.modules.pop(name) for name in names}

    before, finders = take_out(), sys.meta_path[:]
    try:
        yield
    finally:
        take_out()
        sys.modules.update(before)
        sys.meta_path[:] = finders


class _Run:
    """One run of a page."""

    broker: Broker

    def __init__(self, page: str, folder: Path) -> None:
        self.page = page
        self.folder = folder
        self.text = (ROOT / page).read_text()
        self.count = 0
        self._python = PythonEvaluator()
        # What the last block has printed, which no output block has shown, and the line of that block.
        self._printed = ""
        self._line = 0

    def document(self) -> Document:
        parsers: list[Parser] = [
            SkipParser(),
            CodeBlockParser("python", self._run_python),
            CodeBlockParser("output", self._compare_output),
            CodeBlockParser("console", self._run_console),
            *[CodeBlockParser(language, self._keep_file) for language in _FILES],
        ]
        return Sybil(parsers).parse(ROOT / self.page)

    def end_program(self) -> None:
        """Check that everything that was printed is shown."""
        if self._printed:
            raise PageFailure(
                f"{self.page}:{self._line} prints this, which no output block shows:\n{self._printed}"
            )

    def _run_python(self, example: Example) -> None:
        self.end_program()
        name = self._write_file(example)
        if name is not None and self._is_used_elsewhere(name):
            return
        source = example.parsed
        if re.match(r"(#.*\n)*(import|from) ", source):
            example.document.namespace.clear()
            example.document.namespace["__name__"] = "__main__"
        example.parsed = Lexeme(self._with_broker(source), source.offset, source.line_offset)
        printed, errors = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(errors):
            self._python(example)
        if errors.getvalue():
            raise PageFailure(f"{self.page}:{example.line} writes to stderr:\n{errors.getvalue()}")
        self.count += 1
        self._printed, self._line = self._as_on_the_page(printed.getvalue()), example.line

    def _compare_output(self, example: Example) -> None:
        self._compare(example.line, example.parsed, self._printed)
        self._printed = ""

    def _write_file(self, example: Example) -> str | None:
        found = _FILE_NAME.match(example.parsed)
        if found is None:
            return None
        (self.folder / found[1]).write_text(self._with_broker(example.parsed))
        return found[1]

    def _is_used_elsewhere(self, name: str) -> bool:
        """Return whether a command runs this file, or another file imports it."""
        command, module = re.escape(name), re.escape(name.partition(".")[0])
        return bool(
            re.search(rf"^\$.*\bpython3? (.* )?{command}\b|^import {module}$", self.text, re.MULTILINE)
        )

    def _keep_file(self, example: Example) -> None:
        # What an evaluator returns is a failure.
        self._write_file(example)

    def _run_console(self, example: Example) -> None:
        self.end_program()
        for command, shown in _commands(example.parsed):
            done = subprocess.run(
                ["/bin/sh", "-c", self._with_broker(command)],
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=HANGS,
                check=False,
            )
            if done.returncode and not shown:
                raise PageFailure(
                    f"{self.page}:{example.line}: {command} ends with {done.returncode}:\n{done.stdout}"
                )
            self._compare(example.line, shown, self._as_on_the_page(done.stdout))
        self.count += 1

    def _environment(self) -> dict[str, str]:
        commands = self.folder / ".commands"
        if not commands.exists():
            commands.mkdir()
            (commands / "stomp").write_text(f'#!/bin/sh\nexec {sys.executable} -m stomp_cli "$@"\n')
            (commands / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
            for command in commands.iterdir():
                command.chmod(0o755)
        return os.environ | {
            "PATH": f"{commands}:{os.environ['PATH']}",
            "PYTHONPATH": f"{ROOT}:{ROOT / 'transports'}",
            "HOME": str(self.folder),
            "XDG_CONFIG_HOME": str(self.folder / ".config"),
            "NO_COLOR": "1",
            "STOMP_URL": self.broker.url,
        }

    def _with_broker(self, source: str) -> str:
        return _URL.sub(lambda found: self.broker.ws_url if found[1] == "ws" else self.broker.url, source)

    def _as_on_the_page(self, output: str) -> str:
        return output.replace(f"{self.broker.host}:{self.broker.port}", "localhost:61613")

    def _compare(self, line: int, shown: str, printed: str) -> None:
        if not _CHECKER.check_output(f"{shown.rstrip()}\n", f"{printed.rstrip()}\n", doctest.ELLIPSIS):
            raise PageFailure(f"{self.page}:{line} shows\n{shown}\nbut this is printed:\n{printed}")


def _commands(block: str) -> Iterator[tuple[str, str]]:
    """Yield the commands of a console block, each with its output. A line that ends with a backslash goes on."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        found = re.match(r"((?:.*\\\n)*.*)\n?", part)
        assert found is not None
        yield found[1], part[found.end() :]
