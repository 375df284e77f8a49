"""Claims: one holder at a time, kept as long as the run goes on, given back whatever happens."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from service.domain.fleet import WorkKind
from service.errors import Superseded
from service.store.database import Database
from service.store.work import claim_due_work, ensure_work, get_now, nudge_work
from service.workers.claims import Claims
from service.workers.work import LEASE_SECONDS, WorkFailed, postpone

KIND = WorkKind.POLL


@pytest.fixture
async def organization_id(database: Database) -> UUID:
    """An organization whose work is due."""
    organization_id = uuid4()
    async with database.fleet() as connection:
        await ensure_work(connection, [organization_id], [KIND])
    return organization_id


async def test_work_is_claimed_by_one(database: Database, organization_id: UUID) -> None:
    """Of several who ask at once one gets the work, and it is not due again while it is held."""

    async def claim(replica_id: str) -> bool:
        async with Claims(database, KIND, replica_id).working() as work:
            if work is None:
                return False
            await asyncio.wait_for(everybody_asked.wait(), 10)
            await work.finish(due_at=work.now + timedelta(hours=1))
            return True

    everybody_asked = asyncio.Event()
    tasks = [asyncio.create_task(claim(f"replica-{number}")) for number in range(5)]
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    while len(done) < 4:
        more, _ = await asyncio.wait(set(tasks) - done, return_when=asyncio.FIRST_COMPLETED)
        done |= more
    everybody_asked.set()
    assert sorted(await asyncio.gather(*tasks)) == [False, False, False, False, True]
    assert await _due_in(database, organization_id) == pytest.approx(3600, abs=10)


async def test_lease_is_renewed_while_the_run_goes_on(database: Database, organization_id: UUID) -> None:
    """A run that takes longer than its lease keeps it."""
    async with Claims(database, KIND, "replica-1", lease_seconds=3).working() as work:
        assert work is not None
        async with asyncio.timeout(20):
            while work.now < work.claim.claimed_at + timedelta(seconds=4):  # more than a lease
                async with database.fleet() as connection:
                    assert not await claim_due_work(connection, KIND, "replica-2", 60, 10)
        async with work.writing():
            pass
        await work.finish(due_at=work.now)
    assert await _due_in(database, organization_id) <= 0


async def test_superseded_run_writes_nothing(database: Database, organization_id: UUID) -> None:
    """Whoever was away for longer than the lease neither writes nor gives anything back."""
    with pytest.raises(Superseded):
        async with Claims(database, KIND, "replica-1").working() as work:
            assert work is not None
            database.clock_offset += timedelta(seconds=LEASE_SECONDS + 1)
            async with database.fleet() as connection:
                assert len(await claim_due_work(connection, KIND, "replica-2", 60, 10)) == 1
            with pytest.raises(Superseded):
                async with work.writing() as connection:
                    await connection.execute("DELETE FROM work")
            await work.finish(due_at=work.now)
    assert await _due_in(database, organization_id) == pytest.approx(60, abs=5)


async def test_cancelled_run_gives_back_at_once(database: Database, organization_id: UUID) -> None:
    """A run that is cancelled leaves its work due, for another replica."""
    claimed = asyncio.Event()

    async def run() -> None:
        async with Claims(database, KIND, "replica-1").working() as work:
            assert work is not None
            claimed.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(run())
    await asyncio.wait_for(claimed.wait(), 10)
    assert await _due_in(database, organization_id) > LEASE_SECONDS / 2
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await _due_in(database, organization_id) <= 0


async def test_failed_run_is_postponed_for_longer_each_time(
    database: Database, organization_id: UUID
) -> None:
    """Work that fails by a mistake of ours names its claim, and is put off for twice as long each time."""
    waits = []
    for _ in range(3):
        with pytest.raises(WorkFailed) as failed:
            async with Claims(database, KIND, "replica-1").working() as work:
                assert work is not None
                raise KeyError("our mistake")
        await postpone(database, failed.value.claim, str(failed.value))
        waits.append(await _due_in(database, organization_id))
        database.clock_offset += timedelta(seconds=waits[-1] + 1)
    assert waits == pytest.approx([10, 20, 40], abs=2)


async def test_run_that_does_not_finish_is_our_mistake(database: Database, organization_id: UUID) -> None:
    """A run that ends without saying when it is due next is told so, not forgotten."""
    with pytest.raises(WorkFailed) as failed:
        async with Claims(database, KIND, "replica-1").working() as work:
            assert work is not None
    assert failed.value.claim.organization_id == organization_id


async def test_wish_that_comes_while_held_is_remembered(database: Database, organization_id: UUID) -> None:
    """Whoever wishes for work that is being done gets it done again, no later than wished."""
    async with Claims(database, KIND, "replica-1").working() as work:
        assert work is not None
        async with database.fleet() as connection:
            wanted_at = await get_now(connection) + timedelta(seconds=100)
            await nudge_work(connection, [organization_id], KIND, wanted_at + timedelta(seconds=50))
            await nudge_work(connection, [organization_id], KIND, wanted_at)
        assert await _due_in(database, organization_id) < LEASE_SECONDS + 1, "the lease is what it was"
        await work.finish(due_at=work.now + timedelta(hours=1))
    assert await _due_in(database, organization_id) == pytest.approx(100, abs=5)


async def test_nudges_do_not_wait_for_whoever_writes(database: Database, organization_id: UUID) -> None:
    """Two workers that each hold their own work and nudge the other's do not block each other."""
    other = WorkKind.PUSH
    async with database.fleet() as connection:
        await ensure_work(connection, [organization_id], [other])
    async with Claims(database, KIND, "a").working() as poll, Claims(database, other, "b").working() as push:
        assert poll is not None
        assert push is not None
        async with asyncio.timeout(5), poll.writing() as first, push.writing() as second:
            await nudge_work(first, [organization_id], other, poll.now)
            await nudge_work(second, [organization_id], KIND, push.now)
        await poll.finish(due_at=poll.now + timedelta(hours=1))
        await push.finish(due_at=push.now + timedelta(hours=1))
    assert await _due_in(database, organization_id) <= 0, "the wish of the other"


async def _due_in(database: Database, organization_id: UUID) -> float:
    async with database.organization(organization_id) as connection:
        seconds = await connection.fetchval(
            "SELECT extract(epoch FROM due_at - tieout.now()) FROM work WHERE kind = $1", KIND
        )
    return float(seconds)
