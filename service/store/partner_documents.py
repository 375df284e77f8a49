"""Documents of the partner's own system, beside the hub's.

The table of documents holds what is compared: the partner's word, joined by what only the hub knows
(`domain.partner_document`). The hub's copy is set aside while the partner's word stands, goes on being read,
and takes its place again when the partner takes its word back. What is unchanged writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from service.domain.document import Document, Ledger, Origin, Side
from service.domain.partner_document import joined
from service.store.database import Connection
from service.store.document_rows import document_row, document_version, written
from service.store.history import HistoryKind, insert_history
from service.store.queries import QUERY
from service.store.rows import Row, rows_json


class Outcome(StrEnum):
    """What became of a document that was put."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """What became of one document, and why it was refused."""

    outcome: Outcome
    reason: str = ""


async def put_documents(
    connection: Connection, organization_id: UUID, documents: Sequence[Document], now: datetime
) -> Sequence[Put]:
    """Put documents of one organization, each id once; what became of each, in order."""
    puts: dict[str, Put] = {}
    left = documents
    while left:
        # Where there was nothing to lock, somebody else may have written first: the next look locks that.
        puts |= await _put(connection, organization_id, left, now)
        left = [own for own in documents if own.document_id not in puts]
    return [puts[own.document_id] for own in documents]


async def _put(
    connection: Connection, organization_id: UUID, documents: Sequence[Document], now: datetime
) -> Mapping[str, Put]:
    """Put documents as they stand now; those under whose id another was written first are left out."""
    stood = await _lock(connection, organization_id, [each.document_id for each in documents])
    rows, puts = [], {}
    for own in documents:
        here, there = (stood.get((ledger, own.document_id)) for ledger in (own.ledger, _other(own.ledger)))
        if there is not None and there["removed_at"] is None:
            puts[own.document_id] = Put(outcome=Outcome.REFUSED, reason=_taken(there))
            continue
        is_ours = here is not None and here["origin"] == Origin.PARTNER and here["removed_at"] is None
        if here is not None and is_ours and here["list_hash"] == own.content_hash:
            puts[own.document_id] = Put(outcome=Outcome.UNCHANGED)
            continue
        stamped = _stamped(own, _own(here) if here is not None and is_ours else None, now)
        rows.append(_row(organization_id, stamped, here))
        puts[own.document_id] = Put(outcome=Outcome.UPDATED if is_ours else Outcome.CREATED)
    await connection.execute(
        QUERY["insert_superseded_documents"],
        organization_id,
        [row["ledger"] for row in rows],
        [row["document_id"] for row in rows],
    )
    for document_id in await _write(connection, organization_id, rows):
        del puts[document_id]
    return puts


async def delete_documents(connection: Connection, organization_id: UUID, ids: Sequence[str]) -> int:
    """Take documents back; the hub's copies stand again where there are any. Returns how many there were."""
    locked = await _lock(connection, organization_id, ids)
    ours = [
        row["document_id"]
        for row in locked.values()
        if row["origin"] == Origin.PARTNER and not row["removed_at"]
    ]
    restored = await connection.fetch(QUERY["restore_superseded_documents"], organization_id, ours)
    removed = await connection.fetch(QUERY["mark_partner_documents_removed"], organization_id, ours)
    versions = [
        document_version(row["ledger"], Side.LOCAL, row, valid_from=row["hub_updated_at"]) for row in restored
    ]
    versions += [document_version(row["ledger"], Side.LOCAL, row, removed=True) for row in removed]
    await insert_history(connection, organization_id, HistoryKind.DOCUMENT, versions)
    return len(versions)


async def rejoin(connection: Connection, organization_id: UUID, ids: Sequence[str]) -> None:
    """Join the partner's documents anew with the hub's copies, after these have changed."""
    if not ids:
        return
    rows = []
    for row in (await _lock(connection, organization_id, ids)).values():
        if row["origin"] == Origin.PARTNER and row["removed_at"] is None:
            made = _row(organization_id, _own(row), row)
            if made["content_hash"] != row["content_hash"]:
                rows.append(made)
    await _write(connection, organization_id, rows)


async def list_known_organizations(
    connection: Connection, organization_ids: Sequence[UUID]
) -> frozenset[UUID]:
    """Which of these are organizations that the hub lists."""
    rows = await connection.fetch(QUERY["list_known_organizations"], organization_ids)
    return frozenset(row["organization_id"] for row in rows)


async def _lock(
    connection: Connection, organization_id: UUID, ids: Sequence[str]
) -> Mapping[tuple[str, str], Row]:
    """What is local under these ids, by ledger and id; with the hub's copy where that is set aside."""
    locked = await connection.fetch(QUERY["lock_local_documents"], organization_id, ids)
    ours = [row["document_id"] for row in locked if row["origin"] == Origin.PARTNER]
    beside = await connection.fetch(QUERY["list_superseded_bodies"], organization_id, ours) if ours else ()
    body_by_key = {(row["ledger"], row["document_id"]): row["body"] for row in beside}
    return {
        (key := (row["ledger"], row["document_id"])): {**row, "hub_body": body_by_key.get(key)}
        for row in locked
    }


async def _write(connection: Connection, organization_id: UUID, rows: Sequence[Row]) -> Sequence[str]:
    """Write rows and their versions; returns the ids under which another was written first."""
    if not rows:
        return ()
    told = await connection.fetch(QUERY["upsert_documents"], rows_json(rows))
    done = {row["document_id"] for row in told}
    versions = [written(row) for row in rows if row["document_id"] in done]
    await insert_history(connection, organization_id, HistoryKind.DOCUMENT, versions)
    return [row["document_id"] for row in rows if row["document_id"] not in done]


def _row(organization_id: UUID, own: Document, here: Row | None) -> Row:
    """The row of a partner's document, joined with the hub's copy as that stands."""
    return document_row(
        organization_id,
        joined(own, _hub_copy(here)),
        payload={"own": own},
        list_hash=own.content_hash,
        hub_updated_at=None,
        version=1 if here is None else here["version"] + 1,
    )


def _stamped(own: Document, before: Document | None, now: datetime) -> Document:
    """Say when it was put and changed: not later than now, whatever the partner's clock says."""
    is_put_before = before is not None and before.is_for_hub == own.is_for_hub
    put_at = before.put_at if before is not None and is_put_before else None
    return replace(own, put_at=put_at or now, updated_at=min(own.updated_at or now, now))


def _hub_copy(row: Row | None) -> Document | None:
    if row is None:
        return None
    if row["origin"] == Origin.HUB:
        return None if row["removed_at"] else msgspec.convert(row["body"], Document)
    return None if row["hub_body"] is None else msgspec.convert(row["hub_body"], Document)


def _own(row: Row) -> Document:
    return msgspec.convert(row["payload"]["own"], Document)


def _other(ledger: Ledger) -> Ledger:
    return Ledger.PAYABLE if ledger is Ledger.RECEIVABLE else Ledger.RECEIVABLE


def _taken(row: Row) -> str:
    kind = row["kind"].replace("_", " ")
    if row["origin"] == Origin.PARTNER:
        return f"Under this local_id stands a document of the kind {kind}: delete that first."
    return f"Under this local_id the hub has a document of the kind {kind}: use another local_id."
