"""`/openapi.json`: OpenAPI 3.1 of the table of routes, made from it, so that it cannot tell otherwise."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from service.domain.statements.period import PATTERN
from service.web.parameters import ORGANIZATION
from service.web.problems import Problem
from service.web.route import Asked, Kind, Route

DESCRIPTION = (
    "Watches, retries and ties out what the hub syncs to QuickBooks Online and Xero. Times are RFC 3339 in "
    "UTC; money is an integer of minor units beside its ISO 4217 currency. Lists are paged by key: pass "
    "`next` on as `after`. A key that is bound to an organization sees that organization alone."
)

_TEMPLATE = "#/components/schemas/{name}"

_INSTANTS = re.compile(r"(.*_)?(at|until|pull|now)|as_of")
"""Names of times. All of ours have a zone; msgspec tells the format of those alone whose type says so."""

_PATH_SCHEMAS: Mapping[str, Mapping[str, Any]] = {
    "uuid": {"type": "string", "format": "uuid"},
    "period": {"type": "string", "pattern": f"^{PATTERN}$"},
}
"""By the converter of a part of the path, or by its name."""

_RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
_HEADERS: Mapping[int, Mapping[str, Any]] = {
    401: {"WWW-Authenticate": {"description": "The scheme that works.", "schema": {"type": "string"}}},
    429: _RETRY_AFTER,
    503: _RETRY_AFTER,
}
_IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The ETag of an answer that is held already: 304 if it is still the same.",
    "schema": {"type": "string"},
}
_ETAG = {"ETag": {"description": "A digest of this very answer.", "schema": {"type": "string"}}}

_WEBHOOK: Mapping[str, Any] = {
    "post": {
        "summary": "Receive one webhook of the hub",
        "operationId": "post_webhooks_hub",
        "description": "200 once the event is durable. Signed by `t=<unix>,v1=<hex>` over `<t>.<raw body>`.",
        "security": [],
        "requestBody": {"required": True, "content": {"application/json": {"schema": {}}}},
        "responses": {
            "200": {"description": "Stored", "content": {"application/json": {"schema": {"type": "object"}}}},
            **{
                str(status): {"$ref": "#/components/responses/Problem"}
                for status in (400, 401, 408, 413, 415)
            },
            "503": {"$ref": "#/components/responses/Problem503"},
        },
    }
}


async def get(asked: Asked) -> Mapping[str, Any]:
    """Answer with the description."""
    return asked.service.description


def describe(routes: Sequence[Route], version: str) -> Mapping[str, Any]:
    """Describe routes; pages for people are left out, but for the one that opens."""
    shown = [route for route in routes if route.kind is not Kind.PAGE or route.path == "/"]
    named = [each for route in shown for each in _types(route)]
    types = [each for each in named if each is not None and each is not dict]
    schemas, components = msgspec.json.schema_components([*types, Problem], ref_template=_TEMPLATE)
    schema_by_type = dict(zip([repr(each) for each in types], schemas, strict=False))
    paths: dict[str, dict[str, Any]] = {}
    for route in shown:
        path = re.sub(r":\w+}", "}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route, path, schema_by_type)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "tieout",
            "version": version,
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{"key": []}],
        "paths": {"/webhooks/hub": _WEBHOOK, **paths},
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "responses": _problems(schemas[-1]),
            "schemas": {name: _with_formats(schema) for name, schema in components.items()},
        },
    }


def _operation(route: Route, path: str, schema_by_type: Mapping[str, Any]) -> Mapping[str, Any]:
    media_type = "text/html" if route.kind is Kind.PAGE else route.media_type
    schema = schema_by_type.get(repr(route.answer), {"type": "object" if route.answer is dict else "string"})
    if route.answer_as_of is not None:
        schema = {"anyOf": [schema, schema_by_type[repr(route.answer_as_of)]]}
    problems = sorted({*route.errors, *_common_errors(route)})
    operation: dict[str, Any] = {
        "summary": route.summary,
        "operationId": "_".join([route.method.lower(), *re.findall(r"\w+", path)]),
        "parameters": [*_path_parameters(route), *_query_parameters(route)],
        "responses": {
            str(route.status): _content(media_type, schema, HTTPStatus(route.status).phrase),
            **{str(status): {"$ref": _problem(status)} for status in problems},
        },
    }
    if route.has_etag:
        operation["parameters"].append(_IF_NONE_MATCH)
        operation["responses"][str(route.status)]["headers"] = _ETAG
        operation["responses"]["304"] = {"description": "It is what you hold already", "headers": _ETAG}
    if route.kind is Kind.PAGE:
        operation["responses"] = {
            "200": operation["responses"]["200"],
            "303": {"description": "To where one signs in, without a session"},
        }
    for other in route.other_media_types:
        operation["responses"][str(route.status)]["content"][other] = {}
    if route.answer_503 is not None:
        schema = schema_by_type[repr(route.answer_503)]
        operation["responses"]["503"] = _content(media_type, schema, "It cannot serve just now")
    if route.role is None or route.kind is Kind.PAGE:
        operation["security"] = []
    else:
        operation["description"] = f"Needs the role {route.role.value}."
    if route.body is not None:
        body = {"schema": schema_by_type[repr(route.body)]}
        operation["requestBody"] = {"required": True, "content": {"application/json": body}}
    return operation


def _types(route: Route) -> Sequence[Any]:
    """Every type that a route takes or gives."""
    return [route.answer, route.answer_as_of, route.answer_503, route.body]


def _common_errors(route: Route) -> Sequence[int]:
    errors = [400, 422, 503]
    if route.role is not None:
        errors += [401, 403, 429]
    if route.is_fleet_only or ORGANIZATION in route.parameters:
        errors.append(404)
    if route.is_action:
        errors += [408, 413, 415]
    return errors


def _path_parameters(route: Route) -> Sequence[Mapping[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": _PATH_SCHEMAS.get(kind or name, {"type": "string"}),
        }
        for name, kind in re.findall(r"{(\w+):?(\w*)}", route.path)
    ]


def _query_parameters(route: Route) -> Sequence[Mapping[str, Any]]:
    return [
        {
            "name": parameter.name,
            "in": "query",
            "description": parameter.meaning,
            "schema": dict(parameter.schema),
        }
        for parameter in route.parameters
    ]


def _problem(status: int) -> str:
    """Where the description of a refusal stands."""
    return "#/components/responses/Problem" + (str(status) if status in _HEADERS else "")


def _problems(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Every refusal: one shape, with the headers that some of them bear."""
    told = {f"Problem{status}": (HTTPStatus(status).phrase, headers) for status, headers in _HEADERS.items()}
    return {
        name: {**_content("application/problem+json", schema, phrase), "headers": headers}
        for name, (phrase, headers) in {"Problem": ("A problem", {}), **told}.items()
    }


def _with_formats(schema: Any) -> Any:  # noqa: ANN401 - JSON
    """Say of each time that it is one."""
    if isinstance(schema, list):
        return [_with_formats(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    told = {name: _with_formats(each) for name, each in schema.items()}
    for name, each in told.get("properties", {}).items():
        if _INSTANTS.fullmatch(name):
            for form in each.get("anyOf", [each]):
                if form == {"type": "string"}:
                    form["format"] = "date-time"
    return told


def _content(media_type: str, schema: Mapping[str, Any], description: str) -> Mapping[str, Any]:
    return {"description": description, "content": {media_type: {"schema": schema}}}
