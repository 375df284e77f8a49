"""Events make things be read, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx

from service.domain.fleet import FLEET, WorkKind
from service.store.database import Database
from service.store.events import LoggedEvent, insert_logged_events, list_unworked_events
from service.store.work import get_now, nudge_work
from tests.workers.truth import assert_all_equal
from tests.workers.watching import Watching, watching

OBJECT_TYPES = ["receivable", "payable", "accounting_connection", "product", "counterpart"]


async def test_event_leads_to_the_document_and_its_record(database: Database) -> None:
    """An event about an invoice has the invoice read at once and its record within seconds, by few calls."""
    async with watching(
        database, organizations=1, documents=6, situations="healthy", push_seconds=(3, 3)
    ) as w:
        await _subscribe(w)
        await w.catch_up()
        (organization_id,) = w.organization_ids
        document_id = w.simulator.issue_invoice(str(organization_id))
        await _store(w, organization_id, [_event("receivable", document_id)])
        calls = w.requests
        await w.run(w.ingester)
        await w.run(w.poller)
        assert document_id in {row["document_id"] for row in await w.rows(organization_id, "documents")}
        assert w.requests - calls == 1, "the document and nothing else"
        w.advance(5)
        await w.run(w.poller)
        states = {
            str(row["object_id"]): row["sync_status"] for row in await w.rows(organization_id, "records")
        }
        assert states[document_id] == "done"
        assert w.requests - calls <= 4


async def test_every_event_is_worked_off_once(database: Database) -> None:
    """A thousand events of one organization are worked off in a few transactions, and then none waits."""
    async with watching(database, organizations=1, documents=2) as w:
        await w.catch_up()
        (organization_id,) = w.organization_ids
        await _store(w, organization_id, [_event("payable", str(uuid4())) for _ in range(1_000)])
        assert await w.run(w.ingester) >= 1
        async with w.database.organization(organization_id) as connection:
            assert await list_unworked_events(connection, organization_id, 10) == []
        assert len(await w.rows(organization_id, "targets")) == 1_000
        before = await w.rows(organization_id, "events")
        await _nudge(w, organization_id)
        await w.run(w.ingester)
        assert await w.rows(organization_id, "events") == before


async def test_wishes_that_come_while_reading_are_kept(database: Database) -> None:
    """An event that comes while its very list is being read leads to another look."""
    async with watching(database, organizations=1, documents=4, situations="healthy") as w:
        await w.catch_up()
        (organization_id,) = w.organization_ids
        await _store(w, organization_id, [_event("accounting_connection", str(uuid4()))])
        await w.run(w.ingester)
        asked = 0

        def count(request: httpx.Request) -> None:
            nonlocal asked
            asked += request.url.path.endswith("/accounting-connections")

        async def interrupt(request: httpx.Request) -> None:
            if asked == 1 and request.url.path.endswith("/accounting-connections"):
                await _store(w, organization_id, [_event("accounting_connection", str(uuid4()))])
                await w.run(w.ingester)

        w.way.before = count
        w.way.meanwhile = interrupt
        await w.run(w.poller)
        w.advance(1)
        await w.run(w.poller)
        assert asked == 2


async def test_events_that_never_came_are_found_in_the_log(database: Database) -> None:
    """What the hub's log has and no webhook brought is stored as such, worked off, and read."""
    async with watching(database, organizations=1, documents=4, situations="healthy") as w:
        await _subscribe(w)
        await w.catch_up()
        (organization_id,) = w.organization_ids
        w.simulator.add_fault("drop_webhook")
        document_id = w.simulator.issue_invoice(str(organization_id))
        w.advance(601)
        await w.catch_up()
        told = [row for row in await w.rows(organization_id, "events") if row["object_id"] == document_id]
        assert told
        assert {row["source"] for row in told} == {"log"}
        assert all(row["worked_at"] for row in told)
        assert document_id in {row["document_id"] for row in await w.rows(organization_id, "documents")}
        again = len(await w.rows(organization_id, "events"))
        w.advance(601)
        await w.catch_up()
        assert len(await w.rows(organization_id, "events")) == again, "each is taken from the log once"


async def test_unknown_organization_is_listed_soon(database: Database) -> None:
    """An event of an organization that we never heard of has it listed and read."""
    async with watching(database, organizations=1, documents=2) as w:
        await w.catch_up()
        new = UUID(w.simulator.add_organization("Newcomer"))
        await _store(w, new, [_event("entity", str(new))])
        await w.run(w.ingester)
        await w.catch_up()
        assert await w.rows(new, "connections"), "the fleet was listed, and the newcomer read"
        async with w.database.organization(FLEET) as connection:
            row = await connection.fetchrow("SELECT fence FROM work WHERE kind = $1", WorkKind.FLEET)
        assert row is not None
        assert row["fence"] == 2
        w.advance(301)
        await w.catch_up()
        await assert_all_equal(w)


def _event(object_type: str, object_id: str) -> LoggedEvent:
    return LoggedEvent(
        event_id=uuid4(),
        object_type=object_type,
        action="updated",
        object_id=object_id,
        created_at=datetime.now(UTC) - timedelta(seconds=1),
        raw=b"{}",
    )


async def _store(w: Watching, organization_id: UUID, events: Sequence[LoggedEvent]) -> None:
    async with w.database.organization(organization_id) as connection:
        await insert_logged_events(connection, organization_id, events)
    await _nudge(w, organization_id)


async def _nudge(w: Watching, organization_id: UUID) -> None:
    async with w.database.organization(organization_id) as connection:
        await nudge_work(connection, [organization_id], WorkKind.INGEST, await get_now(connection))


async def _subscribe(w: Watching) -> None:
    """Have the hub log events: it logs what enabled subscriptions cause."""
    for object_type in OBJECT_TYPES:
        await w.hub.create_subscription(object_type, "https://tieout.example/webhooks/hub")
