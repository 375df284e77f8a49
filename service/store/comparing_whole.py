"""The steps of comparing a ledger whole: what is plainly equal is settled in Postgres, the rest is named.

They work on temporary tables that are analyzed between the steps, in two transactions: one stages both sides
and counts the plain pairs, the other writes what the domain says of the rest, partly meanwhile. What plain
pairs are told by is kept beside each document, so that no body is read.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Final
from uuid import UUID

from service.domain.comparing.balance import Term
from service.domain.comparing.difference_kind import Kind
from service.domain.comparing.difference_life import KnownDifference
from service.domain.comparing.pairing_links import DOCUMENT_TYPES
from service.domain.comparing.posting import MonthSum
from service.domain.document import Ledger, Side
from service.store.comparing import known_difference
from service.store.counted import Named
from service.store.database import Connection
from service.store.queries import QUERY
from service.store.rows import rows_touched

STAGE_SECONDS: Final = 600.0
"""One step over millions of documents; a minute is a lot."""

ANALYZED_FROM: Final = 10_000
"""Rows from which a wrong plan costs more than to tell the planner; for fewer, Postgres does so by itself."""

FOUND_FROM: Final = 1_000
"""Documents looked at from which the planner is told what was found; reading all of fewer takes no time."""

STAGE_SETTINGS: Final[Mapping[str, str]] = {
    "statement_timeout": f"{STAGE_SECONDS * 1000:.0f}",
    # While the domain compares what was named, the transaction idles.
    "idle_in_transaction_session_timeout": f"{STAGE_SECONDS * 1000:.0f}",
    # Rows of a million documents are hashed in few passes.
    "work_mem": "128MB",
    # Documents are read by several processes at once, although nearly every row is kept.
    "parallel_tuple_cost": "0.01",
    # The sizes of the steps matter to the planner, not which of their values are frequent.
    "default_statistics_target": "10",
    # Compiling a step takes longer than what it would save.
    "jit": "off",
}
"""What the transaction is told."""


async def allow_time(connection: Connection) -> None:
    """Tell a transaction of a whole comparison what it may take."""
    for name, value in STAGE_SETTINGS.items():
        await connection.execute("select set_config($1, $2, true)", name, value)


async def mark_documents(connection: Connection, organization_id: UUID, ledger: Ledger, limit: int) -> int:
    """Mark documents that are not marked as they stand; returns how many there were, up to the limit."""
    return rows_touched(await _step(connection, "mark_documents", organization_id, ledger, limit))


async def stage(connection: Connection, ledger: Ledger, ledger_accounts: Collection[str]) -> None:
    """Read both sides and the records, and pair what a record joins for certain."""
    types = list(DOCUMENT_TYPES[ledger])
    await _step(connection, "aim_staging", ledger, types, list(ledger_accounts))
    for table in ("records", "several", "contested", "documents", "pairs"):
        await _step(connection, f"create_staged_{table}")
        await _step(connection, f"analyze_staged_{table}")


async def stage_differences(connection: Connection, ledger: Ledger) -> None:
    """Read what is open before anything is written, and make room to note what is found."""
    await _step(connection, "aim_staging", ledger, [], [])
    await _step(connection, "create_staged_known")
    await _step(connection, "analyze_staged_known")
    await _step(connection, "create_staged_found")


async def delete_stale_counted(connection: Connection, organization_id: UUID, ledger: Ledger) -> int:
    """Forget what is not counted just as the plain pairs count; returns how many rows that were."""
    where = (organization_id, ledger)
    await _step(connection, "delete_counted_until", *where)
    await _step(connection, "delete_counted_keys", *where)
    return rows_touched(await _step(connection, "delete_stale_counted", *where))


async def insert_plain_counted(connection: Connection, organization_id: UUID, ledger: Ledger) -> None:
    """Count the plain pairs that are not yet."""
    inserted = await _step(connection, "insert_plain_counted", organization_id, ledger)
    if rows_touched(inserted) >= ANALYZED_FROM:
        await _step(connection, "analyze_counted")


async def list_uneven_pairs(
    connection: Connection,
) -> Callable[[int], Awaitable[Sequence[tuple[str, str]]]]:
    """Certain pairs on which the domain has to look; what is returned gives the next so many."""
    cursor = await connection.cursor(QUERY["list_uneven_pairs"], timeout=STAGE_SECONDS)

    async def next_pairs(limit: int) -> Sequence[tuple[str, str]]:
        rows = await cursor.fetch(limit, timeout=STAGE_SECONDS)
        return [(row["local_id"], row["books_id"]) for row in rows]

    return next_pairs


async def list_known_differences(
    connection: Connection, local_ids: Collection[str], books_ids: Collection[str]
) -> Mapping[str, KnownDifference]:
    """Differences about any of these documents that were open before this comparison, by fingerprint."""
    rows = await connection.fetch(QUERY["list_known_differences"], list(local_ids), list(books_ids))
    return {row["fingerprint"]: known_difference(row) for row in rows}


async def list_unpaired(connection: Connection) -> Named:
    """Documents that no record pairs for certain."""
    rows = await connection.fetch(QUERY["list_unpaired"], timeout=STAGE_SECONDS)
    return Named(
        local_ids=[row["document_id"] for row in rows if row["side"] == Side.LOCAL],
        books_ids=[row["document_id"] for row in rows if row["side"] == Side.BOOKS],
    )


async def insert_staged_found(connection: Connection, fingerprints: Collection[str]) -> None:
    """Note which differences were found."""
    if fingerprints:
        await connection.execute(QUERY["insert_staged_found"], list(fingerprints))


async def list_unfound_differences(
    connection: Connection, organization_id: UUID, ledger: Ledger, limit: int
) -> Sequence[KnownDifference]:
    """Open differences that were not found any more."""
    rows = await connection.fetch(
        QUERY["list_unfound_differences"], organization_id, ledger, limit, timeout=STAGE_SECONDS
    )
    return [known_difference(row) for row in rows]


async def delete_findings_without_document(
    connection: Connection, organization_id: UUID, ledger: Ledger
) -> None:
    """Forget what was found of documents that stand in the books by now, or nowhere."""
    await _step(connection, "delete_findings_without_document", organization_id, ledger)


async def tell_planner(connection: Connection, looked_at: int) -> None:
    """Let the next comparison ask for some of what this one found without reading all of it."""
    if looked_at >= FOUND_FROM:
        await _step(connection, "analyze_compared")


async def sum_counted(connection: Connection, organization_id: UUID, ledger: Ledger) -> Sequence[MonthSum]:
    """What all documents of a ledger add up to by month."""
    rows = await connection.fetch(QUERY["sum_counted"], organization_id, ledger, timeout=STAGE_SECONDS)
    sums: dict[tuple[str, object], dict[str, int]] = {}
    for row in rows:
        into = sums.setdefault((row["currency"], row["month"]), {})
        into[f"{row['side']}_minor"] = row["minor"]
        into[f"{row['side']}_count"] = row["documents"]
    return [
        MonthSum(currency=currency, month=month, **figures)  # type: ignore[arg-type]
        for (currency, month), figures in sorted(sums.items())
    ]


async def sum_open_differences(
    connection: Connection, organization_id: UUID, ledger: Ledger
) -> tuple[Mapping[str, Sequence[Term]], int, int]:
    """The terms of each currency, and how many differences are open: to act upon, and expected."""
    rows = await connection.fetch(
        QUERY["sum_open_differences"], organization_id, ledger, timeout=STAGE_SECONDS
    )
    terms: dict[str, list[Term]] = {}
    for row in sorted(rows, key=lambda row: (row["kind"], row["expected"])):
        if row["moving"]:
            term = Term(
                Kind(row["kind"]), row["expected"], row["count_delta"], row["delta_minor"], row["moving"]
            )
            terms.setdefault(row["currency"], []).append(term)
    expected = sum(row["differences"] for row in rows if row["expected"])
    return terms, sum(row["differences"] for row in rows) - expected, expected


async def _step(connection: Connection, name: str, *arguments: object) -> str:
    return await connection.execute(QUERY[name], *arguments, timeout=STAGE_SECONDS)
