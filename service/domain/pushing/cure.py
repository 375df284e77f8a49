"""Whether what cures a failure has happened, as far as the hub lets us see it.

Conditions are gathered by the shell and are data here. Each speaks for a cure only if it is **newer than
the failure**: a tax rate in a list that was read before the push failed is the list that the push failed
with. What the hub lists itself (rates, accounts, currencies) is a copy as of `last_pull`, so that pull must
be newer, not merely our reading.

Three answers: holds, does not hold, cannot be seen. Only the first releases a record; the last is why
trials exist.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from service.domain.causes.facts import Cure, facts_of
from service.domain.record import Record

CONNECTED = "connected"


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
    """The latest change of the document, its counterpart and its products."""
    namesakes: int | None = None
    """Others in the way: objects with its name; where its number was refused, documents with that number in
    the books."""
    open_minor: int | None = None
    """What is open in the books of the invoice that is to be paid or changed."""
    books_currencies: frozenset[str] | None = None
    others_passed_at: datetime | None = None
    """When a push of another organization of the same platform last came through."""
    canary_turn: bool = False
    """Whether this record is the one of its group that is tried now."""
    canary_passed_at: datetime | None = None
    """When a trial of its group last came through."""
    is_wished: bool = False
    """Whether an operator has planned that it be sent now, and it is still as it was planned."""
    paused_until: datetime | None = None
    """The hub or the connection is left alone until then."""


def cure_holds(record: Record, conditions: Conditions, *, since: datetime | None = None) -> bool | None:
    """Whether a cure of the record's cause came after `since` (its failure); None when none can be seen."""
    if record.cause is None:
        return None
    failed_at = since or record.first_failed_at or record.updated_at
    answers = [_holds(cure, record, conditions, failed_at) for cure in facts_of(record.cause).cures]
    if True in answers:
        return True
    return False if False in answers else None


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
            return _later(conditions.object_updated_at, max(since, record.object_updated_at or since))
        case Cure.DUPLICATE_GONE:
            return (
                None
                if conditions.namesakes is None or not _pulled(conditions, since)
                else not conditions.namesakes
            )
        case Cure.PLATFORM_VERSION_NEWER:
            return _later(_latest(record.platform_updated_at, record.provider_updated_at), since)
        case Cure.INVOICE_OPEN:
            return _is_open(record, conditions, since)
        case Cure.CURRENCY_APPEARS:
            needed = frozenset({record.currency} if record.currency else ())
            return _listed(needed, conditions.books_currencies, conditions, since) or None
        case Cure.OTHERS_PASS:
            return _later(conditions.others_passed_at, since)


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


def _is_connected(conditions: Conditions, since: datetime) -> bool | None:
    """Connected, and either connected anew or read since: a status alone may be older than the failure."""
    if conditions.connection_status is None:
        return None
    is_new = bool(_later(conditions.connected_at, since)) or _pulled(conditions, since)
    return conditions.connection_status == CONNECTED and is_new


def _is_set(conditions: Conditions, since: datetime) -> bool | None:
    """Whether the defaults that it falls back on are set."""
    if not conditions.needs.settings or conditions.settings is None or conditions.settings_at is None:
        return None
    return conditions.settings_at > since and all(
        conditions.settings.get(name) for name in conditions.needs.settings
    )


def _dependencies_done(dependencies: Sequence[Dependency], since: datetime) -> bool | None:
    """Whether all it names is in the books, some since the failure; if all was before, it is not that."""
    if not dependencies:
        return None
    if not all(dependency.is_done for dependency in dependencies):
        return False
    return True if any(dependency.updated_at > since for dependency in dependencies) else None


def _is_open(record: Record, conditions: Conditions, since: datetime) -> bool | None:
    """Whether enough of the invoice is open in the books."""
    if conditions.open_minor is None or record.amount_minor is None:
        return None
    return _pulled(conditions, since) and conditions.open_minor >= abs(record.amount_minor)
