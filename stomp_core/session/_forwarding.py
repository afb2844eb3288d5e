"""Which headers a copy of a message has: for dead letters, and for programs that move or replay messages."""

from __future__ import annotations

from ..wire import Headers

__all__ = ["PER_DELIVERY", "forwarded_headers"]

#: The headers that a broker makes anew for each delivery, so that they do not identify a message.
PER_DELIVERY = frozenset({"message-id", "ack", "subscription", "redelivered", "x-delivery-count", "receipt"})
#: What a copy does not take along: what the new SEND has of its own; its expiry, which would delete it; and why it was
#: set aside before.
_NOT_FORWARDED = PER_DELIVERY | {
    "destination", "content-length", "transaction", "expires", "expiration",
    "x-failed-destination", "x-failures", "x-error",
}  # fmt: skip


def forwarded_headers(headers: Headers) -> list[tuple[str, str]]:
    """Return the headers with which a message can be sent again, to another destination perhaps.

    Those of its delivery, its destination, its length and its expiry are left out. Send the copy with a
    ``content-length`` if the message had one: ActiveMQ makes a TextMessage of one without.

    Args:
        headers: the headers of the MESSAGE.
    """
    return [pair for pair in headers.items() if pair[0] not in _NOT_FORWARDED]
