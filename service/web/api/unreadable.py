"""Documents that cannot be read: they are there, and no figure holds what is told of them now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from uuid import UUID

from service.store.database import Connection
from service.store.scans import list_unreadable
from service.web.paging import Keyset, Page
from service.web.route import Asked

_KEY = Keyset("unreadable", (UUID, str, str, str))


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableDocument:
    """One of them: whose, on which side of which ledger, under which id, and why.

    One that could be read before counts as it was read last; one never read is in no figure.
    """

    organization_id: UUID
    ledger: str
    side: str
    document_id: str
    reason: str


_FIELDS = tuple(field.name for field in fields(UnreadableDocument))


async def list_them(asked: Asked) -> Page[UnreadableDocument]:
    """Answer a page of documents that cannot be read."""
    limit = asked.query["limit"]
    key = _KEY.read(asked.query["after"])
    async with asked.rows() as connection:
        rows = await list_unreadable(
            connection,
            organization_id=asked.organization_id(),
            ledger=asked.query["ledger"],
            side=asked.query["side"],
            after=key if key[0] is not None else None,
            limit=limit + 1,
        )
    shown = [UnreadableDocument(**{name: row[name] for name in _FIELDS}) for row in rows]
    return _KEY.page(shown, limit, [tuple(row[name] for name in _FIELDS[:-1]) for row in rows])


async def load(connection: Connection, organization_id: UUID, limit: int) -> Sequence[UnreadableDocument]:
    """Read the first of one organization."""
    rows = await list_unreadable(connection, organization_id=organization_id, limit=limit)
    return [UnreadableDocument(**{name: row[name] for name in _FIELDS}) for row in rows]
