"""What the Helm chart renders is what runs: commands, environment and probes, as real processes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from helm_python import chart as helm

from tests.acceptance.conftest import Stage

CHART = Path(__file__).parents[2] / "helm"
FROM_SECRET = {"TIEOUT_DATABASE_URL", "TIEOUT_HUB_CLIENT_ID", "TIEOUT_HUB_CLIENT_SECRET", "TIEOUT_API_KEYS"}
"""What a cluster's Secret gives; the rest of a container's environment is the chart's."""


def containers(values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The container of each workload that the chart makes, by name."""
    with helm.Chart.load(CHART) as loaded:
        manifests = loaded.render({"existingSecret": "tieout", **values}, name="tieout", namespace="finance")
    texts = (text for name, text in manifests.items() if name.endswith(".yaml"))
    found = (each for text in texts for each in yaml.safe_load_all(text) if each)
    pods = [each["spec"]["template"]["spec"] for each in found if each["kind"] in {"Deployment", "Job"}]
    return {pod["containers"][0]["name"]: pod["containers"][0] for pod in pods}


@pytest.mark.parametrize("component", ["web", "worker"])
async def test_rendered_command_serves_its_probes(stage: Stage, component: str) -> None:
    """Migrated and started as the chart says, each side answers the probes that the chart asks for."""
    hub = await stage.simulator(organizations=1, documents=1)
    service = stage.service(hub)
    rendered = containers({"settings": {"TIEOUT_HUB_URL": hub.told["url"], "TIEOUT_POLL_SECONDS": 60}})
    given = {name: value for name, value in service.settings.items() if name in FROM_SECRET}
    environment = {each["name"]: each["value"] for each in rendered[component]["env"]}
    # Two pods may listen on one port; two processes of this machine may not.
    listening = {"TIEOUT_LISTEN": service.settings["TIEOUT_LISTEN"]}
    service.settings = {**given, **environment, **listening}
    assert await stage.command(*rendered["migrate"]["args"], service=service) == 0
    assert rendered[component]["args"] == ["serve"]
    await service.start()
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        path = rendered[component][probe]["httpGet"]["path"]
        response = await stage.http.get(f"{service.url}{path}")
        assert response.status_code == httpx.codes.OK, path
    assert await service.running.end() == 0
