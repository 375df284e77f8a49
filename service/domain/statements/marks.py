"""How complete a month is known: of each side of each ledger, in a sentence.

A side that was read last before the month ended makes the statement provisional. An uncertified read does
not, but it is named: nothing was concluded from what it did not show. The time of a read that covers the
month is not told, since another read that changes nothing must not make another statement. Documents that
cannot be read are counted: one that never could be is in no figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from service.domain.document import Ledger, Side
from service.domain.statements.period import Period

_SUBJECTS: Final = {Side.LOCAL: "The hub's documents", Side.BOOKS: "The books"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reads:
    """What the figures of a ledger rest on."""

    local_at: datetime | None
    books_at: datetime | None
    """When the books were as they are told here: the hub's last pull."""
    certified: bool
    reason: str | None = None
    """Why the read of the books is not certified."""
    unreadable_local: int = 0
    """How many documents are there and cannot be read."""
    unreadable_books: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """How complete one side of a ledger is known."""

    ledger: Ledger
    side: Side
    covers_period: bool
    """It was read after the month had ended."""
    certified: bool
    """Whether the read showed all that is there."""
    read_on: date | None
    """The day of a read that does not cover the month."""
    sentence: str

    @property
    def is_complete(self) -> bool:
        """Whether nothing needs to be said of it."""
        return self.covers_period and self.certified


def marks_of(ledger: Ledger, reads: Reads | None, period: Period) -> Sequence[Mark]:
    """Judge both sides of a ledger; None if it was never compared."""
    if reads is None:
        return [_never(ledger, side, "have not been compared yet") for side in Side]
    flaw = None if reads.certified else reads.reason or "it changed while it was read"
    return [
        _mark(ledger, Side.LOCAL, reads.local_at, period, unreadable=reads.unreadable_local),
        _mark(ledger, Side.BOOKS, reads.books_at, period, flaw, unreadable=reads.unreadable_books),
    ]


def _never(ledger: Ledger, side: Side, what: str) -> Mark:
    return Mark(
        ledger=ledger,
        side=side,
        covers_period=False,
        certified=False,
        read_on=None,
        sentence=f"{_SUBJECTS[side]} {what}.",
    )


def _mark(
    ledger: Ledger,
    side: Side,
    at: datetime | None,
    period: Period,
    flaw: str | None = None,
    *,
    unreadable: int = 0,
) -> Mark:
    if at is None:
        return _never(ledger, side, "have not been read yet")
    covers = at >= period.ends_at
    sentence = f"{_SUBJECTS[side]} were read after {period.name} had ended."
    if not covers:
        day = f"{at.day} {at:%B %Y}"
        sentence = f"{_SUBJECTS[side]} are known as of {day}, before {period.name} had ended."
    if flaw:
        sentence += f" That read was not complete ({flaw}): nothing was concluded from what it did not show."
    if unreadable:
        documents = "1 document" if unreadable == 1 else f"{unreadable:,} documents"
        sentence += f" {documents} cannot be read: what was never read is in no figure."
    return Mark(
        ledger=ledger,
        side=side,
        covers_period=covers,
        certified=not flaw and not unreadable,
        read_on=None if covers else at.date(),
        sentence=sentence,
    )
