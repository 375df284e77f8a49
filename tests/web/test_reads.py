"""Reading: however much is asked at once, receiving, probes and watching have Postgres as ever.

A test holds the lock of a table that questions about an instant wait for, so that each keeps its connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import islice

import asyncpg
import httpx
import pytest

from service.store.database import POOL_SIZE_MAX
from service.web import reads
from service.web.webhooks import PATH
from tests.web.builders import NOW, encoded, event, eventually, signed

ASKED = {"as_of": (NOW - timedelta(minutes=1)).isoformat()}
PATIENCE_SECONDS = 20.0

WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'tieout.history'::regclass"
Hold = Callable[[httpx.AsyncClient, int, int], Awaitable[list[asyncio.Task[httpx.Response]]]]


@asynccontextmanager
async def held(database_url: str) -> AsyncIterator[Hold]:
    """Give what asks for more than can be answered, and comes back once so many hold a connection."""
    holder = await asyncpg.connect(database_url)
    try:
        await holder.execute("BEGIN; LOCK TABLE tieout.history IN ACCESS EXCLUSIVE MODE")

        async def hold(
            caller: httpx.AsyncClient, asked: int, waiting: int
        ) -> list[asyncio.Task[httpx.Response]]:
            tasks = [asyncio.ensure_future(caller.get("/v1/records", params=ASKED)) for _ in range(asked)]

            async def have_come() -> bool:
                return bool(await holder.fetchval(WAITING) >= waiting)

            await eventually(have_come)
            return tasks

        yield hold
    finally:
        await holder.close()


async def refused(tasks: list[asyncio.Task[httpx.Response]], count: int) -> None:
    """See so many of the questions refused, with what to do."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        for each in islice(asyncio.as_completed(tasks), count):
            answer = await each
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
            assert answer.headers["content-type"] == "application/problem+json"
            assert "as many questions at once as it may" in answer.json()["detail"]


async def test_no_reader_takes_the_database_from_the_others(
    database_url: str, viewer: httpx.AsyncClient, nobody: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While as much is read as may be, deliveries are stored and watchers are answered; one more is 503."""
    monkeypatch.setattr(reads, "TURN_SECONDS", 0.1)
    asked = 2 * POOL_SIZE_MAX
    async with held(database_url) as hold:
        tasks = await hold(viewer, asked, reads.READS_MAX)
        body = encoded(event())
        answers = await asyncio.gather(
            nobody.post(PATH, content=body, headers=signed(body)),
            nobody.get("/readyz"),
            *(viewer.get(path) for path in ("/status", "/metrics")),
        )
        assert [answer.status_code for answer in answers] == [200] * 4
        await refused(tasks, asked - reads.READS_MAX)
    answers = await asyncio.gather(*tasks)
    assert sum(answer.status_code == 200 for answer in answers) == reads.READS_MAX


async def test_one_organization_reads_a_share_of_that(
    database_url: str, viewer: httpx.AsyncClient, bound: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys of one organization hold less than all that may be read at once: others are answered."""
    monkeypatch.setattr(reads, "TURN_SECONDS", 0.1)
    async with held(database_url) as hold:
        tasks = await hold(bound, 6, reads.ORGANIZATION_READS_MAX)
        await refused(tasks, 6 - reads.ORGANIZATION_READS_MAX)
        assert (await viewer.get("/v1/alerts")).status_code == 200
    assert {answer.status_code for answer in await asyncio.gather(*tasks)} == {200, 503}


async def test_reading_waits_for_its_turn(database_url: str, viewer: httpx.AsyncClient) -> None:
    """Whoever asks while as much is read as may be is answered once others have been."""
    async with held(database_url) as hold:
        tasks = await hold(viewer, 3 * reads.READS_MAX, reads.READS_MAX)
    assert {answer.status_code for answer in await asyncio.gather(*tasks)} == {200}
