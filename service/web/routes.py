"""The web side, assembled: the receiver and the table of routes behind one front door."""

from __future__ import annotations

import zlib
from urllib.parse import urlsplit

from starlette.types import ASGIApp

from service.settings import Settings
from service.store.database import Database
from service.web.api.openapi import describe
from service.web.authentication import Authenticator
from service.web.front import FrontDoor
from service.web.group_commit import SHARDS
from service.web.page.rendering import explain
from service.web.route import Service
from service.web.router import Router
from service.web.table import ROUTES
from service.web.webhooks import Receiver


def build(*, settings: Settings, database: Database, replica_id: str, version: str) -> ASGIApp:
    """Make the ASGI application of the web side. It needs no lifespan; its server is `serving.configure`."""
    service = Service(
        settings=settings,
        database=database,
        authenticator=Authenticator(database, settings.api_keys),
        replica_id=replica_id,
        version=version,
        description=describe(ROUTES, version),
    )
    receiver = Receiver(settings, database, shard=zlib.crc32(replica_id.encode()) % SHARDS)
    is_https = urlsplit(settings.public_url).scheme == "https"
    return FrontDoor(receiver, Router(ROUTES, service), explain, is_https=is_https)
