"""Probes of NACK and of transactions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from stomp_core import Ack, Begin, Commit, Error, Receipt, Send
from stomp_socket import Connection, Subscription

from ._messages import selectors
from ._prober import END, Answer, Prober, Queue, no, unknown, yes

__all__ = ["abort", "ack_in_aborted_transaction", "atomic", "commit", "nack"]


def nack(prober: Prober) -> Answer:
    """Refuse a message, and look where it is then."""
    with prober.connect() as connection:
        queue = Queue(connection, prober.patience)
        queue.send(b"refused", [("stompcheck", queue.name)])
        with queue.subscribe(prefetch=1) as subscription:
            subscription.receive(prober.patience).nack()
            queue.send(END)
            if _anything_but_end(queue, subscription):
                return yes("it is delivered again")
        dead_letters = _dead_letters(prober, connection, queue)
    if dead_letters is not None:
        return yes(f"it is moved to {dead_letters}")
    return yes("it is not delivered again: it is dropped, or is in a dead-letter queue with another name")


def _dead_letters(prober: Prober, connection: Connection, queue: Queue) -> str | None:
    """Take the message out of the dead-letter queue that the broker has moved it to, and return its name."""
    own = f"/queue/DLQ.{queue.name.removeprefix('/queue/')}"
    shared = ["/queue/ActiveMQ.DLQ", "/queue/DLQ"]
    if selectors(prober).verdict != "yes":
        shared = []  # without a selector the messages of others would come
    for name in (own, *shared):
        dead = Queue(connection, prober.patience, name)
        with dead.subscribe(headers=[("selector", f"stompcheck = '{queue.name}'")]) as subscription:
            if dead.receive_if_any(subscription) is not None:
                return name
    return None


def _anything_but_end(queue: Queue, subscription: Subscription) -> bool:
    """Receive the last message, and return whether another one came before it, or soon after it.

    What a broker puts back into a queue may be overtaken.
    """
    if queue.receive(subscription).body == END:
        return queue.receive_if_any(subscription) is not None
    queue.receive(subscription)
    return True


@contextmanager
def _two_connections(prober: Prober) -> Iterator[tuple[Connection, Queue, Queue]]:
    """Return a connection for a transaction with its queue, and the same queue as another connection sees it."""
    with prober.connect() as one, prober.connect() as other:
        queue = Queue(one, prober.patience)
        yield one, queue, Queue(other, prober.patience, queue.name)


def commit(prober: Prober) -> Answer:
    """Send a message in a transaction; it must come after COMMIT, and not before."""
    with _two_connections(prober) as (connection, queue, observed), observed.subscribe() as subscription:
        transaction = connection.begin()
        queue.send(b"in transaction", transaction=transaction, receipt=False)
        observed.send(b"before commit")
        early = observed.receive(subscription).body == b"in transaction"
        transaction.commit()
        observed.receive(subscription)
    return no("the message came before COMMIT") if early else yes()


def abort(prober: Prober) -> Answer:
    """Send a message in a transaction; it must not come after ABORT."""
    with _two_connections(prober) as (connection, queue, observed), observed.subscribe() as subscription:
        transaction = connection.begin()
        queue.send(b"in transaction", transaction=transaction, receipt=False)
        transaction.abort(receipt=True)
        observed.send(END)
        came = _anything_but_end(observed, subscription)
    return no("the message came all the same") if came else yes()


def ack_in_aborted_transaction(prober: Prober) -> Answer:
    """Acknowledge a message in a transaction that is aborted; the message must come again."""
    with _two_connections(prober) as (connection, queue, observed):
        queue.send(b"acknowledged")
        subscription = queue.subscribe()
        message = subscription.receive(prober.patience)
        transaction = connection.begin()
        transaction.ack(message)
        transaction.abort(receipt=True)
        connection.close()
        observed.send(END)
        with observed.subscribe() as again:
            came = _anything_but_end(observed, again)
    return yes() if came else no("the ACK holds, and the message is gone")


def atomic(prober: Prober) -> Answer:
    """Send a message in a transaction together with an ACK that the broker has to refuse; then none may come."""
    nothing = "stomp-check-none"
    with prober.connect() as observing:
        observed = Queue(observing, prober.patience)
        with prober.break_rules() as (connection, replies):
            connection.send_frame(Begin(nothing))
            connection.send_frame(
                Send(observed.name, b"in transaction", transaction=nothing, headers=observed.headers)
            )
            connection.send_frame(Ack(nothing, message_id=nothing, subscription=nothing, transaction=nothing))
            connection.send_frame(Commit(nothing, receipt="stomp-check"))
            refused = isinstance(replies.next(), Error)
            try:
                while not isinstance(replies.next(), Receipt):
                    pass
            except TimeoutError:
                pass  # no COMMIT after an ERROR
        with observed.subscribe() as subscription:
            # RabbitMQ confirms COMMIT before the messages are in their queues, so one sent now may overtake them.
            came = observed.receive_if_any(subscription) is not None
    if not refused:
        return unknown("it confirmed the ACK of a message that does not exist")
    if came:
        return no("when it refuses a part, a COMMIT that is on its way does the rest")
    return yes("when it refuses a part, nothing is done")
