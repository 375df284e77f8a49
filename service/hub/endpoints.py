"""Every address of the hub that the service calls, once.

The name is what metrics, logs and errors say; it holds no id, so that labels stay bounded. `page_max` is the
largest page that the hub documents: calls are what is scarce, so pages are as large as they may be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address: the name people see, the method, the path in the underscored spelling."""

    name: str
    method: str
    path: str
    page_max: int = 0

    @property
    def doing(self) -> str:
        """The name in words, as an error begins."""
        return self.name.replace("_", " ")

    @property
    def is_proof(self) -> bool:
        """Whether it tells of documents, or of one record: what proves how pushes ended, and is compared."""
        return self.name in _PROOFS

    @property
    def is_read(self) -> bool:
        """Whether asking twice is as good as asking once."""
        return self.method == "GET"


TOKEN: Final = Endpoint("sign_in", "POST", "/auth/token")

ORGANIZATIONS: Final = Endpoint("list_organizations", "GET", "/entities", 100)
ORGANIZATION: Final = Endpoint("get_organization", "GET", "/entities/{}")
ORGANIZATION_SETTINGS: Final = Endpoint("get_settings", "GET", "/entities/{}/settings")

SUBSCRIPTIONS: Final = Endpoint("list_subscriptions", "GET", "/webhook_subscriptions", 100)
SUBSCRIPTION_CREATE: Final = Endpoint("create_subscription", "POST", "/webhook_subscriptions")
SUBSCRIPTION_DELETE: Final = Endpoint("delete_subscription", "DELETE", "/webhook_subscriptions/{}")
SUBSCRIPTION_ENABLE: Final = Endpoint("enable_subscription", "POST", "/webhook_subscriptions/{}/enable")
SUBSCRIPTION_DISABLE: Final = Endpoint("disable_subscription", "POST", "/webhook_subscriptions/{}/disable")
SUBSCRIPTION_SECRET: Final = Endpoint(
    "regenerate_secret", "POST", "/webhook_subscriptions/{}/regenerate_secret"
)

CONNECTIONS: Final = Endpoint("list_connections", "GET", "/accounting_connections")
CONNECTION: Final = Endpoint("get_connection", "GET", "/accounting_connections/{}")
CONNECTION_CREATE: Final = Endpoint("create_connection", "POST", "/accounting_connections")
CONNECTION_DISCONNECT: Final = Endpoint("disconnect", "POST", "/accounting_connections/{}/disconnect")
CONNECTION_SYNC: Final = Endpoint("sync", "POST", "/accounting_connections/{}/sync")

RECORDS: Final = Endpoint("list_records", "GET", "/accounting_synced_records", 250)
RECORD: Final = Endpoint("get_record", "GET", "/accounting_synced_records/{}")
RECORD_PUSH: Final = Endpoint("push_record", "POST", "/accounting_synced_records/{}/push")

BOOKS_RECEIVABLES: Final = Endpoint("list_books_receivables", "GET", "/accounting/receivables", 500)
BOOKS_RECEIVABLE: Final = Endpoint("get_books_receivable", "GET", "/accounting/receivables/{}")
BOOKS_PAYABLES: Final = Endpoint("list_books_payables", "GET", "/accounting/payables", 500)
BOOKS_PAYABLE: Final = Endpoint("get_books_payable", "GET", "/accounting/payables/{}")

RECEIVABLES: Final = Endpoint("list_receivables", "GET", "/receivables", 250)
RECEIVABLE: Final = Endpoint("get_receivable", "GET", "/receivables/{}")
PAYABLES: Final = Endpoint("list_payables", "GET", "/payables", 100)
PAYABLE: Final = Endpoint("get_payable", "GET", "/payables/{}")
PAYABLE_LINES: Final = Endpoint("list_payable_lines", "GET", "/payables/{}/line_items", 100)
PAYMENT_RECORDS: Final = Endpoint("list_payment_records", "GET", "/payment_records", 100)

TAX_RATES: Final = Endpoint("list_tax_rates", "GET", "/accounting_tax_rates", 250)
LEDGER_ACCOUNTS: Final = Endpoint("list_ledger_accounts", "GET", "/ledger_accounts", 250)
PRODUCTS: Final = Endpoint("list_products", "GET", "/products", 100)
COUNTERPARTS: Final = Endpoint("list_counterparts", "GET", "/counterparts", 100)

EVENTS: Final = Endpoint("list_events", "GET", "/events", 100)

PURPOSES: Final[Mapping[str, tuple[Endpoint, ...]]] = {
    "sign_in": (TOKEN,),
    "organizations": (ORGANIZATIONS, ORGANIZATION, ORGANIZATION_SETTINGS),
    "webhooks": (
        SUBSCRIPTIONS,
        SUBSCRIPTION_CREATE,
        SUBSCRIPTION_DELETE,
        SUBSCRIPTION_ENABLE,
        SUBSCRIPTION_DISABLE,
        SUBSCRIPTION_SECRET,
        EVENTS,
    ),
    "connections": (
        CONNECTIONS,
        CONNECTION,
        CONNECTION_CREATE,
        CONNECTION_DISCONNECT,
        CONNECTION_SYNC,
    ),
    "records": (RECORDS, RECORD),
    "push": (RECORD_PUSH,),
    "books": (BOOKS_RECEIVABLES, BOOKS_RECEIVABLE, BOOKS_PAYABLES, BOOKS_PAYABLE),
    "documents": (RECEIVABLES, RECEIVABLE, PAYABLES, PAYABLE, PAYABLE_LINES, PAYMENT_RECORDS),
    "reference": (TAX_RATES, LEDGER_ACCOUNTS, PRODUCTS, COUNTERPARTS),
}
"""What calls are spent on, as metrics and traces group them."""

_PROOFS: Final = frozenset(each.name for each in (RECORD, *PURPOSES["books"], *PURPOSES["documents"]))

_PURPOSE_BY_NAME: Final = {
    endpoint.name: purpose for purpose, group in PURPOSES.items() for endpoint in group
}


def purpose_of(name: str) -> str:
    """What a call of this endpoint is spent on."""
    return _PURPOSE_BY_NAME[name]
