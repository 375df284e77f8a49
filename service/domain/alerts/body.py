"""The body of a notification: what channels make their messages from, and `webhook+` ones send as it is.

It is rendered when the decision is taken and stored with it, so that a message sent an hour late still says
what was meant. The fields up to `url` are the contract; those after it are additions that receivers may
ignore.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from service.domain.alerts.alert import Alert, Status
from service.domain.alerts.reconcile import Notice
from service.domain.alerts.telling import Reason
from service.domain.alerts.text import SUMMARY_MAX, count, neutral

_REASONS_WITH_NEWS: Final = {Reason.WORSE: "Worse", Reason.GREW: "Grown", Reason.REMINDER: "Still open"}


def body(notice: Notice, *, public_url: str, instance: str | None) -> Mapping[str, Any]:
    """Render one notification; `instance` names the installation to receivers that several may share."""
    alert = notice.alert
    return {
        "id": str(alert.alert_id),
        "fingerprint": alert.fingerprint,
        "status": alert.status.value,
        "severity": alert.severity.value,
        "kind": alert.kind.value,
        "cause": alert.cause,
        "summary": _summary(notice),
        "detail": alert.detail,
        "owner": alert.owner,
        "organizations": [str(organization_id) for organization_id in alert.organizations],
        "organizations_count": alert.organizations_count,
        "records_count": alert.records_count,
        "money_at_risk": dict(alert.money_at_risk),
        "started_at": rfc3339(alert.started_at),
        "ended_at": rfc3339(alert.ended_at) if alert.ended_at else None,
        "runbook_url": runbook_url(alert, public_url),
        "url": f"{public_url}/alerts/{alert.alert_id}",
        "next_step": alert.next_step,
        "reason": notice.reason.value,
        "sequence": notice.sequence,
        "regressions_count": alert.regressions_count,
        "previous_severity": notice.told_severity and notice.told_severity.value,
        "instance": instance,
    }


def runbook_url(alert: Alert, public_url: str) -> str:
    """Where the runbook speaks of it: a cause has a section of its own, and so has each kind."""
    return f"{public_url}/runbook#{alert.cause or alert.kind}"


def _summary(notice: Notice) -> str:
    alert = notice.alert
    if alert.status is Status.RESOLVED:
        text = f"Resolved: {alert.summary}"
    elif notice.reason is Reason.REGRESSION:
        text = f"Back again, {count(alert.regressions_count, 'time', 'times')}: {alert.summary}"
    elif notice.reason in _REASONS_WITH_NEWS:
        text = f"{_REASONS_WITH_NEWS[notice.reason]}: {alert.summary}"
    else:
        text = alert.summary
    return neutral(text, SUMMARY_MAX)


def rfc3339(when: datetime) -> str:
    """Write an instant as programs read it, in UTC and to the millisecond."""
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
