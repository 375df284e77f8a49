"""Writing records: the row, its version and the counts, together or not at all."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict, replace

from service.domain.causes.names import Cause
from service.domain.pushing.policy import Policy
from service.domain.record import Record, SeenRecord
from service.domain.record_observed import observe
from service.domain.record_state import State
from service.store.database import Database
from service.store.history import HistoryKind, list_history
from service.store.queries import QUERY
from service.store.record_counts import sum_organization_record_counts
from service.store.record_rows import COLUMNS, record_row
from service.store.records import (
    Change,
    count_open_records,
    get_next_look_at,
    get_record,
    list_blocked_records,
    list_due_records,
    list_record_news,
    list_records,
    list_records_of_objects,
    list_unsettled_objects,
    lock_records,
    write_records,
)
from service.store.rows import clean_text

AT = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)
POLICY = Policy()

MANY = """
INSERT INTO records (
    organization_id, record_id, object_type, updated_at, payload, content_hash, state, reason, version,
    changed_at
)
SELECT '00000000-0000-0000-0000-000000000007', gen_random_uuid(), 'receivable', now(), '{}', '',
    'acknowledged', '', 1, now()
FROM generate_series(1, 5000)
"""


def seen(organization_id: UUID, **changes: Any) -> SeenRecord:
    """A record as the hub tells it."""
    told: dict[str, Any] = {
        "record_id": uuid4(),
        "organization_id": organization_id,
        "object_type": "receivable",
        "object_id": uuid4(),
        "updated_at": AT,
        "sync_status": "error",
        "errors": {"message": "No tax rate with this value"},
        "platform": "xero",
    }
    return SeenRecord(**{**told, **changes})


def new(told: SeenRecord, **money: Any) -> Change:
    """A record that is met for the first time."""
    after = replace(observe(None, told, AT, POLICY), **money)
    return Change(before=None, after=after, payload={"id": str(told.record_id)}, content_hash=b"1" * 16)


async def write(database: Database, organization_id: UUID, *changes: Change) -> None:
    """Write in a transaction of its own."""
    async with database.organization(organization_id) as connection:
        await write_records(connection, changes)


async def test_what_is_written_is_read(database: Database) -> None:
    """A record comes back as it was written, errors and times and all, wherever it is asked for."""
    organization_id = uuid4()
    change = new(seen(organization_id), amount_minor=1250, currency="EUR")
    await write(database, organization_id, change)
    record = change.after
    async with database.organization(organization_id) as connection:
        assert await get_record(connection, record.record_id) == record
        assert await list_records(connection, limit=10) == [record]
        assert await list_records(connection, state="confirmed", limit=10) == []
        object_id = record.object_id
        assert object_id is not None
        assert await list_records_of_objects(connection, organization_id, [object_id]) == [record]
        other = uuid4()
        ids, same, changed = [record.record_id, other], [b"1" * 16] * 2, [b"2" * 16] * 2
        assert await list_record_news(connection, organization_id, ids, same) == {1: True}
        assert await list_record_news(connection, organization_id, ids, changed) == {0: False, 1: True}
        assert await list_unsettled_objects(connection, organization_id, [object_id]) == {object_id}
        (version,) = await list_history(
            connection, organization_id, HistoryKind.RECORD, str(record.record_id), 10
        )
    assert (version.version, version.valid_from) == (1, AT)
    assert version.body["cause"] == record.cause
    assert version.body["amount_minor"] == 1250


async def test_counts_follow_every_write(database: Database) -> None:
    """The counts are those of the rows, in numbers and money, whatever was written in which order."""
    organization_id = uuid4()
    first, second = new(seen(organization_id), amount_minor=100, currency="EUR"), new(seen(organization_id))
    await write(database, organization_id, first, second)
    async with database.organization(organization_id) as connection:
        locked = await lock_records(connection, organization_id, [first.after.record_id])
        before = locked[first.after.record_id]
        told = replace(_told(before), sync_status="done", errors=None, updated_at=AT + timedelta(minutes=1))
        await write_records(connection, [Change(before=before, after=observe(before, told, AT, POLICY))])
    async with database.organization(organization_id) as connection:
        counts = {
            (row["sync_status"], row["state"]): row["records"]
            for row in await sum_organization_record_counts(connection, [organization_id])
        }
        rows = await connection.fetch(
            "SELECT state, currency, records, amount_minor FROM record_counts WHERE records <> 0"
        )
    assert counts[("done", "acknowledged")] == 1
    assert counts[("error", second.after.state)] == 1
    assert {(row["state"], row["currency"], row["amount_minor"]) for row in rows} == {
        ("acknowledged", "EUR", 100),
        (second.after.state, "", 0),
    }


async def test_payload_stays_where_nothing_new_was_told(database: Database) -> None:
    """A change of ours keeps what the hub told last."""
    organization_id = uuid4()
    change = new(seen(organization_id))
    await write(database, organization_id, change)
    ours = replace(change.after, reason="Looked at by us.", version=2)
    await write(database, organization_id, Change(before=change.after, after=ours))
    async with database.organization(organization_id) as connection:
        row = await connection.fetchrow("SELECT payload, content_hash, reason, version FROM records")
    assert row is not None
    assert row["payload"] == {"id": str(change.after.record_id)}
    assert (row["content_hash"], row["reason"], row["version"]) == (b"1" * 16, "Looked at by us.", 2)


async def test_lost_race_is_noticed(database: Database) -> None:
    """Whoever writes on an older version than is there, or inserts what is there, is stopped."""
    organization_id = uuid4()
    change = new(seen(organization_id))
    await write(database, organization_id, change)
    with pytest.raises(AssertionError):
        await write(database, organization_id, change)
    second = replace(change.after, version=2)
    await write(database, organization_id, Change(before=change.after, after=second))
    with pytest.raises(AssertionError):
        await write(database, organization_id, Change(before=change.after, after=second))
    async with database.organization(organization_id) as connection:
        assert await connection.fetchval("SELECT sum(records) FROM record_counts") == 1
        assert await connection.fetchval("SELECT count(*) FROM history") == 2


async def test_odd_texts_are_stored(database: Database) -> None:
    """Texts that Postgres refuses are made fit, and stop nothing."""
    organization_id = uuid4()
    errors = {"mess\0age": ["NUL \0 and half a pair \ud83d", {"deep": "\udc00"}]}
    await write(database, organization_id, new(seen(organization_id, errors=errors)))
    async with database.organization(organization_id) as connection:
        (record,) = await list_records(connection, limit=10)
    assert record.errors == {"mess\ufffdage": ["NUL \ufffd and half a pair \ufffd", {"deep": "\ufffd"}]}


async def test_rows_travel_as_their_type_says(database: Database) -> None:
    """The type that rows travel as has columns of records, in our order; JSON and times are text."""
    async with database.fleet() as connection:
        columns, attributes = [
            {
                row["name"]: row["type"]
                for row in await connection.fetch(
                    "SELECT attname AS name, format_type(atttypid, atttypmod) AS type FROM pg_attribute"
                    " WHERE attrelid = $1::text::regclass AND attnum > 0 ORDER BY attnum",
                    name,
                )
            }
            for name in ("tieout.records", "tieout.handed_record")
        ]
    assert tuple(attributes) == COLUMNS
    as_text = {"jsonb", "timestamp with time zone"}
    assert attributes == {name: "text" if columns[name] in as_text else columns[name] for name in COLUMNS}
    beside = {"organization_id", "payload"}
    assert columns.keys() - attributes.keys() == {"changed_at"} | beside


async def test_rows_travel_through_pgbouncer_alike(database_url: str) -> None:
    """Where no statement is kept prepared, a record is written and changed as anywhere else."""
    organization_id = uuid4()
    async with await Database.open(f"{database_url}?pgbouncer=true", pool_size=2) as database:
        change = new(seen(organization_id))
        await write(database, organization_id, change)
        told = replace(
            _told(change.after), sync_status="done", errors=None, updated_at=AT + timedelta(minutes=1)
        )
        after = observe(change.after, told, AT, POLICY)
        await write(database, organization_id, Change(before=change.after, after=after))
        async with database.organization(organization_id) as connection:
            assert await get_record(connection, after.record_id) == after


async def test_a_version_tells_what_the_record_is(database: Database) -> None:
    """A version has whatever its record knows, and of what it does not know only what is always shown."""
    organization_id = uuid4()
    change = new(seen(organization_id, provider_object_id="17"), amount_minor=1250)
    settled = new(seen(organization_id, sync_status="done", errors={}))
    await write(database, organization_id, change, settled)
    told = []
    async with database.organization(organization_id) as connection:
        for each in (change, settled):
            object_id = str(each.after.record_id)
            (version,) = await list_history(connection, organization_id, HistoryKind.RECORD, object_id, 2)
            told.append(version.body)
    for body, record in zip(told, (change.after, settled.after), strict=True):
        known = {name: value for name, value in asdict(record).items() if value is not None}
        shown = {"sync_status", "state", "cause", "reason", "attempts_count"}
        assert body.keys() == (known.keys() | shown) - {"record_id", "organization_id"}
        back = msgspec.convert({**asdict(record), **body}, Record)
        assert back == record


async def test_changed_records_are_found_by_their_ids(database_url: str) -> None:
    """Where an organization has many records, those that change are looked up, and no others read."""
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("SET search_path TO tieout; SET plan_cache_mode TO force_generic_plan")
        await connection.execute(MANY)
        await connection.execute("ANALYZE records")
        await connection.execute(f"PREPARE asked AS {QUERY['update_records']}")
        rows = await connection.fetch("EXPLAIN EXECUTE asked(NULL, NULL, NULL, NULL)")
    finally:
        await connection.close()
    plan = "\n".join(row[0] for row in rows)
    assert len(re.findall(r"Index Cond: .*\brecord_id = [in]\.record_id", plan)) == 2, plan


@given(st.text(), st.text())
def test_texts_of_a_row_are_fit_for_postgres(text: str, other: str) -> None:
    """Whatever texts a record holds, its row can be encoded and has no NUL, and fit ones are left alone."""
    told = seen(uuid4(), platform=text, platform_object_id=other, errors={text: [other, {other: text}]})
    record = observe(None, told, AT, POLICY)
    values, version, _ = record_row(record, None, None)
    for name, value in zip((*COLUMNS, "version"), (*values, version), strict=True):
        if isinstance(value, str):
            assert "\0" not in value.encode().decode(), name
    assert "\n" not in version, "each is a line"
    if clean_text(text) == text and clean_text(other) == other:
        assert values[COLUMNS.index("platform")] == text
        assert msgspec.json.decode(version)["errors"] == record.errors


async def test_open_records_are_counted_by_what_they_wait_for(database: Database) -> None:
    """What waits is told by type, state and cause; what is settled is not."""
    organization_id = uuid4()
    blocked = [new(seen(organization_id)) for _ in range(3)]
    waiting = new(seen(organization_id, object_type="bill", sync_status="pending", errors=None))
    done = new(seen(organization_id, sync_status="done", errors=None))
    await write(database, organization_id, *blocked, waiting, done)
    async with database.organization(organization_id) as connection:
        found = {
            (each.object_type, each.state, each.cause): each.records
            for each in await count_open_records(connection, organization_id)
        }
        assert found == {
            ("receivable", State.BLOCKED, Cause.MISSING_TAX_RATE): 3,
            ("bill", State.WAITING, None): 1,
        }
        assert len(await list_blocked_records(connection, organization_id, 2)) == 2
        next_look_at = await get_next_look_at(connection, organization_id)
        assert next_look_at == min(each.after.deadline_at for each in blocked if each.after.deadline_at)
        due = await list_due_records(connection, organization_id, 10)
    assert {record.record_id for record in due} == {each.after.record_id for each in [*blocked, waiting]}, (
        "all their deadlines have passed"
    )


def _told(record: Record) -> SeenRecord:
    return SeenRecord(**{name: getattr(record, name) for name in SeenRecord.__struct_fields__})
