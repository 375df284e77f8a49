"""Compare files of the narrow tables with polars, as its documentation would."""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl

from benchmarks.measuring.apart import answer
from benchmarks.measuring.processor import Stopwatch

ORDER = (
    ("currency", ["currency"]),
    ("amount", ["total"]),
    ("tax", ["tax"]),
    ("number", ["number"]),
    ("counterparty", ["party"]),
    ("due_date", ["due_on"]),
    ("status", ["status"]),
    ("lines", ["line_1", "line_2"]),
)


def main(folder: Path) -> None:
    """Read, join, and tell apart."""
    watch = Stopwatch()
    local, books = (pl.read_csv(folder / f"{side}.csv") for side in ("local", "books"))
    both = local.join(books, on="id", suffix="_books")
    kind = pl.lit(None, dtype=pl.String)
    for name, columns in reversed(ORDER):
        differs = pl.any_horizontal([pl.col(each) != pl.col(f"{each}_books") for each in columns])
        kind = pl.when(differs).then(pl.lit(name)).otherwise(kind)
    found = both.select("id", kind.alias("kind")).drop_nulls("kind")
    missing = local.join(books, on="id", how="anti").select("id")
    surplus = books.join(local, on="id", how="anti").select("id")
    taken = watch.told()
    counts = dict(found.group_by("kind").len().iter_rows())
    counts |= {"deleted_in_books": missing.height, "only_in_books": surplus.height}
    planted = (local.height + surplus.height) // 500
    answer(**taken, exact=sum(abs(each - planted) <= 1 for each in counts.values()))


if __name__ == "__main__":
    main(Path(sys.argv[2]))
