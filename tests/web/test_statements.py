"""Statements over HTTP: four formats, two keys, and no figure that moves unseen."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import timedelta

import asyncpg
import httpx
import pytest
from starlette.types import ASGIApp

from service.statements import xlsx_file
from service.store.database import Database
from service.web import files
from tests.web.builders import KEYS, NOW, ORGANIZATION, OTHER, add_organization, client
from tests.web.conftest import ClientOf
from tests.web.statement_world import october, put

PATH = f"/v1/organizations/{ORGANIZATION}/statements/2026-10"


@pytest.fixture(autouse=True)
async def _organizations(database: Database) -> None:
    """Two organizations, one of which has a compared October."""
    await add_organization(database, ORGANIZATION, "Alder & Söhne")
    await add_organization(database, OTHER, "Birch")
    await put(database, ORGANIZATION, october())


async def sign(client: httpx.AsyncClient, role: str) -> httpx.Response:
    """Sign October."""
    return await client.post(f"{PATH}/sign", json={"role": role})


async def test_json_ties_out_and_is_open(viewer: httpx.AsyncClient) -> None:
    """The statement is JSON unless told otherwise, ties out in every column, and nobody has signed it."""
    answer = await viewer.get(PATH)
    told = answer.json()
    assert (answer.status_code, told["period"], told["signature"]["status"]) == (200, "2026-10", "open")
    assert {"status", "preparer", "approver", "withdrawn_because"} <= told["signature"].keys()
    [ledger] = told["ledgers"]
    for moment in ("opening", "movements", "closing"):
        terms = sum(term[moment]["delta_minor"] for term in ledger["terms"])
        assert ledger[moment]["local_minor"] + terms == ledger[moment]["books_minor"]
    assert ledger["closing"] == {
        "local_minor": 82_345,
        "local_count": 2,
        "books_minor": 65_000,
        "books_count": 1,
    }
    assert {each["number"] for term in ledger["terms"] for each in term["documents"]} == {"INV-1", "INV-2"}
    assert "not a reconciliation of the general ledger" in told["scope"]


@pytest.mark.parametrize(
    ("form", "media_type", "begins"),
    [
        ("json", "application/json", b"{"),
        ("csv", "text/csv; charset=utf-8", b"organization,period,"),
        ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", b"PK"),
        ("pdf", "application/pdf", b"%PDF-"),
    ],
)
async def test_each_format_is_the_same_to_the_byte(
    viewer: httpx.AsyncClient, form: str, media_type: str, begins: bytes
) -> None:
    """Every format comes with its media type and a name, and made again it is equal to the byte."""
    answer, again = [await viewer.get(PATH, params={"format": form}) for _ in range(2)]
    assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)
    assert answer.content.startswith(begins)
    assert answer.content == again.content
    if form != "json":
        assert answer.headers["content-disposition"] == (
            f'attachment; filename="tie-out-alder-sohne-2026-10.{form}"'
        )


async def test_a_workbook_that_is_too_long_is_refused(
    viewer: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of more documents than a workbook takes there is a problem that names CSV, which takes them."""
    monkeypatch.setattr(xlsx_file, "ROWS_MAX", 1)
    refused = await viewer.get(PATH, params={"format": "xlsx"})
    assert (refused.status_code, "ask for it as CSV" in refused.json()["detail"]) == (409, True)
    assert (await viewer.get(PATH, params={"format": "csv"})).status_code == 200


async def test_files_are_made_one_at_a_time(
    viewer: httpx.AsyncClient, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While one statement is made into a file another is told to come back."""
    monkeypatch.setattr(files, "TURN_SECONDS", 0.05)
    holder = await asyncpg.connect(database_url)
    try:
        await holder.execute("BEGIN; LOCK TABLE tieout.differences IN ACCESS EXCLUSIVE MODE")
        asked = [asyncio.ensure_future(viewer.get(PATH, params={"format": "pdf"})) for _ in range(2)]
        [first, *_], _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        refused = first.result()
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "10")
    finally:
        await holder.close()
    assert sorted(answer.status_code for answer in await asyncio.gather(*asked)) == [200, 503]
    assert (await viewer.get(PATH, params={"format": "pdf"})).status_code == 200


async def test_no_cell_starts_a_formula(viewer: httpx.AsyncClient) -> None:
    """A party that is called like a command arrives in CSV as the text that it is."""
    text = (await viewer.get(PATH, params={"format": "csv"})).text
    assert "'=cmd|' /C calc'!A0" in text
    assert ",=cmd" not in text


async def test_two_keys_sign(operator: httpx.AsyncClient, client_of: ClientOf) -> None:
    """One key prepares, another approves; each step is told with the name of its key."""
    approver = client_of("approver")
    assert (await sign(approver, "approver")).status_code == 409
    prepared = (await sign(operator, "preparer")).json()["signature"]
    assert (prepared["status"], prepared["preparer"], prepared["approver"]) == ("prepared", "operator", None)
    assert (await sign(operator, "approver")).status_code == 403
    approved = (await sign(approver, "approver")).json()["signature"]
    assert (approved["status"], approved["preparer"], approved["approver"]) == (
        "approved",
        "operator",
        "approver",
    )
    again = await sign(approver, "approver")
    assert (again.status_code, again.json()["signature"]) == (200, approved)


async def test_one_key_alone_does_not_sign_twice(client_of: ClientOf, viewer: httpx.AsyncClient) -> None:
    """An approver's key may prepare, but then another one must approve; a viewer's key signs nothing."""
    approver = client_of("approver")
    assert (await sign(approver, "preparer")).status_code == 200
    refused = await sign(approver, "approver")
    assert (refused.status_code, "somebody else must approve" in refused.json()["detail"]) == (409, True)
    assert (await sign(viewer, "preparer")).status_code == 403
    assert (await viewer.get(PATH)).json()["signature"]["status"] == "prepared"


async def test_a_moved_figure_shows_at_once(
    database: Database, operator: httpx.AsyncClient, client_of: ClientOf
) -> None:
    """When the books change, the statement is withdrawn and tells what moved; preparing begins anew."""
    await sign(operator, "preparer")
    await sign(client_of("approver"), "approver")
    await put(database, ORGANIZATION, october(books_minor=64_000))
    signature = (await operator.get(PATH)).json()["signature"]
    assert (signature["status"], signature["preparer"]) == ("withdrawn", "operator")
    assert (
        "the books, closing: USD 650.00 of 1 document when it was signed, USD 640.00"
        in (signature["withdrawn_because"])
    )
    assert (await sign(client_of("approver"), "approver")).status_code == 409
    anew = (await sign(operator, "preparer")).json()["signature"]
    assert (anew["status"], anew["withdrawn_because"], anew["approver"]) == ("prepared", None, None)


async def test_only_figures_that_were_seen_are_signed(
    database: Database, operator: httpx.AsyncClient
) -> None:
    """Whoever says what was looked at signs just that: where figures have moved since, nothing is signed."""
    seen = (await operator.get(PATH)).json()["figures_hash"]
    await put(database, ORGANIZATION, october(books_minor=64_000))
    late = await operator.post(f"{PATH}/sign", json={"role": "preparer", "figures_hash": seen})
    assert (late.status_code, "have moved since you looked" in late.json()["detail"]) == (409, True)
    now = (await operator.get(PATH)).json()
    assert now["signature"]["status"] == "open"
    signed = await operator.post(
        f"{PATH}/sign", json={"role": "preparer", "figures_hash": now["figures_hash"]}
    )
    assert signed.json()["signature"]["status"] == "prepared"


async def test_a_misspelt_field_signs_nothing(operator: httpx.AsyncClient) -> None:
    """Whoever misspells the figures that were seen is told so; without them whatever stands is signed."""
    body = {"role": "preparer", "figure_hash": (await operator.get(PATH)).json()["figures_hash"]}
    answer = await operator.post(f"{PATH}/sign", json=body)
    assert (answer.status_code, "figure_hash" in answer.text) == (422, True)
    assert (await operator.get(PATH)).json()["signature"]["status"] == "open"


async def test_a_page_signs_what_it_showed(app: ASGIApp, database: Database) -> None:
    """A page that lay open while the books changed signs nothing, and says so."""
    page = f"/organizations/{ORGANIZATION}/statements/2026-10"
    async with client(app) as person:
        await person.post("/login", data={"key": KEYS["operator"]})
        opened = await person.get(page, headers={"accept": "text/html"})
        fields = dict(re.findall(r'name="(\w+)" value="([^"]+)"', opened.text))
        await put(database, ORGANIZATION, october(books_minor=64_000))
        assert (await person.post(f"{page}/sign", data=fields)).status_code == 409
        opened = await person.get(page, headers={"accept": "text/html"})
        fields = dict(re.findall(r'name="(\w+)" value="([^"]+)"', opened.text))
        assert (await person.post(f"{page}/sign", data=fields)).status_code == 303


async def test_of_two_at_once_one_signs(client_of: ClientOf) -> None:
    """Two who prepare at the same moment leave one preparer; the other is told."""
    answers = await asyncio.gather(*(sign(client_of(name), "preparer") for name in ("operator", "approver")))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    signed = next(answer.json()["signature"] for answer in answers if answer.status_code == 200)
    assert signed["preparer"] in {"operator", "approver"}


async def test_a_provisional_statement_says_so_and_how_it_was_signed(
    database: Database, operator: httpx.AsyncClient
) -> None:
    """A month that was not read after its end is provisional, and a signature on it remembers that."""
    running = f"/v1/organizations/{ORGANIZATION}/statements/{await database.now():%Y-%m}"
    assert (await operator.get(running)).json()["provisional"] is True
    answer = await operator.post(f"{running}/sign", json={"role": "preparer"})
    assert answer.json()["signature"]["signed_while_provisional"] is True
    await put(database, ORGANIZATION, october(), read_at=None)
    told = (await operator.get(PATH)).json()
    assert told["provisional"] is True
    assert any("have not been read yet" in each["sentence"] for each in told["completeness"])


async def test_what_was_known_then(database: Database, viewer: httpx.AsyncClient) -> None:
    """With `as_of` the figures are those of then; before anything was known there are none."""
    before = (await viewer.get(PATH)).json()
    then = (await database.now()).isoformat()
    await put(database, ORGANIZATION, october(books_minor=1))
    assert (await viewer.get(PATH)).json()["figures_hash"] != before["figures_hash"]
    known = (await viewer.get(PATH, params={"as_of": then})).json()
    assert (known["figures_hash"], known["ledgers"]) == (before["figures_hash"], before["ledgers"])
    nothing = (await viewer.get(PATH, params={"as_of": (NOW - timedelta(days=300)).isoformat()})).json()
    assert (nothing["ledgers"], nothing["provisional"]) == ([], True)


async def test_others_see_nothing(bound: httpx.AsyncClient, viewer: httpx.AsyncClient) -> None:
    """A key of one organization gets its own statements; foreign and unknown ones are 404 alike."""
    assert (await bound.get(PATH)).status_code == 200
    foreign = PATH.replace(str(ORGANIZATION), str(OTHER))
    assert (await bound.get(foreign)).status_code == 404
    assert (await bound.post(f"{foreign}/sign", json={"role": "preparer"})).status_code == 404
    unknown = PATH.replace(str(ORGANIZATION), "0c000000-0000-4000-8000-000000000003")
    assert (await viewer.get(unknown)).status_code == 404
    assert (await viewer.get(foreign)).json()["ledgers"] == []


@pytest.mark.parametrize(
    ("path", "parameters", "named"),
    [
        (PATH.replace("2026-10", "2026-13"), {}, "period"),
        (PATH.replace("2026-10", "october"), {}, "period"),
        (PATH, {"format": "docx"}, "format"),
        (PATH, {"as_of": "yesterday"}, "as_of"),
        (PATH, {"month": "10"}, "month"),
    ],
)
async def test_what_cannot_be_understood_is_named(
    viewer: httpx.AsyncClient, path: str, parameters: dict[str, str], named: str
) -> None:
    """A month that is none, an unknown format or parameter is 422 and says which."""
    answer = await viewer.get(path, params=parameters)
    assert (answer.status_code, answer.json()["errors"][0]["name"]) == (422, named)


@pytest.mark.parametrize("body", [{}, {"role": "owner"}, {"role": None}, []])
async def test_signing_needs_a_role(operator: httpx.AsyncClient, body: object) -> None:
    """Whoever signs says as what."""
    answer = await operator.post(
        f"{PATH}/sign", content=json.dumps(body), headers={"content-type": "application/json"}
    )
    assert answer.status_code == 422


async def test_the_page_shows_it_and_lets_two_sign(app: ASGIApp, database: Database) -> None:
    """A person reads the statement on the page, signs it by a form, and another one approves it."""
    page = f"/organizations/{ORGANIZATION}/statements/2026-10"
    for name, role, shown in (
        ("operator", "preparer", "Prepared, not yet approved"),
        ("approver", "approver", "Approved"),
    ):
        async with client(app) as person:
            await person.post("/login", data={"key": KEYS[name]})
            opened = await person.get(page, headers={"accept": "text/html"})
            assert opened.status_code == 200
            assert "The books hold USD 173.45 less: 2 differences, listed below" in opened.text
            assert "not a reconciliation of the general ledger" in opened.text
            token = re.search(r'name="csrf_token" value="([^"]+)"', opened.text)
            assert token is not None
            assert (await person.post(f"{page}/sign", data={"role": role})).status_code == 403
            seen = re.search(r'name="figures_hash" value="(\w+)"', opened.text)
            fields = {"role": role, "csrf_token": token[1], "figures_hash": seen[1] if seen else ""}
            signed = await person.post(f"{page}/sign", data=fields)
            assert (signed.status_code, signed.headers["location"]) == (303, page)
            assert shown in (await person.get(page, headers={"accept": "text/html"})).text
    await put(database, ORGANIZATION, october(books_minor=1))
    async with client(app, authorization=f"Bearer {KEYS['viewer']}") as viewer:
        text = (await viewer.get(page, headers={"accept": "text/html"})).text
        assert "Signature withdrawn" in text
        assert "when it was signed" in text
