"""Work: what becomes of each message that a handler got. The decisions behind ``subscription.run`` of every adapter.

The handler returns: ACK. It raises: the observer hears of it, and the policy decides. A broker may deliver a NACKed
message again at once (RabbitMQ does, in a hot loop), so NACK is said after a pause that doubles with each failure, and
after so many failures the message is given up.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Literal

from ..errors import ErrorCode, LocalProtocolError, StompError
from ..wire import Version
from .delivery import Delivery
from .errors import SessionClosed, StaleMessageError
from .listener import Handling
from .pending import Pending
from .session import Session
from .subscription import Subscription

__all__ = ["Work", "WorkPolicy"]

_REMEMBERED = 10_000  # messages that have failed; beyond that the oldest is forgotten, and counts anew
#: What a broker makes anew for each delivery, so that it does not tell one message from another.
_OF_THE_DELIVERY = frozenset(
    {"message-id", "ack", "subscription", "redelivered", "x-delivery-count", "receipt"}
)


@dataclass(frozen=True, slots=True)
class WorkPolicy:
    """What to do with a message after its handler.

    Attributes:
        on_return: the handler returned: ``"ack"``, or ``"leave"`` if the handler acknowledges by itself.
        on_error: it raised: ``"nack"``, ``"ack"``, ``"leave"`` it unacknowledged (the broker delivers it again on
            another connection), or ``"stop"`` working: ``run`` raises what the handler raised.
        first_delay: seconds before the first NACK of a message; twice as long with each further one.
        max_delay: seconds that the pause grows to.
        max_failures: after so many failures of a message it is given up; ``None`` is never.
        given_up: what that means: ``"leave"``, ``"ack"``, ``"nack"`` so that the broker does not deliver it again
            (RabbitMQ drops or dead-letters it then, ActiveMQ moves it to its dead-letter queue), or ``"move"`` it to
            ``dead_letters``.
        dead_letters: a destination. The message is sent there, with its headers, and acknowledged, in one transaction.
            In ``auto`` mode, where nothing comes again, that is done with the first failure.

    A message is known again by its destination, headers and body, since RabbitMQ gives it a new id with each delivery.
    """

    on_return: Literal["ack", "leave"] = "ack"
    on_error: Literal["nack", "ack", "leave", "stop"] = "nack"
    first_delay: float = 0.5
    max_delay: float = 30.0
    max_failures: int | None = 5
    given_up: Literal["leave", "ack", "nack", "move"] = "leave"
    dead_letters: str | None = None

    def __post_init__(self) -> None:
        if self.on_return not in ("ack", "leave"):
            raise ValueError(f"on_return is 'ack' or 'leave', not {self.on_return!r}")
        if self.on_error not in ("nack", "ack", "leave", "stop"):
            raise ValueError(f"on_error is 'nack', 'ack', 'leave' or 'stop', not {self.on_error!r}")
        if self.given_up not in ("leave", "ack", "nack", "move"):
            raise ValueError(f"given_up is 'leave', 'ack', 'nack' or 'move', not {self.given_up!r}")
        if not 0 <= self.first_delay <= self.max_delay:
            raise ValueError("0 <= first_delay <= max_delay is needed")
        if self.max_failures is not None and self.max_failures < 1:
            raise ValueError("max_failures must be at least 1")
        if (self.given_up == "move") != (self.dead_letters is not None):
            raise ValueError("given_up='move' and dead_letters=... go together")

    def delay(self, failures: int) -> float:
        """Seconds before the NACK of a message that has failed so often."""
        return min(self.max_delay, self.first_delay * 2.0 ** min(failures - 1, 60))


class _PausedNack:
    """A NACK that is said when its time has come, if there is still anything to say."""

    __slots__ = ("_say", "pending", "timeout")

    def __init__(self, say: Callable[[], object], timeout: float) -> None:
        self._say = say
        self.pending: Pending[None] = Pending("NACK")
        self.timeout = timeout

    def late(self) -> None:
        self._say()
        self.pending.succeed(None)


class Work:
    """One run of a handler over a subscription, by one worker or several. Pure: an adapter calls the handler.

    Args:
        subscription: where the messages come from.
        concurrency: how many workers there are.
        policy: what to do after the handler.
        log: told what nobody else hears of, a sentence and what a handler raised: that it did, and which message is
            given up. The listener of the session hears it instead, if it has a method for that.

    Raises:
        ValueError: ``concurrency`` is not at least 1, or not 1 in ``client`` mode, where an ACK covers what other
            workers are busy with.
    """

    def __init__(
        self,
        subscription: Subscription,
        concurrency: int,
        policy: WorkPolicy | None,
        log: Callable[[str, Exception], object],
    ) -> None:
        if concurrency < 1:
            raise ValueError(f"concurrency is a number of workers of at least 1, not {concurrency!r}")
        if concurrency > 1 and subscription.ack == "client":
            raise ValueError("in 'client' mode an ACK covers earlier messages too: use 'client-individual'")
        self._subscription = subscription
        self._session: Session = subscription._session
        self._policy = policy if policy is not None else WorkPolicy()
        self._log = log
        self._failures: OrderedDict[Hashable, int] = OrderedDict()
        self._stopped = False
        self._error: Exception | None = None
        subscription.works.append(self)

    # ------------------------------------------------------------------ for a worker

    @property
    def ended(self) -> bool:
        """Whether there is nothing more to do."""
        return self._stopped or self._subscription.ended

    def take(self) -> Delivery | None:
        """The next message for a worker; ``None``: wait for :meth:`arrival`, unless it is :attr:`ended`."""
        if self._stopped:
            return None
        try:
            return self._subscription.take()
        except StompError as error:
            self.stop(error)
            return None

    def arrival(self) -> Pending[None]:
        """Done once a worker should look again."""
        return Pending.completed("arrival", None) if self._stopped else self._subscription.arrival()

    def handling(self, delivery: Delivery) -> AbstractContextManager[object]:
        """What the handler is called within: the observer's wish."""
        listener = self._session._listener
        return nullcontext() if listener is None else Handling(listener, delivery)

    def stop(self, error: Exception | None = None) -> None:
        """Let every worker finish what it has, and take nothing more."""
        if not self._stopped:
            self._stopped = True
            self._error = error
            self._subscription._inbox.stir()

    def finish(self) -> None:
        """Every worker has ended. Raises what stopped them, if it was an error: a handler's, or the subscription's."""
        self._subscription.works.remove(self)
        if self._error is not None:
            raise self._error

    # ------------------------------------------------------------------ what became of a message

    def returned(self, delivery: Delivery) -> Pending[None]:
        """The handler has returned."""
        if delivery.redelivered:
            self._failures.pop(_identity(delivery), None)
        return self._settle(self._policy.on_return, delivery)

    def raised(self, delivery: Delivery, error: Exception) -> Pending[None]:
        """The handler has raised. It is told, whatever follows."""
        session, policy = self._session, self._policy
        what = f"message {delivery.message_id!r} from {delivery.destination}"
        self._tell("handler_error", f"the handler of {what} failed", error, delivery, error)
        if policy.on_error == "stop":
            self.stop(error)
            return self._settle("leave", delivery)
        failures = self._count(delivery)
        most = policy.max_failures
        if self._subscription.ack == "auto" and policy.given_up == "move":
            most = 1
        if most is not None and failures >= most:
            self._failures.pop(_identity(delivery), None)
            self._tell(
                "message_given_up",
                f"{what} is given up ({policy.given_up}) after {failures} failures",
                error,
                delivery,
                failures,
            )
            return self._settle("discard" if policy.given_up == "nack" else policy.given_up, delivery)
        if policy.on_error == "nack":
            delay = policy.delay(failures)
            if delay > 0:
                # Not the worker waits, but the message.
                session._watch(_PausedNack(lambda: self._settle("nack", delivery), delay))
                return Pending.completed("NACK", None)
        return self._settle(policy.on_error, delivery)

    def _tell(self, method: str, sentence: str, error: Exception, *arguments: object) -> None:
        listener = self._session._listener
        if listener is not None and listener._hears(method):
            self._session._notify(method, *arguments)
        else:
            self._log(sentence, error)

    def _count(self, delivery: Delivery) -> int:
        identity = _identity(delivery)
        failures = self._failures.pop(identity, 0) + 1
        self._failures[identity] = failures
        if len(self._failures) > _REMEMBERED:
            self._failures.popitem(last=False)
        return failures

    def _settle(self, action: str, delivery: Delivery) -> Pending[None]:
        done: Pending[None] = Pending.completed(action, None)
        if action == "leave" or (self._subscription.ack == "auto" and action != "move"):
            return done
        session = self._session
        if action in ("nack", "discard") and session.version is Version.V1_0:
            return done  # 1.0 has no NACK
        try:
            if action == "move":
                return self._move(delivery)
            if action == "ack":
                return session.ack(delivery)
            return session.nack(delivery, headers=session.dialect.discard if action == "discard" else ())
        except (StaleMessageError, SessionClosed):
            return done  # its connection is gone: the broker delivers it again
        except LocalProtocolError as error:
            if error.code == ErrorCode.NOT_ACKNOWLEDGEABLE:
                return done  # the handler did it by itself, or the subscription has ended
            raise
        except StompError:
            if session.closed:
                return done
            raise

    def _move(self, delivery: Delivery) -> Pending[None]:
        session, policy = self._session, self._policy
        assert policy.dead_letters is not None
        headers = [
            pair
            for pair in delivery.headers.items()
            if pair[0] not in _OF_THE_DELIVERY
            and pair[0] not in ("destination", "content-length", "transaction")
        ]
        if self._subscription.ack == "auto":
            return session.send(policy.dead_letters, delivery.body, headers=headers)
        if delivery.connection_number != session.connection_number:
            raise StaleMessageError("its connection is gone")
        transaction = session.begin().result()
        try:
            transaction.ack(delivery)
            transaction.send(policy.dead_letters, delivery.body, headers=headers)
        except StompError:
            transaction.abort()
            raise
        return transaction.commit(receipt=False)


def _identity(delivery: Delivery) -> Hashable:
    headers = [pair for pair in delivery.headers.items() if pair[0] not in _OF_THE_DELIVERY]
    return hash((delivery.destination, delivery.body, tuple(sorted(headers))))
