"""Situations that the generator plants, and how they are dealt out.

Every situation with a weight occurs at least once, as far as there are documents to show it; the rest is
drawn by weight. A label is a promise about the state at the start, kept under the id of the object in
question.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from service.simulator.chance import Chance

Entry = TypeVar("Entry")


class OrganizationSituation(StrEnum):
    """What an organization's connection is like."""

    CONNECTED = "connected"
    DEAUTHORIZED = "deauthorized"
    DISCONNECTED = "disconnected"
    PENDING_AUTH = "pending_auth"
    NONE = "none"


class Situation(StrEnum):
    """What became of a document (or of a counterpart or product, where the name says so)."""

    HEALTHY = "healthy"
    PAID = "paid"
    CREDIT_NOTE = "credit_note"
    DRAFT = "draft"
    BEFORE_CONNECTION = "before_connection"
    NEVER_ATTEMPTED = "never_attempted"
    PENDING = "pending"
    EDITED_IN_BOOKS = "edited_in_books"
    VOIDED_IN_BOOKS = "voided_in_books"
    DELETED_IN_BOOKS = "deleted_in_books"
    ONLY_IN_BOOKS = "only_in_books"
    DUPLICATE_IN_BOOKS = "duplicate_in_books"
    EDITED_LOCALLY = "edited_locally"
    CANCELED = "canceled"
    TIMED_OUT_LANDED = "timed_out_landed"
    TIMED_OUT_LOST = "timed_out_lost"
    MISSING_TAX_RATE = "failed:missing_tax_rate"
    MISSING_LEDGER_ACCOUNT = "failed:missing_ledger_account"
    PERIOD_LOCKED = "failed:period_locked"
    INVALID_FIELD = "failed:invalid_field"
    RATE_LIMITED = "failed:rate_limited"
    PLATFORM_UNAVAILABLE = "failed:platform_unavailable"
    PLATFORM_INTERNAL_ERROR = "failed:platform_internal_error"
    UNKNOWN = "failed:unknown"
    DUPLICATE_NAME = "failed:duplicate_name"
    MULTIPLE_MATCHES = "failed:multiple_matches"
    CONNECTION_REVOKED = "failed:connection_revoked"
    UNCONNECTED = "unconnected"


MIXED: Mapping[str, float] = {
    Situation.HEALTHY: 60,
    Situation.PAID: 4,
    Situation.CREDIT_NOTE: 4,
    Situation.DRAFT: 4,
    Situation.BEFORE_CONNECTION: 4,
    Situation.NEVER_ATTEMPTED: 2,
    Situation.PENDING: 1,
    Situation.EDITED_IN_BOOKS: 3,
    Situation.VOIDED_IN_BOOKS: 1,
    Situation.DELETED_IN_BOOKS: 2,
    Situation.ONLY_IN_BOOKS: 3,
    Situation.DUPLICATE_IN_BOOKS: 2,
    Situation.EDITED_LOCALLY: 2,
    Situation.CANCELED: 1,
    Situation.TIMED_OUT_LANDED: 2,
    Situation.TIMED_OUT_LOST: 2,
    Situation.MISSING_TAX_RATE: 3,
    Situation.MISSING_LEDGER_ACCOUNT: 2,
    Situation.PERIOD_LOCKED: 2,
    Situation.INVALID_FIELD: 1,
    Situation.RATE_LIMITED: 1,
    Situation.PLATFORM_UNAVAILABLE: 1,
    Situation.PLATFORM_INTERNAL_ERROR: 1,
    Situation.UNKNOWN: 1,
    Situation.DUPLICATE_NAME: 1,
    Situation.MULTIPLE_MATCHES: 1,
    OrganizationSituation.CONNECTED: 92,
    OrganizationSituation.DEAUTHORIZED: 2,
    OrganizationSituation.DISCONNECTED: 2,
    OrganizationSituation.PENDING_AUTH: 2,
    OrganizationSituation.NONE: 2,
}

PRESETS: Mapping[str, Mapping[str, float]] = {
    "mixed": MIXED,
    "healthy": {Situation.HEALTHY: 1, OrganizationSituation.CONNECTED: 1},
}

DEALT = frozenset(Situation) - {Situation.CONNECTION_REVOKED, Situation.UNCONNECTED}
"""Situations that can be asked for; the other two follow from the connection."""

ORGANIZATIONS_BEFORE_TROUBLE = 4
"""A small demo has its first organizations connected; trouble with connections begins after them."""


def weights_of(situations: str | Mapping[str, float]) -> Mapping[str, float]:
    """Return the weights of a preset, or check those given by name."""
    if isinstance(situations, str):
        if situations not in PRESETS:
            raise ValueError(f"no situations named {situations}; known: {', '.join(PRESETS)}")
        return PRESETS[situations]
    unknown = set(situations) - {*DEALT, *OrganizationSituation}
    if unknown:
        raise ValueError(f"unknown situations {', '.join(sorted(unknown))}")
    return situations


def deal_documents(weights: Mapping[str, float], chance: Chance) -> Iterator[Situation]:
    """Deal situations for ever: each once, one plain document between two of them, then by weight."""
    chosen = [entry for entry in Situation if weights.get(entry, 0) > 0] or [Situation.HEALTHY]
    plain = Situation.HEALTHY if Situation.HEALTHY in chosen else chosen[0]
    for entry in chosen:
        yield entry
        if entry is not plain:
            yield plain
    yield from _by_weight(chosen, [weights.get(entry, 1) for entry in chosen], chance)


def deal_organizations(weights: Mapping[str, float], chance: Chance) -> Iterator[OrganizationSituation]:
    """Deal connection situations for ever: some connected ones, each other once, then by weight."""
    chosen = [entry for entry in OrganizationSituation if weights.get(entry, 0) > 0]
    chosen = chosen or [OrganizationSituation.CONNECTED]
    if OrganizationSituation.CONNECTED in chosen:
        yield from [OrganizationSituation.CONNECTED] * ORGANIZATIONS_BEFORE_TROUBLE
    yield from (entry for entry in chosen if entry is not OrganizationSituation.CONNECTED)
    yield from _by_weight(chosen, [weights.get(entry, 1) for entry in chosen], chance)


def _by_weight(chosen: Sequence[Entry], weights: Sequence[float], chance: Chance) -> Iterator[Entry]:
    while True:
        yield chance.weighted(chosen, weights)
