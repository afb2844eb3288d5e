"""The code in the README runs, and generated documentation is up to date."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from stomp_testing import Broker

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^### ([^\n]+)\n(?:(?!^###).)*?^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_readme_has_an_example_of_every_layer() -> None:
    titles = " ".join(title for title, _ in BLOCKS)
    for layer in ("Blocking", "asyncio", "trio", "event loop", "protocol", "wire", "broker"):
        assert layer in titles


@pytest.mark.parametrize("code", [pytest.param(code, id=title.split(",")[0]) for title, code in BLOCKS])
def test_example_runs(code: str) -> None:
    if "import trio" in code and importlib.util.find_spec("trio") is None:
        pytest.skip('trio is not installed: pip install "stomp-core[trio]"')
    with Broker() as broker:
        code = code.replace("stomp://guest:guest@localhost:61613", broker.url)
        run = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
        )
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""


def test_diagram_of_states_is_up_to_date() -> None:
    run = subprocess.run(
        [sys.executable, "tools/draw-states", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
