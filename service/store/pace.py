"""What the cadence of all organizations has in common, as all replicas share it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from service.domain.cadence.delays import EDGES, Delays, Outlook
from service.domain.cadence.pace import Pace
from service.store.database import Connection
from service.store.queries import QUERY


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPace:
    """The pace, and what was begun since the price was last set."""

    pace: Pace
    readings: int
    waited_seconds: float
    priced_at: datetime | None
    stretched_at: datetime | None


async def get_pace(connection: Connection) -> Pace:
    """The pace just now."""
    row = await connection.fetchrow(QUERY["get_pace"])
    assert row is not None, "the migration makes the row"
    return _pace(row)


async def lock_pace(connection: Connection) -> tuple[KeptPace, datetime]:
    """The pace for whoever is about to write it, and the time."""
    row = await connection.fetchrow(QUERY["lock_pace"])
    assert row is not None, "the migration makes the row"
    kept = KeptPace(
        pace=_pace(row),
        readings=row["readings"],
        waited_seconds=row["waited_seconds"],
        priced_at=row["priced_at"],
        stretched_at=row["stretched_at"],
    )
    return kept, row["now"]


async def update_pace(connection: Connection, kept: KeptPace) -> None:
    """Write the pace, which is locked."""
    pace = kept.pace
    delays = pace.outlook.delays
    await connection.execute(
        QUERY["update_pace"],
        pace.price,
        pace.stretch,
        pace.comparing_stretch,
        pace.pull_seconds,
        delays.prompt,
        delays.late,
        pace.missed,
        pace.changes,
        kept.readings,
        kept.waited_seconds,
        kept.priced_at,
        kept.stretched_at,
        pace.used_per_second,
    )


async def update_pace_policy(connection: Connection, policy: str) -> bool:
    """Note the bounds that settings name; tells whether they were others before."""
    return bool(await connection.fetchval(QUERY["update_pace_policy"], policy))


async def sum_demand(connection: Connection) -> tuple[Mapping[float, float], Mapping[float, float]]:
    """How many calls a reading of everything takes, by how often it asks to be read.

    First of what tells how pushes went, then of documents, which are read for comparing.
    """
    reading: dict[float, float] = {}
    comparing: dict[float, float] = {}
    for row in await connection.fetch(QUERY["sum_demand"]):
        (comparing if row["is_for_comparing"] else reading)[row["seconds"] or 1.0] = row["calls"]
    return reading, comparing


def _pace(row: asyncpg.Record) -> Pace:
    prompt = tuple(row["prompt"])
    # A release with other buckets has forgotten nothing that an hour does not teach again.
    is_known = len(prompt) == len(EDGES) - 1
    return Pace(
        price=row["price"],
        stretch=row["stretch"],
        comparing_stretch=row["comparing_stretch"],
        missed=row["missed"],
        changes=row["changes"],
        pull_seconds=row["pull_seconds"],
        used_per_second=row["used_per_second"],
        outlook=Outlook(Delays(prompt, row["late"])) if is_known else Outlook(),
    )
