"""How many records there are of each sort, and with how much money: kept while they are written.

Nothing is counted when somebody asks. Whoever writes records adds what that changed in the same transaction:
to the counts of their organization, of the causes that it has, and of the fleet (`fleet_counts`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

import asyncpg

from service.domain.causes.names import Cause
from service.domain.record import Record
from service.store.database import Connection
from service.store.queries import QUERY
from service.store.rows import rows_json

_KEY: Final = (
    *("organization_id", "object_type", "sync_status", "state", "cause", "currency"),
    *("cause_group", "owner"),
)
"""What is counted apart; the last two only of what fails."""


async def add_record_counts(connection: Connection, changes: Iterable[tuple[Record | None, Record]]) -> None:
    """Bring the counts along with what was written: of each record what it was, if it was, and what it is."""
    records: Counter[tuple[Any, ...]] = Counter()
    amounts: Counter[tuple[Any, ...]] = Counter()
    for before, after in changes:
        for record, sign in ((before, -1), (after, 1)):
            if record is not None:
                key = _key(record)
                records[key] += sign
                amounts[key] += sign * (record.amount_minor or 0)
    rows = [
        dict(zip(_KEY, key, strict=True)) | {"records": count, "amount_minor": amounts[key]}
        for key, count in records.items()
        if count or amounts[key]
    ]
    if rows:
        await connection.execute(QUERY["add_record_counts"], rows_json(rows))


async def sum_organization_record_counts(
    connection: Connection, organization_ids: Sequence[UUID]
) -> Sequence[asyncpg.Record]:
    """How many records some organizations have, by status and state."""
    return await connection.fetch(QUERY["sum_organization_record_counts"], organization_ids)


def _key(record: Record) -> tuple[Any, ...]:
    return (
        record.organization_id,
        record.object_type,
        record.sync_status or "",
        record.state,
        record.cause or "",
        record.currency or "",
        (record.cause_group or "") if record.has_failed and record.cause == Cause.UNKNOWN else "",
        (record.owner or "") if record.has_failed else "",
    )
