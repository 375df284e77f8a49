"""The front door: every refusal a problem, every answer with the headers that keep browsers from harm."""

from __future__ import annotations

import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from service import metrics
from service.errors import DatabaseSlow, DatabaseUnreachable
from service.web.front import FrontDoor
from service.web.page.rendering import explain
from tests.web.builders import client

SECRET_TEXT = "password=hunter2"


def door(error: Exception, *, is_https: bool = False) -> httpx.AsyncClient:
    """A client of a service in which everything fails with this error."""

    async def fail(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise error

    return client(FrontDoor(fail, fail, explain, is_https=is_https))


async def test_a_mistake_of_ours_tells_nothing_but_its_id(capsys: pytest.CaptureFixture[str]) -> None:
    """An unexpected error is a problem with the request's id, and neither its text nor a traceback."""
    async with door(ValueError(SECRET_TEXT)) as caller:
        for accept in ("application/json", "text/html"):
            answer = await caller.get("/records", headers={"accept": accept})
            assert answer.status_code == 500
            assert SECRET_TEXT not in answer.text
            assert "Traceback" not in answer.text
            assert answer.headers["x-request-id"] in answer.text
            assert answer.headers["x-request-id"] in capsys.readouterr().out


async def test_trouble_with_postgres_is_503() -> None:
    """While Postgres is away the answer is 503 with Retry-After, and does not say where it is."""
    async with door(DatabaseUnreachable("Postgres at db.internal:5432 does not answer")) as caller:
        answer = await caller.get("/v1/records")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "db.internal" not in answer.text


async def test_a_question_that_takes_too_long_is_told_as_such() -> None:
    """Where Postgres is there and only this took too long, the answer says how to ask for less."""
    async with door(DatabaseSlow("Postgres at db.internal:5432 cannot serve us now: timeout")) as caller:
        asked, sent = await caller.get("/v1/records"), await caller.post("/v1/retries")
    assert (asked.status_code, sent.status_code, "retry-after" in asked.headers) == (503, 503, True)
    assert "organization_id" in asked.json()["detail"]
    assert "cannot be reached" not in asked.text
    assert "organization_id" not in sent.text
    assert "db.internal" not in asked.text + sent.text


async def test_every_answer_is_safe_for_browsers(operator: httpx.AsyncClient) -> None:
    """Pages, JSON and refusals alike carry a strict policy, are not sniffed, framed or stored."""
    for path in ("/", "/v1/records", "/nothing", "/livez", "/login", "/metrics", "/openapi.json"):
        headers = (await operator.get(path)).headers
        policy = headers["content-security-policy"]
        assert {"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"} <= set(policy.split("; "))
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert "server" not in headers
        assert "strict-transport-security" not in headers


async def test_each_request_has_its_own_id(operator: httpx.AsyncClient) -> None:
    """Two requests never share an id, and one that a client made up is not taken."""
    ids = [
        (await operator.get("/livez", headers={"x-request-id": "mine"})).headers["x-request-id"] for _ in "ab"
    ]
    assert len({*ids, "mine"}) == 3


async def test_requests_are_counted_by_route(operator: httpx.AsyncClient) -> None:
    """Metrics count by the template of a path, never by the path: ids do not become labels."""
    await operator.get("/v1/records/0a000000-0000-4000-8000-000000000001")
    await operator.get("/whatever-somebody-types")
    text = metrics.render().decode()
    assert 'tieout_web_requests_total{route="/v1/records/{record_id:uuid}",status="4xx"}' in text
    assert 'route="none"' in text
    assert "0a000000" not in text
    assert "somebody-types" not in text


async def test_other_protocols_are_left_alone(app: ASGIApp) -> None:
    """What is no HTTP request is not answered, and breaks nothing."""
    sent: list[object] = []

    async def send(message: object) -> None:
        sent.append(message)

    async def receive() -> dict[str, str]:
        return {"type": "websocket.connect"}

    await app({"type": "websocket", "path": "/", "headers": []}, receive, send)
    assert sent == []
