"""Single fields of a document's payload, read by their meaning.

Absent, null and blank are the same. What a document cannot be used without raises `Unreadable` when it cannot
be read; what it can do without counts as absent then, and the stored payload still has it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final, TypeAlias

from service.domain.document import Status
from service.domain.money import AMOUNT_MAX, AmountError, decimal_of
from service.hub.bounds import bounded
from service.hub.rows import as_text

Payload: TypeAlias = Mapping[str, Any]

TEXT_MAX: Final = 1000
"""Characters kept of a name, number or description: ten times what either platform permits in one."""

LINES_MAX: Final = 10_000
"""Lines of one document: QuickBooks permits 750, Xero some hundreds; beyond this it is no document."""

_DATE_LENGTH: Final = len("2026-10-01")
_CURRENCY: Final = re.compile(r"[A-Za-z]{3}")


class Unreadable(Exception):  # noqa: N818 - names what is the case; becomes a `Refused` before it leaves the module
    """A field without which the document cannot be used; the message says which and why."""


def text(payload: Payload, name: str) -> str | None:
    """Return a text, without the blanks around it."""
    return _kept(payload.get(name))


def reference(payload: Payload, name: str) -> str | None:
    """Return the id of an object, its own or another's, which may come as a number."""
    value = as_text(payload.get(name))
    return _kept(bounded(value) if isinstance(value, str) else value)


def _kept(value: object) -> str | None:
    return (value.strip()[:TEXT_MAX] or None) if isinstance(value, str) else None


def record(payload: Payload, name: str) -> Payload:
    """Return an object, empty if it is absent."""
    value = payload.get(name)
    return value if isinstance(value, Mapping) else {}


def items(payload: Payload, name: str) -> Sequence[Payload] | None:
    """Return a list of objects, or None if it is absent; anything else makes the document unreadable."""
    value = payload.get(name)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        raise Unreadable(f"its {name} are no list of objects")
    if len(value) > LINES_MAX:
        raise Unreadable(f"it has {len(value)} {name}, more than {LINES_MAX}")
    return value


def number(payload: Payload, name: str) -> Decimal | None:
    """Return an exact number; a float is our own mistake and raises `TypeError`."""
    value = payload.get(name)
    if value is None:
        return None
    if not isinstance(value, (Decimal, int, float, str)) or isinstance(value, bool):
        raise Unreadable(f"its {name} is no number")
    try:
        return decimal_of(value)  # type: ignore[arg-type]  # a float is passed on to be refused by type
    except AmountError as error:
        raise Unreadable(f"its {name} cannot be read: {error}") from None


def whole(payload: Payload, name: str) -> int | None:
    """Return an amount in minor units."""
    value = number(payload, name)
    if value is None:
        return None
    if value != value.to_integral_value() or value.copy_abs() > AMOUNT_MAX:
        raise Unreadable(f"its {name} is no whole number of minor units")
    return int(value)


def instant(payload: Payload, name: str) -> datetime | None:
    """Return an instant; without a zone it is UTC, and a mere date is its first moment."""
    value = text(payload, name)
    if value is None:
        return None
    try:
        parsed = datetime.fromisoformat(value)
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def day(payload: Payload, name: str) -> date | None:
    """Return a date as written, whether or not a time and zone follow it."""
    value = text(payload, name)
    try:
        return date.fromisoformat(value[:_DATE_LENGTH]) if value else None
    except ValueError:
        return None


def identity(payload: Payload) -> str:
    """Return the id, without which a document cannot be told from another."""
    value = reference(payload, "id")
    if value is None:
        raise Unreadable("it has no id")
    return value


def currency_of(payload: Payload, otherwise: str | None, *, is_draft: bool) -> str | None:
    """Return the currency; only a draft may do without."""
    currency = text(payload, "currency") or otherwise
    if currency is None:
        if is_draft:
            return None
        raise Unreadable("it names no currency, and the organization's own is not known")
    if not _CURRENCY.fullmatch(currency):
        raise Unreadable("its currency is no currency code")
    return currency.upper()


def status_of(stated: str | None, statuses: Mapping[str, Status]) -> Status:
    """Translate a status; what is not documented is unknown, never an error."""
    return statuses.get(stated or "", Status.UNKNOWN)
