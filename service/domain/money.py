"""Money: whole minor units of a currency, converted from decimals of major units without losing a digit.

The hub keeps local amounts as integers of minor units and hands the books' amounts on as decimals of major
units. Both meet here as integers. Rules that matter:

- A float is refused by type. `0.1 + 0.2` has cost enough people enough evenings.
- Conversion never rounds silently: what does not fit the minor unit is kept beside the integer as the
  remainder, so that a rounding can be told from an error.
- Halves round away from zero, as both platforms and every tax office do.
- Sums and products run in a context that traps inexact results: a lost digit is our mistake and raises.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow
from typing import Final

AMOUNT_MAX: Final = 2**53 - 1
"""Largest amount in minor units: the hub's own limit. A thousand of them still add up within a bigint."""

DIGITS_MAX: Final = 40
"""Digits of one incoming number: the largest amount and all decimals that an upstream float can print."""

PRECISION: Final = 10 * DIGITS_MAX
"""Room for quantity x price x percentage x rate, each from 10**-40 to 10**80, over thousands of lines."""

EXACT: Final = Context(prec=PRECISION, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow])
"""Arithmetic that raises rather than round."""

WHOLE_RATE: Final = Decimal(10_000)
"""The rate of a tax as high as the net: rates are percent times 100."""

EXPONENT_DEFAULT: Final = 2
"""Decimals of a currency that the table does not know; `is_known` tells, and the document says so."""

_CODES_BY_EXPONENT: Final = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD "
    "CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS "
    "GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL "
    "MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK "
    "PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS "
    "TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG",  # codespell:ignore zar
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
"""ISO 4217, list one: the currencies in use, by the number of their decimals."""

_EXPONENT_BY_CURRENCY: Final = {
    code: decimals for decimals, codes in _CODES_BY_EXPONENT.items() for code in codes.split()
}


class AmountError(ValueError):
    """A number that is no amount of money: not finite, malformed, or beyond every bound."""


@dataclass(frozen=True, slots=True)
class Minor:
    """The nearest whole `amount` of minor units, and the `remainder` that it leaves of the exact value."""

    amount: int
    remainder: Decimal

    @property
    def is_exact(self) -> bool:
        """Nothing was rounded."""
        return not self.remainder


def exponent(currency: str) -> int:
    """Return how many decimals the currency has (JPY 0, USD 2, KWD 3)."""
    return _EXPONENT_BY_CURRENCY.get(currency, EXPONENT_DEFAULT)


def is_known(currency: str) -> bool:
    """Say whether the currency is one of ISO 4217, so that its exponent is known and not assumed."""
    return currency in _EXPONENT_BY_CURRENCY


def decimal_of(value: Decimal | str | int) -> Decimal:
    """Read a number exactly; a float is a `TypeError` (our mistake), nonsense an `AmountError` (bad data)."""
    if isinstance(value, (bool, float)) or not isinstance(value, (Decimal, str, int)):
        raise TypeError(f"money is never a {type(value).__name__}: decode numbers as exact decimals")
    if isinstance(value, str) and len(value) > 2 * DIGITS_MAX:
        raise AmountError(f"a number of {len(value)} characters is no amount")
    if isinstance(value, int) and abs(value) > AMOUNT_MAX:
        raise AmountError("the number is beyond the largest amount")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise AmountError(f"{value!r} is no number") from None
    if not number.is_finite():
        raise AmountError(f"{number} is no amount")
    _, digits, power = number.as_tuple()
    assert isinstance(power, int)
    if len(digits) > DIGITS_MAX or not -DIGITS_MAX <= power <= DIGITS_MAX:
        raise AmountError("the number has more digits than any amount")
    return number


def round_half_up(exact: Decimal) -> int:
    """Round to a whole number, halves away from zero."""
    return int(exact.to_integral_value(rounding=ROUND_HALF_UP))


def tax_on(net: Decimal, rate: Decimal | int) -> Decimal:
    """Return the tax on an amount, exactly, at a rate in percent times 100."""
    return EXACT.divide(EXACT.multiply(net, Decimal(rate)), WHOLE_RATE)


def rounded(exact: Decimal) -> Minor:
    """Split an exact number of minor units into the nearest whole one and its remainder."""
    amount = round_half_up(exact)
    if abs(amount) > AMOUNT_MAX:
        raise AmountError("the amount is beyond the largest one")
    return Minor(amount, EXACT.subtract(exact, Decimal(amount)))


def to_minor(value: Decimal | str | int, currency: str) -> Minor:
    """Turn an amount in major units into minor units, exactly or with its remainder."""
    return rounded(EXACT.scaleb(decimal_of(value), exponent(currency)))


def from_minor(amount: int, currency: str) -> Decimal:
    """Turn minor units into an exact decimal of major units, with all decimals of the currency."""
    return EXACT.scaleb(Decimal(amount), -exponent(currency))


def format_minor(amount: int, currency: str) -> str:
    """Write an amount for people: `USD -1,234.50`."""
    return f"{currency} {from_minor(amount, currency):,f}"
