"""Which pairs agree in what confirms a push: number, party, currency and amount, of a document that stands.

What else differs (dates, a payment, lines, a rounding) is told, but leaves no doubt which document it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from service.domain.comparing.difference_kind import Difference, Kind
from service.domain.comparing.pairing import Pair
from service.domain.document import Status

CONTRADICTING: Final = frozenset(
    {
        Kind.AMOUNT,
        Kind.TAX,
        Kind.CURRENCY,
        Kind.NUMBER,
        Kind.COUNTERPARTY,
        Kind.DUPLICATE_IN_BOOKS,
        Kind.UNCLASSIFIED,
    }
)
"""What keeps an acknowledged document from being confirmed."""


def contradicted_ids(differences: Iterable[Difference], pairs: Iterable[Pair]) -> frozenset[str]:
    """Return the ids of the local documents that their copy does not confirm.

    A copy that was voided confirms none but a canceled document, whatever amount it still bears.
    """
    ids = {each.local_id for each in differences if each.local_id is not None and _contradicts(each)}
    ids |= {each.local.document_id for each in pairs if _is_voided(each)}
    return frozenset(ids)


def _contradicts(difference: Difference) -> bool:
    """Whether a document does not agree; a name that the platform's rules explain is the same party."""
    is_same_party = difference.kind is Kind.COUNTERPARTY and difference.expected
    return difference.kind in CONTRADICTING and not is_same_party


def _is_voided(pair: Pair) -> bool:
    return pair.books.status is Status.VOID and pair.local.status is not Status.VOID
