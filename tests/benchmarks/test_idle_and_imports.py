"""What idle connections and imports cost is measured, and what is missing is named. Values are not checked."""

from __future__ import annotations

import pytest

from benchmarks import connections, imports

ADAPTERS = ("stomp_socket", "stomp_asyncio", "stomp_trio")


def test_memory_of_every_adapter_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert connections.main(["--quick"]) == 0
    out = capsys.readouterr().out
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line}
    for name in ADAPTERS:
        count, size, milliseconds, collection, frozen = map(float, rows[name])
        assert count == 10
        assert size >= 0  # ten connections may fit into memory that the process has already
        assert milliseconds > 0
        assert collection > frozen >= 0
    assert "10 idle connections: KiB each, stomp_asyncio" in out


def test_modules_that_allocate_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert connections.main(["--quick", "--where", "stomp_asyncio"]) == 0
    out = capsys.readouterr().out
    assert "KiB a connection" in out
    assert "KiB  stomp_asyncio/_connection.py" in out


def test_missing_client_has_a_row() -> None:
    shown = connections.table({"stomp.py": "not installed: No module named 'stomp'"})
    assert shown.rows == [["stomp.py", "not installed: No module named 'stomp'", "", "", "", ""]]
    assert connections.goals({"stomp_asyncio": "not installed"}) == []


def test_memory_goal_is_judged() -> None:
    small, large = (connections.Cost(5000, kib * 1024, 0.001, 0.1, 0.0) for kib in (20, 22))
    assert [connections.goals({"stomp_asyncio": cost})[0].met for cost in (small, large)] == [True, False]


def test_missing_module_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(imports, "MODULES", {"stomp_core": "stomp_core", "absent": "no_such_module"})
    assert imports.main(["--quick"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.split()[0] == "stomp_core" and float(line.split()[1]) > 0 for line in lines if line)
    assert any("absent" in line and "No module named 'no_such_module'" in line for line in lines)


def test_import_goal_compares_with_stomp_py() -> None:
    costs: dict[str, imports.Cost | str] = {"stomp_socket": imports.Cost(0.09, 100)}
    assert imports.goals(costs) == []
    costs["stomp.py"] = imports.Cost(0.07, 100)
    assert [one.met for one in imports.goals(costs)] == [False]
