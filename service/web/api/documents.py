"""Local documents: what the books are compared with, the hub's and the partner's own.

A document that the partner's own system puts stands above what the hub has under the same id, and joins it
(`domain.partner_document`). Putting the same again changes nothing, so whoever is unsure puts again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from service.domain.document import Document, DocumentKind, Line
from service.domain.fleet import WorkKind
from service.store.answers import get_local_document, list_local_documents
from service.store.database import Connection
from service.store.organizations import list_organization_names
from service.store.partner_documents import (
    Outcome,
    Put,
    delete_documents,
    list_known_organizations,
    put_documents,
)
from service.store.work import get_now, nudge_work
from service.web.api.documents_shape import Unfit, read_document, read_local_id
from service.web.paging import Keyset, Page
from service.web.problems import Refused, malformed, not_found
from service.web.route import Asked

_KEY = Keyset("documents", (str, str))


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """The customer or vendor, with the hub's id of it."""

    id: str | None
    name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentLine:
    """One line of a document; numbers with a fraction are told as text, exactly."""

    description: str | None
    quantity: str | None
    unit_amount: str | None
    net_minor: int | None
    tax_percent: str | None
    ledger_account_id: str | None
    product_name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalDocument:
    """A local document as it is compared; amounts are as on paper, a credit note's too."""

    organization_id: UUID
    local_id: str
    ledger: str
    origin: str
    """Whose word it is: the hub's, or that of the partner's own system."""
    in_hub: bool
    for_hub: bool
    kind: str
    number: str | None
    party: Party
    currency: str
    total_minor: int
    net_minor: int | None
    tax_minor: int | None
    due_minor: int | None
    status: str | None
    issued_on: date | None
    due_on: date | None
    lines: Sequence[DocumentLine]
    created_at: datetime | None
    updated_at: datetime | None
    first_seen_at: datetime
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PutAnswer:
    """What became of a document, and how it stands now."""

    outcome: Outcome
    document: LocalDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """That the partner's word is taken back; the hub's stands again where there is one."""

    local_id: str
    outcome: str
    stands: LocalDocument | None


async def list_them(asked: Asked) -> Page[LocalDocument]:
    """Answer a page of an organization's local documents; those of one that left are still told."""
    limit = asked.query["limit"]
    organization_id = asked.path["organization_id"]
    ledger, document_id = _KEY.read(asked.query["after"])
    async with asked.rows() as connection:
        if not await list_organization_names(connection, [organization_id]):
            raise not_found("organization")
        rows = await list_local_documents(
            connection,
            organization_id,
            ledger=asked.query["ledger"],
            origin=asked.query["origin"],
            after=(ledger, document_id) if ledger is not None else None,
            as_of=asked.query["as_of"],
            limit=limit + 1,
        )
    keys = [(row["ledger"], row["document_id"]) for row in rows]
    return _KEY.page([of_row(row) for row in rows], limit, keys)


async def get_one(asked: Asked) -> LocalDocument:
    """Answer one local document."""
    async with asked.rows() as connection:
        found = await _load(connection, asked, asked.query["as_of"])
    if found is None:
        raise not_found("document")
    return found


async def put_one(asked: Asked) -> PutAnswer:
    """Put one document of the partner's own."""
    organization_id = asked.path["organization_id"]
    try:
        document = read_document(asked.body, read_local_id(asked.path["local_id"]))
    except Unfit as unfit:
        raise malformed(*unfit.faults) from None
    async with asked.rows(readonly=False) as connection:
        if organization_id not in await list_known_organizations(connection, [organization_id]):
            raise not_found("organization")
        [done] = await put(connection, organization_id, [document])
        if done.outcome is Outcome.REFUSED:
            raise Refused(409, done.reason)
        found = await _load(connection, asked)
    assert found is not None, "a document that was put stands"
    return PutAnswer(outcome=done.outcome, document=found)


async def delete_one(asked: Asked) -> Deleted:
    """Take one document of the partner's own back."""
    organization_id = asked.path["organization_id"]
    local_id = _local_id(asked)
    async with asked.rows(readonly=False) as connection:
        if not await delete_documents(connection, organization_id, [local_id]):
            raise not_found("document of your own")
        await nudge_work(connection, [organization_id], WorkKind.COMPARE, await get_now(connection))
        stands = await _load(connection, asked)
    return Deleted(local_id=local_id, outcome="deleted", stands=stands)


async def put(connection: Connection, organization_id: UUID, documents: Sequence[Document]) -> Sequence[Put]:
    """Put documents of one organization, and wish for a comparison if anything changed."""
    now = await get_now(connection)
    puts = await put_documents(connection, organization_id, documents, now)
    if any(each.outcome in {Outcome.CREATED, Outcome.UPDATED} for each in puts):
        await nudge_work(connection, [organization_id], WorkKind.COMPARE, now)
    return puts


def _local_id(asked: Asked) -> str:
    try:
        return read_local_id(asked.path["local_id"])
    except Unfit:
        raise not_found("document") from None


async def _load(connection: Connection, asked: Asked, as_of: datetime | None = None) -> LocalDocument | None:
    row = await get_local_document(connection, asked.path["organization_id"], _local_id(asked), as_of)
    return None if row is None else of_row(row)


def of_row(row: asyncpg.Record) -> LocalDocument:
    """Show a document."""
    document = msgspec.convert(row["body"], Document)
    sign = -1 if document.kind is DocumentKind.CREDIT_NOTE else 1
    return LocalDocument(
        organization_id=row["organization_id"],
        local_id=document.document_id,
        ledger=document.ledger,
        origin=document.origin,
        in_hub=document.is_in_hub,
        for_hub=document.is_for_hub,
        kind=document.kind,
        number=document.number,
        party=Party(id=document.party_id, name=document.party_name),
        currency=document.currency,
        total_minor=sign * document.total_minor,
        net_minor=_signed(document.net_minor, sign),
        tax_minor=_signed(document.tax_minor, sign),
        due_minor=_signed(document.due_minor, sign),
        status=document.stated_status or document.status,
        issued_on=document.issued_on,
        due_on=document.due_on,
        lines=[_line(line, sign) for line in document.lines],
        created_at=document.created_at,
        updated_at=document.updated_at,
        first_seen_at=row["first_seen_at"],
        version=row["version"],
    )


def _line(line: Line, sign: int) -> DocumentLine:
    told: dict[str, Any] = {
        name: getattr(line, name) for name in ("description", "ledger_account_id", "product_name")
    }
    percent = None if line.tax_rate is None else Decimal(line.tax_rate).scaleb(-2)
    return DocumentLine(
        **told,
        quantity=_exact(line.quantity),
        unit_amount=_exact(line.unit_amount),
        net_minor=_signed(line.net_minor, sign),
        tax_percent=_exact(percent),
    )


def _exact(number: Decimal | None) -> str | None:
    return None if number is None else f"{number:f}"


def _signed(amount: int | None, sign: int) -> int | None:
    return None if amount is None else sign * amount
