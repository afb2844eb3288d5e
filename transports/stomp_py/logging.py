"""The functions of :mod:`stomp_py.log`, whose name is ``logging`` up to stomp.py 8.2."""

from __future__ import annotations

from .log import DEBUG, INFO, debug, error, info, isEnabledFor, log_to_stdout, setLevel, verbose, warning

__all__ = [
    "DEBUG",
    "INFO",
    "debug",
    "error",
    "info",
    "isEnabledFor",
    "log_to_stdout",
    "setLevel",
    "verbose",
    "warning",
]
