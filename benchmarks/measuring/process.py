"""The real service as a process of its own, and what it holds of memory."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
KEY = "benchmark-key-of-more-than-128-bits"
SECRET = "whsec-benchmark"  # noqa: S105 - of nothing but this benchmark
START_SECONDS = 60.0
STOP_SECONDS = 30.0


@dataclass
class Running:
    """A process, where it listens, and what it holds."""

    process: subprocess.Popen[bytes]
    port: int

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def peak_bytes(self) -> int:
        """The most memory that it held."""
        return self._memory("VmHWM")

    @property
    def held_bytes(self) -> int:
        """The memory that it holds now."""
        return self._memory("VmRSS")

    def _memory(self, name: str) -> int:
        """Read what Linux tells; zero elsewhere."""
        try:
            status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        except OSError:
            return 0
        [line] = [line for line in status.splitlines() if line.startswith(f"{name}:")]
        return int(line.split()[1]) * 1024


@contextmanager
def service(
    database_url: str, *, roles: str = "web", port: int | None = None, **settings: object
) -> Iterator[Running]:
    """Run `tieout serve` on a database; `settings` are named without their prefix."""
    port = port or free_port()
    given = {
        "database_url": database_url,
        "listen": f"127.0.0.1:{port}",
        "roles": roles,
        "hub_url": "http://127.0.0.1:9",
        "hub_client_id": "benchmark",
        "hub_client_secret": "benchmark",
        "api_keys": f"benchmark:operator:{KEY}",
        "webhook_secrets": SECRET,
        **settings,
    }
    environment = {f"TIEOUT_{name.upper()}": str(value) for name, value in given.items()}
    with child(["-m", "service", "serve"], port, environment) as running:
        await_ready(running)
        yield running


@contextmanager
def child(
    arguments: Sequence[str], port: int, environment: Mapping[str, str] | None = None
) -> Iterator[Running]:
    """Run this Python with the arguments until the block ends."""
    with python(arguments, environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        yield Running(process, port)


@contextmanager
def python(
    arguments: Sequence[str],
    environment: Mapping[str, str] | None = None,
    *,
    stdout: int,
    stderr: int | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run this Python from the root of the project, without our settings, until the block ends."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TIEOUT_")}
    with subprocess.Popen(
        [sys.executable, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        cwd=ROOT,
        env={**inherited, "PYTHONPATH": str(ROOT), **(environment or {})},
    ) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def await_ready(running: Running) -> None:
    """Wait until it answers that it is ready."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        assert running.process.poll() is None, "the service ended by itself"
        try:
            with urllib.request.urlopen(f"{running.url}/readyz", timeout=2):  # noqa: S310 - our own loopback
                return
        except (urllib.error.URLError, OSError):
            assert time.monotonic() < deadline, "the service is not ready"
            time.sleep(0.05)
