"""The link of an organization to its accounting system, and how its status may move.

`pending_auth` until the user authorises; then `connected`; `deauthorized` when consent is withdrawn on the
platform's side; `disconnected` when the organization ends it, which is final: a new connection is made after
that.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


class Status(StrEnum):
    """The four documented states."""

    PENDING_AUTH = "pending_auth"
    CONNECTED = "connected"
    DEAUTHORIZED = "deauthorized"
    DISCONNECTED = "disconnected"


class Platform(StrEnum):
    """Accounting systems of new connections; the hub's enum holds older names too."""

    QUICKBOOKS = "quickbooks_online"
    XERO = "xero"


MOVES = {
    Status.PENDING_AUTH: {Status.CONNECTED, Status.DISCONNECTED},
    Status.CONNECTED: {Status.DEAUTHORIZED, Status.DISCONNECTED},
    Status.DEAUTHORIZED: {Status.CONNECTED, Status.DISCONNECTED},
    Status.DISCONNECTED: set[Status](),
}


@dataclass(slots=True)
class Connection:
    """One connection; `syncing_until` is set while a pull runs."""

    id: str
    created_at: datetime
    updated_at: datetime
    last_pull: datetime
    connection_url: str
    status: Status = Status.PENDING_AUTH
    platform: Platform | None = None
    connected_at: datetime | None = None
    errors: list[str] | None = None
    is_syncing: bool = False

    def move(self, status: Status, at: datetime) -> None:
        """Change the status by a move that is drawn above."""
        if status not in MOVES[self.status]:
            raise ValueError(f"a connection that is {self.status} cannot become {status}")
        self.status = status
        self.updated_at = at
        if status is Status.CONNECTED and self.connected_at is None:
            self.connected_at = at
