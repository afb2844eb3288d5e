"""Where exceptions of users' callbacks go: the logger ``stomp_core``, never the caller in whose call they happened."""

from __future__ import annotations

__all__ = ["log_exception"]


def log_exception(sentence: str, error: BaseException) -> None:
    """Log an exception at level ERROR, with its traceback.

    Args:
        sentence: what raised it.
        error: the exception.
    """
    # Imported here: logging imports threading and time, which the core does without as long as nothing goes wrong.
    import logging

    logging.getLogger("stomp_core").error("%s", sentence, exc_info=error)
