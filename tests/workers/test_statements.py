"""Statements, on a real Postgres against the simulated hub: they tie out, and figures that move withdraw."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from service.domain.document import Ledger, Side
from service.domain.statements.figures import covered
from service.domain.statements.period import Period
from service.domain.statements.sign_off import SignRole, SignStatus, sign, signature_of
from service.domain.statements.statement import Facts, Statement, state
from service.domain.statements.terms import Figure
from service.store import statements
from service.store.database import Database
from service.store.scans import replace_unreadable
from service.store.statements import (
    count_statement_differences,
    get_facts,
    insert_sign_off,
    list_sign_offs,
    withdraw_moved,
)
from tests.workers.healing import Healing, healing

HOUR = 3_600.0


@pytest.fixture
async def world(database: Database) -> AsyncIterator[Healing]:
    """A healthy organization that has been read and compared."""
    async with healing(database, documents=10) as opened:
        await opened.live(2 * HOUR, HOUR / 4)
        yield opened


async def facts_of(world: Healing, as_of: datetime | None = None) -> Facts:
    """What its statements are made from."""
    async with world.watch.database.organization(world.organization_id, readonly=True) as connection:
        facts = await get_facts(connection, world.organization_id, as_of)
    assert facts is not None
    return facts


async def months_of(world: Healing) -> Sequence[Period]:
    """Every month in which a document counts."""
    facts = await facts_of(world)
    return sorted({Period(each.month) for sums in facts.months.values() for each in sums})


async def sign_as(world: Healing, period: Period, role: SignRole, name: str) -> None:
    """Sign a statement as it is."""
    statement = state(await facts_of(world), period)
    at = await world.watch.database.now()
    async with world.watch.database.organization(world.organization_id) as connection:
        acts = await list_sign_offs(connection, world.organization_id, period)
        act = sign(
            signature_of(acts),
            role,
            name,
            covered(statement),
            is_complete=not statement.is_provisional,
            at=at,
        )
        assert act is not None
        assert await insert_sign_off(connection, world.organization_id, period, act)


async def acts_of(world: Healing, period: Period) -> Sequence[tuple[str, str | None]]:
    """What happened to a statement, and by whom."""
    async with world.watch.database.organization(world.organization_id) as connection:
        acts = await list_sign_offs(connection, world.organization_id, period)
    return [(act.act.value, act.key_name) for act in acts]


async def test_every_month_ties_out_with_the_balance(world: Healing) -> None:
    """The last month closes with what the balance holds, and every difference has its document's name."""
    organization_id = str(world.organization_id)
    world.simulator.issue_invoice(organization_id, is_attempted=False)
    world.simulator.add_to_books(organization_id, ledger="payable", net_minor=4_200)
    await world.live(3 * HOUR, HOUR / 4)
    facts = await facts_of(world)
    periods = await months_of(world)
    last = state(facts, periods[-1])
    assert {
        item.difference.kind.value for each in last.ledgers for term in each.terms for item in term.items
    } >= {
        "never_attempted",
        "only_in_books",
    }
    balances = await world.watch.rows(world.organization_id, "balances")
    assert {
        (each.ledger.value, each.currency): (each.local.closing, each.books.closing) for each in last.ledgers
    } == {
        (row["ledger"], row["currency"]): (
            Figure(row["local_count"], row["local_minor"]),
            Figure(row["books_count"], row["books_minor"]),
        )
        for row in balances
    }
    named = {side for _, side, _ in facts.names}
    assert named == set(Side)
    assert all(each.number for (_, side, _), each in facts.names.items() if side is Side.LOCAL)
    async with world.watch.database.organization(world.organization_id) as connection:
        assert await count_statement_differences(connection, world.organization_id) == len(facts.differences)


async def test_a_month_is_provisional_until_it_was_read_after_its_end(world: Healing) -> None:
    """The running month is provisional; one that ended before the last read is not."""
    facts = await facts_of(world)
    now = await world.watch.database.now()
    running = Period(now.date().replace(day=1))
    assert state(facts, running).is_provisional
    ended = Period(running.day_before.replace(day=1))
    assert not state(facts, ended).is_provisional
    assert all(mark.certified for mark in state(facts, ended).marks)


async def test_what_was_never_read_of_the_books_is_told(world: Healing) -> None:
    """Documents that cannot be read are counted, and books of which no list was ever kept are not read."""
    organization_id = world.organization_id
    async with world.watch.database.organization(organization_id) as connection:
        torn = {"b-9": "it has no total_amount"}
        await replace_unreadable(connection, organization_id, Ledger.PAYABLE, Side.BOOKS, torn)
    reads = (await facts_of(world)).reads[Ledger.PAYABLE]
    assert (reads.unreadable_local, reads.unreadable_books, reads.certified) == (0, 1, True)
    assert reads.books_at is not None
    async with world.watch.database.organization(organization_id) as connection:
        await connection.execute("UPDATE scans SET last_pull = NULL, certified = false")
        await connection.execute("UPDATE balances SET last_pull = NULL, certified = false")
    facts = await facts_of(world)
    assert facts.reads[Ledger.PAYABLE].books_at is None
    assert state(facts, (await months_of(world))[0]).is_provisional


async def test_a_figure_that_moves_withdraws_what_was_signed(world: Healing) -> None:
    """An edit in the books withdraws the month it is in, by itself, saying what moved; other months stand."""
    organization_id = str(world.organization_id)
    bill_id: str = world.simulator.issue_bill(organization_id, net_minor=100_000, tax_rate=0)
    await world.live(2 * HOUR, HOUR / 4)
    *earlier, period = await months_of(world)
    for each in (period, *earlier[:1]):
        await sign_as(world, each, SignRole.PREPARER, "ann")
    await sign_as(world, period, SignRole.APPROVER, "bob")
    await world.live(2 * HOUR, HOUR / 4)
    assert await acts_of(world, period) == [("prepared", "ann"), ("approved", "bob")]
    [books_id] = world.simulator.books_ids(organization_id, bill_id)
    world.simulator.edit_in_books(organization_id, books_id, net_minor=112_500)
    await world.live(2 * HOUR, HOUR / 4)
    assert await acts_of(world, period) == [("prepared", "ann"), ("approved", "bob"), ("withdrawn", None)]
    async with world.watch.database.organization(world.organization_id) as connection:
        signature = signature_of(await list_sign_offs(connection, world.organization_id, period))
    assert signature.status is SignStatus.WITHDRAWN
    assert signature.withdrawn_because is not None
    assert "Payables USD, amount, closing: USD 0.00 of 0 documents when it was signed, USD 125.00" in (
        signature.withdrawn_because
    )
    for each in earlier[:1]:
        assert await acts_of(world, each) == [("prepared", "ann")]


async def test_more_differences_than_can_be_listed_withdraw_what_may_have_moved(
    world: Healing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no statement can be made any more, a move withdraws its month, saying why; earlier ones stand."""
    organization_id = str(world.organization_id)
    bill_id: str = world.simulator.issue_bill(organization_id, net_minor=100_000, tax_rate=0)
    await world.live(2 * HOUR, HOUR / 4)
    period = (await months_of(world))[-1]
    earlier = Period(period.day_before.replace(day=1))
    for each in (earlier, period):
        await sign_as(world, each, SignRole.PREPARER, "ann")
    monkeypatch.setattr(statements, "DIFFERENCES_MAX", 0)
    [books_id] = world.simulator.books_ids(organization_id, bill_id)
    world.simulator.edit_in_books(organization_id, books_id, net_minor=112_500)
    await world.live(2 * HOUR, HOUR / 4)
    assert await acts_of(world, period) == [("prepared", "ann"), ("withdrawn", None)]
    assert await acts_of(world, earlier) == [("prepared", "ann")]
    async with world.watch.database.organization(world.organization_id) as connection:
        signature = signature_of(await list_sign_offs(connection, world.organization_id, period))
    assert signature.withdrawn_because == statements.UNTOLD


async def test_what_was_signed_while_a_figure_moved_is_withdrawn_in_time(world: Healing) -> None:
    """A signature on figures that have moved is found by when it was given, though nothing moves after it."""
    period = (await months_of(world))[-1]
    await sign_as(world, period, SignRole.PREPARER, "ann")
    now = await world.watch.database.now()
    async with world.watch.database.organization(world.organization_id) as connection:
        where = (connection, world.organization_id)
        signature = signature_of(await list_sign_offs(*where, period))
        assert await withdraw_moved(*where, now, moved_from=None, signed_after=now - timedelta(1)) == []
        stale = [replace(each, closing_minor=each.closing_minor + 1) for each in signature.signed]
        [act] = await list_sign_offs(*where, period)
        other = Period(period.day_before.replace(day=1))
        await insert_sign_off(*where, other, replace(act, figures=stale))
        assert await withdraw_moved(*where, now, moved_from=None) == []
        assert await withdraw_moved(*where, now, moved_from=period.first) == []
        assert await withdraw_moved(*where, now, moved_from=None, signed_after=now) == []
        assert await withdraw_moved(*where, now, moved_from=None, signed_after=now - timedelta(1)) == [other]


async def test_as_of_tells_what_was_known_then(world: Healing) -> None:
    """A statement of an earlier knowledge is the one that was made then, whatever has happened since."""
    organization_id = str(world.organization_id)
    period = (await months_of(world))[-1]
    before: Statement = state(await facts_of(world), period)
    then = await world.watch.database.now()
    world.watch.advance(1)
    world.simulator.issue_invoice(organization_id, is_attempted=False)
    await world.live(3 * HOUR, HOUR / 4)
    now = state(await facts_of(world), period)
    assert covered(now) != covered(before)
    known = state(await facts_of(world, then), period)
    assert covered(known) == covered(before)
    assert known.ledgers == before.ledgers
    long_ago = state(await facts_of(world, then - timedelta(days=400)), period)
    assert (list(long_ago.ledgers), long_ago.is_provisional) == ([], True)


async def test_sign_offs_are_only_ever_added(world: Healing, database: Database) -> None:
    """Of two who sign at once one is told so, and nobody can change or remove what was signed."""
    period = (await months_of(world))[-1]
    await sign_as(world, period, SignRole.PREPARER, "ann")
    statement = state(await facts_of(world), period)
    async with database.organization(world.organization_id) as connection:
        [act] = await list_sign_offs(connection, world.organization_id, period)
        assert act.figures == covered(statement)
        assert not await insert_sign_off(connection, world.organization_id, period, act)
    for statement_text in ("DELETE FROM sign_offs", "UPDATE sign_offs SET key_name = 'eve'"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with database.organization(world.organization_id) as connection:
                await connection.execute(statement_text)
    async with database.organization(UUID(int=7)) as connection:
        assert await list_sign_offs(connection, world.organization_id, period) == []
