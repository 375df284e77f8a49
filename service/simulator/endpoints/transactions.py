"""Expense transactions of the guide: one, many, and what must be filled in before they are submitted."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

from service.simulator.calls import Answer, Call
from service.simulator.paging import Listing, serve
from service.simulator.problems import invalid, not_found

BULK_MAX = 5000
REQUIRABLE = frozenset({"receipt_id", "description"})
_REQUIRED = (
    "amount",
    "currency",
    "merchant_amount",
    "merchant_currency",
    "merchant_name",
    "started_at",
    "type",
)
_OPTIONAL = (
    "department_id", "description", "entity_user_id", "external_id", "ledger_account_id", "location_id",
    "merchant_location", "no_receipt_reason", "partner_metadata", "payment_method", "receipt_id",
)  # fmt: skip


class _Row:
    """A transaction as a row that sorts."""

    __slots__ = ("created_at", "id", "payload")

    def __init__(self, payload: dict[str, Any]) -> None:
        self.payload = payload
        self.id = payload["id"]
        self.created_at = payload["started_at"]


TRANSACTIONS = Listing("transactions", {"created_at": attrgetter("created_at")}, attrgetter("created_at"))


def create_transaction(call: Call) -> Answer:
    """Answer `POST /transactions`."""
    return Answer(201, _shown(call, _create(call, call.json(), ("body",))))


def create_transactions(call: Call) -> Answer:
    """Answer `POST /transactions/bulk`: in order; a repeated `external_id` is skipped, a bad row is null."""
    rows = call.json().get("data")
    if not isinstance(rows, list) or len(rows) > BULK_MAX:
        raise invalid(("body", "data"), f"a list of at most {BULK_MAX} is expected", "type_error.list")
    results: list[dict[str, Any]] = [{"id": _create_leniently(call, row)} for row in rows]
    failed = sum(result["id"] is None for result in results)
    status = "success" if not failed else "error" if failed == len(results) else "partial_success"
    return Answer(201, {"data": results, "status": status})


def list_transactions(call: Call) -> Answer:
    """Answer `GET /transactions`."""
    organization = call.organization
    return serve(
        call,
        TRANSACTIONS,
        organization,
        lambda: [_Row(payload) for payload in organization.transactions.values()],
        lambda row: _shown(call, row.payload),
    )


def get_transaction(call: Call) -> Answer:
    """Answer `GET /transactions/{transaction_id}`."""
    return Answer(200, _shown(call, _named(call)))


def validate_transaction(call: Call) -> Answer:
    """Answer `POST /transactions/{transaction_id}/validate`."""
    payload = _named(call)
    errors = [{"field": field, "message": "Field is required"} for field in _missing(call, payload)]
    return Answer(200, {"id": payload["id"], "validation_errors": errors})


def get_requirements(call: Call) -> Answer:
    """Answer `GET /transactions/validations`."""
    return Answer(200, {"required_fields": call.organization.transaction_requirements})


def put_requirements(call: Call) -> Answer:
    """Answer `PUT /transactions/validations`: the whole list is replaced."""
    wanted = call.json().get("required_fields")
    if not isinstance(wanted, list):
        raise invalid(("body", "required_fields"), "field required", "value_error.missing")
    requirements: list[dict[str, object]] = []
    for place, entry in enumerate(wanted):
        if not isinstance(entry, dict) or entry.get("field") not in REQUIRABLE:
            where = ("body", "required_fields", place, "field")
            raise invalid(where, "value is not a valid enumeration member", "type_error.enum")
        requirements.append({"field": entry["field"], "amount_threshold": entry.get("amount_threshold")})
    call.organization.transaction_requirements = requirements
    call.organization.touch()
    return get_requirements(call)


def _create_leniently(call: Call, row: object) -> str | None:
    if not isinstance(row, dict) or any(row.get(name) is None for name in _REQUIRED):
        return None
    present = call.organization.transactions.values()
    for payload in present if row.get("external_id") is not None else ():
        if payload["external_id"] == row["external_id"]:
            return str(payload["id"])
    return str(_create(call, row, ("body",))["id"])


def _create(call: Call, content: dict[str, Any], where: tuple[str, ...]) -> dict[str, Any]:
    for name in _REQUIRED:
        if content.get(name) is None:
            raise invalid((*where, name), "field required", "value_error.missing")
    payload: dict[str, Any] = {
        "id": call.world.chance.uuid(),
        "entity_id": call.organization.id,
        "applied_policy_id": None,
        "expense_status": "new",
        "payment_processing_status": "created",
        "reject_reason": None,
        "source_of_data": {
            field: "user" if content.get(field) is not None else None
            for field in ("department_id", "description", "ledger_account_id", "location_id", "receipt_id")
        },
        **{name: content.get(name) for name in (*_REQUIRED, *_OPTIONAL)},
    }
    call.organization.transactions[payload["id"]] = payload
    call.world.tell(call.organization, "transaction", "created", payload["id"], call.now)
    return payload


def _shown(call: Call, payload: dict[str, Any]) -> dict[str, Any]:
    return {**payload, "has_validation_errors": bool(_missing(call, payload))}


def _missing(call: Call, payload: dict[str, Any]) -> list[str]:
    missing: list[str] = []
    for requirement in call.organization.transaction_requirements:
        threshold, field = requirement["amount_threshold"], str(requirement["field"])
        if threshold is not None and payload["amount"] <= threshold:
            continue
        if payload.get(field) is None:
            missing.append(field)
    return missing


def _named(call: Call) -> dict[str, Any]:
    transaction_id = call.id("transaction_id")
    payload = call.organization.transactions.get(transaction_id)
    if payload is None:
        raise not_found("Transaction", transaction_id)
    return payload
