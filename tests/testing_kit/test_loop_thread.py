"""LoopThread: a loop in a thread, which ends."""

from __future__ import annotations

import asyncio
import threading

import pytest

from stomp_testing.loop_thread import LoopThread


def test_results_and_errors_come_back_to_the_caller() -> None:
    thread = LoopThread("test")

    async def add() -> int:
        await asyncio.sleep(0)
        return 3

    try:
        assert thread.run(add()) == 3
        assert thread.call(lambda: threading.current_thread().name) == "test"
        assert thread.call(lambda: thread.call(lambda: 4)) == 4
        with pytest.raises(ZeroDivisionError):
            thread.call(lambda: 1 // 0)
    finally:
        thread.close()


def test_closing_cancels_what_still_runs() -> None:
    thread = LoopThread("test")
    cancelled = threading.Event()

    async def forever() -> None:
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    thread.call(lambda: asyncio.ensure_future(forever()))
    thread.call(lambda: None)
    thread.close()
    assert cancelled.is_set()
    assert thread.loop.is_closed()
    assert "test" not in {running.name for running in threading.enumerate()}
