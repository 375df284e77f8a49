"""Compare the narrow tables with reladiff, in either of the two ways that it has.

`joindiff` is what it chooses for two tables of one database: one full join there. `hashdiff` is what it
chooses for two databases, as two systems have them: digests of ever smaller segments, and the rows of those
that differ, compared here. Both are run as they come, on the same Postgres.
"""

from __future__ import annotations

import sys

import reladiff

from benchmarks.measuring.apart import answer
from benchmarks.measuring.processor import Stopwatch, postmaster

COLUMNS = ("number", "party", "currency", "total", "tax", "status", "due_on", "line_1", "line_2")


def main(url: str, algorithm: str) -> None:
    """Diff once, reading all that it tells."""
    watch = Stopwatch(postmaster(url))
    local, books = (
        reladiff.connect_to_table(url, ("plain", side), "id", extra_columns=COLUMNS)
        for side in ("local", "books")
    )
    rows: dict[str, dict[str, tuple[str, ...]]] = {"-": {}, "+": {}}
    for sign, row in reladiff.diff_tables(local, books, algorithm=reladiff.Algorithm(algorithm)):
        rows[sign][row[0]] = row
    taken = watch.told()
    answer(**taken, exact=_exact(rows))


ORDER = (("currency", 3), ("amount", 4), ("tax", 5), ("number", 1), ("party", 2), ("due", 7), ("status", 6))
"""Which kind of difference each column shows, by its place in a row."""


def _exact(rows: dict[str, dict[str, tuple[str, ...]]]) -> int:
    """Count the kinds of which as many were found as were planted."""
    local, books = rows["-"], rows["+"]
    counts = {"missing": len(local.keys() - books.keys()), "surplus": len(books.keys() - local.keys())}
    for name in local.keys() & books.keys():
        kind = next((kind for kind, place in ORDER if local[name][place] != books[name][place]), "lines")
        counts[kind] = counts.get(kind, 0) + 1
    most = max(counts.values())
    return sum(abs(each - most) <= 1 for each in counts.values())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[3])
