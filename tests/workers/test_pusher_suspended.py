"""A machine that was suspended in the middle of a push does not go on as if no time had passed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from uuid import uuid4

import pytest

from service.domain.pushing.attempt import Outcome
from service.domain.pushing.override import Override, Word
from service.domain.record import Record
from service.hub.budget import Budget, Slots
from service.store.database import Database
from service.store.overrides import insert_override
from service.store.pushes import StoredEvidence, insert_evidence
from service.store.records import lock_records
from service.workers.pusher import Pusher
from tests.web.builders import eventually
from tests.workers.healing import POLICY, Healing, another_hub, healing

MINUTE, HOUR = 60.0, 3_600.0

TURN_SECONDS = 10.0
"""So long that every request takes a turn of its own."""

ASKS = 1
"""Turns that a push takes before its intent: the hub is asked once more."""


class Machine:
    """A machine whose own clock (`time.monotonic`) stands still while it is suspended, as Linux has it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._suspended = 0.0
        self.sleeps_seconds = 0.0
        self.wakes = 0
        """Turns that are taken before it sleeps."""
        self.others: Callable[[], Awaitable[None]] = _nothing
        """What others do while it sleeps."""
        real = time.clock_gettime
        boot = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
        monkeypatch.setattr(
            time, "clock_gettime", lambda clock: real(clock) + (self._suspended if clock == boot else 0.0)
        )

    async def reserve(self, _count: int) -> Slots:
        """Give turns at once, and be suspended before they are taken."""
        if self.wakes:
            self.wakes -= 1
        elif self.sleeps_seconds:
            await self.others()
            self._suspended, self.sleeps_seconds = self._suspended + self.sleeps_seconds, 0.0
        return Slots(0.0, TURN_SECONDS, 1)


async def _nothing() -> None: ...


async def fail_one(world: Healing) -> str:
    """Issue an invoice whose first push fails by what time cures, and let that time pass."""
    world.simulator.fail_next_push(str(world.organization_id), "rate_limited")
    document_id: str = world.simulator.issue_invoice(str(world.organization_id))
    world.watch.advance(10 * MINUTE)
    await world.watch.catch_up()
    return document_id


async def test_suspended_between_intent_and_byte_it_does_not_send(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A push whose machine slept for an hour after its intent was written is not sent when it wakes."""
    machine = Machine(monkeypatch)
    async with healing(database) as world, another_hub(world, Budget(machine.reserve)) as hub:
        await world.settle()
        document_id = await fail_one(world)
        await hub.sign_in()
        pusher = Pusher(database, hub, POLICY, "replica-1", chance=lambda: 0.5)
        machine.sleeps_seconds, machine.wakes = HOUR, ASKS
        while not (attempts := await world.attempts(await world.record_of(document_id))):
            await pusher.run_once(await database.now())
            world.watch.advance(MINUTE)
        assert [each.outcome for each in attempts] == [Outcome.NOT_SENT]
        assert world.pushes_of(document_id) == 0


WAITS = (
    "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid)))"
)
"""Whether anybody waits for whoever asks."""


class Desk:
    """Writes about one record: the words of people, each in a transaction of its own."""

    def __init__(self, database: Database, record: Record) -> None:
        self._database = database
        self._record_id, self._organization_id = record.record_id, record.organization_id
        self.writing: asyncio.Task[None] | None = None

    async def say(self, word: Word) -> None:
        """Ada decides."""
        override = Override(word=word, person="Ada", reason="it is a test")
        async with self._database.organization(self._organization_id) as rows:
            assert await insert_override(rows, self._organization_id, self._record_id, override, POLICY)

    async def begin(self) -> None:
        """Hold the record, and write about it only once somebody waits for that."""
        held = asyncio.Event()
        self.writing = asyncio.get_running_loop().create_task(self._write(held))
        await held.wait()

    async def _write(self, held: asyncio.Event) -> None:
        said = StoredEvidence(
            evidence_id=uuid4(), record_id=self._record_id, kind="set_aside", detail={"person": "Bob"}
        )
        async with self._database.organization(self._organization_id) as rows:
            await lock_records(rows, self._organization_id, [self._record_id])
            held.set()
            await eventually(lambda: rows.fetchval(WAITS))
            await insert_evidence(rows, self._organization_id, said)


async def test_a_word_given_back_and_another_one_come_one_after_the_other(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever writes about a record while its push ends unsent waits for the pusher, or it for them."""
    machine = Machine(monkeypatch)
    async with healing(database) as world, another_hub(world, Budget(machine.reserve)) as hub:
        await world.settle()
        document_id = world.simulator.issue_invoice(str(world.organization_id), fails="timeout_ambiguous")
        await world.live(10 * MINUTE, MINUTE)
        desk = Desk(database, await world.record_of(document_id))
        await desk.say(Word.LEAVE)
        await desk.say(Word.PUSH)
        await hub.sign_in()
        machine.sleeps_seconds, machine.wakes, machine.others = HOUR, ASKS, desk.begin
        await Pusher(database, hub, POLICY, "replica-1", chance=lambda: 0.5).run_once(await database.now())
        assert desk.writing is not None
        await desk.writing
        attempts = await world.attempts(await world.record_of(document_id))
    assert [each.outcome for each in attempts] == [Outcome.NOT_SENT]
