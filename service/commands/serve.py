"""`tieout serve`: run the service until SIGTERM or SIGINT, then end what is under way and leave with 0."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

import service.app
from service import logs, rings, tracing
from service.channels.registry import open_channels
from service.errors import SettingsError, TieoutError
from service.settings import Settings


@click.command("serve")
def command() -> None:
    """Run the service: the web side, the workers, or both, as TIEOUT_ROLES says.

    Logs one JSON line an event to standard error, readable ones on a terminal.
    """
    settings = Settings.from_environment(os.environ, judges=(_judge_channels, _judge_traces))
    logs.configure(logs.Masker(settings.secrets()))
    rings.search_less()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        try:
            runner.run(service.app.run(settings))
        except asyncio.CancelledError:
            raise click.Abort from None  # a second signal, which does not wait


def _judge_channels(found: Mapping[str, Any]) -> Sequence[str]:
    """What is wrong with the alert channels: told with all other problems, before anything is started."""
    if found["alert_allow_private"] is None:
        return ()
    try:
        open_channels(found["alert_channels"], allow_private=found["alert_allow_private"])
    except SettingsError as error:
        return error.problems
    return ()


def _judge_traces(found: Mapping[str, Any]) -> Sequence[str]:
    """Whether traces that are asked for can be sent."""
    if found["telemetry_otlp_url"] is None:
        return ()
    try:
        tracing.require_extra()
    except TieoutError as error:
        return (str(error),)
    return ()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Prefer uvloop, which takes a fifth off the work of a sweep and is not there on Windows."""
    if importlib.util.find_spec("uvloop") is None:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = importlib.import_module("uvloop").new_event_loop
    return factory
