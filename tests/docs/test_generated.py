"""Pages and diagrams that a tool makes from data or code are those that it would make now."""

from __future__ import annotations

import subprocess
import sys

import pytest

from .pages import ROOT


@pytest.mark.parametrize("tool", ["conformance-table", "fuzz-report", "draw-states", "broker-profiles"])
def test_what_a_tool_makes_is_up_to_date(tool: str) -> None:
    run = subprocess.run(
        [sys.executable, f"tools/{tool}", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
