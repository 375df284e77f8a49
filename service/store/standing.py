"""Documents of the books that belong to no record, by the numbers that are about to be pushed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

import msgspec

from service.domain.document import Document, Ledger, number_key
from service.domain.pushing.standing import standing
from service.store.database import Connection
from service.store.queries import QUERY


async def list_standing(
    connection: Connection, organization_id: UUID, local: Mapping[UUID, Document]
) -> Mapping[UUID, Sequence[Document]]:
    """What stands in the books already of these local documents, under the keys they are given under."""
    by_ledger: defaultdict[Ledger, dict[UUID, Document]] = defaultdict(dict)
    for key, document in local.items():
        if number_key(document.number):
            by_ledger[document.ledger][key] = document
    found: dict[UUID, Sequence[Document]] = {}
    for ledger, documents in by_ledger.items():
        there = await _list_unrecorded(connection, organization_id, ledger, documents.values())
        found |= {key: held for key, document in documents.items() if (held := standing(document, there))}
    return found


async def list_numbered(
    connection: Connection, organization_id: UUID, ledger: Ledger, local: Iterable[Document]
) -> Sequence[Document]:
    """What stands in the books under the numbers of these local documents, whoever's it is."""
    keys = sorted({number_key(each.number) for each in local})
    rows = await connection.fetch(QUERY["list_numbered_books"], organization_id, ledger, keys)
    documents = [msgspec.convert(row["body"], Document) for row in rows]
    return [each for each in documents if number_key(each.number) in keys]


async def _list_unrecorded(
    connection: Connection, organization_id: UUID, ledger: Ledger, local: Iterable[Document]
) -> Sequence[Document]:
    documents = await list_numbered(connection, organization_id, ledger, local)
    if not documents:
        return []
    ids = [each.document_id for each in documents]
    named = await connection.fetch(QUERY["list_recorded_ids"], organization_id, ids)
    recorded = {row["id"] for row in named}
    return [each for each in documents if each.document_id not in recorded]
