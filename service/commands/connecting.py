"""An organization's connection to its books, as the commands that make and end one see it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from service.errors import HubError, HubFailure, TieoutError
from service.hub.client import Hub
from service.hub.payloads import Connection

PENDING: Final = "pending_auth"
DISCONNECTED: Final = "disconnected"
DEAUTHORIZED: Final = "deauthorized"

_PLATFORMS: Final = {"quickbooks": "QuickBooks", "quickbooks_online": "QuickBooks Online", "xero": "Xero"}


async def name_of(hub: Hub, organization_id: UUID) -> str:
    """What the organization is called; refuses an id that the hub does not know."""
    try:
        return (await hub.organization(organization_id)).name
    except HubError as error:
        if error.failure is HubFailure.NOT_FOUND:
            raise TieoutError(
                f"the hub knows no organization {organization_id}; its id is on the page and in the API"
            ) from None
        raise


def active(connections: Sequence[Connection]) -> Connection | None:
    """The one that stands in the way of another: whichever has not ended."""
    return next((each for each in connections if each.status != DISCONNECTED), None)


def books_of(connection: Connection) -> str:
    """The platform by the name that people know it by."""
    platform = connection.platform or ""
    return _PLATFORMS.get(platform, platform or "its books")


def authorisation_url(connection: Connection) -> str:
    """Where its admin signs in; anything but a plain https address is shown to nobody."""
    url = connection.connection_url or ""
    try:
        parts = urlsplit(url)
        is_sound = parts.scheme == "https" and bool(parts.hostname) and url.isprintable() and " " not in url
    except ValueError:
        is_sound = False
    if not is_sound:
        raise TieoutError(
            "the hub gave no https:// address to sign in at, so none is shown; "
            "look at the connection in the hub, or end it with `tieout disconnect` and begin again"
        )
    return url
