"""How Sphinx builds the site: `make docs`. Nothing is fetched while it builds."""

from __future__ import annotations

import os
import re
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "transports"), str(ROOT / "docs")]

import stomp_core  # noqa: E402

project = "stomp-core"
author = "the stomp-core authors"
copyright = "the stomp-core authors"  # noqa: A001
version = release = stomp_core.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.intersphinx",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "sections",
]
nitpicky = True
# What is not on this site: other projects, and what our packages keep private (type variables and bases among it).
nitpick_ignore_regex = [
    (r"py:.*", r"(abc|asyncio|collections|contextlib|dataclasses|datetime|enum|logging|pathlib)\..*"),
    (r"py:.*", r"(random|socket|ssl|time|types|typing)\..*"),
    (r"py:.*", r"(hypothesis|opentelemetry|pytest|stomp|trio|websockets)\..*"),
    (r"py:.*", r"stomp_py\.(adapter|connect|protocol|utils)\..*"),  # names of stomp.py
    (
        r"py:class",
        r"P|Path|TracerProvider|st\.SearchStrategy|stomp_testing\.stateful\.T",
    ),  # imported for type checkers only
    (r"py:.*", r"stomp_\w+\.(\w+\.)*_\w+(\..*)?"),
]
exclude_patterns = ["README.md"]

# Pages are Markdown that reads well on its own, too. ::: is for notes, tabs and cards.
myst_enable_extensions = ["colon_fence", "deflist", "attrs_inline"]
myst_heading_anchors = 3

# What `>>>`, `$` and the output below them look like in a terminal is not copied.
copybutton_prompt_text = r">>> |\.\.\. |\$ |stomp> "
copybutton_prompt_is_regexp = True

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {
    "members": True,
    # All that is inherited, but for the methods of these: encode() and title() say nothing about a state.
    "inherited-members": "str,tuple,BaseException",
    "show-inheritance": True,
}
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
add_module_names = False
default_role = "code"

# Names of the standard library link to its documentation where there is a network: STOMP_DOCS_ONLINE=1 make docs.
intersphinx_mapping = (
    {
        "python": ("https://docs.python.org/3", None),
        "trio": ("https://trio.readthedocs.io/en/stable", None),
    }
    if os.environ.get("STOMP_DOCS_ONLINE")
    else {}
)

REPOSITORY = "https://github.com/stomp-core/stomp-core"

html_theme = "furo"
html_title = f"stomp-core {release}"
html_show_sphinx = False
html_static_path = ["_static"]
html_css_files = ["site.css"]
# Whole questions can be asked, and results link to the section with the answer.
html_search_scorer = str(ROOT / "docs" / "search.js")
html_theme_options = {
    "source_repository": f"{REPOSITORY}/",
    "source_branch": "main",
    "source_directory": "docs/",
}

#: Pages whose text is a file at the top of the repository.
TOP_LEVEL = {"changelog": "CHANGELOG.md", "contributing": "CONTRIBUTING.md"}


def _name_classes_of_adapters() -> None:
    """Let the classes that users meet first be shown on the page of their adapter, with all methods.

    They are other names of classes of stomp_core.adapter, of which autodoc shows "alias of BlockingMessage" only.
    """
    for package in map(import_module, ("stomp_socket", "stomp_asyncio", "stomp_trio")):
        for name in ("Subscription", "Message", "Transaction", "Pipeline"):
            class_ = getattr(package, name)
            attributes = {"__doc__": class_.__doc__, "__module__": package.__name__, "__slots__": ()}
            setattr(package, name, type(name, (class_,), attributes))


_name_classes_of_adapters()


def setup(app: Any) -> None:
    app.connect("source-read", _read_page)
    app.connect("autodoc-process-docstring", _keep_colons, priority=400)  # before napoleon, which has 500


def _keep_colons(app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Keep napoleon from taking what stands before a colon for the type of an attribute."""
    if what in ("attribute", "property", "data") and lines:
        lines[0] = f": {lines[0]}"


def _read_page(app: Any, page: str, source: list[str]) -> None:
    """Point links that lead out of docs/ at the repository. Links to files of code stay: Sphinx offers them to copy."""
    path = ROOT / TOP_LEVEL[page] if page in TOP_LEVEL else ROOT / "docs" / f"{page}.md"
    text = path.read_text() if page in TOP_LEVEL else source[0]

    def new_link(match: re.Match[str]) -> str:
        name, hash_sign, anchor = match[1].partition("#")
        target = (path.parent / name).resolve()
        if target.is_relative_to(ROOT / "docs"):
            link = os.path.relpath(target, ROOT / "docs" / Path(page).parent)
        elif target.is_dir() or target.suffix == ".md":
            link = f"{REPOSITORY}/blob/main/{target.relative_to(ROOT).as_posix()}"
        else:
            return match[0]
        return f"]({link}{hash_sign}{anchor})"

    source[0] = re.sub(r"\]\(((?!\w+:|#)[^()\s]+)\)", new_link, text)
