"""Alerts: what fires, what did; and the two things that a person may say to one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import msgspec

from service.domain.alerts.alert import Status
from service.domain.fleet import FLEET
from service.store.alerts import get_alert, list_alerts, mark_alert_acknowledged, mark_alert_snoozed
from service.store.as_of import list_alerts_as_of
from service.store.database import Connection
from service.web.paging import Key, Keyset, Page
from service.web.problems import Fault, malformed, not_found
from service.web.route import Asked

SNOOZE_MAX = timedelta(days=30)
"""Longer than that an alert is not snoozed but forgotten."""

SHOWN = (Status.FIRING, Status.RESOLVED)
"""A pending one was told to nobody yet."""

_KEY = Keyset("alerts", (datetime, UUID))


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert per kind and cause or scope, however many records stand behind it."""

    id: UUID
    organization_id: UUID | None
    fingerprint: str
    status: str
    severity: str
    kind: str
    cause: str | None
    summary: str
    detail: str
    owner: str | None
    next_step: str
    organizations: Sequence[UUID]
    organizations_count: int
    records_count: int
    money_at_risk: Mapping[str, int]
    started_at: datetime
    ended_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    snoozed_until: datetime | None
    runbook_url: str
    url: str


class Snooze(msgspec.Struct, forbid_unknown_fields=True):
    """Until when an alert is to be silent."""

    until: datetime


_PLAIN = tuple(
    field.name for field in fields(Alert) if field.name not in {"id", "organization_id", "runbook_url", "url"}
)


async def list_them(asked: Asked) -> Page[Alert]:
    """Answer a page of alerts, the newest first."""
    limit = asked.query["limit"]
    key = _KEY.read(asked.query["after"])
    if asked.query.get("as_of") is not None:
        return await _list_as_of(asked, key, limit)
    async with asked.rows() as connection:
        rows = await list_alerts(
            connection,
            organization_id=asked.organization_id(),
            status=asked.query["status"],
            before=key if key[0] is not None else None,
            limit=limit + 1,
        )
    keys = [(row["started_at"], row["alert_id"]) for row in rows]
    public_url = asked.service.settings.public_url
    return _KEY.page([of_row(row, public_url) for row in rows], limit, keys)


async def _list_as_of(asked: Asked, key: Key, limit: int) -> Page[Alert]:
    """Answer a page of alerts as they were told then; the order is that of their last beginning."""
    async with asked.rows() as connection:
        rows = await list_alerts_as_of(
            connection,
            asked.query["as_of"],
            organization_id=asked.organization_id(),
            status=asked.query["status"],
            before=key if key[0] is not None else None,
            limit=limit + 1,
        )
    keys = [(row["key_at"], row["alert_id"]) for row in rows]
    return _KEY.page([_known(row, asked.service.settings.public_url) for row in rows], limit, keys)


async def load(connection: Connection, asked: Asked, *, status: str, limit: int) -> Sequence[Alert]:
    """Read the newest alerts of a status."""
    rows = await list_alerts(connection, status=status, limit=limit)
    return [of_row(row, asked.service.settings.public_url) for row in rows]


async def load_one(connection: Connection, asked: Asked, alert_id: UUID) -> Alert | None:
    """Read one alert."""
    row = await get_alert(connection, alert_id)
    return None if row is None else of_row(row, asked.service.settings.public_url)


async def acknowledge(asked: Asked) -> Alert:
    """Note that somebody has taken an alert on; its repeats stop."""
    async with asked.rows(readonly=False) as connection:
        row = await mark_alert_acknowledged(connection, asked.path["alert_id"], asked.who.name)
    if row is None:
        raise not_found("firing alert")
    return of_row(row, asked.service.settings.public_url)


async def snooze(asked: Asked) -> Alert:
    """Silence an alert until some time."""
    now = await asked.service.database.now()
    until: datetime = asked.body.until
    if until.tzinfo is None or not now < until <= now + SNOOZE_MAX:
        detail = f"must be a time with its offset, in the future and within {SNOOZE_MAX.days} days"
        raise malformed(Fault(name="until", detail=detail))
    async with asked.rows(readonly=False) as connection:
        row = await mark_alert_snoozed(connection, asked.path["alert_id"], until)
    if row is None:
        raise not_found("firing alert")
    return of_row(row, asked.service.settings.public_url)


def _known(row: asyncpg.Record, public_url: str) -> Alert:
    body = row["body"]
    told = {name: body.get(name) for name in _PLAIN} | {
        "id": str(row["alert_id"]),
        "organization_id": None if row["organization_id"] == FLEET else str(row["organization_id"]),
        "runbook_url": f"{public_url}/runbook#{body['cause'] or body['kind']}",
        "url": f"{public_url}/alerts/{row['alert_id']}",
    }
    return msgspec.convert(told, Alert)


def of_row(row: asyncpg.Record, public_url: str) -> Alert:
    """Show an alert."""
    return Alert(
        id=row["alert_id"],
        organization_id=None if row["organization_id"] == FLEET else row["organization_id"],
        runbook_url=f"{public_url}/runbook#{row['cause'] or row['kind']}",
        url=f"{public_url}/alerts/{row['alert_id']}",
        **{name: row[name] for name in _PLAIN},
    )
