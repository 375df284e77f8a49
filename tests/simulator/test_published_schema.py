"""Every JSON answer of every published endpoint agrees with the published schema, in both dialects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from service.simulator.endpoints import (
    counterparts,
    entities,
    events,
    payables,
    receivables,
    records,
    reference,
)
from service.simulator.histories import PAYABLE_HISTORY, RECEIVABLE_HISTORY
from service.simulator.routing import ROUTES
from tests.simulator.published import complaints, operations, resolved

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.simulator.paging import Listing
    from tests.simulator.caller import Caller, OpenHub

DEVIATIONS = {
    (
        "GET",
        "/ledger-accounts",
        "is_external=false",
    ): "internal accounts lack type, status and is_bank_account, as the guide's example of one shows",
    ("*", "*", "429"): "the rate limiter answers in a shape of its own, as documented",
    ("*", "*", "errors_shape=bare_*"): "a record's errors are a string or a list, only where switched on",
}
"""Where answers differ from the schema on purpose, with the reason. The tests below do not provoke them."""

UNPUBLISHED = {
    "POST /entities",
    "PATCH /entities/{entity_id}",
    "POST /accounting-tax-rates",
    "PATCH /accounting-tax-rates/{tax_rate_id}",
    "DELETE /accounting-tax-rates/{tax_rate_id}",
    "POST /ledger-accounts",
    "POST /openid/connect/token",
    "GET /transactions",
    "POST /transactions",
    "POST /transactions/bulk",
    "GET /transactions/validations",
    "PUT /transactions/validations",
    "GET /transactions/{transaction_id}",
    "POST /transactions/{transaction_id}/validate",
}
"""Endpoints of the guides alone, which the published document does not describe."""

LISTINGS: Mapping[str, Listing] = {
    "/entities": entities.ENTITIES,
    "/accounting-synced-records": records.listing(250),
    "/receivables": receivables.RECEIVABLES,
    "/receivables/{receivable_id}/history": RECEIVABLE_HISTORY,
    "/payables": payables.PAYABLES,
    "/payables/{payable_id}/line-items": payables.LINES,
    "/payables/{payable_id}/history": PAYABLE_HISTORY,
    "/payable-credit-notes": payables.CREDIT_NOTES,
    "/payment-records": reference.PAYMENTS,
    "/accounting-tax-rates": reference.TAX_RATES,
    "/ledger-accounts": reference.LEDGER_ACCOUNTS,
    "/products": reference.PRODUCTS,
    "/counterparts": counterparts.COUNTERPARTS,
    "/webhook-subscriptions": events.SUBSCRIPTIONS,
    "/webhook-deliveries": events.DELIVERIES,
    "/events": events.EVENTS,
}

SUBSCRIPTION = {
    "object_type": "receivable",
    "url": "https://listener.example.com/hook",
    "event_types": ["created"],
}
BAD_DATES = ("20240101", "2024-W01-1", "2024-13-01", "yesterday")


async def ids_of(hub: Caller) -> dict[str, str]:
    """Make one of everything and return ids for paths."""
    organization = hub.organization
    await hub.call("POST", "/webhook-subscriptions", json=SUBSCRIPTION)
    bill = hub.simulator.issue_bill(organization)
    hub.simulator.add_payable_credit_note(organization, based_on=bill)
    invoice = hub.simulator.issue_invoice(organization)
    hub.simulator.draft_invoice(organization)
    hub.simulator.issue_credit_note(organization, based_on=invoice)
    hub.simulator.advance(60)
    hub.simulator.pay(organization, invoice, 500)
    failed = hub.simulator.issue_invoice(organization, fails="unknown")
    hub.simulator.advance(60)
    hub.simulator.pull_now(organization)
    await hub.simulator.deliver_webhooks()

    async def first(path: str, **params: Any) -> str:
        page = await hub.get(path, **params)
        return str(page["data"][0]["id"])

    return {
        "entity_id": organization,
        "connection_id": await first("/accounting-connections"),
        "synced_record_id": (await hub.record(failed))["id"],
        "accounting payable_id": await first("/accounting/payables"),
        "invoice_id": await first("/accounting/receivables"),
        "receivable_id": invoice,
        "payable_id": bill,
        "tax_rate_id": await first("/accounting-tax-rates"),
        "ledger_account_id": await first("/ledger-accounts"),
        "product_id": await first("/products"),
        "counterpart_id": await first("/counterparts"),
        "webhook_subscription_id": await first("/webhook-subscriptions"),
        "event_id": await first("/events"),
    }


def filled(path: str, ids: Mapping[str, str]) -> str:
    """Put ids into a path template."""
    for name, value in ids.items():
        if name.startswith("accounting "):
            if path.startswith("/accounting/"):
                path = path.replace("{" + name.removeprefix("accounting ") + "}", value)
        elif not (path.startswith("/accounting/") and name == "payable_id"):
            path = path.replace("{" + name + "}", value)
    return path


def body_of(hub: Caller, method: str, path: str) -> dict[str, Any] | None:
    """Return a good body for an operation that takes one."""
    credentials = {"client_id": hub.simulator.client_id, "client_secret": hub.simulator.client_secret}
    bodies: dict[tuple[str, str], dict[str, Any]] = {
        ("POST", "/auth/token"): {"grant_type": "client_credentials", **credentials},
        ("POST", "/auth/revoke"): {"token": "nothing", **credentials},
        ("POST", "/webhook-subscriptions"): SUBSCRIPTION,
        ("PATCH", "/webhook-subscriptions/{webhook_subscription_id}"): {"event_types": []},
        ("PATCH", "/entities/{entity_id}/settings"): {
            "accounting": {"ledger_account_ids": {"payments": None}}
        },
    }
    return bodies.get((method, path))


@pytest.mark.parametrize("dialect", ["tesouro", "monite"])
async def test_every_answer_of_success_agrees(open_hub: OpenHub, dialect: str) -> None:
    """Each published operation succeeds with the declared status and a payload that the schema accepts."""
    async with open_hub(dialect=dialect, organizations=2, documents=40, situations="mixed") as hub:
        ids = await ids_of(hub)
        found: list[str] = []
        last = {"DELETE": 3, "POST": 2, "PATCH": 1}
        ending = ("/disconnect", "/disable")
        for method, path, _, operation in sorted(
            operations(), key=lambda entry: (last.get(entry[0], 0), entry[1].endswith(ending), entry[1])
        ):
            if (method, path) == ("POST", "/accounting-connections"):
                continue  # only after disconnecting, below
            params = {"object_type": "receivable"} if path == "/accounting-synced-records" else {}
            response = await hub.call(
                method, filled(path, ids), params=params, json=body_of(hub, method, path)
            )
            declared = [status for status in operation["responses"] if status.startswith("2")]
            assert [str(response.status_code)] == declared, f"{method} {path}: {response.text}"
            if response.status_code != 204:
                found.extend(
                    f"{method} {path} {text}"
                    for text in complaints(operation, response.status_code, response.json())
                )
        assert found == []


async def test_connecting_agrees(open_hub: OpenHub) -> None:
    """A connection that waits for authorisation agrees with the schema, platform and all."""
    async with open_hub() as hub:
        hub.simulator.disconnect(hub.organization)
        response = await hub.call("POST", "/accounting-connections")
        assert response.status_code == 201
        described = {(method, path): operation for method, path, _, operation in operations()}
        assert complaints(described["POST", "/accounting-connections"], 201, response.json()) == []
        assert response.json()["status"] == "pending_auth"


async def test_every_page_of_every_list_agrees(open_hub: OpenHub) -> None:
    """All rows of all lists agree, in a world with every planted situation."""
    async with open_hub(organizations=9, documents=60, situations="mixed") as hub:
        found: list[str] = []
        described = [
            (path, operation)
            for method, path, _, operation in operations()
            if method == "GET" and "{" not in path
        ]
        assert len(described) > 10
        for organization in hub.simulator.organization_ids[:3]:
            hub.organization = organization
            for path, operation in described:
                types = ["product", "customer", "vendor", "receivable", "bill", "payment_record"]
                for object_type in types if path == "/accounting-synced-records" else [None]:
                    params: dict[str, Any] = {"object_type": object_type} if object_type else {}
                    payload = await hub.get(path, limit=100, **params)
                    found.extend(f"{path} {text}" for text in complaints(operation, 200, payload))
        assert found[:5] == []


@pytest.mark.parametrize("dialect", ["tesouro", "monite"])
async def test_every_refusal_agrees(open_hub: OpenHub, dialect: str) -> None:
    """Unknown and malformed ids, bad queries, headers and bodies are refused in the declared shapes."""
    async with open_hub(dialect=dialect) as hub:
        found: list[str] = []
        unknown = "00000000-0000-4000-8000-000000000000"
        for method, path, _, operation in operations():
            names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
            attempts: list[tuple[str, dict[str, Any]]] = [(path, {"headers": {"x-nothing": "1"}})]
            for name in names:
                attempts.append((path.replace("{" + name + "}", unknown), {}))
                attempts.append((path.replace("{" + name + "}", "nonsense"), {}))
            if not names and method == "GET" and path != "/accounting-connections":
                attempts.append((path, {"params": {"limit": "0", "object_type": "receivable"}}))
                attempts.append((path, {"params": {"limit": "many", "object_type": "receivable"}}))
            if "requestBody" in operation:
                attempts.append((filled(path, {"entity_id": hub.organization}), {"content": b"not json"}))
            for attempted, options in attempts:
                response = await hub.call(method, attempted, **options)
                assert response.status_code in {400, 401, 404, 422}, f"{method} {attempted}: {response.text}"
                found.extend(
                    f"{method} {attempted} {response.status_code} {text}"
                    for text in complaints(operation, response.status_code, response.json())
                )
        assert found == []


def test_every_published_operation_is_simulated_and_nothing_unknown_is() -> None:
    """The table of routes is the published document and the guides, no more and no less."""
    published = {f"{method} {path}" for method, path, _, _ in operations()}
    assert {route.name for route in ROUTES} == published | UNPUBLISHED


@pytest.mark.parametrize("path", LISTINGS)
def test_lists_take_the_published_parameters(path: str) -> None:
    """Filters, sorts, limits and defaults of a list are those published."""
    operation = {spelled: entry for method, spelled, _, entry in operations() if method == "GET"}[path]
    listing = LISTINGS[path]
    names = {entry.name for entry in listing.filters}
    for parameter in operation["parameters"]:
        name, schema = parameter["name"], parameter["schema"]
        if parameter["in"] != "query" or name in {"order", "pagination_token"}:
            continue
        if name == "sort":
            assert set(listing.sorts) == set(resolved(schema)["enum"])
            continue
        if name == "limit":
            assert listing.limit_default == schema["default"]
            assert listing.limit_max == schema["maximum"]
        else:
            assert name in names, f"{path} does not take {name}"
            assert parameter.get("required", False) == (name in listing.required)


def values_of(schema: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Give values that the schema of a parameter accepts, and some that it refuses."""
    schema = resolved(schema)
    if schema.get("type") == "array":
        return values_of(schema["items"])
    good = [str(value) for value in schema.get("enum", ())]
    bad = ["nonsense"] if good else []
    match schema.get("format"):
        case "uuid":
            good, bad = ["00000000-0000-4000-8000-000000000000"], ["nonsense"]
        case "date":
            good, bad = ["2024-01-01"], [*BAD_DATES, "2024-01-01T00:00:00Z"]
        case "date-time":
            good = ["2024-01-01T00:00", "2024-01-01T00:00:00Z", "2024-01-01T01:00:00.123456+01:00"]
            bad = list(BAD_DATES)
    if schema.get("type") == "boolean":
        good, bad = ["true", "false"], ["perhaps"]
    if schema.get("type") == "integer":
        good, bad = ["5"], ["many", "1.5"]
    for bound, step in (("minimum", -1), ("maximum", 1)):
        if bound in schema:
            good.append(str(int(schema[bound])))
            bad.append(str(int(schema[bound]) + step))
    if "maxLength" in schema:
        good.append("x" * schema["maxLength"])
        bad.append("x" * (schema["maxLength"] + 1))
    return good, bad


async def test_lists_take_what_the_schema_takes_and_refuse_what_it_refuses(open_hub: OpenHub) -> None:
    """Each published parameter accepts its published values, and answers 422 to others, naming itself."""
    async with open_hub(organizations=2, documents=5) as hub:
        ids = await ids_of(hub)
        wrong: list[str] = []
        for method, path, _, operation in operations():
            for parameter in operation.get("parameters", ()) if method == "GET" else ():
                name = parameter["name"]
                if parameter["in"] != "query" or name == "pagination_token":
                    continue
                needed = {"object_type": "receivable"} if path == "/accounting-synced-records" else {}
                good, bad = values_of(parameter["schema"])
                for value in (*good, *bad):
                    response = await hub.call("GET", filled(path, ids), params={**needed, name: value})
                    expected = 200 if value in good else 422
                    if response.status_code != expected:
                        wrong.append(f"{path} {name}={value[:40]}: {response.status_code}")
                    elif expected == 422:
                        assert response.json()["detail"][0]["loc"][:2] == ["query", name]
        assert wrong == []


async def test_bodies_hold_nothing_unpublished(open_hub: OpenHub) -> None:
    """A field that the schema of a body does not know is refused where it permits no others."""
    async with open_hub() as hub:
        ids, tried = await ids_of(hub), 0
        for method, path, _, operation in operations():
            body = body_of(hub, method, path)
            if body is None:
                continue
            schema = resolved(operation["requestBody"]["content"]["application/json"]["schema"])
            assert schema["additionalProperties"] is False
            response = await hub.call(method, filled(path, ids), json={**body, "colour": "red"})
            assert response.status_code == 422, f"{method} {path}: {response.text}"
            assert response.json()["detail"][0]["loc"] == ["body", "colour"]
            tried += 1
        assert tried == 5
