"""Which invoices failed payments pay, which their records do not tell: asked of the hub's list of payments.

Only where payments wait for a cure that may lie in their invoice, and once for each, since a payment pays the
same for ever. What the hub does not tell stays unknown, and such a payment is tried in its turn; it is asked
about ever more seldom, as is a hub that does not answer, and not at all while it is known to be in trouble.
However many an organization has, they are asked about together: each ask takes along those whose pause is
half over, so that their times fall together. Where the list is too long for an ask, the older half of them is
put off and the next ask is about the others, from a later time on: so a list of any length is gone through in
ten asks, and a payment that is not in it keeps none from being found.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Final
from uuid import UUID

from service.domain.backoff import doubled
from service.domain.causes.facts import Cure, facts_of
from service.domain.pushing.cure import PaidInvoice
from service.domain.pushing.policy import Policy
from service.domain.record import Record
from service.errors import HubError
from service.hub.client import Hub
from service.hub.payloads import PaymentRecord
from service.logs import get_logger
from service.store.cures import list_blocked_payments
from service.store.database import Database
from service.workers.circuit import Circuit
from service.workers.resting import known_trouble
from service.workers.work import Work

RECORDS_MAX: Final = 500
"""Payments that are asked about in a run."""

PAGES_MAX: Final = 20
"""Of a hundred payments each, in an ask; what lies beyond is reached by the next ones, which begin later."""

WITHIN_SECONDS: Final = 20.0
"""A pause of the hub that is longer is not waited for: other organizations' pushes would wait as well."""

PAUSE_MAX: Final = timedelta(days=1)
"""So often, at least, what was not found is asked about again: once a sweep."""

SINCE_BEFORE: Final = timedelta(hours=1)
"""So much earlier than the oldest of them is asked: the clocks of rows and filters need not agree."""

LINKS_MAX: Final = 100_000
"""Payments and organizations that are remembered, some ten megabytes; then all of them are asked anew."""

BY_INVOICE: Final = frozenset({Cure.DEPENDENCY_DONE, Cure.INVOICE_OPEN})

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Pause:
    """How often in a row it was asked in vain, since when, and from when on it is asked again."""

    times: int
    since: datetime
    until: datetime

    def is_half_over(self, now: datetime) -> bool:
        """Whether it may be asked again on occasion."""
        return now - self.since >= self.until - now


class Payments:
    """Asks what payments pay, and remembers it; another replica asks for itself."""

    def __init__(self, database: Database, hub: Hub, policy: Policy, circuit: Circuit) -> None:
        self._database = database
        self._hub = hub
        self._policy = policy
        self._circuit = circuit
        # None is a payment of something else, which no invoice cures.
        self._paid: dict[UUID, PaidInvoice | None] = {}
        self._pauses: dict[UUID, _Pause] = {}
        """Of payments that were not found, and of organizations that were asked."""
        self._left: dict[UUID, Collection[UUID]] = {}
        """By organization: payments that the last ask may not have reached, with which the next goes on."""

    async def read(self, work: Work) -> Mapping[UUID, PaidInvoice]:
        """What the blocked payments of an organization pay, as far as the hub tells."""
        async with self._database.organization(work.organization_id, readonly=True) as connection:
            blocked = await list_blocked_payments(connection, work.organization_id, RECORDS_MAX)
        wanted = {each.object_id: each for each in blocked if each.object_id and _is_by_invoice(each)}
        missing = {key: each for key, each in wanted.items() if key not in self._paid}
        chosen = self._chosen(work, missing) if self._is_due(work.organization_id, work.now) else ()
        if chosen:
            await self._ask(work, {key: missing[key] for key in chosen})
        return {key: paid for key in wanted if (paid := self._paid.get(key))}

    def _is_due(self, key: UUID, now: datetime) -> bool:
        pause = self._pauses.get(key)
        return pause is None or now >= pause.until

    def _chosen(self, work: Work, missing: Collection[UUID]) -> Collection[UUID]:
        """Which of the missing are asked about now: what was left, or what is due and whatever goes along."""
        left = [key for key in self._left.get(work.organization_id, ()) if key in missing]
        if left or not any(self._is_due(key, work.now) for key in missing):
            return left
        pauses = {key: self._pauses.get(key) for key in missing}
        return [key for key, pause in pauses.items() if pause is None or pause.is_half_over(work.now)]

    def _put_off(self, key: UUID, now: datetime) -> None:
        """Ask about it later, twice as much later each time."""
        before = self._pauses.get(key)
        times = before.times + 1 if before else 1
        seconds = doubled(self._policy.cure_seconds, times, PAUSE_MAX.total_seconds())
        self._pauses[key] = _Pause(times, now, now + timedelta(seconds=seconds))

    async def _ask(self, work: Work, missing: Mapping[UUID, Record]) -> None:
        organization_id, now = work.organization_id, work.now
        if len(self._paid) + len(self._pauses) + len(missing) >= LINKS_MAX:
            self._paid.clear()
            self._pauses.clear()
            self._left.clear()
        if await known_trouble(self._hub, self._circuit, organization_id, WITHIN_SECONDS):
            return
        try:
            is_whole = await self._find(organization_id, missing)
        except HubError as error:
            self._circuit.note_failure(organization_id, error)
            self._put_off(organization_id, now)
            log.warning("payments_unread", reason=str(error))
            return
        self._pauses[organization_id] = _Pause(0, now, now + timedelta(seconds=self._policy.cure_seconds))
        unfound = sorted(missing.keys() - self._paid.keys(), key=lambda key: _known_at(missing[key]))
        reached = len(unfound) if is_whole else ceil(len(unfound) / 2)
        for key in unfound[:reached]:
            self._put_off(key, now)
        self._left[organization_id] = unfound[reached:]

    async def _find(self, organization_id: UUID, missing: Mapping[UUID, Record]) -> bool:
        """Read payments until all are found; in the order in which they were paid, so that no page moves.

        Says whether more would have told no more: the list was read to its end, or all were found.
        """
        ids = set(missing)
        since = min(map(_known_at, missing.values())) - SINCE_BEFORE
        pages = 0
        async for page in self._hub.payment_records(organization_id, updated_since=since):
            found = {row.id: _paid(row) for row in page.items if row.id in ids}
            self._paid |= found
            ids -= found.keys()
            pages += 1
            if not ids:
                break
            if pages == PAGES_MAX:
                return page.next_token is None
        return True


def _is_by_invoice(record: Record) -> bool:
    return record.cause is not None and not BY_INVOICE.isdisjoint(facts_of(record.cause).cures)


def _known_at(record: Record) -> datetime:
    """A time at which the payment was there in the version that was pushed."""
    told = (record.object_updated_at, record.created_at, record.first_failed_at, record.updated_at)
    return min(each for each in told if each is not None)


def _paid(row: PaymentRecord) -> PaidInvoice | None:
    """The invoice that it pays; None for a bill, or where the hub names nothing."""
    invoice_id = row.object_id
    if row.object_type != "receivable" or invoice_id is None:
        return None
    try:
        return PaidInvoice(invoice_id=UUID(invoice_id), amount_minor=row.amount)
    except ValueError:
        return None
