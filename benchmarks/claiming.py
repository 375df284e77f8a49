"""How fast work is claimed and given back, beside the least that SQL can do.

    python benchmarks/claiming.py [--rows 20000]

The least is a table of jobs and two statements: claim fifty by `SKIP LOCKED`, mark fifty done. What tieout
does besides: a lease that ends by itself, a fence that is counted up and asked for at the end, wishes that
came meanwhile, failures, and row-level security. Workers claim one organization at a time, since its work
takes seconds; the same statements in batches of fifty show what the queue itself could bear.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID

import asyncpg

from benchmarks.measuring.postgres import migrated
from benchmarks.measuring.processor import postmaster, used_by
from benchmarks.measuring.report import Report, Table, ratio
from service.domain.fleet import WorkKind
from service.store.database import Database
from service.store.work import claim_due_work, ensure_work, finish_work

LANES = 4
BATCH = 50
LATER = datetime(2100, 1, 1, tzinfo=UTC)

JOBS = """
    CREATE TABLE public.jobs (
        id uuid PRIMARY KEY, due_at timestamptz NOT NULL, is_done boolean NOT NULL DEFAULT false
    );
    CREATE INDEX ON public.jobs (due_at) WHERE NOT is_done;
"""
CLAIM = """
    UPDATE public.jobs SET due_at = now() + interval '30 seconds' WHERE id IN (
        SELECT id FROM public.jobs WHERE NOT is_done AND due_at <= now() ORDER BY due_at LIMIT $1
        FOR UPDATE SKIP LOCKED
    ) RETURNING id
"""
DONE = "UPDATE public.jobs SET is_done = true WHERE id = ANY($1::uuid[])"

Lane = Callable[[], Awaitable[int]]


async def by_hand(url: str, rows: int) -> float:
    """Claim and finish by two statements."""
    pool = await asyncpg.create_pool(url, min_size=LANES, max_size=LANES)
    await pool.execute(JOBS)
    await pool.execute(
        "INSERT INTO public.jobs SELECT gen_random_uuid(), now() FROM generate_series(1, $1::int)", rows
    )
    await pool.execute("ANALYZE public.jobs")

    async def lane() -> int:
        found = await pool.fetch(CLAIM, BATCH)
        if found:
            await pool.execute(DONE, [row["id"] for row in found])
        return len(found)

    taken = await timed(lane, rows)
    await pool.close()
    return taken


async def ours(url: str, rows: int, batch: int) -> float:
    """Claim and finish as the service does, so many at a time."""
    async with await Database.open(url, pool_size=LANES) as database:
        async with database.fleet() as connection:
            await connection.execute("DELETE FROM work")
            await ensure_work(connection, [UUID(int=number + 1) for number in range(rows)], [WorkKind.POLL])
        await asyncio.sleep(0.1)

        async def lane() -> int:
            async with database.fleet() as connection:
                claims = await claim_due_work(connection, WorkKind.POLL, "benchmark", 24.0, batch)
            if not claims:
                return 0
            async with database.fleet() as connection:
                for claim in claims:
                    await finish_work(connection, claim, LATER)
            return len(claims)

        return await timed(lane, rows)


async def timed(lane: Lane, rows: int) -> float:
    """Run some lanes until nothing is due; every row must have been met once."""
    done = 0

    async def run() -> None:
        nonlocal done
        while count := await lane():
            done += count

    began = time.perf_counter()
    await asyncio.gather(*(run() for _ in range(LANES)))
    assert done == rows, f"{done} of {rows} were claimed"
    return time.perf_counter() - began


def main() -> None:
    """Measure, and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000)
    given = parser.parse_args()
    report = Report("claiming")
    report.note(f"{given.rows:,} rows, {LANES} lanes of one process, a durable Postgres")
    ways: dict[str, Callable[[str], Awaitable[float]]] = {
        f"SKIP LOCKED by hand, batches of {BATCH}": lambda url: by_hand(url, given.rows),
        f"tieout, batches of {BATCH}": lambda url: ours(url, given.rows, BATCH),
        "tieout, one at a time, as workers claim": lambda url: ours(url, given.rows, 1),
    }
    table = Table("Claimed and given back", ("way", "a second", "of by hand", "processor"))
    speeds: dict[str, float] = {}
    with migrated(is_durable=True) as url:
        server = postmaster(url)
        for name, way in ways.items():
            before = used_by([server]) + time.process_time()
            speeds[name] = given.rows / asyncio.run(measured(way, url))
            spent = (used_by([server]) + time.process_time() - before) / given.rows
            first = next(iter(speeds.values()))
            table.row(name, f"{speeds[name]:,.0f}", ratio(speeds[name], first), f"{spent * 1e6:.0f} µs")
    report.table(table)
    hand, batched = list(speeds.values())[:2]
    report.target("batches, at least 0.5 x by hand", ratio(batched, hand), met=batched >= 0.5 * hand)
    report.note("pgqueuer is not measured beside it")
    report.finish()


async def measured(way: Callable[[str], Awaitable[float]], url: str) -> float:
    """Run one way."""
    return await way(url)


if __name__ == "__main__":
    main()
