"""Compare by hand-written SQL in steps, with temporary tables that are analyzed: the best of SQL alone.

`plain` starts from the narrow tables and their common key; `own` from what this service starts from, its
documents with what is kept beside them, and records. Both name each differing document once, with its kind;
neither writes or explains.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

import asyncpg

from benchmarks.comparing_peers.full_join import EXACT
from benchmarks.measuring.apart import answer
from benchmarks.measuring.processor import Stopwatch, postmaster

COLUMNS = ("number", "party", "currency", "total", "tax", "status", "issued_on", "due_on")
LINES = {"plain": ("line_1", "line_2"), "own": ("lines_mark",)}
"""How either tells lines."""

DOCUMENTS = """
    CREATE TEMPORARY TABLE {side} AS
    SELECT document_id, right(document_id, {digits})::bigint AS id, number, party_name AS party, currency,
        total_minor AS total, tax_minor AS tax, status, issued_on, due_on, lines_mark
    FROM tieout.documents WHERE ledger = 'payable' AND side = '{side}' AND removed_at IS NULL
"""
LINKS = """
    CREATE TEMPORARY TABLE links AS
    SELECT object_id::text AS local_id, platform_object_id AS books_id
    FROM tieout.records WHERE object_type = 'bill'
"""
PAIRS = "CREATE TEMPORARY TABLE pairs AS SELECT l.id, {both} FROM {joined}"
JOINED = {
    "plain": "plain.local l JOIN plain.books b ON b.id = l.id",
    "own": "local l JOIN links k ON k.local_id = l.document_id JOIN books b ON b.document_id = k.books_id",
}
STAGED = (
    DOCUMENTS.format(side="local", digits=12),
    "ANALYZE local",
    # What stands in the books is called B and a number.
    DOCUMENTS.format(side="books", digits=-1),
    "ANALYZE books",
    LINKS,
    "ANALYZE links",
)
FOUND = """
    CREATE TEMPORARY TABLE found AS
    SELECT id, CASE
        WHEN l_currency <> b_currency THEN 'currency' WHEN l_total <> b_total THEN 'amount'
        WHEN l_tax <> b_tax THEN 'tax'
        WHEN l_number <> b_number THEN 'number' WHEN l_party <> b_party THEN 'counterparty'
        WHEN l_due_on <> b_due_on THEN 'due_date' WHEN l_status <> b_status THEN 'status' ELSE 'lines'
    END AS kind
    FROM pairs
    WHERE ({ours}) IS DISTINCT FROM ({theirs})
    UNION ALL
    SELECT id, 'deleted_in_books' FROM {local} l WHERE NOT EXISTS (SELECT FROM pairs p WHERE p.id = l.id)
    UNION ALL
    SELECT id, 'only_in_books' FROM {books} b WHERE NOT EXISTS (SELECT FROM pairs p WHERE p.id = b.id)
"""


def steps(tables: str) -> Sequence[str]:
    """Write the steps that name what differs."""
    columns = (*COLUMNS, *LINES[tables])
    both = ", ".join(f"l.{each} AS l_{each}, b.{each} AS b_{each}" for each in columns)
    ours, theirs = (", ".join(f"{side}_{each}" for each in columns) for side in "lb")
    local, books = ("plain.local", "plain.books") if tables == "plain" else ("local", "books")
    return [
        *(STAGED if tables == "own" else ()),
        PAIRS.format(both=both, joined=JOINED[tables]),
        "ANALYZE pairs",
        FOUND.format(ours=ours, theirs=theirs, local=local, books=books),
    ]


async def main(url: str, tables: str, server: int) -> None:
    """Take the steps once."""
    connection = await asyncpg.connect(url, command_timeout=1_200)
    watch = Stopwatch(server)
    for step in steps(tables):
        await connection.execute(step)
    taken = watch.told()
    exact = await connection.fetchval(EXACT)
    await connection.close()
    answer(**taken, exact=exact)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[3], postmaster(sys.argv[1])))
