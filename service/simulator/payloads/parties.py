"""Organizations, their settings, counterparts, addresses and products."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from service.simulator.payloads.receivables import address_payload

if TYPE_CHECKING:
    from service.simulator.organization import Organization
    from service.simulator.parties import Address, Counterpart, Product

Payload = dict[str, Any]


def organization_payload(organization: Organization) -> Payload:
    """Show an organization."""
    return {
        "id": organization.id,
        "created_at": organization.created_at.isoformat(),
        "updated_at": organization.updated_at.isoformat(),
        "status": organization.status,
        "type": "organization",
        "address": address_payload(organization.address),
        "organization": {
            "legal_name": organization.name,
            "business_structure": None,
            "legal_entity_id": None,
            "directors_provided": None,
            "executives_provided": None,
            "owners_provided": None,
            "representative_provided": None,
        },
        "email": organization.email,
        "phone": organization.phone,
        "tax_id": organization.tax_id,
        "website": organization.website,
        "logo": None,
        "registration_authority": None,
        "registration_number": None,
    }


def settings_payload(organization: Organization) -> Payload:
    """Show an organization's settings."""
    settings = organization.settings
    return {
        "accounting": {
            "ledger_account_ids": {
                "payments": settings.payments_account_id,
                "products": settings.products_account_id,
            },
            "tax_ids": {"deductions": settings.deductions_tax_id},
        },
        "currency": {"default": organization.currency, "exchange_rates": []},
        "document_ids": None,
        "generate_paid_invoice_pdf": False,
        "language": "en",
        "mail": None,
        "payables_skip_approval_flow": False,
        "payment_priority": None,
        "quote_signature_required": False,
        "receivable_edit_flow": "compliant",
        "reminder": None,
        "vat_inclusive_discount_mode": "exclusive",
        "vat_mode": "exclusive",
        **settings.other,
    }


def counterpart_payload(counterpart: Counterpart) -> Payload:
    """Show a counterpart, organization or individual."""
    roles: Payload = {
        "is_customer": counterpart.is_customer,
        "is_vendor": counterpart.is_vendor,
        "email": counterpart.email,
        "phone": None,
        "tags": [],
    }
    payload: Payload = {
        "id": counterpart.id,
        "created_at": counterpart.created_at.isoformat(),
        "updated_at": counterpart.updated_at.isoformat(),
        "type": counterpart.type,
        "tax_id": counterpart.tax_id,
        "external_reference": None,
        "default_billing_address_id": counterpart.address.id,
        "default_shipping_address_id": None,
        "created_automatically": False,
        "created_by_entity_user_id": None,
        "language": None,
        "reminders_enabled": True,
    }
    if counterpart.type == "individual":
        first, _, last = counterpart.name.partition(" ")
        payload["individual"] = {"first_name": first, "last_name": last or first, "title": None, **roles}
    else:
        payload["organization"] = {"legal_name": counterpart.name, **roles}
    return payload


def counterpart_address_payload(counterpart: Counterpart, address: Address) -> Payload:
    """Show an address with whose it is."""
    return {"id": address.id, "counterpart_id": counterpart.id, **address_payload(address)}


def product_payload(organization: Organization, product: Product) -> Payload:
    """Show a product."""
    return {
        "id": product.id,
        "entity_id": organization.id,
        "created_at": product.created_at.isoformat(),
        "updated_at": product.updated_at.isoformat(),
        "name": product.name,
        "type": product.type,
        "price": {"currency": product.currency, "value": product.price},
        "description": None,
        "ledger_account_id": product.ledger_account_id,
        "measure_unit_id": None,
        "smallest_amount": None,
        "external_reference": None,
        "entity_user_id": None,
    }
