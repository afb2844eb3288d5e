"""A process for each client that is measured, so that neither memory nor threads of one client affect another."""

from __future__ import annotations

import gc
import multiprocessing
from typing import Any, Self

from .clients import Client, contests_of
from .jobs import Job, Measurement

__all__ = ["ClientFailed", "ClientProcess"]


class ClientFailed(Exception):
    """A client is not installed, failed in a contest, or did not finish in time."""


class ClientProcess:
    """Runs contests with one client in a process of its own. Use it in a `with` statement.

    Attributes:
        contests: the names of those that the client can take part in.

    Raises:
        ClientFailed: the client is not installed.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(self._client, theirs), daemon=True)
        self._process.start()
        theirs.close()
        try:
            self.contests: frozenset[str] = frozenset(self._answer(60.0))
        except ClientFailed:
            self.close()
            raise

    def run(
        self, contest: str, url: str, queue: str, count: int, body: bytes, timeout: float = 60.0
    ) -> Measurement:
        """Run a contest.

        Raises:
            ClientFailed: the client raised an exception, took more than `timeout` seconds, or ended its process. The
                next run begins with a new process where it is necessary.
        """
        if self._pipe.closed:
            self._start()
        self._pipe.send((contest, url, queue, count, body))
        measurement: Measurement = self._answer(timeout)
        return measurement

    def _answer(self, timeout: float) -> Any:
        if not self._pipe.poll(timeout):
            self._process.kill()
            self.close()
            raise ClientFailed(f"it did not finish in {timeout:g} s")
        try:
            answer = self._pipe.recv()
        except EOFError:
            self.close()
            raise ClientFailed("its process has ended") from None
        if isinstance(answer, str):
            raise ClientFailed(answer)
        return answer

    def close(self) -> None:
        """End the process."""
        self._pipe.close()
        self._process.join(10)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _serve(client: Client, pipe: Any) -> None:
    try:
        contests = contests_of(client)
    except ImportError as error:
        pipe.send(f"not installed: {error}")
        return
    pipe.send(list(contests))
    while True:
        try:
            contest, *arguments = pipe.recv()
        except EOFError:
            return
        job = Job(*arguments)
        # The garbage of the previous run is no cost of this one.
        gc.collect()
        try:
            contests[contest](job)
        except Exception as error:
            pipe.send(f"{type(error).__name__}: {error}"[:200])
        else:
            pipe.send(job.measurement)
