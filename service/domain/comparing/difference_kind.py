"""What a difference is: one disagreement between the two sides, with its money and its reason.

Money enters the balance once per document: of the several differences that one pair may have, one carries the
delta and the others have none. Missing and surplus documents carry a count of -1 or +1 (books less local),
whatever the sign of their amount; disagreeing pairs carry no count.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from service.domain.document import Basis, Ledger, Origin, digest


class Kind(StrEnum):
    """What a difference may be."""

    PUSH_FAILED = "push_failed"
    PUSH_PENDING = "push_pending"
    NEVER_ATTEMPTED = "never_attempted"
    DELETED_IN_BOOKS = "deleted_in_books"
    ONLY_IN_BOOKS = "only_in_books"
    DUPLICATE_IN_BOOKS = "duplicate_in_books"
    AMOUNT = "amount"
    TAX = "tax"
    CURRENCY = "currency"
    NUMBER = "number"
    COUNTERPARTY = "counterparty"
    ISSUE_DATE = "issue_date"
    DUE_DATE = "due_date"
    STATUS = "status"
    LINES = "lines"
    ROUNDING = "rounding"
    NOT_PUSHED = "not_pushed"
    UNCLASSIFIED = "unclassified"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why the two sides disagree; `rule` is the documented one that explains it, up to `expected_until`."""

    kind: Kind
    reason: str
    expected: bool = False
    rule: str | None = None
    expected_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One disagreement, ready to be stored; `delta_minor` is books less local."""

    ledger: Ledger
    currency: str
    kind: Kind
    local_id: str | None
    books_id: str | None
    local_minor: int | None
    books_minor: int | None
    delta_minor: int
    count_delta: int
    basis: Basis
    expected: bool
    rule: str | None
    expected_until: datetime | None
    record_id: str | None
    cause: str | None
    reason: str
    confidence: Decimal | None
    local_on: date | None = None
    """The day on which the local document counts, which decides the month of its amount."""
    books_on: date | None = None
    origin: Origin | None = None
    """Whose word the local document is, where it is not the hub's."""

    @property
    def fingerprint(self) -> str:
        """Name the disagreement, not its size: it stays the same while amounts move."""
        return digest((self.ledger, self.currency, self.kind, self.local_id, self.books_id)).hex()
