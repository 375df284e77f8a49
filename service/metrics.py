"""Metrics: every one that the service exports, declared once, here.

- A name ends in its unit; what counts events since the process started ends in `_total`.
- Labels come from closed sets of our own words. Ids, names and texts from outside never become labels; what
  could be an unknown word of the hub (a status, a currency) goes through `bounded`, which lets a limited
  number of values in.
- Counters and histograms belong to the process that counted. Gauges describe the fleet: they are read from
  Postgres when somebody asks for `/metrics`, so that every replica tells the same. While Postgres is away
  they are not told at all: an old figure looks like a new one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

REGISTRY: Final = CollectorRegistry(auto_describe=True)
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

LABEL_VALUES_MAX: Final = 200
"""Values that `bounded` lets in for one label: all currencies of the world fit, a flood does not."""

_NETWORK_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_DATABASE_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_RUN_SECONDS = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0)
_BATCH = (1, 2, 5, 10, 20, 50, 100, 200, 500)


def _counter(name: str, meaning: str, *labels: str) -> Counter:
    return Counter(name, meaning, labels, registry=REGISTRY)


def _histogram(name: str, meaning: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
    return Histogram(name, meaning, labels, registry=REGISTRY, buckets=buckets)


def _gauge(name: str, meaning: str, *labels: str) -> Gauge:
    return Gauge(name, meaning, labels, registry=REGISTRY)


HUB_REQUESTS = _counter(
    "tieout_hub_requests_total",
    "Requests to the hub: what for, and as outcome ok or a kind of failure.",
    "endpoint",
    "purpose",
    "outcome",
)
HUB_REQUEST_SECONDS = _histogram(
    "tieout_hub_request_seconds",
    "Time of one request to the hub, its answer read.",
    _NETWORK_SECONDS,
    "endpoint",
)
HUB_BUDGET_WAIT_SECONDS = _histogram(
    "tieout_hub_budget_wait_seconds",
    "Time that a request waited for its slot of the budget.",
    _NETWORK_SECONDS,
)
PUSHES = _counter(
    "tieout_pushes_total", "Pushes by outcome: accepted, refused, uncertain or not_sent.", "outcome"
)
WORKER_RUNS = _counter(
    "tieout_worker_runs_total", "Runs by outcome: done, idle, superseded or failed.", "worker", "outcome"
)
WORKER_RUN_SECONDS = _histogram(
    "tieout_worker_run_seconds", "Time of one run that found something to do.", _RUN_SECONDS, "worker"
)
NOTIFICATIONS = _counter(
    "tieout_notifications_total",
    "Notifications by kind of channel and outcome: sent, refused, later or unknown.",
    "channel",
    "outcome",
)
WEBHOOK_DELIVERIES = _counter(
    "tieout_webhook_deliveries_total",
    "Webhooks by outcome: stored, duplicate, quarantined, or why they were turned away.",
    "outcome",
)
WEBHOOK_COMMIT_SECONDS = _histogram(
    "tieout_webhook_commit_seconds", "Time until a batch of webhooks was durable.", _DATABASE_SECONDS
)
WEBHOOK_COMMIT_EVENTS = _histogram(
    "tieout_webhook_commit_events", "Webhooks that were made durable together.", _BATCH
)
WEB_REQUESTS = _counter(
    "tieout_web_requests_total",
    "Requests answered, by route and status class (2xx to 5xx).",
    "route",
    "status",
)
WEB_REQUEST_SECONDS = _histogram(
    "tieout_web_request_seconds", "Time to answer a request.", _DATABASE_SECONDS, "route"
)
REFUSED_KEYS = _counter(
    "tieout_refused_keys_total",
    "Requests without a valid key: outcome is missing, wrong or limited.",
    "outcome",
)

STATE = _gauge("tieout_state_bool", "1 for the state that /status tells: ok, degraded or down.", "state")
ORGANIZATIONS = _gauge(
    "tieout_organizations", "Organizations by the status of their connection.", "connection"
)
STALE_ORGANIZATIONS = _gauge("tieout_stale_organizations", "Connected organizations whose books are stale.")
RECORDS = _gauge("tieout_records", "Synced records by our state.", "state")
FAILING_RECORDS = _gauge("tieout_failing_records", "Failing records of the heaviest causes.", "cause")
RISK_MINOR_UNITS = _gauge(
    "tieout_risk_minor_units", "Money of failing records, in minor units, of the heaviest causes.", "currency"
)
DIFFERENCES = _gauge("tieout_differences", "Open differences, expected ones included.", "kind")
UNCLASSIFIED_MINOR_UNITS = _gauge(
    "tieout_unclassified_minor_units", "Minor units that no rule explains, whatever their sign.", "currency"
)
WEBHOOK_BACKLOG_EVENTS = _gauge("tieout_webhook_backlog_events", "Events stored and not worked off yet.")
WEBHOOK_BACKLOG_SECONDS = _gauge("tieout_webhook_backlog_seconds", "Age of the oldest of them.")
MISSING_EVENTS = _gauge("tieout_missing_events", "Events that the hub's log has and no webhook brought.")
OVERDUE_ORGANIZATIONS = _gauge("tieout_overdue_organizations", "Organizations not read by their bound.")
OVERDUE_SECONDS = _gauge("tieout_overdue_seconds", "How long the longest of them has been overdue.")
FULL_SWEEP_AGE_SECONDS = _gauge(
    "tieout_full_sweep_age_seconds", "Age of the oldest complete reading; NaN before there is any."
)
FULL_SWEEP_BOUND_SECONDS = _gauge(
    "tieout_full_sweep_bound_seconds", "Age beyond which a complete reading counts as old."
)
STREAM_AGE_SECONDS = _gauge(
    "tieout_stream_age_seconds",
    "Age of the oldest reading of a stream, of connected organizations.",
    "stream",
)
STREAM_OVERDUE_SECONDS = _gauge(
    "tieout_stream_overdue_seconds",
    "How much later than due, or than its bound, the latest reading is.",
    "stream",
)
UNREAD_ORGANIZATIONS = _gauge(
    "tieout_unread_organizations", "Connected organizations of which a stream was never read.", "stream"
)
WORK_LAG_SECONDS = _gauge("tieout_work_lag_seconds", "How long the first due work has been due.", "worker")
DUE_ORGANIZATIONS = _gauge("tieout_due_organizations", "Organizations, or channels, with work due.", "worker")
UNCONFIRMED_RECORDS = _gauge(
    "tieout_unconfirmed_records",
    "Healed invoices and bills that the books, compared since, lack, by age up to 1h, 6h, 1d, 7d or older.",
    "age",
)
CAUSED_DUPLICATE_DOCUMENTS = _gauge(
    "tieout_caused_duplicate_documents",
    "Documents twice in the books, of which a push of ours may have landed.",
)
ALERTING_AGE_SECONDS = _gauge(
    "tieout_alerting_age_seconds", "Time since alerts were last decided; NaN before the first time."
)
OUTBOX_NOTIFICATIONS = _gauge("tieout_outbox_notifications", "Notifications that wait to be sent.")
OUTBOX_AGE_SECONDS = _gauge("tieout_outbox_age_seconds", "Age of the oldest of them.")
ALERTS = _gauge("tieout_alerts", "Firing alerts.", "severity")
REPLICAS = _gauge("tieout_replicas", "Replicas that report.", "role")
HUB_REACHABLE = _gauge("tieout_hub_reachable_bool", "1 while the hub answers.")
HUB_USED_REQUESTS_PER_SECOND = _gauge(
    "tieout_hub_used_requests_per_second", "Requests really sent, by all replicas."
)
HUB_BUDGET_REQUESTS_PER_SECOND = _gauge("tieout_hub_budget_requests_per_second", "Requests allowed to all.")
DATABASE_CONNECTIONS = _gauge(
    "tieout_database_connections", "Connections to Postgres in use by this replica."
)

_OF_A_PROCESS: Final = frozenset({"tieout_state_bool", "tieout_database_connections"})
"""Gauges of ours that a process can tell of without Postgres."""

_seen: defaultdict[str, set[str]] = defaultdict(set)


def bounded(label: str, value: str) -> str:
    """Return the value, or `other` when the label has had its share of different ones.

    For words of the hub, of which there could be any number.
    """
    seen = _seen[label]
    if value in seen:
        return value
    if len(seen) >= LABEL_VALUES_MAX or len(value) > 64 or not value.isprintable():  # noqa: PLR2004 - no word is longer
        return "other"
    seen.add(value)
    return value


def render() -> bytes:
    """Write all metrics in Prometheus' text format."""
    return generate_latest(REGISTRY)


class _OfAProcess(Collector):
    """The registry without what describes the fleet."""

    def collect(self) -> Iterator[Metric]:
        for family in REGISTRY.collect():
            is_of_the_fleet = family.type == "gauge" and family.name.startswith("tieout_")
            if not is_of_the_fleet or family.name in _OF_A_PROCESS:
                yield family


def render_without_fleet() -> bytes:
    """Write what this process knows by itself."""
    return generate_latest(_OfAProcess())
