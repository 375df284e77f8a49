"""Take jobs from a queue of pgqueuer and log them as done, by its own statements."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import uuid4

import asyncpg
from pgqueuer.queries import EntrypointExecutionParameter, Queries
from pgqueuer.types import QueueEntrypoint, QueueManagerId

ENTRYPOINT = QueueEntrypoint("read")
HEARTBEAT = timedelta(seconds=24)
"""When a job of a dead worker is taken by another: as long as a lease of tieout's."""


async def lane_of(pool: asyncpg.Pool[asyncpg.Record], rows: int, batch: int) -> Callable[[], Awaitable[int]]:
    """Enqueue so many jobs; returns what takes a batch and logs it, as its queue manager does."""
    queries = Queries.from_asyncpg_pool(pool)
    await queries.install()
    await queries.enqueue([str(ENTRYPOINT)] * rows, [None] * rows, [0] * rows)
    await pool.execute("ANALYZE")
    entrypoints = {ENTRYPOINT: EntrypointExecutionParameter(concurrency_limit=0)}
    manager = QueueManagerId(uuid4())

    async def lane() -> int:
        jobs = await queries.dequeue(batch, entrypoints, manager, None, HEARTBEAT)
        if jobs:
            await queries.log_jobs([(job, "successful", None) for job in jobs])
        return len(jobs)

    return lane
