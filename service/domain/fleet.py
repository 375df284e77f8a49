"""The fleet, and the kinds of work that are due in it.

Work is a row per organization and kind. What belongs to no single organization is that of the nil
organization, so that one mechanism (due times, leases, fences) serves both.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final
from uuid import UUID

FLEET: Final = UUID(int=0)
"""The organization of what concerns the whole fleet; the hub has none with this id."""


class WorkKind(StrEnum):
    """What can be due: the first four for every organization, the others once for the fleet."""

    INGEST = "ingest"
    """Work events off as hints."""
    POLL = "poll"
    """Read whatever streams are due."""
    PUSH = "push"
    """Decide about failed records, and push those that may be."""
    COMPARE = "compare"
    """Pair the documents of both sides."""
    FLEET = "fleet"
    """List the organizations."""
    ALERT = "alert"
    """Open, change and resolve alerts."""
    NOTIFY = "notify"
    """Send what waits in the outbox."""
    PRUNE = "prune"
    """Make room: drop what is older than it is kept."""


ORGANIZATION_WORK: Final = (WorkKind.INGEST, WorkKind.POLL, WorkKind.PUSH, WorkKind.COMPARE)
FLEET_WORK: Final = (WorkKind.FLEET, WorkKind.ALERT, WorkKind.NOTIFY, WorkKind.PRUNE)
