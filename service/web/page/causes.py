"""The pages of causes: why pushes fail, and for each its fix packet, from which a retry can be planned."""

from __future__ import annotations

from starlette.responses import Response

from service.store.organizations import list_organizations
from service.store.status import get_database_state
from service.web.api import causes, packets
from service.web.page.rendering import render
from service.web.page.views import show_list
from service.web.route import Asked

DOCUMENTS_SHOWN = 50
"""Of one organization: more than anybody mends in a day."""


async def list_them(asked: Asked) -> Response:
    """Show why pushes fail."""
    return await show_list("causes.html", "/causes", asked, causes.list_them)


async def show(asked: Asked) -> Response:
    """Show one cause: whose turn it is, what exactly to do, and the documents that wait for it."""
    only = asked.organization_id()
    async with asked.at_once() as at_once, at_once.rows() as connection:
        found = await packets.load(at_once)
        now = (await get_database_state(connection))["now"]
        named = await list_organizations(connection, limit=1, organization_id=only) if only else ()
    return render(
        "cause.html",
        asked,
        now=now,
        active="/causes",
        packet=found,
        organization=named[0] if named else None,
        query=f"?organization_id={only}" if only else "",
        documents_shown=DOCUMENTS_SHOWN,
    )
