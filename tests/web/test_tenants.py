"""The tenant wall: a key of one organization finds nothing of another, and Postgres holds it to that."""

from __future__ import annotations

from uuid import uuid4

import httpx
import pytest
from starlette.types import ASGIApp

from service.store import queries
from service.store.answers import list_differences, list_events
from service.store.database import Database
from service.store.records import list_records
from service.web.authentication import COOKIE
from service.web.parameters import ORGANIZATION as ASKED_FOR
from service.web.table import ROUTES
from tests.web.builders import CANARY, KEYS, ORGANIZATION, OTHER, Fleet, add_alert, client

API = (
    "/status",
    "/v1/organizations",
    "/v1/records",
    "/v1/causes",
    "/v1/causes/missing_tax_rate/packet",
    "/v1/retries",
    "/v1/differences",
    "/v1/balance",
    "/v1/unreadable",
    "/v1/events",
    "/v1/alerts",
)
PAGES = ("/", "/organizations", "/records", "/causes", "/differences", "/alerts", "/events", "/status")


async def test_nothing_of_another_organization_is_told(
    filled: Fleet, bound: httpx.AsyncClient, viewer: httpx.AsyncClient, subtests: pytest.Subtests
) -> None:
    """No list, page or count of a bound key has an id or a text of the other organization; to ask is 404."""
    foreign = {str(OTHER), CANARY, *(str(record.record_id) for record in filled.records[OTHER])}
    for path in (*API, *PAGES):
        for query in ("", f"?organization_id={OTHER}"):
            with subtests.test(path + query):
                headers = {"accept": "text/html"} if path in PAGES else {}
                answer = await bound.get(path + query, headers=headers)
                takes_organization = path.endswith("/packet") or any(
                    ASKED_FOR in route.parameters for route in ROUTES if route.path == path
                )
                assert answer.status_code == (200 if not query else 404 if takes_organization else 422)
                # A page may say what it was asked for, and no more.
                told = answer.text.replace(query.rpartition("=")[2], "")
                assert not {each for each in foreign if each in told}
    # The canary is really there to be found.
    assert CANARY in (await viewer.get("/v1/records")).text


async def test_counts_of_a_bound_key_are_its_own(filled: Fleet, bound: httpx.AsyncClient) -> None:
    """The status that a bound key is told counts its own organization alone."""
    told = (await bound.get("/status")).json()
    assert told["organizations"]["total"] == 1
    assert told["records"]["total"] == len(filled.records[ORGANIZATION])
    assert told["differences"]["open"] == 2
    assert (told["webhooks"]["received"], told["webhooks"]["rejected"]) == (1, 0)
    assert told["alerts"]["firing"] == 1


async def test_foreign_ids_are_answered_like_unknown_ones(filled: Fleet, bound: httpx.AsyncClient) -> None:
    """An id of another organization is answered exactly as one that nobody has, whatever is done to it."""
    foreign = {
        "organizations": OTHER,
        "records": filled.records[OTHER][0].record_id,
        "alerts": filled.alerts[OTHER].alert_id,
    }
    paths = [
        ("GET", "/v1/organizations/{}"),
        ("GET", "/v1/records/{}"),
        ("POST", "/v1/alerts/{}/acknowledge"),
    ]
    for method, path in paths:
        answers = []
        for identifier in (foreign[path.split("/")[2]], uuid4()):
            answer = await bound.request(method, path.format(identifier))
            problem = answer.json()
            del problem["request_id"]
            answers.append((answer.status_code, problem))
        assert answers[0] == answers[1]
        assert answers[0][0] == 404


async def test_an_alert_of_the_fleet_is_not_a_tenants_to_take(
    database: Database, bound: httpx.AsyncClient
) -> None:
    """An operator of one organization cannot silence what concerns several."""
    alert = await add_alert(database)
    assert (await bound.post(f"/v1/alerts/{alert.alert_id}/acknowledge")).status_code == 404


@pytest.mark.usefixtures("filled")
async def test_a_query_that_forgets_its_where_shows_nothing_foreign(
    database: Database, bound: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the filter on the organization taken out of a query, Postgres still shows no foreign row."""
    # The parameters stay mentioned, for Postgres to know their types, and filter nothing.
    forgetful = "SELECT * FROM records WHERE ($1::uuid, $2::text, $3::text, $4::text, $5::text, $6::uuid,"
    forgetful += " $7::uuid) IS NOT DISTINCT FROM ($1, $2, $3, $4, $5, $6, $7) LIMIT $8"
    monkeypatch.setattr("service.store.records.QUERY", {**queries.QUERY, "list_records": forgetful})
    rows = (await bound.get("/v1/records")).json()["data"]
    assert {row["organization_id"] for row in rows} == {str(ORGANIZATION)}
    async with database.fleet(readonly=True) as connection:
        assert len(await list_records(connection, organization_id=OTHER, limit=100)) == 16


async def test_the_scope_holds_without_any_filter(filled: Fleet, database: Database) -> None:
    """Lists asked without a filter, inside the scope of one organization, hold its rows alone."""
    async with database.organization(ORGANIZATION, readonly=True) as connection:
        records = await list_records(connection, limit=100)
        differences = await list_differences(connection, limit=100)
        events = await list_events(connection, limit=100)
    assert {record.organization_id for record in records} == {ORGANIZATION}
    assert len(records) == len(filled.records[ORGANIZATION])
    assert {row["organization_id"] for row in (*differences, *events)} == {ORGANIZATION}


async def test_a_session_of_a_bound_key_is_bound(filled: Fleet, app: ASGIApp) -> None:
    """Signing in with a bound key opens pages of that organization alone."""
    async with client(app) as caller:
        await caller.post("/login", data={"key": KEYS["bound"]})
        assert COOKIE in caller.cookies
        assert CANARY not in (await caller.get("/")).text
        record_id = filled.records[OTHER][0].record_id
        for path in (f"/organizations/{OTHER}", f"/records/{record_id}"):
            assert (await caller.get(path)).status_code == 404
