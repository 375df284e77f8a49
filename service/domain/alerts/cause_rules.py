"""Alerts about failing pushes: one per cause, over the whole fleet.

- A failure that time cures is told only when it lasts or is widespread: most are over before anybody could
  read of it.
- A record that was pushed again is neither failing nor healed; it keeps its alert open, and opens none.
- A revoked connection is told once, as the connection that was lost; the pushes that fail of it are shown
  beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from service.domain.alerts.alert import Condition, Kind, Policy, Severity
from service.domain.alerts.facts import CauseFact
from service.domain.alerts.severity import severity
from service.domain.alerts.spread import WAVE_ORGANIZATIONS
from service.domain.alerts.text import (
    DETAIL_MAX,
    EXCERPT_MAX,
    NAME_MAX,
    SUMMARY_MAX,
    amounts,
    instant,
    neutral,
    organizations,
    records,
)
from service.domain.causes.facts import Facts, Owner, facts_of, next_step_of
from service.domain.causes.names import Action, Cause
from service.domain.causes.resemblance import resemblance_told

RECORDS_MANY: Final = 50
"""So many records of a cause that time cures are told at once: waiting longer would only make them more."""

TOLD_AS_CONNECTION: Final = frozenset({Cause.CONNECTION_REVOKED, Cause.ACCESS_TOKEN_EXPIRED})
"""What an organization's lost connection explains."""


def cause_conditions(
    causes: tuple[CauseFact, ...],
    exhausted: tuple[CauseFact, ...],
    lost: Mapping[UUID, str],
    policy: Policy,
    now: datetime,
) -> Iterator[Condition]:
    """Say which causes fail; `lost` gives the alert that speaks of each organization's lost connection."""
    for fact in causes:
        yield _failing(fact, lost, policy, now)
    for fact in exhausted:
        if fact.records_count:
            yield _exhausted(fact, now)


def _failing(fact: CauseFact, lost: Mapping[UUID, str], policy: Policy, now: datetime) -> Condition:
    title = title_of(fact.cause)
    what = "cannot be pushed" if fact.records_count else "were pushed again"
    count = fact.records_count or fact.returning_count
    return Condition(
        kind=Kind.CAUSE_FAILING,
        scope=fact.cause,
        cause=fact.cause,
        severity=_severity(fact, Severity.INFO if is_cured_by_time(fact.cause) else Severity.WARNING, now),
        summary=neutral(f"{title}: {records(count)} {_of_whom(fact)} {what}", SUMMARY_MAX),
        detail=_detail(fact),
        owner=_owner(fact),
        next_step=_next_step(fact),
        members=fact.organizations,
        organizations_count=fact.organizations_count,
        records_count=fact.records_count,
        money_at_risk=fact.money_at_risk,
        since=fact.first_failed_at,
        wait_seconds=_wait_seconds(fact, policy),
        opens=bool(fact.records_count),
        inhibited_by=_told_as_connection(fact, lost),
    )


def _exhausted(fact: CauseFact, now: datetime) -> Condition:
    return Condition(
        kind=Kind.RETRY_EXHAUSTED,
        scope=fact.cause,
        cause=fact.cause,
        severity=_severity(fact, Severity.WARNING, now),
        summary=neutral(
            f"{title_of(fact.cause)}: no retry is left for {records(fact.records_count)} {_of_whom(fact)}",
            SUMMARY_MAX,
        ),
        detail=_detail(fact),
        owner=_owner(fact),
        next_step="Open the cause: end what is behind it, then plan a retry of its records.",
        members=fact.organizations,
        organizations_count=fact.organizations_count,
        records_count=fact.records_count,
        money_at_risk=fact.money_at_risk,
        since=fact.first_failed_at,
    )


def title_of(cause: str) -> str:
    """A cause as the beginning of a sentence."""
    known = _facts(cause)
    return known.title if known else neutral(cause, NAME_MAX).replace("_", " ").capitalize()


def _facts(cause: str) -> Facts | None:
    """What is known of a cause; nothing of one that only a newer release knows."""
    try:
        return facts_of(Cause(cause))
    except ValueError:
        return None


def is_cured_by_time(cause: str) -> bool:
    """Whether it usually ends without anybody."""
    known = _facts(cause)
    return known is not None and known.action is Action.WAIT


def _owner(fact: CauseFact) -> str:
    known = _facts(fact.cause)
    return fact.owner or (known.owner if known else Owner.PARTNER_ENGINEER)


def _next_step(fact: CauseFact) -> str:
    """What to do, in words that fit every record of the cause."""
    known = _facts(fact.cause)
    if known is None:
        return neutral(fact.reason, EXCERPT_MAX)
    platform = fact.platform if fact.organizations_count == 1 else None
    example = neutral(fact.example, EXCERPT_MAX)
    step = next_step_of(known, object_type="", platform=platform, detail=example)
    hint = resemblance_told(fact.example or "") if known.cause is Cause.UNKNOWN else ""
    return neutral(f"{step} {hint}", DETAIL_MAX)


def _severity(fact: CauseFact, floor: Severity, now: datetime) -> Severity:
    return severity(
        floor,
        now=now,
        since=fact.first_failed_at,
        money_at_risk=fact.money_at_risk,
        organizations_count=fact.organizations_count,
    )


def _of_whom(fact: CauseFact) -> str:
    if fact.organizations_count == 1 and fact.organization_name:
        return f"of {neutral(fact.organization_name, NAME_MAX)}"
    return f"in {organizations(fact.organizations_count)}"


def _detail(fact: CauseFact) -> str:
    sentences = []
    if fact.money_at_risk:
        sentences.append(f"At risk: {amounts(fact.money_at_risk)}.")
    if fact.first_failed_at:
        sentences.append(f"Since {instant(fact.first_failed_at)}.")
    if fact.returning_count:
        sentences.append(f"{records(fact.returning_count)} pushed again, not back yet.")
    if fact.example:
        sentences.append(f"The platform says: {neutral(fact.example, EXCERPT_MAX)}")
    return neutral(" ".join(sentences), DETAIL_MAX)


def _wait_seconds(fact: CauseFact, policy: Policy) -> float | None:
    is_small = fact.organizations_count < WAVE_ORGANIZATIONS and fact.records_count < RECORDS_MANY
    return policy.patience_seconds if is_cured_by_time(fact.cause) and is_small else None


def _told_as_connection(fact: CauseFact, lost: Mapping[UUID, str]) -> tuple[str, ...]:
    if fact.cause not in TOLD_AS_CONNECTION or len(fact.organizations) < fact.organizations_count:
        return ()
    if not all(organization_id in lost for organization_id in fact.organizations):
        return ()
    return tuple(sorted({lost[organization_id] for organization_id in fact.organizations}))
