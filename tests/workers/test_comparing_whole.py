"""A ledger compared whole comes to what the domain says of all of it: on a real Postgres."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest

from service.domain.document import Ledger, Line, Origin, Side, Status
from service.store import rows
from service.store.database import Database
from service.store.partner_documents import put_documents
from service.workers import comparer, comparing_part
from service.workers.compared import Circumstances, read_circumstances
from service.workers.comparing_whole import Whole
from service.workers.comparing_write import Writing
from tests.domain.worlds import NOW, World, copy_of, document, link
from tests.domain.worlds_edited import edited, recorded
from tests.workers.compared_world import ORGANIZATION, POLICY, ComparedLedger, named

STEPS = 3


WRITTEN_BY_A_RELEASE_BEFORE = """
    UPDATE documents SET body = body #- '{lines,1}', version = version + 1, changed_at = tieout.now()
    WHERE side = 'books' AND document_id = 'b2'
"""


class _Died(Exception):  # noqa: N818 - what becomes of a replica
    """The end of a replica, at the worst moment."""


async def tear(ledger: ComparedLedger, world: World, random: Random) -> None:
    """Let a few documents of either side, or none, be there and not to be read."""
    for side, documents in ((Side.LOCAL, world.local), (Side.BOOKS, world.books)):
        torn = random.sample(documents, min(len(documents), random.choice((0, 0, 1, 3))))
        await ledger.mark_unreadable(side, {each.document_id: "it is torn" for each in torn})


async def forget_until(database: Database) -> None:
    """Let the next comparison be whole, of a ledger that is counted already."""
    async with database.organization(ORGANIZATION) as connection:
        await connection.execute("DELETE FROM counted_until")


async def put(database: Database, world: World, random: Random) -> None:
    """Let the partner's own system say otherwise of a document than the hub, or the same."""
    own = named(random.choice(world.local))
    own = replace(own, origin=Origin.PARTNER, total_minor=random.choice((own.total_minor, 1234)))
    async with database.organization(ORGANIZATION) as connection:
        await put_documents(connection, ORGANIZATION, [own], NOW)


def next_world(world: World, seed: int, random: Random) -> World:
    """Edit a world; records do not go."""
    changed = edited(world, replace(recorded(seed), ledger=world.ledger), random)
    kept = [*world.links, *(each for each in changed.links if each not in world.links)]
    return replace(changed, links=kept)


@pytest.mark.parametrize("seed", range(12))
async def test_whole_again_and_again_comes_to_what_the_domain_says(
    database: Database, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first time in two transactions, later in one, then as a part: always the same as comparing all.

    So it is where rows are many turns, and neighbourhoods thought about in a thread.
    """
    if seed % 2:
        monkeypatch.setattr(rows, "ROWS_AT_ONCE", 2)
        monkeypatch.setattr(comparing_part, "APART_FROM", 0)
    random = Random(seed)  # noqa: S311 - a test repeats itself by its seed
    world = recorded(seed)
    ledger = await ComparedLedger.plant(database, world)
    for step in range(STEPS):
        expected = await ledger.expected()
        assert (await ledger.compare())["whole"] > 0
        await ledger.assert_equals(expected)
        await forget_until(database)
        await ledger.pass_time(timedelta(minutes=37), is_read=random.random() < 0.5)
        changed = next_world(world, seed + 100 + step, random)
        await ledger.edit(world, changed)
        await put(database, changed, random)
        await tear(ledger, changed, random)
        world = changed
    await ledger.compare()
    changed = next_world(world, seed + 200, random)
    await ledger.edit(world, changed)
    expected = await ledger.expected()
    assert not (await ledger.compare()).get("whole")
    await ledger.assert_equals(expected)


@pytest.mark.parametrize("stated", [Status.OPEN, Status.UNKNOWN])
@pytest.mark.parametrize("total_minor", [0, 10_000])
async def test_a_push_is_not_confirmed_by_a_copy_that_was_voided(
    database: Database, stated: Status, total_minor: int
) -> None:
    """Whether or not the void took the amount away, what is not canceled here stays acknowledged."""
    world = replace(recorded(0), ledger=Ledger.PAYABLE, local=[], books=[], links=[])
    for name, status in (("1", Status.OPEN), ("2", Status.VOID)):
        local = document(Side.LOCAL, Ledger.PAYABLE, f"l{name}", status=stated if name == "2" else status)
        copy = replace(copy_of(local, f"b{name}"), status=status)
        world.local.append(local)
        world.books.append(replace(copy, total_minor=total_minor) if name == "2" else copy)
        world.links.append(link(local, "done", copy.document_id))
    ledger = await ComparedLedger.plant(database, world)
    expected = await ledger.expected()
    await ledger.compare()
    await ledger.assert_equals(expected)
    states = {row["platform_object_id"]: row["state"] for row in await ledger.records()}
    assert states == {"b1": "confirmed", "b2": "acknowledged"}


@pytest.mark.parametrize("side", list(Side))
async def test_what_cannot_be_read_any_more_confirms_nothing_and_is_told(
    database: Database, side: Side
) -> None:
    """A plain pair of which one side became unreadable is looked at, and is plain again once it is read."""
    world = replace(recorded(0), ledger=Ledger.PAYABLE, local=[], books=[], links=[])
    for name in "123":
        local = document(Side.LOCAL, Ledger.PAYABLE, f"l{name}", number=f"N-{name}")
        world.local.append(local)
        world.books.append(copy_of(local, f"b{name}"))
        world.links.append(link(local, "done", f"b{name}"))
    ledger = await ComparedLedger.plant(database, world)
    await ledger.mark_unreadable(side, {f"{'l' if side is Side.LOCAL else 'b'}2": "it has no total"})
    expected = await ledger.expected()
    await ledger.compare()
    await ledger.assert_equals(expected)
    [told] = await ledger.rows("differences", "resolved_at IS NULL")
    assert (told["kind"], told["books_id"]) == ("unclassified", "b2")
    assert {row["platform_object_id"] for row in await ledger.records() if row["state"] == "confirmed"} == {
        "b1",
        "b3",
    }
    await ledger.mark_unreadable(side, {})
    expected = await ledger.expected()
    await ledger.compare()
    await ledger.assert_equals(expected)
    assert {row["state"] for row in await ledger.records()} == {"confirmed"}


def lined_world() -> World:
    """Three pairs that are equal to their lines."""
    world = replace(recorded(0), ledger=Ledger.PAYABLE, local=[], books=[], links=[])
    for name in "123":
        local = document(Side.LOCAL, Ledger.PAYABLE, f"l{name}", number=f"N-{name}")
        lines = (Line(description="Freight", net_minor=4_000), Line(description="Goods", net_minor=6_000))
        local = replace(local, lines=lines)
        world.local.append(local)
        world.books.append(copy_of(local, f"b{name}"))
        world.links.append(link(local, "done", f"b{name}"))
    return world


async def test_what_a_release_before_wrote_is_marked_and_compared_as_it_stands(database: Database) -> None:
    """Marks are written with documents; what a release before wrote of a body later is not believed of it."""
    ledger = await ComparedLedger.plant(database, lined_world())
    assert all(row["marked_version"] == row["version"] for row in await ledger.rows("documents"))
    assert (await ledger.compare())["documents_compared"] == 0, "all of them are plain"
    assert not await ledger.rows("differences")
    async with database.organization(ORGANIZATION) as connection:
        await connection.execute(WRITTEN_BY_A_RELEASE_BEFORE)
    await forget_until(database)
    expected = await ledger.expected()
    assert (await ledger.compare())["documents_compared"] == 2
    await ledger.assert_equals(expected)
    assert [row["kind"] for row in await ledger.rows("differences")] == ["lines"]
    marks = {
        row["document_id"]: row["lines_mark"] for row in await ledger.rows("documents", "side = 'books'")
    }
    assert marks["b1"] == marks["b3"] != marks["b2"]
    assert all(row["marked_version"] == row["version"] for row in await ledger.rows("documents"))


async def test_documents_are_marked_some_at_a_time(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many a release before left, each transaction marks a few; then all pairs are plain again."""
    monkeypatch.setattr(comparer, "MARKED_AT_ONCE", 2)
    ledger = await ComparedLedger.plant(database, lined_world())
    async with database.organization(ORGANIZATION) as connection:
        await connection.execute("UPDATE documents SET marked_version = NULL, lines_mark = NULL")
    assert (await ledger.compare())["documents_compared"] == 0
    assert all(row["marked_version"] == row["version"] for row in await ledger.rows("documents"))


async def test_a_document_that_nobody_marked_is_looked_at(database: Database) -> None:
    """One that a release before writes in the midst of a comparison makes no plain pair."""
    ledger = await ComparedLedger.plant(database, lined_world())
    around = await circumstances(database, Ledger.PAYABLE)
    async with database.organization(ORGANIZATION) as connection:
        await connection.execute(WRITTEN_BY_A_RELEASE_BEFORE)
        whole = Whole(Writing(connection, ORGANIZATION, Ledger.PAYABLE, NOW, around))
        await whole.settle_pairs(connection)
        assert (await whole.run()).documents == 2
    assert [row["kind"] for row in await ledger.rows("differences")] == ["lines"]


async def circumstances(database: Database, ledger: Ledger) -> Circumstances:
    """What is around a ledger."""
    async with database.organization(ORGANIZATION, readonly=True) as connection:
        around = await read_circumstances(
            connection,
            ORGANIZATION,
            ledger,
            as_of=NOW,
            stuck_seconds=POLICY.stuck_seconds,
            stale_seconds=POLICY.stale_seconds,
        )
    assert around is not None
    return around


async def test_what_was_counted_of_a_comparison_that_died_says_nothing(database: Database) -> None:
    """Dead between its two transactions, a comparison leaves counts that nobody believes; all is redone."""
    world = recorded(1)
    ledger = await ComparedLedger.plant(database, world)
    around = await circumstances(database, world.ledger)
    with pytest.raises(_Died):
        async with database.organization(ORGANIZATION) as connection:
            whole = Whole(Writing(connection, ORGANIZATION, world.ledger, NOW, around))
            async with database.organization(ORGANIZATION) as counting:
                await whole.settle_pairs(counting)
            raise _Died
    assert await ledger.rows("counted")
    assert not await ledger.rows("counted_until")
    assert not await ledger.rows("differences")
    changed = replace(world, books=[replace(each, total_minor=77) for each in world.books])
    await ledger.edit(world, changed)
    expected = await ledger.expected()
    assert (await ledger.compare())["whole"] > 0
    await ledger.assert_equals(expected)
