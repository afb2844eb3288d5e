"""The examples in docstrings run, with the public names of their package, and print what the docstring shows."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest
from sybil import Sybil
from sybil.document import PythonDocStringDocument
from sybil.parsers.rest import DocTestParser

from .pages import ROOT

FILES = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in ("stomp_core", "transports")
    for path in (ROOT / folder).rglob("*.py")
    if ">>> " in path.read_text()
)


@pytest.mark.parametrize("file", FILES)
def test_examples_run(file: str) -> None:
    document = Sybil([DocTestParser()]).parse(ROOT / file)
    assert isinstance(document, PythonDocStringDocument)
    # Sybil would offer the names of the module, private ones and imports included. Readers have those of the package.
    document.pop_evaluator(document.import_document)
    package = import_module(Path(file).parts[1 if file.startswith("transports/") else 0])
    names = {name: getattr(package, name) for name in package.__all__}
    examples = list(document.examples())
    assert examples
    for example in examples:
        document.namespace.update(names)
        example.evaluate()


def test_there_are_examples() -> None:
    assert len(FILES) >= 8
