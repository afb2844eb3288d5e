"""The benchmark of stomp_py runs. Times are not checked."""

from __future__ import annotations

import pytest

from benchmarks import stomp_py_facade


def test_quick_run_has_every_contest(capsys: pytest.CaptureFixture[str]) -> None:
    assert stomp_py_facade.main(["--quick", "embedded"]) == 0
    out = capsys.readouterr().out
    for title in ("send() returns", "sent and confirmed", "received"):
        for size in ("64 bytes", "4 KiB"):
            assert f"{title}, {size}".ljust(28) + "  stomp_py" in out


def test_missing_broker_is_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(name: str) -> None:
        raise LookupError("apt-get install it")

    monkeypatch.setattr(stomp_py_facade, "running", missing)
    assert stomp_py_facade.main(["--quick", "rabbitmq"]) == 0
    assert "rabbitmq: not installed: apt-get install it" in capsys.readouterr().out
