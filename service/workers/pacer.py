"""The pacer: what a replica observes of the hub's pace, shared with the others every few seconds.

Readings tell it how long results took, what events missed, when pulls came, and how long they had waited for
their turn. It adds that to what all replicas know, one at a time; whoever finds that the price of a call was
last set some seconds ago sets it, and now and then how far bounds are stretched. What a replica had not told
yet is lost with it, and costs nothing but a little precision.

The lanes follow the hub's latency: calls that take longer need more of them under way for the same rate.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Final

from service.domain.cadence.bound import Policy
from service.domain.cadence.pace import (
    AT_REST,
    COMPARING_SHARE,
    READING_SHARE,
    Observed,
    Pace,
    learned,
    repriced,
    restretched,
    stretch_for,
)
from service.domain.fleet import WorkKind
from service.hub.sending import FinishedCall
from service.logs import get_logger
from service.store.database import Connection, Database
from service.store.pace import KeptPace, lock_pace, sum_demand, update_pace, update_pace_policy
from service.store.work import spread_work

BEAT_SECONDS: Final = 5.0
"""How old what a replica knows of the pace may be."""

PRICE_SECONDS: Final = 9.0
"""How often the price is set: about every ten seconds, whichever replica's beat it is."""

STRETCH_SECONDS: Final = 60.0
"""How often bounds are stretched anew: adding up what all streams ask for reads a row of each."""

ANEW_SECONDS: Final = 60.0
"""Over so long everything is looked at anew after a setting was changed."""

LANES_MIN: Final = 8
LANES_MAX: Final = 16
"""Organizations read at once. A hub that answers in a quarter of a second needs the fewest at thirty calls a
second; the most are bounded by Postgres' connections, of which each needs one now and then."""

LANES_RATE_MAX: Final = 60.0
"""A process carries out no more calls a second than about this, however many the hub allows; more lanes would
only make each of them slower."""

LANES_SPARE: Final = 1.25
"""Lanes are also held while rows are written."""

LATENCY_MEMORY: Final = 0.05
"""The weight of the latest call in what calls take."""

log = get_logger(__name__)


class Pacer:
    """What this replica knows of the pace, and adds to it."""

    def __init__(self, database: Database, policy: Policy, rate_per_second: float) -> None:
        self._database = database
        self._policy = policy
        self._rate = rate_per_second
        self._latency_seconds = 0.0
        self.pace: Pace = AT_REST
        self.observed = Observed()

    async def begin(self) -> None:
        """Have everything looked at anew, soon, when settings name other bounds than before."""
        told = json.dumps(asdict(self._policy), sort_keys=True)
        async with self._database.fleet() as connection:
            if await update_pace_policy(connection, told):
                log.info("bounds_changed", policy=told)
                await spread_work(connection, [WorkKind.POLL, WorkKind.PUSH, WorkKind.COMPARE], ANEW_SECONDS)
        await self.beat()

    async def beat(self) -> None:
        """Tell what was observed, and learn what all know."""
        seen, self.observed = self.observed, Observed()
        async with self._database.fleet() as connection:
            kept, now = await lock_pace(connection)
            kept = replace(
                kept,
                pace=learned(kept.pace, seen),
                readings=kept.readings + seen.readings,
                waited_seconds=kept.waited_seconds + seen.waited_seconds,
            )
            kept = self._repriced(kept, now)
            kept = await self._restretched(connection, kept, now)
            await update_pace(connection, kept)
        self.pace = kept.pace

    def observe(self, call: FinishedCall) -> None:
        """Take note of how long a call took."""
        self._latency_seconds += LATENCY_MEMORY * (call.seconds - self._latency_seconds)

    @property
    def lanes(self) -> int:
        """How many organizations are to be read at once, for the calls to be used at the hub's latency."""
        rate = min(self._rate, LANES_RATE_MAX)
        return max(LANES_MIN, min(math.ceil(rate * self._latency_seconds * LANES_SPARE), LANES_MAX))

    def _repriced(self, kept: KeptPace, now: datetime) -> KeptPace:
        seconds = _since(kept.priced_at, now)
        if seconds < PRICE_SECONDS:
            return kept
        pace = kept.pace
        if kept.priced_at is not None:
            waited = kept.waited_seconds / max(kept.readings, 1)
            pace = repriced(pace, kept.readings / seconds, self._rate * READING_SHARE, waited)
        return replace(kept, pace=pace, readings=0, waited_seconds=0.0, priced_at=now)

    async def _restretched(self, connection: Connection, kept: KeptPace, now: datetime) -> KeptPace:
        if _since(kept.stretched_at, now) < STRETCH_SECONDS:
            return kept
        reading, comparing = await sum_demand(connection)
        sweep = self._policy.sweep_seconds
        pace = replace(
            kept.pace,
            stretch=restretched(kept.pace, reading, sweep, self._rate * READING_SHARE),
            comparing_stretch=stretch_for(comparing, sweep, self._rate * COMPARING_SHARE),
        )
        return replace(kept, pace=pace, stretched_at=now)


def _since(at: datetime | None, now: datetime) -> float:
    return math.inf if at is None else (now - at) / timedelta(seconds=1)
