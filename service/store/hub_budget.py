"""The hub's budget of requests, shared by all replicas, and how the hub was last met."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from service.store.database import Connection
from service.store.queries import QUERY
from service.store.rows import clean_text

MESSAGE_CHARACTERS_MAX = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class HubUsage:
    """How many requests were really sent lately, and until when nobody may call."""

    paused_until: datetime
    used_per_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HubHealth:
    """How the hub was last met by any replica; `failing_since` is None while it answers."""

    last_ok_at: datetime | None
    failing_since: datetime | None
    last_failure_at: datetime | None
    failure: str | None
    message: str | None


async def reserve_hub_slots(connection: Connection, count: int, rate_per_second: float) -> float:
    """Reserve the next slots; returns in how many seconds the first begins."""
    row = await connection.fetchrow(QUERY["reserve_hub_slots"], count, rate_per_second)
    assert row is not None
    return float(row["first_in_seconds"])


async def pause_hub(connection: Connection, seconds: float) -> None:
    """Keep everybody's next slot from beginning before that time is over."""
    await connection.execute(QUERY["pause_hub"], seconds)


async def add_hub_usage(connection: Connection, requests: int) -> None:
    """Count requests that were really sent."""
    await connection.execute(QUERY["add_hub_usage"], requests)


async def get_hub_usage(connection: Connection) -> HubUsage:
    """How much of the budget was used lately."""
    row = await connection.fetchrow(QUERY["get_hub_usage"])
    assert row is not None
    return HubUsage(**row)


async def mark_hub_ok(connection: Connection) -> None:
    """Note that the hub answers."""
    await connection.execute(QUERY["mark_hub_ok"])


async def mark_hub_failing(connection: Connection, failure: str, message: str) -> None:
    """Note that it does not, and since when."""
    await connection.execute(QUERY["mark_hub_failing"], failure, clean_text(message)[:MESSAGE_CHARACTERS_MAX])


async def get_hub_health(connection: Connection) -> HubHealth:
    """How the hub was last met."""
    row = await connection.fetchrow(QUERY["get_hub_health"])
    assert row is not None
    return HubHealth(**row)
