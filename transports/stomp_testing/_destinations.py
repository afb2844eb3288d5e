"""Destinations: which queue, topic or exchange a ``destination`` header means, for each flavour.

RabbitMQ 3.10 knows six kinds of destinations and refuses all others; ActiveMQ 5.17 takes any text for the name of a
queue. Both know some destinations under two names, and write only one of them in a MESSAGE.
"""

from __future__ import annotations

from collections.abc import Collection

from ._refusals import Problem, RequestRefused
from ._settings import Flavour

__all__ = ["EXCHANGE", "TOPIC", "Destinations", "copies_messages"]

TOPIC = "/topic/"
EXCHANGE = "/exchange/"
_COPYING = (TOPIC, EXCHANGE)
_ACTIVEMQ_KINDS = (
    "/queue/", TOPIC, "/temp-queue/", "/temp-topic/", "/remote-temp-queue/", "/remote-temp-topic/"
)  # fmt: skip
#: The exchanges that RabbitMQ creates in every virtual host.
_EXCHANGES = frozenset(("amq.direct", "amq.fanout", "amq.headers", "amq.match", "amq.topic"))


def copies_messages(destination: str) -> bool:
    """Whether every subscription of a destination gets a copy of each message; otherwise they take turns."""
    return destination.startswith(_COPYING)


class Destinations:
    """The names of destinations.

    Args:
        flavour: the broker to behave like.
        exchanges: those that exist besides RabbitMQ's own.
    """

    def __init__(self, flavour: Flavour, exchanges: Collection[str] = ()) -> None:
        self._strict = flavour.strict_destinations
        self._exchanges = _EXCHANGES | set(exchanges)

    def resolve(self, destination: str) -> str:
        """Return the name under which a broker keeps a destination.

        Raises:
            RequestRefused: the broker has no such destination.
        """
        if destination.startswith("/queue/") and len(destination) > 7 and "/" not in destination[7:]:
            return destination
        if not destination:
            raise RequestRefused(Problem.BLANK_DESTINATION)
        if not destination.startswith("/"):
            return f"/queue/{destination}"
        if not self._strict:
            if not destination.startswith(_ACTIVEMQ_KINDS):
                return f"/queue/{destination}"
            if destination.endswith("/") and destination in _ACTIVEMQ_KINDS:
                raise RequestRefused(Problem.BAD_DESTINATION, name=destination, kind="queue")
            return destination
        if destination.startswith(TOPIC):
            return TOPIC + _checked("topic", destination[6:])
        if destination.startswith("/queue/"):
            return "/queue/" + _checked("queue", destination[6:])
        if destination.startswith("/amq/queue/"):
            return "/queue/" + _checked("queue", destination[10:])
        if destination.startswith(EXCHANGE):
            return self._exchange(destination)
        if destination.startswith("/reply-queue/"):
            return destination
        raise RequestRefused(Problem.UNKNOWN_DESTINATION, destination=destination)

    def _exchange(self, destination: str) -> str:
        name, _, key = destination[len(EXCHANGE) :].partition("/")
        if not name:
            raise RequestRefused(Problem.BAD_DESTINATION, name="/", kind="exchange")
        if name not in self._exchanges:
            raise RequestRefused(Problem.UNKNOWN_EXCHANGE, exchange=name)
        # The topics of RabbitMQ are the routing keys of this exchange.
        return TOPIC + key if name == "amq.topic" else destination


def _checked(kind: str, name: str) -> str:
    """Return a name without its slash in front, if it has no other one."""
    if len(name) == 1 or "/" in name[1:]:
        raise RequestRefused(Problem.BAD_DESTINATION, name=name, kind=kind)
    return name[1:]
