"""Lists: paged to the end they equal the table, filters filter, bad queries are told by name."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from msgspec.structs import replace

from service.domain.causes.names import Cause
from service.domain.causes.resemblance import resembled
from service.domain.record_state import State
from service.hub.bounds import NAME_MAX
from service.store.database import Database
from tests.web.builders import (
    NOW,
    ORGANIZATION,
    OTHER,
    add_alert,
    add_balance,
    add_difference,
    add_event,
    add_organization,
    add_record,
    write_record,
)
from tests.workers.watching import watching

Rows = list[dict[str, Any]]


async def walk(caller: httpx.AsyncClient, path: str, **query: Any) -> Rows:
    """Every row of a list, page by page; a page is never empty but for the last of an empty list."""
    rows: Rows = []
    after: str | None = None
    for _ in range(1000):
        answer = await caller.get(path, params={**query, **({"after": after} if after else {})})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert page["data"] or not rows
        assert len(page["data"]) <= query["limit"]
        rows += page["data"]
        after = page["next"]
        if after is None:
            return rows
    raise AssertionError("the list does not end")


async def fill(database: Database) -> None:
    """Thirteen rows in every list, in three organizations, some with the same times and names."""
    organizations = [ORGANIZATION, OTHER, uuid4()]
    for index in range(13):
        organization_id = organizations[index] if index < 3 else uuid4()
        await add_organization(database, organization_id, f"Same name {index % 2}")
    for index in range(13):
        organization_id = organizations[index % 3]
        await add_record(database, organization_id, state=State.BLOCKED if index % 2 else State.CONFIRMED)
        await add_difference(database, organization_id)
        await add_balance(database, organization_id, currency=f"A{chr(65 + index)}A")
        await add_alert(database, started_at=NOW - timedelta(seconds=index % 2))
        await add_event(database, organization_id)


TABLES = {
    "/v1/organizations": "SELECT organization_id::text FROM organizations ORDER BY name, organization_id",
    "/v1/records": "SELECT record_id::text FROM records ORDER BY organization_id, record_id",
    "/v1/differences": "SELECT difference_id::text FROM differences ORDER BY organization_id, difference_id",
    "/v1/events": "SELECT event_id::text FROM events ORDER BY received_at DESC, event_id DESC",
    "/v1/alerts": "SELECT alert_id::text FROM alerts ORDER BY started_at DESC, alert_id DESC",
}


async def table(database: Database, query: str) -> Sequence[str]:
    """The ids of a table, in order."""
    async with database.fleet(readonly=True) as connection:
        return [row[0] for row in await connection.fetch(query)]


async def test_every_list_paged_to_the_end_is_the_table(
    database: Database, viewer: httpx.AsyncClient, subtests: pytest.Subtests
) -> None:
    """Whatever the size of its pages, a list holds every row of its table once, in order."""
    await fill(database)
    for path, query in TABLES.items():
        ids = await table(database, query)
        for limit in (1, 4, 13, 500):
            with subtests.test(f"{path} by {limit}"):
                assert [row["id"] for row in await walk(viewer, path, limit=limit)] == ids
    for limit in (1, 5):
        balances = await walk(viewer, "/v1/balance", limit=limit)
        keys = [(row["organization_id"], row["ledger"], row["currency"]) for row in balances]
        assert (len(keys), keys) == (13, sorted(set(keys)))


async def test_what_we_knew_is_paged_to_the_end_too(database: Database, viewer: httpx.AsyncClient) -> None:
    """With as_of, every list holds every row once as well."""
    await fill(database)
    as_of = (await database.now()).isoformat()
    for path, query in TABLES.items():
        ids = sorted(await table(database, query))
        rows = await walk(viewer, path, limit=4, as_of=as_of)
        assert sorted(row["id"] for row in rows) == ids
    assert len(await walk(viewer, "/v1/balance", limit=5, as_of=as_of)) == 13


async def test_no_name_stops_the_list_of_organizations(database: Database, viewer: httpx.AsyncClient) -> None:
    """However long the hub's names are, and of whatever characters, all are listed and paged to the end."""
    unruly = Random(7)  # noqa: S311 - the same in every run
    longest = [chr(each) for each in range(14, 27)]  # six characters of a token each

    def lengthen(request: httpx.Request, body: Any) -> Any:
        for row in body["data"] if request.url.path.endswith("/entities") else ():
            party = row.get("organization") or row["individual"]
            for field in ("legal_name", "first_name"):
                if field in party:
                    party[field] = "".join(unruly.choices(longest, k=5_000))
        return body

    async with watching(database, organizations=7, documents=0) as w:
        w.way.tamper = lengthen
        await w.run(w.fleet)
        rows = await walk(viewer, "/v1/organizations", limit=1)
        assert sorted(UUID(row["id"]) for row in rows) == sorted(w.organization_ids)
        assert {len(row["name"]) for row in rows} == {NAME_MAX}


async def test_a_page_begins_where_the_one_before_ended(
    database: Database, viewer: httpx.AsyncClient
) -> None:
    """Rows that come or go between two pages leave no gap and no repeat among those that stay."""
    await add_organization(database, ORGANIZATION, "Alder")
    made = [await add_record(database, ORGANIZATION) for _ in range(10)]
    first = (await viewer.get("/v1/records", params={"limit": 5})).json()
    await add_record(database, ORGANIZATION, record_id=uuid4())
    async with database.fleet() as connection:
        await connection.execute("DELETE FROM records WHERE record_id::text = $1", first["data"][4]["id"])
    rest = (await viewer.get("/v1/records", params={"limit": 500, "after": first["next"]})).json()
    seen = [row["id"] for row in first["data"] + rest["data"]]
    assert len(seen) == len(set(seen))
    assert {str(record.record_id) for record in made} <= set(seen)


async def test_pages_of_causes_go_on_where_a_cause_healed(
    database: Database, viewer: httpx.AsyncClient
) -> None:
    """When the cause that ended a page has healed meanwhile, the next one begins with what weighs less."""
    await add_organization(database, ORGANIZATION, "Alder")
    causes = [Cause.MISSING_TAX_RATE, Cause.PERIOD_LOCKED, Cause.UNKNOWN]
    healed = [
        await add_record(database, ORGANIZATION, state=State.BLOCKED, cause=cause, cause_group=f"{cause} <n>")
        for weight, cause in zip((3, 2, 1), causes, strict=True)
        for _ in range(weight)
    ][3:5]
    query: dict[str, str] = {"limit": "2", "organization_id": str(ORGANIZATION)}
    first = (await viewer.get("/v1/causes", params=query)).json()
    assert [row["cause"] for row in first["data"]] == causes[:2]
    for record in healed:
        await write_record(
            database, record, replace(record, state=State.CONFIRMED, cause=None, version=record.version + 1)
        )
    rest = (await viewer.get("/v1/causes", params={**query, "after": first["next"]})).json()
    assert ([row["cause"] for row in rest["data"]], rest["next"]) == (causes[2:], None)


async def test_only_causes_that_are_shown_are_weighed(database: Database, viewer: httpx.AsyncClient) -> None:
    """However many wordings nobody knows, a page looks for what its own resemble, and for no others."""
    await add_organization(database, ORGANIZATION, "Alder")
    for number in range(5):
        told = {"cause_group": f"fnord {number}", "cause_text": f"Fnord {uuid4()}"}
        await add_record(database, ORGANIZATION, state=State.QUARANTINED, cause=Cause.UNKNOWN, **told)
    before = resembled.cache_info().misses
    page = (await viewer.get("/v1/causes", params={"limit": "2"})).json()
    assert (len(page["data"]), resembled.cache_info().misses - before) == (2, 2)


async def test_filters_filter(database: Database, viewer: httpx.AsyncClient) -> None:
    """Each filter of records gives exactly the rows that fit, alone and together."""
    await add_organization(database, ORGANIZATION, "Alder")
    await add_organization(database, OTHER, "Birch")
    rows = [
        await add_record(database, organization_id, state=state, object_type=object_type)
        for organization_id in (ORGANIZATION, OTHER)
        for state in (State.CONFIRMED, State.BLOCKED, State.WAITING)
        for object_type in ("receivable", "bill")
    ]
    queries: list[dict[str, str]] = [
        {"organization_id": str(OTHER)},
        {"object_type": "bill"},
        {"sync_status": "error"},
        {"state": "waiting"},
        {"cause": "missing_tax_rate"},
        {"organization_id": str(OTHER), "state": "blocked", "object_type": "bill"},
        {"object_type": "spaceship"},
    ]
    as_of = {"as_of": (await database.now()).isoformat()}
    for query in queries:
        expected = {
            str(row.record_id)
            for row in rows
            if all(str(getattr(row, name)) == value for name, value in query.items())
        }
        for asked in (query, query | as_of):
            found = (await viewer.get("/v1/records", params=asked)).json()["data"]
            assert {row["id"] for row in found} == expected, asked


async def test_differences_are_told_open_and_expected_apart(
    database: Database, viewer: httpx.AsyncClient
) -> None:
    """The filters of differences tell open from resolved, expected from not, and one kind from another."""
    await add_organization(database, ORGANIZATION, "Alder")
    kinds = {"amount": (False, None), "not_pushed": (True, None), "tax": (False, NOW)}
    for kind, (expected, resolved_at) in kinds.items():
        await add_difference(database, ORGANIZATION, kind=kind, expected=expected, resolved_at=resolved_at)
    for query, found in {
        "open=true": {"amount", "not_pushed"},
        "open=false": {"tax"},
        "expected=true": {"not_pushed"},
        "expected=false&open=true": {"amount"},
        "kind=tax": {"tax"},
        "ledger=payable": set[str](),
    }.items():
        rows = (await viewer.get(f"/v1/differences?{query}")).json()["data"]
        assert {row["kind"] for row in rows} == found, query


def token(*parts: object) -> str:
    """A token made up by somebody."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).rstrip(b"=").decode()


BAD: dict[str, set[str]] = {
    "/v1/records?limit=0": {"limit"},
    "/v1/records?limit=501": {"limit"},
    "/v1/records?limit=ten": {"limit"},
    "/v1/records?limit=%D9%A3": {"limit"},
    "/v1/records?limit=": {"limit"},
    "/v1/records?limit=5&limit=6": {"limit"},
    "/v1/records?colour=red": {"colour"},
    "/v1/records?organization_id=7": {"organization_id"},
    "/v1/records?organization_id=urn:uuid:0a000000-0000-4000-8000-000000000001": {"organization_id"},
    "/v1/records?state=sad": {"state"},
    "/v1/records?state=": {"state"},
    "/v1/records?cause=a%00b": {"cause"},
    "/v1/records?cause=" + "x" * 101: {"cause"},
    "/v1/records?as_of=yesterday": {"as_of"},
    "/v1/records?as_of=2026-10-31": {"as_of"},
    "/v1/records?as_of=2026-10-31T12:00:00": {"as_of"},
    "/v1/records?as_of=2026-02-30T12:00:00Z": {"as_of"},
    "/v1/records?as_of=0001-01-01T00:00:00%2B14:00": {"as_of"},
    "/v1/records?after=%21": {"after"},
    "/v1/records?after=" + "A" * 3000: {"after"},
    f"/v1/records?after={token('records', 'x', 'y')}": {"after"},
    f"/v1/records?after={token('records')}": {"after"},
    f"/v1/records?after={token('events', str(ORGANIZATION), str(OTHER))}": {"after"},
    f"/v1/organizations?after={token('organizations', 'a' + chr(0), str(OTHER))}": {"after"},
    f"/v1/events?after={token('events', '2026-10-31T12:00:00', str(OTHER), str(OTHER))}": {"after"},
    f"/v1/events?after={token('events', '0001-01-01T00:00:00+14:00', str(OTHER), str(OTHER))}": {"after"},
    f"/v1/alerts?after={token('alerts', '9999-12-31T23:59:59-14:00', str(OTHER))}": {"after"},
    f"/v1/records?after={token('records', str(ORGANIZATION), None)}": {"after"},
    f"/v1/causes?after={token('causes', None, 'unknown', '')}": {"after"},
    f"/v1/causes?after={token('causes', 'unknown', None)}": {"after"},
    "/v1/organizations?organization_id=7": {"organization_id"},
    "/v1/differences?open=yes&kind=odd&ledger=general": {"open", "kind", "ledger"},
    "/v1/balance?as_of=2020-10-31T12:00:00Z": {"as_of"},
    "/v1/balance?as_of=2199-10-31T12:00:00Z": {"as_of"},
    "/v1/alerts?status=pending": {"status"},
    "/v1/events?source=rumour": {"source"},
    "/v1/causes?after=x": {"after"},
    "/status?verbose=1": {"verbose"},
}


async def test_bad_queries_are_told_by_name(viewer: httpx.AsyncClient, subtests: pytest.Subtests) -> None:
    """Unknown, malformed and repeated parameters are answered 422 with the name of each, all at once."""
    for path, names in BAD.items():
        with subtests.test(path[:80]):
            answer = await viewer.get(path)
            assert answer.status_code == 422
            assert answer.headers["content-type"] == "application/problem+json"
            assert {fault["name"] for fault in answer.json()["errors"]} == names


@pytest.mark.parametrize("given", [51, 12_000])
async def test_a_query_of_too_many_parameters_is_refused_unread(
    client_of: Callable[[str], httpx.AsyncClient], given: int
) -> None:
    """More parameters than a query may have are refused with their limit alone, with a key or without."""
    query = "&".join(f"{number:x}" for number in range(given))
    for caller, path in (("viewer", "/v1/records"), ("nobody", "/login"), ("nobody", "/livez")):
        answer = await client_of(caller).get(f"{path}?{query}")
        assert answer.status_code == 422
        assert answer.json()["errors"] == [{"name": "query", "detail": "has more than 50 parameters"}]


async def test_what_history_cannot_answer_is_refused_in_words(
    database: Database, viewer: httpx.AsyncClient
) -> None:
    """Before what is kept, and after now, nothing is answered by time; the refusal says why."""
    now = await database.now()
    for path in (*TABLES, "/v1/balance", "/v1/causes", "/status"):
        for at, why in (
            (now + timedelta(days=1), "future"),
            (now - timedelta(days=401), "kept for 400 days"),
        ):
            answer = await viewer.get(path, params={"as_of": at.isoformat()})
            assert (answer.status_code, why in answer.json()["errors"][0]["detail"]) == (422, True), path


async def test_rows_that_came_twice_are_told_once(database: Database, viewer: httpx.AsyncClient) -> None:
    """An event found in the hub's log while its webhook was being stored is in the ledger once."""
    await add_organization(database, ORGANIZATION, "Alder")
    event_id = await add_event(database, ORGANIZATION)
    async with database.fleet() as connection:
        await connection.execute(
            "INSERT INTO events (organization_id, event_id, subscription_id, source, received_at, raw)"
            " VALUES ($1, $2, '00000000-0000-0000-0000-000000000000', 'log', tieout.now(), '')",
            ORGANIZATION,
            event_id,
        )
    rows = (await viewer.get("/v1/events")).json()["data"]
    assert [(row["id"], row["source"]) for row in rows] == [(str(event_id), "webhook")]
