"""A document in its normal form: an invoice, bill or credit note, told alike for both sides.

Rules that matter:

- Amounts are integers of minor units. A credit note is negative, so that sums need no case distinction.
- `basis` says how the total is known: stated by the side itself, rebuilt from lines with their tax
  (`derived`), or rebuilt without tax because a rate is unknown (`derived_net`: the total then equals the net
  amount).
- What a side does not tell is None, and None is never compared: an absent status is no difference.
- The content hash covers what a comparison can see, not when the hub touched the row: a document whose
  `updated_at` moved for reasons of its own is unchanged.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from hashlib import blake2b
from typing import Final
from uuid import UUID

from service.domain.money import EXACT

HASH_BYTES: Final = 16
"""128 bits: among 10**9 documents a chance meeting has odds of 1 to 10**20."""

VENDOR_SUFFIX: Final = "_vendor"
"""A counterpart that is customer and vendor is pushed twice, the vendor with this suffix (case folded)."""

_WORDS = re.compile(r"\w+")
_DIGITS = re.compile(r"\d+")


class Side(StrEnum):
    """Who says so: the hub (or the partner's own system), or the accounting side."""

    LOCAL = "local"
    BOOKS = "books"


class Origin(StrEnum):
    """Whose word a local document is."""

    HUB = "hub"
    PARTNER = "partner"
    """Put by the partner's own system; it stands above what the hub has under the same id."""


class Ledger(StrEnum):
    """Money to come or money to go."""

    RECEIVABLE = "receivable"
    PAYABLE = "payable"


class DocumentKind(StrEnum):
    """What the document is. Quotes are no documents of the books and never get here."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"
    BILL = "bill"


class Basis(StrEnum):
    """How a total is known."""

    STATED = "stated"
    DERIVED = "derived"
    DERIVED_NET = "derived_net"


class Status(StrEnum):
    """The common notion of a status; each side's own word stays in `stated_status`."""

    DRAFT = "draft"
    """Not issued yet, or refused: nothing that the hub would push."""
    OPEN = "open"
    PARTIALLY_PAID = "partially_paid"
    PAID = "paid"
    VOID = "void"
    UNKNOWN = "unknown"
    """A word that nobody documented; shown, never compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line; `unit_amount` in major units, maybe finer than minor ones; `tax_rate` is percent x 100."""

    description: str | None = None
    quantity: Decimal | None = None
    unit_amount: Decimal | None = None
    net_minor: int | None = None
    tax_rate: int | None = None
    tax_rate_reference: str | None = None
    ledger_account_id: str | None = None
    product_id: str | None = None
    product_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document as one side has it."""

    side: Side
    ledger: Ledger
    kind: DocumentKind
    document_id: str
    currency: str
    total_minor: int
    basis: Basis = Basis.STATED
    number: str | None = None
    party_id: str | None = None
    party_name: str | None = None
    net_minor: int | None = None
    tax_minor: int | None = None
    due_minor: int | None = None
    deduction_minor: int = 0
    status: Status | None = None
    stated_status: str | None = None
    issued_on: date | None = None
    due_on: date | None = None
    lines: tuple[Line, ...] = ()
    rounded_lines: int = 0
    """Lines on which an amount was finer than the minor unit, so that each may be half a unit off."""
    remainder: Decimal = Decimal(0)
    """Exact total less `total_minor`, in minor units."""
    based_on: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    issued_at: datetime | None = None
    """The instant of issue where the side tells one; `issued_on` is its date."""
    origin: Origin = Origin.HUB
    is_in_hub: bool = True
    """Whether the hub has a document under this id; only one of the partner's may not be."""
    is_for_hub: bool = True
    """Whether it is the hub that is to bring it to the books; only the partner may say that it is not."""
    put_at: datetime | None = None
    """When the partner's system first put it, to go that way; None for the hub's own."""

    @property
    def content_hash(self) -> bytes:
        """Digest of all that a comparison can see; the same in every process until the form changes."""
        parts: list[object] = [
            self.side,
            self.ledger,
            self.kind,
            self.document_id,
            self.currency,
            self.total_minor,
        ]
        parts += [self.basis, self.number, self.party_id, self.party_name, self.net_minor, self.tax_minor]
        parts += [
            self.due_minor,
            self.deduction_minor,
            self.status,
            self.stated_status,
            self.issued_on,
            self.due_on,
        ]
        parts += [self.rounded_lines, self.remainder, self.based_on, self.issued_at, len(self.lines)]
        for line in self.lines:
            parts += [line.description, line.quantity, line.unit_amount, line.net_minor, line.tax_rate]
            parts += [line.tax_rate_reference, line.ledger_account_id, line.product_id, line.product_name]
        if (self.origin, self.is_in_hub, self.is_for_hub) != (Origin.HUB, True, True):
            # Left out for the hub's own, whose digests are older than the notion of an origin.
            parts += [self.origin, int(self.is_in_hub), int(self.is_for_hub), self.created_at]
        return digest(parts)


def digest(parts: Iterable[object]) -> bytes:
    """Hash values by what they mean: each is typed and length-prefixed, and 2.50 equals 2.5."""
    texts = [_canonical(part).encode("utf-8", "surrogatepass") for part in parts]
    prefixed = b"".join([b"%d:%b" % (len(text), text) for text in texts])
    return blake2b(prefixed, digest_size=HASH_BYTES).digest()


def _canonical(part: object) -> str:
    # In the order of their frequency: this is asked for each part of each key of each document.
    if isinstance(part, str):
        return f"s{part}"
    if part is None:
        return "-"
    if isinstance(part, Decimal):
        return f"n{part.normalize(EXACT):f}" if part else "n0"
    if isinstance(part, int):
        return f"n{part}"
    assert isinstance(part, (date, datetime)), f"a {type(part).__name__} has no canonical form"
    return f"t{part.isoformat()}"


def as_uuid(document_id: str) -> UUID | None:
    """Return an id of the hub's own form; None for any other, such as those of the books."""
    try:
        return UUID(document_id)
    except ValueError:
        return None


def number_key(number: str | None) -> str:
    """Return the number as it is compared: without case, width or spaces; empty when there is none."""
    return "".join(unicodedata.normalize("NFKC", number).casefold().split()) if number else ""


def number_core(number: str | None) -> str:
    """Return the digits of a number without leading zeros: what `INV-0012` and `12` share; may be empty."""
    return ".".join(run.lstrip("0") or "0" for run in _DIGITS.findall(number)) if number else ""


def party_key(name: str | None) -> str:
    """Return the name as it is compared: words only, without case, punctuation or the `_VENDOR` suffix."""
    if not name:
        return ""
    folded = unicodedata.normalize("NFKC", name).casefold().strip()
    folded = folded.removesuffix(VENDOR_SUFFIX)
    return " ".join(_WORDS.findall(folded)) or folded


def has_vendor_suffix(name: str | None) -> bool:
    """Say whether the name is the vendor's copy of a counterpart that is both."""
    return bool(name) and str(name).casefold().strip().endswith(VENDOR_SUFFIX)


def newest(documents: Iterable[Document]) -> Mapping[str, Document]:
    """Keep one version of each document by id: pages that shift while they are read tell some twice."""
    kept: dict[str, Document] = {}
    for document in documents:
        other = kept.get(document.document_id)
        if other is None or _version(document) >= _version(other):
            kept[document.document_id] = document
    return kept


def _version(document: Document) -> tuple[float, float, bytes]:
    # Equal or absent times fall back to the content, so that the order of arrival never decides.
    return (_seconds(document.updated_at), _seconds(document.created_at), document.content_hash)


def _seconds(instant: datetime | None) -> float:
    return instant.timestamp() if instant else 0.0
