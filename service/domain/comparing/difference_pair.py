"""What two documents that are a pair disagree on.

One of the differences carries the money, the first that explains it: a voided copy, rounding, tax, else the
amount. What merely follows from it is not told again (a corrected amount also changes tax and lines). What
one side does not tell is never compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from service.domain.comparing import expectation_rules as rules
from service.domain.comparing.difference_kind import Kind, Verdict
from service.domain.comparing.expectation_context import Context, spoken
from service.domain.comparing.pairing_links import Link, LinkIndex
from service.domain.document import (
    Basis,
    Document,
    Ledger,
    Line,
    Status,
    has_vendor_suffix,
    number_key,
    party_key,
)
from service.domain.money import EXACT, format_minor

ZONES_WEST: Final = timedelta(hours=-12)
ZONES_EAST: Final = timedelta(hours=14)
"""The earliest and latest local times there are: an instant may be either day in the organization's zone."""

_PAID_RANK: Final = {Status.OPEN: 0, Status.PARTIALLY_PAID: 1, Status.PAID: 2}
_PAID: Final = (Status.PARTIALLY_PAID, Status.PAID)


def books_amount(local: Document, books: Document) -> int:
    """Return the books' amount as the balance holds it: gross, to a net the local tax is added."""
    if books.basis is Basis.DERIVED_NET and local.currency == books.currency and local.net_minor is not None:
        return local.total_minor + (books.total_minor - local.net_minor)
    return books.total_minor


def money_verdict(local: Document, books: Document) -> Verdict | None:
    """Explain the difference in money of a pair in one currency; None if there is none."""
    delta = books_amount(local, books) - local.total_minor
    if delta == 0:
        return None
    if books.status is Status.VOID and books.total_minor == 0:
        reason = "It was voided in the books, which took its amount away there."
        if local.status is not Status.VOID:
            return Verdict(Kind.STATUS, reason)
        rule = rules.VOID_IN_BOOKS
        return Verdict(Kind.STATUS, f"It is canceled here. {reason}", expected=True, rule=rule.name)
    if _is_rounding(local, books, delta):
        rule = rules.LINE_ROUNDING
        return Verdict(Kind.ROUNDING, rule.sentence, expected=True, rule=rule.name)
    net = " net of tax (the books do not tell the rate)" if books.basis is Basis.DERIVED_NET else ""
    here, there = (
        format_minor(local.total_minor, local.currency),
        format_minor(books.total_minor, books.currency),
    )
    if books.basis is Basis.DERIVED_NET and local.net_minor is None and _may_hold(local, books):
        reason = f"It is {here} here, with a tax that nobody tells, and {there}{net} in the books"
        return Verdict(Kind.UNCLASSIFIED, f"{reason}: whether the two agree cannot be told.")
    if books.basis is Basis.DERIVED_NET and local.net_minor is not None:
        here = format_minor(local.net_minor, local.currency)
    if local.net_minor is not None and local.net_minor == books.net_minor and _taxes_differ(local, books):
        return Verdict(
            Kind.TAX, f"The net amounts agree but the tax differs: {here} here, {there} in the books."
        )
    return Verdict(Kind.AMOUNT, f"The amount differs{net}: {here} here, {there} in the books.")


def _may_hold(local: Document, books: Document) -> bool:
    """Whether a total with tax leaves room for a net: of the same sign, and no more than it."""
    total, net = local.total_minor, books.total_minor
    return 0 <= net <= total or total <= net <= 0


def _is_rounding(local: Document, books: Document, delta: int) -> bool:
    """Half a unit for each line that was rounded, measured from the rounded or from the exact total."""
    lines = max(local.rounded_lines, books.rounded_lines)
    exact = EXACT.add(Decimal(delta), books.remainder)
    return 2 * min(Decimal(abs(delta)), exact.copy_abs()) <= lines


def _taxes_differ(local: Document, books: Document) -> bool:
    if local.tax_minor is None or books.tax_minor is None:
        return False
    return 2 * abs(local.tax_minor - books.tax_minor) > max(local.rounded_lines, books.rounded_lines)


def field_verdicts(
    local: Document, books: Document, link: Link | None, links: LinkIndex, context: Context
) -> Iterator[Verdict]:
    """Tell what else the pair disagrees on, without money."""
    yield from _numbers(local, books)
    yield from _parties(local, books, links)
    yield from _issue_dates(local, books, link)
    if local.due_on and books.due_on and local.due_on != books.due_on:
        yield Verdict(Kind.DUE_DATE, f"Due on {local.due_on} here, on {books.due_on} in the books.")
    yield from _statuses(local, books)
    if local.currency == books.currency and books_amount(local, books) == local.total_minor:
        yield from _splits(local, books, context)


def softened(verdict: Verdict, local: Document, context: Context) -> Verdict:
    """Let a pull older than the last local change explain a difference, for as long as a pull may take."""
    changed_at = local.updated_at
    if verdict.expected or changed_at is None or context.last_pull is None or changed_at <= context.last_pull:
        return verdict
    until = changed_at + context.stale_after
    if until <= context.as_of:
        return verdict
    reason = f"{verdict.reason} It changed here on {spoken(changed_at)}, after the books were last read."
    return Verdict(
        verdict.kind, reason, expected=True, rule=rules.CHANGED_SINCE_PULL.name, expected_until=until
    )


def _numbers(local: Document, books: Document) -> Iterator[Verdict]:
    if local.number == books.number:
        return
    ours, theirs = number_key(local.number), number_key(books.number)
    if ours and theirs and ours != theirs:
        yield Verdict(Kind.NUMBER, f"The number is {local.number} here and {books.number} in the books.")


def _parties(local: Document, books: Document, links: LinkIndex) -> Iterator[Verdict]:
    if local.party_name == books.party_name:
        return
    ours, theirs = party_key(local.party_name), party_key(books.party_name)
    if not ours or not theirs:
        return
    reason = f"The party is {local.party_name} here and {books.party_name} in the books."
    rule: rules.Rule | None = None
    if ours == theirs:
        if local.ledger is not Ledger.PAYABLE or not has_vendor_suffix(books.party_name):
            return
        rule = rules.VENDOR_SUFFIX
    elif links.parties_linked(local, books):
        rule = rules.PARTY_RENAMED
    yield _by_rule(Kind.COUNTERPARTY, reason, rule)


def _by_rule(kind: Kind, reason: str, rule: rules.Rule | None) -> Verdict:
    if rule is None:
        return Verdict(kind, reason)
    return Verdict(kind, f"{reason} {rule.sentence}", expected=True, rule=rule.name)


def _issue_dates(local: Document, books: Document, link: Link | None) -> Iterator[Verdict]:
    if local.issued_on is None or books.issued_on is None or not dates_disagree(local, books):
        return
    reason = f"Issued on {local.issued_on} here, dated {books.issued_on} in the books."
    is_entry = books.issued_on > local.issued_on and books.issued_on in _push_days(link)
    yield _by_rule(Kind.ISSUE_DATE, reason, rules.POSTED_ON_ENTRY if is_entry else None)


def dates_disagree(local: Document, books: Document) -> bool:
    """Say whether both sides tell a date and no time zone could make them the same."""
    if local.issued_on is None or books.issued_on is None or local.issued_on == books.issued_on:
        return False
    if local.issued_at is None or not _has_time(local.issued_at):
        return True
    earliest, latest = (local.issued_at + ZONES_WEST).date(), (local.issued_at + ZONES_EAST).date()
    return not earliest <= books.issued_on <= latest


def _has_time(instant: datetime) -> bool:
    """Midnight sharp is how a mere date is written as an instant."""
    return (instant.hour, instant.minute, instant.second) != (0, 0, 0)


def _push_days(link: Link | None) -> set[object]:
    instants = [link.created_at, link.updated_at] if link else []
    return {
        (at + offset).date() for at in instants if at for offset in (ZONES_WEST, timedelta(0), ZONES_EAST)
    }


def _statuses(local: Document, books: Document) -> Iterator[Verdict]:
    ours, theirs = local.status, books.status
    if ours is None or theirs is None or ours == theirs or Status.UNKNOWN in (ours, theirs):
        return
    here, there = local.stated_status or ours, books.stated_status or theirs
    reason = f"It is {here.replace('_', ' ')} here and {there.replace('_', ' ')} in the books."
    if local.ledger is Ledger.PAYABLE and _PAID_RANK.get(ours, 0) > _PAID_RANK.get(theirs, len(_PAID_RANK)):
        yield _by_rule(Kind.STATUS, reason, rules.BILL_PAYMENTS)
    elif theirs in _PAID and ours is not Status.VOID:
        yield Verdict(Kind.STATUS, f"{reason} Look before it is paid again.")
    else:
        yield Verdict(Kind.STATUS, reason)


def _splits(local: Document, books: Document, context: Context) -> Iterator[Verdict]:
    """Tell how equal totals are made up differently: between net and tax, or between lines."""
    if _taxes_differ(local, books):
        assert local.tax_minor is not None
        assert books.tax_minor is not None
        here, there = (format_minor(each, local.currency) for each in (local.tax_minor, books.tax_minor))
        yield Verdict(
            Kind.TAX, f"The totals agree but hold different tax: {here} here, {there} in the books."
        )
    elif local.lines and books.lines and (reason := _line_gap(local, books, context)):
        yield Verdict(Kind.LINES, reason)


def _line_gap(local: Document, books: Document, context: Context) -> str | None:
    if len(local.lines) != len(books.lines):
        return f"It has {len(local.lines)} lines here and {len(books.lines)} in the books."
    if not _adds_up(local) or not _adds_up(books):
        return None
    if Counter(line.net_minor for line in local.lines) != Counter(line.net_minor for line in books.lines):
        return "Its lines have other amounts in the books, though they add up to the same total."
    return next(
        (gap for ours, theirs in _line_pairs(local, books) if (gap := _one_line_gap(ours, theirs, context))),
        None,
    )


def _adds_up(document: Document) -> bool:
    """Lines before a discount on the whole document cannot be compared with lines after it."""
    nets = [line.net_minor for line in document.lines]
    return None not in nets and sum(net for net in nets if net is not None) == document.net_minor


def _line_pairs(local: Document, books: Document) -> Iterator[tuple[Line, Line]]:
    """Match lines whose amount no other line bears: lines have no key, and equal ones look alike."""

    def by_amount(lines: Sequence[Line]) -> dict[int | None, Line]:
        counts = Counter(line.net_minor for line in lines)
        return {line.net_minor: line for line in lines if counts[line.net_minor] == 1}

    theirs = by_amount(books.lines)
    return ((line, theirs[net]) for net, line in by_amount(local.lines).items())


def _one_line_gap(ours: Line, theirs: Line, context: Context) -> str | None:
    name = ours.product_name or ours.description or "A line"
    if ours.quantity is not None and theirs.quantity is not None and ours.quantity != theirs.quantity:
        return f"{name}: quantity {ours.quantity:f} here, {theirs.quantity:f} in the books."
    if theirs.description and not _describes(ours, theirs.description):
        return f"{name}: the books describe this line as {theirs.description}."
    accounts = {ours.ledger_account_id, theirs.ledger_account_id}
    if len(accounts) > 1 and accounts <= context.ledger_account_ids:
        return f"{name}: the line is booked on another ledger account."
    return None


def _describes(ours: Line, description: str) -> bool:
    """Say whether a text is ours: the hub may send a product's name, its description, or both."""
    there = party_key(description)
    known = [here for text in (ours.product_name, ours.description) if (here := party_key(text))]
    return not there or not known or any(here in there or there in here for here in known)
