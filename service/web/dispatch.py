"""From a route of the table to an endpoint: who asks, may they, what exactly, and only then the handler.

The order matters. Rights come before parameters, so that nobody without them learns what a route takes; a
route that does not exist for a caller is 404, like one that does not exist at all.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, quote

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from service.web.authentication import Caller, require_csrf
from service.web.bodies import BodyRefused, lengthen, read_body
from service.web.conditional import conditional
from service.web.known import require_known
from service.web.parameters import AS_OF, parse_all
from service.web.problems import Fault, Refused, malformed, not_found
from service.web.route import Asked, Kind, Route, Service

CSRF_FIELD = "csrf_token"
CSRF_HEADER = "x-csrf-token"
FIELDS_MAX = 20
FILTERS_CHARACTERS_MAX = 1_500
"""Of a page that is shown once its reader has signed in: more would become an address that proxies refuse."""

_ENCODER = msgspec.json.Encoder(decimal_format="number")

Take = Callable[[int], None]
Endpoint = Callable[[Request], Awaitable[Response]]


def endpoint(route: Route, service: Service) -> Endpoint:
    """Make the endpoint of a route."""

    async def answer(request: Request) -> Response:
        try:
            caller = await _caller(route, service, request)
        except Refused as refused:
            if route.kind is Kind.PAGE and refused.answer.status == 401:  # noqa: PLR2004 - a person without session
                return RedirectResponse(f"/login?next={quote(_page(route, request))}", 303)
            raise
        with _share(route) as take:
            body = await _body(route, request, caller, take)
            query = parse_all(route.parameters, request.scope["query_string"].decode("latin-1"))
            await require_known(service, query.get(AS_OF.name))
            asked = Asked(
                service=service,
                request=request,
                caller=caller,
                path=request.path_params,
                query=query,
                body=body,
            )
            given = await route.handler(asked)
        response = given if isinstance(given, Response) else as_json(given, route.status)
        return conditional(request, response) if route.has_etag else response

    return answer


def as_json(value: object, status: int = 200) -> Response:
    """Answer with a value as JSON; exact decimals stay exact."""
    return Response(_ENCODER.encode(value), status, media_type="application/json")


def _page(route: Route, request: Request) -> str:
    """Which page was asked for, with its filters unless these are too long for an address.

    An action is no page: what was typed is lost, and the page above it holds its form or leads to it.
    """
    if route.is_action:
        return request.url.path.rpartition("/")[0] or "/"
    path, query = request.url.path, request.url.query
    return f"{path}?{query}" if 0 < len(query) <= FILTERS_CHARACTERS_MAX else path


async def _caller(route: Route, service: Service, request: Request) -> Caller | None:
    if route.role is None:
        return None
    caller = await service.authenticator.identify(request)
    if route.is_fleet_only and caller.organization_id is not None:
        raise not_found("resource")
    if not caller.has(route.role):
        raise Refused(403, f"This needs the role {route.role.value}; this key has {caller.role.value}.")
    return caller


@contextmanager
def _share(route: Route) -> Iterator[Take]:
    """Lend what counts the bytes of a body while it is read and worked on."""
    if route.body_limit.memory is None:
        yield lambda _size: None
    else:
        with route.body_limit.memory.share() as take:
            yield take


async def _body(
    route: Route,
    request: Request,
    caller: Caller | None,
    take: Take,
) -> Any:  # noqa: ANN401 - as the route says
    if not route.is_action:
        return None
    lengthen(request.scope, route.body_limit.seconds)
    try:
        content = await read_body(
            request.receive,
            request.headers.raw,
            limit_bytes=route.body_limit.bytes_max,
            deadline_seconds=route.body_limit.seconds,
            take=take,
        )
    except BodyRefused as refused:
        headers = {"connection": "close"} | ({"retry-after": "5"} if refused.status == 503 else {})  # noqa: PLR2004
        raise Refused(refused.status, refused.detail, headers=headers) from None
    fields = _fields(content) if route.is_form else {}
    if caller is not None and caller.session is not None:
        require_csrf(caller, fields.get(CSRF_FIELD) or request.headers.get(CSRF_HEADER, ""))
    if route.is_form:
        return fields
    return _decoded(route, content, request)


def _fields(content: bytes) -> Mapping[str, str]:
    """Read a form; a field given twice counts as it was given last."""
    try:
        parsed = parse_qs(content.decode(), keep_blank_values=True, max_num_fields=FIELDS_MAX)
    except ValueError:
        raise Refused(422, "The form cannot be read.") from None
    return {name: texts[-1] for name, texts in parsed.items()}


def _decoded(route: Route, content: bytes, request: Request) -> Any:  # noqa: ANN401 - as the route says
    if route.body is None:
        return None
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refused(415, "The body must be JSON; say so with Content-Type: application/json.")
    try:
        return msgspec.json.decode(content, type=route.body) if route.reads is None else route.reads(content)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise malformed(Fault(name="body", detail=str(error) or "cannot be read")) from None
