"""A ledger compared whole: what is plainly equal is settled in Postgres, only the rest passes through here.

Three steps, each through the same domain and the same writing as a part:

1. Pairs that a record makes for certain (the only record of its document, naming one that nobody else names)
   and that agree in all that SQL can tell to agree. The domain would say nothing of them; they are counted.
2. Such pairs that do not agree. A certain pair concerns nobody else, so they are looked at some hundred at a
   time.
3. All that is left, as one neighbourhood, with the pairs that it reaches into.

Memory grows with what stands alone or is paired by number and similarity, not with the ledger. It is one
transaction, in which the domain computes; nobody but this worker writes what it holds.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

from service.domain.balance import met
from service.domain.difference import Comparison, compare
from service.domain.difference_life import Changes
from service.domain.document import Ledger
from service.store import comparing_whole as store
from service.store.comparing import write_differences, write_months
from service.workers.compared import Circumstances, with_documents
from service.workers.comparing_part import Part, read_certain_pairs, read_unpaired
from service.workers.comparing_write import Writing, Written

PAIRS_AT_ONCE: Final = 500
"""Pairs that are held at once: some four megabytes."""

RESOLVED_AT_ONCE: Final = 500
"""Differences that are held at once."""


@dataclass(slots=True)
class Whole:
    """One whole comparison under way."""

    writing: Writing
    opened: int = 0
    resolved: int = 0
    documents: int = 0
    """How many passed through the domain."""
    revisit_local: list[str] = field(default_factory=list)
    revisit_books: list[str] = field(default_factory=list)

    async def run(self) -> Written:
        """Compare and write everything."""
        writing = self.writing
        where = (writing.connection, writing.organization_id, writing.ledger)
        await store.stage(*where, writing.around.context.ledger_account_ids)
        await store.count_plain_pairs(*where)
        await self._look_at_pairs()
        unpaired = await store.list_unpaired(writing.connection)
        await self._look_at(await read_unpaired(*where, unpaired))
        await self._resolve_the_rest()
        await store.delete_findings_without_document(*where)
        await writing.write_organization_findings()
        months = await store.sum_counted(*where)
        terms, unexpected, expected = await store.sum_open_differences(*where)
        await writing.write_all_balances(met(writing.ledger, months, terms))
        await write_months(*where, months)
        return Written(
            opened=self.opened,
            resolved=self.resolved,
            documents=self.documents,
            open_differences=unexpected,
            expected_differences=expected,
            revisit_local=self.revisit_local,
            revisit_books=self.revisit_books,
            is_moved=True,
        )

    async def _look_at_pairs(self) -> None:
        after, connection = "", self.writing.connection
        while pairs := await store.list_uneven_pairs(connection, after, PAIRS_AT_ONCE):
            after = pairs[-1][0]
            where = (connection, self.writing.organization_id, self.writing.ledger)
            await self._look_at(await read_certain_pairs(*where, pairs))

    async def _look_at(self, part: Part) -> None:
        if not part.local_ids and not part.books_ids:
            return
        comparison = await asyncio.to_thread(compared, self.writing.ledger, part, self.writing.around)
        done = await self.writing.exchange(part, comparison, is_of_whole=True)
        fingerprints = [each.fingerprint for each in comparison.differences]
        await store.insert_staged_found(self.writing.connection, fingerprints)
        self.opened += done.opened
        self.resolved += done.resolved
        self.documents += len(part.local) + len(part.books)
        self.revisit_local += done.revisit_local
        self.revisit_books += done.revisit_books

    async def _resolve_the_rest(self) -> None:
        """Resolve what was not found any more, of documents that are plainly equal now or are gone."""
        writing = self.writing
        where = (writing.connection, writing.organization_id, writing.ledger)
        while unfound := await store.list_unfound_differences(*where, RESOLVED_AT_ONCE):
            changed = Changes(opened=(), changed=(), resolved=unfound)
            await write_differences(writing.connection, writing.organization_id, changed, writing.now)
            self.resolved += len(unfound)


def compared(ledger: Ledger, part: Part, around: Circumstances) -> Comparison:
    """Compare a part of a ledger under its circumstances."""
    there = frozenset(each.document_id for each in part.books)
    return compare(
        ledger=ledger,
        local=part.local,
        books=part.books,
        links=part.links,
        context=with_documents(around.context, there=there, gone=part.gone, once_paired=part.once_paired),
        crowded=part.crowded,
    )
