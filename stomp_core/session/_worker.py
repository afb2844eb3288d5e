"""HandlerRunner: what happens to each message after its handler. The decisions behind ``subscription.run``.

If the handler returns, the message is acknowledged. If it raises, the listener is told, and the policy decides. A
message that is retried pauses first, twice as long with each failure. Meanwhile it stays unacknowledged, counts for the
prefetch, and the worker takes other messages. After the last retry the message is set aside.

How a message is retried depends on what NACK means. RabbitMQ delivers a NACKed message again at once (in a hot loop, if
nobody paused), so the pause ends with a NACK, and any consumer may get the message. ActiveMQ moves it to its
dead-letter queue, Artemis drops it, other brokers do what we do not know, and 1.0 has no NACK: there the pause ends
with another call of the handler in this client, and nothing is sent before the last failure. If the connection is lost
between two tries, the broker delivers the message again in both cases, and what was counted stays counted.

In ``client`` mode an ACK also covers the earlier messages, so the one that pauses must be settled before a later one:
the worker takes nothing meanwhile.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Literal

from .._arguments import check_choice, check_instance, check_seconds, check_text, check_whole
from .._hints import explained
from .._logging import log_exception
from .._records import record
from ..errors import ErrorCode, LocalProtocolError, StompError
from ..wire import Version
from ._delivery import Delivery
from ._errors import Rejected, SessionClosed, StaleMessageError
from ._forwarding import PER_DELIVERY, forwarded_headers
from ._handles import Subscription, Transaction
from ._listener import HandlingContext
from ._message_queue import QueueEntry
from ._pending import Pending
from ._session import Session
from ._subscriptions import SubscriptionState

__all__ = ["HandlerRunner", "WorkPolicy"]

_MAX_REMEMBERED = (
    10_000  # messages that have failed; beyond that the oldest is forgotten, and counted from 0 again
)
_MAX_PAUSING = (
    1000  # messages that wait for a retry; no more are taken then, which matters without a prefetch only
)
_MAX_UNKNOWN_MOVES = 2  # moves in a row with an ERROR that may be the answer to them, until run() raises it
_MAX_ERROR_LENGTH = 200  # characters of an exception that a moved message names


@explained
@record
class WorkPolicy:
    """What to do with a message after its handler. The argument ``policy`` of ``subscription.run()``.

    Attributes:
        on_return: what to do when the handler has returned: ``"ack"``, or ``"leave"`` if the handler acknowledges by
            itself.
        on_error: what to do when it has raised. ``"nack"``: retry the message, by a NACK where the broker delivers it
            again then (RabbitMQ), otherwise by calling the handler again in this client. ``"ack"``: acknowledge it.
            ``"leave"``: leave it unacknowledged; the broker delivers it again on another connection. ``"stop"``:
            ``run`` raises what the handler raised.
        first_delay: seconds before the first retry of a message. The pause doubles with each further one.
        max_delay: the longest pause before a retry, in seconds.
        max_failures: after how many failures a message is not retried any more; ``None`` is never.
        given_up: what to do then. ``"leave"`` and ``"ack"``: as above. ``"nack"``: let the broker not deliver it again
            (RabbitMQ drops or dead-letters it, ActiveMQ moves it to its dead-letter queue, Artemis drops it).
            ``"move"``: send it to ``dead_letters``.
        dead_letters: the destination for ``"move"``. The message is sent there, with its headers, and acknowledged: in
            one transaction at ActiveMQ, otherwise after the broker has confirmed it. Its headers
            ``x-failed-destination``, ``x-failures`` and ``x-error`` say why. In ``auto`` mode, where nothing is
            delivered again, that happens at the first failure.

    A message that pauses before a retry stays unacknowledged and counts for the prefetch. Later messages are handled
    meanwhile, so a retried one comes after them; in ``client`` mode nothing is handled before it, and the order stays.

    ``"leave"`` in ``client`` mode lasts until the next ACK, which covers the message, too.

    A message that is delivered again is recognised by its destination, headers and body, since RabbitMQ gives it a new
    id with each delivery.

    Raises:
        TypeError: an attribute is of a wrong type.
        ValueError: an attribute is out of its range, or only one of ``given_up="move"`` and ``dead_letters`` is given.

    >>> policy = WorkPolicy(max_failures=3, given_up="move", dead_letters="/queue/dead")
    >>> policy.delay(1), policy.delay(2)
    (0.5, 1.0)
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
        """Return how many seconds to pause before the retry of a message.

        Args:
            failures: how often it has failed.
        """
        return min(self.max_delay, self.first_delay * 2.0 ** min(failures - 1, 60))


class HandlerRunner:
    """One run of a handler over a subscription, by one worker or several. Pure: an adapter calls the handler.

    What a handler raises is reported to the session's listener (``handler_error``, ``message_given_up``), or logged by
    the logger ``stomp_core`` if the listener has no such method.

    Args:
        session: the session that the subscription belongs to.
        subscription: where the messages come from.
        concurrency: how many workers there are.
        policy: what to do after the handler; ``None`` is ``WorkPolicy()``.

    Raises:
        TypeError: an argument is of a wrong type.
        ValueError: ``concurrency`` is less than 1, or more than 1 in ``client`` mode, where an ACK also covers the
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
        # Messages that have failed and pause before a retry, and those to be handled again now, in this client. With
        # each of them, how often it has failed: that is exact, also if there are several with the same content.
        self._pausing: dict[Delivery, int] = {}
        self._due: deque[Delivery] = deque()
        self._retried: dict[Delivery, int] = {}  # taken from `_due`, and not settled
        self._max_pausing = 1 if subscription.ack == "client" else _MAX_PAUSING
        self._stopped = False
        self._finished = False
        self._unknown_moves = 0
        self._error: Exception | None = None
        subscription.add_stop_callback(self.stop)

    # ------------------------------------------------------------------ for a worker

    @property
    def destination(self) -> str:
        """The destination that the messages come from."""
        return self._subscription.destination

    @property
    def ended(self) -> bool:
        """Whether there is nothing more to do."""
        return self._stopped or self._subscription.ended

    def take(self) -> Delivery | None:
        """Return the next message for a worker; ``None`` if there is none now, or if it has :attr:`ended`."""
        if self._stopped:
            return None
        if self._pausing or self._due:
            self._drop_stale()
            if self._due:
                return self._due.popleft()
            if self._blocked:
                return None
        try:
            return self._subscription.take()
        except StompError as error:
            self.stop(error)
            return None

    def first(self) -> QueueEntry | Delivery | None:
        """Return the entry that :meth:`take` takes next, for :meth:`put_back`; ``None`` if there is nothing."""
        if self._pausing or self._due:
            self._drop_stale()
            if self._due:
                return self._due[0]
        return self._subscription.first()

    def put_back(self, entry: QueueEntry | Delivery) -> None:
        """Make a message the next one again; see :meth:`.Subscription.put_back`.

        Args:
            entry: what :meth:`first` returned.
        """
        if not isinstance(entry, Delivery):
            self._subscription.put_back(entry)
        elif not self._due or self._due[0] is not entry:
            self._due.appendleft(entry)
            self._subscription.notify_all()

    def ready(self) -> Pending[None]:
        """Return a Pending that is done when a worker should call :meth:`take` again."""
        if self._stopped or self._due:
            return Pending.completed("wait for a message", None)
        return self._subscription.changed() if self._blocked else self._subscription.ready()

    @property
    def _blocked(self) -> bool:
        """Whether so many messages pause that no other one is taken."""
        return len(self._pausing) >= self._max_pausing and not self._subscription.ended

    def _drop_stale(self) -> None:
        """Forget the messages that the broker delivers again: their connection or their subscription has ended."""
        some = self._due[0] if self._due else next(iter(self._pausing))
        if not self._is_current(some):
            self._pausing.clear()
            self._due.clear()
            self._retried.clear()

    def _is_current(self, delivery: Delivery) -> bool:
        session = self._session
        return (
            delivery.connection_number == session.connection_number
            and session.connected is not None
            and self._subscription.state is SubscriptionState.ACTIVE
        )

    def handling(self, delivery: Delivery) -> AbstractContextManager[object]:
        """Return the context in which to call the handler; see ``Listener.handling``.

        Args:
            delivery: the message that the handler gets.
        """
        listener = self._session.listener
        return nullcontext() if listener is None else HandlingContext(listener, delivery)

    def stop(self, error: Exception | None = None) -> None:
        """Let every worker finish its message and take no more.

        Args:
            error: the exception that :meth:`finish` raises; by default none.
        """
        if not self._stopped:
            self._stopped = True
            self._error = error
            self._subscription.notify_all()

    def finish(self) -> None:
        """End the run, when every worker has ended. Messages that pause here are the next ones of the subscription.

        Raises:
            Exception: the reason why the workers were stopped: an exception of a handler, or the end of the
                subscription.
        """
        self._subscription.remove_stop_callback(self.stop)
        self._finished = True
        if not self._nack_redelivers:
            for delivery in reversed([*self._due, *self._pausing]):
                if self._is_current(delivery):
                    self._subscription.return_delivery(delivery)
            self._pausing.clear()
        self._due.clear()
        if self._error is not None:
            raise self._error

    # ------------------------------------------------------------------ after a handler

    def interrupted(self, delivery: Delivery) -> None:
        """Return a message to the subscription, because its handler was cancelled: it is taken again next.

        The workers stop first: otherwise another one of them would take it.

        Args:
            delivery: the message.
        """
        self.stop()
        if self._is_current(delivery) and self._session.is_unacknowledged(delivery):
            self._subscription.return_delivery(delivery)

    def returned(self, now: float, delivery: Delivery) -> Pending[None]:
        """Do what the policy says about a message whose handler has returned.

        Args:
            now: seconds of any monotonic clock.
            delivery: the message.

        Returns:
            A Pending that is done when this is done.
        """
        if delivery.redelivered or delivery in self._retried:
            self._forget(delivery)
        return self._settle(now, self._policy.on_return, delivery)

    def raised(self, now: float, delivery: Delivery, error: Exception) -> Pending[None]:
        """Do what the policy says about a message whose handler has raised an exception.

        Args:
            now: seconds of any monotonic clock.
            delivery: the message.
            error: the exception.

        Returns:
            A Pending that is done when this is done. It does not wait for the pause before a retry.
        """
        session, policy = self._session, self._policy
        what = f"message {delivery.message_id!r} from {delivery.destination}"
        if not session.notify_listener("handler_error", delivery, error):
            log_exception(f"the handler of {what} failed", error)
        if policy.on_error == "stop":
            self.stop(error)
            return self._settle(now, "leave", delivery)
        failures = self._count(delivery)
        allowed = policy.max_failures
        auto = self._subscription.ack == "auto"
        if auto and policy.given_up == "move":
            allowed = 1
        if allowed is not None and failures >= allowed:
            if not session.notify_listener("message_given_up", delivery, failures):
                sentence = f"{what} is not retried any more after {failures} failures ({policy.given_up})"
                log_exception(sentence, error)
            if policy.given_up == "move":
                return self._move(now, delivery, failures, error)
            self._forget(delivery)
            return self._settle(now, "discard" if policy.given_up == "nack" else policy.given_up, delivery)
        if policy.on_error != "nack" or auto:
            return self._settle(now, policy.on_error, delivery)
        if session.is_unacknowledged(
            delivery
        ):  # otherwise the handler has done it, or its connection is gone
            delay = policy.delay(failures)
            self._pausing[delivery] = failures
            if delay > 0:
                # The message waits, and not the worker.
                session.call_later(now, delay, partial(self._retry, delivery=delivery))
            else:
                self._retry(now, delivery)
        return Pending.completed("retry", None)

    @property
    def _nack_redelivers(self) -> bool:
        session = self._session
        return session.broker_profile.nack_redelivers and session.version is not Version.V1_0

    def _retry(self, now: float, delivery: Delivery) -> None:
        """Retry a message after its pause."""
        failures = self._pausing.pop(delivery, None)
        if failures is None:
            return  # it is stale, or was given back to the subscription
        if self._nack_redelivers:
            self._settle(now, "nack", delivery)
        elif self._is_current(delivery) and not self._finished:
            self._retried[delivery] = failures
            self._due.append(delivery)
        self._subscription.notify_all()

    def _count(self, delivery: Delivery) -> int:
        """Return how often a message has failed, this time included."""
        identity = _identity(delivery)
        known = self._failures.pop(identity, 0)
        before = self._retried.pop(delivery, known if delivery.redelivered else 0)
        self._failures[identity] = max(known, before + 1)
        if len(self._failures) > _MAX_REMEMBERED:
            self._failures.popitem(last=False)
        return before + 1

    def _forget(self, delivery: Delivery) -> None:
        """Forget how often a message has failed."""
        self._retried.pop(delivery, None)
        self._failures.pop(_identity(delivery), None)

    def _settle(self, now: float, action: str, delivery: Delivery) -> Pending[None]:
        done: Pending[None] = Pending.completed(action, None)
        if action == "leave" or self._subscription.ack == "auto":
            return done
        session = self._session
        if action in ("nack", "discard") and session.version is Version.V1_0:
            return done  # there is no NACK in 1.0
        try:
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

    def _move(self, now: float, delivery: Delivery, failures: int, error: Exception) -> Pending[None]:
        """Move a message to the dead letters; leave it to the broker if its connection is gone."""
        session = self._session
        moved: Pending[None] = Pending(f"move of {delivery.message_id} to {self._policy.dead_letters}")
        reason = _reason_headers(delivery, failures, error)
        auto = self._subscription.ack == "auto"
        if not auto and not session.is_unacknowledged(delivery):
            moved.succeed(None)  # the handler has acknowledged it, or the broker delivers it again
            return moved
        try:
            profile = session.broker_profile
            if not auto and profile.atomic_transactions and profile.acks_in_transactions:
                begun = session.begin(now)
                begun.add_done_callback(partial(self._move_in, now, begun, delivery, reason, moved))
            else:
                # First the SEND with its receipt, then the ACK: if the connection is lost in between, the message is
                # moved twice; the other way round it would be lost.
                sent = self._send_dead_letter(now, session, delivery, reason)
                sent.add_done_callback(partial(self._moved, now, sent, delivery, moved, acknowledge=not auto))
        except SessionClosed:
            moved.succeed(None)  # the broker delivers it again
        return moved

    def _move_in(
        self,
        now: float,
        begun: Pending[Transaction],
        delivery: Delivery,
        reason: list[tuple[str, str]],
        moved: Pending[None],
    ) -> None:
        """Move a message in a transaction, unless there is none because the connection was lost."""
        if begun.exception() is not None:
            moved.succeed(None)
            return
        transaction = begun.result()
        try:
            try:
                transaction.ack(now, delivery)
                self._send_dead_letter(now, transaction, delivery, reason)
            except StompError:
                transaction.abort(now)
                raise
            committed = transaction.commit(now)
        except (StaleMessageError, SessionClosed):
            moved.succeed(None)
        except Exception as error:
            moved.fail(error)
        else:
            committed.add_done_callback(
                partial(self._moved, now, committed, delivery, moved, acknowledge=False)
            )

    def _send_dead_letter(
        self, now: float, sender: Session | Transaction, delivery: Delivery, reason: list[tuple[str, str]]
    ) -> Pending[None]:
        headers = forwarded_headers(delivery.headers)
        assert self._policy.dead_letters is not None
        send = partial(sender.send, receipt=True) if isinstance(sender, Session) else sender.send
        return send(
            now,
            self._policy.dead_letters,
            delivery.body,
            headers=[*headers, *reason],
            # ActiveMQ: a TextMessage stays one.
            content_length="content-length" in delivery.headers,
        )

    def _moved(
        self, now: float, sent: Pending[None], delivery: Delivery, moved: Pending[None], *, acknowledge: bool
    ) -> None:
        error = sent.exception()
        if error is None:
            self._forget(delivery)
            self._unknown_moves = 0
            try:
                if acknowledge:
                    self._settle(now, "ack", delivery)
            finally:
                moved.succeed(None)
            return
        # If the connection was lost, and the message was not moved, the broker delivers it again. What was counted
        # stays counted, so that it is moved after the next failure. But an ERROR may be the answer to this: then the
        # next move would fail, too, and so on for ever.
        self._unknown_moves += getattr(error, "error", None) is not None
        if isinstance(error, Rejected) or self._unknown_moves >= _MAX_UNKNOWN_MOVES:
            moved.fail(error)
            return
        if self._subscription.ack == "auto":
            log_exception(f"{moved.what} has failed, or its outcome is unknown", error)
        moved.succeed(None)


def _reason_headers(delivery: Delivery, failures: int, error: Exception) -> list[tuple[str, str]]:
    """Return the headers that say why a message was moved, in characters that every version and broker can carry."""
    try:
        text = f"{type(error).__name__}: {error}"
    except Exception:  # its __str__() is the user's
        text = type(error).__name__
    text = " ".join(text.split())[:_MAX_ERROR_LENGTH].replace("\\", "/")
    text = "".join(character if character.isprintable() else "?" for character in text)
    return [
        ("x-failed-destination", delivery.destination),
        ("x-failures", str(failures)),
        ("x-error", text),
    ]


def _identity(delivery: Delivery) -> Hashable:
    headers = [pair for pair in delivery.headers.items() if pair[0] not in PER_DELIVERY]
    return hash((delivery.destination, delivery.body, tuple(sorted(headers))))
