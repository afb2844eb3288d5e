"""Asking: the program's functions for the passcode and the like run in a thread, which may block for as long as it
likes: the deadline of the attempt, ``close()`` and other callers do not wait for it.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from threading import get_ident
from typing import Any

from stomp_core.session import Questions

from ._dial import Waiter

__all__ = ["Asker"]


class Asker:
    """Asks the questions of one attempt after the other.

    A function that has not returned in time is not called again before it has: otherwise each attempt would leave a
    thread behind.

    Args:
        set_thread: called in the thread with its number, and with 0 when it ends.
    """

    def __init__(self, set_thread: Callable[[int], object]) -> None:
        self._set_thread = set_thread
        self._latest: tuple[Questions[Any], threading.Event] | None = None  # the event: its thread has ended

    def ask(self, questions: Questions[Any], deadline: float, waiter: Waiter) -> None:
        """Ask, and return when everything is answered.

        Args:
            questions: of the attempt.
            deadline: of the attempt.
            waiter: how to wait.

        Raises:
            TimeoutError: they are not answered at the deadline.
            Exception: one failed, or what the waiter raises.
        """
        if self._latest is not None:
            earlier, ended = self._latest
            if not _wait(ended, deadline, waiter):
                raise RuntimeError(
                    f"an earlier call of {earlier.current} has still not returned: give it a timeout of its own"
                )
        ended = threading.Event()
        self._latest = questions, ended
        threading.Thread(
            target=self._run, args=(questions, ended, waiter.wake), name="stomp_socket asks", daemon=True
        ).start()
        if not _wait(ended, deadline, waiter):
            raise TimeoutError(errno.ETIMEDOUT, "the questions were not answered in time")
        self._latest = None
        questions.ask()  # raises what has failed

    def _run(self, questions: Questions[Any], ended: threading.Event, wake: Callable[[], None]) -> None:
        self._set_thread(get_ident())
        try:
            questions.ask()
        except Exception:
            pass  # the questions keep it
        except BaseException as error:  # sys.exit(), for instance, which would end nothing but this thread
            questions.fail(error)
        finally:
            self._set_thread(0)
            ended.set()
            wake()


def _wait(ended: threading.Event, deadline: float, waiter: Waiter) -> bool:
    return ended.is_set() or waiter.wait(None, False, False, deadline, ended.is_set)
