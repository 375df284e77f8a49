"""The database: a bounded pool, and transactions that see one organization's rows or the whole fleet's.

All work with Postgres happens inside `organization(id)` or `fleet()`: one pooled connection, one
transaction. What begins it says in the same breath whose rows it may see, as the role tieout_app, which owns
nothing; row-level security does the rest, so a query that forgets its WHERE shows nobody else's rows. The
scope lasts as long as its transaction. What is one statement over the whole fleet, and waited for by many,
has two sessions of its own, `fleet_statements()`, which see the fleet all along.

Time-outs nest: a lock gives up before its statement, a statement in Postgres before our own wait for it, so
that the more exact message comes first. A transaction waits for nothing but Postgres; one that idles is
ended by it.

Behind pgbouncer (`?pgbouncer=true` in the address) a session belongs to nobody: statements are then not kept
prepared, and what a session is otherwise told once at its start is told to each transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Self, TypeAlias
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import UUID

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from service.errors import DatabaseError, DatabaseUnfit, DatabaseUnreachable
from service.store import jsonb
from service.store.trouble import translate

if TYPE_CHECKING:
    Connection: TypeAlias = PoolConnectionProxy[asyncpg.Record]
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
else:
    Connection = PoolConnectionProxy
    Pool = asyncpg.Pool

POOL_SIZE_MAX = 10
STATEMENT_POOL_SIZE_MAX = 2
"""Connections of one replica, the second kind only where webhooks come: eight replicas fit into the hundred
that Postgres allows by default."""

SERVER_VERSION_MIN = 140_000
"""PostgreSQL 14, the oldest version that is tested."""

CONNECT_SECONDS = 10.0
LOCK_SECONDS = 10.0
STATEMENT_SECONDS = 30.0
COMMAND_SECONDS = 40.0
IDLE_IN_TRANSACTION_SECONDS = 30.0
ACQUIRE_SECONDS = 15.0
"""Longer than a connection takes to open, shorter than a sender of webhooks waits for its answer."""

STATEMENTS_MAX = 400
"""Statements that a connection keeps prepared: more than we have. With room for fewer than a worker goes
through, the one that is needed next has always just been thrown out."""

STATEMENT_LIFETIME_SECONDS = 300
"""After which one is prepared anew, for a plan that fits what the tables hold by then."""

IDLE_CONNECTION_SECONDS = 300
"""After which one that nobody needed is closed, and Postgres has its memory back."""

SESSION = {
    "role": "tieout_app",
    "search_path": "tieout",
    "timezone": "UTC",
    "lock_timeout": f"{LOCK_SECONDS * 1000:.0f}",
    "statement_timeout": f"{STATEMENT_SECONDS * 1000:.0f}",
    "idle_in_transaction_session_timeout": f"{IDLE_IN_TRANSACTION_SECONDS * 1000:.0f}",
    "jit": "off",
}
"""What every session of the service is told; the role first, since the rest is its business. Compiling
a statement (`jit`) takes Postgres longer than nearly all of ours take, and it would do so for whatever it
takes to be dear: tables that were not analysed yet, and scans that we had it avoid."""

PORT_MAX = 65_535

FLEET = "*"
"""The scope that sees all organizations."""

Settings: TypeAlias = Mapping[str, str]
"""Of Postgres, for one transaction."""

NO_SETTINGS: Settings = MappingProxyType({})
REPEATABLE: Settings = MappingProxyType({"synchronous_commit": "off"})
"""It ends without waiting for the disk: should Postgres crash in the next moment it never was. That is for
what is done again until a later transaction, which waits, says that it need not be. Since what waits gets to
the disk after all that came before it, nothing is ever built on what might not have been."""
BY_INDEX: Settings = MappingProxyType({"enable_seqscan": "off"})
"""Plans are kept, and one made when a table was small reads it whole for every page of a first load."""

_READS = "begin isolation level repeatable read read only"
_WRITES = "begin isolation level read committed"


@dataclass(frozen=True, slots=True)
class Server:
    """Where Postgres is: an address for the driver, a name for people, and whether pgbouncer is between."""

    dsn: str
    place: str
    is_pgbouncer: bool

    @classmethod
    def parse(cls, url: str) -> Self:
        """Take an address apart; whatever is wrong with it, its password is not repeated."""
        try:
            parts = urlsplit(url)
            place = ",".join(map(_place, parts.netloc.rpartition("@")[2].split(","))) + parts.path
        except ValueError:
            raise DatabaseUnreachable(
                "TIEOUT_DATABASE_URL cannot be read; percent-encode special characters in user and password"
            ) from None
        query = parse_qsl(parts.query, keep_blank_values=True)
        for port in (port for name, value in query if name == "port" and value for port in value.split(",")):
            if not _is_port(port):
                raise DatabaseUnfit(
                    f"TIEOUT_DATABASE_URL cannot be used: its option port is no port; "
                    f"it must be a number from 1 to {PORT_MAX}"
                )
        for file in (value for name, value in query if name == "sslrootcert"):
            if not Path(file).is_file():  # the driver would say no more than that there is no such file
                raise DatabaseUnfit(
                    f"TIEOUT_DATABASE_URL cannot be used: its option sslrootcert names {file}, which is no "
                    "file; put the certificate of the server's authority there"
                )
        options = [(name, value) for name, value in query if name != "pgbouncer"]
        dsn = parts._replace(query=urlencode(options)).geturl()
        return cls(dsn=dsn, place=place, is_pgbouncer=("pgbouncer", "true") in query)


def _is_port(text: str) -> bool:
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(PORT_MAX))
    return is_number and 0 < int(text) <= PORT_MAX


def _place(host: str) -> str:
    """One host of an address, which may list several, with its port."""
    parts = urlsplit(f"//{host}")
    return f"{parts.hostname or 'the local socket'}:{parts.port or 5432}"


class Database:
    """A pool of connections to one Postgres, handed out a transaction at a time."""

    def __init__(
        self, pool: Pool, statements: Pool, server: Server, clock_offset: timedelta = timedelta(0)
    ) -> None:
        self._pool = pool
        self._statements = statements
        """Sessions that see the fleet from their start: a statement needs no transaction around it."""
        self._server = server
        self.clock_offset = clock_offset
        """How far `tieout.now()` runs ahead of the real time in our transactions; tests move it."""

    @classmethod
    async def open(
        cls, url: str, *, pool_size: int = POOL_SIZE_MAX, application_name: str = "tieout"
    ) -> Database:
        """Connect, and make sure that the server is one that we can work with.

        Raises `DatabaseUnreachable` or `DatabaseUnfit`, each with its remedy.
        """
        server = Server.parse(url)
        session = {"application_name": application_name} | ({} if server.is_pgbouncer else SESSION)
        try:
            pool = await _pool(server, session, size_min=1, size_max=pool_size)
            statements = await _pool(
                server, session | {"tieout.scope": FLEET}, size_min=0, size_max=STATEMENT_POOL_SIZE_MAX
            )
        except Exception as error:
            raise _explained(error, server) from error
        database = cls(pool, statements, server)
        try:
            await database._require_fit()
        except BaseException:
            await database.close()
            raise
        return database

    async def close(self) -> None:
        """Give all connections back; whatever still runs after a moment is cut off."""
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await asyncio.gather(self._pool.close(), self._statements.close())
        except TimeoutError:
            self._pool.terminate()
            self._statements.terminate()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.close()

    @property
    def place(self) -> str:
        """Host, port and database, for messages."""
        return self._server.place

    @property
    def connections_busy(self) -> int:
        """Connections that are handed out just now."""
        return sum(pool.get_size() - pool.get_idle_size() for pool in (self._pool, self._statements))

    @asynccontextmanager
    async def organization(
        self, organization_id: UUID, *, readonly: bool = False, settings: Settings = NO_SETTINGS
    ) -> AsyncIterator[Connection]:
        """Open a transaction that sees the rows of one organization alone.

        A read-only one sees a single state of the database from its first query to its last.
        """
        async with self._transaction(
            str(organization_id), readonly=readonly, settings=settings
        ) as connection:
            yield connection

    @asynccontextmanager
    async def fleet(self, *, readonly: bool = False) -> AsyncIterator[Connection]:
        """Open a transaction that sees every organization; for work that belongs to none, or to all.

        A read-only one sees a single state of the database from its first query to its last.
        """
        async with self._transaction(FLEET, readonly=readonly) as connection:
            yield connection

    @asynccontextmanager
    async def fleet_statements(self) -> AsyncIterator[Connection]:
        """Lend a connection that sees every organization, each of whose statements may commit by itself.

        Beginning and committing apart are two round trips more. Not so behind pgbouncer, where no session is
        ours: there it is a transaction, as in `fleet()`.
        """
        if self._server.is_pgbouncer or self.clock_offset:
            async with self._transaction(FLEET, readonly=False) as connection:
                yield connection
            return
        async with self._lent(self._statements) as connection:
            yield connection

    async def now(self) -> datetime:
        """Ask for the service's time: that of Postgres, since replicas' clocks may lie."""
        async with self.fleet(readonly=True) as connection:
            now = await connection.fetchval("select tieout.now()")
        assert isinstance(now, datetime)
        return now

    @asynccontextmanager
    async def _transaction(
        self, scope: str, *, readonly: bool, settings: Settings = NO_SETTINGS
    ) -> AsyncIterator[Connection]:
        settings = {**settings, "tieout.scope": scope}
        if self._server.is_pgbouncer:
            settings = SESSION | settings
        if self.clock_offset:
            settings["tieout.clock_offset"] = f"{self.clock_offset.total_seconds()} seconds"
        beginning = _beginning(_READS if readonly else _WRITES, settings)
        async with self._lent(self._pool) as connection, _begun(connection, beginning):
            yield connection

    @asynccontextmanager
    async def _lent(self, pool: Pool) -> AsyncIterator[Connection]:
        try:
            connection = await pool.acquire(timeout=ACQUIRE_SECONDS)
        except TimeoutError as error:
            raise DatabaseUnreachable(
                f"no connection to Postgres at {self.place} became free within {ACQUIRE_SECONDS:g} s"
            ) from error
        except Exception as error:
            raise _explained(error, self._server) from error
        try:
            yield connection
        except Exception as error:
            raise _explained(error, self._server) from error
        finally:
            await pool.release(connection, timeout=CONNECT_SECONDS)

    async def _require_fit(self) -> None:
        async with self.fleet(readonly=True) as connection:
            require_version(int(await connection.fetchval("show server_version_num")), self._server)
            if await connection.fetchval("select to_regnamespace('tieout')") is None:
                raise DatabaseUnfit(f"Postgres at {self.place} lacks the schema tieout; run `tieout migrate`")


async def _pool(server: Server, session: Mapping[str, str], *, size_min: int, size_max: int) -> Pool:
    return await asyncpg.create_pool(
        server.dsn,
        min_size=size_min,
        max_size=size_max,
        timeout=CONNECT_SECONDS,
        command_timeout=COMMAND_SECONDS,
        statement_cache_size=0 if server.is_pgbouncer else STATEMENTS_MAX,
        max_cached_statement_lifetime=STATEMENT_LIFETIME_SECONDS,
        max_inactive_connection_lifetime=IDLE_CONNECTION_SECONDS,
        server_settings=dict(session),
        init=_prepare,
        reset=_leave,
    )


def require_version(number: int, server: Server) -> None:
    """Refuse a server that is older than what is tested."""
    if number < SERVER_VERSION_MIN:
        raise DatabaseUnfit(
            f"Postgres at {server.place} is version {number // 10_000}; "
            f"tieout needs {SERVER_VERSION_MIN // 10_000} or later"
        )


def _explained(error: Exception, server: Server) -> Exception:
    """The error as a person should read it, or itself when it is our own mistake."""
    if isinstance(error, DatabaseError):
        return error
    return translate(error, server.place) or error


def _beginning(begin: str, settings: Settings) -> str:
    """What begins a transaction with its settings, in one question: asked apart it would be every fifth."""
    told = [f"set local {name} = {_quoted(value)}" for name, value in settings.items()]
    return "; ".join([begin, *told])


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


@asynccontextmanager
async def _begun(connection: Connection, beginning: str) -> AsyncIterator[None]:
    """Commit what was done within, or roll it back; the driver's own cannot begin and set at once."""
    try:
        await connection.execute(beginning)
        yield
    except BaseException:
        if not connection.is_closed():
            await connection.execute("rollback")
        raise
    await connection.execute("commit")


async def _prepare(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    # In a transaction, since outside of one pgbouncer may split even a single question between two servers.
    async with connection.transaction():
        await connection.set_type_codec(
            "jsonb", schema="pg_catalog", encoder=jsonb.encode, decoder=jsonb.decode, format="text"
        )


async def _leave(_connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Reset nothing: what we set ends with its transaction, and asking would cost a round trip each."""
