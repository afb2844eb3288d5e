"""Makes the table "What this library and others accept" of docs/fuzzing.md: `python -m fuzz.page`."""

from __future__ import annotations

from pathlib import Path

from .peers import DIFFERENCES
from .readers import PEERS

__all__ = ["PAGE", "page"]

PAGE = Path(__file__).parents[1] / "docs" / "fuzzing.md"
_BEGIN, _END = "<!-- differences -->\n", "<!-- end of differences -->\n"


def page() -> str:
    """Return the page as it should be, with the table in Markdown."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(_BEGIN)
    lines = ["| what | we | " + " | ".join(PEERS) + " |", "|---|---|" + "---|" * len(PEERS)]
    for entry in DIFFERENCES:
        cells = [entry["peers"].get(peer, {}).get("does", "as we do") for peer in PEERS]
        lines.append(f"| {entry['what']} | {entry['we']} | " + " | ".join(cells) + " |")
    table = "\n".join(lines)
    return f"{before}{_BEGIN}\n{table}\n\n{_END}{rest.partition(_END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
