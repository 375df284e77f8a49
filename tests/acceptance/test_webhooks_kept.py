"""Webhooks while the service dies: whatever was answered 200 is there, once."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Mapping

import pytest

from tests.acceptance.conftest import Stage
from tests.acceptance.processes import START_SECONDS, Service, until
from tests.acceptance.sender import Sender, make_events

EVENTS = 2_000
KILLS = 10

SETTLED_SECONDS = 60.0
"""Two thousand hints are one transaction an organization."""


TROUBLES = {"ConnectError", "ReadError", "RemoteProtocolError", "WriteError", "ReadTimeout", "ConnectTimeout"}
"""What a client meets that talks to a process that is not there, or is no more."""


async def assert_kept(service: Service, sender: Sender) -> None:
    """What was answered 200 is in `/v1/events` exactly once, and nothing is there that was not sent."""
    rows = await service.all("/v1/events", source="webhook")
    times = Counter(row["id"] for row in rows)
    assert times.keys() == sender.acknowledged.keys()
    assert set(times.values()) == {1}


async def assert_worked_off(service: Service) -> None:
    """Every event was worked off as a hint, by whatever process came after the one that stored it."""

    async def is_worked_off() -> bool:
        return bool((await service.get("/status"))["webhooks"]["backlog"] == 0)

    await until("the backlog is worked off", is_worked_off, SETTLED_SECONDS)


def told(answers: Mapping[str, int]) -> str:
    """Answers in words."""
    return ", ".join(f"{name} {count}" for name, count in sorted(answers.items()))


@pytest.mark.timeout(600)
async def test_killed_ten_times_no_webhook_is_lost_or_doubled(stage: Stage) -> None:
    """Of 2,000 webhooks with ten kills meanwhile, each answered 200 is stored exactly once and worked off."""
    hub = await stage.simulator(organizations=3, documents=5)
    service = stage.service(hub)
    sender = Sender(service.url)
    events = make_events(hub.organization_ids, EVENTS)
    repeated = events[:: KILLS * 2]  # as the hub does when it did not hear our answer
    await service.start()
    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        group.create_task(sender.send([*events, *repeated]))
        for kill in range(1, KILLS + 1):
            await sender.until_acknowledged(kill * EVENTS // (KILLS + 1))
            service.running.kill()
            await service.start()
    seconds = time.monotonic() - began
    assert set(sender.answers) - {"200", "503"} <= TROUBLES
    assert len(sender.acknowledged) == EVENTS
    await assert_kept(service, sender)
    await assert_worked_off(service)
    webhooks = (await service.get("/status"))["webhooks"]
    assert webhooks["received"] == EVENTS
    assert webhooks["duplicates"] >= len(repeated)
    sys.stdout.write(
        f"{EVENTS} webhooks, {KILLS} kills, {seconds:.1f} s: {told(sender.answers)}; {webhooks}\n"
    )


@pytest.mark.timeout(600)
async def test_postgres_stopped_under_the_service_loses_nothing(stage: Stage) -> None:
    """When Postgres crashes and comes back the service recovers by itself; what was acknowledged is there."""
    postgres = stage.postgres()
    postgres.start()
    hub = await stage.simulator(organizations=3, documents=5)
    service = stage.service(hub, postgres.url, poll_seconds=2, connection_seconds=2)

    async def is_migrated() -> bool:
        return await stage.command("migrate", service=service) == 0

    await until("the database is migrated", is_migrated, START_SECONDS)
    # One that issued nothing for a day is read once an hour, whatever `poll_seconds` says.
    organization_id = hub.organization_ids[0]
    await hub.control("issue-invoice", organization_id=organization_id)
    await service.start()
    process_id = service.running.id
    sender = Sender(service.url)
    async with asyncio.TaskGroup() as group:
        group.create_task(sender.send(make_events(hub.organization_ids, EVENTS // 2)))
        for crash in (1, 2):
            await sender.until_acknowledged(crash * EVENTS // 6)
            postgres.stop()
            await _until_refused(sender)
            postgres.start()
    assert service.running.id == process_id
    assert set(sender.answers) == {"200", "503"}
    await assert_kept(service, sender)
    await assert_worked_off(service)
    invoice_id = await hub.control("issue-invoice", organization_id=organization_id)

    async def is_seen() -> bool:
        rows = await service.all("/v1/records", organization_id=organization_id)
        return any(row["object_id"] == invoice_id for row in rows)

    await until("the workers go on", is_seen, SETTLED_SECONDS)
    sys.stdout.write(f"{EVENTS // 2} webhooks, 2 crashes of Postgres: {told(sender.answers)}\n")


async def _until_refused(sender: Sender) -> None:
    before = sender.answers["503"]

    async def is_refused() -> bool:
        return sender.answers["503"] > before

    await until("a webhook is answered 503", is_refused, SETTLED_SECONDS)
