"""The routes of the page, part of the one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from service.domain.comparing.difference_kind import Kind as DifferenceKind
from service.domain.document import Ledger
from service.domain.record_state import State
from service.settings import Role
from service.web.api import alerts, events
from service.web.page import actions, assets, causes, login, retries, runbook, statements, views
from service.web.page.searching import CONNECTION, NAME
from service.web.parameters import AS_OF, ORGANIZATION, PAGING, Parameter, a_flag, any_word, one_of
from service.web.route import Handler, Kind, Route

status = views.service_status


def _page(path: str, handler: Handler, summary: str, *parameters: Parameter) -> Route:
    return Route(
        method="GET",
        path=path,
        handler=handler,
        summary=summary,
        kind=Kind.PAGE,
        parameters=parameters,
        media_type="text/html",
    )


def _action(path: str, handler: Handler, summary: str, role: Role) -> Route:
    return Route(
        method="POST",
        path=path,
        handler=handler,
        summary=summary,
        role=role,
        kind=Kind.PAGE,
        is_form=True,
        media_type="text/html",
        status=303,
        errors=(404,),
    )


ROUTES: Sequence[Route] = (
    _page("/", views.overview, "The fleet at a glance"),
    _page("/organizations", views.list_organizations, "Organizations", NAME, CONNECTION, *PAGING, AS_OF),
    _page("/organizations/{organization_id:uuid}", views.show_organization, "One organization"),
    _page(
        "/organizations/{organization_id:uuid}/statements/{period}",
        statements.show,
        "A month-end tie-out",
        AS_OF,
    ),
    _action(
        "/organizations/{organization_id:uuid}/statements/{period}/sign",
        statements.sign,
        "Sign a month-end tie-out",
        Role.OPERATOR,
    ),
    _page(
        "/records",
        views.list_records,
        "Records",
        ORGANIZATION,
        any_word("object_type", "Only this type of object."),
        any_word("sync_status", "Only what the hub gives this status."),
        one_of("state", State, "Only records in this state."),
        any_word("cause", "Only records that fail for this cause."),
        *PAGING,
        AS_OF,
    ),
    _page("/records/{record_id:uuid}", views.show_record, "One record, its whole story"),
    _action("/records/{record_id:uuid}/override", actions.decide, "Decide about one record", Role.OPERATOR),
    _page("/causes", causes.list_them, "Why pushes fail", ORGANIZATION, *PAGING),
    _page("/causes/{cause}", causes.show, "One cause, and what ends it", ORGANIZATION),
    _page("/retries", retries.list_them, "Planned retries", ORGANIZATION, *PAGING),
    _page("/retries/{retry_id:uuid}", retries.show, "One planned retry"),
    _action("/retries", retries.plan, "Plan a retry", Role.OPERATOR),
    _action("/retries/{retry_id:uuid}/apply", retries.apply, "Apply the plan that is shown", Role.OPERATOR),
    _action("/retries/{retry_id:uuid}/cancel", retries.cancel, "Take back what was not sent", Role.OPERATOR),
    _page(
        "/differences",
        views.list_all_differences,
        "Differences",
        ORGANIZATION,
        one_of("ledger", Ledger, "Only this ledger."),
        one_of("kind", DifferenceKind, "Only differences of this kind."),
        a_flag("expected", "Only expected ones, or only the others."),
        a_flag("open", "Only those still there, or only those resolved."),
        *PAGING,
    ),
    _page(
        "/alerts",
        views.list_alerts,
        "Alerts",
        ORGANIZATION,
        one_of("status", alerts.SHOWN, "Only those that fire, or did."),
        *PAGING,
    ),
    _page("/alerts/{alert_id:uuid}", views.show_alert, "One alert"),
    _page(
        "/events",
        views.list_events,
        "The ledger of webhooks",
        ORGANIZATION,
        one_of("source", events.SOURCES, "Only those that came, or only those that never did."),
        a_flag("quarantined", "Only what could not be read, or only what could."),
        *PAGING,
    ),
    replace(_page("/runbook", runbook.show, "What to do about each alert and cause"), role=None),
    _action("/alerts/{alert_id:uuid}/acknowledge", actions.acknowledge, "Take an alert on", Role.OPERATOR),
    _action("/alerts/{alert_id:uuid}/snooze", actions.snooze, "Silence an alert", Role.OPERATOR),
    _action("/logout", login.sign_out, "Sign out", Role.VIEWER),
    Route(
        method="GET",
        path="/login",
        handler=login.show,
        summary="Sign in",
        role=None,
        kind=Kind.PAGE,
        parameters=(login.NEXT, login.ONCE),
        media_type="text/html",
    ),
    Route(
        method="POST",
        path="/login",
        handler=login.sign_in,
        summary="Sign in",
        role=None,
        kind=Kind.PAGE,
        is_form=True,
        media_type="text/html",
        status=303,
    ),
    Route(
        method="GET",
        path="/static/{name}",
        handler=assets.show,
        summary="Style sheet, script and mark",
        role=None,
        kind=Kind.PAGE,
        media_type="text/css",
    ),
)
