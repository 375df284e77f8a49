"""What readings of whole lists can prove: scans with their certificates, and rows that cannot be read."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from service.domain.document import Ledger, Side
from service.store.database import Connection
from service.store.queries import QUERY
from service.store.rows import clean_text


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanRow:
    """One reading of a whole list, and whether it may prove absence."""

    ledger: Ledger
    side: Side
    started_at: datetime
    finished_at: datetime
    last_pull: datetime | None
    certified: bool
    reason: str
    documents_count: int
    calls: int = 0


async def replace_unreadable(
    connection: Connection, organization_id: UUID, ledger: Ledger, side: Side, reasons: Mapping[str, str]
) -> None:
    """Make these the documents of a list that cannot be read, with the reason of each."""
    await connection.execute(QUERY["delete_unreadable_documents"], organization_id, ledger, side)
    await _insert_unreadable(connection, organization_id, ledger, side, reasons)


async def renew_unreadable(
    connection: Connection,
    organization_id: UUID,
    ledger: Ledger,
    side: Side,
    *,
    document_ids: Collection[str],
    reasons: Mapping[str, str],
) -> bool:
    """Make these the ones among some documents that cannot be read; says whether any is or was."""
    done = await connection.execute(
        QUERY["delete_unreadable_of_documents"], organization_id, ledger, side, list(document_ids)
    )
    await _insert_unreadable(connection, organization_id, ledger, side, reasons)
    return bool(reasons) or done != "DELETE 0"


async def _insert_unreadable(
    connection: Connection, organization_id: UUID, ledger: Ledger, side: Side, reasons: Mapping[str, str]
) -> None:
    if reasons:
        await connection.execute(
            QUERY["insert_unreadable_documents"],
            organization_id,
            ledger,
            side,
            [clean_text(document_id) for document_id in reasons],
            [clean_text(reason) for reason in reasons.values()],
        )


async def list_unreadable_documents(
    connection: Connection, organization_id: UUID, ledger: Ledger
) -> Mapping[Side, Mapping[str, str]]:
    """Documents of a ledger that are there and cannot be read: the reason of each, by side and id."""
    found: dict[Side, dict[str, str]] = {side: {} for side in Side}
    for row in await connection.fetch(QUERY["list_unreadable_documents"], organization_id, ledger):
        found[Side(row["side"])][row["document_id"]] = row["reason"]
    return found


async def list_unreadable(
    connection: Connection,
    *,
    organization_id: UUID | None = None,
    ledger: str | None = None,
    side: str | None = None,
    after: tuple[UUID, str, str, str] | None = None,
    limit: int,
) -> Sequence[asyncpg.Record]:
    """Documents that cannot be read by organization, ledger, side and id, after a key."""
    key = after or (None, None, None, None)
    return await connection.fetch(QUERY["list_unreadable"], organization_id, ledger, side, *key, limit)


async def insert_scan(connection: Connection, organization_id: UUID, scan: ScanRow) -> None:
    """Keep what a scan can prove."""
    await connection.execute(
        QUERY["insert_scan"],
        organization_id,
        scan.ledger,
        scan.side,
        scan.started_at,
        scan.finished_at,
        scan.last_pull,
        scan.certified,
        scan.reason,
        scan.documents_count,
        scan.calls,
    )


async def list_latest_scans(
    connection: Connection, organization_id: UUID
) -> Mapping[tuple[Ledger, Side], ScanRow]:
    """The newest scan of each ledger and side."""
    rows = await connection.fetch(QUERY["list_latest_scans"], organization_id)
    scans = [ScanRow(**{**row, "ledger": Ledger(row["ledger"]), "side": Side(row["side"])}) for row in rows]
    return {(scan.ledger, scan.side): scan for scan in scans}


async def prune_scans(connection: Connection, kept: timedelta) -> None:
    """Forget scans that are older than they are kept and that a later one outdates."""
    await connection.execute(QUERY["prune_scans"], kept)
