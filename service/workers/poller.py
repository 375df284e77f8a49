"""The poller: reads whatever streams of an organization are due, in order.

One run works one organization. A stream that fails has a failure count and a wait of its own and does not
stop the others, unless the next call would fail alike (the hub cannot be reached, refuses us, or does not
answer): then the run ends and is tried again soon. At the end every stream is looked at once more in the
light of what was learned: a moved `last_pull` makes the books due, a pending record brings its type forward.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from service.domain.backoff import doubled
from service.domain.cadence import bound
from service.domain.cadence import due as cadence
from service.domain.cadence.stream import (
    BOOKS_STREAMS,
    LOCAL_STREAMS,
    RECORD_STREAMS,
    STREAMS,
    Stream,
    first_order,
)
from service.domain.fleet import WorkKind
from service.domain.pushing import policy as push_policy
from service.errors import HubError
from service.hub.client import Hub
from service.hub.sending import counted_calls
from service.store.awaited import delete_given_up
from service.store.database import Database
from service.store.streams import list_targets, mark_streams_due, mark_targets_wanted, upsert_stream
from service.store.work import nudge_work
from service.workers.circuit import Circuit
from service.workers.claims import Claims
from service.workers.pacer import Pacer
from service.workers.reading import ENDS_RUN, Reading, Readout, Visit, log
from service.workers.reading_books import read_books
from service.workers.reading_connection import read_connection
from service.workers.reading_ended import Pacing, advanced, failed
from service.workers.reading_events import read_events
from service.workers.reading_local import read_local
from service.workers.reading_records import read_records
from service.workers.reading_reference import READERS as REFERENCE_READERS
from service.workers.reading_targets import TARGETS_MAX, read_targets
from service.workers.watched import Watched, load_watched
from service.workers.work import IDLE, Tally, Work

WAITED_SECONDS_MAX: Final = 60.0
"""What an organization waited for its turn counts up to this: an hour's outage is no measure of how scarce
calls are."""

RESUME_SECONDS: Final = 2.0
RESUME_SECONDS_MAX: Final = 60.0
"""The first and the longest wait after a run that the hub ended."""

REST: Final = timedelta(seconds=0.5)
"""Between two runs of one organization: whatever keeps being due, the others have their turn."""

READERS: Final[Mapping[Stream, Callable[[Reading], Awaitable[Readout]]]] = {
    Stream.CONNECTION: read_connection,
    Stream.EVENTS: read_events,
    **REFERENCE_READERS,
    **dict.fromkeys(RECORD_STREAMS.values(), read_records),
    **dict.fromkeys(LOCAL_STREAMS, read_local),
    **dict.fromkeys(BOOKS_STREAMS, read_books),
}
assert READERS.keys() == set(STREAMS), "every stream has a reader"


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What every reading needs."""

    database: Database
    hub: Hub
    replica_id: str
    cadence: bound.Policy
    push: push_policy.Policy
    circuit: Circuit
    pacer: Pacer
    chance: Callable[[], float] = random.random


class Poller:
    """Reads organizations that are due."""

    kind = WorkKind.POLL

    def __init__(self, means: Means) -> None:
        self._means = means
        self._claims = Claims(means.database, self.kind, means.replica_id)

    @property
    def lanes(self) -> int:
        """Organizations read at once; the more, the longer the hub takes to answer."""
        return self._means.pacer.lanes

    async def run_once(self, _now: datetime) -> Tally:
        """Read what is due of the organization that has been due longest."""
        if not self._means.circuit.lets_through():
            return IDLE
        async with self._claims.working() as work:
            if work is None:
                return IDLE
            run = _Run(self._means, work)
            await run.read_all()
            await run.finish()
            return Tally(claimed=1, counts=run.counts)


class _Run:
    """The reading of one organization."""

    def __init__(self, means: Means, work: Work) -> None:
        self._means = means
        self._work = work
        self._visit = Visit()
        self._trouble: HubError | None = None
        self.counts: Counter[str] = Counter()

    async def read_all(self) -> None:
        """Read the streams that are due, then the single documents that are wanted."""
        watched = await self._look()
        if not watched.is_listed:
            return
        is_first = watched.streams[Stream.RECEIVABLE_RECORDS].read_at is None
        for stream in first_order() if is_first else STREAMS:
            if self._trouble is None and cadence.is_due(watched.streams[stream], self._work.now):
                await self._read(stream, watched)
                if stream is Stream.CONNECTION or (is_first and stream is Stream.LOCAL_RECEIVABLES):
                    before, watched = watched, await self._look()
                    self._note_pull(before, watched)
        for stream in LOCAL_STREAMS:
            if self._trouble is None:
                await self._read_targets(stream, watched)

    async def finish(self) -> None:
        """Give the organization back, due when the first of its streams is."""
        watched = await self._look()
        now = self._work.now
        async with self._work.writing() as connection:
            for kind in self._visit.nudged:
                await nudge_work(connection, [self._work.organization_id], kind, now)
        if not watched.is_listed:
            later = now + timedelta(seconds=self._means.cadence.sweep_seconds)
            await self._work.finish(due_at=later, bound_at=later + REST)
        elif self._trouble is not None:
            failures = self._work.claim.failures + 1
            wait = doubled(RESUME_SECONDS, failures, RESUME_SECONDS_MAX)
            due_at = now + timedelta(seconds=wait * (0.5 + self._means.chance() / 2))
            await self._work.finish(due_at=due_at, failures=failures, error=str(self._trouble))
        else:
            due = [cadence.due_at(facts) for facts in watched.streams.values()]
            errors = [facts.error for facts in watched.streams.values() if facts.failures]
            due_at = max(min([*due, *watched.next_targets.values()]), now + REST)
            await self._work.finish(due_at=due_at, error=next(iter(errors), None), bound_at=_bound(watched))

    async def _look(self) -> Watched:
        """See where everything stands; move what is due earlier by now, or not worth its call any more."""
        means, now = self._means, self._work.now
        async with self._work.writing() as connection:
            watched = await load_watched(connection, self._work.organization_id)
            moved = {}
            for stream, facts in watched.streams.items():
                due_at = cadence.next_due(
                    facts, watched.facts, means.cadence, now, means.chance(), pace=means.pacer.pace
                )
                is_put_off = facts.due_at <= now < due_at and not cadence.is_worth_reading(
                    facts, watched.facts, means.cadence, now, means.pacer.pace
                )
                if due_at < facts.due_at or is_put_off:
                    moved[stream] = due_at
            if moved:
                await mark_streams_due(connection, self._work.organization_id, moved, watched.streams)
        streams = {
            stream: replace(facts, due_at=moved.get(stream, facts.due_at))
            for stream, facts in watched.streams.items()
        }
        return replace(watched, streams=streams)

    async def _read(self, stream: Stream, watched: Watched) -> None:
        """Read one stream and write where it stands now."""
        reading = self._reading(stream, watched)
        with counted_calls() as counted:
            try:
                readout = await READERS[stream](reading)
            except HubError as error:
                self._note(error, stream)
                after = failed(reading, str(error), self._pacing)
            else:
                self._means.circuit.note_ok()
                self.counts.update(readout.counts)
                after = advanced(reading, readout, counted.calls, self._pacing)
                self._observe(readout)
        self._note_turn()
        demand = bound.demand_seconds(after, reading.organization, self._means.cadence)
        async with self._work.writing() as connection:
            if reading.is_awaited and not after.failures:
                since = cadence.awaited_since(self._work.now, self._means.pacer.pace)
                given_up = await delete_given_up(connection, self._work.organization_id, stream, since)
                self._means.pacer.observed.late += given_up
            await upsert_stream(connection, self._work.organization_id, after, reading.began_at, demand)

    async def _read_targets(self, stream: Stream, watched: Watched) -> None:
        """Read the single documents of a stream that are wanted by now."""
        organization_id, now = self._work.organization_id, self._work.now
        async with self._means.database.organization(organization_id, readonly=True) as connection:
            targets = await list_targets(connection, organization_id, stream, now, TARGETS_MAX)
        if not targets:
            return
        try:
            readout = await read_targets(self._reading(stream, watched), targets)
        except HubError as error:
            self._note(error, stream)
            later = now + timedelta(seconds=cadence.RETRY_SECONDS)
            async with self._work.writing() as connection:
                await mark_targets_wanted(connection, organization_id, stream, targets, later)
        else:
            self._means.circuit.note_ok()
            self.counts.update(readout.counts)

    @property
    def _pacing(self) -> Pacing:
        means = self._means
        return Pacing(policy=means.cadence, pace=means.pacer.pace, chance=means.chance)

    def _reading(self, stream: Stream, watched: Watched) -> Reading:
        now = self._work.now
        return Reading(
            hub=self._means.hub,
            database=self._means.database,
            work=self._work,
            stream=watched.streams[stream],
            streams=watched.streams,
            organization=watched.facts,
            is_full=cadence.is_full(watched.streams[stream], self._means.cadence, now),
            began_at=now,
            policy=self._means.push,
            visit=self._visit,
        )

    def _note(self, error: HubError, stream: Stream) -> None:
        log.warning("stream_not_read", stream=stream, failure=error.failure, error=str(error))
        self.counts["streams_failed"] += 1
        self._means.circuit.note_failure(self._work.organization_id, error)
        if error.failure in ENDS_RUN:
            self._trouble = error

    def _observe(self, readout: Readout) -> None:
        """Tell the pacer how long results took, and what no event told."""
        observed = self._means.pacer.observed
        observed.shown.extend(readout.shown)
        observed.changes += readout.changes
        observed.missed += readout.missed

    def _note_turn(self) -> None:
        """Tell the pacer that a reading was begun, and how long the organization had waited for its turn."""
        claim = self._work.claim
        waited = (claim.claimed_at - claim.was_due_at).total_seconds()
        self._means.pacer.observed.readings += 1
        self._means.pacer.observed.waited_seconds += min(max(waited, 0.0), WAITED_SECONDS_MAX)

    def _note_pull(self, before: Watched, after: Watched) -> None:
        """Tell the pacer how far two pulls were apart."""
        if before.facts.last_pull is not None and after.facts.last_pull is not None:
            gap = (after.facts.last_pull - before.facts.last_pull).total_seconds()
            if gap > 0:
                self._means.pacer.observed.gaps.append(gap)


def _bound(watched: Watched) -> datetime | None:
    """By when the organization is read next at the latest; what fails is told by its failure."""
    stated = [each.bound_at for each in watched.streams.values() if each.bound_at and not each.failures]
    return min(stated, default=None)
