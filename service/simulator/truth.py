"""Ground truth for tests: everything as it is, including what the API hides.

Records are shown exactly as the API would show them now. Books are shown live and as the last pull saw them,
with the local document each came from, and with the number of documents ever created for each local one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from service.simulator.books import BooksDocument, Ledger
from service.simulator.payloads.accounting import (
    connection_payload,
    ledger_account_payload,
    record_payload,
    tax_rate_payload,
)
from service.simulator.payloads.parties import settings_payload

if TYPE_CHECKING:
    from service.simulator.documents import Document
    from service.simulator.organization import Organization
    from service.simulator.world import World

Payload = dict[str, Any]


def truth_of_world(world: World, organization_id: str | None = None) -> Payload:
    """Tell everything of the world, or of one organization."""
    chosen = (
        world.organizations.values() if organization_id is None else [world.organization(organization_id)]
    )
    return {
        "now": world.clock.now().isoformat(),
        "organizations": {entry.id: truth_of(entry) for entry in chosen},
    }


def truth_of(organization: Organization) -> Payload:
    """Tell everything of an organization."""
    books, connection = organization.books, organization.connection
    local = [*organization.receivables.values(), *organization.payables.values()]
    return {
        "id": organization.id,
        "name": organization.name,
        "status": organization.status,
        "label": organization.label,
        "platform": books.platform.value,
        "connection": connection_payload(organization, connection) if connection else None,
        "connections": [connection_payload(organization, entry) for entry in organization.connections],
        "settings": settings_payload(organization),
        "records": [record_payload(record) for record in organization.records_by_id.values()],
        "causes": {entry.id: entry.cause for entry in organization.records_by_id.values() if entry.cause},
        "documents": [_local(organization, document) for document in local],
        "payments": [
            {"id": entry.id, "document_id": entry.document_id} for entry in organization.payments.values()
        ],
        "books": {
            "live": [_in_books(document) for document in books.documents.values()],
            "pulled": [
                _in_books(document)
                for document in (*organization.pulled.receivables, *organization.pulled.payables)
            ],
            "locked_until": books.locked_until.isoformat() if books.locked_until else None,
            "tax_rates": [tax_rate_payload(rate) for rate in books.tax_rates.values()],
            "ledger_accounts": [ledger_account_payload(entry) for entry in books.ledger_accounts.values()],
        },
        "documents_per_local": books.documents_per_local(),
        "live_per_local": _live_per_local(organization),
        "labels": dict(organization.labels),
    }


def _live_per_local(organization: Organization) -> dict[str, list[str]]:
    live: dict[str, list[str]] = {}
    for document in organization.books.documents.values():
        if document.local_id is not None:
            live.setdefault(document.local_id, []).append(document.id)
    return live


def _local(organization: Organization, document: Document) -> Payload:
    return {
        "id": document.id,
        "ledger": "payable" if document.is_payable else "receivable",
        "kind": document.kind.value,
        "status": document.status,
        "number": document.number,
        "currency": document.currency,
        "net_minor": document.net,
        "tax_minor": document.tax,
        "total_minor": document.total,
        "counterpart_id": document.counterpart_id,
        "counterpart_name": document.counterpart_name,
        "created_at": document.created_at.isoformat(),
        "updated_at": document.updated_at.isoformat(),
        "issued_at": document.issued_at.isoformat() if document.issued_at else None,
        "due_on": document.due_on.isoformat() if document.due_on else None,
        "label": organization.labels.get(document.id),
    }


def _in_books(document: BooksDocument) -> Payload:
    is_readable = document.ledger in {Ledger.RECEIVABLE, Ledger.PAYABLE}
    return {
        "id": document.id,
        "ledger": document.ledger.value,
        "is_readable": is_readable,
        "local_id": document.local_id,
        "number": document.number,
        "party": document.party_name,
        "currency": document.currency,
        "net_minor": document.net_minor,
        "tax_minor": document.tax_minor,
        "total_minor": document.total_minor,
        "posted_on": document.posted_on.isoformat(),
        "due_on": document.due_on.isoformat() if document.due_on else None,
        "status": document.status,
    }
