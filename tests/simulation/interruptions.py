"""Runs of replicas, and what may become of them: killed, frozen, overtaken, or with a clock that jumps."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from random import Random

from service.domain.fleet import WorkKind
from service.errors import DatabaseError, Superseded, TieoutError
from service.simulator import Simulator
from service.workers.work import WorkFailed, postpone
from tests.simulation.invariants import Invariant, Violated, Watched
from tests.simulation.process import Process
from tests.simulation.sites import Stops
from tests.simulation.virtual import Control, VirtualTime, database_class
from tests.workers.dying import Mortal, When

KINDS = (WorkKind.FLEET, WorkKind.POLL, WorkKind.PUSH, WorkKind.COMPARE)

STEPS = (40, 160, 1_600)
"""Stops are drawn below one of these: a run has some dozens of waits, or with many pushes some thousands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much of what."""

    organizations: int = 2
    documents: int = 130
    ticks: int = 6
    kills: float = 0.06
    freezes: float = 0.06
    overtakes: float = 0.1
    jumps: float = 0.03
    pull_seconds: float = 900
    is_safe: bool = False
    """Nobody dies, sleeps or is overtaken, unless the story says so."""


@dataclass(slots=True)
class Report:
    """What one seed came to."""

    seed: int
    attempts: int = 0
    ambiguous: int = 0
    pushes: int = 0
    documents: int = 0
    landed: int = 0
    held: int = 0
    counts: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        what = ", ".join(f"{count} {name}" for name, count in sorted(self.counts.items()))
        return (
            f"seed {self.seed}: {self.ambiguous} of {self.attempts} attempts of unknown outcome, "
            f"{self.pushes} pushes left, {self.landed} of {self.documents} documents landed once, "
            f"{self.held} wait for a person; {what}"
        )


class Running:
    """Replicas, and who lets them run."""

    control: Control
    random: Random
    simulator: Simulator
    _transport: Watched

    def __init__(self, url: str, virtual: VirtualTime, plan: Plan, report: Report) -> None:
        self.virtual = virtual
        self.plan = plan
        self.report = report
        self.replicas: list[Process] = []
        # Kept to the end: collecting one would run what a dead process does not run.
        self._buried: list[Process] = []
        self._database = database_class(virtual)
        self._url = url
        self._started = 0

    async def start(self) -> Process:
        """Start a replica."""
        self._started += 1
        name = f"replica-{self._started}"
        with self.virtual.outside():
            database = await self._database.open(self._url, pool_size=4, application_name=name)
        return Process(name, database, self.simulator, self._transport, self.random.random)

    async def run(self, replica: Process, kind: WorkKind, *, is_safe: bool = False) -> None:
        """One run of a worker, which may not be allowed to end."""
        plan = self.plan
        if is_safe or plan.is_safe:
            await self.finish(replica, kind)
            return
        if self.random.random() < plan.jumps:
            replica.skew += self.random.choice([-5.0, 30.0, 3_600.0])
            self.report.counts["clock jumps"] += 1
        draw, stop = self.random.random(), self._drawn_stop()
        if draw < plan.kills:
            await self._kill(replica, kind, stop)
        elif draw < plan.kills + plan.freezes:
            await self._freeze(replica, kind, stop)
        elif draw < plan.kills + plan.freezes + plan.overtakes:
            await self._overtake(replica, kind, stop)
        else:
            await self.finish(replica, kind)

    async def finish(self, replica: Process, kind: WorkKind, stops: Stops | None = None) -> bool:
        """Let a run go on to its end, like the scheduler; false when it stopped before."""
        try:
            tally = await replica.begin(replica.workers[kind].run_once(self.virtual.now), stops)
        except Exception as error:  # noqa: BLE001 - as the scheduler's
            await self._note(replica, error)
            return True
        self.report.counts["runs"] += 1
        return tally is not None

    async def _note(self, replica: Process, error: BaseException) -> None:
        """What the scheduler makes of a run that failed; a mistake of ours is none to live with."""
        if isinstance(error, Superseded):
            self.report.counts["superseded"] += 1
        elif isinstance(error, DatabaseError):
            self.report.counts["database errors"] += 1
        elif isinstance(error, WorkFailed):
            if not isinstance(error.__cause__, TieoutError):
                raise Violated(Invariant.MISTAKE, repr(error)) from error
            await postpone(replica.database, error.claim, str(error))
        else:
            raise error

    def _drawn_stop(self) -> Stops:
        number, side = self.random.randrange(1, self.random.choice(STEPS)), self.random.choice(list(When))
        last: dict[str, int] = {}

        def stops(mortal: Mortal, when: When) -> bool:
            end = last.setdefault("step", mortal.steps + number)
            return mortal.steps >= end and (when is side or mortal.steps > end)

        return stops

    async def _kill(self, replica: Process, kind: WorkKind, stop: Stops) -> None:
        if not await self.finish(replica, kind, stop):
            await self.bury(replica)

    async def bury(self, replica: Process) -> None:
        """Kill a replica that has stopped, and start another in its place."""
        await self.control.silence(replica.name)
        replica.kill()
        self._buried.append(replica)
        await self.control.end_sessions(replica.name)
        self.report.counts["kills"] += 1
        self.replicas[self.replicas.index(replica)] = await self.start()

    async def _freeze(self, replica: Process, kind: WorkKind, stop: Stops) -> None:
        """It stops for up to an hour, as if its machine were suspended, while the others go on."""
        if await self.finish(replica, kind, stop):
            return
        self.report.counts["freezes"] += 1
        seconds = self.random.choice([30.0, 120.0, 3_600.0])
        await self.control.silence(replica.name)
        await self.control.end_transactions(replica.name)
        place = self.replicas.index(replica)
        self.replicas[place] = await self.start()
        self.virtual.advance(seconds)
        replica.suspended_seconds += seconds
        self.simulator.world.settle()
        await self._others()
        await self.resume(replica)
        self.replicas[place], spare = replica, self.replicas[place]
        spare.kill()
        self._buried.append(spare)

    async def _overtake(self, replica: Process, kind: WorkKind, stop: Stops) -> None:
        """It is slow, and others run in between."""

        def stops(mortal: Mortal, when: When) -> bool:
            return not self.virtual.is_outside(mortal) and stop(mortal, when)

        if await self.finish(replica, kind, stops):
            return
        self.report.counts["overtaken"] += 1
        self.replicas.remove(replica)
        await self._others()
        await self.resume(replica)
        self.replicas.append(replica)

    async def _others(self) -> None:
        for kind in self.random.sample(KINDS, 3):
            await self.finish(self.random.choice(self.replicas), kind)

    async def resume(self, replica: Process) -> None:
        """Let a frozen replica go on to the end of its run."""
        ended = await replica.thaw()
        if isinstance(ended, BaseException):
            await self._note(replica, ended)
