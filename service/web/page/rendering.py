"""Rendering: templates with everything escaped, and what every page has around its own content."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from service.settings import Role
from service.web.page import formatting, wording
from service.web.page.assets import hashed
from service.web.page.searching import CHOICES
from service.web.problems import ProblemAnswer
from service.web.route import Asked

NAVIGATION = (
    ("/", "", "Overview"),
    ("/organizations", "", "Organizations"),
    ("/causes", "", "Causes"),
    ("/retries", "", "Retries"),
    ("/differences", "?open=true&expected=false", "Differences"),
    ("/alerts", "?status=firing", "Alerts"),
    ("/events", "", "Events"),
    ("/status", "", "Service"),
)
"""The pages that lead to all others, each with what it opens with, in the order in which somebody in trouble
asks."""


def narrowed(filters: Mapping[str, str], **changed: str | None) -> str:
    """Give the query of the same list with some filters changed, and those left out that are None."""
    kept = {name: value for name, value in (dict(filters) | changed).items() if value is not None}
    return "?" + urlencode(kept) if kept else ""


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("service.web.page", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = (
        "number",
        "amount",
        "money",
        "moneys",
        "signed",
        "signed_count",
        "instant",
        "day",
        "seconds",
        "short",
        "https_only",
    )
    environment.filters.update({name: getattr(formatting, name) for name in filters})
    environment.filters["ago"] = formatting.ago
    environment.filters["narrowed"] = narrowed
    environment.globals.update(
        asset=hashed,
        bar=formatting.bar,
        share=formatting.share,
        sparkline=formatting.sparkline,
        words=wording,
        navigation=NAVIGATION,
        connection_choices=CHOICES,
    )
    return environment


_ENVIRONMENT = _environment()


def render(
    template: str,
    asked: Asked,
    *,
    now: datetime | None,
    active: str = "",
    status: int = 200,
    **values: Any,  # noqa: ANN401 - whatever the template shows
) -> Response:
    """Answer with a page; `now` is the database's time, which every age on it is counted from."""
    caller = asked.caller
    context = {
        "caller": caller,
        "csrf_token": caller.session.csrf_token if caller and caller.session else "",
        "may_act": caller is not None and caller.has(Role.OPERATOR),
        "version": asked.service.version,
        "now": now,
        "active": active,
        "path": asked.request.url.path,
        **values,
    }
    return HTMLResponse(_ENVIRONMENT.get_template(template).render(context), status)


def next_page(asked: Asked, token: str | None) -> str | None:
    """Give the address of the next page of a list, with the same filters; None on the last."""
    if token is None:
        return None
    kept = [(name, value) for name, value in asked.request.query_params.multi_items() if name != "after"]
    return "?" + urlencode([*kept, ("after", token)])


def filters_of(asked: Asked) -> Mapping[str, str]:
    """Give the filters that a list was asked with, as they were written; an empty field of a form is none."""
    given = asked.request.query_params.items()
    return {name: value for name, value in given if value and name not in {"after", "limit"}}


def explain(answer: ProblemAnswer, request_id: str) -> bytes:
    """Render a problem for people."""
    context = {
        "title": HTTPStatus(answer.status).phrase,
        "status": answer.status,
        "detail": answer.detail,
        "faults": answer.faults,
        "request_id": request_id,
    }
    return _ENVIRONMENT.get_template("problem.html").render(context).encode()
