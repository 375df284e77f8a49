"""The client against the simulated hub, in both dialects: it reads what is, and knows what it did."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from service.errors import Fate, HubError, HubFailure
from service.hub.budget import Budget, single_process
from service.hub.client import BooksLedger, Hub
from service.hub.dialect import Dialect
from service.hub.exchange import open_http
from service.hub.paging import Page, gather
from service.hub.payloads import SyncedRecord
from service.hub.scan import scan
from service.hub.signing_in import Credentials
from service.simulator import Behaviour, Clock, Simulator, SimulatorTransport
from tests.hub.scripted_hub import REQUESTS_PER_SECOND

OBJECT_TYPES = ["product", "customer", "vendor", "receivable", "bill", "payment_record"]
LEDGERS: list[BooksLedger] = ["receivables", "payables"]

TIMEOUT_SECONDS = 1.0
"""Of a call in process; only hanging and dripping ones meet it."""


@dataclass
class World:
    """A simulated hub, a client of it, and the organization that the tests look at."""

    simulator: Simulator
    hub: Hub
    organization_id: UUID

    @property
    def truth(self) -> Mapping[str, Any]:
        """Tell the truth about the organization."""
        told = self.simulator.truth(str(self.organization_id))["organizations"]
        mine: Mapping[str, Any] = told[str(self.organization_id)]
        return mine

    async def records(self, **more: Any) -> list[SyncedRecord]:
        """Read every record of the organization."""
        found = [
            await gather(self.hub.records(self.organization_id, object_type, **more))
            for object_type in OBJECT_TYPES
        ]
        return [record for page in found for record in page.items]

    async def failed(self) -> SyncedRecord:
        """Give a record of an invoice that failed."""
        page = await gather(self.hub.records(self.organization_id, "receivable"))
        return next(record for record in page.items if record.sync_status == "error")

    def created(self, record: SyncedRecord) -> int:
        """Count the documents that the books ever received for the record's object."""
        counts: Mapping[str, int] = self.truth["documents_per_local"]
        return counts.get(str(record.object_id), 0)


@asynccontextmanager
async def world(dialect: Dialect = Dialect.TESOURO, **options: Any) -> AsyncIterator[World]:
    """Open a world whose clock stands still until it is moved."""
    given = {"organizations": 3, "documents": 30, "rate_per_second": 0, "clock": Clock.manual(), **options}
    simulator = Simulator(dialect=dialect.value, seed=7, **given)
    transport = SimulatorTransport(simulator.app)
    async with open_http(
        base_url="http://hub.test/v1", timeout_seconds=10, service_version="1", transport=transport
    ) as http:
        hub = client(simulator, http, dialect)
        connected = [
            organization_id
            for organization_id, told in simulator.truth()["organizations"].items()
            if (told["connection"] or {}).get("status") == "connected"
        ]
        yield World(simulator, hub, UUID(connected[0]))
        await hub.aclose()
    await simulator.close()


def client(simulator: Simulator, http: httpx.AsyncClient, dialect: Dialect, **changes: Any) -> Hub:
    """Give a client of a simulated hub."""
    arguments: dict[str, Any] = {
        "http": http,
        "dialect": dialect,
        "credentials": Credentials(
            client_id=simulator.client_id,
            client_secret=simulator.client_secret,
            token_url="http://hub.test/v1/auth/token",
        ),
        "version": dialect.default_version,
        "budget": Budget(single_process(REQUESTS_PER_SECOND)),
        "timeout_seconds": TIMEOUT_SECONDS,
        "jitter": lambda: 0.0,
    }
    return Hub(**{**arguments, **changes})


def told(records: list[SyncedRecord]) -> dict[str, Any]:
    """Put records beside each other by their ids."""
    return {str(record.id): dict(record.payload) for record in records}


both = pytest.mark.parametrize("dialect", list(Dialect))


@both
async def test_organizations(dialect: Dialect) -> None:
    """Every organization is listed, with its name, over several pages."""
    async with world(dialect, organizations=230, documents=1) as w:
        pages = [page async for page in w.hub.organizations()]
        assert [page.count for page in pages] == [100, 100, 30]
        truth = w.simulator.truth()["organizations"]
        found = {str(item.id): item.name for page in pages for item in page.items}
        assert found == {organization_id: entry["name"] for organization_id, entry in truth.items()}
        one = await w.hub.organization(w.organization_id)
        assert one.name == truth[str(w.organization_id)]["name"]


@both
async def test_records(dialect: Dialect) -> None:
    """Records of all six types are read as they are, whatever the size of the pages."""
    async with world(dialect) as w:
        truth = {record["id"]: record for record in w.truth["records"]}
        assert {record["object_type"] for record in truth.values()} >= {"receivable", "bill", "customer"}
        assert told(await w.records()) == truth
        assert told(await w.records(limit=3)) == truth
        some = await w.failed()
        assert (await w.hub.record(w.organization_id, some.id)).payload == truth[str(some.id)]


@both
async def test_records_since_and_of_some_objects(dialect: Dialect) -> None:
    """Filters leave what they should."""
    async with world(dialect) as w:
        everything = sorted(await w.records(), key=lambda record: record.updated_at)
        middle = everything[len(everything) // 2].updated_at
        since = await w.records(updated_since=middle)
        assert {record.id for record in since} == {r.id for r in everything if r.updated_at >= middle}
        wanted = [r.object_id for r in everything if r.object_type == "receivable" and r.object_id][:3]
        page = await gather(w.hub.records(w.organization_id, "receivable", object_ids=wanted))
        assert {record.object_id for record in page.items} == set(wanted)


@both
async def test_documents_of_the_hub(dialect: Dialect) -> None:
    """Receivables and payables are the organization's; bills have lines; each can be read alone."""
    async with world(dialect) as w:
        truth = {document["id"] for document in w.truth["documents"]}
        receivables = await gather(w.hub.receivables(w.organization_id, limit=4))
        payables = await gather(w.hub.payables(w.organization_id, limit=4))
        assert not receivables.refused
        assert not payables.refused
        quotes = {item.id for item in receivables.items if item.payload["type"] == "quote"}
        assert {item.id for item in [*receivables.items, *payables.items]} - quotes == truth - quotes
        bill, invoice = payables.items[0], receivables.items[0]
        lines = await gather(w.hub.payable_lines(w.organization_id, UUID(bill.id)))
        assert {line.payload["payable_id"] for line in lines.items} == {bill.id}
        assert (await w.hub.payable(w.organization_id, UUID(bill.id))).payload == bill.payload
        assert (await w.hub.receivable(w.organization_id, UUID(invoice.id))).payload == invoice.payload
        named = await gather(w.hub.receivables(w.organization_id, ids=[UUID(invoice.id)]))
        assert [item.id for item in named.items] == [invoice.id]


@both
async def test_reference_data(dialect: Dialect) -> None:
    """Tax rates, accounts, products, counterparts, payments and settings are all readable."""
    async with world(dialect) as w:
        pages: list[Page[Any]] = [
            await gather(w.hub.tax_rates(w.organization_id)),
            await gather(w.hub.ledger_accounts(w.organization_id)),
            await gather(w.hub.products(w.organization_id)),
            await gather(w.hub.counterparts(w.organization_id)),
        ]
        assert all(page.items and not page.refused for page in pages)
        payments = await gather(w.hub.payment_records(w.organization_id))
        assert {str(payment.id) for payment in payments.items} == {p["id"] for p in w.truth["payments"]}
        found = await w.hub.organization_settings(w.organization_id)
        expected = w.truth["settings"]["accounting"]["ledger_account_ids"]["payments"]
        assert found.payments_ledger_account_id == expected


@both
async def test_a_connections_life(dialect: Dialect) -> None:
    """Connections are listed, synced, ended and made anew."""
    async with world(dialect) as w:
        listed = await w.hub.connections(w.organization_id)
        active = next(connection for connection in listed if connection.is_connected)
        assert (await w.hub.connection(w.organization_id, active.id)) == active
        await w.hub.sync(w.organization_id, active.id)
        w.simulator.advance(60)
        synced = await w.hub.connection(w.organization_id, active.id)
        assert synced.last_pull is not None
        assert active.last_pull is not None
        assert synced.last_pull > active.last_pull
        assert (await w.hub.disconnect(w.organization_id, active.id)).status == "disconnected"
        made = await w.hub.create_connection(w.organization_id)
        assert (made.status, made.platform) == ("pending_auth", None)


@both
async def test_the_books(dialect: Dialect) -> None:
    """Both lists are certified and equal the last pull; one document is there, another is not."""
    async with world(dialect, documents=120) as w:
        found: set[str] = set()
        before = None
        for ledger in LEDGERS:
            result = await scan(w.hub, w.organization_id, ledger, before=before)
            assert (result.certified, result.reason) == (True, None)
            found |= {document.id for document in result.documents}
            one = result.documents[0]
            same = await w.hub.accounting_document(w.organization_id, ledger, one.id)
            assert same is not None
            assert same.payload == one.payload
            assert await w.hub.accounting_document(w.organization_id, ledger, "no-such-id") is None
            before = result.connection
        assert found == {document["id"] for document in w.truth["books"]["pulled"]}


@both
async def test_subscriptions_and_events(dialect: Dialect) -> None:
    """Subscriptions come with their secret once, and what they cause is listed."""
    async with world(dialect) as w:
        made = await w.hub.create_subscription("accounting_connection", "https://receiver.test/hook")
        assert made.secret is not None
        listed = await gather(w.hub.subscriptions())
        assert [(item.id, item.secret) for item in listed.items] == [(made.id, None)]
        assert (await w.hub.disable_subscription(made.id)).status == "disabled"
        assert (await w.hub.enable_subscription(made.id)).status == "enabled"
        assert (await w.hub.regenerate_secret(made.id)).secret not in {None, made.secret}
        began_at = datetime.fromisoformat(w.simulator.truth()["now"])
        w.simulator.advance(1)
        w.simulator.revoke_connection(str(w.organization_id))
        for object_type in (None, "accounting_connection"):
            events = await gather(
                w.hub.events(w.organization_id, object_type=object_type, created_since=began_at)
            )
            assert [(event.action, event.entity_id) for event in events.items] == [
                ("deauthorized", w.organization_id)
            ]
        later = began_at + timedelta(days=1)
        assert (await gather(w.hub.events(w.organization_id, created_since=later))).count == 0
        await w.hub.delete_subscription(made.id)
        assert (await gather(w.hub.subscriptions())).count == 0


@both
async def test_a_push_is_carried_out(dialect: Dialect) -> None:
    """A failed invoice that is pushed again becomes pending, and a document in the books."""
    async with world(dialect, situations={"failed:rate_limited": 1}) as w:
        w.simulator.mend_platform()
        record = await w.failed()
        assert w.created(record) == 0
        assert (await w.hub.push(w.organization_id, record.id)).sync_status == "pending"
        w.simulator.advance(60)
        after = await w.hub.record(w.organization_id, record.id)
        assert (after.sync_status, w.created(record)) == ("done", 1)


@pytest.mark.parametrize(
    ("kind", "fate", "documents"),
    [
        ("not_sent", Fate.NOT_SENT, 0),
        ("unauthorized", Fate.NOT_SENT, 0),
        ("expired_400", Fate.NOT_SENT, 0),
        ("throttle", Fate.NOT_SENT, 0),
        ("sent_and_lost", Fate.UNCERTAIN, 0),
        ("executed_answer_lost", Fate.UNCERTAIN, 1),
        ("executed_late", Fate.UNCERTAIN, 1),
        ("server_error", Fate.UNCERTAIN, 0),
        ("html", Fate.UNCERTAIN, 0),
        ("bomb", Fate.UNCERTAIN, 0),
        ("truncated", Fate.UNCERTAIN, 1),
        ("drip", Fate.UNCERTAIN, 1),
        ("hang", Fate.UNCERTAIN, 0),
    ],
)
async def test_the_fate_of_a_push_is_never_rosier_than_the_truth(
    kind: str, fate: Fate, documents: int
) -> None:
    """Under each fault the push goes out once; what is called not sent or refused made no document."""
    async with world(situations={"failed:rate_limited": 1}) as w:
        w.simulator.mend_platform()
        record = await w.failed()
        w.simulator.add_fault(kind, "POST */push")
        with pytest.raises(HubError) as caught:
            await w.hub.push(w.organization_id, record.id)
        assert caught.value.fate is fate
        w.simulator.advance(3600)
        assert w.created(record) == documents
        journal = w.simulator.requests()["requests"]
        assert sum(row["path"].endswith("/push") for row in journal) == 1


@pytest.mark.parametrize(
    "kind",
    [
        "not_sent",
        "sent_and_lost",
        "server_error",
        "html",
        "truncated",
        "unauthorized",
        "expired_400",
        "throttle",
    ],
)
async def test_a_walk_survives_passing_trouble(kind: str) -> None:
    """One fault in the middle of many pages costs a call, and no row."""
    async with world() as w:
        truth = {record["id"]: record for record in w.truth["records"]}
        found: dict[str, Any] = {}
        for object_type in OBJECT_TYPES:
            async for page in w.hub.records(w.organization_id, object_type, limit=4):
                found |= told(list(page.items))
                w.simulator.clear_faults()
                w.simulator.add_fault(kind, "GET /accounting-synced-records", count=1, retry_after=0)
        assert found == truth


@pytest.mark.parametrize("kind", ["nulls", "unknown_values"])
async def test_odd_answers_hide_no_row(kind: str) -> None:
    """Nulls in place of optional fields, and words that nobody documented, leave every row readable."""
    async with world() as w:
        w.simulator.add_fault(kind)
        lists: list[AsyncIterator[Page[Any]]] = [
            w.hub.organizations(),
            *(w.hub.records(w.organization_id, object_type) for object_type in OBJECT_TYPES),
            w.hub.receivables(w.organization_id),
            w.hub.payables(w.organization_id),
            w.hub.payment_records(w.organization_id),
            w.hub.tax_rates(w.organization_id),
            w.hub.ledger_accounts(w.organization_id),
            w.hub.products(w.organization_id),
            w.hub.counterparts(w.organization_id),
        ]
        everything = [await gather(pages) for pages in lists]
        assert not [refused.reason for page in everything for refused in page.refused]
        assert sum(page.count for page in everything) > len(w.truth["records"])
        await w.hub.organization_settings(w.organization_id)
        assert await w.hub.connections(w.organization_id)


async def test_another_organizations_documents_are_refused() -> None:
    """Rows of another organization, mixed into a list, are taken for nobody's."""
    async with world() as w:
        own = {item.id for item in (await gather(w.hub.payables(w.organization_id))).items}
        w.simulator.add_fault("foreign_rows", "GET /payables")
        page = await gather(w.hub.payables(w.organization_id))
        assert {item.id for item in page.items} == own
        assert page.refused
        assert all(refused.is_foreign for refused in page.refused)


async def test_shifting_pages_are_never_certified_as_whole() -> None:
    """In a thousand scans of lists whose pages shift, none that is certified lacks a document."""
    async with world(documents=60) as w:
        truth = {document["id"] for document in w.truth["books"]["pulled"]}
        certified = 0
        for number in range(500):
            w.simulator.clear_faults()
            rows = (-2, -1, 1, 2)[number % 4]
            w.simulator.add_fault("shifting_offsets", "GET /accounting/*", probability=0.3, rows=rows)
            found: set[str] = set()
            scans = [await scan(w.hub, w.organization_id, ledger) for ledger in LEDGERS]
            for result in scans:
                found |= {document.id for document in result.documents}
            if all(result.certified for result in scans):
                certified += 1
                assert found == truth
        assert certified > 250


async def test_wrong_credentials() -> None:
    """A refused sign-in says what to check, and hides the secret."""
    async with world() as w:
        transport = SimulatorTransport(w.simulator.app)
        async with open_http(
            base_url="http://hub.test/v1", timeout_seconds=1, service_version="1", transport=transport
        ) as http:
            wrong = Credentials(
                client_id=str(uuid4()), client_secret="canary", token_url="http://hub.test/v1/auth/token"
            )
            hub = client(w.simulator, http, Dialect.TESOURO, credentials=wrong)
            with pytest.raises(HubError, match="TIEOUT_HUB_CLIENT_ID") as caught:
                await hub.connections(w.organization_id)
            assert caught.value.failure is HubFailure.UNAUTHORIZED
            assert "canary" not in str(caught.value)


async def test_the_form_encoded_sign_in() -> None:
    """The other documented grant works as well."""
    async with world() as w:
        transport = SimulatorTransport(w.simulator.app)
        async with open_http(
            base_url="http://hub.test/v1", timeout_seconds=1, service_version="1", transport=transport
        ) as http:
            credentials = Credentials(
                client_id=w.simulator.client_id,
                client_secret=w.simulator.client_secret,
                token_url="http://hub.test/openid/connect/token",
            )
            hub = client(w.simulator, http, Dialect.TESOURO, credentials=credentials)
            assert await hub.connections(w.organization_id)


async def test_either_version_header_will_do() -> None:
    """The hub's pages spell the header in two ways; whichever it asks for is there."""
    for name in ("x-finops-version", "x-tesouro-version"):
        async with world(behaviour=Behaviour(version_header=name)) as it:
            assert (await it.hub.organization(it.organization_id)).id == it.organization_id


async def test_revoked_tokens_cost_one_sign_in() -> None:
    """When every token is revoked at once, the calls under way go on with one new token."""
    async with world() as w:
        await w.hub.sign_in()
        w.simulator.revoke_tokens()
        await asyncio.gather(*(w.hub.connections(w.organization_id) for _ in range(20)))
        journal = w.simulator.requests()["requests"]
        assert sum(row["path"].endswith("/auth/token") for row in journal) == 2


async def test_two_clients_share_thirty_requests_a_second() -> None:
    """With the hub counting whole seconds, two replicas on one budget hardly meet a 429, and lose no call."""
    reserve = single_process(30)
    async with world(rate_per_second=30) as w:
        transport = SimulatorTransport(w.simulator.app)
        statuses: list[int | None] = []
        async with open_http(
            base_url="http://hub.test/v1", timeout_seconds=5, service_version="1", transport=transport
        ) as http:
            hubs = [
                client(
                    w.simulator,
                    http,
                    Dialect.TESOURO,
                    budget=Budget(reserve),
                    observe=lambda call: statuses.append(call.status),
                )
                for _ in range(2)
            ]
            await asyncio.gather(*(hub.connections(w.organization_id) for hub in hubs for _ in range(40)))
        assert statuses.count(200) == 82
        # A request that is a little late may be the 31st of the hub's own second; then all keep silence.
        assert statuses.count(429) <= 2
        assert w.simulator.requests()["busiest_second"] <= 31
