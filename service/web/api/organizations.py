"""Organizations: each with its connection, how that came about, its counts, and what will fail next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from service.store.answers import (
    Rows,
    count_organization_differences,
    list_connection_changes,
    list_findings_of,
    sum_findings_of,
)
from service.store.as_of import list_organizations_as_of
from service.store.database import Connection as Database
from service.store.organizations import list_organizations
from service.store.record_counts import sum_organization_record_counts
from service.web.api.readiness import Finding, FindingTotal, finding_of, totals_of
from service.web.api.reading import Reading, load_reading
from service.web.paging import Keyset, Page
from service.web.problems import not_found
from service.web.route import Asked

CHANGES_MAX = 50
FINDINGS_MAX = 100
VERSIONS_OF_ONE = 5_000
"""Versions of connections looked through for one organization: half a year of hourly pulls."""
VERSIONS_IN_LIST = 50

_BY_NAME = Keyset("organizations", (str, UUID))
_BY_ID = Keyset("organizations-as-of", (UUID,))


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionChange:
    """A change of status, as told by the hub (`told_at`) and as we learned it (`known_at`)."""

    connection_id: str
    status: str
    platform: str | None
    told_at: datetime | None
    known_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """The link to QuickBooks Online or Xero that counts."""

    id: UUID
    status: str | None
    platform: str | None
    last_pull: datetime | None
    observed_at: datetime | None
    connected_at: datetime | None
    connection_url: str | None
    history: Sequence[ConnectionChange]


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceCounts:
    """Open differences, and how many of them a rule of the platform explains."""

    open: int
    expected: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What an organization counts."""

    records: int
    sync_status: Mapping[str, int]
    state: Mapping[str, int]
    differences: DifferenceCounts


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """A customer of the partner.

    With `as_of`, counts and readiness are null: they are not kept by time. In lists, reading is null.
    """

    id: UUID
    name: str
    status: str | None
    first_seen_at: datetime | None
    removed_at: datetime | None
    connection: Connection | None
    counts: Counts | None
    readiness: Sequence[Finding] | None
    """The first findings."""
    readiness_totals: Sequence[FindingTotal] | None
    """All of them in figures."""
    reading: Sequence[Reading] | None = None


async def list_them(asked: Asked) -> Page[Organization]:
    """Answer a page of organizations."""
    limit = asked.query["limit"]
    if asked.query["as_of"] is not None:
        return await _list_as_of(asked, limit)
    name, after_id = _BY_NAME.read(asked.query["after"])
    async with asked.rows() as connection:
        rows = await list_organizations(
            connection,
            after=(name, after_id) if name is not None else None,
            limit=limit + 1,
            organization_id=asked.who.organization_id,
            name=asked.query.get("name"),
            connection_status=asked.query.get("connection"),
        )
        page = _BY_NAME.page(rows, limit, [(row["name"], row["organization_id"]) for row in rows])
        found = await describe(connection, page.data, versions_max=VERSIONS_IN_LIST)
    return Page(found, page.next)


async def get_one(asked: Asked) -> Organization:
    """Answer one organization."""
    organization_id = asked.path["organization_id"]
    async with asked.rows() as connection:
        if asked.query.get("as_of") is not None:
            rows = await list_organizations_as_of(
                connection, asked.query["as_of"], organization_id=organization_id, after=None, limit=1
            )
            found = [_known(row) for row in rows]
        else:
            found = list(await load(connection, organization_id))
    if not found:
        raise not_found("organization")
    return found[0]


async def load(connection: Database, organization_id: UUID) -> Sequence[Organization]:
    """Read one organization whole; empty when there is none."""
    rows = await list_organizations(connection, limit=1, organization_id=organization_id)
    found = await describe(connection, rows, versions_max=VERSIONS_OF_ONE)
    return [replace(each, reading=await load_reading(connection, organization_id)) for each in found]


async def describe(connection: Database, rows: Rows, *, versions_max: int) -> Sequence[Organization]:
    """Add to rows of organizations what stands in other tables, each read once for all of them."""
    ids = [row["organization_id"] for row in rows]
    changes = await list_connection_changes(
        connection, ids, changes_max=CHANGES_MAX, versions_max=versions_max
    )
    findings = await list_findings_of(connection, ids, FINDINGS_MAX)
    totals = await sum_findings_of(connection, ids)
    counts = await _counts(connection, ids)
    return [
        Organization(
            id=row["organization_id"],
            name=row["name"],
            status=row["status"],
            first_seen_at=row["first_seen_at"],
            removed_at=row["removed_at"],
            connection=_connection(row, changes.get(row["organization_id"], [])),
            counts=counts[row["organization_id"]],
            readiness=[finding_of(each) for each in findings.get(row["organization_id"], [])],
            readiness_totals=totals_of(totals.get(row["organization_id"], [])),
        )
        for row in rows
    ]


async def _list_as_of(asked: Asked, limit: int) -> Page[Organization]:
    (after,) = _BY_ID.read(asked.query["after"])
    async with asked.rows() as connection:
        rows = await list_organizations_as_of(
            connection,
            asked.query["as_of"],
            organization_id=asked.who.organization_id,
            after=after,
            limit=limit + 1,
        )
    page = _BY_ID.page(rows, limit, [(row["organization_id"],) for row in rows])
    return Page([_known(row) for row in page.data], page.next)


async def _counts(connection: Database, ids: Sequence[UUID]) -> Mapping[UUID, Counts]:
    sync_status: dict[UUID, Counter[str]] = {each: Counter() for each in ids}
    state: dict[UUID, Counter[str]] = {each: Counter() for each in ids}
    for row in await sum_organization_record_counts(connection, ids):
        sync_status[row["organization_id"]][row["sync_status"] or "unknown"] += row["records"]
        state[row["organization_id"]][row["state"]] += row["records"]
    differences = await count_organization_differences(connection, ids)
    return {
        each: Counts(
            records=sum(state[each].values()),
            sync_status=+sync_status[each],
            state=+state[each],
            differences=DifferenceCounts(
                open=differences[each]["open"] if each in differences else 0,
                expected=differences[each]["expected"] if each in differences else 0,
            ),
        )
        for each in ids
    }


def _connection(row: asyncpg.Record, changes: Rows) -> Connection | None:
    if row["connection_id"] is None:
        return None
    return Connection(
        id=row["connection_id"],
        status=row["connection_status"],
        platform=row["platform"],
        last_pull=row["last_pull"],
        observed_at=row["connection_observed_at"],
        connected_at=row["connected_at"],
        connection_url=row["connection_url"],
        history=[
            ConnectionChange(
                connection_id=change["connection_id"],
                status=change["status"],
                platform=change["platform"],
                told_at=change["valid_from"],
                known_at=change["known_from"],
            )
            for change in changes
        ],
    )


def _known(row: asyncpg.Record) -> Organization:
    """Make what we knew of an organization at an instant from its versions of then."""
    body: Mapping[str, Any] = row["body"]
    return Organization(
        id=row["organization_id"],
        name=body["name"],
        status=body.get("status"),
        first_seen_at=None,
        removed_at=None,
        connection=_known_connection(row["connection_id"], row["connection"]),
        counts=None,
        readiness=None,
        readiness_totals=None,
    )


def _known_connection(connection_id: UUID | None, body: Mapping[str, Any] | None) -> Connection | None:
    if connection_id is None or body is None:
        return None
    return Connection(
        id=connection_id,
        status=body.get("status"),
        platform=body.get("platform"),
        last_pull=_instant(body.get("last_pull")),
        observed_at=None,
        connected_at=None,
        connection_url=None,
        history=[],
    )


def _instant(text: str | None) -> datetime | None:
    return None if text is None else msgspec.convert(text, datetime)
