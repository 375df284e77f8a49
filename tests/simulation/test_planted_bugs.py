"""Bugs that were planted on purpose: each breaks a promise by name, and its story holds without it.

The engine has several fences around a push; a bug that takes away one of them may do no harm as long as the
others stand. So each plants the whole mistake, as somebody might have written it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from service.domain import record_observed
from service.domain.fleet import WorkKind
from service.domain.pushing.attempt import Evidence
from service.domain.pushing.decision import Case, Decision
from service.domain.record import Record
from service.domain.record_state import FAILED, State
from service.errors import Fate, HubError, HubFailure
from service.hub.client import Hub
from service.store.database import Connection
from service.store.pushes import AttemptKey, StoredEvidence, insert_attempt, insert_evidence
from service.store.queries import QUERY
from service.store.work import Claim
from service.workers import claims, deciding, push_attempt, pusher, readback_books, work
from service.workers.push_attempt import STORED_BEFORE, Sending
from service.workers.reread import Told
from service.workers.work import LEASE_SECONDS
from tests.simulation.conftest import Databases
from tests.simulation.interruptions import Plan
from tests.simulation.invariants import Invariant, Violated
from tests.simulation.process import CADENCE, POLICY
from tests.simulation.running import in_virtual_time
from tests.simulation.simulation import Simulation
from tests.simulation.sites import site_of
from tests.simulation.virtual import VirtualTime
from tests.workers.dying import Mortal, When, present

HOUR = 3_600.0

Plant = Callable[[pytest.MonkeyPatch], None]
Story = Callable[[Simulation], Awaitable[None]]


def retry_on_read_timeout(patch: pytest.MonkeyPatch) -> None:
    """An answer that does not come in time is taken for a push that was not sent."""
    push = Hub.push

    async def hasty(self: Hub, *ids: Any, **options: Any) -> Any:
        try:
            return await push(self, *ids, **options)
        except HubError as error:
            if error.failure is HubFailure.TIMEOUT:
                raise HubError(str(error), failure=error.failure, fate=Fate.NOT_SENT) from error
            raise

    patch.setattr(Hub, "push", hasty)
    ask_no_more(patch)


def ask_no_more(patch: pytest.MonkeyPatch) -> None:
    """The last question before a push is left out, which would show that the other one has landed."""

    async def same(*_: object) -> Told:
        return Told.SAME

    patch.setattr(pusher, "told_of", same)


async def an_answer_drips(simulation: Simulation) -> None:
    """A push is carried out, and its answer takes for ever."""
    simulation.simulator.set_behaviour(push_on_done="accept", push_on_pending="accept")
    await fail_one(simulation, "rate_limited")
    simulation.simulator.add_fault("drip", "*push*", count=1)
    for seconds in (61, 16):
        # The second time what is left of a push that was not sent is due again.
        simulation.virtual.advance(seconds)
        simulation.simulator.world.settle()
        await simulation.finish(simulation.replicas[0], WorkKind.PUSH)
    await simulation.tick(120)


def check_then_push(patch: pytest.MonkeyPatch) -> None:
    """What was decided is pushed without looking whether the claim and the record are still the same."""

    async def hold_nothing(_connection: Connection, _claim: Claim) -> None:
        pass

    async def intend(
        self: Sending, record: Record, decision: Decision, permit: Evidence | None, *_: object
    ) -> AttemptKey:
        assert decision.evidence is not None
        assert decision.trigger is not None
        assert decision.attempt_number is not None
        key = AttemptKey(record_id=record.record_id, episode=record.episode, number=decision.attempt_number)
        evidence_id = (permit and permit.evidence_id) or uuid4()
        async with self.work.writing() as connection:
            if decision.evidence not in STORED_BEFORE:
                evidence = StoredEvidence(
                    evidence_id=evidence_id, record_id=record.record_id, kind=decision.evidence, detail={}
                )
                await insert_evidence(connection, record.organization_id, evidence)
            await insert_attempt(
                connection,
                record.organization_id,
                key,
                evidence_id=evidence_id,
                trigger=decision.trigger,
                fence=self.work.claim.fence,
                replica_id=self.replica_id,
                record_updated_at=record.updated_at,
            )
        return key

    patch.setattr(work, "hold_work", hold_nothing)
    patch.setattr(Sending, "_intend", intend)
    ask_no_more(patch)


async def one_is_overtaken(simulation: Simulation) -> None:
    """A replica has decided to push and is slow; another takes over and pushes."""
    simulation.simulator.set_behaviour(push_on_done="accept", push_on_pending="accept")
    await fail_one(simulation, "rate_limited")
    slow, quick, *_ = simulation.replicas
    simulation.virtual.advance(61)
    assert not await simulation.finish(slow, WorkKind.PUSH, within("_settle"))
    simulation.virtual.advance(LEASE_SECONDS + 1)
    await simulation.finish(quick, WorkKind.PUSH)
    await simulation.resume(slow)
    await simulation.tick(120)


def lease_by_replica_clock(patch: pytest.MonkeyPatch) -> None:
    """Whether a lease has ended is judged by the claiming machine's own clock."""
    sql = QUERY["claim_due_work"].replace("due_at <= tieout.now()", "due_at <= $5")

    async def claim(
        connection: Connection, kind: WorkKind, replica_id: str, lease_seconds: float, limit: int
    ) -> Sequence[Claim]:
        now = await connection.fetchval("SELECT tieout.now()")
        # Its clock went with Postgres' once, and has jumped since.
        mine = now + timedelta(seconds=getattr(present(), "skew", 0.0))
        rows = await connection.fetch(sql, kind, replica_id, timedelta(seconds=lease_seconds), limit, mine)
        return [Claim(kind=kind, **row) for row in rows]

    patch.setattr(claims, "claim_due_work", claim)


async def a_clock_jumps(simulation: Simulation) -> None:
    """While one replica is at work, the clock of another jumps an hour ahead."""
    await fail_one(simulation, "rate_limited")
    busy, early, *_ = simulation.replicas
    simulation.virtual.advance(61)
    assert not await simulation.finish(busy, WorkKind.PUSH, within("_settle"))
    early.skew += HOUR
    await simulation.finish(early, WorkKind.PUSH)
    await simulation.resume(busy)
    await simulation.tick(120)


def evidence_from_uncertified_scan(patch: pytest.MonkeyPatch) -> None:
    """Any reading of the books is taken for complete, and for one of its own time."""
    scanned = readback_books._scanned

    def complete(row: Any) -> Any:
        scan = scanned(row)
        return replace(scan, is_certified=True, last_pull=scan.started_at)

    patch.setattr(readback_books, "_scanned", complete)


async def rows_are_missing(simulation: Simulation) -> None:
    """Pushes landed, told as timed out, and every reading of the books leaves out rows."""
    simulation.simulator.add_fault("missing_rows", "GET /accounting/receivables*")
    for _ in range(4):
        await fail_one(simulation, "timeout_ambiguous", landed=True)
    for _ in range(8):
        await simulation.tick(1_000)


def late_error_reopens(patch: pytest.MonkeyPatch) -> None:
    """Whatever is read last is taken for the latest."""
    patch.setattr(record_observed, "_is_news", lambda previous, seen: previous.updated_at != seen.updated_at)


async def an_old_error_is_told(simulation: Simulation) -> None:
    """After a document has landed, a replica of the hub still tells the failure before."""
    await fail_one(simulation, "rate_limited")
    faults = simulation.simulator.faults
    simulation.simulator.add_fault("stale", "GET /accounting-synced-records*")
    [old] = faults.all()
    faults.remove(old.id)
    for _ in range(3):
        await simulation.tick(600)
    faults.add(old)
    await simulation.tick(CADENCE.sweep_seconds)


def cure_releases_twice(patch: pytest.MonkeyPatch) -> None:
    """A cure counts whenever it came after the first failure, also for the failures since."""
    patch.setattr(
        Case, "failed_at", property(lambda case: case.record.first_failed_at or case.record.updated_at)
    )
    patch.setattr(Case, "not_before", lambda _: None)


async def a_cure_does_not_help(simulation: Simulation) -> None:
    """The missing rate appears, and the books refuse it for the same reason again."""
    [organization, *_] = simulation.turmoil.organizations
    simulation.simulator.remove_tax_rate(organization.id, 2_000)
    simulation.simulator.pull_now(organization.id)
    await fail_one(simulation)
    simulation.simulator.add_tax_rate(organization.id, 2_000)
    simulation.simulator.pull_now(organization.id)
    simulation.simulator.fail_next_push(organization.id, "missing_tax_rate", times=10)
    for _ in range(8):
        await simulation.tick(400)


def each_record_for_itself(patch: pytest.MonkeyPatch) -> None:
    """A record is pushed for its own failure, whatever others of the same document say."""
    patch.setattr(deciding, "held_by_siblings", lambda _record, decision, *_: decision)
    patch.setattr(push_attempt, "holds", lambda *_: ())


async def a_later_record_lands(simulation: Simulation) -> None:
    """Where each attempt has a record of its own, somebody pushes a failed document again, and it lands."""
    simulation.simulator.set_behaviour(record_per="attempt")
    await fail_one(simulation, "rate_limited")
    [organization, *_] = simulation.turmoil.organizations
    [failed] = [each.id for each in organization.records_by_id.values() if each.cause]
    simulation.simulator.push(organization.id, failed)
    for _ in range(20):
        # The later one is read before anything is sent.
        simulation.virtual.advance(30)
        simulation.simulator.world.settle()
        await simulation.finish(simulation.replicas[0], WorkKind.POLL)
    for _ in range(3):
        await simulation.tick(120)


def forgotten_doubt(patch: pytest.MonkeyPatch) -> None:
    """What is on its way again is as good as new."""
    patch.setattr(record_observed, "_doubted_at", lambda *_: None)
    patch.setattr(Record, "is_doubted", property(lambda record: record.state is State.QUARANTINED))


async def the_hub_tries_again(simulation: Simulation) -> None:
    """What landed is told as timed out; the hub tries it again by itself, is seen to, and is throttled."""
    document_id = await fail_one(simulation, "timeout_ambiguous", landed=True)
    [organization, *_] = simulation.turmoil.organizations
    [record] = [each for each in organization.records_by_id.values() if each.object_id == document_id]
    simulation.simulator.fail_next_push(organization.id, "rate_limited", object_id=document_id)
    simulation.simulator.push(organization.id, record.id, seconds=700)
    for _ in range(6):
        await simulation.tick(600)


async def fail_one(simulation: Simulation, fails: str | None = None, *, landed: bool = False) -> str:
    """Issue an invoice, read that its push failed, and let its wait be drawn; it ends within a minute."""
    [organization, *_] = simulation.turmoil.organizations
    document_id = simulation.simulator.issue_invoice(organization.id, fails=fails, landed=landed)
    replica, *_ = simulation.replicas
    for _ in range(60):
        simulation.virtual.advance(30)
        simulation.simulator.world.settle()
        await simulation.finish(replica, WorkKind.POLL)
        held = [each for each in await simulation.witness.records() if str(each["object_id"]) == document_id]
        if any(each["state"] in FAILED for each in held):
            # It is looked at after its first wait, and then the next one is drawn.
            simulation.virtual.advance(POLICY.retry_base_seconds + 31)
            await simulation.finish(replica, WorkKind.PUSH)
            return document_id
    raise AssertionError("the failure was never read")


def within(name: str) -> Callable[[Mortal, When], bool]:
    """Stop at the first wait within a function of that name."""
    return lambda mortal, _: any(place.endswith(f" {name}") for place in site_of(mortal.waiting))


@dataclass(frozen=True, slots=True)
class Planted:
    """A bug, the story that brings it out, and the promise that it breaks."""

    plant: Plant
    story: Story
    breaks: frozenset[Invariant]


PLANTED = (
    Planted(retry_on_read_timeout, an_answer_drips, frozenset({Invariant.ONE_COPY})),
    Planted(check_then_push, one_is_overtaken, frozenset({Invariant.INTENT})),
    Planted(lease_by_replica_clock, a_clock_jumps, frozenset({Invariant.LEASE})),
    Planted(evidence_from_uncertified_scan, rows_are_missing, frozenset({Invariant.ONE_COPY})),
    Planted(late_error_reopens, an_old_error_is_told, frozenset({Invariant.FORWARD})),
    Planted(each_record_for_itself, a_later_record_lands, frozenset({Invariant.ONE_COPY})),
    Planted(cure_releases_twice, a_cure_does_not_help, frozenset({Invariant.CURE})),
    Planted(forgotten_doubt, the_hub_tries_again, frozenset({Invariant.ONE_COPY})),
)


UNPULLED = frozenset({a_cure_does_not_help, the_hub_tries_again, a_later_record_lands})
"""Stories in which the books are not pulled."""


def tell(url: str, story: Story) -> None:
    """Live through a story in a world of one organization."""

    async def told(virtual: VirtualTime) -> None:
        plan = Plan(
            organizations=1,
            pull_seconds=10 * HOUR if story in UNPULLED else 900,
            is_safe=True,
        )
        async with Simulation.opened(1, url, virtual, plan) as simulation:
            await story(simulation)

    in_virtual_time(url, told)


@pytest.mark.parametrize("planted", PLANTED, ids=lambda each: each.plant.__name__)
def test_planted_bug_is_caught(
    databases: Databases, monkeypatch: pytest.MonkeyPatch, planted: Planted
) -> None:
    """Without the bug its story breaks no promise; with it, the very promise that it is about."""
    with databases() as url:
        tell(url, planted.story)
    planted.plant(monkeypatch)
    with databases() as url, pytest.raises(Violated) as caught:
        tell(url, planted.story)
    assert caught.value.invariant in planted.breaks, str(caught.value)
