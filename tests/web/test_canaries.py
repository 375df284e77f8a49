"""The tenant wall over the whole table of routes: a hundred canaries, and none is ever heard next door."""

from __future__ import annotations

import io
import random
import re
import zipfile
from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import product
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest
from starlette.types import ASGIApp

from service.store.database import Database
from service.web.authentication import COOKIE
from service.web.parameters import Parameter
from service.web.route import Kind, Route
from service.web.table import ROUTES
from tests.web.builders import NOW, client
from tests.web.canaries import ORGANIZATIONS, Fleet100, canary, foreign_in, key_of, organization_id, plant
from tests.web.test_authentication import csrf_of
from tests.web.test_documents_shape import document
from tests.web.test_routes import name_of

ASKED = 5
"""Organizations that ask for everything; any two are alike but for their ids and canaries."""

SEED = 20_261_129

BODIES: Mapping[str, Any] = {
    "POST /v1/records/{record_id:uuid}/override": {"decision": "push", "reason": "It is not there."},
    "POST /v1/retries": None,
    "POST /v1/retries/{retry_id:uuid}/apply": {"hash": "0" * 64},
    "PUT /v1/organizations/{organization_id:uuid}/documents/{local_id:path}": document(),
    "POST /v1/documents/bulk": None,
    "POST /v1/organizations/{organization_id:uuid}/statements/{period}/sign": {"role": "preparer"},
    "POST /v1/alerts/{alert_id:uuid}/snooze": {"until": f"{NOW + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"},
}
"""A body for each action that takes one; None where no part of the path names what it is about."""

FIELDS = {
    "decision": "push",
    "hash": "0" * 64,
    "hours": "8",
    "reason": "It is not there.",
    "role": "preparer",
}
"""What the forms of the page send, all of them together."""


@pytest.fixture
async def planted(database: Database, database_url: str, app: ASGIApp) -> Fleet100:
    """A hundred organizations."""
    return await plant(database, database_url, app)


async def test_no_canary_is_heard_next_door(
    planted: Fleet100, database: Database, app: ASGIApp, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every read, page and export of a bound key holds its own canary at most, and the log holds none."""
    heard: set[str] = set()
    for number in random.Random(SEED).sample(range(ORGANIZATIONS), ASKED):  # noqa: S311 - no secret
        async with client(app, authorization=f"Bearer {await key_of(database, number)}") as caller:
            for route, address in addresses(planted.parts(number), number):
                accept = "text/html" if route.kind is Kind.PAGE else "*/*"
                answer = await caller.get(address, headers={"accept": accept})
                assert answer.status_code < 500, f"{address}: {answer.text}"
                # A page may say what it was asked for, and no more.
                asked = httpx.URL(address).params.get("organization_id", address)
                assert not foreign_in(told(answer).replace(asked, ""), number), address
                if canary(number) in told(answer):
                    heard.add(route.path)
    # Whatever tells of tenants must have told something, or nothing was tried.
    reads = {route.path for route in ROUTES if route.path.startswith("/v1/") and not route.is_action}
    assert heard >= reads - SILENT
    assert not re.search(r"canary\d", "".join(capsys.readouterr()))


SILENT = frozenset({"/v1/balance", "/v1/retries"})
"""Reads without a text from upstream: figures, and whoever planned what."""


def addresses(parts: Mapping[str, str], number: int) -> Iterator[tuple[Route, str]]:
    """Every read there is, in every format, about an organization; also asked about another one."""
    other = organization_id((number + 1) % ORGANIZATIONS)
    for route in ROUTES:
        if route.is_action or route.role is None:
            continue
        path = filled(route.path, parts)
        names = {parameter.name: parameter for parameter in route.parameters}
        queries = [{}, *({"format": each} for each in words(names.get("format")))]
        if "organization_id" in names:
            queries.append({"organization_id": str(other)})
        if "limit" in names:
            queries.append({"limit": "500"})
        for query in queries:
            yield route, str(httpx.URL(path, params=query)) if query else path


def filled(path: str, parts: Mapping[str, str]) -> str:
    """Fill in the parts of a path; one that is not known here fails: say what it is about."""
    return re.sub(r"{(\w+)(?::\w+)?}", lambda match: quote(parts[match[1]]), path)


def words(parameter: Parameter | None) -> list[str]:
    """The words that a parameter takes."""
    return [] if parameter is None else list(parameter.schema["enum"])


def told(answer: httpx.Response) -> str:
    """The text of an answer, a spreadsheet's included, with the headers that name files."""
    content = answer.content
    if content.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(content)) as sheets:
            content = b"".join(sheets.read(each) for each in sheets.namelist())
    return content.decode("utf-8", "replace") + str(answer.headers.get("content-disposition", ""))


async def test_foreign_ids_are_like_unknown_ones_everywhere(
    planted: Fleet100, database: Database, app: ASGIApp
) -> None:
    """Whatever is done to an id of another organization is answered exactly as to one that nobody has."""
    mine, other = 7, 8
    own = planted.parts(mine)
    foreign = planted.parts(other)
    key = await key_of(database, mine)
    async with client(app, authorization=f"Bearer {key}") as caller, client(app) as browser:
        await browser.post("/login", data={"key": key})
        assert COOKIE in browser.cookies
        token = csrf_of(await browser.get("/"))
        for route in ROUTES:
            ids = re.findall(r"{(\w+):uuid}", route.path)
            if not ids:
                continue
            answers = []
            for parts in (foreign, {**own, **{name: str(uuid4()) for name in ids}}):
                address = filled(route.path, {**own, **{name: parts[name] for name in ids}})
                if route.is_form:
                    form = {"csrf_token": token, **FIELDS}
                    answer = await browser.post(address, data=form)
                elif route.is_action:
                    body = BODIES[name_of(route)] if route.body is not None else None
                    answer = await caller.request(route.method, address, json=body)
                else:
                    answer = await caller.get(address)
                assert not foreign_in(answer.text.replace(address, ""), mine), address
                answers.append((answer.status_code, shape(answer, address)))
            assert answers[0] == answers[1], name_of(route)
            assert answers[0][0] == 404, name_of(route)


def shape(answer: httpx.Response, address: str) -> str:
    """An answer without what differs between any two: its id, and the address that was asked for."""
    request_id = answer.headers["x-request-id"]
    return answer.text.replace(request_id, "").replace(address, "")


async def test_no_row_of_another_is_seen_whatever_is_asked(planted: Fleet100, database: Database) -> None:
    """With no filter at all, Postgres shows an organization its own rows alone, in every table."""
    for table, number in product(planted.tables, (3, 97)):
        async with database.organization(organization_id(number), readonly=True) as connection:
            rows = await connection.fetch(f"SELECT * FROM {table}")  # noqa: S608 - a name of the schema
        assert len(rows) == planted.tables[table], table
        assert not foreign_in(str([tuple(row) for row in rows]), number), table
