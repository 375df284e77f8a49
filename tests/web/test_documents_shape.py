"""The shape of a partner's document: everything that is wrong with one is told at once, by field."""

from __future__ import annotations

import json
import tracemalloc
from decimal import Decimal
from typing import Any

import pytest

from service.domain.document import Origin
from service.web.api.documents_shape import FAULTS_MAX, PARTS_MAX, Unfit, read_document


def document(**changes: Any) -> dict[str, Any]:
    """An invoice with something in every field."""
    return {
        "kind": "invoice",
        "number": "R-2026-17",
        "party": {"id": "8d2c0ec2-31ba-4f7b-8d14-7c3a4f7e2b11", "name": "Harbour Coffee"},
        "currency": "USD",
        "total_minor": 1_075_00,
        "tax_minor": 75_00,
        "due_minor": 1_075_00,
        "status": "open",
        "issued_on": "2026-10-05",
        "due_on": "2026-11-04",
        "lines": [
            {
                "description": "Beans",
                "quantity": 2.5,
                "unit_amount": "400.00",
                "net_minor": 1_000_00,
                "tax_percent": 7.5,
                "product_name": "Beans",
            }
        ],
        "for_hub": True,
        "created_at": "2026-10-05T09:30:00Z",
        "updated_at": "2026-10-05T09:30:00Z",
    } | changes


def faults(told: Any) -> list[str]:
    """What is wrong with a document, by field."""
    try:
        read_document(json.dumps(told).encode(), "R-17")
    except Unfit as unfit:
        return sorted(fault.name for fault in unfit.faults)
    return []


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"kind": "quote"}, ["kind"]),
        ({"currency": "usd"}, ["currency"]),
        ({"currency": "ZZZ"}, ["currency"]),
        ({"total_minor": 10.5}, ["total_minor"]),
        ({"total_minor": -1}, ["total_minor"]),
        ({"total_minor": 2**53}, ["total_minor"]),
        ({"total_minor": 10, "tax_minor": 11, "due_minor": 12}, ["tax_minor", "due_minor"]),
        ({"issued_on": None}, ["issued_on"]),
        ({"issued_on": "5.10.2026"}, ["issued_on"]),
        ({"issued_on": "0001-01-01", "due_on": "9999-12-31"}, ["issued_on", "due_on"]),
        ({"updated_at": "2026-10-05T09:30:00"}, ["updated_at"]),
        ({"updated_at": "9999-12-31T23:59:59Z"}, ["updated_at"]),
        ({"status": "sent", "number": 17, "party": "Harbour"}, ["number", "party", "status"]),
        ({"party": {"nickname": "Harbour"}}, ["party"]),
        ({"party": {"id": "界" * 256}}, ["party.id"]),
        ({"lines": [{"quantity": 1}, {"quantity": "many"}]}, ["lines[1].quantity"]),
        ({"lines": [{"tax_percent": 101}]}, ["lines[0].tax_percent"]),
        ({"lines": [{}] * 1_001}, ["lines"]),
        ({"lines": [{"unit_amount": "1e400"}]}, ["lines[0].unit_amount"]),
        ({"amount": 5}, ["amount"]),
        ({"for_hub": "yes"}, ["for_hub"]),
    ],
)
def test_everything_that_is_wrong_is_told_by_field(changes: dict[str, Any], named: list[str]) -> None:
    """Each fault of a document is named once, and nothing that is right is."""
    assert faults(document(**changes)) == sorted(named)


def test_missing_fields_are_named() -> None:
    """An empty document lacks a kind, a currency, a total and a date; a draft may lack the date."""
    assert faults({}) == ["currency", "issued_on", "kind", "total_minor"]
    assert faults({"kind": "bill", "currency": "JPY", "total_minor": 5, "status": "draft"}) == []


@pytest.mark.parametrize(
    ("count", "told"),
    [
        (FAULTS_MAX + 1, "holds 101 unknown fields, among them x0, x1, x2"),
        (50_000, "holds 50,000 unknown fields, among them x0, x1, x2"),
        (200_000, "holds more than 100,000 parts"),
    ],
)
def test_very_many_unknown_fields_are_one_fault(count: int, told: str) -> None:
    """Of more unknown fields than anybody mistypes the first are named and all counted, in a single fault."""
    with pytest.raises(Unfit) as refused:
        read_document(json.dumps(document() | {f"x{number}": 0 for number in range(count)}).encode(), "R-17")
    [fault] = refused.value.faults
    assert fault.name == "document"
    assert fault.detail.startswith(told)


@pytest.mark.parametrize(
    "changes",
    [
        {f"x{number}": 0 for number in range(FAULTS_MAX)} | {"kind": "quote", "currency": "usd"},
        {"lines": [{"tax_percent": 101, "quantity": "1e400"}] * 1_000},
    ],
)
def test_no_more_faults_are_told_than_anybody_reads(changes: dict[str, Any]) -> None:
    """However much is wrong with a document, the first hundred faults are told, and that there are others."""
    with pytest.raises(Unfit) as refused:
        read_document(json.dumps(document(**changes)).encode(), "R-17")
    assert len(refused.value.faults) == FAULTS_MAX + 1
    assert refused.value.faults[-1].detail == "has more faults, which are not told"


@pytest.mark.parametrize(
    "content",
    [
        "{" + ",".join(f'"{number:x}":0' for number in range(PARTS_MAX + 2)) + "}",
        '{"lines":[' + ",".join(["{}"] * (PARTS_MAX + 2)) + "]}",
    ],
)
def test_a_document_of_countless_parts_is_not_taken_apart(content: str) -> None:
    """What has more parts than any document is refused for a fraction of the memory that reading it takes."""
    tracemalloc.start()
    try:
        with pytest.raises(Unfit):
            read_document(content.encode(), "R-17")
        assert tracemalloc.get_traced_memory()[1] < 3 * len(content)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("number", ["\\ud800", "\\ud800 and what follows", "\\udc00\\ud800"])
def test_half_a_character_is_called_that(number: str) -> None:
    """An escape that is half of a character is told as such; a body that is no object is told as that."""
    with pytest.raises(Unfit, match="document holds half a character"):
        read_document(f'{{"number": "{number}"}}'.encode(), "R-17")
    for content in (b"[1]", b"{", b'{"number": NaN}', b"[" * 100_000):
        with pytest.raises(Unfit, match="document must be a JSON object"):
            read_document(content, "R-17")


def test_numbers_stay_exact() -> None:
    """Quantities and prices are read as they are written; lines finer than the minor unit are counted."""
    text = json.dumps(document()).replace("2.5", "0.333333333333333333333333333333")
    read = read_document(text.encode(), "R-17")
    assert read.lines[0].quantity == Decimal("0.333333333333333333333333333333")
    assert (read.rounded_lines, read.lines[0].tax_rate, read.origin) == (1, 750, Origin.PARTNER)
    exact = read_document(json.dumps(document()).encode(), "R-17")
    assert exact.rounded_lines == 0


@pytest.mark.parametrize(("kind", "sign"), [("invoice", 1), ("bill", 1), ("credit_note", -1)])
def test_a_credit_note_takes_away(kind: str, sign: int) -> None:
    """In the normal form all amounts of a credit note are negative, and of nothing else."""
    read = read_document(json.dumps(document(kind=kind)).encode(), "R-17")
    assert (read.total_minor, read.tax_minor, read.due_minor, read.net_minor, read.lines[0].net_minor) == (
        sign * 1_075_00,
        sign * 75_00,
        sign * 1_075_00,
        sign * 1_000_00,
        sign * 1_000_00,
    )
