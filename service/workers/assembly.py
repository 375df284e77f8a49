"""All workers of a replica, put together from the settings."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

from service.channels.channel import Channel
from service.domain.cadence import bound
from service.domain.fleet import FLEET, FLEET_WORK
from service.domain.pushing import policy as push_policy
from service.hub.allowance import Allowance
from service.hub.budget import Budget, Slots
from service.hub.client import Hub
from service.hub.opening import open_client
from service.hub.sending import Observer
from service.settings import Settings
from service.store.database import Database
from service.store.hub_budget import pause_hub, reserve_hub_slots
from service.store.work import ensure_work, get_now
from service.workers.alerter import Alerter
from service.workers.circuit import Circuit
from service.workers.comparer import ComparePolicy, Comparer
from service.workers.fleet import LIST_SECONDS, Fleet
from service.workers.ingester import Ingester
from service.workers.notifier import Notifier
from service.workers.pacer import Pacer
from service.workers.poller import Means, Poller
from service.workers.pruner import Pruner, ensure_months
from service.workers.pusher import Pusher
from service.workers.work import Worker

ON_THE_WAY: Final = 0.96
"""Requests leave evenly and arrive less so: this share of the hub's rate leaves room for those that catch up
with others on the way."""


def shared_budget(database: Database, rate_per_second: float) -> Budget:
    """The partner's budget, shared with all replicas through Postgres."""
    allowance = Allowance(rate_per_second)

    async def reserve(count: int) -> Slots:
        rate = allowance.rate_per_second * ON_THE_WAY
        async with database.fleet() as connection:
            first_in_seconds = await reserve_hub_slots(connection, count, rate)
        return Slots(first_in_seconds, 1 / rate, count)

    async def forward(seconds: float) -> None:
        async with database.fleet() as connection:
            await pause_hub(connection, seconds)

    return Budget(reserve, forward=forward, allowance=allowance)


@asynccontextmanager
async def open_hub(
    settings: Settings, database: Database, version: str, observe: Observer | None = None
) -> AsyncIterator[Hub]:
    """The hub as the settings name it, under the shared budget."""
    budget = shared_budget(database, settings.hub_rate_per_second)
    async with open_client(settings, budget, version, observe=observe) as hub:
        yield hub


def build_pacer(settings: Settings, database: Database) -> Pacer:
    """What this replica knows of the pace that all share."""
    return Pacer(database, cadence_policy(settings), settings.hub_rate_per_second)


def build_workers(
    settings: Settings,
    database: Database,
    hub: Hub,
    channels: Sequence[Channel],
    replica_id: str,
    *,
    pacer: Pacer,
) -> Sequence[Worker]:
    """Every worker, ready for the scheduler."""
    circuit, following = Circuit(), following_policy(settings)
    means = Means(
        database=database,
        hub=hub,
        replica_id=replica_id,
        cadence=cadence_policy(settings),
        push=following,
        circuit=circuit,
        pacer=pacer,
    )
    return [
        Fleet(
            database=database,
            hub=hub,
            replica_id=replica_id,
            circuit=circuit,
            list_seconds=min(LIST_SECONDS, settings.connection_seconds),
        ),
        Ingester(database=database, replica_id=replica_id),
        Poller(means),
        Pusher(database, hub, following, replica_id, circuit=circuit),
        Comparer(database, compare_policy(settings), replica_id),
        Alerter(database, settings, channels, replica_id),
        Notifier(database, channels, replica_id),
        Pruner(database=database, replica_id=replica_id, retention=timedelta(days=settings.retention_days)),
    ]


async def prepare(database: Database) -> None:
    """Make what workers take for granted: the fleet's own work, and the month that history is written to."""
    async with database.fleet() as connection:
        await ensure_months(connection, await get_now(connection))
        await ensure_work(connection, [FLEET], FLEET_WORK)


def cadence_policy(settings: Settings) -> bound.Policy:
    """How often streams are read."""
    return bound.Policy(
        poll_seconds=settings.poll_seconds,
        connection_seconds=settings.connection_seconds,
        sweep_seconds=settings.sweep_seconds,
        diff_seconds=settings.diff_seconds,
        cure_seconds=settings.cure_seconds,
    )


def following_policy(settings: Settings) -> push_policy.Policy:
    """How records are followed and pushed again."""
    return push_policy.Policy.of(settings)


def compare_policy(settings: Settings) -> ComparePolicy:
    """How often both sides are compared."""
    return ComparePolicy(
        diff_seconds=settings.diff_seconds,
        stuck_seconds=settings.stuck_seconds,
        stale_seconds=settings.stale_seconds,
    )
