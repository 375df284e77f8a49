"""The database: scopes hold, values come back exactly, and trouble is told with its remedy."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import DatabaseSlow, DatabaseUnfit, DatabaseUnreachable
from service.store import jsonb
from service.store.database import BY_INDEX, NO_SETTINGS, REPEATABLE, Database, Server, require_version
from service.store.migrate import pending
from service.store.trouble import is_connection_lost, translate

ALICE, BOB = UUID(int=1), UUID(int=2)

INSERT = "insert into streams (organization_id, stream, due_at) values ($1, 'records', tieout.now())"


async def fill(database: Database) -> None:
    """Give two organizations one row each."""
    async with database.fleet() as connection:
        await connection.executemany(INSERT, [(ALICE,), (BOB,)])


async def test_an_organization_sees_its_own_rows_alone(database: Database) -> None:
    """A query without any WHERE, inside one organization's scope, finds nobody else's rows."""
    await fill(database)
    async with database.organization(ALICE) as connection:
        assert await connection.fetchval("select array_agg(organization_id) from streams") == [ALICE]
    async with database.fleet() as connection:
        assert await connection.fetchval("select count(*) from streams") == 2


async def test_an_organization_writes_its_own_rows_alone(database: Database) -> None:
    """Writing another organization's row is refused, and updating everything touches one's own rows only."""
    await fill(database)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with database.organization(ALICE) as connection:
            await connection.execute(INSERT, uuid4())
    async with database.organization(ALICE) as connection:
        assert await connection.execute("update streams set failures = 1") == "UPDATE 1"


async def test_settings_end_with_their_transaction(database: Database) -> None:
    """A transaction that may be repeated waits for no disk, one by index reads no table whole; others do."""
    asked = "select current_setting('synchronous_commit'), current_setting('enable_seqscan')"
    async with database.fleet() as connection:
        usual = tuple(await connection.fetchrow(asked) or ())
    for settings, expected in [
        ({**REPEATABLE, **BY_INDEX}, ("off", "off")),
        (BY_INDEX, (usual[0], "off")),
        (NO_SETTINGS, usual),
    ]:
        async with database.organization(ALICE, settings=settings) as connection:
            assert tuple(await connection.fetchrow(asked) or ()) == expected
            assert await connection.fetchval("select count(*) from streams") == 0


async def test_a_setting_is_a_value_whatever_it_holds(database: Database) -> None:
    """A quote in a setting is part of its value; it ends nothing."""
    value = "it's'; drop schema tieout cascade; --"
    async with database.organization(ALICE, settings={"tieout.note": value}) as connection:
        assert await connection.fetchval("select current_setting('tieout.note')") == value


async def test_without_a_scope_nothing_is_seen(database: Database, database_url: str) -> None:
    """A session in the service's role that names no scope sees no rows at all."""
    await fill(database)
    connection = await asyncpg.connect(database_url, server_settings={"role": "tieout_app"})
    try:
        assert await connection.fetchval("select count(*) from tieout.streams") == 0
    finally:
        await connection.close()


async def test_a_scope_ends_with_its_transaction(database_url: str) -> None:
    """The one connection of a pool, used for the fleet, shows one organization's rows alone right after."""
    async with await Database.open(database_url, pool_size=1) as database:
        await fill(database)
        async with database.organization(BOB) as connection:
            assert await connection.fetchval("select count(*) from streams") == 1


async def test_a_failure_rolls_back(database: Database) -> None:
    """What was written before an exception is not there afterwards."""
    with pytest.raises(LookupError):
        async with database.organization(ALICE) as connection:
            await connection.execute(INSERT, ALICE)
            raise LookupError
    async with database.fleet() as connection:
        assert await connection.fetchval("select count(*) from streams") == 0


async def test_readonly_refuses_to_write(database: Database) -> None:
    """A read-only transaction cannot change anything."""
    with pytest.raises(DatabaseUnreachable, match="read-only"):
        async with database.fleet(readonly=True) as connection:
            await connection.execute(INSERT, ALICE)


async def test_readonly_sees_one_state(database: Database) -> None:
    """What others commit meanwhile does not change the answers of a read-only transaction."""
    async with database.fleet(readonly=True) as connection:
        assert await connection.fetchval("select count(*) from streams") == 0
        await fill(database)
        assert await connection.fetchval("select count(*) from streams") == 0


async def test_the_session_is_set_up(database: Database) -> None:
    """Every transaction works in the service's role and schema, in UTC, under time-outs."""
    async with database.fleet() as connection:
        shown = {
            name: await connection.fetchval(f"show {name}")
            for name in ("role", "search_path", "timezone", "statement_timeout", "lock_timeout")
        }
    assert shown == {
        "role": "tieout_app",
        "search_path": "tieout",
        "timezone": "UTC",
        "statement_timeout": "30s",
        "lock_timeout": "10s",
    }


async def test_the_clock_can_be_moved(database: Database) -> None:
    """The service's time is that of Postgres, plus what a test adds to it."""
    before = await database.now()
    assert abs(before - datetime.now(UTC)) < timedelta(minutes=1)
    database.clock_offset = timedelta(days=40, seconds=0.5)
    assert timedelta(days=40) < await database.now() - before < timedelta(days=41)


async def test_json_keeps_its_decimals(database: Database) -> None:
    """Amounts pass through jsonb exactly, as numbers, and never as floats."""
    payload = {"price": Decimal("0.10"), "large": Decimal("12345678901234567890.123456789"), "count": 3}
    async with database.fleet() as connection:
        found = await connection.fetchval("select $1::jsonb", payload)
        kind = await connection.fetchval("select jsonb_typeof($1::jsonb -> 'price')", payload)
    assert found == payload
    assert isinstance(found["price"], Decimal)
    assert kind == "number"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=4)
    ),
    max_leaves=10,
)


@given(json_values)
def test_json_round_trips_but_for_nul(value: Any) -> None:
    """Any JSON value comes back as it went, but for NUL characters, which become replacement characters."""

    def without_nul(item: Any) -> Any:
        if isinstance(item, str):
            return item.replace("\0", "\ufffd")
        if isinstance(item, list):
            return [without_nul(each) for each in item]
        if isinstance(item, dict):
            return {without_nul(key): without_nul(each) for key, each in item.items()}
        return item

    encoded = jsonb.encode(value)
    assert jsonb.decode(encoded) == without_nul(value)


async def test_postgres_takes_text_with_nul(database: Database) -> None:
    """An upstream text with NUL characters, or with the letters of their escape, can be stored."""
    async with database.fleet() as connection:
        found = await connection.fetchval("select $1::jsonb", ["a\0b", "\\u0000", "\\\0"])
    assert found == ["a\ufffdb", "\\u0000", "\\\ufffd"]


async def test_a_lost_connection_is_told_and_mended(database: Database, postgres_url: str) -> None:
    """A session that is ended in mid-work is told as unreachable, and the next one works again."""
    with pytest.raises(DatabaseUnreachable) as caught:
        async with database.fleet() as connection:
            admin = await asyncpg.connect(postgres_url)
            try:
                await admin.execute("select pg_terminate_backend($1)", connection.get_server_pid())
            finally:
                await admin.close()
            await connection.fetchval("select 1")
    assert caught.value.__cause__ is not None
    assert is_connection_lost(caught.value.__cause__)
    assert await database.now()


async def test_our_own_mistakes_pass_untranslated(database: Database) -> None:
    """A wrong statement is not taken for trouble with the server."""
    with pytest.raises(asyncpg.UndefinedTableError):
        async with database.fleet() as connection:
            await connection.execute("select * from nothing_of_this_name")


async def test_cancelling_gives_the_connection_back(database_url: str) -> None:
    """A transaction that is cancelled in mid-statement leaves its connection usable for the next."""
    async with await Database.open(database_url, pool_size=1) as database:
        begun = asyncio.Event()

        async def wait() -> None:
            async with database.fleet() as connection:
                begun.set()
                await connection.execute("select pg_sleep(20)")

        task = asyncio.create_task(wait())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await database.now()
        assert database.connections_busy == 0


@pytest.mark.parametrize("options", ["", "?pgbouncer=true"])
async def test_a_statement_over_the_fleet_sees_all_and_is_kept(database_url: str, options: str) -> None:
    """Without a transaction around it a statement sees every organization, and is committed."""
    async with await Database.open(f"{database_url}{options}") as database:
        await fill(database)
        async with database.fleet_statements() as connection:
            assert await connection.fetchval("select count(*) from streams") == 2
            assert await connection.fetchval("select current_user") == "tieout_app"
            await connection.execute("delete from streams where organization_id = $1", ALICE)
        async with database.fleet() as connection:
            assert await connection.fetchval("select count(*) from streams") == 1


async def test_sessions_over_the_fleet_serve_nobody_else(database_url: str) -> None:
    """After statements over the fleet an organization's transaction sees that organization's rows alone."""
    async with await Database.open(database_url, pool_size=1) as database:
        await fill(database)
        async with database.fleet_statements() as connection:
            assert await connection.fetchval("select count(*) from streams") == 2
            async with database.organization(ALICE) as other:
                assert await other.fetchval("select count(*) from streams") == 1
        async with database.organization(BOB) as other:
            assert await other.fetchval("select array_agg(organization_id) from streams") == [BOB]


async def test_nobody_answers(unused_tcp_port: int) -> None:
    """A server that is not there is told by its address and the setting to look at, without the password."""
    with pytest.raises(DatabaseUnreachable) as caught:
        await Database.open(f"postgresql://u:canary@127.0.0.1:{unused_tcp_port}/d")
    assert f"127.0.0.1:{unused_tcp_port}/d" in str(caught.value)
    assert "TIEOUT_DATABASE_URL" in str(caught.value)
    assert "canary" not in str(caught.value)


async def test_a_wrong_password_is_told(postgres_url: str) -> None:
    """A refused password is told in one line that does not show it."""
    server = postgres_url.rpartition("@")[2]
    with pytest.raises(DatabaseUnreachable) as caught:
        await Database.open(f"postgresql://nobody-of-this-name:canary@{server}")
    assert "refuses us" in str(caught.value)
    assert "canary" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unreadable_address_shows_no_password() -> None:
    """A password with an unescaped slash breaks the address; the complaint does not repeat it."""
    with pytest.raises(DatabaseUnreachable) as caught:
        Server.parse("postgresql://u:can/ary@h:5432/d")
    assert "can" not in str(caught.value).split("cannot", 1)[1]


@pytest.mark.parametrize(
    "options",
    ["sslmode=required", "target_session_attrs=primry", "ssl_min_protocol_version=9", "serch_path=x"],
)
async def test_a_misspelt_option_of_the_address_is_told(database_url: str, options: str) -> None:
    """What driver or server cannot make sense of in the address is told in one line, with its name."""
    for opened in (Database.open, pending):
        with pytest.raises(DatabaseUnfit, match="TIEOUT_DATABASE_URL") as caught:
            await opened(f"{database_url}?{options}")
        assert "\n" not in str(caught.value)


async def test_a_missing_certificate_is_told(tmp_path: Path) -> None:
    """A file of authorities that is not there is told by its name, not as a server that does not answer."""
    missing = tmp_path / "ca.crt"
    for opened in (Database.open, pending):
        with pytest.raises(DatabaseUnfit, match=f"sslrootcert names {missing}, which is no file") as caught:
            await opened(f"postgresql://u:canary@h/d?sslmode=verify-full&sslrootcert={missing}")
        assert "canary" not in str(caught.value)


@pytest.mark.parametrize("options", ["port=abc", "port=5432,abc", "port=0", "port=65536", "port=5_432"])
async def test_an_impossible_port_in_the_options_is_told(options: str) -> None:
    """A port that is none is told in one line, also where the address names no host."""
    for address in (f"postgresql://?{options}", f"postgresql://u:canary@/d?{options}"):
        for opened in (Database.open, pending):
            with pytest.raises(DatabaseUnfit, match="its option port is no port") as caught:
                await opened(address)
            assert "TIEOUT_DATABASE_URL" in str(caught.value)
            assert "canary" not in str(caught.value)
            assert "\n" not in str(caught.value)


def test_several_hosts_are_named() -> None:
    """An address may list hosts, of which the driver takes the first that answers; all of them are told."""
    server = Server.parse("postgresql://u:canary@h1:5432,[::1]:5433,h3/d?pgbouncer=true&sslmode=require")
    assert (server.place, server.is_pgbouncer) == ("h1:5432,::1:5433,h3:5432/d", True)
    assert server.dsn == "postgresql://u:canary@h1:5432,[::1]:5433,h3/d?sslmode=require"


async def test_the_host_that_answers_is_taken(database_url: str) -> None:
    """Where the first host of a list does not answer, the next one does."""
    before, _, after = database_url.rpartition("@")
    async with await Database.open(f"{before}@127.0.0.1:1,{after}") as database:
        assert database.place.startswith("127.0.0.1:1,127.0.0.1:")


async def test_an_unmigrated_database_is_told(empty_database_url: str) -> None:
    """A database without our schema is refused with the command that makes it."""
    with pytest.raises(DatabaseUnfit, match="run `tieout migrate`"):
        await Database.open(empty_database_url)


def test_an_old_server_is_told() -> None:
    """A Postgres older than 14 is refused by its version."""
    server = Server.parse("postgresql://h/d")
    with pytest.raises(DatabaseUnfit, match="version 13; tieout needs 14 or later"):
        require_version(130_018, server)
    require_version(140_000, server)


async def test_pgbouncer_mode_tells_each_transaction(database_url: str) -> None:
    """Behind pgbouncer role, schema and scope hold although the session was told nothing."""
    async with await Database.open(f"{database_url}?pgbouncer=true", pool_size=1) as database:
        await fill(database)
        async with database.organization(ALICE) as connection:
            assert await connection.fetchval("select count(*) from streams") == 1
            assert await connection.fetchval("select current_user") == "tieout_app"


@pytest.mark.parametrize(
    ("error", "kind", "remedy"),
    [
        (
            asyncpg.ProtocolViolationError("unsupported startup parameter: role"),
            DatabaseUnfit,
            "pgbouncer=true",
        ),
        (
            asyncpg.InvalidParameterValueError('role "tieout_app" does not exist'),
            DatabaseUnfit,
            "tieout migrate",
        ),
        (
            asyncpg.InsufficientPrivilegeError('permission denied to set role "tieout_app"'),
            DatabaseUnfit,
            "GRANT tieout_app TO",
        ),
        (
            asyncpg.TooManyConnectionsError("sorry, too many clients"),
            DatabaseUnreachable,
            "cannot serve us now",
        ),
        (asyncpg.DiskFullError("no space left"), DatabaseUnreachable, "cannot serve us now"),
        (
            asyncpg.InternalClientError("got result for unknown protocol state"),
            DatabaseUnreachable,
            "does not answer",
        ),
        (TimeoutError(), DatabaseUnreachable, "timed out"),
    ],
)
def test_trouble_is_told_with_its_remedy(error: Exception, kind: type[Exception], remedy: str) -> None:
    """Each trouble with the server is told as what it is, by its place and with what to do."""
    told = translate(error, "h:5432/d")
    assert type(told) is kind
    assert remedy in str(told)
    assert "h:5432/d" in str(told)


async def test_a_statement_that_takes_too_long_is_told_apart(database: Database) -> None:
    """A statement that Postgres ended for its length is no sign that Postgres is away."""
    with pytest.raises(DatabaseSlow, match="statement timeout"):
        async with database.fleet(readonly=True) as connection:
            await connection.execute("SET LOCAL statement_timeout = '50ms'")
            await connection.execute("SELECT pg_sleep(20)")


async def test_a_busy_pool_is_told(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """When all connections are taken for too long, the caller is told instead of waiting for ever."""
    monkeypatch.setattr("service.store.database.ACQUIRE_SECONDS", 0.05)
    async with await Database.open(database_url, pool_size=1) as database:
        async with database.fleet():
            with pytest.raises(DatabaseUnreachable, match="became free"):
                await database.now()
