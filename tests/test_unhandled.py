"""The suite fails on every exception that nobody handles: each way in which one can come is caused here on purpose."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).with_name("conftest.py")
BODIES = {
    "an event loop's exception handler": """
        async def main():
            asyncio.get_running_loop().call_soon(fail)
            await asyncio.sleep(0)
        asyncio.run(main())
    """,
    "a task that nobody awaits": """
        async def work():
            fail()
        async def main():
            task = asyncio.create_task(work())
            await asyncio.sleep(0)
        asyncio.run(main())
        gc.collect()
    """,
    "a future that nobody awaits": """
        async def main():
            asyncio.get_running_loop().create_future().set_exception(ValueError("made on purpose"))
            await asyncio.sleep(0)
        asyncio.run(main())
        gc.collect()
    """,
    "an ERROR of the logger asyncio": """
        logging.getLogger("asyncio").error("made on purpose")
    """,
    "a thread": """
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
    """,
    "sys.excepthook": """
        try:
            fail()
        except ValueError as error:
            sys.excepthook(type(error), error, error.__traceback__)
    """,
    "sys.unraisablehook": """
        class Failing:
            def __del__(self):
                fail()
        Failing()
        gc.collect()
    """,
    "a socket that nobody closes": """
        socket.socket()
        gc.collect()
    """,
}
HEAD = """
import asyncio, gc, logging, socket, sys, threading

def fail():
    raise ValueError("made on purpose")
"""


def run(tmp_path: Path, bodies: dict[str, str], *, last: bool = True) -> str:
    """Run tests with these bodies under the conftest of this suite; return the end of what pytest prints."""
    (tmp_path / "conftest.py").write_text(CONFTEST.read_text())
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nfilterwarnings = error\nmarkers =\n    rabbitmq\n    activemq\n"
    )
    tests = [f"def test_{number}():{body}" for number, body in enumerate(bodies.values())]
    if last:
        tests.append("def test_nothing_is_wrong():\n    pass\n")
    (tmp_path / "test_it.py").write_text("\n".join([HEAD, *tests]))
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:xdist",
            "-rA",
            str(tmp_path),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout


def test_an_exception_that_nobody_handles_fails_its_test(tmp_path: Path) -> None:
    printed = run(tmp_path, BODIES)
    for number, what in enumerate(BODIES):
        # What is found at the end of a test is an error of its teardown.
        failed = any(f"{how} test_it.py::test_{number}" in printed for how in ("FAILED", "ERROR"))
        assert failed, f"{what}: {printed}"
    assert "PASSED test_it.py::test_nothing_is_wrong" in printed
    assert "ERROR test_it.py::test_nothing_is_wrong" not in printed


def test_what_is_collected_after_the_last_test_counts_too(tmp_path: Path) -> None:
    body = """
        gc.disable()
        loop = asyncio.new_event_loop()
        future = loop.create_future()
        future.set_exception(ValueError("made on purpose"))
        future.itself = future
        loop.close()
    """
    printed = run(tmp_path, {"a cycle": body}, last=False)
    assert "ERROR test_it.py::test_0" in printed, printed


def test_on_uvloop_too(tmp_path: Path) -> None:
    pytest.importorskip("uvloop", reason='pip install "stomp-core[uvloop]"')
    what = "an event loop's exception handler"
    body = BODIES[what].replace("asyncio.run(main())", "import uvloop; uvloop.run(main())")
    assert "ERROR test_it.py::test_0" in run(tmp_path, {what: body})
