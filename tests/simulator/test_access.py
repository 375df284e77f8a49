"""Who may call: tokens in both forms, version and tenant headers, budget, and the shapes of refusals."""

from __future__ import annotations

import pytest

from service.simulator import Behaviour
from tests.simulator.caller import LONG_SECONDS, Caller, OpenHub


def form(hub: Caller, **changes: str | None) -> dict[str, str | None]:
    """Return good credentials, changed."""
    content = {
        "grant_type": "client_credentials",
        "client_id": hub.simulator.client_id,
        "client_secret": hub.simulator.client_secret,
    }
    return {**content, **changes}


async def test_json_form_gives_a_token_with_its_lifetime(hub: Caller) -> None:
    """`POST /auth/token` answers a bearer token and how many seconds it is good for."""
    response = await hub.call("POST", "/auth/token", json=form(hub))
    assert response.status_code == 200
    assert response.json()["token_type"] == "Bearer"
    assert response.json()["expires_in"] == LONG_SECONDS


async def test_form_encoded_call_gives_a_token_without_version_header(hub: Caller) -> None:
    """`POST /openid/connect/token` takes a form, needs no version header, and its token works."""
    response = await hub.client.post("/openid/connect/token", data=form(hub))
    assert response.status_code == 200
    hub.token = response.json()["access_token"]
    assert (await hub.call("GET", "/entities")).status_code == 200


async def test_wrong_credentials_are_refused(hub: Caller) -> None:
    """A wrong secret is answered 401 in the envelope of errors."""
    response = await hub.call("POST", "/auth/token", json=form(hub, client_secret="wrong"))
    assert response.status_code == 401
    assert "message" in response.json()["error"]


async def test_missing_credential_field_is_a_validation_error(hub: Caller) -> None:
    """A missing field is answered 422 with its place."""
    content = form(hub)
    del content["client_secret"]
    response = await hub.call("POST", "/auth/token", json=content)
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["body", "client_secret"]


async def test_revoked_token_is_worthless(hub: Caller) -> None:
    """After `POST /auth/revoke` the token is answered 401."""
    content = form(hub, token=hub.token)
    del content["grant_type"]
    assert (await hub.call("POST", "/auth/revoke", json=content)).status_code == 200
    assert (await hub.call("GET", "/entities")).status_code == 401


@pytest.mark.parametrize("status", [401, 400])
async def test_expired_token_answers_as_the_switch_says(open_hub: OpenHub, status: int) -> None:
    """A token past its time is answered 401, or the documented 400, whichever is switched on."""
    async with open_hub(behaviour=Behaviour()) as hub:
        hub.simulator.set_behaviour(expired_token_status=status)
        hub.simulator.advance(1801)
        response = await hub.call("GET", "/entities")
        assert response.status_code == status
        assert response.json() == {"error": {"message": "The token has been expired."}}


async def test_version_header_is_required(hub: Caller) -> None:
    """Without the version header the answer is 400 `missing_api_version`."""
    headers = hub.headers()
    del headers[hub.spelling.version_header]
    response = await hub.call("GET", "/entities", headers=headers)
    assert response.status_code == 400
    assert response.json()["error"]["type"] == "missing_api_version"


async def test_tenant_header_is_required_and_checked(hub: Caller) -> None:
    """Without the tenant header 400, malformed 422, unknown 403; partner endpoints do without."""
    headers = hub.headers()
    del headers[hub.spelling.organization_header]
    assert (await hub.call("GET", "/receivables", headers=headers)).status_code == 400
    assert (await hub.call("GET", "/entities", headers=headers)).status_code == 200
    assert (await hub.call("GET", "/receivables", organization="nonsense")).status_code == 422
    unknown = "00000000-0000-4000-8000-000000000000"
    assert (await hub.call("GET", "/receivables", organization=unknown)).status_code == 403


async def test_answers_echo_headers_and_identify_the_request(hub: Caller) -> None:
    """Answers carry the version and tenant headers back, a request id and the time taken."""
    response = await hub.call("GET", "/receivables")
    assert response.headers[hub.spelling.version_header] == hub.spelling.version
    assert response.headers[hub.spelling.organization_header] == hub.organization
    assert response.headers["x-request-id"] != (await hub.call("GET", "/receivables")).headers["x-request-id"]
    assert float(response.headers["x-process-time"]) >= 0


async def test_users_token_sees_one_organization(open_hub: OpenHub) -> None:
    """A token for a user lists and opens that user's organization alone."""
    async with open_hub(organizations=2) as hub:
        own, other = hub.simulator.organization_ids
        user = hub.simulator.add_user(own)
        body = form(hub, grant_type="entity_user", entity_user_id=user)
        hub.token = (await hub.call("POST", "/auth/token", json=body)).json()["access_token"]
        assert [row["id"] for row in (await hub.get("/entities"))["data"]] == [own]
        assert (await hub.call("GET", "/receivables")).status_code == 200
        assert (await hub.call("GET", "/receivables", organization=other)).status_code == 403
        assert (await hub.call("GET", f"/entities/{other}")).status_code == 404
        body = form(hub, grant_type="entity_user", entity_user_id=other)
        assert (await hub.call("POST", "/auth/token", json=body)).status_code == 401


async def test_unknown_paths_methods_and_ids(hub: Caller) -> None:
    """Unknown paths are 404, wrong methods 405, unknown ids 404, malformed ids 422."""
    assert (await hub.call("GET", "/nothing-here")).status_code == 404
    assert (await hub.call("DELETE", "/receivables")).status_code == 405
    assert (await hub.call("GET", "/receivables/00000000-0000-4000-8000-000000000000")).status_code == 404
    assert (await hub.call("GET", "/receivables/17")).status_code == 422


async def test_the_other_dialects_spelling_is_unknown(open_hub: OpenHub) -> None:
    """Each dialect knows only its own spelling of paths and headers."""
    async with open_hub(dialect="monite") as hub:
        assert (await hub.call("GET", "/accounting-connections")).status_code == 200
        response = await hub.client.get("/v1/accounting-connections", headers=hub.headers())
        assert response.status_code == 404
        headers = {"x-finops-version": "2025-06-23", "authorization": f"Bearer {hub.token}"}
        assert (await hub.client.get("/v1/entities", headers=headers)).status_code == 400


async def test_budget_is_shared_and_refuses_beyond_it(open_hub: OpenHub) -> None:
    """The thirty-first request of a second is 429 with `Retry-After`, in the limiter's own shape."""
    seconds = [100.0]
    async with open_hub(rate_per_second=30, rate_clock=lambda: seconds[0]) as hub:
        answers = [await hub.call("GET", "/entities") for _ in range(31)]
        assert [answer.status_code for answer in answers] == [200] * 30 + [429]
        assert answers[0].headers["RateLimit-Remaining"] == "29"
        assert answers[30].json() == {"message": "API rate limit exceeded"}
        assert answers[30].headers["Retry-After"] == "1"
        seconds[0] += 1
        assert (await hub.call("GET", "/entities")).status_code == 200
