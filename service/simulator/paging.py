"""Pages: opaque keyset tokens for most lists, limit and offset for the accounting ones.

A token holds the sort, the order, the filters and the place where the next page begins, so that rows inserted
or moved between two pages neither repeat nor hide others. Filters and sort of a request that brings a token
are ignored. Whether the *limit* must be sent again differs by list, as documented: where it must, a page
without it has the default size.
"""

from __future__ import annotations

import base64
import binascii
import bisect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from service.simulator.calls import Answer, Call, as_whole, one_of
from service.simulator.filters import Filter, passes, read_filters
from service.simulator.problems import invalid

if TYPE_CHECKING:
    from service.simulator.listings import Versioned

Getter = Callable[[Any], Any]
Key = tuple[bool, Any, str]
ORDERS = frozenset({"asc", "desc"})
OFFSET_LIMIT_MAX = 500
OFFSET_LIMIT_DEFAULT = 100


@dataclass(frozen=True, slots=True)
class Listing:
    """The rules of one list."""

    name: str
    sorts: Mapping[str, Getter]
    default_sort: Getter
    filters: Sequence[Filter] = ()
    limit_max: int = 100
    limit_default: int = 100
    resends_limit: bool = False
    required: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Place:
    """What a token says: where in which list."""

    sort: str | None
    order: str
    limit: int
    query: dict[str, list[str]] = field(default_factory=dict)
    key: tuple[bool, Any, str] | None = None
    is_backward: bool = False
    given_at: datetime | None = None


def serve(
    call: Call,
    listing: Listing,
    owner: Versioned,
    rows: Callable[[], Iterable[Any]],
    show: Callable[[Any], Any],
    *,
    scope: str = "",
) -> Answer:
    """Answer one page of a list; `rows` is asked only when the owner's kept listing is stale."""
    place = _place(call, listing)
    keyed = _sorted_rows(listing, place, owner, rows, scope)
    start, stop = _window(keyed, place)
    page = keyed[start:stop]
    if place.order == "desc":
        page = page[::-1]
    payload: dict[str, Any] = {
        "data": [show(row[1]) for row in page],
        "next_pagination_token": None,
        "prev_pagination_token": None,
    }
    has_before, has_after = start > 0, stop < len(keyed)
    if place.order == "desc":
        has_before, has_after = has_after, has_before
    if page and has_after:
        payload["next_pagination_token"] = _token(call, place, page[-1][0], is_backward=False)
    if page and has_before:
        payload["prev_pagination_token"] = _token(call, place, page[0][0], is_backward=True)
    return Answer(200, payload)


def serve_offset(call: Call, rows: Sequence[Any], show: Callable[[Any], Any], shift: int = 0) -> Answer:
    """Answer one page of an accounting list; `shift` moves later pages, as rows entered meanwhile would."""
    limit = _bounded(call, "limit", OFFSET_LIMIT_DEFAULT, 1, OFFSET_LIMIT_MAX)
    offset = _bounded(call, "offset", 0, 0, None)
    start = max(offset + shift, 0) if offset else 0
    return Answer(200, {"data": [show(row) for row in rows[start : start + limit]]})


def _place(call: Call, listing: Listing) -> Place:
    """Read where the page begins, from the token or from the query."""
    token = call.value("pagination_token")
    for name in sorted(listing.required - (call.query.keys() if not token else listing.required)):
        raise invalid(("query", name), "field required", "value_error.missing")
    if token:
        place = _read_token(token)
        lasts = call.world.behaviour.pagination_token_seconds
        if lasts and place.given_at is not None and call.now >= place.given_at + timedelta(seconds=lasts):
            raise _INVALID_TOKEN
        if place.sort is not None and place.sort not in listing.sorts:
            raise _INVALID_TOKEN
        if not listing.resends_limit:
            return place
        limit = _bounded(call, "limit", listing.limit_default, 1, listing.limit_max)
        return Place(place.sort, place.order, limit, place.query, place.key, place.is_backward)
    limit = _bounded(call, "limit", listing.limit_default, 1, listing.limit_max)
    order = one_of(ORDERS)(call.value("order") or "asc", ("query", "order"))
    sort = call.value("sort")
    if sort is not None:
        sort = one_of(frozenset(listing.sorts))(sort, ("query", "sort"))
    names = {entry.name for entry in listing.filters}
    query = {name: list(texts) for name, texts in call.query.items() if name in names}
    read_filters(listing.filters, query)
    return Place(sort, order, limit, query)


def _bounded(call: Call, name: str, default: int, low: int, high: int | None) -> int:
    text = call.value(name)
    if text is None:
        return default
    value = as_whole(text, ("query", name))
    if value < low:
        message = f"ensure this value is greater than or equal to {low}"
        raise invalid(("query", name), message, "value_error.number.not_ge")
    if high is not None and value > high:
        message = f"ensure this value is less than or equal to {high}"
        raise invalid(("query", name), message, "value_error.number.not_le")
    return value


def _sorted_rows(
    listing: Listing, place: Place, owner: Versioned, rows: Callable[[], Iterable[Any]], scope: str
) -> list[Any]:
    """Filter and sort ascending, once per state of the owner."""
    filters = tuple((name, *texts) for name, texts in sorted(place.query.items()))
    remembered = (listing.name, scope, place.sort, filters)
    kept = owner.listing(remembered)
    if kept is not None:
        return kept
    active = read_filters(listing.filters, place.query)
    getter = listing.sorts[place.sort] if place.sort else listing.default_sort
    chosen = (row for row in rows() if passes(row, active)) if active else rows()
    keyed: list[Any] = sorted(((_key(getter(row), row), row) for row in chosen), key=_first)
    owner.keep(remembered, keyed)
    return keyed


def _first(pair: tuple[Key, Any]) -> Key:
    return pair[0]


def _key(value: object, row: object) -> Key:
    """Make a key that sorts, survives JSON, and tells rows of equal value apart; no value comes first."""
    if isinstance(value, datetime | date):
        value = value.isoformat()
    identity: str = getattr(row, "id", "")
    return (value is not None, value if value is not None else "", identity)


def _window(keyed: Sequence[tuple[Key, Any]], place: Place) -> tuple[int, int]:
    """Return the slice of the ascending list that makes the page."""
    goes_up = (place.order == "asc") != place.is_backward
    if place.key is None:
        return (0, place.limit) if goes_up else (max(len(keyed) - place.limit, 0), len(keyed))
    if goes_up:
        start = bisect.bisect_right(keyed, place.key, key=_first)
        return start, start + place.limit
    stop = bisect.bisect_left(keyed, place.key, key=_first)
    return max(stop - place.limit, 0), stop


def _token(call: Call, place: Place, key: Key, *, is_backward: bool) -> str:
    content = {
        "order": place.order,
        "limit": place.limit,
        "pagination_filters": place.query,
        "pagination_token_type": "prev" if is_backward else "next",
        "cursor_field": place.sort,
        "cursor_field_value": key[:2],
        "current_oid": key[2],
        "given_at": call.now,
    }
    return base64.urlsafe_b64encode(msgspec.json.encode(content)).decode()


def _read_token(token: str) -> Place:
    try:
        content = msgspec.json.decode(base64.urlsafe_b64decode(token.encode()))
        is_set, value = content["cursor_field_value"]
        return Place(
            content["cursor_field"],
            content["order"],
            content["limit"],
            content["pagination_filters"],
            (is_set, value, content["current_oid"]),
            content["pagination_token_type"] == "prev",  # noqa: S105 - no password
            datetime.fromisoformat(content["given_at"]),
        )
    except (binascii.Error, msgspec.DecodeError, KeyError, TypeError, ValueError):
        raise _INVALID_TOKEN from None


_INVALID_TOKEN = invalid(
    ("query", "pagination_token"), "invalid pagination token", "value_error.pagination_token"
)
