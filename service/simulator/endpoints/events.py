"""Webhook subscriptions, the events they caught, and what became of deliveries."""

from __future__ import annotations

from operator import attrgetter
from typing import Any
from urllib.parse import urlsplit

from service.simulator.calls import Answer, Call, as_instant, as_text, as_uuid, one_of
from service.simulator.filters import compared, equal
from service.simulator.paging import Listing, serve
from service.simulator.payloads.events import event_payload
from service.simulator.problems import invalid, not_found
from service.simulator.webhooks import Delivery, Subscription

OBJECT_TYPES = frozenset({
    "account", "accounting_connection", "approval", "approval_request", "approval_policy",
    "approval_policy_process", "batch_payment", "comment", "counterpart", "counterpart_address",
    "counterpart_bank_account", "counterpart_contact_person", "counterpart_partner_metadata",
    "counterpart_tax_id", "entity", "entity_bank_account", "entity_settings", "entity_user", "export",
    "overdue_reminder", "partner_settings", "payable", "payables_credit_note", "payables_purchase_order",
    "payable.line_item", "payment", "payment_intent", "payment_link", "payment_reminder", "product",
    "project", "receivable", "recurrence", "role", "tag", "todo_task", "workflow", "workflow_pipeline",
    "ocr_task", "delivery_note", "receipt", "transaction",
})  # fmt: skip
URL_CHARACTERS_MAX = 2083
BODY = frozenset({"object_type", "event_types", "url"})

_CREATED, _UPDATED = attrgetter("created_at"), attrgetter("updated_at")
_TYPE = one_of(OBJECT_TYPES)

SUBSCRIPTIONS = Listing(
    "subscriptions",
    {"created_at": _CREATED, "updated_at": _UPDATED},
    _CREATED,
    (equal("object_type", _TYPE, attrgetter("object_type")), *compared("created_at", as_instant, _CREATED)),
)
EVENTS = Listing(
    "events",
    {"created_at": _CREATED, "updated_at": _CREATED},
    _CREATED,
    (equal("object_type", _TYPE, attrgetter("object_type")), *compared("created_at", as_instant, _CREATED)),
)
DELIVERIES = Listing(
    "deliveries",
    {"created_at": _CREATED, "updated_at": _CREATED},
    _CREATED,
    (
        equal("event_id", as_uuid, attrgetter("event.id")),
        equal("object_type", _TYPE, attrgetter("event.object_type")),
        equal("event_action", as_text, attrgetter("event.action")),
        *compared("created_at", as_instant, _CREATED),
    ),
)


def list_subscriptions(call: Call) -> Answer:
    """Answer `GET /webhook-subscriptions`, without secrets."""
    webhooks = call.world.webhooks
    return serve(call, SUBSCRIPTIONS, webhooks, lambda: list(webhooks.subscriptions.values()), _show)


def create_subscription(call: Call) -> Answer:
    """Answer `POST /webhook-subscriptions`; the secret is shown now and never again."""
    content = call.json_of(BODY)
    subscription = Subscription(
        call.world.chance.uuid(),
        _object_type(content.get("object_type")),
        _event_types(content.get("event_types")),
        _url(call, content.get("url")),
        _secret(call),
        call.now,
        call.now,
    )
    call.world.webhooks.subscriptions[subscription.id] = subscription
    call.world.webhooks.touch()
    return Answer(201, {**_show(subscription), "secret": subscription.secret})


def get_subscription(call: Call) -> Answer:
    """Answer `GET /webhook-subscriptions/{webhook_subscription_id}`."""
    return Answer(200, _show(_named(call)))


def patch_subscription(call: Call) -> Answer:
    """Answer `PATCH /webhook-subscriptions/{webhook_subscription_id}`."""
    subscription, content = _named(call), call.json_of(BODY)
    if content.get("object_type") is not None:
        subscription.object_type = _object_type(content["object_type"])
    if content.get("event_types") is not None:
        subscription.event_types = _event_types(content["event_types"])
    if content.get("url") is not None:
        subscription.url = _url(call, content["url"])
    return Answer(200, _show(_changed(call, subscription)))


def delete_subscription(call: Call) -> Answer:
    """Answer `DELETE /webhook-subscriptions/{webhook_subscription_id}`."""
    subscription = _named(call)
    subscription.status = "disabled"
    del call.world.webhooks.subscriptions[subscription.id]
    call.world.webhooks.touch()
    return Answer(204, None)


def enable_subscription(call: Call) -> Answer:
    """Answer `POST …/enable`."""
    subscription = _named(call)
    subscription.status = "enabled"
    return Answer(200, _show(_changed(call, subscription)))


def disable_subscription(call: Call) -> Answer:
    """Answer `POST …/disable`."""
    subscription = _named(call)
    subscription.status = "disabled"
    return Answer(200, _show(_changed(call, subscription)))


def regenerate_secret(call: Call) -> Answer:
    """Answer `POST …/regenerate-secret`; the old secret stops at once."""
    subscription = _named(call)
    subscription.secret = _secret(call)
    return Answer(200, {**_show(_changed(call, subscription)), "secret": subscription.secret})


def list_events(call: Call) -> Answer:
    """Answer `GET /events`: those of one organization that a subscription caught."""
    webhooks, organization_id = call.world.webhooks, call.organization.id
    events = webhooks.mailbag(organization_id).events
    return serve(
        call,
        EVENTS,
        webhooks,
        lambda: list(events.values()),
        lambda event: event_payload(call.world, event, call.api_version),
        scope=organization_id,
    )


def get_event(call: Call) -> Answer:
    """Answer `GET /events/{event_id}`, at partner level."""
    event_id = call.id("event_id")
    webhooks = call.world.webhooks
    organization_id = webhooks.organization_by_event.get(event_id)
    if organization_id is None:
        raise not_found("Event", event_id)
    return Answer(
        200, event_payload(call.world, webhooks.mailbag(organization_id).events[event_id], call.api_version)
    )


def list_deliveries(call: Call) -> Answer:
    """Answer `GET /webhook-deliveries`."""
    webhooks, organization_id = call.world.webhooks, call.organization.id
    deliveries = webhooks.mailbag(organization_id).deliveries
    return serve(
        call, DELIVERIES, webhooks, lambda: list(deliveries.values()), _show_delivery, scope=organization_id
    )


def _show(subscription: Subscription) -> dict[str, Any]:
    return {
        "id": subscription.id,
        "object_type": subscription.object_type,
        "event_types": list(subscription.event_types),
        "status": subscription.status,
        "url": subscription.url,
    }


def _show_delivery(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "event_id": delivery.event.id,
        "url": delivery.subscription.url,
        "requests_made_count": delivery.requests_made_count,
        "response": delivery.response,
        "response_status_code": delivery.response_status_code,
        "was_successful": delivery.was_successful,
    }


def _named(call: Call) -> Subscription:
    subscription_id = call.id("webhook_subscription_id")
    subscription = call.world.webhooks.subscriptions.get(subscription_id)
    if subscription is None:
        raise not_found("Webhook subscription", subscription_id)
    return subscription


def _changed(call: Call, subscription: Subscription) -> Subscription:
    subscription.updated_at = call.now
    call.world.webhooks.touch()
    return subscription


def _secret(call: Call) -> str:
    return f"whsec_{call.world.chance.uuid().replace('-', '')}"


def _object_type(value: object) -> str:
    if not isinstance(value, str):
        raise invalid(("body", "object_type"), "field required", "value_error.missing")
    return _TYPE(value, ("body", "object_type"))


def _event_types(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise invalid(("body", "event_types"), "value is not a valid list", "type_error.list")
    return tuple(value)


def _url(call: Call, value: object) -> str:
    where = ("body", "url")
    if not isinstance(value, str) or not 1 <= len(value) <= URL_CHARACTERS_MAX:
        raise invalid(where, "invalid or missing URL", "value_error.url")
    parts = urlsplit(value)
    schemes = {"https"} if call.world.behaviour.webhook_https_only else {"https", "http"}
    if parts.scheme not in schemes or not parts.hostname:
        raise invalid(where, "invalid URL scheme or host", "value_error.url.scheme")
    return value
