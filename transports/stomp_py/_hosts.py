"""The hosts of a connection: in which order they are tried.

The order is that of stomp.py 9.0: 127.0.0.1 in place of other names of this machine, then this machine, then the others
in the order in which the program gave them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .utils import is_localhost

__all__ = ["HostAndPort", "Hosts", "sort_hosts"]

HostAndPort = tuple[str, int]

_DEFAULT = ("localhost", 61613)


@dataclass(frozen=True)
class Hosts:
    """Where a broker may be.

    Attributes:
        sorted: pairs of host and port, in order of preference.
        loopbacks: those of them that the program did not give, each with the host that it stands for.
    """

    sorted: list[HostAndPort]
    loopbacks: Mapping[HostAndPort, HostAndPort]


def sort_hosts(
    host_and_ports: Iterable[HostAndPort] | None, prefer_localhost: bool, try_loopback_connect: bool
) -> Hosts:
    """Sort the hosts of a connection.

    Args:
        host_and_ports: pairs of host and port; ``None`` is the default port of this machine.
        prefer_localhost: try those of this machine first.
        try_loopback_connect: try 127.0.0.1 before other names of this machine.
    """
    given = [_DEFAULT] if host_and_ports is None else [(host, port) for host, port in host_and_ports]
    if prefer_localhost:
        given.sort(key=is_localhost)
    loopbacks: dict[HostAndPort, HostAndPort] = {}
    if try_loopback_connect:
        for host, port in given:
            given_already = ("127.0.0.1", port) in given or ("localhost", port) in given
            if is_localhost((host, port)) == 1 and not given_already:
                loopbacks.setdefault(("127.0.0.1", port), (host, port))
    return Hosts([*loopbacks, *given], loopbacks)
