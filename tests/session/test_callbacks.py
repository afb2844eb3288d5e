"""Functions that users pass in, and that are never awaited: refused before the first call, or logged at the call."""

from __future__ import annotations

import asyncio
import logging
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from stomp_core import Session
from stomp_core.session import Listener, Listeners, Pending

from .play import Play


class AsyncClosed(Listener):
    async def closed(self, error: Exception | None) -> None:  # type: ignore[override]
        """Never run."""


class YieldsInClosed(Listener):
    def closed(self, error: Exception | None) -> Iterator[None]:  # type: ignore[override]
        yield


class AsyncHeaders(Listener):
    async def headers_for(self, destination: str) -> Iterable[tuple[str, str]]:  # type: ignore[override]
        return ()


class YieldsHeaders(Listener):
    def headers_for(self, destination: str) -> Iterable[tuple[str, str]]:
        yield "colour", "red"


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    texts = []
    for record in caplog.records:
        assert (record.name, record.levelno) == ("stomp_core", logging.ERROR)
        assert record.exc_info is not None
        texts.append(str(record.exc_info[1]))
    return texts


@pytest.mark.parametrize(
    ("listener", "text"),
    [
        (
            AsyncClosed(),
            r"AsyncClosed.closed\(\) is an async function, so its body would never run: make it a plain",
        ),
        (YieldsInClosed(), r"YieldsInClosed.closed\(\) is a generator function \(it has a yield\)"),
        (AsyncHeaders(), r"AsyncHeaders.headers_for\(\) is an async function"),
    ],
)
def test_a_listener_with_a_method_that_never_runs_is_refused(listener: Listener, text: str) -> None:
    with pytest.raises(TypeError, match=text):
        Play(listener=listener)
    with pytest.raises(TypeError, match=text):
        Listeners(Listener(), listener)


@pytest.mark.parametrize("several", [False, True])
def test_headers_may_be_yielded(several: bool) -> None:
    listener = YieldsHeaders()
    play = Play(listener=Listeners(listener) if several else listener).connected()
    play.send("/q")
    assert play.sent_one().headers["colour"] == "red"


async def coroutine() -> None:
    """Never awaited."""


class ReturnsACoroutine(Listener):
    def closed(self, error: Exception | None) -> Any:
        return coroutine()


def test_a_coroutine_that_a_listener_returns_is_closed_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        play = Play(listener=ReturnsACoroutine()).connected()
        play.session.terminate(play.now)
    (text,) = logged(caplog)
    assert text == (
        "the listener's method ReturnsACoroutine.closed() returned a coroutine, which nobody runs: pass a function "
        "that has done its work when it returns"
    )


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("callback", [coroutine, lambda: coroutine(), lambda: (number for number in (1, 2))])
def test_what_a_done_callback_returns_and_nobody_runs_is_logged(
    caplog: pytest.LogCaptureFixture, callback: Callable[[], object], done: bool
) -> None:
    pending: Pending[int] = Pending("wait")
    others: list[int] = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if done:
            pending.succeed(1)
        pending.add_done_callback(callback)
        pending.add_done_callback(lambda: others.append(1))
        pending.succeed(1)
    assert others == [1]
    (text,) = logged(caplog)
    assert "which nobody runs" in text


def test_a_done_callback_may_start_a_task(caplog: pytest.LogCaptureFixture) -> None:
    ran: list[int] = []

    async def task() -> None:
        ran.append(1)

    async def main() -> None:
        pending: Pending[int] = Pending("wait")
        tasks: list[Any] = []

        def start() -> Any:
            tasks.append(asyncio.ensure_future(task()))
            return tasks[0]

        pending.add_done_callback(start)
        pending.succeed(1)
        await tasks[0]

    asyncio.run(main())
    assert ran == [1]
    assert logged(caplog) == []


def test_what_cannot_be_called_is_refused_at_once() -> None:
    pending: Pending[int] = Pending("wait")
    for wrong in (None, 1, "callback"):
        with pytest.raises(TypeError, match="a done callback must be a function without arguments"):
            pending.add_done_callback(wrong)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="must be a function"):
            Play().session.call_later(0.0, 1.0, wrong)  # type: ignore[arg-type]
    for no_wake in (1, "wake", coroutine):
        with pytest.raises(TypeError, match="wake"):
            Session("stomp://h", wake=no_wake)  # type: ignore[arg-type]


def test_a_timer_that_returns_a_coroutine_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    play = Play().connected()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        play.session.call_later(play.now, 1.0, lambda now: coroutine())
        play.wait(2.0)
    (text,) = logged(caplog)
    assert "returned a coroutine, which nobody runs" in text
