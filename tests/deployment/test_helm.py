"""The Helm chart: linted by Helm itself, valid Kubernetes, restricted, and in step with the settings."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from helm_python import chart as helm
from helm_python.errors import HelmError

from service.settings.variables import VARIABLES
from service.store.database import CONNECT_SECONDS
from service.web.serving import SHUTDOWN_SECONDS

CHART = Path(__file__).parents[2] / "helm"
KUBERNETES = ("1.27", "1.33")
# Helm counts: 1 information, 2 warning, 3 error.
INFORMATION = 1
NAMESPACE = "finance"
SECRET = {"existingSecret": "tieout"}
FROM_SECRET = {
    "TIEOUT_DATABASE_URL",
    "TIEOUT_HUB_CLIENT_ID",
    "TIEOUT_HUB_CLIENT_SECRET",
    "TIEOUT_WEBHOOK_SECRETS",
    "TIEOUT_API_KEYS",
    "TIEOUT_ALERT_CHANNELS",
}
SET_BY_CHART = {"TIEOUT_LISTEN", "TIEOUT_ROLES"}
POINTLESS_IN_A_CLUSTER = {"TIEOUT_DATA_DIR"}


def render(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every object that the chart makes of the values."""
    with helm.Chart.load(CHART) as loaded:
        manifests = loaded.render(dict(values), name="tieout", namespace=NAMESPACE)
    texts = (text for name, text in sorted(manifests.items()) if name.endswith(".yaml"))
    return [found for text in texts for found in yaml.safe_load_all(text) if found]


def pods(objects: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each pod template with the name of what makes it."""
    for found in objects:
        if found["kind"] in {"Deployment", "Job"}:
            yield found["metadata"]["name"], found["spec"]["template"]["spec"]


def test_lint_has_no_complaint() -> None:
    """Helm's own linter finds nothing above information level."""
    report = helm.lint(CHART, values=SECRET)
    assert report["total_charts_linted"] == 1
    assert [finding for finding in report["messages"] if finding["severity"] > INFORMATION] == []


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize(
    "extra",
    [
        {},
        {
            "ingress": {
                "enabled": True,
                "host": "tieout.example.com",
                "tlsSecret": "tls",
                "className": "nginx",
            }
        },
        {
            "settings": {"TIEOUT_POLL_SECONDS": 60, "TIEOUT_ALERT_ALLOW_PRIVATE": True},
            "networkPolicy": {"enabled": False},
        },
        {"web": {"autoscaling": {"enabled": True}}, "worker": {"autoscaling": {"enabled": True}}},
        {"database": {"caSecret": "postgres-ca"}},
        {"networkPolicy": {"exceptCidrs": []}},
    ],
    ids=["defaults", "ingress", "settings", "autoscaling", "authority", "no private ranges"],
)
def test_every_object_is_valid(version: str, extra: Mapping[str, Any]) -> None:
    """Each object satisfies the strict schema of the oldest and a recent Kubernetes."""
    objects = render({**SECRET, **extra})
    assert {found["kind"] for found in objects} >= {"Deployment", "Job", "Service", "PodDisruptionBudget"}
    for found in objects:
        kubernetes_validate.validate(found, version, strict=True)


def test_each_side_scales_for_its_own_reason() -> None:
    """When asked to, the web side grows with its load, and workers with the due backlog."""
    values = {"web": {"autoscaling": {"enabled": True}}, "worker": {"autoscaling": {"enabled": True}}}
    objects = render({**SECRET, **values})
    found = {each["metadata"]["name"]: each for each in objects if each["kind"] == "HorizontalPodAutoscaler"}
    metrics = {name: each["spec"]["metrics"] for name, each in found.items()}
    assert metrics["tieout-web"][0]["resource"]["name"] == "cpu"
    [backlog] = metrics["tieout-worker"]
    name = backlog["external"]["metric"]["name"]
    assert name == "tieout_due_organizations"
    assert name in (CHART.parent / "service" / "metrics.py").read_text()
    for each in objects:
        if each["kind"] == "Deployment":
            assert "replicas" not in each["spec"]
            assert (
                found[each["metadata"]["name"]]["spec"]["scaleTargetRef"]["name"] == each["metadata"]["name"]
            )
    assert not [each for each in render(SECRET) if each["kind"] == "HorizontalPodAutoscaler"]


def test_pods_are_restricted() -> None:
    """Each pod meets the restricted profile, and gets neither a token nor variables of services."""
    seen = list(pods(render(SECRET)))
    assert [name for name, _ in seen] == ["tieout-web", "tieout-worker", "tieout-migrate"]
    for _, pod in seen:
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"]["limits"]["memory"].endswith(("Mi", "Gi"))


def test_a_worker_may_take_what_comparing_was_measured_to(project: Path) -> None:
    """A worker's limit exceeds every figure of memory that the page about sizes tells of our processes."""
    rows = (project / "docs" / "scaling.md").read_text().split("## What a thing costs")[1].split("\n## ")[0]
    [compared] = re.findall(r"(\d+) MB while it is compared whole", rows)
    own = re.findall(r"(\d+) MB (?:of the process|while it reads|while it receives)", rows)
    worker = dict(pods(render(SECRET)))["tieout-worker"]["containers"][0]
    [(amount, unit)] = re.findall(r"^(\d+)(Mi|Gi)$", worker["resources"]["limits"]["memory"])
    limit = int(amount) * {"Mi": 2**20, "Gi": 2**30}[unit]
    assert len(own) == 3
    assert limit > max(map(int, [compared, *own])) * 10**6


def test_network_is_closed_by_default() -> None:
    """One policy takes everything in and out away from all pods; only the web side is opened again."""
    policies = {
        found["metadata"]["name"]: found["spec"]
        for found in render(SECRET)
        if found["kind"] == "NetworkPolicy"
    }
    assert policies["tieout"]["policyTypes"] == ["Ingress", "Egress"]
    assert policies["tieout"]["ingress"] == []
    assert "app.kubernetes.io/component" not in policies["tieout"]["podSelector"]["matchLabels"]
    assert policies["tieout-web"]["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "web"


def test_migrations_are_let_out_before_anything_is_installed() -> None:
    """Where a cluster denies by itself, whoever migrates may go where all others may, from the start."""
    objects = render(SECRET)
    policies = {found["metadata"]["name"]: found for found in objects if found["kind"] == "NetworkPolicy"}
    [job] = [found for found in objects if found["kind"] == "Job"]
    policy = policies["tieout-migrate"]
    hook, job_hook = (found["metadata"]["annotations"] for found in (policy, job))
    assert hook["helm.sh/hook"] == job_hook["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert int(hook["helm.sh/hook-weight"]) < int(job_hook.get("helm.sh/hook-weight", 0))
    assert hook["helm.sh/hook-delete-policy"] == "before-hook-creation", "it is there for as long as the job"
    chosen = policy["spec"]["podSelector"]["matchLabels"].items()
    assert chosen <= job["spec"]["template"]["metadata"]["labels"].items()
    assert policy["spec"]["egress"] == policies["tieout"]["spec"]["egress"]
    assert policy["spec"]["policyTypes"] == ["Egress"]


def test_the_hub_is_reached_over_either_internet() -> None:
    """HTTPS goes out over IPv4 and IPv6, in both but to private ranges, each named by its own kind."""
    values = {**SECRET, "networkPolicy": {"exceptCidrs": ["10.0.0.0/8", "fc00::/7"]}}
    for given, excepted in ((values, [["10.0.0.0/8"], ["fc00::/7"]]), (SECRET, None)):
        [policy] = [
            found
            for found in render(given)
            if found["metadata"]["name"] == "tieout-migrate" and found["kind"] == "NetworkPolicy"
        ]
        *_, https = policy["spec"]["egress"]
        blocks = [peer["ipBlock"] for peer in https["to"]]
        assert [block["cidr"] for block in blocks] == ["0.0.0.0/0", "::/0"]
        for block in blocks:
            world = ip_network(block["cidr"])
            assert all(ip_network(cidr).version == world.version for cidr in block["except"])
        assert excepted is None or [block["except"] for block in blocks] == excepted


def test_chart_lists_the_settings() -> None:
    """The chart's values name every setting that the service knows, and none that it does not."""
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    known = {variable.name for variable in VARIABLES}
    assert set(values["settings"]) | FROM_SECRET | SET_BY_CHART | POINTLESS_IN_A_CLUSTER == known


def test_settings_reach_the_container_as_text() -> None:
    """Numbers and booleans in values arrive as environment strings; null ones do not arrive."""
    settings = {"TIEOUT_POLL_SECONDS": 60, "TIEOUT_ALERT_ALLOW_PRIVATE": True}
    pod = dict(pods(render({**SECRET, "settings": settings})))["tieout-worker"]
    environment = {entry["name"]: entry["value"] for entry in pod["containers"][0]["env"]}
    assert environment == {
        "TIEOUT_LISTEN": "0.0.0.0:8080",
        "TIEOUT_ROLES": "worker",
        "TIEOUT_POLL_SECONDS": "60",
        "TIEOUT_ALERT_ALLOW_PRIVATE": "true",
    }


def test_missing_secret_is_told() -> None:
    """Without the name of a Secret the chart refuses, saying which keys it must hold."""
    with pytest.raises(HelmError, match="TIEOUT_HUB_CLIENT_SECRET"):
        render({})


def test_image_is_small_and_unprivileged() -> None:
    """The Dockerfile pins its base, installs by hash, ends unprivileged and without build tools."""
    text = (CHART.parent / "Dockerfile").read_text()
    assert re.search(r"^ARG PYTHON=python:\d+\.\d+\.\d+-slim", text, re.MULTILINE)
    assert "--require-hashes -r ${REQUIREMENTS}" in text
    assert "ARG REQUIREMENTS=requirements.lock" in text
    final = text.split("\nFROM ")[-1]
    assert re.search(r"^USER \d+:\d+$", final, re.MULTILINE)
    assert not re.search(r"\b(apt-get|pip install|gcc)\b", final)


def test_image_is_built_by_locked_code_alone() -> None:
    """Whatever pip installs or builds for the image has hashes, or is ours and brings no code of others."""
    commands = re.findall(r"\bpip (?:install|wheel) [^&\n]+", (CHART.parent / "Dockerfile").read_text())
    assert commands
    for command in commands:
        is_ours = {"--no-deps", "--no-build-isolation"} <= set(command.split())
        assert is_ours or "--require-hashes" in command.split(), command


@pytest.mark.parametrize("requirements", ["requirements.lock", "requirements-extras.lock"])
def test_image_is_sent_what_it_copies(requirements: str) -> None:
    """Whatever the Dockerfile copies, with or without extras, is let through to the builder, and is there."""
    root = CHART.parent
    let_through = {
        line[1:] for line in (root / ".dockerignore").read_text().splitlines() if line.startswith("!")
    }
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (root / "Dockerfile").read_text(), re.MULTILINE)
    wanted = " ".join(copied).replace("${REQUIREMENTS}", requirements).split()
    assert requirements in wanted
    for name in wanted:
        assert (root / name).exists(), name
        assert name in let_through, name


def test_a_web_pod_answers_until_the_cluster_has_forgotten_it() -> None:
    """Before it is told to stop a web pod goes on answering for a while, and there is time for both."""
    pod = dict(pods(render({**SECRET, "web": {"drainSeconds": 0.5}})))["tieout-web"]
    program, *arguments = pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
    began = time.monotonic()
    subprocess.run([sys.executable, *arguments], check=True, timeout=30)
    assert time.monotonic() - began >= 0.5
    assert program == "python", "the image has it, whatever else it lacks"
    drain_seconds = yaml.safe_load((CHART / "values.yaml").read_text())["web"]["drainSeconds"]
    assert pod["terminationGracePeriodSeconds"] > drain_seconds + SHUTDOWN_SECONDS + CONNECT_SECONDS


def test_migrations_may_go_around_pgbouncer() -> None:
    """Where the service goes through pgbouncer, its migrations are given Postgres' own address."""
    values = {**SECRET, "migrate": {"databaseSecret": "tieout-postgres"}}
    found = dict(pods(render(values)))
    [address] = [
        each
        for each in found["tieout-migrate"]["containers"][0]["env"]
        if each["name"] == "TIEOUT_DATABASE_URL"
    ]
    assert address["valueFrom"] == {"secretKeyRef": {"name": "tieout-postgres", "key": "TIEOUT_DATABASE_URL"}}
    for name in ("tieout-web", "tieout-worker"):
        assert "TIEOUT_DATABASE_URL" not in {each["name"] for each in found[name]["containers"][0]["env"]}


def test_postgres_can_be_known_by_its_authority() -> None:
    """The certificate in a Secret lies, alone and read-only, where every pod's address can name it."""
    found = dict(pods(render({**SECRET, "database": {"caSecret": "postgres-ca"}})))
    assert set(found) == {"tieout-web", "tieout-worker", "tieout-migrate"}
    for pod in found.values():
        [volume] = [each for each in pod["volumes"] if each["name"] == "database-ca"]
        assert volume["secret"] == {
            "secretName": "postgres-ca",
            "items": [{"key": "ca.crt", "path": "ca.crt"}],
        }
        [container] = pod["containers"]
        [mount] = [each for each in container["volumeMounts"] if each["name"] == "database-ca"]
        assert (mount["mountPath"], mount["readOnly"]) == ("/etc/tieout/database", True)
    for place in (CHART / "values.yaml", CHART.parent / "README.md"):
        assert "sslmode=verify-full&sslrootcert=/etc/tieout/database/ca.crt" in place.read_text()
    for pod in dict(pods(render(SECRET))).values():
        assert [each["name"] for each in pod["volumes"]] == ["tmp"]
