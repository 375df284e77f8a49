"""What `tieout check` says of today's webhooks: how many were turned away, why, and what to do about that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from service.web.signature import Refusal

TAKEN: Final = frozenset({"stored", "duplicate", "quarantined"})
"""Outcomes of what was answered 200."""

_HEADERS: Final = (
    "compare TIEOUT_WEBHOOK_SIGNATURE_HEADERS with what the hub sends and what a proxy lets through"
)
_CLOCKS: Final = "have a time service set the clocks, and see TIEOUT_WEBHOOK_TOLERANCE_SECONDS"

_REMEDIES: Final[Mapping[str, str]] = {
    Refusal.WRONG: "set TIEOUT_WEBHOOK_SECRETS to the secrets of all subscriptions, as after a rotation",
    Refusal.MISSING: _HEADERS,
    Refusal.DOUBLED: _HEADERS,
    Refusal.MALFORMED: _HEADERS,
    Refusal.TOO_OLD: _CLOCKS,
    Refusal.TOO_NEW: _CLOCKS,
}
_OTHERWISE: Final = "it was not sent as the hub sends: find out who sends it, or which proxy changes it"


def judge(deliveries_by_outcome: Mapping[str, int]) -> tuple[str, str]:
    """Tell how today's deliveries ended, and what to do about the most frequent refusal; empty for none."""
    taken = sum(count for outcome, count in deliveries_by_outcome.items() if outcome in TAKEN)
    refused = {outcome: count for outcome, count in deliveries_by_outcome.items() if outcome not in TAKEN}
    if not refused:
        return f"{taken:,} taken in today, none turned away", ""
    most = sorted(refused, key=lambda outcome: (-refused[outcome], outcome))
    each = ", ".join(f"{refused[outcome]:,} {outcome}" for outcome in most)
    return f"{taken:,} taken in today, turned away: {each}", _REMEDIES.get(most[0], _OTHERWISE)
