"""`tieout serve`: run the service until SIGTERM or SIGINT, then end what is under way and leave with 0."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import os
from collections.abc import Callable

import click

import service.app
from service import logs, rings
from service.settings import Settings


@click.command("serve")
def command() -> None:
    """Run the service: the web side, the workers, or both, as TIEOUT_ROLES says.

    Logs one JSON line an event to standard error, readable ones on a terminal.
    """
    settings = Settings.from_environment(os.environ)
    logs.configure(logs.Masker(settings.secrets()))
    rings.search_less()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        try:
            runner.run(service.app.run(settings))
        except asyncio.CancelledError:
            raise click.Abort from None  # a second signal, which does not wait


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Prefer uvloop, which takes a fifth off the work of a sweep and is not there on Windows."""
    if importlib.util.find_spec("uvloop") is None:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = importlib.import_module("uvloop").new_event_loop
    return factory
