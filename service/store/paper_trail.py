"""The chain that vouches for the paper trail of pushes and statements.

Every row of evidence, attempt and outcome, every act on a planned retry, and every signature of a statement
and its withdrawal, is a link of its organization's chain, written by the statement that writes the row. The
service may add to it and read it, no more; whoever has more rights and uses them is found out here. What a
chain cannot show is that its latest links were removed together with their rows: for that, its head is to be
kept elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from service.store.database import Connection
from service.store.queries import QUERY


class Fault(StrEnum):
    """What does not fit."""

    ROW_CHANGED = "row_changed"
    ROW_MISSING = "row_missing"
    UNCHAINED = "unchained"
    """A row without a link: written by something else than the service."""
    LINK_MISSING = "link_missing"
    LINK_CHANGED = "link_changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailFault:
    """One row or link that does not fit.

    `entry` is the evidence's id, record/episode/number, retry/act, or month/number.
    """

    kind: str
    entry: str
    position: int | None
    fault: Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailHead:
    """The latest link."""

    position: int
    chain_hash: bytes


async def list_paper_trail_faults(
    connection: Connection, organization_id: UUID, limit: int
) -> Sequence[TrailFault]:
    """Read an organization's whole trail and tell what does not fit: nothing, if nobody tampered."""
    rows = await connection.fetch(QUERY["list_paper_trail_faults"], organization_id, limit)
    return [TrailFault(**{**row, "fault": Fault(row["fault"])}) for row in rows]


async def list_trailed_organizations(connection: Connection) -> Sequence[UUID]:
    """Every organization that has a trail, or may have lost it."""
    return [row["organization_id"] for row in await connection.fetch(QUERY["list_trailed_organizations"])]


async def get_paper_trail_head(connection: Connection, organization_id: UUID) -> TrailHead | None:
    """The latest link, None of an organization without any."""
    row = await connection.fetchrow(QUERY["get_paper_trail_head"], organization_id)
    return None if row is None else TrailHead(**row)
