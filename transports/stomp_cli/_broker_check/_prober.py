"""What every probe needs: connections, a queue of its own, and an answer for each way in which it can end."""

from __future__ import annotations

import queue
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple

from stomp_core import Error, Leniency, LocalProtocolError, Receipt, StompError
from stomp_core.protocol import Event
from stomp_core.session import (
    ConnectFailed,
    ConnectionLost,
    Listener,
    OutcomeUnknown,
    Reconnect,
    Rejected,
    TransactionLost,
)
from stomp_socket import Connection, Message, Subscription

from .._scratch import scratch_headers

__all__ = ["END", "Answer", "Probe", "Prober", "Queue", "Replies", "no", "unknown", "yes"]

#: The body of the message that shows that an earlier one does not come any more: a queue keeps the order.
END = b"end"
_QUIET = 1.0  # seconds without a message after which none is expected


class Answer(NamedTuple):
    """What a probe found out.

    Attributes:
        verdict: ``"yes"``, ``"no"`` or ``"unknown"``.
        detail: more about it; may be empty.
    """

    verdict: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.verdict}: {self.detail}" if self.detail else self.verdict


def yes(detail: str = "") -> Answer:
    """Return the answer that the broker does it."""
    return Answer("yes", detail)


def no(detail: str = "") -> Answer:
    """Return the answer that the broker does not do it."""
    return Answer("no", detail)


def unknown(detail: str) -> Answer:
    """Return the answer that it could not be found out."""
    return Answer("unknown", detail)


class Replies(Listener):
    """Keeps the RECEIPT and ERROR frames of a connection.

    Args:
        patience: how many seconds to wait for one.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._received: queue.SimpleQueue[Receipt | Error] = queue.SimpleQueue()

    def frame_received(self, event: Event) -> None:
        if isinstance(event, (Receipt, Error)):
            self._received.put(event)

    def next(self) -> Receipt | Error:
        """Return the next one.

        Raises:
            TimeoutError: none came.
        """
        try:
            return self._received.get(timeout=self._patience)
        except queue.Empty:
            raise TimeoutError("no answer came") from None


class Prober:
    """Connects for probes.

    Args:
        endpoints: the brokers.
        options: of ``connect()``.
        patience: how many seconds to wait for any answer.
    """

    def __init__(self, endpoints: Any, options: dict[str, Any], patience: float) -> None:
        self._endpoints = endpoints
        self._options = options
        self.patience = patience

    def connect(self, **changes: Any) -> Connection:
        """Connect, for one probe: a lost connection is not replaced.

        Args:
            changes: options in place of the user's.

        Raises:
            ConnectFailed: as :func:`stomp_socket.connect` does.
        """
        import stomp_socket

        own: dict[str, Any] = {
            "reconnect": Reconnect.never(),
            "receipt_timeout": self.patience,
            "close_timeout": self.patience,
        }
        return stomp_socket.connect(self._endpoints, **(self._options | own | changes))

    @contextmanager
    def break_rules(self, **changes: Any) -> Iterator[tuple[Connection, Replies]]:
        """Connect to send raw frames that the rules of STOMP do not allow.

        Args:
            changes: options in place of the user's.
        """
        replies = Replies(self.patience)
        leniency = replace(Leniency.brokers(), unchecked_conversation=True)
        with self.connect(leniency=leniency, listener=replies, **changes) as connection:
            yield connection, replies

    def ask(self, probe: Probe) -> Answer:
        """Return the answer of a probe; of one that was ended by an error, what the error means."""
        try:
            return probe(self)
        except (Rejected, ConnectionLost, OutcomeUnknown, ConnectFailed) as error:
            if error.error is not None:
                return no(f"ERROR {error.error.description}")
            if isinstance(error, TimeoutError):
                return unknown(f"no answer in {self.patience:g} s")
            return no(str(error))
        except TransactionLost as error:
            return no(str(error))
        except LocalProtocolError as error:
            return unknown(str(error))
        except TimeoutError:
            return unknown(f"no answer in {self.patience:g} s")
        except StompError as error:
            return unknown(str(error))


#: A function that finds something out.
Probe = Callable[[Prober], Answer]


class Queue:
    """A queue that only one probe uses.

    Args:
        connection: to send and subscribe by.
        patience: how many seconds to wait for a message.
        name: of the queue; by default a new one.

    Attributes:
        name: its destination.
        headers: those that each SEND and SUBSCRIBE needs.
    """

    def __init__(self, connection: Connection, patience: float, name: str | None = None) -> None:
        self.name = name or f"/queue/stomp-check-{uuid.uuid4().hex[:12]}"
        self._connection = connection
        self._patience = patience
        self.headers = list(scratch_headers(connection.session.broker_profile).items())

    def send(self, body: bytes, headers: list[tuple[str, str]] | None = None, **options: Any) -> None:
        """Send a message, and wait until the broker has confirmed it."""
        options = {"receipt": True} | options
        self._connection.send(self.name, body, headers=[*self.headers, *(headers or [])], **options)

    def subscribe(self, *, headers: list[tuple[str, str]] | None = None, **options: Any) -> Subscription:
        """Subscribe, in the mode ``client-individual`` unless the options name another one."""
        options = {"ack": "client-individual"} | options
        return self._connection.subscribe(self.name, headers=[*self.headers, *(headers or [])], **options)

    def receive(self, subscription: Subscription) -> Message:
        """Receive a message and acknowledge it.

        Raises:
            TimeoutError: none came.
        """
        message = subscription.receive(self._patience)
        message.ack()
        return message

    def receive_if_any(self, subscription: Subscription) -> Message | None:
        """Receive a message and acknowledge it; ``None`` if none has come in a second."""
        try:
            message = subscription.receive(min(_QUIET, self._patience))
        except TimeoutError as error:
            if isinstance(error, StompError):
                raise  # no wait of ours
            return None
        message.ack()
        return message

    def empty(self) -> None:
        """Take away what is left in the queue."""
        self.send(END)
        with self.subscribe() as subscription:
            while self.receive(subscription).body != END:
                pass
