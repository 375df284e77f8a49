"""The gauges of `/metrics`: what describes the fleet, read from Postgres when somebody asks.

Series of words that are gone are gone as well, and a gauge whose words are known shows each of them, zeros
included: a rule should not have to tell *nothing* from *not told*.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from prometheus_client import Gauge

from service import metrics
from service.domain.fleet import WorkKind
from service.domain.status import Bounds, Facts, State
from service.store import telemetry
from service.store.database import Connection
from service.web.api import status

STREAMS_SECONDS: Final = 30.0
"""How old the ages of streams may be: nothing else here reads every stream of every organization, which takes
a tenth of a second for ten thousand of them; and what they tell of moves by minutes."""

AGES: Final = ("1h", "6h", "1d", "7d", "older")
"""Up to how long a record may have been unconfirmed, as `count_unconfirmed_records` groups them."""


@dataclass(slots=True)
class _Streams:
    """When this process last asked for the ages of streams."""

    shown_at: float = -math.inf


_streams: Final = _Streams()


async def show_promises(connection: Connection) -> None:
    """Ages against their bounds, and the promises that can be counted."""
    if time.monotonic() - _streams.shown_at >= STREAMS_SECONDS:
        await _show_streams(connection)
        _streams.shown_at = time.monotonic()
    lags = {lag.kind: lag for lag in await telemetry.list_work_lags(connection)}
    for kind in WorkKind:
        lag = lags.get(kind)
        metrics.WORK_LAG_SECONDS.labels(worker=kind.value).set(lag.lag_seconds if lag else 0.0)
        metrics.DUE_ORGANIZATIONS.labels(worker=kind.value).set(lag.due if lag else 0)
    unconfirmed = await telemetry.count_unconfirmed_records(connection)
    for age in AGES:
        metrics.UNCONFIRMED_RECORDS.labels(age=age).set(unconfirmed.get(age, 0))
    metrics.CAUSED_DUPLICATE_DOCUMENTS.set(await telemetry.count_caused_duplicates(connection))
    alerting = await telemetry.get_alerting(connection)
    metrics.ALERTING_AGE_SECONDS.set(math.nan if alerting.age_seconds is None else alerting.age_seconds)
    metrics.OUTBOX_NOTIFICATIONS.set(alerting.waiting)
    metrics.OUTBOX_AGE_SECONDS.set(alerting.waiting_seconds)


async def _show_streams(connection: Connection) -> None:
    by_stream = (metrics.STREAM_AGE_SECONDS, metrics.STREAM_OVERDUE_SECONDS, metrics.UNREAD_ORGANIZATIONS)
    for gauge in by_stream:
        gauge.clear()
    for each in await telemetry.list_stream_ages(connection):
        stream = metrics.bounded("stream", each.stream)
        metrics.STREAM_AGE_SECONDS.labels(stream=stream).set(each.age_seconds)
        metrics.STREAM_OVERDUE_SECONDS.labels(stream=stream).set(each.overdue_seconds)
        metrics.UNREAD_ORGANIZATIONS.labels(stream=stream).set(each.unread)


def show_down() -> None:
    """The state of a service that has nothing to remember with."""
    _show_state(State.DOWN)


def _show_state(told: State) -> None:
    for state in State:
        metrics.STATE.labels(state=state.value).set(told is state)


def show_status(told: status.Status) -> None:
    """What `/status` tells."""
    _show_state(told.state)
    metrics.ORGANIZATIONS.clear()
    for connection, count in told.organizations.connections.items():
        metrics.ORGANIZATIONS.labels(connection=metrics.bounded("connection", connection)).set(count)
    metrics.STALE_ORGANIZATIONS.set(told.organizations.stale)
    for name, count in told.records.state.items():
        metrics.RECORDS.labels(state=name).set(count)
    _set_trouble(told)
    metrics.WEBHOOK_BACKLOG_EVENTS.set(told.webhooks.backlog)
    metrics.WEBHOOK_BACKLOG_SECONDS.set(told.webhooks.oldest_backlog_seconds)
    metrics.MISSING_EVENTS.set(told.webhooks.missing)
    metrics.OVERDUE_ORGANIZATIONS.set(told.polling.overdue)
    metrics.OVERDUE_SECONDS.set(told.polling.oldest_overdue_seconds)
    metrics.HUB_REACHABLE.set(told.hub.reachable)
    metrics.HUB_USED_REQUESTS_PER_SECOND.set(told.hub.used_per_second)
    metrics.HUB_BUDGET_REQUESTS_PER_SECOND.set(told.hub.rate_per_second)
    for role in ("web", "worker"):
        metrics.REPLICAS.labels(role=role).set(sum(role in replica.roles for replica in told.replicas))


def show_sweep(facts: Facts, bounds: Bounds) -> None:
    """The age of the oldest complete reading, whoever waits for a first; `/status` tells of no age then."""
    swept_at = facts.last_full_sweep_at
    age = math.nan if swept_at is None else (facts.now - swept_at).total_seconds()
    metrics.FULL_SWEEP_AGE_SECONDS.set(age)
    metrics.FULL_SWEEP_BOUND_SECONDS.set(bounds.sweep_age_seconds)


def _set_trouble(told: status.Status) -> None:
    metrics.FAILING_RECORDS.clear()
    risk: dict[str, int] = {}
    for cause in told.causes:
        metrics.FAILING_RECORDS.labels(cause=cause.cause).inc(cause.records)
        for currency, minor in cause.money_at_risk.items():
            risk[currency] = risk.get(currency, 0) + minor
    _set_money(metrics.RISK_MINOR_UNITS, risk)
    _set_money(metrics.UNCLASSIFIED_MINOR_UNITS, told.differences.unclassified)
    metrics.DIFFERENCES.clear()
    for kind, count in told.differences.kinds.items():
        metrics.DIFFERENCES.labels(kind=metrics.bounded("kind", kind)).set(count)
    for severity in status.SEVERITIES:
        metrics.ALERTS.labels(severity=severity).set(getattr(told.alerts, severity))


def _set_money(gauge: Gauge, minor_by_currency: Mapping[str, int]) -> None:
    gauge.clear()
    for currency, minor in minor_by_currency.items():
        gauge.labels(currency=metrics.bounded("currency", currency)).inc(minor)
