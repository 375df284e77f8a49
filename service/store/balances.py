"""Balances and their months, as comparing found them last; each change is kept in history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from service.domain.comparing.balance import Balance, Term
from service.domain.comparing.difference_kind import Kind
from service.domain.comparing.posting import MonthSum
from service.domain.document import Ledger
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
) -> date | None:
    """Write what changed of a ledger's months, and keep versions; one that has no documents left is zero.

    Returns the first that changed.
    """
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
        return None
    await connection.execute(QUERY["upsert_months"], rows_json(changed))
    versions = [
        Version(
            object_id=f"{row['ledger']}/{row['currency']}/{row['month']}", version=row["version"], body=row
        )
        for row in changed
    ]
    await insert_history(connection, organization_id, HistoryKind.MONTH, versions)
    first: date = min(row["month"] for row in changed)
    return first


_MONTH_SUM = tuple(MonthSum.__dataclass_fields__)
