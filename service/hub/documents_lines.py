"""Lines of documents, and the total that the lines of a receivable make up.

Lines of the books are rounded one by one, amount and tax, as both platforms do. A line without a price is a
comment; one with a quantity and no price makes the total unknowable. A line without a rate that is known
makes the whole document `derived_net`: its total is then what the lines add up to before tax.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, TypeAlias

from service.domain.document import Basis, Line
from service.domain.money import AMOUNT_MAX, EXACT, AmountError, Minor, exponent, from_minor, rounded, tax_on
from service.hub.documents_fields import Payload, Unreadable, number, record, reference, text, whole

TaxRates: TypeAlias = Mapping[str, int]
"""Rates in percent times 100, by whatever a line may refer to them with."""

PERCENT: Final = Decimal(100)


@dataclass(frozen=True, slots=True)
class ReadLine:
    """A line, its exact net amount in minor units, and whether anything on it had to be rounded."""

    line: Line
    net: Decimal
    is_rounded: bool


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What lines make up; `tax_minor` is None if the tax is not known, and the total is then the net."""

    total: Minor
    net_minor: int | None
    tax_minor: int | None
    basis: Basis
    rounded_lines: int


def invoice_line(payload: Payload, currency: str, sign: int) -> ReadLine:
    """Read a line of a local receivable; its price is that of the product."""
    product = record(payload, "product")
    net = whole(payload, "total_before_vat")
    price = whole(record(product, "price"), "value")
    line = Line(
        description=text(product, "description"),
        quantity=number(payload, "quantity"),
        unit_amount=None if price is None else from_minor(price, currency),
        net_minor=None if net is None else sign * abs(net) if sign < 0 else net,
        tax_rate=whole(record(product, "vat_rate"), "value"),
        tax_rate_reference=text(product, "accounting_tax_rate_id"),
        ledger_account_id=text(product, "ledger_account_id"),
        product_id=text(product, "id"),
        product_name=text(product, "name"),
    )
    return _checked(line, price, has_discount=bool(record(payload, "discount")))


def bill_line(payload: Payload, currency: str) -> ReadLine:
    """Read a line of a local payable."""
    price = whole(payload, "unit_price")
    line = Line(
        description=text(payload, "description"),
        quantity=number(payload, "quantity"),
        unit_amount=None if price is None else from_minor(price, currency),
        net_minor=whole(payload, "subtotal"),
        tax_rate=whole(payload, "tax"),
        tax_rate_reference=text(payload, "accounting_tax_rate_id"),
        ledger_account_id=text(payload, "ledger_account_id"),
        product_name=text(payload, "name"),
    )
    return _checked(line, price, has_discount=False)


def _checked(line: Line, price_minor: int | None, *, has_discount: bool) -> ReadLine:
    """Tell whether a local line was rounded: its price times quantity, discount or tax is not whole."""
    net = Decimal(line.net_minor or 0)
    product = EXACT.multiply(line.quantity or Decimal(0), Decimal(price_minor or 0))
    is_rounded = has_discount or not _is_whole(product) or not _is_whole(tax_on(net, line.tax_rate or 0))
    return ReadLine(line, net, is_rounded)


def books_line(payload: Payload, position: int, currency: str, tax_rates: TaxRates) -> ReadLine:
    """Read a line of the books."""
    quantity, price = number(payload, "quantity"), number(payload, "unit_amount")
    if price is None and quantity:
        raise Unreadable(f"line {position} has a quantity but no price")
    gross = EXACT.multiply(Decimal(1) if quantity is None else quantity, price or Decimal(0))
    net = EXACT.scaleb(EXACT.subtract(gross, _discount(payload, gross)), exponent(currency))
    rate_name = reference(record(payload, "tax_rate_ref"), "id")
    rate = tax_rates.get(rate_name) if rate_name else None
    amount = rounded(net)
    line = Line(
        description=text(payload, "description"),
        quantity=quantity,
        unit_amount=price,
        net_minor=amount.amount,
        tax_rate=rate,
        tax_rate_reference=rate_name,
        ledger_account_id=reference(payload, "ledger_account_id"),
    )
    taxed = tax_on(Decimal(amount.amount), rate or 0)
    return ReadLine(line, net, not amount.is_exact or not _is_whole(taxed))


def _discount(payload: Payload, gross: Decimal) -> Decimal:
    """Return what is taken off: the amount if one is stated, else the percentage of it."""
    amount = number(payload, "discount_amount")
    if amount:
        return amount
    percentage = number(payload, "discount_percentage") or Decimal(0)
    return EXACT.divide(EXACT.multiply(gross, percentage), PERCENT)


def rebuilt(lines: Sequence[ReadLine]) -> Rebuilt:
    """Add up lines of the books: with tax if the rate of every line with an amount is known, else without."""
    net_minor = sum(each.line.net_minor or 0 for each in lines)
    exact = Decimal(0)
    for each in lines:
        exact = EXACT.add(exact, each.net)
    rounded_lines = sum(each.is_rounded for each in lines)
    if any(each.line.tax_rate is None and each.net for each in lines):
        unrounded = sum(not _is_whole(each.net) for each in lines)
        return Rebuilt(_minor(net_minor, exact), net_minor, None, Basis.DERIVED_NET, unrounded)
    tax_minor = 0
    for each in lines:
        rate = each.line.tax_rate or 0
        tax_minor += rounded(tax_on(Decimal(each.line.net_minor or 0), rate)).amount
        exact = EXACT.add(exact, tax_on(each.net, rate))
    total = _minor(net_minor + tax_minor, exact)
    return Rebuilt(total, net_minor, tax_minor, Basis.DERIVED, rounded_lines)


def _minor(amount: int, exact: Decimal) -> Minor:
    if abs(amount) > AMOUNT_MAX:
        raise AmountError("its lines add up to more than the largest amount")
    return Minor(amount, EXACT.subtract(exact, Decimal(amount)))


def _is_whole(amount: Decimal) -> bool:
    return amount == amount.to_integral_value()
