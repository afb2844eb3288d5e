"""Loggers: one tree, ``stomp_core``, that is silent unless the program configures logging.

================================ ==================================================================================
``stomp_core``                   exceptions of users' callbacks, which never reach the caller in whose call they happen
``stomp_core.connection``        what becomes of connections: see :mod:`stomp_core.session._connection_log`
``stomp_core.frames``            each frame and heart-beat, at DEBUG; the passcode is masked
================================ ==================================================================================

``logging`` is imported when it is needed: it imports threading and time, which ``import stomp_core`` does without.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from ._text import printable

if TYPE_CHECKING:
    from logging import Logger

__all__ = ["get_logger", "log_exception"]


def get_logger(name: str = "") -> Logger:
    """Return a logger of the tree.

    Args:
        name: below ``stomp_core``; ``""`` is ``stomp_core`` itself.
    """
    import logging

    root = logging.getLogger("stomp_core")
    if not root.handlers:
        # Otherwise a program that does not configure logging would get warnings on stderr.
        root.addHandler(logging.NullHandler())
    return root.getChild(name) if name else root


def log_exception(sentence: str, error: BaseException) -> None:
    """Log an exception at level ERROR, with its traceback.

    Args:
        sentence: what raised it.
        error: the exception.
    """
    # A handler of the program's log may raise as well. Then there is nowhere left to report it.
    with suppress(Exception):
        get_logger().error("%s", printable(sentence), exc_info=error)
