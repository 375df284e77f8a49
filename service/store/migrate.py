"""Migrations: numbered files of `sql/migrations`, applied once each, in order, forward only.

- The table `tieout.migrations` remembers number, name and checksum. A file that was edited after it was
  applied is refused by name: what it says is no longer what the database went through.
- Several replicas may start at once. One of them holds an advisory lock and works; the others ask for it
  again and again, rather than wait in it, because a waiting session holds a snapshot, on which building an
  index concurrently would wait in turn, for ever.
- Release N works on the schema of N+1, since both run during an upgrade and one may be rolled back: a
  migration unknown to us is passed over in silence. One that cannot keep that promise says
  `-- not compatible` in its opening comment; an older release then refuses to start.
- A file is one transaction, together with its row in the table. One that cannot be (`CREATE INDEX
  CONCURRENTLY`) says `-- not transactional`; its statements run one by one, each ending a line with a
  semicolon, and must bear being run again, because a crash may come between them.
- Locks are not waited for long, since whoever waits for a table's lock makes everybody else wait behind;
  the migration is tried again instead. What is left of an index whose making was given up goes first: it
  would pass for the index, and nothing is ever found by it.
- Waiting has a deadline; work has none but that of its statements, since a large table takes its time.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import asyncpg

from service.errors import DatabaseError, DatabaseUnfit, DatabaseUnreachable
from service.store.database import CONNECT_SECONDS, Server, require_version
from service.store.sources import SQL
from service.store.trouble import translate

MIGRATIONS: Path = SQL / "migrations"

DEADLINE_SECONDS = 300.0
"""How long a replica waits for another that is migrating, or a migration for a lock that is never free."""

RETRY_SECONDS = 0.25
LOCK_SECONDS = 3.0
STATEMENT_SECONDS = 3600.0
"""An index over a large table takes its time; a statement beyond an hour is stuck."""

FILE_SECONDS = 6 * STATEMENT_SECONDS
"""For all statements of one file: only a network that swallows answers comes here."""

ADVISORY_LOCK = int.from_bytes(hashlib.sha256(b"tieout.migrations").digest()[:8], "big", signed=True)

_FILE_NAME = re.compile(r"(?P<number>\d{4})_[a-z0-9_]+\.sql")

_OWN_TABLE = """
    CREATE SCHEMA IF NOT EXISTS tieout;
    CREATE TABLE IF NOT EXISTS tieout.migrations (
        number integer PRIMARY KEY,
        name text NOT NULL UNIQUE,
        checksum text NOT NULL,
        compatible boolean NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
    );
"""
# Since version 16, whoever makes a role may administer it but not work as it.
_GRANTS = """
    GRANT SELECT ON tieout.migrations TO tieout_app;
    DO $$
    BEGIN
        IF current_setting('server_version_num')::integer >= 160000 THEN
            IF NOT pg_has_role(current_user, 'tieout_app', 'SET') THEN
                EXECUTE format('GRANT tieout_app TO %I', current_user);
            END IF;
        END IF;
    END $$;
"""
# Parts of what is partitioned are left alone: those are not valid until the last of them is attached.
_LEFTOVERS = """
    SELECT c.relname AS name, format('DROP INDEX CONCURRENTLY IF EXISTS tieout.%I', c.relname) AS drop
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE NOT i.indisvalid AND c.relkind = 'i' AND c.relnamespace = 'tieout'::regnamespace
"""
_INSERT = "INSERT INTO tieout.migrations (number, name, checksum, compatible) VALUES ($1, $2, $3, $4)"

_SELECT = "SELECT number, name, checksum, compatible FROM tieout.migrations ORDER BY number"

Session = asyncpg.Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One file, and what its opening comment says of it."""

    number: int
    name: str
    text: str

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read one file; a malformed name is our own mistake."""
        match = _FILE_NAME.fullmatch(path.name)
        assert match, f"{path.name} is not named NNNN_what_it_does.sql"
        return cls(number=int(match["number"]), name=path.stem, text=path.read_text(encoding="utf-8"))

    @property
    def header(self) -> Sequence[str]:
        """The comment lines that the file opens with; the first says why it is there."""
        lines = self.text.splitlines()
        length = next((index for index, line in enumerate(lines) if not line.startswith("-- ")), len(lines))
        return [line.removeprefix("-- ").strip() for line in lines[:length]]

    @property
    def checksum(self) -> str:
        """The same however the line ends were checked out."""
        return hashlib.sha256("\n".join(self.text.splitlines()).encode()).hexdigest()

    @property
    def is_transactional(self) -> bool:
        """Whether the file is applied in one transaction."""
        return "not transactional" not in self.header

    @property
    def is_compatible(self) -> bool:
        """Whether the release before still works after it."""
        return "not compatible" not in self.header

    @property
    def statements(self) -> Sequence[str]:
        """The statements of a file that is not transactional."""
        return [part for part in re.split(r"(?<=;)\s*\n", self.text) if part.strip()]


def read(folder: Path = MIGRATIONS) -> Sequence[Migration]:
    """Read all migrations in order; no number is used twice, and one may be missing."""
    migrations = [Migration.read(path) for path in sorted(folder.glob("*.sql"))]
    numbers = [each.number for each in migrations]
    assert len(set(numbers)) == len(numbers), "a number is used twice"
    return migrations


async def migrate(
    url: str, *, folder: Path = MIGRATIONS, deadline_seconds: float = DEADLINE_SECONDS
) -> Sequence[str]:
    """Apply what is missing, and return its names; any number of replicas may call this at once."""
    async with _session(url) as (session, server):
        await _take_turn(session, server, deadline_seconds)
        return await _apply_all(session, read(folder), server, deadline_seconds)


async def pending(url: str, *, folder: Path = MIGRATIONS) -> Sequence[str]:
    """Return the names of migrations still to be applied; refuse a schema that we cannot work with."""
    async with _session(url) as (session, server):
        if await session.fetchval("SELECT to_regclass('tieout.migrations')") is None:
            return [migration.name for migration in read(folder)]
        return [migration.name for migration in await _missing(session, read(folder), server)]


async def require_migrated(url: str) -> None:
    """Refuse a schema that lacks migrations: queries would fail, or find nothing where there is something.

    Not through pgbouncer, around which migrating goes; there only the lack of all of it is noticed.
    """
    missing = [] if Server.parse(url).is_pgbouncer else await pending(url)
    if missing:
        raise DatabaseUnfit(
            f"Postgres lacks {len(missing)} migration{'s' if len(missing) > 1 else ''}, the first of them "
            f"{missing[0]}; run `tieout migrate`"
        )


@asynccontextmanager
async def _session(url: str) -> AsyncIterator[tuple[Session[asyncpg.Record], Server]]:
    """One connection as the address' own user, who owns the schema."""
    server = Server.parse(url)
    if server.is_pgbouncer:
        raise DatabaseUnfit("migrating needs Postgres itself; give its own address instead of pgbouncer's")
    session: Session[asyncpg.Record] | None = None
    try:
        session = await asyncpg.connect(
            server.dsn,
            timeout=CONNECT_SECONDS,
            command_timeout=FILE_SECONDS,
            server_settings={
                "application_name": "tieout migrate",
                "search_path": "pg_catalog",
                "timezone": "UTC",
                "lock_timeout": f"{LOCK_SECONDS * 1000:.0f}",
                "statement_timeout": f"{STATEMENT_SECONDS * 1000:.0f}",
            },
        )
        version = session.get_server_version()
        require_version(version.major * 10_000, server)
        yield session, server
    except DatabaseError:
        raise
    except Exception as error:
        trouble = _lacking_right(error, server) or translate(error, server.place)
        if trouble is None:
            raise
        raise trouble from error
    finally:
        if session is not None:
            session.terminate()  # gives the advisory lock back, whatever state the session is in


async def _take_turn(session: Session[asyncpg.Record], server: Server, deadline_seconds: float) -> None:
    deadline = time.monotonic() + deadline_seconds
    # What is waited for happens in another process, which cannot set an event of ours.
    while not await session.fetchval("SELECT pg_try_advisory_lock($1)", ADVISORY_LOCK):
        await _wait(deadline, f"another replica is migrating Postgres at {server.place}")


async def _apply_all(
    session: Session[asyncpg.Record], migrations: Sequence[Migration], server: Server, deadline_seconds: float
) -> Sequence[str]:
    await session.execute(_OWN_TABLE)
    missing = await _missing(session, migrations, server)
    for migration in missing:
        deadline = time.monotonic() + deadline_seconds
        while not await _apply(session, migration):
            await _wait(
                deadline, f"a long transaction holds a table that {migration.name} changes at {server.place}"
            )
    if missing and await session.fetchval("SELECT to_regrole('tieout_app')") is not None:
        await session.execute(_GRANTS)
    return [migration.name for migration in missing]


async def _wait(deadline: float, why: str) -> None:
    """Wait a moment for what another one does, unless that has taken too long already."""
    if time.monotonic() > deadline:
        raise DatabaseUnreachable(f"{why}, and does not come to an end; try again when it is over")
    await asyncio.sleep(RETRY_SECONDS)


async def _apply(session: Session[asyncpg.Record], migration: Migration) -> bool:
    """Apply one migration; false when something was in the way that will not be for long."""
    try:
        if migration.is_transactional:
            async with session.transaction():
                await session.execute(migration.text)
                await _remember(session, migration)
        else:
            for index in await session.fetch(_LEFTOVERS):
                if re.search(rf"\b{re.escape(index['name'])}\b", migration.text):
                    await session.execute(index["drop"])
            for statement in migration.statements:
                await session.execute(statement)
            await _remember(session, migration)
    except asyncpg.LockNotAvailableError:
        return False
    except (asyncpg.InternalServerError, asyncpg.UniqueViolationError) as error:
        # Roles belong to the whole cluster: the migration of another database made or granted ours just now.
        if "tuple concurrently" in str(error) or error.table_name in {"pg_authid", "pg_auth_members"}:
            return False
        raise
    return True


async def _remember(session: Session[asyncpg.Record], migration: Migration) -> None:
    await session.execute(
        _INSERT, migration.number, migration.name, migration.checksum, migration.is_compatible
    )


async def _missing(
    session: Session[asyncpg.Record], migrations: Sequence[Migration], server: Server
) -> Sequence[Migration]:
    rows = await session.fetch(_SELECT)
    applied: Mapping[int, asyncpg.Record] = {row["number"]: row for row in rows}
    for migration in migrations:
        row = applied.get(migration.number)
        if row is not None and (row["name"], row["checksum"]) != (migration.name, migration.checksum):
            raise DatabaseUnfit(
                f"migration {migration.name} is not what Postgres at {server.place} went through"
                f" ({row['name']}): the file was changed after it had been applied; restore it, "
                "or use another database"
            )
    known = {migration.number for migration in migrations}
    newer = [row for row in rows if row["number"] not in known]
    if any(not row["compatible"] for row in newer):
        raise DatabaseUnfit(
            f"the schema of Postgres at {server.place} was made by a newer release ({newer[-1]['name']}), "
            "with which this one cannot work; install the newer release"
        )
    return [migration for migration in migrations if migration.number not in applied]


def _lacking_right(error: Exception, server: Server) -> DatabaseUnfit | None:
    if not isinstance(error, asyncpg.InsufficientPrivilegeError):
        return None
    if "role" in str(error):
        remedy = "`CREATE ROLE tieout_app NOLOGIN; GRANT tieout_app TO` its user"
    else:
        remedy = "`GRANT CREATE ON DATABASE` of that name `TO` its user"
    return DatabaseUnfit(
        f"the user of Postgres at {server.place} lacks a right ({error}); "
        f"let an administrator run {remedy}, then run `tieout migrate` again"
    )
