"""The table of routes: every role on every route, nothing beside the table, a description that is true."""

from __future__ import annotations

from datetime import datetime
from itertools import product
from typing import Any
from uuid import uuid4

import httpx
import jsonschema
import pytest

from service.settings import Role
from service.store.database import Database
from service.web.api.openapi import describe
from service.web.route import Kind, Route
from service.web.table import ROUTES
from tests.web.builders import ORGANIZATION, add_organization
from tests.web.conftest import ClientOf

VIEWER, OPERATOR, APPROVER = Role.VIEWER, Role.OPERATOR, Role.APPROVER

RIGHTS: dict[str, Role | None] = {
    "GET /status": VIEWER,
    "GET /v1/organizations": VIEWER,
    "GET /v1/organizations/{organization_id:uuid}": VIEWER,
    "GET /v1/records": VIEWER,
    "GET /v1/records/{record_id:uuid}": VIEWER,
    "GET /v1/causes": VIEWER,
    "POST /v1/records/{record_id:uuid}/override": OPERATOR,
    "GET /v1/causes/{cause}/packet": VIEWER,
    "POST /v1/retries": OPERATOR,
    "GET /v1/retries": VIEWER,
    "GET /v1/retries/{retry_id:uuid}": VIEWER,
    "POST /v1/retries/{retry_id:uuid}/apply": OPERATOR,
    "DELETE /v1/retries/{retry_id:uuid}": OPERATOR,
    "GET /v1/differences": VIEWER,
    "GET /v1/balance": VIEWER,
    "GET /v1/unreadable": VIEWER,
    "GET /v1/organizations/{organization_id:uuid}/documents": VIEWER,
    "GET /v1/organizations/{organization_id:uuid}/documents/{local_id:path}": VIEWER,
    "PUT /v1/organizations/{organization_id:uuid}/documents/{local_id:path}": OPERATOR,
    "DELETE /v1/organizations/{organization_id:uuid}/documents/{local_id:path}": OPERATOR,
    "POST /v1/documents/bulk": OPERATOR,
    "GET /v1/organizations/{organization_id:uuid}/statements/{period}": VIEWER,
    "POST /v1/organizations/{organization_id:uuid}/statements/{period}/sign": OPERATOR,
    "GET /v1/events": VIEWER,
    "GET /v1/alerts": VIEWER,
    "POST /v1/alerts/{alert_id:uuid}/acknowledge": OPERATOR,
    "POST /v1/alerts/{alert_id:uuid}/snooze": OPERATOR,
    "GET /openapi.json": VIEWER,
    "GET /livez": None,
    "GET /readyz": None,
    "GET /metrics": VIEWER,
    "GET /": VIEWER,
    "GET /organizations": VIEWER,
    "GET /organizations/{organization_id:uuid}": VIEWER,
    "GET /organizations/{organization_id:uuid}/statements/{period}": VIEWER,
    "POST /organizations/{organization_id:uuid}/statements/{period}/sign": OPERATOR,
    "GET /records": VIEWER,
    "GET /records/{record_id:uuid}": VIEWER,
    "POST /records/{record_id:uuid}/override": OPERATOR,
    "GET /causes": VIEWER,
    "GET /causes/{cause}": VIEWER,
    "GET /retries": VIEWER,
    "GET /retries/{retry_id:uuid}": VIEWER,
    "POST /retries": OPERATOR,
    "POST /retries/{retry_id:uuid}/apply": OPERATOR,
    "POST /retries/{retry_id:uuid}/cancel": OPERATOR,
    "GET /differences": VIEWER,
    "GET /alerts": VIEWER,
    "GET /alerts/{alert_id:uuid}": VIEWER,
    "GET /events": VIEWER,
    "GET /runbook": None,
    "POST /alerts/{alert_id:uuid}/acknowledge": OPERATOR,
    "POST /alerts/{alert_id:uuid}/snooze": OPERATOR,
    "POST /logout": VIEWER,
    "GET /login": None,
    "POST /login": None,
    "GET /static/{name}": None,
}
"""What each route needs, written down a second time: a route that is added without a thought fails here."""

FLEET_ONLY = {"GET /metrics"}

ROLE_OF = {"viewer": VIEWER, "operator": OPERATOR, "approver": APPROVER, "bound": OPERATOR, "nobody": None}
RANK = {None: -1, VIEWER: 0, OPERATOR: 1, APPROVER: 2}


def name_of(route: Route) -> str:
    """A route as it is written down above."""
    return f"{route.method} {route.path}"


def path_of(route: Route) -> str:
    """A path of the route, to something that does not exist."""
    parts = {"{name}": "none.css", "{cause}": "none", "{period}": "2026-10", "{local_id}": "R-17"} | {
        f"{{{name}:uuid}}": str(uuid4()) for name in ("organization_id", "record_id", "alert_id", "retry_id")
    }
    path = route.path
    for part, value in parts.items():
        path = path.replace(part, value)
    return path


def expected(route: Route, caller: str) -> set[int] | None:
    """The answers that a caller without enough rights may get; None when its rights are enough."""
    if route.role is None:
        return None
    if caller == "nobody":
        return {303} if route.kind is Kind.PAGE else {401}
    if caller == "bound" and name_of(route) in FLEET_ONLY:
        return {404}
    return None if RANK[ROLE_OF[caller]] >= RANK[route.role] else {403}


def test_every_route_is_written_down_with_its_role() -> None:
    """The table holds exactly the routes above, each with the role above."""
    assert {name_of(route): route.role for route in ROUTES} == RIGHTS
    assert {name_of(route) for route in ROUTES if route.is_fleet_only} == FLEET_ONLY


async def test_every_role_on_every_route(client_of: ClientOf, subtests: pytest.Subtests) -> None:
    """Whoever lacks the role of a route is refused, whoever has it is not, for all callers and routes."""
    for route, caller in product(ROUTES, ROLE_OF):
        with subtests.test(f"{caller}: {name_of(route)}"):
            answer = await client_of(caller).request(route.method, path_of(route))
            refused = expected(route, caller)
            if refused is None:
                # Signing in without a key is refused by the form itself, whoever sends it.
                assert answer.status_code not in {401, 403} or name_of(route) == "POST /login"
                assert answer.status_code < 500
            else:
                assert answer.status_code in refused


async def test_a_form_without_session_leads_back_to_a_page(
    nobody: httpx.AsyncClient, operator: httpx.AsyncClient, subtests: pytest.Subtests
) -> None:
    """Whoever presses a button after the session has ended signs in and is led to the page above it."""
    for route in ROUTES:
        if route.kind is Kind.PAGE and route.is_action and route.role is not None:
            with subtests.test(name_of(route)):
                path = path_of(route)
                door = httpx.URL((await nobody.post(f"{path}?limit=5")).headers["location"])
                assert (door.path, door.params["next"]) == ("/login", path.rpartition("/")[0] or "/")
                page = await operator.get(door.params["next"], headers={"accept": "text/html"})
                assert page.status_code in {200, 404}, "its ids are made up"


async def test_nothing_answers_beside_the_table(operator: httpx.AsyncClient) -> None:
    """Other paths are 404, other methods 405 with those that work, and both are problems."""
    for path in (
        "/v1",
        "/v1/",
        "/v1/records/",
        "/docs",
        "/v1/records/7",
        "/V1/RECORDS",
        "/static/../keys.py",
    ):
        answer = await operator.get(path)
        assert (answer.status_code, answer.json()["status"]) == (404, 404), path
    for path, allowed in (("/v1/records", "GET, HEAD"), ("/login", "GET, HEAD, POST")):
        answer = await operator.delete(path)
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
        assert answer.headers["content-type"] == "application/problem+json"


async def test_head_answers_like_get_without_a_body(operator: httpx.AsyncClient) -> None:
    """HEAD has the status and length of GET, and no body."""
    got, head = await operator.get("/v1/records"), await operator.head("/v1/records")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == got.headers["content-length"]


def test_the_description_is_whole_and_sound() -> None:
    """It names every route, gives each operation an id of its own, and all references lead somewhere."""
    told = describe(ROUTES, "1")
    operations = [operation for path in told["paths"].values() for operation in path.values()]
    ids = [operation["operationId"] for operation in operations]
    assert len(ids) == len(set(ids))
    listed = {f"{method.upper()} {path}" for path, methods in told["paths"].items() for method in methods}
    shown = {
        name_of(route).replace(":uuid", "").replace(":path", "")
        for route in ROUTES
        if route.kind is not Kind.PAGE
    }
    assert listed == {*shown, "GET /", "POST /webhooks/hub"}
    for reference in references(told):
        section, name = reference.removeprefix("#/components/").split("/")
        assert name in told["components"][section]


def test_no_body_takes_fields_that_it_does_not_know() -> None:
    """A misspelt field is told, not passed over: it may be the one that was to prevent something."""
    told = describe(ROUTES, "1")
    operations = [operation for path in told["paths"].values() for operation in path.values()]
    waiting = references([operation.get("requestBody") for operation in operations])
    seen: set[str] = set()
    while waiting:
        schema = told["components"]["schemas"][(name := waiting.pop().rpartition("/")[2])]
        waiting |= {each for each in references(schema) if each.rpartition("/")[2] not in seen}
        seen.add(name)
        assert schema.get("type") != "object" or schema.get("additionalProperties") is False, name
    assert {"Sign", "Ask", "Filter", "PutDocument", "BulkItem"} <= seen


def references(value: object) -> set[str]:
    """Every reference in a description."""
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*(references(each) for each in value.values()))
    return set().union(*(references(each) for each in value)) if isinstance(value, list) else set()


@pytest.mark.usefixtures("filled")
async def test_answers_are_as_described(
    database: Database, operator: httpx.AsyncClient, subtests: pytest.Subtests
) -> None:
    """Every JSON answer of a fleet with something of everything fits the schema that describes it."""
    told = (await operator.get("/openapi.json")).json()
    records = (await operator.get("/v1/records")).json()["data"]
    retry = (await operator.post("/v1/retries", json={"filter": {}})).json()
    ids = {"organization_id": str(ORGANIZATION), "record_id": records[0]["id"], "period": "2026-10"}
    ids |= {"retry_id": retry["id"], "cause": "missing_tax_rate"}
    documents = (await operator.get(f"/v1/organizations/{ORGANIZATION}/documents")).json()["data"]
    ids["local_id"] = documents[0]["local_id"]
    for path, methods in told["paths"].items():
        if "get" not in methods or path == "/":
            continue
        queries: list[dict[str, str]] = [{}]
        if "as_of" in {parameter["name"] for parameter in methods["get"]["parameters"]}:
            queries.append({"as_of": f"{await database.now():%Y-%m-%dT%H:%M:%S.%fZ}"})
        for query in queries:
            with subtests.test(f"{path} {query}"):
                answer = await operator.get(path.format(**ids), params=query)
                content = methods["get"]["responses"][str(answer.status_code)]["content"]
                assert answer.headers["content-type"].partition(";")[0] in content
                if "application/json" in content:
                    check(answer.json(), content["application/json"]["schema"], told)


FORMATS = jsonschema.FormatChecker(["uuid"])


@FORMATS.checks("date-time", ValueError)
def is_instant(value: object) -> bool:
    """Whether a text is a time in UTC as RFC 3339 writes it."""
    return not isinstance(value, str) or (value.endswith("Z") and datetime.fromisoformat(value) is not None)


def check(value: object, schema: dict[str, Any], told: dict[str, Any]) -> None:
    """Check a value, its times and ids too, against a schema of the description."""
    whole = {**schema, "components": told["components"]}
    jsonschema.Draft202012Validator(whole, format_checker=FORMATS).validate(value)


async def test_lists_of_one_organization_know_it(database: Any, bound: httpx.AsyncClient) -> None:
    """A key of one organization sees it in the list of organizations, alone."""
    await add_organization(database, ORGANIZATION, "Alder")
    await add_organization(database, uuid4(), "Birch")
    answer = (await bound.get("/v1/organizations")).json()
    assert [each["name"] for each in answer["data"]] == ["Alder"]
