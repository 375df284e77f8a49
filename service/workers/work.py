"""What every worker does alike: claim, keep the claim while a long run goes on, write under it, give it back.

    async with working(database, WorkKind.PUSH, replica_id) as work:
        if work is None:
            return IDLE  # nothing is due
        ...  # fetch, decide
        async with work.writing() as connection:  # a transaction that holds the claim, or raises Superseded
            ...
        await work.finish(due_at=..., failures=0)
        return Tally(claimed=1, counts={"pushed": 1})

How a run can end:

- *finished*: `finish` was called; the row is due when that said, or when somebody wished for it meanwhile.
- *superseded*: the lease was lost. Whatever the run still tries to write raises `Superseded`, and nothing is
  given back.
- *cancelled* (the service stops): the row is due again at once, for another replica.
- *failed*: any other exception leaves as `WorkFailed`, which names the claim; the scheduler postpones it.
  Trouble with Postgres leaves as it is, and is no fault of the row's.

Times within a run are the database's: that of the claim, plus what has passed since by a clock that nobody
sets.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

import structlog

from service import tracing
from service.domain.fleet import WorkKind
from service.errors import DatabaseError, Superseded, TieoutError
from service.logs import get_logger
from service.store.database import NO_SETTINGS, Connection, Database, Settings
from service.store.work import Claim, claim_due_work, finish_work, get_now, hold_work, renew_work

__all__ = ["IDLE", "Claim", "Tally", "Work", "WorkFailed", "Worker", "postpone", "working"]

LEASE_SECONDS: Final = 24.0
"""A dead replica's work resumes within 30 seconds: this, and the few that a claim may take."""

RENEWALS_PER_LEASE: Final = 3
"""Two renewals may fail before a lease is lost."""

RELEASE_SECONDS: Final = 3.0
"""How long a run that is being cancelled may take to give its claim back; the lease does it otherwise."""

POSTPONED_SECONDS: Final = 10.0
POSTPONED_SECONDS_MAX: Final = 3600.0
"""The first and the longest wait of work that failed by a mistake of ours: seen soon, spun on never."""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What one run did: how much it claimed, and what it counted."""

    claimed: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_idle(self) -> bool:
        """Whether there was nothing to do."""
        return self.claimed == 0


IDLE: Final = Tally()


class Worker(Protocol):
    """What the scheduler runs: one unit of work at a time, in as many lanes as the worker can fill."""

    @property
    def kind(self) -> WorkKind:
        """The kind of work it claims."""

    @property
    def lanes(self) -> int:
        """How many units of work it does at once."""

    async def run_once(self, now: datetime) -> Tally:
        """Do one unit of work that is due, if there is one; `now` is the database's time."""


class WorkFailed(TieoutError):  # noqa: N818 - names what is the case, like the rest of the tree
    """A run ended by an exception that nobody expected; `claim` is what it was at."""

    def __init__(self, claim: Claim, error: BaseException) -> None:
        self.claim = claim
        super().__init__(f"{claim.kind} of organization {claim.organization_id}: {error!r}")


class Work:
    """A claim in hand."""

    def __init__(self, database: Database, claim: Claim) -> None:
        self.database = database
        self._claimed_at = time.monotonic()
        self.claim = claim
        self.is_finished = False

    @property
    def organization_id(self) -> UUID:
        """Whose work it is."""
        return self.claim.organization_id

    @property
    def now(self) -> datetime:
        """The database's time."""
        return self.claim.claimed_at + timedelta(seconds=time.monotonic() - self._claimed_at)

    @asynccontextmanager
    async def writing(self, *, settings: Settings = NO_SETTINGS) -> AsyncIterator[Connection]:
        """A transaction on the organization's rows that nobody can take the claim away from."""
        async with self.database.organization(self.organization_id, settings=settings) as connection:
            await hold_work(connection, self.claim)
            yield connection

    @asynccontextmanager
    async def writing_fleet(self) -> AsyncIterator[Connection]:
        """The same on the rows of all organizations, for the work of the fleet."""
        async with self.database.fleet() as connection:
            await hold_work(connection, self.claim)
            yield connection

    async def finish(
        self,
        *,
        due_at: datetime,
        failures: int = 0,
        error: str | None = None,
        bound_at: datetime | None = None,
    ) -> None:
        """Give the claim back; raises `Superseded` when it was taken over."""
        async with self.database.organization(self.organization_id) as connection:
            await finish_work(connection, self.claim, due_at, failures, error, bound_at=bound_at)
        self.is_finished = True


@asynccontextmanager
async def working(
    database: Database, kind: WorkKind, replica_id: str, *, lease_seconds: float = LEASE_SECONDS
) -> AsyncIterator[Work | None]:
    """Claim what has been due longest, and keep it until the block ends; None when nothing is due."""
    async with database.fleet() as connection:
        claims = await claim_due_work(connection, kind, replica_id, lease_seconds, 1)
    if not claims:
        yield None
        return
    work = Work(database, claims[0])
    renewing = asyncio.create_task(_keep(database, work.claim, lease_seconds))
    try:
        organization_id = str(work.organization_id)
        # What notifications are filed under is a channel, no organization.
        told = None if kind is WorkKind.NOTIFY else organization_id
        with (
            structlog.contextvars.bound_contextvars(organization_id=organization_id),
            tracing.span(f"work {kind}", worker=kind.value, organization_id=told),
        ):
            yield work
        assert work.is_finished, f"a run of {kind} ended without saying when it is due next"
    except asyncio.CancelledError:
        if not work.is_finished:
            await asyncio.shield(_release(database, work.claim))
        raise
    except Superseded:
        raise
    except DatabaseError as error:
        await _give_up(database, work.claim, str(error))
        raise
    except Exception as error:
        raise WorkFailed(work.claim, error) from error
    finally:
        renewing.cancel()
        await asyncio.wait([renewing])


async def postpone(database: Database, claim: Claim, error: str) -> None:
    """Give failed work back, due after a wait that doubles with each failure in a row."""
    failures = claim.failures + 1
    wait = min(POSTPONED_SECONDS * 2.0 ** min(failures - 1, 20), POSTPONED_SECONDS_MAX)
    async with database.organization(claim.organization_id) as connection:
        now = await get_now(connection)
        await finish_work(connection, claim, now + timedelta(seconds=wait), failures, error)


async def _keep(database: Database, claim: Claim, lease_seconds: float) -> None:
    """Renew the lease until it is lost or the run ends."""
    while True:
        await asyncio.sleep(lease_seconds / RENEWALS_PER_LEASE)
        try:
            async with database.organization(claim.organization_id) as connection:
                if not await renew_work(connection, claim, lease_seconds):
                    return
        except DatabaseError as error:
            log.warning("lease_not_renewed", kind=claim.kind, error=str(error))


async def _release(database: Database, claim: Claim) -> None:
    """Give a claim back as if it had never been made; should that fail, the lease ends by itself."""
    try:
        async with asyncio.timeout(RELEASE_SECONDS):
            async with database.organization(claim.organization_id) as connection:
                await finish_work(connection, claim, claim.was_due_at, claim.failures)
    except (TieoutError, TimeoutError) as error:
        log.warning("claim_not_released", kind=claim.kind, error=str(error))


async def _give_up(database: Database, claim: Claim, error: str) -> None:
    """Postpone work that Postgres' own trouble stopped, if Postgres is there again already."""
    try:
        async with asyncio.timeout(RELEASE_SECONDS):
            await postpone(database, claim, error)
    except (TieoutError, TimeoutError):
        pass  # the lease ends by itself
