"""What is wrong, by all rules together, and which of it follows from something that is told already.

- While the hub does not answer, nobody is told that books are stale or records stuck: it follows.
- Where a platform is down for many organizations, the same holds for theirs.
- An organization that lost its connection is not told about anything else that stands still because of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

from service.domain.alerts.alert import Alert, Condition, Kind, Policy
from service.domain.alerts.cause_rules import cause_conditions
from service.domain.alerts.facts import Facts
from service.domain.alerts.fleet_rules import HUB_ALERTS, fleet_conditions
from service.domain.alerts.organization_rules import organization_conditions
from service.domain.alerts.spread import WAVE_ORGANIZATIONS
from service.domain.causes.names import Cause

FOLLOWS: Final = frozenset({Kind.SYNC_STALE, Kind.RECORD_STUCK, Kind.CONFIRMATION_OVERDUE})
"""What happens to an organization whose connection, whose platform or whose hub is away."""

BETWEEN_HUB_AND_PLATFORM: Final = frozenset(
    {Cause.PLATFORM_UNAVAILABLE, Cause.RATE_LIMITED, Cause.ACCESS_TOKEN_EXPIRED, Cause.APP_CONFIGURATION}
)
"""Causes that, in many organizations at once, hold up everything on the way to the books."""


def conditions(
    facts: Facts, open_alerts: Sequence[Alert], policy: Policy, now: datetime
) -> Sequence[Condition]:
    """Everything that is wrong at this moment."""
    known = {alert.fingerprint: alert for alert in open_alerts}
    organizations = list(organization_conditions(facts, known, now))
    lost = _telling_by_organization(
        condition for condition in organizations if condition.kind is Kind.CONNECTION_LOST
    )
    causes = list(cause_conditions(tuple(facts.causes), tuple(facts.exhausted), lost, policy, now))
    wide = _telling_by_organization(condition for condition in causes if _is_wide(condition))
    return [
        *fleet_conditions(facts, policy, now),
        *causes,
        *(_following(condition, lost, wide) for condition in organizations),
    ]


def _is_wide(condition: Condition) -> bool:
    return (
        condition.kind is Kind.CAUSE_FAILING
        and condition.cause in BETWEEN_HUB_AND_PLATFORM
        and condition.organizations_count >= WAVE_ORGANIZATIONS
    )


def _following(condition: Condition, lost: Mapping[UUID, str], wide: Mapping[UUID, str]) -> Condition:
    """The condition, inhibited by whatever it follows from."""
    if condition.kind not in FOLLOWS:
        return condition
    told = [
        *condition.inhibited_by,
        *HUB_ALERTS,
        *(_all_told(condition, lost)),
        *(_all_told(condition, wide)),
    ]
    return replace(condition, inhibited_by=tuple(told))


def _all_told(condition: Condition, told: Mapping[UUID, str]) -> Sequence[str]:
    """The alerts that speak of its organizations, where each of these is spoken of."""
    if not all(organization_id in told for organization_id in condition.members):
        return ()
    return sorted({told[organization_id] for organization_id in condition.members})


def _telling_by_organization(conditions: Iterable[Condition]) -> Mapping[UUID, str]:
    return {
        organization_id: condition.fingerprint
        for condition in sorted(conditions, key=lambda condition: condition.organizations_count)
        for organization_id in condition.members
    }
