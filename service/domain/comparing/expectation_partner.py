"""Why a document that only the partner's own system has does not stand in the books.

The hub has none under its id, so no record and no error will ever tell of it. Either it is meant for the hub
and was not handed over: then nothing was ever attempted. Or it reaches the books by another way, which we do
not see: then all that can be said is whether it stands there, as far as the books have been read.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from service.domain.comparing import expectation_rules as rules
from service.domain.comparing.difference_kind import Kind, Verdict
from service.domain.comparing.expectation_context import Context, eligible_at, is_before, spoken
from service.domain.document import Document, Status


def explain_partner(document: Document, context: Context) -> Verdict:
    """Say why a partner's document, of which the hub knows nothing, has no copy in the books."""
    for rule, reason in _rules(document, context):
        return Verdict(Kind.NOT_PUSHED, reason, expected=True, rule=rule.name)
    if document.is_for_hub:
        return _for_hub(document, context)
    return _by_another_way(document, context)


def _rules(document: Document, context: Context) -> Iterator[tuple[rules.Rule, str]]:
    if context.connected_at is None:
        yield (
            rules.NEVER_CONNECTED,
            "There never was an accounting connection through which to see the books.",
        )
        return
    if document.status is Status.DRAFT:
        yield rules.NOT_ISSUED, "It is a draft in your own system; drafts have no place in the books."
    if document.status is Status.VOID:
        yield rules.CANCELED, "It is void in your own system and does not stand in the books."
    if is_before(document, context.connected_at):
        since = spoken(context.connected_at)
        reason = f"It is older than the accounting connection, which began on {since}."
        yield rules.BEFORE_CONNECTION, reason
    ended_at = context.disconnected_at
    if ended_at is not None and not is_before(document, ended_at):
        reason = f"It was issued after the accounting connection ended on {spoken(ended_at)}."
        yield rules.WHILE_DISCONNECTED, reason


def _for_hub(document: Document, context: Context) -> Verdict:
    put_at = document.put_at or _changed_at(document, context)
    until = put_at + context.stale_after if put_at is not None else None
    if until is not None and until > context.as_of:
        return Verdict(
            Kind.PUSH_PENDING,
            "It was put here just now and is meant for the hub, which has yet to show it.",
            expected=True,
            rule=rules.JUST_HANDED_OVER.name,
            expected_until=until,
        )
    return Verdict(
        Kind.NEVER_ATTEMPTED,
        "Your own system has it for the hub, but the hub has no such document, so nothing will enter it.",
    )


def _by_another_way(document: Document, context: Context) -> Verdict:
    changed_at, pull = _changed_at(document, context), context.last_pull
    until = changed_at + context.stale_after if changed_at is not None else None
    is_read_since = changed_at is None or (pull is not None and pull > changed_at + context.pull_span)
    if not is_read_since and until is not None and until > context.as_of:
        return Verdict(
            Kind.NOT_PUSHED,
            f"It was put here or changed on {spoken(changed_at)}; the books have not been read since.",
            expected=True,
            rule=rules.ENTERED_SINCE_PULL.name,
            expected_until=until,
        )
    if not context.scan_certified or not is_read_since:
        why = f" ({context.scan_reason})" if context.scan_reason and not context.scan_certified else ""
        return Verdict(
            Kind.NOT_PUSHED,
            "Your own system alone has it. It has not been seen in the books, of which no later and "
            f"complete read exists{why}; they were last read on {spoken(pull)}.",
        )
    return Verdict(
        Kind.NOT_PUSHED,
        "Your own system alone has it: it stands neither in the hub nor in the books. Enter it in the books, "
        "or hand it to the hub.",
    )


def _changed_at(document: Document, context: Context) -> datetime | None:
    """Return when it changed or came here, whichever was later; a time to come tells nothing."""
    told = (document.put_at, document.updated_at or eligible_at(document))
    return max((at for at in told if at is not None and at <= context.as_of), default=None)
