"""HandlerRunner: what happens to each message after its handler. The decisions behind ``subscription.run``.

If the handler returns, the message is acknowledged. If it raises, the listener is told, and the policy decides. A
broker may deliver a NACKed message again at once (RabbitMQ does, in a hot loop), so the NACK is sent after a pause
that doubles with each failure, and after the last retry the message is set aside.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Literal

from .._arguments import check_choice, check_instance, check_seconds, check_text, check_whole
from .._hints import explained
from .._logging import log_exception
from ..errors import ErrorCode, LocalProtocolError, StompError
from ..wire import Version
from ._delivery import Delivery
from ._errors import SessionClosed, StaleMessageError
from ._handles import QueueEntry, Subscription
from ._listener import HandlingContext
from ._pending import Pending
from ._session import Session

__all__ = ["HandlerRunner", "WorkPolicy"]

_MAX_REMEMBERED = (
    10_000  # messages that have failed; beyond that the oldest is forgotten, and counted from 0 again
)
#: The headers that a broker makes anew for each delivery, so that they do not identify a message.
_PER_DELIVERY = frozenset({"message-id", "ack", "subscription", "redelivered", "x-delivery-count", "receipt"})


@explained
@dataclass(frozen=True, slots=True)
class WorkPolicy:
    """What to do with a message after its handler.

    Attributes:
        on_return: the handler returned: ``"ack"``, or ``"leave"`` if the handler acknowledges by itself.
        on_error: it raised: ``"nack"``, ``"ack"``, ``"leave"`` it unacknowledged (the broker delivers it again on
            another connection), or ``"stop"``: ``run`` raises what the handler raised.
        first_delay: seconds before the first NACK of a message; twice as long with each further one.
        max_delay: what the pause grows to, in seconds.
        max_failures: after so many failures a message is not retried any more; ``None`` is never.
        given_up: what to do then: ``"leave"``, ``"ack"``, ``"nack"`` so that the broker does not deliver it again
            (RabbitMQ drops or dead-letters it, ActiveMQ moves it to its dead-letter queue), or ``"move"`` it to
            ``dead_letters``.
        dead_letters: a destination. The message is sent there, with its headers, and acknowledged, in one transaction.
            In ``auto`` mode, where nothing is delivered again, that happens at the first failure.

    A message is recognised by its destination, headers and body, since RabbitMQ gives it a new id with each delivery.

    Raises:
        TypeError: an attribute is of a wrong type.
        ValueError: an attribute is out of its range.
    """

    on_return: Literal["ack", "leave"] = "ack"
    on_error: Literal["nack", "ack", "leave", "stop"] = "nack"
    first_delay: float = 0.5
    max_delay: float = 30.0
    max_failures: int | None = 5
    given_up: Literal["leave", "ack", "nack", "move"] = "leave"
    dead_letters: str | None = None

    def __post_init__(self) -> None:
        check_choice("on_return", self.on_return, ("ack", "leave"))
        check_choice("on_error", self.on_error, ("nack", "ack", "leave", "stop"))
        check_choice("given_up", self.given_up, ("leave", "ack", "nack", "move"))
        object.__setattr__(self, "first_delay", check_seconds("first_delay", self.first_delay))
        object.__setattr__(self, "max_delay", check_seconds("max_delay", self.max_delay))
        check_text("dead_letters", self.dead_letters)
        if not 0 <= self.first_delay <= self.max_delay:
            raise ValueError(
                f"expected 0 <= first_delay <= max_delay, got {self.first_delay!r} and {self.max_delay!r}"
            )
        if self.max_failures is not None:
            check_whole("max_failures", self.max_failures, "failures")
        if (self.given_up == "move") != (self.dead_letters is not None):
            raise ValueError("given_up='move' and dead_letters=... go together: give both or neither")

    def delay(self, failures: int) -> float:
        """Return the seconds before the NACK of a message that has failed so often."""
        return min(self.max_delay, self.first_delay * 2.0 ** min(failures - 1, 60))


class HandlerRunner:
    """One run of a handler over a subscription, by one worker or several. Pure: an adapter calls the handler.

    What a handler raises is told to the session's listener (``handler_error``, ``message_given_up``), or logged by the
    logger ``stomp_core`` if the listener has no such method.

    Args:
        session: that the subscription belongs to.
        subscription: where the messages come from.
        concurrency: how many workers there are.
        policy: what to do after the handler.

    Raises:
        ValueError: ``concurrency`` is not at least 1; or it is not 1 in ``client`` mode, where an ACK also covers the
            messages that other workers are busy with.
    """

    def __init__(
        self, session: Session, subscription: Subscription, concurrency: int, policy: WorkPolicy | None
    ) -> None:
        check_whole("concurrency", concurrency, "workers")
        check_instance("policy", policy, WorkPolicy, "WorkPolicy(max_failures=...)")
        if concurrency > 1 and subscription.ack == "client":
            raise ValueError(
                "concurrency must be 1 in 'client' mode, where an ACK covers earlier messages too: "
                "use 'client-individual'"
            )
        self._subscription = subscription
        self._session = session
        self._policy = policy if policy is not None else WorkPolicy()
        self._failures: OrderedDict[Hashable, int] = OrderedDict()
        self._stopped = False
        self._error: Exception | None = None
        subscription.add_stop_callback(self.stop)

    # ------------------------------------------------------------------ for a worker

    @property
    def destination(self) -> str:
        """Where the messages come from."""
        return self._subscription.destination

    @property
    def ended(self) -> bool:
        """Whether there is nothing more to do."""
        return self._stopped or self._subscription.ended

    def take(self) -> Delivery | None:
        """Return the next message for a worker; ``None``: wait for :meth:`ready`, unless it has :attr:`ended`."""
        if self._stopped:
            return None
        try:
            return self._subscription.take()
        except StompError as error:
            self.stop(error)
            return None

    def first(self) -> QueueEntry | None:
        """Return what :meth:`take` takes next; see :meth:`Subscription.first`."""
        return self._subscription.first()

    def put_back(self, entry: QueueEntry) -> None:
        """Make a message the next one again; see :meth:`Subscription.put_back`."""
        self._subscription.put_back(entry)

    def ready(self) -> Pending[None]:
        """Return a Pending that is done when a worker should call :meth:`take` again."""
        return Pending.completed("wait for a message", None) if self._stopped else self._subscription.ready()

    def handling(self, delivery: Delivery) -> AbstractContextManager[object]:
        """Return the context in which to call the handler; see ``Listener.handling``."""
        listener = self._session.listener
        return nullcontext() if listener is None else HandlingContext(listener, delivery)

    def stop(self, error: Exception | None = None) -> None:
        """Let every worker finish its message and take no more.

        Args:
            error: what :meth:`finish` raises.
        """
        if not self._stopped:
            self._stopped = True
            self._error = error
            self._subscription.notify_all()

    def finish(self) -> None:
        """Call it when every worker has ended.

        Raises:
            Exception: what stopped them: an exception of a handler, or the end of the subscription.
        """
        self._subscription.remove_stop_callback(self.stop)
        if self._error is not None:
            raise self._error

    # ------------------------------------------------------------------ after a handler

    def returned(self, now: float, delivery: Delivery) -> Pending[None]:
        """Do what the policy says about a message whose handler has returned."""
        if delivery.redelivered:
            self._failures.pop(_identity(delivery), None)
        return self._settle(now, self._policy.on_return, delivery)

    def raised(self, now: float, delivery: Delivery, error: Exception) -> Pending[None]:
        """Do what the policy says about a message whose handler has raised ``error``."""
        session, policy = self._session, self._policy
        what = f"message {delivery.message_id!r} from {delivery.destination}"
        if not session.notify_listener("handler_error", delivery, error):
            log_exception(f"the handler of {what} failed", error)
        if policy.on_error == "stop":
            self.stop(error)
            return self._settle(now, "leave", delivery)
        failures = self._count(delivery)
        allowed = policy.max_failures
        if self._subscription.ack == "auto" and policy.given_up == "move":
            allowed = 1
        if allowed is not None and failures >= allowed:
            self._failures.pop(_identity(delivery), None)
            if not session.notify_listener("message_given_up", delivery, failures):
                sentence = f"{what} is not retried any more after {failures} failures ({policy.given_up})"
                log_exception(sentence, error)
            action = "discard" if policy.given_up == "nack" else policy.given_up
            return self._settle(now, action, delivery)
        if policy.on_error == "nack":
            delay = policy.delay(failures)
            if delay > 0:
                # The message waits, and not the worker.
                session.call_later(now, delay, lambda now: self._settle(now, "nack", delivery))
                return Pending.completed("NACK", None)
        return self._settle(now, policy.on_error, delivery)

    def _count(self, delivery: Delivery) -> int:
        identity = _identity(delivery)
        failures = self._failures.pop(identity, 0) + 1
        self._failures[identity] = failures
        if len(self._failures) > _MAX_REMEMBERED:
            self._failures.popitem(last=False)
        return failures

    def _settle(self, now: float, action: str, delivery: Delivery) -> Pending[None]:
        done: Pending[None] = Pending.completed(action, None)
        if action == "leave" or (self._subscription.ack == "auto" and action != "move"):
            return done
        session = self._session
        if action in ("nack", "discard") and session.version is Version.V1_0:
            return done  # there is no NACK in 1.0
        try:
            if action == "move":
                return self._move(now, delivery)
            if action == "ack":
                return session.ack(now, delivery)
            headers = session.broker_profile.discard if action == "discard" else ()
            return session.nack(now, delivery, headers=headers)
        except (StaleMessageError, SessionClosed):
            return done  # its connection is gone: the broker delivers it again
        except LocalProtocolError as error:
            if error.code == ErrorCode.NOT_ACKNOWLEDGEABLE:
                return done  # the handler acknowledged it by itself, or the subscription has ended
            raise
        except StompError:
            if session.closed:
                return done
            raise

    def _move(self, now: float, delivery: Delivery) -> Pending[None]:
        session, policy = self._session, self._policy
        assert policy.dead_letters is not None
        headers = [
            pair
            for pair in delivery.headers.items()
            if pair[0] not in _PER_DELIVERY
            and pair[0] not in ("destination", "content-length", "transaction")
        ]
        if self._subscription.ack == "auto":
            return session.send(now, policy.dead_letters, delivery.body, headers=headers)
        if delivery.connection_number != session.connection_number:
            raise StaleMessageError("its connection is gone")
        transaction = session.begin(now).result()
        try:
            transaction.ack(now, delivery)
            transaction.send(now, policy.dead_letters, delivery.body, headers=headers)
        except StompError:
            transaction.abort(now)
            raise
        return transaction.commit(now, receipt=False)


def _identity(delivery: Delivery) -> Hashable:
    headers = [pair for pair in delivery.headers.items() if pair[0] not in _PER_DELIVERY]
    return hash((delivery.destination, delivery.body, tuple(sorted(headers))))
