"""What is wrong now, against what was told: where alerts are opened, kept, healed and brought back.

Pure, and the same for the same arguments whatever their order. Rules that are easily got wrong:

- *Not seen* is not *healed*. An absent condition starts a quiet time; the alert resolves when that has
  lasted and what it rests on was read after the condition last held. While the hub does not answer nothing
  was seen, so whatever needs the hub counts as holding.
- An alert that comes back takes longer to resolve each time, so that flapping cannot become a flood.
- Within an episode severity only rises: a receiver that was told *critical* is not woken again on the way
  back up.
- A row is written when something changed; `held_at`, which changes with every look, is written apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid5

from service.domain.alerts.alert import MOVES, Alert, Condition, Policy, Severity, Status
from service.domain.alerts.spread import grew_at
from service.domain.alerts.telling import Reason, reason_to_tell

REGRESSION_SPAN: Final = timedelta(days=1)
"""What comes back within a day was not cured; later it is a new story."""

QUIET_DOUBLINGS_MAX: Final = 4
"""The quiet time of a flapping alert doubles up to sixteen times its first length."""

_NAMESPACE: Final = UUID("5f3d2c1e-6c62-5c0b-9d67-1d6c35c1f0a7")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What has been seen of the open alerts whose condition is absent."""

    is_blind: bool = False
    observed_at_by_alert: Mapping[UUID, datetime | None] = field(default_factory=dict)
    """When what the alert rests on was last read, whole and without failing; None or missing: it was not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One message, to be sent to every channel: the alert as it was then, and why it is told."""

    alert: Alert
    reason: Reason
    told_severity: Severity | None = None
    """What the message before it, of the same episode, said."""

    @property
    def sequence(self) -> int:
        """The message's place among the alert's messages."""
        return self.alert.notified_count


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What to write: alerts that changed, some to forget, some that merely still hold; and what to tell."""

    upserts: Sequence[Alert] = ()
    dropped: Sequence[Alert] = ()
    held: Sequence[Alert] = ()
    notices: Sequence[Notice] = ()


def reconcile(
    alerts: Sequence[Alert],
    conditions: Sequence[Condition],
    evidence: Evidence,
    *,
    now: datetime,
    policy: Policy,
) -> Changes:
    """Bring what was told in line with what is wrong.

    `alerts` are the open ones, and of the resolved ones those that ended within `REGRESSION_SPAN`.
    """
    known = _newest_by_fingerprint(alerts)
    wrong = {condition.fingerprint: condition for condition in conditions}
    assert len(wrong) == len(conditions), "two conditions bear one fingerprint"
    present = {
        name: alert
        for name, condition in wrong.items()
        if (alert := _present(known.get(name), condition, now, policy)) is not None
    }
    open_names = {name for name, alert in present.items() if alert.status is not Status.RESOLVED}
    after: list[Alert] = []
    dropped: list[Alert] = []
    for name, alert in present.items():
        is_inhibited = any(
            other in open_names or _is_firing(known.get(other)) for other in wrong[name].inhibited_by
        )
        after.append(replace(alert, is_inhibited=is_inhibited))
    for name, alert in known.items():
        if name in present or alert.status is Status.RESOLVED:
            continue
        if alert.status is Status.PENDING:
            dropped.append(alert)
        else:
            after.append(_absent(alert, evidence, now, policy))
    return _changes(known, after, dropped, now, policy)


def _newest_by_fingerprint(alerts: Sequence[Alert]) -> dict[str, Alert]:
    """The open alert of each fingerprint, or the one that was resolved last."""
    ordered = sorted(
        alerts, key=lambda alert: (alert.status is not Status.RESOLVED, alert.started_at, alert.alert_id)
    )
    return {alert.fingerprint: alert for alert in ordered}


def _is_firing(alert: Alert | None) -> bool:
    return alert is not None and alert.status is Status.FIRING


def _present(alert: Alert | None, condition: Condition, now: datetime, policy: Policy) -> Alert | None:
    """The alert of a condition that holds; None where it opens none."""
    if alert is None or (alert.status is Status.RESOLVED and not _is_recent(alert, now)):
        return _promoted(_opened(condition, now), condition, now, policy) if condition.opens else None
    if alert.status is Status.RESOLVED:
        return _reopened(alert, condition, now) if condition.opens else None
    return _promoted(_refreshed(alert, condition, now), condition, now, policy)


def _is_recent(alert: Alert, now: datetime) -> bool:
    return alert.ended_at is not None and now - alert.ended_at < REGRESSION_SPAN


def _opened(condition: Condition, now: datetime) -> Alert:
    is_immediate = condition.wait_seconds == 0.0 and condition.since is not None
    started_at = condition.since if is_immediate and condition.since else now
    return Alert(
        organization_id=condition.organization_id,
        alert_id=uuid5(_NAMESPACE, f"{condition.fingerprint} {now.isoformat()}"),
        fingerprint=condition.fingerprint,
        kind=condition.kind,
        scope=condition.scope,
        cause=condition.cause,
        severity=condition.severity,
        status=Status.PENDING,
        summary=condition.summary,
        detail=condition.detail,
        owner=condition.owner,
        next_step=condition.next_step,
        members=condition.members,
        organizations_count=condition.organizations_count,
        records_count=condition.records_count,
        money_at_risk=condition.money_at_risk,
        started_at=started_at,
        held_at=now,
        grew_at=now,
        changed_at=now,
    )


def _refreshed(alert: Alert, condition: Condition, now: datetime) -> Alert:
    """The alert as its condition is now.

    What merely keeps it open has no organizations of its own: those that it was about are the ones to be read
    before it may resolve, and what it said of them is what its end is told of.
    """
    if not condition.members and alert.members:
        condition = replace(
            condition,
            members=alert.members,
            organizations_count=alert.organizations_count,
            summary=alert.summary,
        )
    joined = set(condition.members) - set(alert.members)
    is_anew = condition.is_anew and bool(joined)
    return replace(
        alert,
        severity=max(alert.severity, condition.severity, key=lambda severity: severity.rank),
        summary=condition.summary,
        detail=condition.detail,
        owner=condition.owner,
        next_step=condition.next_step,
        members=condition.members,
        organizations_count=condition.organizations_count,
        records_count=condition.records_count,
        money_at_risk=condition.money_at_risk,
        held_at=now,
        grew_at=grew_at(alert.grew_at, len(joined), now),
        acknowledged_at=None if is_anew else alert.acknowledged_at,
        acknowledged_by=None if is_anew else alert.acknowledged_by,
        quiet_since=None,
    )


def _reopened(alert: Alert, condition: Condition, now: datetime) -> Alert:
    """The same alert again: its trouble was not cured."""
    return replace(
        _refreshed(alert, condition, now),
        severity=condition.severity,
        status=_moved(alert, Status.FIRING),
        started_at=now,
        grew_at=now,
        ended_at=None,
        regressions_count=alert.regressions_count + 1,
        notified_severity=None,
        acknowledged_at=None,
        acknowledged_by=None,
    )


def _promoted(alert: Alert, condition: Condition, now: datetime, policy: Policy) -> Alert:
    """A pending alert whose group wait is over fires."""
    wait_seconds = policy.group_seconds if condition.wait_seconds is None else condition.wait_seconds
    if alert.status is Status.PENDING and (now - alert.started_at).total_seconds() >= wait_seconds:
        return replace(alert, status=_moved(alert, Status.FIRING))
    return alert


def _absent(alert: Alert, evidence: Evidence, now: datetime, policy: Policy) -> Alert:
    """A firing alert whose condition does not hold, as far as can be seen."""
    if evidence.is_blind and alert.reading.needs_hub:
        return replace(alert, held_at=now, quiet_since=None)
    quiet_since = alert.quiet_since or now
    observed_at = evidence.observed_at_by_alert.get(alert.alert_id)
    is_healed = observed_at is not None and observed_at > alert.held_at
    if is_healed and (now - quiet_since).total_seconds() >= quiet_seconds(alert, policy):
        return replace(
            alert, status=_moved(alert, Status.RESOLVED), quiet_since=quiet_since, ended_at=quiet_since
        )
    return replace(alert, quiet_since=quiet_since)


def quiet_seconds(alert: Alert, policy: Policy) -> float:
    """How long an alert must be quiet before it counts as resolved."""
    return float(policy.resolve_seconds * 2 ** min(alert.regressions_count, QUIET_DOUBLINGS_MAX))


def _moved(alert: Alert, status: Status) -> Status:
    assert (alert.status, status) in MOVES, f"{alert.fingerprint} cannot go from {alert.status} to {status}"
    return status


def _changes(
    known: Mapping[str, Alert],
    after: Sequence[Alert],
    dropped: Sequence[Alert],
    now: datetime,
    policy: Policy,
) -> Changes:
    upserts: list[Alert] = []
    held: list[Alert] = []
    notices: list[Notice] = []
    for alert in sorted(after, key=lambda alert: alert.fingerprint):
        current = alert
        reason = reason_to_tell(alert, now=now, policy=policy)
        if reason is not None:
            current = _told(alert, now)
            notices.append(Notice(alert=current, reason=reason, told_severity=alert.notified_severity))
        before = known.get(alert.fingerprint)
        if before is None or before.alert_id != alert.alert_id:
            upserts.append(current)
        elif replace(before, held_at=current.held_at) != current:
            upserts.append(replace(current, version=before.version + 1, changed_at=now))
        elif before.held_at != current.held_at:
            held.append(current)
    return Changes(upserts=upserts, dropped=dropped, held=held, notices=notices)


def _told(alert: Alert, now: datetime) -> Alert:
    is_over = alert.status is Status.RESOLVED
    return replace(
        alert,
        notified_at=now,
        notified_count=alert.notified_count + 1,
        notified_severity=None if is_over else alert.severity,
        notified_records_count=alert.records_count,
        notified_organizations_count=alert.organizations_count,
    )
