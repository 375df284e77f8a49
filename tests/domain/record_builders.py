"""Records, attempts, evidence and conditions for the tests of the lifecycle and of pushes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from service.domain.causes.cause import Cause
from service.domain.pushing.attempt import Attempt, Evidence, EvidenceKind, Outcome, Trigger
from service.domain.pushing.cure import Conditions
from service.domain.pushing.policy import Policy
from service.domain.record import Record, SeenRecord
from service.domain.record_observed import observe

START = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
POLICY = Policy()
RECORD_ID = UUID(int=7_500)
"""Its last three digits make the share of a wait that is drawn from it: one half."""

WORDS = {
    Cause.RATE_LIMITED: "Too many requests",
    Cause.PLATFORM_UNAVAILABLE: "Could not resolve host: api.xero.com",
    Cause.ACCESS_TOKEN_EXPIRED: "The access token has expired",
    Cause.TIMEOUT_AMBIGUOUS: "Operation timed out after 15001 milliseconds",
    Cause.PLATFORM_INTERNAL_ERROR: "Internal Server Error",
    Cause.STALE_OBJECT: "Stale Object Error",
    Cause.DUPLICATE_DOCUMENT_NUMBER: "Duplicate Document Number Error",
    Cause.CONNECTION_REVOKED: "invalid_grant",
    Cause.PERMISSION_DENIED: "You do not have permission to perform this action",
    Cause.MISSING_TAX_RATE: "Tax rate does not exist",
    Cause.MISSING_LEDGER_ACCOUNT: "Account code must be specified",
    Cause.REFERENCE_NOT_FOUND: "Customer not found",
    Cause.PERIOD_LOCKED: "The account period has closed",
    Cause.DOCUMENT_NOT_MODIFIABLE: "Invoice not of valid status for modification",
    Cause.INVALID_FIELD: "Email address must be valid",
    Cause.UNKNOWN: "Fnord",
}
"""An error text for some of the causes."""


def at(seconds: float) -> datetime:
    """So many seconds after the start."""
    return START + timedelta(seconds=seconds)


def seen(
    status: str | None = "error", seconds: float = 0, cause: Cause = Cause.UNKNOWN, **changes: Any
) -> SeenRecord:
    """What the hub tells: a record with this status, changed so many seconds after the start."""
    facts: dict[str, Any] = {
        "record_id": RECORD_ID,
        "organization_id": UUID(int=1),
        "object_type": "receivable",
        "object_id": UUID(int=2),
        "platform": "quickbooks_online",
        "sync_status": status,
        "updated_at": at(seconds),
        "errors": {"message": WORDS[cause]} if status == "error" else {},
        "platform_object_id": "145" if status == "done" else None,
    }
    return SeenRecord(**{**facts, **changes})


def failed(cause: Cause, seconds: float = 0, **changes: Any) -> Record:
    """A record that has just failed with a cause."""
    return observe(None, seen("error", seconds, cause, **changes), at(seconds), POLICY)


def follow(*versions: SeenRecord, previous: Record | None = None, seconds: float = 0) -> Record:
    """What is known after these versions were read in this order."""
    record = previous
    for version in versions:
        record = observe(record, version, at(seconds), POLICY)
    assert record is not None
    return record


def attempt(
    number: int = 2, seconds: float = 60, outcome: Outcome | None = Outcome.ACCEPTED, **changes: Any
) -> Attempt:
    """A try of ours, decided on the first version of the record."""
    facts: dict[str, Any] = {
        "number": number,
        "episode": 1,
        "started_at": at(seconds),
        "record_updated_at": START,
        "trigger": Trigger.SCHEDULE,
        "evidence": EvidenceKind.REFUSED_BEFORE_CREATION,
        "finished_at": None if outcome is None else at(seconds + 1),
        "outcome": outcome,
    }
    return Attempt(**{**facts, **changes})


def read_back(seconds: float) -> Evidence:
    """The books were read and do not hold it."""
    return Evidence(kind=EvidenceKind.READ_BACK, observed_at=at(seconds))


def word(seconds: float) -> Evidence:
    """A named person says so."""
    return Evidence(kind=EvidenceKind.NAMED_PERSON, observed_at=at(seconds), detail="Ada: not in the books")


def connected(**changes: Any) -> Conditions:
    """An organization whose connection is up."""
    return Conditions(
        **{"connection_status": "connected", "connected_at": at(-90_000), "last_pull": at(-60), **changes}
    )
