"""What `/metrics` tells beyond `/status`: ages against their bounds, and whether the promises are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from service.domain.cadence.bound import UNSERVED
from service.store.database import Connection
from service.store.queries import QUERY


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamAge:
    """One stream over all connected organizations."""

    stream: str
    age_seconds: float
    overdue_seconds: float
    unread: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkLag:
    """What of one kind of work is due."""

    kind: str
    due: int
    lag_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerting:
    """How long ago alerts were last decided (None: never), and what waits to be sent."""

    age_seconds: float | None
    waiting: int
    waiting_seconds: float


async def list_stream_ages(connection: Connection) -> Sequence[StreamAge]:
    """How old what we know is, stream by stream."""
    return [StreamAge(**row) for row in await connection.fetch(QUERY["list_stream_ages"], UNSERVED)]


async def list_work_lags(connection: Connection) -> Sequence[WorkLag]:
    """What is due, kind by kind; a kind of which nothing is due is missing."""
    return [WorkLag(**row) for row in await connection.fetch(QUERY["list_work_lags"])]


async def get_alerting(connection: Connection) -> Alerting:
    """Whether alerts are decided and sent."""
    row = await connection.fetchrow(QUERY["get_alerting"])
    assert row is not None
    return Alerting(**row)


async def count_unconfirmed_records(connection: Connection) -> Mapping[str, int]:
    """Records that are said to be done, and that books compared since do not have, by age."""
    rows = await connection.fetch(QUERY["count_unconfirmed_records"])
    return {row["age"]: row["records"] for row in rows}


async def count_caused_duplicates(connection: Connection) -> int:
    """Documents that stand twice in the books, and that a push of ours may have put there."""
    return int(await connection.fetchval(QUERY["count_caused_duplicates"]))
