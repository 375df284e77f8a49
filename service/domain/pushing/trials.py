"""Whose turn it is to be tried: one record of each cause and organization, on a slow clock.

Nobody can see that a period was opened, or a subscription paid; so one record is sent now and then, and what
passes frees the others, where one cure is all of theirs (`cure`). They take turns: what holds one up, a date
or a contact of its own, need not hold up the next.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from service.domain.pushing.attempt import Attempt, Outcome, Trigger, in_episode
from service.domain.pushing.cure import Conditions, needs_trial
from service.domain.pushing.decision import failed_at
from service.domain.pushing.policy import Policy
from service.domain.record import Record
from service.domain.record_state import State


def trials_due(
    blocked: Iterable[tuple[Record, Sequence[Attempt], Conditions]],
    tried_at: Mapping[str, datetime],
    policy: Policy,
    now: datetime,
) -> frozenset[UUID]:
    """The records that are their groups' trials now, of those whose way out that is.

    What another record of its object holds is not to be among `blocked`: it would keep its turn, unsent.
    `tried_at` tells when a trial of a cause was last sent. The clock of a group starts with its first
    failure, so that a new group is not tried at once: the hub just has.
    """
    groups: defaultdict[str, list[tuple[datetime | None, Record]]] = defaultdict(list)
    for record, attempts, conditions in blocked:
        since = failed_at(record, in_episode(record, attempts))
        if record.state is State.BLOCKED and record.cause and needs_trial(record, conditions, since=since):
            groups[record.cause].append((_last_trial(attempts), record))
    due = set()
    for cause, group in groups.items():
        first_at = min(_failed_first(record) for _, record in group)
        if now >= max(tried_at.get(cause, first_at), first_at) + timedelta(seconds=policy.canary_seconds):
            _, next_one = min(group, key=_turn)
            due.add(next_one.record_id)
    return frozenset(due)


def _turn(each: tuple[datetime | None, Record]) -> tuple[bool, datetime, UUID]:
    """First those that were never tried, the longest failed of them; then the longest not tried."""
    tried_at, record = each
    return (tried_at is not None, tried_at or _failed_first(record), record.record_id)


def _last_trial(attempts: Sequence[Attempt]) -> datetime | None:
    sent = (
        attempt.started_at
        for attempt in attempts
        if attempt.trigger is Trigger.CANARY and attempt.outcome is not Outcome.NOT_SENT
    )
    return max(sent, default=None)


def _failed_first(record: Record) -> datetime:
    return record.first_failed_at or record.updated_at
