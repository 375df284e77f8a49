"""Processes for acceptance tests: made by a test, ended with it whatever became of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.processes import (
    KEY,
    WEBHOOK_SECRET,
    Hub,
    Postgres,
    Process,
    Service,
    reserve_port,
    start_simulator,
)

ANSWER_SECONDS = 60.0
"""The truth about 20,000 records is thirty megabytes, and its teller may have to wait for a core."""


@dataclass
class Stage:
    """Where a test sets up its processes."""

    folder: Path
    database_url: str
    stack: AsyncExitStack
    http: httpx.AsyncClient
    _services: list[Service] = field(default_factory=list)

    async def simulator(self, **options: object) -> Hub:
        """Start a simulated hub; `options` are those of its command line."""
        hub = await start_simulator(self.folder / "simulator.log", self.http, **options)
        self.stack.callback(hub.process.stop)
        return hub

    def service(self, hub: Hub, database_url: object = None, **settings: object) -> Service:
        """Make a replica, not started yet, with an address of its own; `settings` without their prefix."""
        number = len(self._services) + 1
        port = self.stack.enter_context(reserve_port()).getsockname()[1]
        given = {
            "database_url": database_url or self.database_url,
            "listen": f"127.0.0.1:{port}",
            "hub_url": hub.told["url"],
            "hub_client_id": hub.told["client_id"],
            "hub_client_secret": hub.told["client_secret"],
            "hub_dialect": hub.told["dialect"],
            "api_keys": f"acceptance:operator:{KEY}",
            "webhook_secrets": WEBHOOK_SECRET,
            **settings,
        }
        service = Service(
            settings={f"TIEOUT_{name.upper()}": str(value) for name, value in given.items()},
            url=f"http://127.0.0.1:{port}",
            log=self.folder / f"service-{number}.log",
            http=self.http,
        )
        self._services.append(service)
        self.stack.callback(_stop, service)
        return service

    def postgres(self) -> Postgres:
        """Make a durable Postgres of this test's own, not started yet."""
        port = self.stack.enter_context(reserve_port()).getsockname()[1]
        postgres = Postgres(self.folder / "postgres", port)
        self.stack.callback(postgres.stop)
        return postgres

    async def command(self, *arguments: str, service: Service) -> int:
        """Run another command with the settings of a service; returns its exit code."""
        process = Process(arguments, self.folder / "command.log", service.settings)
        self.stack.callback(process.stop)
        return await process.ended()


def _stop(service: Service) -> None:
    if service.process is not None:
        service.process.stop()


@pytest.fixture
async def stage(tmp_path: Path, database_url: str) -> AsyncIterator[Stage]:
    """An empty stage, with a database that outlives its processes."""
    async with AsyncExitStack() as stack:
        headers = {"authorization": f"Bearer {KEY}", "accept": "application/json"}
        limits: Any = httpx.Limits(max_keepalive_connections=0)  # servers come and go under one address
        http = await stack.enter_async_context(
            httpx.AsyncClient(headers=headers, timeout=ANSWER_SECONDS, trust_env=False, limits=limits)
        )
        yield Stage(tmp_path, database_url, stack, http)
