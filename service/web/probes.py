"""Probes and metrics: for whatever keeps the service alive, and for whatever watches it.

A probe answers with its status and says nothing more to strangers. `/livez` asks nobody: a process whose
loop turns is alive, and killing it because Postgres is away would help nobody. `/readyz` asks Postgres.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from prometheus_client import Gauge
from starlette.requests import Request
from starlette.responses import Response

from service import metrics
from service.domain.status import State
from service.errors import DatabaseError
from service.store.status import get_database_state
from service.web.api import status
from service.web.dispatch import as_json
from service.web.problems import Refused
from service.web.route import Asked

READY_SECONDS = 3.0
"""Within the patience of whoever probes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Liveness:
    """Empty for strangers."""

    replica_id: str | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """Empty for strangers."""

    replica_id: str | None = None
    version: str | None = None
    database: str | None = None
    database_version: str | None = None
    now: datetime | None = None
    error: str | None = None


async def livez(asked: Asked) -> Response:
    """Answer that the loop turns."""
    if not await _is_known(asked):
        return as_json({})
    return as_json(Liveness(replica_id=asked.service.replica_id, version=asked.service.version))


async def readyz(asked: Asked) -> Response:
    """Answer whether requests should be sent here."""
    database = asked.service.database
    error, found = None, None
    try:
        async with asyncio.timeout(READY_SECONDS), database.fleet(readonly=True) as connection:
            found = await get_database_state(connection)
    except TimeoutError:
        error = f"Postgres did not answer within {READY_SECONDS:g} s."
    except DatabaseError as trouble:
        error = str(trouble)
    status_code = 200 if error is None else 503
    if not await _is_known(asked):
        return as_json({}, status_code)
    answer = Readiness(
        replica_id=asked.service.replica_id,
        version=asked.service.version,
        database=database.place,
        database_version=None if found is None else found["server_version"],
        now=None if found is None else found["now"],
        error=error,
    )
    return as_json(answer, status_code)


async def show_metrics(asked: Asked) -> Response:
    """Answer with all metrics; what describes the fleet is read now."""
    async with asked.rows() as connection:
        _set(await status.load(connection, asked.service, None))
    metrics.DATABASE_CONNECTIONS.set(asked.service.database.connections_busy)
    return Response(metrics.render(), media_type=metrics.CONTENT_TYPE)


async def _is_known(asked: Asked) -> bool:
    """Whether the probe came with a valid key for the whole fleet; without one it is not even looked for."""
    request: Request = asked.request
    if "authorization" not in request.headers:
        return False
    try:
        caller = await asked.service.authenticator.identify(request)
    except (Refused, DatabaseError):
        return False
    return caller.organization_id is None


def _set(told: status.Status) -> None:
    """Set the gauges; series of words that are gone are gone as well."""
    for state in State:
        metrics.STATE.labels(state=state.value).set(told.state is state)
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
    swept_at = told.polling.last_full_sweep_at
    age = math.nan if swept_at is None else (told.as_of - swept_at).total_seconds()
    metrics.FULL_SWEEP_AGE_SECONDS.set(age)
    metrics.HUB_REACHABLE.set(told.hub.reachable)
    metrics.HUB_USED_REQUESTS_PER_SECOND.set(told.hub.used_per_second)
    metrics.HUB_BUDGET_REQUESTS_PER_SECOND.set(told.hub.rate_per_second)
    for role in ("web", "worker"):
        metrics.REPLICAS.labels(role=role).set(sum(role in replica.roles for replica in told.replicas))


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
