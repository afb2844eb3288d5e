"""The logger, which is called ``stomp.py``, and its methods as functions. No passcode ever gets here."""

from __future__ import annotations

import logging
import sys

DEBUG = logging.DEBUG
INFO = logging.INFO

#: whether warnings about connections that failed come with a traceback
verbose = False

_logger = logging.getLogger("stomp.py")
debug = _logger.debug
info = _logger.info
warning = _logger.warning
error = _logger.error
isEnabledFor = _logger.isEnabledFor  # noqa: N816 -- the standard library's own spelling
setLevel = _logger.setLevel  # noqa: N816


def log_to_stdout(verbose_logging: bool = True) -> None:
    """Print everything that is logged."""
    global verbose
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(asctime)s - %(name)s - %(levelname)s - %(message)s"))
    _logger.addHandler(handler)
    _logger.setLevel(logging.DEBUG)
    verbose = verbose_logging
