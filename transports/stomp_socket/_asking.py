"""Asking: the program's functions for the passcode and the like run in a thread, which may block for as long as it
likes: the deadline of the attempt, ``close()`` and other callers do not wait for it.
"""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Callable
from threading import get_ident
from typing import Any

from stomp_core.session import Questions

from ._dial import Wait

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
        self._running: tuple[Questions[Any], socket.socket] | None = None

    def ask(self, questions: Questions[Any], deadline: float, wait: Wait) -> None:
        """Ask, and return when everything is answered.

        Args:
            questions: of the attempt.
            deadline: of the attempt.
            wait: waits for a socket; see :func:`._dial.dial`.

        Raises:
            TimeoutError: they are not answered at the deadline.
            Exception: one failed, or what ``wait`` raises.
        """
        if self._running is not None:
            earlier, end = self._running
            name = earlier.current
            if not wait(end, True, False, deadline):
                raise RuntimeError(
                    f"an earlier call of {name} has still not returned: give it a timeout of its own"
                )
            self.close()
        end, writer = socket.socketpair()
        end.setblocking(False)
        self._running = questions, end
        threading.Thread(
            target=self._run,
            args=(questions, writer),
            name=f"stomp_socket asks {questions.current}",
            daemon=True,
        ).start()
        if not wait(end, True, False, deadline):
            raise TimeoutError(errno.ETIMEDOUT, "the questions were not answered in time")
        self.close()
        questions.ask()  # raises what has failed

    def _run(self, questions: Questions[Any], writer: socket.socket) -> None:
        self._set_thread(get_ident())
        try:
            with writer:  # its end wakes who waits
                questions.ask()
        except Exception:
            pass  # the questions keep it
        except BaseException as error:  # sys.exit(), for instance, which would end nothing but this thread
            questions.fail(error)
        finally:
            self._set_thread(0)

    def close(self) -> None:
        """Wait no longer for a function that has not returned in time."""
        if self._running is not None:
            self._running[1].close()
            self._running = None
