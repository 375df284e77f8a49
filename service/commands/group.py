"""The commands, listed by what one wants to do.

Each is imported only when it is called, so that `tieout --help` answers at once. What the list says of a
command therefore stands here and not in its module; a test compares the two.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import click
from click.shell_completion import CompletionItem

from service.version import version


@dataclass(frozen=True, slots=True)
class Entry:
    """One command: its name, and what it does in one line."""

    name: str
    does: str

    def load(self) -> click.Command:
        """Import it."""
        command = importlib.import_module(f"service.commands.{self.name}").command
        assert isinstance(command, click.Command), "each module of a command has one"
        return command


SECTIONS: Final[Sequence[tuple[str, Sequence[Entry]]]] = (
    (
        "See it work",
        (
            Entry("demo", "A whole installation on this machine, with a story to watch"),
            Entry("simulator", "The simulated hub alone, over HTTP"),
        ),
    ),
    (
        "Run it",
        (
            Entry("check", "Try settings, database, hub and channels; tell what to mend"),
            Entry("migrate", "Bring the database's schema up to date"),
            Entry("serve", "Run the service: the web side, the workers, or both"),
            Entry("subscribe", "Have the hub send its webhooks here"),
            Entry("backfill", "Read everything anew, with progress shown"),
            Entry("keys", "Make, list and revoke the keys of programs and people"),
        ),
    ),
    (
        "Connect an organization",
        (
            Entry("connect", "Begin a connection to QuickBooks or Xero, and wait for it"),
            Entry("disconnect", "End one"),
        ),
    ),
    (
        "Ask it",
        (
            Entry("status", "How it is: state and reasons, causes, whose turn it is, money"),
            Entry("records", "Synced records and their reasons; one with its whole story"),
            Entry("retry", "Send again what failed: shows the plan, asks, applies it"),
            Entry("differences", "What differs between local documents and the books"),
            Entry("statement", "The month-end tie-out: PDF, XLSX, CSV or JSON"),
            Entry("openapi", "The description of the HTTP API"),
            Entry("completion", "Let a shell complete commands, options and values"),
        ),
    ),
)

_HELP = """Watches what the hub syncs to QuickBooks Online and Xero, brings in what failed once it can go,
and ties both sides out to the cent.

Settings are environment variables, TIEOUT_… ; the README lists them. Begin with `tieout demo`.
"""


class Commands(click.Group):
    """A group that imports its commands when they are called, and lists them in sections."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Name them all, in the order of the list."""
        return [entry.name for entry in _entries()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the one that is called; a slip of the keyboard is told with the nearest."""
        found = next((entry.load() for entry in _entries() if entry.name == cmd_name), None)
        if found is None and not ctx.resilient_parsing:
            names = [entry.name for entry in _entries()]
            nearest = difflib.get_close_matches(cmd_name, names, n=1)
            hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
            raise click.UsageError(f"No such command {cmd_name!r}.{hint}", ctx)
        return found

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Offer commands without importing them: a person waits for each key."""
        offered = [CompletionItem(entry.name, help=entry.does) for entry in _entries()]
        fitting = [item for item in offered if item.value.startswith(incomplete)]
        return fitting + click.Command.shell_complete(self, ctx, incomplete)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write commands first: they are what one came for."""
        self.format_commands(ctx, formatter)
        click.Command.format_options(self, ctx, formatter)

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List them by what one wants to do."""
        width = max(len(entry.name) for entry in _entries())
        for title, entries in SECTIONS:
            with formatter.section(title):
                formatter.write_dl([(entry.name.ljust(width), entry.does) for entry in entries])


def _entries() -> Iterator[Entry]:
    for _title, entries in SECTIONS:
        yield from entries


def _tell_version(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click calls it so
    if value and not ctx.resilient_parsing:
        click.echo(f"tieout {version()}")
        ctx.exit()


@click.group(
    cls=Commands,
    help=_HELP,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_tell_version,
    help="Tell the version.",
)
@click.option("--debug", is_flag=True, help="Tell where an unexpected error happened.")
def tieout(*, debug: bool) -> None:
    """Hand over to a command; `debug` is read where trouble is told."""
