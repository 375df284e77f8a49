"""Words of alerts: upstream text made harmless, and amounts, counts and times as people read them.

Names and error texts come from outside and go to terminals, chats and mails. `neutral` takes out of them
whatever could act there: control characters, line breaks, characters that reverse or hide what stands
beside them. Markup is each channel's own business, since each has another one.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from service.domain.alerts.weight import weight
from service.domain.money import exponent

SUMMARY_MAX: Final = 200
"""A line in a chat or on a phone's lock screen."""
DETAIL_MAX: Final = 2_000
NAME_MAX: Final = 80
EXCERPT_MAX: Final = 300
"""Upstream error text in a detail: enough to recognise it."""

CURRENCIES_SHOWN: Final = 3

_HARMFUL = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def neutral(text: str, limit: int) -> str:
    """Upstream text on one line, without anything that acts, of at most `limit` characters."""
    bounded = text[: 4 * limit]  # white space and harmful characters shrink; nobody reads what is cut here
    visible = "".join(
        " " if unicodedata.category(character) in _HARMFUL else character for character in bounded
    )
    line = " ".join(visible.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def amounts(money_at_risk: Mapping[str, int]) -> str:
    """Sums by currency, largest first: `1,234.50 USD and 300 JPY`."""
    ordered = sorted(money_at_risk.items(), key=lambda entry: (-weight({entry[0]: entry[1]}), entry[0]))
    shown = [amount(minor, currency) for currency, minor in ordered[:CURRENCIES_SHOWN]]
    if len(ordered) > CURRENCIES_SHOWN:
        shown.append(count(len(ordered) - CURRENCIES_SHOWN, "more currency", "more currencies"))
    return listing(shown)


def amount(minor: int, currency: str) -> str:
    """One sum in major units: `1,234.50 USD`."""
    decimals = exponent(currency)
    return f"{Decimal(minor).scaleb(-decimals):,.{decimals}f} {neutral(currency, 3)}"


def count(number: int, one: str, many: str) -> str:
    """`1 record`, `5,000 records`."""
    return f"{number:,} {one if number == 1 else many}"


def records(number: int) -> str:
    """`1 record`, `5,000 records`."""
    return count(number, "record", "records")


def organizations(number: int) -> str:
    """`1 organization`, `200 organizations`."""
    return count(number, "organization", "organizations")


def listing(parts: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(parts) < 2:  # noqa: PLR2004 - two things need a word between them
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def instant(when: datetime) -> str:
    """A time as it stands in a sentence. Absolute, so that a text does not change because time passes."""
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
