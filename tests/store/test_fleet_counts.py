"""What is kept of the whole fleet is what its rows say, whoever wrote what in which order, all at once."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from msgspec.structs import replace

from service.domain.cadence.bound import StreamFacts
from service.domain.cadence.stream import RECORD_STREAMS, Stream
from service.domain.pushing.policy import Policy
from service.domain.record import Record, SeenRecord
from service.domain.record_observed import observe
from service.store.backfill import begin_backfill
from service.store.comparing import upsert_differences
from service.store.connections import SeenConnection, write_connections
from service.store.database import Database
from service.store.events import LoggedEvent, delete_doubled_events, insert_logged_events, prune_events
from service.store.fleet_counts import (
    correct_fleet_counts,
    fold_fleet_counts,
    list_fleet_causes,
    sum_fleet_counts,
    sum_standings,
)
from service.store.organizations import SeenOrganization, mark_organizations_removed, write_organizations
from service.store.records import Change, list_organization_causes, lock_records, write_records
from service.store.streams import ensure_streams, restart_streams, upsert_stream

AT = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)
POLICY = Policy()
STEPS = 40
WORDS = (
    "No tax rate with this value",
    "Too many requests",
    "Fnord",
    "Blivet",
    "The access token has expired",
)
CURRENCIES = ("EUR", "JPY", None)


class Shaker:
    """Changes one organization at random, one transaction a step."""

    def __init__(self, database: Database, seed: int) -> None:
        self.database = database
        self.chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self.id = UUID(int=seed)
        self.records = [UUID(int=seed * 1_000 + number) for number in range(8)]
        self.differences: dict[UUID, dict[str, Any]] = {}
        self.events: list[UUID] = []
        self.at = AT

    async def run(self) -> None:
        """Make random changes, and now and then fold what they left."""
        steps = (
            self.tell_records,
            self.tell_differences,
            self.find_events,
            self.connect,
            self.sweep,
            self.list,
        )
        for _ in range(STEPS):
            self.at += timedelta(seconds=1)
            await self.chance.choice(steps)()
            if self.chance.random() < 0.2:
                async with self.database.fleet() as connection:
                    await fold_fleet_counts(connection)

    async def tell_records(self) -> None:
        """The hub tells some records anew."""
        chosen = self.chance.sample(self.records, self.chance.randint(1, len(self.records)))
        async with self.database.organization(self.id) as connection:
            before = await lock_records(connection, self.id, chosen)
            changes = [self._change(before.get(each), each) for each in chosen]
            await write_records(connection, [each for each in changes if each is not None])

    def _change(self, before: Record | None, record_id: UUID) -> Change | None:
        status = self.chance.choice(("pending", "error", "error", "done"))
        told = SeenRecord(
            record_id=record_id,
            organization_id=self.id,
            object_type="receivable",
            object_id=record_id,
            updated_at=self.at,
            sync_status=status,
            errors={"message": self.chance.choice(WORDS)} if status == "error" else None,
        )
        after = observe(before, told, self.at, POLICY)
        if after is before:
            return None
        after = replace(
            after, amount_minor=self.chance.randint(-5, 500), currency=self.chance.choice(CURRENCIES)
        )
        return Change(before=before, after=after, payload={}, content_hash=b"1" * 16)

    async def tell_differences(self) -> None:
        """Differences open, change sides and are resolved."""
        rows = []
        for each in [*self.chance.sample(sorted(self.differences), min(2, len(self.differences))), uuid4()]:
            row = self.differences.setdefault(each, difference(self.id, each))
            row["version"] += 1
            row["expected"] = self.chance.random() < 0.5
            row["resolved_at"] = self.at if self.chance.random() < 0.4 else None
            rows.append(dict(row))
        async with self.database.organization(self.id) as connection:
            await upsert_differences(connection, self.id, rows)

    async def find_events(self) -> None:
        """The hub's log has events that nobody brought, some of which are forgotten again."""
        found = [uuid4() for _ in range(self.chance.randint(0, 3))]
        async with self.database.organization(self.id) as connection:
            await insert_logged_events(connection, self.id, [logged(each, self.at) for each in found])
            await delete_doubled_events(connection, self.id)
            await connection.execute("UPDATE events SET worked_at = tieout.now()")
        if self.chance.random() < 0.3:
            async with self.database.fleet() as connection:
                await prune_events(connection, timedelta(0), 2)

    async def connect(self) -> None:
        """Its connection comes, changes or goes."""
        seen = SeenConnection(
            connection_id=UUID(int=self.id.int + 1),
            status=self.chance.choice(("connected", "connected", "disconnected")),
            platform="xero",
            last_pull=self.at,
            connection_url=None,
            errors=None,
            hub_created_at=AT,
            hub_updated_at=self.at,
            payload={"at": self.at.isoformat()},
        )
        async with self.database.organization(self.id) as connection:
            await write_connections(connection, self.id, [seen] if self.chance.random() < 0.8 else [])

    async def sweep(self) -> None:
        """Its records are read completely, or have to be read anew."""
        async with self.database.organization(self.id) as connection:
            await ensure_streams(connection, [self.id])
            if self.chance.random() < 0.2:
                await begin_backfill(connection, [self.id], self.at, is_anew=True)
                await restart_streams(connection, [self.id])
            for stream in (*RECORD_STREAMS.values(), Stream.CONNECTION):
                if self.chance.random() < 0.8:
                    facts = StreamFacts(stream=stream, due_at=self.at, full_at=self.at)
                    await upsert_stream(connection, self.id, facts, self.at)

    async def list(self) -> None:
        """The hub lists it, or no longer does."""
        async with self.database.fleet() as connection:
            if self.chance.random() < 0.7:
                await write_organizations(connection, [organization(self.id, self.at)])
            else:
                await mark_organizations_removed(connection, [self.id])


def organization(organization_id: UUID, at: datetime) -> SeenOrganization:
    """An organization as the hub lists it."""
    return SeenOrganization(
        organization_id=organization_id,
        name="Fabrikam",
        status="active",
        hub_created_at=AT,
        hub_updated_at=at,
        payload={"at": at.isoformat()},
    )


def logged(event_id: UUID, at: datetime) -> LoggedEvent:
    """An event of the hub's log."""
    return LoggedEvent(
        event_id=event_id, object_type="receivable", action="issued", object_id="x", created_at=at, raw=b"{}"
    )


def difference(organization_id: UUID, difference_id: UUID) -> dict[str, Any]:
    """An open difference."""
    given = {
        "organization_id": organization_id,
        "difference_id": difference_id,
        "fingerprint": str(difference_id),
        "ledger": "receivable",
        "currency": "USD",
        "kind": ("amount", "number")[difference_id.int % 2],
        "delta_minor": -10,
        "count_delta": 0,
        "basis": "stated",
        "expected": False,
        "reason": "It was edited in the books.",
        "version": 0,
        "first_seen_at": AT,
        "changed_at": AT,
    }
    absent = ("local_id", "books_id", "local_minor", "books_minor", "rule", "expected_until", "record_id")
    return given | dict.fromkeys((*absent, "cause", "confidence", "resolved_at", "local_on", "books_on"))


async def truth(database: Database) -> dict[tuple[str, ...], int]:
    """What the rows say, counted one by one."""
    async with database.fleet() as connection:
        rows = await connection.fetch("SELECT * FROM tieout.count_fleet() WHERE counted <> 0")
    return {(row["subject"], *row["keys"]): int(row["counted"]) for row in rows}


async def kept(database: Database) -> dict[tuple[str, ...], int]:
    """What was kept."""
    async with database.fleet() as connection:
        rows = await connection.fetch(
            "SELECT subject, keys, sum(counted) AS counted FROM fleet_counts"
            " GROUP BY subject, keys HAVING sum(counted) <> 0"
        )
    return {(row["subject"], *row["keys"]): int(row["counted"]) for row in rows}


async def test_what_is_kept_is_what_is_counted(database: Database) -> None:
    """After any changes by many at once, every sum and every standing is what the rows say."""
    shakers = [Shaker(database, seed) for seed in range(1, 7)]
    await asyncio.gather(*(shaker.run() for shaker in shakers))
    counted = await truth(database)
    subjects = {"records", "cause", "cause_owner", "cause_money", "cause_organizations", "differences"}
    assert {key[0] for key in counted} == subjects | {"missed_events"}
    assert await kept(database) == counted
    async with database.fleet() as connection:
        await fold_fleet_counts(connection)
        entries = await connection.fetchval("SELECT count(*) FROM fleet_counts")
        assert await correct_fleet_counts(connection) == 0
    assert await kept(database) == counted
    assert entries == len(counted)


async def test_causes_of_the_fleet_are_those_of_its_organizations(database: Database) -> None:
    """Each cause tells records, organizations, money and example as its organizations together do."""
    shakers = [Shaker(database, seed) for seed in range(1, 4)]
    for shaker in shakers:
        for _ in range(3):
            await shaker.tell_records()
    async with database.fleet(readonly=True) as connection:
        fleet = await list_fleet_causes(connection, 100)
        each = [
            row for shaker in shakers for row in await list_organization_causes(connection, shaker.id, 100)
        ]
    assert fleet
    assert [row["records"] for row in fleet] == sorted((row["records"] for row in fleet), reverse=True)
    for row in fleet:
        own = [
            one for one in each if (one["cause"], one["cause_group"]) == (row["cause"], row["cause_group"])
        ]
        money: dict[str, int] = {}
        for one in own:
            for currency, minor in one["money_at_risk"].items():
                money[currency] = money.get(currency, 0) + minor
        assert row["records"] == sum(one["records"] for one in own)
        assert row["organizations"] == len(own)
        assert row["money_at_risk"] == {currency: minor for currency, minor in money.items() if minor}
        assert row["first_seen_at"] == min(one["first_seen_at"] for one in own)
        assert row["next_check_at"] == min(
            (one["next_check_at"] for one in own if one["next_check_at"]), default=None
        )
        assert row["example_record_id"] in {one["example_record_id"] for one in own}


async def test_what_an_older_release_left_out_is_added(database: Database) -> None:
    """Rows that were written without the counts are found in them after the correction, once."""
    shaker = Shaker(database, 1)
    await shaker.list()
    await shaker.connect()
    await shaker.sweep()
    await shaker.tell_records()
    async with database.fleet() as connection:
        await connection.execute("DELETE FROM fleet_counts")
        await connection.execute("DELETE FROM cause_counts")
        await connection.execute("DELETE FROM standings")
        assert await correct_fleet_counts(connection) > 0
        assert await correct_fleet_counts(connection) == 0
    assert await kept(database) == await truth(database)


async def test_only_the_fleet_reads_the_counts(database: Database) -> None:
    """A transaction that sees one organization adds to the counts of the fleet and reads none of them."""
    shaker = Shaker(database, 1)
    await shaker.tell_records()
    async with database.organization(shaker.id) as connection:
        counts = await sum_fleet_counts(connection)
        standings = await sum_standings(connection, 60)
    assert not counts.records
    assert not standings.organizations_by_status
    async with database.fleet() as connection:
        assert sum((await sum_fleet_counts(connection)).records.values()) > 0
