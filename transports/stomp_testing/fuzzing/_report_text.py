"""The report of a run, in Markdown and in HTML, of the same data."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ._case import printable
from ._findings import Finding, RunReport
from ._symptoms import SEVERITIES

__all__ = ["RuleCounts", "as_html", "as_markdown", "counts_by_rule", "write_report"]

#: Columns of the table of rules: which symptoms they count, by how their names begin.
_COLUMNS = {
    "as specified": ("as specified",),
    "accepted, should not": ("accepted", "open", "went-on"),
    "refused, should be accepted": ("refused", "closed"),
    "crashed": ("bystander-closed", "bystander-refused", "no-connection", "exited", "killed"),
    "hung": ("ignored", "no-answer", "bystander-stalled", "does-not-read", "hung"),
}
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 75em; margin: 2em auto; padding: 0 1em; color: #222; }
table { border-collapse: collapse; } td, th { border: 1px solid #ccc; padding: .2em .6em; text-align: left; }
td.n { text-align: right; } pre { background: #f4f4f4; padding: .7em; overflow-x: auto; }
h3 span { border-radius: .3em; padding: .1em .5em; color: #fff; background: #777; font-size: 80%; }
.crash, .hang, .leak, .memory { background: #b00020 !important; } .wrong-answer { background: #b25000 !important; }
"""


class RuleCounts(NamedTuple):
    """What became of the conversations that break a rule.

    Attributes:
        rule: the name of the rule.
        demand: what the specification demands of the receiver.
        played: how many conversations there were.
        columns: how many ended how, in the order of the columns of the report.
        other: how many none of the columns counts.
    """

    rule: str
    demand: str
    played: int
    columns: tuple[int, ...]
    other: int


def counts_by_rule(report: RunReport) -> list[RuleCounts]:
    """Return a line of the table for each rule, in the order of their names.

    Args:
        report: the report of a run.
    """
    lines = []
    for rule, counts in sorted(report.counts.items()):
        columns = tuple(_sum(counts, prefixes) for prefixes in _COLUMNS.values())
        played = counts.total()
        lines.append(RuleCounts(rule, report.demands.get(rule, ""), played, columns, played - sum(columns)))
    return lines


def _sum(counts: Counter[str], prefixes: Sequence[str]) -> int:
    return sum(count for outcome, count in counts.items() if outcome.startswith(tuple(prefixes)))


def write_report(report: RunReport, folder: Path) -> None:
    """Write ``report.md`` and ``report.html``.

    Args:
        report: the report of a run.
        folder: the folder to write them to. It is made if there is none.

    Raises:
        OSError: a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.md").write_text(as_markdown(report), encoding="utf-8")
    (folder / "report.html").write_text(as_html(report), encoding="utf-8")


def _facts(report: RunReport) -> list[tuple[str, str]]:
    severities = Counter(one.severity for one in report.findings)
    found = ", ".join(f"{severities[one]} {one}" for one in SEVERITIES if severities[one]) or "none"
    early = [] if report.ended_early is None else [("the run has ended early", report.ended_early)]
    return [
        ("target", f"{report.target} ({report.server})"),
        ("versions of STOMP", ", ".join(report.versions)),
        ("seed", str(report.seed)),
        ("conversations", f"{report.conversations} in {report.seconds:.0f} s"),
        ("findings", found),
        *early,
    ]


def _details(finding: Finding) -> str:
    parts = [f"STOMP {finding.script.version}", f'"{finding.section}"' if finding.section else ""]
    parts.append(f"seen {finding.seen} times, first in conversation {finding.number}")
    if not finding.minimised:
        parts.append("not minimised")
    return "; ".join(part for part in parts if part)


def conversation_lines(finding: Finding) -> list[str]:
    """Return what is sent and expected, a line for each step."""
    lines = []
    for step in finding.steps:
        on = f"{step['on']} " if "on" in step else ""
        for kind, value in step.items():
            if kind == "receive":
                lines.append(f"{on}> {printable(value)}")
            elif kind == "sends":
                wanted = value if isinstance(value, list) else [value]
                lines += [f"{on}< {_frame(one)}" for one in wanted]
            elif kind != "on":
                shown = "" if value in (True, {}) else f" {value}"
                lines.append(f"{on}  {kind}{shown}")
    return lines


def _frame(wanted: dict[str, object]) -> str:
    headers = wanted.get("headers", {})
    assert isinstance(headers, dict)
    shown = ", ".join(
        f"{name}:{'${' + value['as'] + '}' if isinstance(value, dict) else printable(value)}"
        for name, value in headers.items()
    )
    body = f" {printable(str(wanted['body'])[:200])}" if wanted.get("body") else ""
    return f"{wanted['command']}{f' [{shown}]' if shown else ''}{body}"


def as_markdown(report: RunReport) -> str:
    """Return the report in Markdown.

    Args:
        report: the report of a run.
    """
    lines = [f"# Fuzzing {_cell(report.target)}", ""]
    lines += [f"- {name}: {_cell(value)}" for name, value in _facts(report)]
    lines += [f"- {_cell(note)}" for note in report.notes]
    lines += ["", "## Rules", "", f"| rule | the receiver | played | {' | '.join(_COLUMNS)} | other |"]
    lines.append("|---|---|" + "---:|" * (len(_COLUMNS) + 2))
    for one in counts_by_rule(report):
        cells = [one.rule, one.demand, one.played, *one.columns, one.other]
        lines.append(f"| {' | '.join(_cell(str(cell)) for cell in cells)} |")
    lines += ["", "## Findings", ""]
    for finding in report.findings:
        lines += [f"### {finding.severity}: {finding.rule}, {finding.symptom}", "", _cell(finding.text) + "."]
        lines += ["", f"{_cell(_details(finding))}. Reproducer: `{finding.name}.py`.", "", "```"]
        lines += [*conversation_lines(finding), "```", ""]
    if not report.findings:
        lines.append("None.")
    return "\n".join(lines).rstrip() + "\n"


def _cell(text: str) -> str:
    """Return text in which Markdown sees no markup."""
    text = printable(text).replace("\\", "\\\\")
    for character in "|`*_<>[]":
        text = text.replace(character, f"\\{character}")
    return text


def as_html(report: RunReport) -> str:
    """Return the report as a page of HTML that needs no other file.

    Args:
        report: the report of a run.
    """
    escape = html.escape
    title = escape(f"Fuzzing {report.target}")
    parts = [f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{title}</title>']
    parts.append(f"<style>{_STYLE}</style>\n<h1>{title}</h1>\n<ul>")
    parts += [f"<li>{escape(name)}: {escape(value)}" for name, value in _facts(report)]
    parts += [f"<li>{escape(note)}" for note in report.notes]
    heads = ("rule", "the receiver", "played", *_COLUMNS, "other")
    parts.append(f"</ul>\n<h2>Rules</h2>\n<table><tr>{''.join(f'<th>{escape(head)}' for head in heads)}")
    for one in counts_by_rule(report):
        numbers = "".join(f'<td class="n">{number}' for number in (one.played, *one.columns, one.other))
        parts.append(f"<tr><td>{escape(one.rule)}<td>{escape(one.demand)}{numbers}")
    parts.append("</table>\n<h2>Findings</h2>")
    for finding in report.findings:
        severity = escape(str(finding.severity))
        heading = f"{escape(finding.rule)}, {escape(finding.symptom)}"
        parts.append(f'<h3><span class="{severity}">{severity}</span> {heading}</h3>')
        parts.append(f"<p>{escape(printable(finding.text))}.<p>{escape(_details(finding))}. ")
        parts.append(f"Reproducer: <code>{escape(finding.name)}.py</code>.")
        parts.append(f"<pre>{escape(chr(10).join(conversation_lines(finding)))}</pre>")
    if not report.findings:
        parts.append("<p>None.")
    return "\n".join(parts) + "\n"
