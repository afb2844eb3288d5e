"""``stomp sub``: print, save or handle messages."""

from __future__ import annotations

import queue
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from stomp_core.session import WorkPolicy
from stomp_socket import Connection, Message, Subscription

from .._connecting import Connecting, connecting
from .._dumping import Dump
from .._environment import environment_of
from .._exit_status import ExitStatus
from .._printing import Printer, printing_options
from .._receiver import Enough, Receiver
from .._subscribing import ending_options, subscribing_options


@click.command("sub")
@click.argument("destinations", nargs=-1, required=True, metavar="DESTINATION...")
@ending_options
@subscribing_options
@printing_options
@click.option(
    "--dump",
    type=click.Path(),
    metavar="DIR",
    help="Write each body to a file in DIR, its headers beside it.",
)
@click.option(
    "--exec",
    "program",
    metavar="CMD",
    help="Run a shell command for each message: the body is its stdin, headers are STOMP_... in its environment. "
    "If it succeeds, the message is acknowledged.",
)
@click.option("-j", "--jobs", type=click.IntRange(1), default=1, help="So many commands of --exec at a time.")
@click.option(
    "--retries",
    type=click.IntRange(0),
    default=4,
    show_default=True,
    help="How often --exec tries a message again.",
)
@click.option("--dead-letters", metavar="DEST", help="Where --exec moves a message that failed every time.")
@click.option("--browse", is_flag=True, help="Look at the messages and leave them in the queue (ActiveMQ).")
@connecting
@click.pass_obj
def command(
    settings: Connecting,
    destinations: tuple[str, ...],
    enough: Enough,
    subscribing: dict[str, Any],
    printer: Printer,
    dump: str | None,
    program: str | None,
    jobs: int,
    retries: int,
    dead_letters: str | None,
    browse: bool,
) -> None:
    """Print the messages of each DESTINATION. They are acknowledged when they were printed.

    At a terminal headers and bodies are shown to look at, in a pipe each message is a line of JSON, which
    `stomp pub --jsonl` reads. The command ends after --count messages, after --timeout (exit status 124 if --count was
    not reached), or when none came for --idle.

    \b
    Examples:
      stomp sub /queue/orders
      stomp sub /queue/orders -n 1 --timeout 5 --raw > body
      stomp sub /topic/prices | jq .body
      stomp sub /queue/jobs --exec './work.sh' -j 4 --dead-letters /queue/failed
      stomp sub /topic/orders --durable audit --client-id me
    """
    with settings.connect() as connection:
        end = connection.session.broker_profile.browse_end
        if browse:
            subscribing = _browsing(connection, subscribing)
            enough.idle = enough.idle or 1.0
        if program is not None:
            policy = WorkPolicy(
                max_failures=retries + 1,
                given_up="move" if dead_letters is not None else "nack",
                dead_letters=dead_letters,
            )
            runner = _Execution(program, enough.count)
            with Receiver(connection, destinations, subscribing, enough) as receiver:
                runner.run(receiver.subscriptions, jobs, policy, enough)
            timed_out = runner.timed_out
        else:
            show: Callable[[Message], object] = printer if dump is None else Dump(Path(dump))
            acknowledges = subscribing["ack"] != "auto" and not browse
            with Receiver(connection, destinations, subscribing, enough) as receiver:
                for message in receiver:
                    if browse and message.headers.get(end[0]) == end[1]:
                        break
                    show(message)
                    if acknowledges:
                        message.ack()
            timed_out = receiver.timed_out and enough.count is not None
    if timed_out:
        click.get_current_context().exit(ExitStatus.TIMEOUT)


def _browsing(connection: Connection, subscribing: dict[str, Any]) -> dict[str, Any]:
    headers = connection.session.broker_profile.browse_headers()
    return subscribing | {"ack": "auto", "prefetch": None, "headers": [*subscribing["headers"], *headers]}


class _Execution:
    """Runs a command for each message of some subscriptions."""

    def __init__(self, program: str, count: int | None) -> None:
        self._program = program
        self._left = count
        self._lock = threading.Lock()
        self._running = 0
        self._events: queue.SimpleQueue[bool] = (
            queue.SimpleQueue()
        )  # something happened; whether a worker ended
        self._subscriptions: list[Subscription] = []
        self.timed_out = False

    def run(self, subscriptions: list[Subscription], jobs: int, policy: WorkPolicy, enough: Enough) -> None:
        """Handle messages until there were enough.

        Raises:
            StompError: why a subscription ended.
        """
        self._subscriptions = subscriptions
        errors: list[BaseException] = []

        def work(subscription: Subscription) -> None:
            try:
                subscription.run(self._handle, concurrency=jobs, policy=policy)
            except BaseException as error:
                errors.append(error)
                self._stop()
            finally:
                self._events.put(True)

        threads = [threading.Thread(target=work, args=(subscription,)) for subscription in subscriptions]
        for thread in threads:
            thread.start()
        try:
            self._wait(threads, enough)
        except BaseException:
            self._stop()
            raise
        finally:
            for thread in threads:
                thread.join()
        if errors:
            raise errors[0]

    def _wait(self, threads: list[threading.Thread], enough: Enough) -> None:
        """Wait until the workers have ended, or the time is over, or nothing has happened for too long."""
        running = len(threads)
        while running:
            try:
                running -= self._events.get(timeout=enough.patience(enough.idle))
            except queue.Empty:
                if enough.expired or self._running == 0:
                    self.timed_out = enough.expired and self._left is not None
                    self._stop()
                    return

    def _stop(self) -> None:
        for subscription in self._subscriptions:
            subscription.stop()

    def _handle(self, message: Message) -> None:
        self._count(1)
        try:
            done = subprocess.run(
                self._program, shell=True, input=message.body, env=environment_of(message), check=False
            )
        finally:
            self._count(-1)
        if done.returncode != 0:
            raise RuntimeError(f"exit status {done.returncode}")
        with self._lock:
            if self._left is None:
                return
            self._left -= 1
            enough = self._left <= 0
        if enough:
            self._stop()

    def _count(self, change: int) -> None:
        with self._lock:
            self._running += change
        self._events.put(False)
