"""README has an example of each layer, and generated documentation is up to date."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^### ([^\n]+)\n(?:(?!^###).)*?^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_readme_has_an_example_of_every_layer() -> None:
    titles = " ".join(title for title, _ in BLOCKS)
    for layer in ("Blocking", "asyncio", "trio", "event loop", "protocol", "wire", "broker"):
        assert layer in titles


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
