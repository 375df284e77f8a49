"""`tieout subscribe`: what is missing at the hub is made, what is there is never made twice."""

from __future__ import annotations

import json
from collections.abc import Sequence
from uuid import uuid4

import httpx
import pytest

from service.commands.subscriptions import OBJECT_TYPES, Act, plan, webhook_url
from service.hub.payloads import Subscription
from tests.commands.conftest import Command

URL = "https://tieout.example/webhooks/hub"


def subscription(object_type: str, status: str | None = "enabled", **changes: object) -> Subscription:
    """A subscription as the hub lists it."""
    told = {"id": uuid4(), "object_type": object_type, "url": URL, "status": status, "payload": {}}
    return Subscription(**{**told, **changes})  # type: ignore[arg-type]


def acts(found: Sequence[Subscription], **options: bool) -> dict[str, Act]:
    """What is planned, by type of object."""
    return {step.object_type: step.act for step in plan(found, URL, **options)}


def test_each_type_gets_one_subscription_that_delivers() -> None:
    """What hears everything at our address is kept, what is disabled is enabled, the rest is made."""
    found = [
        subscription("payable"),
        subscription("receivable", "disabled"),
        subscription("receivable", None),
        subscription("product", "disabled"),
        subscription("entity", event_types=["created"]),
        subscription("counterpart", url="https://elsewhere.example/webhooks/hub"),
        subscription("ocr_task"),
    ]
    assert acts(found) == {
        **dict.fromkeys(OBJECT_TYPES, Act.MADE),
        "payable": Act.KEPT,
        "receivable": Act.KEPT,
        "product": Act.ENABLED,
    }
    renewed = acts(found, is_renewing=True)
    assert (renewed["payable"], renewed["product"]) == (Act.RENEWED, Act.ENABLED_ANEW)


@pytest.mark.parametrize("given", ["https://tieout.example", "https://tieout.example/", URL])
def test_an_address_is_completed_once(given: str) -> None:
    """The address of the service and that of its receiver mean the same."""
    assert webhook_url(given) == URL


async def test_subscribing_twice_changes_nothing(
    tieout: Command, hub: dict[str, object], database_url: str
) -> None:
    """The first run makes all and tells their secrets, the second keeps all and knows none."""
    public = {"public_url": "https://tieout.example"}
    planned = tieout("subscribe", "--dry-run", **hub, **public)
    assert planned.returncode == 0, planned.stderr
    assert planned.stdout.count("would be made") == len(OBJECT_TYPES)
    first = tieout("subscribe", **hub, **public)
    assert first.returncode == 0, first.stderr
    setting = first.stdout.splitlines()[-1]
    secrets = setting.removeprefix("TIEOUT_WEBHOOK_SECRETS=").split(",")
    assert len(set(secrets)) == len(OBJECT_TYPES)
    assert all(secret.startswith("whsec_") for secret in secrets)
    again = json.loads(tieout("subscribe", "--json", URL, **hub).stdout)
    assert {each["act"] for each in again["subscriptions"]} == {"kept"}
    assert {each["secret"] for each in again["subscriptions"]} == {None}
    forgotten = tieout("subscribe", **hub, **public)
    assert "TIEOUT_WEBHOOK_SECRETS is not set" in forgotten.stderr
    assert "whsec_" not in forgotten.stdout
    checked = tieout(
        "check", database_url=database_url, webhook_secrets=",".join(secrets), **hub, **public
    ).stdout
    assert f"7 subscriptions lead to {URL}" in " ".join(checked.split())


async def test_a_disabled_one_is_enabled_and_a_lost_secret_renewed(
    tieout: Command, hub: dict[str, object]
) -> None:
    """Nothing is made a second time, and only --renew ends a secret that may still be in use."""
    made = json.loads(tieout("subscribe", "--json", URL, **hub).stdout)["subscriptions"]
    base = str(hub["hub_url"])
    async with httpx.AsyncClient(base_url=base, headers=await signed_in(hub)) as http:
        ids = {each["object_type"]: each["id"] for each in made}
        (await http.post(f"/webhook-subscriptions/{ids['payable']}/disable")).raise_for_status()
    again = json.loads(tieout("subscribe", "--json", "--renew", URL, **hub).stdout)["subscriptions"]
    assert {each["object_type"]: each["id"] for each in again} == ids
    told = {each["object_type"]: each["act"] for each in again}
    assert told == {**dict.fromkeys(OBJECT_TYPES, "renewed"), "payable": "enabled_anew"}
    old, new = ({each["secret"] for each in some} for some in (made, again))
    assert len(new - {None}) == len(OBJECT_TYPES)
    assert not new & old
    kept = json.loads(tieout("subscribe", "--json", URL, **hub).stdout)["subscriptions"]
    assert {each["act"] for each in kept} == {"kept"}


async def signed_in(hub: dict[str, object]) -> dict[str, str]:
    """Headers that the simulated hub takes."""
    body = {
        "grant_type": "client_credentials",
        "client_id": hub["hub_client_id"],
        "client_secret": hub["hub_client_secret"],
    }
    async with httpx.AsyncClient() as http:
        answer = await http.post(
            f"{hub['hub_url']}/auth/token", json=body, headers={"X-Finops-Version": "2025-06-23"}
        )
    return {"Authorization": f"Bearer {answer.json()['access_token']}", "X-Finops-Version": "2025-06-23"}


def test_an_address_that_the_hub_cannot_reach_is_refused(tieout: Command) -> None:
    """Without a public https address nothing is asked of the hub; the remedy is told in one line."""
    real = {"hub_client_id": "x", "hub_client_secret": "y"}
    for arguments in (["subscribe"], ["subscribe", "http://tieout.example"]):
        refused = tieout(*arguments, **real)
        assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
        assert "tieout subscribe https://" in refused.stderr
    assert tieout("subscribe", "tieout.example", **real).returncode == 2
