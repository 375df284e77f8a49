"""What the hub's documentation leaves open: one behaviour each, switchable where a client must bear both.

`docs/simulator.md` lists them with the reason. A test that relies on one names it; a test of tolerance tries
all.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum


class ErrorsShape(StrEnum):
    """How the undocumented `errors` object of a synced record is laid out."""

    MIXED = "mixed"
    MESSAGE = "message"
    LIST = "list"
    NESTED = "nested"
    BARE_STRING = "bare_string"
    BARE_LIST = "bare_list"


@dataclass(slots=True)
class Behaviour:
    """The switches; each field's comment tells the other possibility."""

    token_seconds: int = 1800
    """`expires_in` of new tokens (examples show 1800, 3600, 86400)."""
    expired_token_status: int = 401
    """Or 400 with "The token has been expired."."""
    errors_shape: ErrorsShape = ErrorsShape.MIXED
    """Layout of a failed record's `errors`; the bare ones break the published schema on purpose."""
    bill_pushed_at: str = "waiting_to_be_paid"
    """Or `partially_paid`, `paid`; the guide says `issued`, which is no payable status."""
    push_on_done: str = "conflict"
    """Or `accept`: pushing a record that is done makes another document."""
    push_on_pending: str = "conflict"
    """Or `accept`: a second push runs beside the first."""
    record_per: str = "object"
    """Or `attempt`: each push makes a record of its own, which is the answer, and the old one stays as it is;
    `attempt_unnamed`: the same, but the answer is the old one."""
    push_without_connection: str = "accept"
    """Accepted, fails a moment later as revoked; or `conflict`."""
    repush_edits: bool = False
    """True: editing an issued document pushes it again, onto the same books document."""
    credit_notes_have_records: bool = True
    """Credit notes appear among the synced records as `receivable`."""
    payment_without_account: str = "skip"
    """Payments get no record while the payments account is unset; or `error`: a failed record."""
    lists_old_connections: bool = True
    """Disconnected connections stay in the list."""
    accounting_without_connection: str = "conflict"
    """Lists of an organization without connection: 409; or `empty`: 200 without rows, proving nothing."""
    tax_reference_is_code: bool = True
    """A books line's tax reference equals the `code` of a tax rate; False: it resolves to nothing listed."""
    event_object: str = "reference"
    """An event's `object` holds the id alone; or `resource`: the full object."""
    signature_header: str = ""
    """Empty: `Tesouro-Signature` or `Monite-Signature` by dialect."""
    signature_digest: str = "sha256"
    """Or `sha512`."""
    webhook_https_only: bool = False
    """True refuses plain http subscription URLs, as the real hub does; tests and demos listen on loopback."""
    webhook_retry_seconds: tuple[float, ...] = (60, 300, 900, 1800, 3600, 7200, 7200, 7200, 7200, 7200)
    """Waits between deliveries that were not answered 2xx."""
    records_default_limit: int = 250
    """Page of synced records when `limit` is absent; the prose says 100."""

    def change(self, switches: dict[str, object]) -> None:
        """Set several switches by name; an unknown name is refused before anything changes."""
        known = {field.name for field in fields(self)}
        unknown = sorted(set(switches) - known)
        if unknown:
            raise ValueError(f"unknown behaviour {', '.join(unknown)}; known: {', '.join(sorted(known))}")
        for name, value in switches.items():
            current = getattr(self, name)
            if isinstance(current, tuple) and isinstance(value, list):
                setattr(self, name, tuple(value))
            else:
                setattr(self, name, ErrorsShape(str(value)) if isinstance(current, ErrorsShape) else value)
