"""This service's cadence in a world: the real functions of `service.domain`, with an event queue around them.

What is around them is what the poller does: whatever is due is read, the longest due first, in a number of
lanes that share the calls; each reading tells what has shown by then; the pace is set anew now and then.
Nothing is known here that the service could not see.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter, deque
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import chain, count
from random import Random
from typing import Final

from benchmarks.virtual_fleet.outcome import Outcome
from benchmarks.virtual_fleet.world import DAY, HUGE, STREAM_SHARES, STREAMS, Change, World
from service.domain.cadence import bound, pace
from service.domain.cadence import due as cadence
from service.domain.cadence.bound import AWAITED_MAX, OrganizationFacts, StreamFacts
from service.domain.cadence.stream import Stream

START: Final = datetime(2026, 10, 5, tzinfo=UTC)
POLICY: Final = bound.Policy(
    poll_seconds=300, connection_seconds=300, sweep_seconds=86_400, diff_seconds=3_600, cure_seconds=300
)
LANES: Final = 8
PACE_SECONDS: Final = 10.0
STRETCH_SECONDS: Final = 60.0
RECORDS_PER_CALL: Final = 250
READ: Final = (Stream.CONNECTION, Stream.EVENTS, *STREAMS)


@dataclass(slots=True, eq=False)
class _Stream:
    """One stream of one organization; `stamp` tells its latest place in the queue from earlier ones."""

    organization: _Organization
    facts: StreamFacts
    base: float = 0.0
    stamp: int = -1
    is_in_lane: bool = False
    unseen: list[tuple[float, int, Change]] = field(default_factory=list)
    awaited: dict[Change, None] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class _Organization:
    number: int
    last_pull: float
    changed_at: float
    streams: dict[Stream, _Stream] = field(default_factory=dict)
    unknown: list[Change] = field(default_factory=list)
    facts: OrganizationFacts = field(default_factory=OrganizationFacts)


class Service:
    """The cadence at work."""

    def __init__(self, world: World, rate: float, *, warm_up_hours: float = 1.0) -> None:
        self._world, self._rate = world, rate
        self._chance = Random(world.setting.seed + 1)
        self._stamps = count()
        self._queue: list[tuple[float, int, _Stream]] = []
        self._lanes: deque[tuple[_Stream, int]] = deque()
        self._pace = pace.Pace(price=pace.PRICE_DEAR)
        self._observed = pace.Observed()
        self._bases: Counter[float] = Counter()
        apart = frozenset({HUGE} if world.setting.huge_records else ())
        self.outcome = Outcome(name="tieout", counts_from=warm_up_hours * 3_600, apart=apart)
        self._organizations = [self._met(number) for number in range(len(world.per_day))]
        for organization in self._organizations:
            for stream in organization.streams.values():
                self._rebase(stream)
        self._set_stretch()
        for organization in self._organizations:
            for stream in organization.streams.values():
                self._begin(stream)

    def run(self) -> Outcome:
        """Let the time of the world pass."""
        world, now = self._world, 0.0
        happens = iter([*world.changes, None])
        told = iter(
            [*sorted((c for c in world.changes if c.told_at < math.inf), key=lambda c: c.told_at), None]
        )
        change, message = next(happens), next(told)
        paced_at, stretched_at = PACE_SECONDS, STRETCH_SECONDS
        while now < world.seconds:
            while change is not None and change.at <= now:
                self._happened(change)
                change = next(happens)
            while message is not None and message.told_at <= now:
                self._await(message, now)
                message = next(told)
            if now >= paced_at:
                self._set_pace(now - paced_at + PACE_SECONDS)
                paced_at = now + PACE_SECONDS
            if now >= stretched_at:
                self._set_stretch()
                stretched_at = now + STRETCH_SECONDS
            away_until = world.outage_until(now)
            if away_until > now:
                now = away_until
            elif self._use_slot(now):
                now += 1 / self._rate
            else:
                upcoming = [paced_at, world.seconds]
                upcoming += [each.at for each in (change,) if each is not None]
                upcoming += [each.told_at for each in (message,) if each is not None]
                upcoming += [self._queue[0][0]] if self._queue else []
                now = max(now + 1e-6, min(upcoming))
        self._finish()
        return self.outcome

    def _met(self, number: int) -> _Organization:
        """An organization as it is known when the service has run for some days."""
        world = self._world
        organization = _Organization(number, world.last_pull(number, 0.0), -math.inf)
        days = cadence.RATE_SECONDS / DAY
        seen = {
            each: _poisson(self._chance, world.per_day[number] * STREAM_SHARES[each] * days)
            for each in STREAMS
        }
        total = sum(seen.values())
        if total:
            organization.changed_at = -self._chance.expovariate(total / cadence.RATE_SECONDS)
        for name in READ:
            rate = seen.get(name, 0) / cadence.RATE_SECONDS
            facts = StreamFacts(
                stream=name, due_at=START, read_at=START, cursor_at=START, changes_per_second=rate,
                full_at=_at(-self._chance.uniform(0, POLICY.sweep_seconds)),
            )  # fmt: skip
            organization.streams[name] = _Stream(organization, facts)
        self._learn(organization)
        return organization

    def _begin(self, stream: _Stream) -> None:
        """Let a stream have been read some time within its bound before the start."""
        facts = stream.organization.facts
        within = bound.bound_seconds(stream.facts, facts, POLICY, self._pace)
        read_at = -self._chance.uniform(0, within * (1 - cadence.SLACK - cadence.SPREAD))
        earlier = replace(stream.facts, read_at=_at(read_at))
        if bound.bound_seconds(earlier, facts, POLICY, self._pace) < within:
            read_at = 0.0  # its organization was active by then, and would have been read again
        self._advance(stream, read_at, 0)

    def _learn(self, organization: _Organization) -> None:
        """What the organization's streams tell together."""
        streams = organization.streams.values()
        organization.facts = OrganizationFacts(
            has_connection=True,
            is_connected=True,
            last_pull=_at(organization.last_pull),
            changed_at=_at(organization.changed_at) if organization.changed_at > -math.inf else None,
            changes_per_second=sum(each.facts.changes_per_second for each in streams),
            is_logged=self._world.setting.is_logged,
        )

    def _happened(self, change: Change) -> None:
        organization = self._organizations[change.organization]
        stream = organization.streams[change.stream]
        heapq.heappush(stream.unseen, (change.shown_at, next(self._stamps), change))
        if change.told_at == math.inf:
            organization.unknown.append(change)

    def _await(self, change: Change, now: float) -> None:
        """An event, or the log, has told of a change."""
        stream = self._organizations[change.organization].streams[change.stream]
        if any(each is change for _, _, each in stream.unseen):
            stream.awaited[change] = None
            self._place(stream, now)

    def _use_slot(self, now: float) -> bool:
        """Spend one call, if there is something to spend it on."""
        is_due = self._is_due(now)
        if not is_due and not self._lanes:
            return False
        self.outcome.calls += now >= self.outcome.counts_from
        # A lane that is in the middle of a long list waits for its turn among the lanes that begin.
        if self._lanes and (not is_due or self._chance.random() < len(self._lanes) / LANES):
            stream, left = self._lanes.popleft()
        else:
            due, _, stream = heapq.heappop(self._queue)
            left = self._calls(stream)
            self._observed.readings += 1
            self._observed.waited_seconds += now - due
            stream.is_in_lane = True
        if left > 1:
            self._lanes.append((stream, left - 1))
        else:
            stream.is_in_lane = False
            self._read(stream, now)
        return True

    def _is_due(self, now: float) -> bool:
        """Whether the first in the queue is due and still worth its call; what is not is put off."""
        while self._queue and self._queue[0][0] <= now:
            _, stamp, stream = self._queue[0]
            if stamp == stream.stamp and not stream.is_in_lane:
                if cadence.is_worth_reading(
                    self._facts(stream), stream.organization.facts, POLICY, _at(now), self._pace
                ):
                    return True
                self._place(stream, now, is_new=True)
            else:
                heapq.heappop(self._queue)
        return False

    def _calls(self, stream: _Stream) -> int:
        is_huge = stream.organization.number == HUGE and stream.facts.stream is Stream.RECEIVABLE_RECORDS
        return max(1, math.ceil(is_huge * self._world.setting.huge_records / RECORDS_PER_CALL))

    def _read(self, stream: _Stream, now: float) -> None:
        name, organization = stream.facts.stream, stream.organization
        if now >= self.outcome.counts_from:
            self.outcome.calls_by_kind[_kind(name)] = self.outcome.calls_by_kind.get(_kind(name), 0) + 1
        self._check_bound(stream, now)
        changes = 0
        if name is Stream.CONNECTION:
            self._read_connection(organization, now)
        elif name is Stream.EVENTS:
            self._read_log(organization, now)
        else:
            changes = self._read_records(stream, now)
        self._advance(stream, now, changes)

    def _read_connection(self, organization: _Organization, now: float) -> None:
        last_pull = self._world.last_pull(organization.number, now)
        if last_pull > organization.last_pull:
            self._observed.gaps.append(last_pull - organization.last_pull)
            organization.last_pull = last_pull
            self._learn(organization)
            for name in STREAMS:
                self._place(organization.streams[name], now)

    def _read_log(self, organization: _Organization, now: float) -> None:
        if not organization.facts.is_logged:
            return
        self._observed.missed += len(organization.unknown)
        for change in organization.unknown:
            self._await(change, now)
        organization.unknown.clear()

    def _read_records(self, stream: _Stream, now: float) -> int:
        organization, changes = stream.organization, 0
        while stream.unseen and stream.unseen[0][0] <= now:
            _, _, change = heapq.heappop(stream.unseen)
            changes += 1
            self.outcome.note(change, now)
            organization.changed_at = max(organization.changed_at, change.shown_at)
            self._observed.changes += 1
            if change in stream.awaited:
                del stream.awaited[change]
                self._observed.shown.append(change.shown_at - change.at)
            else:
                self._observed.missed += not organization.facts.is_logged
        return changes

    def _advance(self, stream: _Stream, now: float, changes: int) -> None:
        """Where a stream stands after a reading, with the bound that holds from now on."""
        before, organization = stream.facts, stream.organization
        read_at = _at(now)
        elapsed = (read_at - before.read_at).total_seconds() if before.read_at else 0.0
        is_full = cadence.is_full(before, POLICY, read_at)
        if changes:
            self._learn(organization)
        after = StreamFacts(
            stream=before.stream, due_at=read_at, cursor_at=read_at, read_at=read_at,
            full_at=read_at if is_full else before.full_at,
            changes_per_second=cadence.rate_after(before.changes_per_second, elapsed, changes),
        )  # fmt: skip
        within = bound.bound_seconds(after, organization.facts, POLICY, self._pace)
        stream.facts = replace(after, bound_at=read_at + timedelta(seconds=within))
        self._rebase(stream)
        self._place(stream, now, is_new=True)

    def _rebase(self, stream: _Stream) -> None:
        self._bases[stream.base] -= 1
        stream.base = bound.base_seconds(stream.facts, stream.organization.facts, POLICY)
        self._bases[stream.base] += 1

    def _place(self, stream: _Stream, now: float, *, is_new: bool = False) -> None:
        """Put a stream into the queue; what was known before brings it forward only."""
        facts = self._facts(stream)
        random = self._chance.random()
        due = cadence.next_due(facts, stream.organization.facts, POLICY, _at(now), random, pace=self._pace)
        due = max(due, _at(now))
        if is_new or due < stream.facts.due_at:
            object.__setattr__(stream.facts, "due_at", due)
            stream.stamp = next(self._stamps)
            heapq.heappush(self._queue, ((due - START).total_seconds(), stream.stamp, stream))

    def _facts(self, stream: _Stream) -> StreamFacts:
        """What is known of a stream, and what it waits for."""
        if not stream.awaited:
            return stream.facts
        since = [_at(change.at) for change in list(stream.awaited)[-AWAITED_MAX:]]
        return replace(stream.facts, awaited=since)

    def _check_bound(self, stream: _Stream, now: float) -> None:
        facts = stream.facts
        if facts.read_at is None or facts.bound_at is None:
            return
        share = (_at(now) - facts.read_at) / (facts.bound_at - facts.read_at)
        self.outcome.readings += 1
        self.outcome.late_readings += share > 1
        self.outcome.oldest_share = max(self.outcome.oldest_share, share)

    def _set_pace(self, elapsed: float) -> None:
        seen, self._observed = self._observed, pace.Observed()
        waited = seen.waited_seconds / max(seen.readings, 1)
        known = pace.learned(self._pace, seen)
        self._pace = pace.repriced(known, seen.readings / elapsed, self._rate, waited)

    def _set_stretch(self) -> None:
        bases = {base: streams for base, streams in self._bases.items() if base > 0}
        stretch = pace.restretched(self._pace, bases, POLICY.sweep_seconds, self._rate)
        self._pace = replace(self._pace, stretch=stretch)

    def _finish(self) -> None:
        """Whoever was not read again by the end has an age, too; what was not seen has a delay."""
        end = self._world.seconds
        for stream in chain.from_iterable(each.streams.values() for each in self._organizations):
            self._check_bound(stream, end)
            for shown_at, _, change in stream.unseen:
                if shown_at < end:
                    self.outcome.note(change, end)
        self.outcome.bound_seconds = POLICY.poll_seconds * self._pace.stretch
        self.outcome.stretch, self.outcome.price = self._pace.stretch, self._pace.price


def _at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def _kind(stream: Stream) -> str:
    return stream.value.partition(":")[0]


def _poisson(chance: Random, mean: float) -> int:
    """How many of a Poisson process of that mean; by the normal curve where it is as good."""
    if mean > 50:
        return max(0, round(chance.gauss(mean, math.sqrt(mean))))
    limit, number, product = math.exp(-mean), 0, chance.random()
    while product > limit:
        number, product = number + 1, product * chance.random()
    return number
