"""The code in docs/fuzzing.md runs, and the harness in it finds what it is for."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(
    r"^```python\n(.*?)^```", (ROOT / "docs" / "fuzzing.md").read_text(), re.MULTILINE | re.DOTALL
)
HARNESS = next(code for code in BLOCKS if "def test_transport" in code)
#: On a busy machine examples may take any time.
ANY_TIME = """
from hypothesis import HealthCheck, Phase, settings
settings.register_profile("any time", deadline=None, suppress_health_check=list(HealthCheck), database=None)
settings.load_profile("any time")
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", ANY_TIME + code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("code", BLOCKS, ids=lambda code: re.sub(r"\W+", "-", code.strip().splitlines()[-1]))
def test_example_runs(code: str) -> None:
    result = run(code)
    assert result.returncode == 0, result.stderr


def test_the_harness_is_short() -> None:
    own = HARNESS.partition("@given")[2]
    assert len([line for line in own.splitlines() if line.strip()]) <= 20


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("self.closed = True", "pass"),
        ("while (event", "if (event"),
    ],
    ids=["ignores-violations", "one-event-a-read"],
)
def test_the_harness_finds_a_planted_mistake(right: str, wrong: str) -> None:
    assert right in HARNESS
    # The first failure is enough: to look for the shortest one takes long.
    code = HARNESS.replace("@given", "@settings(phases=[Phase.generate], max_examples=500)\n@given")
    result = run(code.replace(right, wrong))
    assert result.returncode != 0
    assert "<Conversation: STOMP 1.2, client under test" in result.stderr
