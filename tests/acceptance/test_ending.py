"""Ending in good order: SIGTERM in the middle of everything, exit code 0, and nothing lost by it."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
import time

import asyncpg
import pytest

from tests.acceptance.comparison import Comparison
from tests.acceptance.conftest import Stage
from tests.acceptance.processes import Service, until
from tests.acceptance.sender import Sender, make_events
from tests.acceptance.test_webhooks_kept import assert_kept, assert_worked_off

EVENTS = 600
DRAINED_SECONDS = 20.0
"""Fifteen for runs under way, and some for closing."""

EQUAL_SECONDS = 90.0

SECOND_SECONDS = 8.0
"""Less than what an open request is granted by the first signal."""


@pytest.mark.timeout(240)
async def test_told_to_end_it_drains_and_loses_nothing(stage: Stage) -> None:
    """SIGTERM amid a sweep and a storm of webhooks: exit 0 soon, no claim kept, the next start goes on."""
    hub = await stage.simulator(organizations=12, documents=30)
    service = stage.service(hub, hub_rate_per_second=2_000, poll_seconds=5, connection_seconds=5)
    sender = Sender(service.url)
    await service.start()
    async with asyncio.TaskGroup() as group:
        group.create_task(sender.send(make_events(hub.organization_ids, EVENTS)))
        await sender.until_acknowledged(EVENTS // 3)
        began = time.monotonic()
        assert await service.running.end() == 0
        seconds = time.monotonic() - began
        assert seconds < DRAINED_SECONDS
        assert await _claims(stage.database_url) == 0
        await service.start()
    assert set(sender.answers) <= {"200", "503", "ConnectError", "ReadError", "RemoteProtocolError"}
    await assert_kept(service, sender)
    await assert_worked_off(service)
    comparison = Comparison(hub, service)

    async def is_equal() -> bool:
        return not await comparison.differences()

    await until("the sweep that was broken off ends equal", is_equal, EQUAL_SECONDS, step=0.5)
    sys.stdout.write(f"SIGTERM: ended in {seconds:.2f} s; {dict(sender.answers)}\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_told_twice_it_does_not_wait(stage: Stage, number: signal.Signals) -> None:
    """A second signal ends at once what the first one waits for: code 130, no claim kept, no traceback."""
    hub = await stage.simulator()
    silent = stage.stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    service = stage.service(hub, hub_url=f"http://127.0.0.1:{silent.getsockname()[1]}/v1")
    await service.start()
    asked, _ = await asyncio.to_thread(silent.accept)
    stage.stack.callback(asked.close)
    _, slow = await asyncio.open_connection("127.0.0.1", int(service.url.rpartition(":")[2]))
    slow.write(b"POST /webhooks/hub HTTP/1.1\r\nhost: here\r\ncontent-length: 9\r\n\r\n{")
    await slow.drain()
    service.running.interrupt(number)
    await until("it is stopping", lambda: _is_logged(service, "service_stopping"), DRAINED_SECONDS)
    began = time.monotonic()
    service.running.interrupt(number)
    assert await service.running.ended() == 130
    assert time.monotonic() - began < SECOND_SECONDS
    slow.close()
    assert await _claims(stage.database_url) == 0
    assert "Traceback" not in service.log.read_text()


async def _is_logged(service: Service, event: str) -> bool:
    return event in service.log.read_text()


async def _claims(database_url: str) -> int:
    """How much work is still claimed by somebody."""
    connection = await asyncpg.connect(database_url)
    try:
        found: int = await connection.fetchval("SELECT count(*) FROM tieout.work WHERE lease_by IS NOT NULL")
    finally:
        await connection.close()
    return found
