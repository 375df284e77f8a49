"""Rules for Prometheus, a dashboard for Grafana: they name what exists, fire when they should, and link."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import kubernetes_validate
import pytest
import yaml
from helm_python.errors import HelmError

from service import metrics
from service.web.page.runbook import to_html
from tests.deployment.test_helm import NAMESPACE, SECRET, render

CHART = Path(__file__).parents[2] / "helm"
RULES = CHART / "monitoring" / "rules.yaml"
DASHBOARD = CHART / "monitoring" / "dashboard.json"
CASES = Path(__file__).parent / "rules_test.yaml"
PROMTOOL = shutil.which("promtool")

PLACEHOLDER = "https://tieout.example.com"

_METRIC = re.compile(r"\btieout_[a-z_]+")


def rules() -> list[dict[str, Any]]:
    """Every rule of the file."""
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def expressions() -> Iterator[str]:
    """Every expression of rules and dashboard."""
    yield from (rule["expr"] for rule in rules())
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))


def exported() -> set[str]:
    """The name of each series that `/metrics` may have."""
    names: set[str] = set()
    for family in metrics.REGISTRY.collect():
        endings = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(family.type, ("",))
        names |= {family.name + ending for ending in endings}
    return names


def test_whatever_is_asked_for_is_exported() -> None:
    """Each metric that a rule or a panel names is one of ours, spelled as it is exported."""
    named = {name for expression in expressions() for name in _METRIC.findall(expression)}
    assert len(named) > 30
    assert named - exported() == set()


def test_the_dashboard_shows_every_gauge_that_tells_of_a_promise() -> None:
    """What is current, behind, spent and kept is on it; panels have ids of their own and places."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    shown = {name for expression in expressions() for name in _METRIC.findall(expression)}
    assert shown >= {
        "tieout_stream_age_seconds",
        "tieout_stream_overdue_seconds",
        "tieout_work_lag_seconds",
        "tieout_hub_requests_total",
        "tieout_hub_used_requests_per_second",
        "tieout_caused_duplicate_documents",
        "tieout_unconfirmed_records",
        "tieout_unclassified_minor_units",
        "tieout_missing_events",
        "tieout_alerting_age_seconds",
    }


def test_every_rule_leads_to_the_runbook(project: Path) -> None:
    """Each rule links to a section that the page has."""
    anchors = set(re.findall(r'id="([^"]+)"', to_html((project / "docs" / "runbook.md").read_text())))
    for rule in rules():
        link = rule["annotations"]["runbook_url"]
        assert link.startswith(f"{PLACEHOLDER}/runbook#"), rule["alert"]
        assert urlsplit(link).fragment in anchors, rule["alert"]
        assert {"summary", "description"} <= set(rule["annotations"]), rule["alert"]


@pytest.mark.skipif(PROMTOOL is None, reason="no promtool is installed")
def test_rules_fire_when_they_should(tmp_path: Path) -> None:
    """Prometheus' own tool finds no fault; each rule fires for its trouble and for nothing else."""
    _prove(RULES, CASES, tmp_path)


@pytest.mark.skipif(PROMTOOL is None, reason="no promtool is installed")
def test_rules_of_one_installation_are_deaf_to_others(tmp_path: Path) -> None:
    """Where one Prometheus reads several installations, each one's rules speak of it alone and name it."""
    rules_file = tmp_path / "rules.yaml"
    rules_file.write_text(yaml.safe_dump(rendered_rules()["spec"]))
    _prove(rules_file, CASES.with_name("installations_test.yaml"), tmp_path)


def _prove(rules_file: Path, cases: Path, folder: Path) -> None:
    """Have Prometheus' own tool check rules and try them by cases."""
    assert PROMTOOL
    tried = folder / cases.name
    tried.write_text(cases.read_text().replace("RULES", str(rules_file)))
    for arguments in (["check", "rules", str(rules_file)], ["test", "rules", str(tried)]):
        ended = subprocess.run([PROMTOOL, *arguments], capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stdout + ended.stderr


def rendered_rules() -> dict[str, Any]:
    """The rule object that the chart makes, for the namespace `finance`."""
    objects = render({**SECRET, "monitoring": {"rules": True}})
    [found] = [each for each in objects if each["kind"] == "PrometheusRule"]
    return found


def test_every_selector_of_the_chart_names_the_namespace() -> None:
    """Each series that a rule of the chart asks for is of its own namespace; nothing else is changed."""
    [group] = rendered_rules()["spec"]["groups"]
    mark = f'namespace="{NAMESPACE}"'
    for rule, plain in zip(group["rules"], rules(), strict=True):
        selectors = re.findall(r"\btieout_[a-z_]+(\{[^}]*\})?", rule["expr"])
        assert selectors, rule["alert"]
        assert all(mark in each for each in selectors), rule["expr"]
        told = rule["expr"].replace(f"{{{mark}}}", "").replace(f"{mark},", "")
        assert told == plain["expr"]
        assert rule["labels"] == {**plain["labels"], "namespace": NAMESPACE}


def test_the_chart_brings_both_when_asked() -> None:
    """Off by default; on, they are the very files, with links to the installation's own address."""
    kinds = {found["kind"] for found in render(SECRET)}
    assert not kinds & {"PrometheusRule", "ConfigMap"}
    objects = {
        found["kind"]: found
        for found in render(
            {
                **SECRET,
                "settings": {"TIEOUT_PUBLIC_URL": "https://books.partner.example/"},
                "monitoring": {"rules": True, "dashboard": True, "ruleLabels": {"release": "prometheus"}},
            }
        )
    }
    rule = objects["PrometheusRule"]
    assert rule["metadata"]["labels"]["release"] == "prometheus"
    own = RULES.read_text().replace(PLACEHOLDER, "https://books.partner.example")
    [brought], [kept] = rule["spec"]["groups"], yaml.safe_load(own)["groups"]
    for told, plain in zip(brought["rules"], kept["rules"], strict=True):
        assert {**told, "expr": plain["expr"], "labels": plain["labels"]} == plain
    board = objects["ConfigMap"]
    assert board["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert json.loads(board["data"]["tieout.json"]) == json.loads(DASHBOARD.read_text())


def test_metrics_of_every_replica_can_be_read() -> None:
    """A monitor finds web and workers by their port, brings a key, and is let in through the network."""
    reader = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    objects = render(
        {
            **SECRET,
            "networkPolicy": {"metricsFrom": [reader]},
            "monitoring": {"podMonitor": True, "keySecret": {"name": "tieout-metrics", "key": "key"}},
        }
    )
    [monitor] = [found for found in objects if found["kind"] == "PodMonitor"]
    [endpoint] = monitor["spec"]["podMetricsEndpoints"]
    assert endpoint["authorization"]["credentials"] == {"name": "tieout-metrics", "key": "key"}
    chosen = monitor["spec"]["selector"]["matchLabels"].items()
    for found in objects:
        if found["kind"] == "Deployment":
            template = found["spec"]["template"]
            assert chosen <= template["metadata"]["labels"].items()
            names = [port["name"] for port in template["spec"]["containers"][0]["ports"]]
            assert endpoint["port"] in names
    [policy] = [found for found in objects if found["metadata"]["name"] == "tieout-metrics"]
    assert policy["spec"]["ingress"] == [{"ports": [{"protocol": "TCP", "port": 8080}], "from": [reader]}]
    assert policy["spec"]["podSelector"]["matchLabels"].items() == chosen
    kubernetes_validate.validate(policy, "1.33", strict=True)


def test_a_monitor_that_nobody_lets_in_is_refused() -> None:
    """A network that is closed to whoever reads metrics is told at once, by the value that opens it."""
    monitoring = {"podMonitor": True, "keySecret": {"name": "tieout-metrics", "key": "key"}}
    with pytest.raises(HelmError, match=r"networkPolicy\.metricsFrom"):
        render({**SECRET, "monitoring": monitoring})
    open_network = {**SECRET, "monitoring": monitoring, "networkPolicy": {"enabled": False}}
    assert "PodMonitor" in {found["kind"] for found in render(open_network)}
