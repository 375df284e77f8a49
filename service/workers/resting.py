"""When pushes rest because nothing can be sent, and for how long.

An attempt is written before it is known whether it leaves, and is kept for ever. So what can be known is
asked before: that the hub counts as down, that it wants silence, that it gives no token. Trouble that shows
only in sending is met ever more seldom.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from service.errors import HubError
from service.hub.client import Hub
from service.workers.circuit import Circuit

REST_SECONDS: Final = 15.0
"""How long pushes of an organization rest when one could not be sent; each further one doubles it."""

REST_SECONDS_MAX: Final = 300.0
"""The longest rest that the hub has not asked for: what lies between two readings by default, so that pushing
goes on about when reading does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Why nothing can be sent, and for how long at least."""

    reason: str
    seconds: float = 0.0


async def known_trouble(
    hub: Hub, circuit: Circuit, organization_id: UUID, within_seconds: float
) -> Trouble | None:
    """What would keep a push from leaving in time; None when nothing is known that would."""
    if circuit.is_open:
        return Trouble(reason="the hub counts as down")
    try:
        await hub.make_ready(within_seconds)
    except HubError as error:
        circuit.note_failure(organization_id, error)
        return Trouble(reason=str(error), seconds=error.retry_after_seconds or 0.0)
    return None


def rest_seconds(failures: int, trouble: Trouble | None) -> float:
    """How long to rest after so many runs in a row whose last push could not be sent."""
    doubled = min(REST_SECONDS * 2.0 ** min(failures - 1, 20), REST_SECONDS_MAX)
    return max(doubled, trouble.seconds) if trouble else doubled
