"""The simulated hub in a process of its own, at the rate that the real one allows."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from benchmarks.measuring.process import python

CONTROL_SECONDS = 60.0
"""A look through a long journal takes seconds, and may have to wait for a core."""


@dataclass(frozen=True)
class Hub:
    """Where it answers, and its controls."""

    told: Mapping[str, Any]

    @property
    def settings(self) -> Mapping[str, object]:
        """What the service must be told of it."""
        return {
            "hub_url": self.told["url"],
            "hub_client_id": self.told["client_id"],
            "hub_client_secret": self.told["client_secret"],
            "hub_dialect": self.told["dialect"],
        }

    @property
    def organization_ids(self) -> Sequence[str]:
        """Every organization of the world."""
        return [each["id"] for each in self.told["organizations"]]

    def control(self, name: str, **arguments: object) -> object:
        """Call a control of the world."""
        response = httpx.post(
            f"{self.told['control_url']}/{name}", json=arguments, timeout=CONTROL_SECONDS, trust_env=False
        )
        response.raise_for_status()
        result: object = response.json()["result"]
        return result

    def requests(self) -> Mapping[str, Any]:
        """Tell how many requests arrived, and how many in the busiest second."""
        response = httpx.get(
            f"{self.told['control_url']}/requests",
            params={"limit": 0},
            timeout=CONTROL_SECONDS,
            trust_env=False,
        )
        response.raise_for_status()
        found: Mapping[str, Any] = response.json()
        return found


@contextmanager
def hub(*arguments: str) -> Iterator[Hub]:
    """Run this Python with the arguments, which serve a world, until the block ends."""
    with python(arguments, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None, "its output is a pipe"
        line = process.stdout.readline()
        assert line, "the simulated hub ended by itself"
        yield Hub(json.loads(line))


def simulator(**options: object) -> Sequence[str]:
    """The command line of a simulated hub with these options."""
    given = {"listen": "127.0.0.1:0", **options}
    parts = [part for name, value in given.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    return ["-m", "service", "simulator", *parts]
