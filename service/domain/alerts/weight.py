"""How much money sums in several currencies are, by one rough measure and without exchange rates.

Severity and order ask for no more than to tell a thousand dollars from a million. So each currency counts by
the power of ten of its units that come nearest to a dollar, and by one where they are within a factor of six:
what comes out is a number of dollars to an order of magnitude, and rather too high than too low, since too
late is worse than too early. Rates of some years' standing do for that; a currency that fell by a further
power of ten is one word in a table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from service.domain.money import exponent

CODES_BY_UNITS: Final = {
    10: "BOB BWP CNY CUP CZK DKK EGP ERN GHS GTQ HKD HNL LSL MAD MDL MOP MRU MUR MVR MXN NAD NIO NOK SBD "
    "SCR SEK SLE SRD STN SZL THB TJS TRY TTD TWD UAH UYU ZAR ZMW ZWG",
    100: "AFN ALL AMD BDT BTN CRC CVE DJF DOP DZD ETB GMD GYD HTG HUF INR ISK JMD JPY KES KGS KMF KZT LKR "
    "LRD MKD MZN NPR PHP PKR RSD RUB SDG SOS VES VUV XAF XOF XPF YER",
    1_000: "AOA ARS BIF CDF CLP COP IQD KHR KRW MGA MMK MNT MWK NGN RWF SSP TZS UGX",
    10_000: "GNF IDR LAK PYG SYP UZS VND",
    100_000: "IRR LBP",
}
"""Units that are about a dollar, of the currencies whose unit is worth far less than one."""

_UNITS_BY_CURRENCY: Final = {code: units for units, codes in CODES_BY_UNITS.items() for code in codes.split()}


def weight(money_at_risk: Mapping[str, int]) -> int:
    """Sums of minor units as dollars, to an order of magnitude."""
    return sum(
        abs(minor) // (10 ** exponent(currency) * _UNITS_BY_CURRENCY.get(currency, 1))
        for currency, minor in money_at_risk.items()
    )
