"""``stomp move``: move messages to another destination; none is lost."""

from __future__ import annotations

from collections.abc import Iterator

import click

from stomp_core.session import StaleMessageError
from stomp_socket import Connection, Message

from .._connecting import Connecting, connecting, header_option
from .._message_json import Outgoing
from .._progress import progress
from .._publisher import Publisher
from .._receiver import Enough, Receiver
from .._terminal import note, warn

_EVERYTHING = (
    1_000_000  # messages that do not match stay unacknowledged, and must not be in the way of later ones
)


@click.command("move")
@click.argument("source", metavar="SRC")
@click.argument("destination", metavar="DST")
@click.option(
    "--where",
    "conditions",
    multiple=True,
    metavar="NAME=VALUE",
    help="Only messages with this header; may be repeated: all must match.",
)
@click.option("-n", "--count", type=click.IntRange(1), help="Move so many at most.")
@click.option(
    "--idle",
    type=click.FloatRange(0, min_open=True),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="End when no message came for so long: SRC is empty.",
)
@click.option(
    "--window",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    help="How many may be in flight at a time.",
)
@header_option("the copies, in place of one of the same name")
@connecting
@click.pass_obj
def command(
    settings: Connecting,
    source: str,
    destination: str,
    conditions: tuple[str, ...],
    count: int | None,
    idle: float,
    window: int,
    headers: list[tuple[str, str]],
) -> None:
    """Move the messages of SRC to DST: to retry what is in a dead-letter queue, for example.

    A message is taken from SRC only when its copy in DST is confirmed. If the command is killed in between, or the
    connection is lost, a message may be in both; it is never in neither. Messages that do not match --where stay in
    SRC.

    \b
    Examples:
      stomp move /queue/ActiveMQ.DLQ /queue/orders
      stomp move /queue/dead /queue/orders --where x-error=timeout -n 10
    """
    wanted = [_parse_condition(condition) for condition in conditions]
    with settings.connect() as connection:
        subscribing = {"ack": "client-individual", "prefetch": _EVERYTHING if wanted else window}
        with Receiver(connection, (source,), subscribing, Enough()) as receiver:
            move = _Move(connection, receiver, destination, window, headers)
            with progress("moved") as shown:
                for message in shown(move.matching(wanted, count, idle)):
                    move.copy(message)
                move.settle()
    text = f"{move.moved} moved from {source} to {destination}"
    note(f"{text}, {move.left} did not match and were left" if wanted else text)
    if move.doubtful:
        warn(f"the connection was lost: up to {move.doubtful} messages are in {destination} twice")


class _Move:
    """Copies messages, and acknowledges those whose copy is confirmed."""

    def __init__(
        self,
        connection: Connection,
        receiver: Receiver,
        destination: str,
        window: int,
        headers: list[tuple[str, str]],
    ) -> None:
        self._receiver = receiver
        self._destination = destination
        self._headers = headers
        self._publisher = Publisher(connection, destination, window=window, on_confirmed=self._confirmed)
        self._stale = 0
        self.moved = 0
        self.left = 0

    @property
    def doubtful(self) -> int:
        """How many copies the broker may have twice."""
        return self._stale + self._publisher.outcomes.unknown

    def matching(self, wanted: list[tuple[str, str]], count: int | None, idle: float) -> Iterator[Message]:
        """Receive messages until there are enough, or no more come."""
        found = 0
        while count is None or found < count:
            message = self._receiver.receive(0)
            if message is None:
                self.settle()  # it may be the unacknowledged ones that keep others away
                message = self._receiver.receive(idle)
                if message is None:
                    return
            if all(message.headers.get(name) == value for name, value in wanted):
                found += 1
                yield message
            else:
                self.left += 1

    def copy(self, message: Message) -> None:
        """Send the copy of a message."""
        self._publisher.send(self._copy_of(message))

    def settle(self) -> None:
        """Wait until the outcome of each copy is known."""
        self._publisher.finish()

    def _copy_of(self, message: Message) -> Outgoing:
        return Outgoing.copy_of(message).with_headers(self._headers)._replace(destination=self._destination)

    def _confirmed(self, copy: Outgoing) -> None:
        try:
            copy.source.ack()
        except StaleMessageError:
            self._stale += 1  # the broker delivers it again
        else:
            self.moved += 1


def _parse_condition(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise click.BadParameter(f"a condition is NAME=VALUE, got {text!r}", param_hint="--where")
    return name, value
