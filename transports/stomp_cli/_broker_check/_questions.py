"""The questions that ``stomp check`` asks, in the order in which it shows them."""

from __future__ import annotations

from . import _acknowledgements, _connections, _messages
from ._prober import Probe

__all__ = ["QUESTIONS"]

QUESTIONS: dict[str, Probe] = {
    "STOMP 1.0": _connections.version("1.0"),
    "STOMP 1.1": _connections.version("1.1"),
    "STOMP 1.2": _connections.version("1.2"),
    "heart-beats": _connections.heart_beats,
    "receipts": _connections.receipts,
    "receipt-id in ERROR": _connections.receipt_id_in_error,
    "escapes in headers": _messages.header_escapes,
    "repeated headers": _messages.repeated_headers,
    "binary body with NUL": _messages.binary_body,
    "body of 1 MB": _messages.large_body,
    "prefetch": _messages.prefetch,
    "NACK": _acknowledgements.nack,
    "transaction: commit": _acknowledgements.commit,
    "transaction: abort": _acknowledgements.abort,
    "transaction: ACK aborted": _acknowledgements.ack_in_aborted_transaction,
    "transaction: atomic": _acknowledgements.atomic,
    "durable subscription": _messages.durable,
    "selector": _messages.selectors,
    "browse a queue": _messages.browse,
}
