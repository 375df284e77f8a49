"""Running the command line as a person does: as a process, with an environment of settings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

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


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[dict[str, object]]:
    """The settings of a simulated hub that listens."""
    process = Process(
        ["simulator", "--listen", "127.0.0.1:0", "--organizations", "3", "--documents", "5"],
        tmp_path / "simulator.log",
        {},
    )
    try:
        told = json.loads(await process.first_line())
        yield {
            "hub_url": told["url"],
            "hub_client_id": told["client_id"],
            "hub_client_secret": told["client_secret"],
        }
    finally:
        process.stop()
