"""What an event is worth: which streams to read, which single documents, and when.

An event is a hint and no fact: it never says what is so, only where to look. A document's event names the
document, which is read at once; whether its push succeeded shows in its record, for which no event exists, so
its result is awaited from the event on. When it is looked for, the cadence decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from service.domain.cadence.stream import Stream

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
    created_at: datetime | None = None

    @property
    def at(self) -> datetime:
        """When it happened: by the hub's clock, unless that is ahead of ours."""
        return self.received_at if self.created_at is None else min(self.created_at, self.received_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What to read, when; of which object a stream of records is to tell the result, since when.

    The object of `awaited` has no name where the event's object is another than the record's.
    """

    streams: Sequence[tuple[Stream, datetime]] = ()
    awaited: Sequence[tuple[Stream, str, datetime]] = ()
    targets: Sequence[tuple[Stream, str, datetime]] = ()
    lists_organizations: bool = False


@dataclass(frozen=True, slots=True)
class _Meaning:
    """What events about one type of object say.

    Which lists to read, with delays; which `records` will tell of a push, and whether by the event's own
    object; and where the object itself is.
    """

    streams: Mapping[Stream, timedelta] = field(default_factory=dict)
    records: Sequence[Stream] = ()
    is_own: bool = True
    document: Stream | None = None
    is_organization: bool = False


_CONNECTION = _Meaning({Stream.CONNECTION: AT_ONCE})
_ORGANIZATION = _Meaning({Stream.SETTINGS: AT_ONCE}, is_organization=True)
_RECEIVABLE = _Meaning(records=[Stream.RECEIVABLE_RECORDS], document=Stream.LOCAL_RECEIVABLES)
_PAYABLE = _Meaning(records=[Stream.BILL_RECORDS], document=Stream.LOCAL_PAYABLES)
_PAYABLE_LINE = _Meaning({Stream.LOCAL_PAYABLES: SETTLED}, [Stream.BILL_RECORDS], is_own=False)
_PRODUCT = _Meaning({Stream.PRODUCTS: SETTLED}, [Stream.PRODUCT_RECORDS])
_PAYMENT = _Meaning(records=[Stream.PAYMENT_RECORDS], is_own=False)
_COUNTERPART = _Meaning({Stream.COUNTERPARTS: SETTLED}, [Stream.CUSTOMER_RECORDS, Stream.VENDOR_RECORDS])
_COUNTERPART_PART = replace(_COUNTERPART, is_own=False)

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
    "counterpart_address": _COUNTERPART_PART,
    "counterpart_tax_id": _COUNTERPART_PART,
    "counterpart_vat_id": _COUNTERPART_PART,
    "payment": _PAYMENT,
    "payment_intent": _PAYMENT,
    "payment_link": _PAYMENT,
}
"""By the event's object type, in both of the hub's spellings; of the others nothing is read."""


def wishes_of(hints: Iterable[Hint], now: datetime) -> Wishes:
    """What these events are worth together.

    Of many wishes for one list the first and the last count; of many events about one object the last does.
    """
    times: dict[Stream, list[datetime]] = {}
    targets: dict[tuple[Stream, str], datetime] = {}
    awaited: dict[tuple[Stream, str], datetime] = {}
    lists_organizations = False
    for hint in hints:
        meaning = MEANINGS.get(hint.object_type or "")
        if meaning is None:
            continue
        lists_organizations = lists_organizations or meaning.is_organization
        object_id = _object_id(hint)
        for stream, delay in meaning.streams.items():
            times.setdefault(stream, []).append(_at(hint, delay, now))
        for stream in meaning.records:
            key = stream, object_id if meaning.is_own else ""
            awaited[key] = max(hint.at, awaited.get(key, hint.at))
        if meaning.document is not None and object_id:
            targets.setdefault((meaning.document, object_id), now)
        elif meaning.document is not None:
            times.setdefault(meaning.document, []).append(_at(hint, SETTLED, now))
    streams = [(stream, at) for stream, ats in times.items() for at in sorted({min(ats), max(ats)})]
    return Wishes(
        streams=streams,
        awaited=[(stream, object_id, at) for (stream, object_id), at in awaited.items()],
        targets=[(stream, object_id, at) for (stream, object_id), at in targets.items()],
        lists_organizations=lists_organizations,
    )


def _object_id(hint: Hint) -> str:
    """The object that an event names, or nothing."""
    told = hint.object_id or ""
    return told.lower() if len(told) <= OBJECT_CHARACTERS_MAX else ""


def _at(hint: Hint, delay: timedelta, now: datetime) -> datetime:
    """Some time after the event came, but not in the past."""
    return max(hint.received_at + delay, now)
