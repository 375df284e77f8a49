"""Lists on the page: narrowed down, they stay so from tab to tab, and each row tells whose it is."""

from __future__ import annotations

import re
from urllib.parse import parse_qs
from uuid import UUID

import httpx
import pytest

from service.domain.record_state import State
from service.store.database import Database
from tests.web.builders import (
    ORGANIZATION,
    OTHER,
    add_alert,
    add_difference,
    add_document,
    add_event,
    add_organization,
    add_record,
)
from tests.web.conftest import ClientOf
from tests.web.test_page import BROWSER, open_page


async def plant(database: Database) -> None:
    """Two organizations, each with a record, a difference and an event."""
    for organization_id, name in ((ORGANIZATION, "Alder & Finch"), (OTHER, "Birch")):
        await add_organization(database, organization_id, name)
        await add_record(database, organization_id, state=State.BLOCKED)
        await add_difference(database, organization_id)
        await add_event(database, organization_id)


async def tabs(caller: httpx.AsyncClient, path: str) -> list[dict[str, list[str]]]:
    """What each tab of a list asks for."""
    answer = await caller.get(path, headers=BROWSER)
    [nav] = re.findall(r'<nav class="tabs".*?</nav>', answer.text, re.DOTALL)
    links = re.findall(r'href="([^"]*)"', nav)
    assert links
    return [parse_qs(link.replace("&amp;", "&").partition("?")[2]) for link in links]


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("path", "kept", "own"),
    [
        ("/records", {"cause": "missing_tax_rate"}, "state"),
        ("/differences", {"kind": "amount", "ledger": "receivable"}, "open"),
        ("/events", {}, "source"),
        ("/alerts", {}, "status"),
    ],
)
async def test_tabs_keep_the_other_filters(
    viewer: httpx.AsyncClient, path: str, kept: dict[str, str], own: str
) -> None:
    """A tab changes what it names and nothing else, and begins on the first page."""
    kept = {"organization_id": str(ORGANIZATION), **kept}
    told = await tabs(viewer, f"{path}?{httpx.QueryParams(kept)}&limit=1")
    assert all({name: each[name] for name in kept} == {n: [v] for n, v in kept.items()} for each in told)
    assert any(own in each for each in told)
    assert not any("after" in each for each in told)


@pytest.mark.parametrize("path", ["/records", "/differences", "/events"])
async def test_a_list_of_the_fleet_names_whose_each_row_is(
    database: Database, client_of: ClientOf, path: str
) -> None:
    """Rows of several organizations tell which each is of, by its name; a bound key sees its own alone."""
    await plant(database)
    page = await open_page(client_of("viewer"), path)
    assert {f"/organizations/{each}" for each in (ORGANIZATION, OTHER)} <= page.links
    assert "Alder & Finch" in page.text
    assert "Birch" in page.text
    assert "Birch" not in (await open_page(client_of("bound"), path)).text


async def test_records_are_called_by_the_number_and_party_of_their_document(
    database: Database, viewer: httpx.AsyncClient
) -> None:
    """As people call them; one whose document is not known keeps the beginning of its id."""
    await add_organization(database, ORGANIZATION, "Alder & Finch")
    record = await add_record(database, ORGANIZATION)
    stranger = await add_record(database, ORGANIZATION)
    await add_document(
        database,
        ORGANIZATION,
        document_id=str(record.object_id),
        number="INV-4711",
        party_name="Harbour Coffee",
    )
    page = await open_page(viewer, "/records")
    assert "Invoice INV-4711" in page.text
    assert "Harbour Coffee" in page.text
    assert f"Invoice {str(stranger.object_id)[:8]}" in page.text


async def test_an_alert_about_several_organizations_names_them(
    database: Database, viewer: httpx.AsyncClient
) -> None:
    """An alert's page leads to its organizations by their names, and says how many more there are."""
    ids = [UUID(int=number) for number in range(1, 31)]
    for number, organization_id in enumerate(ids, start=1):
        await add_organization(database, organization_id, f"Organization {number:02}", status=None)
    alert = await add_alert(database, members=tuple(ids), organizations_count=len(ids))
    page = await open_page(viewer, f"/alerts/{alert.alert_id}")
    shown = [each for each in ids if f"/organizations/{each}" in page.links]
    assert shown == ids[:20]
    assert "Organization 01" in page.text
    assert "and 10 more" in " ".join(page.text.split())


async def found(caller: httpx.AsyncClient, query: str) -> list[str]:
    """Names of the organizations that a search shows."""
    answer = await caller.get(f"/organizations{query}", headers=BROWSER)
    assert answer.status_code == 200, answer.text
    return re.findall(r'<th scope="row"><a [^>]*>([^<]*)</a>', answer.text)


async def test_organizations_are_found_by_how_they_begin(database: Database, client_of: ClientOf) -> None:
    """A search finds names by their beginning, in whatever case, letter by letter; empty fields find all."""
    for number, name in enumerate(("Alder", "alder two", "Birch", "100% Alder", "100 Percent"), start=1):
        await add_organization(database, UUID(int=number), name)
    await add_organization(database, ORGANIZATION, "Aldershot")
    viewer = client_of("viewer")
    assert await found(viewer, "?name=ALDER") == ["Alder", "Aldershot", "alder two"]
    assert await found(viewer, "?name=100%25") == ["100% Alder"]
    assert await found(viewer, "?name=%20birch%20&connection=") == ["Birch"]
    assert len(await found(viewer, "?name=&connection=")) == 6
    assert await found(viewer, "?name=none") == []
    assert await found(client_of("bound"), "?name=alder") == ["Aldershot"]


async def test_organizations_are_found_by_their_connection(
    database: Database, viewer: httpx.AsyncClient
) -> None:
    """A search finds those whose connection stands so, also those that never had one, page by page."""
    for number, status in enumerate(("connected", "deauthorized", "connected", None), start=1):
        await add_organization(database, UUID(int=number), f"Organization {number}", status=status)
    assert await found(viewer, "?connection=deauthorized") == ["Organization 2"]
    assert await found(viewer, "?connection=none") == ["Organization 4"]
    page = await viewer.get("/organizations?name=org&connection=connected&limit=1", headers=BROWSER)
    [following] = re.findall(r'class="button" href="([^"]*)"', page.text)
    assert await found(viewer, following.replace("&amp;", "&")) == ["Organization 3"]


@pytest.mark.parametrize(
    "query", ["name=%00", f"name={'a' * 101}", "connection=odd", "name=a&as_of=2026-10-01T00:00:00Z"]
)
async def test_a_search_that_cannot_be_made_is_refused(viewer: httpx.AsyncClient, query: str) -> None:
    """What cannot be looked for is told, instead of looking for something else."""
    assert (await viewer.get(f"/organizations?{query}", headers=BROWSER)).status_code == 422
    assert (await viewer.get("/v1/organizations?name=a")).status_code == 422
