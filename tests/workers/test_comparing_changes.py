"""Comparing costs what changed, and comes to what comparing everything comes to: on a real Postgres."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest

from service.domain.document import newest
from service.store.database import Database
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


@pytest.mark.parametrize("seed", range(12))
async def test_following_edits_comes_to_what_comparing_everything_comes_to(
    database: Database, seed: int
) -> None:
    """After each edit: differences, balances, months, findings, pairs and confirmed records are the same."""
    await follow(database, seed)
