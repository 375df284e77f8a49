"""Money: exact conversion between decimals of major units and whole minor units."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.money import (
    AMOUNT_MAX,
    AmountError,
    exponent,
    format_minor,
    from_minor,
    is_known,
    round_half_up,
    to_minor,
)

CURRENCIES = st.sampled_from(["JPY", "USD", "EUR", "KWD", "CLF", "QQQ"])


@pytest.mark.parametrize(
    ("currency", "decimals"),
    [("JPY", 0), ("KRW", 0), ("USD", 2), ("KWD", 3), ("TND", 3), ("CLF", 4), ("QQQ", 2)],
)
def test_currencies_have_their_own_decimals(currency: str, decimals: int) -> None:
    """A currency has as many decimals as ISO 4217 says, and two where it says nothing."""
    assert exponent(currency) == decimals
    assert is_known(currency) == (currency != "QQQ")


@pytest.mark.parametrize(
    ("value", "currency", "amount", "remainder"),
    [
        ("120.5", "USD", 12050, "0"),
        ("120.5", "JPY", 121, "-0.5"),
        ("120.5", "KWD", 120500, "0"),
        ("10.005", "USD", 1001, "-0.5"),
        ("-10.005", "USD", -1001, "0.5"),
        ("10.0049", "USD", 1000, "0.49"),
        (7, "USD", 700, "0"),
        (Decimal("301.49999999999994"), "USD", 30150, "-0.000000000006"),
        ("1E+3", "USD", 100000, "0"),
    ],
)
def test_major_units_become_minor_ones_without_losing_a_digit(
    value: Decimal | str | int, currency: str, amount: int, remainder: str
) -> None:
    """What does not fit the minor unit is rounded half away from zero and kept as the remainder."""
    converted = to_minor(value, currency)
    assert (converted.amount, converted.remainder) == (amount, Decimal(remainder))
    assert converted.is_exact == (remainder == "0")


@given(st.integers(-AMOUNT_MAX, AMOUNT_MAX), CURRENCIES)
def test_minor_units_survive_the_way_there_and_back(amount: int, currency: str) -> None:
    """Every amount comes back equal and exact from its decimal of major units."""
    converted = to_minor(from_minor(amount, currency), currency)
    assert (converted.amount, converted.is_exact) == (amount, True)


@given(st.decimals(-(10**11), 10**11, allow_nan=False, places=9), CURRENCIES)
def test_amount_and_remainder_are_the_value(value: Decimal, currency: str) -> None:
    """The rounded amount and its remainder add up to the value; the remainder is at most half a unit."""
    converted = to_minor(value, currency)
    assert converted.amount + converted.remainder == value.scaleb(exponent(currency))
    assert abs(converted.remainder) <= Decimal("0.5")


@pytest.mark.parametrize("value", [0.1, 1.0, True, None, b"1"])
def test_money_is_never_a_float(value: object) -> None:
    """A float, or anything else that is no exact number, is our own mistake and raises by its type."""
    with pytest.raises(TypeError, match="money is never a"):
        to_minor(value, "USD")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "value", ["NaN", "Infinity", "", "12,50", "1e999999", "1e-999999", "9" * 41, 2**60, "1e16"]
)
def test_nonsense_is_no_amount(value: str | int) -> None:
    """What is not finite, no number, or beyond every bound is bad data, and costs no memory to find out."""
    with pytest.raises(AmountError):
        to_minor(value, "USD")


def test_halves_round_away_from_zero() -> None:
    """Halves round as tax offices do, alike on both sides of zero."""
    assert [round_half_up(Decimal(text)) for text in ("0.5", "1.5", "-0.5", "-1.5", "0.49")] == [
        1,
        2,
        -1,
        -2,
        0,
    ]


def test_people_read_amounts_with_currency_and_separators() -> None:
    """An amount for people has its currency, its decimals and thousands set apart."""
    assert format_minor(-123450, "USD") == "USD -1,234.50"
    assert format_minor(1234567, "JPY") == "JPY 1,234,567"
    assert format_minor(5, "KWD") == "KWD 0.005"
