"""What comparing found: differences with their life, pairs, findings.

An unchanged difference, pair or finding writes nothing: that it was seen again is told by the
comparison's own row. Each change is kept in history.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import chain
from uuid import UUID, uuid4

import asyncpg

from service.domain.comparing.difference_kind import Difference, Kind
from service.domain.comparing.difference_life import Changes, KnownDifference
from service.domain.document import Basis, Ledger
from service.store.database import Connection
from service.store.history import HistoryKind, Version, insert_history
from service.store.queries import QUERY
from service.store.rows import Row, in_turns, named_in_turns, rows_json


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPair:
    """A pair that no synced record tells of, as it was found last."""

    local_id: str
    books_id: str
    paired_by: str
    confidence: Decimal


async def list_open_differences(
    connection: Connection, organization_id: UUID, ledger: Ledger
) -> Mapping[str, KnownDifference]:
    """Those not resolved, by fingerprint."""
    rows = await connection.fetch(QUERY["list_open_differences"], organization_id, ledger)
    return {row["fingerprint"]: known_difference(row) for row in rows}


async def list_differences_of_documents(
    connection: Connection,
    organization_id: UUID,
    ledger: Ledger,
    local_ids: Collection[str],
    books_ids: Collection[str],
) -> Mapping[str, KnownDifference]:
    """Those not resolved that are about any of these documents, by fingerprint."""
    found: dict[str, KnownDifference] = {}
    for named in named_in_turns(local_ids, books_ids):
        rows = await connection.fetch(QUERY["list_differences_of_documents"], organization_id, ledger, *named)
        found |= {row["fingerprint"]: known_difference(row) for row in rows}
    return found


async def write_differences(
    connection: Connection, organization_id: UUID, changes: Changes, now: datetime
) -> None:
    """Open, change and resolve differences, each with its version in history."""
    opened = (_row(organization_id, each, uuid4(), 1, now) for each in changes.opened)
    changed = (
        _row(organization_id, each, known.difference_id, known.version + 1, now)
        for known, each in changes.changed
    )
    resolved = (
        _row(organization_id, known.difference, known.difference_id, known.version + 1, now, resolved_at=now)
        for known in changes.resolved
    )
    for rows in in_turns(chain(opened, changed, resolved)):
        await upsert_differences(connection, organization_id, rows)


async def upsert_differences(connection: Connection, organization_id: UUID, rows: Sequence[Row]) -> None:
    """Write rows and their versions; none is no round trip."""
    if not rows:
        return
    await connection.execute(QUERY["upsert_differences"], rows_json(rows))
    versions = [
        Version(object_id=str(row["difference_id"]), version=row["version"], body=dict(row)) for row in rows
    ]
    await insert_history(connection, organization_id, HistoryKind.DIFFERENCE, versions)


async def upsert_comparison(
    connection: Connection,
    organization_id: UUID,
    ledger: Ledger,
    *,
    certified: bool,
    open_differences: int,
    expected_differences: int,
) -> datetime:
    """Write that the ledger was compared now, and return when that is."""
    compared_at: datetime = await connection.fetchval(
        QUERY["upsert_comparison"],
        organization_id,
        ledger,
        certified,
        open_differences,
        expected_differences,
    )
    return compared_at


async def list_pairs(
    connection: Connection, organization_id: UUID, ledger: Ledger
) -> Mapping[str, KnownPair]:
    """Pairs found without a record, by local id."""
    rows = await connection.fetch(QUERY["list_pairs"], organization_id, ledger)
    return {row["local_id"]: KnownPair(**row) for row in rows}


async def upsert_pairs(
    connection: Connection,
    organization_id: UUID,
    ledger: Ledger,
    pairs: Sequence[KnownPair],
    paired_at: datetime,
) -> None:
    """Remember pairs; none is no round trip."""
    if not pairs:
        return
    rows = [
        {
            "organization_id": organization_id,
            "ledger": ledger,
            "local_id": pair.local_id,
            "books_id": pair.books_id,
            "paired_by": pair.paired_by,
            "confidence": pair.confidence,
            "paired_at": paired_at,
        }
        for pair in pairs
    ]
    await connection.execute(QUERY["upsert_pairs"], rows_json(rows))


async def get_comparison(connection: Connection, organization_id: UUID, ledger: Ledger) -> tuple[int, int]:
    """How many differences the last comparison left open that nothing explains, and how many beside them."""
    row = await connection.fetchrow(QUERY["get_comparison"], organization_id, ledger)
    return (0, 0) if row is None else (row["open_differences"], row["expected_differences"])


async def replace_findings_of(
    connection: Connection,
    organization_id: UUID,
    ledger: Ledger,
    document_ids: Collection[str],
    rows: Sequence[Row],
) -> None:
    """Make these the findings of these documents; an empty id stands for the organization as a whole."""
    kept = [f"{row['kind']} {row['document_id']}" for row in rows]
    await connection.execute(
        QUERY["delete_findings_of_documents"], organization_id, ledger, list(document_ids), kept
    )
    if rows:
        await connection.execute(QUERY["upsert_findings"], rows_json(rows))


def known_difference(row: asyncpg.Record) -> KnownDifference:
    """Read an open difference."""
    return KnownDifference(
        difference_id=row["difference_id"], version=row["version"], difference=difference_of(row)
    )


def difference_of(row: asyncpg.Record) -> Difference:
    """Read a difference back as comparing found it."""
    told = {name: row[name] for name in _TOLD}
    told |= {
        "ledger": Ledger(row["ledger"]),
        "kind": Kind(row["kind"]),
        "basis": Basis(row["basis"]),
        "record_id": None if row["record_id"] is None else str(row["record_id"]),
    }
    return Difference(**told)


def _row(
    organization_id: UUID,
    difference: Difference,
    difference_id: UUID,
    version: int,
    now: datetime,
    *,
    resolved_at: datetime | None = None,
) -> Row:
    return {name: getattr(difference, name) for name in _TOLD} | {
        "organization_id": organization_id,
        "difference_id": difference_id,
        "fingerprint": difference.fingerprint,
        "version": version,
        # On a conflict the query keeps the first one.
        "first_seen_at": now,
        "changed_at": now,
        "resolved_at": resolved_at,
    }


_TOLD = tuple(Difference.__dataclass_fields__)
