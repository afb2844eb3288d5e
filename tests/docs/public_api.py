"""The public classes, functions and methods of all packages, with their docstrings taken apart."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

__all__ = ["PACKAGES", "Documented", "documented"]

#: Packages with an ``__all__``. Every name in it is for users.
PACKAGES = (
    "stomp_core",
    "stomp_core.adapter",
    "stomp_core.protocol",
    "stomp_core.session",
    "stomp_core.wire",
    "stomp_asyncio",
    "stomp_cli",
    "stomp_observe",
    "stomp_py",
    "stomp_socket",
    "stomp_testing",
    "stomp_testing.conformance",
    "stomp_testing.frame_json",
    "stomp_testing.fuzzing",
    "stomp_testing.plugin",
    "stomp_testing.stateful",
    "stomp_testing.strategies",
    "stomp_trio",
    "stomp_websocket",
)


@dataclass(frozen=True)
class Documented:
    """A class, a function or a property, and what its docstring says.

    Attributes:
        name: where users find it.
        kind: ``"class"``, ``"function"`` or ``"property"``.
        text: its docstring, or the one that it inherits; ``""`` if there is none.
        own: whether the docstring stands with it.
        of_class: the docstring of its class, which explains what all of its methods have.
        parameters: what it is called with.
        source: a function whose body raises what it raises; ``None`` if there is none.
    """

    name: str
    kind: str
    text: str
    own: bool
    of_class: str = ""
    parameters: tuple[inspect.Parameter, ...] = ()
    source: Any = None

    @property
    def first_line(self) -> str:
        return self.text.strip().partition("\n")[0]

    def entry(self, name: str) -> str | None:
        """Return what "Args:" or "Attributes:" says of a name, in one line; ``None`` if it says nothing."""
        found = re.search(
            rf"^    (?:[*\w]+, )*\*{{0,2}}{name}(?:, [*\w]+)*:((?:.*\n?)(?:^ {{5,}}.*\n?)*)", self.text, re.M
        )
        return None if found is None else " ".join(found[1].split())

    def mentions(self, name: str) -> bool:
        """Return whether a name has an entry, or stands in the text, or in that of the class, as ``name``."""
        return self.entry(name) is not None or f"``{name}``" in self.text + self.of_class

    def raised(self) -> set[str]:
        """Return the classes of the exceptions that its own body raises."""
        if self.source is None:
            return set()
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(self.source))))
        except (OSError, SyntaxError, TypeError):
            return set()
        return set(_raised(tree.body[0]))


def _raised(function: ast.AST) -> Iterator[str]:
    for node in ast.iter_child_nodes(function):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            continue  # what an inner function raises, nobody may see
        if isinstance(node, ast.Raise):
            raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            if isinstance(raised, ast.Name) and raised.id[0].isupper():
                yield raised.id
        yield from _raised(node)


def documented() -> list[Documented]:
    """Return everything public, each thing once."""
    found: list[Documented] = []
    seen: set[int] = set()
    for package in PACKAGES:
        module = import_module(package)
        for name in module.__all__:
            thing = getattr(module, name)
            if id(thing) not in seen:
                seen.add(id(thing))
                found += _of(f"{package}.{name}", thing, seen)
    return found


def _of(name: str, thing: Any, seen: set[int]) -> Iterator[Documented]:
    if inspect.isfunction(thing):
        yield _function(name, thing)
    elif inspect.isclass(thing) and _is_ours(thing):
        yield _class(name, thing)
        for member in dir(thing):
            found = inspect.getattr_static(thing, member, None)
            owner = next((base for base in thing.__mro__ if member in vars(base)), object)
            if member.startswith("_") or not _is_ours(owner) or id(found) in seen:
                continue
            seen.add(id(found))
            if isinstance(found, property):
                text = inspect.getdoc(found) or inspect.getdoc(getattr(thing, member)) or ""
                yield Documented(f"{name}.{member}", "property", text, own=True, source=found.fget)
            elif isinstance(found, staticmethod | classmethod):
                yield _function(f"{name}.{member}", found.__func__, thing)
            elif inspect.isfunction(found):
                yield _function(f"{name}.{member}", found, thing)


def _is_ours(thing: Any) -> bool:
    return str(getattr(thing, "__module__", "")).startswith("stomp_")


def _parameters(thing: Any) -> tuple[inspect.Parameter, ...]:
    try:
        parameters = inspect.signature(thing).parameters.values()
    except (TypeError, ValueError):
        return ()
    return tuple(
        parameter
        for parameter in parameters
        # "Never" is for words of other libraries, which are refused with a hint.
        if parameter.name not in ("self", "cls")
        and parameter.annotation != "Never"
        and parameter.name[0] != "_"
    )


def _function(name: str, function: Any, class_: Any = None) -> Documented:
    # getdoc() of the attribute of a class finds the docstring of the method that it overrides, too.
    text = inspect.getdoc(function if class_ is None else getattr(class_, name.rpartition(".")[2]))
    is_rule = hasattr(function, "hypothesis_stateful_rule")  # hypothesis calls it
    return Documented(
        name,
        "function",
        text or "",
        bool(function.__doc__),
        (class_ and class_.__doc__) or "",
        () if is_rule else _parameters(function),
        function,
    )


def _class(name: str, class_: Any) -> Documented:
    """Return a class. What its constructor takes and raises stands in its docstring, or in that of a base class."""
    bases = [base for base in class_.__mro__ if _is_ours(base)]
    text = "\n\n".join(inspect.cleandoc(base.__doc__) for base in bases if base.__doc__)
    is_protocol = getattr(class_, "_is_protocol", False)
    init = next((vars(base)["__init__"] for base in bases if "__init__" in vars(base)), None)
    return Documented(
        name,
        "class",
        text,
        bool(class_.__doc__),
        "",
        () if is_protocol or init is None else _parameters(class_),
        None if is_protocol else init,
    )
