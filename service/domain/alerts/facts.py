"""The facts that alerts are decided from: what Postgres answers, counted there and bounded.

Lists of organizations hold at most `MEMBERS_MAX`, and beside these whoever an open alert is about: who is
missing from a list is in no trouble, not merely too far down. The counts beside them are whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from service.domain.alerts.alert import Kind

MEMBERS_MAX: Final = 10_000
"""Organizations behind one alert that are told apart, so that a new one is noticed: 160 kB a list, read
some times a minute. A fleet of more is in such trouble that the count says enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationFact:
    """One organization's share in a trouble."""

    organization_id: UUID
    name: str
    since: datetime | None = None
    records_count: int = 0
    money_at_risk: Mapping[str, int] = field(default_factory=dict)
    note: str = ""
    """A word on what exactly it is: the connection's status, the kinds of differences."""
    is_connected: bool = True
    """False where the trouble was seen before the connection was lost: it keeps an alert, and opens none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseFact:
    """One cause of failing pushes, over the whole fleet."""

    cause: str
    records_count: int
    organizations_count: int
    organizations: tuple[UUID, ...]
    """Heaviest first."""
    money_at_risk: Mapping[str, int]
    returning_count: int = 0
    """Records that failed with it, were pushed again and have not come back yet: neither failing nor
    healed."""
    organization_name: str = ""
    """Of the heaviest."""
    first_failed_at: datetime | None = None
    """Of the heaviest organization's example."""
    example: str = ""
    """What the platform said, in its own words."""
    owner: str | None = None
    reason: str = ""
    platform: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HubFact:
    """How the hub was last met, by any replica."""

    last_ok_at: datetime | None = None
    failing_since: datetime | None = None
    last_failure_at: datetime | None = None
    failure: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PollingFact:
    """How far reading has fallen behind the bounds that were stated, and how far those are stretched."""

    overdue: int = 0
    oldest_overdue_seconds: float = 0.0
    stretch: float = 1.0
    comparing_stretch: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceFact:
    """A stream, of one object type, whose reading fails for too long in some organizations."""

    stream: str
    organizations_count: int
    organizations: tuple[UUID, ...]
    """Longest silent first."""
    organization_name: str
    """Of the first."""
    since: datetime | None
    """When the first was last read; None for never."""
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietFact:
    """When anything last changed in any organization, and how many changed within a week before."""

    changed_at: datetime
    active_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelFact:
    """A channel that does not take what it is sent."""

    channel: str
    label: str
    waiting_count: int
    refused_count: int
    since: datetime
    error: str
    sent_at: datetime | None = None
    """When it last took a message all the same; None for never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GapFact:
    """Events of the last hour that the hub's log has and no webhook brought."""

    missing_count: int
    organizations: tuple[UUID, ...]
    oldest_at: datetime


UNREADABLE_MAX: Final = 1_000
"""Deliveries that are counted among those that cannot be read; of more, nothing else would be said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableFact:
    """Deliveries of the last hour that the hub signed and that could not be read."""

    deliveries_count: int
    since: datetime
    reason: str
    """Why the latest could not be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything, as of one instant."""

    hub: HubFact = field(default_factory=HubFact)
    polling: PollingFact = field(default_factory=PollingFact)
    causes: Sequence[CauseFact] = ()
    exhausted: Sequence[CauseFact] = ()
    """The same, of the records alone that no retry is left for."""
    organizations: Mapping[Kind, Sequence[OrganizationFact]] = field(default_factory=dict)
    """Per kind whose scope is an organization: those in trouble."""
    silences: Sequence[SilenceFact] = ()
    quiet: QuietFact | None = None
    channels: Sequence[ChannelFact] = ()
    channels_count: int = 0
    """How many there are that people are told by."""
    gap: GapFact | None = None
    unreadable: UnreadableFact | None = None
