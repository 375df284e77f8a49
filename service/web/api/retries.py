"""Retries of many: a plan that is shown, applied exactly as it was shown, followed, and cancelled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from service.domain.fleet import FLEET
from service.domain.pushing.policy import Policy
from service.domain.pushing.retry_plan import PLAN_LASTS
from service.settings import Settings
from service.store.database import Connection
from service.store.retries import (
    ItemSum,
    StoredItem,
    StoredRetry,
    list_retries,
    list_retry_items,
    sum_retry_items,
)
from service.store.work import get_now
from service.web.paging import Keyset, Page
from service.web.problems import not_found
from service.web.retrying import Filter, Planner, apply, cancel, make, require
from service.web.route import Asked

_KEY = Keyset("retries", (datetime, UUID))


class RetryState(StrEnum):
    """Where a retry stands as a whole."""

    PLANNED = "planned"
    RUNNING = "running"
    FINISHED = "finished"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Ask(msgspec.Struct, forbid_unknown_fields=True):
    """Which records to plan a retry of."""

    filter: Filter


class Apply(msgspec.Struct, forbid_unknown_fields=True):
    """The hash of the plan that was looked at."""

    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How many records are where: waiting for their turn, sent and with which outcome, left out."""

    eligible: int
    excluded: int
    unsafe: int
    queued: int
    sent: int
    accepted: int
    refused: int
    uncertain: int
    left_out: int
    cancelled: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryHead:
    """A planned retry without its records."""

    id: UUID
    organization_id: UUID | None
    """Null when it spans the fleet."""
    state: RetryState
    filter: Filter
    hash: str
    matched: int
    """Records that matched; more than the plan holds when its limit was reached."""
    progress: Progress
    money: Mapping[str, int]
    """Of what is to be sent."""
    excluded_money: Mapping[str, int]
    estimated_calls: int
    estimated_seconds: float
    planned_by: str
    planned_at: datetime
    applied_by: str | None
    applied_at: datetime | None
    cancelled_by: str | None
    cancelled_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRecord:
    """One record of a plan: why it is sent or not, and what became of it."""

    record_id: UUID
    organization_id: UUID
    object_type: str | None
    number: str | None
    party: str | None
    amount_minor: int | None
    currency: str | None
    cause: str | None
    status: str
    unsafe: bool
    """Sending it might double it."""
    reason: str
    attempt: int | None
    outcome: str | None
    """What the hub answered; `uncertain` when nobody knows."""
    state: str | None
    """Where the record stands now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry(RetryHead):
    """A planned retry with all its records."""

    eligible: Sequence[RetryRecord]
    excluded: Sequence[RetryRecord]


async def list_them(asked: Asked) -> Page[RetryHead]:
    """Answer a page of retries, the newest first."""
    limit = asked.query["limit"]
    key = _KEY.read(asked.query["after"])
    async with asked.rows() as connection:
        rows = await list_retries(
            connection,
            organization_id=asked.organization_id(),
            before=key if key[0] is not None else None,
            limit=limit + 1,
        )
        sums = await sum_retry_items(connection, [row.retry_id for row in rows])
        now = await get_now(connection)
    rate = asked.service.settings.hub_rate_per_second
    shown = [RetryHead(**_head(row, sums.get(row.retry_id, ()), rate, now)) for row in rows]
    return _KEY.page(shown, limit, [(row.planned_at, row.retry_id) for row in rows])


async def plan(asked: Asked) -> Retry:
    """Plan a retry."""
    wanted: Filter = asked.body.filter
    bound = asked.who.organization_id
    if bound is not None and wanted.organization_id not in {None, bound}:
        raise not_found("organization")
    settings = asked.service.settings
    planner = planner_of(asked.who.name, bound, settings)
    async with asked.rows(readonly=False) as connection:
        retry_id = await make(connection, planner, wanted)
    async with asked.rows() as connection:
        return await load(connection, retry_id, settings)


async def get_one(asked: Asked) -> Retry:
    """Answer one retry with its records."""
    async with asked.rows() as connection:
        return await load(connection, asked.path["retry_id"], asked.service.settings)


async def apply_it(asked: Asked) -> Retry:
    """Apply the very plan that was shown."""
    retry_id = asked.path["retry_id"]
    async with asked.rows(readonly=False) as connection:
        await apply(connection, retry_id, asked.body.hash, asked.who.name)
    return await get_one(asked)


async def cancel_it(asked: Asked) -> Retry:
    """Take back what was not sent yet."""
    retry_id = asked.path["retry_id"]
    async with asked.rows(readonly=False) as connection:
        await cancel(connection, retry_id, asked.who.name)
    return await get_one(asked)


def planner_of(name: str, organization_id: UUID | None, settings: Settings) -> Planner:
    """Whoever plans, with the waits of the settings."""
    return Planner(name=name, organization_id=organization_id, policy=Policy.of(settings))


async def load(connection: Connection, retry_id: UUID, settings: Settings) -> Retry:
    """Read one retry whole, or refuse."""
    retry = await require(connection, retry_id)
    items = await list_retry_items(connection, retry_id)
    now = await get_now(connection)
    head = _head(retry, [_sum_of(item) for item in items], settings.hub_rate_per_second, now)
    return Retry(
        **head,
        eligible=[_record(item) for item in items if item.status != "excluded"],
        excluded=[_record(item) for item in items if item.status == "excluded"],
    )


def _head(retry: StoredRetry, sums: Sequence[ItemSum], rate: float, now: datetime) -> dict[str, Any]:
    progress = _progress(sums)
    told = {each.name: getattr(retry, each.name) for each in fields(StoredRetry) if each.name in _PLAIN}
    return told | {
        "id": retry.retry_id,
        "organization_id": None if retry.organization_id == FLEET else retry.organization_id,
        "state": _state(retry, progress, now),
        "filter": msgspec.convert(retry.filter, Filter),
        "progress": progress,
        "money": _money(each for each in sums if each.status != "excluded"),
        "excluded_money": _money(each for each in sums if each.status == "excluded"),
        "estimated_calls": retry.calls,
        "estimated_seconds": round(retry.calls / rate, 1),
    }


def _state(retry: StoredRetry, progress: Progress, now: datetime) -> RetryState:
    if retry.cancelled_at is not None:
        return RetryState.CANCELLED
    if retry.applied_at is None:
        return RetryState.EXPIRED if now >= retry.planned_at + PLAN_LASTS else RetryState.PLANNED
    is_open = progress.queued or progress.sent > progress.accepted + progress.refused + progress.uncertain
    return RetryState.RUNNING if is_open else RetryState.FINISHED


def _progress(sums: Sequence[ItemSum]) -> Progress:
    statuses: Counter[str] = Counter()
    outcomes: Counter[str | None] = Counter()
    unsafe = 0
    for each in sums:
        statuses[each.status] += each.records
        unsafe += each.records if each.is_unsafe else 0
        if each.status == "sent":
            outcomes[each.outcome] += each.records
    names = ("excluded", "queued", "sent", "left_out", "cancelled")
    return Progress(
        eligible=statuses.total() - statuses["excluded"],
        unsafe=unsafe,
        **{name: statuses[name] for name in names},
        **{name: outcomes[name] for name in ("accepted", "refused", "uncertain")},
    )


def _money(sums: Iterable[ItemSum]) -> Mapping[str, int]:
    money: Counter[str] = Counter()
    for each in sums:
        if each.currency and each.amount_minor:
            money[each.currency] += each.amount_minor
    return dict(money)


def _sum_of(item: StoredItem) -> ItemSum:
    return ItemSum(
        status=item.status,
        is_unsafe=item.is_unsafe,
        outcome=item.outcome,
        currency=item.currency,
        records=1,
        amount_minor=item.amount_minor or 0,
    )


def _record(item: StoredItem) -> RetryRecord:
    return RetryRecord(
        record_id=item.record_id,
        organization_id=item.organization_id,
        object_type=item.object_type,
        number=item.document_number,
        party=item.party_name,
        amount_minor=item.amount_minor,
        currency=item.currency,
        cause=item.cause,
        status=item.status,
        unsafe=item.is_unsafe,
        reason=item.reason,
        attempt=item.number,
        outcome=item.outcome,
        state=item.state,
    )


_PLAIN = frozenset(
    {
        "hash",
        "matched",
        "planned_by",
        "planned_at",
        "applied_by",
        "applied_at",
        "cancelled_by",
        "cancelled_at",
    }
)
