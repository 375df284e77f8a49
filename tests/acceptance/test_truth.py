"""The service beside the world: thousands of records, real processes, Postgres and HTTP."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest

from tests.acceptance.comparison import Comparison
from tests.acceptance.conftest import Stage
from tests.acceptance.processes import Hub, Service, until

DOCUMENTS_EACH = 107
"""Makes a hundred records or a few less: drafts and documents from before the connection have none."""

EQUAL_SECONDS = 400.0
"""A sweep takes forty seconds where nobody else wants the two cores; a machine may be ten times as busy."""

SETTINGS: Mapping[str, object] = {"hub_rate_per_second": 2_000, "retry_attempts": 0}
"""No retries, so that the world holds still while it is compared. The budget and retrying have tests of their
own."""


@dataclass(frozen=True, slots=True)
class Size:
    """How many there are, and how many changes happen while the service runs, and while it is down."""

    organizations: int
    records: int
    changes: int
    changes_while_down: int
    bound_seconds: float
    """Short enough for a test, and long enough for two busy cores to keep it."""

    @property
    def settings(self) -> Mapping[str, object]:
        """What a replica is given; who was quiet for a day is read as often as both sides are compared."""
        bounds = ("poll_seconds", "connection_seconds", "diff_seconds")
        return {**SETTINGS, **dict.fromkeys(bounds, self.bound_seconds)}


@pytest.mark.timeout(1300)
async def test_what_is_told_is_true_at_any_time(stage: Stage) -> None:
    """`/status` and `/v1/records` equal the hub after a sweep, 100 changes, and 30 while nobody looked."""
    await stay_true(
        stage, Size(organizations=20, records=1_700, changes=100, changes_while_down=30, bound_seconds=15)
    )


@pytest.mark.night
@pytest.mark.timeout(1300)
async def test_what_is_told_of_twenty_thousand_records_is_true_at_any_time(stage: Stage) -> None:
    """The same of 20,000 records of 200 organizations, with 1,000 changes, and 300 while nobody looked."""
    await stay_true(
        stage,
        Size(organizations=200, records=20_000, changes=1_000, changes_while_down=300, bound_seconds=60),
    )


async def stay_true(stage: Stage, size: Size) -> None:
    """Compare after each thing that happens."""
    hub = await stage.simulator(
        organizations=size.organizations,
        documents=DOCUMENTS_EACH,
        seed=2,
        **{"pull-seconds": 1_000_000},
    )
    replicas = [stage.service(hub, **size.settings, roles=roles) for roles in ("web,worker", "worker")]
    began = time.monotonic()
    await start(replicas)
    await equal("after the first sweep", hub, replicas[0], began)
    total = (await replicas[0].get("/status"))["records"]["total"]
    assert total >= size.records

    began = time.monotonic()
    await hub.control("stir", changes=size.changes)
    await read_unconnected(stage, hub, replicas[0])
    await equal(f"after {size.changes} changes", hub, replicas[0], began)

    await end(replicas)
    await hub.control("stir", changes=size.changes_while_down)
    began = time.monotonic()
    await start(replicas)
    await read_unconnected(stage, hub, replicas[0])
    await equal(f"after {size.changes_while_down} changes while it was down", hub, replicas[0], began)


async def start(replicas: Sequence[Service]) -> None:
    """Start them all."""
    for replica in replicas:
        await replica.start()


async def end(replicas: Sequence[Service]) -> None:
    """End them all in good order."""
    for replica in replicas:
        assert await replica.running.end() == 0


async def read_unconnected(stage: Stage, hub: Hub, service: Service) -> None:
    """Ask for what is otherwise read once a day: nothing reaches the books of who is not connected.

    Who loses the connection just while its books are read fails that reading, and is asked for again.
    """
    truth = await hub.truth()
    ids = [
        key
        for key, told in truth.organizations.items()
        if (told.connection or {}).get("status") != "connected"
    ]

    async def is_read() -> bool:
        return await stage.command("backfill", *ids, service=service) == 0

    await until("who is not connected was read", is_read, EQUAL_SECONDS)


async def equal(when: str, hub: Hub, service: Service, began: float) -> None:
    """Wait until what the service tells is the truth; fail with what differs."""
    calls = (await hub.tell("requests", limit=0))["count"]
    comparison = Comparison(hub, service)
    last: list[str] = []

    async def is_equal() -> bool:
        service.require_running()
        last[:] = await comparison.differences()
        return not last

    try:
        await until(f"equal {when}", is_equal, EQUAL_SECONDS, step=1.0)
    except AssertionError as error:
        raise AssertionError(f"{error}: {last}; {await comparison.details()}") from None
    seconds, calls = time.monotonic() - began, (await hub.tell("requests", limit=0))["count"] - calls
    records = (await service.get("/status"))["records"]
    sys.stdout.write(f"equal {when}: {seconds:.1f} s, {calls} calls to the hub, {records['sync_status']}\n")
