"""The few forms in which the hub is asked: one object, that very object, a list, some rows of a list.

`limit` is sent again with each token, and the synced records' `object_type` too: the hub documents the first
for some lists and demands the second of all calls, and neither does harm elsewhere.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Final
from uuid import UUID

from service.hub.budget import Priority
from service.hub.calls import Call, Caller, Parameters
from service.hub.endpoints import Endpoint
from service.hub.paging import Page, read_page, walk
from service.hub.reading import Json, Unreadable
from service.hub.rows import Refused, RowT, read

IDS_PER_CALL_MAX: Final = 50
"""An id takes some 55 characters of the address, and servers cut addresses off at 4 to 8 kB."""


class Asker:
    """Puts questions to the hub and reads the answers as objects."""

    def __init__(self, caller: Caller) -> None:
        """Ask by way of `caller`."""
        self._caller = caller

    async def one(self, call: Call, kind: type[RowT], organization_id: UUID | None = None) -> RowT:
        """Take the answer as one object."""
        return await self._caller.call(call, lambda body: usable(read(kind, body, organization_id)))

    async def same(
        self,
        endpoint: Endpoint,
        kind: type[RowT],
        organization_id: UUID,
        wanted_id: UUID | str,
        *,
        priority: Priority = Priority.READ,
        not_after: float | None = None,
    ) -> RowT:
        """Call about one object, and take that very object as the answer and no other."""

        def result(body: Json) -> RowT:
            found = usable(read(kind, body, organization_id))
            if str(getattr(found, "id", None)).lower() != str(wanted_id).lower():
                raise Unreadable("the answer is about another object")
            return found

        call = Call(
            endpoint=endpoint,
            segments=[wanted_id],
            organization_id=organization_id,
            priority=priority,
            not_after=not_after,
        )
        return await self._caller.call(call, result)

    def pages(
        self,
        endpoint: Endpoint,
        kind: type[RowT],
        organization_id: UUID | None = None,
        *,
        segments: Sequence[object] = (),
        parameters: Parameters = (),
        limit: int | None = None,
        always: Parameters = (),
    ) -> AsyncIterator[Page[RowT]]:
        """Walk a list: `parameters` go with the first page, `always` with those that follow."""
        size = endpoint.page_max if limit is None else limit
        assert 1 <= size <= endpoint.page_max, "the hub's documented bounds"

        async def fetch(token: str | None) -> Page[RowT]:
            filters = parameters if token is None else [*always, ("pagination_token", token)]
            call = Call(
                endpoint=endpoint,
                segments=segments,
                organization_id=organization_id,
                parameters=[("limit", str(size)), *filters],
            )
            return await self._caller.call(call, lambda body: read_page(kind, body, organization_id))

        return walk(endpoint.doing, fetch)

    async def pages_of_some(
        self,
        endpoint: Endpoint,
        kind: type[RowT],
        organization_id: UUID,
        *,
        parameters: Parameters,
        ids: tuple[str, Sequence[UUID]],
        limit: int,
        always: Parameters = (),
    ) -> AsyncIterator[Page[RowT]]:
        """Walk a list, or only its rows of some ids, as many at a time as an address can hold."""
        key, wanted = ids
        for some in _slices(wanted) if wanted else [()]:
            only = [(key, str(wanted_id)) for wanted_id in some]
            pages = self.pages(
                endpoint, kind, organization_id, parameters=[*parameters, *only], limit=limit, always=always
            )
            async for page in pages:
                yield page


def usable(found: RowT | Refused) -> RowT:
    """Give the object, or raise `Unreadable`."""
    if isinstance(found, Refused):
        raise Unreadable(f"the answer is not what was asked for: {found.reason}")
    return found


def _slices(ids: Sequence[UUID]) -> Iterable[Sequence[UUID]]:
    return (ids[start : start + IDS_PER_CALL_MAX] for start in range(0, len(ids), IDS_PER_CALL_MAX))
