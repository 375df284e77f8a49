"""Pushes of unknown outcome, on real processes that are killed and stopped all the while: nothing twice."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.acceptance.conftest import Stage
from tests.acceptance.processes import Service, until

SEED = 8

AMBIGUOUS: Sequence[tuple[str, Mapping[str, object]]] = (
    ("executed_answer_lost", {}),
    ("sent_and_lost", {}),
    ("executed_late", {"seconds": 2}),
    ("server_error", {"status": 502, "executed": True}),
    ("server_error", {"status": 500}),
    ("html", {"status": 504}),
    ("truncated", {}),
    ("drip", {"seconds": 8}),
    ("hang", {"seconds": 8}),
)
"""Whatever leaves it open whether a push was carried out; half of them were."""

SETTINGS: Mapping[str, object] = {
    "poll_seconds": 2,
    "connection_seconds": 2,
    "diff_seconds": 4,
    "confirm_seconds": 2,
    "cure_seconds": 2,
    "retry_base_seconds": 0.5,
    "retry_cap_seconds": 2,
    "retry_attempts": 1_000,
    "evidence_seconds": 4,
    "evidence_pulls": 2,
    "hub_timeout_seconds": 3,
    "hub_rate_per_second": 300,
}
"""Waits short enough for a test; leases are as long as ever."""

PROGRESS_SECONDS = 240.0
"""So long may nothing change at all, on a machine that does ten other things."""

RESTED_SECONDS = 2.0
"""Between two interruptions of one replica."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is done to how many."""

    organizations: int
    documents: int
    """Of each. Half of what is ambiguous lands, so each takes two such pushes on average."""
    ambiguous: int
    kills: int
    stops: int
    stop_seconds_max: float


@dataclass
class Trouble:
    """What was done to the replicas."""

    random: random.Random
    kills: int = 0
    stops: int = 0
    stopped_seconds: list[float] = field(default_factory=list)

    async def kill(self, replica: Service, times: int) -> None:
        """Kill a replica again and again, and start it anew each time."""
        for _ in range(times):
            await asyncio.sleep(RESTED_SECONDS * self.random.random())
            replica.running.kill()
            self.kills += 1
            await replica.start()

    async def stop(self, replica: Service, times: int, seconds_max: float) -> None:
        """Freeze a replica again and again; its sockets stay open, and it wakes up as if nothing had been."""
        for _ in range(times):
            await asyncio.sleep(RESTED_SECONDS * self.random.random())
            seconds = seconds_max * self.random.uniform(0.3, 1)
            os.kill(replica.running.id, signal.SIGSTOP)
            try:
                await asyncio.sleep(seconds)
            finally:
                os.kill(replica.running.id, signal.SIGCONT)
            self.stops += 1
            self.stopped_seconds.append(seconds)


@pytest.mark.timeout(600)
async def test_ambiguous_pushes_under_kills_and_stops(stage: Stage) -> None:
    """Pushes of unknown outcome, kill -9 and SIGSTOP meanwhile: each document lands, once."""
    size = Size(organizations=4, documents=8, ambiguous=24, kills=4, stops=1, stop_seconds_max=20)
    await live_through(stage, size)


@pytest.mark.night
@pytest.mark.timeout(3000)
async def test_300_ambiguous_pushes_under_30_kills_and_10_stops(stage: Stage) -> None:
    """The same of 300 pushes of unknown outcome, 30 kills, and 10 stops of up to a minute."""
    size = Size(organizations=10, documents=25, ambiguous=300, kills=30, stops=10, stop_seconds_max=60)
    await live_through(stage, size)


async def live_through(stage: Stage, size: Size) -> None:
    """Issue, fail, push into the dark, kill and stop, mend, and count what the books received."""
    hub = await stage.simulator(
        organizations=size.organizations,
        documents=2,
        seed=SEED,
        situations="healthy",
        **{"push-seconds": "0.2 1", "pull-seconds": 4},
    )
    watcher = stage.service(hub, **SETTINGS, roles="web")
    replicas = [stage.service(hub, **SETTINGS, roles="worker") for _ in range(4)]
    for replica in (watcher, *replicas):
        await replica.start()
    documents = {
        await hub.control("issue-invoice", organization_id=each, fails="rate_limited")
        for each in hub.organization_ids
        for _ in range(size.documents)
    }
    for place, (kind, options) in enumerate(AMBIGUOUS):
        # The first that applies is taken: so each is as likely as the others, and one of them is sure.
        likely = 1 / (len(AMBIGUOUS) - place)
        await hub.control("add-fault", kind=kind, endpoint="POST *push", probability=likely, **options)
    trouble = Trouble(random.Random(SEED))  # noqa: S311 - drawn from a seed
    began = time.monotonic()
    half_kills, half_stops = size.kills // 2, size.stops // 2
    await asyncio.gather(
        trouble.kill(replicas[0], half_kills),
        trouble.kill(replicas[1], size.kills - half_kills),
        trouble.stop(replicas[2], half_stops, size.stop_seconds_max),
        trouble.stop(replicas[3], size.stops - half_stops, size.stop_seconds_max),
        _until_moving("pushes in the dark", lambda: _uncertain(watcher, documents), size.ambiguous),
    )
    await hub.control("clear-faults")
    await _until_moving("all have landed", lambda: _landed(watcher, documents), len(documents))
    seconds = time.monotonic() - began

    told = await hub.tell("pushes", limit=0)
    copies = Counter[str]()
    for each in told["documents_per_local"].values():
        copies.update(each)
    assert {copies[document] for document in documents} == {1}, "each is in the books, once"
    outcomes, rows = await _outcomes(watcher, documents)
    assert {row["state"] for row in rows} <= {"acknowledged", "confirmed"}
    assert outcomes["uncertain"] >= size.ambiguous
    assert trouble.kills == size.kills
    assert trouble.stops == size.stops
    sys.stdout.write(
        f"{len(documents)} documents, attempts {dict(outcomes)}; {trouble.kills} kills, {trouble.stops} "
        f"stops of up to {max(trouble.stopped_seconds):.0f} s; each landed once, in {seconds:.0f} s\n"
    )


async def _until_moving(what: str, count: Any, wanted: int) -> None:
    """Wait until something has been counted so often; fail when it does not move any more."""
    seen, moved_at = -1, time.monotonic()

    async def is_there() -> bool:
        nonlocal seen, moved_at
        now = await count()
        if now != seen:
            seen, moved_at = now, time.monotonic()
        assert time.monotonic() - moved_at < PROGRESS_SECONDS, f"{what}: stays at {seen} of {wanted}"
        return bool(now >= wanted)

    await until(what, is_there, 2_500, step=3.0)


async def _uncertain(service: Service, documents: set[str]) -> int:
    """How many pushes have had an unknown outcome so far."""
    outcomes, _ = await _outcomes(service, documents)
    return outcomes["uncertain"]


async def _landed(service: Service, documents: set[str]) -> int:
    """How many of the documents the service knows to be in the books."""
    _, rows = await _outcomes(service, documents)
    return sum(row["state"] in {"acknowledged", "confirmed"} for row in rows)


async def _outcomes(
    service: Service, documents: set[str]
) -> tuple[Counter[str], Sequence[Mapping[str, Any]]]:
    """What became of all attempts, and where the records stand."""
    rows = [
        row
        for row in await service.all("/v1/records", object_type="receivable")
        if row["object_id"] in documents
    ]
    outcomes: Counter[str] = Counter()
    for row in rows:
        story = await service.get(f"/v1/records/{row['id']}")
        outcomes.update(attempt["outcome"] for attempt in story["attempts"])
    return outcomes, rows
