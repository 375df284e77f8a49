"""What an alert is: something that a person should know, told once, however many records stand behind it.

A *condition* is what the facts of this moment say is wrong; an *alert* is its life: first seen, told,
quiet, healed. One alert per fingerprint is open at a time, and the fingerprint names the trouble (kind, and
cause or scope), never its size.

    pending ──group wait──▶ firing ──healed, and quiet for a while──▶ resolved
       │                      ▲                                          │
       └─ gone ─▶ (dropped)   └──────────── comes back within a day ─────┘

- **pending → dropped**: the trouble went before anybody was told; nothing is kept.
- **firing → resolved**: only when the condition has been absent for a while *and* something was read since
  that shows why (`held_at` is the last instant at which it held, or at which we could not see). Silence is
  no healing.
- **resolved → firing**: a regression is the same alert again, so that its messages stay in order at the
  receiver.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from service.domain.fleet import FLEET

LISTED_MAX: Final = 20
"""Organizations named in a message; a person reads no further, and the page has them all."""

FLEET_SCOPE: Final = "fleet"
"""The scope of an alert that concerns the whole fleet."""


class Kind(StrEnum):
    """What an alert is about."""

    CONNECTION_LOST = "connection_lost"
    SYNC_STALE = "sync_stale"
    CAUSE_FAILING = "cause_failing"
    RETRY_EXHAUSTED = "retry_exhausted"
    RECORD_STUCK = "record_stuck"
    CONFIRMATION_OVERDUE = "confirmation_overdue"
    NEVER_ATTEMPTED = "never_attempted"
    DIFFERENCE_FOUND = "difference_found"
    DUPLICATE_IN_BOOKS = "duplicate_in_books"
    HUB_UNREACHABLE = "hub_unreachable"
    HUB_UNAUTHORIZED = "hub_unauthorized"
    WEBHOOK_GAP = "webhook_gap"
    POLLING_BEHIND = "polling_behind"
    CHANNEL_FAILING = "channel_failing"


class Severity(StrEnum):
    """How much it matters: wake somebody, today, or good to know."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """Larger is worse."""
        return {Severity.INFO: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}[self]


class Status(StrEnum):
    """Where an alert is in its life."""

    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


MOVES: Final[frozenset[tuple[Status, Status]]] = frozenset(
    {
        (Status.PENDING, Status.FIRING),
        (Status.FIRING, Status.RESOLVED),
        (Status.RESOLVED, Status.FIRING),
    }
)
"""The moves of the drawing above; a pending alert whose trouble went is deleted, not moved."""


class Reading(StrEnum):
    """What an alert rests on: what must be read again before it may count as healed."""

    HUB = "hub"
    """Any answer of the hub."""
    CONNECTION = "connection"
    """The connection of each of its organizations."""
    RECORDS = "records"
    """The synced records of each of its organizations."""
    COMPARISON = "comparison"
    """Both ledgers of each of its organizations, compared from certified scans."""
    DELIVERIES = "deliveries"
    """A webhook for one of its organizations."""
    CHANNEL = "channel"
    """A message that the channel took."""
    OURSELVES = "ourselves"
    """Our own work, which we always see."""

    @property
    def needs_hub(self) -> bool:
        """Whether nothing of it can be seen while the hub does not answer."""
        return self not in {Reading.HUB, Reading.CHANNEL, Reading.OURSELVES}


READING_BY_KIND: Final[Mapping[Kind, Reading]] = {
    Kind.CONNECTION_LOST: Reading.CONNECTION,
    Kind.SYNC_STALE: Reading.CONNECTION,
    Kind.CAUSE_FAILING: Reading.RECORDS,
    Kind.RETRY_EXHAUSTED: Reading.RECORDS,
    Kind.RECORD_STUCK: Reading.RECORDS,
    Kind.CONFIRMATION_OVERDUE: Reading.COMPARISON,
    Kind.NEVER_ATTEMPTED: Reading.COMPARISON,
    Kind.DIFFERENCE_FOUND: Reading.COMPARISON,
    Kind.DUPLICATE_IN_BOOKS: Reading.COMPARISON,
    Kind.HUB_UNREACHABLE: Reading.HUB,
    Kind.HUB_UNAUTHORIZED: Reading.HUB,
    Kind.WEBHOOK_GAP: Reading.DELIVERIES,
    Kind.POLLING_BEHIND: Reading.OURSELVES,
    Kind.CHANNEL_FAILING: Reading.CHANNEL,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The waits, as the settings give them."""

    group_seconds: float
    repeat_seconds: float
    resolve_seconds: float
    stale_seconds: float
    stuck_seconds: float
    poll_seconds: float
    patience_seconds: float
    """How long a failure that time cures may last before somebody is told of a few of them."""


def fingerprint(kind: Kind, scope: str) -> str:
    """Name a trouble; the same name, the same alert."""
    return f"{kind}:{scope}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What is wrong at this moment, ready to be told."""

    kind: Kind
    scope: str
    severity: Severity
    summary: str
    detail: str
    owner: str
    next_step: str
    organization_id: UUID = FLEET
    cause: str | None = None
    members: tuple[UUID, ...] = ()
    """The organizations behind it, heaviest first; bounded, so `organizations_count` may be larger."""
    organizations_count: int = 0
    records_count: int = 0
    money_at_risk: Mapping[str, int] = field(default_factory=dict)
    since: datetime | None = None
    """Since when it is known to hold; None for the moment it is first seen."""
    wait_seconds: float | None = None
    """A group wait of its own; None for that of the policy."""
    is_anew: bool = False
    """Another incident of the same name began: who acknowledged the one before did not take it on."""
    opens: bool = True
    """False keeps an open alert open but opens none."""
    inhibited_by: tuple[str, ...] = ()
    """Fingerprints of alerts that, while open, say it already: this one is shown, not sent."""

    @property
    def fingerprint(self) -> str:
        """The name of the trouble."""
        return fingerprint(self.kind, self.scope)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert as it is stored."""

    organization_id: UUID
    alert_id: UUID
    fingerprint: str
    kind: Kind
    scope: str
    cause: str | None
    severity: Severity
    status: Status
    summary: str
    detail: str
    owner: str | None
    next_step: str
    members: tuple[UUID, ...]
    organizations_count: int
    records_count: int
    money_at_risk: Mapping[str, int]
    started_at: datetime
    held_at: datetime
    """The last instant at which it held, or at which we were blind."""
    grew_at: datetime
    """When it last grew by a wave of organizations; fewer that join bring it forward by their share."""
    quiet_since: datetime | None = None
    ended_at: datetime | None = None
    is_inhibited: bool = False
    regressions_count: int = 0
    notified_at: datetime | None = None
    notified_count: int = 0
    """Messages so far, over all regressions: the sequence of the last one."""
    notified_severity: Severity | None = None
    notified_records_count: int = 0
    notified_organizations_count: int = 0
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    snoozed_until: datetime | None = None
    version: int = 1
    changed_at: datetime

    @property
    def organizations(self) -> tuple[UUID, ...]:
        """The organizations that a message names."""
        return self.members[:LISTED_MAX]

    @property
    def is_open(self) -> bool:
        """Whether its trouble is not known to be over."""
        return self.status is not Status.RESOLVED

    @property
    def reading(self) -> Reading:
        """What must be read again before it may count as healed."""
        return READING_BY_KIND[self.kind]

    @property
    def is_told(self) -> bool:
        """Whether the receivers know it as firing: the last message of this episode said so."""
        return self.notified_severity is not None
