"""What a page or an answer joins from several statements is of one moment, whatever is written meanwhile.

A test holds the lock of a table that is read late, so that the page waits in its midst; what holds it writes
then, and lets go.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import msgspec

from service.domain.record import Record
from service.domain.record_state import State
from service.store.alerts import mark_alert_snoozed
from service.store.database import Connection, Database
from service.store.organizations import SeenOrganization, write_organizations
from service.store.records import Change, write_records
from service.store.work import get_now
from tests.web.builders import NOW, ORGANIZATION, add_alert, add_organization, add_record, eventually

BROWSER = {"accept": "text/html"}

WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = $1::regclass"


@asynccontextmanager
async def amid(
    database: Database, table: str, caller: httpx.AsyncClient, path: str, told: list[str]
) -> AsyncIterator[Connection]:
    """Ask for a path, and write when it has come to a table, before it reads that; `told` gets the answer."""
    async with database.fleet() as rows:
        await rows.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        asked = asyncio.ensure_future(caller.get(path, headers=BROWSER))

        async def has_come() -> bool:
            async with database.fleet(readonly=True) as other:
                return bool(await other.fetchval(WAITING, table))

        await eventually(has_come)
        yield rows
    answer = await asked
    assert answer.status_code == httpx.codes.OK, answer.text
    told.append(answer.text)


async def write(rows: Connection, before: Record, **changes: object) -> None:
    """Write a record that has changed."""
    after = msgspec.structs.replace(before, version=before.version + 1, **changes)
    await write_records(rows, [Change(before=before, after=after, payload=None, content_hash=None)])


HEALED = {
    "state": State.CONFIRMED,
    "sync_status": "done",
    "cause": None,
    "cause_group": None,
    "cause_text": None,
    "owner": None,
}


async def test_the_overview_is_of_one_moment(database: Database, viewer: httpx.AsyncClient) -> None:
    """A record that heals while the overview is read fails on all of it, or on none."""
    await add_organization(database, ORGANIZATION, "Alder")
    record = await add_record(database, ORGANIZATION, state=State.BLOCKED)
    told: list[str] = []
    async with amid(database, "records", viewer, "/", told) as rows:
        await write(rows, record, **HEALED)
    assert "in 1 failing record" in told[0]
    assert "Nothing fails" not in told[0]
    told.append((await viewer.get("/", headers=BROWSER)).text)
    assert "in 1 failing record" not in told[1]
    assert "Nothing fails" in told[1]


async def test_the_page_of_a_cause_is_of_one_moment(database: Database, viewer: httpx.AsyncClient) -> None:
    """Above the page and on it an organization bears one name, also when it is renamed in between."""
    await add_organization(database, ORGANIZATION, "Alder")
    await add_record(database, ORGANIZATION, state=State.BLOCKED)
    path = f"/causes/missing_tax_rate?organization_id={ORGANIZATION}"
    told: list[str] = []
    async with amid(database, "reference_objects", viewer, path, told) as rows:
        renamed = SeenOrganization(
            organization_id=ORGANIZATION,
            name="Birch",
            status="active",
            hub_created_at=NOW - timedelta(days=90),
            hub_updated_at=NOW,
            payload={"id": str(ORGANIZATION), "name": "Birch"},
        )
        await write_organizations(rows, [renamed])
    assert ("Alder" in told[0], "Birch" in told[0]) == (True, False)


async def test_a_list_and_its_clock_are_of_one_moment(database: Database, viewer: httpx.AsyncClient) -> None:
    """What a list says of its rows it counts from when they were read, not from a later look at the clock."""
    alert = await add_alert(database)
    async with database.fleet() as rows:
        await mark_alert_snoozed(rows, alert.alert_id, await get_now(rows) + timedelta(hours=1))
    told: list[str] = []
    async with amid(database, "alerts", viewer, "/alerts", told):
        database.clock_offset = timedelta(hours=2)
    assert "Silent until" in told[0]


async def test_a_record_that_is_settled_does_not_fail(database: Database, viewer: httpx.AsyncClient) -> None:
    """What the hub still calls an error is on its way or in the books all the same, and waits for no cure."""
    await add_organization(database, ORGANIZATION, "Alder")
    await add_record(database, ORGANIZATION, state=State.WAITING, sync_status="error")
    await add_record(database, ORGANIZATION, state=State.ACKNOWLEDGED, sync_status="error")
    page = (await viewer.get("/", headers=BROWSER)).text
    assert "no record fails" in page
    assert "Nothing fails" in page
