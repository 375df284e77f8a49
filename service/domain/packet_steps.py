"""What exactly ends a cause in an organization: the missing rate with its number, the account by name.

Steps are made from the documents that wait and from what the books were last seen to offer. Where these tell
nothing more exact, the sentence of the decision table stands alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

from service.domain.causes.facts import facts_of, next_step_of, object_name
from service.domain.causes.names import Cause
from service.domain.causes.resemblance import resemblance_told
from service.domain.document import Document
from service.domain.pushing.cure import DocumentNeeds
from service.domain.pushing.preflight import percent
from service.domain.record import Record

KeyT = TypeVar("KeyT", int, str)

STEPS_MAX: Final = 50
"""Steps of one organization; beyond that somebody should look at its set-up as a whole."""
NAMED_MAX: Final = 10
"""Documents named in one step; all of them are listed below it."""
TEXT_CHARACTERS_MAX: Final = 300
"""Of the platform's own words in a step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """One record that waits for the cure, with its document as the hub has it."""

    record: Record
    document: Document | None = None
    name: str | None = None
    """Of a product, customer or vendor."""
    needs: DocumentNeeds = field(default_factory=DocumentNeeds)

    @property
    def label(self) -> str:
        """What people call it."""
        number = self.document.number if self.document else None
        kind = object_name(self.record.object_type)
        return number or self.name or f"the {kind} {str(self.record.object_id or self.record.record_id)[:8]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """All that waits for a cure, listed or not."""

    documents: int
    organizations: int
    money: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """An organization: what waits there, and what its books were last seen to offer; None is not known."""

    organization_id: UUID
    name: str
    platform: str
    """As people call it."""
    connection_url: str | None = None
    tax_rates: frozenset[int] | None = None
    account_names: Mapping[str, str] = field(default_factory=dict)
    active_accounts: frozenset[str] | None = None
    settings: Mapping[str, str | None] | None = None
    totals: Totals
    """Of all that waits there, listed or not."""
    waiting: Sequence[Waiting] = ()

    @property
    def reconnect_url(self) -> str | None:
        """Where to connect again: an https address and nothing else is ever handed on."""
        url = self.connection_url or ""
        parts = urlsplit(url)
        is_sound = parts.scheme == "https" and parts.hostname and not any(each.isspace() for each in url)
        return url if is_sound and url.isprintable() else None


def steps(cause: Cause, section: Section) -> Sequence[str]:
    """The steps, most useful first; never none."""
    found = list(islice(_STEPS[cause](section), STEPS_MAX)) if cause in _STEPS else []
    return found or [_general(cause, section)]


def _general(cause: Cause, section: Section) -> str:
    kinds = {each.record.object_type for each in section.waiting}
    kind = kinds.pop() if len(kinds) == 1 else "document"
    sentence = next_step_of(facts_of(cause), object_type=kind, platform=None, detail=_first_text(section))
    return sentence.replace("the accounting system", section.platform)


def _rates(section: Section) -> Iterator[str]:
    for rate, waiting in _by(section.waiting, lambda each: each.needs.tax_rates):
        if section.tax_rates is not None and rate in section.tax_rates:
            continue
        sides = {"purchases" if each.record.object_type == "bill" else "sales" for each in waiting}
        side = " and ".join(sorted(sides))
        yield f"Create a tax rate of {percent(rate)} for {side} in {section.platform}{_for(waiting)}."


def _accounts(section: Section) -> Iterator[str]:
    for account, waiting in _by(section.waiting, lambda each: each.needs.ledger_account_ids):
        if section.active_accounts is not None and account in section.active_accounts:
            continue
        name = section.account_names.get(account)
        told = f"the ledger account “{name}”" if name else f"the ledger account with the id {account}"
        yield f"Create or restore {told} in {section.platform}, or choose another one{_for(waiting)}."
    for setting, waiting in _by(section.waiting, lambda each: each.needs.settings):
        if section.settings is None or section.settings.get(setting):
            continue
        what = "tax rate for deductions" if setting == "deductions" else f"ledger account for {setting}"
        yield f"Set the default {what} in the accounting settings{_for(waiting)}."


def _connection(section: Section) -> Iterator[str]:
    url = section.reconnect_url
    who = f"as an administrator of the {section.platform} company"
    if url:
        yield f"Connect {section.platform} again, {who}: {url}"
    else:
        yield f"Connect {section.platform} again, {who}, in the application where it was connected first."


def _rights(section: Section) -> Iterator[str]:
    yield f"Give the user who connected {section.platform} the right to create these documents there;"
    yield "or: " + next(_connection(section))


def _period(section: Section) -> Iterator[str]:
    days = sorted(
        each.document.issued_on for each in section.waiting if each.document and each.document.issued_on
    )
    if days:
        span = f"of {days[0]}" if days[0] == days[-1] else f"from {days[0]} to {days[-1]}"
        yield f"Reopen the period {span} in {section.platform}, or give these documents a later date."


def _currencies(section: Section) -> Iterator[str]:
    for currency, waiting in _by(section.waiting, _currency):
        yield f"Add the currency {currency} in {section.platform}{_for(waiting)}."


def _currency(waiting: Waiting) -> Sequence[str]:
    return [waiting.record.currency] if waiting.record.currency else []


def _numbers(section: Section) -> Iterator[str]:
    for each in section.waiting:
        if each.document and each.document.number:
            yield (
                f"Look for the number {each.document.number} in {section.platform}. If it is another "
                "document, change the number of one; if it is this one, keep it."
            )


def _names(section: Section) -> Iterator[str]:
    def names(each: Waiting) -> set[str]:
        party = each.document.party_name if each.document else None
        return {name for name in (each.name, party) if name}

    for name, waiting in _by(section.waiting, names):
        yield (
            f"See that “{name}” stands only once among contacts and products in {section.platform}: merge or "
            f"rename the others{_for(waiting)}."
        )


def _told(section: Section) -> Iterator[str]:
    """The platform's own words, with the documents that it said them of."""
    for text, waiting in _by(section.waiting, lambda each: {_text(each.record)} - {""}):
        yield f"{section.platform} says: “{text}”{_for(waiting)}."


def _resembled(section: Section) -> Iterator[str]:
    """The platform's own words, and what they resemble, where no rule knows them."""
    for text, waiting in _by(section.waiting, lambda each: {_text(each.record)} - {""}):
        yield f"{section.platform} says: “{text}”{_for(waiting)}. {resemblance_told(text)}".rstrip()


def _corrected(section: Section) -> Iterator[str]:
    for text, waiting in _by(section.waiting, lambda each: {_text(each.record)} - {""}):
        yield f"Correct what {section.platform} complains about: “{text}”{_for(waiting)}."


_STEPS: Final[Mapping[Cause, Callable[[Section], Iterator[str]]]] = {
    Cause.MISSING_TAX_RATE: _rates,
    Cause.MISSING_LEDGER_ACCOUNT: _accounts,
    Cause.CONNECTION_REVOKED: _connection,
    Cause.PERMISSION_DENIED: _rights,
    Cause.PERIOD_LOCKED: _period,
    Cause.CURRENCY_NOT_ENABLED: _currencies,
    Cause.DUPLICATE_DOCUMENT_NUMBER: _numbers,
    Cause.DUPLICATE_NAME: _names,
    Cause.MULTIPLE_MATCHES: _names,
    Cause.MISSING_REQUIRED_FIELD: _corrected,
    Cause.INVALID_FIELD: _corrected,
    Cause.AMOUNT_MISMATCH: _corrected,
    Cause.APP_CONFIGURATION: _told,
    Cause.UNSUPPORTED_REQUEST: _told,
    Cause.UNKNOWN: _resembled,
}


def _by(
    waiting: Sequence[Waiting], keys: Callable[[Waiting], Iterable[KeyT]]
) -> Iterator[tuple[KeyT, Sequence[Waiting]]]:
    """Those that share a need, the need of most first."""
    groups: defaultdict[KeyT, list[Waiting]] = defaultdict(list)
    for each in waiting:
        for key in keys(each):
            groups[key].append(each)
    yield from sorted(groups.items(), key=lambda group: (-len(group[1]), str(group[0])))


def _for(waiting: Sequence[Waiting]) -> str:
    named = ", ".join(each.label for each in waiting[:NAMED_MAX])
    more = len(waiting) - NAMED_MAX
    return f" (for {named}{f' and {more} more' if more > 0 else ''})"


def _text(record: Record) -> str:
    text = (record.cause_text or "").strip().rstrip(".")
    return text if len(text) <= TEXT_CHARACTERS_MAX else text[:TEXT_CHARACTERS_MAX].rsplit(" ", 1)[0] + "…"


def _first_text(section: Section) -> str:
    return next((text for each in section.waiting if (text := _text(each.record))), "")
