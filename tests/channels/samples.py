"""A notification for the tests of channels."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from service.channels.channel import Message

ALERT_ID = UUID("7e5f2f4e-2b1c-4c53-8a0e-0d5b8e1c9a11")


def message(*, sequence: int = 1, is_repeat: bool = False, **changes: Any) -> Message:
    """One message of an alert that fires."""
    body = {
        "id": str(ALERT_ID),
        "fingerprint": "cause_failing:missing_tax_rate",
        "status": "firing",
        "severity": "warning",
        "kind": "cause_failing",
        "cause": "missing_tax_rate",
        "summary": "Tax rate missing: 25 records of Acme <!channel> & Co cannot be pushed",
        "detail": "At risk: 1,234.50 USD.",
        "owner": "bookkeeper",
        "organizations": ["00000000-0000-0000-0000-000000000001"],
        "organizations_count": 1,
        "records_count": 25,
        "money_at_risk": {"USD": 123_450},
        "started_at": "2026-11-20T03:00:00.000Z",
        "ended_at": None,
        "runbook_url": "http://127.0.0.1:8080/runbook#missing_tax_rate",
        "url": f"http://127.0.0.1:8080/alerts/{ALERT_ID}",
        "next_step": "Create the tax rate.",
        "reason": "first",
        "sequence": sequence,
        "regressions_count": 0,
        "previous_severity": None,
    }
    return Message(alert_id=ALERT_ID, sequence=sequence, body=body | changes, is_repeat=is_repeat)
