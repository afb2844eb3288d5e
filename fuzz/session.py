"""A session over many sockets: operations, answers, cuts and jumps of the clock, in any order.

An input is two bytes of settings and then operations (see :func:`session`).
"""

from __future__ import annotations

from typing import Any

from stomp_core import (
    Connect,
    Connected,
    ConnectionClosed,
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
    Delivery,
    NotSent,
    OutcomeUnknown,
    Pending,
    Reconnect,
    Session,
    SessionState,
    Transaction,
)

from .choices import Choices

__all__ = ["DEEDS", "session"]

DEEDS = (
    "dial", "fail to dial", "hang up", "reset", "write", "answer", "refuse", "deliver", "beat", "say junk",
    "send", "send confirmed", "send in a transaction", "subscribe", "unsubscribe", "take", "ack", "nack", "begin",
    "commit", "abort", "request", "abandon", "wait", "to the deadline", "close",
)  # fmt: skip
_JUMPS = (0.0, 0.1, 1.0, 5.0, 12.0, 31.0, 3600.0)
_ROUNDS = (None, 0, 2)
_MOST_WAKING = 400  # a session that wants to be woken more often than this in one input spins


class _Play:
    """A session, what it was asked, and the broker at the other end of the present socket."""

    def __init__(self, choices: Choices) -> None:
        self.choices = choices
        version = choices.pick(("1.2", "1.1", "1.0"))
        self.session = Session(
            "stomp://a,stomp://b",
            reconnect=Reconnect(rounds=choices.pick(_ROUNDS), first_rounds=2),
            versions=(version,),
            buffer_size=5000,
            receipt_timeout=30.0,
        )
        self.now = 1.0
        self.server: ServerConnection | None = None
        self.pendings: list[Pending[Any]] = []
        self.confirmations: list[tuple[Pending[Any], str]] = []  # what only a RECEIPT may confirm
        self.sends: list[tuple[Pending[Any], bytes]] = []
        self.answered: set[tuple[int, str]] = set()  # connection and receipt
        self.receipts: list[str] = []
        self.heard: list[bytes] = []  # bodies of all SENDs that the broker has heard
        self.subscriptions: list[str] = []
        self.deliveries: list[Delivery] = []
        self.beginnings: list[Pending[Transaction]] = []
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
        """The one writer: what it takes the broker hears."""
        if self.server is None:
            return
        wire = self.session.data_to_send()
        if wire:
            self.server.receive_data(wire, self.now)
        while self.server is not None:
            try:
                event = self.server.next_event()
            except RemoteProtocolError as error:
                raise AssertionError(f"the session broke STOMP: {error}") from error
            if isinstance(event, NeedData | ConnectionClosed):
                return
            if isinstance(event, Event):
                self.hear(event)

    def hear(self, event: Event) -> None:
        assert self.server is not None
        if isinstance(event, Connect):
            name = self.choices.pick(("RabbitMQ/3", "ActiveMQ/5"))
            self.tell(self.server.send(Connected(server=name, heart_beat=(10_000, 10_000))))
            return
        receipt = event.headers.get("receipt")
        if receipt is not None:
            self.receipts.append(receipt)
        if isinstance(event, Send):
            if event.body.startswith(b"#"):
                assert event.body not in self.heard, f"{event.body!r} was sent twice"
            self.heard.append(event.body)
        elif isinstance(event, Subscribe) and event.id is not None:
            self.subscriptions.append(event.id)
        elif isinstance(event, Unsubscribe) and event.id in self.subscriptions:
            self.subscriptions.remove(event.id)

    def tell(self, wire: bytes) -> None:
        """The broker says something, in two pieces; the session may have hung up in between."""
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
            self.tell(server.send(Error("no", receipt_id=named)))
            return
        self.answered.add((self.session.connection_number, receipt))
        self.tell(server.send(Receipt(receipt)))

    def deliver(self) -> None:
        server = self.server
        if server is None or self.session.connected is None:
            return
        if not self.session.want_read:
            self.choices.byte()  # so that a story stays in step, whether it is heard or not
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
        self.tell(server.send(message))

    # ---------------------------------------------------------------- the user's side

    def operation(self, deed: str) -> None:
        session, choices = self.session, self.choices
        self.number += 1
        body = b"#%d" % self.number
        begun = [pending for pending in self.beginnings if pending.done and pending.exception() is None]
        transactions = [pending.result() for pending in begun]
        transaction = transactions[choices.byte() % len(transactions)] if transactions else None
        delivery = self.deliveries[choices.byte() % len(self.deliveries)] if self.deliveries else None
        pending: Pending[Any] | None = None
        if deed == "send":
            pending = session.send("/queue/a", body)
        elif deed == "send confirmed":
            receipt = f"r{self.number}"
            pending = session.send("/queue/a", body, receipt=receipt, timeout=choices.pick((5.0, 30.0, 90.0)))
            self.confirmations.append((pending, receipt))
        elif deed == "send in a transaction" and transaction is not None:
            pending = transaction.send("/queue/a", body)
        elif deed == "subscribe":
            ack = choices.pick(("client-individual", "auto", "client"))
            pending = session.subscribe("/queue/a", ack=ack, receipt=bool(choices.byte() & 1))  # type: ignore[arg-type]
        elif deed == "unsubscribe":
            for subscription in list(session._subscriptions)[:1]:
                pending = session.unsubscribe(subscription, receipt=bool(choices.byte() & 1))
        elif deed == "take":
            for subscription in list(session._subscriptions):
                taken = subscription.take()
                if taken is not None:
                    self.deliveries.append(taken)
                pending = subscription.arrival()
        elif deed in ("ack", "nack") and delivery is not None:
            say = session.ack if deed == "ack" else session.nack
            pending = say(
                delivery, transaction=transaction, receipt=not transaction and bool(choices.byte() & 1)
            )
        elif deed == "begin":
            pending = session.begin()
            self.beginnings.append(pending)
        elif deed in ("commit", "abort") and transaction is not None:
            end = session.commit if deed == "commit" else session.abort
            pending = end(transaction, receipt=bool(choices.byte() & 1))
        elif deed == "request":
            pending = session.request("/queue/a", body)
        elif deed == "abandon" and self.pendings:
            self.pendings[choices.byte() % len(self.pendings)].abandon()
        elif deed == "close":
            pending = session.close()
        session.tick(self.now)
        if pending is not None:
            self.pendings.append(pending)
            if "send" in deed or deed == "request":
                self.sends.append((pending, body))

    # ---------------------------------------------------------------- what must hold

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.session.handle_timeout(self.now)
        self.check()

    def to_the_deadline(self) -> None:
        deadline = self.session.next_deadline()
        if deadline is not None:
            self.woken += 1
            assert self.woken < _MOST_WAKING, "it wants to be woken without end"
            self.wait(max(0.0, deadline - self.now))

    def check(self) -> None:
        session = self.session
        assert session.want_read or session._budget.full
        if self.server is not None and session.want_close:
            self.drop(None)
        for pending, receipt in self.confirmations:
            if pending.done and pending.exception() is None:
                confirmed = any(receipt == name for _, name in self.answered)
                assert confirmed, f"{receipt} is confirmed, and nobody has confirmed it"

    def end(self) -> None:
        """Whatever has happened, every Pending ends, and the session with them."""
        session = self.session
        try:
            self.pendings.append(session.close())
        except StompError:
            pass
        for _ in range(6):
            self.write()
            self.wait(100.0)
        self.drop(None)
        assert session.state is SessionState.CLOSED
        assert session.next_attempt(self.now) is None
        for pending in self.pendings:
            assert pending.done, f"{pending!r} never ends"
        assert session._budget.held == 0 or session.tap is not None
        for pending, body in self.sends:
            error = pending.exception()
            if isinstance(error, NotSent):
                assert body not in self.heard, f"{error!r}, yet the broker has heard {body!r}"
            elif isinstance(error, OutcomeUnknown):
                assert body in self.heard, f"{error!r}, yet the broker has never heard {body!r}"


def session(data: bytes) -> None:
    """Every Pending ends; nothing is confirmed that the broker did not confirm; nothing is sent twice.

    Byte 0 picks the version, 1 how often a lost connection is replaced. Then one byte picks a deed of :data:`DEEDS`,
    and further ones what it needs.
    """
    choices = Choices(data)
    play = _Play(choices)
    while choices.left:
        deed = choices.pick(DEEDS)
        server = play.server
        try:
            if deed == "dial":
                play.dial()
            elif deed == "fail to dial":
                if server is None and play.session.next_attempt(play.now) is not None:
                    play.session.connection_lost(ConnectionRefusedError("no"), play.now)
            elif deed == "hang up":
                if server is not None:
                    play.session.receive_data(b"", play.now)
                    play.check()
            elif deed == "reset":
                play.drop(ConnectionResetError("reset"))
            elif deed == "write":
                play.write()
            elif deed in ("answer", "refuse"):
                play.answer(refuse=deed == "refuse")
            elif deed == "deliver":
                play.deliver()
            elif deed == "beat" and server is not None:
                play.tell(b"\n")
            elif deed == "say junk" and server is not None:
                play.tell(choices.piece() or b"\n")
            elif deed == "wait":
                play.wait(choices.pick(_JUMPS))
            elif deed == "to the deadline":
                play.to_the_deadline()
            else:
                play.operation(deed)
        except StompError:
            continue  # a refusal, whose conditions the ordinary tests know
    play.end()
