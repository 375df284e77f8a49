"""Comparing costs what changed, and comes to what comparing everything comes to: on a real Postgres."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest

from service.domain.document import Ledger, Side, newest
from service.store.database import Database
from tests.domain.worlds import World, copy_of, document, labelled, link
from tests.domain.worlds_edited import KINDS, edited
from tests.workers.compared_world import ComparedLedger

STEPS = 4


async def follow(database: Database, seed: int) -> None:
    """Edit a world step by step, and compare after each; the last time, after a crash."""
    random = Random(seed)  # noqa: S311 - a test repeats itself by its seed
    make = KINDS[seed % len(KINDS)]
    world = make(seed)
    world = replace(world, local=list(newest(world.local).values()), books=list(newest(world.books).values()))
    ledger = await ComparedLedger.plant(database, world)
    expected = await ledger.expected()
    assert (await ledger.compare())["whole"] > 0
    await ledger.assert_equals(expected)
    for step in range(STEPS):
        await ledger.pass_time(timedelta(minutes=37), is_read=random.random() < 0.5)
        changed = edited(world, make(seed + 100 + step), random)
        changed = replace(
            changed, links=[*world.links, *(each for each in changed.links if each not in world.links)]
        )
        await ledger.edit(world, changed)
        world = changed
        is_last = step == STEPS - 1
        if is_last:
            await ledger.crash()
        expected = await ledger.expected()
        assert bool((await ledger.compare()).get("whole")) is is_last
        await ledger.assert_equals(expected)


@pytest.mark.parametrize("seed", range(8))
async def test_following_edits_comes_to_what_comparing_everything_comes_to(
    database: Database, seed: int
) -> None:
    """After each edit: differences, balances, months, findings, pairs and confirmed records are the same."""
    await follow(database, seed)


DOCUMENTS = 2_000
DIFFERING = 20


def large() -> World:
    """Make a ledger of many documents that agree and a few that do not."""
    world = replace(labelled(0), ledger=Ledger.PAYABLE, local=[], books=[], links=[])
    for number in range(DOCUMENTS):
        own = document(Side.LOCAL, Ledger.PAYABLE, f"l{number}", number=f"N-{number}", total_minor=number)
        own = replace(own, party_name=f"Party {number % 9}")
        theirs = copy_of(own, f"b{number}")
        if number < DIFFERING:
            theirs = replace(theirs, total_minor=theirs.total_minor + 1)
        world.local.append(own)
        world.books.append(theirs)
        world.links.append(link(own, "done", theirs.document_id))
    return world


async def test_comparing_costs_what_changed_and_not_what_there_is(database: Database) -> None:
    """Of a large ledger only what differs passes through the domain, then what changed, then nothing."""
    world = large()
    ledger = await ComparedLedger.plant(database, world)
    expected = await ledger.expected()
    whole = await ledger.compare()
    await ledger.assert_equals(expected)
    assert whole["whole"] == 1
    assert whole["documents_compared"] == 2 * DIFFERING

    await ledger.pass_time(timedelta(minutes=37), is_read=True)
    before = await ledger.versions()
    idle = await ledger.compare()
    assert (idle.get("whole", 0), idle["documents_compared"]) == (0, 0)
    assert await ledger.versions() == before

    changed = replace(
        world, books=[*world.books[:-3], *(replace(each, total_minor=7) for each in world.books[-3:])]
    )
    await ledger.edit(world, changed)
    expected = await ledger.expected()
    part = await ledger.compare()
    assert (part.get("whole", 0), part["documents_compared"]) == (0, 2 * 3)
    await ledger.assert_equals(expected)
