"""While it is known that nothing can be sent nothing is written, and trouble is met ever more seldom."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from itertools import pairwise
from uuid import uuid4

import pytest

from service.domain.pushing.attempt import Outcome
from service.errors import Fate, HubError, HubFailure
from service.hub.budget import Budget, single_process
from service.hub.client import Hub
from service.store.database import Database
from service.workers.circuit import FAILURES_TO_OPEN, Circuit
from service.workers.pusher import Pusher
from service.workers.resting import REST_SECONDS_MAX
from tests.workers.healing import POLICY, Healing, another_hub, healing
from tests.workers.watching import REQUESTS_PER_SECOND

MINUTE, HOUR = 60.0, 3_600.0
RUNS = 20


@pytest.fixture
async def world(database: Database) -> AsyncIterator[Healing]:
    """A healthy organization that has been read once."""
    async with healing(database) as opened:
        await opened.settle()
        yield opened


async def fail_one(world: Healing) -> str:
    """Issue an invoice whose first push fails by what time cures, and read that."""
    document_id: str = world.simulator.issue_invoice(str(world.organization_id), fails="rate_limited")
    world.watch.advance(10 * MINUTE)
    await world.watch.catch_up()
    return document_id


async def due_at(world: Healing) -> datetime:
    """When the pusher comes next."""
    async with world.watch.database.fleet(readonly=True) as connection:
        at = await connection.fetchval("SELECT due_at FROM work WHERE kind = 'push'")
    assert isinstance(at, datetime)
    return at


async def run(world: Healing, pusher: Pusher, times: int) -> None:
    """Let the pusher come as often, each time when it wants to."""
    for _ in range(times):
        wait = await due_at(world) - await world.watch.database.now()
        world.watch.advance(max(wait.total_seconds(), 0.0) + 0.01)
        await pusher.run_once(await world.watch.database.now())


async def written(world: Healing) -> int:
    """Rows in the paper trail."""
    return len(await world.watch.rows(world.organization_id, "paper_trail"))


def pushing(world: Healing, hub: Hub, circuit: Circuit | None = None) -> Pusher:
    """A pusher of another replica."""
    return Pusher(world.watch.database, hub, POLICY, "replica-2", chance=lambda: 0.5, circuit=circuit)


async def test_refused_credentials_write_nothing(world: Healing) -> None:
    """Whoever cannot sign in makes no attempts of it."""
    budget = Budget(single_process(REQUESTS_PER_SECOND))
    async with another_hub(world, budget, client_secret="not-the-secret") as hub:
        document_id = await fail_one(world)
        await run(world, pushing(world, hub), RUNS)
    assert await written(world) == 0
    await world.live(HOUR, 5 * MINUTE)
    assert world.copies()[document_id] == 1


async def test_while_the_hub_wants_silence_nothing_is_written(world: Healing) -> None:
    """A pause that the hub asked for is kept without attempts, and the pusher comes back when it is over."""
    budget = Budget(single_process(REQUESTS_PER_SECOND))
    async with another_hub(world, budget) as hub:
        await hub.sign_in()
        document_id = await fail_one(world)
        await budget.pause(HOUR)
        pusher = pushing(world, hub)
        await run(world, pusher, RUNS)
        assert await written(world) == 0
        assert await due_at(world) <= await world.watch.database.now() + timedelta(seconds=HOUR)
    await world.live(HOUR, 5 * MINUTE)
    assert world.copies()[document_id] == 1


async def test_while_the_hub_counts_as_down_nothing_is_written(world: Healing) -> None:
    """While the circuit is open nothing is pushed; once it is closed everything goes."""
    circuit = Circuit()
    for _ in range(FAILURES_TO_OPEN):
        away = HubError("away", failure=HubFailure.UNREACHABLE, fate=Fate.NOT_SENT)
        circuit.note_failure(uuid4(), away)
    document_id = await fail_one(world)
    pusher = pushing(world, world.watch.hub, circuit)
    await run(world, pusher, RUNS)
    assert await written(world) == 0
    circuit.note_ok()
    await run(world, pusher, 2)
    attempts = await world.attempts(await world.record_of(document_id))
    assert attempts[-1].outcome == Outcome.ACCEPTED


async def test_waits_for_what_could_not_be_sent_double(world: Healing) -> None:
    """After each push in a row that did not leave the pusher waits twice as long, up to a bound."""
    world.simulator.add_fault("not_sent", "*push*")
    document_id = await fail_one(world)
    while not (attempts := await world.attempts(await world.record_of(document_id))):
        await run(world, world.pusher, 1)
    await run(world, world.pusher, 7)
    attempts = await world.attempts(await world.record_of(document_id))
    assert {each.outcome for each in attempts} == {Outcome.NOT_SENT}
    began = [each.started_at for each in attempts]
    waits = [(later - earlier).total_seconds() for earlier, later in pairwise(began)]
    expected = [min(15.0 * 2**each, REST_SECONDS_MAX) for each in range(7)]
    assert waits == pytest.approx(expected, abs=2)
