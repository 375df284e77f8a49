"""What every worker does alike: claim, keep the claim while a long run goes on, write under it, give it back.

    async with claims.working() as work:  # of `workers.claims`
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

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

from service import elapsed
from service.domain.fleet import WorkKind
from service.errors import TieoutError
from service.store.database import NO_SETTINGS, Connection, Database, Settings
from service.store.work import Claim, Ending, finish_work, get_now, hold_work

__all__ = ["IDLE", "Claim", "Tally", "Work", "WorkFailed", "Worker", "postpone"]

LEASE_SECONDS: Final = 24.0
"""A dead replica's work resumes within 30 seconds: this, and the few that a claim may take."""

RENEWALS_PER_LEASE: Final = 3
"""Two renewals may fail before a lease is lost."""

RELEASE_SECONDS: Final = 3.0
"""How long a run that is being cancelled may take to give its claim back; the lease does it otherwise."""

POSTPONED_SECONDS: Final = 10.0
POSTPONED_SECONDS_MAX: Final = 3600.0
"""The first and the longest wait of work that failed by a mistake of ours: seen soon, spun on never."""


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
    """A claim in hand; `end` gives it back, and raises `Superseded` when it was taken over."""

    def __init__(
        self,
        database: Database,
        claim: Claim,
        end: Callable[[Ending], Awaitable[None]],
        claimed_at: float,
    ) -> None:
        """Take a claim that was answered at `claimed_at`, by the clock that nobody sets."""
        self.database = database
        self.claim = claim
        self.is_finished = False
        self._end = end
        self._claimed_at = claimed_at

    @property
    def organization_id(self) -> UUID:
        """Whose work it is."""
        return self.claim.organization_id

    @property
    def now(self) -> datetime:
        """The database's time."""
        return self.claim.claimed_at + timedelta(seconds=elapsed.seconds() - self._claimed_at)

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
        await self._end(
            Ending(claim=self.claim, due_at=due_at, failures=failures, error=error, bound_at=bound_at)
        )
        self.is_finished = True


async def postpone(database: Database, claim: Claim, error: str) -> None:
    """Give failed work back, due after a wait that doubles with each failure in a row."""
    failures = claim.failures + 1
    wait = min(POSTPONED_SECONDS * 2.0 ** min(failures - 1, 20), POSTPONED_SECONDS_MAX)
    async with database.organization(claim.organization_id) as connection:
        now = await get_now(connection)
        await finish_work(connection, claim, now + timedelta(seconds=wait), failures, error)
