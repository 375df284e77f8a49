"""Synced records: what the hub remembers of bringing one object to the accounting system.

One record per object and type, updated in place by every attempt; or one per attempt, where `record_per` says
so, and older ones stay as they were. Both ids of the other side stay empty until
a push is known to have succeeded, even where it landed: that is what makes a time-out ambiguous.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


class ObjectType(StrEnum):
    """The six types of synced records."""

    PRODUCT = "product"
    CUSTOMER = "customer"
    VENDOR = "vendor"
    RECEIVABLE = "receivable"
    BILL = "bill"
    PAYMENT_RECORD = "payment_record"


class SyncStatus(StrEnum):
    """The three documented states."""

    PENDING = "pending"
    DONE = "done"
    ERROR = "error"


@dataclass(slots=True)
class SyncedRecord:
    """One record; `running` counts pushes under way, `cause` is the truth that the API only hints at."""

    id: str
    object_type: ObjectType
    object_id: str
    created_at: datetime
    updated_at: datetime
    last_pulled_at: datetime
    object_updated_at: datetime
    sync_status: SyncStatus = SyncStatus.PENDING
    platform: str | None = None
    platform_object_id: str | None = None
    platform_updated_at: datetime | None = None
    provider_object_id: str | None = None
    provider_updated_at: datetime | None = None
    errors: object = None
    cause: str | None = None
    running: int = 0
    is_abandoned: bool = False
