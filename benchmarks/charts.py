"""Bar charts as SVG, for light and dark pages: text in, text out, no library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple
from xml.sax.saxutils import escape

__all__ = ["Bar", "Kind", "bars"]

Kind = Literal["ours", "other", "limit"]

_COLUMNS, _GAP, _MARGIN = 2, 28, 12
_PANEL_WIDTH, _LABEL_WIDTH, _VALUE_WIDTH = 400, 112, 52
_ROW, _BAR, _HEAD = 19, 12, 30

_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600; font-size: 13px }
.heading { font-weight: 600; font-size: 15px }
.ours { fill: #1f6feb } .other { fill: #8c959f } .limit { fill: #c8d1da }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .ours { fill: #58a6ff } .other { fill: #7d8590 } .limit { fill: #444c56 }
}
"""


class Bar(NamedTuple):
    """One bar: of this library, of another client, or of a limit that no client can surpass."""

    label: str
    value: float
    kind: Kind = "other"


def bars(heading: str, panels: Mapping[str, Sequence[Bar]]) -> str:
    """Return a chart with a panel of horizontal bars for each title. The longest bar of a panel fills its width."""
    drawn, heights = [], [0.0] * _COLUMNS
    for title, rows in panels.items():
        column = heights.index(min(heights))
        drawn.append(_panel(title, rows, _MARGIN + column * (_PANEL_WIDTH + _GAP), 40 + heights[column]))
        heights[column] += _HEAD + _ROW * len(rows) + 10
    width = 2 * _MARGIN + _COLUMNS * _PANEL_WIDTH + (_COLUMNS - 1) * _GAP
    height = 40 + max(heights)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height:.0f}" width="{width}" role="img">\n'
        f"<title>{escape(heading)}</title>\n<style>{_STYLE}</style>\n"
        f'<text class="heading" x="{_MARGIN}" y="24">{escape(heading)}</text>\n' + "".join(drawn) + "</svg>\n"
    )


def _panel(title: str, rows: Sequence[Bar], left: float, top: float) -> str:
    scale = (_PANEL_WIDTH - _LABEL_WIDTH - _VALUE_WIDTH) / max((bar.value for bar in rows), default=1.0)
    lines = [f'<text class="title" x="{left}" y="{top + 16:.0f}">{escape(title)}</text>\n']
    for number, bar in enumerate(rows):
        y = top + _HEAD + number * _ROW
        start, length = left + _LABEL_WIDTH, max(1.0, bar.value * scale)
        lines.append(
            f'<text x="{start - 8}" y="{y + 8:.0f}" text-anchor="end">{escape(bar.label)}</text>'
            f'<rect class="{bar.kind}" x="{start}" y="{y - 2:.0f}" width="{length:.1f}" height="{_BAR}" rx="2"/>'
            f'<text x="{start + length + 6:.1f}" y="{y + 8:.0f}">{_short(bar.value)}</text>\n'
        )
    return "".join(lines)


def _short(value: float) -> str:
    if value >= 9_999.5:
        return f"{value / 1000:,.0f}k"
    return f"{value:,.0f}" if value >= 99.95 else f"{value:.1f}"
