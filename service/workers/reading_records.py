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

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final
from uuid import UUID

from msgspec.structs import replace

from service.domain.cadence.due import OVERLAP, RATE_SECONDS
from service.domain.cadence.stream import Stream, part_of
from service.domain.document import Ledger, Side
from service.domain.fleet import WorkKind
from service.domain.record import Record, SeenRecord
from service.domain.record_observed import observe
from service.hub.paging import Page
from service.hub.payloads import SyncedRecord
from service.store import jsonb
from service.store.awaited import delete_answered
from service.store.database import BY_INDEX, REPEATABLE, Connection
from service.store.documents import (
    LocalAmount,
    list_hashes_of_documents,
    list_known_objects,
    list_local_amounts,
)
from service.store.records import Change, list_record_news, lock_records, write_records
from service.store.rows import canonical, digest
from service.store.streams import insert_targets
from service.workers.reading import (
    Reading,
    Readout,
    count_refused,
    count_strangers,
    nudge,
    strangers_among,
)
from service.workers.reading_pages import behind, in_portions, in_turn, together

LEDGER_BY_TYPE: Mapping[str, tuple[Ledger, Stream]] = {
    "receivable": (Ledger.RECEIVABLE, Stream.LOCAL_RECEIVABLES),
    "bill": (Ledger.PAYABLE, Stream.LOCAL_PAYABLES),
}
"""Where the document of a record is, by the record's type."""


PAGES_MAX: Final = 4
"""Of a list, written at once: beyond a thousand rows a transaction gains nothing and only lasts longer."""


@dataclass(slots=True)
class Told:
    """A record as a page told it, and what we make of it before anything is written."""

    row: SyncedRecord
    page: int
    payload: str = ""
    digest: bytes = b""
    object_id: str = ""
    amount: LocalAmount | None = None
    """The money of its document, where that is known."""
    first: Change | None = None
    """How it is written when it is new, unless that has been done meanwhile."""


async def read_records(reading: Reading) -> Readout:
    """Read what changed, or everything; the cursor moves when the end was reached."""
    object_type = part_of(reading.stream.stream)
    cursor = reading.stream.cursor_at
    since = None if reading.is_full or cursor is None else cursor - OVERLAP
    readout = Readout(cursor_at=cursor, is_full=since is None)
    turn = asyncio.Lock()
    found = in_turn(reading.hub.records(reading.organization_id, object_type, updated_since=since), turn)
    async with aclosing(together(found, PAGES_MAX)) as taken, behind() as writing:
        async for pages in taken:
            for page in pages:
                count_refused(readout, reading, page.refused)
            told = await _newest(pages, object_type)
            readout.counts["records_read"] += len(told)
            news = await _news(reading, readout, told, turn)
            await writing.do(_write(reading, readout, told, news))
            for latest in (max(row.updated_at for row in page.items) for page in pages if page.items):
                # A time in our future is not believed, or it would hide what comes.
                at = min(latest, reading.began_at)
                readout.cursor_at = at if readout.cursor_at is None else max(readout.cursor_at, at)
    return readout


async def _newest(pages: Sequence[Page[SyncedRecord]], object_type: str) -> Sequence[Told]:
    """One version of each record; pages that shifted may hold two."""
    newest: dict[int, Told] = {}  # by the number that an id is, which Python digests faster
    for number, page in enumerate(pages):
        for row in page.items:
            if row.object_type == object_type:
                told = Told(row, number)
                other = newest.setdefault(row.id.int, told)
                if other is not told and other.row.updated_at <= row.updated_at:
                    del newest[row.id.int]
                    newest[row.id.int] = told
    found = list(newest.values())
    async for some in in_portions(found):
        for told in some:
            payload = canonical(told.row.payload)
            told.payload, told.digest = jsonb.fit(payload), digest(payload)
    return found


async def _news(
    reading: Reading, readout: Readout, told: Sequence[Told], turn: asyncio.Lock
) -> Sequence[Told]:
    """What we do not know yet, without what is another organization's as far as that can be seen."""
    if not told:
        return []
    organization_id = reading.organization_id
    async with reading.database.organization(organization_id, settings=BY_INDEX) as connection:
        is_new_by_place = await list_record_news(
            connection, organization_id, [each.row.id for each in told], [each.digest for each in told]
        )
        news = [told[place] for place in is_new_by_place]
        new = [told[place] for place, is_new in is_new_by_place.items() if is_new]
        await _add_amounts(connection, organization_id, news)
        doubtful = await _of_unknown_objects(connection, organization_id, new)
    strangers = await _strangers(reading, doubtful, turn)
    count_strangers(readout, reading, len(strangers))
    now = reading.work.now
    async for some in in_portions(new):
        for each in some:
            record = observe(None, seen(organization_id, each.row), now, reading.policy)
            each.first = _change(each, None, record)
    return [each for each in news if each.row.id not in strangers] if strangers else news


async def _add_amounts(connection: Connection, organization_id: UUID, news: Sequence[Told]) -> None:
    """Add the money of their documents.

    These are read under the same claim as records are: what they are now they are when this is written.
    """
    for told in news:
        told.object_id = str(told.row.object_id or "")
    object_ids = [told.object_id for told in news if told.object_id]
    amounts = await list_local_amounts(connection, organization_id, object_ids) if object_ids else {}
    for told in news:
        told.amount = amounts.get(told.object_id)


async def _of_unknown_objects(
    connection: Connection, organization_id: UUID, new: Sequence[Told]
) -> Sequence[Told]:
    """Those of new records whose object the organization's own lists have not told."""
    of_others = [told for told in new if told.amount is None]
    object_ids = [told.object_id for told in of_others if told.object_id]
    known = await list_known_objects(connection, organization_id, object_ids) if object_ids else ()
    return [told for told in of_others if told.object_id not in known]


async def _strangers(reading: Reading, doubtful: Sequence[Told], turn: asyncio.Lock) -> Collection[UUID]:
    """New records that are another organization's, as far as that can be seen of each page."""

    async def ask(told: Told) -> SyncedRecord:
        async with turn:
            return await reading.hub.record(reading.organization_id, told.row.id)

    strangers: set[UUID] = set()
    for _, page in groupby(doubtful, lambda each: each.page):
        found = await strangers_among(list(page), lambda each: each.row.updated_at, ask)
        strangers.update(each.row.id for each in found)
    return strangers


async def _write(reading: Reading, readout: Readout, told: Sequence[Told], news: Sequence[Told]) -> None:
    """Write what is news, and take note of results that were awaited, whether or not they are.

    Nobody waits for the disk here: what a crash of Postgres undoes is read again, since where the stream
    stands is written after it.
    """
    ended = _ended(told) if reading.is_awaited else ()
    if not news and not ended:
        return
    async with reading.work.writing(settings={**BY_INDEX, **REPEATABLE}) as connection:
        shown: Sequence[float] = ()
        if ended:
            shown = await delete_answered(connection, reading.organization_id, reading.stream.stream, ended)
        changes = await _changes(connection, reading, news) if news else ()
        await write_records(connection, changes)
        await _send_for_documents(connection, reading, changes)
        if changes:
            await nudge(connection, reading, WorkKind.PUSH, WorkKind.COMPARE)
    readout.shown.extend(shown)
    readout.counts["records_changed"] += len(changes)
    _count_changes(reading, readout, changes)


def _ended(told: Sequence[Told]) -> Sequence[tuple[str, datetime]]:
    rows = [each.row for each in told if each.row.sync_status != "pending"]
    return [(str(row.object_id or ""), row.updated_at) for row in rows]


def _count_changes(reading: Reading, readout: Readout, changes: Sequence[Change]) -> None:
    """Count what happened since the last reading; the first one looks back a few days."""
    since = reading.stream.read_at or reading.began_at - timedelta(seconds=RATE_SECONDS)
    recent = sum(change.after.updated_at > since for change in changes)
    readout.changes += recent
    if not reading.organization.is_logged and reading.stream.read_at is not None:
        readout.missed = max(readout.changes - len(readout.shown), 0)


async def _changes(connection: Connection, reading: Reading, news: Sequence[Told]) -> Sequence[Change]:
    """What we know now, of each record that the hub told something new of."""
    organization_id, now = reading.organization_id, reading.work.now
    before = await lock_records(connection, organization_id, [told.row.id for told in news])
    changes = []
    for told in news:
        previous = before.get(told.row.id) if before else None
        if previous is None and told.first is not None:
            changes.append(told.first)
            continue
        after = observe(previous, seen(organization_id, told.row), now, reading.policy)
        if after is not previous:
            changes.append(_change(told, previous, after))
    return changes


def _change(told: Told, before: Record | None, after: Record) -> Change:
    return Change(
        before=before,
        after=with_money(after, told.amount),
        payload=told.payload,
        content_hash=told.digest,
    )


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
