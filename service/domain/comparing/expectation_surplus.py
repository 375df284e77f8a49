"""Why a document stands in the books only, and whether that is to be expected."""

from __future__ import annotations

from dataclasses import dataclass

from service.domain.comparing import expectation_rules as rules
from service.domain.comparing.difference_kind import Kind, Verdict
from service.domain.comparing.expectation_context import Context, is_dated_before, spoken
from service.domain.document import Document, Status


@dataclass(frozen=True, slots=True)
class Surplus:
    """What is known of a document that stands in the books only."""

    duplicate_of: Document | None = None
    """The local document whose copy already stands in the books."""
    origin_id: str | None = None
    """The local document that a record names as its origin, else the one that it was last paired with."""
    is_origin_listed: bool = False
    """Whether that is still there, and has no copy in the books."""


def explain_books(document: Document, surplus: Surplus, context: Context) -> Verdict:
    """Say why a document of the books has no local counterpart."""
    if document.status is Status.VOID:
        rule = rules.VOID_IN_BOOKS
        return Verdict(Kind.ONLY_IN_BOOKS, rule.sentence, expected=True, rule=rule.name)
    if surplus.duplicate_of is not None:
        name = surplus.duplicate_of.number or surplus.duplicate_of.document_id
        return Verdict(
            Kind.DUPLICATE_IN_BOOKS, f"{name} stands in the books more than once; this is a surplus copy."
        )
    if not context.local_complete:
        return Verdict(
            Kind.UNCLASSIFIED,
            "The hub's documents were not read to the end: it may have a counterpart there.",
        )
    if surplus.origin_id is not None:
        return _orphan(surplus.origin_id, context, is_listed=surplus.is_origin_listed)
    if context.connected_at is not None and is_dated_before(document.issued_on, context.connected_at):
        reason = f"It is dated before the accounting connection began on {spoken(context.connected_at)}."
        return Verdict(Kind.ONLY_IN_BOOKS, reason, expected=True, rule=rules.BEFORE_CONNECTION.name)
    return Verdict(
        Kind.ONLY_IN_BOOKS,
        "It stands in the books only: no document here belongs to it; it was entered there.",
    )


def _orphan(origin: str, context: Context, *, is_listed: bool) -> Verdict:
    """Explain the copy of a local document that is not among those compared, or not a pair with it."""
    if origin in context.unreadable_local:
        why = context.unreadable_local[origin]
        return Verdict(
            Kind.UNCLASSIFIED, f"The document that it is a copy of ({origin}) cannot be read: {why}."
        )
    if is_listed:
        return Verdict(
            Kind.ONLY_IN_BOOKS,
            f"It was known as the copy of a document ({origin}) that is listed here; "
            "they are no pair any more.",
        )
    return Verdict(
        Kind.ONLY_IN_BOOKS, f"It is the copy of a document ({origin}) that is no longer listed here."
    )
