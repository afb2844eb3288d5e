"""What how-to pages show besides code: texts of errors, and files to copy."""

from __future__ import annotations

import ast
import re
import xml.etree.ElementTree as ET

import pytest
import yaml  # type: ignore[import-untyped, unused-ignore]

from .pages import ROOT, blocks

TROUBLESHOOTING = "docs/how-to/troubleshooting.md"
ROW = re.compile(r"^\| (`.*?) \| (.*) \|$", re.MULTILINE)
GAP = "\0"
#: Parts of the texts on the page that stand for values that are put in.
VALUES = re.compile(r"'?\.\.\.'?")


def _texts_of_the_library() -> str:
    """Return all texts in the code, with a gap for each value that is put in."""
    found: list[str] = []
    for folder in ("stomp_core", "transports"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.JoinedStr):
                    parts = [part.value if isinstance(part, ast.Constant) else GAP for part in node.values]
                    found.append("".join(map(str, parts)))
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.append(node.value)
                elif isinstance(node, ast.ClassDef):
                    found.append(node.name)
    return "\n".join(found)


def test_every_error_text_of_ours_is_one_that_the_library_has() -> None:
    """Rows whose remedy begins with the name of a broker quote that broker."""
    library = _texts_of_the_library()
    checked = 0
    for shown, remedy in ROW.findall((ROOT / TROUBLESHOOTING).read_text()):
        if re.match(r"(RabbitMQ|ActiveMQ)\b", remedy):
            continue
        for quoted in re.findall(r"`([^`]+)`", shown):
            for part in VALUES.split(quoted):
                words = part.strip(" ():,'=")
                assert words in library, f"{quoted!r}: the library has no text with {words!r}"
                checked += bool(words)
    assert checked >= 4


@pytest.mark.parametrize("page", ["docs/how-to/integrations/kubernetes.md"])
def test_yaml_to_copy_is_yaml(page: str) -> None:
    documents = [yaml.safe_load(block) for block in blocks(page, "yaml")]
    assert documents
    for document in documents:
        assert {"apiVersion", "kind", "metadata", "spec"} <= set(document)
        labels = document["spec"]["template"]["metadata"]["labels"]
        assert document["spec"]["selector"]["matchLabels"] == labels


@pytest.mark.parametrize("page", ["docs/how-to/brokers/activemq.md", "docs/how-to/brokers/artemis.md"])
def test_xml_to_copy_is_xml(page: str) -> None:
    documents = [ET.fromstring(block) for block in blocks(page, "xml")]
    assert documents
    for document in documents:
        assert document.tag.startswith("{")  # in a namespace, as the brokers want it
