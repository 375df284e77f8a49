"""`tieout openapi`: the description of the HTTP API, without a running service."""

from __future__ import annotations

import click

from service.commands.terminal import print_json
from service.version import version
from service.web.api.openapi import describe
from service.web.table import ROUTES


@click.command("openapi")
def command() -> None:
    """Print the OpenAPI description of the HTTP API, as GET /openapi.json answers it."""
    print_json(describe(ROUTES, version()))
