"""One seed: three replicas, some organizations, hours of turmoil, then calm, and what is true all along.

Replicas take turns: one runs, is killed, frozen or merely overtaken at some wait, and others go on. So the
seed decides who does what in which order, down to the wait. One that is overtaken stands outside of any
transaction, as a replica on another machine would be slower; one that is frozen for long loses its
transaction to Postgres, and resumes after the jump.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from random import Random
from typing import Self

import asyncpg

from service.domain.fleet import FLEET, FLEET_WORK, WorkKind
from service.domain.record_state import FAILED, State
from service.simulator import Clock, Simulator, SimulatorTransport
from service.store.work import ensure_work
from service.workers.work import LEASE_SECONDS
from tests.simulation.interruptions import KINDS, Plan, Report, Running
from tests.simulation.invariants import Invariant, Violated, Watched, Witness, age
from tests.simulation.judgement import judged
from tests.simulation.turmoil import Turmoil
from tests.simulation.virtual import (
    Control,
    VirtualTime,
)

REPLICAS = 3

RUNS_MAX = 500
"""More runs than this at one instant are a spin."""

PAUSE_SECONDS = LEASE_SECONDS + 1
PAUSES_MAX = 3
"""Within a tick what is due in a moment is waited for, a few times: what failed by passing trouble goes on,
and what the dead had claimed is taken over."""

CALM_TICKS_MAX = 160
"""Of 15 minutes: within them everything that can land has landed."""

RECORD_PER = ("object", "object", "attempt", "object", "attempt_unnamed")
"""How the hub of a seed keeps its records: where every attempt has its own, in two seeds of five."""

_DUE = """
SELECT kind, min(due_at) AS due_at FROM tieout.work WHERE kind = ANY($1::text[]) GROUP BY kind
"""


class Simulation(Running):
    """A world, its replicas, and the one who lets them run."""

    pauses_max = PAUSES_MAX
    waits_for: Sequence[WorkKind] = (WorkKind.PUSH,)

    def __init__(self, seed: int, url: str, virtual: VirtualTime, plan: Plan) -> None:
        self.seed = seed
        super().__init__(url, virtual, plan, Report(seed))
        self.random = Random(f"tieout {seed}")  # noqa: S311 - chance with a seed is the point
        self.simulator = Simulator(
            seed=seed,
            organizations=plan.organizations,
            documents=2,
            situations="healthy",
            rate_per_second=0,
            rate_clock=virtual.read,
            clock=Clock(virtual.start, source=virtual.read),
            pull_seconds=plan.pull_seconds,
        )
        self.witness: Witness
        self.turmoil: Turmoil
        self.control: Control
        self._transport: Watched

    @classmethod
    @asynccontextmanager
    async def opened(cls, seed: int, url: str, virtual: VirtualTime, plan: Plan) -> AsyncIterator[Self]:
        """A simulation that is closed in the end."""
        simulation = cls(seed, url, virtual, plan)
        try:
            await simulation.open()
            yield simulation
        finally:
            await simulation.close()

    async def open(self) -> None:
        """Build everything, and read the world once."""
        self.control = await Control.open(self.virtual, self._url)
        self.witness = Witness(self.simulator, self.virtual, self.control)
        self.turmoil = Turmoil(self.simulator, self.random, self.witness, self.plan.documents)
        self._transport = Watched(SimulatorTransport(self.simulator.app), self.witness)
        for _ in range(REPLICAS):
            self.replicas.append(await self.start())
        async with self.replicas[0].database.fleet() as connection:
            await ensure_work(connection, [FLEET], FLEET_WORK)
        await self.run_due(is_safe=True)

    async def close(self) -> None:
        """End whoever still lives."""
        for replica in self.replicas:
            replica.kill()
        await self._transport.aclose()
        await self.simulator.close()
        await self.control.close()
        for _ in range(3):
            # What was cut is noticed by the loop.
            await asyncio.sleep(0)

    async def live(self) -> Report:
        """Turmoil, then calm, then the last judgement."""
        if self.random.random() < 0.5:
            # The hub itself stops no second push.
            self.simulator.set_behaviour(push_on_done="accept", push_on_pending="accept")
        # Nothing is drawn for it, so that the seeds of a hub that keeps one are lived through as ever.
        self.simulator.set_behaviour(record_per=RECORD_PER[self.seed % len(RECORD_PER)])
        for organization in self.turmoil.organizations:
            self.turmoil.issue(organization, self.plan.documents)
        for _ in range(self.plan.ticks):
            self.turmoil.happen()
            await self.tick(self.random.choice([900.0, 1_800.0, 1_800.0]))
        await self.come_to_rest()
        return self.report

    async def come_to_rest(self) -> None:
        """Calm, until everything that can land has landed; then the last judgement."""
        self.turmoil.calm()
        for _ in range(CALM_TICKS_MAX):
            await self.tick(900.0, is_safe=True)
            if not judged(self.turmoil, self.witness, await self.witness.records()):
                break
        held = await self.witness.records()
        for text, invariant in judged(self.turmoil, self.witness, held):
            raise Violated(invariant, text)
        self._sum_up(held)

    def _sum_up(self, held: Sequence[asyncpg.Record]) -> None:
        report, trail = self.report, self.witness.trail
        by_object = {str(each["object_id"]): each for each in sorted(held, key=age)}
        for document_id, organization_id in self.turmoil.documents.items():
            state = State(by_object[document_id]["state"])
            copies = self.simulator.organization(organization_id).books.documents_per_local()
            report.landed += copies.get(document_id, 0) == 1 and state is State.CONFIRMED
            report.held += state in FAILED
        report.documents = len(self.turmoil.documents)
        report.attempts, report.ambiguous = trail["attempts"], trail["ambiguous"]
        report.pushes = sum(self.witness.left.values())

    async def tick(self, seconds: float, *, is_safe: bool = False) -> None:
        """Let time pass and everybody run."""
        self.virtual.advance(seconds)
        self.simulator.world.settle()
        await self.run_due(is_safe=is_safe)
        self._transport.check()
        await self.witness.check()

    async def run_due(self, *, is_safe: bool = False) -> None:
        """Let replicas run, one after the other, until nothing is due, nor a push due in a moment."""
        pauses = self.pauses_max
        for _ in range(RUNS_MAX):
            rows = await self.control.rows(_DUE, list(KINDS))
            due = [WorkKind(row["kind"]) for row in rows if row["due_at"] <= self.virtual.now]
            if not due:
                soon = self.virtual.now + timedelta(seconds=PAUSE_SECONDS)
                is_soon = any(row["due_at"] <= soon for row in rows if row["kind"] in self.waits_for)
                if not is_soon or not pauses:
                    return
                pauses -= 1
                self.virtual.advance(PAUSE_SECONDS)
                self.simulator.world.settle()
                continue
            kind = self.random.choice(due)
            await self.run(self.random.choice(self.replicas), kind, is_safe=is_safe)
            self._transport.check()
        raise Violated(Invariant.MISTAKE, f"replicas find work for ever: {due}")
