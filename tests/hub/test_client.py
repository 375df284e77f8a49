"""Each method asks what the hub documents, in both spellings, and gives what the hub's examples say."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from service.errors import HubError, HubFailure
from service.hub import endpoints
from service.hub.client import Hub
from service.hub.dialect import Dialect
from service.hub.endpoints import Endpoint
from service.hub.paging import Page, gather
from tests.hub.scripted_hub import ORGANIZATION, OTHER_ORGANIZATION, RECORD, ScriptedHub, error, sample

SCHEMA = Path(__file__).parents[3] / "shared" / "hub" / "openapi-subset.json"
CONNECTION = UUID("cd16c05b-bd05-45c8-822c-a5aa4a6b1e78")
SUBSCRIPTION = {"id": str(RECORD), "object_type": "payable", "url": "https://x.test/", "event_types": []}
SINCE = datetime(2024, 6, 8, 21, 52, 22, 557280, tzinfo=timezone(timedelta(hours=2)))
SINCE_WRITTEN = "2024-06-08T19:52:22.557280Z"

Ask = Callable[[Hub], Awaitable[Any]]


def pages(ask: Callable[[Hub], AsyncIterator[Page[Any]]]) -> Ask:
    """Make a question of a list: all its pages."""
    return lambda hub: gather(ask(hub))


EMPTY: dict[str, Any] = {"data": [], "next_pagination_token": None}
OBJECT = {"id": str(RECORD), "updated_at": "2024-06-08T19:52:22Z"}
ASCENDING = {"order": ["asc"]}


@dataclass(frozen=True)
class Question:
    """A call of the client's, what the hub says to it, and how it is put."""

    ask: Ask
    body: Any
    method: str
    path: str
    query: Mapping[str, list[str]]

    async def put(self, scripted: ScriptedHub, dialect: Dialect) -> httpx.Request:
        """Put the question; give what the hub received."""
        scripted.says(self.body, 204 if self.body is None else 200)
        await self.ask(scripted.hub(dialect))
        return scripted.requests[0]


ASKED: list[tuple[Ask, Any, str, str, Mapping[str, list[str]]]] = [
    (
        pages(lambda hub: hub.organizations()),
        EMPTY,
        "GET",
        "entities",
        {"limit": ["100"], "sort": ["created_at"], **ASCENDING},
    ),
    (
        lambda hub: hub.organization(ORGANIZATION),
        sample("organization"),
        "GET",
        f"entities/{ORGANIZATION}",
        {},
    ),
    (
        lambda hub: hub.organization_settings(ORGANIZATION),
        {},
        "GET",
        f"entities/{ORGANIZATION}/settings",
        {},
    ),
    (
        pages(lambda hub: hub.subscriptions()),
        EMPTY,
        "GET",
        "webhook_subscriptions",
        {"limit": ["100"], "sort": ["created_at"], **ASCENDING},
    ),
    (
        lambda hub: hub.create_subscription("payable", "https://x.test/"),
        {**SUBSCRIPTION, "secret": "whsec_1"},
        "POST",
        "webhook_subscriptions",
        {},
    ),
    (
        lambda hub: hub.enable_subscription(RECORD),
        SUBSCRIPTION,
        "POST",
        f"webhook_subscriptions/{RECORD}/enable",
        {},
    ),
    (
        lambda hub: hub.disable_subscription(RECORD),
        SUBSCRIPTION,
        "POST",
        f"webhook_subscriptions/{RECORD}/disable",
        {},
    ),
    (
        lambda hub: hub.regenerate_secret(RECORD),
        {**SUBSCRIPTION, "secret": "whsec_2"},
        "POST",
        f"webhook_subscriptions/{RECORD}/regenerate_secret",
        {},
    ),
    (lambda hub: hub.delete_subscription(RECORD), None, "DELETE", f"webhook_subscriptions/{RECORD}", {}),
    (
        lambda hub: hub.connections(ORGANIZATION),
        sample("connections_none"),
        "GET",
        "accounting_connections",
        {},
    ),
    (
        lambda hub: hub.connection(ORGANIZATION, CONNECTION),
        sample("connection_created"),
        "GET",
        f"accounting_connections/{CONNECTION}",
        {},
    ),
    (
        lambda hub: hub.create_connection(ORGANIZATION),
        sample("connection_created"),
        "POST",
        "accounting_connections",
        {},
    ),
    (
        lambda hub: hub.disconnect(ORGANIZATION, UUID("3fa85f64-5717-4562-b3fc-2c963f76afa6")),
        sample("connection_disconnected"),
        "POST",
        "accounting_connections/3fa85f64-5717-4562-b3fc-2c963f76afa6/disconnect",
        {},
    ),
    (
        lambda hub: hub.sync(ORGANIZATION, CONNECTION),
        {"message": "Started connection data sync."},
        "POST",
        f"accounting_connections/{CONNECTION}/sync",
        {},
    ),
    (
        pages(lambda hub: hub.records(ORGANIZATION, "bill", updated_since=SINCE)),
        EMPTY,
        "GET",
        "accounting_synced_records",
        {
            "limit": ["250"],
            "object_type": ["bill"],
            "updated_at__gte": [SINCE_WRITTEN],
            "sort": ["updated_at"],
            **ASCENDING,
        },
    ),
    (
        pages(lambda hub: hub.records(ORGANIZATION, "bill", object_ids=[RECORD, CONNECTION], limit=7)),
        EMPTY,
        "GET",
        "accounting_synced_records",
        {
            "limit": ["7"],
            "object_type": ["bill"],
            "object_id__in": [str(RECORD), str(CONNECTION)],
            "sort": ["updated_at"],
            **ASCENDING,
        },
    ),
    (
        lambda hub: hub.record(ORGANIZATION, RECORD),
        sample("record_pushed"),
        "GET",
        f"accounting_synced_records/{RECORD}",
        {},
    ),
    (
        lambda hub: hub.push(ORGANIZATION, RECORD),
        sample("record_pushed"),
        "POST",
        f"accounting_synced_records/{RECORD}/push",
        {},
    ),
    (
        pages(lambda hub: hub.receivables(ORGANIZATION)),
        EMPTY,
        "GET",
        "receivables",
        {"limit": ["250"], "sort": ["created_at"], **ASCENDING},
    ),
    (
        lambda hub: hub.receivable(ORGANIZATION, RECORD),
        OBJECT,
        "GET",
        f"receivables/{RECORD}",
        {},
    ),
    (
        pages(lambda hub: hub.payables(ORGANIZATION, ids=[RECORD])),
        EMPTY,
        "GET",
        "payables",
        {"limit": ["100"], "id__in": [str(RECORD)], "sort": ["created_at"], **ASCENDING},
    ),
    (lambda hub: hub.payable(ORGANIZATION, RECORD), OBJECT, "GET", f"payables/{RECORD}", {}),
    (
        pages(lambda hub: hub.payable_lines(ORGANIZATION, RECORD)),
        EMPTY,
        "GET",
        f"payables/{RECORD}/line_items",
        {"limit": ["100"], "sort": ["created_at"], **ASCENDING},
    ),
    (
        pages(lambda hub: hub.payment_records(ORGANIZATION, updated_since=SINCE)),
        EMPTY,
        "GET",
        "payment_records",
        {"limit": ["100"], "sort": ["paid_at"], "updated_at__gt": [SINCE_WRITTEN], **ASCENDING},
    ),
    (
        lambda hub: hub.accounting_page(ORGANIZATION, "payables", offset=980, limit=500),
        {"data": []},
        "GET",
        "accounting/payables",
        {"limit": ["500"], "offset": ["980"]},
    ),
    (
        lambda hub: hub.accounting_page(ORGANIZATION, "receivables", offset=0, limit=1),
        {"data": []},
        "GET",
        "accounting/receivables",
        {"limit": ["1"], "offset": ["0"]},
    ),
    (
        lambda hub: hub.accounting_document(ORGANIZATION, "payables", "120"),
        {"id": "120"},
        "GET",
        "accounting/payables/120",
        {},
    ),
    (
        lambda hub: hub.accounting_document(ORGANIZATION, "receivables", "120"),
        {"id": 120},
        "GET",
        "accounting/receivables/120",
        {},
    ),
    (
        pages(lambda hub: hub.tax_rates(ORGANIZATION)),
        EMPTY,
        "GET",
        "accounting_tax_rates",
        {"limit": ["250"]},
    ),
    (
        pages(lambda hub: hub.ledger_accounts(ORGANIZATION)),
        EMPTY,
        "GET",
        "ledger_accounts",
        {"limit": ["250"]},
    ),
    (pages(lambda hub: hub.products(ORGANIZATION)), EMPTY, "GET", "products", {"limit": ["100"]}),
    (pages(lambda hub: hub.counterparts(ORGANIZATION)), EMPTY, "GET", "counterparts", {"limit": ["100"]}),
    (
        pages(lambda hub: hub.events(ORGANIZATION, created_since=SINCE)),
        EMPTY,
        "GET",
        "events",
        {"limit": ["100"], "created_at__gte": [SINCE_WRITTEN], "sort": ["created_at"], **ASCENDING},
    ),
    (
        pages(lambda hub: hub.events(ORGANIZATION, object_type="payable", created_since=SINCE)),
        EMPTY,
        "GET",
        "events",
        {
            "limit": ["100"],
            "object_type": ["payable"],
            "created_at__gte": [SINCE_WRITTEN],
            "sort": ["created_at"],
            **ASCENDING,
        },
    ),
]

QUESTIONS = [pytest.param(Question(*parts), id=f"{parts[2]} {parts[3]}") for parts in ASKED]
PARTNER_LEVEL = ("entities", "webhook_subscriptions")


@pytest.mark.parametrize("dialect", list(Dialect))
@pytest.mark.parametrize("question", QUESTIONS)
async def test_what_is_asked(scripted: ScriptedHub, dialect: Dialect, question: Question) -> None:
    """Method, path, query and headers are those that the dialect documents; no cache may answer."""
    request = await question.put(scripted, dialect)
    spelt = question.path.replace("_", "-") if dialect is Dialect.TESOURO else question.path
    assert (request.method, request.url.path) == (question.method, f"/v1/{spelt}")
    assert scripted.query() == question.query
    assert request.headers["Authorization"] == "Bearer token-1"
    assert request.headers["Cache-Control"] == "no-cache"
    version, tenant = {
        Dialect.TESOURO: (
            {"x-finops-version": "2025-06-23", "x-tesouro-version": "2025-06-23"},
            {"x-organization-id": str(ORGANIZATION)},
        ),
        Dialect.MONITE: ({"x-monite-version": "2024-05-25"}, {"x-monite-entity-id": str(ORGANIZATION)}),
    }[dialect]
    expected = version if question.path.startswith(PARTNER_LEVEL) else version | tenant
    assert {name: value for name, value in request.headers.items() if name.startswith("x-")} == expected


async def test_pages_repeat_limit_and_object_type_with_the_token(scripted: ScriptedHub) -> None:
    """The token's page is asked for with what the hub wants again, and without the filters it remembers."""
    scripted.says({**sample("records"), "next_pagination_token": "abc+/="})
    scripted.says({**sample("records"), "next_pagination_token": None, "data": []})
    found = await gather(scripted.hub().records(ORGANIZATION, "product", updated_since=SINCE, limit=2))
    assert [record.id for record in found.items] == [RECORD]
    assert scripted.query(1) == {"limit": ["2"], "object_type": ["product"], "pagination_token": ["abc+/="]}


async def test_many_ids_are_asked_for_in_several_calls(scripted: ScriptedHub) -> None:
    """An address holds fifty ids; none is left out, none asked for twice."""
    ids = [uuid4() for _ in range(120)]
    for _ in range(3):
        scripted.says(EMPTY)
    await gather(scripted.hub().records(ORGANIZATION, "bill", object_ids=ids))
    asked = [scripted.query(number)["object_id__in"] for number in range(3)]
    assert [len(some) for some in asked] == [50, 50, 20]
    assert [text for some in asked for text in some] == [str(one) for one in ids]
    assert max(len(str(request.url)) for request in scripted.requests) < 4000


async def test_a_subscription_is_made_with_what_was_asked(scripted: ScriptedHub) -> None:
    """Event types are sent where some were named, and left out to mean all; the secret comes back."""
    hub = scripted.hub()
    for _ in range(2):
        scripted.says({**SUBSCRIPTION, "secret": "whsec_1"}, 201)
    await hub.create_subscription("payable", "https://x.test/", ["created"])
    made = await hub.create_subscription("payable", "https://x.test/")
    bodies = [json.loads(request.content) for request in scripted.requests]
    assert bodies[0] == {"object_type": "payable", "url": "https://x.test/", "event_types": ["created"]}
    assert bodies[1] == {"object_type": "payable", "url": "https://x.test/"}
    assert made.secret == "whsec_1"


async def test_a_missing_document_is_none_only_when_the_hub_says_so(scripted: ScriptedHub) -> None:
    """A 404 in the hub's own envelope means absent; a gateway's, or one without a route, is an error."""
    hub = scripted.hub()
    scripted.says(error("Object not found"), 404)
    assert await hub.accounting_document(ORGANIZATION, "payables", "9") is None
    scripted.says({"message": "no Route matched with those values"}, 404)
    with pytest.raises(HubError):
        await hub.accounting_document(ORGANIZATION, "payables", "9")
    for _ in range(2):
        scripted.says(status=404, content=b"<html>not found</html>")
    with pytest.raises(HubError):
        await hub.accounting_document(ORGANIZATION, "payables", "9")


async def test_a_document_is_the_one_that_was_asked_for(scripted: ScriptedHub) -> None:
    """An answer about another object is no answer."""
    for _ in range(2):
        scripted.says({"id": "121"})
    with pytest.raises(HubError, match="another object"):
        await scripted.hub().accounting_document(ORGANIZATION, "payables", "120")


async def test_an_unreadable_connection_is_not_passed_over(scripted: ScriptedHub) -> None:
    """A connection that cannot be read must not look like none."""
    for _ in range(2):
        scripted.says({"data": [sample("connection_disconnected"), {"status": "connected"}]})
    with pytest.raises(HubError) as caught:
        await scripted.hub().connections(ORGANIZATION)
    assert caught.value.failure is HubFailure.UNREADABLE


async def test_foreign_rows_are_refused(scripted: ScriptedHub) -> None:
    """Rows that name another organization stand on no page of this one."""
    rows = [{"id": "1", "entity_id": str(ORGANIZATION)}, {"id": "2", "entity_id": str(OTHER_ORGANIZATION)}]
    scripted.says({"data": rows})
    page = await scripted.hub().accounting_page(ORGANIZATION, "payables", offset=0, limit=9)
    assert [item.id for item in page.items] == ["1"]
    assert page.refused[0].is_foreign


async def test_amounts_keep_their_decimals(scripted: ScriptedHub) -> None:
    """What the books hold is handed on to the last digit."""
    scripted.says(content=b'{"data": [{"id": "1", "total_amount": 0.1, "lines": [{"unit_amount": 1.10}]}]}')
    page = await scripted.hub().accounting_page(ORGANIZATION, "payables", offset=0, limit=9)
    payload = page.items[0].payload
    assert (str(payload["total_amount"]), str(payload["lines"][0]["unit_amount"])) == ("0.1", "1.10")


def every_endpoint() -> list[Endpoint]:
    """Give every address that the client knows."""
    return [found for found in vars(endpoints).values() if isinstance(found, Endpoint)]


def test_metric_labels_are_few_and_tell_apart() -> None:
    """Each address has a name of its own, and no name holds an id."""
    names = [endpoint.name for endpoint in every_endpoint()]
    assert len(set(names)) == len(names) < 60
    assert all(name.replace("_", "").isalpha() for name in names)


@pytest.mark.skipif(not SCHEMA.exists(), reason="the published schema is not beside this checkout")
def test_every_address_is_published() -> None:
    """Paths, their spelling in both dialects, and the largest pages are those of the published schema."""
    published: dict[str, Any] = json.loads(SCHEMA.read_text())["paths"]
    shapes = {_shape(path): item for path, item in published.items()}
    for endpoint in every_endpoint():
        item = shapes[endpoint.path]
        operation = item[endpoint.method.lower()]
        segments = ["x"] * endpoint.path.count("{}")
        assert Dialect.TESOURO.path(endpoint.path, *segments) == _filled(item["x-tesouro-path"])
        limits = [p["schema"] for p in operation.get("parameters", []) if p["name"] == "limit"]
        assert endpoint.page_max == (int(limits[0]["maximum"]) if limits else 0), endpoint.name


@pytest.mark.skipif(not SCHEMA.exists(), reason="the published schema is not beside this checkout")
@pytest.mark.parametrize("question", QUESTIONS)
async def test_every_parameter_is_published(scripted: ScriptedHub, question: Question) -> None:
    """Nothing is asked for that the published schema does not know."""
    paths: dict[str, Any] = json.loads(SCHEMA.read_text())["paths"]
    request = await question.put(scripted, Dialect.MONITE)
    asked = request.url.path.removeprefix("/v1/").split("/")
    operation = next(
        item[question.method.lower()]
        for published, item in paths.items()
        if question.method.lower() in item and _matches(published.strip("/").split("/"), asked)
    )
    known = {parameter["name"] for parameter in operation.get("parameters", [])}
    assert set(question.query) <= known


def _shape(path: str) -> str:
    return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))


def _filled(path: str) -> str:
    return "/".join("x" if part.startswith("{") else part for part in path.split("/"))


def _matches(template: list[str], asked: list[str]) -> bool:
    return len(template) == len(asked) and all(
        part.startswith("{") or part == given for part, given in zip(template, asked, strict=True)
    )


def test_times_of_filters_know_their_zone() -> None:
    """A time without a zone is our mistake, and is not guessed."""
    hub = ScriptedHub().hub()
    with pytest.raises(AssertionError):
        hub.events(ORGANIZATION, created_since=datetime(2024, 1, 1))  # noqa: DTZ001 - that is the point
    assert datetime.now(UTC).tzinfo is UTC
