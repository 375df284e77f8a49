"""The shape of a partner's own document, and everything that can be wrong with one, told by field.

Amounts are whole minor units and never negative: that a credit note takes away, its kind says. Numbers with a
fraction are read exactly. A field that is unknown is refused as firmly as one that is wrong: one that is
silently left out would be compared as if it had never been said.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from service.domain.document import Document, DocumentKind, Ledger, Line, Origin, Side, Status
from service.domain.money import AMOUNT_MAX, EXACT, AmountError, decimal_of, exponent, is_known, tax_on
from service.web.problems import Fault

LINES_MAX: Final = 1_000
"""QuickBooks permits 750 lines, Xero some hundreds."""

PARTS_MAX: Final = 100 * LINES_MAX
"""Commas of a document. Sixteen megabytes of the shortest fields or lines would take half a gigabyte to read;
a line has seven fields, and its texts some commas."""

FAULTS_MAX: Final = 100
"""Faults told of one document, and fields by which it may be unknown: with more, it is no such document."""

NAMED_MAX: Final = 3
"""Unknown fields named where there are more than that."""

NAME_MAX: Final = 100
"""Characters of a name that we do not know."""

ID_MAX: Final = 255
"""Characters of an id that documents are looked up by; Postgres has room for some 600 in an index."""

TEXT_MAX: Final = 1_000
"""As much as is kept of the hub's texts."""

LOCAL_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:~-]{0,99}")
LOCAL_ID_MUST: Final = "must be 1 to 100 of the characters A-Z a-z 0-9 . _ : ~ -, the first a letter or digit"

FIRST: Final = datetime(1900, 1, 1, tzinfo=UTC)
LAST: Final = datetime(2200, 1, 1, tzinfo=UTC)
"""What lies outside is a mistake, and reckoning with it would end at the limits of dates."""

RATE_OF_PERCENT: Final = Decimal(100)
"""Rates are kept as percent times 100."""

Text = Annotated[str, Meta(min_length=1, max_length=TEXT_MAX)]
Id = Annotated[str, Meta(min_length=1, max_length=ID_MAX)]
Minor = Annotated[int, Meta(ge=0, le=AMOUNT_MAX)]


class PutLine(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One line; `unit_amount` is in major units, `tax_percent` like 7.25."""

    description: Text | None = None
    quantity: Decimal | None = None
    unit_amount: Decimal | None = None
    net_minor: Annotated[int, Meta(ge=-AMOUNT_MAX, le=AMOUNT_MAX)] | None = None
    tax_percent: Decimal | None = None
    ledger_account_id: Text | None = None
    product_name: Text | None = None


class PutParty(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The customer or vendor; `id` is the hub's id of the counterpart, where it is known."""

    id: Id | None = None
    name: Text | None = None


class PutDocument(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A document of the partner's own system. Under the id of one of the hub's it stands above that one."""

    kind: Literal["invoice", "credit_note", "bill"]
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")]
    total_minor: Minor
    tax_minor: Minor | None = None
    due_minor: Minor | None = None
    number: Text | None = None
    party: PutParty = msgspec.field(default_factory=PutParty)
    status: Literal["draft", "open", "partially_paid", "paid", "void"] = "open"
    issued_on: date | None = None
    """Required of everything but a draft."""
    due_on: date | None = None
    lines: Annotated[list[PutLine], Meta(max_length=LINES_MAX)] = []
    for_hub: bool = False
    """Whether the hub is to bring it to the books: if so, one that the hub lacks was never attempted."""
    created_at: Annotated[datetime, Meta(tz=True)] | None = None
    updated_at: Annotated[datetime, Meta(tz=True)] | None = None


_MUST: Final[Mapping[str, str]] = {
    "kind": "must be one of invoice, credit_note, bill",
    "currency": "must be the code of a currency in use (ISO 4217), like USD",
    "total_minor": f"must be a whole number of minor units from 0 to {AMOUNT_MAX}; kind says the sign",
    "tax_minor": f"must be a whole number of minor units from 0 to {AMOUNT_MAX}, or left out",
    "due_minor": f"must be a whole number of minor units from 0 to {AMOUNT_MAX}, or left out",
    "status": "must be one of draft, open, partially_paid, paid, void",
    "issued_on": "must be a date like 2026-10-31, from 1900 on; only a draft may lack it",
    "due_on": "must be a date like 2026-11-30, from 1900 on, or left out",
    "party": "must be an object with a name and, if known, the id of the hub's counterpart",
    "id": f"must be a text of 1 to {ID_MAX} characters, or left out",
    "lines": f"must be a list of at most {LINES_MAX} lines",
    "for_hub": "must be true or false",
    "created_at": "must be a time like 2026-10-31T09:30:00Z, from 1900 on, or left out",
    "updated_at": "must be a time like 2026-10-31T09:30:00Z, from 1900 on, or left out",
    "quantity": "must be a number, or left out",
    "unit_amount": "must be a number of major units, or left out",
    "net_minor": "must be a whole number of minor units, or left out",
    "tax_percent": "must be a number from 0 to 100, or left out",
}
_TEXT_MUST: Final = f"must be a text of 1 to {TEXT_MAX} characters, or left out"
_TYPES: Final = {each.name: each for each in msgspec.structs.fields(PutDocument)}
_KNOWN: Final = f"known are: {', '.join(sorted(_TYPES))}"
_UNKNOWN: Final = f"is unknown; {_KNOWN}"
_UNREAD: Final = object()
_PLACE: Final = re.compile(r" - at `\$(?P<place>[^`]*)`$")


class Unfit(ValueError):  # noqa: N818 - says what is the case
    """A document that cannot be taken, with every fault of it."""

    def __init__(self, *faults: Fault) -> None:
        self.faults = faults
        super().__init__("; ".join(f"{fault.name} {fault.detail}" for fault in faults))


def read_local_id(text: str) -> str:
    """Read the partner's id of a document; one of the hub's is told alike however it is written."""
    if not LOCAL_ID.fullmatch(text):
        raise Unfit(Fault(name="local_id", detail=LOCAL_ID_MUST))
    return text.lower() if _is_uuid(text) else text


def read_document(content: bytes | msgspec.Raw, local_id: str) -> Document:
    """Bring a document to its normal form, or raise `Unfit`."""
    return _document(_put(content), local_id)


def _put(content: bytes | msgspec.Raw) -> PutDocument:
    """Read field by field, so that all that is wrong is told at once."""
    raw = _fields(content)
    faults = [Fault(name=name[:NAME_MAX], detail=_UNKNOWN) for name in raw if name not in _TYPES]
    values: dict[str, Any] = {}
    for name, field in _TYPES.items():
        if name not in raw:
            if field.required:
                faults.append(Fault(name=name, detail=f"is missing: it {_must(name)}"))
            continue
        try:
            values[name] = msgspec.json.decode(raw[name], type=field.type)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            faults.append(_fault(name, str(error)))
    faults += _contradictions(values, None if "issued_on" not in raw else _UNREAD)
    if faults:
        raise Unfit(*bounded(faults, FAULTS_MAX))
    return PutDocument(**values)


def _fields(content: bytes | msgspec.Raw) -> Mapping[str, msgspec.Raw]:
    """Take a document apart, unless it has far more parts or unknown fields than any has."""
    if bytes(content).count(b",") > PARTS_MAX:
        raise Unfit(Fault(name="document", detail=f"holds more than {PARTS_MAX:,} parts"))
    try:
        raw = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise Unfit(Fault(name="document", detail=_unread(content))) from None
    unknown = [name for name in raw if name not in _TYPES]
    if len(unknown) > FAULTS_MAX:
        some = ", ".join(name[:NAME_MAX] for name in unknown[:NAMED_MAX])
        detail = f"holds {len(unknown):,} unknown fields, among them {some}; {_KNOWN}"
        raise Unfit(Fault(name="document", detail=detail))
    return raw


def bounded(faults: Sequence[Fault], count_max: int) -> Sequence[Fault]:
    """Keep the first faults, and say that there are others."""
    if len(faults) <= count_max:
        return faults
    return [*faults[:count_max], Fault(name="document", detail="has more faults, which are not told")]


def _unread(content: bytes | msgspec.Raw) -> str:
    """What keeps a document from being read as a whole; some programs write characters by halves."""
    try:
        json.dumps(json.loads(bytes(content)), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return "holds half a character: \\ud800 to \\udfff stand in pairs only"
    except (ValueError, RecursionError):
        pass
    return "must be a JSON object"


def _fault(name: str, message: str) -> Fault:
    found = _PLACE.search(message)
    place = f"{name}{found['place']}" if found else name
    innermost = re.split(r"[.\[]", place)[-1].rstrip("]")
    if "unknown field" in message:
        unknown = message.partition(" - at ")[0].rpartition(" ")[2][:NAME_MAX]
        return Fault(name=place, detail=f"{_must(name)}; {unknown} is unknown")
    return Fault(name=place, detail=_must(innermost if innermost in _MUST else name))


def _must(name: str) -> str:
    return _MUST.get(name, _TEXT_MUST)


def _contradictions(values: Mapping[str, Any], unread: object) -> list[Fault]:
    """Tell what no single field shows; `unread` stands for a date that is there and could not be read."""
    wrong = []
    if "currency" in values and not is_known(values["currency"]):
        wrong.append("currency")
    total = values.get("total_minor", AMOUNT_MAX)
    faults = [
        Fault(name=name, detail=f"is more than total_minor, {total}")
        for name in ("tax_minor", "due_minor")
        if (values.get(name) or 0) > total
    ]
    for name in ("issued_on", "due_on"):
        day = values.get(name)
        if day is not None and not FIRST.date() <= day < LAST.date():
            wrong.append(name)
    for name in ("created_at", "updated_at"):
        instant = values.get(name)
        if instant is not None and not FIRST <= instant < LAST:
            wrong.append(name)
    if values.get("issued_on", unread) is None and values.get("status", "open") != "draft":
        wrong.append("issued_on")
    faults += [Fault(name=name, detail=_must(name)) for name in dict.fromkeys(wrong)]
    for position, line in enumerate(values.get("lines", ())):
        faults += _line_faults(line, f"lines[{position}]")
    return faults


def _line_faults(line: PutLine, place: str) -> list[Fault]:
    faults = []
    for name in ("quantity", "unit_amount", "tax_percent"):
        value: Decimal | None = getattr(line, name)
        try:
            exact = None if value is None else decimal_of(value)
        except AmountError:
            faults.append(Fault(name=f"{place}.{name}", detail=_must(name)))
            continue
        if exact is not None and name == "tax_percent" and not 0 <= exact <= 100:  # noqa: PLR2004 - percent
            faults.append(Fault(name=f"{place}.{name}", detail=_must(name)))
    return faults


def _document(put: PutDocument, local_id: str) -> Document:
    kind = DocumentKind(put.kind)
    sign = -1 if kind is DocumentKind.CREDIT_NOTE else 1
    tax = None if put.tax_minor is None else sign * put.tax_minor
    lines = [_line(line, put.currency, sign) for line in put.lines]
    return Document(
        side=Side.LOCAL,
        ledger=Ledger.PAYABLE if kind is DocumentKind.BILL else Ledger.RECEIVABLE,
        kind=kind,
        document_id=local_id,
        number=put.number,
        party_id=put.party.id,
        party_name=put.party.name,
        currency=put.currency,
        total_minor=sign * put.total_minor,
        tax_minor=tax,
        net_minor=None if tax is None else sign * put.total_minor - tax,
        due_minor=None if put.due_minor is None else sign * put.due_minor,
        status=Status(put.status),
        stated_status=put.status,
        issued_on=put.issued_on,
        due_on=put.due_on,
        lines=tuple(line for line, _ in lines),
        rounded_lines=sum(is_rounded for _, is_rounded in lines),
        created_at=put.created_at and put.created_at.astimezone(UTC),
        updated_at=put.updated_at and put.updated_at.astimezone(UTC),
        origin=Origin.PARTNER,
        is_in_hub=False,
        is_for_hub=put.for_hub,
    )


def _line(put: PutLine, currency: str, sign: int) -> tuple[Line, bool]:
    """Read a line, and whether an amount on it is finer than the minor unit."""
    net = None if put.net_minor is None else sign * put.net_minor
    exact = EXACT.multiply(put.quantity or Decimal(0), put.unit_amount or Decimal(0))
    amount = EXACT.scaleb(exact, exponent(currency))
    rate = EXACT.multiply(put.tax_percent or Decimal(0), RATE_OF_PERCENT)
    tax = tax_on(Decimal(net or 0), rate)
    line = Line(
        description=put.description,
        quantity=put.quantity,
        unit_amount=put.unit_amount,
        net_minor=net,
        tax_rate=int(rate) if put.tax_percent is not None and rate == rate.to_integral_value() else None,
        ledger_account_id=put.ledger_account_id,
        product_name=put.product_name,
    )
    return line, any(each != each.to_integral_value() for each in (amount, tax))


def _is_uuid(text: str) -> bool:
    return re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", text) is not None
