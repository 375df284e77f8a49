"""When an alert is told, and when not: a person reads the third message of a night, not the thirtieth.

In order of what matters:

1. A snooze silences everything but the end. So does inhibition: another alert, which is open, says it
   already.
2. The first message of an episode goes out when its group wait is over; a regression's says so.
3. Worse is told at once when it became critical, even over an acknowledgement: who took it on took on less.
4. Then at most one message per `repeat`; or, where it has *grown* (at least doubled, or a wave of further
   organizations joined), per eighth of it. Hence at most three within the first hour, with the settings as
   they come.
5. An acknowledgement silences repeats and growth, until a further wave begins.
6. The end is told to whoever was told the beginning.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final

from service.domain.alerts.alert import Alert, Policy, Severity, Status
from service.domain.alerts.spread import WAVE_ORGANIZATIONS

UPDATES_PER_REPEAT: Final = 8
"""Growth may be told this much more often than nothing new: every half hour where a reminder comes every
four hours."""

GROWTH_MIN: Final = 5
"""One record that became two has doubled, and is no news."""


class Reason(StrEnum):
    """Why a message is sent."""

    FIRST = "first"
    REGRESSION = "regression"
    WORSE = "worse"
    GREW = "grew"
    REMINDER = "reminder"
    RESOLVED = "resolved"


def reason_to_tell(alert: Alert, *, now: datetime, policy: Policy) -> Reason | None:
    """Say whether receivers should hear of the alert as it is now, and why."""
    if alert.status is Status.RESOLVED:
        return Reason.RESOLVED if alert.is_told else None
    if alert.status is Status.PENDING or alert.is_inhibited or _is_snoozed(alert, now):
        return None
    if alert.quiet_since is not None:  # it may be over; the next message is likely to be its end
        return None
    if alert.notified_severity is None or alert.notified_at is None:
        return Reason.REGRESSION if alert.notified_count else Reason.FIRST
    waited_seconds = (now - alert.notified_at).total_seconds()
    return _reason_for_more(alert, alert.notified_severity, waited_seconds, policy)


def _reason_for_more(
    alert: Alert, told_severity: Severity, waited_seconds: float, policy: Policy
) -> Reason | None:
    """Why whoever knows of it should hear of it again."""
    is_worse = alert.severity.rank > told_severity.rank
    if is_worse and alert.severity is Severity.CRITICAL:
        return Reason.WORSE
    if alert.acknowledged_at is not None or waited_seconds < policy.repeat_seconds / UPDATES_PER_REPEAT:
        return None
    if is_worse:
        return Reason.WORSE
    if has_grown(alert):
        return Reason.GREW
    return Reason.REMINDER if waited_seconds >= policy.repeat_seconds else None


def has_grown(alert: Alert) -> bool:
    """Whether so much came to it since the last message that this is news."""
    further_organizations = alert.organizations_count - alert.notified_organizations_count
    return (
        _has_doubled(alert.records_count, alert.notified_records_count)
        or _has_doubled(alert.organizations_count, alert.notified_organizations_count)
        or (not alert.records_count and further_organizations >= WAVE_ORGANIZATIONS)
    )


def _has_doubled(now_count: int, told_count: int) -> bool:
    return now_count >= 2 * told_count and now_count - told_count >= GROWTH_MIN


def _is_snoozed(alert: Alert, now: datetime) -> bool:
    return alert.snoozed_until is not None and now < alert.snoozed_until
