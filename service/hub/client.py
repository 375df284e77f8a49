"""What the service asks of the hub, one method per call.

Lists come as pages, each as soon as it is read; a list whose pages ended without an error was read to its
end. Rows that cannot be read stand on the page as refused. Every failure is a `HubError` that says what
became of the request.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import Final, Literal
from uuid import UUID

import httpx

from service import elapsed
from service.errors import HubError
from service.hub import endpoints
from service.hub.asking import Asker
from service.hub.budget import Budget, Priority
from service.hub.calls import Call, Caller
from service.hub.dialect import Dialect
from service.hub.endpoints import Endpoint
from service.hub.paging import Page, read_page
from service.hub.payloads import (
    Connection,
    Counterpart,
    Event,
    LedgerAccount,
    Organization,
    OrganizationSettings,
    PaymentRecord,
    Product,
    RawDocument,
    Subscription,
    SyncedRecord,
    TaxRate,
)
from service.hub.reading import Json, Unreadable
from service.hub.sending import PATIENCE_SECONDS, Observer
from service.hub.signing_in import Credentials

BooksLedger = Literal["receivables", "payables"]

_BOOKS_LISTS: Final = {"receivables": endpoints.BOOKS_RECEIVABLES, "payables": endpoints.BOOKS_PAYABLES}
_BOOKS_DOCUMENTS: Final = {"receivables": endpoints.BOOKS_RECEIVABLE, "payables": endpoints.BOOKS_PAYABLE}


class Hub:
    """The hub, for one partner."""

    def __init__(
        self,
        *,
        http: httpx.AsyncClient,
        dialect: Dialect,
        credentials: Credentials,
        version: str,
        budget: Budget,
        timeout_seconds: float,
        clock: Callable[[], float] = elapsed.seconds,
        observe: Observer | None = None,
        jitter: Callable[[], float] = random.random,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        """Use `http` as `open_http` makes it; closing it is the task of whoever opened it."""
        self._clock = clock
        self._caller = Caller(
            http=http,
            dialect=dialect,
            credentials=credentials,
            version=version,
            budget=budget,
            timeout_seconds=timeout_seconds,
            clock=clock,
            observe=observe,
            jitter=jitter,
            patience_seconds=patience_seconds,
        )
        self._ask = Asker(self._caller)

    async def aclose(self) -> None:
        """End what runs in the background."""
        await self._caller.aclose()

    async def sign_in(self) -> None:
        """Get a token now: whether the credentials are right shows without any other call."""
        await self._caller.sign_in()

    async def make_ready(self, within_seconds: float) -> None:
        """Get what every call needs, so that one which follows can leave `within_seconds`.

        Raises `HubError`, always as *not sent*, when it is known that none would.
        """
        await self._caller.make_ready(within_seconds)

    # The partner's level

    def organizations(self) -> AsyncIterator[Page[Organization]]:
        """Every organization of the partner, oldest first."""
        return self._ask.pages(endpoints.ORGANIZATIONS, Organization, parameters=_sorted_by("created_at"))

    async def organization(self, organization_id: UUID) -> Organization:
        """One organization."""
        return await self._ask.one(
            Call(endpoint=endpoints.ORGANIZATION, segments=[organization_id]), Organization, organization_id
        )

    async def organization_settings(self, organization_id: UUID) -> OrganizationSettings:
        """What bears on the pushes of one organization."""
        return await self._ask.one(
            Call(endpoint=endpoints.ORGANIZATION_SETTINGS, segments=[organization_id]), OrganizationSettings
        )

    def subscriptions(self) -> AsyncIterator[Page[Subscription]]:
        """Every webhook subscription, without its secret."""
        return self._ask.pages(endpoints.SUBSCRIPTIONS, Subscription, parameters=_sorted_by("created_at"))

    async def create_subscription(
        self, object_type: str, url: str, event_types: Sequence[str] = ()
    ) -> Subscription:
        """Subscribe `url`; the answer alone carries the secret. No event types means all of them."""
        body = {
            "object_type": object_type,
            "url": url,
            **({"event_types": list(event_types)} if event_types else {}),
        }
        return await self._ask.one(Call(endpoint=endpoints.SUBSCRIPTION_CREATE, body=body), Subscription)

    async def enable_subscription(self, subscription_id: UUID) -> Subscription:
        """Let events flow again."""
        return await self._subscription(endpoints.SUBSCRIPTION_ENABLE, subscription_id)

    async def disable_subscription(self, subscription_id: UUID) -> Subscription:
        """Stop events; what happens meanwhile is in no list afterwards."""
        return await self._subscription(endpoints.SUBSCRIPTION_DISABLE, subscription_id)

    async def regenerate_secret(self, subscription_id: UUID) -> Subscription:
        """Get a new secret; the old one ends at once."""
        return await self._subscription(endpoints.SUBSCRIPTION_SECRET, subscription_id)

    async def delete_subscription(self, subscription_id: UUID) -> None:
        """End a subscription."""
        await self._caller.call(
            Call(endpoint=endpoints.SUBSCRIPTION_DELETE, segments=[subscription_id]), lambda _: None
        )

    # The connection of an organization

    async def connections(self, organization_id: UUID) -> Sequence[Connection]:
        """Every connection, ended ones too; an unreadable one fails the call, lest *none* be a guess."""

        def result(body: Json) -> Sequence[Connection]:
            page = read_page(Connection, body, organization_id)
            if page.refused:
                raise Unreadable(f"a connection cannot be read: {page.refused[0].reason}")
            return page.items

        return await self._caller.call(
            Call(endpoint=endpoints.CONNECTIONS, organization_id=organization_id), result
        )

    async def connection(self, organization_id: UUID, connection_id: UUID) -> Connection:
        """One connection."""
        return await self._ask.same(endpoints.CONNECTION, Connection, organization_id, connection_id)

    async def create_connection(self, organization_id: UUID) -> Connection:
        """Begin a connection; its address is where the organization's admin signs in."""
        call = Call(endpoint=endpoints.CONNECTION_CREATE, organization_id=organization_id)
        return await self._ask.one(call, Connection, organization_id)

    async def disconnect(self, organization_id: UUID, connection_id: UUID) -> Connection:
        """End a connection."""
        return await self._ask.same(
            endpoints.CONNECTION_DISCONNECT, Connection, organization_id, connection_id
        )

    async def sync(self, organization_id: UUID, connection_id: UUID) -> None:
        """Ask for a pull from the books; that it is done shows in a later `last_pull`."""
        call = Call(
            endpoint=endpoints.CONNECTION_SYNC, segments=[connection_id], organization_id=organization_id
        )
        await self._caller.call(call, lambda _: None)

    # Synced records

    def records(
        self,
        organization_id: UUID,
        object_type: str,
        *,
        updated_since: datetime | None = None,
        object_ids: Sequence[UUID] = (),
        limit: int = endpoints.RECORDS.page_max,
    ) -> AsyncIterator[Page[SyncedRecord]]:
        """The records of one type, by the time of their last change; of `object_ids` only, where given."""
        parameters = [("object_type", object_type), *_sorted_by("updated_at")]
        if updated_since is not None:
            parameters.append(("updated_at__gte", _instant(updated_since)))
        return self._ask.pages_of_some(
            endpoints.RECORDS,
            SyncedRecord,
            organization_id,
            parameters=parameters,
            ids=("object_id__in", object_ids),
            limit=limit,
            always=[("object_type", object_type)],
        )

    async def record(
        self, organization_id: UUID, record_id: UUID, *, priority: Priority = Priority.READ
    ) -> SyncedRecord:
        """One record; before a push with the priority of the push."""
        return await self._ask.same(
            endpoints.RECORD, SyncedRecord, organization_id, record_id, priority=priority
        )

    async def push(
        self, organization_id: UUID, record_id: UUID, *, within_seconds: float | None = None
    ) -> SyncedRecord:
        """Have the hub bring the record's object to the books; **sent once**, whatever the answer.

        `HubError.fate` tells what became of it. An answer that is not this very record leaves it uncertain.
        A push that cannot leave `within_seconds` is not sent.
        """
        return await self._ask.same(
            endpoints.RECORD_PUSH,
            SyncedRecord,
            organization_id,
            record_id,
            priority=Priority.PUSH,
            not_after=None if within_seconds is None else self._clock() + within_seconds,
        )

    # Documents

    def receivables(
        self, organization_id: UUID, *, ids: Sequence[UUID] = (), limit: int = endpoints.RECEIVABLES.page_max
    ) -> AsyncIterator[Page[RawDocument]]:
        """Quotes, invoices and credit notes as the hub has them, oldest first."""
        return self._ask.pages_of_some(
            endpoints.RECEIVABLES,
            RawDocument,
            organization_id,
            parameters=_sorted_by("created_at"),
            ids=("id__in", ids),
            limit=limit,
        )

    async def receivable(self, organization_id: UUID, receivable_id: UUID) -> RawDocument:
        """One quote, invoice or credit note."""
        return await self._ask.same(endpoints.RECEIVABLE, RawDocument, organization_id, receivable_id)

    def payables(
        self, organization_id: UUID, *, ids: Sequence[UUID] = (), limit: int = endpoints.PAYABLES.page_max
    ) -> AsyncIterator[Page[RawDocument]]:
        """Bills as the hub has them, without their lines, oldest first."""
        return self._ask.pages_of_some(
            endpoints.PAYABLES,
            RawDocument,
            organization_id,
            parameters=_sorted_by("created_at"),
            ids=("id__in", ids),
            limit=limit,
        )

    async def payable(self, organization_id: UUID, payable_id: UUID) -> RawDocument:
        """One bill."""
        return await self._ask.same(endpoints.PAYABLE, RawDocument, organization_id, payable_id)

    def payable_lines(self, organization_id: UUID, payable_id: UUID) -> AsyncIterator[Page[RawDocument]]:
        """The lines of one bill: a call for each bill, so only of those that changed."""
        return self._ask.pages(
            endpoints.PAYABLE_LINES,
            RawDocument,
            organization_id,
            segments=[payable_id],
            parameters=_sorted_by("created_at"),
        )

    def payment_records(
        self, organization_id: UUID, *, updated_since: datetime | None = None
    ) -> AsyncIterator[Page[PaymentRecord]]:
        """Payments, as they were paid. The hub's filter leaves out the instant: ask from a little earlier."""
        parameters = _sorted_by("paid_at")
        if updated_since is not None:
            parameters.append(("updated_at__gt", _instant(updated_since)))
        return self._ask.pages(
            endpoints.PAYMENT_RECORDS, PaymentRecord, organization_id, parameters=parameters
        )

    # The books, as of the last pull

    async def accounting_page(
        self, organization_id: UUID, ledger: BooksLedger, *, offset: int, limit: int
    ) -> Page[RawDocument]:
        """Rows of a list of the books, in whatever order they have; `scan` reads such a list whole."""
        endpoint = _BOOKS_LISTS[ledger]
        assert 1 <= limit <= endpoint.page_max, "the hub's documented bounds"
        assert offset >= 0, "lists begin at their beginning"
        call = Call(
            endpoint=endpoint,
            organization_id=organization_id,
            parameters=[("limit", str(limit)), ("offset", str(offset))],
        )
        return await self._caller.call(call, lambda body: read_page(RawDocument, body, organization_id))

    async def accounting_document(
        self, organization_id: UUID, ledger: BooksLedger, document_id: str
    ) -> RawDocument | None:
        """One document of the books; None when the hub itself says that it has none, as of the last pull."""
        try:
            return await self._ask.same(_BOOKS_DOCUMENTS[ledger], RawDocument, organization_id, document_id)
        except HubError as error:
            if error.is_missing:
                return None
            raise

    # Reference data

    def tax_rates(self, organization_id: UUID) -> AsyncIterator[Page[TaxRate]]:
        """Tax rates, those of the books and those of the hub alone."""
        return self._ask.pages(endpoints.TAX_RATES, TaxRate, organization_id)

    def ledger_accounts(self, organization_id: UUID) -> AsyncIterator[Page[LedgerAccount]]:
        """Ledger accounts, those of the books and those of the hub alone."""
        return self._ask.pages(endpoints.LEDGER_ACCOUNTS, LedgerAccount, organization_id)

    def products(self, organization_id: UUID) -> AsyncIterator[Page[Product]]:
        """Products and services."""
        return self._ask.pages(endpoints.PRODUCTS, Product, organization_id)

    def counterparts(self, organization_id: UUID) -> AsyncIterator[Page[Counterpart]]:
        """Customers and vendors."""
        return self._ask.pages(endpoints.COUNTERPARTS, Counterpart, organization_id)

    def events(
        self, organization_id: UUID, *, object_type: str | None = None, created_since: datetime
    ) -> AsyncIterator[Page[Event]]:
        """Events that our enabled subscriptions caused, of one type or of all, by their time."""
        parameters = [("created_at__gte", _instant(created_since)), *_sorted_by("created_at")]
        if object_type is not None:
            parameters.append(("object_type", object_type))
        return self._ask.pages(endpoints.EVENTS, Event, organization_id, parameters=parameters)

    async def _subscription(self, endpoint: Endpoint, subscription_id: UUID) -> Subscription:
        return await self._ask.one(Call(endpoint=endpoint, segments=[subscription_id]), Subscription)


def _sorted_by(key: str) -> list[tuple[str, str]]:
    return [("sort", key), ("order", "asc")]


def _instant(at: datetime) -> str:
    """Write an instant as the hub's filters take it, in UTC and to the microsecond."""
    assert at.tzinfo is not None, "an instant has a zone"
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
