"""A partner's own documents beside the hub's, on a real Postgres against the simulated hub."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from service.domain.document import Document, DocumentKind, Ledger, Origin, Side, Status
from service.domain.fleet import WorkKind
from service.domain.pushing.readback_part import Part
from service.domain.record_state import State
from service.store.database import Database
from service.store.documents import list_documents, mark_document_removed
from service.store.history import HistoryKind, list_history
from service.store.partner_documents import Outcome, delete_documents, put_documents
from service.store.readback import read_part
from service.store.work import get_now, nudge_work
from tests.workers.healing import Healing, healing
from tests.workers.test_comparer import assert_ties_out

HOUR = 3_600.0


@pytest.fixture
async def world(database: Database) -> AsyncIterator[Healing]:
    """A healthy organization that has been read and compared."""
    async with healing(database, documents=4) as opened:
        await opened.live(2 * HOUR, HOUR / 2)
        yield opened


def own(document_id: str, **changes: object) -> Document:
    """An invoice of the partner's own system."""
    told = Document(
        side=Side.LOCAL,
        ledger=Ledger.RECEIVABLE,
        kind=DocumentKind.INVOICE,
        document_id=document_id,
        number="P-1",
        party_name="Harbour Coffee",
        currency="USD",
        total_minor=123_45,
        status=Status.OPEN,
        origin=Origin.PARTNER,
        is_in_hub=False,
        is_for_hub=False,
    )
    return replace(told, **changes)  # type: ignore[arg-type]


async def put(world: Healing, *documents: Document) -> list[Outcome]:
    """Put documents, as the web side does."""
    async with world.watch.database.organization(world.organization_id) as connection:
        now = await get_now(connection)
        puts = await put_documents(connection, world.organization_id, documents, now)
        await nudge_work(connection, [world.organization_id], WorkKind.COMPARE, now)
    return [each.outcome for each in puts]


async def take_back(world: Healing, document_id: str) -> None:
    """Delete a document, as the web side does."""
    async with world.watch.database.organization(world.organization_id) as connection:
        assert await delete_documents(connection, world.organization_id, [document_id]) == 1
        await nudge_work(connection, [world.organization_id], WorkKind.COMPARE, await get_now(connection))


async def local(world: Healing, document_id: str) -> Document:
    """The local document as it is compared."""
    async with world.watch.database.organization(world.organization_id) as connection:
        found = await list_documents(connection, world.organization_id, Ledger.RECEIVABLE)
    [one] = [
        each.document for each in found if each.document.document_id == document_id and not each.removed_at
    ]
    return one


async def versions(world: Healing, document_id: str) -> list[int]:
    """The versions of a local document that history has, in their order."""
    async with world.watch.database.organization(world.organization_id) as connection:
        where = (connection, world.organization_id, HistoryKind.DOCUMENT)
        found = await list_history(*where, f"receivable/local/{document_id}", 100)
    in_time = sorted(found, key=lambda each: each.known_from)
    return [each.version for each in in_time]


async def as_the_hub_has_it(world: Healing, document_id: str) -> Document:
    """The hub's copy of it, as it is looked for in the books."""
    part = Part(looked_for={document_id}, named=())
    async with world.watch.database.organization(world.organization_id, readonly=True) as connection:
        assert await read_part(connection, world.organization_id, Ledger.RECEIVABLE, part)
    [one] = [each for each in part.local if each.document_id == document_id]
    return one


async def test_its_word_stands_above_the_hubs_and_leaves_again(world: Healing) -> None:
    """Put under the hub's id it is what the books are compared with; taken back, the hub's stands again."""
    invoice_id: str = world.simulator.issue_invoice(str(world.organization_id))
    await world.live(2 * HOUR, HOUR / 2)
    assert await world.differences() == {}
    hub = await local(world, invoice_id)
    told = replace(
        own(invoice_id),
        number=hub.number,
        party_name=hub.party_name,
        currency=hub.currency,
        total_minor=hub.total_minor + 500,
        issued_on=hub.issued_on,
        due_on=hub.due_on,
    )
    assert await put(world, told) == [Outcome.CREATED]
    await world.live(3 * HOUR, HOUR)
    [found] = (await world.differences())["amount"]
    assert (found["local_id"], found["delta_minor"], found["origin"]) == (invoice_id, -500, "partner")
    await assert_ties_out(world)
    # A day later the hub's list has been read whole: the partner's word still stands, the hub's beside it.
    await world.watch.sweep()
    await world.settle()
    stands = await local(world, invoice_id)
    assert (stands.origin, stands.total_minor, stands.party_id) == (
        Origin.PARTNER,
        hub.total_minor + 500,
        hub.party_id,
    )
    assert await as_the_hub_has_it(world, invoice_id) == replace(hub, lines=())
    await take_back(world, invoice_id)
    await world.settle()
    assert await world.differences() == {}
    assert await local(world, invoice_id) == hub
    await assert_ties_out(world)


async def test_the_hub_goes_on_being_read_beside_it(world: Healing) -> None:
    """What the hub has under the partner's word is kept as it is read, and its end is not the partner's."""
    invoice_id: str = world.simulator.draft_invoice(str(world.organization_id))
    assert await put(world, own(invoice_id)) == [Outcome.CREATED]
    assert not (await local(world, invoice_id)).is_in_hub
    await world.live(HOUR, HOUR / 2)
    await world.watch.sweep()
    assert (await local(world, invoice_id)).is_in_hub
    assert (await as_the_hub_has_it(world, invoice_id)).status is Status.DRAFT
    async with world.watch.database.organization(world.organization_id) as connection:
        arguments = (connection, world.organization_id, Ledger.RECEIVABLE, Side.LOCAL, invoice_id)
        assert await mark_document_removed(*arguments)
        assert not await mark_document_removed(*arguments)
    stands = await local(world, invoice_id)
    assert (stands.origin, stands.is_in_hub, stands.total_minor) == (Origin.PARTNER, False, 123_45)


async def test_taken_back_before_the_hub_was_read(world: Healing) -> None:
    """Taken back before the hub's copy was ever read, it leaves that its place; so after that one's end."""
    invoice_id: str = world.simulator.issue_invoice(str(world.organization_id))
    assert await put(world, own(invoice_id)) == [Outcome.CREATED]
    await take_back(world, invoice_id)
    await world.live(2 * HOUR, HOUR / 2)
    hub = await local(world, invoice_id)
    assert (hub.origin, await world.differences()) == (Origin.HUB, {})
    await assert_ties_out(world)
    await put(world, own(invoice_id))
    async with world.watch.database.organization(world.organization_id) as connection:
        arguments = (connection, world.organization_id, Ledger.RECEIVABLE, Side.LOCAL, invoice_id)
        assert await mark_document_removed(*arguments)
    await take_back(world, invoice_id)
    await world.watch.sweep()
    assert await local(world, invoice_id) == hub
    assert await versions(world, invoice_id) == list(range(1, 8))


async def test_one_that_the_hub_never_saw(world: Healing) -> None:
    """It counts as local, is told when the books lack it, and is found when they have it; sweeps keep it."""
    assert await put(world, own("P-1"), own("P-2", number="P-2", is_for_hub=True)) == [Outcome.CREATED] * 2
    await world.settle()
    assert await world.differences() == {}, "it was put just now"
    await world.watch.sweep()
    await world.live(3 * HOUR, HOUR)
    differences = await world.differences()
    assert {kind: [each["local_id"] for each in rows] for kind, rows in differences.items()} == {
        "not_pushed": ["P-1"],
        "never_attempted": ["P-2"],
    }
    await assert_ties_out(world)
    [balance] = [
        row
        for row in await world.watch.rows(world.organization_id, "balances")
        if (row["ledger"], row["currency"]) == ("receivable", "USD")
    ]
    assert balance["local_count"] >= 2
    for document_id in ("P-1", "P-2"):
        await take_back(world, document_id)
    await world.settle()
    assert await world.differences() == {}


async def test_its_own_clock_neither_hastens_nor_hides(world: Healing) -> None:
    """Whenever it says that it changed, it is pending when put just now, and told once a read is late."""
    async with world.watch.database.organization(world.organization_id) as connection:
        now = await get_now(connection)
    told = [now - timedelta(hours=10), now + timedelta(days=30)]
    documents = [
        own(f"P-{number}", number=f"P-{number}", is_for_hub=True, updated_at=at)
        for number, at in enumerate(told)
    ]
    assert await put(world, *documents) == [Outcome.CREATED] * 2
    await world.settle()
    assert await world.differences() == {}
    pending = (await world.differences(expected=True))["push_pending"]
    assert {each["local_id"] for each in pending} == {"P-0", "P-1"}
    await world.live(HOUR, HOUR)
    assert (
        await put(world, *(replace(each, number=f"{each.number}-2") for each in documents))
        == [Outcome.UPDATED] * 2
    )
    await world.live(2 * HOUR, HOUR)
    never = (await world.differences())["never_attempted"]
    assert {each["local_id"] for each in never} == {"P-0", "P-1"}


async def test_what_is_pushed_is_what_the_hub_has(world: Healing) -> None:
    """A push that landed unseen is found by what the hub had pushed, whatever the partner says it is."""
    organization_id = str(world.organization_id)
    invoice_id: str = world.simulator.issue_invoice(organization_id, fails="timeout_ambiguous", landed=True)
    await world.live(HOUR / 5, HOUR / 10)
    assert (await world.record_of(invoice_id)).state is State.QUARANTINED
    hub = await local(world, invoice_id)
    await put(world, own(invoice_id, total_minor=1, number="other", party_name="Somebody else"))
    await world.live(4 * HOUR, HOUR / 3)
    record = await world.record_of(invoice_id)
    assert (record.amount_minor, record.currency) == (hub.total_minor, hub.currency)
    assert record.state is State.CONFIRMED
    assert (world.pushes_of(invoice_id), world.copies()[invoice_id]) == (0, 1)
