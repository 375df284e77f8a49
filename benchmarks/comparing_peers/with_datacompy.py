"""Compare files of the narrow tables with datacompy, the way its documentation begins: on pandas frames."""

from __future__ import annotations

import sys
from pathlib import Path

import datacompy
import pandas as pd

from benchmarks.measuring.apart import answer
from benchmarks.measuring.processor import Stopwatch

KINDS = ("currency", "total", "tax", "number", "party", "due_on", "status", "line_1")
"""The column by which each planted kind of pair shows; two more kinds are rows on one side."""


def main(folder: Path) -> None:
    """Read, compare, and count what differs in each column."""
    watch = Stopwatch()
    local, books = (pd.read_csv(folder / f"{side}.csv") for side in ("local", "books"))
    comparison = datacompy.PandasCompare(local, books, join_columns="id")
    unequal = {each["column"]: int(each["unequal_cnt"]) for each in comparison.column_stats}
    missing, surplus = len(comparison.df1_unq_rows), len(comparison.df2_unq_rows)
    taken = watch.told()
    planted = (len(local) + surplus) // 500
    counts = [*(unequal.get(each, 0) for each in KINDS), missing, surplus]
    answer(**taken, exact=sum(abs(each - planted) <= 1 for each in counts))


if __name__ == "__main__":
    main(Path(sys.argv[2]))
