"""Probes of the handshake, of receipts and of errors."""

from __future__ import annotations

from stomp_core import Commit, Error

from ._prober import Answer, Probe, Prober, Queue, no, unknown, yes

__all__ = ["heart_beats", "receipt_id_in_error", "receipts", "version"]


def version(number: str) -> Probe:
    """Return the probe of a version of STOMP."""

    def probe(prober: Prober) -> Answer:
        with prober.connect(versions=[number]) as connection:
            agreed = str(connection.version)
        return yes() if agreed == number else no(f"it answered with {agreed}")

    return probe


def heart_beats(prober: Prober) -> Answer:
    """Offer heart-beats in both directions."""
    with prober.connect(heart_beat=(10.0, 10.0)) as connection:
        ours, theirs = connection.heart_beat
    if not ours and not theirs:
        return no("it wants none and sends none")
    sends = f"it sends one every {theirs:g} s" if theirs else "it sends none"
    wants = f"wants one every {ours:g} s" if ours else "wants none"
    return yes(f"{sends}, {wants} (10 s each were offered)")


def receipts(prober: Prober) -> Answer:
    """Ask for receipts."""
    with prober.connect() as connection:
        queue = Queue(connection, prober.patience)
        queue.send(b"confirmed")
        subscription = queue.subscribe()
        queue.receive(subscription)
        subscription.unsubscribe(receipt=True)
        if not connection.close():
            return no("for SEND, SUBSCRIBE and UNSUBSCRIBE, but not for DISCONNECT")
    return yes("for SEND, SUBSCRIBE, UNSUBSCRIBE and DISCONNECT")


def receipt_id_in_error(prober: Prober) -> Answer:
    """Commit a transaction that does not exist, with a receipt, and look whether the ERROR names it."""
    with prober.break_rules() as (connection, replies):
        connection.send_frame(Commit("stomp-check-none", receipt="stomp-check"))
        reply = replies.next()
    if not isinstance(reply, Error):
        return unknown("it confirmed the COMMIT of a transaction that does not exist")
    return yes() if reply.receipt_id is not None else no("an ERROR does not say which frame it is about")
