"""Comparing: the documents of both sides of an organization, until every cent is explained.

A run costs what changed: it reads what was written since the last one and all that this may concern
(`comparing_part`), lets the domain compare, and exchanges what that changed. A ledger is compared whole when
it never was, once a day, when its circumstances moved (`compared`), and when so much changed that a part
would be no less. Between reading and writing no transaction is open; whatever changes meanwhile nudges the
next run.

A ledger is not compared before both of its sides have been read once: half a picture would be all
differences.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg

from service.domain.document import Ledger
from service.domain.fleet import WorkKind
from service.domain.pushing.record_push import confirmed
from service.domain.record_state import State
from service.logs import get_logger
from service.store import balances, counted
from service.store import comparing as store
from service.store import comparing_whole as whole_store
from service.store.counted import CountedUntil
from service.store.database import Connection, Database
from service.store.records import Change, lock_records, write_records
from service.store.statements import withdraw_moved
from service.store.work import get_now
from service.workers.claims import Claims
from service.workers.compared import Circumstances, read_circumstances
from service.workers.comparing_part import Part, read_part
from service.workers.comparing_whole import Whole, compared
from service.workers.comparing_write import NotWholeError, Writing, Written
from service.workers.work import IDLE, Tally, Work

LANES: Final = 2
"""Comparing is work for the processor: more lanes would wait for it, not for Postgres."""

WHOLE_EVERY: Final = timedelta(days=1)
"""As often as everything is read anew: whatever went wrong with telling changes is mended by then."""

SIGNED_LATELY: Final = 2 * WHOLE_EVERY
"""What was signed since is looked at by the daily comparison, moved or not: it may have been signed in the
very moment in which a figure moved."""

CONFIRMED_AT_ONCE: Final = 500
"""Records in one transaction."""

MARKED_AT_ONCE: Final = 2_000
"""Documents in one transaction: whoever reads them anew meanwhile waits a tenth of a second."""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparePolicy:
    """Settings that comparing needs, in seconds."""

    diff_seconds: float
    stuck_seconds: float
    stale_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What one run read of a ledger; without a part it has to be read whole."""

    around: Circumstances
    until: CountedUntil | None
    part: Part | None


class Comparer:
    """Compares both ledgers of one organization a run."""

    kind = WorkKind.COMPARE
    lanes = LANES

    def __init__(self, database: Database, policy: ComparePolicy, replica_id: str) -> None:
        self._database = database
        self._policy = policy
        self._claims = Claims(database, self.kind, replica_id)

    async def run_once(self, _now: datetime) -> Tally:
        """Compare one organization that is due."""
        async with self._claims.working() as work:
            if work is None:
                return IDLE
            counts: Counter[str] = Counter()
            due_at = work.now + timedelta(seconds=self._policy.diff_seconds)
            for ledger in Ledger:
                turn_at = await self._compare(work, ledger, counts)
                due_at = min(due_at, turn_at or due_at)
            await work.finish(due_at=due_at)
            return Tally(claimed=1, counts=counts)

    async def _compare(self, work: Work, ledger: Ledger, counts: Counter[str]) -> datetime | None:
        """Compare a ledger; returns when the next of its expected differences stops being expected."""
        known = await self._read(work, ledger)
        if known is None:
            counts["unread"] += 1
            return None
        written = None
        if known.part is not None:
            try:
                written = await self._compare_part(work, ledger, known, known.part)
            except NotWholeError as error:
                log.warning("comparison_not_local", ledger=ledger, error=str(error))
        if written is None:
            counts["whole"] += 1
            written = await self._compare_whole(work, ledger, known)
        counts["documents_compared"] += written.documents
        counts.update({"opened": written.opened, "resolved": written.resolved})
        confirmed_records, turn_at = await self._confirm(work, ledger)
        counts["confirmed"] += confirmed_records
        return turn_at

    async def _read(self, work: Work, ledger: Ledger) -> _Known | None:
        organization_id = work.organization_id
        async with self._database.organization(organization_id, readonly=True) as connection:
            now = await get_now(connection)
            around = await read_circumstances(
                connection,
                organization_id,
                ledger,
                as_of=now,
                stuck_seconds=self._policy.stuck_seconds,
                stale_seconds=self._policy.stale_seconds,
            )
            if around is None:
                return None
            until = await counted.get_counted_until(connection, organization_id, ledger)
            if until is None or _must_be_whole(until, around):
                return _Known(around=around, until=None, part=None)
            part = await read_part(connection, organization_id, ledger, around, until)
            return _Known(around=around, until=until, part=part)

    async def _compare_part(self, work: Work, ledger: Ledger, known: _Known, part: Part) -> Written:
        assert known.until is not None
        comparison = await asyncio.to_thread(compared, ledger, part, known.around)
        async with work.writing() as connection:
            writing = Writing(connection, work.organization_id, ledger, work.now, known.around)
            written = await writing.write_part(part, comparison)
            await self._settle(
                connection, work, ledger, known.around, written=written, whole_at=known.until.whole_at
            )
        return written

    async def _compare_whole(self, work: Work, ledger: Ledger, known: _Known) -> Written:
        await self._mark(work, ledger)
        async with work.writing() as connection:
            writing = Writing(connection, work.organization_id, ledger, work.now, known.around)
            whole = Whole(writing)
            if await counted.is_anything_counted(connection, work.organization_id, ledger):
                await whole.settle_pairs(connection)
            else:
                async with work.writing() as counting:
                    await whole.settle_pairs(counting)
            written = await whole.run()
            whole_at = known.around.context.as_of
            await self._settle(connection, work, ledger, known.around, written=written, whole_at=whole_at)
        return written

    async def _mark(self, work: Work, ledger: Ledger) -> None:
        """Mark the documents that a release before wrote; what it writes from now on makes no plain pair."""
        marked = MARKED_AT_ONCE
        while marked == MARKED_AT_ONCE:
            async with work.writing() as connection:
                marked = await whole_store.mark_documents(
                    connection, work.organization_id, ledger, MARKED_AT_ONCE
                )

    async def _settle(
        self,
        connection: Connection,
        work: Work,
        ledger: Ledger,
        around: Circumstances,
        *,
        written: Written,
        whole_at: datetime,
    ) -> None:
        """Write on which reads the balances rest now, and until when changes are counted."""
        organization_id, reads = work.organization_id, around.reads
        await balances.mark_balances_read(connection, organization_id, ledger, reads, work.now)
        compared_at = await store.upsert_comparison(
            connection,
            organization_id,
            ledger,
            certified=reads.certified,
            open_differences=written.open_differences,
            expected_differences=written.expected_differences,
        )
        await counted.upsert_counted_until(
            connection,
            organization_id,
            ledger,
            CountedUntil(
                read_at=around.context.as_of,
                whole_at=whole_at,
                compared_at=compared_at,
                last_pull=around.context.last_pull,
                records_read_at=around.context.records_read_at,
                circumstances=around.digest,
                revisit_local=written.revisit_local,
                revisit_books=written.revisit_books,
            ),
        )
        is_whole = whole_at == around.context.as_of
        await withdraw_moved(
            connection,
            organization_id,
            work.now,
            moved_from=written.moved_from,
            signed_after=work.now - SIGNED_LATELY if is_whole else None,
        )

    async def _confirm(self, work: Work, ledger: Ledger) -> tuple[int, datetime | None]:
        """Mark what was acknowledged and stands in the books, equal; presence needs no certificate.

        Returns how many, and when the next of the ledger's expected differences stops being expected.
        """
        total = 0
        while True:
            async with work.writing() as connection:
                rows = await counted.list_confirmable_records(
                    connection, work.organization_id, ledger, CONFIRMED_AT_ONCE
                )
                total += await _confirm(connection, work, ledger, {row["record_id"]: row for row in rows})
                if len(rows) < CONFIRMED_AT_ONCE:
                    turn_at = await counted.get_next_turn(connection, work.organization_id, ledger, work.now)
                    return total, turn_at


async def _confirm(
    connection: Connection, work: Work, ledger: Ledger, found: Mapping[UUID, asyncpg.Record]
) -> int:
    if not found:
        return 0
    locked = await lock_records(connection, work.organization_id, found)
    changes = [
        Change(before=before, after=confirmed(before, _confirmation(found[record_id]["number"]), work.now))
        for record_id, before in locked.items()
        if before.state is State.ACKNOWLEDGED and before.version == found[record_id]["version"]
    ]
    await write_records(connection, changes)
    local_ids = [str(each.after.object_id) for each in changes]
    await counted.mark_counted_confirmed(connection, work.organization_id, ledger, local_ids)
    return len(changes)


def _must_be_whole(until: CountedUntil, around: Circumstances) -> bool:
    """Whether a part cannot tell: all is due again, or something moved that any verdict may rest on."""
    now = around.context
    return (
        now.as_of - until.whole_at >= WHOLE_EVERY
        or until.circumstances != around.digest
        or _went_back(until.last_pull, now.last_pull)
        or _went_back(until.records_read_at, now.records_read_at)
    )


def _went_back(before: datetime | None, after: datetime | None) -> bool:
    return before is not None and after is not None and after < before


def _confirmation(number: str | None) -> str:
    named = f" as number {number}" if number else ""
    return f"Read back from the books{named}: number, party, currency and amount agree."
