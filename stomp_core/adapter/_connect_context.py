"""ConnectContext: what ``connect()`` and ``subscribe()`` return: a coroutine that ``async with`` enters as well."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Generator
from types import GenericAlias, TracebackType
from typing import TYPE_CHECKING, Any, Concatenate, Never, ParamSpec, Protocol, TypeVar

from ._wrapping import describe, export

__all__ = ["ConnectContext", "awaitable_context"]

P = ParamSpec("P")
S = TypeVar("S")


class _Enterable(Protocol):
    async def __aenter__(self) -> Any: ...
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


C = TypeVar("C", bound=_Enterable)


@export("stomp_core.adapter")
class ConnectContext(Coroutine[Any, Any, C]):
    """The result of ``connect()`` or ``subscribe()``: ``await`` it, or enter it with ``async with``.

    It is a coroutine, so that a task can be made of it, and asyncio closes it if that task is cancelled before it
    begins.

    Args:
        coroutine: makes what is entered. For authors of adapters.
        call: the name of the function that the user has called, for error texts.
    """

    __slots__ = ("_call", "_coroutine", "_entered")

    _entered: C

    def __init__(self, coroutine: Coroutine[Any, Any, C], call: str = "connect") -> None:
        self._coroutine = coroutine
        self._call = call
        # Python warns of a coroutine that was never awaited by its name.
        named: Any = coroutine
        named.__qualname__ = call

    if not TYPE_CHECKING:  # type checkers report these by themselves

        def __getattr__(self, name: str) -> Never:
            if name.startswith("cr_") or name in ("__name__", "__qualname__"):
                return getattr(
                    self._coroutine, name
                )  # asyncio shows these in the repr and the stack of a task
            if name.startswith(("__", "gi_")):
                raise AttributeError(name)
            raise self._no_result(name)

        def __enter__(self) -> Never:
            self._refuse("with")

        def __exit__(self, *details: object) -> None:
            """Never called: without it Python would not call __enter__()."""

        def __iter__(self) -> Never:
            self._refuse("for")

        def __aiter__(self) -> Never:
            self._refuse("async for")

        def _refuse(self, statement: str) -> Never:
            self._coroutine.close()
            call = self._call
            raise TypeError(
                f"'{statement}' does not await {call}(...): write 'async with {call}(...) as ...'"
            )

    def __await__(self) -> Generator[Any, Any, C]:
        return self._coroutine.__await__()

    def send(self, value: Any = None, /, *arguments: object, **options: object) -> Any:
        """Resume the coroutine, as an event loop does. To send a message, ``await`` the connection first.

        Args:
            value: ``None``.
            arguments: none. They are those of a connection's ``send()``, which is called by mistake.
            options: none.

        Returns:
            What the coroutine yields.

        Raises:
            AttributeError: there are arguments.
        """
        if value is not None or arguments or options:  # event loops pass None only
            raise self._no_result("send")
        return self._coroutine.send(value)

    def throw(self, *error: Any) -> Any:
        """Raise an exception in the coroutine, as an event loop does.

        Args:
            error: the exception.

        Returns:
            What the coroutine yields.
        """
        return self._coroutine.throw(*error)

    def close(self) -> None:
        """Close the coroutine, as an event loop does. To close a connection, ``await`` it first."""
        self._coroutine.close()

    def _no_result(self, name: str) -> AttributeError:
        self._coroutine.close()  # no second message, that it was never awaited
        call = self._call
        return AttributeError(
            f"{call}(...) has no result yet, so no {name!r}: write 'await {call}(...)' or 'async with {call}(...)'"
        )

    async def __aenter__(self) -> C:
        self._entered = await self._coroutine
        await self._entered.__aenter__()
        return self._entered

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._entered.__aexit__(kind, error, trace)


def awaitable_context(
    method: Callable[Concatenate[S, P], Coroutine[Any, Any, C]],
) -> Callable[Concatenate[S, P], ConnectContext[C]]:
    """Let the result of a method be entered at once: ``async with conn.subscribe(...) as subscription``.

    Args:
        method: an ``async`` method.

    Returns:
        The method, which now returns a :class:`ConnectContext`.
    """

    def call(self: S, /, *args: P.args, **kwargs: P.kwargs) -> ConnectContext[C]:
        return ConnectContext(method(self, *args, **kwargs), method.__name__)

    describe(
        call, method, returns=GenericAlias(ConnectContext, (inspect.signature(method).return_annotation,))
    )
    return call
