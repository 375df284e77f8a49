"""The table of routes: everything that the service answers to, and nothing else.

Routing, rights, `/openapi.json` and the tests that try every role on every route are made from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from service.domain.comparing.difference_kind import Kind as DifferenceKind
from service.domain.document import Ledger, Side
from service.domain.packet import Packet
from service.domain.record_state import State
from service.settings import Role
from service.web import probes
from service.web.api import (
    alerts,
    causes,
    differences,
    events,
    openapi,
    organizations,
    overrides,
    packets,
    records,
    retries,
    status,
    status_then,
    unreadable,
)
from service.web.page import routes as pages
from service.web.paging import Page
from service.web.parameters import AS_OF, ORGANIZATION, PAGING, a_flag, any_word, one_of
from service.web.route import Kind, Route
from service.web.table_documents import DOCUMENTS

API: Sequence[Route] = (
    Route(
        method="GET",
        path="/v1/organizations",
        handler=organizations.list_them,
        summary="List organizations with their connections and counts",
        parameters=(*PAGING, AS_OF),
        answer=Page[organizations.Organization],
    ),
    Route(
        method="GET",
        path="/v1/organizations/{organization_id:uuid}",
        handler=organizations.get_one,
        summary="Show one organization",
        parameters=(AS_OF,),
        answer=organizations.Organization,
        errors=(404,),
    ),
    Route(
        method="GET",
        path="/v1/records",
        handler=records.list_them,
        summary="List synced records",
        parameters=(
            ORGANIZATION,
            any_word("object_type", "Only this type of object, such as receivable or bill."),
            any_word("sync_status", "Only what the hub gives this status."),
            one_of("state", State, "Only records in this state."),
            any_word("cause", "Only records that fail for this cause."),
            *PAGING,
            AS_OF,
        ),
        answer=Page[records.Record],
    ),
    Route(
        method="GET",
        path="/v1/records/{record_id:uuid}",
        handler=records.get_one,
        summary="Show one record with its attempts, history and evidence",
        parameters=(AS_OF,),
        answer=records.Story,
        errors=(404,),
    ),
    Route(
        method="POST",
        path="/v1/records/{record_id:uuid}/override",
        handler=overrides.decide,
        summary="Decide about one record by name and with a reason: send it once, or not at all",
        role=Role.OPERATOR,
        body=overrides.Decision,
        answer=records.Story,
        errors=(404, 409),
    ),
    Route(
        method="GET",
        path="/v1/causes",
        handler=causes.list_them,
        summary="List why pushes fail, the heaviest cause first",
        parameters=(ORGANIZATION, *PAGING, AS_OF),
        answer=Page[causes.Cause],
    ),
    Route(
        method="GET",
        path="/v1/causes/{cause}/packet",
        handler=packets.get_one,
        summary="Show who must act to end a cause, what exactly to do, and the documents that wait for it",
        parameters=(
            ORGANIZATION,
            one_of("format", packets.Format, "As which file; JSON unless told otherwise."),
        ),
        answer=Packet,
        other_media_types=packets.MEDIA_TYPES,
        errors=(404,),
    ),
    Route(
        method="POST",
        path="/v1/retries",
        handler=retries.plan,
        summary="Plan a retry: which records may be sent now, which not and why, for how much money",
        role=Role.OPERATOR,
        body=retries.Ask,
        answer=retries.Retry,
        status=201,
        errors=(404,),
    ),
    Route(
        method="GET",
        path="/v1/retries",
        handler=retries.list_them,
        summary="List planned retries, the newest first",
        parameters=(ORGANIZATION, *PAGING),
        answer=Page[retries.RetryHead],
    ),
    Route(
        method="GET",
        path="/v1/retries/{retry_id:uuid}",
        handler=retries.get_one,
        summary="Show a planned retry and what became of each of its records",
        answer=retries.Retry,
        errors=(404,),
    ),
    Route(
        method="POST",
        path="/v1/retries/{retry_id:uuid}/apply",
        handler=retries.apply_it,
        summary="Apply the very plan that was shown, named by its hash",
        role=Role.OPERATOR,
        body=retries.Apply,
        answer=retries.Retry,
        status=202,
        errors=(404, 409),
    ),
    Route(
        method="DELETE",
        path="/v1/retries/{retry_id:uuid}",
        handler=retries.cancel_it,
        summary="Cancel a retry: what was not sent yet is taken back",
        role=Role.OPERATOR,
        answer=retries.Retry,
        errors=(404,),
    ),
    Route(
        method="GET",
        path="/v1/differences",
        handler=differences.list_them,
        summary="List differences between local documents and the books",
        parameters=(
            ORGANIZATION,
            one_of("ledger", Ledger, "Only this ledger."),
            one_of("kind", DifferenceKind, "Only differences of this kind."),
            a_flag("expected", "Only those that a rule of the platform explains, or only the others."),
            a_flag("open", "Only those still there, or only those resolved."),
            *PAGING,
            AS_OF,
        ),
        answer=Page[differences.Difference],
    ),
    Route(
        method="GET",
        path="/v1/unreadable",
        handler=unreadable.list_them,
        summary="List documents that are there and cannot be read, with the reason of each, as of now",
        parameters=(
            ORGANIZATION,
            one_of("ledger", Ledger, "Only this ledger."),
            one_of("side", Side, "Only this side: local, or the books."),
            *PAGING,
        ),
        answer=Page[unreadable.UnreadableDocument],
    ),
    Route(
        method="GET",
        path="/v1/balance",
        handler=differences.list_balance,
        summary="List balances: local total, itemised terms, books total",
        parameters=(ORGANIZATION, *PAGING, AS_OF),
        answer=Page[differences.Balance],
    ),
    Route(
        method="GET",
        path="/v1/events",
        handler=events.list_them,
        summary="List webhooks received and events that no webhook brought, the newest first",
        parameters=(
            ORGANIZATION,
            one_of("source", events.SOURCES, "Only those that came, or only those that never did (log)."),
            a_flag("quarantined", "Only what could not be read, or only what could."),
            *PAGING,
            AS_OF,
        ),
        answer=Page[events.Event],
    ),
    Route(
        method="GET",
        path="/v1/alerts",
        handler=alerts.list_them,
        summary="List alerts, the newest first",
        parameters=(
            ORGANIZATION,
            one_of("status", alerts.SHOWN, "Only those that fire, or did."),
            *PAGING,
            AS_OF,
        ),
        answer=Page[alerts.Alert],
    ),
    Route(
        method="POST",
        path="/v1/alerts/{alert_id:uuid}/acknowledge",
        handler=alerts.acknowledge,
        summary="Take an alert on: its repeats stop",
        role=Role.OPERATOR,
        answer=alerts.Alert,
        errors=(404,),
    ),
    Route(
        method="POST",
        path="/v1/alerts/{alert_id:uuid}/snooze",
        handler=alerts.snooze,
        summary="Silence an alert until some time",
        role=Role.OPERATOR,
        body=alerts.Snooze,
        answer=alerts.Alert,
        errors=(404,),
    ),
    Route(
        method="GET",
        path="/openapi.json",
        handler=openapi.get,
        summary="This description",
        answer=dict,
    ),
)

PROBES: Sequence[Route] = (
    Route(
        method="GET",
        path="/livez",
        handler=probes.livez,
        summary="Whether the process is alive",
        role=None,
        answer=probes.Liveness,
    ),
    Route(
        method="GET",
        path="/readyz",
        handler=probes.readyz,
        summary="Whether requests should be sent here",
        role=None,
        answer=probes.Readiness,
        answer_503=probes.Readiness,
    ),
    Route(
        method="GET",
        path="/metrics",
        handler=probes.show_metrics,
        summary="Metrics in Prometheus' text format",
        is_fleet_only=True,
        kind=Kind.OTHER,
        media_type="text/plain",
    ),
)

STATUS_AS_OF = replace(
    AS_OF,
    meaning="What of it the service knew at that time: organizations, records, causes, differences and "
    "alerts; `not_kept` names the rest.",
)

STATUS = Route(
    method="GET",
    path="/status",
    handler=pages.status,
    summary="The state of the service, the reasons for it, and the counts behind it",
    kind=Kind.OTHER,
    parameters=(STATUS_AS_OF,),
    answer=status.Status,
    answer_as_of=status_then.StatusThen,
    answer_503=status.Blind,
)

ROUTES: Sequence[Route] = (STATUS, *API, *DOCUMENTS, *PROBES, *pages.ROUTES)
