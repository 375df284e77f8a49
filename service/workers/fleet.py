"""The fleet worker: lists the organizations of the partner, and makes each one's work.

An organization that the list does not hold is asked for singly before it counts as removed: a list may be cut
short, and whoever is removed is read no more. One of whom the hub says neither waits for the next list.

It also calls pushers where errors are stored as older rules understood them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from service.domain.backoff import doubled
from service.domain.fleet import ORGANIZATION_WORK, WorkKind
from service.errors import HubError
from service.hub.client import Hub
from service.hub.payloads import Organization
from service.store.database import Database
from service.store.organizations import (
    SeenOrganization,
    list_unlisted_organizations,
    mark_organizations_removed,
    write_organizations,
)
from service.store.streams import ensure_streams
from service.store.work import ensure_work, nudge_work
from service.workers.circuit import Circuit
from service.workers.claims import Claims
from service.workers.outdated import call_outdated
from service.workers.reading import ENDS_RUN, log
from service.workers.work import IDLE, Tally, Work

LIST_SECONDS: Final = 300.0
"""A new organization announces itself by an event; this is for those whose event was lost."""

RETRY_SECONDS: Final = 5.0
RETRY_SECONDS_MAX: Final = 300.0

UNLISTED_MAX: Final = 20
"""Organizations asked for singly in one run."""


class Fleet:
    """Keeps the list of organizations."""

    kind = WorkKind.FLEET
    lanes = 1

    def __init__(
        self,
        *,
        database: Database,
        hub: Hub,
        replica_id: str,
        circuit: Circuit,
        list_seconds: float = LIST_SECONDS,
    ) -> None:
        self._database = database
        self._hub = hub
        self._claims = Claims(database, self.kind, replica_id)
        self._circuit = circuit
        self._list_seconds = list_seconds

    async def run_once(self, _now: datetime) -> Tally:
        """List the organizations, when it is time to."""
        async with self._claims.working() as work:
            if work is None:
                return IDLE
            counts: Counter[str] = Counter()
            counts["outdated_called"] = await call_outdated(work)
            try:
                await self._list(work, counts)
            except HubError as error:
                self._circuit.note_failure(work.organization_id, error)
                log.warning("organizations_not_listed", failure=error.failure, error=str(error))
                failures = work.claim.failures + 1
                wait = doubled(RETRY_SECONDS, failures, RETRY_SECONDS_MAX)
                due_at = work.now + timedelta(seconds=min(wait, self._list_seconds))
                await work.finish(due_at=due_at, failures=failures, error=str(error))
            else:
                self._circuit.note_ok()
                await work.finish(due_at=work.now + timedelta(seconds=self._list_seconds))
            return Tally(claimed=1, counts=counts)

    async def _list(self, work: Work, counts: Counter[str]) -> None:
        listed: set[UUID] = set()
        async for page in self._hub.organizations():
            counts["unreadable"] += len(page.refused)
            listed.update(row.id for row in page.items)
            listed.update(_ids(row.payload for row in page.refused))
            async with work.writing_fleet() as connection:
                changed = await write_organizations(connection, [_seen(row) for row in page.items])
                await ensure_streams(connection, changed)
                await ensure_work(connection, changed, ORGANIZATION_WORK)
                # One that is back was not to be read for long.
                await nudge_work(connection, changed, WorkKind.POLL, work.now)
            counts["organizations_changed"] += len(changed)
        async with self._database.fleet(readonly=True) as connection:
            unlisted = await list_unlisted_organizations(connection, listed, UNLISTED_MAX)
        gone = [each for each in unlisted if await self._is_gone(each)]
        if gone:
            async with work.writing_fleet() as connection:
                await mark_organizations_removed(connection, gone)
            counts["organizations_removed"] += len(gone)

    async def _is_gone(self, organization_id: UUID) -> bool:
        try:
            await self._hub.organization(organization_id)
        except HubError as error:
            if error.failure in ENDS_RUN:
                raise
            return error.is_missing
        return False


def _seen(row: Organization) -> SeenOrganization:
    return SeenOrganization(
        organization_id=row.id,
        name=row.name,
        status=row.status,
        hub_created_at=row.created_at,
        hub_updated_at=row.updated_at,
        payload=row.payload,
    )


def _ids(payloads: Iterable[Any]) -> Sequence[UUID]:
    """Ids of rows that could not be read otherwise."""
    found = []
    for payload in payloads:
        try:
            found.append(UUID(str(payload.get("id"))))
        except (ValueError, AttributeError):
            continue
    return found
