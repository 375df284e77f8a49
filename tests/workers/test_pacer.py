"""What readings observe becomes the pace of all replicas; bounds are stated, and shortened at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import cast
from uuid import UUID

import pytest

from service.domain.cadence.bound import Policy, StreamFacts
from service.domain.cadence.pace import Observed, Pace
from service.domain.cadence.stream import Stream
from service.hub.sending import FinishedCall
from service.store.awaited import insert_awaited, list_awaited
from service.store.database import Database
from service.store.pace import get_pace
from service.store.streams import list_streams
from service.store.work import get_polling_lag
from service.workers.pacer import ANEW_SECONDS, LANES_MAX, LANES_MIN, STRETCH_SECONDS, Pacer
from tests.workers.watching import CADENCE, Watching, watching

RATE = 30.0


def pacer_of(database: Database, policy: Policy = CADENCE, rate: float = RATE) -> Pacer:
    """A replica's pacer."""
    return Pacer(database, policy, rate)


async def test_what_one_replica_observes_all_know(database: Database) -> None:
    """Delays, losses and pulls that one replica saw are known to the others at their next beat."""
    one, other = pacer_of(database), pacer_of(database)
    await one.beat()
    one.observed = Observed(shown=[30.0] * 500, missed=100, changes=500, gaps=[1_800.0] * 50)
    await one.beat()
    await other.beat()
    assert other.pace == one.pace
    assert other.pace.unannounced == pytest.approx(101 / 520)
    assert other.pace.outlook.shown(20) < 0.1
    assert other.pace.outlook.shown(40) > 0.9
    assert other.pace.pull_seconds < 2_000
    assert one.observed == Observed(), "what was told is not told twice"


async def test_the_price_follows_what_all_replicas_begin(database: Database) -> None:
    """Readings of all replicas count together: as many as there are calls make each dearer, few cheaper."""
    one, other = pacer_of(database), pacer_of(database)
    await one.beat()
    before = one.pace.price
    for each in (one, other):
        each.observed.readings = 150
    await other.beat()
    assert other.pace.price == before, "it was set just now"
    database.clock_offset += timedelta(seconds=10)
    await one.beat()
    assert one.pace.price > before
    for _ in range(2):
        database.clock_offset += timedelta(seconds=10)
        await other.beat()
    assert other.pace.price < one.pace.price


async def test_many_streams_stretch_their_bounds(database: Database) -> None:
    """What all streams ask for, against the calls that are kept for them, stretches everybody's bound."""
    async with watching(database, organizations=3, documents=2) as w:
        await w.catch_up()
        plenty = pacer_of(database)
        await plenty.beat()
        assert (plenty.pace.stretch, plenty.pace.comparing_stretch) == (1, 1)
        scarce = pacer_of(database, rate=0.005)
        database.clock_offset += timedelta(seconds=STRETCH_SECONDS)
        await scarce.beat()
        assert scarce.pace.stretch > 2
        assert scarce.pace.comparing_stretch > 1
        async with database.fleet() as connection:
            assert (await get_pace(connection)).stretch == scarce.pace.stretch


async def test_each_reading_states_its_bound(database: Database) -> None:
    """By when a stream is read next at the latest is kept with it, stretched as it was at its reading."""
    async with watching(database, organizations=1, documents=2, situations="healthy") as w:
        w.means.pacer.pace = Pace(stretch=2.0)
        await w.catch_up()
        (organization_id,) = w.organization_ids
        facts = await streams(w, organization_id)
        connection = facts[Stream.CONNECTION]
        assert connection.read_at is not None
        assert connection.bound_at == connection.read_at + timedelta(seconds=2 * CADENCE.connection_seconds)
        async with database.fleet() as fleet:
            assert (await get_polling_lag(fleet, 5)).overdue == 0
        database.clock_offset += timedelta(seconds=2 * CADENCE.connection_seconds + 6)
        async with database.fleet() as fleet:
            lag = await get_polling_lag(fleet, 5)
        assert lag.overdue == 1
        assert lag.oldest_overdue_seconds < 60


async def test_a_shortened_bound_takes_effect_when_a_replica_begins(database: Database) -> None:
    """A replica that begins with shorter bounds has every organization looked at anew within a minute."""
    async with watching(database, organizations=3, documents=2, situations="healthy") as w:
        await w.means.pacer.begin()
        await w.catch_up()
        assert await w.run(w.poller) == 0
        shorter = replace(CADENCE, connection_seconds=5.0)
        await pacer_of(database, shorter).begin()
        database.clock_offset += timedelta(seconds=ANEW_SECONDS)
        assert await w.run(w.poller) == 3
        async with database.fleet() as connection:
            policy = await connection.fetchval("SELECT policy FROM pace")
        assert '"connection_seconds": 5.0' in policy


async def test_an_event_is_awaited_until_its_record_tells(database: Database) -> None:
    """What an event announced is awaited until its record tells; how long that took is learned."""
    async with watching(
        database, organizations=1, documents=4, situations="healthy", push_seconds=(40, 40)
    ) as w:
        await w.catch_up()
        (organization_id,) = w.organization_ids
        document_id = w.simulator.issue_invoice(str(organization_id))
        await await_result(w, organization_id, Stream.RECEIVABLE_RECORDS, document_id)
        for _ in range(60):
            w.advance(2)
            await w.run(w.poller)
        assert w.means.pacer.observed.shown
        assert all(30 <= seconds <= 60 for seconds in w.means.pacer.observed.shown)
        async with database.organization(organization_id) as connection:
            assert await list_awaited(connection, organization_id, 10) == {}


async def test_what_no_push_follows_is_given_up(database: Database) -> None:
    """An event without a push is looked after less and less, and given up after two pulls."""
    async with watching(database, organizations=1, documents=4, situations="healthy") as w:
        await w.catch_up()
        (organization_id,) = w.organization_ids
        before = w.requests
        await await_result(w, organization_id, Stream.PRODUCT_RECORDS, "00000000-0000-4000-8000-000000000001")
        for _ in range(30):
            w.advance(300)
            await w.run(w.poller)
        assert w.requests > before
        assert w.means.pacer.observed.late == 1
        async with database.organization(organization_id) as connection:
            assert await list_awaited(connection, organization_id, 10) == {}


def test_lanes_follow_the_latency() -> None:
    """A hub that takes longer to answer is asked in more lanes, up to a limit."""
    pacer = Pacer(cast("Database", None), CADENCE, RATE)  # it beats not, and asks nobody
    assert pacer.lanes == LANES_MIN
    for _ in range(200):
        pacer.observe(FinishedCall(endpoint="records", seconds=0.3))
    assert LANES_MIN < pacer.lanes < LANES_MAX
    for _ in range(200):
        pacer.observe(FinishedCall(endpoint="records", seconds=20.0))
    assert pacer.lanes == LANES_MAX


async def streams(w: Watching, organization_id: UUID) -> dict[Stream, StreamFacts]:
    """Where the organization's streams stand."""
    async with w.database.organization(organization_id) as connection:
        return dict(await list_streams(connection, organization_id))


async def await_result(w: Watching, organization_id: UUID, stream: Stream, object_id: str) -> None:
    """Await the result of a push as an event would have it."""
    now = await w.database.now()
    async with w.database.organization(organization_id) as connection:
        await insert_awaited(connection, organization_id, [(stream, object_id, now)])
        await connection.execute(
            "UPDATE work SET due_at = $2 WHERE organization_id = $1 AND kind = 'poll'", organization_id, now
        )
