"""What follows from a cause: the decision table (`rules/causes.toml`), typed.

One table for all who ask: the push decision, pages, alerts and fix packets. A row that is missing or
misspelt stops the service at its start, not at the first record that fails so.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any

from service.domain.causes.names import Action, Cause

DETAIL_MAX = 160
"""Characters of upstream text within a sentence; the whole text stands beside it."""


class Retry(StrEnum):
    """What another push can do."""

    BACKOFF = "backoff"
    """Time cures it: again later, a few times."""
    AFTER_LOOK = "after_look"
    """Only once the books prove that the last one did not land."""
    AFTER_CURE = "after_cure"
    """Once the cure was seen, or as a trial for its group."""
    NEVER = "never"
    """A person decides."""


class Cure(StrEnum):
    """A condition that is watched and ends a cause."""

    TIME = "time"
    TAX_RATE_APPEARS = "tax_rate_appears"
    LEDGER_ACCOUNT_APPEARS = "ledger_account_appears"
    SETTING_APPEARS = "setting_appears"
    CONNECTION_CONNECTED = "connection_connected"
    CONNECTION_RENEWED = "connection_renewed"
    DEPENDENCY_DONE = "dependency_done"
    OBJECT_CHANGED = "object_changed"
    DUPLICATE_GONE = "duplicate_gone"
    PLATFORM_VERSION_NEWER = "platform_version_newer"
    INVOICE_OPEN = "invoice_open"
    CURRENCY_APPEARS = "currency_appears"
    OTHERS_PASS = "others_pass"  # noqa: S105 - a condition, no secret
    TRIAL = "trial"
    """Cannot be seen: one record of the group is tried on a slow clock."""


class Owner(StrEnum):
    """Whose turn it is."""

    NOBODY = "nobody"
    BOOKKEEPER = "bookkeeper"
    ACCOUNTING_ADMIN = "accounting_admin"
    ORGANIZATION_OWNER = "organization_owner"
    PARTNER_ENGINEER = "partner_engineer"
    PLATFORM_SUPPORT = "platform_support"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One row of the decision table; `rules/causes.toml` says what the fields mean."""

    cause: Cause
    action: Action
    retry: Retry
    cures: tuple[Cure, ...]
    owner: Owner
    may_exist: bool
    attempts_max: int | None
    title: str
    cure: str
    reason: str
    next_step: str


def facts_of(cause: Cause) -> Facts:
    """The row of a cause."""
    return decision_table()[cause]


@cache
def decision_table() -> Mapping[Cause, Facts]:
    """The whole table, read once."""
    text = (resources.files("service.domain.causes") / "rules" / "causes.toml").read_text(encoding="utf-8")
    rows = tomllib.loads(text)
    return {cause: _facts(cause, rows[cause]) for cause in Cause}


def _facts(cause: Cause, row: Mapping[str, Any]) -> Facts:
    """One row of TOML; an unknown key or value raises."""
    fields = dict(row)
    return Facts(
        cause=cause,
        action=Action(fields.pop("action")),
        retry=Retry(fields.pop("retry")),
        cures=tuple(Cure(name) for name in fields.pop("cures")),
        owner=Owner(fields.pop("owner")),
        attempts_max=fields.pop("attempts_max", None),
        **fields,
    )


_PLATFORMS = {"xero": "Xero", "quickbooks": "QuickBooks"}
_OBJECTS = {
    "receivable": "invoice",
    "bill": "bill",
    "payment_record": "payment",
    "customer": "customer",
    "vendor": "vendor",
    "product": "product",
}


def platform_name(platform: str | None) -> str:
    """The platform as people call it."""
    family = (platform or "").split("_")[0]
    return _PLATFORMS.get(family, "the accounting system")


def object_name(object_type: str) -> str:
    """The kind of object as people call it."""
    return _OBJECTS.get(object_type, "record")


def reason_of(facts: Facts, *, object_type: str, platform: str | None = None, detail: str = "") -> str:
    """One sentence that a bookkeeper can act on."""
    sentence = f"{facts.reason}; {facts.next_step}."
    return _told(sentence, object_type, platform, detail)


def next_step_of(facts: Facts, *, object_type: str, platform: str | None = None, detail: str = "") -> str:
    """What to do, alone."""
    return _told(f"{facts.next_step}.", object_type, platform, detail)


def _told(sentence: str, object_type: str, platform: str | None, detail: str) -> str:
    """A sentence of the table about one failure, its blanks filled in."""
    names = {
        "{platform}": platform_name(platform),
        "{object}": object_name(object_type),
        "{detail}": _excerpt(detail),
    }
    for name, value in names.items():
        sentence = sentence.replace(name, value)
    return sentence[0].upper() + sentence[1:]


def _excerpt(detail: str) -> str:
    """Upstream words within a sentence: cut at a word, without a full stop of their own."""
    words = detail if len(detail) <= DETAIL_MAX else detail[:DETAIL_MAX].rsplit(" ", 1)[0] + "…"
    return words.rstrip(" .") or "no text was given"
