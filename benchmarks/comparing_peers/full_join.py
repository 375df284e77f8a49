"""Compare the narrow tables by one full join, as one would write it first."""

from __future__ import annotations

import asyncio
import sys

import asyncpg

from benchmarks.measuring.apart import answer
from benchmarks.measuring.processor import Stopwatch, postmaster

QUERY = """
    CREATE TEMPORARY TABLE found AS
    SELECT CASE
        WHEN b.id IS NULL THEN 'deleted_in_books' WHEN l.id IS NULL THEN 'only_in_books'
        WHEN l.currency <> b.currency THEN 'currency' WHEN l.total <> b.total THEN 'amount'
        WHEN l.tax <> b.tax THEN 'tax' WHEN l.number <> b.number THEN 'number'
        WHEN l.party <> b.party THEN 'counterparty'
        WHEN l.due_on <> b.due_on THEN 'due_date' WHEN l.status <> b.status THEN 'status' ELSE 'lines'
    END AS kind, coalesce(l.id, b.id) AS id
    FROM plain.local l FULL JOIN plain.books b ON b.id = l.id
    WHERE (l.currency, l.total, l.tax, l.number, l.party, l.due_on, l.status, l.line_1, l.line_2) IS DISTINCT
        FROM (b.currency, b.total, b.tax, b.number, b.party, b.due_on, b.status, b.line_1, b.line_2)
"""
EXACT = """
    SELECT count(*) FROM (
        SELECT t.kind FROM plain.truth t LEFT JOIN found f ON f.id = t.id AND f.kind = t.kind
        WHERE t.kind <> '' GROUP BY t.kind HAVING count(*) = count(f.id)
    ) exact
"""


async def main(url: str, server: int) -> None:
    """Join once."""
    connection = await asyncpg.connect(url, command_timeout=1_200)
    watch = Stopwatch(server)
    await connection.execute(QUERY)
    taken = watch.told()
    exact = await connection.fetchval(EXACT)
    await connection.close()
    answer(**taken, exact=exact)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], postmaster(sys.argv[1])))
