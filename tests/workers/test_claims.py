"""Claims of many lanes: made, kept and given back by one statement, each as if it were alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from service.domain.fleet import WorkKind
from service.errors import DatabaseError, Superseded
from service.store.database import Database
from service.store.work import claim_due_work, ensure_work
from service.workers.claims import Claims
from service.workers.together import ROUND_MAX, Together
from service.workers.work import LEASE_SECONDS, Work

KIND = WorkKind.POLL
DEADLINE_SECONDS = 20.0
LATER = timedelta(hours=1)

WAITING = "SELECT FROM pg_locks WHERE relation = 'tieout.work'::regclass AND NOT granted"


async def test_lanes_that_ask_at_once_are_served_by_one_statement(database: Database) -> None:
    """Four lanes of a replica get four organizations by one claim; a fifth finds nothing due."""
    ids = await ensure(database, 4)
    async with in_lanes(Claims(database, KIND, "a"), 5) as works:
        claims = [work.claim for work in works if work is not None]
        assert sorted(claim.organization_id for claim in claims) == sorted(ids)
        assert len({claim.claimed_at for claim in claims}) == 1
        assert len(works) - len(claims) == 1


async def test_no_more_is_claimed_than_lanes_ask_for(database: Database) -> None:
    """What no lane of one replica works at is there for another."""
    ids = await ensure(database, 10)
    async with (
        in_lanes(Claims(database, KIND, "a"), 3) as ours,
        in_lanes(Claims(database, KIND, "b"), 10) as theirs,
    ):
        claimed = [work.organization_id for work in [*ours, *theirs] if work is not None]
        assert sorted(claimed) == sorted(ids)
        assert None not in ours


async def test_leases_are_renewed_together(database: Database) -> None:
    """Runs that take longer than their leases keep them, by one statement for all."""
    await ensure(database, 3)
    async with in_lanes(Claims(database, KIND, "a", lease_seconds=3), 3) as works:
        first = await leases(database)
        async with asyncio.timeout(DEADLINE_SECONDS):
            while all(work.now < work.claim.claimed_at + timedelta(seconds=4) for work in works if work):
                async with database.fleet() as connection:
                    assert not await claim_due_work(connection, KIND, "b", 60, 10)
        renewed = await leases(database)
        assert len(set(renewed.values())) == 1
        assert min(renewed.values()) > max(first.values()) + timedelta(seconds=1)


async def test_a_row_that_is_written_to_holds_up_its_own_lane_only(database: Database) -> None:
    """Of two runs that end at once, one whose row somebody else writes to waits, and the other does not."""
    await ensure(database, 2)
    async with in_lanes(Claims(database, KIND, "a"), 2) as works:
        slow, quick = [work for work in works if work is not None]
        async with database.fleet() as connection:
            await connection.execute(
                "SELECT FROM work WHERE organization_id = $1 FOR UPDATE", slow.organization_id
            )
            ending = asyncio.create_task(slow.finish(due_at=slow.now + LATER))
            async with asyncio.timeout(DEADLINE_SECONDS):
                await quick.finish(due_at=quick.now + LATER)
            assert not ending.done()
        async with asyncio.timeout(DEADLINE_SECONDS):
            await ending


async def test_a_renewal_waits_for_whoever_writes_to_its_row_alone(database: Database) -> None:
    """While somebody writes to one row the other leases are renewed, and that one's as soon as it is free."""
    await ensure(database, 2)
    async with in_lanes(Claims(database, KIND, "a", lease_seconds=1.5), 2) as works:
        slow, quick = [work for work in works if work is not None]
        before = await leases(database)
        async with database.fleet() as connection:
            await connection.execute(
                "SELECT FROM work WHERE organization_id = $1 FOR UPDATE", slow.organization_id
            )
            await until_renewed(database, quick.organization_id, before[quick.organization_id])
            assert (await leases(database))[slow.organization_id] == before[slow.organization_id]
        await until_renewed(database, slow.organization_id, before[slow.organization_id])
        async with slow.writing():
            """It is still ours."""


async def test_who_was_superseded_is_told_among_others(database: Database) -> None:
    """Of runs that end together, the one whose lease was lost is told so, and the others end."""
    ids = await ensure(database, 3)
    async with in_lanes(Claims(database, KIND, "a"), 3) as works:
        lost, *others = [work for work in works if work is not None]
        async with database.fleet() as connection:
            await connection.execute(
                "UPDATE work SET due_at = tieout.now() WHERE organization_id = $1", lost.organization_id
            )
            [taken] = await claim_due_work(connection, KIND, "b", 60, 10)
        assert taken.organization_id == lost.organization_id
        ended = await asyncio.gather(
            *(work.finish(due_at=work.now + LATER) for work in (lost, *others)), return_exceptions=True
        )
        assert isinstance(ended[0], Superseded)
        assert ended[1:] == [None] * (len(ids) - 1)
        assert await holders(database) == ["b"]


async def test_own_work_that_was_lost_and_claimed_anew_is_told_apart(database: Database) -> None:
    """When a lease ended and another lane of the same replica took over, only the first run is superseded."""
    await ensure(database, 1)
    claims = Claims(database, KIND, "a")
    async with in_lanes(claims, 1) as [first]:
        assert first is not None
        database.clock_offset += timedelta(seconds=LEASE_SECONDS + 1)
        async with in_lanes(claims, 1) as [second]:
            assert second is not None
            ended = await asyncio.gather(
                *(work.finish(due_at=work.now + LATER) for work in (first, second)), return_exceptions=True
            )
    assert isinstance(ended[0], Superseded)
    assert ended[1] is None


async def test_a_claim_that_comes_to_a_cancelled_lane_is_given_back(database: Database) -> None:
    """A lane that is cancelled while its claim is being made leaves the work due."""
    await ensure(database, 1)
    claims = Claims(database, KIND, "a")

    async def lane() -> None:
        async with claims.working():
            raise AssertionError("it was cancelled before")

    async with database.fleet() as connection:
        await connection.execute("LOCK TABLE work IN SHARE ROW EXCLUSIVE MODE")
        task = asyncio.create_task(lane())
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not await connection.fetch(WAITING):  # noqa: ASYNC110 - Postgres tells nobody
                await asyncio.sleep(0.01)
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await holders(database) == []
    async with in_lanes(Claims(database, KIND, "b"), 1) as [work]:
        assert work is not None
        assert work.claim.was_due_at <= work.claim.claimed_at


async def test_cancelled_lanes_give_back_together(database: Database) -> None:
    """Lanes that are cancelled at once leave their work due by one statement."""
    await ensure(database, 3)
    async with in_lanes(Claims(database, KIND, "a"), 3):
        assert await holders(database) == ["a"] * 3
    async with database.fleet() as connection:
        ended = await connection.fetch("SELECT finished_at, due_at <= tieout.now() AS is_due FROM work")
    assert [row["is_due"] for row in ended] == [True] * 3
    assert len({row["finished_at"] for row in ended}) == 1


async def test_a_round_that_fails_fails_for_all_of_it_and_none_after() -> None:
    """Trouble in a round is told to everybody in it; the next one goes on."""
    rounds: list[Sequence[int]] = []

    async def double(asked: Sequence[int]) -> Sequence[int]:
        rounds.append(asked)
        await asyncio.sleep(0)
        if len(rounds) == 1:
            raise DatabaseError("nobody answers")
        return [2 * each for each in asked]

    together = Together(double)
    first = await asyncio.gather(together.ask(1), together.ask(2), return_exceptions=True)
    assert [str(each) for each in first] == ["nobody answers"] * 2
    assert [*await asyncio.gather(together.ask(3), together.ask(4))] == [6, 8]
    assert rounds == [[1, 2], [3, 4]]


async def test_rounds_are_bounded() -> None:
    """However many ask, a round holds no more than its bound."""
    sizes = []

    async def count(asked: Sequence[int]) -> Sequence[int]:
        sizes.append(len(asked))
        return asked

    together = Together(count)
    asked = range(2 * ROUND_MAX + 1)
    assert await asyncio.gather(*(together.ask(each) for each in asked)) == list(asked)
    assert sizes == [ROUND_MAX, ROUND_MAX, 1]


@asynccontextmanager
async def in_lanes(claims: Claims, count: int) -> AsyncIterator[Sequence[Work | None]]:
    """So many lanes that ask at once and hold what they are given; cancelled with the block."""
    given: asyncio.Queue[Work | None] = asyncio.Queue()

    async def lane() -> None:
        async with claims.working() as work:
            given.put_nowait(work)
            await asyncio.Event().wait()

    async with AsyncExitStack() as stack:
        lanes = [asyncio.create_task(lane()) for _ in range(count)]
        stack.push_async_callback(asyncio.wait, lanes)
        for each in lanes:
            stack.callback(each.cancel)
        async with asyncio.timeout(DEADLINE_SECONDS):
            works = [await given.get() for _ in lanes]
        yield works


async def ensure(database: Database, count: int) -> Sequence[UUID]:
    """So many organizations whose work is due."""
    ids = [uuid4() for _ in range(count)]
    async with database.fleet() as connection:
        await ensure_work(connection, ids, [KIND])
    return ids


async def leases(database: Database) -> Mapping[UUID, datetime]:
    """When each lease ends."""
    async with database.fleet() as connection:
        rows = await connection.fetch("SELECT organization_id, due_at FROM work")
    return {row["organization_id"]: row["due_at"] for row in rows}


async def holders(database: Database) -> Sequence[str]:
    """Who holds what is held."""
    async with database.fleet() as connection:
        rows = await connection.fetch("SELECT lease_by FROM work WHERE lease_by IS NOT NULL")
    return [row["lease_by"] for row in rows]


async def until_renewed(database: Database, organization_id: UUID, before: datetime) -> None:
    """Wait until a lease ends later than it did."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while (await leases(database))[organization_id] <= before:  # noqa: ASYNC110 - the news is in Postgres
            await asyncio.sleep(0.05)
