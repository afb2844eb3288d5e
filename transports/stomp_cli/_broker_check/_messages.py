"""Probes of what becomes of a message on its way, and of who gets it."""

from __future__ import annotations

import uuid

from stomp_core import Unsubscribe

from ._prober import END, Answer, Prober, Queue, no, unknown, yes

__all__ = [
    "binary_body",
    "browse",
    "durable",
    "header_escapes",
    "large_body",
    "prefetch",
    "repeated_headers",
    "selectors",
]

_MEGABYTE = 1024 * 1024
_HEADER = "stompcheck"  # without a hyphen, which a selector would take for a minus
_QUIET = 1.0  # seconds without a message after which none is expected
_DIFFICULT = {
    "a colon": "a:b",
    "a backslash": "a\\b",
    "a line feed": "a\nb",
    "a carriage return": "a\rb",
    "a letter that is not ASCII": "a\N{LATIN SMALL LETTER E WITH ACUTE}b",
}


def binary_body(prober: Prober) -> Answer:
    """Send each octet, NUL included, and compare what comes."""
    return _same_body(prober, bytes(range(256)) * 4)


def large_body(prober: Prober) -> Answer:
    """Send a body of 1 MiB and compare what comes."""
    return _same_body(prober, bytes(range(256)) * (_MEGABYTE // 256))


def _same_body(prober: Prober, body: bytes) -> Answer:
    with prober.connect() as connection:
        queue = Queue(connection, prober.patience)
        with queue.subscribe() as subscription:
            queue.send(body)
            received = queue.receive(subscription).body
    if received == body:
        return yes()
    return no(f"{len(body)} bytes were sent, and {len(received)} others came")


def header_escapes(prober: Prober) -> Answer:
    """Send headers with what must be escaped, and compare what comes."""
    with prober.connect() as connection:
        queue = Queue(connection, prober.patience)
        with queue.subscribe() as subscription:
            queue.send(b"", [(f"{_HEADER}{n}", value) for n, value in enumerate(_DIFFICULT.values())])
            headers = queue.receive(subscription).headers
    wrong = [
        f"{what} came as {headers.get(f'{_HEADER}{n}')!r}"
        for n, (what, value) in enumerate(_DIFFICULT.items())
        if headers.get(f"{_HEADER}{n}") != value
    ]
    return no("; ".join(wrong)) if wrong else yes(", ".join(_DIFFICULT))


def repeated_headers(prober: Prober) -> Answer:
    """Send a header twice, and look which one comes. The first one should win."""
    with prober.connect() as connection:
        queue = Queue(connection, prober.patience)
        with queue.subscribe() as subscription:
            queue.send(b"", [(_HEADER, "first"), (_HEADER, "second")])
            values = queue.receive(subscription).headers.get_all(_HEADER)
    if not values:
        return no("neither of them came")
    if values[0] != "first":
        return no("the second one wins")
    return yes("the first one wins, and both come" if len(values) > 1 else "the first one comes alone")


def selectors(prober: Prober) -> Answer:
    """Subscribe with a selector, and send a message that does not match it before one that does."""
    with prober.connect() as connection:
        queue = Queue(connection, prober.patience)
        with queue.subscribe(headers=[("selector", f"{_HEADER} = 'red'")]) as subscription:
            queue.send(b"blue", [(_HEADER, "blue")])
            queue.send(b"red", [(_HEADER, "red")])
            first = queue.receive(subscription).body
        queue.empty()
    return yes() if first == b"red" else no("it is ignored")


def browse(prober: Prober) -> Answer:
    """Look at a message without taking it."""
    with prober.connect() as connection:
        profile = connection.session.broker_profile
        if profile.browse is None:
            return unknown(f"no header for it is known at {profile.name}")
        queue = Queue(connection, prober.patience)
        queue.send(b"looked at")
        with queue.subscribe(ack="auto", headers=profile.browse_headers()) as subscription:
            subscription.receive(prober.patience)
        queue.send(END)
        with queue.subscribe() as subscription:
            taken = queue.receive(subscription).body == END
            if not taken:
                queue.receive(subscription)
    return no("the message was taken") if taken else yes()


def prefetch(prober: Prober) -> Answer:
    """Subscribe for one message at a time, and look whether a second one comes before the first is acknowledged."""
    with prober.connect() as connection:
        queue = Queue(connection, prober.patience)
        for _ in range(3):
            queue.send(b"")
        with queue.subscribe(prefetch=1) as subscription:
            unacknowledged = [subscription.receive(prober.patience)]
            try:
                while len(unacknowledged) < 3:
                    unacknowledged.append(subscription.receive(min(_QUIET, prober.patience)))
            except TimeoutError:
                pass
            for message in unacknowledged:
                message.ack()
            for _ in range(3 - len(unacknowledged)):
                queue.receive(subscription)
    if len(unacknowledged) == 1:
        return yes("it waits for the ACK")
    return no(f"{len(unacknowledged)} came at once in place of 1")


def durable(prober: Prober) -> Answer:
    """Subscribe to a topic, leave, and look whether what was sent meanwhile comes later."""
    name = f"stomp-check-{uuid.uuid4().hex[:12]}"
    topic = f"/topic/{name}"
    with prober.connect(client_id=name) as connection:
        connection.subscribe(topic, durable=name, ack="client-individual")
    with prober.connect() as other:
        other.send(topic, b"meanwhile", receipt=True)
        with prober.connect(client_id=name) as connection:
            subscription = connection.subscribe(topic, durable=name, ack="client-individual")
            other.send(topic, END, receipt=True)
            first = subscription.receive(prober.patience)
            first.ack()
            answer = no("what was sent meanwhile is lost") if first.body == END else yes()
            profile = connection.session.broker_profile
            if profile.delete_durable is not None:
                subscription.unsubscribe(delete=True)
    if profile.delete_durable is None:
        # ActiveMQ Classic deletes one that nobody is subscribed to, which the rules of STOMP have no frame for.
        with prober.break_rules(client_id=name) as (connection, replies):
            headers = profile.durable_headers(name, name)
            connection.send_frame(Unsubscribe(name, receipt=name, headers=headers))
            replies.next()
    return answer
