"""What took long in a run of tests, and why. tests/conftest.py prints it behind the results of `make test`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

__all__ = ["REASONS", "what_took_long"]

#: Tests by the beginning of their id, or by the name of a broker in it, and why they take long.
REASONS = {
    "rabbitmq": "a real broker is started, killed and restarted, and its heart-beats are whole seconds",
    "activemq": "a real broker is started, killed and restarted, each time with a new Java",
    "tests/adapters": "everything runs for each adapter, with real sockets, timeouts and lost connections",
    "tests/architecture": "every module is parsed, and many are imported in a process of their own",
    "tests/benchmarks": "every benchmark and every other client runs once",
    "tests/cli": "each command is a process",
    "tests/conformance": "every case of three specifications is played",
    "tests/docs": "the code of every page runs, and the site is built",
    "tests/examples": "each example is a program, and each event loop runs every scenario with and without TLS",
    "tests/fuzz": "every input that ever broke something is played again",
    "tests/interop": "clients of other languages and a browser are started",
    "tests/packaging": "the package is built and installed",
    "tests/protocol": "properties are tested with 50 examples each",
    "tests/session": "properties are tested with 50 examples each",
    "tests/testing_kit": "the embedded broker waits as long as real ones do",
}
#: A run that takes less of all its processes together needs no explanation.
LONG = 60.0
_SHOWN = 4


def what_took_long(durations: Mapping[str, float]) -> list[str]:
    """Return lines about the slowest groups of tests, the slowest first.

    Args:
        durations: seconds by the id of a test, fixtures included.

    Returns:
        No line if all took less than a minute together.
    """
    total = sum(durations.values())
    if total < LONG:
        return []
    groups: defaultdict[str, float] = defaultdict(float)
    counts: defaultdict[str, int] = defaultdict(int)
    for test, seconds in durations.items():
        groups[_group(test)] += seconds
        counts[_group(test)] += 1
    slowest = sorted(groups, key=lambda group: groups[group], reverse=True)[:_SHOWN]
    lines = [
        f"What took long, of {total:.0f} s in all processes together (--durations=20 lists single tests):"
    ]
    for group in slowest:
        reason = f": {REASONS[group]}" if group in REASONS else ""
        tests = "1 test" if counts[group] == 1 else f"{counts[group]} tests"
        lines.append(f"  {groups[group]:4.0f} s  {group}, {tests}{reason}")
    return lines


def _group(test: str) -> str:
    """Return the broker of a test, or its folder."""
    broker = next((name for name in ("rabbitmq", "activemq") if name in test), None)
    return broker or "/".join(test.partition("::")[0].split("/")[:2])
