"""`/status`: the state of the service in one word, the reasons for it, and the counts behind it.

Everything is read in one transaction, so that the figures fit together, and all of it is counts that are kept
or bounded lists, so that it answers as fast for ten thousand organizations as for one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from service.domain.alerts.channel_rules import EVERY_CHANNEL_ALERT
from service.domain.cadence.bound import tolerated_seconds
from service.domain.record_state import State as RecordState
from service.domain.status import Bounds, Code, Facts, HubFacts, Reason, ReplicaFacts, State, judge, state_of
from service.settings import Settings
from service.store.alerts import count_firing_alerts, get_firing_since
from service.store.database import Connection
from service.store.fleet_counts import sum_standings
from service.store.hub_budget import get_hub_health, get_hub_usage
from service.store.pace import get_pace
from service.store.replicas import list_replicas
from service.store.status import (
    count_organization_webhooks,
    get_database_state,
    get_event_backlog,
    load_counts,
    sum_unclassified,
    sum_webhook_counts,
)
from service.store.work import get_polling_lag
from service.web.api import causes
from service.web.route import Service

CAUSES_SHOWN = 10
REPLICA_SILENT_SECONDS = 600.0
"""A replica that was silent for longer is history."""

CONNECTIONS = ("connected", "pending_auth", "disconnected", "deauthorized", "none")
SYNC_STATUSES = ("pending", "done", "error")
SEVERITIES = ("critical", "warning", "info")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """How the hub was last met, and how much of its budget is used."""

    reachable: bool
    last_ok_at: datetime | None
    rate_per_second: float
    used_per_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Organizations:
    """Organizations by the status of their connection, and those whose books are stale."""

    total: int
    connections: Mapping[str, int]
    stale: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """Records as the hub calls them, and as we do."""

    total: int
    sync_status: Mapping[str, int]
    state: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """Open differences, how many of them are expected, and the money that no rule explains."""

    open: int
    expected: int
    kinds: Mapping[str, int]
    unclassified: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhooks:
    """Deliveries, what waits of them, and events that no delivery brought."""

    received: int
    duplicates: int
    rejected: int
    backlog: int
    oldest_backlog_seconds: float
    missing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Polling:
    """How far reading is behind the bounds that were stated, and how far those are stretched."""

    overdue: int
    oldest_overdue_seconds: float
    last_full_sweep_at: datetime | None
    stretch: float
    comparing_stretch: float
    bound_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerts:
    """Firing alerts by severity."""

    firing: int
    critical: int
    warning: int
    info: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The whole of it."""

    state: State
    reasons: Sequence[Reason]
    as_of: datetime
    version: str
    replicas: Sequence[ReplicaFacts]
    hub: Hub
    organizations: Organizations
    records: Records
    causes: Sequence[causes.Cause]
    differences: Differences
    webhooks: Webhooks
    polling: Polling
    alerts: Alerts


@dataclass(frozen=True, slots=True, kw_only=True)
class Blind:
    """What can be told without a database."""

    state: State
    reasons: Sequence[Reason]
    version: str


def blind(version: str) -> Blind:
    """Tell that the database is away, which is all there is to tell."""
    message = "The database cannot be reached: nothing can be told, stored or pushed."
    reasons = [Reason(code=Code.DATABASE_UNREACHABLE, message=message)]
    return Blind(state=state_of(reasons), reasons=reasons, version=version)


async def load(connection: Connection, service: Service, organization_id: UUID | None) -> Status:
    """Read everything and judge it, for the fleet or as one organization may see it."""
    facts = await load_facts(connection, service.settings)
    return await judged(connection, service, organization_id, facts)


async def judged(
    connection: Connection, service: Service, organization_id: UUID | None, facts: Facts
) -> Status:
    """Judge what was read, and read the counts that are told along with it."""
    settings = service.settings
    counts = await load_counts(connection, organization_id)
    state, reasons = judge(facts, bounds_of(settings))
    return Status(
        state=state,
        reasons=reasons,
        as_of=facts.now,
        version=service.version,
        replicas=facts.replicas,
        hub=Hub(
            reachable=facts.hub.is_reachable,
            last_ok_at=facts.hub.last_ok_at,
            rate_per_second=facts.hub.rate_per_second,
            used_per_second=facts.hub.used_per_second,
        ),
        organizations=Organizations(
            total=facts.organizations,
            connections={**zeros(CONNECTIONS), **facts.organizations_by_connection},
            stale=facts.organizations_stale,
        ),
        records=records_of(counts.records),
        causes=await causes.load(connection, CAUSES_SHOWN, organization_id),
        differences=differences_of(counts.differences, await sum_unclassified(connection)),
        webhooks=await _webhooks(connection, facts, organization_id, counts.missed_events),
        polling=Polling(
            overdue=facts.overdue,
            oldest_overdue_seconds=facts.oldest_overdue_seconds,
            last_full_sweep_at=None if facts.organizations_unswept else facts.last_full_sweep_at,
            stretch=facts.stretch,
            comparing_stretch=facts.comparing_stretch,
            bound_seconds=facts.bound_seconds,
        ),
        alerts=alerts_of(facts.alerts_by_severity),
    )


def bounds_of(settings: Settings) -> Bounds:
    """Give what the state is judged against."""
    return Bounds(stale_seconds=settings.stale_seconds, sweep_seconds=settings.sweep_seconds)


async def load_facts(connection: Connection, settings: Settings) -> Facts:
    """Read what the state is judged by."""
    now: datetime = (await get_database_state(connection))["now"]
    standings = await sum_standings(connection, settings.stale_seconds)
    health = await get_hub_health(connection)
    usage = await get_hub_usage(connection)
    lag = await get_polling_lag(connection, tolerated_seconds(settings.poll_seconds))
    pace = await get_pace(connection)
    backlog = await get_event_backlog(connection)
    return Facts(
        now=now,
        replicas=[
            ReplicaFacts(id=each.replica_id, roles=each.roles, heartbeat_at=each.heartbeat_at)
            for each in await list_replicas(connection, REPLICA_SILENT_SECONDS)
        ],
        hub=HubFacts(
            last_ok_at=health.last_ok_at,
            failing_since=health.failing_since,
            failure=health.failure,
            rate_per_second=settings.hub_rate_per_second,
            used_per_second=round(usage.used_per_second, 2),
        ),
        organizations_by_connection=standings.organizations_by_status,
        organizations_stale=standings.stale,
        organizations_unswept=standings.unswept,
        last_full_sweep_at=standings.oldest_sweep_at,
        overdue=lag.overdue,
        oldest_overdue_seconds=round(lag.oldest_overdue_seconds, 3),
        stretch=round(pace.stretch, 2),
        comparing_stretch=round(pace.comparing_stretch, 2),
        bound_seconds=round(settings.poll_seconds * pace.stretch, 1),
        backlog=backlog.backlog,
        oldest_backlog_seconds=round(backlog.oldest_backlog_seconds, 3),
        alerts_by_severity=await count_firing_alerts(connection),
        unheard_since=await get_firing_since(connection, EVERY_CHANNEL_ALERT),
    )


def records_of(by_status_and_state: Mapping[tuple[str, str], int]) -> Records:
    """Show records by what the hub calls them and by what we do."""
    sync_status = Counter(zeros(SYNC_STATUSES))
    state = Counter(zeros(RecordState))
    for (told, ours), records in by_status_and_state.items():
        sync_status[told or "unknown"] += records
        state[ours] += records
    return Records(total=sum(state.values()), sync_status=sync_status, state=state)


def differences_of(
    by_kind_and_expectedness: Mapping[tuple[str, bool], int], unclassified: Mapping[str, int]
) -> Differences:
    """Show open differences by kind."""
    kinds: Counter[str] = Counter()
    expected = 0
    for (kind, is_expected), differences in by_kind_and_expectedness.items():
        kinds[kind] += differences
        expected += differences if is_expected else 0
    return Differences(
        open=sum(kinds.values()),
        expected=expected,
        kinds=kinds,
        unclassified=unclassified,
    )


async def _webhooks(
    connection: Connection, facts: Facts, organization_id: UUID | None, missing: int
) -> Webhooks:
    if organization_id is None:
        counts = await sum_webhook_counts(connection)
    else:
        counts = await count_organization_webhooks(connection, organization_id)
    return Webhooks(
        received=counts.received,
        duplicates=counts.duplicates,
        rejected=counts.rejected,
        backlog=facts.backlog,
        oldest_backlog_seconds=facts.oldest_backlog_seconds,
        missing=missing,
    )


def alerts_of(by_severity: Mapping[str, int]) -> Alerts:
    """Show firing alerts by severity."""
    counts = {severity: by_severity.get(severity, 0) for severity in SEVERITIES}
    return Alerts(firing=sum(counts.values()), **counts)


def zeros(words: Sequence[str] | type[RecordState]) -> dict[str, int]:
    """Say of each word that there is none."""
    return {str(word): 0 for word in words}
