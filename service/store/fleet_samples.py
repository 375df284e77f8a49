"""How the fleet stood, minute by minute: what the page draws its history from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.domain.record_state import FAILED
from service.store.database import Connection
from service.store.queries import QUERY


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetSample:
    """The fleet at one minute: records that fail and that are on their way, and unexplained differences."""

    taken_at: datetime
    failing: int
    waiting: int
    differences: int


async def insert_fleet_sample(connection: Connection) -> None:
    """Take the sample of this minute, unless another replica has."""
    await connection.execute(QUERY["insert_fleet_sample"], sorted(FAILED))


async def list_fleet_samples(
    connection: Connection, window: timedelta, stretches: int
) -> Sequence[FleetSample]:
    """The last sample of each of so many equal stretches of time, the oldest first."""
    rows = await connection.fetch(QUERY["list_fleet_samples"], window, stretches)
    return [FleetSample(**row) for row in rows]


async def prune_fleet_samples(connection: Connection, kept: timedelta) -> None:
    """Delete what is older than it is kept."""
    await connection.execute(QUERY["prune_fleet_samples"], kept)
