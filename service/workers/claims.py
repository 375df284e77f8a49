"""Claims of one kind of work, made, kept and given back for all lanes of a worker together.

    claims = Claims(database, WorkKind.PUSH, replica_id)

    async with claims.working() as work:  # in each lane
        if work is None:
            return IDLE  # nothing is due
        ...

- One statement claims a row for each lane that asks just then, and no more: whatever is claimed is worked at,
  and what else is due is there for other replicas.
- The leases of all runs are renewed by one statement every few seconds. Whoever comes to an end while others
  do, ends with them in one statement.
- A row that somebody else is writing to just then is left out of such a statement, and dealt with alone by
  its own lane: nobody waits for a neighbour.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import structlog

from service import elapsed, tracing
from service.domain.fleet import WorkKind
from service.errors import DatabaseError, Superseded, TieoutError
from service.logs import get_logger
from service.store.database import Database
from service.store.work import (
    Claim,
    Ending,
    claim_due_work,
    finish_work,
    finish_work_together,
    renew_work,
    renew_work_together,
)
from service.workers.together import Together
from service.workers.work import (
    LEASE_SECONDS,
    RELEASE_SECONDS,
    RENEWALS_PER_LEASE,
    Work,
    WorkFailed,
    postpone,
)

log = get_logger(__name__)


class Claims:
    """What one worker has claimed."""

    def __init__(
        self, database: Database, kind: WorkKind, replica_id: str, *, lease_seconds: float = LEASE_SECONDS
    ) -> None:
        self._database = database
        self._kind = kind
        self._replica_id = replica_id
        self._lease_seconds = lease_seconds
        self._claiming: Together[None, Work | None] = Together(self._claim)
        self._ending: Together[Ending, bool] = Together(self._end_together)
        self._held: set[Work] = set()
        self._renewing: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def working(self) -> AsyncIterator[Work | None]:
        """Claim what has been due longest, and keep it until the block ends; None when nothing is due."""
        work = await self._take()
        if work is None:
            yield None
            return
        self._hold(work)
        try:
            organization_id = str(work.organization_id)
            # What notifications are filed under is a channel, no organization.
            told = None if self._kind is WorkKind.NOTIFY else organization_id
            with (
                structlog.contextvars.bound_contextvars(organization_id=organization_id),
                tracing.span(f"work {self._kind}", worker=self._kind.value, organization_id=told),
            ):
                yield work
            assert work.is_finished, f"a run of {self._kind} ended without saying when it is due next"
        except asyncio.CancelledError:
            if not work.is_finished:
                await asyncio.shield(self._release(work.claim))
            raise
        except Superseded:
            raise
        except DatabaseError as error:
            await self._give_up(work.claim, str(error))
            raise
        except Exception as error:
            raise WorkFailed(work.claim, error) from error
        finally:
            await self._let_go(work)

    async def _take(self) -> Work | None:
        """Take a claim; one that comes to a lane that is being cancelled is given back."""
        coming = self._claiming.ask(None)
        try:
            return await asyncio.shield(coming)
        except asyncio.CancelledError:
            await asyncio.shield(self._return(coming))
            raise

    async def _return(self, coming: asyncio.Future[Work | None]) -> None:
        """Give back what is just being claimed; should that take too long, the lease ends by itself."""
        try:
            async with asyncio.timeout(RELEASE_SECONDS):
                work = await coming
        except (TieoutError, TimeoutError):
            return
        if work is not None:
            await self._release(work.claim)

    async def _claim(self, asking: Sequence[None]) -> Sequence[Work | None]:
        """Claim one for each that asks, as far as so many are due."""
        async with self._database.fleet() as connection:
            claims = await claim_due_work(
                connection, self._kind, self._replica_id, self._lease_seconds, len(asking)
            )
        claimed_at = elapsed.seconds()
        works = [Work(self._database, claim, self._end, claimed_at) for claim in claims]
        return [*works, *[None] * (len(asking) - len(works))]

    async def _end(self, ending: Ending) -> None:
        """Give a claim back; raises `Superseded` when it was taken over."""
        if not await asyncio.shield(self._ending.ask(ending)):
            async with self._database.organization(ending.claim.organization_id) as connection:
                await finish_work(
                    connection,
                    ending.claim,
                    ending.due_at,
                    ending.failures,
                    ending.error,
                    bound_at=ending.bound_at,
                )

    async def _end_together(self, endings: Sequence[Ending]) -> Sequence[bool]:
        """Give claims back in one statement; says of each whether it was."""
        async with self._database.fleet() as connection:
            return await finish_work_together(connection, self._kind, endings)

    def _hold(self, work: Work) -> None:
        self._held.add(work)
        if self._renewing is None:
            self._renewing = asyncio.create_task(self._keep(), name=f"leases {self._kind}")

    async def _let_go(self, work: Work) -> None:
        self._held.discard(work)
        if not self._held and self._renewing is not None:
            renewing, self._renewing = self._renewing, None
            renewing.cancel()
            await asyncio.wait([renewing])

    async def _keep(self) -> None:
        """Renew all leases now and then; whose was lost is told so by its next write."""
        while True:
            await asyncio.sleep(self._lease_seconds / RENEWALS_PER_LEASE)
            held = list(self._held)
            try:
                await self._renew_all(held)
            except DatabaseError as error:
                log.warning("lease_not_renewed", kind=self._kind, leases=len(held), error=str(error))
            except Exception as error:  # a mistake of ours must not cost the leases of all who come after
                log.exception("lease_not_renewed", kind=self._kind, leases=len(held), error=str(error))

    async def _renew_all(self, held: Sequence[Work]) -> None:
        async with self._database.fleet() as connection:
            renewed = await renew_work_together(
                connection, self._kind, [work.claim for work in held], self._lease_seconds
            )
        left = [work for work, is_renewed in zip(held, renewed, strict=True) if not is_renewed]
        await asyncio.gather(*(self._renew(work.claim) for work in left if work in self._held))

    async def _renew(self, claim: Claim) -> None:
        """Renew one lease, after whoever writes to its row just now."""
        try:
            async with self._database.organization(claim.organization_id) as connection:
                await renew_work(connection, claim, self._lease_seconds)
        except DatabaseError as error:
            log.warning("lease_not_renewed", kind=self._kind, leases=1, error=str(error))

    async def _release(self, claim: Claim) -> None:
        """Give a claim back as if it had never been made; should that fail, the lease ends by itself."""
        try:
            async with asyncio.timeout(RELEASE_SECONDS):
                await self._end(Ending(claim=claim, due_at=claim.was_due_at, failures=claim.failures))
        except (TieoutError, TimeoutError) as error:
            log.warning("claim_not_released", kind=self._kind, error=str(error))

    async def _give_up(self, claim: Claim, error: str) -> None:
        """Postpone work that Postgres' own trouble stopped, if Postgres is there again already."""
        try:
            async with asyncio.timeout(RELEASE_SECONDS):
                await postpone(self._database, claim, error)
        except (TieoutError, TimeoutError):
            pass  # the lease ends by itself
