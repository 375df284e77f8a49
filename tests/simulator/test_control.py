"""The hand that moves the world, over HTTP and as a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from service.simulator.control_api import controls_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.simulator.caller import Caller

SERVE = """
from service.simulator.serve import run
run('127.0.0.1:0', organizations=2, documents=5, rate_per_second=0)
"""


async def test_every_control_is_an_http_call(hub: Caller) -> None:
    """What Python can do by a method, `POST /control/<name>` does with the same arguments."""
    arguments = {"organization_id": hub.organization, "net_minor": 4200, "tax_rate": 0}
    response = await hub.client.post("/control/issue-invoice", json=arguments)
    invoice = response.json()["result"]
    assert (await hub.get(f"/receivables/{invoice}"))["total_amount"] == 4200
    await hub.client.post("/control/advance", json={"seconds": 60})
    assert (await hub.record(invoice))["sync_status"] == "done"
    index = (await hub.client.get("/control")).json()
    assert {"advance", "add_fault", "edit_in_books", "truth", "set_behaviour"} <= set(index)
    assert not [name for name in controls_of(hub.simulator) if name.startswith("_")]


async def test_truth_over_http_is_the_truth(hub: Caller) -> None:
    """`GET /control/truth` tells what Python tells, of all or of one organization."""
    told = (await hub.client.get("/control/truth")).json()
    assert told == json.loads(json.dumps(hub.simulator.truth()))
    one = (await hub.client.get("/control/truth", params={"organization_id": hub.organization})).json()
    assert list(one["organizations"]) == [hub.organization]


async def test_pushes_are_counted(hub: Caller) -> None:
    """`GET /control/pushes` tells every push asked for and carried out, and every document created."""
    before = (await hub.client.get("/control/pushes")).json()
    invoice = hub.simulator.issue_invoice(hub.organization)
    hub.simulator.advance(60)
    after = (await hub.client.get("/control/pushes")).json()
    assert after["requested"] == before["requested"] + 1
    assert after["carried_out"] == before["carried_out"] + 1
    last = after["pushes"][-1]
    assert (last["object_id"], last["step"], last["cause"]) == (invoice, "carried_out", None)
    assert after["documents_per_local"][hub.organization][invoice] == 1


@pytest.mark.parametrize(
    ("name", "arguments", "status"),
    [
        ("no-such-control", {}, 404),
        ("issue-invoice", {}, 400),
        ("issue-invoice", {"organization_id": "nobody"}, 400),
        ("add-fault", {"kind": "nonsense"}, 400),
        ("set-behaviour", {"nonsense": 1}, 400),
        ("advance", {"seconds": -1}, 400),
    ],
)
async def test_wrong_controls_are_refused(
    hub: Caller, name: str, arguments: dict[str, Any], status: int
) -> None:
    """An unknown control is 404, wrong arguments are 400 with the reason."""
    response = await hub.client.post(f"/control/{name}", json=arguments)
    assert response.status_code == status
    assert response.json()["error"]


async def test_unknown_details_of_a_document_are_refused(hub: Caller) -> None:
    """A misspelt argument of issuing is an error, not ignored."""
    arguments = {"organization_id": hub.organization, "amount": 1}
    response = await hub.client.post("/control/issue-invoice", json=arguments)
    assert response.status_code == 400
    assert "amount" in response.json()["error"]


@pytest.fixture
def process() -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """Start the simulator as a process; give it and its first line."""
    with subprocess.Popen([sys.executable, "-c", SERVE], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        try:
            yield running, json.loads(running.stdout.readline())
        finally:
            running.kill()


def test_process_serves_breaks_off_and_ends(process: tuple[subprocess.Popen[str], dict[str, Any]]) -> None:
    """The first line tells where; requests work; faults break the connection; SIGTERM ends it with 0."""
    running, told = process
    assert set(told) >= {"url", "client_id", "client_secret", "control_url", "organizations"}
    headers = {"X-Finops-Version": "2025-06-23", "X-Organization-Id": told["organizations"][0]["id"]}
    credentials = {name: told[name] for name in ("client_id", "client_secret")}
    with httpx.Client(base_url=told["url"], headers=headers, timeout=10) as client:
        grant = {"grant_type": "client_credentials", **credentials}
        token = client.post("/auth/token", json=grant).json()["access_token"]
        client.headers["authorization"] = f"Bearer {token}"
        assert client.get("/receivables").status_code == 200
        fault = {"kind": "executed_answer_lost", "endpoint": "GET /receivables", "count": 1}
        httpx.post(f"{told['control_url']}/add-fault", json=fault).raise_for_status()
        with pytest.raises(httpx.TransportError):
            client.get("/receivables")
        assert client.get("/receivables").status_code == 200
        assert len(client.get("/entities").json()["data"]) == len(told["organizations"]) == 2
    running.send_signal(signal.SIGTERM)
    assert running.wait(10) == 0
