"""The service of the demo: started on a port that nobody else has, and waited for.

A port is free until somebody takes it: between choosing it and listening on it lie seconds, in which another
demo may have begun. Then the service ends, and is started once more, on another port. Waits are short: what
takes hours in a real fleet (the hub reads the books once an hour) takes seconds here, by settings that
anybody may set.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from service.commands.hub import opened_hub
from service.commands.ports import free_port
from service.commands.subscriptions import carry_out, list_all, plan, webhook_url
from service.demo.narrator import Narrator
from service.demo.processes import Process, ProcessEnded
from service.demo.service_api import ServiceApi
from service.settings import Role, Settings

HOST: Final = "127.0.0.1"

ANY_PORT: Final = 0

TRIES: Final = 5
"""Each takes seconds, and another demo would have to take the same port in each of them."""

PACE: Final[Mapping[str, str]] = {
    "TIEOUT_POLL_SECONDS": "10",
    "TIEOUT_CONNECTION_SECONDS": "2",
    "TIEOUT_DIFF_SECONDS": "5",
    "TIEOUT_STALE_SECONDS": "120",
    "TIEOUT_STUCK_SECONDS": "120",
    "TIEOUT_RETRY_BASE_SECONDS": "2",
    "TIEOUT_RETRY_CAP_SECONDS": "30",
    "TIEOUT_CURE_SECONDS": "2",
    "TIEOUT_CANARY_SECONDS": "20",
    "TIEOUT_CONFIRM_SECONDS": "2",
    "TIEOUT_EVIDENCE_SECONDS": "20",
    "TIEOUT_EVIDENCE_PULLS": "2",
    "TIEOUT_ALERT_GROUP_SECONDS": "3",
    "TIEOUT_ALERT_RESOLVE_SECONDS": "3",
}
"""An hour in ten seconds, about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """The service, which answers."""

    api: ServiceApi
    url: str
    key: str


def serve(
    stack: ExitStack,
    narrator: Narrator,
    *,
    port: int,
    folder: Path,
    require_running: Callable[[], None],
    settings: Mapping[str, str],
) -> Served:
    """Start the service on `port` if that is free, else on another; ended by `stack` if it has begun."""
    tried = 0
    while True:
        chosen = free_port(HOST, ANY_PORT if tried else port)
        if chosen != port:
            narrator.ready(f"Port {port} is taken, so the service takes {chosen}", "")
        tried += 1
        try:
            with narrator.waiting("starting the service"):
                return _begin(stack, chosen, folder, require_running, settings)
        except ProcessEnded:
            if tried == TRIES or free_port(HOST, chosen) == chosen:
                raise


def _begin(
    stack: ExitStack,
    port: int,
    folder: Path,
    require_running: Callable[[], None],
    given: Mapping[str, str],
) -> Served:
    """Start it and wait until it answers; what was started of one that ended is cleared away by `stack`."""
    url, key = f"http://{HOST}:{port}", f"demo-{secrets.token_urlsafe(24)}"
    settings = {
        **PACE,
        **given,
        "TIEOUT_DATA_DIR": str(folder),
        "TIEOUT_LISTEN": f"{HOST}:{port}",
        "TIEOUT_API_KEYS": f"demo:{Role.OPERATOR}:{key}",
    }
    settings["TIEOUT_WEBHOOK_SECRETS"] = ",".join(asyncio.run(_subscribe(settings)))
    process = Process("the service", ["serve"], folder / "service.log", settings)
    stack.callback(process.stop)

    def require_both() -> None:
        require_running()
        process.require_running()

    api = ServiceApi(url, key, require_both)
    stack.callback(api.close)
    api.until("the service answers", api.is_ready)
    return Served(api=api, url=url, key=key)


async def _subscribe(settings: Mapping[str, str]) -> list[str]:
    """Subscribe the service to what it lives on, and nobody at a port tried before; give the secrets."""
    read = Settings.from_environment(settings)
    url = webhook_url(read.public_url)
    async with opened_hub(read) as hub:
        for each in await list_all(hub):
            await hub.delete_subscription(each.id)
        return [step.secret async for step in carry_out(hub, plan([], url), url) if step.secret is not None]
