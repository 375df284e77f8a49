"""A statement as JSON: for programs, with every amount as an integer of minor units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import msgspec

from service.domain.document import Origin
from service.domain.statements import statement as domain
from service.domain.statements.figures import covered, figures_hash
from service.domain.statements.sign_off import Signature as DomainSignature
from service.statements import wording


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Both sides at one end of the month, or what the month brought."""

    local_minor: int
    local_count: int
    books_minor: int
    books_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What stands between the two sides; books less local."""

    delta_minor: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementDocument:
    """One difference, with the documents behind it."""

    kind: str
    expected: bool
    rule: str | None
    local_id: str | None
    books_id: str | None
    number: str | None
    party: str | None
    local_on: date | None
    books_on: date | None
    local_minor: int | None
    books_minor: int | None
    opening: Change
    closing: Change
    basis: str
    origin: str | None
    """Whose word the local document is: the hub's, or that of your own system."""
    record_id: str | None
    cause: str | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementTerm:
    """One line between the two sides, itemised."""

    kind: str
    title: str
    meaning: str
    expected: bool
    opening: Change
    movements: Change
    closing: Change
    documents: Sequence[StatementDocument]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementLedger:
    """A ledger in one currency: local plus all terms is books, at the opening, the closing and between."""

    ledger: str
    currency: str
    summary: str
    opening: Moment
    movements: Moment
    closing: Moment
    terms: Sequence[StatementTerm]
    remarks: Sequence[StatementDocument]
    """Differences of this month's documents that move no money."""
    undated_count: int
    """Local documents without any date; they stand in the opening."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completeness:
    """How complete one side of a ledger is known."""

    ledger: str
    side: str
    covers_period: bool
    certified: bool
    read_on: date | None
    """The day of a read that is too early for the month."""
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementSignature:
    """Who vouches: `open`, `prepared`, `approved`, or `withdrawn` because a figure moved."""

    status: str
    preparer: str | None
    prepared_at: datetime | None
    approver: str | None
    approved_at: datetime | None
    withdrawn_because: str | None
    signed_while_provisional: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementFile:
    """The month-end tie-out of an organization."""

    organization_id: UUID
    organization_name: str
    period: str
    first_day: date
    last_day: date
    provisional: bool
    scope: str
    completeness: Sequence[Completeness]
    ledgers: Sequence[StatementLedger]
    figures_hash: str
    signature: StatementSignature


def json_file(statement: domain.Statement, signature: DomainSignature) -> bytes:
    """Write a statement as JSON."""
    return msgspec.json.encode(told(statement, signature))


def told(statement: domain.Statement, signature: DomainSignature) -> StatementFile:
    """Tell a statement as programs read it."""
    return StatementFile(
        organization_id=statement.organization_id,
        organization_name=statement.organization_name,
        period=str(statement.period),
        first_day=statement.period.first,
        last_day=statement.period.last,
        provisional=statement.is_provisional,
        scope=domain.SCOPE,
        completeness=[
            Completeness(
                ledger=mark.ledger.value,
                side=mark.side.value,
                covers_period=mark.covers_period,
                certified=mark.certified,
                read_on=mark.read_on,
                sentence=mark.sentence,
            )
            for mark in statement.marks
        ],
        ledgers=[_ledger(statement, ledger) for ledger in statement.ledgers],
        figures_hash=figures_hash(covered(statement)).hex(),
        signature=StatementSignature(
            status=signature.status.value,
            preparer=signature.preparer,
            prepared_at=signature.prepared_at,
            approver=signature.approver,
            approved_at=signature.approved_at,
            withdrawn_because=signature.withdrawn_because,
            signed_while_provisional=not signature.signed_complete,
        ),
    )


def _ledger(statement: domain.Statement, ledger: domain.LedgerStatement) -> StatementLedger:
    opening, movements, closing = (
        Moment(
            local_minor=getattr(ledger.local, name).minor,
            local_count=getattr(ledger.local, name).count,
            books_minor=getattr(ledger.books, name).minor,
            books_count=getattr(ledger.books, name).count,
        )
        for name in ("opening", "movement", "closing")
    )
    return StatementLedger(
        ledger=ledger.ledger.value,
        currency=ledger.currency,
        summary=wording.verdict(ledger, statement.period),
        opening=opening,
        movements=movements,
        closing=closing,
        terms=[_term(term) for term in ledger.terms],
        remarks=[
            _document(item, item.difference.kind.value, item.difference.expected) for item in ledger.remarks
        ],
        undated_count=ledger.undated.count,
    )


def _term(term: domain.Term) -> StatementTerm:
    opening, movements, closing = (
        Change(delta_minor=figure.minor, count=figure.count)
        for figure in (term.line.opening, term.line.movement, term.line.closing)
    )
    return StatementTerm(
        kind=term.kind.value,
        title=wording.title(term),
        meaning=wording.words(term.kind, expected=term.expected).meaning,
        expected=term.expected,
        opening=opening,
        movements=movements,
        closing=closing,
        documents=[_document(item, term.kind.value, term.expected) for item in term.items],
    )


def _document(item: domain.Item, kind: str, expected: bool) -> StatementDocument:  # noqa: FBT001 - two facts of its term
    each = item.difference
    opening, closing = (
        Change(delta_minor=figure.minor, count=figure.count)
        for figure in (item.line.opening, item.line.closing)
    )
    return StatementDocument(
        kind=kind,
        expected=expected,
        rule=each.rule,
        local_id=each.local_id,
        books_id=each.books_id,
        number=item.number,
        party=item.party,
        local_on=item.local_on,
        books_on=item.books_on,
        local_minor=each.local_minor,
        books_minor=each.books_minor,
        opening=opening,
        closing=closing,
        basis=each.basis.value,
        origin=(each.origin or Origin.HUB) if each.local_id is not None else None,
        record_id=each.record_id,
        cause=each.cause,
        reason=wording.reason(item),
    )
