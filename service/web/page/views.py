"""The pages that show something: each reads what its template needs, in one transaction, and renders it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from starlette.responses import Response

from service.domain.alerts.alert import Severity
from service.domain.document import Ledger
from service.domain.record_state import FAILED, State
from service.errors import DatabaseError
from service.store.answers import list_differences, list_organizations_in_need
from service.store.balances import list_balances
from service.store.database import Connection
from service.store.document_names import (
    DocumentName,
    document_key,
    get_document_name,
    list_fleet_document_names,
    list_local_document_names,
)
from service.store.fleet_samples import FleetSample, list_fleet_samples
from service.store.organizations import list_organization_names
from service.store.set_aside import count_set_aside
from service.store.status import get_database_state, sum_money_at_risk
from service.web.api import (
    alerts,
    causes,
    differences,
    events,
    organizations,
    records,
    status,
    status_then,
    unreadable,
)
from service.web.dispatch import as_json
from service.web.page import searching, wording
from service.web.page.rendering import filters_of, next_page, render
from service.web.page.statements import last_ended
from service.web.page.stories import timeline
from service.web.paging import Page
from service.web.problems import not_found
from service.web.route import Asked

NEEDY_MAX = 12
ALERTS_READ = 100
ALERTS_SHOWN = 6
"""The gravest of the newest ones."""

TREND = timedelta(days=2)
TREND_POINTS = 96
"""Of history: half an hour each, once there are two days of it."""

CAUSES_SHOWN = 8
DIFFERENCES_SHOWN = 100
BALANCES_SHOWN = 100
MEMBERS_SHOWN = 50
"""Of an alert's organizations."""
UNREADABLE_SHOWN = 20
"""One reason mostly stands behind all of them; the API lists each."""


async def overview(asked: Asked) -> Response:
    """Show the fleet at a glance: is it well, what is at risk, whose turn is it."""
    bound = asked.who.organization_id
    async with asked.rows() as connection:
        told = await status.load(connection, asked.service, bound)
        risk = await sum_money_at_risk(connection, bound)
        aside = await count_set_aside(connection, bound)
        needy = await list_organizations_in_need(connection, NEEDY_MAX)
        firing = await alerts.load(connection, asked, status="firing", limit=ALERTS_READ)
        trend = await list_fleet_samples(connection, TREND, TREND_POINTS)
    failing = sum(told.records.state[state] for state in FAILED)
    present = FleetSample(
        taken_at=told.as_of,
        failing=failing,
        waiting=told.records.state[State.WAITING],
        differences=told.differences.open - told.differences.expected,
    )
    return render(
        "overview.html",
        asked,
        now=told.as_of,
        active="/",
        told=told,
        failing=failing,
        aside=sum(aside.values()),
        risk=risk,
        causes=told.causes[:CAUSES_SHOWN],
        needy=needy,
        trend=[*trend, present] if trend else (),
        firing=sorted(firing, key=lambda alert: -Severity(alert.severity).rank)[:ALERTS_SHOWN],
    )


async def service_status(asked: Asked) -> Response:
    """Answer `/status`: JSON, or for a browser the same on a page; what was known once, as JSON alone."""
    if asked.query["as_of"] is not None:
        return as_json(await status_then.get(asked))
    is_page = wants_page(asked)
    try:
        async with asked.rows(is_watch=True) as connection:
            told = await status.load(connection, asked.service, asked.who.organization_id)
    except DatabaseError:
        blind = status.blind(asked.service.version)
        if is_page:
            raise
        return as_json(blind, 503)
    if not is_page:
        return as_json(told)
    return render("status.html", asked, now=told.as_of, active="/status", told=told)


async def list_organizations(asked: Asked) -> Response:
    """Show organizations by name."""
    searching.require_now(asked)
    return await show_list("organizations.html", "/organizations", asked, organizations.list_them)


async def show_organization(asked: Asked) -> Response:
    """Show one organization: its connection, its records, its balance to the cent."""
    organization_id = asked.path["organization_id"]
    async with asked.rows() as connection:
        found = await organizations.load(connection, organization_id)
        if not found:
            raise not_found("organization")
        now = (await get_database_state(connection))["now"]
        own_causes = await causes.load(connection, CAUSES_SHOWN, organization_id)
        balances = await list_balances(connection, organization_id, None, BALANCES_SHOWN)
        rows = await list_differences(
            connection, organization_id=organization_id, is_open=True, limit=DIFFERENCES_SHOWN
        )
        shown = sorted(await differences.named(connection, rows), key=_weight)
        failing = [(each.ledger, each.document_id) for each in found[0].readiness or () if each.document_id]
        names = await list_local_document_names(connection, organization_id, failing)
        unread = await unreadable.load(connection, organization_id, UNREADABLE_SHOWN + 1)
    return render(
        "organization.html",
        asked,
        now=now,
        active="/organizations",
        organization=found[0],
        causes=own_causes,
        balances=sorted(map(differences.balance_of, balances), key=_as_accountants_read),
        differences=shown,
        differences_max=DIFFERENCES_SHOWN,
        names=names,
        findings=sum(each.documents for each in found[0].readiness_totals or ()),
        unreadable=unread[:UNREADABLE_SHOWN],
        has_more_unreadable=len(unread) > UNREADABLE_SHOWN,
        last_month=last_ended(now),
    )


async def list_records(asked: Asked) -> Response:
    """Show records by filter."""
    return await show_list("records.html", "", asked, records.list_them, _document_names)


async def show_record(asked: Asked) -> Response:
    """Show one record with its whole story."""
    async with asked.rows() as connection:
        story = await records.load(connection, asked.path["record_id"])
        if story is None:
            raise not_found("record")
        now = (await get_database_state(connection))["now"]
        owning = await organizations.load(connection, story.organization_id)
        name = await get_document_name(connection, story.organization_id, story.object_type, story.object_id)
    return render(
        "record.html",
        asked,
        now=now,
        record=story,
        name=name,
        organization=owning[0] if owning else None,
        moments=timeline(story),
        is_failing=story.state in FAILED,
        decisions=wording.DECISIONS,
    )


async def list_all_differences(asked: Asked) -> Response:
    """Show differences by filter; those still open unless asked otherwise."""
    return await show_list("differences.html", "/differences", asked, differences.list_them)


async def list_alerts(asked: Asked) -> Response:
    """Show alerts, and what a person may say to them."""
    return await show_list("alerts.html", "/alerts", asked, alerts.list_them)


async def show_alert(asked: Asked) -> Response:
    """Show one alert: where the links of messages lead."""
    async with asked.rows() as connection:
        alert = await alerts.load_one(connection, asked, asked.path["alert_id"])
        members = alert.organizations[:MEMBERS_SHOWN] if alert else ()
        names = await list_organization_names(connection, members)
        now = (await get_database_state(connection))["now"]
    if alert is None:
        raise not_found("alert")
    shown = [(each, names[each]) for each in members if each in names]
    return render("alert.html", asked, now=now, alert=alert, members=shown, active="/alerts")


async def list_events(asked: Asked) -> Response:
    """Show the ledger of webhooks."""
    return await show_list("events.html", "/events", asked, events.list_them)


def wants_page(asked: Asked) -> bool:
    """Whether a browser asks."""
    return "text/html" in asked.request.headers.get("accept", "")


async def _no_names(_connection: Connection, _rows: Sequence[object]) -> Mapping[str, DocumentName]:
    return {}


async def _document_names(
    connection: Connection, rows: Sequence[records.Record]
) -> Mapping[str, DocumentName]:
    """What people call the documents that synced records are of, by the record's id."""
    asked = [(str(row.id), document_key(row.organization_id, row.object_type, row.object_id)) for row in rows]
    keys = {record_id: key for record_id, key in asked if key is not None}
    names = await list_fleet_document_names(connection, set(keys.values()))
    return {record_id: names[key] for record_id, key in keys.items() if key in names}


async def show_list(
    template: str,
    active: str,
    asked: Asked,
    read: Callable[[Asked], Awaitable[Page[Any]]],
    names_of: Callable[[Connection, Sequence[Any]], Awaitable[Mapping[str, DocumentName]]] = _no_names,
) -> Response:
    """Show one page of a list; `names_of` tells what documents its rows are of, by the rows' ids."""
    async with asked.at_once() as at_once, at_once.rows() as connection:
        page = await read(at_once)
        organizations = await _names_of(connection, asked, page.data)
        names = await names_of(connection, page.data)
        now = (await get_database_state(connection))["now"]
    filters: Mapping[str, str] = filters_of(asked)
    return render(
        template,
        asked,
        now=now,
        active=active,
        rows=page.data,
        next=next_page(asked, page.next),
        filters=filters,
        organizations=organizations,
        names=names,
        is_first="after" not in asked.request.query_params,
    )


async def _names_of(connection: Connection, asked: Asked, rows: Sequence[object]) -> Mapping[str, str]:
    """Name the organizations that rows are of, and the one that was asked for."""
    found: set[UUID | None] = {getattr(row, "organization_id", None) for row in rows}
    found.add(asked.query.get("organization_id"))
    named = await list_organization_names(connection, [each for each in found if each is not None])
    return {str(organization_id): name for organization_id, name in named.items()}


def _as_accountants_read(balance: differences.Balance) -> tuple[bool, str]:
    """Receivables before payables, each by currency."""
    return balance.ledger != Ledger.RECEIVABLE, balance.currency


def _weight(difference: differences.Difference) -> tuple[bool, int, str]:
    """What needs somebody comes first, then what is larger."""
    return (difference.expected, -abs(difference.delta_minor), str(difference.id))
