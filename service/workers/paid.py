"""Which invoices failed payments pay, which their records do not tell: asked of the hub's list of payments.

Only where payments wait for a cure that may lie in their invoice, and once for each, since a payment pays the
same invoice for ever. What the hub does not tell stays unknown, and such a payment is tried in its turn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

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
from service.workers.work import Work

RECORDS_MAX: Final = 500
"""Payments that are asked about in a run."""

PAGES_MAX: Final = 20
"""Of a hundred payments each; what lies beyond is tried in its turn."""

SINCE_BEFORE: Final = timedelta(hours=1)
"""So much earlier than the oldest of them is asked: the clocks of rows and filters need not agree."""

LINKS_MAX: Final = 100_000
"""Payments and organizations that are remembered, some ten megabytes; then all of them are asked anew."""

BY_INVOICE: Final = frozenset({Cure.DEPENDENCY_DONE, Cure.INVOICE_OPEN})

log = get_logger(__name__)


class Payments:
    """Asks what payments pay, and remembers it; another replica asks for itself."""

    def __init__(self, database: Database, hub: Hub, policy: Policy) -> None:
        self._database = database
        self._hub = hub
        self._policy = policy
        self._paid: dict[UUID, PaidInvoice] = {}
        self._asked_at: dict[UUID, datetime] = {}

    async def read(self, work: Work) -> Mapping[UUID, PaidInvoice]:
        """What the blocked payments of an organization pay, as far as the hub tells."""
        async with self._database.organization(work.organization_id, readonly=True) as connection:
            blocked = await list_blocked_payments(connection, work.organization_id, RECORDS_MAX)
        wanted = {each.object_id: each for each in blocked if each.object_id and _is_by_invoice(each)}
        missing = [each for key, each in wanted.items() if key not in self._paid]
        asked_at = self._asked_at.get(work.organization_id)
        if missing and (asked_at is None or work.now - asked_at >= self._pause):
            await self._ask(work, missing)
        return {key: self._paid[key] for key in wanted if key in self._paid}

    @property
    def _pause(self) -> timedelta:
        return timedelta(seconds=self._policy.cure_seconds)

    async def _ask(self, work: Work, missing: Sequence[Record]) -> None:
        if len(self._paid) + len(self._asked_at) + len(missing) > LINKS_MAX:
            self._paid.clear()
            self._asked_at.clear()
        self._asked_at[work.organization_id] = work.now
        ids = {each.object_id for each in missing}
        since = min(_known_at(each) for each in missing) - SINCE_BEFORE
        pages = 0
        try:
            async for page in self._hub.payment_records(work.organization_id, updated_since=since):
                found = {row.id: paid for row in page.items if row.id in ids and (paid := _paid(row))}
                self._paid |= found
                ids -= found.keys()
                pages += 1
                if not ids or pages == PAGES_MAX:
                    break
        except HubError as error:
            log.warning("payments_unread", reason=str(error))


def _is_by_invoice(record: Record) -> bool:
    return record.cause is not None and not BY_INVOICE.isdisjoint(facts_of(record.cause).cures)


def _known_at(record: Record) -> datetime:
    """A time at which the payment was there in the version that was pushed."""
    told = (record.object_updated_at, record.created_at, record.first_failed_at, record.updated_at)
    return min(each for each in told if each is not None)


def _paid(row: PaymentRecord) -> PaidInvoice | None:
    invoice_id = row.object_id
    if row.object_type != "receivable" or invoice_id is None:
        return None
    try:
        return PaidInvoice(invoice_id=UUID(invoice_id), amount_minor=row.amount)
    except ValueError:
        return None
