"""The API keeps its word: requests that nobody thought of meet no 500 and nothing undescribed."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.conftest import Stage
from tests.acceptance.processes import KEY, Service, until

CHECKS = """\
# Whether a token was ever given, or a time lies in the future, no schema can tell.
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "303", "304", "401", "403", "404", "409", "415", "422"]

# A document that cannot be read is refused by itself, within an answer that takes the others.
[[operations]]
include-name = "POST /v1/documents/bulk"
checks.negative_data_rejection.enabled = false
"""

SECONDS_MAX = 1_000
CASES_A_SEED = 4_000
"""Three of them make more than ten thousand."""


@pytest.mark.timeout(300)
async def test_some_requests_are_answered_as_described(stage: Stage) -> None:
    """A thousand generated requests to the real service find nothing undescribed and no failure of ours."""
    service = await filled(stage)
    assert (
        await fuzzed(service, stage.folder, "--phases", "coverage,stateful", "--max-examples", "1") >= 1_000
    )


@pytest.mark.night
@pytest.mark.timeout(SECONDS_MAX)
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_ten_thousand_requests_are_answered_as_described(stage: Stage, seed: int) -> None:
    """Thousands of generated requests of each seed, and sequences of them, find nothing either."""
    service = await filled(stage)
    cases = await fuzzed(service, stage.folder, "--max-examples", "100", seed=seed)
    assert cases > CASES_A_SEED


async def filled(stage: Stage) -> Service:
    """The service, after it has read a fleet with troubles of every kind, whole."""
    hub = await stage.simulator(organizations=4, documents=20)
    service = stage.service(hub, hub_rate_per_second=2_000, api_keys=f"fuzz:approver:{KEY}")
    await service.start()

    async def is_read() -> bool:
        status = await service.get("/status")
        return bool(status["organizations"]["total"] == 4 and status["differences"]["open"])

    await until("the fleet is read and compared", is_read, 120)
    return service


async def fuzzed(service: Service, folder: Path, *options: str, seed: int = 1) -> int:
    """Generate requests from the description, send them, judge the answers; gives how many there were."""
    program = shutil.which("schemathesis", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("schemathesis is not installed beside this interpreter")
    (folder / "schemathesis.toml").write_text(CHECKS)
    command = [
        *(program, "--config-file", str(folder / "schemathesis.toml"), "run", f"{service.url}/openapi.json"),
        *("--header", f"Authorization: Bearer {KEY}", "--seed", str(seed), "--no-color", *options),
    ]
    done = await asyncio.to_thread(
        subprocess.run, command, cwd=folder, capture_output=True, text=True, timeout=SECONDS_MAX, check=False
    )
    service.require_running()
    assert done.returncode == 0, done.stdout[done.stdout.find("FAILURES") :][:8_000] + done.stderr[-2_000:]
    found = re.search(r"(\d+) generated, (\d+) passed", done.stdout)
    assert found, done.stdout[-2_000:]
    assert found[1] == found[2]
    sys.stdout.write(f"{found[1]} requests with seed {seed}, each answered as described\n")
    return int(found[1])
