"""The state of the service, in one word and the reasons for it.

- **ok** is claimed only by who sees: a worker lives, the hub answers, every organization was read by its
  bound and completely, the books are pulled, and what webhooks told has been worked off. "0 errors" from a
  blind service is a lie.
- **degraded**: it works, but some of what it tells is old, incomplete, or needs a person now.
- **down**: it does not work: nobody reads, or there is nothing to remember with.

How many records fail is no reason here: that is what the service is for, and the alerts say how bad it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

WORKER_SILENT_SECONDS = 60.0
"""Workers report every few seconds; after a minute they are gone or stuck."""

HUB_GRACE_SECONDS = 10.0
"""One failed call among many is no outage."""

BACKLOG_SECONDS_MAX = 60.0
"""Events are worked off within seconds; a minute means that nobody does."""

SWEEPS_MAX = 2
"""A complete reading may be this many of its periods old before what it tells counts as old."""


class State(StrEnum):
    """The state of the service."""

    OK = "ok"
    DEGRADED = "degraded"
    DOWN = "down"


class Code(StrEnum):
    """Why it is not ok; programs may lean on these words."""

    DATABASE_UNREACHABLE = "database_unreachable"
    WORKER_SILENT = "worker_silent"
    HUB_UNKNOWN = "hub_unknown"
    HUB_UNREACHABLE = "hub_unreachable"
    HUB_UNAUTHORIZED = "hub_unauthorized"
    NOTHING_WATCHED = "nothing_watched"
    SWEEP_INCOMPLETE = "sweep_incomplete"
    SWEEP_OVERDUE = "sweep_overdue"
    POLLING_BEHIND = "polling_behind"
    WEBHOOK_BACKLOG = "webhook_backlog"
    BOOKS_STALE = "books_stale"
    CHANNELS_FAILING = "channels_failing"
    ALERTS_CRITICAL = "alerts_critical"


DOWN = frozenset({Code.DATABASE_UNREACHABLE, Code.WORKER_SILENT})
"""With any of these the service does not work at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One thing that keeps the state from being ok, in a sentence."""

    code: Code
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaFacts:
    """One running process, as it last reported."""

    id: str
    roles: Sequence[str]
    heartbeat_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HubFacts:
    """How the hub was last met by any replica."""

    last_ok_at: datetime | None = None
    failing_since: datetime | None = None
    failure: str | None = None
    rate_per_second: float
    used_per_second: float = 0.0

    @property
    def is_reachable(self) -> bool:
        """Whether the last call was answered."""
        return self.last_ok_at is not None and self.failing_since is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the state is judged by; counts, never rows."""

    now: datetime
    replicas: Sequence[ReplicaFacts]
    hub: HubFacts
    organizations_by_connection: Mapping[str, int]
    organizations_stale: int
    organizations_unswept: int
    """Connected ones of which not everything has been read once."""
    last_full_sweep_at: datetime | None
    overdue: int
    oldest_overdue_seconds: float
    stretch: float
    """What all bounds are multiplied by, since calls are scarce."""
    comparing_stretch: float
    bound_seconds: float
    """By when an active organization's records are read at the latest, stretched."""
    backlog: int
    oldest_backlog_seconds: float
    alerts_by_severity: Mapping[str, int]
    unheard_since: datetime | None = None
    """Since when no alert channel takes messages."""

    @property
    def organizations(self) -> int:
        """How many there are."""
        return sum(self.organizations_by_connection.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What the settings promise."""

    stale_seconds: float
    sweep_seconds: float

    @property
    def sweep_age_seconds(self) -> float:
        """Beyond which a complete reading counts as old."""
        return SWEEPS_MAX * self.sweep_seconds


def judge(facts: Facts, bounds: Bounds) -> tuple[State, Sequence[Reason]]:
    """Tell the state, and every reason for it, the gravest first."""
    reasons = [*_workers(facts), *_hub(facts), *_reading(facts, bounds), *_waiting(facts, bounds)]
    return state_of(reasons), reasons


def state_of(reasons: Sequence[Reason]) -> State:
    """Sum reasons up in one word."""
    if any(reason.code in DOWN for reason in reasons):
        return State.DOWN
    return State.DEGRADED if reasons else State.OK


def _workers(facts: Facts) -> Iterator[Reason]:
    reports = [replica.heartbeat_at for replica in facts.replicas if "worker" in replica.roles]
    if not reports:
        yield Reason(
            code=Code.WORKER_SILENT, message="No worker is running: nothing is read, pushed or compared."
        )
    elif facts.now - max(reports) > timedelta(seconds=WORKER_SILENT_SECONDS):
        silent = span(facts.now - max(reports))
        message = f"No worker has reported for {silent}: nothing is read, pushed or compared."
        yield Reason(code=Code.WORKER_SILENT, message=message)


def _hub(facts: Facts) -> Iterator[Reason]:
    hub = facts.hub
    if hub.last_ok_at is None and hub.failing_since is None:
        yield Reason(code=Code.HUB_UNKNOWN, message="The hub has not been called yet.")
    elif hub.failing_since is not None:
        failing = facts.now - hub.failing_since
        if hub.last_ok_at is not None and failing < timedelta(seconds=HUB_GRACE_SECONDS):
            return
        if hub.failure == "unauthorized":
            message = f"The hub has refused our credentials for {span(failing)}."
            yield Reason(code=Code.HUB_UNAUTHORIZED, message=message)
        else:
            message = f"The hub has not answered for {span(failing)}: what is told here is as of then."
            yield Reason(code=Code.HUB_UNREACHABLE, message=message)


def _reading(facts: Facts, bounds: Bounds) -> Iterator[Reason]:
    if not facts.organizations:
        yield Reason(code=Code.NOTHING_WATCHED, message="No organization is known yet.")
    if facts.organizations_unswept:
        unswept = counted(facts.organizations_unswept, "organization")
        message = f"{unswept} not read completely yet: counts are incomplete."
        yield Reason(code=Code.SWEEP_INCOMPLETE, message=message)
    sweep_at = facts.last_full_sweep_at
    if sweep_at is not None and facts.now - sweep_at > timedelta(seconds=bounds.sweep_age_seconds):
        message = f"The oldest complete reading is {span(facts.now - sweep_at)} old."
        yield Reason(code=Code.SWEEP_OVERDUE, message=message)
    if facts.overdue:
        worst = span(timedelta(seconds=facts.oldest_overdue_seconds))
        message = f"{counted(facts.overdue, 'organization')} not read in time, the longest by {worst}."
        yield Reason(code=Code.POLLING_BEHIND, message=message)


def _waiting(facts: Facts, bounds: Bounds) -> Iterator[Reason]:
    if facts.backlog and facts.oldest_backlog_seconds > BACKLOG_SECONDS_MAX:
        oldest = span(timedelta(seconds=facts.oldest_backlog_seconds))
        message = f"{counted(facts.backlog, 'event')} waiting to be worked off, the oldest for {oldest}."
        yield Reason(code=Code.WEBHOOK_BACKLOG, message=message)
    if facts.organizations_stale:
        bound = span(timedelta(seconds=bounds.stale_seconds))
        message = (
            f"{counted(facts.organizations_stale, 'organization')} connected with books older than {bound}."
        )
        yield Reason(code=Code.BOOKS_STALE, message=message)
    if facts.unheard_since is not None:
        message = (
            f"No alert channel takes messages, for {span(facts.now - facts.unheard_since)}: "
            "people are told nothing."
        )
        yield Reason(code=Code.CHANNELS_FAILING, message=message)
    critical = facts.alerts_by_severity.get("critical", 0)
    if critical:
        message = f"{counted(critical, 'critical alert')} firing."
        yield Reason(code=Code.ALERTS_CRITICAL, message=message)


def counted(count: int, noun: str) -> str:
    """Write `1 organization is` or `5 organizations are`."""
    return f"{count} {noun} is" if count == 1 else f"{count:,} {noun}s are"


def span(length: timedelta) -> str:
    """Write a span of time in the one or two units that matter."""
    seconds = max(0, int(length.total_seconds()))
    for unit, size, smaller, smaller_size in _UNITS:
        if seconds >= size:
            whole, rest = divmod(seconds, size)
            parts = [f"{whole} {unit}"] + (
                [f"{rest // smaller_size} {smaller}"] if rest >= smaller_size else []
            )
            return " ".join(parts if whole < 10 else parts[:1])  # noqa: PLR2004 - beyond ten the rest says nothing
    return f"{seconds} s"


_UNITS = (("d", 86_400, "h", 3_600), ("h", 3_600, "min", 60), ("min", 60, "s", 1))
