"""Fix packets: who must act to end a cause, what exactly to do, and the documents that wait for it."""

from __future__ import annotations

import asyncio
from enum import StrEnum

from starlette.responses import Response

from service.domain.causes.names import Cause
from service.domain.packet import Packet
from service.statements.packet import packet_csv, packet_text
from service.store.packets import get_packet
from service.web.problems import not_found
from service.web.route import Asked

_CAUSES = frozenset(Cause)


class Format(StrEnum):
    """As which file."""

    JSON = "json"
    CSV = "csv"
    TEXT = "text"


MEDIA_TYPES = ("text/csv", "text/plain")


async def get_one(asked: Asked) -> Packet | Response:
    """Answer the packet of a cause."""
    form = Format(asked.query["format"] or Format.JSON)
    found = await load(asked)
    if form is Format.JSON:
        return found
    if form is Format.TEXT:
        content = await asyncio.to_thread(packet_text, found)
        return Response(content, media_type="text/plain")
    rows = await asyncio.to_thread(packet_csv, found)
    name = f'attachment; filename="{found.cause}.csv"'
    return Response(rows, media_type="text/csv", headers={"content-disposition": name})


async def load(asked: Asked) -> Packet:
    """Read the packet of the cause in the path."""
    cause = asked.path["cause"]
    if cause not in _CAUSES:
        raise not_found("cause")
    async with asked.rows() as connection:
        return await get_packet(connection, Cause(cause), asked.organization_id())
