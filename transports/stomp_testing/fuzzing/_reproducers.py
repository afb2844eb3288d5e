"""Write what shows a finding: the bytes, a Python script that needs nothing but Python, and a line of JSON."""

from __future__ import annotations

import json
import pprint
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

from ._findings import Finding
from ._symptoms import Severity

__all__ = ["FINDINGS_FILE", "write_findings", "write_reproducer"]

#: The name of the file with a line for each finding.
FINDINGS_FILE = "findings.jsonl"


def write_findings(findings: Iterable[Finding], folder: Path) -> None:
    """Write each finding as ``NAME.bin`` and ``NAME.py``, and all of them in ``findings.jsonl``.

    Args:
        findings: to write.
        folder: is made if it is missing.

    Raises:
        OSError: a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / FINDINGS_FILE).open("w", encoding="utf-8") as lines:
        for finding in findings:
            lines.write(json.dumps(finding.as_json()) + "\n")
            write_reproducer(finding, folder)


def write_reproducer(finding: Finding, folder: Path) -> None:
    """Write one finding as bytes and as a script.

    ``NAME.bin`` is what was sent on the first connection, ``NAME.b.bin`` on connection ``b``.

    Raises:
        OSError: a file cannot be written.
    """
    for on, data in finding.sent.items():
        suffix = ".bin" if on == "a" else f".{on}.bin"
        (folder / f"{finding.name}{suffix}").write_bytes(data)
    (folder / f"{finding.name}.py").write_text(script_text(finding), encoding="utf-8")


def script_text(finding: Finding) -> str:
    """Return a Python script that plays a finding again."""
    template = files("stomp_testing.fuzzing").joinpath("reproducer.py.txt").read_text(encoding="utf-8")
    about = "\n".join(
        (
            f"{finding.severity}: {finding.rule}, {finding.symptom} (STOMP {finding.script.version})",
            "",
            finding.text,
            f'Section of the specification: "{finding.section}"' if finding.section else "",
        )
    ).strip()
    values = {
        "ABOUT": repr(about),
        "ROLE": repr(finding.role),
        "REPEAT": repr(finding.repeat),
        "OTHERS": repr(finding.role == "server" and finding.severity in (Severity.CRASH, Severity.HANG)),
        "STEPS": pprint.pformat(finding.steps, width=110, sort_dicts=False),
    }
    for name, value in values.items():
        template = template.replace(f"@{name}@", value)
    return template
