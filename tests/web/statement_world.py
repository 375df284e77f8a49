"""A compared world in the database, as the comparer would have written it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from uuid import UUID

from service.domain.comparing.difference_life import changes
from service.domain.document import Document, Ledger, Side
from service.store.balances import Reads, balance_row, upsert_balances, write_months
from service.store.comparing import list_open_differences, upsert_comparison, write_differences
from service.store.database import Database
from service.store.documents import SeenDocument, write_documents
from service.store.scans import ScanRow, insert_scan
from tests.domain.statement_builders import invoice, pushed, small_world
from tests.domain.worlds import World
from tests.web.builders import NOW


def october(books_minor: int = 65_000) -> World:
    """One invoice of October with another amount in the books, and one that never got there."""
    world = small_world()
    pushed(world, invoice(world, "inv-1", 70_000, date(2026, 10, 5)), total_minor=books_minor)
    invoice(world, "inv-2", 12_345, date(2026, 10, 7), party_name="=cmd|' /C calc'!A0")
    return world


async def put(
    database: Database, organization_id: UUID, world: World, *, read_at: datetime | None = NOW
) -> None:
    """Write what comparing a world finds; a second time what has changed."""
    comparison = world.compared()
    ledger = world.ledger
    reads = Reads(local_at=read_at, books_at=read_at, last_pull=read_at, certified=True)
    async with database.organization(organization_id) as rows:
        for side in (world.local, world.books):
            fresh: list[Document] = list(side)
            await write_documents(
                rows, organization_id, [SeenDocument(document=each, payload={}) for each in fresh], {}
            )
        found = [replace(each, record_id=None) for each in comparison.differences]
        known = await list_open_differences(rows, organization_id, ledger)
        await write_differences(rows, organization_id, changes(known, found), NOW)
        await write_months(rows, organization_id, ledger, comparison.months)
        balances = [
            balance_row(organization_id, each, reads, NOW) | {"version": 1} for each in comparison.balances
        ]
        await upsert_balances(rows, organization_id, balances)
        await rows.execute("UPDATE streams SET read_at = $1, full_at = $1", read_at)
        for each in Ledger:
            if read_at is not None:
                await insert_scan(rows, organization_id, _scan(each, read_at))
            await upsert_comparison(
                rows, organization_id, each, certified=True, open_differences=0, expected_differences=0
            )


def _scan(ledger: Ledger, at: datetime) -> ScanRow:
    return ScanRow(
        ledger=ledger,
        side=Side.BOOKS,
        started_at=at,
        finished_at=at,
        last_pull=at,
        certified=True,
        reason="",
        documents_count=0,
    )
