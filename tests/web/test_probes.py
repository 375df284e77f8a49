"""Probes and metrics: an answer for whatever watches the service, and no details for strangers."""

from __future__ import annotations

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from service import metrics
from service.store.database import Database
from service.web.routes import build
from tests.web.builders import Fleet, client, settings
from tests.web.wire import open_wire


async def test_strangers_get_a_status_and_nothing_else(
    nobody: httpx.AsyncClient, viewer: httpx.AsyncClient
) -> None:
    """Without a key probes are 200 with an empty answer; with one they tell who answered."""
    for path in ("/livez", "/readyz"):
        assert ((await nobody.get(path)).status_code, (await nobody.get(path)).json()) == (200, {})
        wrong = await nobody.get(path, headers={"authorization": "Bearer guess"})
        assert (wrong.status_code, wrong.json()) == (200, {})
        assert (await viewer.get(path)).json()["replica_id"] == "web-1"
    ready = (await viewer.get("/readyz")).json()
    assert ready["database_version"]
    assert (await nobody.get("/metrics")).status_code == 401


async def test_without_postgres_alive_and_not_ready(database_url: str) -> None:
    """While Postgres is away the process is alive, so that nobody kills it, and takes no requests."""
    async with open_wire(database_url) as wire, await Database.open(wire.url) as database:
        app = build(settings=settings(), database=database, replica_id="r", version="1")
        async with client(app) as nobody:
            assert (await nobody.get("/readyz")).status_code == 200
            wire.cut()
            assert (await nobody.get("/livez")).status_code == 200
            answer = await nobody.get("/readyz")
            assert (answer.status_code, answer.json()) == (503, {})


async def test_metrics_tell_the_state(filled: Fleet, viewer: httpx.AsyncClient) -> None:
    """Gauges say what `/status` says, and what is gone from it is gone from them."""
    assert filled.records
    metrics.FAILING_RECORDS.labels(cause="gone").set(7)
    answer = await viewer.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    samples = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert samples["tieout_state_bool", "ok"] == 1
    assert samples["tieout_state_bool", "down"] == 0
    assert samples["tieout_organizations", "connected"] == 2
    assert samples["tieout_records", "blocked"] == 2
    assert samples["tieout_failing_records", "missing_tax_rate"] == 10
    assert samples["tieout_risk_minor_units", "USD"] == 1250_00
    assert samples["tieout_differences", "amount"] == 2
    assert samples["tieout_webhook_backlog_events",] == 2
    assert ("tieout_failing_records", "gone") not in samples


def test_metrics_are_named_alike() -> None:
    """Every metric of ours begins with the product's name, has a sentence of help, and ends in its unit."""
    units = ("total", "seconds", "bool", "minor_units", "events", "per_second")
    things = ("organizations", "records", "differences", "alerts", "replicas", "connections")
    for family in metrics.REGISTRY.collect():
        if family.name.startswith(("process_", "python_")):
            continue
        name = family.name + ("_total" if family.type == "counter" else "")
        assert name.startswith("tieout_")
        assert name.endswith(units + things), name
        assert family.documentation.endswith("."), name


def test_a_label_cannot_grow_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond its bound a label's new values are `other`, and so is what is no word."""
    monkeypatch.setattr(metrics, "LABEL_VALUES_MAX", 3)
    values = [metrics.bounded("test", value) for value in ("a", "b", "c", "d", "a", "x" * 65, "y\n")]
    assert values == ["a", "b", "c", "other", "a", "other", "other"]
