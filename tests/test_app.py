"""The service as a whole: it starts, answers, works, and ends in good order, or says in one line why not."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn

from service import app
from service.errors import DatabaseUnfit, TieoutError
from service.settings import Settings
from service.simulator import Simulator
from service.store.database import Database
from service.store.replicas import list_replicas

DEADLINE_SECONDS = 60.0
KEY = "0123456789abcdefghijklmnop"


@asynccontextmanager
async def simulated_hub() -> AsyncIterator[tuple[Simulator, str]]:
    """The simulated hub over real HTTP."""
    simulator = Simulator(organizations=3, documents=5, rate_per_second=0)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        config = uvicorn.Config(simulator.app, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        server.capture_signals = app._Server.capture_signals.__get__(server)  # type: ignore[method-assign]
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield simulator, f"http://127.0.0.1:{port}/v1"
        finally:
            server.should_exit = True
            await serving
            await simulator.close()


def settings(url: str, hub_url: str = "http://127.0.0.1:9/v1", **more: str) -> Settings:
    """Settings of a service that listens wherever there is room."""
    return Settings.from_environment(
        {
            "TIEOUT_DATABASE_URL": url,
            "TIEOUT_HUB_URL": hub_url,
            "TIEOUT_HUB_CLIENT_ID": "nobody",
            "TIEOUT_HUB_CLIENT_SECRET": "nothing",
            "TIEOUT_LISTEN": "127.0.0.1:0",
            "TIEOUT_API_KEYS": f"somebody:viewer:{KEY}",
            **{f"TIEOUT_{name}": value for name, value in more.items()},
        }
    )


@asynccontextmanager
async def running(wanted: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """Run the service and give a client of it; it is told to stop at the end."""
    stop, ready = asyncio.Event(), asyncio.get_running_loop().create_future()
    task = asyncio.create_task(app.run(wanted, stop=stop, on_ready=ready.set_result))
    done, _ = await asyncio.wait([task, ready], return_when=asyncio.FIRST_COMPLETED, timeout=DEADLINE_SECONDS)
    if task in done:
        task.result()
    headers = {"Authorization": f"Bearer {KEY}", "Accept": "application/json"}
    try:
        async with httpx.AsyncClient(base_url=ready.result(), headers=headers, timeout=10) as client:
            yield client
    finally:
        stop.set()
        async with asyncio.timeout(DEADLINE_SECONDS):
            await task


async def test_it_watches_what_there_is(database_url: str) -> None:
    """From a fresh database and the hub's address alone it comes to know every organization and record."""
    async with simulated_hub() as (simulator, hub_url):
        wanted = settings(
            database_url,
            hub_url,
            HUB_CLIENT_ID=simulator.client_id,
            HUB_CLIENT_SECRET=simulator.client_secret,
            HUB_RATE_PER_SECOND="2000",
        )
        truth = simulator.truth()["organizations"].values()
        async with running(wanted) as client, asyncio.timeout(DEADLINE_SECONDS):
            records = sum(len(each["records"]) for each in truth)
            told = (await client.get("/status")).json()
            while told["records"]["total"] != records or not told["hub"]["reachable"]:
                told = (await client.get("/status")).json()
            assert told["organizations"]["total"] == 3
            assert [each["roles"] for each in told["replicas"]] == [["web", "worker"]]
            assert (await client.get("/livez")).status_code == 200
    async with await Database.open(database_url) as database, database.fleet() as connection:
        assert await list_replicas(connection, 60) == [], "it has signed off"
        leased = await connection.fetchval("SELECT count(*) FROM work WHERE lease_by IS NOT NULL")
    assert leased == 0, "every claim was given back"


async def test_worker_alone_answers_probes_alone(database_url: str) -> None:
    """Without the web role it answers its probes and metrics, and nothing else."""
    async with running(settings(database_url, ROLES="worker")) as client:
        for path in ("/livez", "/readyz", "/metrics"):
            assert (await client.get(path)).status_code == 200
        for path in ("/", "/status", "/v1/records", "/webhooks/hub"):
            assert (await client.get(path)).status_code == 404


async def test_web_alone_works_at_nothing(database_url: str) -> None:
    """Without the worker role nothing is claimed, and the hub is not even asked."""
    async with running(settings(database_url, ROLES="web")) as client:
        told = (await client.get("/status")).json()
        assert [each["roles"] for each in told["replicas"]] in ([["web"]], [])
    async with await Database.open(database_url) as database, database.fleet() as connection:
        assert await connection.fetchval("SELECT count(*) FROM work WHERE fence > 0") == 0


async def test_signal_ends_it(database_url: str) -> None:
    """A SIGTERM ends it in good order."""
    ready = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(app.run(settings(database_url), on_ready=ready.set_result))
    async with asyncio.timeout(DEADLINE_SECONDS):
        await ready
        os.kill(os.getpid(), signal.SIGTERM)
        await task
    assert task.exception() is None


async def test_first_key_is_told_once(database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Where no key is set one is made and printed, and at the next start nothing is."""
    async with running(settings(database_url, API_KEYS="")) as client:
        (key,) = (word for word in capsys.readouterr().out.split() if word.startswith("tieout_"))
        answer = await client.get("/status", headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == 200
    async with running(settings(database_url, API_KEYS="")):
        assert "tieout_" not in capsys.readouterr().out.replace("tieout_test", "")


async def test_port_that_is_taken(database_url: str) -> None:
    """A port that another program has is told in one line, before any work is claimed."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(TieoutError, match=f"TIEOUT_LISTEN: 127.0.0.1:{port} cannot be listened on"):
            await app.run(settings(database_url, LISTEN=f"127.0.0.1:{port}"))


async def test_host_that_is_not_ours(database_url: str) -> None:
    """An address of another machine is told in one line."""
    with pytest.raises(TieoutError, match="TIEOUT_LISTEN"):
        await app.run(settings(database_url, LISTEN="192.0.2.1:8080"))


async def test_schema_that_lacks_migrations(empty_database_url: str) -> None:
    """A database that was never migrated is left alone, and the remedy is told."""
    with pytest.raises(DatabaseUnfit, match="run `tieout migrate`"):
        await app.run(settings(empty_database_url))


async def test_own_postgres_comes_along(tmp_path: Path) -> None:
    """Without an address of a database it brings its own, migrates it, and stops it at the end."""
    wanted = settings("", DATA_DIR=str(tmp_path))
    async with running(wanted) as client:
        assert (await client.get("/readyz")).status_code == 200
    assert not (tmp_path / "postgres" / "server.json").exists()
