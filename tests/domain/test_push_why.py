"""Why was this pushed? One sentence, from what the paper trail holds."""

from __future__ import annotations

from typing import Any

import pytest

from service.domain.pushing.attempt import EvidenceKind, Trigger
from service.domain.pushing.why import sentence, why

SCAN = {"started_at": "2026-11-20T05:00:01.5+00:00", "last_pull": "2026-11-20T04:59:00Z", "certified": True}
FAILED = {"cause": "missing_tax_rate", "error": "Tax rate does not exist."}


@pytest.mark.parametrize(
    ("trigger", "kind", "detail", "told"),
    [
        (
            "cure",
            "refused_before_creation",
            FAILED,
            (
                "What kept it from the books was cured, and nothing could be doubled: it had failed before "
                "anything was made, with “Tax rate does not exist”."
            ),
        ),
        (
            "schedule",
            "not_sent",
            {},
            "Its wait was over, and nothing could be doubled: the push before it never left.",
        ),
        (
            "canary",
            "refused",
            {},
            (
                "It was tried, since what cures it cannot be seen, and nothing could be doubled: the hub "
                "itself refused the push before it."
            ),
        ),
        (
            "schedule",
            "read_back",
            {"scan": SCAN},
            (
                "Its wait was over, and nothing could be doubled: the books were read whole and did not hold "
                "it (read at 2026-11-20 05:00 UTC, as the hub had pulled them at 2026-11-20 04:59 UTC)."
            ),
        ),
        (
            "operator",
            "refused_before_creation",
            FAILED | {"person": "Ada", "retry_id": "7"},
            (
                "Ada planned it with others, and nothing could be doubled: it had failed before anything was "
                "made, with “Tax rate does not exist”."
            ),
        ),
        (
            "operator",
            "named_person",
            {"person": "Ada", "reason": "I looked.", "decision": "push"},
            "Ada wants it sent again: I looked.",
        ),
        ("operator", "named_person", {"person": "Ada", "reason": "old"}, "Ada wants it sent again: old."),
    ],
)
def test_an_attempt_is_explained(trigger: str, kind: str, detail: dict[str, Any], told: str) -> None:
    """What made it due, and what proved that nothing would be doubled."""
    assert why(trigger, kind, detail) == told


@pytest.mark.parametrize("kind", [*EvidenceKind, "of_a_newer_release"])
@pytest.mark.parametrize(
    "detail",
    [{}, {"scan": 7, "error": 7, "person": None}, {"scan": {"started_at": "x", "last_pull": None}}],
    ids=["empty", "odd", "half"],
)
def test_whatever_is_stored_makes_a_sentence(kind: str, detail: dict[str, Any]) -> None:
    """However little, odd or new the stored row is, it is told in one sentence."""
    told = sentence(kind, detail)
    assert told.endswith(".")
    assert "None" not in told
    for trigger in Trigger:
        assert why(trigger, kind, detail).endswith(".")
