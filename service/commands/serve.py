"""`tieout serve`: run the service until SIGTERM or SIGINT, then end what is under way and leave with 0."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import os
from collections.abc import Callable

import click

import service.app
from service import logs
from service.settings import Settings


@click.command("serve")
def command() -> None:
    """Run the service: the web side, the workers, or both, as TIEOUT_ROLES says.

    Logs one JSON line an event to standard error, readable ones on a terminal.
    """
    settings = Settings.from_environment(os.environ)
    logs.configure(logs.Masker(settings.secrets()))
    asyncio.run(service.app.run(settings))
