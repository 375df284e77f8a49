"""How far back the service can tell what it knew: `as_of` beyond that is refused in words, never guessed."""

from __future__ import annotations

from datetime import datetime, timedelta

from service.web.problems import Fault, malformed
from service.web.route import Service


async def require_known(service: Service, as_of: datetime | None) -> None:
    """Refuse an instant that has not come yet, or is older than history is kept."""
    if as_of is None:
        return
    now = await service.database.now()
    if as_of > now:
        raise malformed(Fault(name="as_of", detail=f"must not lie in the future; it is {_told(now)} here"))
    oldest = now - timedelta(days=service.settings.retention_days)
    if as_of < oldest:
        kept = f"history is kept for {service.settings.retention_days} days"
        raise malformed(Fault(name="as_of", detail=f"{kept}: must be {_told(oldest)} or later"))


def _told(instant: datetime) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}"
