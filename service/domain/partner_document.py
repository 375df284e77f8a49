"""A partner's own document, and how it stands beside the hub's.

The partner's own system is where a document began; what the hub has under the same id is a copy on its way to
the books. So the partner's word is what the books are compared with, and the hub's word joins it:

- What the partner tells wins, all of it, also where the hub tells otherwise.
- What it leaves out and only the hub can know comes from the hub's copy: its id of the counterpart, when the
  document was made there, and the lines where the partner tells none. The tax, too: where the partner leaves
  that out, his own lines tell it, if their nets and rates make up the total; else the hub does, of the same
  total. A tax that nobody tells stays unknown.
- Nothing that is pushed, retried or searched for in the books is decided by the partner's word: for those the
  hub's copy is kept beside it, untouched.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from service.domain.document import Document, Origin, Side
from service.domain.money import EXACT, tax_on


def joined(own: Document, hub: Document | None) -> Document:
    """Return the document that is compared: the partner's word, joined by what only the hub knows."""
    assert own.side is Side.LOCAL, "only local documents have an origin"
    assert own.origin is Origin.PARTNER, "only a partner's document is joined"
    net_minor, tax_minor = _net_and_tax(own, hub)
    if hub is None:
        return replace(own, is_in_hub=False, net_minor=net_minor, tax_minor=tax_minor)
    changes = [at for at in (own.updated_at, hub.updated_at) if at is not None]
    has_lines = bool(own.lines) or own.kind is not hub.kind or own.currency != hub.currency
    return replace(
        own,
        is_in_hub=True,
        net_minor=net_minor,
        tax_minor=tax_minor,
        party_id=own.party_id or hub.party_id,
        party_name=own.party_name or hub.party_name,
        created_at=own.created_at or hub.created_at,
        issued_at=hub.issued_at if own.issued_on == hub.issued_on else None,
        updated_at=max(changes, default=None),
        lines=own.lines if has_lines else hub.lines,
        rounded_lines=own.rounded_lines if has_lines else hub.rounded_lines,
        based_on=own.based_on or hub.based_on,
    )


def _net_and_tax(own: Document, hub: Document | None) -> tuple[int | None, int | None]:
    if own.tax_minor is not None or own.net_minor is not None:
        return own.net_minor, own.tax_minor
    net_minor = _net_of_lines(own)
    if net_minor is not None:
        return net_minor, own.total_minor - net_minor
    if hub is not None and (own.kind, own.currency, own.total_minor) == (
        hub.kind,
        hub.currency,
        hub.total_minor,
    ):
        return hub.net_minor, hub.tax_minor
    return None, None


def _net_of_lines(own: Document) -> int | None:
    """Add up the lines, if with their rates they make up the total: else something was left out of them."""
    net_minor, tax = 0, Decimal(0)
    for line in own.lines:
        if line.net_minor is None or line.tax_rate is None:
            return None
        net_minor += line.net_minor
        tax = EXACT.add(tax, tax_on(Decimal(line.net_minor), line.tax_rate))
    gap = EXACT.subtract(Decimal(own.total_minor - net_minor), tax).copy_abs()
    return net_minor if own.lines and 2 * gap <= own.rounded_lines else None
