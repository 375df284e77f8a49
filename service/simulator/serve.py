"""The simulated hub as a process: listens, says where in one line of JSON, ends on SIGTERM or SIGINT.

uvicorn with httptools and uvloop where they exist. The protocol is extended by one thing: the application may
break the connection, which is what several faults are made of.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import logging
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.simulator.clock import Clock
from service.simulator.simulator import BUDGET_PER_SECOND, Simulator
from service.simulator.wire import BREAK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import FrameType

    from service.simulator.faults import FaultKind

SHUTDOWN_SECONDS = 2
"""How long open requests may go on after a signal: hanging ones would for ever."""


class BreakableProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with a handle for breaking the connection in the scope."""

    def on_message_begin(self) -> None:
        """Start a request."""
        super().on_message_begin()
        extensions: dict[str, Any] = {**(self.scope.get("extensions") or {}), BREAK: self._break}
        self.scope["extensions"] = extensions

    def _break(self, _: FaultKind) -> None:
        """Reset the connection: no byte of an answer."""
        self.transport.abort()


class _Server(uvicorn.Server):
    """A server that tells when it listens."""

    def __init__(self, config: uvicorn.Config, simulator: Simulator, host: str) -> None:
        super().__init__(config)
        self._simulator = simulator
        self._host = host

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave on SIGTERM and SIGINT, and end with success: both are how a simulator is meant to end."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        signals = (signal.SIGTERM, signal.SIGINT)
        for number in signals:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in signals:
                loop.remove_signal_handler(number)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End; that requests are broken off by it, at once by a second Ctrl-C, is worth no complaint."""
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        super().handle_exit(sig, frame)

    async def startup(self, sockets: Any = None) -> None:  # noqa: ANN401 - uvicorn's own signature
        await super().startup(sockets)
        if self.should_exit:
            return
        port = self.servers[0].sockets[0].getsockname()[1]
        base = f"http://{self._host}:{port}"
        told = {
            "url": f"{base}/v1",
            "client_id": self._simulator.client_id,
            "client_secret": self._simulator.client_secret,
            "control_url": f"{base}/control",
            "dialect": self._simulator.dialect.value,
            "organizations": [
                {"id": entry.id, "name": entry.name} for entry in self._simulator.world.organizations.values()
            ],
        }
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


async def serve(
    listen: str = "127.0.0.1:0",
    dialect: str = "tesouro",
    organizations: int = 3,
    documents: int = 20,
    seed: int = 1,
    *,
    pull_seconds: float = 3600.0,
    push_seconds: tuple[float, float] = (1.0, 5.0),
    rate_per_second: int = BUDGET_PER_SECOND,
    speed: float = 1.0,
    situations: str | Mapping[str, float] = "mixed",
) -> None:
    """Make a world and serve it until a signal comes."""
    simulator = Simulator(
        dialect=dialect,
        seed=seed,
        organizations=organizations,
        documents=documents,
        clock=Clock(speed=speed),
        rate_per_second=rate_per_second,
        pull_seconds=pull_seconds,
        push_seconds=push_seconds,
        situations=situations,
    )
    await serve_world(simulator, listen)


async def serve_world(simulator: Simulator, listen: str = "127.0.0.1:0") -> None:
    """Serve until a signal comes; port 0 takes a free one, which the first line of output tells."""
    host, _, port = listen.rpartition(":")
    config = uvicorn.Config(
        simulator.app,
        host=host.strip("[]") or "127.0.0.1",
        port=int(port),
        http=BreakableProtocol,
        log_level="warning",
        access_log=False,
        lifespan="on",
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        server_header=False,
        date_header=False,
    )
    await _Server(config, simulator, host or "127.0.0.1").serve()


def run(listen: str = "127.0.0.1:0", dialect: str = "tesouro", **options: Any) -> None:  # noqa: ANN401 - those of serve
    """Serve, blocking; the entry of `tieout simulator`."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(serve(listen, dialect, **options))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Prefer uvloop, which is not there on Windows."""
    if importlib.util.find_spec("uvloop") is None:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = importlib.import_module("uvloop").new_event_loop
    return factory
