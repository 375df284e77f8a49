"""When anything last changed: of connected organizations, as far as their records were read."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

from service.domain.alerts.facts import QuietFact
from service.store.alert_facts import get_fleet_quiet
from service.store.database import Database
from tests.web.builders import NOW, add_organization, set_connection


async def test_the_latest_change_of_connected_organizations(database: Database) -> None:
    """The latest cursor counts, with those within a week of it; a lost connection changes nothing."""
    async with database.fleet() as connection:
        assert await get_fleet_quiet(connection) is None
    days_by_name = {"Alder": 1, "Birch": 3, "Cedar": 20, "Lost": 0}
    for name, days in days_by_name.items():
        organization_id = uuid4()
        await add_organization(database, organization_id, name)
        if name == "Lost":
            await set_connection(database, organization_id, "disconnected")
        async with database.organization(organization_id) as connection:
            await connection.execute(
                """
                INSERT INTO streams (organization_id, stream, due_at, cursor_at)
                VALUES ($1, 'records:bill', $2, $3)
                ON CONFLICT (organization_id, stream) DO UPDATE SET cursor_at = excluded.cursor_at
                """,
                organization_id,
                NOW,
                NOW - timedelta(days=days),
            )
    async with database.fleet() as connection:
        assert await get_fleet_quiet(connection) == QuietFact(
            changed_at=NOW - timedelta(days=1), active_count=2
        )
