"""Real processes: `tieout serve`, `tieout simulator` and a Postgres that can be stopped without a word.

Each is a child that ends with its test, whatever became of it: `stop` asks first, and kills what does not
hear. Their logs are files, of which the last lines come with the message when one fails.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import msgspec

from service.embedded import account as accounts
from service.embedded import binaries, cluster

Found = TypeVar("Found")

KEY = "acceptance-key-of-more-than-128-bits"
WEBHOOK_SECRET = "whsec-acceptance"

START_SECONDS = 60.0
"""A start takes two seconds on an idle machine; here two cores may be shared by a dozen processes."""

STOP_SECONDS = 40.0
"""Longer than the service grants to what is under way."""

COMMAND_SECONDS = 100.0
"""For a command that ends by itself."""

LOOK_SECONDS = 0.2
"""Looking costs the processes that are looked at; two cores have better things to do."""
LOG_LINES = 12

PROJECT = Path(__file__).parents[2]


def reserve_port() -> socket.socket:
    """Take a free port that nobody else is given while the socket is open; whoever is told it may listen."""
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    return held


async def until(
    what: str, probe: Callable[[], Awaitable[Found | None]], seconds: float, step: float = LOOK_SECONDS
) -> Found:
    """Look until `probe` finds something; fail naming `what` when it does not within `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        trouble: Exception | None = None
        try:
            found = await probe()
        except (httpx.HTTPError, OSError) as error:
            found, trouble = None, error
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not so after {seconds:g} s {trouble or ''}")
        await asyncio.sleep(step)


class Process:
    """A command of ours as a child process."""

    def __init__(self, arguments: Sequence[str], log: Path, settings: Mapping[str, str]) -> None:
        self._log = log
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("TIEOUT_")}
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "service", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=file,
                cwd=log.parent,
                env={**inherited, "PYTHONPATH": str(PROJECT), **settings},
            )

    @property
    def id(self) -> int:
        """Its number."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it lives."""
        return self._process.poll() is None

    async def first_line(self) -> bytes:
        """Wait for the first line of its output."""
        assert self._process.stdout is not None, "its output is a pipe"
        async with asyncio.timeout(START_SECONDS):
            line = await asyncio.to_thread(self._process.stdout.readline)
        assert line, f"it ended without a word: {self.last_words()}"
        return line

    async def output(self) -> str:
        """Wait until it has said everything; what it said."""
        assert self._process.stdout is not None, "its output is a pipe"
        async with asyncio.timeout(COMMAND_SECONDS):
            return (await asyncio.to_thread(self._process.stdout.read)).decode()

    async def ended(self) -> int:
        """Wait until it ends by itself; returns the exit code."""
        try:
            return await asyncio.to_thread(self._process.wait, COMMAND_SECONDS)
        finally:
            self._close()

    def kill(self) -> None:
        """Kill it: no last word, no clean-up."""
        self._process.kill()
        self._process.wait()
        self._close()

    async def end(self) -> int:
        """Send SIGTERM and wait for the end; returns the exit code."""
        self._process.send_signal(signal.SIGTERM)
        code = await asyncio.to_thread(self._process.wait, STOP_SECONDS)
        self._close()
        return code

    def interrupt(self, number: signal.Signals = signal.SIGINT) -> None:
        """Press Ctrl-C, or send another signal."""
        self._process.send_signal(number)

    def stop(self) -> None:
        """Make sure that it is gone."""
        if self.is_running:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()
        self._close()

    def last_words(self) -> str:
        """Tell the end of its log, for a message."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-LOG_LINES:])

    def _close(self) -> None:
        if self._process.stdout is not None:
            self._process.stdout.close()


class Told(msgspec.Struct):
    """What is compared of an organization; the rest of the truth about it is skipped, not decoded."""

    name: str
    connection: dict[str, Any] | None
    records: list[dict[str, Any]]


class Truth(msgspec.Struct):
    """The world at one moment."""

    organizations: dict[str, Told]


@dataclass
class Hub:
    """A simulated hub in a process of its own, and its controls."""

    process: Process
    told: Mapping[str, Any]
    http: httpx.AsyncClient

    @property
    def organization_ids(self) -> Sequence[str]:
        """Every organization of the world."""
        return [each["id"] for each in self.told["organizations"]]

    async def control(self, name: str, **arguments: Any) -> Any:
        """Call a control of the world."""
        response = await self.http.post(f"{self.told['control_url']}/{name}", json=arguments)
        assert response.status_code == httpx.codes.OK, f"{name}: {response.status_code} {response.text[:500]}"
        return response.json()["result"]

    async def truth(self) -> Truth:
        """Tell how the world is."""
        return msgspec.json.decode(await self.told_bytes("truth"), type=Truth)

    async def tell(self, name: str, **query: Any) -> Any:
        """Read something of the world."""
        return json.loads(await self.told_bytes(name, **query))

    async def told_bytes(self, name: str, **query: Any) -> bytes:
        """Read something of the world, as it is told."""
        response = await self.http.get(f"{self.told['control_url']}/{name}", params=query)
        assert response.status_code == httpx.codes.OK, f"{name}: {response.status_code} {response.text[:500]}"
        return response.content


@dataclass
class Service:
    """One replica of the service: started, killed and started again under one address."""

    settings: Mapping[str, str]
    url: str
    log: Path
    http: httpx.AsyncClient
    process: Process | None = None

    @property
    def running(self) -> Process:
        """Its process, which lives."""
        self.require_running()
        assert self.process is not None, "it lives"
        return self.process

    def require_running(self) -> None:
        """Fail, with the end of its log, when it does not live."""
        assert self.process is not None, "it was not started"
        assert self.process.is_running, f"it ended by itself: {self.process.last_words()}"

    async def start(self) -> None:
        """Start it, and return when it is ready."""
        self.process = Process(["serve"], self.log, self.settings)
        await until("the service is ready", self._is_ready, START_SECONDS)

    async def get(self, path: str, **query: Any) -> Any:
        """One answer of its API."""
        response = await self.http.get(f"{self.url}{path}", params=query)
        assert response.status_code == httpx.codes.OK, (
            f"GET {path}: {response.status_code} {response.text[:500]}"
        )
        return response.json()

    async def all(self, path: str, **query: Any) -> Sequence[Any]:
        """Every row of a list, page by page to the end."""
        rows: list[Any] = []
        after: dict[str, str] = {}
        while True:
            page = await self.get(path, limit=500, **query, **after)
            rows += page["data"]
            if page["next"] is None:
                return rows
            after = {"after": page["next"]}

    async def _is_ready(self) -> bool:
        self.require_running()
        response = await self.http.get(f"{self.url}/readyz")
        return response.status_code == httpx.codes.OK


class Postgres:
    """A durable Postgres on a port that it keeps, so that it can be stopped under its clients' feet."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder, self._port = folder, port
        self._account = accounts.choose(folder / "data")
        self._programs = binaries.find(self._account)
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(mode=0o700, parents=True)
        cluster.prepare(folder, self._programs, self._account)

    @property
    def url(self) -> str:
        """Its address, password included."""
        password = cluster.read_password(self._folder)
        return f"postgresql://{cluster.USER}:{password}@127.0.0.1:{self._port}/{cluster.DATABASE}"

    def start(self) -> None:
        """Start it; connections are refused for a moment."""
        with accounts.reach(self._folder / "data", self._account) as (path, descriptors):
            self._process = subprocess.Popen(
                [
                    self._programs / "postgres",
                    *("-D", path, "-p", str(self._port), "-h", "127.0.0.1", "-c", "unix_socket_directories="),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=binaries.environment(),
                cwd="/",
                pass_fds=descriptors,
                **accounts.process_options(self._account),
            )

    def stop(self) -> None:
        """Stop it at once, as a crash would: no session is told, no checkpoint is made."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(STOP_SECONDS)
            self._process = None


async def start_simulator(log: Path, http: httpx.AsyncClient, **options: object) -> Hub:
    """Start a simulated hub; `options` are those of its command line."""
    given = {"listen": "127.0.0.1:0", "rate-per-second": 0, **options}
    arguments = [part for name, value in given.items() for part in (f"--{name}", *str(value).split())]
    process = Process(["simulator", *arguments], log, {})
    try:
        return Hub(process=process, told=json.loads(await process.first_line()), http=http)
    except BaseException:
        process.stop()
        raise
