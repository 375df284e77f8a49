"""The accounting side as the hub shows it: connections, synced records, books, reference data.

Amounts of books documents are decimals of major units, written exactly. Receivables carry no total, tax or
status: only lines. A voided invoice in Xero is told by the pass-through alone.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from service.simulator.currencies import major

if TYPE_CHECKING:
    from service.simulator.behaviour import Behaviour
    from service.simulator.books import BooksDocument, BooksLine
    from service.simulator.connections import Connection
    from service.simulator.organization import Organization
    from service.simulator.parties import LedgerAccount, TaxRate
    from service.simulator.records import SyncedRecord

Payload = dict[str, Any]


def connection_payload(organization: Organization, connection: Connection) -> Payload:
    """Show a connection."""
    errors = connection.errors
    return {
        "id": connection.id,
        "created_at": connection.created_at.isoformat(),
        "updated_at": connection.updated_at.isoformat(),
        "connection_url": connection.connection_url,
        "status": connection.status.value,
        "platform": connection.platform.value if connection.platform else None,
        "last_pull": connection.last_pull.isoformat(),
        "errors": [{"message": message} for message in errors] if errors else None,
        "business_info": {
            "base_currency": organization.currency,
            "email": organization.email,
            "legal_name": organization.name,
            "name": organization.name,
            "type": "company",
        }
        if connection.platform
        else None,
    }


def record_payload(record: SyncedRecord) -> Payload:
    """Show a synced record."""
    return {
        "id": record.id,
        "created_at": record.created_at.isoformat(),
        "updated_at": record.updated_at.isoformat(),
        "errors": {} if record.errors is None else record.errors,
        "last_pulled_at": record.last_pulled_at.isoformat(),
        "object_id": record.object_id,
        "object_type": record.object_type.value,
        "object_updated_at": record.object_updated_at.isoformat(),
        "platform": record.platform,
        "platform_object_id": record.platform_object_id,
        "platform_updated_at": record.platform_updated_at.isoformat() if record.platform_updated_at else None,
        "provider": "railz",
        "provider_object_id": record.provider_object_id,
        "provider_updated_at": record.provider_updated_at.isoformat() if record.provider_updated_at else None,
        "sync_status": record.sync_status.value,
    }


def books_payable(document: BooksDocument, *, behaviour: Behaviour) -> Payload:
    """Show a bill of the books."""
    return {
        **_common(document, behaviour=behaviour),
        **_amounts(document),
        "purchase_order_refs": [],
        "vendor_ref": {"id": document.party_id, "name": document.party_name},
    }


def books_receivable(document: BooksDocument, *, behaviour: Behaviour) -> Payload:
    """Show an invoice of the books: no total, no tax, no status, unless so switched."""
    return {
        **_common(document, behaviour=behaviour),
        **(_amounts(document) if behaviour.receivable_totals else {}),
        "customer_ref": {"id": document.party_id, "company_name": document.party_name},
        "pass_through": {"status": "VOIDED"} if document.status == "void" else {},
    }


def tax_rate_payload(rate: TaxRate) -> Payload:
    """Show a tax rate, pulled or internal."""
    components = [{"name": rate.name, "rate": rate.rate, "is_compound": False}] if rate.is_external else []
    return {
        "id": rate.id,
        "code": rate.code,
        "name": rate.name,
        "status": rate.status,
        "effective_tax_rate": rate.rate,
        "total_tax_rate": rate.rate,
        "components": components,
        "description": rate.description,
        "is_external": rate.is_external,
        "created_at": rate.created_at.isoformat(),
        "updated_at": rate.updated_at.isoformat(),
    }


def ledger_account_payload(account: LedgerAccount) -> Payload:
    """Show a ledger account; an internal one comes back with the few fields that the guide shows."""
    payload: Payload = {
        "id": account.id,
        "created_at": account.created_at.isoformat(),
        "updated_at": account.updated_at.isoformat(),
        "name": account.name,
        "description": account.description,
        "is_external": account.is_external,
    }
    if account.is_external:
        payload |= {
            "type": account.type,
            "status": account.status,
            "is_bank_account": account.is_bank_account,
            "subtype": account.subtype,
            "nominal_code": account.nominal_code,
            "currency": account.currency,
            "current_balance": account.current_balance,
        }
    return payload


def _amounts(document: BooksDocument) -> Payload:
    currency, total = document.currency, document.total_minor
    return {
        "status": document.status,
        "total_amount": major(total, currency),
        "subtotal": major(document.net_minor, currency),
        "tax_amount": major(document.tax_minor, currency),
        "amount_due": major(0 if document.status == "void" else total - document.paid_minor, currency),
    }


def _common(document: BooksDocument, *, behaviour: Behaviour) -> Payload:
    due_on = document.due_on.isoformat() if document.due_on else None
    return {
        "id": document.provider_id if behaviour.accounting_id == "provider" else document.id,
        "invoice_number": document.number,
        "currency": document.currency,
        "currency_rate": _ONE,
        "due_date": f"{due_on}T00:00:00+00:00" if due_on and behaviour.books_due == "instant" else due_on,
        "posted_date": document.posted_on.isoformat(),
        "memo": document.memo,
        "lines": [_line(line, behaviour=behaviour) for line in document.lines],
    }


def _line(line: BooksLine, *, behaviour: Behaviour) -> Payload:
    reference = line.tax_reference
    if reference is not None and not behaviour.tax_reference_is_code:
        reference = f"platform-{reference}"
    return {
        "description": line.description,
        "quantity": line.quantity,
        "unit_amount": line.unit_amount,
        "discount_amount": line.discount_amount,
        "discount_percentage": None,
        "ledger_account_id": line.ledger_account_id,
        "tax_rate_ref": {"id": reference} if reference is not None else None,
    }


_ONE = Decimal(1)
