"""Retrying, killed and frozen at every wait of a run, on real Postgres: nothing twice, nothing forgotten.

A commit is tried with kills at every wait, and freezes at some, by `tests/simulation`; this goes by night.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from uuid import UUID

import pytest

from service.domain.cadence.stream import Stream
from service.domain.fleet import WorkKind
from service.domain.record_state import State
from service.store.database import Database
from service.store.pushes import list_attempts
from service.store.retries import get_retry, list_retry_items
from service.store.streams import nudge_streams
from service.store.work import claim_due_work, finish_work, nudge_work
from service.web.retrying import Filter, Planner, apply, make
from service.workers.work import LEASE_SECONDS
from tests.workers.dying import Replica, Replicas, When, replicas
from tests.workers.healing import POLICY, Healing, healing

MINUTE = 60.0
HOUR = 3_600.0

STEPS_MIN, STEPS_MAX = 60, 400
"""A run with one push takes about a hundred; with fewer or more than these it has changed its nature."""


@dataclass
class Killing:
    """A world whose pushers die, and one that lives."""

    world: Healing
    replicas: Replicas
    survivor: Replica
    retry_ids: list[UUID] = field(default_factory=list)

    async def fail_one(self) -> str:
        """Issue an invoice whose first push fails by what time cures, and let its wait end."""
        watch = self.world.watch
        document_id: str = watch.simulator.issue_invoice(
            str(self.world.organization_id), fails="rate_limited"
        )
        self.advance(10)
        await self.read_records()
        for _ in range(2):
            # Looked at, whereupon its wait is drawn; then the wait passes.
            self.advance(POLICY.retry_base_seconds + 1)
            if (await self.world.record_of(document_id)).next_attempt_at is None:
                await self.survivor.run()
        record = await self.world.record_of(document_id)
        assert record.next_attempt_at is not None
        assert record.next_attempt_at < await watch.database.now()
        return document_id

    async def want_one(self) -> str:
        """Issue an invoice that fails by what cannot be seen, and have its retry planned and applied."""
        organization_id, database = self.world.organization_id, self.world.watch.database
        document_id: str = self.world.watch.simulator.issue_invoice(
            str(organization_id), fails="period_locked"
        )
        self.advance(10)
        await self.read_records()
        record = await self.world.record_of(document_id)
        planner = Planner(name="Ada", organization_id=organization_id, policy=POLICY)
        async with database.organization(organization_id) as connection:
            retry_id = await make(connection, planner, Filter(record_ids=[record.record_id]))
            retry = await get_retry(connection, retry_id)
            assert retry is not None
            await apply(connection, retry_id, retry.hash, "Ada")
        self.retry_ids.append(retry_id)
        return document_id

    async def check_wishes(self) -> None:
        """What of a planned retry counts as sent has an attempt, and what waits has none."""
        async with self.world.watch.database.fleet(readonly=True) as connection:
            for retry_id in self.retry_ids:
                [item] = await list_retry_items(connection, retry_id)
                attempts = await list_attempts(connection, item.organization_id, [item.record_id])
                numbers = [each.number for each in attempts.get(item.record_id, ())]
                assert item.status in {"queued", "sent"}
                assert ([item.number] if item.status == "sent" else []) == numbers[:1]

    async def read_records(self) -> None:
        """Have the poller read what became of pushes."""
        watch, organization_id = self.world.watch, self.world.organization_id
        now = await watch.database.now()
        async with watch.database.fleet() as connection:
            await nudge_streams(connection, organization_id, [(Stream.RECEIVABLE_RECORDS, now)])
            await nudge_work(connection, [organization_id], WorkKind.POLL, now)
        await watch.run(watch.poller)

    async def nudge(self) -> None:
        """Make the pusher's work due."""
        database = self.world.watch.database
        async with database.fleet() as connection:
            await nudge_work(connection, [self.world.organization_id], WorkKind.PUSH, await database.now())

    def advance(self, seconds: float) -> None:
        """Let time pass for the hub, Postgres and every machine."""
        self.world.watch.advance(seconds)
        self.replicas.pass_time(seconds)

    async def bury(self, replica: Replica) -> None:
        """Kill a replica that stopped, and wait for its lease to end."""
        replica.kill()
        self.advance(LEASE_SECONDS + 1)
        await self.replicas.until_claimable(self.world.organization_id)

    async def is_begun(self, document_id: str) -> bool:
        """Whether an attempt was written."""
        return bool(await self.world.attempts(await self.world.record_of(document_id)))

    async def take_over(self) -> None:
        """Be another replica that claims the work and has nothing to do."""
        database = self.world.watch.database
        async with database.fleet() as connection:
            for claim in await claim_due_work(connection, WorkKind.PUSH, "rival", LEASE_SECONDS, 1):
                await finish_work(connection, claim, await database.now())

    async def recover(self) -> None:
        """Let the survivor take over what a replica has left, and read what the hub made of it."""
        await self.nudge()
        await self.survivor.run()
        self.advance(MINUTE)
        await self.read_records()

    async def marks(self, document_id: str) -> tuple[object, ...]:
        """What a push or a write would change."""
        record = await self.world.record_of(document_id)
        return (
            record.version,
            self.world.pushes_of(document_id),
            [(attempt.number, attempt.outcome) for attempt in await self.world.attempts(record)],
        )

    async def check_intent(self, document_id: str) -> None:
        """Nothing has left of which no attempt is written."""
        attempts = await self.world.attempts(await self.world.record_of(document_id))
        assert self.world.pushes_of(document_id) <= len(attempts)

    async def check(self, document_id: str) -> None:
        """What must be true of a document at any time after a recovery."""
        record = await self.world.record_of(document_id)
        attempts = await self.world.attempts(record)
        assert self.world.copies()[document_id] <= 1
        assert self.world.pushes_of(document_id) <= len(attempts)
        assert all(attempt.outcome for attempt in attempts)
        assert record.reason
        assert record.deadline_at or record.state in {State.ACKNOWLEDGED, State.CONFIRMED}


@pytest.fixture
async def killing(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Killing]:
    """A healthy organization that has been read once, and a pusher that survives."""
    async with (
        healing(database, documents=1) as world,
        replicas(database, database_url, world.simulator, POLICY, monkeypatch) as made,
    ):
        await world.settle()
        yield Killing(world, made, await made.start("survivor"))


@pytest.mark.night
@pytest.mark.parametrize("when", list(When))
async def test_killed_at_any_wait_it_pushes_once(killing: Killing, when: When) -> None:
    """Killed at any wait of a run, before or after what it waits for, it doubles and forgets nothing."""
    documents = [await killing.fail_one()]
    for step in range(1, STEPS_MAX):
        await killing.nudge()
        mortal = await killing.replicas.start()
        if await mortal.run(stop_at=step, when=when) is not None:
            break
        await killing.bury(mortal)
        await killing.check_intent(documents[-1])
        if await killing.is_begun(documents[-1]):
            await killing.recover()
            documents.append(await killing.fail_one())
    else:
        raise AssertionError("the run has no end")
    assert step > STEPS_MIN
    assert len(documents) > STEPS_MIN / 4
    await killing.world.live(5 * HOUR, HOUR / 3)
    for document_id in documents:
        await killing.check(document_id)
        assert (await killing.world.record_of(document_id)).state is State.CONFIRMED
        assert killing.world.copies()[document_id] == 1


@pytest.mark.night
@pytest.mark.parametrize("when", list(When))
async def test_a_planned_retry_killed_at_any_wait_is_sent_once(killing: Killing, when: When) -> None:
    """Killed at any wait, what an operator planned is sent once or keeps its turn, and nothing is doubled."""
    documents = [await killing.want_one()]
    for step in range(1, STEPS_MAX):
        await killing.nudge()
        mortal = await killing.replicas.start()
        if await mortal.run(stop_at=step, when=when) is not None:
            break
        await killing.bury(mortal)
        await killing.check_intent(documents[-1])
        await killing.check_wishes()
        if await killing.is_begun(documents[-1]):
            await killing.recover()
            documents.append(await killing.want_one())
    else:
        raise AssertionError("the run has no end")
    assert step > STEPS_MIN
    await killing.world.live(5 * HOUR, HOUR / 3)
    await killing.check_wishes()
    for document_id in documents:
        await killing.check(document_id)
        assert (await killing.world.record_of(document_id)).state is State.CONFIRMED
        assert killing.world.copies()[document_id] == 1


@pytest.mark.night
async def test_frozen_at_any_wait_it_is_harmless(killing: Killing) -> None:
    """A replica that slept for an hour anywhere in its run, and was taken over, pushes and writes nothing."""
    documents = [await killing.fail_one()]
    for step in range(
        2, STEPS_MAX
    ):  # at its first wait it has not asked for work yet, and claims when it wakes
        await killing.nudge()
        zombie = await killing.replicas.start()
        if await zombie.run(stop_at=step) is not None:
            break
        killing.advance(HOUR)
        await killing.replicas.end_idle_transactions(zombie)
        is_begun = await killing.is_begun(documents[-1])
        await (killing.recover() if is_begun else killing.take_over())
        before = await killing.marks(documents[-1])
        ended = await zombie.thaw()
        assert await killing.marks(documents[-1]) == before, f"frozen at {step}, it went on and {ended!r}"
        zombie.kill()
        if is_begun:
            documents.append(await killing.fail_one())
    else:
        raise AssertionError("the run has no end")
    assert step > STEPS_MIN
    for document_id in documents:
        await killing.check(document_id)
