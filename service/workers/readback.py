"""Looking into the books for what may have landed: the quarantined invoices and bills of an organization.

Runs at the head of a pusher's run, under its claim: what is found there is confirmed and never pushed; what
is proven absent gets a row of evidence, which permits one push; of the rest it is known what is lacking.
Where that is a pull from the books, the hub is asked for one, not more often than it could answer.

All that it rests on is read at once and judged without a transaction; what is written is written only for
records that are still what was judged.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from service.domain.cadence.pulled import pulled_at
from service.domain.cadence.stream import Stream
from service.domain.comparing.pairing_links import DOCUMENT_TYPES
from service.domain.document import Ledger, Side
from service.domain.fleet import WorkKind
from service.domain.pushing.attempt import Attempt, Evidence, EvidenceKind, speaking
from service.domain.pushing.policy import Policy
from service.domain.pushing.readback import Finding, Look, ask_seconds, look, not_looked, since
from service.domain.pushing.readback_books import Books, Pull
from service.domain.pushing.record_push import confirmed
from service.domain.pushing.sibling import attempts_of_object
from service.domain.record import LISTED_TYPES, Record
from service.domain.record_state import State
from service.errors import HubError
from service.hub.client import Hub
from service.logs import get_logger
from service.store.connections import KnownConnection, get_current_connection
from service.store.database import Connection, Database
from service.store.history import HistoryKind, list_history
from service.store.pushed import attempt_of, evidence_of, of_record
from service.store.pushes import StoredEvidence, insert_evidence, list_attempts, list_open_evidence
from service.store.records import (
    Change,
    list_unproven_records,
    lock_records,
    write_records,
)
from service.store.scans import ScanRow, list_latest_scans
from service.store.siblings import list_siblings
from service.store.streams import nudge_streams
from service.store.work import nudge_work
from service.workers.looked import Looked
from service.workers.readback_books import Sought, Told, read_books
from service.workers.work import Work

RECORDS_MAX: Final = 500
"""Looked for in a run; the others in the next, which their deadlines bring."""

VERSIONS_MAX: Final = 200
"""Of a connection's history: eight days of hourly pulls, while two since an attempt are asked for."""

PULL_SECONDS: Final = 60.0
"""After so long the connection is read again, to see whether the pull that was asked for has ended."""

ASKED_MAX: Final = 10_000
"""Organizations of which it is remembered when they were asked for; the fleet that this is built for."""

LEDGER_BY_TYPE: Final[Mapping[str, Ledger]] = {
    name: ledger for ledger, names in DOCUMENT_TYPES.items() for name in names if name in LISTED_TYPES
}

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unproven:
    """What a look was taken at."""

    records: Mapping[UUID, Record]
    attempts: Mapping[UUID, Sequence[Attempt]]
    evidence: Mapping[UUID, Sequence[Evidence]]
    books: Mapping[Ledger, Books | None]
    """None of a ledger of which more would have to be held than may be."""
    connection: KnownConnection | None
    kept: Mapping[UUID, Look]
    """Of others, what was found before, in lists that are still the newest."""
    scanned_at: Mapping[UUID, datetime | None]


class ReadBack:
    """Looks for the quarantined records of an organization in its books."""

    def __init__(self, database: Database, hub: Hub, policy: Policy) -> None:
        self._database = database
        self._hub = hub
        self._policy = policy
        # A bound on calls, no truth: another replica asks for itself, and a new process anew.
        self._asked_at: dict[UUID, datetime] = {}
        self._looked = Looked()

    async def look(self, work: Work, *, anew: bool = False) -> Mapping[UUID, Look]:
        """Look, and write what the books prove; returns what was found, by record.

        What was found before in a list that is still the newest is not looked for again, unless `anew`.
        """
        unproven = await self._read(work, anew=anew)
        if unproven is None:
            return {}
        looks = await asyncio.to_thread(_looks, unproven, work.now, self._policy)
        await self._write(work, unproven, looks)
        self._looked.keep(unproven.records, unproven.scanned_at, looks)
        if any(each.wants_pull for each in looks.values()):
            await self._ask(work, unproven.connection)
        return {**unproven.kept, **looks}

    async def _read(self, work: Work, *, anew: bool) -> _Unproven | None:
        organization_id = work.organization_id
        async with self._database.organization(organization_id, readonly=True) as connection:
            found = await list_unproven_records(
                connection, organization_id, sorted(LEDGER_BY_TYPE), RECORDS_MAX
            )
            if not found:
                return None
            scans = await list_latest_scans(connection, organization_id)
            scanned_at = {each.record_id: _scanned_at(scans, each) for each in found}
            kept = {
                each.record_id: before
                for each in found
                if not anew and (before := self._looked.of(each, scanned_at[each.record_id], work.now))
            }
            found = [each for each in found if each.record_id not in kept]
            records = {each.record_id: each for each in found}
            attempts = await list_attempts(connection, organization_id, list(records))
            siblings = await list_siblings(connection, organization_id, found)
            mine = {
                key: attempts_of_object(
                    record, [attempt_of(each) for each in attempts.get(key, ())], siblings.get(key, ())
                )
                for key, record in records.items()
            }
            evidence = await list_open_evidence(connection, organization_id, list(records))
            link = await get_current_connection(connection, organization_id)
            pulls = await _pulls(connection, organization_id, link)
            sought: dict[Ledger, list[Sought]] = defaultdict(list)
            for each in found:
                begun_at = since(each, mine[each.record_id])
                sought[LEDGER_BY_TYPE[each.object_type]].append((each, begun_at))
            read = {
                ledger: await read_books(connection, organization_id, ledger, pulls, several)
                for ledger, several in sought.items()
            }
        books = {
            ledger: None if told is None else await asyncio.to_thread(_built, told)
            for ledger, told in read.items()
        }
        return _Unproven(
            records=records,
            attempts=mine,
            evidence={key: [evidence_of(each) for each in several] for key, several in evidence.items()},
            books=books,
            connection=link,
            kept=kept,
            scanned_at=scanned_at,
        )

    async def _write(self, work: Work, unproven: _Unproven, looks: Mapping[UUID, Look]) -> None:
        proven = {
            record_id: found
            for record_id, found in looks.items()
            if found.finding in {Finding.PRESENT, Finding.ABSENT}
        }
        if not proven:
            return
        changes = []
        async with work.writing() as connection:
            locked = await lock_records(connection, work.organization_id, list(proven))
            for record_id, before in locked.items():
                record, found = unproven.records[record_id], proven[record_id]
                if before.version != record.version:
                    continue
                if found.finding is Finding.PRESENT and before.state is not State.QUARANTINED:
                    # Found after it was taken for absent: the decision brings it to quarantine first.
                    continue
                kind = EvidenceKind.FOUND
                if found.finding is Finding.ABSENT:
                    kind = EvidenceKind.READ_BACK
                    mine = unproven.attempts.get(record_id, ())
                    if speaking(before, mine, unproven.evidence.get(record_id, ()), kind):
                        continue
                else:
                    changes.append(Change(before=before, after=confirmed(before, found.reason, work.now)))
                await insert_evidence(
                    connection,
                    work.organization_id,
                    StoredEvidence(
                        evidence_id=uuid4(),
                        record_id=record_id,
                        kind=kind,
                        detail={**of_record(before), **found.detail},
                    ),
                )
            await write_records(connection, changes)
            if changes:
                await nudge_work(connection, [work.organization_id], WorkKind.COMPARE, work.now)

    async def _ask(self, work: Work, link: KnownConnection | None) -> None:
        """Ask the hub for a pull, and have the connection read when it may have ended."""
        organization_id, now = work.organization_id, work.now
        asked_at = self._asked_at.get(organization_id)
        pause = timedelta(seconds=ask_seconds(self._policy))
        is_soon = asked_at is not None and now < asked_at + pause
        if link is None or not link.is_connected or is_soon:
            return
        if len(self._asked_at) >= ASKED_MAX:
            self._asked_at.clear()
        self._asked_at[organization_id] = now
        try:
            await self._hub.sync(organization_id, link.connection_id)
        except HubError as error:
            log.warning("pull_not_asked", organization_id=str(organization_id), error=str(error))
            return
        log.info("pull_asked", organization_id=str(organization_id))
        soon = work.now + min(timedelta(seconds=PULL_SECONDS), pause)
        async with work.writing() as connection:
            await nudge_streams(connection, organization_id, [(Stream.CONNECTION, soon)])
            await nudge_work(connection, [organization_id], WorkKind.POLL, soon)


def _scanned_at(scans: Mapping[tuple[Ledger, Side], ScanRow], record: Record) -> datetime | None:
    scan = scans.get((LEDGER_BY_TYPE[record.object_type], Side.BOOKS))
    return scan.finished_at if scan else None


def _built(told: Told) -> Books:
    return Books.build(**told)


def _looks(unproven: _Unproven, now: datetime, policy: Policy) -> Mapping[UUID, Look]:
    return {
        record_id: look(
            record,
            unproven.attempts.get(record_id, ()),
            books,
            now=now,
            policy=policy,
        )
        if (books := unproven.books[LEDGER_BY_TYPE[record.object_type]]) is not None
        else not_looked(now=now, policy=policy)
        for record_id, record in unproven.records.items()
    }


async def _pulls(
    connection: Connection, organization_id: UUID, link: KnownConnection | None
) -> Sequence[Pull]:
    """The pulls of the present connection: each value of `last_pull`, with when it was first seen."""
    if link is None:
        return ()
    versions = await list_history(
        connection, organization_id, HistoryKind.CONNECTION, str(link.connection_id), VERSIONS_MAX
    )
    first_seen: dict[datetime, datetime] = {}
    for version in versions:
        told = version.body.get("last_pull")
        if isinstance(told, str):
            last_pull = pulled_at(datetime.fromisoformat(told), link.hub_created_at)
            if last_pull is not None:
                first_seen[last_pull] = min(version.known_from, first_seen.get(last_pull, version.known_from))
    return [Pull(last_pull=last_pull, seen_at=seen_at) for last_pull, seen_at in first_seen.items()]
