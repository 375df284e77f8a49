"""As of: what was answered once is answered again later, whatever happened meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
from msgspec import structs

from service.domain.alerts.alert import Status as AlertStatus
from service.domain.record_state import State
from service.store.alerts import upsert_alerts
from service.store.balances import delete_balances
from service.store.database import Database
from service.web.parameters import AS_OF
from service.web.table import ROUTES
from tests.web.builders import (
    NOW,
    ORGANIZATION,
    OTHER,
    add_alert,
    add_balance,
    add_event,
    add_organization,
    add_record,
    set_connection,
    write_record,
)
from tests.web.statement_world import october, put

READS = (
    "/v1/organizations",
    f"/v1/organizations/{ORGANIZATION}",
    "/v1/records",
    "/v1/causes",
    "/v1/differences",
    "/v1/differences?open=true&expected=false",
    "/v1/differences?open=false",
    "/v1/balance",
    "/v1/events",
    "/v1/alerts",
    "/v1/alerts?status=firing",
    f"/v1/organizations/{ORGANIZATION}/documents",
    f"/v1/organizations/{ORGANIZATION}/statements/2026-10",
    "/status",
)

OF_NOW = {
    "/v1/causes/{cause}/packet",  # what is to be done
    "/v1/retries",  # plans of people, each kept as it was made
    "/v1/retries/{retry_id:uuid}",
    "/v1/unreadable",  # kept as it was read last
}
"""Reads that have no past: of what was, they would tell what is to be done no more."""

NOT_KEPT = {
    *("last_seen_at", "duplicates", "scan", "compared_at"),
    *("counts", "readiness", "readiness_totals", "reading", "history", "observed_at", "connected_at"),
    *("reasons", "version", "replicas", "hub", "webhooks", "polling", "stale", "not_kept"),
}
"""What history does not hold; the description of each field says so."""


def kept(told: Any, *, is_status: bool = False) -> Any:
    """What of an answer is kept by time; a list of organizations loses its order by name."""
    if isinstance(told, list):
        return sorted((kept(each) for each in told), key=repr)
    if not isinstance(told, Mapping):
        return told
    gone = NOT_KEPT | ({"state", "as_of"} if is_status else set())
    if "readiness" in told:
        gone = gone | {"first_seen_at"}
    return {name: kept(value) for name, value in told.items() if name not in gone}


async def answers(caller: httpx.AsyncClient, **query: str) -> dict[str, Any]:
    """Everything that can be read."""
    found = {}
    for read in READS:
        path, _, filters = read.partition("?")
        answer = await caller.get(path, params=dict(parse_qsl(filters)) | query)
        assert answer.status_code == 200, (read, answer.text)
        found[read] = kept(answer.json(), is_status=path == "/status")
    return found


@pytest.fixture
async def steps(database: Database, operator: httpx.AsyncClient) -> Any:
    """What happens to an organization, one step after the other."""
    await add_organization(database, ORGANIZATION, "Alder")
    await add_organization(database, OTHER, "Birch", status=None)
    record = await add_record(database, ORGANIZATION, state=State.CONFIRMED)
    failing = structs.replace(
        await add_record(database, ORGANIZATION, state=State.BLOCKED), version=2, state=State.GIVEN_UP
    )
    alert = await add_alert(database, ORGANIZATION)
    documents = f"/v1/organizations/{ORGANIZATION}/documents/R-1"
    told = {"kind": "bill", "currency": "USD", "total_minor": 5, "issued_on": "2026-10-05"}

    async def ended() -> None:
        ended_at = await database.now()
        async with database.fleet() as rows:
            again = replace(alert, status=AlertStatus.RESOLVED, ended_at=ended_at, version=3)
            await upsert_alerts(rows, [again])

    async def currency_gone() -> None:
        await add_balance(database, ORGANIZATION, ledger="payable", currency="JPY")
        async with database.organization(ORGANIZATION) as rows:
            await delete_balances(rows, ORGANIZATION, "payable", [])  # type: ignore[arg-type]

    return [
        lambda: put(database, ORGANIZATION, october()),
        lambda: add_event(database, ORGANIZATION),
        lambda: operator.put(documents, json=told),
        lambda: put(database, ORGANIZATION, october(books_minor=64_000)),  # an edit
        lambda: _move(database, failing),
        lambda: put(database, ORGANIZATION, october(books_minor=70_000)),  # a resolution
        lambda: operator.post(f"/v1/alerts/{alert.alert_id}/acknowledge"),
        lambda: add_balance(database, ORGANIZATION, ledger="payable", currency="JPY"),
        currency_gone,
        lambda: operator.put(documents, json=told | {"total_minor": 6}),
        lambda: put(database, ORGANIZATION, october(books_minor=63_000)),  # a re-opening
        lambda: add_balance(database, ORGANIZATION, ledger="payable", currency="JPY", local_minor=7),
        lambda: set_connection(database, ORGANIZATION, "disconnected", at=NOW + timedelta(minutes=1)),
        lambda: operator.delete(documents),
        ended,
        lambda: add_record(database, OTHER, state=State.QUARANTINED, reason=str(record.record_id)),
    ]


async def _move(database: Database, after: Any) -> None:
    before = structs.replace(after, version=1, state=State.BLOCKED)
    await write_record(database, before, after)


async def test_what_was_answered_is_answered_again(
    database: Database, viewer: httpx.AsyncClient, steps: list[Callable[[], Awaitable[object]]]
) -> None:
    """Through edits, resolutions, re-openings and deletions, every read of then can be had again."""
    told: list[tuple[str, dict[str, Any]]] = []
    for step in steps:
        await step()
        database.clock_offset += timedelta(seconds=1)
        told.append(((await database.now()).isoformat().replace("+00:00", "Z"), await answers(viewer)))
        database.clock_offset += timedelta(minutes=1)
    assert all(before[1] != after[1] for before, after in pairwise(told))
    for number, (instant, then) in enumerate(told):
        again = await answers(viewer, as_of=instant)
        for path in READS:
            assert again[path] == then[path], (number, path)


def test_every_read_can_be_asked_of_then() -> None:
    """Each read of the API takes as_of, but for those that are named with their reason."""
    reads = [route for route in ROUTES if route.method == "GET" and route.path.startswith("/v1/")]
    lacking = {route.path for route in reads if AS_OF.name not in {each.name for each in route.parameters}}
    assert lacking == OF_NOW


async def test_a_key_of_one_organization_knows_its_own_past(
    database: Database, bound: httpx.AsyncClient, viewer: httpx.AsyncClient
) -> None:
    """With as_of a bound key sees no row of another organization either."""
    for organization_id in (ORGANIZATION, OTHER):
        await add_organization(database, organization_id, str(organization_id))
        await add_record(database, organization_id, state=State.BLOCKED)
        await put(database, organization_id, october())
        await add_event(database, organization_id)
        await add_alert(database, organization_id)
    query = {"as_of": (await database.now()).isoformat()}
    for path in (
        "/v1/records",
        "/v1/differences",
        "/v1/balance",
        "/v1/events",
        "/v1/alerts",
        "/v1/organizations",
    ):
        for asked in (query, query | {"organization_id": str(OTHER)}):
            if path == "/v1/organizations" and asked is not query:
                continue
            assert str(OTHER) not in (await bound.get(path, params=asked)).text
        assert str(OTHER) in (await viewer.get(path, params=query)).text
    assert (await bound.get("/v1/causes", params=query)).json()["data"][0]["records"] == 1
    assert (await bound.get("/status", params=query)).json()["records"]["total"] == 1


async def test_counting_by_time_is_refused_where_it_would_be_endless(
    database: Database, viewer: httpx.AsyncClient
) -> None:
    """Causes and status of a fleet with too many records are refused with what to ask instead."""
    await add_organization(database, ORGANIZATION, "Alder")
    await add_record(database, ORGANIZATION, state=State.BLOCKED)
    async with database.fleet() as rows:
        await rows.execute("UPDATE record_counts SET records = 100001")
    query = {"as_of": (await database.now()).isoformat()}
    for path in ("/v1/causes", "/status"):
        answer = await viewer.get(path, params=query)
        assert (answer.status_code, "organization_id" in answer.json()["detail"]) == (422, True)


async def test_an_alert_that_did_not_change_makes_no_version(database: Database) -> None:
    """Writing an alert as it stands adds nothing to history; each change adds one version."""
    alert = await add_alert(database)
    for version in (1, 1, 2, 2):
        async with database.fleet() as rows:
            await upsert_alerts(rows, [replace(alert, version=version)])
    async with database.fleet(readonly=True) as rows:
        kinds = await rows.fetch("SELECT version FROM history WHERE kind = 'alert' ORDER BY version")
    assert [row["version"] for row in kinds] == [alert.version, 2]
