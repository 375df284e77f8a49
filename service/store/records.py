"""Synced records as we follow them.

`write_records` is the one way in which a record is written: its row, its version in the history and the
counts that `/status` reads, in one transaction, in which `lock_records` has read what was there before. The
counts are kept, not computed, so nobody else may write a record.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from service.domain.causes.facts import Cure, facts_of
from service.domain.causes.names import Cause
from service.domain.record import Record
from service.domain.record_state import SETTLED, State
from service.store.database import Connection
from service.store.queries import QUERY
from service.store.record_counts import add_record_counts
from service.store.record_rows import FIELDS, RecordRow, record_row
from service.store.rows import rows_touched
from service.store.set_aside import keep_set_aside_changed

_CAUSES = frozenset(Cause)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A record as it was in this transaction, None when it is new, and as it is to be.

    Whoever has just read it from the hub gives what the hub told, be it written as a line of JSON already,
    and its digest; otherwise those stay. What is handed over of it is made at once: be it that it cannot be
    written yet, since something else is being written, then that is no time lost.
    """

    before: Record | None
    after: Record
    payload: Mapping[str, Any] | str | None = None
    content_hash: bytes | None = None
    row: RecordRow = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Make its row."""
        before, after = self.before, self.after
        assert before is None or before.version < after.version, "a change is a new version"
        assert before is not None or self.payload is not None, "a new record comes from the hub"
        object.__setattr__(self, "row", record_row(after, self.payload, self.content_hash))


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRecords:
    """Records that wait for the same thing; `newest_at` is when the youngest began to."""

    object_type: str
    state: State
    cause: Cause | None
    records: int
    newest_at: datetime


async def write_records(connection: Connection, changes: Sequence[Change]) -> None:
    """Write changes of one organization's records, each read by `lock_records` in this transaction."""
    if not changes:
        return
    organization_id = changes[0].after.organization_id
    organizations = {change.after.organization_id.int for change in changes}
    assert len(organizations) == 1, "records of one organization are written together"
    new = [change for change in changes if change.before is None]
    known = [change for change in changes if change.before is not None]
    written = 0
    if new:
        written += await _write(connection, "insert_records", organization_id, new)
    if known:
        written += await _write(connection, "update_records", organization_id, known)
    assert written == len(changes), "a record was written by somebody else in between, or without locking it"
    moves = [(change.before, change.after) for change in changes]
    await add_record_counts(connection, organization_id, moves)
    await keep_set_aside_changed(connection, organization_id, moves)
    await _mark_passed_trials(connection, changes)


async def _mark_passed_trials(connection: Connection, changes: Sequence[Change]) -> None:
    """Keep for the fleet which trials came through, of causes that end for all at once."""
    settled = [
        (change.after, change.before.cause)
        for change in changes
        if change.before is not None
        and change.before.cause is not None
        and change.after.state in SETTLED
        and Cure.OTHERS_PASS in facts_of(change.before.cause).cures
    ]
    if settled:
        await connection.execute(
            QUERY["mark_passed_trials"],
            settled[0][0].organization_id,
            [record.record_id for record, _ in settled],
            sorted({cause for _, cause in settled}),
        )


async def lock_records(
    connection: Connection, organization_id: UUID, record_ids: Collection[UUID]
) -> Mapping[UUID, Record]:
    """Those of the records that we hold, locked until the transaction ends, by id."""
    rows = await connection.fetch(QUERY["lock_records"], organization_id, list(record_ids))
    return {row["record_id"]: record_of(row) for row in rows}


async def list_record_news(
    connection: Connection, organization_id: UUID, record_ids: Sequence[UUID], hashes: Sequence[bytes]
) -> Mapping[int, bool]:
    """Which of these records the hub told something of that we do not know, by digest.

    They are told by their place; each with whether it is new.
    """
    rows = await connection.fetch(QUERY["list_record_news"], organization_id, record_ids, hashes)
    return {row["place"]: row["is_new"] for row in rows}


async def get_record(
    connection: Connection, record_id: UUID, organization_id: UUID | None = None
) -> Record | None:
    """One record, of any organization that the transaction may see, or of the one given."""
    row = await connection.fetchrow(QUERY["get_record"], record_id, organization_id)
    return None if row is None else record_of(row)


async def list_records(
    connection: Connection,
    *,
    organization_id: UUID | None = None,
    object_type: str | None = None,
    sync_status: str | None = None,
    state: str | None = None,
    cause: str | None = None,
    after: tuple[UUID, UUID] | None = None,
    limit: int,
) -> Sequence[Record]:
    """Records by organization and id, after a key; a filter that is None does not filter."""
    after_organization, after_record = after or (None, None)
    rows = await connection.fetch(
        QUERY["list_records"],
        organization_id,
        object_type,
        sync_status,
        state,
        cause,
        after_organization,
        after_record,
        limit,
    )
    return [record_of(row) for row in rows]


async def list_records_by_ids(
    connection: Connection, record_ids: Collection[UUID], organization_id: UUID | None = None
) -> Sequence[Record]:
    """Those of the records that the transaction may see, or that the organization has."""
    rows = await connection.fetch(QUERY["list_records_by_ids"], list(record_ids), organization_id)
    return [record_of(row) for row in rows]


async def list_records_of_objects(
    connection: Connection, organization_id: UUID, object_ids: Collection[UUID]
) -> Sequence[Record]:
    """The records of these objects."""
    rows = await connection.fetch(QUERY["list_records_of_objects"], organization_id, list(object_ids))
    return [record_of(row) for row in rows]


async def list_due_records(connection: Connection, organization_id: UUID, limit: int) -> Sequence[Record]:
    """Open records that are to be looked at now, longest due first."""
    rows = await connection.fetch(QUERY["list_due_records"], organization_id, limit)
    return [record_of(row) for row in rows]


async def get_next_look_at(
    connection: Connection, organization_id: UUID, *, after: datetime | None = None
) -> datetime | None:
    """When the next open record is to be looked at, of those not yet due at `after`; None without any."""
    at: datetime | None = await connection.fetchval(QUERY["get_next_look_at"], organization_id, after)
    return at


async def list_blocked_records(connection: Connection, organization_id: UUID, limit: int) -> Sequence[Record]:
    """Records that wait for a cure, by cause."""
    rows = await connection.fetch(QUERY["list_blocked_records"], organization_id, limit)
    return [record_of(row) for row in rows]


async def list_unproven_records(
    connection: Connection, organization_id: UUID, object_types: Sequence[str], limit: int
) -> Sequence[Record]:
    """Failed records that are to be looked for in the books now."""
    rows = await connection.fetch(QUERY["list_unproven_records"], organization_id, object_types, limit)
    return [record_of(row) for row in rows]


async def mark_records_looked_at(
    connection: Connection, organization_id: UUID, deadline_at_by_record: Mapping[UUID, tuple[int, datetime]]
) -> None:
    """Say when records are looked at next, of which nothing else changed; each with the version looked at."""
    if deadline_at_by_record:
        versions, deadlines = zip(*deadline_at_by_record.values(), strict=True)
        await connection.execute(
            QUERY["mark_records_looked_at"], organization_id, list(deadline_at_by_record), versions, deadlines
        )


async def count_open_records(connection: Connection, organization_id: UUID) -> Sequence[OpenRecords]:
    """What waits in an organization, by what it waits for."""
    rows = await connection.fetch(QUERY["count_open_records"], organization_id)
    return [
        OpenRecords(
            object_type=row["object_type"],
            state=State(row["state"]),
            cause=_cause(row["cause"]),
            records=row["records"],
            newest_at=row["newest_at"],
        )
        for row in rows
    ]


async def list_unsettled_objects(
    connection: Connection, organization_id: UUID, object_ids: Collection[UUID]
) -> frozenset[UUID]:
    """Which of these objects have no record that is done."""
    rows = await connection.fetch(QUERY["list_unsettled_objects"], organization_id, list(object_ids))
    return frozenset(row["object_id"] for row in rows)


async def list_record_links(
    connection: Connection, organization_id: UUID, object_types: Sequence[str]
) -> Sequence[asyncpg.Record]:
    """What pairing needs of records."""
    return await connection.fetch(QUERY["list_record_links"], organization_id, object_types)


async def list_record_currencies_to_fill(
    connection: Connection, organization_id: UUID, object_ids: Collection[UUID]
) -> Sequence[UUID]:
    """Records of these objects whose document's money is not copied yet, or has changed."""
    rows = await connection.fetch(QUERY["list_record_currencies_to_fill"], organization_id, list(object_ids))
    return [row["record_id"] for row in rows]


async def list_organization_causes(
    connection: Connection, organization_id: UUID, limit: int
) -> Sequence[asyncpg.Record]:
    """One row per open cause group of an organization, heaviest first."""
    return await connection.fetch(QUERY["list_organization_causes"], organization_id, limit)


def record_of(row: asyncpg.Record) -> Record:
    """A record, of a row that has all of its columns."""
    told = {name: row[name] for name in FIELDS}
    return Record(**{**told, "state": State(row["state"]), "cause": _cause(row["cause"])})


def _cause(name: str | None) -> Cause | None:
    """The cause of a name; one that only a newer release knows is unknown here."""
    if name is None:
        return None
    return Cause(name) if name in _CAUSES else Cause.UNKNOWN


async def _write(connection: Connection, query: str, organization_id: UUID, changes: Sequence[Change]) -> int:
    """Write, and tell how many rows that were."""
    rows = [change.row for change in changes]
    return rows_touched(
        await connection.execute(
            QUERY[query],
            organization_id,
            [row.values for row in rows],
            "\n".join([row.version for row in rows]),
            "\n".join([row.payload for row in rows]),
        )
    )
