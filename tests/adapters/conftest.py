"""Each test of this folder that asks for ``world`` runs with the three adapters."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator

import pytest

pytest.importorskip("trio", reason='pip install "stomp-core[trio]"')

from .worlds import HANGS, WORLDS, World


@pytest.fixture(params=list(WORLDS))
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    before = set(threading.enumerate())
    name, _, way = request.param.partition(" ")
    with WORLDS[name](way) as world:
        yield world
    for thread in set(threading.enumerate()) - before:
        if thread.name.startswith(("stomp_socket", "asyncio", "trio", "worker")):
            thread.join(HANGS)
            assert not thread.is_alive(), f"{thread.name} has outlived its connection"


@pytest.fixture
def no_collections() -> Iterator[None]:
    """Collect no garbage of other tests: what a handler raises in a finalizer does not come out of it."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()
