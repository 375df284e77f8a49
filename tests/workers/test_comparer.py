"""Comparing, on a real Postgres against the simulated hub: every cent has its line, and a life."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from service.domain.record_state import State
from service.simulator import connecting
from service.store.database import Database
from tests.workers.healing import Healing, healing

HOUR = 3_600.0


@pytest.fixture
async def world(database: Database) -> AsyncIterator[Healing]:
    """A healthy organization that has been read and compared."""
    async with healing(database, documents=10) as opened:
        await opened.live(2 * HOUR, HOUR / 4)
        yield opened


async def assert_ties_out(world: Healing) -> None:
    """Check each balance: local + terms = books, in money and in counts."""
    rows = await world.watch.rows(world.organization_id, "balances")
    assert rows
    for row in rows:
        delta = sum(term["delta_minor"] for term in row["terms"])
        count = sum(term["count"] for term in row["terms"])
        assert row["local_minor"] + delta == row["books_minor"], dict(row)
        assert row["local_count"] + count == row["books_count"], dict(row)


async def test_healthy_organization_ties_out_and_is_confirmed(world: Healing) -> None:
    """Where nothing is wrong there is no open difference, and every listed document is confirmed."""
    assert await world.differences() == {}
    await assert_ties_out(world)
    states = {
        record.state for record in await world.records() if record.object_type in {"receivable", "bill"}
    }
    assert states == {State.CONFIRMED}


async def test_edit_in_the_books_is_an_amount(world: Healing) -> None:
    """A bill edited in the books is one difference with its amount, and resolves when it is set right."""
    organization_id = str(world.organization_id)
    bill_id: str = world.simulator.issue_bill(organization_id, net_minor=100_000, tax_rate=0)
    await world.live(2 * HOUR, HOUR / 4)
    [books_id] = world.simulator.books_ids(organization_id, bill_id)
    world.simulator.edit_in_books(organization_id, books_id, net_minor=112_500)
    await world.live(2 * HOUR, HOUR / 4)
    [found] = (await world.differences())["amount"]
    assert (found["local_id"], found["delta_minor"]) == (bill_id, 12_500)
    assert (await world.record_of(bill_id)).state is State.CONFIRMED
    await assert_ties_out(world)
    world.simulator.edit_in_books(organization_id, books_id, net_minor=100_000)
    await world.live(2 * HOUR, HOUR / 4)
    assert await world.differences() == {}


async def test_unpushed_document_without_record_is_never_attempted(world: Healing) -> None:
    """An invoice that the hub forgot to push has no record to fail: only comparing finds it."""
    document_id: str = world.simulator.issue_invoice(str(world.organization_id), is_attempted=False)
    await world.live(3 * HOUR, HOUR / 4)
    [found] = (await world.differences())["never_attempted"]
    assert (found["local_id"], found["count_delta"]) == (document_id, -1)
    await assert_ties_out(world)


async def test_another_connection_explains_nothing_older(world: Healing) -> None:
    """What was due under the first connection stays due under the next, and while that waits for consent."""
    organization_id = str(world.organization_id)
    document_id: str = world.simulator.issue_invoice(organization_id, is_attempted=False)
    await world.live(2 * HOUR, HOUR / 4)
    world.simulator.disconnect(organization_id)
    connecting.request(
        world.simulator.world, world.simulator.organization(organization_id), world.simulator.now()
    )
    await world.live(2 * HOUR, HOUR / 4)
    assert [row["local_id"] for row in (await world.differences())["never_attempted"]] == [document_id]
    world.simulator.connect(organization_id)
    await world.live(2 * HOUR, HOUR / 4)
    assert [row["local_id"] for row in (await world.differences())["never_attempted"]] == [document_id]


async def test_drafts_are_expected(world: Healing) -> None:
    """A draft counts here and leaves again as an expected term with its rule."""
    document_id: str = world.simulator.draft_invoice(str(world.organization_id))
    await world.live(2 * HOUR, HOUR / 4)
    assert await world.differences() == {}
    [found] = (await world.differences(expected=True))["not_pushed"]
    assert found["local_id"] == document_id
    assert found["rule"]
    await assert_ties_out(world)


async def test_only_in_the_books(world: Healing) -> None:
    """What was entered by hand in the books is told as such."""
    books_id: str = world.simulator.add_to_books(
        str(world.organization_id), ledger="payable", net_minor=4_200
    )
    await world.live(2 * HOUR, HOUR / 4)
    [found] = (await world.differences())["only_in_books"]
    assert (found["books_id"], found["count_delta"]) == (books_id, 1)
    await assert_ties_out(world)


async def test_deletion_is_told_and_nothing_is_pushed_again(world: Healing) -> None:
    """A confirmed document that vanishes from the books is a finding; it is never silently made again."""
    organization_id = str(world.organization_id)
    document_id: str = world.simulator.issue_invoice(organization_id)
    await world.live(2 * HOUR, HOUR / 4)
    [books_id] = world.simulator.books_ids(organization_id, document_id)
    world.simulator.delete_in_books(organization_id, books_id)
    await world.live(3 * HOUR, HOUR / 4)
    [found] = (await world.differences())["deleted_in_books"]
    assert found["local_id"] == document_id
    assert world.pushes_of(document_id) == 0
    assert world.copies()[document_id] == 1
    await assert_ties_out(world)


async def test_unchanged_comparison_writes_nothing(world: Healing) -> None:
    """Comparing again what has not changed makes no version of anything."""
    before = await world.watch.rows(world.organization_id, "history")
    differences = await world.watch.rows(world.organization_id, "differences")
    world.watch.database.clock_offset += world.watch.database.clock_offset * 0
    async with world.watch.database.organization(world.organization_id) as connection:
        await connection.execute("UPDATE work SET due_at = tieout.now() WHERE kind = 'compare'")
    assert await world.watch.run(world.comparer) == 1
    assert await world.watch.rows(world.organization_id, "history") == before
    assert await world.watch.rows(world.organization_id, "differences") == differences
