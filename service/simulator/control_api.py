"""The control API: every control as `POST /control/<name>` with its arguments as JSON, and the truth by GET.

`POST` bodies are objects of keyword arguments, `organization_id` and all; the answer is `{"result": …}`. A
wrong name is 404, wrong arguments 400 with the reason. There is no authentication: the simulator listens on
loopback.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.responses import Response
from starlette.routing import Route

if TYPE_CHECKING:
    from starlette.requests import Request

Control = Callable[..., Any]


def controls_of(subject: object) -> dict[str, Control]:
    """Return the public methods of a subject: what can be called by name."""
    return {
        name: method
        for name, method in inspect.getmembers(subject, inspect.ismethod)
        if not name.startswith("_") and not inspect.iscoroutinefunction(method)
    }


def routes_of(subject: object) -> list[Route]:
    """Make the routes of a subject's controls."""
    controls = controls_of(subject)

    async def call(request: Request) -> Response:
        name = request.path_params["name"].replace("-", "_")
        control = controls.get(name)
        if control is None:
            return _answer(404, {"error": f"no control named {name}", "controls": sorted(controls)})
        try:
            arguments = await _arguments(request)
            result = control(**arguments)
        except (TypeError, ValueError, KeyError, AttributeError, IndexError) as trouble:
            return _answer(400, {"error": f"{type(trouble).__name__}: {trouble}"})
        return _answer(200, {"result": _plain(result)} if request.method == "POST" else result)

    async def index(_: Request) -> Response:
        documented: Mapping[str, object] = {
            name: {"arguments": str(inspect.signature(control)), "does": inspect.getdoc(control)}
            for name, control in controls.items()
        }
        return _answer(200, documented)

    return [
        Route("/control", index, methods=["GET"]),
        Route("/control/{name}", call, methods=["GET", "POST"]),
    ]


async def _arguments(request: Request) -> dict[str, Any]:
    """Read keyword arguments from the query of a GET or the body of a POST."""
    if request.method == "GET":
        return {
            name: int(value) if value.isdigit() else value for name, value in request.query_params.items()
        }
    body = await request.body()
    content = msgspec.json.decode(body) if body else {}
    if not isinstance(content, dict):
        raise TypeError("the body must be an object of arguments")
    return content


def _plain(result: object) -> object:
    return result.isoformat() if isinstance(result, datetime | date) else result


def _answer(status: int, content: object) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")
