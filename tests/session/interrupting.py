"""Raise an exception at any point of the session's code, as a signal handler may do."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

import pytest

from tests.compiled import COMPILED

_TOOL = 4  # one of the ids of sys.monitoring that are free for anybody


def _counts(code: CodeType, layers: tuple[str, ...]) -> bool:
    """Tell whether instructions of this code are counted: those of the layers, but not of generator expressions.

    Until 3.12 Python runs instructions of a generator expression that is thrown away, and swallows what is raised
    there, as it does in a finalizer. No signal handler is called at these instructions.
    """
    return code.co_name != "<genexpr>" and any(
        f"/stomp_core/{layer}/" in code.co_filename for layer in layers
    )


class Interruption(BaseException):
    """What a signal handler raises."""


class _Counter:
    """Counts instructions of some layers, and raises at one of them."""

    def __init__(self, step: int, error: type[BaseException], layers: tuple[str, ...]) -> None:
        self.count = 0
        self._step = step
        self._error = error
        self._layers = layers

    def count_one(self) -> None:
        self.count += 1
        if self.count == self._step:
            raise self._error

    # Python 3.12 and later: opcode tracing by sys.settrace misses instructions there.

    def monitor(self, action: Callable[[], object]) -> None:
        monitoring: Any = getattr(sys, "monitoring")  # noqa: B009 - for type checkers of Python 3.11
        monitoring.use_tool_id(_TOOL, "interrupt")
        monitoring.register_callback(_TOOL, monitoring.events.INSTRUCTION, self._on_instruction)
        monitoring.set_events(_TOOL, monitoring.events.INSTRUCTION)
        try:
            action()
        finally:
            monitoring.set_events(_TOOL, 0)
            monitoring.free_tool_id(_TOOL)

    def _on_instruction(self, code: CodeType, offset: int) -> Any:
        if _counts(code, self._layers):
            self.count_one()

    # Python 3.11

    def trace(self, action: Callable[[], object]) -> None:
        previous = sys.gettrace()
        sys.settrace(self._on_call)
        try:
            action()
        finally:
            sys.settrace(previous)

    def _on_call(self, frame: FrameType, event: str, argument: Any) -> Any:
        if not _counts(frame.f_code, self._layers):
            return None
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        return self._on_event

    def _on_event(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "opcode":
            self.count_one()
        return self._on_event


def interrupt(
    action: Callable[[], object],
    step: int,
    *,
    error: type[BaseException] = Interruption,
    layers: tuple[str, ...] = ("session",),
) -> int:
    """Call ``action``, and raise before the ``step``-th instruction of the session's modules; 0: never.

    That is at more points than those at which CPython calls signal handlers.

    Args:
        action: what is interrupted.
        step: see above.
        error: what is raised.
        layers: the packages of stomp_core whose instructions are counted.

    Returns:
        How many instructions there were.
    """
    counter = _Counter(step, error, layers)
    try:
        if sys.version_info >= (3, 12):
            counter.monitor(action)
        else:
            counter.trace(action)
    except error:
        pass
    return counter.count


def interrupt_everywhere(run: Callable[[int], int], *, stride: int = 1) -> None:
    """Call ``run`` with every step, after a call without one, which returns how many there are.

    Args:
        run: makes a scene, calls :func:`interrupt` with the step, checks what must hold, and returns its result.
        stride: leave out steps to save time.
    """
    count = run(0)
    if COMPILED and not count:
        pytest.skip("compiled: there are no instructions between which a signal handler could run")
    steps = range(1, count + 1, stride)
    assert len(steps) > (0 if COMPILED else 50)
    for step in steps:
        assert run(step) >= step
