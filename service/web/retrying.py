"""Planned retries, for whoever offers them: the API, the page and the command line.

    make ──▶ a plan, shown ──▶ apply ──▶ its records wait for their turn ──▶ the pusher sends them, one by one
                                 └──▶ cancel takes back what was not sent yet

Each function works in the transaction that it is given, so whose records it may see is decided before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import msgspec

from service.domain.fleet import FLEET, WorkKind
from service.domain.pushing.policy import Policy
from service.domain.pushing.retry_plan import PLAN_LASTS, RECORDS_MAX, moved_on, weigh
from service.domain.record_state import FAILED, State
from service.store.database import Connection
from service.store.records import list_records_by_ids
from service.store.retries import (
    StoredRetry,
    cancel_retry_items,
    get_retry,
    insert_retry,
    insert_retry_act,
    leave_out_retry_items,
    list_retry_candidates,
    list_retry_items,
    lock_retry,
    mark_retry_applied,
    mark_retry_cancelled,
    queue_retry_items,
)
from service.store.retry_candidates import list_candidates
from service.store.work import get_now, nudge_work
from service.web.problems import Fault, Refused, malformed, not_found

FAULTS_MAX = 100
"""Records named in one refusal; the plan tells all of them."""

RETRIED = (*sorted(FAILED), State.WAITING)
"""The states that a filter may ask for: what is settled is not sent again."""


class Filter(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """Which records: as in `GET /v1/records`, or by their ids."""

    organization_id: UUID | None = None
    object_type: str | None = None
    sync_status: str | None = None
    state: State | None = None
    cause: str | None = None
    cause_group: str | None = None
    record_ids: Sequence[UUID] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Planner:
    """What making a plan needs besides the database."""

    name: str
    """The key's, or a person's."""
    organization_id: UUID | None
    policy: Policy


async def make(connection: Connection, planner: Planner, wanted: Filter) -> UUID:
    """Plan which of the records may be sent now, and write the plan down; returns its id."""
    _require_sense(wanted)
    organization_id = wanted.organization_id or planner.organization_id
    now = await get_now(connection)
    if wanted.record_ids is not None:
        records = list(await list_records_by_ids(connection, set(wanted.record_ids), organization_id))
        matched = len(records)
        if not records:
            raise malformed(Fault(name="filter.record_ids", detail="none of these records is known"))
    else:
        words = {name: getattr(wanted, name) for name in _WORDS}
        found, matched = await list_retry_candidates(
            connection, organization_id=organization_id, limit=RECORDS_MAX, **words
        )
        records = list(found)
    items = [
        weigh(candidate, now=now, policy=planner.policy)
        for candidate in await list_candidates(connection, records)
    ]
    return await insert_retry(
        connection,
        organization_id or FLEET,
        items,
        filtered_by=msgspec.to_builtins(wanted),
        matched=matched,
        planned_by=planner.name,
    )


async def apply(connection: Connection, retry_id: UUID, digest: str, name: str) -> None:
    """Let the plan's records wait for their turn: exactly the plan of this digest, or a refusal.

    What has moved on since is left out; when nothing is left, the whole is refused. Applied twice, it is
    applied once.
    """
    retry = await _locked(connection, retry_id)
    if digest != retry.hash:
        raise Refused(409, "This is not the plan that was shown: its hash is another. Look at it again.")
    if retry.cancelled_at is not None:
        raise Refused(409, "This plan was cancelled. Make a new one.")
    if retry.applied_at is not None:
        return
    if await get_now(connection) >= retry.planned_at + PLAN_LASTS:
        raise Refused(409, f"This plan is older than {_hours(PLAN_LASTS)} hours. Make a new one.")
    planned = await list_retry_items(connection, retry_id)
    eligible = {each.record_id: each.ground for each in planned if each.status == "eligible"}
    if not eligible:
        raise Refused(409, "None of the plan's records may be sent; each says why.")
    records = {each.record_id: each for each in await list_records_by_ids(connection, list(eligible))}
    moved = moved_on(eligible, records)
    if len(moved) == len(eligible):
        faults = [Fault(name=str(key), detail=why) for key, why in list(moved.items())[:FAULTS_MAX]]
        raise Refused(
            409, "All records have changed since they were planned. Make a new plan.", faults=faults
        )
    await leave_out_retry_items(connection, {(retry_id, key): why for key, why in moved.items()})
    await mark_retry_applied(connection, retry_id, name)
    organization_ids = await queue_retry_items(connection, retry_id, name)
    detail = {
        "filter": retry.filter,
        "hash": retry.hash,
        "planned_by": retry.planned_by,
        "records": sorted(str(key) for key in eligible.keys() - moved.keys()),
        "left_out": sorted(map(str, moved)),
    }
    await insert_retry_act(connection, retry, "applied", name, detail)
    await nudge_work(connection, organization_ids, WorkKind.PUSH, await get_now(connection))


async def cancel(connection: Connection, retry_id: UUID, name: str) -> None:
    """Take back what was not sent yet; what was sent stays sent. Cancelled twice, it is cancelled once."""
    retry = await _locked(connection, retry_id)
    if retry.cancelled_at is not None:
        return
    records = await cancel_retry_items(connection, retry_id)
    if retry.applied_at is not None and not records:
        return  # all of it was sent, or left out: nothing is taken back
    await mark_retry_cancelled(connection, retry_id, name)
    await insert_retry_act(connection, retry, "cancelled", name, {"hash": retry.hash, "records": records})


async def require(connection: Connection, retry_id: UUID) -> StoredRetry:
    """One plan, or the refusal that there is none."""
    retry = await get_retry(connection, retry_id)
    if retry is None:
        raise not_found("retry")
    return retry


async def _locked(connection: Connection, retry_id: UUID) -> StoredRetry:
    retry = await lock_retry(connection, retry_id)
    if retry is None:
        raise not_found("retry")
    return retry


def _require_sense(wanted: Filter) -> None:
    faults = []
    others = [name for name in _WORDS if getattr(wanted, name) is not None]
    if wanted.record_ids is not None:
        if not 1 <= len(wanted.record_ids) <= RECORDS_MAX:
            detail = f"must name from 1 to {RECORDS_MAX:,} records"
            faults.append(Fault(name="filter.record_ids", detail=detail))
        faults += [
            Fault(name=f"filter.{each}", detail="cannot be combined with record_ids") for each in others
        ]
    if wanted.state is not None and wanted.state not in RETRIED:
        faults.append(Fault(name="filter.state", detail=f"must be one of {', '.join(RETRIED)}"))
    for name in others:
        if "\0" in getattr(wanted, name):
            faults.append(Fault(name=f"filter.{name}", detail="holds a character that no such word has"))
    if faults:
        raise malformed(*faults)


_WORDS = ("object_type", "sync_status", "state", "cause", "cause_group")


def _hours(span: timedelta) -> int:
    return int(span.total_seconds() // 3600)
