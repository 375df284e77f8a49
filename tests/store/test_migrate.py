"""Migrations: once each, in order, by one replica at a time, and never on a schema that is not ours."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from service.errors import DatabaseUnfit, DatabaseUnreachable
from service.store.database import Database
from service.store.migrate import ADVISORY_LOCK, migrate, pending, read

FIRST = """\
-- A table to be filled.
CREATE TABLE tieout.things (id integer PRIMARY KEY);
"""
SECOND = """\
-- Things are looked up by name.
ALTER TABLE tieout.things ADD COLUMN name text;
"""


def write(folder: Path, files: Mapping[str, str]) -> Path:
    """Make a folder of migrations."""
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.sql").write_text(text)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two small migrations."""
    return write(tmp_path / "migrations", {"0001_things": FIRST, "0002_names": SECOND})


@pytest.fixture
async def admin(empty_database_url: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A session in the empty database, with all rights."""
    connection = await asyncpg.connect(empty_database_url)
    yield connection
    await connection.close()


async def test_each_is_applied_once_in_order(
    empty_database_url: str, folder: Path, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    """The first run applies all, the second none, and both say so."""
    assert await pending(empty_database_url, folder=folder) == ["0001_things", "0002_names"]
    assert await migrate(empty_database_url, folder=folder) == ["0001_things", "0002_names"]
    assert await pending(empty_database_url, folder=folder) == []
    assert await migrate(empty_database_url, folder=folder) == []
    assert await admin.fetch("select id, name from tieout.things") == []


async def test_replicas_at_once_apply_each_once(empty_database_url: str, folder: Path) -> None:
    """Eight replicas that start at the same moment apply every migration exactly once between them."""
    applied = await asyncio.gather(*(migrate(empty_database_url, folder=folder) for _ in range(8)))
    assert sorted(name for names in applied for name in names) == ["0001_things", "0002_names"]


async def test_several_databases_of_one_cluster_at_once(postgres_url: str) -> None:
    """Databases that share one cluster, and so its roles, can all be migrated at the same moment."""
    names = [f"tieout_race_{number}" for number in range(4)]
    urls = [urlsplit(postgres_url)._replace(path=f"/{name}").geturl() for name in names]
    connection = await asyncpg.connect(postgres_url)
    try:
        for name in names:
            await connection.execute(f"CREATE DATABASE {name}")
        applied = await asyncio.gather(*(migrate(url) for url in urls))
        assert len({tuple(each) for each in applied}) == 1
    finally:
        for name in names:
            await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await connection.close()


async def test_a_failing_migration_leaves_nothing(
    empty_database_url: str, folder: Path, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    """What a file did before its failing statement is undone, and what was applied before it stays."""
    write(folder, {"0003_wrong": "-- Wrong.\nCREATE TABLE tieout.more ();\nSELECT 1 / 0;\n"})
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(empty_database_url, folder=folder)
    assert await admin.fetchval("select to_regclass('tieout.more')") is None
    assert await pending(empty_database_url, folder=folder) == ["0003_wrong"]


async def test_an_edited_migration_is_refused_by_name(empty_database_url: str, folder: Path) -> None:
    """A file that was changed after it had been applied is named, by `migrate` and by `pending`."""
    await migrate(empty_database_url, folder=folder)
    write(folder, {"0001_things": FIRST + "-- changed\n"})
    with pytest.raises(DatabaseUnfit, match="0001_things"):
        await migrate(empty_database_url, folder=folder)
    with pytest.raises(DatabaseUnfit, match="0001_things"):
        await pending(empty_database_url, folder=folder)


async def test_line_ends_do_not_matter(empty_database_url: str, folder: Path) -> None:
    """The same file, checked out with other line ends, is the same migration."""
    await migrate(empty_database_url, folder=folder)
    (folder / "0001_things.sql").write_bytes(FIRST.replace("\n", "\r\n").encode())
    assert await pending(empty_database_url, folder=folder) == []


async def test_the_release_before_runs_on_the_newer_schema(empty_database_url: str, folder: Path) -> None:
    """A release that lacks the newest migration works on, so that an upgrade can be rolled back."""
    await migrate(empty_database_url, folder=folder)
    (folder / "0002_names.sql").unlink()
    assert await pending(empty_database_url, folder=folder) == []
    assert await migrate(empty_database_url, folder=folder) == []


async def test_an_incompatible_newer_schema_is_refused(empty_database_url: str, folder: Path) -> None:
    """A migration that says so keeps older releases from working on its schema."""
    write(folder, {"0002_names": f"-- Names replace ids.\n-- not compatible\n{SECOND}"})
    await migrate(empty_database_url, folder=folder)
    (folder / "0002_names.sql").unlink()
    with pytest.raises(DatabaseUnfit, match=r"newer release \(0002_names\)"):
        await pending(empty_database_url, folder=folder)


async def test_one_that_is_not_transactional(
    empty_database_url: str, folder: Path, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    """A marked file may hold statements that no transaction takes, while other replicas wait their turn."""
    write(
        folder,
        {
            "0003_index": "-- Names are searched.\n-- not transactional\n"
            "DROP INDEX CONCURRENTLY IF EXISTS tieout.things_name;\n"
            "CREATE INDEX CONCURRENTLY things_name\n    ON tieout.things (name);\n"
        },
    )
    await asyncio.gather(*(migrate(empty_database_url, folder=folder) for _ in range(3)))
    assert await admin.fetchval(
        "select indisvalid from pg_index where indexrelid = 'tieout.things_name'::regclass"
    )


async def test_a_locked_table_delays_but_does_not_fail(
    empty_database_url: str,
    folder: Path,
    admin: asyncpg.Connection[asyncpg.Record],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A table in use makes the migration try again until it is free."""
    monkeypatch.setattr("service.store.migrate.LOCK_SECONDS", 0.1)
    monkeypatch.setattr("service.store.migrate.RETRY_SECONDS", 0.01)
    (folder / "0002_names.sql").rename(folder / "later")
    await migrate(empty_database_url, folder=folder)
    (folder / "later").rename(folder / "0002_names.sql")
    async with admin.transaction():
        await admin.execute("LOCK TABLE tieout.things")
        migrating = asyncio.create_task(migrate(empty_database_url, folder=folder))
        done, _ = await asyncio.wait([migrating], timeout=0.5)
        assert not done
    assert await migrating == ["0002_names"]


async def test_an_index_that_had_to_wait_is_whole(
    empty_database_url: str,
    folder: Path,
    admin: asyncpg.Connection[asyncpg.Record],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is left of an index whose making was given up does not pass for the index."""
    monkeypatch.setattr("service.store.migrate.LOCK_SECONDS", 0.1)
    monkeypatch.setattr("service.store.migrate.RETRY_SECONDS", 0.01)
    await migrate(empty_database_url, folder=folder)
    write(
        folder,
        {
            "0003_index": "-- Names are searched.\n-- not transactional\n"
            "CREATE INDEX CONCURRENTLY IF NOT EXISTS things_name ON tieout.things (name);\n"
        },
    )
    async with admin.transaction():
        await admin.execute("INSERT INTO tieout.things VALUES (1, 'one')")
        migrating = asyncio.create_task(migrate(empty_database_url, folder=folder))
        done, _ = await asyncio.wait([migrating], timeout=0.5)
        assert not done
    assert await migrating == ["0003_index"]
    assert await admin.fetchval(
        "select indisvalid from pg_index where indexrelid = 'tieout.things_name'::regclass"
    )


async def test_a_migration_may_take_longer_than_others_are_waited_for(
    empty_database_url: str, folder: Path
) -> None:
    """What a large table takes is not cut off: the deadline is for waiting alone."""
    write(folder, {"0003_long": "-- Large.\nSELECT pg_sleep(0.6);\n"})
    applied = await migrate(empty_database_url, folder=folder, deadline_seconds=0.3)
    assert applied == ["0001_things", "0002_names", "0003_long"]


async def test_waiting_for_a_lock_has_an_end(
    empty_database_url: str,
    folder: Path,
    admin: asyncpg.Connection[asyncpg.Record],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A table that is never free is told, and the migration is not applied."""
    monkeypatch.setattr("service.store.migrate.LOCK_SECONDS", 0.1)
    monkeypatch.setattr("service.store.migrate.RETRY_SECONDS", 0.01)
    (folder / "0002_names.sql").rename(folder / "later")
    await migrate(empty_database_url, folder=folder)
    (folder / "later").rename(folder / "0002_names.sql")
    async with admin.transaction():
        await admin.execute("LOCK TABLE tieout.things")
        with pytest.raises(DatabaseUnreachable, match="a long transaction holds a table"):
            await migrate(empty_database_url, folder=folder, deadline_seconds=0.3)
    assert await pending(empty_database_url, folder=folder) == ["0002_names"]


async def test_waiting_for_another_replica_has_an_end(
    empty_database_url: str, folder: Path, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    """A replica that migrates for ever is told by those who wait for it."""
    await admin.execute("select pg_advisory_lock($1)", ADVISORY_LOCK)
    with pytest.raises(DatabaseUnreachable, match="another replica is migrating"):
        await migrate(empty_database_url, folder=folder, deadline_seconds=0.1)


OWNER = f"tieout_owner_{os.getpid()}"
"""Roles belong to the whole server, which all workers of a run share."""


@pytest.fixture
async def owner_url(
    empty_database_url: str, template_name: str, admin: asyncpg.Connection[asyncpg.Record]
) -> AsyncIterator[str]:
    """The empty database's address for an ordinary user who owns it, on a server that knows the role."""
    assert template_name, "making it made the role"
    database = urlsplit(empty_database_url).path.removeprefix("/")
    await admin.execute(f"CREATE ROLE {OWNER} LOGIN PASSWORD 'canary'")
    await admin.execute(f"ALTER DATABASE {database} OWNER TO {OWNER}")
    parts = urlsplit(empty_database_url)
    yield parts._replace(netloc=f"{OWNER}:canary@{parts.hostname}:{parts.port}").geturl()
    await admin.execute(f"DROP OWNED BY {OWNER} CASCADE")
    await admin.execute(f"ALTER DATABASE {database} OWNER TO CURRENT_USER")
    await admin.execute(f"DROP ROLE {OWNER}")


async def test_an_owner_without_the_right_to_make_roles(
    owner_url: str, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    """An owner who may not make roles is told to ask an administrator, and migrates once granted."""
    with pytest.raises(DatabaseUnfit, match="GRANT tieout_app TO"):
        await migrate(owner_url)
    await admin.execute(f"GRANT tieout_app TO {OWNER}")
    assert await migrate(owner_url)
    async with await Database.open(owner_url) as database:
        assert await database.now()


async def test_who_makes_the_role_may_work_as_it(
    owner_url: str, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    """Who made the role, and so administers it, may work as it after migrating; since 16 that is apart."""
    is_apart = admin.get_server_version().major >= 16
    await admin.execute(
        f"GRANT tieout_app TO {OWNER} WITH {'ADMIN TRUE, SET FALSE' if is_apart else 'ADMIN OPTION'}"
    )
    assert await migrate(owner_url)
    async with await Database.open(owner_url) as database:
        assert await database.now()


async def test_a_user_without_rights_on_the_database(
    owner_url: str, admin: asyncpg.Connection[asyncpg.Record], folder: Path
) -> None:
    """Who may not make a schema is told which right to ask for."""
    await admin.execute(f"ALTER DATABASE {urlsplit(owner_url).path[1:]} OWNER TO CURRENT_USER")
    with pytest.raises(DatabaseUnfit, match="GRANT CREATE ON DATABASE"):
        await migrate(owner_url, folder=folder)


async def test_pgbouncer_is_refused(empty_database_url: str) -> None:
    """Session locks mean nothing behind pgbouncer, so migrating asks for Postgres itself."""
    with pytest.raises(DatabaseUnfit, match="pgbouncer"):
        await migrate(f"{empty_database_url}?pgbouncer=true")


async def test_nobody_answers(unused_tcp_port: int) -> None:
    """A server that is not there is told like anywhere else."""
    with pytest.raises(DatabaseUnreachable, match=str(unused_tcp_port)):
        await migrate(f"postgresql://u@127.0.0.1:{unused_tcp_port}/d")


def test_each_migration_says_why() -> None:
    """The first line of every migration is a comment that gives its reason."""
    silent = [migration.name for migration in read() if not migration.header]
    assert silent == []


def test_no_number_is_used_twice(folder: Path) -> None:
    """Two files of one number are our mistake; a number that is left out is none."""
    (folder / "0002_names.sql").rename(folder / "0003_names.sql")
    assert [migration.number for migration in read(folder)][-1] == 3
    (folder / "0003_other.sql").write_text("-- Because.\nSELECT 1;")
    with pytest.raises(AssertionError, match="twice"):
        read(folder)
