"""Dropped messages: why nobody gets a message, for the log and the listener."""

from __future__ import annotations

from ..protocol import Message
from ._subscriptions import SubscriptionRecord

__all__ = ["why_dropped"]


def why_dropped(message: Message, record: SubscriptionRecord | None, *, late_reply: bool) -> str:
    """Return why nobody gets a message, what becomes of it, and what to do.

    Args:
        message: the message.
        record: of its subscription, if there is one, which has ended.
        late_reply: whether it came over the queue for replies.
    """
    name, destination = message.subscription, message.destination
    if record is not None:
        reason = f"its subscription has ended: {record.id!r} to {record.destination}"
        needs_ack = record.ack != "auto"
    elif late_reply:
        correlation = message.headers.get("correlation-id")
        return (
            f"it is a reply that came too late, or for nobody: no request waits for correlation-id {correlation!r} any "
            "more; a longer timeout=... of request() would have returned it"
        )
    elif name is not None and name.startswith("/temp-queue/"):
        return (
            f"it is a reply on the temporary queue {name}, which RabbitMQ subscribes to by itself where a SEND has it "
            "as reply-to: use request(), which waits for the reply"
        )
    else:
        reason = (
            f"it names no subscription, and not exactly one is to {destination}: subscribe to each destination once"
            if name is None
            else f"there is no subscription with the id {name!r}: it has ended, or was made by send_frame(), whose "
            "messages go to the tap of a Session only"
        )
        needs_ack = message.ack is not None
    if needs_ack:
        # To NACK it is no way out: after UNSUBSCRIBE RabbitMQ answers that with ERROR.
        reason += (
            "; nobody will acknowledge it, so the broker delivers it again, at the latest when this connection has "
            "ended"
        )
    return reason
