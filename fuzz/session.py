"""A session over many sockets: operations, answers, losses and jumps of the clock, in any order.

An input is two bytes of settings and then operations (see :func:`session`).
"""

from __future__ import annotations

from typing import Any

from stomp_core import (
    Commit,
    Connect,
    Connected,
    ConnectionClosed,
    Disconnect,
    Error,
    Event,
    Message,
    NeedData,
    Receipt,
    RemoteProtocolError,
    Send,
    ServerConnection,
    StompError,
    Subscribe,
    Unsubscribe,
)
from stomp_core.session import (
    Config,
    Delivery,
    NotSent,
    OutcomeUnknown,
    Pending,
    Reconnect,
    Session,
    SessionState,
    Subscription,
    Transaction,
    TransactionInDoubt,
    TransactionLost,
    TransactionState,
)

from .choices import Choices

__all__ = ["STEPS", "session"]

STEPS = (
    "dial", "fail to dial", "end of stream", "reset", "write", "answer", "refuse", "deliver", "beat", "send junk",
    "send", "send confirmed", "send in a transaction", "subscribe", "unsubscribe", "take", "ack", "nack", "begin",
    "commit", "abort", "request", "cancel", "wait", "to the deadline", "close",
)  # fmt: skip
_JUMPS = (0.0, 0.1, 1.0, 5.0, 12.0, 31.0, 3600.0)
_ROUNDS = (None, 0, 2)
_BUFFER_SIZE = 5000
_TIME_TO_CLOSE = 1.0  # seconds, less than the session gives to receipts that are in flight when it is closed
_MAX_WAKES = 400  # a session whose handle_timeout is due more often than this in one input never waits


class _Play:
    """A session, its operations, and the broker at the other end of the present socket."""

    def __init__(self, choices: Choices) -> None:
        self.choices = choices
        version = choices.pick(("1.2", "1.1", "1.0"))
        self.session = Session(
            Config(
                "stomp://a,stomp://b",
                reconnect=Reconnect(rounds=choices.pick(_ROUNDS), first_rounds=2),
                versions=(version,),
                buffer_size=_BUFFER_SIZE,
                receipt_timeout=30.0,
            )
        )
        self.now = 1.0
        self.server: ServerConnection | None = None
        self.pendings: list[Pending[Any]] = []
        self.confirmations: list[tuple[Pending[Any], str]] = []  # what only a RECEIPT may confirm
        self.sends: list[tuple[Pending[Any], bytes]] = []
        self.answered: set[tuple[int, str]] = set()  # connection and receipt
        self.receipts: list[str] = []
        self.received: list[bytes] = []  # bodies of all SENDs that the broker has received
        self.subscriptions: list[str] = []
        self.deliveries: list[Delivery] = []
        self.beginnings: list[Pending[Transaction]] = []
        self.subscribing: list[Pending[Subscription]] = []
        self.committing: list[tuple[Pending[None], Transaction]] = []
        self.commits: set[str] = set()  # names of transactions whose COMMIT the broker has received
        self.closed_at: float | None = None
        self.number = 0
        self.woken = 0

    # ---------------------------------------------------------------- the broker's side

    def dial(self) -> None:
        session = self.session
        if self.server is not None or (attempt := session.next_attempt(self.now)) is None:
            return
        self.now = max(self.now, attempt.at)
        self.server = ServerConnection(unsolicited_messages=True)
        self.receipts.clear()
        self.subscriptions.clear()
        session.connection_made(self.now)
        self.check()

    def drop(self, reason: BaseException | None) -> None:
        if self.server is not None:
            self.server = None
            self.session.connection_lost(reason, self.now)

    def write(self) -> None:
        """Write everything that the session has to send; the broker receives it."""
        if self.server is None:
            return
        wire = self.session.data_to_send()
        if wire:
            self.server.receive_data(wire, self.now)
        while self.server is not None:
            try:
                event = self.server.next_event()
            except RemoteProtocolError as error:
                raise AssertionError(f"the session violated STOMP: {error}") from error
            if isinstance(event, NeedData | ConnectionClosed):
                return
            if isinstance(event, Event):
                self.process(event)

    def process(self, event: Event) -> None:
        assert self.server is not None
        if isinstance(event, Connect):
            name = self.choices.pick(("RabbitMQ/3", "ActiveMQ/5"))
            self.receive(self.server.send(Connected(server=name, heart_beat=(10_000, 10_000)), now=self.now))
            return
        receipt = event.headers.get("receipt")
        if receipt is not None:
            self.receipts.append(receipt)
        if isinstance(event, Send):
            if event.body.startswith(b"#"):
                assert event.body not in self.received, f"{event.body!r} was sent twice"
                earlier = self.received[-1] if self.received else b"#0"
                assert int(event.body[1:]) > int(earlier[1:]), f"{event.body!r} was sent behind {earlier!r}"
            self.received.append(event.body)
        elif isinstance(event, Subscribe) and event.id is not None:
            self.subscriptions.append(event.id)
        elif isinstance(event, Unsubscribe) and event.id in self.subscriptions:
            self.subscriptions.remove(event.id)
        elif isinstance(event, Commit):
            self.commits.add(event.transaction)
        elif isinstance(event, Disconnect):
            assert not self.waiting_for_receipts(), "DISCONNECT was sent while receipts are awaited"

    def waiting_for_receipts(self) -> bool:
        """Whether a confirmed SEND of this connection has no answer yet, and there is time to wait for it."""
        closing = self.closed_at is not None and self.now < self.closed_at + _TIME_TO_CLOSE
        return closing and any(
            receipt in self.receipts and not pending.done for pending, receipt in self.confirmations
        )

    def receive(self, wire: bytes) -> None:
        """Let the session receive this in two pieces; it may have closed the connection in between."""
        cut = self.choices.byte() % len(wire)
        for piece in (wire[:cut], wire[cut:]):
            if piece:
                self.session.receive_data(piece, self.now)
        self.check()

    def answer(self, *, refuse: bool) -> None:
        server = self.server
        if server is None or server.version is None or self.session.connected is None or not self.receipts:
            return
        receipt = self.receipts.pop(self.choices.byte() % len(self.receipts))
        if refuse:
            named = receipt if self.choices.byte() & 1 else None
            self.receive(server.send(Error("no", receipt_id=named), now=self.now))
            return
        self.answered.add((self.session.connection_number, receipt))
        self.receive(server.send(Receipt(receipt), now=self.now))

    def deliver(self) -> None:
        server = self.server
        if server is None or self.session.connected is None:
            return
        if not self.session.want_read:
            self.choices.byte()  # so that the rest of the input means the same in either case
            self.choices.byte()
            return
        self.number += 1
        names = self.subscriptions or ["nobody"]
        name = names[self.choices.byte() % len(names)]
        message = Message(
            "/queue/a",
            message_id=f"m{self.number}",
            subscription=name,
            ack=f"a{self.number}",
            body=b"x" * 500,
        )
        self.receive(server.send(message, now=self.now))

    # ---------------------------------------------------------------- the user's side

    def operation(self, step: str) -> None:
        session, choices = self.session, self.choices
        self.number += 1
        body = b"#%d" % self.number
        begun = [pending for pending in self.beginnings if pending.done and pending.exception() is None]
        transactions = [pending.result() for pending in begun]
        transaction = transactions[choices.byte() % len(transactions)] if transactions else None
        delivery = self.deliveries[choices.byte() % len(self.deliveries)] if self.deliveries else None
        pending: Pending[Any] | None = None
        if step == "send":
            pending = session.send(self.now, "/queue/a", body)
        elif step == "send confirmed":
            receipt = f"r{self.number}"
            pending = session.send(
                self.now, "/queue/a", body, receipt=receipt, timeout=choices.pick((5.0, 30.0, 90.0))
            )
            self.confirmations.append((pending, receipt))
        elif step == "send in a transaction" and transaction is not None:
            pending = transaction.send(self.now, "/queue/a", body)
        elif step == "subscribe":
            ack = choices.pick(("client-individual", "auto", "client"))
            receipt_wanted = bool(choices.byte() & 1)
            subscribing = session.subscribe(self.now, "/queue/a", ack=ack, receipt=receipt_wanted)  # type: ignore[arg-type]
            self.subscribing.append(subscribing)
            pending = subscribing
        elif step == "unsubscribe":
            for subscription in self.active()[:1]:
                pending = session.unsubscribe(self.now, subscription, receipt=bool(choices.byte() & 1))
        elif step == "take":
            for subscription in self.active():
                taken = subscription.take()
                if taken is not None:
                    number = session.connection_number if self.server is not None else -1
                    assert subscription.ack == "auto" or taken.connection_number == number, (
                        f"{taken!r} came on a connection that was lost: the broker delivers it again"
                    )
                    self.deliveries.append(taken)
                pending = subscription.ready()
        elif step in ("ack", "nack") and delivery is not None:
            acknowledge = session.ack if step == "ack" else session.nack
            pending = acknowledge(
                self.now,
                delivery,
                transaction=transaction,
                receipt=not transaction and bool(choices.byte() & 1),
            )
        elif step == "begin":
            pending = session.begin(self.now)
            self.beginnings.append(pending)
        elif step in ("commit", "abort") and transaction is not None:
            end = session.commit if step == "commit" else session.abort
            receipt_wanted = bool(choices.byte() & 1)
            pending = end(self.now, transaction, receipt=receipt_wanted)
            if step == "commit" and receipt_wanted:
                self.committing.append((pending, transaction))
        elif step == "request":
            pending = session.request(self.now, "/queue/a", body)
        elif step == "cancel" and self.pendings:
            self.pendings[choices.byte() % len(self.pendings)].cancel(self.now)
        elif step == "close":
            pending = session.close(self.now)
            self.closed_at = self.now if self.closed_at is None else self.closed_at
        if pending is not None:
            self.pendings.append(pending)
            if "send" in step or step == "request":
                self.sends.append((pending, body))

    def active(self) -> list[Subscription]:
        """The subscriptions that the user has got and that are not over."""
        got = [entry.result() for entry in self.subscribing if entry.done and entry.exception() is None]
        return [subscription for subscription in got if not subscription.ended]

    # ---------------------------------------------------------------- what must hold

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.session.handle_timeout(self.now)
        self.check()

    def to_the_deadline(self) -> None:
        deadline = self.session.next_deadline()
        if deadline is not None:
            self.woken += 1
            assert self.woken < _MAX_WAKES, "handle_timeout() is due again and again"
            self.wait(max(0.0, deadline - self.now))

    def check(self) -> None:
        session = self.session
        # It is full at its size, and has room again at half of it.
        assert session.want_read or session.buffered_size * 2 > _BUFFER_SIZE
        if self.server is not None and session.want_close:
            self.drop(None)
        for pending, receipt in self.confirmations:
            if pending.done and pending.exception() is None:
                confirmed = any(receipt == name for _, name in self.answered)
                assert confirmed, f"{receipt} is confirmed, but the broker has not confirmed it"

    def end(self) -> None:
        """End the session: every Pending is settled."""
        session = self.session
        try:
            self.pendings.append(session.close(self.now))
        except StompError:
            pass
        for _ in range(6):
            self.write()
            self.wait(100.0)
        self.drop(None)
        assert session.state is SessionState.CLOSED
        assert session.next_attempt(self.now) is None
        for pending in self.pendings:
            assert pending.done, f"{pending!r} is never settled"
        assert session.buffered_size == 0
        for pending, transaction in self.committing:
            self.check_commit(pending, transaction)
        for pending, body in self.sends:
            error = pending.exception()
            if isinstance(error, NotSent):
                assert body not in self.received, f"{error!r}, yet the broker has received {body!r}"
            elif isinstance(error, OutcomeUnknown):
                assert body in self.received, f"{error!r}, yet the broker has never received {body!r}"

    def check_commit(self, pending: Pending[None], transaction: Transaction) -> None:
        """Check that the outcome of COMMIT is what the broker knows, and that the transaction has the same state."""
        error = pending.exception()
        if isinstance(error, TransactionLost):
            assert transaction.id not in self.commits, f"{error!r}, yet the broker has received COMMIT"
            assert transaction.state is TransactionState.LOST
        elif isinstance(error, TransactionInDoubt):
            # A COMMIT that timed out before it was written may turn out never to have left.
            is_lost = transaction.state is TransactionState.LOST and transaction.id not in self.commits
            assert is_lost or transaction.state is TransactionState.IN_DOUBT, (
                f"{error!r}, yet it is {transaction.state}"
            )
        elif error is None:
            assert transaction.id in self.commits, "COMMIT is confirmed, and the broker has never received it"


def session(data: bytes) -> None:
    """Every Pending is settled; nothing is confirmed that the broker did not confirm; nothing is sent twice.

    Byte 0 picks the version, 1 how often a lost connection is replaced. Then one byte picks a step of :data:`STEPS`,
    and further ones its arguments.
    """
    choices = Choices(data)
    play = _Play(choices)
    while choices.left:
        step = choices.pick(STEPS)
        server = play.server
        try:
            if step == "dial":
                play.dial()
            elif step == "fail to dial":
                if server is None and play.session.next_attempt(play.now) is not None:
                    play.session.connection_lost(ConnectionRefusedError("no"), play.now)
            elif step == "end of stream":
                if server is not None:
                    play.session.receive_data(b"", play.now)
                    play.check()
            elif step == "reset":
                play.drop(ConnectionResetError("reset"))
            elif step == "write":
                play.write()
            elif step in ("answer", "refuse"):
                play.answer(refuse=step == "refuse")
            elif step == "deliver":
                play.deliver()
            elif step == "beat" and server is not None:
                play.receive(b"\n")
            elif step == "send junk" and server is not None:
                play.receive(choices.piece() or b"\n")
            elif step == "wait":
                play.wait(choices.pick(_JUMPS))
            elif step == "to the deadline":
                play.to_the_deadline()
            else:
                play.operation(step)
        except StompError:
            continue  # refused; the ordinary tests check when
    play.end()
