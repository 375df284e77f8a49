"""A world in which every run is killed where nobody was killed before, until there is no such place."""

from __future__ import annotations

from math import inf

from service.domain.fleet import WorkKind
from service.domain.record_state import SETTLED
from tests.simulation.process import Process
from tests.simulation.simulation import Simulation
from tests.simulation.sites import Place, Reached, Site, Stops

QUIET_TICKS = 6
"""So many ticks in a row that bring no new place have shown all."""

TICKS_MAX = 10_000

PAIRS_MAX = 2_000
"""Of the tens of thousands that there are of a pusher; all of them would take a day."""

STOP_CHANCE = 0.02
"""At each wait, of which a run has some hundred, so that any of them may be met."""

CALM_CHANCE = 0.3
"""That a run is left alone: were each of them killed, nothing would ever get past its first waits."""

OPEN_MAX = 8
"""Documents that are not settled yet; with so many of them no more are made."""

KILLED = (WorkKind.POLL, WorkKind.PUSH, WorkKind.COMPARE)
"""Following up, pushing and recovering, confirming."""

READ_ASIDE = ("reference", "local", "events", "documents", "targets", "lines", "connection")
"""Modules of readings that no push waits for."""


def bears_on_pushes(site: Site) -> bool:
    """Whether a wait belongs to following up or recovery, rather than to reading what else there is."""
    return not any(f"workers/reading_{name}." in place for place in site for name in READ_ASIDE)


class Killing(Simulation):
    """Kills everywhere once."""

    pauses_max = 60
    pairs_max = inf
    waits_for = KILLED

    reached: dict[WorkKind, Reached]
    pairs: set[tuple[Place, Place]]
    """Kills of a run, and of the run that took over from it."""

    async def kill_everywhere(self) -> None:
        """Let documents fail in every way that matters, and kill, until nothing is new; then let all land."""
        self.reached = {kind: Reached() for kind in KILLED}
        self.pairs = set()
        self._killed: dict[WorkKind, Place] = {}
        quiet = 0
        for _ in range(TICKS_MAX):
            before = self.report.counts["kills"]
            await self.fail_some()
            await self.tick(1_000.0)
            quiet = 0 if self.report.counts["kills"] > before else quiet + 1
            if quiet == QUIET_TICKS or len(self.pairs) >= self.pairs_max:
                break
        else:
            raise AssertionError("there is no end of new places")
        await self.come_to_rest()

    async def run(self, replica: Process, kind: WorkKind, *, is_safe: bool = False) -> None:
        """One run, that ends where none has ended yet."""
        if is_safe or kind not in KILLED:
            await self.finish(replica, kind)
            return
        before = self._killed.pop(kind, None)
        if await self.finish(replica, kind, self.stops(kind, before)):
            return
        self._killed[kind] = self.reached[kind].last
        if before is not None:
            self.pairs.add((before, self.reached[kind].last))
        await self.bury(replica)

    def stops(self, kind: WorkKind, before: Place | None) -> Stops:  # noqa: ARG002 - what came before matters to pairs
        """Where a run is killed."""
        return self.reached[kind].stops(bears_on_pushes)

    async def fail_some(self) -> None:
        """A push that time cures, one that landed, one that did not, and one whose answer will be lost."""
        held = [each for each in await self.witness.records() if each["object_type"] == "receivable"]
        if sum(each["state"] not in SETTLED for each in held) >= OPEN_MAX:
            return
        [organization, *_] = self.turmoil.organizations
        for details in (
            {"fails": "rate_limited"},
            {"fails": "timeout_ambiguous", "landed": True},
            {"fails": "timeout_ambiguous"},
            {},
        ):
            document_id = self.simulator.issue_invoice(organization.id, **details)
            self.turmoil.documents[document_id] = organization.id
        self.simulator.clear_faults()
        self.simulator.add_fault("executed_answer_lost", "*push*", count=1, probability=0.5)


class KillingAllReading(Killing):
    """The same, and every other reading too."""

    def stops(self, kind: WorkKind, before: Place | None) -> Stops:  # noqa: ARG002 - what came before matters to pairs
        """Anywhere."""
        return self.reached[kind].stops()


class KillingTwice(Killing):
    """Kills the pusher anywhere, and whoever takes over anywhere, in a great many pairs drawn by lot."""

    pairs_max = PAIRS_MAX

    def stops(self, kind: WorkKind, before: Place | None) -> Stops:
        """Where the lot falls, but nowhere where this very pair was made."""
        if kind is not WorkKind.PUSH or self.random.random() < CALM_CHANCE:
            return lambda _mortal, _when: False
        return self.reached[kind].stops_unless(
            lambda place: (before, place) in self.pairs or self.random.random() >= STOP_CHANCE
        )
