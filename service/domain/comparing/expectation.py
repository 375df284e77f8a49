"""Why a document stands on one side only: which kind it is, and whether a documented rule explains it.

The order of the questions is the rule:

1. Was it in the books before and is gone? No rule may explain that away; it is *deleted* if a complete read
   says so, and else not concluded at all.
2. Is its copy there but unreadable? Then nothing is claimed.
3. Is there a synced record? It tells: failed, under way, or pushed and not yet visible.
4. Can it not be read itself? Then what it is now is unknown, and so is whether it is due.
5. Is it the partner's alone, unknown to the hub? Then it has rules of its own (`expectation_partner`).
6. Without one: do the documented rules say that there should be none? If not, it was *never attempted*: no
   error, event or retry handle exists for it, and nobody else will find it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta

from service.domain.comparing import expectation_rules as rules
from service.domain.comparing.difference_kind import Kind, Verdict
from service.domain.comparing.expectation_context import Context, eligible_at, is_before, spoken
from service.domain.comparing.expectation_partner import explain_partner
from service.domain.comparing.pairing_links import DONE, ERROR, PENDING, Link
from service.domain.comparing.unreadable import explain_unreadable
from service.domain.document import Document, DocumentKind, Status


def vanished_id(local_id: str, link: Link | None, context: Context, books_ids: Collection[str]) -> str | None:
    """Return the books id under which the local document once stood in the books and no longer does."""
    candidates = [*(link.books_ids if link else ()), context.once_paired.get(local_id)]
    for books_id in candidates:
        if books_id is None or books_id in books_ids or books_id in context.unreadable_books:
            continue
        if _was_seen(books_id, context) or context.once_paired.get(local_id) == books_id:
            return books_id
    return None


def _was_seen(books_id: str, context: Context) -> bool:
    return books_id in context.ever_seen_books_ids or books_id in context.absent_books_ids


def explain_local(document: Document, link: Link | None, context: Context, vanished: str | None) -> Verdict:
    """Say why a local document has no copy in the books."""
    if vanished is not None:
        return _vanished(vanished, context)
    if unreadable := _unreadable_copy(link, context):
        return unreadable
    if document.kind is DocumentKind.CREDIT_NOTE:
        return _credit_note(link)
    if link is not None:
        return _recorded(link, context)
    if unread := explain_unreadable(document, context):
        return unread
    if not document.is_in_hub:
        return explain_partner(document, context)
    return _unrecorded(document, context)


def _vanished(books_id: str, context: Context) -> Verdict:
    if books_id in context.absent_books_ids or context.scan_certified:
        return Verdict(
            Kind.DELETED_IN_BOOKS, f"It stood in the books as {books_id} and has been removed there."
        )
    return Verdict(
        Kind.UNCLASSIFIED,
        f"It stood in the books as {books_id}; the last read of the books was incomplete"
        f"{_because(context.scan_reason)}, so nothing is concluded from its absence.",
    )


def _unreadable_copy(link: Link | None, context: Context) -> Verdict | None:
    for books_id in link.books_ids if link else ():
        if books_id in context.unreadable_books:
            why = context.unreadable_books[books_id]
            return Verdict(Kind.UNCLASSIFIED, f"Its copy in the books ({books_id}) cannot be read: {why}.")
    return None


def _credit_note(link: Link | None) -> Verdict:
    if link is not None and link.sync_status == ERROR:
        return Verdict(Kind.NOT_PUSHED, _failed(link))
    rule = rules.CREDIT_NOTE
    return Verdict(Kind.NOT_PUSHED, rule.sentence, expected=True, rule=rule.name)


def _failed(link: Link) -> str:
    return f"Entering it in the books failed{_because(link.cause.replace('_', ' ') if link.cause else None)}."


def _recorded(link: Link, context: Context) -> Verdict:
    since = link.updated_at or link.created_at
    if link.sync_status == ERROR:
        return Verdict(Kind.PUSH_FAILED, _failed(link))
    if link.sync_status == DONE:
        return _pushed(link, since, context)
    if link.sync_status != PENDING:
        return Verdict(
            Kind.PUSH_PENDING,
            f"Whether it reached the books, the hub does not say ({link.sync_status}).",
        )
    until = since + timedelta(seconds=context.stuck_seconds) if since else None
    if until is not None and until > context.as_of:
        reason = f"It is on its way to the books since {spoken(since)}."
        return Verdict(
            Kind.PUSH_PENDING, reason, expected=True, rule=rules.PUSH_UNDER_WAY.name, expected_until=until
        )
    return Verdict(
        Kind.PUSH_PENDING, f"It is on its way to the books since {spoken(since)}, which is too long."
    )


def _pushed(link: Link, since: datetime | None, context: Context) -> Verdict:
    """Explain a document that the hub reports as pushed and that the books do not show."""
    name = f" as {link.books_ids[0]}" if link.books_ids else ""
    settled = since is None or (
        context.last_pull is not None and context.last_pull > since + context.pull_span
    )
    if settled and context.scan_certified:
        return Verdict(
            Kind.DELETED_IN_BOOKS,
            f"The hub reports that it was entered in the books{name}; a complete read of the books lacks it.",
        )
    until = since + context.stale_after if since else None
    if until is not None and until > context.as_of:
        return Verdict(
            Kind.PUSH_PENDING,
            f"It was handed over on {spoken(since)}{name}; the books have not been read to the end since.",
            expected=True,
            rule=rules.NOT_PULLED_YET.name,
            expected_until=until,
        )
    late = (
        f"; the last read was incomplete{_because(context.scan_reason)}" if not context.scan_certified else ""
    )
    return Verdict(
        Kind.PUSH_PENDING,
        f"It was handed over on {spoken(since)}{name} and has not been seen in the books yet{late}"
        f" (they were last read on {spoken(context.last_pull)}).",
    )


def _unrecorded(document: Document, context: Context) -> Verdict:
    for rule in _rules_without_record(document, context):
        return Verdict(Kind.NOT_PUSHED, _not_pushed(rule, document, context), expected=True, rule=rule.name)
    if document.status is Status.UNKNOWN:
        status = document.stated_status
        return Verdict(
            Kind.UNCLASSIFIED, f"Its status {status!r} is not documented, so whether it is due is unknown."
        )
    changed_at = max((at for at in (eligible_at(document), document.updated_at) if at), default=None)
    grace = timedelta(seconds=context.attempt_grace_seconds)
    if changed_at is not None and changed_at + grace > (context.records_read_at or context.as_of):
        until = changed_at + grace
        return Verdict(
            Kind.PUSH_PENDING,
            "It was issued or changed just now; the hub has yet to hand it over.",
            expected=True,
            rule=rules.JUST_ISSUED.name,
            expected_until=until if until > context.as_of else None,
        )
    return Verdict(
        Kind.NEVER_ATTEMPTED,
        "It should be in the books, but the hub never tried to enter it, and will not by itself.",
    )


def _rules_without_record(document: Document, context: Context) -> Iterator[rules.Rule]:
    if context.connected_at is None:
        yield rules.NEVER_CONNECTED
        return
    if document.status is Status.DRAFT:
        yield rules.NOT_ISSUED
    if document.status is Status.VOID:
        yield rules.CANCELED
    if is_before(document, context.connected_at):
        yield rules.BEFORE_CONNECTION
    if context.disconnected_at is not None and not is_before(document, context.disconnected_at):
        yield rules.WHILE_DISCONNECTED


def _not_pushed(rule: rules.Rule, document: Document, context: Context) -> str:
    if rule is rules.NOT_ISSUED and document.stated_status:
        return f"It is {document.stated_status.replace('_', ' ')} in the hub. {rule.sentence}"
    if rule is rules.BEFORE_CONNECTION:
        return f"It is older than the accounting connection, which began on {spoken(context.connected_at)}."
    if rule is rules.WHILE_DISCONNECTED:
        return f"It was issued after the accounting connection ended on {spoken(context.disconnected_at)}."
    return rule.sentence


def _because(text: str | None) -> str:
    return f" ({text})" if text else ""
