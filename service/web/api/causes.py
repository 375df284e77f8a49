"""Why pushes fail: one row per open cause, with whose turn it is, what ends it, and the money behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from service.domain.causes.facts import facts_of, next_step_of
from service.domain.causes.names import Cause as Name
from service.domain.causes.resemblance import resemblance_told, resembled
from service.store.as_of import count_records, list_causes_as_of
from service.store.database import Connection
from service.store.fleet_counts import list_fleet_causes
from service.store.records import list_organization_causes
from service.store.set_aside import count_set_aside
from service.web.paging import Keyset, Page
from service.web.problems import Refused
from service.web.route import Asked

GROUPS_MAX = 5_000
"""Thirty causes, and as many wordings of unknown errors as anybody will ever read."""

RECORDS_MAX = 100_000
"""Records whose versions are looked at for one answer: some seconds of Postgres."""

_KEY = Keyset("causes", (int, str, str))
_NAMES = frozenset(Name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """An open cause; errors that nobody knows are grouped by their wording (`group`)."""

    cause: str
    group: str | None
    title: str
    likely: str | None
    """The cause that the words of an unknown error resemble: a hint, which decides nothing."""
    action: str
    owner: str
    cure: str
    next_step: str
    records: int
    set_aside: int
    """Of these records, those that a person has set aside: nobody has to act on them."""
    organizations: int
    money_at_risk: Mapping[str, int]
    first_seen_at: datetime | None
    next_check_at: datetime | None
    example: str | None
    example_record_id: UUID
    packet: str
    """Where its fix packet is: what exactly to do, and the documents that wait."""


Row = tuple[asyncpg.Record, int]
"""A cause as it is counted, and how many of its records a person has set aside."""


async def list_them(asked: Asked) -> Page[Cause]:
    """Answer a page of causes, the heaviest first."""
    limit = asked.query["limit"]
    after = _KEY.read(asked.query["after"])
    as_of = asked.query.get("as_of")
    async with asked.rows() as connection:
        if as_of is None:
            rows = await _list_rows(connection, GROUPS_MAX, asked.organization_id())
        else:
            rows = await _list_rows_as_of(connection, as_of, GROUPS_MAX, asked.organization_id())
    # The order is by weight, which moves: a page goes on below the weight that ended the one before.
    rest = [each for each in sorted(rows, key=_key) if after[0] is None or _key(each) > after]
    page = _KEY.page(rest, limit, [_key(each) for each in rest])
    # Only what is shown: each unknown wording is weighed, which takes a third of a millisecond.
    return Page([_cause(*each) for each in page.data], page.next)


def _key(row: Row) -> tuple[int, str, str]:
    counted, _ = row
    return -counted["records"], counted["cause"], counted["cause_group"] or ""


async def load(connection: Connection, limit: int, organization_id: UUID | None = None) -> Sequence[Cause]:
    """Read the heaviest causes, of the fleet or of one organization."""
    return [_cause(*each) for each in await _list_rows(connection, limit, organization_id)]


async def load_as_of(
    connection: Connection, as_of: datetime, limit: int, organization_id: UUID | None
) -> Sequence[Cause]:
    """Read the causes of then, counted among the records as they were known."""
    return [_cause(*each) for each in await _list_rows_as_of(connection, as_of, limit, organization_id)]


async def _list_rows(connection: Connection, limit: int, organization_id: UUID | None) -> Sequence[Row]:
    if organization_id is None:
        rows = await list_fleet_causes(connection, limit)
    else:
        rows = await list_organization_causes(connection, organization_id, limit)
    aside = await count_set_aside(connection, organization_id)
    return [(row, aside.get((row["cause"], row["cause_group"]), 0)) for row in rows]


async def _list_rows_as_of(
    connection: Connection, as_of: datetime, limit: int, organization_id: UUID | None
) -> Sequence[Row]:
    await require_few(connection, organization_id)
    rows = await list_causes_as_of(connection, as_of, organization_id, limit)
    return [(row, row["set_aside"]) for row in rows]


async def require_few(connection: Connection, organization_id: UUID | None) -> None:
    """Refuse to count by time where there are too many records to look at each."""
    records = await count_records(connection, organization_id)
    if records > RECORDS_MAX:
        what = "This organization has" if organization_id else "The fleet has"
        raise Refused(
            422,
            f"{what} {records:,} records, and counts are not kept by time: each would have to be looked at. "
            f"Up to {RECORDS_MAX:,} are; name an organization_id, or page through /v1/records with as_of.",
        )


def _cause(row: asyncpg.Record, set_aside: int) -> Cause:
    facts = facts_of(Name(row["cause"]) if row["cause"] in _NAMES else Name.UNKNOWN)
    said = row["example"] or ""
    likely = resembled(said) if row["cause"] == Name.UNKNOWN else None
    next_step = next_step_of(facts, object_type="document")
    return Cause(
        cause=row["cause"],
        group=row["cause_group"],
        title=facts.title,
        likely=likely,
        action=facts_of(likely or facts.cause).action.value,
        owner=row["owner"] or facts.owner.value,
        cure=facts.cure,
        next_step=f"{next_step} {resemblance_told(said)}" if likely else next_step,
        records=row["records"],
        set_aside=set_aside,
        organizations=row["organizations"],
        money_at_risk={currency: int(minor) for currency, minor in row["money_at_risk"].items() if minor},
        first_seen_at=row["first_seen_at"],
        next_check_at=row["next_check_at"],
        example=row["example"],
        example_record_id=row["example_record_id"],
        packet=f"/v1/causes/{facts.cause}/packet",
    )
