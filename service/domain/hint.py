"""What an event is worth: which streams to read, which single documents, and when.

An event is a hint and no fact: it never says what is so, only where to look. A document's event names the
document, which is read at once; whether its push succeeded shows in its record, for which no event exists, so
the records are looked at when the push has probably ended, and once more later for pushes that take their
time. While a record is pending, the cadence follows it further.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from service.domain.stream import Stream

PUSH_ENDED: Final = (timedelta(seconds=5), timedelta(seconds=60))
"""After an event: when most pushes have ended, and when nearly all have."""

SETTLED: Final = timedelta(seconds=30)
"""Lists that have to be read whole wait for more of the same: whoever edits one product edits several."""

AT_ONCE: Final = timedelta(0)

OBJECT_CHARACTERS_MAX: Final = 100
"""Ids are UUIDs; anything longer is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """An event, reduced to what bears on reading."""

    object_type: str | None
    object_id: str | None
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What to read, when."""

    streams: Sequence[tuple[Stream, datetime]] = ()
    targets: Sequence[tuple[Stream, str, datetime]] = ()
    lists_organizations: bool = False


@dataclass(frozen=True, slots=True)
class _Meaning:
    """What events about one type of object say: streams, with delays, and where the object itself is."""

    streams: Mapping[Stream, Sequence[timedelta]]
    document: Stream | None = None
    is_organization: bool = False


_CONNECTION = _Meaning({Stream.CONNECTION: [AT_ONCE]})
_ORGANIZATION = _Meaning({Stream.SETTINGS: [AT_ONCE]}, is_organization=True)
_RECEIVABLE = _Meaning({Stream.RECEIVABLE_RECORDS: PUSH_ENDED}, document=Stream.LOCAL_RECEIVABLES)
_PAYABLE = _Meaning({Stream.BILL_RECORDS: PUSH_ENDED}, document=Stream.LOCAL_PAYABLES)
_PAYABLE_LINE = _Meaning({Stream.LOCAL_PAYABLES: [SETTLED], Stream.BILL_RECORDS: PUSH_ENDED})
_PRODUCT = _Meaning({Stream.PRODUCTS: [SETTLED], Stream.PRODUCT_RECORDS: PUSH_ENDED})
_PAYMENT = _Meaning({Stream.PAYMENT_RECORDS: PUSH_ENDED})
_COUNTERPART = _Meaning(
    {
        Stream.COUNTERPARTS: [SETTLED],
        Stream.CUSTOMER_RECORDS: PUSH_ENDED,
        Stream.VENDOR_RECORDS: PUSH_ENDED,
    }
)

MEANINGS: Final[Mapping[str, _Meaning]] = {
    "accounting_connection": _CONNECTION,
    "entity": _ORGANIZATION,
    "entity_settings": _ORGANIZATION,
    "receivable": _RECEIVABLE,
    "payable": _PAYABLE,
    "payable.line_item": _PAYABLE_LINE,
    "payable_line_item": _PAYABLE_LINE,
    "product": _PRODUCT,
    "counterpart": _COUNTERPART,
    "counterpart_address": _COUNTERPART,
    "counterpart_tax_id": _COUNTERPART,
    "counterpart_vat_id": _COUNTERPART,
    "payment": _PAYMENT,
    "payment_intent": _PAYMENT,
    "payment_link": _PAYMENT,
}
"""By the event's object type, in both of the hub's spellings; of the others nothing is read."""


def wishes_of(hints: Iterable[Hint], now: datetime) -> Wishes:
    """What these events are worth together: of many wishes for one stream, the first and the last count."""
    times: dict[Stream, list[datetime]] = {}
    targets: dict[tuple[Stream, str], datetime] = {}
    lists_organizations = False
    for hint in hints:
        meaning = MEANINGS.get(hint.object_type or "")
        if meaning is None:
            continue
        lists_organizations = lists_organizations or meaning.is_organization
        for stream, delays in meaning.streams.items():
            times.setdefault(stream, []).extend(_at(hint, delay, now) for delay in delays)
        if meaning.document is None:
            continue
        if hint.object_id and len(hint.object_id) <= OBJECT_CHARACTERS_MAX:
            targets.setdefault((meaning.document, hint.object_id.lower()), now)
        else:
            times.setdefault(meaning.document, []).append(_at(hint, SETTLED, now))
    streams = [(stream, at) for stream, ats in times.items() for at in sorted({min(ats), max(ats)})]
    return Wishes(
        streams=streams,
        targets=[(stream, object_id, at) for (stream, object_id), at in targets.items()],
        lists_organizations=lists_organizations,
    )


def _at(hint: Hint, delay: timedelta, now: datetime) -> datetime:
    """Some time after the event came, but not in the past."""
    return max(hint.received_at + delay, now)
