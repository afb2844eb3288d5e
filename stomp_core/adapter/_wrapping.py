"""Wrapped: what an adapter shows of a session, a subscription, a transaction or a pipeline, in its own world.

An operation is written once, on the session and its handles: ``method(handle, now, *args, **kwargs) -> Pending[T]``.
:mod:`._blocking` and :mod:`._async` lift it to a method that waits for the outcome. Here is what they have in common:
the wrappers with what can be seen of the wrapped thing, and :func:`describe`, which lets a lifted method tell the
truth about itself in ``help()``, in ``inspect.signature`` and in tracebacks.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from types import FunctionType
from typing import TYPE_CHECKING, Any, Generic, Never, Protocol, TypeVar

from .._hints import unknown_attribute
from ..protocol import AckMode, Connected
from ..session import (
    Delivery,
    Pending,
    Pipeline,
    Session,
    Subscription,
    SubscriptionState,
    Transaction,
    TransactionState,
)
from ..wire import Version

__all__ = [
    "ConnectionView",
    "MessageSource",
    "PipelineView",
    "SubscriptionView",
    "TransactionView",
    "Wrapped",
    "check_engine",
    "describe",
    "export",
    "refuse_use",
]

S = TypeVar("S")
E = TypeVar("E")
Exported = TypeVar("Exported")


class MessageSource(Protocol):
    """The source of messages: a :class:`stomp_core.Subscription`, or a :class:`.HandlerRunner` for a worker of it."""

    @property
    def ended(self) -> bool:
        """Whether :meth:`take` will never return a message again."""
        ...

    def take(self) -> Delivery | None:
        """Return the next message, or ``None`` if there is none now."""
        ...

    def ready(self) -> Pending[None]:
        """Return a Pending that is done when :meth:`take` should be called again."""
        ...

    def first(self) -> Any:
        """Return the entry that :meth:`take` takes next, for :meth:`put_back`; ``None`` if there is nothing."""
        ...

    def put_back(self, entry: Any) -> None:
        """Make a message the next one again, unless it is: an exception has interrupted the caller that took it.

        Args:
            entry: what :meth:`first` returned.
        """
        ...


class Wrapped(Generic[S, E]):
    """Something of a session, and the engine that performs its operations.

    Args:
        engine: performs operations and waits for their outcomes. It lives as long as one of its wrappers.
        subject: the session, or the handle.
    """

    # Slots: with __getattr__, an attribute in a __dict__ is found more slowly (CPython 3.12 and later).
    __slots__ = ("_engine", "_subject")

    def __init__(self, engine: E, subject: S) -> None:
        self._engine = engine
        self._subject = subject

    if not TYPE_CHECKING:  # type checkers know the attributes, and report others

        def __getattr__(self, name: str) -> Never:
            unknown_attribute(self, name)


def check_engine(engine: object) -> None:
    """Check that a connection is made of an engine, and not by a user of a URL.

    Raises:
        TypeError: it is something else.
    """
    if not hasattr(engine, "session"):
        raise TypeError(
            "a Connection is made by connect(): write connect('stomp://localhost:61613') in place of Connection(...)"
        )


def refuse_use(sentence: str) -> Any:
    """Return a method for a protocol of Python that is not supported, such as ``async with`` of a blocking connection.

    Args:
        sentence: the text of the ``TypeError`` that the method raises: what to write in its place.
    """

    def refuse(self: object, *arguments: object) -> Never:
        raise TypeError(sentence)

    return refuse


class ConnectionView(Wrapped[Session, E]):
    """What can be seen of a connection."""

    def note_end_of_block(self) -> None:
        """Note, for error texts, that the connection is closed because its ``with`` block has ended. For adapters."""
        session = self._subject
        if not session.is_closing:
            session.closed_because = "its with block has ended"

    @property
    def session(self) -> Session:
        """The pure :class:`.Session` behind it. Read its properties, but do not call its operations."""
        return self._subject

    @property
    def connected(self) -> Connected | None:
        """The broker's CONNECTED frame; ``None`` while there is no connection."""
        return self._subject.connected

    @property
    def version(self) -> Version | None:
        """The negotiated version of STOMP; ``None`` while there is no connection."""
        return self._subject.version

    @property
    def heart_beat(self) -> tuple[float, float]:
        """The negotiated heart-beat intervals ``(sending, receiving)`` in seconds; 0.0 is never."""
        return self._subject.heart_beat

    @property
    def closed(self) -> bool:
        """Whether the connection has ended for good. It stays ``False`` while a lost one is being replaced."""
        return self._subject.closed

    def __repr__(self) -> str:
        kind = type(self)
        return f"<{kind.__module__}.{kind.__qualname__} to {self._subject.endpoint}, {self._subject.state.value}>"


class SubscriptionView(Wrapped[Subscription, E]):
    """What can be seen of a subscription."""

    @property
    def id(self) -> str:
        """The ``id`` header of the subscription, the same on every connection."""
        return self._subject.id

    @property
    def destination(self) -> str:
        """The destination that it is subscribed to."""
        return self._subject.destination

    @property
    def ack(self) -> AckMode:
        """The ack mode: ``"auto"``, ``"client"`` or ``"client-individual"`` (STOMP 1.2, "SUBSCRIBE ack Header")."""
        return self._subject.ack

    @property
    def state(self) -> SubscriptionState:
        """The state of the subscription."""
        return self._subject.state

    @property
    def waiting(self) -> int:
        """How many messages have been received and not been taken yet."""
        return self._subject.waiting

    @property
    def dropped(self) -> int:
        """How many messages were dropped (late ones, those of a lost connection, those in the queue at the end)."""
        return self._subject.dropped

    def __repr__(self) -> str:
        return repr(self._subject)


class TransactionView(Wrapped[Transaction, E]):
    """What can be seen of a transaction."""

    @property
    def id(self) -> str:
        """The ``transaction`` header of its frames."""
        return self._subject.id

    @property
    def state(self) -> TransactionState:
        """The state of the transaction."""
        return self._subject.state

    def __repr__(self) -> str:
        return repr(self._subject)


class PipelineView(Wrapped[Pipeline, E]):
    """What can be seen of a pipeline."""

    @property
    def in_flight(self) -> int:
        """How many messages have no outcome yet."""
        return self._subject.in_flight

    @property
    def first_in_flight(self) -> int:
        """The number of the first message that has no outcome yet. If all have one, that of the next one to send."""
        return self._subject.first_in_flight

    @property
    def confirmed(self) -> int:
        """How many messages the broker has confirmed."""
        return self._subject.confirmed

    def __repr__(self) -> str:
        return repr(self._subject)


# ------------------------------------------------------------------ lifted methods tell the truth about themselves


def describe(
    lifted: Callable[..., Any],
    operation: Callable[..., Any],
    *,
    returns: object = None,
    given: Collection[str] = (),
) -> None:
    """Give a lifted method the name, signature, annotations and documentation of its operation.

    Args:
        lifted: the method.
        operation: what it performs. It takes ``now`` and returns a ``Pending[T]``.
        returns: what it returns instead of ``T``.
        given: parameters of the operation that the lifted method passes by itself, besides ``now``.
    """
    given = {"now", *given}
    signature = inspect.signature(operation)
    outcome = signature.return_annotation  # a str: annotations are not evaluated in this package
    if returns is None:
        returns = outcome.removeprefix("Pending[").removesuffix("]")
    parameters = [entry for entry in signature.parameters.values() if entry.name not in given]
    annotations = {entry.name: entry.annotation for entry in parameters[1:]}
    described: Any = lifted
    described.__name__ = operation.__name__
    described.__qualname__ = operation.__qualname__
    described.__doc__ = _without_arguments(operation.__doc__ or "", given)
    described.__annotations__ = {**annotations, "return": returns}
    described.__signature__ = signature.replace(parameters=parameters, return_annotation=returns)
    described.__wrapped__ = operation  # its module is where names in annotations are looked up


def _without_arguments(docstring: str, names: Collection[str]) -> str:
    """Leave out what "Args:" says of some parameters."""
    lines: list[str] = []
    entry_indent = -1  # of the entries of "Args:", while we are in it
    leaving_out = False
    for line in docstring.split("\n"):
        text = line.strip()
        indent = len(line) - len(line.lstrip())
        if text == "Args:":
            entry_indent = indent + 4
        elif not text or indent < entry_indent:
            entry_indent, leaving_out = -1, False
        elif indent == entry_indent:
            leaving_out = text.partition(":")[0] in names
        if not leaving_out:
            lines.append(line)
    return "\n".join(lines)


def export(module: str) -> Callable[[Exported], Exported]:
    """Return a decorator that makes a class and its methods, or a function, name the module that users import.

    Args:
        module: the name of a public package.
    """

    def decorate(exported: Exported) -> Exported:
        named: Any = exported
        named.__module__ = module
        for name, method in vars(exported).items():
            if isinstance(method, FunctionType) and isinstance(exported, type):
                method.__module__ = module
                method.__qualname__ = f"{named.__qualname__}.{name}"
        return exported

    return decorate
