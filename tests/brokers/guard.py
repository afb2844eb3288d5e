"""Ends what a broker left behind, however the test run ended: a process of its own that waits for ours to die.

Its standard input is a pipe that only the test run holds. End of file there means that the run is over: by its
own will, by Ctrl-C, or by SIGKILL, when no `atexit` and no `finally` runs. Then every process of the sessions
that it was told of is killed, and the folder removed. Started as `python -I -S guard.py FOLDER`; each line that
it reads is the id of a session.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys


def _status(path: str) -> list[bytes] | None:
    """The fields of a `stat` file from the state on: state, ppid, pgrp, session; None if it is gone."""
    try:
        with open(path, "rb") as file:
            # The name in parentheses may hold anything.
            return file.read().rpartition(b")")[2].split()
    except OSError:
        return None


def processes_of_session(session: int) -> list[int]:
    """The ids of all live processes of a session (a zombie is not alive)."""
    found = []
    for entry in os.listdir("/proc"):
        fields = _status(f"/proc/{entry}/stat") if entry.isdigit() else None
        if fields and int(fields[3]) == session and fields[0] not in (b"Z", b"X"):
            found.append(int(entry))
    return found


def all_stopped(session: int) -> bool:
    """Whether every thread of every process of a session has obeyed SIGSTOP."""
    for process in processes_of_session(session):
        try:
            threads = os.listdir(f"/proc/{process}/task")
        except OSError:
            continue
        for thread in threads:
            fields = _status(f"/proc/{process}/task/{thread}/stat")
            if fields and fields[0] != b"T":
                return False
    return True


def kill_session(session: int) -> None:
    """SIGKILL to every process of a session, until none is left (one could fork in between)."""
    for _ in range(20):
        processes = processes_of_session(session)
        if not processes:
            return
        for pid in processes:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


def main() -> None:
    # Ctrl-C is for the tests; the guard comes after them.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sessions = [int(line) for line in sys.stdin]
    for session in sessions:
        kill_session(session)
    shutil.rmtree(sys.argv[1], ignore_errors=True)


if __name__ == "__main__":
    main()
