"""Alerts about the whole: the hub, our own reading, webhooks that never came, channels that take nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from service.domain.alerts.alert import FLEET_SCOPE, Condition, Kind, Policy, Severity
from service.domain.alerts.channel_rules import channel_conditions
from service.domain.alerts.facts import (
    UNREADABLE_MAX,
    Facts,
    HubFact,
    QuietFact,
    SilenceFact,
    UnreadableFact,
)
from service.domain.alerts.severity import severity
from service.domain.alerts.text import (
    EXCERPT_MAX,
    NAME_MAX,
    count,
    instant,
    neutral,
    organizations,
)
from service.domain.status import span

UNAUTHORIZED: Final = "unauthorized"
"""The failure (`service.errors.HubFailure`) that a person must end: our credentials are refused."""

UNAUTHORIZED_STEP: Final = (
    "Check TIEOUT_HUB_CLIENT_ID and TIEOUT_HUB_CLIENT_SECRET with `tieout check`; rotate them if "
    "they were revoked."
)
UNREACHABLE_STEP: Final = (
    "Run `tieout check` from the same network, then look at the hub's status page. "
    "Nothing is lost: reading and pushing go on by themselves once it answers."
)

THROTTLED: Final = "throttled"
"""The hub answers, and asks for patience: no outage, however long it lasts."""

OVERDUE_BOUNDS: Final = 2.0
"""Reading later than this many times its bound is behind; once late may be a burst."""

STRETCH_TOLD: Final = 1.5
"""Bounds that are stretched by less come and go with the hour."""

QUIET_SCOPE: Final = "records"
"""What the silence of the whole fleet is told under."""

QUIET_ACTIVE_MIN: Final = 20
QUIET_ORGANIZATION_SECONDS: Final = 100 * 86_400.0
QUIET_SECONDS_MIN: Final = 12 * 3_600.0
QUIET_SECONDS_MAX: Final = 72 * 3_600.0
"""A night, and a long weekend."""

UNREADABLE_SCOPE: Final = "unreadable"
"""What webhooks that came and could not be read are told under."""

MISSING_EVENTS: Final = 10
"""Deliveries that never came within an hour before somebody is told: a lost one now and then is the
sender's daily life, and costs nothing, since the log had it."""


def fleet_conditions(facts: Facts, policy: Policy, now: datetime) -> Iterator[Condition]:
    """Say what is wrong with the whole."""
    yield from _hub(facts.hub, policy, now)
    yield from _polling(facts, policy)
    for silence in facts.silences:
        yield _silence(silence, now)
    yield from _quiet(facts.quiet, now)
    yield from _gap(facts)
    if facts.unreadable is not None:
        yield _unreadable(facts.unreadable)
    yield from channel_conditions(facts, policy, now)


def is_blind(hub: HubFact, policy: Policy, now: datetime) -> bool:
    """Whether the hub has failed for so long that nothing we know of it can be trusted to hold still.

    Being throttled counts as well: whoever may not ask sees nothing.
    """
    return hub.failing_since is not None and _seconds(hub.failing_since, now) >= policy.group_seconds


def _hub(hub: HubFact, policy: Policy, now: datetime) -> Iterator[Condition]:
    # The failure has lasted for a group wait already, so the alert needs none of its own.
    if not is_blind(hub, policy, now) or hub.failure == THROTTLED:
        return
    assert hub.failing_since is not None
    since = f"Nothing has worked since {instant(hub.failing_since)}."
    last = f" Last answer: {instant(hub.last_ok_at)}." if hub.last_ok_at else " It has never answered us."
    said = f" Last failure: {neutral(hub.message, EXCERPT_MAX)}" if hub.message else ""
    if hub.failure == UNAUTHORIZED:
        kind, summary = Kind.HUB_UNAUTHORIZED, "The hub refuses our credentials"
        step = UNAUTHORIZED_STEP
    else:
        kind, summary = Kind.HUB_UNREACHABLE, "The hub does not answer"
        step = UNREACHABLE_STEP
    yield Condition(
        kind=kind,
        scope=FLEET_SCOPE,
        severity=Severity.CRITICAL,
        summary=summary,
        detail=since + last + said,
        owner="partner_engineer",
        next_step=step,
        since=hub.failing_since,
        wait_seconds=0.0,
    )


def _polling(facts: Facts, policy: Policy) -> Iterator[Condition]:
    polling = facts.polling
    is_late = polling.oldest_overdue_seconds >= OVERDUE_BOUNDS * policy.poll_seconds
    is_stretched = max(polling.stretch, polling.comparing_stretch) >= STRETCH_TOLD
    if not is_late and not is_stretched:
        return
    said = []
    if polling.stretch >= STRETCH_TOLD:
        said.append(
            f"Every bound is stretched {polling.stretch:.1f} times: records of an active organization are "
            f"read every {span(timedelta(seconds=policy.poll_seconds * polling.stretch))} at the latest."
        )
    if polling.comparing_stretch >= STRETCH_TOLD:
        said.append(f"Documents are compared {polling.comparing_stretch:.1f} times as seldom as set.")
    if is_late:
        late = span(timedelta(seconds=polling.oldest_overdue_seconds))
        who = count(polling.overdue, "organization waits", "organizations wait")
        said.append(f"{who} longer than was stated, by {late} at most.")
    yield Condition(
        kind=Kind.POLLING_BEHIND,
        scope=FLEET_SCOPE,
        severity=Severity.WARNING if is_late else Severity.INFO,
        summary="Reading has fallen behind" if is_late else "Reading takes longer than set",
        detail=" ".join(said),
        owner="partner_engineer",
        next_step="Check that workers run and that the hub's budget is not used up; add a worker, ask the "
        "hub for more requests a second, or raise TIEOUT_POLL_SECONDS.",
        organizations_count=polling.overdue,
        inhibited_by=HUB_ALERTS,
    )


def _silence(silence: SilenceFact, now: datetime) -> Condition:
    """One object type that cannot be read, while others are: no error is told of it, and none is seen."""
    what = silence.stream.replace(":", " ").replace("_", " ")
    name = neutral(silence.organization_name, NAME_MAX)
    whose = name if silence.organizations_count == 1 and name else organizations(silence.organizations_count)
    last = f"Last read {instant(silence.since)}." if silence.since else "Never read."
    return Condition(
        kind=Kind.POLLING_BEHIND,
        scope=silence.stream,
        severity=severity(
            Severity.WARNING,
            now=now,
            since=silence.since,
            organizations_count=silence.organizations_count,
        ),
        summary=f"The list of {what} of {whose} cannot be read",
        detail=f"{last} Everything else is read; what happens there is seen by nobody. The last failure: "
        f"{neutral(silence.error, EXCERPT_MAX)}",
        owner="partner_engineer",
        next_step="Report the failure to the hub with the organization's id; reading goes on by itself "
        "once it is answered.",
        members=silence.organizations,
        organizations_count=silence.organizations_count,
        since=silence.since,
        inhibited_by=HUB_ALERTS,
    )


def quiet_seconds(active_count: int) -> float | None:
    """How long a fleet may show no change at all; None for one too small to wonder at.

    A hundred active organizations do not all rest for a day; a few do over a weekend, and ten thousand never
    for half of one.
    """
    if active_count < QUIET_ACTIVE_MIN:
        return None
    usual = QUIET_ORGANIZATION_SECONDS / active_count
    return min(max(usual, QUIET_SECONDS_MIN), QUIET_SECONDS_MAX)


def _quiet(quiet: QuietFact | None, now: datetime) -> Iterator[Condition]:
    """Nothing changes anywhere: a hub that answers with yesterday looks like a fleet in which all is well."""
    bound = None if quiet is None else quiet_seconds(quiet.active_count)
    if quiet is None or bound is None or _seconds(quiet.changed_at, now) < bound:
        return
    yield Condition(
        kind=Kind.POLLING_BEHIND,
        scope=QUIET_SCOPE,
        severity=Severity.WARNING,
        summary="Nothing changes in any organization",
        detail=f"The last change anywhere was {instant(quiet.changed_at)}; within a week before, "
        f"{organizations(quiet.active_count)} changed. The hub answers, perhaps with what it knew then.",
        owner="partner_engineer",
        next_step="Issue something in a test organization and see whether its record appears; if it does "
        "not, report to the hub since when it tells nothing new.",
        since=quiet.changed_at,
        inhibited_by=HUB_ALERTS,
    )


def _gap(facts: Facts) -> Iterator[Condition]:
    gap = facts.gap
    if gap is None or gap.missing_count < MISSING_EVENTS:
        return
    yield Condition(
        kind=Kind.WEBHOOK_GAP,
        scope=FLEET_SCOPE,
        severity=Severity.WARNING,
        summary="Webhooks of the hub do not arrive",
        detail=f"The hub's log of the last hour has {count(gap.missing_count, 'event', 'events')} of "
        f"{organizations(len(gap.organizations))} that no webhook brought. Nothing is lost, but "
        "changes are seen later.",
        owner="partner_engineer",
        next_step="Run `tieout check`: the subscriptions must point to TIEOUT_PUBLIC_URL, and their "
        "secret must be in TIEOUT_WEBHOOK_SECRETS.",
        members=gap.organizations,
        organizations_count=len(gap.organizations),
        since=gap.oldest_at,
        inhibited_by=HUB_ALERTS,
    )


def _unreadable(unreadable: UnreadableFact) -> Condition:
    """Deliveries that the hub signed: one is enough, since what was changed in one format will be in all."""
    more = " or more" if unreadable.deliveries_count >= UNREADABLE_MAX else ""
    deliveries = count(unreadable.deliveries_count, "delivery", "deliveries") + more
    return Condition(
        kind=Kind.WEBHOOK_GAP,
        scope=UNREADABLE_SCOPE,
        severity=Severity.WARNING,
        summary="Webhooks of the hub cannot be read",
        detail=f"{deliveries} of the last hour bore the hub's signature and could not be read. Each is kept "
        "as it came; changes that they tell of are seen later. The latest: "
        f"{neutral(unreadable.reason, EXCERPT_MAX)}",
        owner="partner_engineer",
        next_step="Look at them in /v1/events?quarantined=true; if the hub has changed its format, look for "
        "a release of tieout that reads it, and ask the hub what was changed.",
        since=unreadable.since,
    )


HUB_ALERTS: Final = (f"{Kind.HUB_UNREACHABLE}:{FLEET_SCOPE}", f"{Kind.HUB_UNAUTHORIZED}:{FLEET_SCOPE}")
"""While one of these is open, whatever follows from a hub that does not answer is shown, not sent."""


def _seconds(since: datetime, now: datetime) -> float:
    return (now - since).total_seconds()
