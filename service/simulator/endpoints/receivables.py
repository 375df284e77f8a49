"""Local receivables: list with all filters, read, history."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

from service.simulator.calls import Answer, Call, as_date, as_instant, as_text, as_uuid, as_whole, one_of
from service.simulator.documents import Document, Kind
from service.simulator.filters import Filter, among, compared, containing, equal
from service.simulator.histories import RECEIVABLE_HISTORY, serve_history
from service.simulator.paging import Listing, serve
from service.simulator.payloads.receivables import receivable
from service.simulator.problems import not_found

_CREATED, _NUMBER = attrgetter("created_at"), attrgetter("number")
_TOTAL, _NET, _DUE, _STATUS = (
    attrgetter("total"),
    attrgetter("net"),
    attrgetter("due_on"),
    attrgetter("status"),
)
_ISSUED, _PARTY = attrgetter("issued_at"), attrgetter("counterpart_name")
_STATUSES = one_of(frozenset({
    "draft", "issuing", "issued", "failed", "accepted", "expired", "declined", "recurring",
    "partially_paid", "paid", "overdue", "uncollectible", "canceled",
}))  # fmt: skip
_KINDS = frozenset({Kind.INVOICE.value, Kind.CREDIT_NOTE.value, Kind.QUOTE.value})


def _products(document: Document) -> frozenset[str | None]:
    return frozenset(line.product_id for line in document.lines)


def _nothing(_: Document) -> None:
    """Stand for fields that are never set here: users, tags, projects."""


def _covering(name: str, getter: Any) -> Filter:  # noqa: ANN401 - a getter of sets
    """Make the filter of all of several values."""
    return Filter(name, as_uuid, getter, lambda found, wanted: wanted <= (found or set()), takes_many=True)


def _touching(name: str, getter: Any) -> Filter:  # noqa: ANN401 - a getter of sets
    """Make the filter of any of several values."""
    return Filter(
        name, as_uuid, getter, lambda found, wanted: bool(wanted & (found or set())), takes_many=True
    )


_FILTERS = (
    equal("type", one_of(_KINDS), lambda document: document.kind.value),
    equal("status", _STATUSES, _STATUS),
    among("status__in", _STATUSES, _STATUS),
    among("id__in", as_uuid, attrgetter("id")),
    equal("document_id", as_text, _NUMBER),
    *containing("document_id", as_text, _NUMBER),
    *compared("issue_date", as_instant, _ISSUED),
    *compared("created_at", as_instant, _CREATED),
    *compared("due_date", as_date, _DUE),
    equal("counterpart_id", as_uuid, attrgetter("counterpart_id")),
    equal("counterpart_name", as_text, _PARTY),
    *containing("counterpart_name", as_text, _PARTY),
    equal("total_amount", as_whole, _TOTAL),
    *compared("total_amount", as_whole, _TOTAL),
    equal("discounted_subtotal", as_whole, _NET),
    *compared("discounted_subtotal", as_whole, _NET),
    equal("based_on", as_uuid, attrgetter("based_on")),
    equal("entity_user_id", as_uuid, _nothing),
    among("entity_user_id__in", as_uuid, _nothing),
    _covering("tag_ids", _nothing),
    _touching("tag_ids__in", _nothing),
    _covering("product_ids", _products),
    _touching("product_ids__in", _products),
    equal("project_id", as_uuid, _nothing),
    among("project_id__in", as_uuid, _nothing),
)

RECEIVABLES = Listing(
    "receivables",
    {
        "counterpart_name": _PARTY,
        "counterpart_id": attrgetter("counterpart_id"),
        "amount": _TOTAL,
        "total_amount": _TOTAL,
        "discounted_subtotal": _NET,
        "status": _STATUS,
        "due_date": _DUE,
        "issue_date": _ISSUED,
        "document_id": _NUMBER,
        "created_at": _CREATED,
        "project_id": _nothing,
    },
    _CREATED,
    _FILTERS,
    limit_max=250,
    resends_limit=True,
)


def list_receivables(call: Call) -> Answer:
    """Answer `GET /receivables`."""
    organization = call.organization
    return serve(
        call,
        RECEIVABLES,
        organization,
        lambda: list(organization.receivables.values()),
        lambda document: receivable(organization, document),
    )


def get_receivable(call: Call) -> Answer:
    """Answer `GET /receivables/{receivable_id}`."""
    return Answer(200, receivable(call.organization, _named(call)))


def get_history(call: Call) -> Answer:
    """Answer `GET /receivables/{receivable_id}/history`."""
    return serve_history(call, RECEIVABLE_HISTORY, _named(call))


def _named(call: Call) -> Document:
    document_id = call.id("receivable_id")
    document = call.organization.receivables.get(document_id)
    if document is None:
        raise not_found("Receivable", document_id)
    return document
