"""Lists of the API on the command line: the same filters, answered by the same functions, page by page.

Options are made from the parameters of the route, so that a filter which the API learns is an option here at
once. The database is read directly: no key is needed, and it answers also while the service is down.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final
from uuid import UUID

import click
import msgspec
from starlette.requests import Request

from service.commands.postgres import opened_database
from service.errors import TieoutError
from service.settings import Role, Settings
from service.store.database import Database
from service.store.organizations import list_organization_names
from service.version import version
from service.web.authentication import Authenticator, Caller
from service.web.known import require_known
from service.web.paging import Page
from service.web.parameters import AFTER, AS_OF, LIMIT, LIMIT_MAX, Parameter
from service.web.problems import Refused
from service.web.route import Asked, Route, Service
from service.web.table import ROUTES

LIMIT_DEFAULT: Final = 25
"""As many as a person reads at once; a program says --all, or how many."""

MALFORMED: Final = 422

_CALLER = Caller(name="command line", role=Role.VIEWER, organization_id=None)

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def route_of(path: str, method: str = "GET") -> Route:
    """The route that answers this path."""
    return next(route for route in ROUTES if (route.method, route.path) == (method, path))


def filters_of(route: Route) -> Sequence[Decorator]:
    """The filters of a list as options, without those of paging."""
    return [option_of(each) for each in route.parameters if each not in (LIMIT, AFTER)]


def listing(route: Route) -> Decorator:
    """Give a command the filters of a list, and the options of all lists."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        own: list[Decorator] = [
            click.option(
                "--limit", "rows_max", type=click.IntRange(min=1), default=LIMIT_DEFAULT, show_default=True,
                metavar="N", help="How many rows at most.",
            ),
            click.option("--all", "is_all", is_flag=True, help="All rows, however many."),
            click.option("--after", metavar="TOKEN", help="Go on where a page ended, as it told."),
            click.option("--json", "as_json", is_flag=True, help="As the API answers: data, and next."),
        ]  # fmt: skip
        for option in reversed([*filters_of(route), *own]):
            function = option(function)
        return function

    return decorate


def option_of(parameter: Parameter) -> Decorator:
    """Make the option of a filter: it takes what the API takes, and refuses what the API refuses."""
    name = _option_name(parameter.name)
    words = parameter.schema.get("enum")
    if parameter.schema["type"] == "boolean":
        return click.option(f"--{name}/--not-{name}", parameter.name, default=None, help=parameter.meaning)
    if words:
        told = f"{parameter.meaning} One of: {', '.join(words)}."
        return click.option(
            f"--{name}", parameter.name, type=click.Choice(words), metavar=name.upper(), help=told
        )

    def parse(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> Any:  # noqa: ANN401 - as declared
        try:
            return None if value is None else parameter.parse(value)
        except ValueError as error:
            raise click.BadParameter(str(error)) from None

    return click.option(
        f"--{name}", parameter.name, callback=parse, metavar=name.upper(), help=parameter.meaning
    )


def _option_name(name: str) -> str:
    """What an option is called, by the name that its value has in a query or in a filter of the API."""
    return name.removeprefix("filter.").removesuffix("_ids").removesuffix("_id").replace("_", "-")


def _told(refused: Refused) -> Exception:
    """A refusal in words: what the API cannot understand is wrong usage here, by the names of options."""
    answer = refused.answer
    if answer.status != MALFORMED or not answer.faults:
        return TieoutError(answer.detail)
    return click.UsageError("; ".join(f"--{_option_name(each.name)} {each.detail}" for each in answer.faults))


class Answers:
    """Asks the functions behind the API, as somebody who sees the whole fleet."""

    def __init__(self, settings: Settings, database: Database, caller: Caller = _CALLER) -> None:
        self._caller = caller
        self._database = database
        self._service = Service(
            settings=settings,
            database=database,
            authenticator=Authenticator(database, settings.api_keys),
            replica_id="",
            version=version(),
            description={},
        )
        self._names: dict[UUID, str] = {}

    async def ask(
        self,
        route: Route,
        query: Mapping[str, Any],
        path: Mapping[str, Any] | None = None,
        *,
        body: Any = None,  # noqa: ANN401 - as the route says
    ) -> Any:  # noqa: ANN401 - likewise
        """Ask one question; what is refused is told as it is to programs, but as wrong usage where it is."""
        asked = Asked(
            service=self._service,
            request=Request({"type": "http", "method": route.method, "path": route.path, "headers": []}),
            caller=self._caller,
            path=path or {},
            query=query,
            body=body,
        )
        try:
            await require_known(self._service, query.get(AS_OF.name))
            return await route.handler(asked)
        except Refused as refused:
            raise _told(refused) from None

    async def pages(
        self, route: Route, filters: Mapping[str, Any], *, after: str | None, rows_max: int | None
    ) -> AsyncIterator[Page[Any]]:
        """Walk a list until it ends, or `rows_max` rows are given."""
        left = rows_max
        while left is None or left > 0:
            limit = LIMIT_MAX if left is None else min(left, LIMIT_MAX)
            page: Page[Any] = await self.ask(route, {**filters, "limit": limit, "after": after})
            yield page
            after = page.next
            if after is None:
                return
            left = None if left is None else left - len(page.data)

    async def names(self, organization_ids: set[UUID]) -> Mapping[UUID, str]:
        """What organizations are called."""
        missing = organization_ids - self._names.keys()
        if missing:
            async with self._database.fleet(readonly=True) as connection:
                self._names.update(await list_organization_names(connection, missing))
        return self._names


@asynccontextmanager
async def opened_answers(settings: Settings, caller: Caller = _CALLER) -> AsyncIterator[Answers]:
    """Open the database, and ask it; by default as somebody who changes nothing."""
    async with opened_database(settings) as database:
        yield Answers(settings, database, caller)


async def write_json(pages: AsyncIterator[Page[Any]]) -> None:
    """Print pages as one answer of the API, row by row as they come: a fleet has millions."""
    encoder = msgspec.json.Encoder(decimal_format="number")
    opening, separator, token = '{"data": [', "\n", None
    async for page in pages:
        click.echo(opening, nl=False)  # not before: what is refused has no answer, not even half of one
        opening = ""
        for row in page.data:
            click.echo(separator + encoder.encode(row).decode(), nl=False)
            separator = ",\n"
        token = page.next
    click.echo(f'\n], "next": {encoder.encode(token).decode()}}}')
