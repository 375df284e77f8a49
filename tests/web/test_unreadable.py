"""Documents that cannot be read are told one by one: whose, where, and why."""

from __future__ import annotations

import httpx

from service.domain.document import Ledger, Side
from service.store.database import Database
from tests.web.builders import ORGANIZATION, OTHER, add_organization, add_unreadable
from tests.web.test_lists import walk

NO_CURRENCY = "it names no currency, and the organization's own is not known"


async def test_they_are_listed_with_their_reasons(
    database: Database, viewer: httpx.AsyncClient, bound: httpx.AsyncClient
) -> None:
    """In order, page by page, by organization, ledger and side; a bound key sees its own, and no others'."""
    for organization_id, name in ((ORGANIZATION, "Alder"), (OTHER, "Birch")):
        await add_organization(database, organization_id, name)
        await add_unreadable(database, organization_id, {"B2": "its total is no number", "B1": NO_CURRENCY})
        await add_unreadable(
            database, organization_id, {"L1": "it has no id"}, ledger=Ledger.PAYABLE, side=Side.LOCAL
        )
    expected = [
        (str(organization_id), *row)
        for organization_id in (ORGANIZATION, OTHER)
        for row in (
            ("payable", "local", "L1", "it has no id"),
            ("receivable", "books", "B1", NO_CURRENCY),
            ("receivable", "books", "B2", "its total is no number"),
        )
    ]
    for limit in (1, 2, 500):
        rows = await walk(viewer, "/v1/unreadable", limit=limit)
        assert [tuple(row.values()) for row in rows] == expected
    for query, ids in (
        ({"organization_id": str(OTHER)}, ["L1", "B1", "B2"]),
        ({"organization_id": str(OTHER), "side": "books"}, ["B1", "B2"]),
        ({"organization_id": str(OTHER), "ledger": "payable"}, ["L1"]),
        ({"ledger": "payable", "side": "books"}, []),
    ):
        rows = await walk(viewer, "/v1/unreadable", limit=100, **query)
        assert [row["document_id"] for row in rows] == ids
    own = await walk(bound, "/v1/unreadable", limit=100)
    assert {row["organization_id"] for row in own} == {str(ORGANIZATION)}
    assert (await viewer.get("/v1/unreadable?side=left")).status_code == 422


async def test_the_page_of_their_organization_shows_them(
    database: Database, viewer: httpx.AsyncClient
) -> None:
    """The first of them with their reasons and a way to all; where all can be read, nothing is said."""
    await add_organization(database, ORGANIZATION, "Alder")
    path = f"/organizations/{ORGANIZATION}"
    assert "Cannot be read" not in (await viewer.get(path)).text
    await add_unreadable(database, ORGANIZATION, {f"B{number:02}": "it has no id" for number in range(21)})
    page = (await viewer.get(path)).text
    assert f"/v1/unreadable?organization_id={ORGANIZATION}" in page
    assert ("B00" in page, "B19" in page, "B20" in page) == (True, True, False)
    assert "Only the first 20 are shown" in page
    await add_unreadable(database, ORGANIZATION, {"B01": "it has no id"})
    page = (await viewer.get(path)).text
    assert ("Only the first" in page, "B01" in page, "it has no id" in page) == (False, True, True)
