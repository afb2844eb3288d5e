"""Last words: what was said leaves before its process ends or forks, which nobody tells an engine."""

from __future__ import annotations

import atexit
import os
import sys
from typing import Protocol
from weakref import WeakSet

__all__ = ["Speaker", "heed"]


class Speaker(Protocol):
    """An engine, which may have something to write."""

    def write(self) -> None:
        """Write what is there, as far as that goes at once."""

    def write_the_rest(self) -> None:
        """Write all that is there, if it can be done soon."""


_running: WeakSet[Speaker] = WeakSet()
_finalized_in = 0  # the process in which multiprocessing knows of us


def heed(speaker: Speaker) -> None:
    """Have it write before this process ends or forks. One that ends by a signal or by ``os._exit()`` does not ask."""
    _running.add(speaker)
    _tell_multiprocessing()


def _tell_multiprocessing() -> None:
    """A child of ``multiprocessing`` ends without what is registered with ``atexit``; it has finalizers of its own."""
    global _finalized_in
    util = sys.modules.get("multiprocessing.util")
    if util is not None and _finalized_in != os.getpid():
        _finalized_in = os.getpid()
        util.Finalize(None, _before_the_end, exitpriority=0)


@atexit.register
def _before_the_end() -> None:
    for speaker in list(_running):
        speaker.write_the_rest()


def _before_a_fork() -> None:
    for speaker in list(_running):
        speaker.write()


if hasattr(os, "register_at_fork"):
    # The child has the parent's sockets, and what the parent has not written is not the child's to write.
    os.register_at_fork(before=_before_a_fork, after_in_child=_running.clear)
