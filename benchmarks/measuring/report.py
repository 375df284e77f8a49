"""What a benchmark says: tables with medians and ratios, targets met or missed, and the machine it ran on.

A report is printed as plain text that reads well in a terminal and in a file. It is also kept as JSON under
`.tieout/benchmarks`, from which charts are drawn. A target that is missed is printed as missed and does not
stop the run: a benchmark tells, it does not judge.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final

FOLDER: Final = Path(".tieout/benchmarks")
"""Where reports are kept, relative to the project's root."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What the figures depend on; no name and no path of it."""

    processor: str
    cores: int
    memory_gb: float
    system: str
    python: str

    @classmethod
    def here(cls) -> Machine:
        """Describe the machine that this runs on."""
        return cls(
            processor=_processor(),
            cores=os.cpu_count() or 1,
            memory_gb=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
            system=f"{platform.system()} {platform.machine()}",
            python=platform.python_version(),
        )

    def __str__(self) -> str:
        size = f"{self.cores} cores, {self.memory_gb:g} GB"
        return f"{self.processor}, {size}, {self.system}, Python {self.python}"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under headings; cells are texts, so that each benchmark words its own units."""

    title: str
    headings: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)

    def row(self, *cells: object) -> None:
        """Add a row."""
        assert len(cells) == len(self.headings), f"{self.title}: {len(cells)} cells"
        self.rows.append([str(cell) for cell in cells])

    def __str__(self) -> str:
        lines = [self.headings, *self.rows]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.headings))]

        def shown(line: Sequence[str]) -> str:
            first, rest = line[0].ljust(widths[0]), zip(line[1:], widths[1:], strict=True)
            return "  ".join([first, *(cell.rjust(width) for cell, width in rest)]).rstrip()

        ruled = "  ".join("-" * width for width in widths)
        return "\n".join([self.title, shown(self.headings), ruled, *map(shown, self.rows)])


@dataclass(frozen=True, slots=True)
class Target:
    """What was aimed at and what came out."""

    sentence: str
    figure: str
    met: bool


@dataclass(slots=True)
class Report:
    """One benchmark's report, printed as it comes about and kept when it is finished."""

    name: str
    machine: Machine = field(default_factory=Machine.here)
    notes: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)

    def __post_init__(self) -> None:
        _say(f"{self.name}\n{self.machine}")

    def note(self, text: str) -> None:
        """Say something that a reader of the figures must know."""
        self.notes.append(text)
        _say(text)

    def table(self, table: Table) -> None:
        """Add a finished table."""
        self.tables.append(table)
        _say(f"\n{table}\n")

    def target(self, sentence: str, figure: object, *, met: bool) -> None:
        """Say whether a target was met."""
        self.targets.append(Target(sentence, str(figure), met))
        _say(f"{'met   ' if met else 'MISSED'}  {sentence}: {figure}")

    def finish(self, folder: Path = FOLDER) -> None:
        """Keep the report for whoever draws charts."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.name}.json"
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")
        _say(f"kept in {path}")


def seconds_of(work: Callable[[], object], repeats: int = 3) -> float:
    """Return the median duration of some runs."""
    taken = []
    for _ in range(repeats):
        began = perf_counter()
        work()
        taken.append(perf_counter() - began)
    return median(taken)


def seconds(duration: float | None) -> str:
    """Write a duration so that its size is seen: `1.2 ms`, `340 ms`, `12.3 s`."""
    if duration is None:
        return "-"
    if duration < 1:
        return f"{duration * 1000:.3g} ms"
    return f"{duration:.3g} s" if duration < 100 else f"{duration:.0f} s"


def megabytes(count: float | None) -> str:
    """Write an amount of memory given in bytes."""
    return "-" if count is None else f"{count / 2**20:.0f} MB"


def ratio(figure: float | None, base: float | None) -> str:
    """Write how many times the base a figure is."""
    return "-" if figure is None or not base else f"{figure / base:.2f} x"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown processor"


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
