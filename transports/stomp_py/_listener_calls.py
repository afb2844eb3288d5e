"""Calls of listeners: in which order, with which arguments, and what becomes of an exception.

*Order.* By the names under which the listeners are registered, as in stomp.py.

*Arguments.* Up to stomp.py 6 the methods took ``(headers, body)``, since then ``(frame)``. Programs have both, as
methods of classes and as functions that are assigned to an instance. The signature decides; see :func:`_arguments_of`.

*Exceptions.* What a listener raises goes to the log, and the next listener is called. In stomp.py 9.0 it ends the
connection. Only ``on_send``, which runs in the caller's thread, lets an exception reach the caller, as in stomp.py.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any
from weakref import ReferenceType, ref

from . import log
from .listener import ConnectionListener, HeartbeatListener
from .utils import Frame

__all__ = ["ListenerCalls", "methods_that_never_run"]

Hook = Callable[..., Any]

_WITHOUT_ARGUMENTS = frozenset(
    {"on_disconnecting", "on_disconnected", "on_heartbeat", "on_heartbeat_timeout"}
)
#: Every connection of 1.1 and 1.2 is a listener of its own, for this method. It does nothing with frames other than
#: CONNECT, so it is called for nothing else: most programs have no other on_send, and then a send() calls none.
_ADDS_HEART_BEAT = HeartbeatListener.on_send

# What inspect.signature() has found, which takes longer than the rest of a call. Not a WeakKeyDictionary, which takes
# twice as long to look something up. Methods have dictionaries of their own: their functions could also be assigned to
# an instance, and have one argument more then.
_known_methods: dict[ReferenceType[Hook], int] = {}
_known_functions: dict[ReferenceType[Hook], int] = {}


def methods_that_never_run(listener: Any) -> list[str]:
    """Return the names of a listener's methods that return before their body runs: async ones, and generators."""
    return [
        name
        for name in vars(ConnectionListener)
        if name.startswith("on_")
        and (method := getattr(listener, name, None)) is not None
        and (
            inspect.iscoroutinefunction(method)
            or inspect.isgeneratorfunction(method)
            or inspect.isasyncgenfunction(method)
        )
    ]


class ListenerCalls:
    """Calls the listeners of a transport.

    Args:
        listeners: by name. The transport adds and removes some at any time.
    """

    def __init__(self, listeners: Mapping[str, Any]) -> None:
        self._listeners = listeners

    def notify(self, method: str, frame: Frame | None, host_and_port: tuple[str, int] | None) -> None:
        """Call a method of all listeners that have it.

        Args:
            method: its name, as in ``"on_message"``.
            frame: the argument of most methods. ``on_before_message`` may change it, or return new headers and body.
            host_and_port: the argument of ``on_connecting``.
        """
        for name, hook in self._hooks(method):
            try:
                if method in _WITHOUT_ARGUMENTS:
                    hook()
                elif method == "on_connecting":
                    hook(host_and_port)
                else:
                    result = _call(hook, frame)
                    if (
                        method == "on_before_message"
                        and frame
                        and isinstance(result, tuple)
                        and len(result) == 2
                    ):
                        frame.headers, frame.body = result
            except Exception:
                log.error("%s of listener %r failed", method, name, exc_info=True)

    def before_sending(self, frame: Frame, connecting: bool) -> None:
        """Call ``on_send`` of all listeners that have it, which may change the frame or raise.

        Args:
            frame: the frame that is about to be sent.
            connecting: whether it is CONNECT.
        """
        # As in _hooks(), but without a list: this runs for every frame.
        for _, listener in sorted(self._listeners.items()):
            hook = getattr(listener, "on_send", None)
            if hook is not None and (connecting or getattr(hook, "__func__", None) is not _ADDS_HEART_BEAT):
                _call(hook, frame)

    def _hooks(self, method: str) -> list[tuple[str, Hook]]:
        """Return the names of the listeners that have a method, in order, and the method."""
        found = []
        for name, listener in sorted(self._listeners.items()):
            hook = getattr(listener, method, None)
            if hook is not None:
                found.append((name, hook))
        return found


def _call(hook: Hook, frame: Frame | None) -> Any:
    """Call a method or function with the arguments that its signature asks for."""
    count = _arguments_of(hook)
    if count == 1:
        return hook(frame)
    if count == 0:
        return hook()
    return hook(None, None) if frame is None else hook(frame.headers, frame.body)


def _arguments_of(hook: Hook) -> int:
    """Return how many arguments to call it with: 1 is the frame, 2 are headers and body."""
    function = getattr(hook, "__func__", None)
    known, key = (_known_functions, hook) if function is None else (_known_methods, function)
    try:
        count = known.get(ref(key))
    except TypeError:  # a callable that is not hashable, or has no weak references
        return _count_arguments(hook)
    if count is None:
        count = known[ref(key, known.__delitem__)] = _count_arguments(hook)
    return count


def _count_arguments(hook: Hook) -> int:
    try:
        parameters = inspect.signature(hook).parameters.values()
    except (TypeError, ValueError):
        return 1  # some callables written in C have no signature
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    any_number = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    if sum(p.default is p.empty for p in positional) >= 2:
        return 2
    if not positional:
        return 1 if any_number else 0
    # The second argument is optional: (frame, extra=None) or (headers, body=None)? The name of the first decides.
    takes_two = len(positional) >= 2 or any_number
    return 2 if takes_two and "header" in positional[0].name.lower() else 1
