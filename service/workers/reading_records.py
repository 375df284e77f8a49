"""Reading synced records of one type: what became of every push.

- From the cursor, less an overlap, in the order of change, to the end; from the beginning when a sweep is
  due.
- What is unchanged is told by its digest and costs a look. The rest is observed under a lock, so that an
  older version never overwrites a newer one, in whatever order they come.
- A record does not say whose it is. One that is new lands if its object is known to be this organization's,
  or if the hub does not deny it when asked for it (`reading.strangers_among`).
- A record whose document we do not know, or in an older version than the record saw, sends for that document.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from service.domain.cadence import OVERLAP, RATE_SECONDS
from service.domain.document import Ledger, Side
from service.domain.fleet import WorkKind
from service.domain.record import Record, SeenRecord, observe
from service.domain.stream import Stream, part_of
from service.hub.payloads import SyncedRecord
from service.store.awaited import delete_answered
from service.store.database import Connection
from service.store.documents import (
    LocalAmount,
    list_hashes_of_documents,
    list_known_objects,
    list_local_amounts,
)
from service.store.records import Change, find_records_by_index, list_record_news, lock_records, write_records
from service.store.rows import content_hash
from service.store.streams import insert_targets
from service.workers.reading import (
    Reading,
    Readout,
    ahead,
    count_refused,
    count_strangers,
    nudge,
    strangers_among,
)

LEDGER_BY_TYPE: Mapping[str, tuple[Ledger, Stream]] = {
    "receivable": (Ledger.RECEIVABLE, Stream.LOCAL_RECEIVABLES),
    "bill": (Ledger.PAYABLE, Stream.LOCAL_PAYABLES),
}
"""Where the document of a record is, by the record's type."""


@dataclass(frozen=True, slots=True)
class Told:
    """A record as a page told it, with the digest of what was told."""

    row: SyncedRecord
    digest: bytes


async def read_records(reading: Reading) -> Readout:
    """Read what changed, or everything; the cursor moves when the end was reached."""
    object_type = part_of(reading.stream.stream)
    cursor = reading.stream.cursor_at
    since = None if reading.is_full or cursor is None else cursor - OVERLAP
    readout = Readout(cursor_at=cursor, is_full=since is None)
    found = reading.hub.records(reading.organization_id, object_type, updated_since=since)
    async with aclosing(ahead(found)) as pages:
        async for page in pages:
            count_refused(readout, reading, page.refused)
            await _take(reading, readout, object_type, page.items)
            for row in page.items:
                # A time in our future is not believed, or it would hide what comes.
                at = min(row.updated_at, reading.began_at)
                readout.cursor_at = at if readout.cursor_at is None else max(readout.cursor_at, at)
    return readout


async def _take(reading: Reading, readout: Readout, object_type: str, rows: Sequence[SyncedRecord]) -> None:
    """Write what is news on a page."""
    told = _newest(row for row in rows if row.object_type == object_type)
    readout.counts["records_read"] += len(told)
    async with reading.database.organization(reading.organization_id) as connection:
        await find_records_by_index(connection)
        unknown = await list_record_news(
            connection, reading.organization_id, {each: found.digest for each, found in told.items()}
        )
    await _answer(reading, readout, [each.row for each in told.values()])
    news = {each: found for each, found in told.items() if each in unknown}
    new = [found.row for each, found in news.items() if unknown[each]]
    for stranger in await _strangers(reading, new):
        del news[stranger]
        count_strangers(readout, reading, 1)
    if not news:
        return
    async with reading.work.writing() as connection:
        await find_records_by_index(connection)
        changes = await _changes(connection, reading, news)
        await write_records(connection, changes)
        await _send_for_documents(connection, reading, changes)
        if changes:
            await nudge(connection, reading, WorkKind.PUSH, WorkKind.COMPARE)
    readout.counts["records_changed"] += len(changes)
    _count_changes(reading, readout, changes)


async def _answer(reading: Reading, readout: Readout, rows: Sequence[SyncedRecord]) -> None:
    """Take note of results that were awaited, whether or not they are news."""
    if not reading.is_awaited:
        return
    ended = [(str(row.object_id or ""), row.updated_at) for row in rows if row.sync_status != "pending"]
    if not ended:
        return
    async with reading.work.writing() as connection:
        shown = await delete_answered(connection, reading.organization_id, reading.stream.stream, ended)
    readout.shown.extend(shown)


def _count_changes(reading: Reading, readout: Readout, changes: Sequence[Change]) -> None:
    """Count what happened since the last reading; the first one looks back a few days."""
    since = reading.stream.read_at or reading.began_at - timedelta(seconds=RATE_SECONDS)
    recent = sum(change.after.updated_at > since for change in changes)
    readout.changes += recent
    if not reading.organization.is_logged and reading.stream.read_at is not None:
        readout.missed = max(readout.changes - len(readout.shown), 0)


def _newest(rows: Iterable[SyncedRecord]) -> dict[UUID, Told]:
    """One version of each record; a page that shifted may hold two."""
    newest: dict[UUID, Told] = {}
    for row in rows:
        other = newest.get(row.id)
        if other is None or other.row.updated_at <= row.updated_at:
            newest[row.id] = Told(row, content_hash(row.payload))
    return newest


async def _strangers(reading: Reading, new: Sequence[SyncedRecord]) -> Sequence[UUID]:
    """New records that are another organization's, as far as that can be seen."""
    if not new:
        return []
    object_ids = [str(row.object_id) for row in new if row.object_id is not None]
    async with reading.database.organization(reading.organization_id) as connection:
        ours = await list_known_objects(connection, reading.organization_id, object_ids)
    doubtful = [row for row in new if str(row.object_id) not in ours]
    strangers = await strangers_among(
        doubtful, lambda row: row.updated_at, lambda row: reading.hub.record(reading.organization_id, row.id)
    )
    return [row.id for row in strangers]


async def _changes(connection: Connection, reading: Reading, news: Mapping[UUID, Told]) -> Sequence[Change]:
    """What we know now, of each record that the hub told something new of."""
    before = await lock_records(connection, reading.organization_id, news.keys())
    object_ids = [str(told.row.object_id) for told in news.values() if told.row.object_id is not None]
    amounts = await list_local_amounts(connection, reading.organization_id, object_ids)
    now = reading.work.now
    changes = []
    for record_id, told in news.items():
        previous = before.get(record_id)
        after = observe(previous, seen(reading.organization_id, told.row), now, reading.policy)
        if after is previous:
            continue
        after = with_money(after, amounts.get(str(after.object_id)))
        changes.append(
            Change(before=previous, after=after, payload=told.row.payload, content_hash=told.digest)
        )
    return changes


async def _send_for_documents(connection: Connection, reading: Reading, changes: Sequence[Change]) -> None:
    """Wish for documents that these records know better than we do."""
    if not changes or changes[0].after.object_type not in LEDGER_BY_TYPE:
        return
    ledger, stream = LEDGER_BY_TYPE[changes[0].after.object_type]
    if reading.streams[stream].read_at is None:
        return  # the whole list is about to be read
    records = {str(change.after.object_id): change.after for change in changes if change.after.object_id}
    known = await list_hashes_of_documents(
        connection, reading.organization_id, ledger, Side.LOCAL, list(records)
    )
    now = reading.work.now
    wanted = []
    for object_id, record in records.items():
        document = known.get(object_id)
        is_lacking_lines = record.object_type == "bill" and record.has_failed
        if (
            document is None
            or _is_before(document.hub_updated_at, record.object_updated_at)
            or (is_lacking_lines and not document.has_lines)
        ):
            wanted.append((stream, object_id, now))
    if wanted:
        await insert_targets(connection, reading.organization_id, wanted)


def _is_before(known: datetime | None, told: datetime | None) -> bool:
    return known is not None and told is not None and known < told


def seen(organization_id: UUID, row: SyncedRecord) -> SeenRecord:
    """A record of the hub, as it is observed."""
    return SeenRecord(
        record_id=row.id,
        organization_id=organization_id,
        object_type=row.object_type,
        object_id=row.object_id,
        sync_status=row.sync_status,
        errors=row.errors,
        platform=row.platform,
        platform_object_id=row.platform_object_id,
        provider=row.provider,
        provider_object_id=row.provider_object_id,
        created_at=row.created_at,
        updated_at=row.updated_at,
        last_pulled_at=row.last_pulled_at,
        object_updated_at=row.object_updated_at,
        platform_updated_at=row.platform_updated_at,
        provider_updated_at=row.provider_updated_at,
    )


def with_money(record: Record, amount: LocalAmount | None) -> Record:
    """The record with its document's money, where that is known."""
    if amount is None:
        return record
    return replace(record, amount_minor=amount.amount_minor, currency=amount.currency)
