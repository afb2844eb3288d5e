"""The logger, which is called ``stomp.py``, and its methods as functions. No passcode ever gets here."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable

DEBUG: int = logging.DEBUG
INFO: int = logging.INFO

#: whether warnings about connections that failed come with a traceback
verbose: bool = False

_logger = logging.getLogger("stomp.py")
debug: Callable[..., None] = _logger.debug
info: Callable[..., None] = _logger.info
warning: Callable[..., None] = _logger.warning
error: Callable[..., None] = _logger.error
isEnabledFor: Callable[[int], bool] = _logger.isEnabledFor  # noqa: N816 -- the standard library's own spelling
setLevel: Callable[[int | str], None] = _logger.setLevel  # noqa: N816


def log_to_stdout(verbose_logging: bool = True) -> None:
    """Print everything that is logged."""
    global verbose
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(asctime)s - %(name)s - %(levelname)s - %(message)s"))
    _logger.addHandler(handler)
    _logger.setLevel(logging.DEBUG)
    verbose = verbose_logging
