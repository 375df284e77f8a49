"""What many tests share: a real Postgres, and a fresh, migrated database for each test that asks for one.

The server is the embedded one, without durability and shared by all workers of a run, or the one that
`TIEOUT_TEST_DATABASE_URL` names (a superuser's address). Each worker migrates one template; a test's database
is a copy of it, which takes a few hundredths of a second.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import asyncpg
import pytest
import structlog
from hypothesis import HealthCheck, settings

from service import embedded, rings
from service.store.database import Database
from service.store.migrate import migrate

T = TypeVar("T")

# How long an example takes, or how many are thrown away, says more of the machine than of the code.
settings.register_profile(
    "tieout",
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
settings.load_profile("tieout")

CONNECTIONS_MAX = "200"
"""Two workers with a few replicas of ten connections each."""

_numbers = count()

# What the suite starts inherits that a signal is ignored, as `nohup` and `&` have it; some tests send them.
for _number, _handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what may take longest, so that nobody waits for it in the end."""

    def seconds(item: pytest.Item) -> float:
        mark = item.get_closest_marker("timeout")
        return float(mark.args[0]) if mark is not None and mark.args else 0.0

    items.sort(key=seconds, reverse=True)


def pytest_collection_finish() -> None:
    """Search for rings of garbage as seldom as the service does; by now all modules are there."""
    rings.search_less()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell what simulations came to, also where all went well."""
    told = [
        str(text)
        for report in terminalreporter.stats.get("passed", ())
        for name, text in getattr(report, "user_properties", ())
        if name == "simulation"
    ]
    if told:
        terminalreporter.section("simulated")
        for text in told:
            terminalreporter.write_line(text)


def run_aside(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in a loop of its own, whatever loop this thread has."""
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(asyncio.run, coroutine).result()


def with_database(url: str, name: str) -> str:
    """The address of another database on the same server."""
    return urlsplit(url)._replace(path=f"/{name}").geturl()


async def command(url: str, *statements: str) -> None:
    """Run statements that know no transaction, such as making a database."""
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def copy_database(url: str, template: str, name: str) -> None:
    """Make a database that is like another.

    File by file where the server can (Postgres 15): by its log it takes two to three times as long.
    """
    connection = await asyncpg.connect(url)
    try:
        how = "STRATEGY FILE_COPY" if connection.get_server_version() >= (15,) else ""
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} {how}")
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the server that this run tests with, as a superuser."""
    given = os.environ.get("TIEOUT_TEST_DATABASE_URL")
    if given:
        yield given
        return
    folder = tmp_path_factory.getbasetemp()
    # The workers of one run have folders side by side; the first one starts the server, the last stops it.
    shared = folder.parent if os.environ.get("PYTEST_XDIST_WORKER") else folder
    settings = {"max_connections": CONNECTIONS_MAX}
    with embedded.start(shared / "postgres", is_durable=False, settings=settings) as server:
        yield server.url


@pytest.fixture(scope="session")
def template_name(postgres_url: str) -> Iterator[str]:
    """A migrated database that nobody connects to, so that it can be copied."""
    name = f"tieout_template_{os.getpid()}"
    run_aside(command(postgres_url, f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name}"))
    run_aside(migrate(with_database(postgres_url, name)))
    yield name
    run_aside(command(postgres_url, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
async def database_url(postgres_url: str, template_name: str) -> AsyncIterator[str]:
    """The address of a fresh, migrated database."""
    name = f"tieout_test_{os.getpid()}_{next(_numbers)}"
    await copy_database(postgres_url, template_name, name)
    yield with_database(postgres_url, name)
    await command(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def empty_database_url(postgres_url: str) -> AsyncIterator[str]:
    """The address of a fresh database that was never migrated."""
    name = f"tieout_empty_{os.getpid()}_{next(_numbers)}"
    await command(postgres_url, f"CREATE DATABASE {name} TEMPLATE template0")
    yield with_database(postgres_url, name)
    await command(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A fresh, migrated database, opened as the service opens it."""
    async with await Database.open(database_url) as opened:
        yield opened


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    """Leave logging as it was, whatever a test made of it."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


@pytest.fixture
def project() -> Path:
    """The project's root folder."""
    return Path(__file__).parents[1]
