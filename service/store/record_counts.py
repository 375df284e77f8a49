"""How many records there are of each sort, and with how much money: kept while they are written.

Nothing is counted when somebody asks. Whoever writes records adds what that changed in the same transaction:
to the counts of their organization, of the causes that it has, and of the fleet (`fleet_counts`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

import asyncpg

from service.domain.causes.names import Cause
from service.domain.record import Record
from service.store.database import Connection
from service.store.queries import QUERY
from service.store.rows import rows_json

_KEY: Final = (
    *("object_type", "sync_status", "state", "cause", "currency"),
    *("cause_group", "owner"),
)
"""What is counted apart; the last two only of what fails."""


async def add_record_counts(
    connection: Connection, organization_id: UUID, changes: Iterable[tuple[Record | None, Record]]
) -> None:
    """Bring the counts along with what was written: of each record what it was, if it was, and what it is."""
    moved: dict[tuple[str, ...], tuple[int, int]] = {}
    for before, after in changes:
        for record, sign in ((before, -1), (after, 1)):
            if record is not None:
                key = _key(record)
                count, amount = moved.get(key, (0, 0))
                moved[key] = count + sign, amount + sign * (record.amount_minor or 0)
    rows = [
        {
            "organization_id": organization_id,
            **dict(zip(_KEY, key, strict=True)),
            "records": count,
            "amount_minor": amount,
        }
        for key, (count, amount) in moved.items()
        if count or amount
    ]
    if rows:
        await connection.execute(QUERY["add_record_counts"], rows_json(rows))


async def sum_organization_record_counts(
    connection: Connection, organization_ids: Sequence[UUID]
) -> Sequence[asyncpg.Record]:
    """How many records some organizations have, by status and state."""
    return await connection.fetch(QUERY["sum_organization_record_counts"], organization_ids)


def _key(record: Record) -> tuple[str, ...]:
    return (
        record.object_type,
        record.sync_status or "",
        record.state,
        record.cause or "",
        record.currency or "",
        (record.cause_group or "") if record.has_failed and record.cause == Cause.UNKNOWN else "",
        (record.owner or "") if record.has_failed else "",
    )
