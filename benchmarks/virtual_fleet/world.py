"""A hub with many organizations, in virtual time: what happens in it, and what of that can be seen when.

Documents change as a Poisson process per organization, most of them seldom and a few very often. Each change
is pushed; its result shows in one of six streams of records some seconds later, or only with the hub's next
hourly pull. Most changes are announced by an event, the others stand in the hub's log alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from service.domain.cadence.stream import RECORD_STREAMS, Stream

DAY: Final = 86_400.0
QUIET_SHARE: Final = 0.6
QUIET_PER_DAY: Final = 0.5
BUSY_PER_DAY: Final = (8.0, 5_000.0)
BUSY_ALPHA: Final = 1.1
STREAMS: Final = tuple(RECORD_STREAMS.values())
STREAM_SHARES: Final = {
    Stream.RECEIVABLE_RECORDS: 0.5,
    Stream.BILL_RECORDS: 0.25,
    Stream.PAYMENT_RECORDS: 0.13,
    Stream.CUSTOMER_RECORDS: 0.05,
    Stream.VENDOR_RECORDS: 0.04,
    Stream.PRODUCT_RECORDS: 0.03,
}
"""Of an organization's changes; nobody counted them, and the cadence does not know them."""

HUGE: Final = 0
HUGE_PER_DAY: Final = 8_640.0
"""The organization that may be huge, and how often it changes then: every ten seconds."""

WEBHOOK_SECONDS: Final = (0.2, 3.0)
PULL_SECONDS: Final = 3_600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What the world is like; the defaults are the stated fleet."""

    organizations: int = 10_000
    hours: float = 12.0
    seed: int = 1
    activity: float = 1.0
    shows_seconds: tuple[float, float] = (5.0, 60.0)
    late: float = 0.1
    failed: float = 0.03
    arrives: float = 0.95
    is_logged: bool = True
    pull_jitter_seconds: float = 20.0
    outages: Sequence[tuple[float, float]] = ()
    """Hours from the start, and how many hours."""
    burst_per_hour: float = 0.0
    """Organizations that change a hundred documents within a minute."""
    huge_records: int = 0
    """Records of one organization that fail and change all the time: each reading of it takes that many."""


@dataclass(frozen=True, slots=True)
class Change:
    """A document that changed: when and where, when its result shows, when we are told, if at all."""

    at: float
    organization: int
    stream: Stream
    shown_at: float
    told_at: float
    has_failed: bool


class World:
    """What happens, made once from a seed; the same for every cadence that is tried on it."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        chance = Random(setting.seed)
        self.per_day = [_per_day(chance) * setting.activity for _ in range(setting.organizations)]
        if setting.huge_records:
            self.per_day[HUGE] = HUGE_PER_DAY
        self._phases = [chance.uniform(0, PULL_SECONDS) for _ in range(setting.organizations)]
        self._salt = chance.getrandbits(32)
        self.seconds = setting.hours * 3_600
        self.changes = sorted(self._changes(chance), key=lambda change: change.at)

    def last_pull(self, organization: int, at: float) -> float:
        """When the latest pull ended that has ended by then."""
        number = math.floor((at - self._phases[organization]) / PULL_SECONDS)
        ended_at = self._pulled_at(organization, number)
        return ended_at if ended_at <= at else self._pulled_at(organization, number - 1)

    def outage_until(self, at: float) -> float:
        """Until when the hub is away, `at` itself when it is not."""
        for start, hours in self.setting.outages:
            if start * 3_600 <= at < (start + hours) * 3_600:
                return (start + hours) * 3_600
        return at

    def _pulled_at(self, organization: int, number: int) -> float:
        noise = (organization * 2_654_435_761 + number * 40_503 + self._salt) % 10_007 / 10_007
        return self._phases[organization] + number * PULL_SECONDS + noise * self.setting.pull_jitter_seconds

    def _next_pull(self, organization: int, at: float) -> float:
        number = math.floor((at - self._phases[organization]) / PULL_SECONDS)
        return next(
            ended_at
            for each in range(number, number + 3)
            if (ended_at := self._pulled_at(organization, each)) > at
        )

    def _changes(self, chance: Random) -> Iterator[Change]:
        for organization, per_day in enumerate(self.per_day):
            at = chance.expovariate(per_day / DAY)
            while at < self.seconds:
                yield self._change(chance, organization, at)
                at += chance.expovariate(per_day / DAY)
        for _ in range(round(self.setting.burst_per_hour * self.setting.hours)):
            organization, at = chance.randrange(len(self.per_day)), chance.uniform(0, self.seconds)
            for _ in range(100):
                yield self._change(chance, organization, at + chance.uniform(0, 60))

    def _change(self, chance: Random, organization: int, at: float) -> Change:
        stream = chance.choices(list(STREAM_SHARES), list(STREAM_SHARES.values()))[0]
        if chance.random() < self.setting.late:
            shown_at = self._next_pull(organization, at)
        else:
            shown_at = at + chance.uniform(*self.setting.shows_seconds)
        told_at = (
            at + chance.uniform(*WEBHOOK_SECONDS) if chance.random() < self.setting.arrives else math.inf
        )
        return Change(at, organization, stream, shown_at, told_at, chance.random() < self.setting.failed)


def _per_day(chance: Random) -> float:
    if chance.random() < QUIET_SHARE:
        return QUIET_PER_DAY
    low, high = (bound**-BUSY_ALPHA for bound in BUSY_PER_DAY)
    return math.pow(low - chance.random() * (low - high), -1 / BUSY_ALPHA)
