"""The list of organizations, and what it takes to be off it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import httpx

from service.domain.cadence.stream import STREAMS
from service.domain.fleet import ORGANIZATION_WORK
from service.store.database import Database
from tests.workers.truth import assert_all_equal
from tests.workers.watching import Watching, watching


async def test_organizations_are_listed_with_all_their_work(database: Database) -> None:
    """Every organization of several pages is there, with its work and its streams, all due."""
    async with watching(database, organizations=230, documents=0) as w:
        await w.run(w.fleet)
        async with database.fleet() as connection:
            organizations = await connection.fetchval("SELECT count(*) FROM organizations")
            work = await connection.fetchval(
                "SELECT count(*) FROM work WHERE kind = ANY($1)", ORGANIZATION_WORK
            )
            streams = await connection.fetchval("SELECT count(*) FROM streams WHERE due_at <= tieout.now()")
        assert organizations == 230
        assert work == 230 * len(ORGANIZATION_WORK)
        assert streams == 230 * len(STREAMS)


async def test_unchanged_list_writes_nothing(database: Database) -> None:
    """Listing the same organizations again writes no version; a renamed one writes one."""
    async with watching(database, organizations=5, documents=0) as w:
        await w.run(w.fleet)
        before = await _versions(w)
        w.advance(301)
        await w.run(w.fleet)
        assert await _versions(w) == before
        organization_id = w.organization_ids[0]
        w.simulator.set_status(str(organization_id), "inactive")
        w.advance(301)
        await w.run(w.fleet)
        after = await _versions(w)
        assert {each for each in after if after[each] != before[each]} == {organization_id}


async def test_missing_from_the_list_is_not_yet_removed(database: Database) -> None:
    """A list cut short removes nobody: who is not on it is asked for, and removed when the hub has none."""
    async with watching(database, organizations=4, documents=0) as w:
        await w.run(w.fleet)
        victim = w.organization_ids[-1]

        def hide(request: httpx.Request, body: Any) -> Any:
            if request.url.path.endswith("/entities"):
                return {**body, "data": [row for row in body["data"] if row["id"] != str(victim)]}
            return body

        w.way.tamper = hide
        w.advance(301)
        await w.run(w.fleet)
        assert await _removed(w) == set()
        del w.simulator.world.organizations[str(victim)]
        w.advance(301)
        await w.run(w.fleet)
        assert await _removed(w) == {victim}
        calls = w.requests
        w.advance(301)
        await w.run(w.poller)
        asked = w.simulator.requests(1_000)["requests"][-(w.requests - calls) :]
        assert str(victim) not in {row["organization_id"] for row in asked}, "nobody reads it any more"


async def test_one_that_is_back_is_read_at_once(database: Database) -> None:
    """An organization that the hub has again is read when it is listed, not when its long rest ends."""
    async with watching(database, organizations=1, documents=2, situations="healthy") as w:
        await w.catch_up()
        (organization_id,) = w.organization_ids
        w.way.instead = lambda request: _missing(request) if "/entities" in request.url.path else None
        w.advance(301)
        await w.run(w.fleet)
        assert await _removed(w) == {organization_id}
        await w.run(w.poller)
        w.way.instead = None
        w.simulator.issue_invoice(str(organization_id))
        w.advance(4_000)
        await w.catch_up()
        await assert_all_equal(w)


async def test_one_that_is_denied_keeps_no_other(database: Database) -> None:
    """Of whom the hub says neither that it is there nor that it is not, nobody else depends."""
    async with watching(database, organizations=3, documents=0) as w:
        await w.run(w.fleet)
        denied, gone, _ = sorted(w.organization_ids)

        def instead(request: httpx.Request) -> tuple[int, Any] | None:
            if request.url.path.endswith(str(denied)):
                return 403, {"error": {"message": "Access is denied."}}
            return _missing(request) if request.url.path.endswith(str(gone)) else None

        def hide(request: httpx.Request, body: Any) -> Any:
            if request.url.path.endswith("/entities"):
                return {
                    **body,
                    "data": [row for row in body["data"] if UUID(row["id"]) not in {denied, gone}],
                }
            return body

        w.way.instead, w.way.tamper = instead, hide
        w.advance(301)
        await w.run(w.fleet)
        assert await _removed(w) == {gone}


def _missing(request: httpx.Request) -> tuple[int, Any]:
    if request.url.path.endswith("/entities"):
        return 200, {"data": [], "next_pagination_token": None}
    return 404, {"error": {"message": "There is no such entity."}}


async def test_hub_that_fails_is_asked_again_soon(database: Database) -> None:
    """A list that could not be read to its end is read again after seconds, and removes nobody."""
    async with watching(database, organizations=130, documents=0) as w:
        w.simulator.add_fault("server_error", "GET /entities", count=2)
        await w.run(w.fleet)
        assert await _versions(w) == {}
        w.advance(6)
        await w.run(w.fleet)
        assert len(await _versions(w)) == 130
        await w.run(w.poller)
        await assert_all_equal(w)


async def _versions(w: Watching) -> dict[UUID, int]:
    async with w.database.fleet() as connection:
        rows = await connection.fetch("SELECT organization_id, version FROM organizations")
    return {row["organization_id"]: row["version"] for row in rows}


async def _removed(w: Watching) -> set[UUID]:
    async with w.database.fleet() as connection:
        rows = await connection.fetch(
            "SELECT organization_id FROM organizations WHERE removed_at IS NOT NULL"
        )
    return {row["organization_id"] for row in rows}
