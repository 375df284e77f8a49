"""The service: everything built in order, run until it is told to stop, and closed in reverse.

Order: Postgres (our own when none is named), the database, the alert channels, the hub, the workers, the web.
The web side listens before the workers begin, so that a port that is taken ends the start before any work is
claimed. A replica without the web role still answers its probes and shows its metrics.

The first SIGTERM or SIGINT ends the service in good order: no more claims, a bounded time for what is under
way, claims given back. A second one does not wait for what is under way, but gives back claims, too.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, nullcontext

import uvicorn
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from service import embedded, tracing
from service.channels.channel import Channel
from service.channels.registry import open_channels
from service.domain.causes.cause import rules_version
from service.errors import TieoutError
from service.hub.sending import FinishedCall
from service.logs import get_logger
from service.settings import Settings
from service.store.database import Database
from service.store.migrate import migrate, require_migrated
from service.version import version
from service.web import routes, serving
from service.web.keys import ensure_first_key
from service.web.short_way import ShortWayProtocol
from service.workers.assembly import build_pacer, build_workers, open_hub, prepare
from service.workers.heartbeat import HEARTBEAT_SECONDS, Heartbeat
from service.workers.hub_health import NOTE_SECONDS, HubHealth
from service.workers.pacer import BEAT_SECONDS
from service.workers.scheduler import Beat, Scheduler
from service.workers.work import Worker

PROBES = frozenset({"/livez", "/readyz", "/metrics"})
"""What a replica without the web role answers."""

log = get_logger(__name__)


async def run(
    settings: Settings,
    *,
    stop: asyncio.Event | None = None,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Run the service until `stop` is set or a signal comes; `on_ready` is told the address it listens on."""
    stop = stop or asyncio.Event()
    async with AsyncExitStack() as stack:
        stack.enter_context(_signals(stop))
        database = await stack.enter_async_context(open_database(settings))
        replica_id = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        await stack.enter_async_context(
            tracing.exporting(settings.telemetry_otlp_url, version=version(), replica_id=replica_id)
        )
        rules_version()  # compiling the rules takes a second, which nobody should have to wait for later
        channels = open_channels(settings.alert_channels, allow_private=settings.alert_allow_private)
        if "web" in settings.roles:
            await _tell_first_key(settings, database)
        listener = stack.enter_context(_listening(settings))
        heartbeat = Heartbeat(
            database=database, replica_id=replica_id, roles=settings.roles, version=version()
        )
        beats = [Beat(name="heartbeat", seconds=HEARTBEAT_SECONDS, act=heartbeat.beat)]
        workers: Sequence[Worker] = ()
        if "worker" in settings.roles:
            working = _working(settings, database, channels, replica_id)
            workers, others = await stack.enter_async_context(working)
            beats += others
        scheduler = Scheduler(database, workers, beats)
        stack.push_async_callback(heartbeat.end)
        stack.push_async_callback(scheduler.stop)
        server = await stack.enter_async_context(_serving(settings, database, replica_id, listener))
        scheduler.start()
        address = _address(settings, listener)
        log.info("service_started", replica_id=replica_id, roles=sorted(settings.roles), url=address)
        if on_ready is not None:
            on_ready(address)
        await _until_stopped(stop, server)
        log.info("service_stopping", replica_id=replica_id)
    log.info("service_stopped", replica_id=replica_id)


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[Database]:
    """The database of the settings, with a schema that is up to date.

    Our own Postgres is started and migrated; of any other, whose owner decides when, it is asked for.
    """
    async with AsyncExitStack() as stack:
        if settings.database_url is None:
            server = await stack.enter_async_context(embedded.start(settings.data_dir))
            url = server.url
            applied = await migrate(url)
            log.info("postgres_started", data_dir=str(settings.data_dir), migrations=len(applied))
        else:
            url = settings.database_url.reveal()
            await require_migrated(url)
        database = await Database.open(url)
        stack.push_async_callback(database.close)
        yield database


@asynccontextmanager
async def _working(
    settings: Settings, database: Database, channels: Sequence[Channel], replica_id: str
) -> AsyncIterator[tuple[Sequence[Worker], Sequence[Beat]]]:
    """The workers with a client of the hub, and what is noted of its calls again and again."""
    health = HubHealth(database)
    pacer = build_pacer(settings, database)

    def observe(call: FinishedCall) -> None:
        health.observe(call)
        pacer.observe(call)

    async with open_hub(settings, database, version(), observe=observe) as hub:
        await prepare(database)
        await pacer.begin()
        yield (
            build_workers(settings, database, hub, channels, replica_id, pacer=pacer),
            (
                Beat(name="hub_health", seconds=NOTE_SECONDS, act=health.note),
                Beat(name="pace", seconds=BEAT_SECONDS, act=pacer.beat),
            ),
        )


async def _tell_first_key(settings: Settings, database: Database) -> None:
    """Print the one key that a service without any makes for itself."""
    key = None if settings.api_keys else await ensure_first_key(database)
    if key is not None:
        sys.stdout.write(
            f"No API key is set, so one was made for an operator. It is shown this once: {key}\n"
        )
        sys.stdout.flush()


@contextmanager
def _listening(settings: Settings) -> Iterator[socket.socket]:
    """The socket of the web side, bound before anything else begins."""
    host, port = settings.listen_host, settings.listen_port
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise TieoutError(f"TIEOUT_LISTEN: {host} is no address of this machine ({error})") from error
    with listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
        except OSError as error:
            raise TieoutError(
                f"TIEOUT_LISTEN: {settings.listen} cannot be listened on ({error.strerror}); "
                "end the program that uses it, or choose another port"
            ) from error
        yield listener


class _Server(uvicorn.Server):
    """uvicorn, leaving the signals to us."""

    def capture_signals(self) -> nullcontext[None]:  # type: ignore[override]
        """Take none."""
        return nullcontext()


@asynccontextmanager
async def _serving(
    settings: Settings, database: Database, replica_id: str, listener: socket.socket
) -> AsyncIterator[asyncio.Task[None]]:
    """The web side, answering until the block ends; the task ends early only by a failure."""
    app = routes.build(settings=settings, database=database, replica_id=replica_id, version=version())
    if "web" not in settings.roles:
        app = _only_probes(app)
    server = _Server(serving.configure(app, settings, http=ShortWayProtocol))
    task = asyncio.create_task(server.serve(sockets=[listener]), name="web")
    try:
        yield task
    finally:
        server.should_exit = True
        await asyncio.wait([task])


def _only_probes(app: ASGIApp) -> ASGIApp:
    """The probes and metrics of an application, and nothing else of it."""

    async def probes(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in PROBES:
            told = {"type": "about:blank", "title": "Not Found", "status": 404}
            answer = JSONResponse(told, status_code=404, media_type="application/problem+json")
            await answer(scope, receive, send)
        else:
            await app(scope, receive, send)

    return probes


async def _until_stopped(stop: asyncio.Event, server: asyncio.Task[None]) -> None:
    """Wait for the end; a web side that ends by itself ends the service."""
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([stopping, server], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if server.done() and not stop.is_set():
        server.result()
        raise TieoutError("the web side ended by itself")


@contextmanager
def _signals(stop: asyncio.Event) -> Iterator[None]:
    """Let SIGTERM and SIGINT stop the service in good order, and a second one at once."""
    loop, main = asyncio.get_running_loop(), asyncio.current_task()
    assert main is not None, "the service runs in a task"

    def note() -> None:
        if stop.is_set():
            main.cancel()
        stop.set()

    numbers = (signal.SIGTERM, signal.SIGINT)
    try:
        for number in numbers:
            loop.add_signal_handler(number, note)
    except (NotImplementedError, ValueError, RuntimeError):
        yield  # not the main thread, or no such signals here: whoever runs us sets `stop`
        return
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def _address(settings: Settings, listener: socket.socket) -> str:
    host = settings.listen_host
    port = listener.getsockname()[1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
