"""Checks of arguments, for every layer: each error names the argument, what came, and what to do.

Which exception it is: an argument of a wrong type is a ``TypeError``, a value out of its range is a ``ValueError``.
What becomes part of a frame and cannot be carried by one is a :class:`~stomp_core.LocalProtocolError`; if it is of a
wrong type, then one that is also a ``TypeError`` (:class:`~stomp_core.HeaderTypeError`).
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from typing import Any

__all__ = [
    "are_exactly_str",
    "check_choice",
    "check_instance",
    "check_number",
    "check_seconds",
    "check_text",
    "check_whole",
    "is_number",
    "shown",
]

_LONGEST_SHOWN = 60


def are_exactly_str(pairs: Iterable[tuple[object, object]]) -> bool:
    """Return whether all are ``str``, and none of a subclass, which may compare and print as something else."""
    for name, value in pairs:  # noqa: SIM110 - `all` with a generator takes several times as long
        if type(name) is not str or type(value) is not str:
            return False
    return True


def shown(value: object) -> str:
    """Return how an error shows an argument: short, and with its type unless that is obvious."""
    if isinstance(value, type):
        return f"the class {value.__qualname__}"
    if type(value).__name__ in ("function", "method", "builtin_function_or_method"):
        return f"the function {getattr(value, '__name__', '')}"
    text = repr(value)
    if len(text) > _LONGEST_SHOWN:
        text = f"{text[:_LONGEST_SHOWN]}..."
    if value is None or isinstance(value, (bool, int, float)):
        return text
    return f"the {type(value).__name__} {text}"


def is_number(value: object) -> bool:
    """Return whether something is a number: what converts to ``float``, but for text and truth values."""
    return not isinstance(value, (bool, str, bytes)) and hasattr(type(value), "__float__")


def check_number(name: str, value: Any, unit: str = "") -> float:
    """Check a number, and return it as a ``float``.

    Args:
        name: of the argument.
        value: what came.
        unit: of the number.

    Raises:
        TypeError: it is no number.
    """
    if type(value) is float:
        return value
    if not is_number(value):
        instead = ""
        if isinstance(value, str) and value.strip().replace(".", "", 1).isdigit():
            instead = f": write {value.strip()}"
        raise TypeError(f"{name} must be a number{unit and ' of '}{unit}, got {shown(value)}{instead}")
    return float(value)


def check_seconds(name: str, value: Any, *, longest: float = inf, endless: bool = True) -> float:
    """Check a duration.

    Args:
        name: of the argument.
        value: a number: ``int``, ``float``, or what converts to ``float`` without being text, such as numpy's numbers.
        longest: what is above that, and not infinite, is taken for milliseconds.
        endless: infinity is allowed.

    Returns:
        The duration as a ``float``.

    Raises:
        TypeError: it is no number.
        ValueError: it is negative, not a number (NaN), or surely milliseconds.
    """
    no_limit = "; math.inf is no limit" if endless else ""
    if type(value) is not float:
        if hasattr(value, "total_seconds"):
            raise TypeError(
                f"{name} must be a number of seconds, got {shown(value)}: pass its .total_seconds()"
            )
        if value is None:
            raise TypeError(
                f"{name} must be a number of seconds, got None: leave it out for the default{no_limit}"
            )
    seconds = check_number(name, value, "seconds")
    if not seconds >= 0:
        raise ValueError(
            f"{name} must be at least 0 seconds, got {seconds:g}{no_limit if seconds < 0 else ''}"
        )
    if longest < seconds < inf:
        raise ValueError(
            f"{name} is in seconds: {seconds / 1000:g}, not milliseconds ({seconds:g}); at most {longest:g} is allowed"
            f"{no_limit}"
        )
    return seconds


def check_whole(name: str, value: Any, what: str, *, least: int = 1) -> int:
    """Check a number of things.

    Args:
        name: of the argument.
        value: a whole number.
        what: what is counted, as in ``"messages"``.
        least: the smallest number that is allowed.

    Raises:
        TypeError: it is no whole number.
        ValueError: it is too small.
    """
    if isinstance(value, bool) or not hasattr(type(value), "__index__"):
        raise TypeError(f"{name} must be a whole number of {what}, got {shown(value)}")
    number = int(value.__index__())
    if number < least:
        raise ValueError(f"{name} must be a number of {what} of at least {least}, got {number}")
    return number


def check_text(name: str, value: object, *, secret: bool = False) -> None:
    """Check an argument that is text or ``None``.

    Args:
        name: of the argument.
        value: what came.
        secret: the error must not show the value.

    Raises:
        TypeError: it is something else.
    """
    if value is None or isinstance(value, str):
        return
    instead = ""
    if isinstance(value, (bytes, bytearray)):
        instead = ": decode it, as in .decode()"
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        instead = ": write it in quotes" if secret else f": write {str(value)!r}"
    got = f"a value of type {type(value).__name__}" if secret else shown(value)
    raise TypeError(f"{name} must be a str, got {got}{instead}")


def check_instance(name: str, value: object, kind: type, instead: str) -> None:
    """Check an argument that is of one class or ``None``.

    Args:
        name: of the argument.
        value: what came.
        kind: the class.
        instead: what to pass, as in ``"Reconnect.never()"``.

    Raises:
        TypeError: it is something else.
    """
    if value is None or isinstance(value, kind):
        return
    if isinstance(value, type) and issubclass(value, kind):
        instead = f"make an instance of it, {value.__name__}()"
    raise TypeError(f"{name} must be a {kind.__name__}, got {shown(value)}: {instead}")


def check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    """Check an argument that is one of several words.

    Args:
        name: of the argument.
        value: what came.
        choices: the words.

    Raises:
        TypeError: it is no ``str``.
        ValueError: it is another word.
    """
    if isinstance(value, str) and value in choices:
        return
    listed = f"{', '.join(map(repr, choices[:-1]))} or {choices[-1]!r}"
    kind = ValueError if isinstance(value, str) else TypeError
    raise kind(f"{name} must be {listed}, got {value!r}")
