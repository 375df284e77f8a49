"""The table of endpoints, and finding one by method and path, or refusing with 404 or 405.

Templates are written in Tesouro's spelling. `Scope` says what a request must bring besides the version
header.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from service.simulator.endpoints import (
    accounting,
    auth,
    connections,
    counterparts,
    entities,
    events,
    payables,
    receivables,
    records,
    reference,
    transactions,
)
from service.simulator.problems import refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.simulator.calls import Endpoint
    from service.simulator.dialects import Spelling


class Scope(StrEnum):
    """What an endpoint asks for: nothing, a token, or a token and an organization."""

    OPEN = "open"
    PARTNER = "partner"
    ORGANIZATION = "organization"


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint."""

    method: str
    template: str
    endpoint: Endpoint
    scope: Scope = Scope.ORGANIZATION

    @property
    def name(self) -> str:
        """How journal and faults call it."""
        return f"{self.method} {self.template}"


_WEBHOOK = "/webhook-subscriptions/{webhook_subscription_id}"
_CONNECTION = "/accounting-connections/{connection_id}"
_OPEN, _PARTNER = Scope.OPEN, Scope.PARTNER

ROUTES = (
    Route("POST", "/auth/token", auth.give_token, _OPEN),
    Route("POST", "/auth/revoke", auth.revoke_token, _OPEN),
    Route("POST", "/openid/connect/token", auth.give_token_by_form, _OPEN),
    Route("GET", "/entities", entities.list_entities, _PARTNER),
    Route("POST", "/entities", entities.create_entity, _PARTNER),
    Route("GET", "/entities/{entity_id}", entities.get_entity, _PARTNER),
    Route("PATCH", "/entities/{entity_id}", entities.patch_entity, _PARTNER),
    Route("GET", "/entities/{entity_id}/settings", entities.get_settings, _PARTNER),
    Route("PATCH", "/entities/{entity_id}/settings", entities.patch_settings, _PARTNER),
    Route("GET", "/accounting-connections", connections.list_connections),
    Route("POST", "/accounting-connections", connections.create_connection),
    Route("GET", _CONNECTION, connections.get_connection),
    Route("POST", f"{_CONNECTION}/disconnect", connections.disconnect),
    Route("POST", f"{_CONNECTION}/sync", connections.synchronise),
    Route("GET", "/accounting-synced-records", records.list_records),
    Route("GET", "/accounting-synced-records/{synced_record_id}", records.get_record),
    Route("POST", "/accounting-synced-records/{synced_record_id}/push", records.push_record),
    Route("GET", "/accounting/payables", accounting.list_payables),
    Route("GET", "/accounting/payables/{payable_id}", accounting.get_payable),
    Route("GET", "/accounting/receivables", accounting.list_receivables),
    Route("GET", "/accounting/receivables/{invoice_id}", accounting.get_receivable),
    Route("GET", "/receivables", receivables.list_receivables),
    Route("GET", "/receivables/{receivable_id}", receivables.get_receivable),
    Route("GET", "/receivables/{receivable_id}/history", receivables.get_history),
    Route("GET", "/payables", payables.list_payables),
    Route("GET", "/payables/{payable_id}", payables.get_payable),
    Route("GET", "/payables/{payable_id}/line-items", payables.list_lines),
    Route("GET", "/payables/{payable_id}/history", payables.get_history),
    Route("GET", "/payable-credit-notes", payables.list_credit_notes),
    Route("GET", "/payment-records", reference.list_payments),
    Route("GET", "/accounting-tax-rates", reference.list_tax_rates),
    Route("POST", "/accounting-tax-rates", reference.create_tax_rate),
    Route("GET", "/accounting-tax-rates/{tax_rate_id}", reference.get_tax_rate),
    Route("PATCH", "/accounting-tax-rates/{tax_rate_id}", reference.patch_tax_rate),
    Route("DELETE", "/accounting-tax-rates/{tax_rate_id}", reference.delete_tax_rate),
    Route("GET", "/ledger-accounts", reference.list_ledger_accounts),
    Route("POST", "/ledger-accounts", reference.create_ledger_account),
    Route("GET", "/ledger-accounts/{ledger_account_id}", reference.get_ledger_account),
    Route("GET", "/products", reference.list_products),
    Route("GET", "/products/{product_id}", reference.get_product),
    Route("GET", "/counterparts", counterparts.list_counterparts),
    Route("GET", "/counterparts/{counterpart_id}", counterparts.get_counterpart),
    Route("GET", "/counterparts/{counterpart_id}/addresses", counterparts.list_addresses),
    Route("GET", "/webhook-subscriptions", events.list_subscriptions, _PARTNER),
    Route("POST", "/webhook-subscriptions", events.create_subscription, _PARTNER),
    Route("GET", _WEBHOOK, events.get_subscription, _PARTNER),
    Route("PATCH", _WEBHOOK, events.patch_subscription, _PARTNER),
    Route("DELETE", _WEBHOOK, events.delete_subscription, _PARTNER),
    Route("POST", f"{_WEBHOOK}/enable", events.enable_subscription, _PARTNER),
    Route("POST", f"{_WEBHOOK}/disable", events.disable_subscription, _PARTNER),
    Route("POST", f"{_WEBHOOK}/regenerate-secret", events.regenerate_secret, _PARTNER),
    Route("GET", "/webhook-deliveries", events.list_deliveries),
    Route("GET", "/events", events.list_events),
    Route("GET", "/events/{event_id}", events.get_event, _PARTNER),
    Route("GET", "/transactions", transactions.list_transactions),
    Route("POST", "/transactions", transactions.create_transaction),
    Route("POST", "/transactions/bulk", transactions.create_transactions),
    Route("GET", "/transactions/validations", transactions.get_requirements),
    Route("PUT", "/transactions/validations", transactions.put_requirements),
    Route("GET", "/transactions/{transaction_id}", transactions.get_transaction),
    Route("POST", "/transactions/{transaction_id}/validate", transactions.validate_transaction),
)


class Router:
    """Finds routes by the number of path parts, then part by part; fixed parts win over named ones."""

    def __init__(self, spelling: Spelling) -> None:
        self._routes: dict[int, list[tuple[tuple[str, ...], Route]]] = {}
        for route in ROUTES:
            parts = tuple(spelling.path(route.template).split("/")[1:])
            self._routes.setdefault(len(parts), []).append((parts, route))
        for found in self._routes.values():
            found.sort(key=lambda entry: sum(part.startswith("{") for part in entry[0]))

    def find(self, method: str, path: str) -> tuple[Route, Mapping[str, str]]:
        """Return the route of a request and the values of its path, or refuse."""
        given = path.split("/")[1:]
        is_known = False
        for parts, route in self._routes.get(len(given), ()):
            values = _match(parts, given)
            if values is None:
                continue
            if route.method == method:
                return route, values
            is_known = True
        raise refused(405, "Method Not Allowed") if is_known else refused(404, "Not Found")


def _match(parts: tuple[str, ...], given: list[str]) -> dict[str, str] | None:
    values: dict[str, str] = {}
    for part, text in zip(parts, given, strict=True):
        if part.startswith("{"):
            if not text:
                return None
            values[part[1:-1]] = text
        elif part != text:
            return None
    return values
