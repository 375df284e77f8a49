"""Facts, conditions and a clock for the tests of alerts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from service.domain.alerts.alert import Alert, Condition, Kind, Policy, Severity, Status
from service.domain.alerts.facts import CauseFact, OrganizationFact
from service.domain.alerts.reconcile import Changes, Evidence, Notice, reconcile

START = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)

POLICY = Policy(
    group_seconds=30,
    repeat_seconds=14_400,
    resolve_seconds=300,
    stale_seconds=7_200,
    stuck_seconds=7_200,
    poll_seconds=300,
    patience_seconds=900,
)


def at(seconds: float) -> datetime:
    """So many seconds after the start."""
    return START + timedelta(seconds=seconds)


def organization(number: int) -> UUID:
    """The id of the organization with this number."""
    return UUID(int=number + 1)


def lost(number: int, since: float = 0, **changes: Any) -> OrganizationFact:
    """An organization that lost its connection."""
    facts: dict[str, Any] = {
        "organization_id": organization(number),
        "name": f"Organization {number}",
        "since": at(since),
        "note": "quickbooks, deauthorized",
    }
    return OrganizationFact(**facts | changes)


def cause(
    name: str = "missing_tax_rate", records: int = 25, organizations: int = 1, **changes: Any
) -> CauseFact:
    """A cause that fails records in some organizations."""
    facts: dict[str, Any] = {
        "cause": name,
        "records_count": records,
        "organizations_count": organizations,
        "organizations": tuple(organization(number) for number in range(organizations)),
        "money_at_risk": {"USD": 100 * records},
        "organization_name": "Organization 0",
        "first_failed_at": START,
        "example": "Tax code not found",
        "owner": "bookkeeper",
        "reason": "Create the tax rate in the accounting system.",
    }
    return CauseFact(**facts | changes)


def condition(scope: str = "missing_tax_rate", **changes: Any) -> Condition:
    """Something that is wrong."""
    facts: dict[str, Any] = {
        "kind": Kind.CAUSE_FAILING,
        "scope": scope,
        "severity": Severity.WARNING,
        "summary": "Missing tax rate: 25 records cannot be pushed",
        "detail": "",
        "owner": "bookkeeper",
        "next_step": "Create the tax rate.",
        "records_count": 25,
        "organizations_count": 1,
        "members": (organization(0),),
    }
    return Condition(**facts | changes)


class Desk:
    """The alerts as they stand, with everything that was told: what Postgres and the outbox would hold."""

    def __init__(self, policy: Policy = POLICY) -> None:
        self.policy = policy
        self.alerts: dict[UUID, Alert] = {}
        self.told: list[Notice] = []
        self.now = START

    def look(
        self, seconds: float, *conditions: Condition, is_blind: bool = False, is_read: bool = True
    ) -> Changes:
        """Reconcile at a time; `is_read` says whether everything was read just before."""
        self.now = at(seconds)
        observed: Mapping[UUID, datetime | None] = {
            alert_id: self.now - timedelta(seconds=1) if is_read else None for alert_id in self.alerts
        }
        changes = reconcile(
            list(self.alerts.values()),
            conditions,
            Evidence(is_blind=is_blind, observed_at_by_alert=observed),
            now=self.now,
            policy=self.policy,
        )
        for alert in (*changes.upserts, *changes.held):
            self.alerts[alert.alert_id] = alert
        for alert in changes.dropped:
            del self.alerts[alert.alert_id]
        self.told += changes.notices
        return changes

    @property
    def reasons(self) -> Sequence[str]:
        """Why each message was sent, in order."""
        return [notice.reason.value for notice in self.told]

    @property
    def only(self) -> Alert:
        """The one alert that there is."""
        (alert,) = self.alerts.values()
        return alert

    def change(self, **changes: Any) -> None:
        """Let a person change the one alert."""
        self.alerts[self.only.alert_id] = replace(self.only, **changes)

    def open(self) -> Sequence[Alert]:
        """The alerts that are not resolved."""
        return [alert for alert in self.alerts.values() if alert.status is not Status.RESOLVED]
