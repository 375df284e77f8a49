"""Statements as files: the same bytes again, texts stay texts, numbers stay numbers, and all is told."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
import tracemalloc
import zipfile
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO, StringIO
from itertools import chain
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from service.domain.document import Ledger, Origin, Status
from service.domain.statements.marks import Reads
from service.domain.statements.sign_off import Signature, SignStatus
from service.domain.statements.statement import SCOPE, Statement
from service.statements import xlsx_file
from service.statements.cells import csv_text, text
from service.statements.formats import Format, file_name, render
from service.statements.xlsx_file import WorkbookTooLong
from tests.domain.statement_builders import invoice, pushed, small_world, statement_of, story

OPEN = Signature()
APPROVED = Signature(
    status=SignStatus.APPROVED,
    preparer="ann",
    prepared_at=datetime(2026, 11, 4, 9, 5, tzinfo=UTC),
    approver="bob",
    approved_at=datetime(2026, 11, 5, 10, 6, tzinfo=UTC),
)
EVIL = (
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "  =1",
    "\u00a0=1",
    "\uff1d1",
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("http://x","y")',
    "|calc",
    "\x00=1",
    "x;=1",
    "x; =1",
    "Bolts;=cmd|' /C calc'!A0;",
    'x;"=1"',
    "x;;\t@1;\u00a0\uff1d1",
)


def evil(value: str) -> Statement:
    """A statement whose organization, number and party are all such a text."""
    world = small_world()
    invoice(world, "inv-1", 12_345, date(2026, 10, 5), number=value, party_name=value)
    return replace(statement_of(world), organization_name=value)


def table(content: bytes) -> list[dict[str, str]]:
    """The rows of a CSV file by their columns."""
    return list(csv.DictReader(StringIO(content.decode(), newline="")))


def parts(content: bytes) -> dict[str, str]:
    """The XML files of a workbook, by name."""
    with zipfile.ZipFile(BytesIO(content)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


NAMESPACE = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def texts(content: bytes) -> list[str]:
    """All texts in the cells of a workbook."""
    strings = ET.fromstring(parts(content)["xl/sharedStrings.xml"])  # noqa: S314 - we have just written it
    return ["".join(each.itertext()) for each in strings.iter(f"{NAMESPACE}si")]


def pdf_text(content: bytes, tmp_path: Path) -> str:
    """What a PDF says, or skip without the tool that reads it."""
    tool = shutil.which("pdftotext")
    if tool is None:
        pytest.skip("there is no pdftotext")
    (tmp_path / "s.pdf").write_bytes(content)
    told = subprocess.run(
        [tool, "-layout", "s.pdf", "-"], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout
    return " ".join(told.split())


@pytest.mark.parametrize("form", Format)
@pytest.mark.parametrize("signature", [OPEN, APPROVED])
def test_the_same_statement_makes_the_same_bytes(form: Format, signature: Signature) -> None:
    """Made again from equal facts, a file is equal to the last byte, and another signature makes another."""
    made = render(story(), signature, form)
    assert made == render(story(), signature, form)
    other = OPEN if signature is APPROVED else APPROVED
    assert made != render(story(), other, form)


@pytest.mark.parametrize("value", EVIL)
def test_no_text_begins_a_formula(value: str) -> None:
    """Whatever an organization, a number or a party is called, no cell of CSV or XLSX starts a formula."""
    statement = evil(value)
    numeric = re.compile(r"-?\d+(\.\d+)?")
    made = render(statement, OPEN, Format.CSV).decode()
    for delimiter in (",", ";"):
        for cell in chain.from_iterable(csv.reader(StringIO(made, newline=""), delimiter=delimiter)):
            assert numeric.fullmatch(cell) or cell.lstrip()[:1] not in set("=+-@|\uff1d"), cell
            assert not set(cell) & set("\t\r\n\0"), repr(cell)
    workbook = render(statement, OPEN, Format.XLSX)
    assert all(told.lstrip()[:1] not in set("=+-@|\uff1d") for told in texts(workbook))
    sheets = [told for name, told in parts(workbook).items() if name.startswith("xl/worksheets/")]
    assert sheets
    assert not any("<f>" in told or "<hyperlink" in told for told in sheets)


def test_a_harmless_text_is_left_as_it_is() -> None:
    """What begins no formula is not touched, whatever it holds further on."""
    for value in ("INV-1=2", "Öz & Söhne, Ltd", "'quoted'", "5-6", "日本", "a; b;1"):
        assert text(value) == value
        assert csv_text(value) == value
    assert text("x;=1") == "x;=1"
    assert (text(None), text("")) == ("", "")


def test_csv_adds_up() -> None:
    """Amounts are plain numbers: local rows plus terms are the rows of the books, in every column."""
    rows = table(render(story(), OPEN, Format.CSV))
    for ledger, currency in {(row["ledger"], row["currency"]) for row in rows if row["row"] == "total"}:
        own = [row for row in rows if (row["ledger"], row["currency"]) == (ledger, currency)]
        for column in ("opening", "movement", "closing"):
            for unit in ("amount", "documents"):
                name = f"{column}_{unit}"
                told = {row["kind"]: Decimal(row[name]) for row in own if row["row"] == "total"}
                terms = sum(Decimal(row[name]) for row in own if row["row"] == "term")
                documents = sum(Decimal(row[name]) for row in own if row["row"] == "document")
                assert told["local"] + terms == told["books"]
                assert documents == terms
    assert any(SCOPE in row["explanation"] for row in rows if row["row"] == "note")


def test_workbook_holds_numbers_as_numbers() -> None:
    """Counts, amounts and dates are numbers in the workbook, amounts exactly as they are."""
    sheet = parts(render(story(), OPEN, Format.XLSX))["xl/worksheets/sheet1.xml"]
    cells = ET.fromstring(sheet).iter(f"{NAMESPACE}c")  # noqa: S314 - we have just written it
    numbers = {
        Decimal(value.text or "")
        for cell in cells
        if cell.get("t") != "s" and (value := cell.find(f"{NAMESPACE}v")) is not None
    }
    assert {Decimal("19127.25"), Decimal("17371.25"), Decimal(-777), Decimal(-4400)} <= numbers


def test_json_is_exact() -> None:
    """Programs get integers of minor units, the identity in each column, and the signature's form."""
    told: dict[str, Any] = json.loads(render(story(), APPROVED, Format.JSON))
    assert (told["period"], told["provisional"], told["scope"]) == ("2026-10", False, SCOPE)
    assert told["signature"] == {
        "status": "approved",
        "preparer": "ann",
        "prepared_at": "2026-11-04T09:05:00Z",
        "approver": "bob",
        "approved_at": "2026-11-05T10:06:00Z",
        "withdrawn_because": None,
        "signed_while_provisional": False,
    }
    assert told["ledgers"]
    for ledger in told["ledgers"]:
        for moment in ("opening", "movements", "closing"):
            sides = ledger[moment]
            for name, delta in (("minor", "delta_minor"), ("count", "count")):
                terms = sum(term[moment][delta] for term in ledger["terms"])
                assert sides[f"local_{name}"] + terms == sides[f"books_{name}"]
        for term in ledger["terms"]:
            assert (
                sum(each["closing"]["delta_minor"] for each in term["documents"])
                == (term["closing"]["delta_minor"])
            )


def test_paper_tells_it_in_words(tmp_path: Path) -> None:
    """The PDF holds the sentence, the totals, every document with its reason, and who signed."""
    told = pdf_text(render(story(), APPROVED, Format.PDF), tmp_path)
    for wanted in (
        "Kiln & Co",
        "1 to 31 October 2026",
        "there are 10 documents of USD 19,127.25 here, and 7 documents of USD 17,371.25 in the books",
        "The books hold USD 1,756.00 less: 6 differences, listed below, explained to the last cent.",
        "Could not be brought to the books",
        "Bäckerei Öz & Söhne",
        "It stood between the two sides when the month began",
        "=cmd|' /C calc'!A0",
        "ann, on 4 Nov 2026 at 09:05 UTC",
        "bob, on 5 Nov 2026 at 10:06 UTC",
        "It is not a reconciliation of the general ledger",
        "a minus means that the books hold less",
        "4,400",
        "1 of 2",
    ):
        assert wanted in told


def test_a_workbook_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more documents than there is memory for no workbook is made, and CSV, which has them, is named."""
    world = small_world()
    for number in range(3):
        invoice(world, f"inv-{number}", 100, date(2026, 10, 5))
    statement = statement_of(world)
    monkeypatch.setattr(xlsx_file, "ROWS_MAX", 3)
    assert render(statement, OPEN, Format.XLSX)
    monkeypatch.setattr(xlsx_file, "ROWS_MAX", 2)
    with pytest.raises(WorkbookTooLong, match="has 3, and a workbook at most 2: ask for it as CSV"):
        render(statement, OPEN, Format.XLSX)


def test_csv_takes_little_more_than_its_file() -> None:
    """While a long table is written no second copy of it is held that takes several times as much."""
    world = small_world()
    for number in range(500):
        invoice(world, f"inv-{number:03}", 100, date(2026, 10, 5))
    statement = statement_of(world)
    tracemalloc.start()
    try:
        made = render(statement, OPEN, Format.CSV)
        assert tracemalloc.get_traced_memory()[1] < 3 * len(made)
    finally:
        tracemalloc.stop()


def test_paper_takes_any_text(tmp_path: Path) -> None:
    """Markup, quotes, control characters and endless names are printed as text; no page breaks."""
    for value in ('#panic("x") $x$ *b* @a <l> \\ "', "\x00\x1b[31m", "a" * 5_000, "שלום 日本 🙂", "\ud800"):
        made = render(evil(value), OPEN, Format.PDF)
        assert made.startswith(b"%PDF-")
    assert '#panic("x") $x$ *b*' in pdf_text(render(evil('#panic("x") $x$ *b*'), OPEN, Format.PDF), tmp_path)


@pytest.mark.parametrize(
    ("name", "is_told"),
    [
        ("日本コーヒー", True),
        ("커피", True),
        ("กาแฟ", True),
        ("Café 😀", True),
        ("Ångström & Søn, Łódź", False),
        ("Καφές", False),
        ("Кофейня №1", False),
    ],
)
def test_what_paper_cannot_show_is_told(tmp_path: Path, name: str, *, is_told: bool) -> None:
    """A paper with boxes in place of letters says where the names are to be read."""
    told = pdf_text(render(evil(name), OPEN, Format.PDF), tmp_path)
    assert ("Names that this paper cannot show" in told) is is_told


def test_what_is_left_out_on_paper_is_told(tmp_path: Path) -> None:
    """Of very many documents paper shows the first and says how many more the spreadsheet has."""
    world = small_world()
    for number in range(310):
        invoice(world, f"inv-{number:03}", 100, date(2026, 10, 5), party_name=f"Party {number}")
    statement = statement_of(world)
    assert "10 more are in the spreadsheet." in pdf_text(render(statement, OPEN, Format.PDF), tmp_path)
    rows = table(render(statement, OPEN, Format.CSV))
    assert sum(row["row"] == "document" for row in rows) == 310


def test_doubt_is_printed(tmp_path: Path) -> None:
    """A provisional statement says so at the top, says why, and that it was signed so; what moved is told."""
    world = small_world()
    pushed(world, invoice(world, "inv-1", 700, date(2026, 10, 5)))
    early = Reads(local_at=datetime(2026, 10, 30, tzinfo=UTC), books_at=None, certified=False)
    statement = statement_of(world, reads=early)
    told = pdf_text(render(statement, replace(APPROVED, signed_complete=False), Format.PDF), tmp_path)
    assert "Provisional Approved" in told
    assert "known as of 30 October 2026, before October 2026 had ended" in told
    assert "signed while the figures were provisional" in told
    withdrawn = replace(APPROVED, status=SignStatus.WITHDRAWN, withdrawn_because="USD 1.00 moved.")
    told = pdf_text(render(statement, withdrawn, Format.PDF), tmp_path)
    assert "Signature withdrawn" in told
    assert "Withdrawn because USD 1.00 moved." in told


def test_an_empty_month_is_a_statement_too(tmp_path: Path) -> None:
    """Without any document each format still says that there was none."""
    empty = statement_of(small_world(Ledger.PAYABLE))
    assert json.loads(render(empty, OPEN, Format.JSON))["ledgers"] == []
    assert len(table(render(empty, OPEN, Format.CSV))) > 0
    assert any("No document is dated" in each for each in texts(render(empty, OPEN, Format.XLSX)))
    assert "No document is dated" in pdf_text(render(empty, OPEN, Format.PDF), tmp_path)


def test_files_are_named_for_every_system() -> None:
    """A file's name has organization, month and format, without signs that a header or a disk refuses."""
    statement = story()
    assert file_name(statement, Format.PDF) == "tie-out-kiln-co-2026-10.pdf"
    odd = replace(statement, organization_name='../"é\r\n日本')
    assert file_name(odd, Format.CSV) == "tie-out-e-2026-10.csv"
    nameless = replace(statement, organization_name="日本")
    assert file_name(nameless, Format.CSV) == f"tie-out-{statement.organization_id}-2026-10.csv"


def test_what_is_missing_is_not_called_unmeant(tmp_path: Path) -> None:
    """What no rule excuses and nothing will enter is missing; a draft is not meant for the books."""
    world = small_world()
    own = {"origin": Origin.PARTNER, "is_in_hub": False, "is_for_hub": False}
    invoice(world, "own-1", 500, date(2026, 10, 5), **own)
    invoice(world, "inv-2", 700, date(2026, 10, 6), status=Status.DRAFT)
    told = pdf_text(render(statement_of(world), OPEN, Format.PDF), tmp_path)
    assert "Missing in the books" in told
    assert "Not meant for the books (expected)" in told
    assert "Your own system alone has it" in told
