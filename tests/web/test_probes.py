"""Probes and metrics: an answer for whatever watches the service, and no details for strangers."""

from __future__ import annotations

import asyncio
import re

import asyncpg
import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from service import metrics
from service.domain.fleet import FLEET
from service.hub import endpoints
from service.store.database import Database
from service.web import gauges
from service.web.routes import build
from tests.web.builders import CANARY, KEYS, ORGANIZATION, SECRET, Fleet, client, eventually, settings
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


@pytest.mark.parametrize("trouble", ["cut", "stall"])
async def test_without_postgres_metrics_say_down(database_url: str, trouble: str) -> None:
    """While Postgres is away a key of the environment reads what the process knows, and no old figures."""
    async with open_wire(database_url) as wire, await Database.open(wire.url) as database:
        app = build(settings=settings(), database=database, replica_id="r", version="1")
        async with client(app, authorization=f"Bearer {KEYS['viewer']}") as viewer:
            assert (await samples(viewer))["tieout_organizations", "connected"] == 0
            getattr(wire, trouble)()
            told = await samples(viewer)
            assert [told["tieout_state_bool", state] for state in ("ok", "degraded", "down")] == [0, 0, 1]
            assert ("tieout_web_requests_total", "/metrics", "2xx") in told
            of_the_fleet = ("tieout_organizations", "tieout_alerting_age_seconds", "tieout_missing_events")
            assert not [name for name, *_ in told if name in of_the_fleet]
            wire.mend()
            assert (await samples(viewer))["tieout_state_bool", "down"] == 1, "no worker is running"


async def test_a_postgres_that_is_slow_is_not_away(database_url: str, viewer: httpx.AsyncClient) -> None:
    """While Postgres answers, a figure that takes it too long makes no service be down: it is 503."""
    other = await asyncpg.connect(database_url)

    async def cancelled() -> bool:
        return bool(
            await other.fetch(
                "SELECT pg_cancel_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
        )

    try:
        await other.execute("BEGIN; LOCK TABLE tieout.standings IN ACCESS EXCLUSIVE MODE")
        asking = asyncio.create_task(viewer.get("/metrics"))
        await eventually(cancelled)
        assert (await asking).status_code == 503
    finally:
        await other.close()


async def test_metrics_tell_the_state(filled: Fleet, viewer: httpx.AsyncClient) -> None:
    """Gauges say what `/status` says, and what is gone from it is gone from them."""
    assert filled.records
    metrics.FAILING_RECORDS.labels(cause="gone").set(7)
    assert (await viewer.get("/metrics")).headers["content-type"].startswith("text/plain")
    told = await samples(viewer)
    assert told["tieout_state_bool", "ok"] == 1
    assert told["tieout_state_bool", "down"] == 0
    assert told["tieout_organizations", "connected"] == 2
    assert told["tieout_records", "blocked"] == 2
    assert told["tieout_failing_records", "missing_tax_rate"] == 10
    assert told["tieout_risk_minor_units", "USD"] == 1250_00
    assert told["tieout_differences", "amount"] == 2
    assert told["tieout_webhook_backlog_events",] == 2
    assert ("tieout_failing_records", "gone") not in told


async def test_metrics_tell_whether_the_promises_are_kept(
    database: Database, filled: Fleet, viewer: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ages against bounds, work that lies, what is unconfirmed, duplicates of ours, and alerting."""
    assert filled.records
    monkeypatch.setattr(gauges, "STREAMS_SECONDS", 0.0)
    async with database.fleet() as connection:
        await connection.execute(
            "UPDATE streams SET read_at = tieout.now() - interval '90 seconds', "
            "due_at = tieout.now() - interval '30 seconds' WHERE stream = 'connection'"
        )
        await connection.execute(
            "INSERT INTO work (organization_id, kind, due_at, finished_at) "
            "VALUES ($1, 'alert', tieout.now() + interval '1 hour', tieout.now() - interval '40 seconds') "
            "ON CONFLICT (organization_id, kind) DO UPDATE SET finished_at = excluded.finished_at",
            FLEET,
        )
    told = await samples(viewer)
    assert told["tieout_stream_age_seconds", "connection"] == pytest.approx(90, abs=20)
    assert told["tieout_stream_overdue_seconds", "connection"] == pytest.approx(30, abs=20)
    assert told["tieout_unconfirmed_records", "7d"] == 0
    assert told["tieout_caused_duplicate_documents",] == 0
    assert told["tieout_alerting_age_seconds",] == pytest.approx(40, abs=20)
    assert told["tieout_work_lag_seconds", "prune"] == 0
    async with database.organization(ORGANIZATION) as connection:
        await connection.execute(
            "UPDATE differences SET kind = 'duplicate_in_books', resolved_at = NULL, record_id = "
            "(SELECT record_id FROM attempts LIMIT 1) WHERE difference_id = "
            "(SELECT difference_id FROM differences LIMIT 1)"
        )
    assert (await samples(viewer))["tieout_caused_duplicate_documents",] == 1


async def samples(viewer: httpx.AsyncClient) -> dict[tuple[str, ...], float]:
    """Every sample of `/metrics`, by its name and the values of its labels."""
    answer = await viewer.get("/metrics")
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def test_labels_hold_words_of_ours_alone(filled: Fleet, viewer: httpx.AsyncClient) -> None:
    """No id, name, text or secret is in `/metrics`, and no label has more values than its bound."""
    assert filled.records
    text = (await viewer.get("/metrics")).text
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-", text)
    for secret in (CANARY, SECRET, *KEYS.values()):
        assert secret not in text
    values: dict[tuple[str, str], set[str]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            for label, value in sample.labels.items():
                values.setdefault((sample.name, label), set()).add(value)
    assert max(len(found) for found in values.values()) <= metrics.LABEL_VALUES_MAX + 1


def test_every_call_to_the_hub_has_a_purpose() -> None:
    """Each endpoint is spent on exactly one thing, so that the purposes add up to the cost."""
    every = {each.name for each in vars(endpoints).values() if isinstance(each, endpoints.Endpoint)}
    grouped = [each.name for group in endpoints.PURPOSES.values() for each in group]
    assert sorted(grouped) == sorted(every)


def test_metrics_are_named_alike() -> None:
    """Every metric of ours begins with the product's name, has a sentence of help, and ends in its unit."""
    units = ("total", "seconds", "bool", "minor_units", "events", "per_second", "documents", "notifications")
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
