"""Comparing: the documents of both sides of an organization, until every cent is explained.

A run reads what is known, lets the domain compare, and writes what that changed; between reading and writing
no transaction is open, since comparing a large ledger takes a while. Whatever changes meanwhile nudges the
next run.

A ledger is not compared before both of its sides have been read once: half a picture would be all
differences.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from service.domain.difference import Comparison, compare
from service.domain.difference_kind import Difference, Kind
from service.domain.difference_life import KnownDifference, changes
from service.domain.document import Document, Ledger
from service.domain.fleet import WorkKind
from service.domain.pairing import Pair, PairedBy
from service.domain.pairing_links import Link
from service.domain.preflight import Finding, inspect
from service.domain.record_push import confirmed
from service.domain.record_state import State
from service.store import comparing as store
from service.store.database import Connection, Database
from service.store.records import Change, lock_records, write_records
from service.store.rows import Row
from service.store.statements import withdraw_moved
from service.workers.compared import Compared, read_compared
from service.workers.work import IDLE, Tally, Work, working

LANES: Final = 2
"""Comparing is work for the processor: more lanes would wait for it, not for Postgres."""

CONTRADICTING: Final = frozenset(
    {Kind.AMOUNT, Kind.TAX, Kind.CURRENCY, Kind.NUMBER, Kind.COUNTERPARTY, Kind.DUPLICATE_IN_BOOKS}
)
"""What keeps an acknowledged document from being confirmed: number, party, currency and amount must agree."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparePolicy:
    """Settings that comparing needs, in seconds."""

    diff_seconds: float
    stuck_seconds: float
    stale_seconds: float


class Comparer:
    """Compares both ledgers of one organization a run."""

    kind = WorkKind.COMPARE
    lanes = LANES

    def __init__(self, database: Database, policy: ComparePolicy, replica_id: str) -> None:
        self._database = database
        self._policy = policy
        self._replica_id = replica_id

    async def run_once(self, now: datetime) -> Tally:  # noqa: ARG002 - a run's time is that of its claim
        """Compare one organization that is due."""
        async with working(self._database, self.kind, self._replica_id) as work:
            if work is None:
                return IDLE
            counts: Counter[str] = Counter()
            due_at = work.now + timedelta(seconds=self._policy.diff_seconds)
            for ledger in Ledger:
                found = await self._compare(work, ledger, counts)
                due_at = min([due_at, *_expiries(found, work.now)])
            await work.finish(due_at=due_at)
            return Tally(claimed=1, counts=counts)

    async def _compare(self, work: Work, ledger: Ledger, counts: Counter[str]) -> Sequence[Difference]:
        async with self._database.organization(work.organization_id, readonly=True) as connection:
            known = await read_compared(
                connection,
                work.organization_id,
                ledger,
                as_of=work.now,
                stuck_seconds=self._policy.stuck_seconds,
                stale_seconds=self._policy.stale_seconds,
            )
        if known is None:
            counts["unread"] += 1
            return ()
        comparison, findings = await asyncio.to_thread(_compared, ledger, known)
        async with work.writing() as connection:
            writing = _Writing(connection, work.organization_id, ledger, work.now, known)
            counts.update(await writing.write(comparison, findings))
        return comparison.differences


def _compared(ledger: Ledger, known: Compared) -> tuple[Comparison, Sequence[Finding]]:
    comparison = compare(
        ledger=ledger, local=known.local, books=known.books, links=known.links, context=known.context
    )
    return comparison, inspect(comparison.pairing.local_only, known.setup)


def _expiries(found: Sequence[Difference], now: datetime) -> Sequence[datetime]:
    """When an expected difference stops being expected."""
    return [each.expected_until for each in found if each.expected_until and each.expected_until > now]


@dataclass(frozen=True, slots=True)
class _Writing:
    """One ledger's results on their way into the database."""

    connection: Connection
    organization_id: UUID
    ledger: Ledger
    now: datetime
    known: Compared

    async def write(self, comparison: Comparison, findings: Sequence[Finding]) -> Mapping[str, int]:
        opened, resolved = await self._write_differences(comparison.differences)
        await self._write_balances(comparison)
        await store.write_months(self.connection, self.organization_id, self.ledger, comparison.months)
        await self._remember_pairs(comparison.pairing.pairs)
        await store.replace_findings(
            self.connection, self.organization_id, self.ledger, [self._finding(each) for each in findings]
        )
        expected = sum(each.expected for each in comparison.differences)
        await store.upsert_comparison(
            self.connection,
            self.organization_id,
            self.ledger,
            certified=self.known.context.scan_certified,
            open_differences=len(comparison.differences) - expected,
            expected_differences=expected,
        )
        withdrawn = await withdraw_moved(self.connection, self.organization_id, self.now)
        return {
            "opened": opened,
            "resolved": resolved,
            "confirmed": await self._confirm(comparison),
            "withdrawn": len(withdrawn),
        }

    async def _write_differences(self, found: Sequence[Difference]) -> tuple[int, int]:
        known: Mapping[str, KnownDifference] = await store.list_open_differences(
            self.connection, self.organization_id, self.ledger
        )
        changed = changes(known, found)
        await store.write_differences(self.connection, self.organization_id, changed, self.now)
        return len(changed.opened), len(changed.resolved)

    async def _write_balances(self, comparison: Comparison) -> None:
        before = {
            row["currency"]: row
            for row in await store.list_balances(self.connection, self.organization_id, None, _CURRENCIES_MAX)
            if row["ledger"] == self.ledger
        }
        rows = []
        for balance in comparison.balances:
            row = store.balance_row(self.organization_id, balance, self.known.reads, self.now)
            old = before.get(balance.currency)
            if old is None or any(old[name] != row[name] for name in store.BALANCE_COMPARED):
                rows.append(row | {"version": 1 if old is None else old["version"] + 1})
        await store.upsert_balances(self.connection, self.organization_id, rows)
        await store.mark_balances_read(
            self.connection, self.organization_id, self.ledger, self.known.reads, self.now
        )
        currencies = [balance.currency for balance in comparison.balances]
        await store.delete_balances(self.connection, self.organization_id, self.ledger, currencies)

    async def _remember_pairs(self, pairs: Sequence[Pair]) -> None:
        told = self.known.context.once_paired
        fresh = [
            store.KnownPair(
                local_id=each.local.document_id,
                books_id=each.books.document_id,
                paired_by=each.by,
                confidence=each.confidence,
            )
            for each in pairs
            if each.by not in _BY_RECORD and told.get(each.local.document_id) != each.books.document_id
        ]
        await store.upsert_pairs(self.connection, self.organization_id, self.ledger, fresh, self.now)

    def _finding(self, finding: Finding) -> Row:
        return {
            "organization_id": self.organization_id,
            "ledger": self.ledger,
            "kind": finding.kind,
            "document_id": finding.document_id or "",
            "reason": finding.reason,
            "owner": finding.owner,
            "amount_minor": finding.amount_minor,
            "currency": finding.currency,
            "found_at": self.now,
        }

    async def _confirm(self, comparison: Comparison) -> int:
        """Mark what was acknowledged and stands in the books, equal; presence needs no certificate."""
        equal = _equal_by_record(comparison, self.known.links)
        changed = []
        locked = await lock_records(self.connection, self.organization_id, equal)
        for record_id, before in locked.items():
            link, books = equal[record_id]
            if before.state is State.ACKNOWLEDGED and before.updated_at == link.updated_at:
                changed.append(Change(before=before, after=confirmed(before, _confirmation(books), self.now)))
        await write_records(self.connection, changed)
        return len(changed)


def _equal_by_record(comparison: Comparison, links: Sequence[Link]) -> Mapping[UUID, tuple[Link, Document]]:
    """The acknowledged records whose document was found by them and agrees, with its copy in the books."""
    contradicted = {each.local_id for each in comparison.differences if _contradicts(each)}
    books_by_local = {
        each.local.document_id: each.books
        for each in comparison.pairing.pairs
        if each.by in _BY_RECORD and each.local.document_id not in contradicted
    }
    return {
        UUID(link.record_id): (link, books_by_local[link.object_id])
        for link in links
        if link.state == State.ACKNOWLEDGED
        and link.object_id in books_by_local
        and books_by_local[link.object_id].document_id in link.books_ids
    }


def _contradicts(difference: Difference) -> bool:
    """Whether a document does not agree; a name that the platform's rules explain is the same party."""
    is_same_party = difference.kind is Kind.COUNTERPARTY and difference.expected
    return difference.kind in CONTRADICTING and not is_same_party


def _confirmation(books: Document) -> str:
    number = f" as number {books.number}" if books.number else ""
    return f"Read back from the books{number}: number, party, currency and amount agree."


_BY_RECORD: Final = frozenset({PairedBy.RECORD, PairedBy.PROVIDER})

_CURRENCIES_MAX: Final = 400
"""More than two ledgers times the currencies of ISO 4217 that one organization could bear."""
