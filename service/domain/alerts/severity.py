"""How much an alert matters, by the money behind it, its age and its breadth."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from service.domain.alerts.alert import Severity
from service.domain.alerts.weight import weight

WEIGHT_LARGE: Final = 100_000
"""A hundred thousand dollars, to an order of magnitude: somebody's month-end, worth being woken for."""
WEIGHT_AGED: Final = 10_000
"""Ten thousand dollars: may wait until the morning, not for two."""
AGE_LONG: Final = timedelta(hours=24)
ORGANIZATIONS_MANY: Final = 50
"""So many customers at once are no coincidence: something on our side, or on a platform's, is broken."""


def severity(
    floor: Severity,
    *,
    now: datetime,
    since: datetime | None = None,
    money_at_risk: Mapping[str, int] | None = None,
    organizations_count: int = 0,
) -> Severity:
    """Raise what a kind is worth by itself; never lower it."""
    at_risk = weight(money_at_risk or {})
    is_old = since is not None and now - since >= AGE_LONG
    if (
        at_risk >= WEIGHT_LARGE
        or organizations_count >= ORGANIZATIONS_MANY
        or (is_old and at_risk >= WEIGHT_AGED)
    ):
        return Severity.CRITICAL
    if floor is Severity.INFO and is_old:
        return Severity.WARNING
    return floor
