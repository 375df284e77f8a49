"""A machine that was suspended in the middle of a push does not go on as if no time had passed."""

from __future__ import annotations

import time

import pytest

from service.domain.pushing.attempt import Outcome
from service.hub.budget import Budget, Slots
from service.store.database import Database
from service.workers.pusher import Pusher
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
        real = time.clock_gettime
        boot = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
        monkeypatch.setattr(
            time, "clock_gettime", lambda clock: real(clock) + (self._suspended if clock == boot else 0.0)
        )

    async def reserve(self, _count: int) -> Slots:
        """Give turns at once, and be suspended before they are taken."""
        if self.wakes:
            self.wakes -= 1
        else:
            self._suspended, self.sleeps_seconds = self._suspended + self.sleeps_seconds, 0.0
        return Slots(0.0, TURN_SECONDS, 1)


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
