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
        self._running: _Asking | None = None

    def ask(self, questions: Questions[Any], deadline: float, waiter: Waiter) -> None:
        """Ask, and return when everything is answered.

        Args:
            questions: of the attempt.
            deadline: of the attempt.
            waiter: how to wait.

        Raises:
            TimeoutError: they are not answered at the deadline.
            Exception: one failed, or what ``waiter`` raises.
        """
        earlier = self._running
        if earlier is not None:
            name = earlier.questions.current
            if not waiter.wait(None, False, False, deadline, earlier.is_done):
                raise RuntimeError(
                    f"an earlier call of {name} has still not returned: give it a timeout of its own"
                )
        asking = self._running = _Asking(questions, self._set_thread, waiter.wake)
        asking.start()
        if not waiter.wait(None, False, False, deadline, asking.is_done):
            raise TimeoutError(errno.ETIMEDOUT, "the questions were not answered in time")
        self._running = None
        questions.ask()  # raises what has failed


class _Asking:
    """The questions of one attempt, asked in a thread of their own.

    Args:
        questions: see above.
        set_thread: see :class:`Asker`.
        wake: called when all are answered, or one has failed.
    """

    def __init__(
        self, questions: Questions[Any], set_thread: Callable[[int], object], wake: Callable[[], None]
    ) -> None:
        self.questions = questions
        self._set_thread = set_thread
        self._wake = wake
        self._done = False

    def start(self) -> None:
        """Start the thread. A daemon: one that hangs must not keep the interpreter from ending."""
        name = f"stomp_socket asks {self.questions.current}"
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def is_done(self) -> bool:
        """Return whether all are answered, or one has failed."""
        return self._done

    def _run(self) -> None:
        self._set_thread(get_ident())
        try:
            self.questions.ask()
        except Exception:
            pass  # the questions keep it
        except BaseException as error:  # sys.exit(), for instance, which would end nothing but this thread
            self.questions.fail(error)
        finally:
            self._set_thread(0)
            self._done = True
            self._wake()
