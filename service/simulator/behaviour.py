"""What the hub's documentation leaves open: one behaviour each, switchable where a client must bear both.

`docs/simulator.md` lists them with the reason. A test that relies on one names it; a test of tolerance tries
all.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Literal, get_type_hints

import msgspec


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
    expired_token_status: Literal[401, 400] = 401
    """Or 400 with "The token has been expired."."""
    errors_shape: ErrorsShape = ErrorsShape.MIXED
    """Layout of a failed record's `errors`; the bare ones break the published schema on purpose."""
    bill_pushed_at: Literal["waiting_to_be_paid", "partially_paid", "paid"] = "waiting_to_be_paid"
    """Or `partially_paid`, `paid`; the guide says `issued`, which is no payable status."""
    bills_need_tax_references: bool = False
    """True: as the guide says, a bill whose lines name no tax rate is refused; else it is found by value."""
    push_on_done: Literal["conflict", "accept", "ignore"] = "conflict"
    """Or `accept`: pushing a record that is done makes another document; `ignore`: nothing happens."""
    push_on_pending: Literal["conflict", "accept", "ignore"] = "conflict"
    """Or `accept`: a second push runs beside the first; `ignore`: it joins the first."""
    push_clears_errors: bool = False
    """True: the last failure's `errors` are gone once a record is pushed again, not only when that ends."""
    conflict_status: Literal[409, 400, 422] = 409
    """How what conflicts is refused: pushes, `/sync`, a second connection, lists without one."""
    unknown_id_status: Literal[404, 400, 422] = 404
    """How an id that is well formed and unknown is refused."""
    record_per: Literal["object", "attempt", "attempt_unnamed"] = "object"
    """Or `attempt`: each push makes a record of its own, which is the answer, and the old one stays as it is;
    `attempt_unnamed`: the same, but the answer is the old one."""
    push_without_connection: Literal["accept", "conflict"] = "accept"
    """Accepted, fails a moment later as revoked; or `conflict`."""
    repush_edits: bool = False
    """True: editing an issued document pushes it again, onto the same books document."""
    credit_notes_have_records: bool = True
    """Credit notes appear among the synced records as `receivable`."""
    payment_without_account: Literal["skip", "error"] = "skip"
    """Payments get no record while the payments account is unset; or `error`: a failed record."""
    lists_old_connections: bool = True
    """Disconnected connections stay in the list."""
    pull_takes_seconds: float = 0.0
    """What a pull shows is as of its start, `last_pull` its end, so many seconds later."""
    last_pull_moves: Literal["complete", "tried"] = "complete"
    """By a complete pull only; or `tried`: a pull that failed moves it, too, and changes nothing else."""
    connection_errors_stay: bool = False
    """True: a connection tells of the last pull that failed even after one that did not."""
    accounting_id: Literal["platform", "provider"] = "platform"
    """Books documents bear the record's `platform_object_id`; or its `provider_object_id`."""
    accounting_order: Literal["entry", "newest", "any"] = "entry"
    """Rows of the accounting lists come as they were entered; or newest first; or anew with each answer."""
    receivable_totals: bool = False
    """True: invoices of the books tell status, totals, tax and due amount, as bills do."""
    books_due: Literal["date", "instant"] = "date"
    """A books document's due date is a date; or the instant at which that day begins."""
    accounting_without_connection: Literal["conflict", "empty"] = "conflict"
    """Lists of an organization without connection: 409; or `empty`: 200 without rows, proving nothing."""
    tax_reference_is_code: bool = True
    """A books line's tax reference equals the `code` of a tax rate; False: it resolves to nothing listed."""
    event_object: Literal["reference", "resource"] = "reference"
    """An event's `object` holds the id alone; or `resource`: the full object."""
    signature_header: str = ""
    """Empty: `Tesouro-Signature` or `Monite-Signature` by dialect."""
    signature_digest: Literal["sha256", "sha512"] = "sha256"
    """Or `sha512`."""
    webhook_https_only: bool = False
    """True refuses plain http subscription URLs, as the real hub does; tests and demos listen on loopback."""
    webhook_retry_seconds: tuple[float, ...] = (60, 300, 900, 1800, 3600, 7200, 7200, 7200, 7200, 7200)
    """Waits between deliveries that were not answered 2xx."""
    records_default_limit: int = 250
    """Page of synced records when `limit` is absent; the prose says 100."""
    pagination_token_seconds: float = 0.0
    """For how long a pagination token leads on; 0: for ever."""
    version_header: str = ""
    """Empty: as the guides spell it; or another, as `x-tesouro-version`, which one page has."""
    times: Literal["offset", "zulu", "naive"] = "offset"
    """`+00:00` and microseconds; or `Z` and milliseconds; or no zone at all: the examples show all."""
    omits_nulls: bool = False
    """True: a field without a value is absent, not null."""
    token_calls_count: bool = False
    """True: token calls count against the budget as all others do."""
    throttled_shape: Literal["message", "error"] = "message"
    """A 429 is `{"message": …}`; or the envelope of all other errors."""
    has_webhooks: bool = True
    """False: the endpoints of webhooks and events are not there."""

    def change(self, switches: dict[str, object]) -> None:
        """Set several switches by name; an unknown name is refused before anything changes."""
        known = {field.name for field in fields(self)}
        unknown = sorted(set(switches) - known)
        if unknown:
            raise ValueError(f"unknown behaviour {', '.join(unknown)}; known: {', '.join(sorted(known))}")
        read = {name: _read(name, value) for name, value in switches.items()}
        for name, value in read.items():
            setattr(self, name, value)

    def __post_init__(self) -> None:
        """Refuse what no switch knows from the first."""
        self.change({field.name: getattr(self, field.name) for field in fields(self)})


_HINTS = get_type_hints(Behaviour)


def _read(name: str, value: object) -> object:
    """Take a value as its switch's type: a word that it does not know would change nothing, unnoticed."""
    try:
        return msgspec.convert(value, _HINTS[name])
    except msgspec.ValidationError as trouble:
        raise ValueError(f"behaviour {name}: {trouble}") from None
