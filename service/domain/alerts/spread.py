"""One trouble in many organizations is one alert; in one organization it is that organization's own.

Customers lose their connection one by one all the time, and each is somebody's turn: an alert each. When
five lose it within the hour, something on our side or on a platform's is broken: one alert, which takes in
whoever follows while the *wave* lasts and inhibits those that were told before it was seen as one. It lasts
while five join within the hour, and since it was acknowledged: whoever did that took on those who had joined.
Later losses are again alerts of their own; otherwise a hundred customers who left for good would hide the
next one who did not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from service.domain.alerts.alert import FLEET_SCOPE, Alert, Kind, Status, fingerprint
from service.domain.alerts.facts import MEMBERS_MAX, OrganizationFact
from service.domain.alerts.weight import weight

WAVE_ORGANIZATIONS: Final = 5
"""Troubles of one kind in so many organizations within `WAVE_SPAN` are one incident: four may be chance."""
WAVE_SPAN: Final = timedelta(hours=1)
"""Longer than one round of reading takes, so that an incident seen piece by piece is still seen as one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wave:
    """The organizations that one alert speaks of."""

    facts: tuple[OrganizationFact, ...]
    opens: bool
    is_anew: bool = False
    """Whether it takes in a further wave, after the one before was over or acknowledged."""

    @property
    def members(self) -> tuple[UUID, ...]:
        """Their ids, heaviest first."""
        return tuple(fact.organization_id for fact in self.facts)[:MEMBERS_MAX]

    @property
    def records_count(self) -> int:
        """Records of all of them."""
        return sum(fact.records_count for fact in self.facts)

    @property
    def money_at_risk(self) -> Mapping[str, int]:
        """Money of all of them."""
        total: Counter[str] = Counter()
        for fact in self.facts:
            total.update(fact.money_at_risk)
        return dict(sorted(total.items()))

    @property
    def since(self) -> datetime | None:
        """When it began for the first of them."""
        return min((fact.since for fact in self.facts if fact.since), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How the organizations in trouble are divided between one alert for all and alerts of their own."""

    wave: Wave | None
    alone: tuple[OrganizationFact, ...]
    inhibited: tuple[OrganizationFact, ...]
    """Told on their own before the wave was seen, and part of it now: kept open, not repeated."""


def grew_at(before: datetime, joined_count: int, now: datetime) -> datetime:
    """When an alert last grew by a wave: now if so many joined, else a little later than `before`."""
    if not joined_count:
        return before
    share = WAVE_SPAN * joined_count / WAVE_ORGANIZATIONS
    return min(now, max(before, now - WAVE_SPAN) + share)


def spread(
    kind: Kind, facts: Sequence[OrganizationFact], open_alerts: Mapping[str, Alert], now: datetime
) -> Spread:
    """Divide the organizations in trouble, minding what was told already."""
    current = {fact.organization_id: fact for fact in facts}
    cut_off = {fact.organization_id for fact in facts if not fact.is_connected}
    fleet = open_alerts.get(fingerprint(kind, FLEET_SCOPE))
    own = {
        organization_id: alert
        for organization_id in current
        if (alert := open_alerts.get(fingerprint(kind, str(organization_id)))) is not None
    }
    covered = (
        {organization_id for organization_id in fleet.members if organization_id in current}
        if fleet
        else set()
    )
    settled = {
        organization_id for organization_id, alert in own.items() if now - alert.started_at >= WAVE_SPAN
    }
    loose = set(current) - covered - settled - cut_off
    is_wave = len(loose) >= WAVE_ORGANIZATIONS
    is_rising = fleet is not None and _is_rising(fleet, now)
    is_anew = is_wave and fleet is not None and not is_rising
    opens = is_wave or (bool(covered) and is_rising)
    if opens:
        covered |= loose
    told = {organization_id for organization_id, alert in own.items() if alert.status is Status.FIRING}
    return Spread(
        wave=Wave(facts=_ordered(current, covered), opens=opens, is_anew=is_anew) if covered else None,
        alone=_ordered(current, set(current) - covered - (cut_off - told)),
        inhibited=_ordered(current, covered & told),
    )


def _is_rising(fleet: Alert, now: datetime) -> bool:
    """Whether it still takes in whoever follows."""
    return now - fleet.grew_at < WAVE_SPAN and fleet.acknowledged_at is None


def _ordered(current: Mapping[UUID, OrganizationFact], chosen: set[UUID]) -> tuple[OrganizationFact, ...]:
    return tuple(sorted((current[organization_id] for organization_id in chosen), key=_heaviest_first))


def _heaviest_first(fact: OrganizationFact) -> tuple[int, int, UUID]:
    return -weight(fact.money_at_risk), -fact.records_count, fact.organization_id
