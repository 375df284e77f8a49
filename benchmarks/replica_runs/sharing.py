"""Ten thousand organizations: what a worker holds of memory, how three share, one that dies, one that comes.

The first reading of a fleet this large takes hours at thirty requests a second, and whatever a dead replica
had begun waits its turn in it like everything else. So the replicas share while all is due at once; then all
streams are said to have been read, at times spread over three hours, as in a fleet that is known, and one
replica dies and another comes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import asyncpg

from benchmarks.measuring.hub import Hub
from benchmarks.replica_runs.replica import Replica, replica, seconds_until, until

REPLICAS = 3
LISTED_SECONDS = 300.0
FOUND_SECONDS = 60.0
RESUMED_SECONDS = 120.0
SETTLED_SECONDS = 45.0
"""For the first readings that are under way when the fleet becomes known."""

LISTED = "SELECT count(*) FROM tieout.work WHERE kind = 'poll'"
KNOWN = """
    UPDATE tieout.streams
    SET read_at = now() - age, full_at = now() - age, cursor_at = now() - age,
        due_at = now() - age + interval '3 hours', bound_at = now() - age + interval '4 hours'
    FROM (
        SELECT organization_id, random() * interval '3 hours' AS age
        FROM (SELECT DISTINCT organization_id FROM tieout.streams) fleet
    ) fleet
    JOIN (
        SELECT organization_id, stream FROM tieout.streams WHERE read_at IS NULL FOR UPDATE SKIP LOCKED
    ) unread USING (organization_id)
    WHERE streams.organization_id = fleet.organization_id AND streams.stream = unread.stream
"""
RESTS = """
    UPDATE tieout.work
    SET due_at = stream.due_at
    FROM (SELECT organization_id, min(due_at) AS due_at FROM tieout.streams GROUP BY 1) stream
    JOIN (SELECT organization_id, kind FROM tieout.work WHERE lease_by IS NULL FOR UPDATE SKIP LOCKED) idle
    USING (organization_id)
    WHERE work.organization_id = stream.organization_id AND work.kind = idle.kind
"""
HELD = "SELECT count(*) FROM tieout.work WHERE lease_by LIKE $1"


@dataclass(frozen=True)
class Share:
    """What one of three did meanwhile."""

    calls: float
    runs: float
    peak_bytes: int


@dataclass(frozen=True)
class Shared:
    """What came of it."""

    organizations: int
    seconds: float
    alone_peak_bytes: int
    shares: Sequence[Share]
    busiest_second: int
    requests: int
    held: int
    resumed_seconds: float | None
    started_seconds: float
    found_seconds: float | None


def share(url: str, hub: Hub, seconds: float) -> Shared:
    """Let replicas share the work, let one die, and another come."""
    fleet = len(hub.organization_ids)
    with ExitStack() as stack:
        alone = Replica(stack.enter_context(replica(url, hub)))
        until("all are listed", lambda: _count(url, LISTED) >= fleet, LISTED_SECONDS)
        time.sleep(seconds)
        alone_peak = alone.running.peak_bytes
        replicas = [alone, *(Replica(stack.enter_context(replica(url, hub))) for _ in range(REPLICAS - 1))]
        for each in replicas[1:]:
            until("it works", lambda each=each: _works(url, each), FOUND_SECONDS)  # type: ignore[misc]
        shares = _shares(replicas, seconds)
        told = hub.requests()
        asyncio.run(_run(url, KNOWN, RESTS))
        time.sleep(SETTLED_SECONDS)
        held, resumed = _kill(url, replicas.pop())
        started, found = _come(url, hub, stack)
    return Shared(
        organizations=fleet,
        seconds=seconds,
        alone_peak_bytes=alone_peak,
        shares=shares,
        busiest_second=told["busiest_second"],
        requests=told["count"],
        held=held,
        resumed_seconds=resumed,
        started_seconds=started,
        found_seconds=found,
    )


def _shares(replicas: Sequence[Replica], seconds: float) -> Sequence[Share]:
    """Watch for a while who does how much."""
    before = [each.counts() for each in replicas]
    time.sleep(seconds)
    after = [each.counts() for each in replicas]
    return [
        Share(end.calls - begin.calls, end.runs - begin.runs, each.running.peak_bytes)
        for each, begin, end in zip(replicas, before, after, strict=True)
    ]


def _kill(url: str, dying: Replica) -> tuple[int, float | None]:
    """Kill one while it works; returns how much it held, and until all of that was taken over."""
    until("it holds a lease", lambda: _count(url, HELD, dying.mark) > 0, RESUMED_SECONDS)
    dying.kill()
    held = _count(url, HELD, dying.mark)
    taken = seconds_until(lambda: _count(url, HELD, dying.mark) == 0, RESUMED_SECONDS)
    return held, taken


def _come(url: str, hub: Hub, stack: ExitStack) -> tuple[float, float | None]:
    """Start one; returns how long that took, and then until it reads its first organization."""
    began = time.monotonic()
    coming = Replica(stack.enter_context(replica(url, hub)))
    started = time.monotonic() - began
    return started, seconds_until(lambda: _works(url, coming), FOUND_SECONDS)


def _works(url: str, each: Replica) -> bool:
    """Whether it reads an organization, or has read one."""
    return _count(url, f"{HELD} AND kind = 'poll'", each.mark) > 0 or each.counts().runs > 0


def _count(url: str, query: str, *arguments: object) -> int:
    return asyncio.run(_value(url, query, *arguments))


async def _value(url: str, query: str, *arguments: object) -> int:
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval(query, *arguments))
    finally:
        await connection.close()


async def _run(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for each in statements:
            await connection.execute(each)
    finally:
        await connection.close()
