"""Whose turn it is to read: how many questions of the API and the page may be with Postgres at once.

One pool of connections serves all of a replica, and a question may keep one of them for half a minute. Were
there no bound, whoever may look at anything could take every connection: deliveries would be turned away,
probes fail, and outcomes of pushes could not be written. What has to be answered in any case is not bound by
this: deliveries, probes, those who watch over the service, actions, workers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import UUID
from weakref import WeakValueDictionary

from service.web.problems import Refused

READS_MAX = 4
"""Of the ten connections that all share: more than half are left to all else, which needs them briefly."""

ORGANIZATION_READS_MAX = 2
"""Of those, for all keys that are bound to one organization: it cannot keep the others from reading."""

TURN_SECONDS = 5.0
"""How long a question waits for its turn: hundreds of ordinary ones are answered meanwhile."""

RETRY_AFTER_SECONDS = 5


class Reads:
    """The turns of one replica."""

    def __init__(self) -> None:
        self._all = asyncio.Semaphore(READS_MAX)
        self._by_organization: WeakValueDictionary[UUID, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def turn(self, organization_id: UUID | None) -> AsyncIterator[None]:
        """Hold one of the turns, of which an organization has a share; none in time is refused with 503."""
        async with AsyncExitStack() as held:
            try:
                async with asyncio.timeout(TURN_SECONDS):
                    if organization_id is not None:
                        await held.enter_async_context(self._share(organization_id))
                    await held.enter_async_context(self._all)
            except TimeoutError:
                raise Refused(
                    503,
                    "This replica answers as many questions at once as it may. Ask again in a moment, and "
                    "fewer at a time; one that names an organization_id or leaves as_of out is done sooner.",
                    headers={"retry-after": str(RETRY_AFTER_SECONDS)},
                ) from None
            yield

    def _share(self, organization_id: UUID) -> asyncio.Semaphore:
        """That of an organization, which is kept for as long as anybody holds or awaits it."""
        share = self._by_organization.get(organization_id)
        if share is None:
            share = asyncio.Semaphore(ORGANIZATION_READS_MAX)
            self._by_organization[organization_id] = share
        return share
