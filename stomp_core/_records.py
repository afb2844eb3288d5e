"""record: frozen classes of fields, as ``@dataclass(frozen=True, slots=True)`` makes them, but made in less time.

The module ``dataclasses`` imports inspect, ast, dis and tokenize, and compiles many functions for each class: a third
of the time that ``import stomp_socket`` took. Here one function is compiled for each class, its ``__init__``.

What programs do with dataclasses works with records: ``fields``, ``replace`` and ``asdict`` of ``dataclasses``,
``copy.replace``, pickle, ``match``, ``inspect.signature``, a dataclass that inherits from one.
``tests/test_records.py`` compares the two.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Never, TypeVar, dataclass_transform

__all__ = ["field", "names_of", "record", "replace"]

T = TypeVar("T")
_MISSING: Any = object()


class _Field:
    """What :func:`field` was given."""

    __slots__ = ("compare", "default", "init", "kw_only", "repr")

    def __init__(self, default: object, init: bool, repr: bool, compare: bool, kw_only: bool) -> None:
        self.default = default
        self.init = init
        self.repr = repr
        self.compare = compare
        self.kw_only = kw_only


def field(
    *,
    default: Any = _MISSING,
    init: bool = True,
    repr: bool = True,
    compare: bool = True,
    kw_only: bool = False,
) -> Any:
    """Describe a field, as :func:`dataclasses.field` does."""
    return _Field(default, init, repr, compare, kw_only)


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(cls: type[T]) -> type[T]:
    """Make a frozen class with slots, whose fields are the annotations of ``cls``.

    Methods that the class defines itself are kept. ``__post_init__()`` is called at the end of ``__init__()``; it sets
    fields with ``object.__setattr__()``.
    """
    body = dict(vars(cls))
    types = cls.__annotations__
    fields: dict[str, _Field] = {}
    for name in types:
        value = body.pop(name, _MISSING)
        fields[name] = value if isinstance(value, _Field) else field(default=value)
    body.pop("__dict__", None)
    body.pop("__weakref__", None)
    body["__slots__"] = tuple(fields)
    body["__match_args__"] = tuple(name for name, entry in fields.items() if entry.init and not entry.kw_only)
    body["__dataclass_fields__"] = _AsDataclass("__dataclass_fields__", fields, types)
    body["__dataclass_params__"] = _AsDataclass("__dataclass_params__", fields, types)
    made: Any = type(cls.__name__, cls.__bases__, body)
    for name, method in {"__init__": _make_init(made, fields, types), **_make_methods(made, fields)}.items():
        if name not in vars(cls):
            method.__name__ = name
            method.__qualname__ = f"{made.__qualname__}.{name}"
            setattr(made, name, method)
    return made  # type: ignore[no-any-return]


def names_of(instance: object) -> tuple[str, ...]:
    """Return the names of the fields of a record."""
    names: tuple[str, ...] = type(instance).__slots__  # type: ignore[attr-defined]
    return names


def replace(instance: T, /, **changes: Any) -> T:
    """Return a record with other values in some fields. It is checked like a new one."""
    return instance.__replace__(**changes)  # type: ignore[attr-defined, no-any-return]


def _make_methods(made: type, fields: dict[str, _Field]) -> dict[str, Callable[..., Any]]:
    shown = [name for name, entry in fields.items() if entry.repr]
    compared = [name for name, entry in fields.items() if entry.compare]

    def values(self: object) -> tuple[Any, ...]:
        return tuple([getattr(self, name) for name in compared])

    def show(self: object) -> str:
        pairs = [f"{name}={getattr(self, name)!r}" for name in shown]
        return f"{type(self).__qualname__}({', '.join(pairs)})"

    def equals(self: object, other: object) -> bool:
        return values(self) == values(other) if type(other) is type(self) else NotImplemented

    def hash_(self: object) -> int:
        return hash(values(self))

    # A class that inherits from it may have attributes of its own.
    def set_attribute(self: object, name: str, value: object) -> None:
        if type(self) is made or name in fields:
            _refuse("assign to", name)
        object.__setattr__(self, name, value)

    def delete_attribute(self: object, name: str) -> None:
        if type(self) is made or name in fields:
            _refuse("delete", name)
        object.__delattr__(self, name)

    def get_state(self: object) -> list[Any]:
        return [getattr(self, name) for name in fields]

    def set_state(self: object, state: list[Any]) -> None:
        for name, value in zip(fields, state, strict=True):
            object.__setattr__(self, name, value)

    def replaced(self: T, /, **changes: Any) -> T:
        for name, entry in fields.items():
            if entry.init:
                changes.setdefault(name, getattr(self, name))
        return type(self)(**changes)

    return {
        "__repr__": show,
        "__eq__": equals,
        "__hash__": hash_,
        "__setattr__": set_attribute,
        "__delattr__": delete_attribute,
        "__getstate__": get_state,
        "__setstate__": set_state,
        "__replace__": replaced,
    }


def _refuse(verb: str, name: str) -> Never:
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"cannot {verb} field {name!r}")


def _make_init(made: Any, fields: dict[str, _Field], types: dict[str, Any]) -> Callable[..., None]:
    """Compile ``__init__``: arguments by position, then those by keyword only."""
    names: dict[str, Any] = {}
    positional: list[str] = ["self"]
    keywords: list[str] = []
    lines: list[str] = []
    annotations: dict[str, object] = {}
    for name, entry in fields.items():
        if not entry.init:
            continue
        argument = name
        if entry.default is not _MISSING:
            names[f"_default_{name}"] = entry.default
            argument += f"=_default_{name}"
        (keywords if entry.kw_only else positional).append(argument)
        names[f"_set_{name}"] = vars(made)[name].__set__  # of the slot: __setattr__ refuses
        lines.append(f"  _set_{name}(self, {name})")
        annotations[name] = types[name]
    if hasattr(made, "__post_init__"):
        lines.append("  self.__post_init__()")
    arguments = ", ".join(positional + (["*", *keywords] if keywords else []))
    source = (
        f"def make({', '.join(names)}):\n def __init__({arguments}):\n"
        + "\n".join(lines)
        + "\n return __init__"
    )
    made_by: dict[str, Any] = {}
    # The globals are those of its module: there get_type_hints() looks the annotations up.
    exec(source, vars(sys.modules[made.__module__]), made_by)
    init: Any = made_by["make"](**names)
    init.__annotations__ = {**annotations, "return": None}
    return init  # type: ignore[no-any-return]


class _AsDataclass:
    """An attribute by which the module dataclasses knows its classes, made when it is asked for.

    It is that of a dataclass with the same fields, so nothing here depends on what is in it.
    """

    def __init__(self, name: str, fields: dict[str, _Field], types: dict[str, Any]) -> None:
        self._name = name
        self._fields = fields
        self._types = types
        self._value: Any = None

    def __get__(self, instance: object, owner: type) -> Any:
        if self._value is None:
            self._value = getattr(self._make_dataclass(), self._name)
        return self._value

    def _make_dataclass(self) -> type:
        import dataclasses

        fields = [
            (
                name,
                self._types[name],
                dataclasses.field(
                    default=dataclasses.MISSING if entry.default is _MISSING else entry.default,
                    init=entry.init,
                    repr=entry.repr,
                    compare=entry.compare,
                    kw_only=entry.kw_only,
                ),
            )
            for name, entry in self._fields.items()
        ]
        return dataclasses.make_dataclass("Record", fields, frozen=True)
