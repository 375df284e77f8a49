"""What a route is: one row of the table that routing, rights, documentation and tests are made from."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any
from uuid import UUID

from starlette.requests import Request

from service.settings import Role, Settings
from service.store.database import Connection, Database
from service.web.authentication import Authenticator, Caller
from service.web.bodies import Memory
from service.web.files import Files
from service.web.parameters import Parameter
from service.web.problems import not_found
from service.web.reads import Reads

READING = frozenset({"GET", "HEAD"})
"""The methods that change nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What handlers work with."""

    settings: Settings
    database: Database
    authenticator: Authenticator
    replica_id: str
    version: str
    description: Mapping[str, Any]
    """OpenAPI of all routes."""
    reads: Reads = field(default_factory=Reads)
    files: Files = field(default_factory=Files)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request, once it is clear who asks and what for."""

    service: Service
    request: Request
    caller: Caller | None
    path: Mapping[str, Any]
    query: Mapping[str, Any]
    body: Any = None
    moment: Connection | None = None
    """The transaction that everything is read in, where it is to be of one moment."""

    @property
    def who(self) -> Caller:
        """The caller of a route that needs one."""
        assert self.caller is not None, "only routes with a role have a caller"
        return self.caller

    @asynccontextmanager
    async def rows(self, *, readonly: bool = True, is_watch: bool = False) -> AsyncIterator[Connection]:
        """Open a transaction that sees what the caller may see, and nothing else, whatever is asked of it.

        A question waits for its turn, but not whoever watches over the service (`is_watch`), nor an action:
        what was done has to be told.
        """
        if readonly and self.moment is not None:
            yield self.moment
            return
        database, bound = self.service.database, self.who.organization_id
        scope = (
            database.fleet(readonly=readonly)
            if bound is None
            else database.organization(bound, readonly=readonly)
        )
        is_question = readonly and not is_watch and self.request.method in READING
        turn = self.service.reads.turn(bound) if is_question else nullcontext()
        async with turn, scope as connection:
            yield connection

    @asynccontextmanager
    async def at_once(self) -> AsyncIterator[Asked]:
        """Give the same request for reading alone: all that is read by it is of one moment."""
        async with self.rows() as connection:
            yield replace(self, moment=connection)

    def organization_id(self) -> UUID | None:
        """The organization that a list is about: the one asked for, or the caller's only one.

        To a caller who is bound to one, any other is answered as if there were none: 404.
        """
        asked: UUID | None = self.query.get("organization_id")
        bound = self.who.organization_id
        if asked is not None and bound is not None and asked != bound:
            raise not_found("organization")
        return asked or bound


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyLimit:
    """How large a body may be, how long it may take, and what all of its kind together may hold."""

    bytes_max: int
    seconds: float | None = None
    """None: as long as any body may."""
    memory: Memory | None = None


BODY_LIMIT = BodyLimit(bytes_max=64 * 1024)
"""Of a JSON body or a form; routes that take whole documents bring their own."""

Handler = Callable[[Asked], Awaitable[Any]]


class Kind(StrEnum):
    """What a route answers with, and so how it refuses."""

    JSON = "json"
    PAGE = "page"
    """HTML for people: without a session they are sent to the login page."""
    OTHER = "other"
    """Either by `Accept`, or text; refuses like JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One row: where, who may, what it takes, what it gives."""

    method: str
    path: str
    handler: Handler
    summary: str
    role: Role | None = Role.VIEWER
    """The least role that may; None: anybody, also without a key."""
    is_fleet_only: bool = False
    """Whether it is about the whole service: for a key of one organization it does not exist."""
    kind: Kind = Kind.JSON
    parameters: Sequence[Parameter] = ()
    body: Any = None
    """The type of its JSON body."""
    reads: Callable[[bytes], Any] | None = None
    """What reads its JSON body, where that type alone would not tell all that is wrong with one."""
    body_limit: BodyLimit = BODY_LIMIT
    is_form: bool = False
    """Whether it takes a form of our page instead."""
    answer: Any = None
    """The type of its JSON answer."""
    answer_as_of: Any = None
    """The type of its answer about an instant that has passed, where that tells less."""
    answer_503: Any = None
    """The type of its answer while it cannot serve, where that is no problem."""
    media_type: str = "application/json"
    other_media_types: Sequence[str] = ()
    """What it also answers with, where it is asked for files."""
    status: int = 200
    errors: Sequence[int] = ()
    """Refusals of its own, beside those that every route may give."""

    @property
    def has_etag(self) -> bool:
        """Whether its answers bear an ETag: what programs read, and may read again."""
        return (
            not self.is_action
            and self.role is not None
            and (self.kind is Kind.JSON or self.answer is not None)
        )

    @property
    def is_action(self) -> bool:
        """Whether it changes anything."""
        return self.method not in READING
