"""The service beside the world: 200 organizations, 20,000 records, real processes, real Postgres, real HTTP."""

from __future__ import annotations

import sys
import time

import pytest

from tests.acceptance.comparison import Comparison
from tests.acceptance.conftest import Stage
from tests.acceptance.processes import Hub, Service, until

ORGANIZATIONS = 200
DOCUMENTS = 107
"""Makes 20,000 records: drafts and documents from before the connection have none."""

EQUAL_SECONDS = 150.0
"""A sweep takes forty seconds where nobody else wants the two cores."""

SETTINGS = {"hub_rate_per_second": 2_000, "poll_seconds": 15, "connection_seconds": 15, "cure_seconds": 15}
"""Bounds short enough for a test; the budget has tests of its own."""


@pytest.mark.timeout(400)
async def test_what_is_told_is_true_at_any_time(stage: Stage, database_url: str) -> None:
    """`/status` and `/v1/records` equal the hub after a sweep, 1,000 changes, and 300 while nobody looked."""
    hub = await stage.simulator(organizations=ORGANIZATIONS, documents=DOCUMENTS, seed=2)
    first = stage.service(hub, database_url, **SETTINGS)
    second = stage.service(hub, database_url, **SETTINGS, roles="worker")
    began = time.monotonic()
    for service in (first, second):
        await service.start()
    await equal("after the first sweep", hub, first, began)
    assert (await first.get("/status"))["records"]["total"] >= 20_000

    await hub.control("stir", changes=1_000)
    await equal("after 1,000 changes", hub, first, time.monotonic())

    for service in (first, second):
        assert await service.running.end() == 0
    await hub.control("stir", changes=300)
    began = time.monotonic()
    for service in (first, second):
        await service.start()
    await equal("after 300 changes while it was down", hub, first, began)


async def equal(when: str, hub: Hub, service: Service, began: float) -> None:
    """Wait until what the service tells is the truth; fail with what differs."""
    calls = (await hub.tell("requests", limit=0))["count"]
    comparison = Comparison(hub, service)
    last: list[str] = []

    async def is_equal() -> bool:
        service.running
        last[:] = await comparison.differences()
        return not last

    try:
        await until(f"equal {when}", is_equal, EQUAL_SECONDS, step=1.0)
    except AssertionError as error:
        raise AssertionError(f"{error}: {last}") from None
    seconds, calls = time.monotonic() - began, (await hub.tell("requests", limit=0))["count"] - calls
    records = (await service.get("/status"))["records"]
    sys.stdout.write(f"equal {when}: {seconds:.1f} s, {calls} calls to the hub, {records['sync_status']}\n")
