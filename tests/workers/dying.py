"""Replicas that die or freeze at a chosen wait.

A replica's steps are counted: each is what runs between two waits, in any of its tasks. `kill -9` means that
nothing of a process runs again, no `except`, no `finally`: from the chosen step on its tasks are never
resumed, and its database sessions are cut. Cancelling it would run exactly the code that a kill never runs.
Freezing (SIGSTOP, a paused machine) is the same for a while: sockets stay open, and time goes on without it.

The hub is another party: what has reached it goes on.
"""

from __future__ import annotations

import asyncio
import ctypes
import sys
import time
import types
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from enum import Enum, auto
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from service import elapsed
from service.domain.pushing import policy as push_policy
from service.hub.budget import Budget, single_process
from service.hub.client import Hub
from service.hub.dialect import Dialect
from service.hub.exchange import open_http
from service.hub.signing_in import Credentials
from service.simulator import Simulator, SimulatorTransport
from service.store.database import Database
from service.workers.pusher import Pusher
from service.workers.work import Tally
from tests.workers.watching import REQUESTS_PER_SECOND

DEADLINE_SECONDS = 30.0
"""A run of a replica that takes longer hangs."""


# One that has been sent half of a statement's messages counts as active while it waits for the others; then
# the statement's own time-out ends it.
_END_TRANSACTIONS = """
SELECT pid, wait_event = 'ClientRead' AND pg_terminate_backend(pid) AS is_ended FROM pg_stat_activity
WHERE datname = current_database() AND application_name = $1 AND state <> 'idle'
"""


class When(Enum):
    """At which side of a wait a replica stops."""

    ASKED = auto()
    """At once: what it sent may be carried out, and the answer is never read."""
    ANSWERED = auto()
    """When the answer has come, before anything is made of it."""


Stops = Callable[["Mortal", When], bool]
"""Asked on both sides of each wait: whether it stops there."""


class Mortal:
    """A process, as far as stopping it goes: its tasks, counted in steps, and its database sessions."""

    deadline_seconds = DEADLINE_SECONDS

    def __init__(self, name: str, database: Database) -> None:
        self.name = name
        self.database = database
        self.steps = 0
        self.is_dead = False
        self.stopped = asyncio.Event()
        # What a task of ours has just begun to wait for, or goes on with.
        self.waiting: Coroutine[Any, Any, Any] | None = None
        self._stops: Stops | None = None
        self._thawed: asyncio.Future[None] | None = None

    async def begin(self, work: Coroutine[Any, Any, Tally], stops: Stops | None = None) -> Tally | None:
        """Let a coroutine run in it; None when it stopped before that was through."""
        self._stops = stops
        with being(self):
            self._run = asyncio.get_running_loop().create_task(work)
        stopping = asyncio.ensure_future(self.stopped.wait())
        await asyncio.wait(
            [self._run, stopping], timeout=self.deadline_seconds, return_when=asyncio.FIRST_COMPLETED
        )
        stopping.cancel()
        if self.stopped.is_set():
            return None
        assert self._run.done(), f"the run of {self.name} hangs"
        return self._run.result()

    def kill(self) -> None:
        """Cut the sessions of a replica that has stopped; it is never resumed."""
        self.is_dead = True
        self.stopped.set()
        # A process that is gone closes nothing in an orderly way.
        self.database._pool.terminate()

    async def thaw(self) -> BaseException | Tally:
        """Let a frozen replica go on to the end of its run."""
        assert self._thawed is not None, "it is not frozen"
        self._stops = None
        thawed, self._thawed = self._thawed, None
        self.stopped.clear()
        # Timers that ended meanwhile are looked at before what the sockets brought, as after SIGCONT.
        for _ in range(3):
            await asyncio.sleep(0)
        if not thawed.done():
            thawed.set_result(None)
        async with asyncio.timeout(self.deadline_seconds):
            with suppress(BaseException):
                await asyncio.shield(self._run)
        return self._run.exception() or self._run.result()

    def is_stopped(self, when: When) -> bool:
        """Whether nothing more is to run; asked on both sides of each wait."""
        if not self.stopped.is_set() and self._stops is not None and self._stops(self, when):
            self._thawed = asyncio.get_running_loop().create_future()
            self.stopped.set()
        return self.stopped.is_set()

    @property
    def thawed(self) -> asyncio.Future[None]:
        """Done when a frozen replica goes on; never for a dead one."""
        assert self._thawed is not None
        return self._thawed


class Replica(Mortal):
    """One process of the service, as far as pushing goes: its own sessions, its own client of the hub."""

    def __init__(self, name: str, database: Database, hub: Hub, policy: push_policy.Policy) -> None:
        super().__init__(name, database)
        self.pusher = Pusher(database, hub, policy, name, chance=lambda: 0.5)

    async def run(self, *, stop_at: int | None = None, when: When = When.ASKED) -> Tally | None:
        """Let the pusher run once; None when the replica stopped at that step before it was through."""
        last, side = self.steps + (stop_at or 0), when

        def stops(_: Mortal, when: When) -> bool:
            return self.steps >= last and (when is side or self.steps > last)

        now = await self.database.now()
        return await self.begin(self.pusher.run_once(now), stops if stop_at is not None else None)


_REPLICA: ContextVar[Mortal | None] = ContextVar("replica", default=None)


@contextmanager
def being(mortal: Mortal | None) -> Iterator[None]:
    """Tasks that are made within belong to this process, or to none."""
    token = _REPLICA.set(mortal)
    try:
        yield
    finally:
        _REPLICA.reset(token)


def present() -> Mortal | None:
    """The process whose code runs just now."""
    return _REPLICA.get()


@types.coroutine
def _in_steps(replica: Mortal, inner: Coroutine[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """Run a coroutine of a replica for as long as the replica does."""
    error: BaseException | None = None
    while True:
        replica.waiting = inner
        if replica.is_stopped(When.ANSWERED):
            error = yield from _frozen(replica, inner, error)
            continue
        hooks = sys.get_asyncgen_hooks()
        # The loop closes the generators that it knows of when it ends, which would run their `finally`.
        sys.set_asyncgen_hooks(None, None)
        try:
            waits_for = inner.throw(error) if error is not None else inner.send(None)
        except StopIteration as end:
            return end.value
        finally:
            sys.set_asyncgen_hooks(*hooks)
        error = None
        replica.steps += 1
        replica.waiting = inner
        replica.is_stopped(When.ASKED)
        try:
            yield waits_for
        except BaseException as thrown:  # noqa: BLE001 - it is the inner one's to see
            error = thrown


def _frozen(
    replica: Mortal, inner: Coroutine[Any, Any, Any], error: BaseException | None
) -> Generator[Any, Any, BaseException | None]:
    """Wait until the replica goes on, with what is to be thrown then; raises if that is never."""
    try:
        if not replica.is_dead:
            yield from asyncio.shield(replica.thawed)
    except asyncio.CancelledError as cancelled:
        error = cancelled
    if replica.is_dead:
        # Kept for ever: collecting it would run what a dead process does not run.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(inner))
        raise asyncio.CancelledError
    return error


async def _stepping(replica: Mortal, inner: Coroutine[Any, Any, Any]) -> Any:
    return await _in_steps(replica, inner)


def make_task(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
    """A loop's task factory: tasks of a process are counted in steps."""
    replica = _REPLICA.get()
    return asyncio.Task(coroutine if replica is None else _stepping(replica, coroutine), loop=loop, **options)


def _clock() -> float:
    """The clock of a machine, which `Replicas.pass_time` moves."""
    return elapsed.seconds()


class Elsewhere(httpx.AsyncBaseTransport):
    """The way to the hub, whose doings are not ours and go on when we are gone."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass a request on, as nobody's."""
        with being(None):
            return await self._inner.handle_async_request(request)


class Replicas:
    """Makes replicas that share a database and a hub."""

    def __init__(
        self,
        database: Database,
        database_url: str,
        simulator: Simulator,
        policy: push_policy.Policy,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        self._database = database
        self._url = database_url
        self._simulator = simulator
        self._policy = policy
        self._monkeypatch = monkeypatch
        self._passed_seconds = 0.0
        self._real_clock = time.monotonic
        self._made: list[Replica] = []
        self._transport = SimulatorTransport(simulator.app)

    async def start(self, name: str | None = None) -> Replica:
        """Start one more."""
        name = name or f"replica-{len(self._made) + 1}"
        database = await Database.open(self._url, pool_size=4, application_name=name)
        database.clock_offset = self._database.clock_offset
        http = open_http(
            base_url="http://hub.test/v1",
            timeout_seconds=5,
            service_version="1",
            transport=Elsewhere(self._transport),
        )
        hub = Hub(
            http=http,
            dialect=Dialect(self._simulator.dialect.value),
            credentials=Credentials(
                client_id=self._simulator.client_id,
                client_secret=self._simulator.client_secret,
                token_url="http://hub.test/v1/auth/token",
            ),
            version=Dialect(self._simulator.dialect.value).default_version,
            budget=Budget(single_process(REQUESTS_PER_SECOND), clock=_clock),
            timeout_seconds=5,
            clock=_clock,
            jitter=lambda: 0.0,
        )
        replica = Replica(name, database, hub, self._policy)
        self._made.append(replica)
        return replica

    async def until_claimable(self, organization_id: UUID) -> None:
        """Wait until Postgres has noticed that the sessions of the dead are gone."""
        connection = await asyncpg.connect(self._url)
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                async with connection.transaction():
                    await connection.execute(
                        "SELECT FROM tieout.work WHERE organization_id = $1 FOR UPDATE", organization_id
                    )
        finally:
            await connection.close()

    def pass_time(self, seconds: float) -> None:
        """Let the clocks of all machines go on by as much."""
        self._passed_seconds += seconds
        for replica in self._made:
            replica.database.clock_offset = self._database.clock_offset
        passed, real = self._passed_seconds, self._real_clock
        self._monkeypatch.setattr(time, "monotonic", lambda: real() + passed)
        self._monkeypatch.setattr(elapsed, "seconds", lambda: real() + passed)

    async def end_idle_transactions(self, replica: Replica) -> None:
        """What Postgres does by itself to whoever leaves a transaction alone for half a minute."""
        connection = await asyncpg.connect(self._url)
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                while await connection.fetch(_END_TRANSACTIONS, replica.name):  # noqa: ASYNC110 - it tells nobody
                    await asyncio.sleep(0.01)
        finally:
            await connection.close()

    async def close(self) -> None:
        """End those that still live."""
        for replica in self._made:
            replica.kill()


@asynccontextmanager
async def replicas(
    database: Database,
    database_url: str,
    simulator: Simulator,
    policy: push_policy.Policy,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Replicas]:
    """Make a place for replicas; within it tasks of theirs are counted."""
    loop = asyncio.get_running_loop()
    loop.set_task_factory(make_task)
    made = Replicas(database, database_url, simulator, policy, monkeypatch)
    try:
        yield made
    finally:
        await made.close()
        loop.set_task_factory(None)
