"""Probes and metrics: for whatever keeps the service alive, and for whatever watches it.

A probe answers with its status and says nothing more to strangers. `/livez` asks nobody: a process whose
loop turns is alive, and killing it because Postgres is away would help nobody. `/readyz` asks Postgres.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import asyncpg
from starlette.requests import Request
from starlette.responses import Response

from service import metrics
from service.errors import DatabaseError
from service.store.database import Database
from service.store.status import get_database_state
from service.web import gauges
from service.web.api import status
from service.web.dispatch import as_json
from service.web.patience import within
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
        found = await within(READY_SECONDS, _ask(database))
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
    """Answer with all metrics; what describes the fleet is read now, or left out while Postgres is away."""
    metrics.DATABASE_CONNECTIONS.set(asked.service.database.connections_busy)
    try:
        await within(READY_SECONDS, _ask(asked.service.database))
    except (DatabaseError, TimeoutError):
        gauges.show_down()
        return Response(metrics.render_without_fleet(), media_type=metrics.CONTENT_TYPE)
    async with asked.rows(is_watch=True) as connection:
        facts = await status.load_facts(connection, asked.service.settings)
        gauges.show_status(await status.judged(connection, asked.service, None, facts))
        gauges.show_sweep(facts, status.bounds_of(asked.service.settings))
        await gauges.show_promises(connection)
    return Response(metrics.render(), media_type=metrics.CONTENT_TYPE)


async def _ask(database: Database) -> asyncpg.Record:
    """Whether Postgres answers at all; how long it then counts is for the one who asks to judge."""
    async with database.fleet(readonly=True) as connection:
        return await get_database_state(connection)


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
