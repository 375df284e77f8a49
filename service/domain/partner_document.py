"""A partner's own document, and how it stands beside the hub's.

The partner's own system is where a document began; what the hub has under the same id is a copy on its way to
the books. So the partner's word is what the books are compared with, and the hub's word joins it:

- What the partner tells wins, all of it, also where the hub tells otherwise.
- What it leaves out and only the hub can know comes from the hub's copy: its id of the counterpart, when the
  document was made there, and the lines where the partner tells none.
- Nothing that is pushed, retried or searched for in the books is decided by the partner's word: for those the
  hub's copy is kept beside it, untouched.
"""

from __future__ import annotations

from dataclasses import replace

from service.domain.document import Document, Origin, Side


def joined(own: Document, hub: Document | None) -> Document:
    """Return the document that is compared: the partner's word, joined by what only the hub knows."""
    assert own.side is Side.LOCAL, "only local documents have an origin"
    assert own.origin is Origin.PARTNER, "only a partner's document is joined"
    if hub is None:
        return replace(own, is_in_hub=False)
    changes = [at for at in (own.updated_at, hub.updated_at) if at is not None]
    has_lines = bool(own.lines) or own.kind is not hub.kind or own.currency != hub.currency
    return replace(
        own,
        is_in_hub=True,
        party_id=own.party_id or hub.party_id,
        party_name=own.party_name or hub.party_name,
        created_at=own.created_at or hub.created_at,
        issued_at=hub.issued_at if own.issued_on == hub.issued_on else None,
        updated_at=max(changes, default=None),
        lines=own.lines if has_lines else hub.lines,
        rounded_lines=own.rounded_lines if has_lines else hub.rounded_lines,
        based_on=own.based_on or hub.based_on,
    )
