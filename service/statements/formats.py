"""The formats in which a statement is given: how each is made, called and sent."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from service.domain.statements.sign_off import Signature
from service.domain.statements.statement import Statement
from service.statements.csv_file import csv_file
from service.statements.json_file import json_file
from service.statements.pdf_file import pdf_file
from service.statements.xlsx_file import xlsx_file


class Format(StrEnum):
    """What a statement can be had as."""

    JSON = "json"
    CSV = "csv"
    XLSX = "xlsx"
    PDF = "pdf"


@dataclass(frozen=True, slots=True)
class Making:
    """How a format is made, and what it is called on the way."""

    make: Callable[[Statement, Signature], bytes]
    media_type: str


FORMATS: Final[Mapping[Format, Making]] = {
    Format.JSON: Making(json_file, "application/json"),
    Format.CSV: Making(csv_file, "text/csv; charset=utf-8"),
    Format.XLSX: Making(xlsx_file, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    Format.PDF: Making(pdf_file, "application/pdf"),
}

NAME_CHARACTERS_MAX: Final = 60


def render(statement: Statement, signature: Signature, form: Format) -> bytes:
    """Make the file; the same statement makes the same bytes."""
    return FORMATS[form].make(statement, signature)


def file_name(statement: Statement, form: Format) -> str:
    """Name the file by organization and month, in letters that every system takes."""
    plain = unicodedata.normalize("NFKD", statement.organization_name).encode("ascii", "ignore").decode()
    name = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:NAME_CHARACTERS_MAX].strip("-")
    return f"tie-out-{name or statement.organization_id}-{statement.period}.{form.value}"
