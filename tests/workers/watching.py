"""A simulated hub, a real Postgres and the workers that watch, driven run by run by clocks that a test moves.

The hub's clock stands still between moves; Postgres' runs on, ahead of it by the little that a test takes.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx

from service.domain.cadence import bound
from service.domain.fleet import FLEET, FLEET_WORK
from service.domain.pushing import policy as push_policy
from service.hub.budget import Budget, single_process
from service.hub.client import Hub
from service.hub.dialect import Dialect
from service.hub.exchange import open_http
from service.hub.signing_in import Credentials
from service.simulator import Clock, Simulator, SimulatorTransport
from service.store.database import Database
from service.store.work import ensure_work
from service.workers.circuit import Circuit
from service.workers.fleet import Fleet
from service.workers.ingester import Ingester
from service.workers.pacer import Pacer
from service.workers.poller import Means, Poller
from service.workers.work import Worker

REQUESTS_PER_SECOND = 100_000.0
"""The budget has tests of its own; here it must not cost time."""

RUNS_MAX = 2_000
"""More runs than this in a row are a spin."""

CADENCE = bound.Policy(
    poll_seconds=300, connection_seconds=300, sweep_seconds=86_400, diff_seconds=3_600, cure_seconds=300
)


class _Stream(httpx.AsyncByteStream):
    """A body that is read once, as from a network."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._content


class Tampering(httpx.AsyncBaseTransport):
    """The way to the hub, on which answers may be changed and requests looked at."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner
        # Given the request and the decoded body.
        self.tamper: Callable[[httpx.Request, Any], Any] | None = None
        self.before: Callable[[httpx.Request], None] | None = None
        self.meanwhile: Callable[[httpx.Request], Awaitable[None]] | None = None
        # Given the request: a status and a body that are answered in the hub's place.
        self.instead: Callable[[httpx.Request], tuple[int, Any] | None] | None = None
        self.most_at_once = 0
        self._under_way: Counter[str] = Counter()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass a request on, and its answer back; counts how many of one organization are under way."""
        organization = request.headers.get("X-Organization-Id", "")
        self._under_way[organization] += 1
        if organization:
            self.most_at_once = max(self.most_at_once, self._under_way[organization])
        try:
            return await self._pass(request)
        finally:
            self._under_way[organization] -= 1

    async def _pass(self, request: httpx.Request) -> httpx.Response:
        if self.before is not None:
            self.before(request)
        if self.meanwhile is not None:
            await self.meanwhile(request)
        if self.instead is not None and (answer := self.instead(request)) is not None:
            content = json.dumps(answer[1]).encode()
            return httpx.Response(answer[0], stream=_Stream(content), request=request)
        response = await self._inner.handle_async_request(request)
        if self.tamper is None:
            return response
        body = self.tamper(request, json.loads(await response.aread()))
        await response.aclose()
        content = json.dumps(body).encode()
        return httpx.Response(response.status_code, stream=_Stream(content), request=request)

    async def aclose(self) -> None:
        """Close the way."""
        await self._inner.aclose()


@dataclass
class Watching:
    """The world, and the workers that watch it."""

    simulator: Simulator
    way: Tampering
    database: Database
    hub: Hub
    fleet: Fleet
    poller: Poller
    ingester: Ingester
    means: Means

    @property
    def organization_ids(self) -> Sequence[UUID]:
        """Every organization of the world."""
        return [UUID(each) for each in self.simulator.organization_ids]

    @property
    def requests(self) -> int:
        """How many requests have arrived at the hub."""
        count: int = self.simulator.requests(1)["count"]
        return count

    def truth(self, organization_id: UUID) -> Mapping[str, Any]:
        """Tell the truth about an organization."""
        told = self.simulator.truth(str(organization_id))["organizations"]
        mine: Mapping[str, Any] = told[str(organization_id)]
        return mine

    def advance(self, seconds: float) -> None:
        """Let time pass, for the hub and for us."""
        self.simulator.advance(seconds)
        self.database.clock_offset += timedelta(seconds=seconds)

    async def run(self, worker: Worker) -> int:
        """Let a worker run until nothing is due; returns how many runs did something."""
        for runs in range(RUNS_MAX):
            tally = await worker.run_once(await self.database.now())
            if tally.is_idle:
                return runs
        raise AssertionError(f"{worker.kind} finds work for ever")

    async def catch_up(self) -> None:
        """Let everybody run until nothing is due, nor due in a moment."""
        await self.run(self.fleet)
        while await self.run(self.ingester) + await self.run(self.poller):
            self.advance(1)

    async def sweep(self) -> None:
        """Let so much time pass that everything is read again, and read it."""
        self.advance(CADENCE.sweep_seconds)
        await self.catch_up()

    async def rows(self, organization_id: UUID, table: str) -> Sequence[asyncpg.Record]:
        """Every row of a table that the organization has."""
        async with self.database.organization(organization_id) as connection:
            return await connection.fetch(f"SELECT * FROM {table} ORDER BY 1, 2, 3, 4")  # noqa: S608 - our names

    async def versions(self, organization_id: UUID) -> Mapping[str, Any]:
        """What is there and in which version, to see that nothing was written."""
        found: dict[str, Any] = {}
        for table in ("connections", "reference_objects", "records", "documents"):
            for row in await self.rows(organization_id, table):
                found[f"{table} {tuple(row)[1:4]}"] = (row["version"], row["changed_at"])
        history = await self.rows(organization_id, "history")
        return found | {"history": len(history)}


async def _midmonth(database: Database) -> datetime:
    """Move our clock to noon of the next 15th: days pass in a world, and it must not end another month."""
    now = await database.now()
    noon = now.replace(day=15, hour=12, minute=0, second=0, microsecond=0)
    if noon < now:
        noon = (noon + timedelta(days=31)).replace(day=15)
    database.clock_offset += noon - now
    return noon


@asynccontextmanager
async def watching(
    database: Database,
    *,
    dialect: Dialect = Dialect.TESOURO,
    cadence_policy: bound.Policy = CADENCE,
    timeout_seconds: float = 5,
    **options: Any,
) -> AsyncIterator[Watching]:
    """Open a world and its watchers; `options` are the simulator's."""
    clock = Clock.manual(await _midmonth(database))
    given = {"organizations": 3, "documents": 20, "rate_per_second": 0, "seed": 7, "clock": clock, **options}
    simulator = Simulator(dialect=dialect.value, **given)
    async with AsyncExitStack() as stack:
        way = Tampering(SimulatorTransport(simulator.app))
        http = await stack.enter_async_context(
            open_http(
                base_url="http://hub.test/v1",
                timeout_seconds=timeout_seconds,
                service_version="1",
                transport=way,
            )
        )
        hub = Hub(
            http=http,
            dialect=dialect,
            credentials=Credentials(
                client_id=simulator.client_id,
                client_secret=simulator.client_secret,
                token_url="http://hub.test/v1/auth/token",
            ),
            version=dialect.default_version,
            budget=Budget(single_process(REQUESTS_PER_SECOND)),
            timeout_seconds=timeout_seconds,
            jitter=lambda: 0.0,
        )
        stack.push_async_callback(hub.aclose)
        means = Means(
            database=database,
            hub=hub,
            replica_id="replica-1",
            cadence=cadence_policy,
            push=push_policy.Policy(),
            circuit=Circuit(),
            pacer=Pacer(database, cadence_policy, REQUESTS_PER_SECOND),
            chance=lambda: 0.5,
        )
        async with database.fleet() as connection:
            await ensure_work(connection, [FLEET], FLEET_WORK)
        yield Watching(
            simulator=simulator,
            way=way,
            database=database,
            hub=hub,
            fleet=Fleet(database=database, hub=hub, replica_id="replica-1", circuit=means.circuit),
            poller=Poller(means),
            ingester=Ingester(database=database, replica_id="replica-1"),
            means=means,
        )
        await simulator.close()
