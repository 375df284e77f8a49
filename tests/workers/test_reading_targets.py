"""What single documents prove, read from the simulated hub into a real Postgres."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

from service.domain.cadence.stream import Stream
from service.domain.fleet import WorkKind
from service.store.database import Database
from service.store.streams import insert_targets
from service.store.work import nudge_work
from tests.workers.watching import Watching, watching

STREAM = Stream.LOCAL_RECEIVABLES


async def test_a_document_read_singly_is_readable_or_not_from_then_on(database: Database) -> None:
    """One that cannot be read when asked for is marked without waiting for its list, and so it is freed."""
    async with watching(database, organizations=1, documents=10, situations="healthy") as w:
        await w.catch_up()
        (organization_id,) = w.organization_ids
        documents = await w.rows(organization_id, "documents")
        invoice = next(
            row["document_id"]
            for row in documents
            if (row["side"], row["ledger"], row["kind"]) == ("local", "receivable", "invoice")
        )

        def spoil(request: httpx.Request, body: Any) -> Any:
            return {**body, "currency": 7} if request.url.path.endswith(f"/receivables/{invoice}") else body

        w.way.tamper = spoil
        assert await _unreadable_after_asking(w, invoice) == {invoice}
        w.way.tamper = None
        assert await _unreadable_after_asking(w, invoice) == set()


async def test_a_document_that_could_not_be_read_is_still_wanted(database: Database) -> None:
    """One that an event named, and that the hub could not give just then, is asked for again soon."""
    async with watching(database, organizations=1, documents=4, situations="healthy") as w:
        await w.catch_up()
        (organization_id,) = w.organization_ids
        invoice_id = w.simulator.issue_invoice(str(organization_id))
        w.way.instead = _cannot(f"/receivables/{invoice_id}")
        async with database.organization(organization_id) as connection:
            wish = (STREAM, invoice_id, await database.now())
            await insert_targets(connection, organization_id, [wish])
            await nudge_work(connection, [organization_id], WorkKind.POLL, await database.now())
        await w.run(w.poller)
        assert invoice_id not in await _documents(w)
        w.way.instead = None
        w.advance(301)
        await w.run(w.poller)
        assert invoice_id in await _documents(w)
        assert await w.rows(organization_id, "targets") == []


async def test_lines_that_could_not_be_read_are_still_wanted(database: Database) -> None:
    """A bill on its way whose lines the hub could not give just then is asked for them again soon."""
    async with watching(database, organizations=1, documents=4, situations="healthy") as w:
        await w.catch_up()
        (organization_id,) = w.organization_ids
        w.simulator.fail_next_push(str(organization_id), "invalid_field")
        bill_id = w.simulator.issue_bill(str(organization_id))
        w.way.instead = _cannot("/line-items")
        w.advance(4_000)
        await w.catch_up()
        assert not (await _documents(w))[bill_id]["lines"]
        w.way.instead = None
        w.advance(601)
        await w.catch_up()
        assert (await _documents(w))[bill_id]["lines"]


def _cannot(path: str) -> Callable[[httpx.Request], tuple[int, Any] | None]:
    return lambda request: (502, "bad gateway") if request.url.path.endswith(path) else None


async def _documents(w: Watching) -> dict[str, Any]:
    (organization_id,) = w.organization_ids
    return {row["document_id"]: row["body"] for row in await w.rows(organization_id, "documents")}


async def _unreadable_after_asking(w: Watching, document_id: str) -> set[str]:
    (organization_id,) = w.organization_ids
    async with w.database.organization(organization_id) as connection:
        now = await w.database.now()
        await insert_targets(connection, organization_id, [(STREAM, document_id, now)])
    w.advance(301)
    await w.run(w.poller)
    return {row["document_id"] for row in await w.rows(organization_id, "unreadable_documents")}
