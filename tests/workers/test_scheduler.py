"""The loop around the workers: lanes, the catch-all, and an end in good order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import asyncpg

from service.domain.fleet import WorkKind
from service.store.database import Database
from service.store.work import ensure_work
from service.workers.claims import Claims
from service.workers.scheduler import Beat, Scheduler
from service.workers.work import IDLE, Tally, Work

DEADLINE_SECONDS = 20.0
LOOK_SECONDS = 0.02


class Recorder:
    """A worker that does to each organization what the test says."""

    kind = WorkKind.POLL

    def __init__(self, database: Database, act: Callable[[Work], Awaitable[None]], *, lanes: int = 3) -> None:
        self.lanes = lanes
        self.done: list[UUID] = []
        self.busy = 0
        self.busiest = 0
        self._database = database
        self._act = act
        self._news = asyncio.Condition()

    async def run_once(self, now: datetime) -> Tally:
        """Claim one and act."""
        assert now.tzinfo is not None
        async with Claims(self._database, self.kind, "replica-1").working() as work:
            if work is None:
                return IDLE
            self.busy += 1
            self.busiest = max(self.busiest, self.busy)
            try:
                await self._act(work)
            finally:
                self.busy -= 1
            await work.finish(due_at=work.now + timedelta(hours=1))
            self.done.append(work.organization_id)
            async with self._news:
                self._news.notify_all()
        return Tally(claimed=1, counts={"done": 1})

    async def has_done(self, count: int) -> None:
        """Wait until so many were done."""
        async with asyncio.timeout(DEADLINE_SECONDS), self._news:
            await self._news.wait_for(lambda: len(self.done) >= count)


@asynccontextmanager
async def running(
    database: Database, worker: Recorder, *beats: Beat, drain_seconds: float = 5
) -> AsyncIterator[Scheduler]:
    """Run a scheduler with quick ticks."""
    scheduler = Scheduler(database, [worker], beats, tick_seconds=0.05, drain_seconds=drain_seconds)
    scheduler.start()
    try:
        yield scheduler
    finally:
        await scheduler.stop()


async def _ensure(database: Database, count: int) -> list[UUID]:
    ids = [uuid4() for _ in range(count)]
    async with database.fleet() as connection:
        await ensure_work(connection, ids, [WorkKind.POLL])
    return ids


async def test_all_that_is_due_is_done_once(database: Database) -> None:
    """Everything that is due is done, each once, in as many lanes as there are and no more."""
    ids = await _ensure(database, 40)

    all_at_work = asyncio.Event()

    async def act(_: Work) -> None:
        if worker.busy == worker.lanes:
            all_at_work.set()
        async with asyncio.timeout(DEADLINE_SECONDS):
            await all_at_work.wait()

    worker = Recorder(database, act)
    async with running(database, worker):
        await worker.has_done(40)
    assert sorted(worker.done) == sorted(ids)
    assert worker.busiest == worker.lanes


async def test_hanging_organization_holds_one_lane(database: Database) -> None:
    """While one organization hangs, all others are done in the lanes that remain."""
    ids = await _ensure(database, 20)
    release = asyncio.Event()

    async def act(work: Work) -> None:
        if work.organization_id == ids[0]:
            await release.wait()

    worker = Recorder(database, act)
    async with running(database, worker):
        await worker.has_done(19)
        assert ids[0] not in worker.done
        release.set()
        await worker.has_done(20)


async def _postponed(database: Database, organization_id: UUID) -> asyncpg.Record | None:
    """The row of work that has failed; None before it was written."""
    async with database.organization(organization_id) as connection:
        return await connection.fetchrow(
            "SELECT failures, error, due_at > tieout.now() AS later FROM work WHERE failures > 0"
        )


async def test_poisoned_work_is_postponed(database: Database) -> None:
    """Work that fails by a mistake of ours is put off and spins nowhere; the others are done."""
    ids = await _ensure(database, 10)
    tries = 0

    async def act(work: Work) -> None:
        nonlocal tries
        if work.organization_id == ids[3]:
            tries += 1
            raise ZeroDivisionError("poison")

    worker = Recorder(database, act)
    async with running(database, worker):
        await worker.has_done(9)
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not (row := await _postponed(database, ids[3])):  # noqa: ASYNC110 - the news is in Postgres
                await asyncio.sleep(LOOK_SECONDS)
    assert tries == 1
    assert (row["failures"], row["later"]) == (1, True)
    assert "poison" in row["error"]


async def test_stopping_lets_runs_end(database: Database) -> None:
    """Told to stop, nothing more is claimed, and what is under way ends and is given back."""
    await _ensure(database, 10)
    begun, finish = asyncio.Event(), asyncio.Event()

    async def act(_: Work) -> None:
        begun.set()
        await finish.wait()

    worker = Recorder(database, act, lanes=2)
    async with running(database, worker) as scheduler:
        async with asyncio.timeout(DEADLINE_SECONDS):
            await begun.wait()
        stopping = asyncio.create_task(scheduler.stop())
        await asyncio.sleep(0)
        finish.set()
        await stopping
    assert 1 <= len(worker.done) <= 2
    assert scheduler.lanes_busy == 0


async def test_stopping_cancels_what_does_not_end(database: Database) -> None:
    """A run that does not end in time is cancelled, and its work is due at once for another replica."""
    (organization_id,) = await _ensure(database, 1)
    begun = asyncio.Event()

    async def act(_: Work) -> None:
        begun.set()
        await asyncio.Event().wait()

    worker = Recorder(database, act)
    async with running(database, worker, drain_seconds=0.1):
        async with asyncio.timeout(DEADLINE_SECONDS):
            await begun.wait()
    async with database.organization(organization_id) as connection:
        assert await connection.fetchval("SELECT due_at <= tieout.now() AND lease_by IS NULL FROM work")


async def test_beats_go_on_after_a_failure(database: Database) -> None:
    """What each replica does for itself is done again and again, whatever becomes of one time."""
    beaten = 0
    enough = asyncio.Event()

    async def beat() -> None:
        nonlocal beaten
        beaten += 1
        if beaten >= 4:
            enough.set()
        if beaten % 2:
            raise RuntimeError("this time it fails")

    async def act(_: Work) -> None:
        """Nothing is due."""

    async with running(database, Recorder(database, act), Beat(name="beat", seconds=0.02, act=beat)):
        async with asyncio.timeout(DEADLINE_SECONDS):
            await enough.wait()
    assert beaten >= 4
