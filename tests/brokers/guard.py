"""Kill the processes of a broker and remove its folder when the test run has ended, in whatever way.

This is a process of its own, started as `python -I -S guard.py FOLDER`. Its standard input is a pipe that only the test
run holds open; each line is the id of a session. End of file means that the test run has ended: normally, by Ctrl-C, or
by SIGKILL, after which no `atexit` and no `finally` runs. Then all processes of these sessions are killed.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys


def _status(path: str) -> list[bytes] | None:
    """Return the fields of a `stat` file from the state on: state, ppid, pgrp, session. None if it does not exist."""
    try:
        with open(path, "rb") as file:
            # The name in parentheses may contain spaces and parentheses.
            return file.read().rpartition(b")")[2].split()
    except OSError:
        return None


def processes_of_session(session: int) -> list[int]:
    """Return the ids of all processes of a session, without zombies."""
    found = []
    for entry in os.listdir("/proc"):
        fields = _status(f"/proc/{entry}/stat") if entry.isdigit() else None
        if fields and int(fields[3]) == session and fields[0] not in (b"Z", b"X"):
            found.append(int(entry))
    return found


def all_stopped(session: int) -> bool:
    """Return whether every thread of every process of a session is stopped."""
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
    """Send SIGKILL to every process of a session, until none is left: one could fork in between."""
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
    # Ctrl-C ends the tests; the guard must live a little longer.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sessions = [int(line) for line in sys.stdin]
    for session in sessions:
        kill_session(session)
    shutil.rmtree(sys.argv[1], ignore_errors=True)


if __name__ == "__main__":
    main()
