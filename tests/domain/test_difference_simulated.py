"""Comparing worlds of the simulated hub, read over its API: every planted situation is found.

The simulator knows nothing of the code under test. Its labels, and the edits that this test makes in the
books, say what must come out; precision and recall per kind are printed. What was found is then written to
Postgres, and the rules of alerts look at it: what is expected alerts nobody.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

import msgspec
import pytest

from service.domain.alerts.alert import Kind as AlertKind
from service.domain.alerts.facts import Facts
from service.domain.alerts.rules import conditions
from service.domain.comparing.difference import Context, Difference, compare
from service.domain.comparing.difference_life import changes
from service.domain.comparing.pairing_links import Link
from service.domain.document import Document, Ledger
from service.domain.money import exponent, rounded
from service.hub.documents import (
    Reading,
    books_payable,
    books_receivable,
    local_payable,
    local_receivable,
    tax_rates_by_reference,
)
from service.hub.reading import decode
from service.store.alert_facts import list_differing_organizations
from service.store.comparing import write_differences
from service.store.database import Database
from tests.domain.alert_builders import POLICY
from tests.simulator.caller import Caller, opened
from tests.web.builders import add_organization

SHARE_EDITED = 0.3
"""Of the healthy documents; each gets one edit of one field."""

SHARE_FORGOTTEN = 0.2
"""Of the other healthy ones: they lose the record that joins them to their copy in the books."""

ISSUED = ("rounding", "lines", "counterparty", "number")
"""What is issued besides, one of each in every organization, to be edited in a way that has its own name."""

UNEXPECTED: Mapping[str, str] = {
    "never_attempted": "never_attempted",
    "edited_in_books": "amount",
    "edited_locally": "amount",
    "deleted_in_books": "deleted_in_books",
    "only_in_books": "only_in_books",
    "duplicate_in_books": "duplicate_in_books",
    "voided_in_books": "status",
    "timed_out_lost": "push_failed",
    "pending": "push_pending",
}
"""What a planted situation must come out as; those of `failed:` are `push_failed`, all others nothing."""

EXPECTED: Mapping[str, str] = {
    "draft": "not_pushed",
    "credit_note": "not_pushed",
    "before_connection": "not_pushed",
}

EXPECTED_EDITS = {"rounding", "counterparty"}
"""Edits that a rule explains: half a minor unit a line, and a party that a record of its own joins."""

LEFT_TO_PUSHES = {"push_failed", "push_pending", "not_pushed"}
"""Kinds that the alerts about pushes tell."""

ALERT_KINDS = {kind.value: kind for kind in AlertKind}

EXPECTED_ONLY = {"healthy": 6.0, "draft": 2.0, "credit_note": 2.0, "before_connection": 2.0, "connected": 1.0}

Found = tuple[str, str, str]
"""Organization, document (the local one where there is one), kind."""


@dataclass
class World:
    """What was planted, and what came out."""

    wanted: set[Found] = field(default_factory=set)
    wanted_expected: set[Found] = field(default_factory=set)
    found: dict[str, list[Difference]] = field(default_factory=dict)
    currencies: Counter[str] = field(default_factory=Counter)

    def told(self, *, expected: bool) -> set[Found]:
        """What came out, expected or not."""
        return {
            (organization, str(each.local_id or each.books_id), str(each.kind))
            for organization, differences in self.found.items()
            for each in differences
            if each.expected is expected
        }


async def test_every_planted_situation_comes_out_as_what_it_is(database: Database) -> None:
    """Precision and recall of each kind are at least 99 %, and nothing that is expected alerts."""
    await check(database, organizations=24, documents=60, seed=7)


@pytest.mark.night
@pytest.mark.timeout(3600)
async def test_every_situation_of_a_large_world_comes_out_as_what_it_is(database: Database) -> None:
    """The same of 300 organizations, with 60,000 documents in those that are connected."""
    await check(database, organizations=300, documents=240, seed=11)


async def test_organizations_with_expected_differences_alone_alert_nobody(database: Database) -> None:
    """Drafts, credit notes, old documents, roundings and renamed parties: differences, and no alert."""
    world = await compared_world(
        organizations=6, documents=24, seed=3, situations=EXPECTED_ONLY, edits=EXPECTED_EDITS
    )
    assert world.told(expected=False) == set()
    assert {kind for _, _, kind in world.told(expected=True)} == {"not_pushed", "rounding", "counterparty"}
    assert await alerts(database, world) == {}


async def check(database: Database, *, organizations: int, documents: int, seed: int) -> None:
    """Compare every organization of a world, print how well the kinds were found, and look at the alerts."""
    world = await compared_world(organizations=organizations, documents=documents, seed=seed)
    found, wanted = world.told(expected=False), world.wanted
    kinds = sorted({kind for _, _, kind in wanted | found})
    print()  # noqa: T201 - the figures are what this test is for
    for kind in kinds:
        hits = sum(each[2] == kind for each in wanted & found)
        told, planted = sum(each[2] == kind for each in found), sum(each[2] == kind for each in wanted)
        print(f"{kind:20} planted {planted:5} precision {hits}/{told} recall {hits}/{planted}")  # noqa: T201
        assert told, kind
        assert planted, kind
        assert hits >= 0.99 * told, (kind, (found - wanted))
        assert hits >= 0.99 * planted, (kind, (wanted - found))
    assert {each for each in wanted if each[2] == "never_attempted"} <= found
    expected = world.told(expected=True)
    for kind in sorted({kind for _, _, kind in world.wanted_expected}):
        hits = sum(each[2] == kind for each in world.wanted_expected & expected)
        planted = sum(each[2] == kind for each in world.wanted_expected)
        print(f"{kind:20} planted {planted:5} expected  {hits}/{planted}")  # noqa: T201
    print(f"documents by currency: {dict(world.currencies)}")  # noqa: T201
    assert len(kinds) >= 13
    assert not world.wanted_expected - expected
    assert {0, 2, 3} <= {exponent(currency) for currency in world.currencies}
    documents_told = {
        (organization, name, ALERT_KINDS.get(kind, AlertKind.DIFFERENCE_FOUND))
        for organization, name, kind in found
        if kind not in LEFT_TO_PUSHES
    }
    alerting = Counter((organization, kind) for organization, _, kind in documents_told)
    assert await alerts(database, world) == alerting


async def alerts(database: Database, world: World) -> Counter[tuple[str, AlertKind]]:
    """How many documents of which organization the rules of alerts tell of, by the kind of alert."""
    now = await database.now()
    for organization, differences in world.found.items():
        organization_id = UUID(organization)
        await add_organization(database, organization_id, organization)
        async with database.organization(organization_id) as connection:
            await write_differences(connection, organization_id, changes({}, differences), now)
    async with database.fleet(readonly=True) as connection:
        facts = await list_differing_organizations(connection, ())
    told = {condition.kind for condition in conditions(Facts(organizations=facts), [], POLICY, now)}
    assert told == set(facts), "each kind of trouble is told"
    return Counter(
        {
            (str(fact.organization_id), kind): fact.records_count
            for kind, several in facts.items()
            for fact in several
        }
    )


async def compared_world(
    *,
    organizations: int,
    documents: int,
    seed: int,
    situations: str | Mapping[str, float] = "mixed",
    edits: set[str] | None = None,
) -> World:
    """Make a world, edit its books, and compare every organization that is connected."""
    world = World()
    options = {"organizations": organizations, "documents": documents, "seed": seed, "situations": situations}
    async with opened(**options) as caller:
        issued = {organization: issue(caller, organization) for organization in connected(caller)}
        caller.simulator.advance(120)
        for organization, documents_by_kind in issued.items():
            chosen = {
                kind: name for kind, name in documents_by_kind.items() if edits is None or kind in edits
            }
            made = edit_issued(caller, organization, chosen)
            if edits is None:
                made |= edit(caller, organization)
            caller.simulator.pull_now(organization)
            labels = caller.simulator.truth(organization)["organizations"][organization]["labels"]
            note(world, organization, labels, made)
            world.found[organization] = await compared(caller, organization, world.currencies)
    return world


def note(world: World, organization: str, labels: Mapping[str, str], made: Mapping[str, str]) -> None:
    """Write down what must come out of an organization."""
    for document_id, label in labels.items():
        kind = "push_failed" if label.startswith("failed:") else UNEXPECTED.get(label)
        if kind and label not in ("failed:duplicate_name", "failed:multiple_matches"):  # no documents
            world.wanted.add((organization, document_id, kind))
        if label in EXPECTED:
            world.wanted_expected.add((organization, document_id, EXPECTED[label]))
    for document_id, kind in made.items():
        ours = world.wanted_expected if kind in EXPECTED_EDITS else world.wanted
        ours.add((organization, document_id, kind))


def connected(caller: Caller) -> list[str]:
    """Return the organizations whose connection is up."""
    truth = caller.simulator.truth()["organizations"]
    return [name for name, each in truth.items() if (each["connection"] or {}).get("status") == "connected"]


def issue(caller: Caller, organization: str) -> dict[str, str]:
    """Issue an invoice for each edit that needs one made for it; returns them by the kind of the edit."""
    truth = caller.simulator.truth(organization)["organizations"][organization]
    rate = next(each["effective_tax_rate"] for each in truth["books"]["tax_rates"] if each["is_external"])
    halves = [{"name": "Half", "quantity": "0.5", "unit_price": 101, "tax_rate": rate}] * 3
    wholes = [{"name": "Whole", "quantity": "1", "unit_price": 10_000, "tax_rate": rate}] * 2
    return {
        kind: caller.simulator.issue_invoice(organization, lines=halves if kind == "rounding" else wholes)
        for kind in ISSUED
    }


def edit_issued(caller: Caller, organization: str, documents: Mapping[str, str]) -> dict[str, str]:
    """Edit them in the books; return what each must come out as."""
    simulator = caller.simulator
    truth = simulator.truth(organization)["organizations"][organization]
    told = {each["id"]: each for each in truth["documents"]}
    rate = next(each["effective_tax_rate"] for each in truth["books"]["tax_rates"] if each["is_external"])
    made: dict[str, str] = {}
    for kind, document_id in documents.items():
        net, total = told[document_id]["net_minor"], told[document_id]["total_minor"]
        changes_by_kind: dict[str, dict[str, Any]] = {
            "rounding": {"net_minor": one_off(net, total, rate)},
            "lines": {"net_minor": net},
            "counterparty": {"party": "Renamed in the books"},
            "number": {"number": f"R-{total}"},
        }
        if None in changes_by_kind[kind].values():
            continue
        simulator.edit_in_books(organization, document_id, **changes_by_kind[kind])
        if kind == "number":
            simulator.forget_record(organization, document_id)  # now nothing but similarity joins them
        made[document_id] = kind
    return made


def one_off(net: int, total: int, rate: int) -> int | None:
    """Return a net amount of which the total is one minor unit from another."""
    for near in range(net - 5, net + 6):
        taxed = near + rounded(Decimal(near * rate) / 10_000).amount
        if abs(taxed - total) == 1:
            return near
    return None


def edit(caller: Caller, organization: str) -> dict[str, str]:
    """Edit some healthy documents in the books; return what each must come out as."""
    random = Random(organization)  # noqa: S311 - a test repeats itself by its seed
    simulator = caller.simulator
    truth = simulator.truth(organization)["organizations"][organization]
    documents = {each["id"]: each for each in truth["documents"]}
    made: dict[str, str] = {}
    for document_id, label in sorted(truth["labels"].items()):
        if label != "healthy" or random.random() > SHARE_EDITED:
            if label == "healthy" and random.random() < SHARE_FORGOTTEN:
                simulator.forget_record(organization, document_id)  # must pair without it, and show nothing
            continue
        kind = random.choice(("number", "due_date", "issue_date", "currency", "tax"))
        net, rate = documents[document_id]["net_minor"], other_rate(truth, documents[document_id])
        changes_by_kind: dict[str, dict[str, Any]] = {
            "number": {"number": f"Z-{len(made)}"},
            "due_date": {"due_on": date(2020, 2, 2)},
            "issue_date": {"posted_on": date(2020, 1, 1)},
            "currency": {"currency": "CHF"},
            "tax": {"net_minor": net, "tax_rate": rate},
        }
        changes = changes_by_kind[kind]
        if None not in changes.values():
            simulator.edit_in_books(organization, document_id, **changes)
            made[document_id] = kind
    return made


def other_rate(truth: dict[str, Any], document: dict[str, Any]) -> int | None:
    """Return a rate of the books that gives the document another tax, beyond any rounding."""
    rates = [each["effective_tax_rate"] for each in truth["books"]["tax_rates"] if each["is_external"]]
    apart = [
        rate for rate in rates if abs(document["net_minor"] * rate / 10_000 - document["tax_minor"]) > 10
    ]
    return apart[0] if apart else None


async def compared(caller: Caller, organization: str, currencies: Counter[str]) -> list[Difference]:
    """Read both sides of an organization and compare them."""
    caller.organization = organization
    connection = (await read(caller, "/accounting-connections"))["data"][0]
    base_currency = connection["business_info"]["base_currency"]
    rates = tax_rates_by_reference(await walked(caller, "/accounting-tax-rates"))
    rows = [
        row
        for object_type in ("receivable", "bill", "customer", "vendor")
        for row in await walked(caller, "/accounting-synced-records", object_type=object_type)
    ]
    links = msgspec.convert([{**row, "record_id": row["id"]} for row in rows], list[Link])
    context = Context(
        as_of=caller.simulator.world.clock.now(),
        connected_at=datetime.fromisoformat(connection["created_at"]),
        last_pull=datetime.fromisoformat(connection["last_pull"]),
        scan_certified=True,
    )
    local = {
        Ledger.RECEIVABLE: [local_receivable(row) for row in await walked(caller, "/receivables")],
        Ledger.PAYABLE: [local_payable(row) for row in await walked(caller, "/payables")],
    }
    books = {
        Ledger.RECEIVABLE: [
            books_receivable(row, rates, base_currency=base_currency)
            for row in await listed(caller, "/accounting/receivables")
        ],
        Ledger.PAYABLE: [
            books_payable(row, base_currency=base_currency)
            for row in await listed(caller, "/accounting/payables")
        ],
    }
    found: list[Difference] = []
    for ledger in Ledger:
        comparison = compare(
            ledger=ledger,
            local=documents_of(local[ledger]),
            books=documents_of(books[ledger]),
            links=links,
            context=context,
        )
        found += comparison.differences
        totals = Counter[str]()
        for document in documents_of(local[ledger]):
            totals[document.currency] += document.total_minor
            currencies[document.currency] += 1
        assert {each.currency: each.local_minor for each in comparison.balances if each.local_count} == dict(
            totals
        )
    return found


def documents_of(readings: list[Reading]) -> list[Document]:
    """Return the documents; the simulated hub sends none that must be refused."""
    assert all(reading is None or isinstance(reading, Document) for reading in readings), readings
    return [reading for reading in readings if isinstance(reading, Document)]


async def read(caller: Caller, path: str, **params: Any) -> Any:
    """Read an address with exact decimals."""
    response = await caller.call("GET", path, params=params)
    assert response.status_code == 200, response.text
    return decode(response.content)


async def walked(caller: Caller, path: str, **params: Any) -> list[dict[str, Any]]:
    """Read a list to its last page."""
    rows: list[dict[str, Any]] = []
    page = await read(caller, path, limit=100, **params)
    while True:
        rows += page["data"]
        if page["next_pagination_token"] is None:
            return rows
        page = await read(caller, path, limit=100, pagination_token=page["next_pagination_token"], **params)


async def listed(caller: Caller, path: str) -> list[dict[str, Any]]:
    """Read a list of the books to its short page."""
    rows: list[dict[str, Any]] = []
    while True:
        page = (await read(caller, path, limit=500, offset=len(rows)))["data"]
        rows += page
        if len(page) < 500:
            return rows
