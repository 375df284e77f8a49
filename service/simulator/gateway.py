"""The ASGI side of the hub API: arrival, faults, budget, headers, rights, endpoint, answer.

The order is that of a real gateway: the budget counts what arrives, then the version header is looked for,
then the token, then the organization. What an endpoint does happens within one step of the event loop, so
that a client that goes away can neither stop nor split it. A fault that breaks the connection asks the host
for it by the extension `BREAK` of the scope; a host without it gets an empty 502.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import msgspec

from service.simulator import distortion, wire
from service.simulator.calls import Answer, Call, as_uuid
from service.simulator.dialects import SPELLINGS, Dialect
from service.simulator.faults import Fault, FaultKind, Faults
from service.simulator.journal import Request
from service.simulator.outcomes import Outcomes
from service.simulator.problems import Conflict, Refused, Unknown, refused
from service.simulator.routing import Route, Router
from service.simulator.routing import Scope as RouteScope
from service.simulator.spelling import written
from service.simulator.tokens import Tokens, TokenState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.types import Receive, Scope, Send

    from service.simulator.limits import Limiter
    from service.simulator.organization import Organization
    from service.simulator.world import World


HANG_SECONDS = 3600.0
DRIP_SECONDS = 0.5
LATE_SECONDS = 5.0
DATE_CHARACTERS = 10

_ENCODER = msgspec.json.Encoder(decimal_format="number")
_HTML = "<html>\n<head><title>{0} {1}</title></head>\n<body><h1>{0} {1}</h1><hr></body>\n</html>\n"
_REASONS = {200: "OK", 502: "Bad Gateway", 503: "Service Temporarily Unavailable", 504: "Gateway Time-out"}

_BROKEN_AFTER = {FaultKind.EXECUTED_ANSWER_LOST}


@dataclass(frozen=True, slots=True)
class Arrived:
    """A request that was read whole and has a route."""

    route: Route
    path_values: Mapping[str, str]
    headers: Mapping[str, str]
    query_string: bytes
    body: bytes

    def query(self) -> dict[str, list[str]]:
        """Return the query's values by name."""
        query: dict[str, list[str]] = {}
        if self.query_string:
            for name, value in parse_qsl(self.query_string.decode("latin-1"), keep_blank_values=True):
                query.setdefault(name, []).append(value)
        return query


class Gateway:
    """Answers requests to the hub API; `path` is what follows the prefix."""

    def __init__(
        self, world: World, tokens: Tokens, limiter: Limiter, faults: Faults, dialect: Dialect
    ) -> None:
        self.world = world
        self.tokens = tokens
        self.limiter = limiter
        self.faults = faults
        self.spelling = SPELLINGS[dialect]
        self._router = Router(self.spelling)
        self._outcomes = Outcomes(world, limiter)

    async def __call__(self, scope: Scope, receive: Receive, send: Send, path: str) -> None:
        """Serve one request."""
        started = time.perf_counter()
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
        }
        request = Request(
            self.limiter.wall(), scope["method"], path, "", headers.get(self.spelling.organization_header)
        )
        self.world.journal.arrived(request)
        try:
            route, values = self._find(scope["method"], path)
        except Refused as refusal:
            await self._answer(send, request, headers, refusal, started=started)
            return
        request.endpoint = route.name
        try:
            limits = self._admit(route)
        except Refused as refusal:
            await self._answer(send, request, headers, refusal, started=started)
            return
        fault = self.faults.strike(route.name, request.organization_id)
        request.fault = fault.kind.value if fault else None
        if fault is not None and fault.kind is FaultKind.NOT_SENT:
            await wire.cut(scope, receive, send, fault.kind)
            return
        body = await wire.read(receive)
        if fault is not None and await self._withheld(scope, receive, send, fault):
            return
        arrived = Arrived(route, values, headers, scope["query_string"], body)
        execute = self._executor(arrived, fault)
        if fault is not None and fault.kind is FaultKind.EXECUTED_LATE:
            due_at = self.world.clock.now() + timedelta(seconds=fault.seconds(LATE_SECONDS))
            self.world.agenda.add(due_at, lambda at: _forgotten(execute, at))
            self.world.wake()
            await wire.cut(scope, receive, send, fault.kind)
            return
        answer = self._outcomes.of(execute, fault, route.method)
        answer.headers = {**limits, **answer.headers}
        if fault is not None and fault.kind in _BROKEN_AFTER:
            request.status = answer.status
            await wire.cut(scope, receive, send, fault.kind)
            return
        await self._answer(send, request, headers, answer, started=started, fault=fault)

    async def _withheld(self, scope: Scope, receive: Receive, send: Send, fault: Fault) -> bool:
        """Do what faults do that keep the request from being carried out; say whether that was so."""
        match fault.kind:
            case FaultKind.SENT_AND_LOST:
                await wire.cut(scope, receive, send, fault.kind)
            case FaultKind.HANG:
                await wire.hang(receive, fault.seconds(HANG_SECONDS))
                await wire.cut(scope, receive, send, fault.kind)
            case FaultKind.HTML:
                status = int(fault.options.get("status", 502))
                page = _HTML.format(status, _REASONS.get(status, "Error")).encode()
                await wire.answer(send, status, [(b"content-type", b"text/html")], page)
            case FaultKind.BOMB:
                head = [(b"content-type", b"application/json"), (b"content-encoding", b"gzip")]
                await wire.answer(send, 200, head, distortion.bomb())
            case _:
                return False
        return True

    def _executor(self, arrived: Arrived, fault: Fault | None) -> Callable[..., Answer]:
        """Bind a request, so that it may be carried out now, later, or twice."""
        route, headers, query = arrived.route, arrived.headers, arrived.query()
        if fault is not None and fault.kind is FaultKind.LOOPING_PAGES:
            query.pop("pagination_token", None)

        def execute(
            *,
            at: datetime | None = None,
            is_repeated: bool = False,
            organization: Organization | None = None,
            frozen: Mapping[str, Organization] | None = None,
        ) -> Answer:
            now = at or self.world.settle()
            call = Call(
                self.world, self.tokens, now, route.method, arrived.path_values, query, arrived.body,
                headers.get("content-type", "application/json"), api_version=self.spelling.version,
            )  # fmt: skip
            try:
                self._authorise(call, route, headers)
                call.is_repeated = is_repeated
                call.found = organization or call.found
                if frozen is not None and call.found is not None:
                    call.found = frozen.get(call.found.id, call.found)
                if fault is not None and fault.kind is FaultKind.SHIFTING_OFFSETS:
                    call.offset_shift = int(fault.options.get("rows", -1))
                return route.endpoint(call)
            except Refused as refusal:
                return Answer(self._status(refusal), refusal.payload, refusal.headers)

        return execute

    def _status(self, refusal: Refused) -> int:
        behaviour = self.world.behaviour
        match refusal:
            case Conflict():
                return behaviour.conflict_status
            case Unknown():
                return behaviour.unknown_id_status
        return refusal.status

    def _find(self, method: str, path: str) -> tuple[Route, Mapping[str, str]]:
        route, values = self._router.find(method, path)
        if not self.world.behaviour.has_webhooks and route.template.startswith(("/webhook", "/events")):
            raise refused(404, "Not Found")
        return route, values

    def _admit(self, route: Route) -> dict[str, str]:
        """Count a request against the budget; tokens are given outside of it unless switched."""
        behaviour = self.world.behaviour
        is_free = route.scope is RouteScope.OPEN and not behaviour.token_calls_count
        return {} if is_free else self.limiter.admit(behaviour.throttled_shape)

    def _authorise(self, call: Call, route: Route, headers: Mapping[str, str]) -> None:
        """Check version, token and organization, in this order."""
        if route.template != "/openid/connect/token":
            self._check_version(headers)
        if route.scope is RouteScope.OPEN:
            return
        scheme, _, value = headers.get("authorization", "").partition(" ")
        token = self.tokens.find(value.strip()) if scheme.lower() == "bearer" else None
        state = self.tokens.state(token.value, call.now) if token else TokenState.UNKNOWN
        if token is None or state is TokenState.UNKNOWN:
            raise refused(401, "Invalid or missing access token.")
        if state is TokenState.EXPIRED:
            raise refused(self.world.behaviour.expired_token_status, "The token has been expired.")
        call.token_organization_id = token.organization_id
        if route.scope is RouteScope.ORGANIZATION:
            call.found = self._organization(call, headers)

    def _version_header(self) -> str:
        return self.world.behaviour.version_header or self.spelling.version_header

    def _check_version(self, headers: Mapping[str, str]) -> None:
        name = self._version_header()
        version = headers.get(name)
        if version is None:
            raise refused(400, f"Missing the {name} HTTP header", "missing_api_version")
        if len(version) != DATE_CHARACTERS or version.count("-") != 2:  # noqa: PLR2004 - yyyy-mm-dd
            raise refused(400, f"Unknown API version {version[:40]}", "invalid_api_version")

    def _organization(self, call: Call, headers: Mapping[str, str]) -> Organization:
        name = self.spelling.organization_header
        given = headers.get(name)
        if given is None:
            raise refused(400, f"Missing the {name} HTTP header")
        organization_id = as_uuid(given, ("header", name))
        organization = self.world.organizations.get(organization_id)
        if organization is None or call.token_organization_id not in {None, organization_id}:
            raise refused(403, f"Access to entity {organization_id} is denied.")
        return organization

    async def _answer(
        self,
        send: Send,
        request: Request,
        headers: dict[str, str],
        answer: Answer | Refused,
        *,
        started: float,
        fault: Fault | None = None,
    ) -> None:
        """Write an answer with the headers that every answer carries."""
        request.status = answer.status
        payload = written(answer.payload, self.world.behaviour)
        content = b"" if answer.status == 204 else _ENCODER.encode(payload)  # noqa: PLR2004 - no content
        head = [
            (b"content-type", b"application/json"),
            (b"x-request-id", self.world.request_ids.uuid().encode()),
            (b"x-process-time", f"{time.perf_counter() - started:.6f}".encode()),
        ]
        echoed = (self._version_header(), self.spelling.organization_header)
        head.extend((name.encode(), headers[name].encode("latin-1")) for name in echoed if name in headers)
        head.extend(
            (name.lower().encode(), value.encode("latin-1")) for name, value in answer.headers.items()
        )
        if fault is not None and fault.kind is FaultKind.TRUNCATED:
            content = distortion.truncated(content)
        if fault is not None and fault.kind is FaultKind.DRIP:
            await wire.drip(send, answer.status, head, content, fault.seconds(DRIP_SECONDS))
        else:
            await wire.answer(send, answer.status, head, content)


def _forgotten(execute: Callable[..., Answer], at: datetime) -> None:
    """Carry out a request whose answer nobody waits for."""
    execute(at=at)
