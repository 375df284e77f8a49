"""What is told of the whole fleet, kept while rows are written: `/status` counts no five million records.

`fleet_counts` is a ledger. Each transaction that writes records, differences or events adds what it changed,
in the statement that writes them, so that no two organizations wait for each other; the sum over a snapshot
is exactly what the rows of that snapshot say. Every few seconds one replica folds the entries of a key into
their sum.

`standings` holds where each organization stands in one narrow row: whoever writes connections, streams or
organizations writes it in the same transaction.

An older release, which may run beside this one during an upgrade, knows neither. What it leaves out is added
once an hour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import asyncpg

from service.store.database import Connection
from service.store.queries import QUERY
from service.store.set_aside import correct_set_aside


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Records by status and state, open differences by kind and expectedness, and events that were missed."""

    records: Mapping[tuple[str, str], int] = field(default_factory=dict)
    differences: Mapping[tuple[str, bool], int] = field(default_factory=dict)
    missed_events: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Standings:
    """Organizations by the status of their connection, and how completely the connected ones were read."""

    organizations_by_status: Mapping[str, int]
    stale: int
    unswept: int
    oldest_sweep_at: datetime | None


async def sum_fleet_counts(connection: Connection) -> Counts:
    """What is counted of the fleet, but for the causes."""
    records: dict[tuple[str, str], int] = {}
    differences: dict[tuple[str, bool], int] = {}
    missed_events = 0
    for row in await connection.fetch(QUERY["sum_fleet_counts"]):
        match row["subject"], *row["keys"]:
            case "records", sync_status, state:
                records[sync_status, state] = row["counted"]
            case "differences", kind, expected:
                differences[kind, expected == "true"] = row["counted"]
            case _:
                missed_events = row["counted"]
    return Counts(records=records, differences=differences, missed_events=missed_events)


async def sum_fleet_money(connection: Connection) -> Mapping[str, int]:
    """The money of all records of the fleet that fail, by currency."""
    rows = await connection.fetch(QUERY["sum_fleet_money"])
    return {row["currency"]: int(row["minor"]) for row in rows}


async def list_fleet_causes(connection: Connection, limit: int) -> Sequence[asyncpg.Record]:
    """One row per open cause group of the fleet, heaviest first."""
    return await connection.fetch(QUERY["list_fleet_causes"], limit)


async def sum_standings(connection: Connection, stale_seconds: float) -> Standings:
    """Where the organizations stand that this transaction may see."""
    rows = await connection.fetch(QUERY["sum_standings"], timedelta(seconds=stale_seconds))
    return Standings(
        organizations_by_status={row["status"]: row["organizations"] for row in rows},
        stale=sum(row["stale"] for row in rows),
        unswept=sum(row["unswept"] for row in rows),
        oldest_sweep_at=min(
            (row["oldest_sweep_at"] for row in rows if row["oldest_sweep_at"] is not None), default=None
        ),
    )


async def fold_fleet_counts(connection: Connection) -> None:
    """Replace the entries of each key by their sum, unless another replica is at it."""
    if await connection.fetchval(QUERY["claim_fleet_counts"]):
        await connection.execute(QUERY["fold_fleet_counts"])


async def correct_fleet_counts(connection: Connection) -> int:
    """Bring everything that is kept to what the rows say; returns how much was off."""
    aside = await correct_set_aside(connection)
    await connection.execute(QUERY["correct_cause_counts"])
    await connection.execute(QUERY["prune_cause_counts"])
    sums = await connection.fetch(QUERY["correct_fleet_counts"])
    await connection.execute(QUERY["lock_standings"])
    standings = await connection.fetch(QUERY["correct_standings"])
    return aside + len(sums) + len(standings)
