"""`tieout openapi`: the description of the HTTP API, without a running service."""

from __future__ import annotations

import click
import msgspec

from service.version import version
from service.web.api.openapi import describe
from service.web.table import ROUTES


@click.command("openapi")
def command() -> None:
    """Print the OpenAPI description of the HTTP API, as GET /openapi.json answers it."""
    click.echo(msgspec.json.format(msgspec.json.encode(describe(ROUTES, version()))).decode())
