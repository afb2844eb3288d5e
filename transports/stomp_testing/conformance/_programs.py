"""Play a case to a client that is a program: start it, let it connect, and end it."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Mapping

from ._channels import ListeningPort
from ._player import Result, play
from ._requirements import Case

__all__ = ["play_to_program"]


def play_to_program(
    case: Case,
    command: str,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    timeout: float = 5.0,
    environment: Mapping[str, str] | None = None,
) -> Result:
    """Play one case of the role ``client`` to a program.

    Args:
        case: a case of role ``client``.
        command: the command line of the program. In its environment, ``STOMP_URL`` is where to connect, and
            ``STOMP_VERSION`` the only version to offer. README.md beside this module says what it has to do. It is
            killed after the case.
        host: the address to listen on.
        port: the port; 0 takes a free one.
        timeout: seconds to wait for each frame; the program may take 30 s to connect.
        environment: the environment of the program, without the two; ``None`` is that of this process.

    Returns:
        The result.

    Raises:
        OSError: the program cannot be started, or the address is taken.
        ValueError: the case is of another role.
    """
    with ListeningPort(host, port) as listening:
        own = os.environ if environment is None else environment
        with subprocess.Popen(
            shlex.split(command),
            env={**own, "STOMP_URL": listening.url, "STOMP_VERSION": case.version},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            try:
                return play(case, listening, timeout=timeout)
            finally:
                process.kill()
