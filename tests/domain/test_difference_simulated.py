"""Comparing worlds of the simulated hub, read over its API: every planted situation is found.

The simulator knows nothing of the code under test. Its labels, and the edits that this test makes in the
books, say what must come out; precision and recall per kind are printed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime
from random import Random
from typing import Any

import msgspec
import pytest

from service.domain.difference import Context, compare
from service.domain.document import Document, Ledger
from service.domain.pairing_links import Link
from service.hub.documents import (
    Reading,
    books_payable,
    books_receivable,
    local_payable,
    local_receivable,
    tax_rates_by_reference,
)
from service.hub.reading import decode
from tests.simulator.caller import Caller, opened

SHARE_EDITED = 0.3
"""Of the healthy documents; each gets one edit of one field."""

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

Found = tuple[str, str, str]
"""Organization, document (the local one where there is one), kind."""


async def test_every_planted_situation_comes_out_as_what_it_is() -> None:
    """Precision and recall of each kind are at least 99 %, and what is expected is told as expected."""
    await check(organizations=24, documents=60, seed=7)


@pytest.mark.night
@pytest.mark.timeout(1800)
async def test_every_situation_of_a_large_world_comes_out_as_what_it_is() -> None:
    """The same of 300 organizations and 60,000 documents."""
    await check(organizations=300, documents=200, seed=11)


async def check(*, organizations: int, documents: int, seed: int) -> None:
    """Compare every organization of a world and print how well the kinds were found."""
    wanted: set[Found] = set()
    found: set[Found] = set()
    expected: set[Found] = set()
    options = {"organizations": organizations, "documents": documents, "seed": seed}
    async with opened(situations="mixed", **options) as caller:
        for organization in connected(caller):
            edits = edit(caller, organization)
            caller.simulator.pull_now(organization)
            labels = caller.simulator.truth(organization)["organizations"][organization]["labels"]
            for document_id, label in labels.items():
                kind = "push_failed" if label.startswith("failed:") else UNEXPECTED.get(label)
                kind = edits.get(document_id, kind)
                if kind and label not in ("failed:duplicate_name", "failed:multiple_matches"):  # no documents
                    wanted.add((organization, document_id, kind))
                if label in EXPECTED:
                    expected.add((organization, document_id, EXPECTED[label]))
            for name, kind, is_expected in await compared(caller, organization):
                if is_expected:
                    expected.discard((organization, name, kind))
                else:
                    found.add((organization, name, kind))
    kinds = sorted({kind for _, _, kind in wanted | found})
    print()  # noqa: T201 - the figures are what this test is for
    for kind in kinds:
        hits = sum(each[2] == kind for each in wanted & found)
        told, planted = sum(each[2] == kind for each in found), sum(each[2] == kind for each in wanted)
        print(f"{kind:20} planted {planted:4} precision {hits}/{told} recall {hits}/{planted}")  # noqa: T201
        assert told, kind
        assert planted, kind
        assert hits >= 0.99 * told, (kind, (found - wanted))
        assert hits >= 0.99 * planted, (kind, (wanted - found))
    assert len(kinds) >= 12
    assert not expected


def connected(caller: Caller) -> list[str]:
    """Return the organizations whose connection is up."""
    truth = caller.simulator.truth()["organizations"]
    return [name for name, each in truth.items() if (each["connection"] or {}).get("status") == "connected"]


def edit(caller: Caller, organization: str) -> dict[str, str]:
    """Edit some healthy documents in the books; return what each must come out as."""
    random = Random(organization)  # noqa: S311 - a test repeats itself by its seed
    simulator = caller.simulator
    truth = simulator.truth(organization)["organizations"][organization]
    documents = {each["id"]: each for each in truth["documents"]}
    made: dict[str, str] = {}
    for document_id, label in sorted(truth["labels"].items()):
        if label != "healthy" or random.random() > SHARE_EDITED:
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


async def compared(caller: Caller, organization: str) -> list[tuple[str, str, bool]]:
    """Read both sides of an organization and compare them: document, kind, expected."""
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
    found: list[tuple[str, str, bool]] = []
    for ledger in Ledger:
        comparison = compare(
            ledger=ledger,
            local=documents_of(local[ledger]),
            books=documents_of(books[ledger]),
            links=links,
            context=context,
        )
        found += [
            (str(each.local_id or each.books_id), str(each.kind), each.expected)
            for each in comparison.differences
        ]
        totals = Counter[str]()
        for document in documents_of(local[ledger]):
            totals[document.currency] += document.total_minor
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
