"""Virtual time: one clock for the hub, for Postgres, for the event loop and for every machine's own.

It stands still while anybody computes or Postgres is asked, and jumps to the next timer when nothing else is
left to do: an hour takes no time, and the speed of the machine changes nothing. Each transaction moves it on
by a millisecond, so that what comes later is later.

Nor does that speed change the order of things: what is left to do is done before any answer is looked at,
what is meant for a thread is done at once, and a replica's transactions take turns, so that Postgres has one
question to answer at a time.

Postgres is real. Its `tieout.now()` is replaced by one that tells what the setting `tieout.clock_offset` says
and nothing of its own; and a trigger of ours notes each lease that is taken over before it has ended.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import asynccontextmanager, contextmanager
from contextvars import Context
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from service import elapsed
from service.store import database as store_database
from service.store.database import NO_SETTINGS, Connection, Database, Settings
from tests.workers.dying import Mortal, make_task, present

TICK_SECONDS = 0.001
"""What a transaction takes."""

GRAIN_SECONDS = 1e-6
"""The shortest wait. The loop calls at once what is due within a billionth of a second, so that a timer of
less, as rounding may leave, comes back for ever in a time that stands still."""

PATIENCE_SECONDS = 60.0
"""Of real time: a Postgres that is silent for longer hangs."""

SILENT_LOOKS = 5
"""In a row: a session that has not yet read what it was sent looks like one that is done."""

START = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)
"""An ordinary Thursday morning."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_ALL_VIRTUAL = """
CREATE OR REPLACE FUNCTION tieout.now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT to_timestamp(0) + current_setting('tieout.clock_offset')::interval $$;
CREATE OR REPLACE FUNCTION tieout.instant() RETURNS timestamptz LANGUAGE sql
AS $$ SELECT to_timestamp(0) + current_setting('tieout.clock_offset')::interval $$;

CREATE TABLE tieout.stolen (
    organization_id uuid, kind text, at timestamptz, leased_until timestamptz, lease_by text, taken_by text
);
CREATE FUNCTION tieout.note_stolen() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO tieout.stolen
    VALUES (OLD.organization_id, OLD.kind, tieout.now(), OLD.due_at, OLD.lease_by, NEW.lease_by);
    RETURN NULL;
END $$;
CREATE TRIGGER note_stolen AFTER UPDATE ON tieout.work FOR EACH ROW
WHEN (NEW.fence > OLD.fence AND OLD.lease_by IS NOT NULL AND OLD.due_at > tieout.now())
EXECUTE FUNCTION tieout.note_stolen();
"""


# Replicas of another world, which has a database of its own, have the same names.
_END = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = $1
"""
_END_TRANSACTIONS = f"{_END} AND state <> 'idle'"

# One that has been sent half of a statement's messages counts as active while it waits for the others.
_ACTIVE = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = $1
    AND state = 'active' AND wait_event IS DISTINCT FROM 'ClientRead'
"""


class VirtualTime:
    """The time of everybody, and who is waiting for something outside of it."""

    def __init__(self, start: datetime = START) -> None:
        self.start = start
        self.seconds = 0.0
        self._outside: Counter[Mortal | None] = Counter()

    @property
    def now(self) -> datetime:
        """The present."""
        return self.start + timedelta(seconds=self.seconds)

    def read(self) -> float:
        """Seconds since the start."""
        return self.seconds

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds += seconds

    @contextmanager
    def outside(self) -> Iterator[None]:
        """Time stands still meanwhile: what is waited for, Postgres, knows nothing of it."""
        who = present()
        self._outside[who] += 1
        try:
            yield
        finally:
            self._outside[who] -= 1

    def is_outside(self, who: Mortal | None) -> bool:
        """Whether somebody waits for Postgres."""
        return self._outside[who] > 0

    @property
    def stands_still(self) -> bool:
        """Whether anybody who runs waits for something outside; the dead and the frozen wait for nothing."""
        return any(
            count and (who is None or not who.stopped.is_set()) for who, count in self._outside.items()
        )


class _Selector(selectors.DefaultSelector):
    """Waits for sockets while time stands still; lets it jump when only timers are left."""

    virtual: VirtualTime

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout == 0:
            # There is something left to do. Whether an answer has come by now is the machine's affair.
            return []
        found = super().select(0)
        if found:
            return found
        if timeout is None or self.virtual.stands_still:
            # Once more at once: who was stopped meanwhile has waited without looking.
            found = super().select(PATIENCE_SECONDS) or super().select(0)
            assert found, "nothing happens any more"
            return found
        self.virtual.advance(timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time."""

    def __init__(self, virtual: VirtualTime) -> None:
        selector = _Selector()
        selector.virtual = virtual
        self._virtual = virtual
        super().__init__(selector)
        self.set_task_factory(make_task)

    def time(self) -> float:
        """Seconds since the start."""
        return self._virtual.seconds

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Call later, and never so soon that time would not move: who waits for less would wait for ever."""
        return super().call_later(delay and max(delay, GRAIN_SECONDS), callback, *args, context=context)

    def run_in_executor(  # type: ignore[override]
        self, _executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Do a thread's work in the loop's next turn: when a thread would end is the machine's affair."""
        future = self.create_future()
        self.call_soon(_work, future, func, *args)
        return future


def _work(future: asyncio.Future[Any], func: Callable[..., Any], *args: Any) -> None:
    if future.done():
        return
    try:
        future.set_result(func(*args))
    except Exception as error:  # noqa: BLE001 - it is for who waits
        future.set_exception(error)


def database_class(virtual: VirtualTime) -> type[Database]:
    """The service's database, whose time is virtual."""

    class Virtual(Database):
        def __init__(self, *parts: Any) -> None:
            super().__init__(*parts)
            self._turns = asyncio.Lock()
            self._whose: asyncio.Task[Any] | None = None

        @asynccontextmanager
        async def _transaction(
            self, scope: str, *, readonly: bool, settings: Settings = NO_SETTINGS
        ) -> AsyncIterator[Connection]:
            with virtual.outside():
                async with self._turn():
                    virtual.advance(TICK_SECONDS)
                    self.clock_offset = virtual.now - _EPOCH
                    async with super()._transaction(
                        scope, readonly=readonly, settings=settings
                    ) as connection:
                        yield connection

        @asynccontextmanager
        async def _turn(self) -> AsyncIterator[None]:
            task = asyncio.current_task()
            if self._whose is task:
                # A transaction within another: the turn is its own already.
                yield
                return
            async with self._turns:
                self._whose = task
                try:
                    yield
                finally:
                    self._whose = None

    return Virtual


async def make_virtual(url: str) -> None:
    """Let a database know no time but ours."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(_ALL_VIRTUAL)
    finally:
        await connection.close()


@contextmanager
def machines_in(virtual: VirtualTime) -> Iterator[None]:
    """Within it every machine's own clock is virtual; each may be ahead by a skew of its own.

    Its monotonic one stands still while it is suspended, as on Linux.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(elapsed, "seconds", lambda: virtual.seconds + _own("skew"))
        patch.setattr(time, "monotonic", lambda: elapsed.seconds() - _own("suspended_seconds"))
        for lifetime in ("STATEMENT_LIFETIME_SECONDS", "IDLE_CONNECTION_SECONDS"):
            # Sessions are real: an hour of no time would end them all, and each would begin from nothing.
            patch.setattr(store_database, lifetime, 0)
        yield


def _own(seconds: str) -> float:
    """Something of the machine that asks; of none that is no machine."""
    return float(getattr(present(), seconds, 0.0))


class Control:
    """A superuser's look at the database, while time stands still; one question at a time."""

    def __init__(self, virtual: VirtualTime, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        self._virtual = virtual
        self._connection = connection
        self._asking = asyncio.Lock()

    @classmethod
    async def open(cls, virtual: VirtualTime, url: str) -> Control:
        """Connect."""
        with virtual.outside():
            return cls(virtual, await asyncpg.connect(url))

    async def close(self) -> None:
        """Leave."""
        with self._virtual.outside():
            await self._connection.close()

    async def rows(self, query: str, *values: object) -> Sequence[asyncpg.Record]:
        """Ask for rows."""
        async with self._asking:
            with self._virtual.outside():
                return await self._connection.fetch(query, *values)

    async def row(self, query: str, *values: object) -> asyncpg.Record:
        """Ask for the one row."""
        [row] = await self.rows(query, *values)
        return row

    async def silence(self, name: str) -> None:
        """Wait until Postgres has done all that the sessions of somebody who stopped have asked for."""
        looks = 0
        while looks < SILENT_LOOKS:
            looks = 0 if (await self.row(_ACTIVE, name))["count"] else looks + 1

    async def end_sessions(self, name: str) -> None:
        """What Postgres makes of a process that is gone."""
        await self.rows(_END, name)

    async def end_transactions(self, name: str) -> None:
        """What Postgres does to whoever leaves a transaction alone for half a minute."""
        await self.rows(_END_TRANSACTIONS, name)
