"""A worker replica as a benchmark sees it: what its metrics count, what it holds in Postgres, and its end."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import httpx

from benchmarks.measuring.hub import Hub
from benchmarks.measuring.process import KEY, Running, service

LOOK_SECONDS = 0.25
LINE = re.compile(r"^(?P<name>\w+)\{(?P<labels>.*)\} (?P<value>\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Counts:
    """What a replica has done since it was started."""

    calls: float
    runs: float


@dataclass(frozen=True)
class Replica:
    """A running worker."""

    running: Running

    @property
    def mark(self) -> str:
        """A pattern of the name under which it holds leases."""
        return f"%-{self.running.process.pid}-%"

    def counts(self) -> Counts:
        """Ask its metrics: requests to the hub, and organizations read."""
        headers = {"authorization": f"Bearer {KEY}"}
        told = httpx.get(f"{self.running.url}/metrics", headers=headers, trust_env=False, timeout=30)
        told.raise_for_status()
        calls = runs = 0.0
        for match in LINE.finditer(told.text):
            name, labels = match["name"], match["labels"]
            if name == "tieout_hub_requests_total":
                calls += float(match["value"])
            elif name == "tieout_worker_runs_total" and 'outcome="done"' in labels and '"poll"' in labels:
                runs += float(match["value"])
        return Counts(calls, runs)

    def kill(self) -> None:
        """Let it end without a word."""
        self.running.process.kill()
        self.running.process.wait()


def replica(
    url: str, hub: Hub, roles: str = "worker", port: int | None = None
) -> AbstractContextManager[Running]:
    """Start a replica; it is ready when the block begins."""
    return service(url, roles=roles, port=port, **hub.settings)


def until(what: str, holds: Callable[[], bool], seconds: float) -> None:
    """Look until something holds, which it must."""
    taken = seconds_until(holds, seconds)
    assert taken is not None, f"{what}: not so after {seconds:g} s"


def seconds_until(holds: Callable[[], bool], seconds: float) -> float | None:
    """Look until something holds; returns how long that took, None where it was given up."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > seconds:
            return None
        time.sleep(LOOK_SECONDS)
    return time.monotonic() - began
