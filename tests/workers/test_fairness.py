"""One organization that hangs, or whose lists have no end, delays no other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import httpx

from service.domain.cadence.stream import Stream
from service.domain.fleet import WorkKind
from service.store.awaited import insert_awaited
from service.store.database import Database
from service.store.work import nudge_work
from service.workers.scheduler import Scheduler
from tests.workers.watching import Watching, watching

ORGANIZATIONS = 5
PAGES = 100_000
"""More than anybody reads within the test."""

DEADLINE_SECONDS = 60.0
"""Generous: the condition holds within a second or two on an idle machine."""


async def test_a_hanging_organization_delays_no_other(database: Database) -> None:
    """While every call of one organization hangs, it holds one lane, and the others' results are detected."""
    async with fleet(database) as w:
        huge, *others = w.organization_ids
        held, ended, release = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def hang(request: httpx.Request) -> None:
            if _is_of(request, huge):
                held.set()
                await release.wait()
                ended.set()

        w.way.meanwhile = hang
        documents = await issue(w, w.organization_ids)
        async with running(w):
            await asyncio.wait_for(held.wait(), DEADLINE_SECONDS)
            await detected(w, {each: documents[each] for each in others})
            assert not ended.is_set(), "its first call still hangs"
            release.set()
            await detected(w, documents)
        assert w.way.most_at_once == 1, "an organization is read one call at a time"


async def test_an_endless_list_delays_no_other(database: Database) -> None:
    """While one organization's records come page after page, the others' results are detected."""
    async with fleet(database) as w:
        huge, *others = w.organization_ids
        pages = 0

        def ask_again(request: httpx.Request) -> None:
            """Let each page be the first one, whatever it is called."""
            if _is_of(request, huge) and _is_records(request):
                request.url = request.url.copy_remove_param("pagination_token").copy_merge_params(
                    {"object_type": "receivable", "limit": "250"}
                )

        def go_on(request: httpx.Request, body: Any) -> Any:
            nonlocal pages
            if not (_is_of(request, huge) and _is_records(request)) or pages >= PAGES:
                return body
            pages += 1
            rows = body["data"] if pages % 2 else body["data"][::-1]
            return {**body, "data": rows, "next_pagination_token": f"page-{pages}"}

        async def walks() -> bool:
            return pages > 0

        w.way.before, w.way.tamper = ask_again, go_on
        documents = await issue(w, w.organization_ids)
        async with running(w):
            await until(walks)
            await detected(w, {each: documents[each] for each in others})
            assert pages < PAGES
        assert w.way.most_at_once == 1


@asynccontextmanager
async def fleet(database: Database) -> AsyncIterator[Watching]:
    """Some organizations, read whole, whose pushes take three seconds."""
    async with watching(
        database,
        organizations=ORGANIZATIONS,
        documents=4,
        situations="healthy",
        push_seconds=(3, 3),
        timeout_seconds=2 * DEADLINE_SECONDS,
    ) as w:
        await w.catch_up()
        yield w


async def issue(w: Watching, organization_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Issue an invoice in each and await its result, as an event would; then let the pushes end."""
    issued = {each: w.simulator.issue_invoice(str(each)) for each in organization_ids}
    now = await w.database.now()
    for each, document_id in issued.items():
        async with w.database.organization(each) as connection:
            await insert_awaited(connection, each, [(Stream.RECEIVABLE_RECORDS, document_id, now)])
            await nudge_work(connection, [each], WorkKind.POLL, now)
    w.advance(60)
    return issued


@asynccontextmanager
async def running(w: Watching) -> AsyncIterator[None]:
    """The real scheduler with the real lanes, reading."""
    scheduler = Scheduler(w.database, [w.poller], tick_seconds=0.1, drain_seconds=0.1)
    scheduler.start()
    try:
        yield
    finally:
        await scheduler.stop()


async def detected(w: Watching, documents: dict[UUID, str]) -> None:
    """Wait until the results of all these are known."""

    async def are_all() -> bool:
        return all([await is_detected(w, each, document) for each, document in documents.items()])

    await until(are_all)


async def is_detected(w: Watching, organization_id: UUID, document_id: str) -> bool:
    """Whether the record of a document is known to be done."""
    rows = await w.rows(organization_id, "records")
    return any(str(row["object_id"]) == document_id and row["sync_status"] == "done" for row in rows)


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not await holds():  # noqa: ASYNC110 - what is waited for are rows
            await asyncio.sleep(0.05)


def _is_of(request: httpx.Request, organization_id: UUID) -> bool:
    return bool(request.headers.get("X-Organization-Id") == str(organization_id))


def _is_records(request: httpx.Request) -> bool:
    return request.url.path.endswith("/accounting-synced-records")
