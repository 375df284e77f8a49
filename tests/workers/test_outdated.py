"""A release with newer rules: what failed before it is read again, and nothing else moves."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec.structs import replace

from service.domain.causes.cause import Cause, rules_version
from service.domain.record import Record
from service.domain.record_observed import quarantined
from service.domain.record_state import State
from service.store.database import Database
from service.store.history import HistoryKind, list_history
from service.store.records import Change, lock_records, write_records
from tests.workers.healing import POLICY, Healing, healing

MINUTE = 60.0


@pytest.fixture
async def world(database: Database) -> AsyncIterator[Healing]:
    """A healthy organization that has been read once."""
    async with healing(database, documents=3) as opened:
        await opened.settle()
        yield opened


async def age(world: Healing, record: Record, **changes: Any) -> Record:
    """The record as an older release stored it."""
    async with world.watch.database.organization(record.organization_id) as connection:
        before = (await lock_records(connection, record.organization_id, [record.record_id]))[
            record.record_id
        ]
        after = replace(before, version=before.version + 1, rules_version=0, **changes)
        await write_records(connection, [Change(before=before, after=after)])
    return after


async def read_again(world: Healing) -> None:
    """Let the fleet's worker call, and the pusher run."""
    world.watch.advance(301)
    await world.watch.run(world.watch.fleet)
    await world.watch.run(world.pusher)


async def counted(world: Healing) -> Counter[tuple[str, str]]:
    """Records by state and cause, as they are kept in the counts."""
    rows = await world.watch.rows(world.organization_id, "record_counts")
    return +Counter({(row["state"], row["cause"]): 0 for row in rows}) + sum(
        (Counter({(row["state"], row["cause"]): row["records"]}) for row in rows), Counter()
    )


async def test_what_older_rules_did_not_know_is_understood(world: Healing) -> None:
    """An error that was unknown becomes what it is, as a version of its own, and is healed by that cause."""
    world.simulator.lock_period(str(world.organization_id), "2099-12-31")
    document_id = world.simulator.issue_invoice(str(world.organization_id))
    await world.live(8 * MINUTE, 4 * MINUTE)
    record = await world.record_of(document_id)
    assert record.cause is Cause.PERIOD_LOCKED
    old = await age(
        world, record, state=State.QUARANTINED, cause=Cause.UNKNOWN, reason="Nobody knows.", cause_rule=None
    )
    settled = {each.record_id: each.version for each in await world.records() if not each.has_failed}
    await read_again(world)
    again = await world.record_of(document_id)
    assert (again.state, again.cause, again.rules_version) == (
        State.BLOCKED,
        Cause.PERIOD_LOCKED,
        rules_version(),
    )
    assert again.reason == record.reason
    assert {each.record_id: each.version for each in await world.records() if not each.has_failed} == settled
    async with world.watch.database.organization(world.organization_id) as connection:
        versions = await list_history(
            connection, world.organization_id, HistoryKind.RECORD, str(record.record_id), 10
        )
    assert [each.body["cause"] for each in versions[:2]] == ["period_locked", "unknown"]
    assert versions[0].version == old.version + 1
    everything = Counter((each.state.value, each.cause or "") for each in await world.records())
    assert await counted(world) == everything
    assert world.pushes_of(document_id) == 0


async def test_what_may_have_landed_stays_in_quarantine(world: Healing) -> None:
    """A better understood error proves nothing about an attempt of ours before it, or one that had landed."""
    world.simulator.lock_period(str(world.organization_id), "2099-12-31")
    document_id = world.simulator.issue_invoice(str(world.organization_id))
    await world.live(8 * MINUTE, 4 * MINUTE)
    record = await world.record_of(document_id)
    doubt = quarantined({}, record.updated_at, POLICY)
    for changes in ({"attempts_count": 3}, {"episode": 2, "attempts_count": 1}):
        await age(world, record, cause=Cause.UNKNOWN, **doubt, **changes)
        await read_again(world)
        again = await world.record_of(document_id)
        assert (again.state, again.cause) == (State.QUARANTINED, Cause.PERIOD_LOCKED)
    assert world.pushes_of(document_id) == 0
