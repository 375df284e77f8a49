"""Bills, their lines, suppliers' credit notes and payment records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from service.simulator.payloads.receivables import address_payload

if TYPE_CHECKING:
    from service.simulator.documents import Document, Line, PayableCreditNote, Payment
    from service.simulator.organization import Organization
    from service.simulator.parties import Counterpart

Payload = dict[str, Any]


def payable(organization: Organization, document: Document) -> Payload:
    """Show a bill; its lines are a list of their own."""
    counterpart = organization.counterparts[document.counterpart_id]
    due = document.total - document.amount_paid
    return {
        "id": document.id,
        "entity_id": organization.id,
        "created_at": document.created_at.isoformat(),
        "updated_at": document.updated_at.isoformat(),
        "status": document.status,
        "payable_origin": "upload",
        "source_of_payable_data": "user_specified",
        "document_id": document.number,
        "currency": document.currency,
        "issued_at": document.issued_at.date().isoformat() if document.issued_at else None,
        "due_date": document.due_on.isoformat() if document.due_on else None,
        "paid_at": document.paid_at.isoformat() if document.paid_at else None,
        "subtotal": document.net,
        "tax": None,
        "tax_amount": document.tax,
        "total_amount": document.total,
        "total_amount_with_credit_notes": document.total,
        "discount": None,
        "amount_due": due,
        "amount_paid": document.amount_paid,
        "amount_to_pay": due,
        "counterpart_id": counterpart.id,
        "counterpart": _frozen(document, counterpart),
        "counterpart_address_id": counterpart.address.id,
        "counterpart_bank_account_id": None,
        "credit_notes": [
            {
                "id": note.id,
                "status": note.status,
                "document_id": note.number,
                "issued_at": note.issued_on.isoformat(),
                "total_amount": note.total,
            }
            for note in _credits(organization, document)
        ],
        "description": document.memo,
        "file": None,
        "file_id": None,
        "ocr_status": None,
        "purchase_order_id": None,
        "project_id": None,
        "tags": [],
        "partner_metadata": {},
        "approval_policy_id": None,
    }


def payable_line(document: Document, line: Line) -> Payload:
    """Show one line of a bill."""
    return {
        "id": line.id,
        "payable_id": document.id,
        "name": line.name,
        "description": None,
        "quantity": line.quantity,
        "unit": None,
        "unit_price": line.unit_price,
        "subtotal": line.net,
        "tax": line.tax_rate,
        "tax_amount": line.tax,
        "total": line.total,
        "ledger_account_id": line.ledger_account_id,
        "accounting_tax_rate_id": line.accounting_tax_rate_id,
        "ocr_set_quantity_to_one": False,
        "was_created_by_user_id": None,
    }


def payable_credit_note(organization: Organization, note: PayableCreditNote) -> Payload:
    """Show a supplier's credit note."""
    return {
        "id": note.id,
        "entity_id": organization.id,
        "created_at": note.created_at.isoformat(),
        "updated_at": note.updated_at.isoformat(),
        "status": note.status,
        "origin": "upload",
        "source_of_data": "user_specified",
        "document_id": note.number,
        "currency": note.currency,
        "issued_at": note.issued_on.isoformat(),
        "based_on": note.based_on,
        "counterpart_id": note.counterpart_id,
        "subtotal": note.total,
        "tax": None,
        "tax_amount": 0,
        "total_amount": note.total,
        "tags": [],
    }


def payment_record(payment: Payment) -> Payload:
    """Show a payment record."""
    return {
        "id": payment.id,
        "amount": payment.amount,
        "currency": payment.currency,
        "object": {
            "id": payment.document_id,
            "type": payment.object_type,
            "old_status": payment.old_status,
            "new_status": payment.new_status,
        },
        "status": payment.status,
        "paid_at": payment.paid_at.isoformat(),
        "planned_payment_date": None,
        "payment_intent_id": None,
        "payment_intent_status": None,
        "payment_method": "us_ach",
        "is_external": payment.is_external,
        "overpaid_amount": 0,
        "entity_user_id": None,
        "history": [
            {"entity_user_id": None, "status": payment.status, "timestamp": payment.updated_at.isoformat()}
        ],
    }


def _frozen(document: Document, counterpart: Counterpart) -> Payload:
    return {
        "name": document.counterpart_name,
        "email": counterpart.email,
        "phone": None,
        "tax_id": counterpart.tax_id,
        "address": address_payload(counterpart.address),
        "bank_account": None,
        "vat_id": None,
    }


def _credits(organization: Organization, document: Document) -> list[PayableCreditNote]:
    credits_ids = organization.credits_by_document.get(document.id, ())
    return [organization.payable_credit_notes[note_id] for note_id in credits_ids]
