"""What a comparison found, on its way into the database: of a whole ledger, or of a part of one.

A part exchanges what it is about: its differences, its entries and so its shares of balances and months, its
findings. That the balance still meets is checked each time (`balance.moved`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from service.domain.comparing.agreement import contradicted_ids
from service.domain.comparing.balance import Balance, moved
from service.domain.comparing.difference import Comparison
from service.domain.comparing.difference_kind import Difference
from service.domain.comparing.difference_life import KnownDifference, changes
from service.domain.comparing.entry import Entry, months_moved
from service.domain.comparing.pairing import Pair, PairedBy
from service.domain.comparing.pairing_similarity import similarity_keys
from service.domain.comparing.posting import Posting
from service.domain.document import Document, Ledger, Side
from service.domain.pushing.preflight import Finding, inspect, inspect_organization, lacks_payments_account
from service.domain.statements.moved import earliest, first_moved
from service.store import comparing as store
from service.store import counted
from service.store.balances import (
    BALANCE_COMPARED,
    balance_of,
    balance_row,
    delete_balances,
    list_balances,
    list_months,
    upsert_balances,
    write_months,
)
from service.store.database import Connection
from service.store.documents import sum_unpaid_invoices
from service.store.rows import Row, in_turns
from service.workers.compared import Circumstances
from service.workers.comparing_part import Part

BY_RECORD: Final = frozenset({PairedBy.RECORD, PairedBy.PROVIDER})

CURRENCIES_MAX: Final = 400
"""More than two ledgers times the currencies of ISO 4217 that one organization could bear."""


class NotWholeError(Exception):
    """What was read as a part is none: the ledger has to be compared whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What was written, and what the next comparison has to look at again because of it."""

    open_differences: int
    expected_differences: int
    opened: int = 0
    resolved: int = 0
    documents: int = 0
    """How many passed through the domain."""
    revisit_local: Sequence[str] = ()
    revisit_books: Sequence[str] = ()
    moved_from: date | None = None
    """The first month of which a figure may have moved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchanged:
    """What writing a part did, and the open differences that it found there."""

    before: Sequence[Difference]
    opened: int
    resolved: int
    moved_from: date | None
    revisit_local: Sequence[str]
    revisit_books: Sequence[str]


@dataclass(frozen=True, slots=True)
class Writing:
    """One ledger's results on their way into the database."""

    connection: Connection
    organization_id: UUID
    ledger: Ledger
    now: datetime
    around: Circumstances

    async def write_part(self, part: Part, comparison: Comparison) -> Written:
        """Exchange what a part of the ledger is about."""
        where = (self.connection, self.organization_id, self.ledger)
        open_before, expected_before = await store.get_comparison(*where)
        if not part.local_ids and not part.books_ids:
            return Written(open_differences=open_before, expected_differences=expected_before)
        known = await store.list_differences_of_documents(*where, part.local_ids, part.books_ids)
        for name, each in known.items():
            if not is_within(part, each):
                raise NotWholeError(f"only half of {name} is in the part")
        done = await self.exchange(part, comparison, known)
        moved_from = await self._move_sums(part, comparison, done.before)
        await self.write_organization_findings()
        expected = sum(each.expected for each in comparison.differences)
        expected -= sum(each.expected for each in done.before)
        return Written(
            opened=done.opened,
            resolved=done.resolved,
            documents=len(part.local) + len(part.books),
            open_differences=open_before + len(comparison.differences) - len(done.before) - expected,
            expected_differences=expected_before + expected,
            revisit_local=done.revisit_local,
            revisit_books=done.revisit_books,
            moved_from=earliest(moved_from, done.moved_from),
        )

    async def exchange(
        self,
        part: Part,
        comparison: Comparison,
        known: Mapping[str, KnownDifference],
        *,
        is_counted: bool = True,
    ) -> Exchanged:
        """Write all of a part but sums: its differences, how it counts, pairs to remember, findings.

        `known` are the open differences of its documents, by fingerprint; those not found again end. Nothing
        has to be taken back of what `is_counted` says is not.
        """
        where = (self.connection, self.organization_id, self.ledger)
        changed = changes(known, comparison.differences)
        await store.write_differences(self.connection, self.organization_id, changed, self.now)
        if is_counted:
            await counted.delete_counted(*where, part.local_ids, part.books_ids)
        await counted.insert_counted(self.connection, self._counted_rows(part, comparison))
        replaced = await self._remember_pairs(comparison.pairing.pairs, part.once_paired)
        await self._write_findings(part, comparison.pairing.local_only)
        return Exchanged(
            before=[each.difference for each in known.values()],
            opened=len(changed.opened),
            resolved=len(changed.resolved),
            moved_from=first_moved(changed),
            revisit_local=replaced,
            revisit_books=[part.once_paired[local_id] for local_id in replaced],
        )

    async def _write_findings(self, part: Part, local_only: Sequence[Document]) -> None:
        """Make what will fail of the documents that are not in the books the findings of all of a part."""
        where = (self.connection, self.organization_id, self.ledger)
        lone = {each.document_id: each for each in local_only}
        for local_ids in in_turns(part.local_ids):
            documents = [lone[each] for each in local_ids if each in lone]
            rows = [self._finding(each) for each in inspect(documents, self.around.setup)]
            await store.replace_findings_of(*where, local_ids, rows)

    async def write_organization_findings(self) -> None:
        """Write what will fail of the organization as a whole."""
        where = (self.connection, self.organization_id, self.ledger)
        is_lacking = lacks_payments_account(self.ledger, self.around.setup)
        owed = await sum_unpaid_invoices(self.connection, self.organization_id) if is_lacking else ()
        findings = inspect_organization(self.ledger, self.around.setup, owed)
        await store.replace_findings_of(*where, [""], [self._finding(each) for each in findings])

    async def _move_sums(
        self, part: Part, comparison: Comparison, differences_gone: Sequence[Difference]
    ) -> date | None:
        """Move the sums; returns the first month of which one moved."""
        where = (self.connection, self.organization_id, self.ledger)
        gone, come = [each.entry for each in part.before], comparison.entries
        rows = await self._balance_rows()
        balances = moved(
            self.ledger,
            {currency: balance_of(row) for currency, row in rows.items()},
            entries_gone=gone,
            entries_come=come,
            differences_gone=differences_gone,
            differences_come=comparison.differences,
        )
        after = {currency: each for currency, each in balances.items() if each is not None}
        await self.write_balances(after.values(), rows)
        if len(after) < len(balances):
            left = [currency for currency in rows if currency in after or currency not in balances]
            await delete_balances(*where, left)
        if Counter(map(_counts_as, gone)) == Counter(map(_counts_as, come)):
            return None
        return await write_months(*where, months_moved(await list_months(*where), gone=gone, come=come))

    async def write_all_balances(self, balances: Sequence[Balance]) -> None:
        """Make these the balances of the ledger."""
        await self.write_balances(balances, await self._balance_rows())
        currencies = [balance.currency for balance in balances]
        await delete_balances(self.connection, self.organization_id, self.ledger, currencies)

    async def write_balances(
        self, balances: Iterable[Balance], before: Mapping[str, Mapping[str, Any]]
    ) -> None:
        """Write the balances of which a figure moved."""
        rows = []
        for balance in balances:
            row = balance_row(self.organization_id, balance, self.around.reads, self.now)
            old = before.get(balance.currency)
            if old is None or any(old[name] != row[name] for name in BALANCE_COMPARED):
                rows.append(row | {"version": 1 if old is None else old["version"] + 1})
        await upsert_balances(self.connection, self.organization_id, rows)

    async def _balance_rows(self) -> Mapping[str, Mapping[str, Any]]:
        rows = await list_balances(self.connection, self.organization_id, None, CURRENCIES_MAX)
        return {row["currency"]: row for row in rows if row["ledger"] == self.ledger}

    def _counted_rows(self, part: Part, comparison: Comparison) -> Iterator[Row]:
        """Tell how each document counts, for the next comparison."""
        contradicted = contradicted_ids(comparison.differences, comparison.pairing.pairs)
        local = {each.document_id: each for each in part.local}
        books = {each.document_id: each for each in part.books}
        claims: dict[str, set[str]] = {}
        for link in part.links:
            if link.object_id is not None and link.object_id in local:
                claims.setdefault(link.object_id, set()).update(link.books_ids)
        for entry in comparison.entries:
            ours, theirs = local.get(entry.local_id or ""), books.get(entry.books_id or "")
            named = claims.get(entry.local_id or "", set()) - {entry.books_id}
            is_certain = entry.paired_by in BY_RECORD or entry.paired_by is PairedBy.NUMBER
            yield {
                "organization_id": self.organization_id,
                "ledger": self.ledger,
                "local_id": entry.local_id,
                "books_id": entry.books_id,
                "paired_by": entry.paired_by,
                "local_version": part.versions[Side.LOCAL, ours.document_id] if ours else None,
                "books_version": part.versions[Side.BOOKS, theirs.document_id] if theirs else None,
                "records_version": part.records_versions.get(entry.local_id or "", 0),
                **_posting("local", entry.local),
                **_posting("books", entry.books),
                "local_number": ours.number if ours else None,
                "books_number": theirs.number if theirs else None,
                "claims": sorted(named) or None,
                "local_keys": None if is_certain else _keys(ours),
                "books_keys": None if is_certain else _keys(theirs),
                "is_equal": entry.paired_by in BY_RECORD and entry.local_id not in contradicted,
            }

    async def _remember_pairs(self, pairs: Sequence[Pair], told: Mapping[str, str]) -> Sequence[str]:
        """Remember what no record tells; returns the local ids whose memory was replaced."""
        fresh = [
            store.KnownPair(
                local_id=each.local.document_id,
                books_id=each.books.document_id,
                paired_by=each.by,
                confidence=each.confidence,
            )
            for each in pairs
            if each.by not in BY_RECORD and told.get(each.local.document_id) != each.books.document_id
        ]
        await store.upsert_pairs(self.connection, self.organization_id, self.ledger, fresh, self.now)
        return [each.local_id for each in fresh if each.local_id in told]

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


def is_within(part: Part, known: KnownDifference) -> bool:
    """What is told of two documents is told of both or none; else the part was no whole neighbourhood."""
    found = known.difference
    is_here = found.local_id is None or found.local_id in part.local_ids
    return is_here and (found.books_id is None or found.books_id in part.books_ids)


def _posting(side: str, posting: Posting | None) -> Row:
    return {
        f"{side}_currency": posting and posting.currency,
        f"{side}_month": posting and posting.month,
        f"{side}_minor": posting and posting.minor,
    }


def _counts_as(entry: Entry) -> tuple[Posting | None, Posting | None]:
    """Tell in which months an entry counts with what."""
    return _by_month(entry.local), _by_month(entry.books)


def _by_month(posting: Posting | None) -> Posting | None:
    return None if posting is None else posting._replace(day=posting.month)


def _keys(document: Document | None) -> Sequence[int] | None:
    return None if document is None else sorted(similarity_keys(document))
