"""Organizations and their settings; partner level, a user's token sees its own organization alone."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

from service.simulator.calls import Answer, Call, as_instant, as_text, as_uuid, one_of, only
from service.simulator.filters import among, compared, equal, not_among
from service.simulator.founding import found_organization
from service.simulator.paging import Listing, serve
from service.simulator.parties import Address
from service.simulator.payloads.parties import organization_payload, settings_payload
from service.simulator.problems import invalid, not_found, refused

if TYPE_CHECKING:
    from service.simulator.organization import Organization

_ID, _EMAIL = attrgetter("id"), attrgetter("email")
_CREATED = attrgetter("created_at")
_TYPES = frozenset({"individual", "organization"})
_STATUSES = frozenset({"active", "inactive", "deleted"})

ENTITIES = Listing(
    "entities",
    {"created_at": _CREATED, "updated_at": attrgetter("updated_at")},
    _CREATED,
    (
        *compared("created_at", as_instant, _CREATED),
        among("id__in", as_uuid, _ID),
        not_among("id__not_in", as_uuid, _ID),
        equal("email", as_text, _EMAIL),
        among("email__in", as_text, _EMAIL),
        not_among("email__not_in", as_text, _EMAIL),
        equal("type", one_of(_TYPES), lambda _: "organization"),
        equal("status", one_of(_STATUSES), attrgetter("status")),
    ),
)

ACCOUNTING_KEYS = {
    ("ledger_account_ids", "payments"): "payments_account_id",
    ("ledger_account_ids", "products"): "products_account_id",
    ("tax_ids", "deductions"): "deductions_tax_id",
}

SETTINGS_KEYS = frozenset({
    "accounting", "allow_purchase_order_autolinking", "currency", "document_ids", "document_rendering",
    "generate_paid_invoice_pdf", "language", "mail", "payables_ocr_auto_tagging",
    "payables_skip_approval_flow", "payment_priority", "quote_signature_required", "receivable_edit_flow",
    "reminder", "vat_inclusive_discount_mode", "vat_mode",
})  # fmt: skip

_MUTABLE = ("email", "phone", "tax_id", "website", "status")


def list_entities(call: Call) -> Answer:
    """Answer `GET /entities`."""
    world, own = call.world, call.token_organization_id

    def rows() -> list[Organization]:
        return [entry for entry in world.organizations.values() if own is None or entry.id == own]

    return serve(call, ENTITIES, world, rows, organization_payload, scope=own or "")


def get_entity(call: Call) -> Answer:
    """Answer `GET /entities/{entity_id}`."""
    return Answer(200, organization_payload(_named(call)))


def create_entity(call: Call) -> Answer:
    """Answer `POST /entities`."""
    content = call.json()
    if content.get("type") != "organization":
        raise invalid(("body", "type"), "only organizations are simulated", "type_error.enum")
    name = (content.get("organization") or {}).get("legal_name")
    if not isinstance(name, str):
        raise invalid(("body", "organization", "legal_name"), "field required", "value_error.missing")
    address = _address(call, content.get("address"))
    organization = found_organization(call.world, name, address, call.now)
    for field in ("email", "phone", "tax_id", "website"):
        setattr(organization, field, content.get(field))
    return Answer(201, organization_payload(organization))


def patch_entity(call: Call) -> Answer:
    """Answer `PATCH /entities/{entity_id}`; the country cannot change."""
    organization, content = _named(call), call.json()
    if (content.get("address") or {}).get(
        "country", organization.address.country
    ) != organization.address.country:
        raise refused(400, "Country cannot be changed.")
    for field in _MUTABLE:
        if field in content:
            setattr(organization, field, content[field])
    name = (content.get("organization") or {}).get("legal_name")
    if name is not None:
        organization.name = name
    organization.updated_at = call.now
    call.world.touch()
    call.world.tell(organization, "entity", "updated", organization.id, call.now)
    return Answer(200, organization_payload(organization))


def get_settings(call: Call) -> Answer:
    """Answer `GET /entities/{entity_id}/settings`."""
    return Answer(200, settings_payload(_named(call)))


def patch_settings(call: Call) -> Answer:
    """Answer `PATCH /entities/{entity_id}/settings`: what is absent stays as it is."""
    organization, content = _named(call), call.json_of(SETTINGS_KEYS)
    accounting = content.pop("accounting", None) or {}
    only(accounting, {group for group, _ in ACCOUNTING_KEYS}, ("body", "accounting"))
    for group, values in accounting.items():
        only(
            values or {},
            {key for owner, key in ACCOUNTING_KEYS if owner == group},
            ("body", "accounting", group),
        )
    for (group, key), field in ACCOUNTING_KEYS.items():
        values = accounting.get(group) or {}
        if key in values:
            value = values[key]
            where = ("body", "accounting", group, key)
            setattr(organization.settings, field, None if value is None else as_uuid(value, where))
    organization.settings.other.update(content)
    organization.updated_at = call.now
    call.world.touch()
    call.world.tell(organization, "entity_settings", "updated", organization.id, call.now)
    return Answer(200, settings_payload(organization))


def _named(call: Call) -> Organization:
    entity_id = call.id("entity_id")
    own = call.token_organization_id
    organization = call.world.organizations.get(entity_id)
    if organization is None or own not in {None, entity_id}:
        raise not_found("Entity", entity_id)
    return organization


def _address(call: Call, content: dict[str, Any] | None) -> Address:
    content = content or {}
    for field in ("country", "city", "line1", "postal_code"):
        if not isinstance(content.get(field), str):
            raise invalid(("body", "address", field), "field required", "value_error.missing")
    return Address(
        call.world.chance.uuid(),
        content["country"],
        content["city"],
        content["line1"],
        content["postal_code"],
        content.get("line2"),
        content.get("state"),
    )
