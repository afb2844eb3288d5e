"""Checks of functions that users pass in: can they be called that way, and will their body run?

A mistake is found before the first call where that is certain, and at the call otherwise. What is in doubt is accepted:
a function whose signature Python does not know, a lambda that may return a coroutine.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import CodeType, FunctionType, MethodType
from typing import Any

__all__ = [
    "check_accepts_none",
    "check_accepts_one",
    "check_callable",
    "check_not_async",
    "check_result",
    "deferred_kind",
    "name_of",
    "never_returns_awaitable",
]


def name_of(function: object) -> str:
    """Return how to call a function in an error text."""
    while isinstance(function, partial):
        function = function.func
    name = getattr(function, "__qualname__", None)
    # A mock has any attribute that one asks for.
    return f"{name}()" if isinstance(name, str) else repr(function)


def check_callable(function: object, what: str, example: str) -> None:
    """Refuse what cannot be called.

    Args:
        function: what the user passed.
        what: its role, as in ``"the handler"``.
        example: what to pass.

    Raises:
        TypeError: it is not callable.
    """
    if callable(function):
        return
    import inspect

    if inspect.iscoroutine(function):
        function.close()  # its warning that it was never awaited would only add to the confusion
        raise TypeError(f"{what} must be a function, got a coroutine: pass {example}, do not call it")
    raise TypeError(f"{what} must be a function, got {function!r}: pass {example}, not its result")


def check_accepts_one(function: Callable[..., object], what: str, argument: str) -> None:
    """Refuse a function that cannot be called with one positional argument.

    Args:
        function: callable.
        what: its role, as in ``"the handler"``.
        argument: what it is called with, as in ``"message"``.

    Raises:
        TypeError: it takes more, fewer or other arguments.
    """
    import inspect

    try:
        # What is called is the wrapper, which may pass further arguments to what it wraps.
        signature = inspect.signature(function, follow_wrapped=False)
    except (TypeError, ValueError):
        return  # some functions that are written in C have none
    try:
        signature.bind(None)
    except TypeError as error:
        raise TypeError(
            f"{what} {name_of(function)} is called with one argument, the {argument}, but it takes {signature} "
            f"({error}): define it as ({argument}), and use functools.partial for what else it needs"
        ) from None


def check_accepts_none(function: Callable[..., object], what: str) -> None:
    """Refuse a function that cannot be called without arguments.

    Args:
        function: callable.
        what: its role, as in ``"passcode"``.

    Raises:
        TypeError: it needs arguments.
    """
    import inspect

    try:
        signature = inspect.signature(function, follow_wrapped=False)
    except (TypeError, ValueError):
        return  # some functions that are written in C have none
    try:
        signature.bind()
    except TypeError as error:
        # Without the signature: the default of an argument may be a secret.
        raise TypeError(
            f"{what} must be a function that is called without arguments, got one that needs some ({error}): use "
            "functools.partial for what it needs"
        ) from None


def _called_code(function: object) -> object:
    """Return the function whose code a call runs: of a partial, a bound or static method, or a callable object."""
    import inspect

    while True:
        if isinstance(function, partial):
            function = function.func
        elif isinstance(function, MethodType | staticmethod):
            function = function.__func__
        elif isinstance(function, FunctionType | type):
            return function
        else:
            call = inspect.getattr_static(type(function), "__call__", None)
            if not isinstance(call, FunctionType):
                return function
            function = call


def deferred_kind(function: object) -> str:
    """Return why the body of a function does not run when it is called; ``""`` if it runs.

    Returns:
        ``"async"``, ``"async generator"`` or ``"generator"``.
    """
    import inspect

    for candidate in (function, _called_code(function)):
        code = getattr(candidate, "__code__", None)
        if inspect.iscoroutinefunction(candidate) or (
            isinstance(code, CodeType) and code.co_flags & inspect.CO_ITERABLE_COROUTINE
        ):
            return "async"
        if inspect.isasyncgenfunction(candidate):
            return "async generator"
        if inspect.isgeneratorfunction(candidate):
            return "generator"
    return ""


def check_not_async(function: object, what: str, fix: str) -> None:
    """Refuse a function whose body does not run when it is called.

    Args:
        function: callable.
        what: its role, as in ``"the handler"``.
        fix: what to do.

    Raises:
        TypeError: it is an ``async`` function or a generator function.
    """
    kind = deferred_kind(function)
    if kind:
        article = "a" if kind == "generator" else "an"
        because = "" if kind == "async" else " (it has a yield)"
        raise TypeError(
            f"{what} {name_of(function)} is {article} {kind} function{because}, so its body would never run: {fix}"
        )


def never_returns_awaitable(function: object) -> bool:
    """Return whether it is certain that a function returns nothing that can be awaited.

    It is where every ``return`` of a plain function has the constant ``None``.
    """
    import dis

    code = getattr(_called_code(function), "__code__", None)
    if not isinstance(code, CodeType) or deferred_kind(function):
        return False
    returns = 0
    before: dis.Instruction | None = None
    for instruction in dis.get_instructions(code):
        if instruction.opname == "RETURN_CONST":
            returns += 1
            if instruction.argval is not None:
                return False
        elif instruction.opname == "RETURN_VALUE":
            returns += 1
            # Where another branch jumps to the return, that one may bring a value.
            constant = before is not None and before.opname == "LOAD_CONST" and before.argval is None
            if not constant or instruction.is_jump_target:
                return False
        before = instruction
    return returns > 0


def check_result(result: Any, function: object, what: str, *, finished: bool = False) -> None:
    """Refuse what a function returned if nobody runs it: a coroutine, or a generator. It is closed.

    Args:
        result: of the call.
        function: what was called.
        what: its role, as in ``"the handler"``.
        finished: refuse everything that can be awaited, also what runs by itself, such as a task: the function must
            have done its work when it returns.

    Raises:
        TypeError: see above.
    """
    import inspect

    never_run = inspect.iscoroutine(result) or inspect.isgenerator(result) or inspect.isasyncgen(result)
    if not never_run and not (finished and inspect.isawaitable(result)):
        return
    if inspect.iscoroutine(result) or inspect.isgenerator(result):
        result.close()  # without it Python warns that it was never awaited
    kind = type(result).__name__
    article = "an" if kind[0] in "aeiou" else "a"
    raise TypeError(
        f"{what} {name_of(function)} returned {article} {kind}, which nobody {'runs' if never_run else 'awaits'}: pass "
        "a function that has done its work when it returns"
    )
