"""Where a stream stands once its reading has ended, and when it is read next: nothing here asks or writes.

A list that was read to its end moves the cursor on. One that failed keeps all that was known of it and waits
longer each time, and so does one that is doubted although it was read to its end. One whose sweep failed, and
that was then read from its cursor on, has moved on, and waits for its sweep as one that failed. One that the
hub does not serve rests.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from service.domain.cadence import due as cadence
from service.domain.cadence.bound import UNSERVED, Policy, StreamFacts, bound_seconds
from service.domain.cadence.pace import Pace
from service.workers.reading import Reading, Readout


@dataclass(frozen=True, slots=True, kw_only=True)
class Pacing:
    """What the next reading of a stream depends on beside the stream; `chance` spreads it, from 0 to 1."""

    policy: Policy
    pace: Pace
    chance: Callable[[], float]


def advanced(reading: Reading, readout: Readout, calls: int, pacing: Pacing) -> StreamFacts:
    """Where a stream stands after it was read to its end, in so many calls."""
    if readout.doubt is not None:
        return failed(reading, readout.doubt, pacing)
    if readout.rest_seconds is not None:
        later = reading.work.now + timedelta(seconds=readout.rest_seconds)
        unserved = replace(reading.stream, failures=1, error=UNSERVED)
        return replace(unserved, due_at=later, cursor_at=readout.cursor_at)
    before, policy, pace = reading.stream, pacing.policy, pacing.pace
    seconds = math.inf if before.read_at is None else (reading.began_at - before.read_at).total_seconds()
    after = replace(
        before,
        cursor_at=readout.cursor_at,
        read_at=reading.began_at,
        full_at=reading.began_at if readout.is_full else before.full_at,
        failures=0,
        error=None,
        calls=(before.calls + max(calls, 1)) / 2,
        changes_per_second=cadence.rate_after(before.changes_per_second, seconds, readout.changes),
    )
    within = bound_seconds(after, reading.organization, policy, pace)
    after = replace(after, bound_at=reading.began_at + timedelta(seconds=within))
    if not readout.is_full and cadence.is_sweep_due(before, policy, reading.began_at):
        return _waiting(replace(after, failures=before.failures + 1, error=before.error), reading, pacing)
    due_at = cadence.next_due(
        after, reading.organization, policy, reading.work.now, pacing.chance(), pace=pace
    )
    return replace(after, due_at=due_at)


def failed(reading: Reading, error: str, pacing: Pacing) -> StreamFacts:
    """Where a stream stands after it could not be read, or not so that it counts."""
    return _waiting(
        replace(reading.stream, failures=reading.stream.failures + 1, error=error), reading, pacing
    )


def _waiting(after: StreamFacts, reading: Reading, pacing: Pacing) -> StreamFacts:
    """The same, due when what failed is tried again."""
    due_at = cadence.retry_at(
        after,
        reading.organization,
        pacing.policy,
        reading.work.now,
        pacing.chance(),
        pace=pacing.pace,
    )
    return replace(after, due_at=due_at)
