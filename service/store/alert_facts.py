"""What alerts are decided from, asked of Postgres: counts and bounded lists over the whole fleet.

Organizations that an open alert was `told` of are listed whatever the bound, if they are still in trouble.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg

from service.domain.alerts.alert import Kind
from service.domain.alerts.facts import (
    MEMBERS_MAX,
    UNREADABLE_MAX,
    CauseFact,
    GapFact,
    OrganizationFact,
    QuietFact,
    SilenceFact,
    UnreadableFact,
)
from service.store.database import Connection
from service.store.queries import QUERY

FAILING_STATES: Final = ("retrying", "blocked", "quarantined", "needs_person", "given_up")
EXHAUSTED_STATES: Final = ("given_up",)

Readings = Mapping[UUID, datetime | None]
"""When each organization was last read; one that the hub no longer lists is missing."""


async def list_failing_causes(connection: Connection, states: Sequence[str]) -> Sequence[CauseFact]:
    """Causes of pushes in these states, heaviest first."""
    rows = await connection.fetch(QUERY["list_failing_causes"], states, MEMBERS_MAX)
    return [_cause(row) for row in rows]


async def list_lost_organizations(
    connection: Connection, told: Collection[UUID]
) -> Sequence[OrganizationFact]:
    """Organizations that had a connection and have none that works."""
    rows = await connection.fetch(QUERY["list_lost_organizations"], MEMBERS_MAX, told)
    return [_organization(row, note=_connection_note(row)) for row in rows]


async def list_stale_organizations(
    connection: Connection, stale_seconds: float, told: Collection[UUID]
) -> Sequence[OrganizationFact]:
    """Organizations whose books are no longer pulled: connected, or told already."""
    rows = await connection.fetch(
        QUERY["list_stale_organizations"], timedelta(seconds=stale_seconds), MEMBERS_MAX, told
    )
    return [_organization(row) for row in rows]


async def list_stuck_organizations(
    connection: Connection, stuck_seconds: float, told: Collection[UUID]
) -> Sequence[OrganizationFact]:
    """Organizations with records that stay pending."""
    rows = await connection.fetch(
        QUERY["list_stuck_organizations"], timedelta(seconds=stuck_seconds), MEMBERS_MAX, told
    )
    return [_organization(row) for row in rows]


async def list_unconfirmed_organizations(
    connection: Connection, overdue_seconds: float, told: Collection[UUID]
) -> Sequence[OrganizationFact]:
    """Organizations with documents that are said to be done and are not found: connected, or told already."""
    rows = await connection.fetch(
        QUERY["list_unconfirmed_organizations"], timedelta(seconds=overdue_seconds), MEMBERS_MAX, told
    )
    return [_organization(row) for row in rows]


async def list_differing_organizations(
    connection: Connection, told: Collection[UUID]
) -> Mapping[Kind, Sequence[OrganizationFact]]:
    """Organizations with differences that no rule explains, by the kind of alert they give."""
    found: dict[Kind, list[OrganizationFact]] = {}
    for row in await connection.fetch(QUERY["list_differing_organizations"], MEMBERS_MAX, told):
        kind = Kind(row["alert_kind"])
        note = row["kinds"].replace("_", " ") if kind is Kind.DIFFERENCE_FOUND else ""
        found.setdefault(kind, []).append(_organization(row, note=note))
    return found


async def list_silent_streams(connection: Connection, silent_seconds: float) -> Sequence[SilenceFact]:
    """Streams whose reading keeps failing, with the organizations that it fails for."""
    rows = await connection.fetch(
        QUERY["list_silent_streams"], timedelta(seconds=silent_seconds), MEMBERS_MAX
    )
    return [
        SilenceFact(
            stream=row["stream"],
            organizations_count=row["organizations_count"],
            organizations=tuple(row["members"]),
            organization_name=row["organization_name"] or "",
            since=row["since"],
            error=row["error"] or "",
        )
        for row in rows
    ]


async def get_fleet_quiet(connection: Connection) -> QuietFact | None:
    """When anything last changed in any connected organization; None while nothing ever has."""
    row = await connection.fetchrow(QUERY["get_fleet_quiet"])
    if row is None or row["changed_at"] is None:
        return None
    return QuietFact(changed_at=row["changed_at"], active_count=row["active_count"])


async def get_missing_events(connection: Connection, since: datetime, until: datetime) -> GapFact | None:
    """Events of a span that no webhook brought; None when all came."""
    row = await connection.fetchrow(QUERY["get_missing_events"], MEMBERS_MAX, since, until)
    if row is None or not row["missing_count"]:
        return None
    return GapFact(
        missing_count=row["missing_count"], organizations=tuple(row["members"]), oldest_at=row["oldest_at"]
    )


async def get_unreadable_deliveries(connection: Connection, since: datetime) -> UnreadableFact | None:
    """Deliveries of a span that the hub signed and nobody can read; None when there were none."""
    row = await connection.fetchrow(QUERY["get_unreadable_deliveries"], since, UNREADABLE_MAX)
    if row is None or not row["deliveries_count"]:
        return None
    return UnreadableFact(
        deliveries_count=row["deliveries_count"], since=row["since"], reason=row["reason"] or ""
    )


async def list_stream_readings(
    connection: Connection, organization_ids: Sequence[UUID], prefix: str
) -> Readings:
    """When each organization was last read, in all streams that bear the prefix."""
    return _readings(await connection.fetch(QUERY["list_stream_readings"], organization_ids, prefix))


async def list_comparison_readings(connection: Connection, organization_ids: Sequence[UUID]) -> Readings:
    """When both ledgers of each organization were last compared, from complete readings."""
    return _readings(await connection.fetch(QUERY["list_comparison_readings"], organization_ids))


async def list_delivery_readings(
    connection: Connection, organization_ids: Sequence[UUID], since: datetime
) -> Readings:
    """When a webhook last came for each organization."""
    return _readings(await connection.fetch(QUERY["list_delivery_readings"], organization_ids, since))


def _readings(rows: Sequence[asyncpg.Record]) -> Readings:
    return {row["organization_id"]: row["observed_at"] for row in rows}


def _cause(row: asyncpg.Record) -> CauseFact:
    return CauseFact(
        cause=row["cause"],
        records_count=row["records_count"],
        returning_count=row["returning_count"],
        organizations_count=row["organizations_count"],
        organizations=tuple(row["members"] or ()),
        money_at_risk=_money(row["money_at_risk"]),
        organization_name=row["organization_name"] or "",
        first_failed_at=row["first_failed_at"],
        example=row["example"] or "",
        owner=row["owner"],
        reason=row["reason"] or "",
        platform=row["platform"],
    )


def _organization(row: asyncpg.Record, note: str = "") -> OrganizationFact:
    columns = set(row.keys())
    return OrganizationFact(
        organization_id=row["organization_id"],
        name=row["name"],
        since=row["since"],
        records_count=row["records_count"] if "records_count" in columns else 0,
        money_at_risk=_money(row["money_at_risk"]) if "money_at_risk" in columns else {},
        note=note,
        is_connected=row["is_connected"] if "is_connected" in columns else True,
    )


def _money(sums: Mapping[str, Any]) -> Mapping[str, int]:
    return {currency: int(minor) for currency, minor in sorted(sums.items())}


def _connection_note(row: asyncpg.Record) -> str:
    return ", ".join(word.replace("_", " ") for word in (row["platform"], row["status"]) if word)
