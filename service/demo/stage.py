"""What the story is played on: Postgres, the simulated hub, the service, a receiver of alerts.

Set up in this order and taken down in reverse.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from service import embedded
from service.demo.ending import Ending
from service.demo.narrator import Narrator
from service.demo.processes import OPTION, Process
from service.demo.receiver import Receiver
from service.demo.service_api import ServiceApi
from service.demo.serving import HOST, serve
from service.demo.world import World
from service.errors import TieoutError
from service.settings import Role
from service.store.database import Database
from service.store.migrate import migrate
from service.web.keys import make_login_code

PULL_SECONDS: Final = 4
LOGIN_MINUTES: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """All that the story works with."""

    world: World
    api: ServiceApi
    receiver: Receiver
    url: str
    key: str
    folder: Path
    database_url: str

    def login_link(self) -> str:
        """An address that opens the page once, without a key."""

        async def make() -> str:
            async with await Database.open(self.database_url, pool_size=1) as database:
                return await make_login_code(database, Role.OPERATOR, LOGIN_MINUTES)

        return f"{self.url}/login?once={asyncio.run(make())}"


@contextmanager
def set_stage(narrator: Narrator, *, port: int, data_dir: Path | None, ending: Ending) -> Iterator[Stage]:
    """Start everything, and wait until the service answers."""
    with ExitStack() as stack:
        folder = _folder(stack, data_dir)
        with narrator.waiting("starting Postgres"):
            server = stack.enter_context(embedded.start(folder, chosen_by=OPTION))
            applied = asyncio.run(migrate(server.url))
        narrator.ready("Postgres of its own", f"{len(applied)} migrations applied")
        ending.require_none()
        receiver = Receiver()
        stack.callback(receiver.close)
        with narrator.waiting("starting the simulated hub"):
            simulator = _simulator(folder)
            stack.callback(simulator.stop)
            told = json.loads(simulator.first_line())
        narrator.ready("Simulated hub, with QuickBooks and Xero behind it", told["url"])
        world = World(told["control_url"])
        stack.callback(world.close)
        ending.require_none()

        def require_running() -> None:
            ending.require_none()
            simulator.require_running()

        served = serve(
            stack, narrator, port=port, folder=folder, require_running=require_running,
            settings={
                "TIEOUT_HUB_URL": told["url"],
                "TIEOUT_HUB_CLIENT_ID": told["client_id"],
                "TIEOUT_HUB_CLIENT_SECRET": told["client_secret"],
                "TIEOUT_ALERT_CHANNELS": receiver.channel,
                "TIEOUT_ALERT_ALLOW_PRIVATE": "true",
            },
        )  # fmt: skip
        narrator.ready("The service, web side and workers", served.url)
        yield Stage(
            world=world,
            api=served.api,
            receiver=receiver,
            url=served.url,
            key=served.key,
            folder=folder,
            database_url=server.url,
        )


def _folder(stack: ExitStack, data_dir: Path | None) -> Path:
    """Give an empty folder: the one named, or one that is removed afterwards."""
    if data_dir is None:
        try:
            folder = Path(tempfile.mkdtemp(prefix="tieout-demo-"))
        except OSError as error:
            raise TieoutError(
                f"no folder can be made for the demo ({error.strerror}); name one by {OPTION}"
            ) from None
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        return folder
    folder = data_dir.expanduser().absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        is_empty = not any(folder.iterdir())
    except OSError as error:
        raise TieoutError(
            f"{folder} cannot be used: {error.strerror}; name another folder by {OPTION}"
        ) from None
    if not is_empty:
        raise TieoutError(
            f"{folder} holds something already, and each demo tells a new story; name an empty folder"
        )
    return folder


def _simulator(folder: Path) -> Process:
    arguments = [
        *("simulator", "--listen", f"{HOST}:0", "--organizations", "0"),
        *("--pull-seconds", str(PULL_SECONDS), "--push-seconds", "0.2", "1.0"),
        *("--seed", str(secrets.randbelow(10_000))),
    ]
    return Process("the simulated hub", arguments, folder / "simulator.log", {})
