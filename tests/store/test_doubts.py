"""What an older release knew of doubts is not lost when this one takes over."""

from __future__ import annotations

from uuid import UUID

from msgspec.structs import replace

from service.domain.causes.cause import Cause
from service.domain.record import Record
from service.domain.record_state import State
from service.store.database import Database
from service.store.migrate import MIGRATIONS
from service.store.records import Change, list_records, lock_records, write_records
from tests.conftest import command
from tests.domain.record_builders import follow, seen

TIMED_OUT, PENDING = seen("error", 0, Cause.TIMEOUT_AMBIGUOUS), seen("pending", 30)
THROTTLED, DONE = seen("error", 20, Cause.RATE_LIMITED), seen("done", 20, platform_object_id=None)
ORGANIZATION = TIMED_OUT.organization_id


async def write(database: Database, record_id: UUID, *told: Record) -> None:
    """Write the versions of a record, without doubts, as an older release did."""
    async with database.organization(ORGANIZATION) as connection:
        for number, each in enumerate(told, start=1):
            before = (await lock_records(connection, ORGANIZATION, [record_id])).get(record_id)
            after = replace(each, record_id=record_id, doubted_at=None, version=number)
            change = Change(before=before, after=after, payload={}, content_hash=b"")
            await write_records(connection, [change])


async def fill_doubts(database_url: str) -> None:
    """Do what the upgrade does, of what the release before left."""
    [upgrade] = MIGRATIONS.glob("0056_*.sql")
    await command(database_url, upgrade.read_text(encoding="utf-8"))


async def test_what_may_have_landed_counts_as_doubted_after_the_upgrade(
    database: Database, database_url: str
) -> None:
    """Quarantined, or on its way behind a time-out, a quarantine or `done`; what merely failed does not."""
    held = follow(TIMED_OUT)
    forgotten = replace(follow(TIMED_OUT, PENDING), doubted_at=None)
    throttled = follow(TIMED_OUT, THROTTLED)
    told = {
        UUID(int=11): (held,),
        UUID(int=12): (held, forgotten),
        UUID(int=13): (throttled, replace(forgotten, cause=Cause.RATE_LIMITED)),
        UUID(int=14): (follow(DONE), follow(PENDING)),
        UUID(int=15): (follow(THROTTLED), follow(THROTTLED, PENDING)),
        UUID(int=16): (follow(PENDING),),
        UUID(int=17): (follow(DONE),),
    }
    for record_id, versions in told.items():
        await write(database, record_id, *versions)
    await fill_doubts(database_url)
    async with database.organization(ORGANIZATION) as connection:
        records = await list_records(connection, organization_id=ORGANIZATION, limit=100)
    doubted = {each.record_id.int: each.doubted_at for each in records if each.doubted_at}
    assert doubted == {each.record_id.int: each.updated_at for each in records if each.record_id.int < 15}
    assert {each.state for each in records if each.record_id.int < 15} == {State.QUARANTINED, State.WAITING}
