"""The programs for other clients on the pages of docs/migration run, too: what they print stands below them."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from stomp_testing import Broker

from ..waiting import HANGS
from .pages import blocks


@pytest.mark.parametrize("client", ["stompman", "aiostomp", "stomp_py"])
def test_the_program_for_the_other_client_runs(client: str, tmp_path: Path) -> None:
    if find_spec(client) is None:
        pytest.skip(f"{client} is not installed: it is in the dependency group `bench`")
    page = f"docs/migration/from-{client.replace('_', '-')}.md"
    [program] = [
        source for source in blocks(page, "python") if f"import {client}" in source and "61613" in source
    ]
    shown = blocks(page, "output")[0]
    # stompman asks for a virtual host with the name of the broker's machine.
    with Broker(vhosts=["/", "localhost", "127.0.0.1"]) as broker:
        port = broker.url.rsplit(":", 1)[1].strip("/")
        path = tmp_path / "program.py"
        path.write_text(program.replace("61613", port).replace('"localhost"', '"127.0.0.1"'))
        done = subprocess.run(
            [sys.executable, str(path)],
            capture_output=True,
            text=True,
            timeout=HANGS,
            check=False,
            cwd=tmp_path,
        )
    assert (done.returncode, done.stdout) == (0, shown), done.stderr
