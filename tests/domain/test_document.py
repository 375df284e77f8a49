"""The normal form of a document: what makes two equal, and what a version is."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from service.domain.document import (
    Basis,
    Document,
    DocumentKind,
    Ledger,
    Line,
    Side,
    Status,
    has_vendor_suffix,
    newest,
    number_core,
    number_key,
    party_key,
)
from tests.domain.worlds import document

LINE = Line(
    description="Nails",
    quantity=Decimal("2.50"),
    unit_amount=Decimal("4.00"),
    net_minor=1000,
    tax_rate=2000,
    tax_rate_reference="T20",
    ledger_account_id="a1",
    product_id="p1",
    product_name="Nails",
)
FULL = Document(
    side=Side.LOCAL,
    ledger=Ledger.RECEIVABLE,
    kind=DocumentKind.INVOICE,
    document_id="l1",
    currency="USD",
    total_minor=1200,
    number="INV-1",
    party_id="c1",
    party_name="Acme",
    net_minor=1000,
    tax_minor=200,
    due_minor=1200,
    status=Status.OPEN,
    stated_status="issued",
    issued_on=date(2026, 10, 5),
    issued_at=datetime(2026, 10, 5, 9, tzinfo=UTC),
    due_on=date(2026, 11, 5),
    lines=(LINE,),
    based_on="l0",
    created_at=datetime(2026, 10, 1, tzinfo=UTC),
    updated_at=datetime(2026, 10, 2, tzinfo=UTC),
)
OTHER: Mapping[str, Any] = {
    "side": Side.BOOKS,
    "ledger": Ledger.PAYABLE,
    "kind": DocumentKind.BILL,
    "basis": Basis.DERIVED,
    "status": Status.PAID,
    "issued_on": date(2026, 10, 6),
    "issued_at": datetime(2026, 10, 6, tzinfo=UTC),
    "due_on": date(2026, 11, 6),
    "lines": (LINE, LINE),
    "remainder": Decimal("0.5"),
}


WHEN_TOLD = ("created_at", "updated_at", "put_at")
"""When something was told of a document, which is nothing that two sides could differ in."""


@pytest.mark.parametrize("name", [each.name for each in fields(Document) if each.name not in WHEN_TOLD])
def test_the_hash_sees_every_field(name: str) -> None:
    """A change of any field that a comparison can see changes the content hash."""
    value = getattr(FULL, name)
    other: Any = OTHER.get(name, f"{value}x" if isinstance(value, str) else 7)
    assert replace(FULL, **{name: other}).content_hash != FULL.content_hash


@pytest.mark.parametrize("name", [each.name for each in fields(Line)])
def test_the_hash_sees_every_field_of_a_line(name: str) -> None:
    """A change of any field of a line changes the content hash of its document."""
    value = getattr(LINE, name)
    other: Any = f"{value}x" if isinstance(value, str) else value + 1
    assert replace(FULL, lines=(replace(LINE, **{name: other}),)).content_hash != FULL.content_hash


def test_the_hash_sees_meaning_not_spelling() -> None:
    """Equal decimals of other spelling, and a row merely touched, leave the content hash as it is."""
    touched = replace(
        FULL,
        lines=(replace(LINE, quantity=Decimal("2.5"), unit_amount=Decimal(4)),),
        remainder=Decimal("-0.0"),
        updated_at=datetime(2026, 12, 1, tzinfo=UTC),
    )
    assert touched.content_hash == FULL.content_hash


def test_the_hash_is_the_same_in_every_process() -> None:
    """Another process, with another seed for hashing texts, computes the same content hash."""
    program = "from tests.domain.test_document import FULL; print(FULL.content_hash.hex())"
    printed = subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONHASHSEED": "77"},
        cwd=Path(__file__).parents[2],
    )
    assert printed.stdout.strip() == FULL.content_hash.hex()


def test_a_document_survives_json() -> None:
    """A document that is stored as JSON comes back equal, decimals and all."""
    assert msgspec.json.decode(msgspec.json.encode(FULL), type=Document) == FULL


def test_neighbouring_texts_do_not_run_together() -> None:
    """Moving a letter from one field to the next is a change."""
    assert replace(FULL, number="INV-1c", party_id="1").content_hash != FULL.content_hash


@pytest.mark.parametrize(
    ("one", "other"),
    [("INV-7", "inv-7 "), ("A 1", "A1"), ("\uff29\uff2e\uff36-7", "inv-7")],  # full-width letters
)
def test_numbers_compare_without_case_width_and_blanks(one: str, other: str) -> None:
    """A number typed in another case or width, or with blanks, is the same number."""
    assert number_key(one) == number_key(other) != ""


def test_the_core_of_a_number_is_its_digits() -> None:
    """Prefixes and leading zeros are dress; a further run of digits is not."""
    assert number_core("INV-0012") == number_core("12") == "12"
    assert number_core("2026/12") != number_core("12")
    assert number_core("INV") == number_core(None) == ""


@pytest.mark.parametrize(
    ("one", "other"),
    [("Acme, Inc.", "ACME INC"), ("Acme_VENDOR", "acme"), ("M\u00fcller", "MU\u0308LLER"), ("A  B", "a b")],
)
def test_parties_compare_by_their_words(one: str, other: str) -> None:
    """A name in another case or punctuation, or with the vendor's suffix, is the same name."""
    assert party_key(one) == party_key(other) != ""


def test_only_the_suffix_of_the_hub_is_dropped() -> None:
    """Another ending is part of the name, and a name of signs alone is still a name."""
    assert party_key("Acme Vendor") != party_key("Acme")
    assert has_vendor_suffix("Acme_VENDOR")
    assert not has_vendor_suffix("Acme Vendor")
    assert party_key("!!!") == "!!!"


def test_the_newest_version_of_a_document_is_kept() -> None:
    """Of several versions of one id the last updated counts, in whatever order they come."""
    old = document(Side.LOCAL, Ledger.PAYABLE, "l1", updated_at=datetime(2026, 10, 1, tzinfo=UTC))
    new = document(Side.LOCAL, Ledger.PAYABLE, "l1", updated_at=datetime(2026, 10, 2, tzinfo=UTC))
    assert newest([old, new]) == newest([new, old]) == {"l1": new}
