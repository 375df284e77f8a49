"""The steps of comparing a ledger whole: what is plainly equal is settled in Postgres, the rest is named.

All of it happens in one transaction, on temporary tables that are analyzed between the steps.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final
from uuid import UUID

from service.domain.balance import Term
from service.domain.difference_kind import Kind
from service.domain.difference_life import KnownDifference
from service.domain.document import Ledger, Side
from service.domain.pairing import PairedBy
from service.domain.pairing_links import DOCUMENT_TYPES
from service.domain.statement_posting import MonthSum
from service.store.comparing import known_difference
from service.store.counted import Named
from service.store.database import Connection
from service.store.queries import QUERY

STAGE_SECONDS: Final = 600.0
"""One step over millions of documents; a minute is a lot."""

ANALYZED_FROM: Final = 10_000
"""Rows from which a wrong plan costs more than to tell the planner; for fewer, Postgres does so by itself."""

STAGE_SETTINGS: Final[Mapping[str, str]] = {
    "statement_timeout": f"{STAGE_SECONDS * 1000:.0f}",
    # While the domain compares what was named, the transaction idles.
    "idle_in_transaction_session_timeout": f"{STAGE_SECONDS * 1000:.0f}",
    # Rows of a million documents are hashed in few passes.
    "work_mem": "64MB",
    # Compiling a step takes longer than what it would save.
    "jit": "off",
}
"""What the transaction is told."""


async def stage(
    connection: Connection, organization_id: UUID, ledger: Ledger, ledger_accounts: Collection[str]
) -> None:
    """Read both sides and the records, and pair what a record joins for certain."""
    for name, value in STAGE_SETTINGS.items():
        await connection.execute("select set_config($1, $2, true)", name, value)
    types = list(DOCUMENT_TYPES[ledger])
    for table in ("links", "owners", "documents", "pairs", "found"):
        await connection.execute(QUERY[f"create_staged_{table}"])
    await _step(connection, "stage_links", organization_id, types)
    await _step(connection, "analyze_staged_links")
    await _step(connection, "stage_owners", organization_id, types)
    await _step(connection, "analyze_staged_owners")
    await _step(connection, "stage_documents", organization_id, ledger)
    await _step(connection, "analyze_staged_documents")
    for by in (PairedBy.RECORD, PairedBy.PROVIDER):
        await _step(connection, "stage_pairs", by, list(ledger_accounts))
        await _step(connection, "analyze_staged_pairs")


async def count_plain_pairs(connection: Connection, organization_id: UUID, ledger: Ledger) -> None:
    """Make the plain pairs all that is counted of the ledger."""
    await _step(connection, "delete_stale_counted", organization_id, ledger)
    await _step(connection, "delete_counted_keys", organization_id, ledger)
    inserted = await _step(connection, "insert_plain_counted", organization_id, ledger)
    if int(inserted.rpartition(" ")[2]) >= ANALYZED_FROM:
        await _step(connection, "analyze_counted")


async def list_uneven_pairs(connection: Connection, after: str, limit: int) -> Sequence[tuple[str, str]]:
    """Certain pairs on which the domain has to look, by local id, after one."""
    rows = await connection.fetch(QUERY["list_uneven_pairs"], after, limit, timeout=STAGE_SECONDS)
    return [(row["local_id"], row["books_id"]) for row in rows]


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
