"""Give the search of the site the words of each section: a Sphinx extension that docs/conf.py uses.

Sphinx knows the words of pages only. docs/search.js finds with these the section that has most words of a query.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.search.en import SearchEnglish

__all__ = ["setup"]

#: These pages have a section for each name, which Sphinx finds itself.
LEFT_OUT = "reference/api/"


def setup(app: Any) -> dict[str, bool]:
    app.connect("html-page-context", _add_script)
    app.connect("build-finished", _write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _add_script(app: Any, page: str, template: str, context: Any, doctree: Any) -> None:
    if page == "search":
        app.add_js_file("sections.js")


def _write(app: Any, exception: Exception | None) -> None:
    if exception is not None or app.builder.format != "html":
        return
    language = SearchEnglish({})
    pages = {
        page: dict(_sections(app.env.get_doctree(page), language))
        for page in sorted(app.env.found_docs)
        if not page.startswith(LEFT_OUT)
    }
    script = f"const searchSections = {json.dumps(pages, separators=(',', ':'))};\n"
    (Path(app.outdir) / "_static" / "sections.js").write_text(script)


def _sections(doctree: nodes.document, language: SearchEnglish) -> Iterator[tuple[str, str]]:
    """Yield the id of each section, and the stems of its words without those of the sections in it."""
    for section in doctree.findall(nodes.section):
        text = " ".join(child.astext() for child in section.children if not isinstance(child, nodes.section))
        words = {word.lower() for word in language.split(text) if language.word_filter(word.lower())}
        yield section["ids"][0], " ".join(sorted({language.stem(word) for word in words}))
