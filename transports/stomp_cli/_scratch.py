"""Queues that a command makes for itself, and that are of no use to anybody afterwards."""

from __future__ import annotations

from stomp_core.session import RABBITMQ, BrokerProfile

__all__ = ["scratch_headers"]

_UNUSED = "600000"  # milliseconds


def scratch_headers(profile: BrokerProfile) -> dict[str, str]:
    """Return the headers of SEND and SUBSCRIBE with which the broker removes the queue when nobody uses it any more.

    ActiveMQ and Artemis can do that by their configuration only. RabbitMQ keeps a queue for ever without them.
    """
    return {"x-expires": _UNUSED} if profile == RABBITMQ else {}
