"""Where text goes and how it looks: answers to standard output, everything else to standard error.

Who pipes an answer into a program gets the answer alone. Texts from elsewhere are shown as text: their
markup is not obeyed, and their control characters do not reach the terminal.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import datetime

import click
import msgspec
from rich.console import Console
from rich.text import Text

from service.domain.money import format_minor
from service.errors import TieoutError

WIDTH_MAX = 100
"""Lines beyond it are hard to read, however wide the window is."""

_JSON = msgspec.json.Encoder(decimal_format="number")


def answers() -> Console:
    """The console that answers are printed on."""
    return _console(Console(file=sys.stdout, highlight=False, soft_wrap=False))


def asides() -> Console:
    """The console of progress and remarks."""
    return _console(Console(file=sys.stderr, highlight=False, soft_wrap=False))


def _console(console: Console) -> Console:
    console.width = min(console.width, WIDTH_MAX)
    return console


def print_json(value: object) -> None:
    """Print an answer as JSON that people can read, too; exact decimals stay exact."""
    click.echo(msgspec.json.format(_JSON.encode(value)).decode())


def plain(value: object, style: str = "") -> Text:
    """Show text from elsewhere as what it is."""
    text = "".join(each if each.isprintable() else " " for each in str(value))
    return Text(" ".join(text.split()), style=style)


def below(console: Console, text: Text, indent: int = 2) -> None:
    """Print a text under a line that it belongs to, each of its lines indented and none of them padded."""
    for line in text.wrap(console, console.width - indent):
        line.rstrip()
        console.print(Text(" " * indent) + line, soft_wrap=True)


def money(by_currency: Mapping[str, int]) -> str:
    """Write amounts of several currencies: `EUR 120.00, USD 1,234.50`."""
    return ", ".join(format_minor(minor, currency) for currency, minor in sorted(by_currency.items()))


def instant(at: datetime | None) -> str:
    """Write an instant to the second."""
    return "never" if at is None else at.strftime("%Y-%m-%d %H:%M:%S UTC")


def confirm(question: str) -> bool:
    """Ask a person; where none can answer, say which option does."""
    if not sys.stdin.isatty():
        raise TieoutError(f"{question} Nobody is here to answer; add --yes to do it unasked")
    return click.confirm(question, err=True)
