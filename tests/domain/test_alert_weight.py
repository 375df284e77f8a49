"""How much sums in several currencies are: dollars, to an order of magnitude."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from service.domain.alerts.text import amounts
from service.domain.alerts.weight import CODES_BY_UNITS, weight
from service.domain.money import is_known


@pytest.mark.parametrize(
    ("money", "dollars"),
    [
        ({"USD": 123_450}, 1_234),
        ({"EUR": 100_000_00}, 100_000),
        ({"GBP": -5_000_00}, 5_000),
        ({"IDR": 10_000_000}, 10),
        ({"VND": 2_600_000}, 260),
        ({"KRW": 14_000_000}, 14_000),
        ({"JPY": 10_000_000}, 100_000),
        ({"INR": 8_500_000_00}, 85_000),
        ({"MXN": 1_800_000_00}, 180_000),
        ({"KWD": 30_000_000}, 30_000),
        ({"USD": 1_00, "JPY": 200, "CZK": 30_00}, 6),
        ({"???": 7_00}, 7),
        ({}, 0),
    ],
    ids=str,
)
def test_sums_count_as_dollars(money: Mapping[str, int], dollars: int) -> None:
    """A sum counts by the decimals of its currency, and by how many of its units are about a dollar."""
    assert weight(money) == dollars


def test_the_largest_sum_is_that_which_is_worth_most() -> None:
    """Ten thousand pounds stand before a hundred thousand rupiah, however many digits these have."""
    assert amounts({"IDR": 100_000_00, "GBP": 10_000_00}) == "10,000.00 GBP and 100,000.00 IDR"


def test_every_currency_stands_once_and_in_iso_4217() -> None:
    """The table names no currency twice, and none that money does not know."""
    codes = [code for each in CODES_BY_UNITS.values() for code in each.split()]
    assert len(codes) == len(set(codes))
    assert [code for code in codes if not is_known(code)] == []
