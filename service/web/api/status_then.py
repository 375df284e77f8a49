"""`/status?as_of=`: what of the status is kept by time. How the service itself was doing then, is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from service.store.as_of import (
    count_connections_as_of,
    count_differences_as_of,
    count_firing_alerts_as_of,
    sum_records_as_of,
    sum_unclassified_as_of,
)
from service.web.api import causes
from service.web.api.status import (
    CAUSES_SHOWN,
    CONNECTIONS,
    Alerts,
    Differences,
    Records,
    alerts_of,
    differences_of,
    records_of,
    zeros,
)
from service.web.route import Asked

NOT_KEPT = ("state", "reasons", "version", "replicas", "hub", "organizations.stale", "webhooks", "polling")


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationsThen:
    """Organizations by the status of their connection."""

    total: int
    connections: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusThen:
    """What was known at an instant; `not_kept` names what of the status nobody can tell any more."""

    as_of: datetime
    not_kept: Sequence[str]
    organizations: OrganizationsThen
    records: Records
    causes: Sequence[causes.Cause]
    differences: Differences
    alerts: Alerts


async def get(asked: Asked) -> StatusThen:
    """Count everything as it was known, for the fleet or as one organization may see it."""
    as_of: datetime = asked.query["as_of"]
    organization_id = asked.who.organization_id
    async with asked.rows() as connection:
        await causes.require_few(connection, organization_id)
        connections = await count_connections_as_of(connection, as_of, organization_id)
        records = await sum_records_as_of(connection, as_of, organization_id)
        differences = await count_differences_as_of(connection, as_of, organization_id)
        unclassified = await sum_unclassified_as_of(connection, as_of, organization_id)
        return StatusThen(
            as_of=as_of,
            not_kept=NOT_KEPT,
            organizations=OrganizationsThen(
                total=sum(connections.values()), connections={**zeros(CONNECTIONS), **connections}
            ),
            records=records_of(records),
            causes=await causes.load_as_of(connection, as_of, CAUSES_SHOWN, organization_id),
            differences=differences_of(differences, unclassified),
            alerts=alerts_of(await count_firing_alerts_as_of(connection, as_of, organization_id)),
        )
