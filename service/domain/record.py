"""A synced record as we follow it: the hub's facts, and what we made of them (`record_observed`)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from service.domain.causes.cause import Cause
from service.domain.causes.facts import facts_of
from service.domain.record_state import FAILED, State

LISTED_TYPES = frozenset({"receivable", "bill"})
"""Object types that can be read back from the books; the others can be acknowledged, never confirmed."""

UNPROVEN = (
    "An earlier attempt may have landed in the books; it is looked for there before anything else is sent."
)

SENT_AGAIN = "It was sent again and is on its way to the books."
"""What a record says that our push set on its way: only behind proof, so that no doubt is left."""


class SeenRecord(Struct, frozen=True, kw_only=True, gc=False):
    """A synced record as the hub told it once.

    Made of JSON, so never part of a ring: the garbage collector need not look at them.
    """

    record_id: UUID
    organization_id: UUID
    object_type: str
    updated_at: datetime
    sync_status: str | None = None
    errors: Any = None
    object_id: UUID | None = None
    platform: str | None = None
    platform_object_id: str | None = None
    provider: str | None = None
    provider_object_id: str | None = None
    created_at: datetime | None = None
    last_pulled_at: datetime | None = None
    object_updated_at: datetime | None = None
    platform_updated_at: datetime | None = None
    provider_updated_at: datetime | None = None


class Record(SeenRecord, frozen=True, kw_only=True, gc=False):
    """The same, with what we know about it."""

    state: State
    reason: str
    version: int = 1
    episode: int = 1
    cause: Cause | None = None
    cause_rule: str | None = None
    cause_group: str | None = None
    cause_text: str | None = None
    rules_version: int | None = None
    owner: str | None = None
    attempts_count: int = 0
    next_attempt_at: datetime | None = None
    deadline_at: datetime | None = None
    first_failed_at: datetime | None = None
    healed_at: datetime | None = None
    amount_minor: int | None = None
    currency: str | None = None
    doubted_at: datetime | None = None
    """The last version that told of a try which may have landed, as long as nothing ends the doubt."""

    @property
    def is_doubted(self) -> bool:
        """Whether something that was tried may stand in the books; a quarantine is doubt enough.

        So is what is on its way though no push of ours put it there, behind `done` or a failure that may have
        landed: a release beside this one writes no doubt down.
        """
        if self.doubted_at is not None or self.state is State.QUARANTINED:
            return True
        if self.state is not State.WAITING or self.reason == SENT_AGAIN:
            return False
        return self.healed_at is not None or (self.cause is not None and facts_of(self.cause).may_exist)

    @property
    def has_failed(self) -> bool:
        """Whether it is in one of the five states of an errored record."""
        return self.state in FAILED
