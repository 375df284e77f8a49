"""The world of `watching`, with the workers that retry and compare."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import asyncpg

from service.domain.pushing import policy as push_policy
from service.domain.record import Record
from service.hub.budget import Budget
from service.hub.client import Hub
from service.hub.dialect import Dialect
from service.hub.exchange import open_http
from service.hub.signing_in import Credentials
from service.store.database import Database
from service.store.pushes import StoredAttempt, list_attempts, list_evidence
from service.store.records import list_records
from service.workers.comparer import ComparePolicy, Comparer
from service.workers.pusher import Pusher
from tests.workers.watching import CADENCE, Watching, watching

POLICY = push_policy.Policy()

ROUNDS_MAX = 50
"""More rounds than this without rest are a spin."""


@dataclass
class Healing:
    """The world, its watchers, and one pusher and comparer."""

    watch: Watching
    pusher: Pusher
    comparer: Comparer

    @property
    def simulator(self) -> Any:
        """The hub."""
        return self.watch.simulator

    @property
    def organization_id(self) -> UUID:
        """The first organization of the world."""
        return self.watch.organization_ids[0]

    async def settle(self) -> None:
        """Let everybody run until nothing is due, at this very time."""
        for _ in range(ROUNDS_MAX):
            await self.watch.catch_up()
            if not await self.watch.run(self.pusher) + await self.watch.run(self.comparer):
                return
        raise AssertionError("the workers keep each other busy for ever")

    async def live(self, seconds: float, step: float) -> None:
        """Let time pass in steps, everybody running at each."""
        for _ in range(round(seconds / step)):
            self.watch.advance(step)
            await self.settle()

    async def records(self, **filters: Any) -> Sequence[Record]:
        """Records of the first organization."""
        async with self.watch.database.organization(self.organization_id) as connection:
            return await list_records(connection, organization_id=self.organization_id, limit=500, **filters)

    async def record_of(self, object_id: str) -> Record:
        """The record of a document."""
        found = [record for record in await self.records() if str(record.object_id) == object_id]
        assert len(found) == 1, f"{len(found)} records of {object_id}"
        return found[0]

    async def attempts(self, record: Record) -> Sequence[StoredAttempt]:
        """Our attempts of a record."""
        async with self.watch.database.organization(record.organization_id) as connection:
            found = await list_attempts(connection, record.organization_id, [record.record_id])
        return found.get(record.record_id, ())

    async def evidence(self, record: Record) -> Sequence[asyncpg.Record]:
        """What was held for proven about a record."""
        async with self.watch.database.organization(record.organization_id) as connection:
            return await list_evidence(connection, record.organization_id, record.record_id)

    async def differences(self, *, expected: bool = False) -> Mapping[str, Sequence[asyncpg.Record]]:
        """Open differences of the first organization, by kind."""
        found: dict[str, list[asyncpg.Record]] = {}
        for row in await self.watch.rows(self.organization_id, "differences"):
            if row["resolved_at"] is None and row["expected"] is expected:
                found.setdefault(row["kind"], []).append(row)
        return found

    def copies(self) -> Counter[str]:
        """How many documents were ever made in the books for each local one, in the whole world."""
        made: Counter[str] = Counter()
        for organization_id in self.watch.organization_ids:
            made.update(self.watch.truth(organization_id)["documents_per_local"])
        return made

    def pushes_of(self, object_id: str) -> int:
        """How often we asked the hub to push a document."""
        rows = self.simulator.pushes()["pushes"]
        return sum(
            row["object_id"] == object_id and row["trigger"] == "api" and row["step"] == "requested"
            for row in rows
        )


@asynccontextmanager
async def healing(
    database: Database, *, policy: push_policy.Policy = POLICY, **options: Any
) -> AsyncIterator[Healing]:
    """Open a world of one healthy organization with all its workers; `options` are the simulator's."""
    pace = replace(CADENCE, diff_seconds=CADENCE.poll_seconds)
    given = {"organizations": 1, "documents": 6, "situations": "healthy", "cadence_policy": pace, **options}
    async with watching(database, **given) as watch:
        yield Healing(
            watch=watch,
            pusher=Pusher(database, watch.hub, policy, "replica-1", chance=lambda: 0.5),
            comparer=Comparer(
                database,
                ComparePolicy(diff_seconds=3_600, stuck_seconds=7_200, stale_seconds=7_200),
                "replica-1",
            ),
        )


@asynccontextmanager
async def another_hub(world: Healing, budget: Budget, client_secret: str | None = None) -> AsyncIterator[Hub]:
    """The same hub once more, by a budget of its own and perhaps by wrong credentials."""
    simulator = world.simulator
    dialect = Dialect(simulator.dialect.value)
    async with open_http(
        base_url="http://hub.test/v1", timeout_seconds=5, service_version="1", transport=world.watch.way
    ) as http:
        hub = Hub(
            http=http,
            dialect=dialect,
            credentials=Credentials(
                client_id=simulator.client_id,
                client_secret=client_secret or simulator.client_secret,
                token_url="http://hub.test/v1/auth/token",
            ),
            version=dialect.default_version,
            budget=budget,
            timeout_seconds=5,
            jitter=lambda: 0.0,
        )
        yield hub
        await hub.aclose()
