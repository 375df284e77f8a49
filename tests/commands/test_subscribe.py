"""`tieout subscribe`: what is missing at the hub is made, what is there is never made twice."""

from __future__ import annotations

import json
import signal
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from service.commands.subscriptions import OBJECT_TYPES, Act, plan, webhook_url
from service.hub.payloads import Subscription
from tests.acceptance.processes import Process, until
from tests.commands.conftest import Command, World

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


async def test_interrupted_it_tells_the_secrets_that_it_has(
    tieout: Command, world: World, tmp_path: Path
) -> None:
    """Ctrl-C while the hub does not answer: what it told before is printed, and the rest can be had."""
    made = json.loads(tieout("subscribe", "--json", URL, **world.settings).stdout)["subscriptions"]
    fourth = made[3]
    async with httpx.AsyncClient(
        base_url=str(world.settings["hub_url"]), headers=await signed_in(dict(world.settings))
    ) as http:
        (await http.delete(f"/webhook-subscriptions/{fourth['id']}")).raise_for_status()
    await world.control("add_fault", kind="hang", endpoint="POST /webhook-subscriptions")
    settings = {f"TIEOUT_{name.upper()}": str(value) for name, value in world.settings.items()}
    log = tmp_path / "subscribe.log"
    process = Process(["subscribe", "--renew", URL], log, settings)

    async def is_waiting() -> bool:
        return bool((await world.control("requests"))["requests"][-1]["fault"] == "hang")

    try:
        await until("it asks for the fourth", is_waiting, 30)
        process.interrupt(signal.SIGINT)
        told = (await process.output()).splitlines()[-1]
        assert await process.ended() == 130
    finally:
        process.stop()
    secrets = told.removeprefix("TIEOUT_WEBHOOK_SECRETS=").split(",")
    assert len(set(secrets)) == 3
    assert not set(secrets) & {each["secret"] for each in made}
    assert "3 of 7 were seen to, run `tieout subscribe --renew` again for the others" in log.read_text()
    assert "Traceback" not in log.read_text()


async def test_secrets_that_nobody_was_shown_are_named(tieout: Command, world: World) -> None:
    """An answer that was lost leaves a subscription whose secret nobody knows: the next run names it."""
    await world.control(
        "add_fault", kind="executed_answer_lost", endpoint="POST /webhook-subscriptions", count=1
    )
    broken = tieout("subscribe", URL, **world.settings)
    assert broken.returncode == 1
    again = tieout("subscribe", URL, **world.settings)
    assert again.returncode == 0
    assert again.stdout.count("whsec_") == len(OBJECT_TYPES) - 1
    told = " ".join(again.stderr.split())
    assert "Kept, with secrets that are not shown again: accounting_connection." in told
    assert "--renew makes new ones" in told
    secrets = again.stdout.splitlines()[-1].removeprefix("TIEOUT_WEBHOOK_SECRETS=")
    lacking = tieout("subscribe", URL, webhook_secrets=secrets, **world.settings).stderr
    assert "TIEOUT_WEBHOOK_SECRETS holds 6 for these 7" in " ".join(lacking.split())
    held = tieout("subscribe", URL, webhook_secrets=f"{secrets},whsec_another", **world.settings).stderr
    assert "--renew" not in held


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
