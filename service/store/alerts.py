"""Alerts and the outbox of notifications.

An alert is written by whoever holds the alert work, and by people who acknowledge or snooze it: the one
locks all open alerts before it decides, so that neither overwrites the other. A notification is written in
the same transaction as the alert that it speaks of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg

from service.domain.alerts.alert import Alert, Kind, Severity, Status
from service.domain.alerts.reconcile import REGRESSION_SPAN
from service.store.database import Connection
from service.store.queries import QUERY
from service.store.rows import clean_text, rows_json, rows_touched

ALERTS_MAX: Final = 50_000
"""Alerts read at once: an alert for every second organization of the largest fleet there is, and the waves
besides."""

ERROR_CHARACTERS_MAX: Final = 500

AlertKey = tuple[UUID, UUID]
"""An organization's and an alert's id, by which alerts are paged."""

BEFORE_ALL: Final[AlertKey] = (UUID(int=0), UUID(int=0))
"""The key that stands before every alert's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One message to one channel, claimed for sending."""

    organization_id: UUID
    notification_id: UUID
    alert_id: UUID
    channel: str
    sequence: int
    body: Mapping[str, Any]
    attempts_count: int
    created_at: datetime
    is_repeat: bool
    """An earlier send may have arrived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewNotification:
    """One message to one channel, to be put into the outbox."""

    organization_id: UUID
    notification_id: UUID
    alert_id: UUID
    channel: str
    sequence: int
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class FailingChannel:
    """A channel that does not take what it is sent."""

    channel: str
    waiting_count: int
    refused_count: int
    since: datetime
    error: str
    sent_at: datetime | None


async def lock_alerts(connection: Connection) -> Sequence[Alert]:
    """Every open alert and those resolved lately, locked until the transaction ends."""
    rows = await connection.fetch(QUERY["lock_alerts"], REGRESSION_SPAN, ALERTS_MAX)
    return [_alert(row) for row in rows]


async def upsert_alerts(connection: Connection, alerts: Sequence[Alert]) -> None:
    """Write alerts, made anew or read with `lock_alerts` in this transaction."""
    if alerts:
        await connection.execute(QUERY["upsert_alerts"], rows_json(_row(alert) for alert in alerts))


async def mark_alerts_held(connection: Connection, alert_ids: Sequence[UUID], held_at: datetime) -> None:
    """Note that their condition still holds."""
    if alert_ids:
        await connection.execute(QUERY["mark_alerts_held"], alert_ids, held_at)


async def delete_pending_alerts(connection: Connection, alert_ids: Sequence[UUID]) -> None:
    """Forget those whose trouble went before anybody was told."""
    if alert_ids:
        await connection.execute(QUERY["delete_pending_alerts"], alert_ids)


async def list_alerts(
    connection: Connection,
    *,
    organization_id: UUID | None = None,
    status: str | None = None,
    before: tuple[datetime, UUID] | None = None,
    limit: int,
) -> Sequence[asyncpg.Record]:
    """Alerts that fire or did, newest first, before a key."""
    started_at, alert_id = before or (None, None)
    return await connection.fetch(QUERY["list_alerts"], organization_id, status, started_at, alert_id, limit)


async def get_alert(connection: Connection, alert_id: UUID) -> asyncpg.Record | None:
    """One alert that fires or did; None when there is none."""
    return await connection.fetchrow(QUERY["get_alert"], alert_id)


async def count_firing_alerts(connection: Connection) -> Mapping[str, int]:
    """How many alerts fire, by severity."""
    rows = await connection.fetch(QUERY["count_firing_alerts"])
    return {row["severity"]: row["alerts"] for row in rows}


async def get_firing_since(connection: Connection, fingerprint: str) -> datetime | None:
    """Since when an alert of the fleet fires; None when it does not, or is quiet and may be over."""
    started_at: datetime | None = await connection.fetchval(QUERY["get_firing_since"], fingerprint)
    return started_at


async def mark_alert_acknowledged(connection: Connection, alert_id: UUID, by: str) -> asyncpg.Record | None:
    """Silence its repeats; None when it is not firing."""
    return await connection.fetchrow(QUERY["mark_alert_acknowledged"], alert_id, by)


async def mark_alert_snoozed(
    connection: Connection, alert_id: UUID, until: datetime
) -> asyncpg.Record | None:
    """Silence it until then; None when it is not firing."""
    return await connection.fetchrow(QUERY["mark_alert_snoozed"], alert_id, until)


async def prune_alerts(connection: Connection, older_than: timedelta, limit: int) -> int:
    """Delete alerts that were resolved so long ago; returns how many."""
    return rows_touched(await connection.execute(QUERY["prune_alerts"], older_than, limit))


async def insert_notifications(
    connection: Connection, notifications: Sequence[NewNotification], now: datetime
) -> None:
    """Put messages into the outbox, due at once."""
    if notifications:
        rows = rows_json(_notification_row(notification, now) for notification in notifications)
        await connection.execute(QUERY["insert_notifications"], rows)


async def list_told_instances(connection: Connection, alerts: Sequence[Alert]) -> Mapping[UUID, str | None]:
    """By which name of the installation receivers know these alerts; those without a message are left out."""
    organization_ids = [alert.organization_id for alert in alerts]
    alert_ids = [alert.alert_id for alert in alerts]
    rows = await connection.fetch(QUERY["list_told_instances"], organization_ids, alert_ids)
    return {row["alert_id"]: row["instance"] for row in rows}


async def list_waiting_channels(connection: Connection) -> Mapping[str, datetime]:
    """When each channel has something to send next."""
    rows = await connection.fetch(QUERY["list_waiting_channels"])
    return {row["channel"]: row["due_at"] for row in rows}


async def get_next_notification(connection: Connection, channel: str) -> datetime | None:
    """When the next message of a channel is due."""
    due_at: datetime | None = await connection.fetchval(QUERY["get_next_notification"], channel)
    return due_at


async def claim_due_notifications(
    connection: Connection, channel: str, lease_seconds: float, limit: int
) -> Sequence[Notification]:
    """Claim the oldest due messages of a channel, at most one of each alert."""
    rows = await connection.fetch(
        QUERY["claim_due_notifications"], channel, timedelta(seconds=lease_seconds), limit
    )
    return [Notification(**row) for row in rows]


async def mark_notification_sent(connection: Connection, notification: Notification) -> None:
    """Note that the channel took it."""
    await connection.execute(QUERY["mark_notification_sent"], *_claim(notification))


async def mark_notification_refused(connection: Connection, notification: Notification, error: str) -> None:
    """Note that the channel will never take it."""
    await connection.execute(QUERY["mark_notification_refused"], *_claim(notification), _short(error))


async def mark_notification_postponed(
    connection: Connection, notification: Notification, *, wait_seconds: float, is_repeat: bool, error: str
) -> None:
    """Put it off; `is_repeat` says whether it may have arrived all the same."""
    await connection.execute(
        QUERY["mark_notification_postponed"],
        *_claim(notification),
        timedelta(seconds=wait_seconds),
        is_repeat,
        _short(error),
    )


async def mark_notifications_abandoned(
    connection: Connection, channels: Sequence[str], older_than: timedelta
) -> None:
    """Give up what waits for channels that nobody has any more."""
    await connection.execute(QUERY["mark_notifications_abandoned"], channels, older_than)


async def list_failing_channels(connection: Connection, channels: Sequence[str]) -> Sequence[FailingChannel]:
    """Channels that do not take what they are sent."""
    rows = await connection.fetch(QUERY["list_failing_channels"], channels)
    return [FailingChannel(**row) for row in rows]


async def list_channel_successes(connection: Connection, channels: Sequence[str]) -> Mapping[str, datetime]:
    """When each channel last took a message."""
    rows = await connection.fetch(QUERY["list_channel_successes"], channels)
    return {row["channel"]: row["sent_at"] for row in rows}


async def list_standing_notifications(
    connection: Connection, channel: str, after: AlertKey, limit: int
) -> tuple[Sequence[Mapping[str, Any]], AlertKey | None]:
    """The bodies of the last message of each firing alert that the channel took, behind a key.

    With them comes the key behind which to go on; None where there are no more.
    """
    rows = await connection.fetch(QUERY["list_standing_notifications"], channel, *after, limit)
    last = (rows[-1]["organization_id"], rows[-1]["alert_id"]) if len(rows) == limit else None
    return [row["body"] for row in rows], last


async def prune_notifications(connection: Connection, older_than: timedelta, limit: int) -> int:
    """Delete messages that were finished so long ago; returns how many."""
    return rows_touched(await connection.execute(QUERY["prune_notifications"], older_than, limit))


def _alert(row: asyncpg.Record) -> Alert:
    columns = {name: value for name, value in row.items() if name != "organizations"}
    return Alert(
        **columns
        | {
            "kind": Kind(row["kind"]),
            "severity": Severity(row["severity"]),
            "status": Status(row["status"]),
            "members": tuple(row["members"]),
            "notified_severity": row["notified_severity"] and Severity(row["notified_severity"]),
        }
    )


def _row(alert: Alert) -> Mapping[str, Any]:
    return asdict(alert) | {"organizations": alert.organizations}


def _notification_row(notification: NewNotification, now: datetime) -> Mapping[str, Any]:
    state = {"status": "waiting", "is_repeat": False, "attempts_count": 0, "due_at": now, "created_at": now}
    return asdict(notification) | state


def _claim(notification: Notification) -> tuple[UUID, UUID, int]:
    return notification.organization_id, notification.notification_id, notification.attempts_count


def _short(error: str) -> str:
    return clean_text(error)[:ERROR_CHARACTERS_MAX]
