"""What single documents prove, read from the simulated hub into a real Postgres."""

from __future__ import annotations

from typing import Any

import httpx

from service.domain.cadence.stream import Stream
from service.store.database import Database
from service.store.streams import insert_targets
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


async def _unreadable_after_asking(w: Watching, document_id: str) -> set[str]:
    (organization_id,) = w.organization_ids
    async with w.database.organization(organization_id) as connection:
        now = await w.database.now()
        await insert_targets(connection, organization_id, [(STREAM, document_id, now)])
    w.advance(301)
    await w.run(w.poller)
    return {row["document_id"] for row in await w.rows(organization_id, "unreadable_documents")}
