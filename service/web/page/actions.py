"""What a person may do on the page: the same as by the API, by a form with a token of the session."""

from __future__ import annotations

from datetime import timedelta

from starlette.responses import RedirectResponse, Response

from service.domain.pushing.override import Word
from service.store.alerts import mark_alert_acknowledged, mark_alert_snoozed
from service.web.api.overrides import Decision, write
from service.web.page.login import require_same_site
from service.web.problems import Fault, malformed, not_found
from service.web.route import Asked

HOURS = {"1": 1, "8": 8, "24": 24, "168": 168}
"""For how long the page offers to silence an alert."""


async def acknowledge(asked: Asked) -> Response:
    """Take an alert on."""
    require_same_site(asked)
    async with asked.rows(readonly=False) as connection:
        row = await mark_alert_acknowledged(connection, asked.path["alert_id"], asked.who.name)
    return _back(asked, found=row is not None)


async def snooze(asked: Asked) -> Response:
    """Silence an alert for some hours."""
    require_same_site(asked)
    hours = HOURS.get(asked.body.get("hours", ""))
    if hours is None:
        raise malformed(Fault(name="hours", detail=f"must be one of {', '.join(HOURS)}"))
    until = await asked.service.database.now() + timedelta(hours=hours)
    async with asked.rows(readonly=False) as connection:
        row = await mark_alert_snoozed(connection, asked.path["alert_id"], until)
    return _back(asked, found=row is not None)


async def decide(asked: Asked) -> Response:
    """Say what is to become of one record, with a reason."""
    require_same_site(asked)
    word = asked.body.get("decision", "")
    if word not in set(Word):
        raise malformed(Fault(name="decision", detail=f"must be one of {', '.join(Word)}"))
    despite = tuple(filter(None, asked.body.get("despite", "").replace(",", " ").split()))
    said = Decision(decision=Word(word), reason=asked.body.get("reason", ""), despite=despite)
    record_id = asked.path["record_id"]
    async with asked.rows(readonly=False) as connection:
        await write(connection, record_id, said, asked.who.name, asked.service.settings)
    return RedirectResponse(f"/records/{record_id}", 303)


def _back(asked: Asked, *, found: bool) -> Response:
    if not found:
        raise not_found("firing alert")
    return RedirectResponse(f"/alerts/{asked.path['alert_id']}", 303)
