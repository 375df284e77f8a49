"""What the alerter reads: the facts of this moment, and whether the healing of an alert was seen.

An alert counts as healed by what was *read* since its condition last held. Of an alert with many
organizations the ones that it names are looked at: a condition disappears only because readings said so,
for each of its organizations, and this asks for one more look at a sample of them, which a lost or misread
row would not survive.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from service.domain.alerts.alert import Alert, Kind, Policy, Reading
from service.domain.alerts.channel_rules import EVERY_CHANNEL
from service.domain.alerts.facts import ChannelFact, Facts, GapFact, HubFact, OrganizationFact, PollingFact
from service.domain.alerts.fleet_rules import is_blind
from service.domain.alerts.reconcile import Evidence
from service.domain.cadence.bound import tolerated_seconds
from service.store import alert_facts as store
from service.store.alert_facts import EXHAUSTED_STATES, FAILING_STATES, Readings
from service.store.alerts import list_channel_successes, list_failing_channels
from service.store.database import Connection
from service.store.hub_budget import get_hub_health
from service.store.pace import get_pace
from service.store.work import get_polling_lag

CONNECTION_STREAM: Final = "connection"
RECORD_STREAMS: Final = "records:"

DIFFERING: Final = frozenset({Kind.NEVER_ATTEMPTED, Kind.DIFFERENCE_FOUND, Kind.DUPLICATE_IN_BOOKS})
"""What `list_differing_organizations` tells apart."""

DELIVERY_GRACE: Final = timedelta(minutes=15)
"""Senders retry: a webhook that comes within this time was late, not lost."""
DELIVERY_SPAN: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertReading:
    """Reads what alerts are decided from."""

    policy: Policy
    label_by_channel: Mapping[str, str]
    """The channels that people are told by: neither the log, which nobody may read, nor a watch."""
    expects_webhooks: bool
    """Whether there is a secret to verify webhooks by; without one, none is expected to arrive."""

    async def facts(self, connection: Connection, open_alerts: Sequence[Alert], now: datetime) -> Facts:
        """Everything that is wrong, counted; also of whoever was told and would be too far down a list."""
        told: dict[Kind, set[UUID]] = {kind: set() for kind in Kind}
        for alert in open_alerts:
            told[alert.kind].update(alert.members)
        hub = await get_hub_health(connection)
        lag = await get_polling_lag(connection, tolerated_seconds(self.policy.poll_seconds))
        pace = await get_pace(connection)
        return Facts(
            hub=HubFact(
                last_ok_at=hub.last_ok_at,
                failing_since=hub.failing_since,
                last_failure_at=hub.last_failure_at,
                failure=hub.failure,
                message=hub.message,
            ),
            polling=PollingFact(
                overdue=lag.overdue,
                oldest_overdue_seconds=lag.oldest_overdue_seconds,
                stretch=pace.stretch,
                comparing_stretch=pace.comparing_stretch,
            ),
            causes=await store.list_failing_causes(connection, FAILING_STATES),
            exhausted=await store.list_failing_causes(connection, EXHAUSTED_STATES),
            organizations=await self._organizations(connection, told),
            silences=await store.list_silent_streams(connection, self.policy.stale_seconds),
            quiet=await store.get_fleet_quiet(connection),
            channels=await self._channels(connection),
            channels_count=len(self.label_by_channel),
            gap=await self._gap(connection, now),
            unreadable=await store.get_unreadable_deliveries(connection, now - DELIVERY_SPAN),
        )

    async def _organizations(
        self, connection: Connection, told: Mapping[Kind, set[UUID]]
    ) -> Mapping[Kind, Sequence[OrganizationFact]]:
        stale_seconds, stuck_seconds = self.policy.stale_seconds, self.policy.stuck_seconds
        lost, stale = told[Kind.CONNECTION_LOST], told[Kind.SYNC_STALE]
        stuck, unconfirmed = told[Kind.RECORD_STUCK], told[Kind.CONFIRMATION_OVERDUE]
        differing = set[UUID]().union(*(told[kind] for kind in DIFFERING))
        return {
            Kind.CONNECTION_LOST: await store.list_lost_organizations(connection, lost),
            Kind.SYNC_STALE: await store.list_stale_organizations(connection, stale_seconds, stale),
            Kind.RECORD_STUCK: await store.list_stuck_organizations(connection, stuck_seconds, stuck),
            Kind.CONFIRMATION_OVERDUE: await store.list_unconfirmed_organizations(
                connection, stuck_seconds, unconfirmed
            ),
            **await store.list_differing_organizations(connection, differing),
        }

    async def _gap(self, connection: Connection, now: datetime) -> GapFact | None:
        if not self.expects_webhooks:
            return None
        until = now - DELIVERY_GRACE
        return await store.get_missing_events(connection, until - DELIVERY_SPAN, until)

    async def _channels(self, connection: Connection) -> Sequence[ChannelFact]:
        failing = await list_failing_channels(connection, list(self.label_by_channel))
        return [
            ChannelFact(
                channel=each.channel,
                label=self.label_by_channel[each.channel],
                waiting_count=each.waiting_count,
                refused_count=each.refused_count,
                since=each.since,
                error=each.error,
                sent_at=each.sent_at,
            )
            for each in failing
        ]

    async def evidence(
        self, connection: Connection, absent: Sequence[Alert], facts: Facts, now: datetime
    ) -> Evidence:
        """What was seen of the open alerts whose condition is absent."""
        observed: dict[UUID, datetime | None] = {}
        for reading in sorted({alert.reading for alert in absent}):
            alerts = [alert for alert in absent if alert.reading is reading]
            observed |= await self._observed(connection, reading, alerts, facts, now)
        return Evidence(is_blind=is_blind(facts.hub, self.policy, now), observed_at_by_alert=observed)

    async def _observed(
        self,
        connection: Connection,
        reading: Reading,
        alerts: Sequence[Alert],
        facts: Facts,
        now: datetime,
    ) -> Mapping[UUID, datetime | None]:
        match reading:
            case Reading.OURSELVES:
                return {alert.alert_id: now for alert in alerts}
            case Reading.HUB:
                return {alert.alert_id: facts.hub.last_ok_at for alert in alerts}
            case Reading.CHANNEL:
                scopes = {*self.label_by_channel, *(alert.scope for alert in alerts)}
                taken = await list_channel_successes(connection, sorted(scopes))
                return {alert.alert_id: self._channel_observed(alert, taken, facts, now) for alert in alerts}
        readings = await self._readings(connection, reading, alerts)
        return {alert.alert_id: _oldest(alert, readings, now) for alert in alerts}

    def _channel_observed(
        self, alert: Alert, taken: Mapping[str, datetime], facts: Facts, now: datetime
    ) -> datetime | None:
        """When it, or any, took a message; a channel that is no longer set has nothing left to prove.

        Nor has one that is set instead: where nothing is known against a channel it is not among those that
        failed, and as long as nothing is wrong it may be sent nothing to take.
        """
        if alert.scope == EVERY_CHANNEL and self.label_by_channel:
            if self.label_by_channel.keys() - {each.channel for each in facts.channels}:
                return now
            return max(
                (at for channel, at in taken.items() if channel in self.label_by_channel), default=None
            )
        return taken.get(alert.scope) if alert.scope in self.label_by_channel else now

    async def _readings(self, connection: Connection, reading: Reading, alerts: Sequence[Alert]) -> Readings:
        organization_ids = sorted({each for alert in alerts for each in alert.organizations})
        match reading:
            case Reading.CONNECTION:
                return await store.list_stream_readings(connection, organization_ids, CONNECTION_STREAM)
            case Reading.RECORDS:
                return await store.list_stream_readings(connection, organization_ids, RECORD_STREAMS)
            case Reading.COMPARISON:
                return await store.list_comparison_readings(connection, organization_ids)
            case _:
                since = min(alert.held_at for alert in alerts)
                return await store.list_delivery_readings(connection, organization_ids, since)


def _oldest(alert: Alert, readings: Readings, now: datetime) -> datetime | None:
    """When the last of an alert's organizations was read; those that the hub no longer lists do not count."""
    seen = [readings[each] for each in alert.organizations if each in readings]
    if alert.reading is Reading.DELIVERIES:
        # One webhook shows that they come again; an organization where nothing happens gets none.
        return max((each for each in seen if each), default=None if seen else now)
    if any(each is None for each in seen):
        return None
    return min((each for each in seen if each), default=now)
