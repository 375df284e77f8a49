"""The page of a statement: the month-end tie-out to read, to take along, and to sign."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from starlette.responses import RedirectResponse, Response

from service.domain.statements.period import Period
from service.domain.statements.sign_off import SignRole
from service.settings import Role
from service.statements import wording
from service.statements.json_file import told
from service.web.api.statements import load, period_of, write_signature
from service.web.page.login import require_same_site
from service.web.page.rendering import render
from service.web.problems import Fault, malformed
from service.web.route import Asked

MONTHS_SHOWN = 12


async def show(asked: Asked) -> Response:
    """Show a statement."""
    period = period_of(asked)
    found = await load(asked, period, as_of=asked.query["as_of"])
    return render(
        "statement.html",
        asked,
        now=found.read_at,
        active="/organizations",
        statement=told(found.statement, found.signature),
        period=period,
        signed=wording.status(found.signature),
        completeness=wording.completeness(found.statement),
        signers=list(wording.signers(found.signature)),
        documents=wording.DOCUMENTS,
        legend=wording.LEGEND,
        months=_months(found.months, period, found.read_at),
        may_approve=asked.who.has(Role.APPROVER),
    )


async def sign(asked: Asked) -> Response:
    """Sign the statement that the page showed, as the API does."""
    require_same_site(asked)
    role = asked.body.get("role", "")
    if role not in set(SignRole):
        raise malformed(Fault(name="role", detail=f"must be one of {', '.join(SignRole)}"))
    await write_signature(asked, SignRole(role), asked.body.get("figures_hash", ""))
    return RedirectResponse(
        f"/organizations/{asked.path['organization_id']}/statements/{period_of(asked)}", 303
    )


def last_ended(now: datetime) -> Period:
    """The month that is closed next: the last one that has ended."""
    return Period(Period(now.date().replace(day=1)).day_before.replace(day=1))


def _months(months: Sequence[Period], period: Period, now: datetime) -> Sequence[Period]:
    """The last months that hold documents, the one that ended last, and the one that is shown."""
    latest = sorted({*months, last_ended(now)})[-MONTHS_SHOWN:]
    return sorted({*latest, period})
