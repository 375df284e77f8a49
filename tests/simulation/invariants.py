"""What must be true at every step, judged by the simulated hub's own book of what was made in the books.

Our tables are asked only for what they alone can tell: that an attempt was written before the byte left, and
that whatever waits has a state, a reason, an owner and a deadline.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from itertools import islice
from uuid import UUID

import asyncpg
import httpx

from service.domain.causes.facts import Cure, facts_of
from service.domain.causes.names import Cause
from service.domain.record_state import FAILED, SETTLED, State
from service.simulator import Simulator
from service.simulator.faults import FaultKind
from service.simulator.organization import Organization
from service.simulator.records import SyncedRecord
from tests.simulation.virtual import Control, VirtualTime
from tests.workers.dying import present

_RECORD = re.compile(r"/accounting[-_]synced[-_]records/([^/]+)$")

FORGOTTEN_LOOKS = 6
"""So many looks in a row at which a record is overdue, some minutes of everybody's work between them: it is
forgotten. Trouble of the hub's holds back all pushes of an organization for some of them."""

OVERDUE_SECONDS = 60.0
"""A lease of the dead may have to end first, twice."""

PULL_CURES = frozenset({Cure.TAX_RATE_APPEARS, Cure.LEDGER_ACCOUNT_APPEARS, Cure.CURRENCY_APPEARS})
"""Seen in lists of the books, so that only a pull can bring news of them."""


class Invariant(StrEnum):
    """Everything that is promised; a planted bug must break one of these by name."""

    ONE_COPY = "a local document is in the books at most once"
    INTENT = "no push leaves before its attempt is committed"
    EVIDENCE = "an attempt rests on evidence of its own"
    STATE = "an errored record is in one failed state, with reason, owner and deadline"
    FORGOTTEN = "whatever waits is looked at when its time has come"
    FORWARD = "an older version never overwrites a newer one"
    LEASE = "a lease is taken over only when it has ended"
    CURE = "a cure releases a record once, not counting what was turned away before any work"
    MISTAKE = "no run ends by a mistake of ours"
    LANDS = "what should land lands once, and is confirmed"
    OWNED = "what cannot be decided waits for somebody by name"


class Violated(AssertionError):  # noqa: N818 - names what is the case
    """An invariant does not hold."""

    def __init__(self, invariant: Invariant, detail: str) -> None:
        self.invariant = invariant
        super().__init__(f"{invariant.name}, {invariant}: {detail}")


_ATTEMPTS = """
SELECT count(*) AS attempts, (array_agg(a.trigger ORDER BY a.started_at DESC))[1] AS trigger,
    (array_agg(e.detail->>'cause' ORDER BY a.started_at DESC))[1] AS cause,
    array_agg(coalesce(o.outcome, 'uncertain') ORDER BY a.started_at) AS outcomes
FROM tieout.attempts a JOIN tieout.evidence e USING (organization_id, evidence_id)
LEFT JOIN tieout.attempt_outcomes o ON o.organization_id = a.organization_id AND o.record_id = a.record_id
    AND o.episode = a.episode AND o.number = a.number
WHERE a.record_id = $1
"""

_DECIDED_ON = """
SELECT record_updated_at FROM tieout.attempts WHERE record_id = $1 ORDER BY started_at DESC LIMIT 1
"""

_RECORDS = """
SELECT record_id, object_id, object_type, sync_status, state, cause, reason, owner, created_at, updated_at,
    deadline_at, least(next_attempt_at, deadline_at) AS look_at,
    (SELECT count(*) FROM tieout.attempts a
     LEFT JOIN tieout.attempt_outcomes o USING (organization_id, record_id, episode, number)
     WHERE a.organization_id = r.organization_id AND a.record_id = r.record_id AND a.episode = r.episode
         AND coalesce(o.outcome, 'uncertain') <> 'not_sent') AS tries
FROM tieout.records r
"""

_TRAIL = """
SELECT count(*) AS attempts, count(DISTINCT a.evidence_id) AS reasons, count(e.kind) AS kept,
    count(*) FILTER (WHERE e.kind = 'found') AS forbidding,
    count(*) FILTER (WHERE e.record_id <> a.record_id) AS foreign,
    count(*) FILTER (WHERE coalesce(o.outcome, 'uncertain') = 'uncertain') AS ambiguous
FROM tieout.attempts a
LEFT JOIN tieout.evidence e ON e.organization_id = a.organization_id AND e.evidence_id = a.evidence_id
LEFT JOIN tieout.attempt_outcomes o ON o.organization_id = a.organization_id AND o.record_id = a.record_id
    AND o.episode = a.episode AND o.number = a.number
"""

_PAPERS = """
SELECT r.record_id, r.state, r.sync_status, r.updated_at, a.started_at, a.replica_id, a.episode, a.number,
    a.trigger, a.record_updated_at, o.outcome, o.finished_at, e.kind, e.observed_at, e.detail::text AS detail
FROM tieout.records r
LEFT JOIN tieout.attempts a ON a.organization_id = r.organization_id AND a.record_id = r.record_id
LEFT JOIN tieout.attempt_outcomes o ON o.organization_id = a.organization_id AND o.record_id = a.record_id
    AND o.episode = a.episode AND o.number = a.number
LEFT JOIN tieout.evidence e ON e.organization_id = a.organization_id AND e.evidence_id = a.evidence_id
WHERE r.object_id = $1 ORDER BY a.started_at
"""


def age(row: asyncpg.Record) -> tuple[datetime, UUID]:
    """Records of a document in the order in which the hub made them; the last speaks for it."""
    return row["created_at"], row["record_id"]


class Witness:
    """Sees every push that leaves, every document that is made, and what we hold of it."""

    def __init__(self, simulator: Simulator, virtual: VirtualTime, control: Control) -> None:
        self.simulator = simulator
        self.left: Counter[UUID] = Counter()
        self.doubled: Counter[str] = Counter()
        """Pushes that the hub itself carried out twice, or that met a try of its own which nobody could know
        of, by record."""
        self.unprovable: set[str] = set()
        """Local documents whose copy was removed from the books before anybody could have read it there."""
        self.trail: Mapping[str, int] = {}
        self._virtual = virtual
        self._control = control
        self._seen: dict[UUID, tuple[datetime, str]] = {}
        self._cured: defaultdict[UUID, list[tuple[int, datetime]]] = defaultdict(list)
        """Which attempts of a record a cure brought, and when they left."""
        self._left_at: dict[UUID, datetime] = {}
        self._tried_at: dict[UUID, datetime] = {}
        self._asked_at: dict[tuple[object, UUID], datetime] = {}
        """When each machine last asked for a record, and was told the truth."""
        self._landed: dict[UUID, tuple[datetime, UUID]] = {}
        """How new the newest record of an object is that has ever landed."""
        self._overdue: Counter[UUID] = Counter()
        self._requests = 0

    @property
    def now(self) -> datetime:
        """The time of everybody."""
        return self._virtual.now

    async def records(self) -> Sequence[asyncpg.Record]:
        """What we hold of every record."""
        return await self._control.rows(_RECORDS)

    def see_try(self, record: SyncedRecord) -> None:
        """The hub tries a record by itself."""
        self._tried_at[UUID(record.id)] = self._virtual.now

    def has_left(self, record: SyncedRecord, seconds: float) -> bool:
        """Whether a push of ours left within so many seconds."""
        left_at = self._left_at.get(UUID(record.id))
        return left_at is not None and self._virtual.now < left_at + timedelta(seconds=seconds)

    async def see_push(self, organization_id: str, record_id: UUID) -> None:
        """A push is about to leave: its attempt stands written, and a cure that brought it is news."""
        row = await self._control.row(_ATTEMPTS, record_id)
        self.left[record_id] += 1
        self._left_at[record_id] = self._virtual.now
        if row["attempts"] < self.left[record_id]:
            raise Violated(
                Invariant.INTENT,
                f"record {record_id} leaves, number {self.left[record_id]}, with {row['attempts']} attempts",
            )
        if row["trigger"] == "cure":
            self._see_cure(organization_id, record_id, Cause(row["cause"]), row["outcomes"])
        await self._see_met(record_id)

    def see_told(self, record_id: UUID, asked_at: datetime) -> None:
        """The hub told the machine that runs what is true of a record, as it has asked."""
        self._asked_at[present(), record_id] = asked_at

    async def _see_met(self, record_id: UUID) -> None:
        """A push may meet a try of the hub's own; of one that began after it was asked nobody could know."""
        tried_at, asked_at = self._tried_at.get(record_id), self._asked_at.get((present(), record_id))
        if tried_at is not None and (asked_at is None or asked_at < tried_at):
            decided_on = (await self._control.row(_DECIDED_ON, record_id))["record_updated_at"]
            self.doubled[str(record_id)] += decided_on < tried_at

    def _see_cure(self, organization_id: str, record_id: UUID, cause: Cause, outcomes: Sequence[str]) -> None:
        now, cured = self._virtual.now, self._cured[record_id]
        before = next((at for number, at in reversed(cured) if outcomes[number] != "not_sent"), None)
        cured.append((len(outcomes) - 1, now))
        if before is None or not PULL_CURES & set(facts_of(cause).cures):
            return
        organization = self.simulator.organization(organization_id)
        record = organization.records_by_id[str(record_id)]
        subject = organization.receivables.get(record.object_id) or organization.payables.get(
            record.object_id
        )
        news = [each.last_pull for each in organization.connections if each.last_pull is not None]
        news += [subject.updated_at] if subject else []
        if all(each <= before for each in news):
            raise Violated(
                Invariant.CURE, f"record {record_id} was released at {before} and again at {now} ({cause})"
            )

    async def check(self) -> None:
        """Everything that holds at any time."""
        self._note_requests()
        for organization in self.simulator.world.organizations.values():
            await self._check_copies(organization)
        self._check_records(await self.records())
        self.trail = dict(await self._control.row(_TRAIL))
        stolen = await self._control.rows("SELECT * FROM tieout.stolen LIMIT 1")
        trail = self.trail
        if (
            not trail["attempts"] == trail["reasons"] == trail["kept"]
            or trail["forbidding"]
            or trail["foreign"]
        ):
            raise Violated(Invariant.EVIDENCE, str(trail))
        if stolen:
            raise Violated(Invariant.LEASE, str(dict(stolen[0])))

    def _note_requests(self) -> None:
        """Count what the hub carried out twice by itself."""
        journal = self.simulator.world.journal
        new = journal.counts["requests"] - self._requests
        self._requests += new
        for request in islice(reversed(journal.requests), new):
            if request.fault == FaultKind.EXECUTED_TWICE and request.path.endswith("/push"):
                self.doubled[request.path.split("/")[-2]] += 1

    def allowed(self, organization: Organization, local_id: str) -> int:
        """How many copies of a document are not our doing beyond one."""
        records = [entry.id for entry in organization.records_by_id.values() if entry.object_id == local_id]
        return 1 + sum(self.doubled[each] for each in records)

    async def _check_copies(self, organization: Organization) -> None:
        made: Mapping[str, int] = organization.books.documents_per_local()
        for local_id, copies in made.items():
            if copies < 2 or local_id in self.unprovable:
                continue
            allowed = self.allowed(organization, local_id)
            if copies > allowed:
                raise Violated(
                    Invariant.ONE_COPY,
                    f"document {local_id} was made {copies} times (allowed {allowed})\n"
                    f"{await self._story(organization, local_id)}",
                )

    async def _story(self, organization: Organization, local_id: str) -> str:
        """Everything that is known of a document: a violation may not show a second time."""
        told = [
            f"the hub: {each.at:%H:%M:%S} {each.step} by {each.trigger} {each.cause or ''} {each.books_id}"
            for each in self.simulator.world.journal.pushes
            if each.object_id == local_id
        ]
        told += [
            f"the books: {each}"
            for each in organization.books.documents.values()
            if each.local_id == local_id
        ]
        told += [f"ours: {dict(each)}" for each in await self._control.rows(_PAPERS, UUID(local_id))]
        told += [f"connection: {each}" for each in organization.connections]
        return "\n".join(told)

    def _check_records(self, rows: Sequence[asyncpg.Record]) -> None:
        now = self._virtual.now
        for row in rows:
            if row["sync_status"] == "done" or row["state"] == State.CONFIRMED:
                self._landed[row["object_id"]] = max(self._landed.get(row["object_id"], age(row)), age(row))
        for row in rows:
            state, name = State(row["state"]), f"{row['object_type']} record {row['record_id']}"
            later = self._landed.get(row["object_id"])
            is_superseded = state is State.ACKNOWLEDGED and later is not None and later > age(row)
            is_told = state in FAILED | {State.WAITING, State.CONFIRMED} or is_superseded
            if row["sync_status"] == "error" and not is_told:
                raise Violated(Invariant.STATE, f"{name} failed and is {state}")
            if state in FAILED and not (row["reason"] and row["owner"] and row["deadline_at"]):
                raise Violated(Invariant.STATE, f"{name} is {state} without reason, owner or deadline")
            is_overdue = state not in SETTLED and (
                row["look_at"] is None or row["look_at"] < now - timedelta(seconds=OVERDUE_SECONDS)
            )
            self._overdue[row["record_id"]] = self._overdue[row["record_id"]] + 1 if is_overdue else 0
            if self._overdue[row["record_id"]] > FORGOTTEN_LOOKS:
                raise Violated(
                    Invariant.FORGOTTEN, f"{name} is {state} and was to be looked at {row['look_at']}"
                )
            before = self._seen.get(row["record_id"])
            self._seen[row["record_id"]] = (row["updated_at"], state)
            if before is None:
                continue
            is_reopened = before[1] in SETTLED and state in FAILED and row["updated_at"] <= before[0]
            if row["updated_at"] < before[0] or is_reopened:
                raise Violated(
                    Invariant.FORWARD, f"{name} went from {before} to {(row['updated_at'], state)}"
                )


class Watched(httpx.AsyncBaseTransport):
    """The way to the hub, on which the witness stands."""

    def __init__(self, inner: httpx.AsyncBaseTransport, witness: Witness) -> None:
        self._inner = inner
        self._witness = witness
        self._violated: Violated | None = None

    def check(self) -> None:
        """Raise what was seen: raised on the way, the engine would take it for a broken connection."""
        if self._violated is not None:
            raise self._violated

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass a request on, whatever becomes of whoever sent it."""
        return await asyncio.ensure_future(self._pass(request))

    async def _pass(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if request.method == "POST" and path.endswith("/push"):
            try:
                await self._witness.see_push(request.headers["X-Organization-Id"], UUID(path.split("/")[-2]))
            except Violated as violated:
                self._violated = self._violated or violated
        asked_at = self._witness.now
        answer = await self._inner.handle_async_request(request)
        told = _RECORD.search(path)
        if request.method == "GET" and told and answer.status_code == HTTPStatus.OK:
            requests = reversed(self._witness.simulator.world.journal.requests)
            mine = next((each for each in requests if path.endswith(each.path)), None)
            if mine is not None and mine.fault is None:
                self._witness.see_told(UUID(told[1]), asked_at)
        return answer
