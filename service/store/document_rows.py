"""A document as a row of its table, and as a version in history."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from service.domain.document import Document
from service.store.history import Version
from service.store.rows import Row


def document_row(
    organization_id: UUID,
    document: Document,
    *,
    payload: object,
    list_hash: bytes,
    hub_updated_at: datetime | None,
    version: int,
) -> dict[str, Any]:
    """One document as it is kept."""
    return {
        "organization_id": organization_id,
        "ledger": document.ledger,
        "side": document.side,
        "document_id": document.document_id,
        "kind": document.kind,
        "origin": document.origin,
        "number": document.number,
        "party_id": document.party_id,
        "party_name": document.party_name,
        "currency": document.currency,
        "total_minor": document.total_minor,
        "status": document.status,
        "issued_on": document.issued_on,
        "due_on": document.due_on,
        "body": document,
        "payload": payload,
        "content_hash": document.content_hash,
        "list_hash": list_hash,
        "hub_updated_at": hub_updated_at,
        "version": version,
    }


def document_version(
    ledger: str,
    side: str,
    row: Row | asyncpg.Record,
    *,
    removed: bool = False,
    valid_from: datetime | None = None,
) -> Version:
    """What history keeps of a row that was just written."""
    return Version(
        object_id=f"{ledger}/{side}/{row['document_id']}",
        version=row["version"],
        valid_from=valid_from,
        body={"document": row["body"], "removed": removed},
    )


def written(row: Mapping[str, Any]) -> Version:
    """What history keeps of a row made by `document_row`."""
    valid_from = row["hub_updated_at"] or row["body"].updated_at
    return document_version(row["ledger"], row["side"], row, valid_from=valid_from)
