"""Running the command line as a person does: as a process, with an environment of settings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.processes import Process

COMMAND_SECONDS = 100

Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def tieout(project: Path, tmp_path: Path) -> Command:
    """Run a command to its end; keywords are settings without their prefix."""

    def run(*arguments: str, **settings: object) -> subprocess.CompletedProcess[str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("TIEOUT_")}
        given = {f"TIEOUT_{name.upper()}": str(value) for name, value in settings.items()}
        return subprocess.run(
            [sys.executable, "-P", "-m", "service", *arguments],
            cwd=tmp_path,
            env={**inherited, "PYTHONPATH": str(project), "COLUMNS": "80", **given},
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )

    return run


@dataclass(frozen=True)
class World:
    """A simulated hub that listens: the settings that lead to it, its organizations, and its controls."""

    settings: Mapping[str, object]
    organizations: Sequence[Mapping[str, Any]]
    control_url: str

    async def control(self, name: str, **arguments: object) -> Any:
        """Change the world."""
        async with httpx.AsyncClient() as http:
            answer = await http.post(f"{self.control_url}/{name}", json=arguments)
        assert answer.status_code == httpx.codes.OK, answer.text
        return answer.json()["result"]

    async def connected(self) -> str:
        """The id of an organization that is connected to its books."""
        async with httpx.AsyncClient() as http:
            truth = (await http.get(f"{self.control_url}/truth")).json()["organizations"]
        return next(str(key) for key, told in truth.items() if told["connection"]["status"] == "connected")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A simulated hub with three organizations."""
    process = Process(
        ["simulator", "--listen", "127.0.0.1:0", "--organizations", "3", "--documents", "5"],
        tmp_path / "simulator.log",
        {},
    )
    try:
        told = json.loads(await process.first_line())
        settings = {
            "hub_url": told["url"],
            "hub_client_id": told["client_id"],
            "hub_client_secret": told["client_secret"],
        }
        yield World(settings, told["organizations"], told["control_url"])
    finally:
        process.stop()


@pytest.fixture
def hub(world: World) -> dict[str, object]:
    """The settings of a simulated hub that listens."""
    return dict(world.settings)
