"""Tax rates, ledger accounts, products, counterparts and settings as the hub lists them.

Only what changed is written, with its version. What a complete list no longer holds is marked, not deleted: a
failure may be explained by a tax rate that is gone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import asyncpg

from service.store.database import Connection
from service.store.history import HistoryKind, Version, insert_history
from service.store.queries import QUERY
from service.store.rows import content_hash, rows_json


class ReferenceKind(StrEnum):
    """What a reference object is. An organization has one object of settings, whose id is `settings`."""

    SETTINGS = "settings"
    TAX_RATE = "tax_rate"
    LEDGER_ACCOUNT = "ledger_account"
    PRODUCT = "product"
    COUNTERPART = "counterpart"


SETTINGS_ID = "settings"

_HIDDEN = frozenset({"current_balance", "updated_at"})
"""Fields that move of themselves and bear on nothing: they make no version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceObject:
    """One object; `rate` in percent times 100, of tax rates only.

    `hub_updated_at` is the hub's version, of objects whose change may cure something: it also moves by what
    no list shows, such as an address.
    """

    kind: ReferenceKind
    reference_id: str
    name: str | None = None
    code: str | None = None
    rate: int | None = None
    status: str | None = None
    is_external: bool | None = None
    payload: Mapping[str, Any]
    hub_updated_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownReference:
    """What tells whether an object has changed."""

    content_hash: bytes
    version: int
    removed_at: datetime | None
    hub_updated_at: datetime | None


def is_unchanged(seen: ReferenceObject, known: KnownReference | None) -> bool:
    """Whether an object is there and was told like that before, in the same version of the hub's."""
    return known is not None and _is_same(seen, known) and not _is_touched(seen, known)


def _is_same(seen: ReferenceObject, known: KnownReference) -> bool:
    return known.removed_at is None and known.content_hash == _content_hash(seen)


def _is_touched(seen: ReferenceObject, known: KnownReference) -> bool:
    return seen.hub_updated_at is not None and seen.hub_updated_at != known.hub_updated_at


async def write_reference_objects(
    connection: Connection,
    organization_id: UUID,
    kind: ReferenceKind,
    seen: Sequence[ReferenceObject],
    *,
    also_listed: Collection[str] = (),
) -> int:
    """Write what changed in a complete list of a kind; returns how many did.

    `also_listed` names objects that the list holds, unchanged or unreadable: they are not gone.
    """
    known = await list_reference_hashes(connection, organization_id, kind)
    unique = {each.reference_id: each for each in seen}
    rows, touched = [], {}
    for each in unique.values():
        before = known.get(each.reference_id)
        if before is not None and _is_same(each, before):
            if each.hub_updated_at and _is_touched(each, before):
                touched[each.reference_id] = each.hub_updated_at
            continue
        rows.append(_row(organization_id, each) | {"version": before.version + 1 if before else 1})
    if rows:
        await upsert_reference_objects(connection, organization_id, rows)
    if touched:
        await mark_reference_objects_touched(connection, organization_id, kind, touched)
    gone = await mark_reference_objects_removed(connection, organization_id, kind, [*unique, *also_listed])
    return len(rows) + gone


async def upsert_reference_objects(
    connection: Connection, organization_id: UUID, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Write rows and their versions."""
    await connection.execute(QUERY["upsert_reference_objects"], rows_json(rows))
    told = ("name", "code", "rate", "status", "is_external")
    versions = [
        Version(
            object_id=f"{row['kind']}/{row['reference_id']}",
            version=row["version"],
            body={**{name: row[name] for name in told}, "removed": False},
        )
        for row in rows
    ]
    await insert_history(connection, organization_id, HistoryKind.REFERENCE, versions)


async def mark_reference_objects_touched(
    connection: Connection, organization_id: UUID, kind: ReferenceKind, touched: Mapping[str, datetime]
) -> None:
    """Keep the hub's versions of objects of which nothing else moved."""
    await connection.execute(
        QUERY["mark_reference_objects_touched"], organization_id, kind, list(touched), list(touched.values())
    )


async def mark_reference_objects_removed(
    connection: Connection, organization_id: UUID, kind: ReferenceKind, listed: Sequence[str]
) -> int:
    """Mark those that a complete list no longer holds; returns how many."""
    rows = await connection.fetch(QUERY["mark_reference_objects_removed"], organization_id, kind, listed)
    versions = [
        Version(object_id=f"{kind}/{row['reference_id']}", version=row["version"], body={"removed": True})
        for row in rows
    ]
    await insert_history(connection, organization_id, HistoryKind.REFERENCE, versions)
    return len(rows)


async def list_reference_hashes(
    connection: Connection, organization_id: UUID, kind: ReferenceKind
) -> Mapping[str, KnownReference]:
    """What tells whether an object has changed, by id."""
    rows = await connection.fetch(QUERY["list_reference_hashes"], organization_id, kind)
    return {
        row["reference_id"]: KnownReference(
            content_hash=row["content_hash"],
            version=row["version"],
            removed_at=row["removed_at"],
            hub_updated_at=row["hub_updated_at"],
        )
        for row in rows
    }


async def list_product_namesakes(connection: Connection, organization_id: UUID) -> Sequence[str]:
    """Names that several products bear."""
    rows = await connection.fetch(QUERY["list_product_namesakes"], organization_id)
    return [row["name"] for row in rows]


async def list_reference_objects(
    connection: Connection, organization_id: UUID, kinds: Sequence[ReferenceKind]
) -> Sequence[ReferenceObject]:
    """Every object of these kinds that the hub lists now."""
    rows = await connection.fetch(QUERY["list_reference_objects"], organization_id, kinds)
    return [_object(row) for row in rows]


async def list_references_by_ids(
    connection: Connection, organization_id: UUID, kinds: Sequence[ReferenceKind], ids: Collection[str]
) -> Sequence[ReferenceObject]:
    """The objects of these kinds and ids that the hub lists now."""
    rows = await connection.fetch(QUERY["list_references_by_ids"], organization_id, kinds, list(ids))
    return [_object(row) for row in rows]


async def count_references_by_name(
    connection: Connection, organization_id: UUID, kinds: Sequence[ReferenceKind], names: Collection[str]
) -> Mapping[ReferenceKind, Counter[str]]:
    """How many objects of each of these kinds bear each of these names."""
    counts: dict[ReferenceKind, Counter[str]] = {kind: Counter() for kind in kinds}
    for row in await connection.fetch(QUERY["count_references_by_name"], organization_id, kinds, list(names)):
        counts[ReferenceKind(row["kind"])][row["name"]] = row["objects"]
    return counts


def _object(row: asyncpg.Record) -> ReferenceObject:
    found = ReferenceObject(**row)
    return replace(found, kind=ReferenceKind(found.kind))


def _row(organization_id: UUID, seen: ReferenceObject) -> dict[str, Any]:
    return {
        "organization_id": organization_id,
        "kind": seen.kind,
        "reference_id": seen.reference_id,
        "name": seen.name,
        "code": seen.code,
        "rate": seen.rate,
        "status": seen.status,
        "is_external": seen.is_external,
        "payload": seen.payload,
        "content_hash": _content_hash(seen),
        "version": 1,
        "hub_updated_at": seen.hub_updated_at,
    }


def _content_hash(seen: ReferenceObject) -> bytes:
    return content_hash({name: value for name, value in seen.payload.items() if name not in _HIDDEN})
