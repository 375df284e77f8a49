"""Comparing, case by case: each file of `tests/cases/compare` is a situation with what must come of it.

A case lists payloads as the hub sends them, laid over the usual ones below, so that it shows only what
matters; synced records of the ledger; and the differences, of which exactly these must be found, each with at
least the fields it names. Terms of the balance are `kind: [delta, count]`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from service.domain.comparing.difference import Comparison, Context, Difference, compare
from service.domain.comparing.pairing_links import Link
from service.domain.document import Document, Ledger
from service.hub.documents import (
    Reading,
    books_payable,
    books_receivable,
    local_payable,
    local_receivable,
    tax_rates_by_reference,
)

CASES = sorted((Path(__file__).parent.parent / "cases" / "compare").glob("*.yaml"))

USUAL: Mapping[str, Mapping[str, Any]] = {
    "context": {
        "as_of": "2026-10-20T12:00:00Z",
        "connected_at": "2026-09-01T00:00:00Z",
        "last_pull": "2026-10-20T11:30:00Z",
        "scan_certified": True,
    },
    "local payable": {
        "status": "waiting_to_be_paid",
        "currency": "USD",
        "counterpart_id": "c1",
        "counterpart": {"name": "Acme Inc."},
        "issued_at": "2026-10-05",
        "due_date": "2026-11-04",
        "created_at": "2026-10-05T09:00:00Z",
        "updated_at": "2026-10-05T09:00:00Z",
    },
    "local receivable": {
        "type": "invoice",
        "status": "issued",
        "currency": "USD",
        "counterpart_id": "c1",
        "counterpart_name": "Acme Inc.",
        "issue_date": "2026-10-05T00:00:00Z",
        "due_date": "2026-11-04",
        "created_at": "2026-10-05T09:00:00Z",
        "updated_at": "2026-10-05T09:00:00Z",
    },
    "books payable": {
        "status": "open",
        "currency": "USD",
        "vendor_ref": {"id": "v9", "name": "Acme Inc."},
        "posted_date": "2026-10-05",
        "due_date": "2026-11-04T00:00:00Z",
    },
    "books receivable": {
        "currency": "USD",
        "customer_ref": {"id": "v9", "company_name": "Acme Inc."},
        "posted_date": "2026-10-05",
        "due_date": "2026-11-04T00:00:00Z",
    },
    "record": {
        "created_at": "2026-10-10T09:00:00Z",
        "updated_at": "2026-10-10T09:00:00Z",
    },
}


class Loader(yaml.SafeLoader):
    """YAML as the hub's JSON would be decoded: decimals are exact, times are texts."""


Loader.add_constructor("tag:yaml.org,2002:float", lambda _, node: Decimal(node.value))
Loader.add_constructor("tag:yaml.org,2002:timestamp", lambda _, node: node.value)


def read(case: Mapping[str, Any], side: str) -> list[Document]:
    """Read the documents of one side of a case."""
    ledger = case["ledger"]
    rates = tax_rates_by_reference(case.get("tax_rates", ()))
    readers: Mapping[str, Callable[[Mapping[str, Any]], Reading]] = {
        "local payable": local_payable,
        "local receivable": local_receivable,
        "books payable": books_payable,
        "books receivable": lambda payload: books_receivable(payload, rates),
    }
    form = f"{side} {ledger}"
    read_as = readers[form]
    readings: list[Reading] = [read_as({**USUAL[form], **payload}) for payload in case.get(side, ())]
    assert all(reading is None or isinstance(reading, Document) for reading in readings), readings
    return [reading for reading in readings if isinstance(reading, Document)]


def links(case: Mapping[str, Any]) -> list[Link]:
    """Read the synced records of a case."""
    object_type = "bill" if case["ledger"] == "payable" else "receivable"
    rows = [
        {"object_type": object_type, "record_id": f"r{position}", **USUAL["record"], **row}
        for position, row in enumerate(case.get("records", ()))
    ]
    return msgspec.convert(rows, list[Link])


def context(case: Mapping[str, Any]) -> Context:
    """Read what is known around a case."""
    return msgspec.convert({**USUAL["context"], **case.get("context", {})}, Context)


def compared(case: Mapping[str, Any]) -> Comparison:
    """Compare what a case holds."""
    return compare(
        ledger=Ledger(case["ledger"]),
        local=read(case, "local"),
        books=read(case, "books"),
        links=links(case),
        context=context(case),
    )


def shown(difference: Difference, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the named fields of a difference, written as a case writes them."""
    values = {name: getattr(difference, name) for name in fields}
    return {
        name: value.isoformat().replace("+00:00", "Z")
        if isinstance(value, datetime)
        else str(value)
        if isinstance(value, (Decimal, str))
        else value
        for name, value in values.items()
    }


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_each_case_gives_exactly_the_differences_it_names(path: Path) -> None:
    """What a case of `tests/cases/compare` states comes out: differences, pairs and balance."""
    case = yaml.load(path.read_text(), Loader)  # noqa: S506 - derived from the safe loader
    comparison = compared(case)
    found = list(comparison.differences)
    for wanted in case["differences"]:
        match = next((each for each in found if shown(each, wanted) == wanted), None)
        assert match is not None, f"{wanted} not among {found}"
        found.remove(match)
    assert not found
    pairs = {pair.local.document_id: pair.books.document_id for pair in comparison.pairing.pairs}
    assert case.get("pairs", pairs) == pairs
    for currency, wanted in case.get("balance", {}).items():
        balance = next(each for each in comparison.balances if each.currency == currency)
        assert (balance.local_minor, balance.local_count) == (wanted["local"], wanted["local_count"])
        assert (balance.books_minor, balance.books_count) == (wanted["books"], wanted["books_count"])
        terms: dict[str, list[int]] = {}
        for term in balance.terms:
            sums = terms.setdefault(term.kind, [0, 0])
            sums[0] += term.delta_minor
            sums[1] += term.count
        assert terms == wanted["terms"]
        assert balance.unclassified_minor == wanted.get("unclassified", 0)


def test_there_are_cases() -> None:
    """The folder of cases is found, so that the test above tests something."""
    assert len(CASES) >= 40
