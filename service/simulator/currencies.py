"""Currencies, as far as arithmetic needs them: how many decimals, and rounding to the minor unit.

Documents in the hub are integers of minor units; the accounting side speaks decimals of major units. Neither
is ever a float here.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

EXPONENT_BY_CURRENCY = {"JPY": 0, "KRW": 0, "CLP": 0, "KWD": 3, "BHD": 3, "TND": 3}
"""Currencies that do not have two decimals, of those that the generator uses or a test may."""

CURRENCIES = frozenset({
    "AED", "AFN", "ALL", "AMD", "ANG", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BGN",
    "BHD", "BIF", "BMD", "BND", "BOB", "BRL", "BSD", "BTN", "BWP", "BYN", "BZD", "CAD", "CDF", "CHF",
    "CLP", "CNY", "COP", "CRC", "CVE", "CZK", "DJF", "DKK", "DOP", "DZD", "EGP", "ETB", "EUR", "FJD",
    "FKP", "GBP", "GEL", "GHS", "GIP", "GMD", "GNF", "GTQ", "GYD", "HKD", "HNL", "HTG", "HUF", "IDR",
    "ILS", "INR", "IQD", "ISK", "JMD", "JOD", "JPY", "KES", "KGS", "KHR", "KMF", "KRW", "KWD", "KYD",
    "KZT", "LAK", "LBP", "LKR", "LRD", "LSL", "LYD", "MAD", "MDL", "MGA", "MKD", "MMK", "MNT", "MOP",
    "MUR", "MVR", "MWK", "MXN", "MYR", "MZN", "NAD", "NGN", "NIO", "NOK", "NPR", "NZD", "OMR", "PAB",
    "PEN", "PGK", "PHP", "PKR", "PLN", "PYG", "QAR", "RON", "RSD", "RUB", "RWF", "SAR", "SBD", "SCR",
    "SEK", "SGD", "SHP", "SLE", "SOS", "SRD", "SSP", "SVC", "SZL", "THB", "TJS", "TMT", "TND", "TOP",
    "TRY", "TTD", "TWD", "TZS", "UAH", "UGX", "USD", "UYU", "UZS", "VND", "VUV", "WST", "XAF", "XCD",
    "XOF", "XPF", "YER", "ZAR", "ZMW",
})  # fmt: skip
"""What the hub takes for a currency in its filters."""

RATE_SCALE = 10_000
"""Tax rates are percent times 100, so 12.5 % is 1250 of 10,000."""


def exponent(currency: str) -> int:
    """Return how many decimals the currency has."""
    return EXPONENT_BY_CURRENCY.get(currency, 2)


def whole(amount: Decimal) -> int:
    """Round half up to a whole minor unit."""
    return int(amount.quantize(Decimal(1), ROUND_HALF_UP))


def major(minor: int, currency: str) -> Decimal:
    """Turn minor units into an exact decimal of major units."""
    return Decimal(minor).scaleb(-exponent(currency))


def minor(amount: Decimal, currency: str) -> int:
    """Turn a decimal of major units into minor units, rounding half up."""
    return whole(amount.scaleb(exponent(currency)))


def tax_on(net_minor: int, rate: int) -> int:
    """Return the tax on a line's net amount, rounded per line as both platforms do."""
    return (
        (2 * net_minor * rate + RATE_SCALE) // (2 * RATE_SCALE)
        if net_minor >= 0
        else -tax_on(-net_minor, rate)
    )
