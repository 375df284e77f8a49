"""One cause behind hundreds of records: nothing is pushed while it lasts, its end frees all of them, once."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from service.domain.record import Record
from service.domain.record_state import State
from service.store.database import Database
from service.store.records import list_records
from tests.workers.healing import POLICY, Healing, healing

ORGANIZATIONS = 20
EACH = 25
"""500 records. By day `test_pusher` shows the same of a few."""

pytestmark = pytest.mark.night

MISSING_RATE = 1375
"""A tax rate that no generated organization has."""

LOCKED_UNTIL, WITHIN = "2026-06-30", "2026-06-15"

HOUR = 3_600.0
CURE_SECONDS = 300.0

SETTLED = {State.ACKNOWLEDGED, State.CONFIRMED}


async def issued(world: Healing, **details: Any) -> Mapping[str, str]:
    """Issue invoices in every organization, and let the hub's own pushes of them fail."""
    await world.settle()
    documents = {
        world.simulator.issue_invoice(str(organization_id), **details): str(organization_id)
        for organization_id in world.watch.organization_ids
        for _ in range(EACH)
    }
    assert len(documents) == ORGANIZATIONS * EACH
    world.watch.advance(60)
    await world.settle()
    return documents


async def records_of(world: Healing, documents: Mapping[str, str]) -> Sequence[Record]:
    """The records of these documents."""
    found: list[Record] = []
    for organization_id in world.watch.organization_ids:
        async with world.watch.database.organization(organization_id, readonly=True) as connection:
            found += await list_records(connection, organization_id=organization_id, limit=500)
    return [record for record in found if str(record.object_id) in documents]


def pushed(world: Healing) -> Counter[str]:
    """How often we asked for a push of each document."""
    rows = world.simulator.pushes()["pushes"]
    return Counter(row["object_id"] for row in rows if row["trigger"] == "api" and row["step"] == "requested")


@pytest.mark.timeout(400)
async def test_one_missing_rate_frees_all_it_held(database: Database) -> None:
    """The records of 20 organizations wait for a rate without a push, and heal within two cure periods."""
    async with healing(database, organizations=ORGANIZATIONS, documents=1) as world:
        documents = await issued(world, tax_rate=MISSING_RATE)
        await world.live(2 * HOUR, HOUR)
        waiting = await records_of(world, documents)
        assert Counter(record.state for record in waiting) == {State.BLOCKED: len(documents)}
        assert pushed(world) == {}

        for organization_id in map(str, world.watch.organization_ids):
            world.simulator.add_tax_rate(organization_id, rate=MISSING_RATE)
            world.simulator.pull_now(organization_id)
        await world.live(2 * CURE_SECONDS, CURE_SECONDS / 2)

        healed = await records_of(world, documents)
        assert {record.state for record in healed} <= SETTLED
        assert pushed(world) == dict.fromkeys(documents, 1)
        copies = world.copies()
        assert {copies[document] for document in documents} == {1}
        times = [
            record.healed_at - record.first_failed_at
            for record in healed
            if record.healed_at and record.first_failed_at
        ]
        sys.stdout.write(f"{len(healed)} records healed, the last {max(times)} after its failure\n")


@pytest.mark.timeout(400)
async def test_a_locked_period_sees_trials_alone(database: Database) -> None:
    """While a period is locked one record of each organization is tried an hour; once open, all go, once."""
    async with healing(database, organizations=ORGANIZATIONS, documents=1) as world:
        for organization_id in map(str, world.watch.organization_ids):
            world.simulator.lock_period(organization_id, until=LOCKED_UNTIL)
        documents = await issued(world, issued_on=WITHIN)
        hours = 3
        await world.live(hours * HOUR, HOUR / 2)
        locked = pushed(world)
        by_organization = Counter[str]()
        for document, times in locked.items():
            by_organization[documents[document]] += times
        assert set(by_organization) == {str(each) for each in world.watch.organization_ids}
        assert max(by_organization.values()) <= hours * HOUR / POLICY.canary_seconds + 1
        states = Counter(record.state for record in await records_of(world, documents))
        assert set(states) <= {State.BLOCKED, State.WAITING}
        assert states[State.WAITING] <= ORGANIZATIONS, "the trials that are under way"

        for organization_id in map(str, world.watch.organization_ids):
            world.simulator.unlock_period(organization_id)
        await world.live(2 * POLICY.canary_seconds, HOUR / 4)
        assert {record.state for record in await records_of(world, documents)} <= SETTLED
        after = pushed(world) - locked
        # The trials that were under way when the period was opened have passed by themselves.
        assert documents.keys() - after.keys() <= set(locked)
        assert set(after.values()) == {1}
        copies = world.copies()
        assert {copies[document] for document in documents} == {1}
        trials = sum(locked.values())
        sys.stdout.write(f"{len(documents)} records, {trials} trials in {hours} h while locked\n")
