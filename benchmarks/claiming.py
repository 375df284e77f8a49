"""How fast work is claimed and given back, beside the least that SQL can do and beside pgqueuer.

    python benchmarks/claiming.py [--rows 20000]

The least is a table of jobs and two statements: claim fifty by `SKIP LOCKED`, mark fifty done. What tieout
does besides: a lease that ends by itself, a fence that is counted up and asked for at the end, who had a row
last and when, wishes that came meanwhile, failures, and row-level security. pgqueuer keeps a log of its jobs,
and takes over those whose heartbeat has stopped; it is measured by its own statements, without its event
loop. It is optional: `pip install 'tieout[bench]'`.

A worker claims a row for each lane that asks just then, and gives back together what ends together: the
statements in batches of fifty show what the queue can bear, and its lanes, which do nothing else here, what a
worker makes of it.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from importlib import import_module
from uuid import UUID

import asyncpg

from benchmarks.measuring.postgres import migrated
from benchmarks.measuring.processor import postmaster, used_by
from benchmarks.measuring.report import Report, Table, ratio
from service.domain.fleet import WorkKind
from service.store.database import Database
from service.store.work import Ending, claim_due_work, ensure_work, finish_work, finish_work_together
from service.workers.claims import Claims
from service.workers.pacer import LANES_MAX

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
    async with asyncpg.create_pool(url, min_size=LANES, max_size=LANES) as pool:
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

        return await timed(lane, rows)


async def with_pgqueuer(url: str, rows: int) -> float:
    """Take and log as its queue manager does."""
    peer = import_module("benchmarks.claiming_peers.with_pgqueuer")
    async with asyncpg.create_pool(url, min_size=LANES, max_size=LANES) as pool:
        return await timed(await peer.lane_of(pool, rows, BATCH), rows)


async def batches(url: str, rows: int) -> float:
    """Claim and finish by the statements of the service, fifty at a time."""
    async with await Database.open(url, pool_size=LANES) as database:
        await prepare(url, database, rows)

        async def lane() -> int:
            async with database.fleet() as connection:
                claims = await claim_due_work(connection, WorkKind.POLL, "benchmark", 24.0, BATCH)
            endings = [Ending(claim=claim, due_at=LATER) for claim in claims]
            if endings:
                async with database.fleet() as connection:
                    ended = await finish_work_together(connection, WorkKind.POLL, endings)
                # Another's claim may have held a row for a moment; then its own lane ends it.
                for claim, is_ended in zip(claims, ended, strict=True):
                    if not is_ended:
                        async with database.organization(claim.organization_id) as connection:
                            await finish_work(connection, claim, LATER)
            return len(endings)

        return await timed(lane, rows)


async def as_workers_do(url: str, rows: int, lanes: int) -> float:
    """Claim and finish as the lanes of a worker do."""
    async with await Database.open(url) as database:
        await prepare(url, database, rows)
        claims = Claims(database, WorkKind.POLL, "benchmark")

        async def lane() -> int:
            async with claims.working() as work:
                if work is None:
                    return 0
                await work.finish(due_at=LATER)
                return 1

        return await timed(lane, rows, lanes)


async def prepare(url: str, database: Database, rows: int) -> None:
    """Make so much work due."""
    async with database.fleet() as connection:
        await connection.execute("DELETE FROM work")
        await ensure_work(connection, [UUID(int=number + 1) for number in range(rows)], [WorkKind.POLL])
    owner = await asyncpg.connect(url)
    await owner.execute("ANALYZE tieout.work")
    await owner.close()


async def timed(lane: Lane, rows: int, lanes: int = LANES) -> float:
    """Run some lanes until nothing is due; every row must have been met once."""
    done = 0

    async def run() -> None:
        nonlocal done
        while count := await lane():
            done += count

    began = time.perf_counter()
    await asyncio.gather(*(run() for _ in range(lanes)))
    assert done == rows, f"{done} of {rows} were claimed"
    return time.perf_counter() - began


def main() -> None:
    """Measure, and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000)
    rows = parser.parse_args().rows
    report = Report("claiming")
    report.note(f"{rows:,} rows, {LANES} lanes of one process where nothing else is said, a durable Postgres")
    hand, peer, ours = (
        f"{name}, batches of {BATCH}" for name in ("SKIP LOCKED by hand", "pgqueuer", "tieout")
    )
    ways: Mapping[str, Callable[[str], Awaitable[float]]] = {
        hand: lambda url: by_hand(url, rows),
        peer: lambda url: with_pgqueuer(url, rows),
        ours: lambda url: batches(url, rows),
        f"tieout, {LANES_MAX} lanes of a worker": lambda url: as_workers_do(url, rows, LANES_MAX),
        "tieout, one lane of a worker": lambda url: as_workers_do(url, rows, 1),
    }
    table = Table("Claimed and given back", ("way", "a second", "of by hand", "processor"))
    speeds: dict[str, float] = {}
    with migrated(is_durable=True) as url:
        server = postmaster(url)
        for name, way in ways.items():
            before = used_by([server]) + time.process_time()
            try:
                speeds[name] = rows / asyncio.run(measured(way, url))
            except ModuleNotFoundError as missing:
                report.note(f"{missing.name} was not measured; install it by: pip install '.[bench]'")
                continue
            spent = (used_by([server]) + time.process_time() - before) / rows
            table.row(
                name, f"{speeds[name]:,.0f}", ratio(speeds[name], speeds[hand]), f"{spent * 1e6:.0f} µs"
            )
    report.table(table)
    report.target(
        "batches, at least 0.5 x by hand",
        ratio(speeds[ours], speeds[hand]),
        met=speeds[ours] >= 0.5 * speeds[hand],
    )
    if peer in speeds:
        report.target(
            "batches, as fast as pgqueuer",
            ratio(speeds[ours], speeds[peer]),
            met=speeds[ours] >= speeds[peer],
        )
    report.finish()


async def measured(way: Callable[[str], Awaitable[float]], url: str) -> float:
    """Run one way."""
    return await way(url)


if __name__ == "__main__":
    main()
