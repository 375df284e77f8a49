"""A Postgres of a benchmark's own: the one that comes along, in a folder that ends with it, on loopback.

With `is_durable` it keeps every promise that a production server keeps; without, it is for data that is only
read. `TIEOUT_BENCH_DATABASE_URL` names another server instead, by a superuser's address.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from service import embedded
from service.store.migrate import migrate

NAME = "tieout_benchmark"

SETTINGS: Mapping[str, str] = {
    "max_connections": "100",
    "shared_buffers": "512MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "4GB",
}
"""What anybody who runs Postgres for work sets first; the rest is as it comes."""


@contextmanager
def postgres(*, is_durable: bool = True, settings: Mapping[str, str] | None = None) -> Iterator[str]:
    """Start a server and give the address of an empty database in it, as a superuser."""
    given = os.environ.get("TIEOUT_BENCH_DATABASE_URL")
    if given:
        yield _fresh(given)
        return
    with tempfile.TemporaryDirectory(prefix="tieout-bench-") as folder:
        options = {**SETTINGS, **(settings or {})}
        with embedded.start(Path(folder) / "postgres", is_durable=is_durable, settings=options) as server:
            yield _fresh(server.url)


@contextmanager
def migrated(*, is_durable: bool = True, settings: Mapping[str, str] | None = None) -> Iterator[str]:
    """Start a server and give the address of a migrated database in it."""
    with postgres(is_durable=is_durable, settings=settings) as url:
        asyncio.run(migrate(url))
        yield url


def _fresh(url: str) -> str:
    asyncio.run(_make(url))
    return urlsplit(url)._replace(path=f"/{NAME}").geturl()


async def _make(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
        await connection.execute(f"CREATE DATABASE {NAME}")
    finally:
        await connection.close()
