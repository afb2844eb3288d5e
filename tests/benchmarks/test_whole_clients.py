"""The benchmarks of whole clients run, with everybody of ours. Nothing here is timed."""

from __future__ import annotations

import pytest

from benchmarks import brokers, connections

OURS = ("stomp_socket", "stomp_asyncio", "stomp_trio")


def test_every_adapter_is_in_every_contest(capsys: pytest.CaptureFixture[str]) -> None:
    assert brokers.main(["--quick", "embedded"]) == 0
    out = capsys.readouterr().out
    for name in OURS:
        assert out.count(f"    {name:14}  ") == 3


def test_a_connection_of_every_adapter_is_weighed(capsys: pytest.CaptureFixture[str]) -> None:
    assert connections.main(["--quick"]) == 0
    rows = {line.split()[0]: line.split()[1:] for line in capsys.readouterr().out.splitlines() if line}
    for name in OURS:
        size, milliseconds = map(float, rows[name])
        assert size >= 0  # of ten connections it may be none: the process has room
        assert milliseconds > 0
