"""What people call documents: by their number and the other party, not by an id."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

from service.domain.document import Ledger, Side
from service.store.database import Connection
from service.store.queries import QUERY

DocumentKey: TypeAlias = tuple[UUID, str, str, str]
"""Organization, ledger, side and id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentName:
    """The number that a document bears, and whom it is with."""

    number: str | None
    party: str | None


async def list_fleet_document_names(
    connection: Connection, keys: Collection[DocumentKey]
) -> Mapping[DocumentKey, DocumentName]:
    """Names of the documents of these keys that are known, also of those that have vanished."""
    if not keys:
        return {}
    rows = await connection.fetch(
        QUERY["list_fleet_document_names"], *(list(column) for column in zip(*keys, strict=True))
    )
    return {
        (row["organization_id"], row["ledger"], row["side"], row["document_id"]): DocumentName(
            number=row["number"], party=row["party_name"]
        )
        for row in rows
    }


async def list_local_document_names(
    connection: Connection, organization_id: UUID, documents: Collection[tuple[str, str]]
) -> Mapping[tuple[str, str], DocumentName]:
    """Names of local documents of one organization, by ledger and id."""
    keys = {(organization_id, ledger, str(Side.LOCAL), key) for ledger, key in documents}
    names = await list_fleet_document_names(connection, keys)
    return {(ledger, key): name for (_, ledger, _, key), name in names.items()}


LEDGER_BY_OBJECT_TYPE: Mapping[str, Ledger] = {"receivable": Ledger.RECEIVABLE, "bill": Ledger.PAYABLE}
"""Synced records of these types are of documents that are kept."""


def document_key(organization_id: UUID, object_type: str, object_id: UUID | None) -> DocumentKey | None:
    """The local document that a synced record is of; None where it is of none that is kept."""
    ledger = LEDGER_BY_OBJECT_TYPE.get(object_type)
    if ledger is None or object_id is None:
        return None
    return organization_id, str(ledger), str(Side.LOCAL), str(object_id)


async def get_document_name(
    connection: Connection, organization_id: UUID, object_type: str, object_id: UUID | None
) -> DocumentName | None:
    """The name of the local document that a synced record is of; None when it is of none that is known."""
    key = document_key(organization_id, object_type, object_id)
    return None if key is None else (await list_fleet_document_names(connection, [key])).get(key)
