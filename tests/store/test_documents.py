"""Documents: written when they changed, kept in their normal form, gone when that is proven."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from service.domain.document import Basis, Document, DocumentKind, Ledger, Line, Side, Status
from service.domain.pushing.preflight import Owed
from service.store.database import Database
from service.store.documents import (
    KnownDocument,
    SeenDocument,
    is_news,
    list_document_hashes,
    list_documents,
    list_hashes_of_documents,
    list_known_objects,
    list_local_amounts,
    mark_document_removed,
    mark_documents_removed,
    sum_unpaid_invoices,
    write_documents,
)
from service.store.history import HistoryKind, list_history
from service.store.scans import ScanRow, insert_scan, list_latest_scans, prune_scans

AT = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)


def bill(document_id: str | None = None, **changes: Any) -> Document:
    """A local bill."""
    told: dict[str, Any] = {
        "side": Side.LOCAL,
        "ledger": Ledger.PAYABLE,
        "kind": DocumentKind.BILL,
        "document_id": document_id or str(uuid4()),
        "currency": "KWD",
        "total_minor": 9007199254740991,
        "number": "B-1",
        "party_name": "Ólafur & søn",
        "status": Status.OPEN,
        "stated_status": "waiting_to_be_paid",
        "issued_on": date(2026, 9, 30),
        "remainder": Decimal("0.250"),
        "updated_at": AT,
    }
    return Document(**{**told, **changes})


LINE = Line(description="Nuts", quantity=Decimal("1.5"), unit_amount=Decimal("2.0005"), tax_rate=2000)


async def known(database: Database, organization_id: UUID) -> Mapping[str, KnownDocument]:
    """What is known of the local bills."""
    async with database.organization(organization_id) as connection:
        return await list_document_hashes(connection, organization_id, Ledger.PAYABLE, Side.LOCAL)


async def write(database: Database, organization_id: UUID, *documents: Document) -> list[str]:
    """Write documents as a reading does."""
    before = await known(database, organization_id)
    seen = [SeenDocument(document=each, payload={"id": each.document_id}) for each in documents]
    async with database.organization(organization_id) as connection:
        return list(await write_documents(connection, organization_id, seen, before))


async def test_normal_form_survives(database: Database) -> None:
    """A document comes back exactly: decimals, dates, lines, and amounts as large as the hub allows."""
    organization_id = uuid4()
    documents = [
        bill(),
        bill(lines=(LINE, Line()), basis=Basis.DERIVED, rounded_lines=1),
        bill(side=Side.BOOKS, document_id="120", currency="JPY", status=None, updated_at=None),
    ]
    for each in documents:
        await write(database, organization_id, each)
    async with database.organization(organization_id) as connection:
        found = await list_documents(connection, organization_id, Ledger.PAYABLE)
        amounts = await list_local_amounts(connection, organization_id, [documents[0].document_id])
        ours = await list_known_objects(connection, organization_id, [documents[0].document_id, "120"])
    assert {each.document.document_id: each.document for each in found} == {
        each.document_id: each for each in documents
    }
    assert amounts[documents[0].document_id].amount_minor == 9007199254740991
    assert ours == {documents[0].document_id}, "what stands in the books is no object of the hub"


async def test_only_changes_are_written(database: Database) -> None:
    """The same document again writes nothing; a touched one without a change makes no version of ours."""
    organization_id, first = uuid4(), bill()
    assert await write(database, organization_id, first) == [first.document_id]
    assert await write(database, organization_id, first) == []
    touched = replace(first, updated_at=AT + timedelta(hours=1))
    assert await write(database, organization_id, touched) == []
    stood = (await known(database, organization_id))[first.document_id]
    assert (stood.version, stood.hub_updated_at) == (1, touched.updated_at)
    changed = replace(touched, total_minor=5, updated_at=AT + timedelta(hours=2))
    assert await write(database, organization_id, changed) == [first.document_id]
    async with database.organization(organization_id) as connection:
        history = await list_history(
            connection, organization_id, HistoryKind.DOCUMENT, f"payable/local/{first.document_id}", 10
        )
    assert [each.body["document"]["total_minor"] for each in history] == [5, first.total_minor]


async def test_older_versions_never_win(database: Database) -> None:
    """A version older than the one that is held changes nothing, in whatever order they come."""
    organization_id, newer = uuid4(), bill(updated_at=AT)
    older = replace(newer, total_minor=1, updated_at=AT - timedelta(seconds=1))
    await write(database, organization_id, newer)
    assert await write(database, organization_id, older) == []
    assert await write(database, organization_id, older, replace(newer, number="B-2"), older) == [
        newer.document_id
    ]
    async with database.organization(organization_id) as connection:
        (stored,) = await list_documents(connection, organization_id, Ledger.PAYABLE)
    assert (stored.document.total_minor, stored.document.number) == (newer.total_minor, "B-2")


async def test_lines_are_more_than_the_list_tells(database: Database) -> None:
    """A bill whose lines are known is no news to a list that tells none; its header's change is."""
    organization_id, listed = uuid4(), bill()
    await write(database, organization_id, replace(listed, lines=(LINE,)))
    stood = (await known(database, organization_id))[listed.document_id]
    assert stood.has_lines
    assert not is_news(listed, stood)
    assert is_news(replace(listed, total_minor=2), stood)
    assert not is_news(replace(listed, total_minor=2, updated_at=AT - timedelta(days=1)), stood)


async def test_gone_and_back_again(database: Database) -> None:
    """What a complete list lacks is marked, known to comparing, and alive again when it is seen again."""
    organization_id = uuid4()
    here, gone, single = bill(), bill(), bill()
    await write(database, organization_id, here, gone, single)
    async with database.organization(organization_id) as connection:
        arguments = (connection, organization_id, Ledger.PAYABLE, Side.LOCAL)
        listed = [here.document_id, single.document_id]
        assert await mark_documents_removed(*arguments, listed) == [gone.document_id]
        assert await mark_documents_removed(*arguments, listed) == []
        assert await mark_document_removed(*arguments, single.document_id)
        assert not await mark_document_removed(*arguments, single.document_id)
        assert not await mark_document_removed(*arguments, "never known")
        found = await list_documents(connection, organization_id, Ledger.PAYABLE)
    assert {each.document.document_id for each in found if each.removed_at} == {
        gone.document_id,
        single.document_id,
    }
    assert await write(database, organization_id, gone) == [gone.document_id]
    stood = await known(database, organization_id)
    assert stood[gone.document_id].removed_at is None
    assert stood[gone.document_id].version == 3
    async with database.organization(organization_id) as connection:
        some = await list_hashes_of_documents(
            connection, organization_id, Ledger.PAYABLE, Side.LOCAL, [here.document_id, "other"]
        )
    assert some.keys() == {here.document_id}


async def test_newest_scan_of_each_list_counts(database: Database) -> None:
    """Scans are kept with their reasons, and the newest of each list is told; old ones are forgotten."""
    organization_id = uuid4()
    now = await database.now()

    def scan(ago: timedelta, *, certified: bool) -> ScanRow:
        return ScanRow(
            ledger=Ledger.RECEIVABLE,
            side=Side.BOOKS,
            started_at=now - ago,
            finished_at=now - ago,
            last_pull=now - ago,
            certified=certified,
            reason="because",
            documents_count=3,
        )

    async with database.organization(organization_id) as connection:
        await insert_scan(connection, organization_id, scan(timedelta(days=40), certified=True))
        await insert_scan(connection, organization_id, scan(timedelta(days=1), certified=True))
        await insert_scan(connection, organization_id, scan(timedelta(hours=1), certified=False))
        latest = await list_latest_scans(connection, organization_id)
        assert latest == {
            (Ledger.RECEIVABLE, Side.BOOKS): scan(timedelta(hours=1), certified=False),
        }
        await prune_scans(connection, timedelta(days=30))
        assert await connection.fetchval("SELECT count(*) FROM scans") == 2


@pytest.mark.parametrize(
    ("days_and_certified", "left"),
    [
        ([(90, True)], [90]),
        ([(90, False)], [90]),
        ([(90, True), (80, True), (70, False), (60, False)], [80, 60]),
        ([(90, False), (80, True)], [80]),
        ([(90, True), (1, False)], [90, 1]),
        ([(90, True), (80, False), (1, True)], [1]),
    ],
)
async def test_what_was_read_last_is_never_forgotten(
    database: Database, days_and_certified: Sequence[tuple[int, bool]], left: Sequence[int]
) -> None:
    """However old, the newest scan of a list and its newest certified one stay: no other may ever come."""
    organization_id, now = uuid4(), await database.now()
    lists = [(Ledger.RECEIVABLE, Side.BOOKS), (Ledger.PAYABLE, Side.BOOKS)]
    async with database.organization(organization_id) as connection:
        for ledger, side in lists:
            for days, certified in days_and_certified:
                at = now - timedelta(days=days)
                scan = ScanRow(
                    ledger=ledger,
                    side=side,
                    started_at=at,
                    finished_at=at,
                    last_pull=at,
                    certified=certified,
                    reason="because",
                    documents_count=3,
                )
                await insert_scan(connection, organization_id, scan)
        await prune_scans(connection, timedelta(days=30))
        for ledger, _ in lists:
            rows = await connection.fetch(
                "SELECT finished_at FROM scans WHERE ledger = $1 ORDER BY 1", ledger
            )
            assert [(now - row["finished_at"]).days for row in rows] == left


async def test_what_is_owed_on_invoices(database: Database) -> None:
    """Open and partly paid invoices count with what is due of them; drafts, paid and void ones do not."""
    organization_id = uuid4()

    def invoice(total_minor: int, status: Status, **changes: Any) -> SeenDocument:
        told = {"ledger": Ledger.RECEIVABLE, "kind": DocumentKind.INVOICE, "currency": "USD", **changes}
        return SeenDocument(document=bill(total_minor=total_minor, status=status, **told), payload={})

    seen = [
        invoice(500, Status.OPEN),
        invoice(900, Status.PARTIALLY_PAID, due_minor=200),
        invoice(100, Status.OPEN, currency="EUR"),
        invoice(1, Status.DRAFT),
        invoice(2, Status.PAID, due_minor=0),
        invoice(4, Status.VOID),
        invoice(8, Status.OPEN, kind=DocumentKind.CREDIT_NOTE),
    ]
    async with database.organization(organization_id) as connection:
        await write_documents(connection, organization_id, seen, {})
        assert await sum_unpaid_invoices(connection, organization_id) == [
            Owed(currency="EUR", invoices=1, due_minor=100),
            Owed(currency="USD", invoices=2, due_minor=700),
        ]
        assert await sum_unpaid_invoices(connection, uuid4()) == []
