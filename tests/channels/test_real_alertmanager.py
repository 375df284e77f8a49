"""A real Alertmanager, where one is installed: one incident however often it is told, ended by healing."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.channels.alertmanager import Alertmanager, open_alertmanager
from service.channels.channel import Channel, Fate
from tests.channels.receiver import Receiver, receiving
from tests.channels.samples import message

PROGRAM = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")

DEADLINE_SECONDS = 30.0

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no Alertmanager is installed")

CONFIGURATION = """
route: {{receiver: us, group_by: ['...'], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}}
receivers:
- name: us
  webhook_configs: [{{url: 'http://127.0.0.1:{port}/', send_resolved: true}}]
"""


@asynccontextmanager
async def alertmanager(folder: Path, receiver: Receiver) -> AsyncIterator[tuple[Channel, httpx.AsyncClient]]:
    """Run an Alertmanager that tells the receiver what it makes of our messages."""
    assert PROGRAM
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    configuration = folder / "alertmanager.yml"
    configuration.write_text(CONFIGURATION.format(port=receiver.port))
    process = await asyncio.create_subprocess_exec(
        PROGRAM,
        f"--config.file={configuration}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
        stderr=asyncio.subprocess.DEVNULL,
    )
    channel = open_alertmanager(f"http://127.0.0.1:{port}", allow_private=True)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            await _is_ready(client)
            yield channel, client
    finally:
        await channel.close()
        process.terminate()
        await process.wait()


async def _is_ready(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            try:
                if (await client.get("/-/ready")).is_success:
                    return
            except httpx.TransportError:
                await asyncio.sleep(0.05)


async def active(client: httpx.AsyncClient) -> Sequence[Any]:
    """The alerts that it holds for active."""
    found: Sequence[Any] = (await client.get("/api/v2/alerts", params={"active": True})).json()
    return found


async def test_one_incident_from_its_beginning_to_its_end(tmp_path: Path) -> None:
    """Repeats, growth and refreshing stay one alert, a rise in severity replaces it, healing ends it."""
    async with receiving() as receiver, alertmanager(tmp_path, receiver) as (channel, client):
        first = message()
        assert (await channel.send(first)).fate is Fate.SENT
        await channel.send(message(is_repeat=True))
        await channel.send(message(sequence=2, records_count=99, summary="Grown: 99 records"))
        await channel.refresh([message(sequence=2, records_count=99, summary="Grown: 99 records").body])
        (alert,) = await active(client)
        assert alert["labels"]["alertname"] == "cause_failing"
        assert alert["annotations"]["records_count"] == "99"
        await receiver.wait_for(lambda: len(receiver.received) == 1)

        await channel.send(message(sequence=3, severity="critical", previous_severity="warning"))
        (alert,) = await active(client)
        assert alert["labels"]["severity"] == "critical"

        ended_at = alert["updatedAt"]
        await channel.send(message(sequence=4, severity="critical", status="resolved", ended_at=ended_at))
        await receiver.wait_for(lambda: _critical(receiver) == ["firing", "resolved"])
        assert await active(client) == []


def _critical(receiver: Receiver) -> Sequence[str]:
    """What was told of the critical alert, in order."""
    groups = [request.body for request in receiver.received]
    return [group["status"] for group in groups if group["commonLabels"]["severity"] == "critical"]


async def test_a_clock_that_is_behind_ends_the_former_severity(tmp_path: Path) -> None:
    """A replica whose clock is behind the database's raises a severity, and one alert is left."""
    async with receiving() as receiver, alertmanager(tmp_path, receiver) as (channel, client):
        started_at = datetime.now(UTC)
        told = started_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        await channel.send(message(started_at=told))
        assert isinstance(channel, Alertmanager)
        channel._clock = lambda: started_at - timedelta(minutes=2)
        risen = message(sequence=2, severity="critical", previous_severity="warning", started_at=told)
        assert (await channel.send(risen)).fate is Fate.SENT
        assert [alert["labels"]["severity"] for alert in await active(client)] == ["critical"]
