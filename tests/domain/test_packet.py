"""Fix packets: exact steps in words of bookkeeping, and nothing that could harm whoever gets one."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from msgspec import structs

from service.domain.causes.facts import decision_table
from service.domain.causes.names import Cause
from service.domain.document import Document, DocumentKind, Ledger, Side
from service.domain.packet import DOCUMENTS_MAX, Packet, packet, share
from service.domain.packet_steps import NAMED_MAX, Section, Totals, Waiting, steps
from service.domain.pushing.cure import DocumentNeeds
from service.statements.packet import packet_csv, packet_text
from tests.domain.record_builders import WORDS, failed

LINK = "https://connect.example.com/a?b=c"


def invoice(number: str | None = "INV-7", **changes: Any) -> Document:
    """An invoice as the hub has it."""
    return Document(
        **{
            "side": Side.LOCAL,
            "ledger": Ledger.RECEIVABLE,
            "kind": DocumentKind.INVOICE,
            "document_id": "ours",
            "currency": "USD",
            "total_minor": 107_25,
            "number": number,
            "party_name": "Acme Ltd",
            "issued_on": date(2026, 11, 2),
            **changes,
        }
    )


def waiting(cause: Cause, number: str | None = "INV-7", **changes: Any) -> Waiting:
    """A record that fails for a cause."""
    record = structs.replace(
        failed(cause, object_type=changes.pop("object_type", "receivable")),
        amount_minor=107_25,
        currency="USD",
    )
    document = changes.pop("document", invoice(number))
    return Waiting(record=record, document=document, **changes)


def section(*rows: Waiting, **changes: Any) -> Section:
    """An organization with these records."""
    known = {
        "organization_id": UUID(int=1),
        "name": "Harbour Coffee",
        "platform": "QuickBooks",
        "totals": Totals(documents=len(rows), organizations=1, money={"USD": 107_25 * len(rows)}),
    }
    return Section(**{**known, "waiting": rows, **changes})


def made(cause: Cause, *sections: Section) -> Packet:
    """The packet of these organizations."""
    documents = sum(len(each.waiting) for each in sections)
    totals = Totals(documents=documents, organizations=len(sections), money={"USD": 107_25 * documents})
    return packet(cause, sections, totals)


def test_a_missing_rate_is_named_with_its_number() -> None:
    """Each rate that the books lack is one step, with its documents and its side; what they have is none."""
    cause = Cause.MISSING_TAX_RATE
    rows = [
        waiting(cause, "INV-7", needs=DocumentNeeds(tax_rates=frozenset({725, 2000}))),
        waiting(cause, "INV-8", needs=DocumentNeeds(tax_rates=frozenset({725}))),
        waiting(cause, "B-1", object_type="bill", needs=DocumentNeeds(tax_rates=frozenset({500}))),
    ]
    assert list(steps(cause, section(*rows, tax_rates=frozenset({2000})))) == [
        "Create a tax rate of 7.25 % for sales in QuickBooks (for INV-7, INV-8).",
        "Create a tax rate of 5 % for purchases in QuickBooks (for B-1).",
    ]


def test_a_missing_account_is_named_as_the_books_call_it() -> None:
    """Accounts that are gone are told by name, defaults that are not set by what they are for."""
    cause = Cause.MISSING_LEDGER_ACCOUNT
    row = waiting(
        cause, needs=DocumentNeeds(ledger_account_ids=frozenset({"a", "b"}), settings=frozenset({"payments"}))
    )
    known = section(
        row,
        account_names={"a": "4000 Sales"},
        active_accounts=frozenset({"b"}),
        settings={"payments": None},
    )
    assert list(steps(cause, known)) == [
        "Create or restore the ledger account “4000 Sales” in QuickBooks, or choose another one (for INV-7).",
        "Set the default ledger account for payments in the accounting settings (for INV-7).",
    ]


@pytest.mark.parametrize(
    ("url", "handed_on"),
    [
        (LINK, LINK),
        ("http://connect.example.com/a", None),
        ("javascript:alert(1)", None),
        ("https://", None),
        ("https://connect.example.com/a b", None),
        (None, None),
    ],
)
def test_only_https_addresses_are_handed_on(url: str | None, handed_on: str | None) -> None:
    """The link to connect again stands in the packet if it is one that people may open."""
    found = made(Cause.CONNECTION_REVOKED, section(waiting(Cause.CONNECTION_REVOKED), connection_url=url))
    [organization] = found.organizations
    assert organization.connection_url == handed_on
    assert (LINK in organization.steps[0]) is (handed_on is not None)
    assert found.who == "An administrator of QuickBooks at Harbour Coffee"


def test_other_causes_tell_what_is_known() -> None:
    """Periods, currencies, numbers, names and the platform's own words are told as far as they are known."""
    expected = {
        Cause.PERIOD_LOCKED: "Reopen the period of 2026-11-02 in QuickBooks",
        Cause.CURRENCY_NOT_ENABLED: "Add the currency USD in QuickBooks",
        Cause.DUPLICATE_DOCUMENT_NUMBER: "Look for the number INV-7 in QuickBooks",
        Cause.MULTIPLE_MATCHES: "See that “Acme Ltd” stands only once",
        Cause.INVALID_FIELD: f"Correct what QuickBooks complains about: “{WORDS[Cause.INVALID_FIELD]}”",
        Cause.UNKNOWN: "QuickBooks says: “Fnord” (for INV-7)",
    }
    for cause, begins in expected.items():
        row = waiting(cause) if cause in WORDS else replace(waiting(Cause.UNKNOWN))
        assert steps(cause, section(row))[0].startswith(begins), cause


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_has_a_packet_without_holes(cause: Cause) -> None:
    """Whatever the cause and however little is known, the packet has somebody, a step and no gap."""
    row = Waiting(record=structs.replace(failed(Cause.UNKNOWN), cause_text=None))
    found = made(cause, section(row, name="Harbour {platform} Coffee", platform="Xero"))
    [organization] = found.organizations
    assert organization.steps
    told = packet_text(found)
    assert found.title == decision_table()[cause].title
    for gap in ("{object}", "{detail}", "{organization}", "None"):
        assert gap not in told, gap


def test_many_documents_are_counted_in_a_step() -> None:
    """A step names some documents and counts the others; all are listed."""
    needs = DocumentNeeds(tax_rates=frozenset({725}))
    rows = [waiting(Cause.MISSING_TAX_RATE, f"INV-{number}", needs=needs) for number in range(NAMED_MAX + 3)]
    found = made(Cause.MISSING_TAX_RATE, section(*rows))
    assert "INV-9 and 3 more" in found.organizations[0].steps[0]
    assert len(found.organizations[0].documents) == NAMED_MAX + 3
    assert found.organizations[0].money == {"USD": 107_25 * (NAMED_MAX + 3)}


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([], DOCUMENTS_MAX),
        ([3], DOCUMENTS_MAX),
        ([5_000], DOCUMENTS_MAX),
        ([5_000, 5_000], DOCUMENTS_MAX // 2),
        ([5_000, 10], DOCUMENTS_MAX - 10),
        ([300, 5_000, 300], DOCUMENTS_MAX - 600),
        ([400] * 3, DOCUMENTS_MAX // 3),
        ([5_000] * 50, 20),
    ],
)
def test_a_packet_is_shared_fairly(counts: Sequence[int], expected: int) -> None:
    """Organizations with few documents are listed whole; those with many share what is left."""
    assert share(counts) == expected
    assert sum(min(count, share(counts)) for count in counts) <= DOCUMENTS_MAX


def test_the_text_is_ready_to_be_forwarded() -> None:
    """It says for whom, how much, what to do and for which documents; foreign line breaks break nothing."""
    needs = DocumentNeeds(tax_rates=frozenset({725}))
    row = waiting(Cause.MISSING_TAX_RATE, document=invoice(party_name="Acme\nFor: Eve"), needs=needs)
    lines = packet_text(made(Cause.MISSING_TAX_RATE, section(row))).splitlines()
    assert lines[0] == "Tax rate missing: 1 document of Harbour Coffee cannot be brought into the books"
    assert lines[2:4] == ["For: The bookkeeper of Harbour Coffee", "Waiting: USD 107.25 in 1 document"]
    assert "  Create a tax rate of 7.25 % for sales in QuickBooks (for INV-7)." in lines
    assert "  INV-7  Acme For: Eve  2026-11-02  USD 107.25" in lines
    assert sum(line.startswith("For:") for line in lines) == 1


def test_a_long_link_is_not_broken() -> None:
    """An address stays whole on its line, however long it is."""
    url = f"https://connect.example.com/{'a-b' * 60}"
    found = made(Cause.CONNECTION_REVOKED, section(waiting(Cause.CONNECTION_REVOKED), connection_url=url))
    assert any(line.strip() == url for line in packet_text(found).splitlines())


def test_no_cell_of_the_csv_starts_a_formula_behind_a_semicolon() -> None:
    """Where a spreadsheet takes semicolons for the ends of cells, no name begins a formula either."""
    name = 'Bolts; "=1" ;+1'
    named = made(Cause.INVALID_FIELD, section(waiting(Cause.INVALID_FIELD, name), name=name))
    content = packet_csv(named).decode()
    cells = [cell for row in csv.reader(content.splitlines(), delimiter=";") for cell in row]
    assert any("=1" in cell for cell in cells)
    assert all(cell.lstrip()[:1] not in set("=+") for cell in cells)


def test_no_cell_of_the_csv_starts_a_formula() -> None:
    """Texts from outside stay text in a spreadsheet; amounts are exact decimals."""
    evil = '=HYPERLINK("https://evil")'
    row = waiting(Cause.INVALID_FIELD, document=invoice(evil, party_name="@SUM(1)"))
    row = replace(row, record=structs.replace(row.record, cause_text="+1+1"))
    content = packet_csv(made(Cause.INVALID_FIELD, section(row, name="-Harbour")))
    [head, cells] = list(csv.reader(content.decode().splitlines()))
    told = dict(zip(head, cells, strict=True))
    assert told["amount"] == "107.25"
    assert told["number"] == f"'{evil}"
    assert not [cell for cell in cells if cell[:1] in "=+-@" and cell]
