"""What cannot be read is not absent, and what was read of it last does not say what it is now.

It keeps counting as it was read last, but nothing is claimed of it, and nothing confirmed by it. Documents
that the partner's own system has told are read there, whatever the hub makes of its copy.
"""

from __future__ import annotations

from service.domain.comparing.difference_kind import Kind, Verdict
from service.domain.comparing.expectation_context import Context
from service.domain.document import Document, Origin, Side


def explain_unreadable_pair(local: Document, books: Document, context: Context) -> Verdict | None:
    """Say which of the two documents of a pair cannot be read; None if both can."""
    if (why := _why(books, context)) is not None:
        return _unclassified(f"Its copy in the books ({books.document_id}) cannot be read any more: {why}.")
    return explain_unreadable(local, context)


def explain_unreadable(document: Document, context: Context) -> Verdict | None:
    """Say why a document cannot be read; None if it can."""
    why = _why(document, context)
    return None if why is None else _unclassified(f"It cannot be read any more: {why}.")


def _why(document: Document, context: Context) -> str | None:
    if document.side is Side.BOOKS:
        return context.unreadable_books.get(document.document_id)
    is_read_here = document.origin is Origin.PARTNER and document.is_in_hub
    return None if is_read_here else context.unreadable_local.get(document.document_id)


def _unclassified(reason: str) -> Verdict:
    return Verdict(Kind.UNCLASSIFIED, f"{reason} What was read last of it still counts.")
