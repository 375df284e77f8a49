"""Histories of documents: what happened, filtered by kind of event and time."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

from service.simulator.calls import Answer, Call, as_instant, as_uuid, one_of
from service.simulator.filters import Filter, among, compared
from service.simulator.paging import Listing, serve
from service.simulator.payloads.receivables import history_entry

if TYPE_CHECKING:
    from service.simulator.documents import Document

RECEIVABLE_EVENTS = frozenset({
    "status_changed", "receivable_created", "receivable_updated", "based_on_receivable_created",
    "payment_received", "mail_sent", "payment_reminder_mail_sent", "overdue_reminder_mail_sent",
})  # fmt: skip
PAYABLE_EVENTS = frozenset({
    "status_changed", "payable_created", "payable_updated", "credit_note_linked", "credit_note_unlinked",
    "file_attached",
})  # fmt: skip

_TIMESTAMP = attrgetter("timestamp")


def _filters(events: frozenset[str]) -> tuple[Filter, ...]:
    return (
        among("event_type__in", one_of(events), attrgetter("event_type")),
        among("entity_user_id__in", as_uuid, lambda _: None),
        *compared("timestamp", as_instant, _TIMESTAMP),
    )


RECEIVABLE_HISTORY = Listing(
    "receivable_history", {"timestamp": _TIMESTAMP}, _TIMESTAMP, _filters(RECEIVABLE_EVENTS)
)
PAYABLE_HISTORY = Listing("payable_history", {"timestamp": _TIMESTAMP}, _TIMESTAMP, _filters(PAYABLE_EVENTS))


def serve_history(call: Call, listing: Listing, document: Document) -> Answer:
    """Answer one page of a document's history."""
    return serve(
        call,
        listing,
        call.organization,
        lambda: list(document.history),
        lambda entry: history_entry(document, entry),
        scope=document.id,
    )
