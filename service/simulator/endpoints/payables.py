"""Local payables: list with all filters, read, line items, history; and suppliers' credit notes."""

from __future__ import annotations

from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING

from service.simulator.calls import (
    Answer,
    Call,
    as_count,
    as_date,
    as_instant,
    as_text,
    as_truth,
    as_uuid,
    as_whole,
    one_of,
)
from service.simulator.currencies import CURRENCIES
from service.simulator.filters import Filter, among, compared, containing, equal, not_among
from service.simulator.histories import PAYABLE_HISTORY, serve_history
from service.simulator.paging import Listing, serve
from service.simulator.payloads.payables import payable, payable_credit_note, payable_line
from service.simulator.problems import not_found

if TYPE_CHECKING:
    from service.simulator.documents import Document

_CREATED, _NUMBER, _TOTAL = attrgetter("created_at"), attrgetter("number"), attrgetter("total")
_STATUS, _DUE, _PARTY = attrgetter("status"), attrgetter("due_on"), attrgetter("counterpart_name")
_STATUSES = one_of(frozenset({
    "draft", "new", "approve_in_progress", "waiting_to_be_paid", "partially_paid", "paid", "canceled",
    "rejected",
}))  # fmt: skip
_NOTE_STATUSES = one_of(frozenset({
    "new", "draft", "applied", "approved", "rejected", "canceled", "submitted_for_approval",
}))  # fmt: skip
_ORIGINS = one_of(frozenset({"upload", "email", "einvoicing"}))
_NOTE_ORIGINS = one_of(frozenset({"upload", "einvoicing"}))
_SOURCES = one_of(frozenset({"ocr", "user_specified", "einvoicing"}))
_OCR_STATUSES = one_of(frozenset({"processing", "error", "success", "canceled"}))
_CURRENCIES = one_of(CURRENCIES)


def _issued_on(document: Document) -> object:
    return document.issued_at.date() if document.issued_at else None


def _searched(document: Document) -> str:
    return f"{document.number or ''}\n{document.counterpart_name}".lower()


def _nothing(_: object) -> None:
    """Stand for fields that are never set here."""


PAYABLES = Listing(
    "payables",
    {"id": attrgetter("id"), "created_at": _CREATED, "issued_at": _issued_on},
    _CREATED,
    (
        *compared("created_at", as_instant, _CREATED),
        equal("status", _STATUSES, _STATUS),
        among("status__in", _STATUSES, _STATUS),
        among("id__in", as_uuid, attrgetter("id")),
        equal("total_amount", as_whole, _TOTAL),
        *compared("total_amount", as_whole, _TOTAL),
        equal("amount", as_whole, _TOTAL),
        *compared("amount", as_whole, _TOTAL),
        equal("currency", _CURRENCIES, attrgetter("currency")),
        equal("counterpart_name", as_text, _PARTY),
        *containing("counterpart_name", as_text, _PARTY),
        Filter("search_text", as_text, _searched, lambda found, wanted: wanted.lower() in found),
        equal("due_date", as_date, _DUE),
        *compared("due_date", as_date, _DUE),
        equal("issued_at", as_date, _issued_on),
        *compared("issued_at", as_date, _issued_on),
        equal("document_id", as_text, _NUMBER),
        *containing("document_id", as_text, _NUMBER),
        equal("was_created_by_user_id", as_uuid, _nothing),
        equal("counterpart_id", as_uuid, attrgetter("counterpart_id")),
        equal("source_of_payable_data", _SOURCES, lambda _: "user_specified"),
        equal("ocr_status", _OCR_STATUSES, _nothing),
        Filter(
            "line_item_id",
            as_uuid,
            attrgetter("lines"),
            lambda lines, wanted: any(x.id == wanted for x in lines),
        ),
        equal("purchase_order_id", as_uuid, _nothing),
        equal("project_id", as_uuid, _nothing),
        among("project_id__in", as_uuid, _nothing),
        among("tag_ids", as_uuid, _nothing),
        not_among("tag_ids__not_in", as_uuid, _nothing),
        equal("has_tags", as_truth, lambda _: False),
        equal("origin", _ORIGINS, lambda _: "upload"),
        equal("has_file", as_truth, lambda _: False),
    ),
)

LINES = Listing(
    "lines",
    {"created_at": itemgetter(0), "updated_at": itemgetter(0)},
    itemgetter(0),
    (equal("was_created_by_user_id", as_uuid, _nothing),),
)
"""Lines keep their order: rows are pairs of place and line."""

CREDIT_NOTES = Listing(
    "payable_credit_notes",
    {"id": attrgetter("id"), "created_at": _CREATED},
    _CREATED,
    (
        *compared("created_at", as_instant, _CREATED),
        equal("issued_at", as_date, attrgetter("issued_on")),
        *compared("issued_at", as_date, attrgetter("issued_on")),
        equal("document_id", as_text, _NUMBER),
        Filter(
            "document_id__iexact", as_text, _NUMBER, lambda found, wanted: found.lower() == wanted.lower()
        ),
        *containing("document_id", as_text, _NUMBER),
        equal("has_file", as_truth, lambda _: False),
        *compared("total_amount", as_count, _TOTAL),
        *compared("subtotal", as_count, _TOTAL),
        equal("based_on", as_uuid, attrgetter("based_on")),
        equal("counterpart_id", as_uuid, attrgetter("counterpart_id")),
        equal("created_by_entity_user_id", as_uuid, _nothing),
        equal("status", _NOTE_STATUSES, _STATUS),
        among("status__in", _NOTE_STATUSES, _STATUS),
        not_among("status__not_in", _NOTE_STATUSES, _STATUS),
        equal("origin", _NOTE_ORIGINS, lambda _: "upload"),
        equal("currency", _CURRENCIES, attrgetter("currency")),
        equal("project_id", as_uuid, _nothing),
        among("project_id__in", as_uuid, _nothing),
    ),
)


def list_payables(call: Call) -> Answer:
    """Answer `GET /payables`."""
    organization = call.organization
    return serve(
        call,
        PAYABLES,
        organization,
        lambda: list(organization.payables.values()),
        lambda document: payable(organization, document),
    )


def get_payable(call: Call) -> Answer:
    """Answer `GET /payables/{payable_id}`."""
    return Answer(200, payable(call.organization, _named(call)))


def list_lines(call: Call) -> Answer:
    """Answer `GET /payables/{payable_id}/line-items`."""
    document = _named(call)
    return serve(
        call,
        LINES,
        call.organization,
        lambda: list(enumerate(document.lines)),
        lambda row: payable_line(document, row[1]),
        scope=document.id,
    )


def get_history(call: Call) -> Answer:
    """Answer `GET /payables/{payable_id}/history`."""
    return serve_history(call, PAYABLE_HISTORY, _named(call))


def list_credit_notes(call: Call) -> Answer:
    """Answer `GET /payable-credit-notes`."""
    organization = call.organization
    return serve(
        call,
        CREDIT_NOTES,
        organization,
        lambda: list(organization.payable_credit_notes.values()),
        lambda note: payable_credit_note(organization, note),
    )


def _named(call: Call) -> Document:
    document_id = call.id("payable_id")
    document = call.organization.payables.get(document_id)
    if document is None:
        raise not_found("Payable", document_id)
    return document
