"""Work that is due: claims with a lease and a fence.

A claim's fence is stated with every write made on its behalf, by `hold_work` at the head of the transaction:
whoever was away for longer than the lease finds that it is somebody else's now, and writes nothing. The end
of the lease *is* the next due time, so the work of a dead replica comes back by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from service.domain.fleet import WorkKind
from service.errors import Superseded
from service.store.database import Connection
from service.store.queries import QUERY

ERROR_CHARACTERS_MAX = 500
"""Of what went wrong, as it is shown; the whole of it is in the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One organization's work of one kind, ours until the lease ends."""

    organization_id: UUID
    kind: WorkKind
    fence: int
    was_due_at: datetime
    claimed_at: datetime
    failures: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a claim ends: when the work is due next, and what is to be remembered of it."""

    claim: Claim
    due_at: datetime
    failures: int = 0
    error: str | None = None
    bound_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DueWork:
    """How much of each kind waits, up to a limit, and the database's time."""

    now: datetime
    due_by_kind: Mapping[WorkKind, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class PollingLag:
    """How far reading has fallen behind."""

    overdue: int
    oldest_overdue_seconds: float


async def ensure_work(
    connection: Connection, organization_ids: Sequence[UUID], kinds: Sequence[WorkKind]
) -> None:
    """Make the rows that are missing, due at once."""
    await connection.execute(QUERY["ensure_work"], organization_ids, kinds)


async def claim_due_work(
    connection: Connection, kind: WorkKind, replica_id: str, lease_seconds: float, limit: int
) -> Sequence[Claim]:
    """Claim what has been due longest."""
    rows = await connection.fetch(
        QUERY["claim_due_work"], kind, replica_id, timedelta(seconds=lease_seconds), limit
    )
    return [
        Claim(
            organization_id=row["organization_id"],
            kind=kind,
            fence=row["fence"],
            was_due_at=row["was_due_at"],
            claimed_at=row["claimed_at"],
            failures=row["failures"],
        )
        for row in rows
    ]


async def renew_work(connection: Connection, claim: Claim, lease_seconds: float) -> bool:
    """Extend the lease; false when it is no longer ours."""
    row = await connection.fetchrow(
        QUERY["renew_work"], claim.organization_id, claim.kind, claim.fence, timedelta(seconds=lease_seconds)
    )
    return row is not None


async def renew_work_together(
    connection: Connection, kind: WorkKind, claims: Sequence[Claim], lease_seconds: float
) -> Sequence[bool]:
    """Extend leases of one kind; says of each whether it was, which is not if somebody else writes to it."""
    rows = await connection.fetch(
        QUERY["renew_work_together"],
        kind,
        [claim.organization_id for claim in claims],
        [claim.fence for claim in claims],
        timedelta(seconds=lease_seconds),
    )
    return _met(rows, claims)


async def hold_work(connection: Connection, claim: Claim) -> None:
    """Keep the claim from being taken over until this transaction ends; raises `Superseded` when it was."""
    row = await connection.fetchrow(QUERY["hold_work"], claim.organization_id, claim.kind, claim.fence)
    if row is None:
        raise Superseded(
            f"another replica has taken over the {claim.kind} work of organization {claim.organization_id}"
        )


async def finish_work(
    connection: Connection,
    claim: Claim,
    due_at: datetime,
    failures: int = 0,
    error: str | None = None,
    *,
    bound_at: datetime | None = None,
) -> None:
    """Give the work back, due next at `due_at` or when somebody wished for it meanwhile.

    `bound_at` states by when it is done again at the latest; without it, what was stated stands.
    """
    row = await connection.fetchrow(
        QUERY["finish_work"],
        claim.organization_id,
        claim.kind,
        claim.fence,
        due_at,
        failures,
        error and error[:ERROR_CHARACTERS_MAX],
        bound_at,
    )
    if row is None:
        raise Superseded(
            f"another replica has taken over the {claim.kind} work of organization {claim.organization_id}"
        )


async def finish_work_together(
    connection: Connection, kind: WorkKind, endings: Sequence[Ending]
) -> Sequence[bool]:
    """Give work of one kind back; says of each whether it was, which is not if somebody else writes to it."""
    rows = await connection.fetch(
        QUERY["finish_work_together"],
        kind,
        [ending.claim.organization_id for ending in endings],
        [ending.claim.fence for ending in endings],
        [ending.due_at for ending in endings],
        [ending.failures for ending in endings],
        [ending.error and ending.error[:ERROR_CHARACTERS_MAX] for ending in endings],
        [ending.bound_at for ending in endings],
    )
    return _met(rows, [ending.claim for ending in endings])


async def nudge_work(
    connection: Connection, organization_ids: Sequence[UUID], kind: WorkKind, wanted_at: datetime
) -> None:
    """Wish for work no later than `wanted_at`."""
    await connection.execute(QUERY["nudge_work"], organization_ids, kind, wanted_at)


async def spread_work(connection: Connection, kinds: Sequence[WorkKind], seconds: float) -> None:
    """Make work that is not due within so many seconds due within them, each row at a time of its own."""
    await connection.execute(QUERY["spread_work"], kinds, timedelta(seconds=seconds))


async def count_due_work(connection: Connection, kinds: Sequence[WorkKind], limit: int) -> DueWork:
    """Count what is due of each kind, no further than `limit`."""
    rows = await connection.fetch(QUERY["count_due_work"], kinds, limit)
    return DueWork(now=rows[0]["now"], due_by_kind={WorkKind(row["kind"]): row["due"] for row in rows})


async def get_now(connection: Connection) -> datetime:
    """The service's time."""
    now = await connection.fetchval(QUERY["get_now"])
    assert isinstance(now, datetime)
    return now


async def get_polling_lag(connection: Connection, tolerated_seconds: float) -> PollingLag:
    """How many organizations are read later than they should be by more than is tolerated, and the worst."""
    row = await connection.fetchrow(QUERY["get_polling_lag"], timedelta(seconds=tolerated_seconds))
    assert row is not None
    return PollingLag(**row)


def _met(rows: Sequence[asyncpg.Record], claims: Sequence[Claim]) -> Sequence[bool]:
    """Which claims rows are of; an organization that was claimed twice tells them apart by the fence."""
    met = {(row["organization_id"], row["fence"]) for row in rows}
    return [(claim.organization_id, claim.fence) in met for claim in claims]
