"""A ledger in Postgres that a test edits, the comparer that follows it, and everything compared anew.

What is expected comes from reading all rows and comparing them at once, as the domain does it, in the very
state that the comparer is about to meet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

from service.domain.comparing.difference import Comparison, compare
from service.domain.comparing.difference_kind import Difference, Kind
from service.domain.comparing.expectation_context import Context
from service.domain.comparing.pairing import PairedBy
from service.domain.comparing.pairing_links import DOCUMENT_TYPES, PARTY_TYPE, Link
from service.domain.document import Document, DocumentKind, Ledger, Side, Status, newest
from service.domain.fleet import WorkKind
from service.domain.pushing.preflight import Owed, Setup, inspect, inspect_organization
from service.store.answers import count_organization_differences
from service.store.comparing import difference_of, list_pairs
from service.store.database import Connection, Database
from service.store.documents import (
    SeenDocument,
    list_documents,
    list_hashes_of_documents,
    mark_document_removed,
    write_documents,
)
from service.store.records import list_record_links
from service.store.rows import rows_json
from service.store.scans import ScanRow, insert_scan, replace_unreadable
from service.store.work import ensure_work
from service.workers.compared import link_of, read_circumstances
from service.workers.comparer import ComparePolicy, Comparer
from tests.domain.worlds import NOW, World

POLICY = ComparePolicy(diff_seconds=3_600, stuck_seconds=7_200, stale_seconds=7_200)
ORGANIZATION = UUID("0b1b9a3e-6f2d-4a52-9e39-5d1c5f0f7a11")

INSERT_RECORDS = """
    INSERT INTO records (organization_id, record_id, object_type, object_id, sync_status,
        platform_object_id, provider_object_id, created_at, updated_at, state, cause,
        payload, content_hash, reason, deadline_at, version, changed_at)
    SELECT organization_id, record_id, object_type, object_id, sync_status,
        platform_object_id, provider_object_id, created_at, updated_at, state, cause,
        '{}', '', 'planted', tieout.now() + interval '1 day', 1, tieout.now()
    FROM json_populate_recordset(NULL::records, $1::json)
    ON CONFLICT (organization_id, record_id) DO UPDATE
    SET sync_status = excluded.sync_status, platform_object_id = excluded.platform_object_id,
        provider_object_id = excluded.provider_object_id, created_at = excluded.created_at,
        updated_at = excluded.updated_at, state = excluded.state, cause = excluded.cause,
        version = records.version + 1, changed_at = tieout.now()
"""
INSERT_CONNECTION = """
    INSERT INTO connections (organization_id, connection_id, status, payload, content_hash, version,
        first_seen_at, changed_at, connected_at, hub_updated_at)
    VALUES ($1, $1, $2, '{}', '', 1, $3, $3, $3, $4)
"""
INSERT_STREAM = """
    INSERT INTO streams (organization_id, stream, due_at, read_at, full_at)
    VALUES ($1, $2, tieout.now(), tieout.now(), tieout.now())
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What comparing everything at once comes to."""

    comparison: Comparison
    differences: Counter[Difference]
    findings: set[tuple[str, str]]
    confirmable: set[UUID]
    confirmed: set[UUID]
    """Those that are confirmed already."""


@dataclass(slots=True)
class ComparedLedger:
    """One organization with one ledger that matters."""

    database: Database
    ledger: Ledger
    comparer: Comparer
    last_pull: datetime
    certified: bool = True

    @classmethod
    async def plant(cls, database: Database, world: World) -> ComparedLedger:
        """Put a world into an empty database, at a moment after its own."""
        async with database.fleet() as connection:
            now = await connection.fetchval("SELECT statement_timestamp()")
        database.clock_offset = NOW + timedelta(minutes=10) - now
        made = cls(
            database=database,
            ledger=world.ledger,
            comparer=Comparer(database, POLICY, "replica-1"),
            last_pull=NOW - timedelta(hours=1),
            certified=world.context.scan_certified,
        )
        await made._plant_surroundings(world.context)
        await made.mark_unreadable(Side.LOCAL, world.context.unreadable_local)
        await made.mark_unreadable(Side.BOOKS, world.context.unreadable_books)
        await made.edit(World(world.ledger, world.context), world)
        return made

    async def edit(self, before: World, after: World) -> None:
        """Write what differs between two worlds, as readers would."""
        async with self.database.organization(ORGANIZATION) as connection:
            for side, then, now in (
                (Side.LOCAL, before.local, after.local),
                (Side.BOOKS, before.books, after.books),
            ):
                old, new = newest(then), newest(now)
                changed = [named(each) for name, each in new.items() if old.get(name) != each]
                ids = [each.document_id for each in changed]
                known = await list_hashes_of_documents(connection, ORGANIZATION, self.ledger, side, ids)
                forced = {name: replace(each, hub_updated_at=None) for name, each in known.items()}
                seen = [SeenDocument(document=each, payload={}) for each in changed]
                await write_documents(connection, ORGANIZATION, seen, forced)
                for name in sorted(old.keys() - new.keys()):
                    await mark_document_removed(connection, ORGANIZATION, self.ledger, side, name_of(name))
            links = [each for each in after.links if each not in before.links]
            await connection.execute(INSERT_RECORDS, rows_json([record_row(each) for each in links]))

    async def pass_time(self, step: timedelta, *, is_read: bool) -> None:
        """Let time pass, and the books be read again or not."""
        self.database.clock_offset += step
        if is_read:
            self.last_pull += step
            async with self.database.organization(ORGANIZATION) as connection:
                await insert_scan(connection, ORGANIZATION, await self._scan(connection))

    async def mark_unreadable(self, side: Side, reasons: Mapping[str, str]) -> None:
        """Make these the documents that cannot be read, as readers would."""
        texts = {name_of(name): why for name, why in reasons.items()}
        async with self.database.organization(ORGANIZATION) as connection:
            await replace_unreadable(connection, ORGANIZATION, self.ledger, side, texts)

    async def crash(self) -> None:
        """Empty what Postgres empties when it crashes."""
        async with self.database.organization(ORGANIZATION) as connection:
            await connection.execute("DELETE FROM counted")
            await connection.execute("DELETE FROM counted_until")

    async def compare(self) -> Mapping[str, int]:
        """Let the comparer run once."""
        async with self.database.organization(ORGANIZATION) as connection:
            await connection.execute("UPDATE work SET due_at = tieout.now() WHERE kind = 'compare'")
        tally = await self.comparer.run_once(await self.database.now())
        assert tally.claimed == 1
        return tally.counts

    async def expected(self) -> Expected:
        """Compare everything at once, writing nothing."""
        async with self.database.organization(ORGANIZATION, readonly=True) as connection:
            around = await read_circumstances(
                connection,
                ORGANIZATION,
                self.ledger,
                as_of=await connection.fetchval("SELECT tieout.now()"),
                stuck_seconds=POLICY.stuck_seconds,
                stale_seconds=POLICY.stale_seconds,
            )
            assert around is not None
            documents = await list_documents(connection, ORGANIZATION, self.ledger)
            types = [*DOCUMENT_TYPES[self.ledger], PARTY_TYPE[self.ledger]]
            rows = await list_record_links(connection, ORGANIZATION, types)
            pairs = await list_pairs(connection, ORGANIZATION, self.ledger)
        links = [link_of(row) for row in rows]
        there = [each.document for each in documents if each.removed_at is None]
        books = [each.document for each in documents if each.document.side is Side.BOOKS]
        gone = {each.document.document_id for each in documents if each.removed_at is not None}
        context = replace(
            around.context,
            ever_seen_books_ids=frozenset(each.document_id for each in books),
            absent_books_ids=frozenset(each.document_id for each in books if each.document_id in gone),
            once_paired={each.local_id: each.books_id for each in pairs.values()},
        )
        comparison = compare(
            ledger=self.ledger,
            local=[each for each in there if each.side is Side.LOCAL],
            books=[each for each in there if each.side is Side.BOOKS],
            links=links,
            context=context,
        )
        return Expected(
            comparison=comparison,
            differences=Counter(comparison.differences),
            findings=_findings(self.ledger, comparison, around.setup, there),
            confirmable=_confirmable(comparison, links),
            confirmed=await self._confirmed(),
        )

    async def assert_equals(self, expected: Expected) -> None:
        """Hold what the comparer wrote against what was expected."""
        comparison = expected.comparison
        rows = await self.rows("differences", "resolved_at IS NULL")
        written = Counter(difference_of(row) for row in rows)
        surplus, missing = written - expected.differences, expected.differences - written
        assert (surplus, missing) == (Counter(), Counter())
        balances = {row["currency"]: row for row in await self.rows("balances")}
        assert balances.keys() == {each.currency for each in comparison.balances}
        for balance in comparison.balances:
            row = balances[balance.currency]
            assert row["unclassified_minor"] == balance.unclassified_minor
            terms = [
                (each["kind"], each["expected"], each["count"], each["delta_minor"]) for each in row["terms"]
            ]
            assert terms == [
                (each.kind, each.expected, each.count, each.delta_minor) for each in balance.terms
            ]
            assert [each["differences"] for each in row["terms"]] == [
                each.differences for each in balance.terms
            ]
        months = {
            (row["currency"], row["month"]): (row["local_minor"], row["books_minor"], row["books_count"])
            for row in await self.rows("months", "local_count + books_count > 0")
        }
        assert months == {
            (each.currency, each.month): (each.local_minor, each.books_minor, each.books_count)
            for each in comparison.months
        }
        findings = await self.rows("findings")
        assert {(row["kind"], row["document_id"]) for row in findings} == expected.findings
        pairs = {row["local_id"]: row["books_id"] for row in await self.rows("pairs")}
        for pair in comparison.pairing.pairs:
            if pair.by in {PairedBy.NUMBER, PairedBy.SIMILARITY}:
                assert pairs[pair.local.document_id] == pair.books.document_id
        [compared] = await self.rows("comparisons")
        assert compared["open_differences"] + compared["expected_differences"] == len(comparison.differences)
        assert compared["expected_differences"] == sum(each.expected for each in comparison.differences)
        told = await self.told_differences()
        assert told == (len(comparison.differences), compared["expected_differences"])
        assert await self._confirmed() == expected.confirmed | expected.confirmable

    async def rows(self, table: str, condition: str = "true") -> list[Any]:
        """Rows of the ledger."""
        async with self.database.organization(ORGANIZATION) as connection:
            text = f"SELECT * FROM {table} WHERE ledger = $1 AND {condition}"  # noqa: S608 - our own names
            return await connection.fetch(text, self.ledger)

    async def told_differences(self) -> tuple[int, int]:
        """How many differences of the organization are told as open, and how many of these as expected."""
        async with self.database.organization(ORGANIZATION, readonly=True) as connection:
            found = await count_organization_differences(connection, [ORGANIZATION])
        return found[ORGANIZATION]["open"], found[ORGANIZATION]["expected"]

    async def versions(self) -> int:
        """Count all versions that history holds of anything."""
        async with self.database.organization(ORGANIZATION) as connection:
            return int(await connection.fetchval("SELECT count(*) FROM history"))

    async def records(self) -> list[Any]:
        """All records."""
        async with self.database.organization(ORGANIZATION) as connection:
            return await connection.fetch("SELECT * FROM records")

    async def _confirmed(self) -> set[UUID]:
        return {row["record_id"] for row in await self.records() if row["state"] == "confirmed"}

    async def _plant_surroundings(self, context: Context) -> None:
        async with self.database.organization(ORGANIZATION) as connection:
            await ensure_work(connection, [ORGANIZATION], [WorkKind.COMPARE])
            if context.connected_at is not None:
                await connection.execute(
                    INSERT_CONNECTION,
                    ORGANIZATION,
                    "disconnected" if context.disconnected_at else "connected",
                    context.connected_at,
                    context.disconnected_at,
                )
            await connection.execute(INSERT_STREAM, ORGANIZATION, f"local:{self.ledger}")
            await insert_scan(connection, ORGANIZATION, await self._scan(connection))
            pairs = [
                {
                    "organization_id": ORGANIZATION,
                    "ledger": self.ledger,
                    "local_id": name_of(local_id),
                    "books_id": books_id,
                    "paired_by": "number",
                    "confidence": 1,
                    "paired_at": NOW,
                }
                for local_id, books_id in context.once_paired.items()
            ]
            await connection.execute(
                "INSERT INTO pairs SELECT * FROM json_populate_recordset(NULL::pairs, $1::json)",
                rows_json(pairs),
            )

    async def _scan(self, connection: Connection) -> ScanRow:
        now = await connection.fetchval("SELECT tieout.now()")
        return ScanRow(
            ledger=self.ledger,
            side=Side.BOOKS,
            started_at=now,
            finished_at=now,
            last_pull=self.last_pull,
            certified=self.certified,
            reason="as it was planted",
            documents_count=0,
        )


def name_of(name: str) -> str:
    """Give local objects the ids that the hub gives, and let ids of the books be."""
    return name if name.startswith("b") else str(uuid5(NAMESPACE_OID, name))


def named(document: Document) -> Document:
    """Give a document such an id."""
    party_id = None if document.party_id is None else name_of(document.party_id)
    return replace(document, document_id=name_of(document.document_id), party_id=party_id)


def record_row(link: Link) -> Mapping[str, Any]:
    """Make a record of a link."""
    return {
        "organization_id": ORGANIZATION,
        # A record keeps its object for ever.
        "record_id": uuid5(NAMESPACE_OID, f"{link.record_id} {link.object_type} {link.object_id}"),
        "object_type": link.object_type,
        "object_id": None if link.object_id is None else name_of(link.object_id),
        "sync_status": link.sync_status,
        "platform_object_id": link.platform_object_id,
        "provider_object_id": link.provider_object_id,
        "created_at": link.created_at,
        "updated_at": link.updated_at or NOW,
        "state": "acknowledged" if link.sync_status == "done" else "waiting",
        "cause": link.cause,
    }


def _findings(
    ledger: Ledger, comparison: Comparison, setup: Setup, there: Sequence[Document]
) -> set[tuple[str, str]]:
    owed = [
        Owed(currency=each.currency, invoices=1, due_minor=each.total_minor)
        for each in there
        if each.side is Side.LOCAL
        and each.kind is DocumentKind.INVOICE
        and each.status not in {Status.DRAFT, Status.VOID, Status.PAID}
    ]
    found = [*inspect(comparison.pairing.local_only, setup), *inspect_organization(ledger, setup, owed)]
    return {(each.kind, each.document_id or "") for each in found}


def _confirmable(comparison: Comparison, links: list[Link]) -> set[UUID]:
    """Acknowledged records whose document they pair, in agreement on number, party, currency and amount."""
    telling = {Kind.AMOUNT, Kind.TAX, Kind.CURRENCY, Kind.NUMBER, Kind.COUNTERPARTY, Kind.DUPLICATE_IN_BOOKS}
    telling |= {Kind.UNCLASSIFIED}
    contradicted = {
        each.local_id
        for each in comparison.differences
        if each.kind in telling and not (each.kind is Kind.COUNTERPARTY and each.expected)
    }
    books = {
        each.local.document_id: each.books.document_id
        for each in comparison.pairing.pairs
        if each.by in {PairedBy.RECORD, PairedBy.PROVIDER} and each.local.document_id not in contradicted
        if each.books.status is not Status.VOID or each.local.status is Status.VOID
    }
    return {
        UUID(each.record_id)
        for each in links
        if each.state == "acknowledged" and books.get(each.object_id or "") in each.books_ids
        if each.object_type in DOCUMENT_TYPES[comparison.balances[0].ledger]
    }
