"""What shows that a failure is cured, beyond what is kept for other ends."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final, TypeAlias
from uuid import UUID

from service.domain.document import Ledger
from service.domain.record import Record
from service.store.database import Connection
from service.store.queries import QUERY
from service.store.records import record_of

WAIT_SECONDS: Final = 20.0
"""A pause of the hub no longer than this is waited for by the call itself."""

Passed: TypeAlias = Mapping[tuple[str, str | None], datetime]
"""When something last came through, by cause and platform."""


async def list_currencies_seen(
    connection: Connection, organization_id: UUID, currencies: Collection[str]
) -> Mapping[str, datetime]:
    """When a document in each of these currencies was first read in the books, the latest of them."""
    if not currencies:
        return {}
    rows = await connection.fetch(QUERY["list_currencies_seen"], organization_id, list(currencies))
    return {row["currency"]: row["seen_at"] for row in rows}


async def list_open_amounts(
    connection: Connection, organization_id: UUID, ledger: Ledger, document_ids: Collection[str]
) -> Mapping[str, int]:
    """What is open of documents in the books, by their ids there; without those that do not tell."""
    if not document_ids:
        return {}
    rows = await connection.fetch(QUERY["list_open_amounts"], organization_id, ledger, list(document_ids))
    return {row["document_id"]: row["due_minor"] for row in rows}


async def list_blocked_payments(
    connection: Connection, organization_id: UUID, limit: int
) -> Sequence[Record]:
    """Payments that wait for a cure."""
    rows = await connection.fetch(QUERY["list_blocked_payments"], organization_id, limit)
    return [record_of(row) for row in rows]


async def list_passed_trials(connection: Connection, causes: Collection[str]) -> Passed:
    """When trials of these causes last came through in any organization."""
    if not causes:
        return {}
    rows = await connection.fetch(QUERY["list_passed_trials"], list(causes))
    return {(row["cause"], row["platform"]): row["passed_at"] for row in rows}


async def get_hub_pause(connection: Connection) -> datetime | None:
    """Until when the hub asked for silence, where that is longer than a call waits for its turn."""
    row = await connection.fetchrow(QUERY["get_hub_pause"], WAIT_SECONDS)
    return row["paused_until"] if row else None
