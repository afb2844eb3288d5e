"""The benchmarks of whole clients run with every adapter. Times are not checked."""

from __future__ import annotations

import pytest

from benchmarks import brokers, connections

ADAPTERS = ("stomp_socket", "stomp_asyncio", "stomp_trio")


def test_every_adapter_is_in_every_contest(capsys: pytest.CaptureFixture[str]) -> None:
    assert brokers.main(["--quick", "embedded"]) == 0
    out = capsys.readouterr().out
    for name in ADAPTERS:
        assert out.count(f"    {name:14}  ") == 3


def test_memory_of_every_adapter_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert connections.main(["--quick"]) == 0
    rows = {line.split()[0]: line.split()[1:] for line in capsys.readouterr().out.splitlines() if line}
    for name in ADAPTERS:
        size, milliseconds = map(float, rows[name])
        assert size >= 0  # ten connections may fit into memory that the process has already
        assert milliseconds > 0
