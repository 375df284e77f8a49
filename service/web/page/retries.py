"""The pages of planned retries: what would be sent and what not, then its progress, and a way back."""

from __future__ import annotations

from uuid import UUID

import msgspec
from starlette.responses import RedirectResponse, Response

from service.store.status import get_database_state
from service.web import retrying
from service.web.api import retries
from service.web.page.login import require_same_site
from service.web.page.rendering import render
from service.web.page.views import show_list
from service.web.problems import Fault, malformed, not_found
from service.web.retrying import Filter
from service.web.route import Asked

FILTERS = ("organization_id", "object_type", "state", "cause", "cause_group", "record_id")
"""What a form may ask for; an empty field asks for nothing."""

RECORDS_SHOWN = 200
"""Of each kind in a plan: more than anybody reads, and the file has them all."""


async def list_them(asked: Asked) -> Response:
    """Show planned retries, the newest first."""
    return await show_list("retries.html", "/retries", asked, retries.list_them)


async def show(asked: Asked) -> Response:
    """Show one retry: before it is applied the plan, afterwards how far it has come."""
    async with asked.rows() as connection:
        found = await retries.load(connection, asked.path["retry_id"], asked.service.settings)
        now = (await get_database_state(connection))["now"]
    return render(
        "retry.html",
        asked,
        now=now,
        active="/retries",
        retry=found,
        filter=msgspec.to_builtins(found.filter),
        shown=RECORDS_SHOWN,
    )


async def plan(asked: Asked) -> Response:
    """Plan a retry of what the form names, and show it: nothing is sent."""
    require_same_site(asked)
    wanted = _filter(asked)
    bound = asked.who.organization_id
    if bound is not None and wanted.organization_id not in {None, bound}:
        raise not_found("organization")
    planner = retries.planner_of(asked.who.name, bound, asked.service.settings)
    async with asked.rows(readonly=False) as connection:
        retry_id = await retrying.make(connection, planner, wanted)
    return RedirectResponse(f"/retries/{retry_id}", 303)


async def apply(asked: Asked) -> Response:
    """Apply the very plan that the page showed."""
    require_same_site(asked)
    retry_id: UUID = asked.path["retry_id"]
    async with asked.rows(readonly=False) as connection:
        await retrying.apply(connection, retry_id, asked.body.get("hash", ""), asked.who.name)
    return RedirectResponse(f"/retries/{retry_id}", 303)


async def cancel(asked: Asked) -> Response:
    """Take back what was not sent yet."""
    require_same_site(asked)
    retry_id: UUID = asked.path["retry_id"]
    async with asked.rows(readonly=False) as connection:
        await retrying.cancel(connection, retry_id, asked.who.name)
    return RedirectResponse(f"/retries/{retry_id}", 303)


def _filter(asked: Asked) -> Filter:
    given = {name: asked.body[name] for name in FILTERS if asked.body.get(name)}
    if not given:
        raise malformed(Fault(name="filter", detail=f"name at least one of {', '.join(FILTERS)}"))
    if "record_id" in given:
        given = {"record_ids": [given["record_id"]]}
    try:
        return msgspec.convert(given, Filter, strict=False)
    except msgspec.ValidationError as error:
        raise malformed(Fault(name="filter", detail=str(error))) from None
