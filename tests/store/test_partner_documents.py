"""A partner's documents and the hub's copies of them, written by several at once on a real Postgres."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import pytest

from service.domain.document import Document, DocumentKind, Ledger, Origin, Side
from service.domain.fleet import WorkKind
from service.store.database import Connection, Database
from service.store.documents import SeenDocument, list_documents, list_local_amounts, write_documents
from service.store.history import HistoryKind, list_history
from service.store.migrate import MIGRATIONS
from service.store.partner_documents import Outcome, delete_documents, put_documents
from service.store.work import get_now, nudge_work
from tests.conftest import command

AT = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)

WAITING: Final = (
    "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
)

Write = Callable[[Connection, UUID], Awaitable[object]]

HUB: Final = Document(
    side=Side.LOCAL,
    ledger=Ledger.RECEIVABLE,
    kind=DocumentKind.INVOICE,
    document_id="d-1",
    number="H-1",
    party_id="counterpart-7",
    currency="USD",
    total_minor=100,
    updated_at=AT,
)
OWN: Final = replace(
    HUB, origin=Origin.PARTNER, is_in_hub=False, party_id=None, number="P-1", total_minor=200, updated_at=None
)


async def read(connection: Connection, organization_id: UUID) -> None:
    """Write the hub's copy as a list tells it that was begun before anything was known of it."""
    await write_documents(connection, organization_id, [SeenDocument(document=HUB, payload={})], {})


def putting(own: Document = OWN) -> Write:
    """Put a document."""

    async def put(connection: Connection, organization_id: UUID) -> Sequence[Outcome]:
        return [each.outcome for each in await put_documents(connection, organization_id, [own], AT)]

    return put


async def take_back(connection: Connection, organization_id: UUID) -> None:
    """Delete a document."""
    assert await delete_documents(connection, organization_id, ["d-1"]) == 1


async def one_behind_the_other(
    database: Database, organization_id: UUID, first: Write, second: Write
) -> object:
    """Run two at once, of which the second waits for the first; returns what came of the second."""

    async def run(write: Write) -> object:
        async with database.organization(organization_id) as connection:
            return await write(connection, organization_id)

    async with database.organization(organization_id) as connection:
        await first(connection, organization_id)
        waiting = asyncio.create_task(run(second))
        async with asyncio.timeout(30):
            while not await connection.fetchval(WAITING):
                assert not waiting.done(), "the second did not wait"
    return await waiting


async def stands(database: Database, organization_id: UUID) -> Document:
    """The document as it is compared."""
    async with database.organization(organization_id) as connection:
        [one] = await list_documents(connection, organization_id, Ledger.RECEIVABLE)
    assert one.removed_at is None
    return one.document


async def history(database: Database, organization_id: UUID) -> list[int]:
    """Its versions, in the order in which they were written."""
    async with database.organization(organization_id) as connection:
        found = await list_history(
            connection, organization_id, HistoryKind.DOCUMENT, "receivable/local/d-1", 100
        )
    return [each.version for each in sorted(found, key=lambda each: each.known_from)]


@pytest.mark.parametrize(
    ("before", "first", "second"),
    [
        ([read], putting(), putting(replace(OWN, number="P-2"))),
        ([], read, putting()),
        ([], putting(), read),
        ([putting()], read, putting(replace(OWN, number="P-2"))),
    ],
    ids=["put and put", "first reading and put", "put and first reading", "reading beside and put"],
)
async def test_what_is_written_at_once_is_joined(
    database: Database, before: Sequence[Write], first: Write, second: Write
) -> None:
    """Whoever comes first, and however closely, the partner's word stands joined with the hub's copy."""
    organization_id = uuid4()
    for write in before:
        async with database.organization(organization_id) as connection:
            await write(connection, organization_id)
    await one_behind_the_other(database, organization_id, first, second)
    found = await stands(database, organization_id)
    assert (found.origin, found.is_in_hub, found.party_id) == (Origin.PARTNER, True, "counterpart-7")
    assert found.number == ("P-2" if before else "P-1")
    async with database.organization(organization_id) as connection:
        assert (await list_local_amounts(connection, organization_id, ["d-1"]))["d-1"].amount_minor == 100
        await take_back(connection, organization_id)
    assert await stands(database, organization_id) == HUB
    versions = await history(database, organization_id)
    assert versions == list(range(1, len(versions) + 1))


async def test_two_that_put_the_same_at_once(database: Database) -> None:
    """The second of two that put the same new document finds it there, unchanged."""
    told: Any = await one_behind_the_other(database, uuid4(), putting(), putting())
    assert told == [Outcome.UNCHANGED]


async def test_the_hub_has_its_place_after_one_was_taken_back(database: Database) -> None:
    """What the partner took back, even while the hub's list was being read, hides nothing of the hub's."""
    for is_read_meanwhile in (False, True):
        organization_id = uuid4()
        async with database.organization(organization_id) as connection:
            await putting()(connection, organization_id)
            if not is_read_meanwhile:
                await take_back(connection, organization_id)
        if is_read_meanwhile:
            await one_behind_the_other(database, organization_id, take_back, read)
        else:
            async with database.organization(organization_id) as connection:
                await read(connection, organization_id)
        assert await stands(database, organization_id) == HUB
        assert await history(database, organization_id) == [1, 2, 3]


async def test_what_was_hidden_stands_again_after_the_upgrade(database: Database, database_url: str) -> None:
    """What a release before hid of the hub's takes its place; what the partner put or took back stays so."""
    organization_id = uuid4()
    kept = replace(OWN, document_id="d-2")
    gone = replace(OWN, document_id="d-3")
    async with database.organization(organization_id) as connection:
        await put_documents(connection, organization_id, [OWN, kept, gone], AT)
        beside = [HUB, replace(HUB, document_id="d-2")]
        seen = [SeenDocument(document=each, payload={}) for each in beside]
        await write_documents(connection, organization_id, seen, {})
        await delete_documents(connection, organization_id, ["d-3"])
        await nudge_work(connection, [organization_id], WorkKind.COMPARE, AT + timedelta(days=1000))
    hidden = "UPDATE tieout.documents SET removed_at = tieout.now() WHERE document_id = 'd-1'"
    await command(database_url, hidden)
    [upgrade] = MIGRATIONS.glob("0074_*.sql")
    for _ in range(2):
        await command(database_url, upgrade.read_text(encoding="utf-8"))
    async with database.organization(organization_id) as connection:
        found = await list_documents(connection, organization_id, Ledger.RECEIVABLE)
        due_at = await connection.fetchval("SELECT due_at FROM work WHERE kind = 'compare'")
        assert due_at <= await get_now(connection)
    assert [each.document.document_id for each in found if each.removed_at] == ["d-3"]
    assert {each.document.document_id: each.document.origin for each in found if not each.removed_at} == {
        "d-1": Origin.HUB,
        "d-2": Origin.PARTNER,
    }
    assert await history(database, organization_id) == [1, 2, 3]
