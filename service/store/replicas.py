"""The replicas, as they last reported."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.store.database import Connection
from service.store.queries import QUERY


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """One running process of the service."""

    replica_id: str
    roles: Sequence[str]
    version: str
    started_at: datetime
    heartbeat_at: datetime


async def upsert_replica(
    connection: Connection, replica_id: str, roles: Collection[str], version: str
) -> None:
    """Report that this replica lives."""
    await connection.execute(QUERY["upsert_replica"], replica_id, sorted(roles), version)


async def delete_replica(connection: Connection, replica_id: str) -> None:
    """Report that it ends."""
    await connection.execute(QUERY["delete_replica"], replica_id)


async def list_replicas(connection: Connection, silent_seconds: float) -> Sequence[Replica]:
    """Those that have reported within that time."""
    rows = await connection.fetch(QUERY["list_replicas"], timedelta(seconds=silent_seconds))
    return [Replica(**row) for row in rows]


async def prune_replicas(connection: Connection, silent_seconds: float) -> None:
    """Forget those that have not."""
    await connection.execute(QUERY["prune_replicas"], timedelta(seconds=silent_seconds))
