"""Webhooks as the receiver stores them: many in one statement, each event once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from service.domain.fleet import WorkKind
from service.store.database import Connection
from service.store.queries import QUERY

Key = tuple[str, str, str]
"""Ids are written as Postgres writes them."""


class Received(Protocol):
    """A delivery, as the receiver read it."""

    @property
    def organization_id(self) -> str: ...  # noqa: D102 - named as the column is
    @property
    def event_id(self) -> str: ...  # noqa: D102
    @property
    def subscription_id(self) -> str: ...  # noqa: D102
    @property
    def object_type(self) -> str | None: ...  # noqa: D102
    @property
    def action(self) -> str | None: ...  # noqa: D102
    @property
    def object_id(self) -> str | None: ...  # noqa: D102
    @property
    def created_at(self) -> datetime | None: ...  # noqa: D102
    @property
    def raw(self) -> bytes: ...  # noqa: D102
    @property
    def quarantined(self) -> str | None: ...  # noqa: D102
    @property
    def key(self) -> Key: ...  # noqa: D102


async def store_deliveries(
    connection: Connection, repeats_by_delivery: Mapping[Received, int], shard: int
) -> Collection[Key]:
    """Store deliveries of different keys, each with how often it came again; tell which were known before.

    How they ended is counted in a shard, the events' work is wished for, and the commit waits for the disk.
    """
    rows = sorted(repeats_by_delivery, key=lambda delivery: delivery.key)
    found = await connection.fetch(
        QUERY["store_deliveries"],
        [row.organization_id for row in rows],
        [row.event_id for row in rows],
        [row.subscription_id for row in rows],
        [row.object_type for row in rows],
        [row.action for row in rows],
        [row.object_id for row in rows],
        [row.created_at for row in rows],
        [row.raw for row in rows],
        _unless_empty([row.quarantined for row in rows]),
        _unless_empty([repeats_by_delivery[row] for row in rows]),
        shard,
        WorkKind.INGEST,
    )
    return {
        (str(row["organization_id"]), str(row["event_id"]), str(row["subscription_id"]))
        for row in found
        if row["organization_id"] is not None
    }


def _unless_empty(column: Sequence[object]) -> Sequence[object] | None:
    """A column with anything in it; the driver looks at each value, and nearly always these have none."""
    return column if any(column) else None


async def add_webhook_counts(
    connection: Connection, deliveries_by_outcome: Mapping[str, int], shard: int
) -> None:
    """Add to today's counts of how deliveries ended."""
    outcomes: Sequence[str] = list(deliveries_by_outcome)
    await connection.execute(
        QUERY["add_webhook_counts"], outcomes, [deliveries_by_outcome[outcome] for outcome in outcomes], shard
    )


async def sum_deliveries_today(connection: Connection) -> Mapping[str, int]:
    """How today's deliveries ended, by outcome."""
    rows = await connection.fetch(QUERY["sum_deliveries_today"])
    return {row["outcome"]: row["deliveries"] for row in rows}
