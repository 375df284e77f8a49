"""Reads bear an ETag: whoever holds an answer is told that it is still the same, and is sent nothing."""

from __future__ import annotations

import httpx
import pytest

from service.store.database import Database
from service.web.table import ROUTES
from tests.web.builders import ORGANIZATION, Fleet, add_record

MOVING = {"/status"}
"""What tells the time of its answer is never the same again."""


def _parts(path: str) -> set[str]:
    """The names of what is filled into a path."""
    return {part.strip("{}") for part in path.split("/") if part.startswith("{")}


async def test_every_read_is_sent_once(
    filled: Fleet, viewer: httpx.AsyncClient, subtests: pytest.Subtests
) -> None:
    """Asked again with the ETag of its answer, each read is 304 without a body, by GET and HEAD."""
    ids = {
        "organization_id": str(ORGANIZATION),
        "record_id": str(filled.records[ORGANIZATION][0].record_id),
        "period": "2026-10",
    }
    known = [
        route for route in ROUTES if route.has_etag and _parts(route.path.replace(":uuid", "")) <= ids.keys()
    ]
    assert {"/v1/records", "/v1/causes", "/openapi.json"} <= {route.path for route in known}
    for route in known:
        path = route.path.replace(":uuid", "").format(**ids)
        with subtests.test(path):
            first = await viewer.get(path)
            tag = first.headers["etag"]
            assert first.status_code == 200
            assert first.content
            if path in MOVING:
                continue
            for offered in (tag, f'"x", W/{tag}', "*"):
                for method in ("GET", "HEAD"):
                    again = await viewer.request(method, path, headers={"if-none-match": offered})
                    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
            other = await viewer.get(path, headers={"if-none-match": '"x"'})
            assert (other.status_code, other.content) == (200, first.content)


async def test_a_change_is_seen(database: Database, filled: Fleet, viewer: httpx.AsyncClient) -> None:
    """Once a row is added the answer held is no longer the same, and is sent whole."""
    assert filled.records
    tag = (await viewer.get("/v1/records")).headers["etag"]
    await add_record(database, ORGANIZATION)
    answer = await viewer.get("/v1/records", headers={"if-none-match": tag})
    assert answer.status_code == 200
    assert answer.headers["etag"] != tag


async def test_rights_come_before_tags(
    filled: Fleet, viewer: httpx.AsyncClient, nobody: httpx.AsyncClient
) -> None:
    """An ETag opens nothing: without a key the answer is 401, whatever is held."""
    assert filled.records
    tag = (await viewer.get("/v1/records")).headers["etag"]
    for offered in (tag, "*"):
        assert (await nobody.get("/v1/records", headers={"if-none-match": offered})).status_code == 401


async def test_what_is_refused_has_no_tag(viewer: httpx.AsyncClient) -> None:
    """Problems are told each time."""
    answer = await viewer.get("/v1/records?limit=0", headers={"if-none-match": "*"})
    assert answer.status_code == 422
    assert "etag" not in answer.headers
