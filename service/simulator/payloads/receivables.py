"""Invoices, credit notes and quotes as `GET /receivables` shows them, and their history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from service.simulator.currencies import tax_on
from service.simulator.documents import Document, HistoryEntry, Kind, Line

if TYPE_CHECKING:
    from service.simulator.organization import Organization
    from service.simulator.parties import Address, Counterpart

Payload = dict[str, Any]

LANGUAGE = "en"


def receivable(organization: Organization, document: Document) -> Payload:
    """Show a receivable of any of the three types."""
    counterpart = organization.counterparts[document.counterpart_id]
    payload = {
        "type": document.kind.value,
        "id": document.id,
        "created_at": document.created_at.isoformat(),
        "updated_at": document.updated_at.isoformat(),
        "status": document.status,
        "document_id": document.number,
        "currency": document.currency,
        "issue_date": document.issued_at.isoformat() if document.issued_at else None,
        "due_date": document.due_on.isoformat() if document.due_on else None,
        "memo": document.memo,
        "based_on": document.based_on,
        "partner_metadata": {},
        "tags": [],
        "file_language": LANGUAGE,
        "original_file_language": LANGUAGE,
        "vat_mode": "exclusive",
        "vat_inclusive_discount_mode": "exclusive",
        **_party(document, counterpart),
        **_entity(organization),
        **_amounts(document),
        "line_items": [_line(organization, document, line) for line in document.lines],
    }
    if document.kind is Kind.INVOICE:
        payload |= _invoice(organization, document)
    return payload


def history_entry(document: Document, entry: HistoryEntry) -> Payload:
    """Show something that happened to a receivable or payable."""
    owner = "payable_id" if document.is_payable else "receivable_id"
    payload = {
        "id": entry.id,
        owner: document.id,
        "event_type": entry.event_type,
        "event_data": dict(entry.data),
        "entity_user_id": None,
        "timestamp": entry.timestamp.isoformat(),
    }
    return payload if document.is_payable else {**payload, "current_pdf_url": None}


def address_payload(address: Address) -> Payload:
    """Show an address without its id."""
    return {
        "country": address.country,
        "city": address.city,
        "line1": address.line1,
        "line2": address.line2,
        "postal_code": address.postal_code,
        "state": address.state,
    }


def _party(document: Document, counterpart: Counterpart) -> Payload:
    return {
        "counterpart_id": counterpart.id,
        "counterpart_name": document.counterpart_name,
        "counterpart_type": counterpart.type,
        "counterpart_tax_id": counterpart.tax_id,
        "counterpart_external_reference": None,
        "counterpart_billing_address": {
            "id": counterpart.address.id,
            **address_payload(counterpart.address),
        },
    }


def _entity(organization: Organization) -> Payload:
    return {
        "entity": {
            "type": "organization",
            "name": organization.name,
            "email": organization.email,
            "phone": organization.phone,
            "tax_id": organization.tax_id,
            "website": organization.website,
        },
        "entity_address": address_payload(organization.address),
    }


def _amounts(document: Document) -> Payload:
    net, tax = document.net, document.tax
    return {
        "subtotal": net,
        "discounted_subtotal": net,
        "subtotal_after_vat": net + tax,
        "total_vat_amount": tax,
        "total_vat_amounts": _taxes(document),
        "total_amount": net + tax,
        "discount": None,
        "deduction_amount": None,
        "withholding_tax_rate": None,
        "total_withholding_tax": None,
    }


def _taxes(document: Document) -> list[Payload]:
    by_rate: dict[int, list[Line]] = {}
    for line in document.lines:
        by_rate.setdefault(line.tax_rate, []).append(line)
    return [
        {
            "id": None,
            "name": None,
            "value": rate,
            "amount": sum(line.tax for line in lines),
            "taxable_amount": sum(line.net for line in lines),
        }
        for rate, lines in by_rate.items()
    ]


def _invoice(organization: Organization, document: Document) -> Payload:
    credits_ids = organization.credits_by_document.get(document.id, ())
    notes = [organization.receivables[note_id] for note_id in credits_ids]
    credited = sum(note.total for note in notes if note.status == "issued")
    due = max(document.total - credited - document.amount_paid, 0)
    return {
        "amount_due": due,
        "amount_paid": document.amount_paid,
        "amount_to_pay": due,
        "total_amount_with_credit_notes": document.total - credited,
        "fulfillment_date": None,
        "paid_at": document.paid_at.isoformat() if document.paid_at else None,
        "payment_terms": None,
        "payment_page_url": None,
        "recurrence_id": None,
        "related_documents": {"credit_note_ids": [note.id for note in notes], "proforma_invoice_id": None},
    }


def _line(organization: Organization, document: Document, line: Line) -> Payload:
    product = organization.products.get(line.product_id or "")
    account = line.ledger_account_id or (product.ledger_account_id if product else None)
    unit_with_tax = line.unit_price + tax_on(line.unit_price, line.tax_rate)
    return {
        "quantity": line.quantity,
        "total_before_vat": line.net,
        "total_after_vat": line.total,
        "discount": {"type": "amount", "amount": line.discount} if line.discount else None,
        "product": {
            "id": line.product_id or line.id,
            "name": line.name,
            "description": None,
            "type": product.type if product else "service",
            "price": {"currency": document.currency, "value": line.unit_price},
            "price_after_vat": {"currency": document.currency, "value": unit_with_tax},
            "vat_rate": {
                "id": None,
                "value": line.tax_rate,
                "country": organization.address.country,
                "name": None,
                "is_custom": False,
            },
            "ledger_account_id": account,
            "accounting_tax_rate_id": line.accounting_tax_rate_id,
            "measure_unit": None,
            "is_inline": line.product_id is None,
            "external_reference": None,
        },
    }
