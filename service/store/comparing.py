"""What comparing found: differences with their life, pairs, balances and their months, findings.

An unchanged difference, balance, pair or finding writes nothing: that it was seen again is told by the
comparison's own row. Each change is kept in history.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from service.domain.balance import Balance, Term
from service.domain.difference_kind import Difference, Kind
from service.domain.difference_life import Changes, KnownDifference
from service.domain.document import Basis, Ledger
from service.domain.statement_posting import MonthSum
from service.store.database import Connection
from service.store.history import HistoryKind, Version, insert_history
from service.store.queries import QUERY
from service.store.rows import Row, rows_json

BALANCE_COMPARED = ("local_minor", "local_count", "books_minor", "books_count", "terms", "certified")
"""What makes another version of a balance; that it was read again and found the same does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reads:
    """Which reads a comparison rests on."""

    local_at: datetime | None
    books_at: datetime | None
    last_pull: datetime | None
    certified: bool


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
    rows = await connection.fetch(
        QUERY["list_differences_of_documents"], organization_id, ledger, list(local_ids), list(books_ids)
    )
    return {row["fingerprint"]: known_difference(row) for row in rows}


async def write_differences(
    connection: Connection, organization_id: UUID, changes: Changes, now: datetime
) -> None:
    """Open, change and resolve differences, each with its version in history."""
    rows = [_row(organization_id, each, uuid4(), 1, now) for each in changes.opened]
    rows += [
        _row(organization_id, each, known.difference_id, known.version + 1, now)
        for known, each in changes.changed
    ]
    rows += [
        _row(organization_id, known.difference, known.difference_id, known.version + 1, now, resolved_at=now)
        for known in changes.resolved
    ]
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


async def list_balances(
    connection: Connection,
    organization_id: UUID | None,
    after: tuple[UUID, str, str] | None,
    limit: int,
) -> Sequence[Mapping[str, Any]]:
    """Balances by organization, ledger and currency, after a key."""
    after_organization, after_ledger, after_currency = after or (None, None, None)
    rows = await connection.fetch(
        QUERY["list_balances"], organization_id, after_organization, after_ledger, after_currency, limit
    )
    return [dict(row) for row in rows]


async def upsert_balances(connection: Connection, organization_id: UUID, rows: Sequence[Row]) -> None:
    """Write changed balances, and keep their versions; one that comes back goes on counting them."""
    if not rows:
        return
    rows = await _continued(connection, organization_id, rows)
    await connection.execute(QUERY["upsert_balances"], rows_json(rows))
    versions = [
        Version(object_id=f"{row['ledger']}/{row['currency']}", version=row["version"], body=dict(row))
        for row in rows
    ]
    await insert_history(connection, organization_id, HistoryKind.BALANCE, versions)


async def _continued(connection: Connection, organization_id: UUID, rows: Sequence[Row]) -> Sequence[Row]:
    """Let a balance that was gone for a while go on where its versions ended."""
    new = [f"{row['ledger']}/{row['currency']}" for row in rows if row["version"] == 1]
    if not new:
        return rows
    found = await connection.fetch(QUERY["list_balance_versions"], organization_id, new)
    ended = {each["object_id"]: each["version"] for each in found}
    return [
        {**row, "version": row["version"] + ended.get(f"{row['ledger']}/{row['currency']}", 0)}
        if row["version"] == 1
        else row
        for row in rows
    ]


def balance_row(organization_id: UUID, balance: Balance, reads: Reads, now: datetime) -> dict[str, Any]:
    """One balance as it is kept; `version` is the caller's to say."""
    terms = [
        {
            "kind": term.kind,
            "expected": term.expected,
            "count": term.count,
            "delta_minor": term.delta_minor,
            "differences": term.differences,
        }
        for term in balance.terms
    ]
    return {
        "organization_id": organization_id,
        "ledger": balance.ledger,
        "currency": balance.currency,
        "local_minor": balance.local_minor,
        "local_count": balance.local_count,
        "books_minor": balance.books_minor,
        "books_count": balance.books_count,
        "terms": terms,
        "unclassified_minor": balance.unclassified_minor,
        "certified": reads.certified,
        "local_at": reads.local_at,
        "books_at": reads.books_at,
        "last_pull": reads.last_pull,
        "compared_at": now,
    }


async def mark_balances_read(
    connection: Connection, organization_id: UUID, ledger: Ledger, reads: Reads, now: datetime
) -> None:
    """Say of all balances of a ledger which reads they rest on now."""
    await connection.execute(
        QUERY["mark_balances_read"],
        organization_id,
        ledger,
        reads.local_at,
        reads.books_at,
        reads.last_pull,
        now,
    )


async def delete_balances(
    connection: Connection, organization_id: UUID, ledger: Ledger, currencies: Sequence[str]
) -> None:
    """Drop the balances of currencies that no document bears any more."""
    await connection.execute(QUERY["delete_balances"], organization_id, ledger, currencies)


def balance_of(row: Mapping[str, Any]) -> Balance:
    """Read a balance back as comparing found it."""
    terms = [
        Term(
            Kind(each["kind"]),
            each["expected"],
            each["count"],
            each["delta_minor"],
            each["differences"],
        )
        for each in row["terms"]
    ]
    return Balance(
        ledger=Ledger(row["ledger"]),
        currency=row["currency"],
        local_minor=row["local_minor"],
        local_count=row["local_count"],
        books_minor=row["books_minor"],
        books_count=row["books_count"],
        terms=terms,
    )


async def list_months(connection: Connection, organization_id: UUID, ledger: Ledger) -> Sequence[MonthSum]:
    """What each month of a ledger adds up to."""
    rows = await connection.fetch(QUERY["list_months"], organization_id, ledger)
    return [MonthSum(**{name: row[name] for name in _MONTH_SUM}) for row in rows]


async def write_months(
    connection: Connection, organization_id: UUID, ledger: Ledger, sums: Sequence[MonthSum]
) -> None:
    """Write what changed of a ledger's months, and keep versions; one that has no documents left is zero."""
    rows = await connection.fetch(QUERY["list_months"], organization_id, ledger)
    known = {(row["currency"], row["month"]): row for row in rows}
    found = {(each.currency, each.month): each for each in sums}
    empty = {key: MonthSum(currency=key[0], month=key[1]) for key in known.keys() - found.keys()}
    changed = []
    for key, each in sorted({**found, **empty}.items()):
        before = known.get(key)
        if before is None or any(before[name] != getattr(each, name) for name in _MONTH_SUM):
            told = {name: getattr(each, name) for name in _MONTH_SUM}
            version = 1 if before is None else before["version"] + 1
            changed.append({"organization_id": organization_id, "ledger": ledger, **told, "version": version})
    if not changed:
        return
    await connection.execute(QUERY["upsert_months"], rows_json(changed))
    versions = [
        Version(
            object_id=f"{row['ledger']}/{row['currency']}/{row['month']}", version=row["version"], body=row
        )
        for row in changed
    ]
    await insert_history(connection, organization_id, HistoryKind.MONTH, versions)


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
    """How many differences the last comparison left open, and how many of them are none to act upon."""
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


async def replace_findings(
    connection: Connection, organization_id: UUID, ledger: Ledger, rows: Sequence[Row]
) -> None:
    """Make these the findings of a ledger; those that stay as they are keep the time they were found."""
    kinds = [row["kind"] for row in rows]
    document_ids = [row["document_id"] for row in rows]
    await connection.execute(QUERY["delete_findings"], organization_id, ledger, kinds, document_ids)
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
_MONTH_SUM = tuple(MonthSum.__dataclass_fields__)
