"""When each stream of an organization is read next: a pure function of what can be observed.

Calls to the hub are scarce, so a stream is read when there is a reason to, and otherwise so often that
nobody's bound (`bound`) is exceeded. Reasons have a price (`pace`): the seconds for which results are
expected to lie unseen, added up, must be worth a call.

- **The connection** tells what is worth reading at all; besides its bound it is read when a pull is expected
  to have ended.
- **Events** that never arrived are found in the hub's log, one call for all types of object: the more so, the
  more an organization changes and the more events get lost.
- **Records** have a filter by time of change. Where a push is under way, be it that an event announced one or
  that a record is pending, no webhook will tell its outcome: they are looked at when it has probably ended
  (`domain.cadence.delays`), then with doubling waits, and once more when the hub's next pull has. A pull that
  ended may have brought results that nothing announced: the streams are swept, sooner where more changes.
- **Lists of the books** are a cache as of `last_pull`: there is nothing new in them until it moves; then
  they are read at once, or rest first where calls for comparing are scarce.
- **Local documents** have no filter by time of change. Events name the ones that changed; the whole list is
  read once per comparison.
- **Reference data** is read with the sweep, and often while blocked records wait for it to change.
- Whoever fails is asked again with growing waits, never later than its own bound.

Wishes (an event's hint, a push just made) bring a stream forward; they never put it off.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from service.domain.backoff import doubled
from service.domain.cadence.bound import (
    OrganizationFacts,
    Policy,
    StreamFacts,
    bound_seconds,
    is_for_records,
)
from service.domain.cadence.pace import AT_REST, UNANNOUNCED_MIN, Pace
from service.domain.cadence.stream import BOOKS_STREAMS, Stream

FOLLOW_SECONDS: Final = 2.0
"""The shortest wait between two looks: the hub carries most pushes out within seconds."""

OVERLAP: Final = timedelta(minutes=10)
"""Read again before each cursor: rows that share an instant, that were committed late, or that a replica of
the hub had not seen yet. No transaction of the hub takes longer, or it would be a different kind of
trouble."""

RETRY_SECONDS: Final = 5.0
RETRY_SECONDS_MAX: Final = 900.0
"""The first and the longest wait after a failed reading."""

SLACK: Final = 0.1
"""This share of a bound is left for the wait in the queue."""

SPREAD: Final = 0.1
"""Up to this share of a bound is left out at random, so that organizations that were met together part."""

AWAITED_PULLS: Final = 2.0
"""What an event announced and two pulls did not bring was no push: not every edit of a document is one."""

RATE_SECONDS: Final = 3 * 86_400.0
"""How far back the rate of an organization's changes looks: over a weekend."""

RATE_MIN: Final = 0.25 / 86_400
"""Changes a second that are expected of a stream in which none was ever seen: one in four days."""


def is_due(stream: StreamFacts, now: datetime) -> bool:
    """Whether it is time to read the stream; one that fails waits for its turn whatever anybody wishes."""
    return due_at(stream) <= now


def due_at(stream: StreamFacts) -> datetime:
    """When a stream is due, wishes included."""
    if stream.wanted_at is None or stream.failures:
        return stream.due_at
    return min(stream.due_at, stream.wanted_at)


def is_full(stream: StreamFacts, policy: Policy, now: datetime) -> bool:
    """Whether the next reading begins at the beginning, whatever the cursor says.

    After a sweep that failed the next reading goes on from the cursor, and the one after that sweeps again:
    old pages that the hub cannot give must not hide what is new.
    """
    if stream.cursor_at is None:
        return True
    return is_sweep_due(stream, policy, now) and stream.failures % 2 == 0


def is_sweep_due(stream: StreamFacts, policy: Policy, now: datetime) -> bool:
    """Whether the stream is to be read in full by now."""
    return stream.full_at is None or now >= stream.full_at + _seconds(policy.sweep_seconds)


def next_due(
    stream: StreamFacts,
    organization: OrganizationFacts,
    policy: Policy,
    now: datetime,
    random: float,
    *,
    pace: Pace = AT_REST,
) -> datetime:
    """When a stream is to be read next; `random` lies between 0 and 1.

    Never later than its bound after the last reading, so that calling it again with newer facts about the
    organization brings streams forward.
    """
    if stream.failures:
        return stream.due_at
    if stream.read_at is None:
        return now
    if _has_news(stream, organization):
        rest = policy.diff_seconds * (pace.comparing_stretch - 1)
        return max(now, _not_after_sweep(stream, policy, stream.read_at + _seconds(rest)))
    bound = bound_seconds(stream, organization, policy, pace)
    wait = bound * (1 - SLACK - SPREAD * random)
    if organization.has_connection:
        wait = min(wait, max(_reason(stream, stream.read_at, organization, pace, wait), FOLLOW_SECONDS))
    due = stream.read_at + _seconds(wait)
    if stream.bound_at is not None:
        due = min(due, stream.read_at + (stream.bound_at - stream.read_at) * (1 - SLACK))
    return _not_after_sweep(stream, policy, due)


def is_worth_reading(
    stream: StreamFacts, organization: OrganizationFacts, policy: Policy, now: datetime, pace: Pace
) -> bool:
    """Whether a stream that is due is still worth its call.

    Since it was given its turn, calls may have become scarce, or what it was to be read for may have been
    seen. What somebody wished for, or what is to be read in full, is.
    """
    if stream.full_at is None or (stream.wanted_at is not None and stream.wanted_at <= now):
        return True
    return next_due(stream, organization, policy, now, 1.0, pace=pace) <= now


def retry_at(
    stream: StreamFacts,
    organization: OrganizationFacts,
    policy: Policy,
    now: datetime,
    random: float,
    *,
    pace: Pace = AT_REST,
) -> datetime:
    """When a stream whose reading has just failed, for the `failures`-th time, is tried again."""
    assert stream.failures > 0, "a stream that did not fail keeps its pace"
    bound = bound_seconds(stream, organization, policy, pace)
    # Without a connection a list may fail for no other reason; nobody waits for it.
    longest = min(bound, RETRY_SECONDS_MAX) if organization.is_connected else bound
    wait = doubled(RETRY_SECONDS, stream.failures, max(longest, RETRY_SECONDS))
    return now + _seconds(wait * (0.5 + random / 2))


def awaited_since(now: datetime, pace: Pace) -> datetime:
    """What is awaited for longer than since then is given up."""
    return now - _seconds(AWAITED_PULLS * pace.pull_seconds)


def rate_after(changes_per_second: float, seconds: float, changes: int) -> float:
    """The rate of a stream's changes, after a reading that found so many more in so many seconds."""
    return changes_per_second * math.exp(-max(seconds, 0.0) / RATE_SECONDS) + changes / RATE_SECONDS


def _has_news(stream: StreamFacts, organization: OrganizationFacts) -> bool:
    """Whether a pull has ended that the stream was not read after."""
    if not organization.is_connected or organization.last_pull is None:
        return False
    if stream.stream in BOOKS_STREAMS:
        return stream.cursor_at is None or stream.cursor_at < organization.last_pull
    return False


def _not_after_sweep(stream: StreamFacts, policy: Policy, due: datetime) -> datetime:
    """A sweep after the last reading, and after the last one in full, is the latest whatever else is said."""
    read = [at for at in (stream.read_at, stream.full_at) if at is not None]
    return min([due, *(at + _seconds(policy.sweep_seconds) for at in read)])


def _reason(
    stream: StreamFacts, read_at: datetime, organization: OrganizationFacts, pace: Pace, longest: float
) -> float:
    """Seconds after the last reading at which there is a reason for the next, `longest` without one."""
    if stream.stream is Stream.CONNECTION:
        return _after_pull(read_at, organization, pace, longest)
    if stream.stream is Stream.EVENTS:
        return _unannounced(organization.changes_per_second, pace)
    if not is_for_records(stream.stream):
        return longest
    wait = min(longest, _swept(stream, read_at, organization, pace))
    if not organization.is_logged:
        wait = min(wait, _unannounced(stream.changes_per_second, pace))
    ages = _awaited(stream, read_at, organization)
    if ages:
        wait = min(wait, _look(ages, read_at, organization, pace, wait))
    return wait


def _unannounced(changes_per_second: float, pace: Pace) -> float:
    """When changes that nothing announced are worth a call: they come at a steady rate, and lie unseen."""
    rate = max(changes_per_second, RATE_MIN) * max(pace.unannounced, UNANNOUNCED_MIN)
    return math.sqrt(2 * pace.price / rate)


def _awaited(stream: StreamFacts, read_at: datetime, organization: OrganizationFacts) -> Sequence[float]:
    """For how long results had been awaited at the last look: by pending records, or since events."""
    pending_since = organization.pending_since.get(stream.stream)
    since = [*stream.awaited, *([] if pending_since is None else [pending_since])]
    return [(read_at - at).total_seconds() for at in since]


def _look(
    ages: Sequence[float], read_at: datetime, organization: OrganizationFacts, pace: Pace, longest: float
) -> float:
    """When results that are awaited have probably shown."""
    wait = pace.outlook.next_look(ages, pace.price, longest)
    late = [age for age in ages if pace.outlook.is_late(age)]
    if not late:
        return wait
    # What takes longer than is usual is asked for after as much time again, counted anew from each pull.
    least, youngest = max(FOLLOW_SECONDS, pace.price / len(late)), min(late)
    if organization.last_pull is None or not organization.is_connected:
        return min(wait, max(least, youngest))
    before, after = _pulls(organization.last_pull, read_at, pace)
    return min(wait, max(least, min(youngest, before)), after + least)


def _swept(stream: StreamFacts, read_at: datetime, organization: OrganizationFacts, pace: Pace) -> float:
    """When results that the last pull may have brought unannounced are worth a call."""
    if organization.last_pull is None or organization.last_pull <= read_at or not organization.is_connected:
        return math.inf
    rate = max(stream.changes_per_second, RATE_MIN) * max(pace.unannounced, UNANNOUNCED_MIN)
    expected = rate * pace.pull_seconds * max(pace.late, UNANNOUNCED_MIN)
    return (organization.last_pull - read_at).total_seconds() + pace.price / expected


def _after_pull(read_at: datetime, organization: OrganizationFacts, pace: Pace, longest: float) -> float:
    """When the next pull has probably ended; if it is overdue, after as much time again."""
    if organization.last_pull is None or not organization.is_connected:
        return longest
    before, after = _pulls(organization.last_pull, read_at, pace)
    least = max(FOLLOW_SECONDS, pace.price)
    has_seen = (read_at - organization.last_pull).total_seconds() < pace.pull_seconds
    return after + least if has_seen else min(after + least, max(least, before))


def _pulls(last_pull: datetime, read_at: datetime, pace: Pace) -> tuple[float, float]:
    """Seconds since the latest pull that is expected to have ended at `read_at`, and until the next."""
    since = (read_at - last_pull).total_seconds()
    if since < 0:
        return 0.0, since % pace.pull_seconds
    return since % pace.pull_seconds, pace.pull_seconds - since % pace.pull_seconds


def _seconds(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)
