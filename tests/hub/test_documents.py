"""Documents of the hub in their normal form: exact amounts, tolerant fields, refusals as values."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain.document import Basis, Document, DocumentKind, Ledger, Side, Status
from service.hub.documents import (
    Reading,
    Refused,
    books_payable,
    books_receivable,
    local_payable,
    local_receivable,
    tax_rates_by_reference,
)
from service.hub.reading import decode

INVOICE = b"""{
  "type": "invoice", "id": "8AB27A5F-F1E6-4A33-9F59-9B4C0F2D1C11", "status": "overdue",
  "document_id": " INV-7 ", "currency": "USD", "total_amount": 12000, "total_vat_amount": 2000,
  "amount_due": 5000, "discount": null, "counterpart_id": "c1", "counterpart_name": "Acme",
  "issue_date": "2026-10-05T23:30:00.123456+00:00", "due_date": "2026-11-04",
  "created_at": "2026-10-05T09:00:00", "updated_at": "2026-10-06T09:00:00+02:00",
  "line_items": [{"quantity": 2.5, "total_before_vat": 10000, "total_after_vat": 12000, "product":
    {"id": "p1", "name": "Nails", "description": null, "price": {"currency": "USD", "value": 4000},
     "vat_rate": {"value": 2000}, "ledger_account_id": "a1", "accounting_tax_rate_id": "t1"}}]}"""

BILL = b"""{
  "id": "5d3c", "status": "waiting_to_be_paid", "document_id": "B-1", "currency": "USD",
  "total_amount": 12000, "tax_amount": 2000, "subtotal": 10000, "amount_due": 12000,
  "counterpart": {"name": "Acme"}, "counterpart_id": "c1", "issued_at": "2026-10-05",
  "due_date": "2026-11-04", "created_at": "2026-10-05T09:00:00Z"}"""

BOOKS_BILL = b"""{
  "id": "120", "status": "partially_paid", "total_amount": 120.0, "subtotal": 100, "tax_amount": 20.00,
  "amount_due": 1.1, "currency": "USD", "due_date": "2026-11-04T00:00:00Z", "posted_date": "2026-10-05",
  "invoice_number": "B-1", "vendor_ref": {"id": "v1", "name": "Acme_VENDOR"}, "lines": []}"""

RATES = tax_rates_by_reference(
    [
        {"id": "u1", "code": "T20", "effective_tax_rate": 2000, "is_external": True},
        {"id": "u2", "code": "T8", "effective_tax_rate": None, "total_tax_rate": 825},
        {"id": "u3", "code": "T20", "effective_tax_rate": 0, "is_external": False},
    ]
)


def read(reading: object) -> Document:
    """Return the document of a reading that must be one."""
    assert isinstance(reading, Document), reading
    return reading


def books_invoice(*lines: dict[str, Any], **fields: Any) -> Document:
    """Read an invoice of the books."""
    return read(books_receivable({"id": "101", "currency": "USD", "lines": list(lines), **fields}, RATES))


def test_an_invoice_comes_in_its_normal_form() -> None:
    """Every field of a local invoice arrives, by its meaning."""
    document = read(local_receivable(decode(INVOICE)))
    [line] = document.lines
    assert (document.side, document.ledger, document.kind) == (
        Side.LOCAL,
        Ledger.RECEIVABLE,
        DocumentKind.INVOICE,
    )
    assert document.document_id == "8ab27a5f-f1e6-4a33-9f59-9b4c0f2d1c11"
    assert (document.number, document.party_id, document.party_name) == ("INV-7", "c1", "Acme")
    assert (document.total_minor, document.net_minor, document.tax_minor) == (12000, 10000, 2000)
    assert (document.due_minor, document.basis) == (5000, Basis.STATED)
    assert (document.status, document.stated_status) == (Status.OPEN, "overdue")
    assert (document.issued_on, document.due_on) == (date(2026, 10, 5), date(2026, 11, 4))
    assert document.issued_at == datetime(2026, 10, 5, 23, 30, 0, 123456, tzinfo=UTC)
    assert document.created_at == datetime(2026, 10, 5, 9, tzinfo=UTC)
    assert document.updated_at == datetime(2026, 10, 6, 7, tzinfo=UTC)
    assert (line.quantity, line.unit_amount, line.net_minor) == (Decimal("2.5"), Decimal("40.00"), 10000)
    assert (line.tax_rate, line.tax_rate_reference, line.ledger_account_id) == (2000, "t1", "a1")
    assert (line.product_id, line.product_name, document.rounded_lines) == ("p1", "Nails", 0)


def test_a_credit_note_takes_away() -> None:
    """A credit note is negative however the hub writes it, down to its lines."""
    for sign in (1, -1):
        payload = {
            **decode(INVOICE),
            "type": "credit_note",
            "total_amount": sign * 12000,
            "total_vat_amount": sign * 2000,
        }
        document = read(local_receivable(payload))
        assert (document.kind, document.total_minor, document.net_minor) == (
            DocumentKind.CREDIT_NOTE,
            -12000,
            -10000,
        )
        assert document.lines[0].net_minor == -10000


def test_quotes_and_the_deleted_have_no_place() -> None:
    """A quote, a deleted document and a draft without currency are nothing, and no refusal either."""
    assert local_receivable({"id": "q", "type": "quote"}) is None
    assert local_receivable({**decode(INVOICE), "status": "deleted"}) is None
    assert local_payable({"id": "d", "status": "draft"}) is None


def test_a_bill_comes_in_its_normal_form_with_or_without_lines() -> None:
    """Every field of a local bill arrives; its lines are a call of their own."""
    lines = [
        {
            "name": "Nails",
            "quantity": 1,
            "unit_price": 10000,
            "subtotal": 10000,
            "tax": 2000,
            "ledger_account_id": "a1",
        }
    ]
    document = read(local_payable(decode(BILL), lines))
    assert (document.kind, document.total_minor, document.net_minor) == (DocumentKind.BILL, 12000, 10000)
    assert (document.party_name, document.status, document.issued_on) == (
        "Acme",
        Status.OPEN,
        date(2026, 10, 5),
    )
    assert document.lines[0].ledger_account_id == "a1"
    assert read(local_payable(decode(BILL))).lines == ()


def test_only_a_draft_may_lack_its_total() -> None:
    """A draft bill without total counts nothing; any other is refused."""
    payload = {**decode(BILL), "total_amount": None, "tax_amount": None, "subtotal": None}
    assert read(local_payable({**payload, "status": "draft"})).total_minor == 0
    assert local_payable(payload) == Refused("it has no total_amount", "5d3c")


def test_a_bill_of_the_books_states_its_amounts() -> None:
    """Decimals of major units become minor ones exactly, and both forms of dates are read."""
    document = read(books_payable(decode(BOOKS_BILL)))
    assert (document.side, document.basis, document.document_id) == (Side.BOOKS, Basis.STATED, "120")
    assert (document.total_minor, document.net_minor, document.tax_minor, document.due_minor) == (
        12000,
        10000,
        2000,
        110,
    )
    assert (document.status, document.party_name) == (Status.PARTIALLY_PAID, "Acme_VENDOR")
    assert (document.issued_on, document.due_on) == (date(2026, 10, 5), date(2026, 11, 4))


@pytest.mark.parametrize(("currency", "minor"), [("JPY", 1), ("USD", 110), ("KWD", 1100)])
def test_major_units_follow_the_currency(currency: str, minor: int) -> None:
    """The same decimal is another number of minor units in each currency; what does not fit is kept."""
    document = read(
        books_payable({"id": "1", "status": "open", "total_amount": Decimal("1.1"), "currency": currency})
    )
    assert document.total_minor == minor
    assert document.remainder == (Decimal("0.1") if currency == "JPY" else 0)
    assert document.rounded_lines == (1 if currency == "JPY" else 0)


def test_an_invoice_of_the_books_is_rebuilt_with_its_tax() -> None:
    """Quantity, price, discount and the rate behind the reference make up the total, rounded line by line."""
    document = books_invoice(
        {"quantity": 3, "unit_amount": Decimal("33.335"), "tax_rate_ref": {"id": "T20"}},
        {"quantity": 1, "unit_amount": 50, "discount_amount": Decimal("10.5"), "tax_rate_ref": {"id": "u1"}},
        {"unit_amount": 100, "discount_percentage": Decimal("12.5"), "tax_rate_ref": {"id": "T8"}},
        {"description": "Thank you"},
    )
    assert [line.net_minor for line in document.lines] == [10001, 3950, 8750, 0]
    assert (document.net_minor, document.tax_minor) == (22701, 2000 + 790 + 722)
    assert (document.total_minor, document.basis) == (26213, Basis.DERIVED)
    assert document.total_minor + document.remainder == Decimal("10000.5") * Decimal("1.2") + 4740 + Decimal(
        "9471.875"
    )
    assert document.rounded_lines == 2


@pytest.mark.parametrize("reference", [None, {"id": "T99"}, {"id": None}, {}])
def test_an_unknown_rate_leaves_the_net(reference: object) -> None:
    """A line whose rate is not known makes the document net of tax, and says so."""
    document = books_invoice(
        {"quantity": 1, "unit_amount": 10, "tax_rate_ref": {"id": "T20"}},
        {"quantity": 1, "unit_amount": 5, "tax_rate_ref": reference},
    )
    assert (document.total_minor, document.tax_minor, document.basis) == (1500, None, Basis.DERIVED_NET)


def test_a_reference_with_two_meanings_has_none() -> None:
    """A code that two listed rates bear with different values is unknown; internal rates do not count."""
    rates = [
        {"id": "a", "code": "X", "effective_tax_rate": 1},
        {"id": "b", "code": "X", "effective_tax_rate": 2},
    ]
    assert tax_rates_by_reference(rates) == {"a": 1, "b": 2}
    assert RATES == {"u1": 2000, "T20": 2000, "u2": 825, "T8": 825}


def test_a_stated_total_of_an_invoice_is_taken() -> None:
    """Should the books come to tell a total of invoices, it counts and not the lines."""
    document = books_invoice({"quantity": 1, "unit_amount": 1}, total_amount=Decimal("7.50"), status="paid")
    assert (document.total_minor, document.basis, document.status) == (750, Basis.STATED, Status.PAID)


def test_a_voided_invoice_is_known_by_what_the_platforms_leave() -> None:
    """Zero amounts with the word in the memo, or the platform's own status, tell a voided invoice."""
    zero = {"quantity": 1, "unit_amount": 0}
    assert books_invoice(zero, memo="Voided - see INV-8").status is Status.VOID
    assert books_invoice(zero, memo="Thanks").status is None
    assert books_invoice(zero, memo="Voidance fee").status is None
    assert books_invoice({"quantity": 1, "unit_amount": 1}, memo="Voided").status is None
    assert books_invoice({"unit_amount": 1}, pass_through={"Status": "VOIDED"}).status is Status.VOID
    assert books_invoice({"unit_amount": 1}, pass_through={"Status": "AUTHORISED"}).status is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"id": None}, "it has no id"),
        ({"id": " "}, "it has no id"),
        ({"id": True}, "it has no id"),
        ({"id": 7, "total_amount": None}, "it has no total_amount"),
        ({"currency": None}, "it names no currency, and the organization's own is not known"),
        ({"currency": "dollars"}, "its currency is no currency code"),
        ({"total_amount": None}, "it has no total_amount"),
        ({"total_amount": []}, "its total_amount is no number"),
        ({"total_amount": True}, "its total_amount is no number"),
        ({"total_amount": Decimal("NaN")}, "its total_amount cannot be read: NaN is no amount"),
        ({"total_amount": Decimal("1e15")}, "the amount is beyond the largest one"),
        ({"lines": "none"}, "its lines are no list of objects"),
        ({"lines": [{"quantity": 2}]}, "line 1 has a quantity but no price"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_reason(change: dict[str, Any], reason: str) -> None:
    """A field that the document cannot do without makes it a refusal, which is a value."""
    payload = {**decode(BOOKS_BILL), **change}
    name = None if reason == "it has no id" else str(payload["id"])
    assert books_payable(payload) == Refused(reason, name)


def test_ids_may_come_as_numbers() -> None:
    """A document is the same whether its id and those it refers to are written as numbers or texts."""

    def invoice(kind: Callable[[int], Any]) -> Reading:
        line = {"unit_amount": 100, "tax_rate_ref": {"id": kind(4)}, "ledger_account_id": kind(5)}
        payload = {"id": kind(120), "currency": "USD", "customer_ref": {"id": kind(3)}, "lines": [line]}
        rates = tax_rates_by_reference([{"id": kind(4), "effective_tax_rate": 2000, "is_external": True}])
        return books_receivable(payload, rates)

    found = read(invoice(int))
    assert found == invoice(str)
    assert (found.document_id, found.party_id, found.total_minor) == ("120", "3", 12_000)


def test_an_invoice_without_total_and_lines_is_refused() -> None:
    """Nothing is rebuilt from nothing; an empty list of lines is a statement and counts zero."""
    reason = "it has neither a total nor lines to rebuild it from"
    assert books_receivable({"id": "1", "currency": "USD", "lines": None}, {}) == Refused(reason, "1")
    assert books_invoice().total_minor == 0


def test_a_float_is_our_own_mistake() -> None:
    """Numbers must be decoded as exact decimals: a float raises and is no refusal."""
    with pytest.raises(TypeError, match="never a float"):
        books_payable({**decode(BOOKS_BILL), "total_amount": 120.5})


def test_the_currency_of_the_organization_stands_in() -> None:
    """A document of the books that names no currency is in that of the organization."""
    assert (
        read(books_payable({**decode(BOOKS_BILL), "currency": None}, base_currency="EUR")).currency == "EUR"
    )


@pytest.mark.parametrize("payload", [INVOICE, BILL, BOOKS_BILL])
def test_absent_is_null(payload: bytes) -> None:
    """A field that is null and one that is not there read alike, whichever it is."""
    whole = decode(payload)
    readers = {INVOICE: local_receivable, BILL: local_payable, BOOKS_BILL: books_payable}
    for name in whole:
        without = {key: value for key, value in whole.items() if key != name}
        assert readers[payload](without) == readers[payload]({**whole, name: None})


def test_undocumented_words_and_broken_dates_cost_no_money() -> None:
    """An unknown status is kept in its own word, and a date that is none counts as absent."""
    document = read(
        local_payable({**decode(BILL), "status": "on_fire", "due_date": "soon", "created_at": "2026-13-45"})
    )
    assert (document.status, document.stated_status, document.total_minor) == (
        Status.UNKNOWN,
        "on_fire",
        12000,
    )
    assert (document.due_on, document.created_at) == (None, None)
    assert local_receivable({**decode(INVOICE), "type": "poem"}) == Refused(
        "its type 'poem' is not documented", decode(INVOICE)["id"]
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    [
        "id",
        "type",
        "status",
        "currency",
        "total_amount",
        "tax_amount",
        "subtotal",
        "lines",
        "line_items",
        "vendor_ref",
        "customer_ref",
        "due_date",
        "posted_date",
        "issue_date",
        "created_at",
        "counterpart",
        "discount",
        "memo",
        "total_vat_amount",
        "amount_due",
    ]
)
LINE_NAMES = st.sampled_from(
    ["quantity", "unit_amount", "discount_amount", "discount_percentage", "tax_rate_ref", "product"]
)
LINES = st.lists(
    st.dictionaries(LINE_NAMES, JSON | st.decimals() | st.just({"id": "T20"}), max_size=6), max_size=3
)


@given(st.dictionaries(NAMES, JSON, max_size=8), LINES)
@settings(max_examples=600, deadline=None)
def test_no_payload_raises(change: dict[str, Any], lines: list[dict[str, Any]]) -> None:
    """Whatever JSON comes in place of any field, the answer is a document, a refusal or nothing."""
    for payload, reader in (
        (decode(INVOICE), local_receivable),
        (decode(BILL), local_payable),
        ({**decode(BOOKS_BILL), "lines": lines}, books_payable),
        ({"id": "1", "currency": "USD", "lines": lines}, lambda each: books_receivable(each, RATES)),
    ):
        for each in (payload, {**payload, **change}):
            assert isinstance(reader(each), (Document, Refused, type(None)))
    assert isinstance(local_payable(decode(BILL), lines), (Document, Refused))
