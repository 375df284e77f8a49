"""Differences between local documents and the books, and the balance that they explain to the cent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from service.domain.document import Origin, Side
from service.store.answers import list_differences
from service.store.as_of import list_balances_as_of
from service.store.balances import list_balances
from service.store.database import Connection
from service.store.document_names import DocumentKey, DocumentName, list_fleet_document_names
from service.web.paging import Keyset, Page
from service.web.route import Asked

_DIFFERENCES = Keyset("differences", (UUID, UUID))
_BALANCES = Keyset("balance", (UUID, str, str))


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One disagreement; `delta_minor` is books less local."""

    id: UUID
    organization_id: UUID
    ledger: str
    currency: str
    kind: str
    local_id: str | None
    books_id: str | None
    number: str | None
    """What the document is known by: here, or where it is only there in the books."""
    party: str | None
    local_minor: int | None
    books_minor: int | None
    delta_minor: int
    basis: str
    expected: bool
    rule: str | None
    record_id: UUID | None
    cause: str | None
    origin: str | None
    """Whose word the local document is: the hub's, or that of the partner's own system."""
    reason: str
    first_seen_at: datetime
    last_seen_at: datetime | None
    """Null with `as_of` while it was open: that an unchanged one was seen again is not kept by time."""
    resolved_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One line between the two totals."""

    kind: str
    expected: bool
    count: int
    delta_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """How fresh and how sure the reading behind it is; with `as_of`, the one that last moved a figure."""

    certified: bool
    local_at: datetime | None
    books_at: datetime | None
    last_pull: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """A ledger in one currency: `local_minor` plus all terms is `books_minor`, exactly; so are the counts."""

    organization_id: UUID
    ledger: str
    currency: str
    local_minor: int
    local_count: int
    books_minor: int
    books_count: int
    terms: Sequence[Term]
    unclassified_minor: int
    scan: Scan
    compared_at: datetime


_NAMED = ("number", "party")
_FIELDS = tuple(field.name for field in fields(Difference) if field.name not in {"id", *_NAMED})
_PLAIN = tuple(field.name for field in fields(Balance) if field.name not in {"terms", "scan"})


async def list_them(asked: Asked) -> Page[Difference]:
    """Answer a page of differences."""
    limit = asked.query["limit"]
    organization_id, difference_id = _DIFFERENCES.read(asked.query["after"])
    async with asked.rows() as connection:
        rows = await list_differences(
            connection,
            organization_id=asked.organization_id(),
            ledger=asked.query["ledger"],
            kind=asked.query["kind"],
            expected=asked.query["expected"],
            is_open=asked.query["open"],
            after=(organization_id, difference_id) if organization_id is not None else None,
            as_of=asked.query.get("as_of"),
            limit=limit + 1,
        )
        shown = await named(connection, rows)
    keys = [(row["organization_id"], row["difference_id"]) for row in rows]
    return _DIFFERENCES.page(shown, limit, keys)


async def list_balance(asked: Asked) -> Page[Balance]:
    """Answer a page of balances."""
    limit = asked.query["limit"]
    key = _BALANCES.read(asked.query["after"])
    after = key if key[0] is not None else None
    as_of = asked.query.get("as_of")
    rows: Sequence[Mapping[str, Any]]
    async with asked.rows() as connection:
        if as_of is None:
            rows = await list_balances(connection, asked.organization_id(), after, limit + 1)
        else:
            rows = [
                dict(row)
                for row in await list_balances_as_of(
                    connection, as_of, asked.organization_id(), after, limit + 1
                )
            ]
    keys = [(row["organization_id"], row["ledger"], row["currency"]) for row in rows]
    return _BALANCES.page([balance_of(row) for row in rows], limit, keys)


async def named(connection: Connection, rows: Sequence[asyncpg.Record]) -> Sequence[Difference]:
    """Show differences, with what people call their documents."""
    keys_of = [_keys(row) for row in rows]
    names = await list_fleet_document_names(connection, {key for keys in keys_of for key in keys})
    return [
        _shown(row, next((names[key] for key in keys if key in names), None))
        for row, keys in zip(rows, keys_of, strict=True)
    ]


def _keys(row: asyncpg.Record) -> Sequence[DocumentKey]:
    """The documents of a difference, the local one first."""
    sides = ((Side.LOCAL, row["local_id"]), (Side.BOOKS, row["books_id"]))
    return [(row["organization_id"], row["ledger"], str(side), key) for side, key in sides if key is not None]


def _shown(row: asyncpg.Record, name: DocumentName | None) -> Difference:
    origin = row["origin"] or (Origin.HUB if row["local_id"] is not None else None)
    told = {each: row[each] for each in _FIELDS} | {"origin": origin}
    return Difference(
        id=row["difference_id"],
        number=name.number if name else None,
        party=name.party if name else None,
        **told,
    )


def balance_of(row: Mapping[str, Any]) -> Balance:
    """Show a balance."""
    return Balance(
        **{name: row[name] for name in _PLAIN},
        terms=[
            Term(
                kind=term["kind"],
                expected=term["expected"],
                count=term["count"],
                delta_minor=term["delta_minor"],
            )
            for term in row["terms"]
        ],
        scan=Scan(
            certified=row["certified"],
            local_at=row["local_at"],
            books_at=row["books_at"],
            last_pull=row["last_pull"],
        ),
    )
