"""Draws what the benchmarks measured, from the reports that they kept.

    python benchmarks/chart.py [--output docs/benchmarks.svg]

Each panel is one column of one table of one report, as it was measured; a report that is not there is left
out, and said to be. Nothing is drawn that no benchmark told.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from benchmarks.measuring.report import FOLDER

OUTPUT = Path("docs/benchmarks.svg")
WIDTH, LABEL, BAR = 800, 300, 380
LINE, GAP, TITLE = 22, 26, 30
UNITS = {"µs": 1e-6, "ms": 1e-3, "s": 1.0}


@dataclass(frozen=True)
class Panel:
    """One column of a table: whose report, which table by the beginning of its title, which column."""

    report: str
    table: str
    column: str
    title: str
    ours: str
    """Rows that begin so are this service's."""


PANELS = (
    Panel(
        "cadence",
        "10,000 organizations,",
        "p95",
        "Until 95 % of changes are seen, 10,000 organizations",
        "tieout",
    ),
    Panel(
        "webhooks",
        "Deliveries",
        "processor",
        "Processor time of one durable webhook, sender and Postgres included",
        "tieout",
    ),
    Panel("ingesting", "Records", "a second", "Records a second from HTTP into Postgres", "tieout"),
    Panel("comparing", "Comparing", "first run", "Comparing both sides of a ledger", "this service"),
    Panel(
        "claiming",
        "Claimed",
        "processor",
        "Processor time of work claimed and given back, Postgres included",
        "tieout",
    ),
    Panel(
        "status",
        "Answers",
        "p50",
        "Answers in a fleet of 10,000 organizations and 5 million records, median",
        "/",
    ),
)

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1d2733 }
.title { font-weight: 600 }
.small { font-size: 11px; opacity: .7 }
.ours { fill: #1f6f5c }
.others { fill: #b8c2cc }
@media (prefers-color-scheme: dark) {
  text { fill: #e6ebf0 }
  .ours { fill: #4fc3a1 }
  .others { fill: #5a6672 }
}
"""


def amount(cell: str) -> float | None:
    """Read a figure as it was written; times in seconds."""
    found = re.fullmatch(r"([0-9][0-9,.]*)\s*(µs|ms|s)?", cell.strip())
    return None if found is None else float(found[1].replace(",", "")) * UNITS.get(found[2] or "s", 1.0)


def rows_of(panel: Panel, report: Mapping[str, Any]) -> list[tuple[str, str, float]]:
    """Tell label, figure and amount of each row that has one."""
    [table] = [each for each in report["tables"] if each["title"].startswith(panel.table)][:1] or [None]
    if table is None or panel.column not in table["headings"]:
        return []
    column = table["headings"].index(panel.column)
    found = []
    for row in table["rows"]:
        label = f"{row[0]}, {row[1]}" if table["headings"][1] == "run" else row[0]
        value = amount(row[column])
        if value is not None:
            found.append((label, row[column], value))
    return found


def drawn(panel: Panel, rows: list[tuple[str, str, float]], top: int) -> list[str]:
    """Draw one panel from a height on."""
    longest = max(value for _, _, value in rows) or 1.0
    lines = [f'<text class="title" x="0" y="{top + 14}">{escape(panel.title)}</text>']
    for number, (label, figure, value) in enumerate(rows):
        y = top + TITLE + number * LINE
        kind = "ours" if label.startswith(panel.ours) else "others"
        size = max(1.0, BAR * value / longest)
        lines += [
            f'<text x="{LABEL - 10}" y="{y + 12}" text-anchor="end">{escape(label)}</text>',
            f'<rect class="{kind}" x="{LABEL}" y="{y}" width="{size:.1f}" height="{LINE - 6}" rx="2"/>',
            f'<text x="{LABEL + size + 8:.1f}" y="{y + 12}">{escape(figure)}</text>',
        ]
    return lines


def draw(folder: Path) -> tuple[str, list[str]]:
    """Draw all that is there; tell which reports are not."""
    lines: list[str] = []
    missing: list[str] = []
    machines: dict[str, None] = {}
    top = 8
    for panel in PANELS:
        path = folder / f"{panel.report}.json"
        report = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
        rows = rows_of(panel, report) if report else []
        if report is None or not rows:
            missing.append(panel.report)
            continue
        machine = report["machine"]
        machines[f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gb']:g} GB"] = None
        lines += drawn(panel, rows, top)
        top += TITLE + len(rows) * LINE + GAP
    footer = (
        f"Measured by `make bench` on {'; '.join(machines)}. Longer is not always better: see the titles."
    )
    lines.append(f'<text class="small" x="0" y="{top + 4}">{escape(footer)}</text>')
    box = f'viewBox="0 0 {WIDTH} {top + 16}" role="img" aria-label="Benchmarks"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {box}>'
    return "\n".join([head, f"<style>{STYLE}</style>", *lines, "</svg>\n"]), missing


def main() -> None:
    """Draw, and say what is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reports", type=Path, default=FOLDER)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    given = parser.parse_args()
    picture, missing = draw(given.reports)
    given.output.write_text(picture, encoding="utf-8")
    print(f"drawn to {given.output}")
    for name in missing:
        print(f"left out: {name}, which has no report; run python benchmarks/{name}.py")


if __name__ == "__main__":
    main()
