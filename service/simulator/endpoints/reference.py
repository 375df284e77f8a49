"""Payment records, tax rates, ledger accounts, products: what documents refer to."""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from service.simulator.calls import (
    Answer,
    Call,
    as_count,
    as_date,
    as_instant,
    as_text,
    as_truth,
    as_uuid,
    one_of,
    text_of,
)
from service.simulator.currencies import CURRENCIES
from service.simulator.filters import among, compared, containing, equal
from service.simulator.paging import Listing, serve
from service.simulator.parties import LedgerAccount, TaxRate
from service.simulator.payloads.accounting import ledger_account_payload, tax_rate_payload
from service.simulator.payloads.parties import product_payload
from service.simulator.payloads.payables import payment_record
from service.simulator.problems import invalid, not_found, refused

if TYPE_CHECKING:
    from collections.abc import Mapping

_CREATED, _UPDATED, _NAME = attrgetter("created_at"), attrgetter("updated_at"), attrgetter("name")
_EXTERNAL = equal("is_external", as_truth, attrgetter("is_external"))
_STATUSES = one_of(frozenset({"created", "processing", "succeeded", "canceled"}))
_OBJECT_TYPES = one_of(frozenset({"payable", "receivable"}))
_PRODUCT_TYPES = one_of(frozenset({"product", "service"}))
_PRODUCT_NAMES = text_of(100)
_CURRENCIES = one_of(CURRENCIES)


def _nothing(_: object) -> None:
    """Stand for fields that are never set here."""


PAYMENTS = Listing(
    "payments",
    {"paid_at": attrgetter("paid_at"), "amount": attrgetter("amount"), "overpaid_amount": lambda _: 0},
    _CREATED,
    (
        _EXTERNAL,
        equal("object_id", as_uuid, attrgetter("document_id")),
        among("object_id__in", as_uuid, attrgetter("document_id")),
        equal("object_type", _OBJECT_TYPES, attrgetter("object_type")),
        *compared("created_at", as_instant, _CREATED, ("gt", "lt")),
        *compared("updated_at", as_instant, _UPDATED, ("gt", "lt")),
        *compared("paid_at", as_instant, attrgetter("paid_at"), ("gt", "lt")),
        equal("planned_payment_date", as_date, _nothing),
        *compared("planned_payment_date", as_date, _nothing),
        equal("status", _STATUSES, attrgetter("status")),
        equal("payment_intent_status", as_text, _nothing),
        equal("payment_method", as_text, lambda _: "us_ach"),
    ),
)

TAX_RATES = Listing(
    "tax_rates", {"name": _NAME}, _CREATED, (_EXTERNAL,), limit_max=250, limit_default=250, resends_limit=True
)
LEDGER_ACCOUNTS = Listing(
    "ledger_accounts",
    {"name": _NAME},
    _CREATED,
    (_EXTERNAL,),
    limit_max=250,
    limit_default=250,
    resends_limit=True,
)
PRODUCTS = Listing(
    "products",
    {"name": _NAME},
    _CREATED,
    (
        among("id__in", as_uuid, attrgetter("id")),
        equal("name", _PRODUCT_NAMES, _NAME),
        *containing("name", _PRODUCT_NAMES, _NAME),
        equal("type", _PRODUCT_TYPES, attrgetter("type")),
        equal("price", as_count, attrgetter("price")),
        *compared("price", as_count, attrgetter("price")),
        equal("currency", _CURRENCIES, attrgetter("currency")),
        among("currency__in", _CURRENCIES, attrgetter("currency")),
        equal("measure_unit_id", as_uuid, _nothing),
        *compared("created_at", as_instant, _CREATED),
    ),
)

_RATE_MAX = 10_000


def list_payments(call: Call) -> Answer:
    """Answer `GET /payment-records`."""
    payments = call.organization.payments
    return serve(call, PAYMENTS, call.organization, lambda: list(payments.values()), payment_record)


def list_tax_rates(call: Call) -> Answer:
    """Answer `GET /accounting-tax-rates`: those of the last pull, and the internal ones."""
    organization = call.organization
    return serve(call, TAX_RATES, organization, lambda: _tax_rates(call).values(), tax_rate_payload)


def get_tax_rate(call: Call) -> Answer:
    """Answer `GET /accounting-tax-rates/{tax_rate_id}`."""
    return Answer(200, tax_rate_payload(_tax_rate(call)))


def create_tax_rate(call: Call) -> Answer:
    """Answer `POST /accounting-tax-rates`: an internal rate, which the books know nothing of."""
    content = call.json()
    rate = TaxRate(
        call.world.chance.uuid(),
        _text(content, "code"),
        _text(content, "name"),
        _rate(content, 0),
        call.now,
        call.now,
        description=content.get("description"),
        is_external=False,
    )
    call.organization.internal_tax_rates[rate.id] = rate
    call.organization.touch()
    return Answer(201, tax_rate_payload(rate))


def patch_tax_rate(call: Call) -> Answer:
    """Answer `PATCH /accounting-tax-rates/{tax_rate_id}`."""
    rate, content = _internal(call), call.json()
    changed = replace(
        rate,
        name=content.get("name", rate.name),
        code=content.get("code", rate.code),
        description=content.get("description", rate.description),
        rate=_rate(content, rate.rate),
        updated_at=call.now,
    )
    call.organization.internal_tax_rates[rate.id] = changed
    call.organization.touch()
    return Answer(200, tax_rate_payload(changed))


def delete_tax_rate(call: Call) -> Answer:
    """Answer `DELETE /accounting-tax-rates/{tax_rate_id}`."""
    del call.organization.internal_tax_rates[_internal(call).id]
    call.organization.touch()
    return Answer(204, None)


def list_ledger_accounts(call: Call) -> Answer:
    """Answer `GET /ledger-accounts`: those of the last pull, and the internal ones."""
    organization = call.organization
    return serve(
        call, LEDGER_ACCOUNTS, organization, lambda: _accounts(call).values(), ledger_account_payload
    )


def get_ledger_account(call: Call) -> Answer:
    """Answer `GET /ledger-accounts/{ledger_account_id}`."""
    account_id = call.id("ledger_account_id")
    account = _accounts(call).get(account_id)
    if account is None:
        raise not_found("Ledger account", account_id)
    return Answer(200, ledger_account_payload(account))


def create_ledger_account(call: Call) -> Answer:
    """Answer `POST /ledger-accounts`: an internal account."""
    content = call.json()
    account = LedgerAccount(
        call.world.chance.uuid(), _text(content, "name"), call.now, call.now, None, None,
        description=content.get("description"), is_external=False,
    )  # fmt: skip
    call.organization.internal_ledger_accounts[account.id] = account
    call.organization.touch()
    return Answer(201, ledger_account_payload(account))


def list_products(call: Call) -> Answer:
    """Answer `GET /products`."""
    organization = call.organization
    return serve(
        call,
        PRODUCTS,
        organization,
        lambda: list(organization.products.values()),
        lambda product: product_payload(organization, product),
    )


def get_product(call: Call) -> Answer:
    """Answer `GET /products/{product_id}`."""
    product_id = call.id("product_id")
    product = call.organization.products.get(product_id)
    if product is None:
        raise not_found("Product", product_id)
    return Answer(200, product_payload(call.organization, product))


def _tax_rates(call: Call) -> dict[str, TaxRate]:
    return {**call.organization.pulled.tax_rates, **call.organization.internal_tax_rates}


def _accounts(call: Call) -> dict[str, LedgerAccount]:
    return {**call.organization.pulled.ledger_accounts, **call.organization.internal_ledger_accounts}


def _tax_rate(call: Call) -> TaxRate:
    rate_id = call.id("tax_rate_id")
    rate = _tax_rates(call).get(rate_id)
    if rate is None:
        raise not_found("Tax rate", rate_id)
    return rate


def _internal(call: Call) -> TaxRate:
    rate = _tax_rate(call)
    if rate.is_external:
        raise refused(400, "Tax rates of the accounting system cannot be changed here.")
    return rate


def _text(content: Mapping[str, Any], name: str) -> str:
    value = content.get(name)
    if not isinstance(value, str):
        raise invalid(("body", name), "field required", "value_error.missing")
    return value


def _rate(content: Mapping[str, Any], default: int) -> int:
    value = content.get("effective_tax_rate", default)
    if not isinstance(value, int) or not 0 <= value <= _RATE_MAX:
        raise invalid(("body", "effective_tax_rate"), "value is not a valid integer", "type_error.integer")
    return value
