"""The router: paths and methods of the table, and nothing beside it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.routing import compile_path
from starlette.types import Message, Receive, Scope, Send

from service.web.dispatch import Endpoint, endpoint
from service.web.front import ROUTE
from service.web.problems import Refused, not_found
from service.web.route import Route, Service


class Router:
    """An ASGI application that answers by the table of routes."""

    def __init__(self, routes: Sequence[Route], service: Service) -> None:
        endpoints: defaultdict[str, dict[str, Endpoint]] = defaultdict(dict)
        for route in routes:
            assert route.method not in endpoints[route.path], (
                f"{route.method} {route.path} stands there twice"
            )
            endpoints[route.path][route.method] = endpoint(route, service)
        self._paths = [(*compile_path(path)[::2], path, methods) for path, methods in endpoints.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or raise what is to be told instead."""
        if scope["type"] != "http":
            return
        methods, values = self._find(scope)
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        if method not in methods:
            allowed = sorted({*methods, "HEAD"} if "GET" in methods else methods)
            raise Refused(405, f"This takes {', '.join(allowed)}.", headers={"allow": ", ".join(allowed)})
        scope["path_params"] = values
        answer = await methods[method](Request(scope, receive))
        await answer(scope, receive, _without_body(send) if scope["method"] == "HEAD" else send)

    def _find(self, scope: Scope) -> tuple[Mapping[str, Endpoint], Mapping[str, Any]]:
        for pattern, by_name, path, methods in self._paths:
            match = pattern.match(scope["path"])
            if match:
                scope[ROUTE] = path
                values = {name: by_name[name].convert(text) for name, text in match.groupdict().items()}
                return methods, values
        raise not_found("resource")


def _without_body(send: Send) -> Send:
    """Send an answer's head alone; its length stays the one that GET would tell."""

    async def send_head(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return send_head
