"""The heartbeat: each replica says that it lives, and what it does.

At each beat one of them folds what was added to the counts of the fleet since the last, and once a minute
keeps how the fleet stood.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from service.store.database import Database
from service.store.fleet_counts import fold_fleet_counts
from service.store.fleet_samples import insert_fleet_sample
from service.store.replicas import delete_replica, upsert_replica

HEARTBEAT_SECONDS: Final = 5.0
"""A replica that has missed a few of these is gone; nothing but what people see depends on it."""


class Heartbeat:
    """One replica's report."""

    def __init__(self, *, database: Database, replica_id: str, roles: Collection[str], version: str) -> None:
        self._database = database
        self._replica_id = replica_id
        self._roles = roles
        self._version = version

    async def beat(self) -> None:
        """Report that this replica lives, fold the fleet's counts and keep how it stood."""
        async with self._database.fleet() as connection:
            await upsert_replica(connection, self._replica_id, self._roles, self._version)
        async with self._database.fleet() as connection:
            await fold_fleet_counts(connection)
            await insert_fleet_sample(connection)

    async def end(self) -> None:
        """Report that it ends."""
        async with self._database.fleet() as connection:
            await delete_replica(connection, self._replica_id)
