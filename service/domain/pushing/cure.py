"""Whether what cures a failure has happened, as far as the hub lets us see it.

Conditions are gathered by the shell and are data here. Each speaks for a cure only if it is **newer than
the failure**: a tax rate in a list that was read before the push failed is the list that the push failed
with. What the hub lists itself (rates, accounts, currencies) is a copy as of `last_pull`, so that pull must
be newer, not merely our reading.

Three answers: holds, does not hold, cannot be seen. Only the first releases a record; the last is why
trials exist, whatever the cause: nobody says when a payment was changed, so what only its change cures is
tried from time to time (`needs_trial`). Nothing waits for what nobody looks at. A trial that passes frees the
others only where its cause ends for all of them at once (`Cure.TRIAL`), as when a period is opened: that one
payment was corrected says nothing of the next, which has its own turn.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from service.domain.causes.facts import Cure, Retry, facts_of
from service.domain.causes.names import Cause
from service.domain.record import Record

CONNECTED = "connected"

OF_PARTS: Final = frozenset(
    {
        Cause.TAX_RATE_NOT_APPLICABLE,
        Cause.MISSING_LEDGER_ACCOUNT,
        Cause.INVALID_ACCOUNT_TYPE,
        Cause.INACTIVE_REFERENCE,
        Cause.REFERENCE_NOT_FOUND,
        Cause.DUPLICATE_NAME,
        Cause.MULTIPLE_MATCHES,
        Cause.CURRENCY_MISMATCH,
        Cause.MISSING_REQUIRED_FIELD,
        Cause.INVALID_FIELD,
    }
)
"""Causes that may lie in a document's counterpart or products: a change of these is a change of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentNeeds:
    """What a document refers to: read from its lines, its products and the organization's settings."""

    tax_rates: frozenset[int] = frozenset()
    """Percent times 100, of lines that name no rate of the accounting system themselves."""
    ledger_account_ids: frozenset[str] = frozenset()
    settings: frozenset[str] = frozenset()
    """Defaults that it falls back on: `payments`, `products`, `deductions`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    """The synced record of a contact, product or invoice that a document names."""

    object_type: str
    sync_status: str | None
    platform_object_id: str | None
    updated_at: datetime

    @property
    def is_done(self) -> bool:
        """Whether it is in the books."""
        return self.sync_status == "done" and bool(self.platform_object_id)


def furthest(records: Iterable[Dependency]) -> Dependency:
    """Of several records of one object, each a try to bring it there: one that did, else the newest."""
    return max(records, key=lambda each: (each.is_done, each.updated_at))


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidInvoice:
    """What a payment pays: an invoice by the hub's id, and how much of it."""

    invoice_id: UUID
    amount_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What is known of an organization and a document at this moment; None is what nobody knows."""

    connection_status: str | None = None
    connected_at: datetime | None = None
    """When the connection last became connected."""
    last_pull: datetime | None = None
    external_tax_rates: frozenset[int] | None = None
    active_ledger_accounts: frozenset[str] | None = None
    settings: Mapping[str, str | None] | None = None
    settings_at: datetime | None = None
    needs: DocumentNeeds = field(default_factory=DocumentNeeds)
    dependencies: Sequence[Dependency] = ()
    object_updated_at: datetime | None = None
    """The latest change of the object itself."""
    parts_updated_at: datetime | None = None
    """The latest change of its counterpart and its products."""
    namesakes: int | None = None
    """Others in the way: objects with its name; where its number was refused, documents with that number in
    the books."""
    paid_minor: int | None = None
    """What a payment pays of its invoice; negative for what gives money back."""
    open_minor: int | None = None
    """What is open in the books of the invoice that is to be paid, where they tell."""
    currency_seen_at: datetime | None = None
    """When a document in its currency was first read in the books, the latest of them."""
    others_passed_at: datetime | None = None
    """When a trial of the same cause and platform last came through elsewhere."""
    canary_turn: bool = False
    """Whether this record is the one of its group that is tried now."""
    canary_passed_at: datetime | None = None
    """When a trial of its group last came through."""
    is_wished: bool = False
    """Whether an operator has planned that it be sent now, and it is still as it was planned."""


def cure_holds(record: Record, conditions: Conditions, *, since: datetime | None = None) -> bool | None:
    """Whether a cure of the record's cause came after `since` (its failure); None when none can be seen."""
    if record.cause is None:
        return None
    failed_at = since or record.first_failed_at or record.updated_at
    answers = [_holds(cure, record, conditions, failed_at) for cure in facts_of(record.cause).cures]
    if True in answers:
        return True
    return False if False in answers else None


def needs_trial(record: Record, conditions: Conditions, *, since: datetime | None = None) -> bool:
    """Whether a trial is its way out: its cure is out of sight by nature, or here nothing of it shows."""
    if record.cause is None:
        return False
    facts = facts_of(record.cause)
    if (
        facts.retry not in {Retry.AFTER_CURE, Retry.AFTER_LOOK}
        or not facts.cures
        or facts.cures == (Cure.TIME,)
    ):
        return False
    return Cure.TRIAL in facts.cures or cure_holds(record, conditions, since=since) is None


def _holds(cure: Cure, record: Record, conditions: Conditions, since: datetime) -> bool | None:  # noqa: C901, PLR0911, PLR0912 - one line per cure, drawn as a table
    """One cure."""
    match cure:
        case Cure.TIME:
            return None
        case Cure.TRIAL:
            return _later(conditions.canary_passed_at, since) or None
        case Cure.CONNECTION_CONNECTED:
            return _is_connected(conditions, since)
        case Cure.CONNECTION_RENEWED:
            return _later(conditions.connected_at, since)
        case Cure.TAX_RATE_APPEARS:
            return _listed(conditions.needs.tax_rates, conditions.external_tax_rates, conditions, since)
        case Cure.LEDGER_ACCOUNT_APPEARS:
            return _listed(
                conditions.needs.ledger_account_ids, conditions.active_ledger_accounts, conditions, since
            )
        case Cure.SETTING_APPEARS:
            return _is_set(conditions, since)
        case Cure.DEPENDENCY_DONE:
            return _dependencies_done(conditions.dependencies, since)
        case Cure.OBJECT_CHANGED:
            return _is_changed(record, conditions, since)
        case Cure.DUPLICATE_GONE:
            return (
                None
                if conditions.namesakes is None or not _pulled(conditions, since)
                else not conditions.namesakes
            )
        case Cure.PLATFORM_VERSION_NEWER:
            return _later(_latest(record.platform_updated_at, record.provider_updated_at), since)
        case Cure.INVOICE_OPEN:
            return _is_open(conditions, since)
        case Cure.CURRENCY_APPEARS:
            return _later(conditions.currency_seen_at, since) or None
        case Cure.OTHERS_PASS:
            return _later(conditions.others_passed_at, since) or None


def _later(instant: datetime | None, since: datetime) -> bool | None:
    """Whether something happened after the failure; None when nobody knows."""
    return None if instant is None else instant > since


def _latest(*instants: datetime | None) -> datetime | None:
    """The latest of the instants that are known."""
    return max((instant for instant in instants if instant is not None), default=None)


def _pulled(conditions: Conditions, since: datetime) -> bool:
    """Whether the hub has read the books since the failure: only then its lists can show a cure."""
    return conditions.last_pull is not None and conditions.last_pull > since


def _listed(
    needed: frozenset[int] | frozenset[str],
    listed: frozenset[int] | frozenset[str] | None,
    conditions: Conditions,
    since: datetime,
) -> bool | None:
    """Whether all that is needed is in a list of the accounting system; None when either side is unknown."""
    if not needed or listed is None:
        return None
    return _pulled(conditions, since) and needed <= listed


def _is_connected(conditions: Conditions, since: datetime) -> bool:
    """Connected, and either connected anew or read since: a status alone may be older than the failure."""
    is_new = bool(_later(conditions.connected_at, since)) or _pulled(conditions, since)
    return conditions.connection_status == CONNECTED and is_new


def _is_set(conditions: Conditions, since: datetime) -> bool | None:
    """Whether the defaults that it falls back on are set."""
    if not conditions.needs.settings or conditions.settings is None or conditions.settings_at is None:
        return None
    return conditions.settings_at > since and all(
        conditions.settings.get(name) for name in conditions.needs.settings
    )


def _is_changed(record: Record, conditions: Conditions, since: datetime) -> bool | None:
    """Whether it was changed since the failed push; a part of it counts where the cause may lie there."""
    itself = _later(conditions.object_updated_at, max(since, record.object_updated_at or since))
    parts = _later(conditions.parts_updated_at, since) if record.cause in OF_PARTS else None
    return parts if parts and not itself else itself


def _dependencies_done(dependencies: Sequence[Dependency], since: datetime) -> bool | None:
    """Whether all it names is in the books, some since the failure; if all was before, it is not that."""
    if not dependencies:
        return None
    if not all(dependency.is_done for dependency in dependencies):
        return False
    return True if any(dependency.updated_at > since for dependency in dependencies) else None


def _is_open(conditions: Conditions, since: datetime) -> bool | None:
    """Whether enough of the invoice is open in the books; of what gives money back nobody can see that."""
    if conditions.open_minor is None or conditions.paid_minor is None or conditions.paid_minor <= 0:
        return None
    return _pulled(conditions, since) and conditions.open_minor >= conditions.paid_minor
