"""Plans of retries: what was shown, what was applied of it, and what became of each record.

The plan of a key that is bound to an organization is that organization's; one that spans the fleet is the nil
organization's, and its records lie with their own organizations.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import asyncpg

from service.domain.pushing.retry_plan import Item, Wish, calls_of, hash_of
from service.domain.record import Record
from service.store.database import Connection
from service.store.durability import ensure_durable
from service.store.pushes import AttemptKey
from service.store.queries import QUERY
from service.store.records import record_of
from service.store.rows import clean_text, rows_json

KEPT_UNAPPLIED: Final = timedelta(days=2)
"""A plan that nobody applied lasts a day; the other one is for whoever asks what became of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRetry:
    """A plan, and what was done with it."""

    organization_id: UUID
    retry_id: UUID
    filter: Mapping[str, Any]
    hash: str
    matched: int
    calls: int
    planned_by: str
    planned_at: datetime
    applied_by: str | None
    applied_at: datetime | None
    cancelled_by: str | None
    cancelled_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredItem:
    """A record of a plan, with its attempt and where the record stands now."""

    organization_id: UUID
    record_id: UUID
    status: str
    is_unsafe: bool
    reason: str
    ground: str
    amount_minor: int | None
    currency: str | None
    episode: int | None
    number: int | None
    outcome: str | None
    state: str | None
    object_type: str | None
    cause: str | None
    document_number: str | None
    party_name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemSum:
    """How many records of a plan are where, and with how much money."""

    status: str
    is_unsafe: bool
    outcome: str | None
    currency: str | None
    records: int
    amount_minor: int


async def list_retry_candidates(
    connection: Connection,
    *,
    organization_id: UUID | None = None,
    object_type: str | None = None,
    sync_status: str | None = None,
    state: str | None = None,
    cause: str | None = None,
    cause_group: str | None = None,
    limit: int,
) -> tuple[Sequence[Record], int]:
    """The longest failed records that match, and how many match in all."""
    rows = await connection.fetch(
        QUERY["list_retry_candidates"],
        organization_id,
        object_type,
        sync_status,
        state,
        cause,
        cause_group,
        limit,
    )
    return [record_of(row) for row in rows], rows[0]["matched"] if rows else 0


async def insert_retry(
    connection: Connection,
    organization_id: UUID,
    items: Sequence[Item],
    *,
    filtered_by: Mapping[str, Any],
    matched: int,
    planned_by: str,
) -> UUID:
    """Write a plan down; returns its id."""
    retry_id = uuid4()
    await connection.execute(
        QUERY["insert_retry"],
        organization_id,
        retry_id,
        dict(filtered_by),
        hash_of(items),
        matched,
        calls_of(items),
        planned_by,
    )
    await connection.execute(
        QUERY["insert_retry_items"], rows_json([_item_row(retry_id, item) for item in items])
    )
    return retry_id


async def insert_retry_act(
    connection: Connection, retry: StoredRetry, act: str, key_name: str, detail: Mapping[str, Any]
) -> None:
    """Add to the paper trail who did what with a plan."""
    await ensure_durable(connection)
    await connection.fetchrow(
        QUERY["insert_retry_act"], retry.organization_id, retry.retry_id, act, key_name, dict(detail)
    )


async def get_retry(connection: Connection, retry_id: UUID) -> StoredRetry | None:
    """One plan that the transaction may see."""
    row = await connection.fetchrow(QUERY["get_retry"], retry_id)
    return None if row is None else StoredRetry(**row)


async def lock_retry(connection: Connection, retry_id: UUID) -> StoredRetry | None:
    """The same, held until the transaction ends."""
    row = await connection.fetchrow(QUERY["lock_retry"], retry_id)
    return None if row is None else StoredRetry(**row)


async def list_retries(
    connection: Connection,
    *,
    organization_id: UUID | None = None,
    before: tuple[datetime, UUID] | None = None,
    limit: int,
) -> Sequence[StoredRetry]:
    """Plans, newest first, before a key."""
    planned_at, retry_id = before or (None, None)
    rows = await connection.fetch(QUERY["list_retries"], organization_id, planned_at, retry_id, limit)
    return [StoredRetry(**row) for row in rows]


async def list_retry_items(connection: Connection, retry_id: UUID) -> Sequence[StoredItem]:
    """The records of a plan."""
    return [StoredItem(**row) for row in await connection.fetch(QUERY["list_retry_items"], retry_id)]


async def sum_retry_items(
    connection: Connection, retry_ids: Sequence[UUID]
) -> Mapping[UUID, Sequence[ItemSum]]:
    """How many records of plans are where, by plan."""
    found: defaultdict[UUID, list[ItemSum]] = defaultdict(list)
    for row in await connection.fetch(QUERY["sum_retry_items"], retry_ids):
        found[row["retry_id"]].append(_item_sum(row))
    return found


async def mark_retry_applied(connection: Connection, retry_id: UUID, key_name: str) -> None:
    """Note who applied a plan."""
    await connection.execute(QUERY["mark_retry_applied"], retry_id, key_name)


async def mark_retry_cancelled(connection: Connection, retry_id: UUID, key_name: str) -> None:
    """Note who cancelled a plan."""
    await connection.execute(QUERY["mark_retry_cancelled"], retry_id, key_name)


async def queue_retry_items(connection: Connection, retry_id: UUID, key_name: str) -> Sequence[UUID]:
    """Let the eligible records of a plan wait for their turn; returns their organizations."""
    rows = await connection.fetch(QUERY["queue_retry_items"], retry_id, key_name)
    return [row["organization_id"] for row in rows]


async def leave_out_retry_items(connection: Connection, reasons: Mapping[tuple[UUID, UUID], str]) -> None:
    """Leave out records that wait, each with its reason; by retry and record."""
    if reasons:
        retry_ids, record_ids = zip(*reasons, strict=True)
        texts = [clean_text(reason) for reason in reasons.values()]
        await connection.execute(QUERY["leave_out_retry_items"], retry_ids, record_ids, texts)


async def cancel_retry_items(connection: Connection, retry_id: UUID) -> int:
    """Take back what has not been sent yet; returns how many records that is."""
    records: int = await connection.fetchval(QUERY["cancel_retry_items"], retry_id)
    return records


async def list_wishes(connection: Connection, organization_id: UUID, limit: int) -> Sequence[Wish]:
    """Records of applied plans that wait for their turn."""
    rows = await connection.fetch(QUERY["list_wishes"], organization_id, limit)
    return [Wish(**row) for row in rows]


async def take_retry_item(
    connection: Connection, organization_id: UUID, wish: Wish, attempt: AttemptKey
) -> bool:
    """Note the attempt that is made of it, in the transaction of the intent; false when it was cancelled."""
    row = await connection.fetchrow(
        QUERY["take_retry_item"],
        organization_id,
        wish.retry_id,
        wish.record_id,
        attempt.episode,
        attempt.number,
    )
    return row is not None


async def return_retry_item(connection: Connection, organization_id: UUID, wish: Wish) -> None:
    """Let it wait for its turn again: it could not even be sent."""
    await connection.execute(QUERY["return_retry_item"], organization_id, wish.retry_id, wish.record_id)


async def prune_retries(connection: Connection, kept: timedelta, limit: int) -> int:
    """Forget old plans; who applied them stays in the paper trail."""
    pruned: int = await connection.fetchval(QUERY["prune_retries"], KEPT_UNAPPLIED, kept, limit)
    return pruned


def _item_sum(row: asyncpg.Record) -> ItemSum:
    told = {name: row[name] for name in ("status", "is_unsafe", "outcome", "currency", "records")}
    return ItemSum(**told, amount_minor=int(row["amount_minor"]))


def _item_row(retry_id: UUID, item: Item) -> dict[str, Any]:
    record = item.record
    return {
        "organization_id": record.organization_id,
        "retry_id": retry_id,
        "record_id": record.record_id,
        "status": "eligible" if item.is_eligible else "excluded",
        "is_unsafe": item.is_unsafe,
        "reason": item.reason,
        "ground": item.ground,
        "amount_minor": record.amount_minor,
        "currency": record.currency,
    }
