"""The logger ``stomp.py``, with its methods as functions of this module, as stomp.py 9.0 has them.

No passcode is ever logged.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable

DEBUG: int = logging.DEBUG
INFO: int = logging.INFO

#: Whether warnings about failed connections are logged with a traceback.
verbose: bool = False

_logger = logging.getLogger("stomp.py")
debug: Callable[..., None] = _logger.debug
info: Callable[..., None] = _logger.info
warning: Callable[..., None] = _logger.warning
error: Callable[..., None] = _logger.error
isEnabledFor: Callable[[int], bool] = _logger.isEnabledFor  # noqa: N816 -- the standard library's own spelling
setLevel: Callable[[int | str], None] = _logger.setLevel  # noqa: N816


def log_to_stdout(verbose_logging: bool = True) -> None:
    """Print everything that is logged.

    Args:
        verbose_logging: the new value of :data:`verbose`.
    """
    global verbose
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(asctime)s - %(name)s - %(levelname)s - %(message)s"))
    _logger.addHandler(handler)
    _logger.setLevel(logging.DEBUG)
    verbose = verbose_logging
