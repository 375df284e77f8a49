"""A replica with all its workers, which can be killed and frozen anywhere, and whose clock may jump."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import httpx

from service import elapsed
from service.domain.cadence import bound
from service.domain.fleet import WorkKind
from service.domain.pushing import policy as push_policy
from service.hub.budget import Budget, single_process
from service.hub.client import Hub
from service.hub.dialect import Dialect
from service.hub.exchange import open_http
from service.hub.signing_in import Credentials
from service.simulator import Simulator
from service.store.database import Database
from service.workers.circuit import Circuit
from service.workers.comparer import ComparePolicy, Comparer
from service.workers.fleet import Fleet
from service.workers.pacer import Pacer
from service.workers.poller import Means, Poller
from service.workers.pusher import Pusher
from service.workers.work import Worker
from tests.workers.dying import Elsewhere, Mortal
from tests.workers.watching import REQUESTS_PER_SECOND

HUB_TIMEOUT_SECONDS = 5.0

POLICY = push_policy.Policy(
    stuck_seconds=3_600,
    retry_base_seconds=60,
    retry_cap_seconds=1_800,
    cure_seconds=300,
    canary_seconds=1_800,
    evidence_seconds=1_800,
    person_seconds=7_200,
)
"""Shorter than the contract's defaults, in about their proportions; tries, pulls and so on are the same."""

CADENCE = bound.Policy(
    poll_seconds=600, connection_seconds=600, sweep_seconds=21_600, diff_seconds=1_800, cure_seconds=600
)

COMPARING = ComparePolicy(diff_seconds=1_800, stuck_seconds=3_600, stale_seconds=3_600)


def _clock() -> float:
    """The machine's own clock, whatever stands behind it by now."""
    return elapsed.seconds()


class Process(Mortal):
    """One replica."""

    deadline_seconds = 3_600.0

    def __init__(
        self,
        name: str,
        database: Database,
        simulator: Simulator,
        transport: httpx.AsyncBaseTransport,
        chance: Callable[[], float],
    ) -> None:
        super().__init__(name, database)
        self.skew = 0.0
        self.suspended_seconds = 0.0
        dialect = Dialect(simulator.dialect.value)
        http = open_http(
            base_url="http://hub.test/v1",
            timeout_seconds=HUB_TIMEOUT_SECONDS,
            service_version="1",
            transport=Elsewhere(transport),
        )
        self.hub = Hub(
            http=http,
            dialect=dialect,
            credentials=Credentials(
                client_id=simulator.client_id,
                client_secret=simulator.client_secret,
                token_url="http://hub.test/v1/auth/token",
            ),
            version=dialect.default_version,
            budget=Budget(single_process(REQUESTS_PER_SECOND, clock=_clock), clock=_clock),
            timeout_seconds=HUB_TIMEOUT_SECONDS,
            clock=_clock,
            jitter=chance,
        )
        circuit = Circuit(clock=_clock)
        means = Means(
            database=database,
            hub=self.hub,
            replica_id=name,
            cadence=CADENCE,
            push=POLICY,
            circuit=circuit,
            pacer=Pacer(database, CADENCE, REQUESTS_PER_SECOND),
            chance=chance,
        )
        self.workers: Mapping[WorkKind, Worker] = {
            worker.kind: worker
            for worker in (
                Fleet(
                    database=database,
                    hub=self.hub,
                    replica_id=name,
                    circuit=circuit,
                    list_seconds=CADENCE.sweep_seconds,
                ),
                Poller(means),
                Pusher(database, self.hub, POLICY, name, chance=chance, circuit=circuit),
                Comparer(database, COMPARING, name),
            )
        }
