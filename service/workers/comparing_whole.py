"""A ledger compared whole: what is plainly equal is settled in Postgres, only the rest passes through here.

Three steps, each through the same domain and the same writing as a part:

1. Pairs that a record makes for certain (the only record of its document, naming one that nobody else names)
   and that agree in all that SQL can tell to agree. The domain would say nothing of them; they are counted.
2. Such pairs that do not agree. A certain pair concerns nobody else, so they are looked at some hundred at a
   time.
3. All that is left, as one neighbourhood, with the pairs that it reaches into.

Memory grows with what stands alone or is paired by number and similarity, not with the ledger.

It is one transaction, in which the domain computes; nobody but this worker writes what it holds. A ledger
of which nothing is counted yet has two: one stages both sides and counts the plain pairs; the other, which
is the comparison, looks at pairs meanwhile, and goes on when the first has ended. What is counted says
nothing until the second ends too, since it is that which states until when it holds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from service.domain.comparing.balance import met
from service.domain.comparing.difference import Comparison, compare
from service.domain.comparing.difference_life import Changes, KnownDifference
from service.domain.document import Ledger
from service.domain.statements.moved import earliest, first_moved
from service.store import comparing_whole as store
from service.store.balances import write_months
from service.store.comparing import list_differences_of_documents, write_differences
from service.store.counted import Named
from service.store.database import Connection
from service.workers.compared import Circumstances, with_documents
from service.workers.comparing_part import Part, read_certain_pairs, read_unpaired
from service.workers.comparing_write import Writing, Written, is_within

PAIRS_AT_ONCE: Final = 500
"""Pairs that are held at once: some four megabytes."""

PAIRS_MEANWHILE: Final = 20_000
"""Pairs that are named in advance, to look at while the plain ones are counted: some five megabytes."""

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
    moved_from: date | None = None
    unpaired: Named = field(default_factory=Named)
    revisit_local: list[str] = field(default_factory=list)
    revisit_books: list[str] = field(default_factory=list)

    async def settle_pairs(self, counting: Connection) -> None:
        """Settle all pairs that a record makes for certain; `counting` may be a transaction of its own."""
        writing = self.writing
        where = (counting, writing.organization_id, writing.ledger)
        is_apart = counting is not writing.connection
        await store.allow_time(counting)
        if is_apart:
            await store.allow_time(writing.connection)
        await store.stage(counting, writing.ledger, writing.around.context.ledger_account_ids)
        await store.stage_differences(writing.connection, writing.ledger)
        await store.delete_stale_counted(*where)
        uneven = await store.list_uneven_pairs(counting)
        if is_apart:
            ahead = await uneven(PAIRS_MEANWHILE)
            await _both(store.insert_plain_counted(*where), self._look_at_pairs(ahead))
        else:
            await store.insert_plain_counted(*where)
        while pairs := await uneven(PAIRS_AT_ONCE):
            await self._look_at_pairs(pairs)
        self.unpaired = await store.list_unpaired(counting)

    async def run(self) -> Written:
        """Look at all that is left, and write what everything adds up to."""
        writing = self.writing
        where = (writing.connection, writing.organization_id, writing.ledger)
        part = await read_unpaired(*where, self.unpaired)
        known = await list_differences_of_documents(*where, part.local_ids, part.books_ids)
        await self._look_at(part, known)
        await self._resolve_the_rest()
        await store.delete_findings_without_document(*where)
        await writing.write_organization_findings()
        months = await store.sum_counted(*where)
        terms, unexpected, expected = await store.sum_open_differences(*where)
        await writing.write_all_balances(met(writing.ledger, months, terms))
        months_from = await write_months(*where, months)
        await store.tell_planner(writing.connection, self.documents)
        return Written(
            opened=self.opened,
            resolved=self.resolved,
            documents=self.documents,
            open_differences=unexpected,
            expected_differences=expected,
            revisit_local=self.revisit_local,
            revisit_books=self.revisit_books,
            moved_from=earliest(self.moved_from, months_from),
        )

    async def _look_at_pairs(self, pairs: Sequence[tuple[str, str]]) -> None:
        where = (self.writing.connection, self.writing.organization_id, self.writing.ledger)
        for start in range(0, len(pairs), PAIRS_AT_ONCE):
            part = await read_certain_pairs(*where, pairs[start : start + PAIRS_AT_ONCE])
            known = await store.list_known_differences(where[0], part.local_ids, part.books_ids)
            await self._look_at(part, known, is_counted=False)

    async def _look_at(
        self, part: Part, known: Mapping[str, KnownDifference], *, is_counted: bool = True
    ) -> None:
        if not part.local_ids and not part.books_ids:
            return
        comparison = await asyncio.to_thread(compared, self.writing.ledger, part, self.writing.around)
        # What was told of a document here and one elsewhere is not this part's to end.
        own = {name: each for name, each in known.items() if is_within(part, each)}
        done = await self.writing.exchange(part, comparison, own, is_counted=is_counted)
        fingerprints = [each.fingerprint for each in comparison.differences]
        await store.insert_staged_found(self.writing.connection, fingerprints)
        self.opened += done.opened
        self.resolved += done.resolved
        self.moved_from = earliest(self.moved_from, done.moved_from)
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
            self.moved_from = earliest(self.moved_from, first_moved(changed))


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


async def _both(one: Coroutine[Any, Any, None], other: Coroutine[Any, Any, None]) -> None:
    """Wait for both; when one fails, the other is stopped, and its connection free, before that is told."""
    tasks = [asyncio.create_task(one), asyncio.create_task(other)]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
