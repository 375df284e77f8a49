"""Detection in some organizations, beside one that has a hundred thousand errors, and without it.

Every second or so an invoice is issued in one of the others; the hub tells of it by a webhook, pushes it, and
says nothing of how that ended. What is measured is how long after the end of the push the service knew it:
while the hundred thousand are read for the first time, and again once all of them are known, are classified,
and half of them are being pushed again.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import asyncpg

from benchmarks.measuring.hub import Hub, hub
from benchmarks.measuring.postgres import migrated
from benchmarks.measuring.process import SECRET, free_port
from benchmarks.replica_runs.replica import replica, until

READ_SECONDS = 600.0
EVERY_SECONDS = 1.0
LAST_SECONDS = 30.0
"""For what was issued last."""

READ = """
    SELECT count(*) FROM (
        SELECT FROM tieout.streams WHERE organization_id <> $1 GROUP BY organization_id
        HAVING bool_and(read_at IS NOT NULL OR stream NOT LIKE 'records:%')
    ) others
"""
DELAYS = """
    SELECT extract(epoch FROM known_from - valid_from)::float8
    FROM tieout.history
    WHERE kind = 'record' AND organization_id <> $1 AND valid_from >= $2 AND body ->> 'sync_status' = 'done'
"""
ERRORS = "SELECT count(*) FROM tieout.records WHERE organization_id = $1 AND sync_status = 'error'"


ATTEMPTS = "SELECT count(*) FROM tieout.attempts WHERE organization_id = $1"


@dataclass(frozen=True)
class Detected:
    """How long results lay unseen in the others; what was known, and pushed, of the troubled one's errors."""

    delays: Sequence[float]
    issued: int
    known: int
    pushed: int
    busiest_second: int
    peak_bytes: int


def detect(organizations: int, errors: int, seconds: float) -> tuple[Detected, Detected]:
    """Issue invoices for a while, in a world whose first organization has so many errors.

    The first is of the time when they are read for the first time, the second of when they are known.
    """
    port = free_port()
    webhooks = f"http://127.0.0.1:{port}/webhooks/hub"
    arguments = ("benchmarks/measuring/troubled_hub.py", str(organizations), str(errors), webhooks, SECRET)
    with (
        migrated(is_durable=True) as url,
        hub(*arguments) as world,
        replica(url, world, roles="web,worker", port=port) as running,
    ):
        troubled, *others = world.organization_ids
        first = UUID(troubled)

        def measured() -> Detected:
            began_at = datetime.now(UTC)
            issued = _issue(world, others, seconds)
            time.sleep(LAST_SECONDS)
            delays, known, pushed = asyncio.run(_found(url, first, began_at))
            return Detected(
                delays, issued, known, pushed, world.requests()["busiest_second"], running.peak_bytes
            )

        until("the others are read", lambda: _is_read(url, first, len(others)), READ_SECONDS)
        at_first = measured()
        until("all errors are known", lambda: asyncio.run(_value(url, ERRORS, first)) >= errors, READ_SECONDS)
        return at_first, measured()


def _issue(world: Hub, organization_ids: Sequence[str], seconds: float) -> int:
    """Issue an invoice now and then, each in an organization that is drawn; returns how many."""
    draw, issued = random.Random(1), 0
    until_at = time.monotonic() + seconds
    while time.monotonic() < until_at:
        world.control("issue-invoice", organization_id=draw.choice(organization_ids))
        issued += 1
        time.sleep(draw.expovariate(1 / EVERY_SECONDS))
    return issued


def _is_read(url: str, troubled: UUID, others: int) -> bool:
    """Whether the records of all others were read once."""
    return asyncio.run(_value(url, READ, troubled)) == others


async def _value(url: str, query: str, *arguments: object) -> int:
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval(query, *arguments))
    finally:
        await connection.close()


async def _found(url: str, troubled: UUID, began_at: datetime) -> tuple[Sequence[float], int, int]:
    """How long each result took to be known; how many errors of the troubled one are, and its pushes."""
    connection = await asyncpg.connect(url)
    try:
        delays = [float(row[0]) for row in await connection.fetch(DELAYS, troubled, began_at)]
        known = int(await connection.fetchval(ERRORS, troubled))
        return delays, known, int(await connection.fetchval(ATTEMPTS, troubled))
    finally:
        await connection.close()
