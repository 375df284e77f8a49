"""How the story is printed: plain sentences with the time that has passed, calm enough to read along."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from service.commands.terminal import answers, plain


class Narrator:
    """Prints; it knows nothing of what it tells."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or answers()
        self._began = time.monotonic()
        self._acts = 0

    @property
    def seconds(self) -> float:
        """How long the telling has taken."""
        return time.monotonic() - self._began

    def title(self, text: str) -> None:
        """Begin a part."""
        self._console.print()
        self._console.print(plain(text, "bold"))
        self._console.print()

    def act(self, title: str) -> None:
        """Begin a beat."""
        self._acts += 1
        self._console.print()
        self._console.print(Rule(Text(f"{self._acts}  {title}", "bold"), align="left", style="dim"))

    def world(self, text: str) -> None:
        """Tell what happens to the world."""
        self._line("·", text, "", "dim")

    def seen(self, text: str) -> None:
        """Tell what the service made of it, as checked."""
        self._line("✓", text, "", "green")

    def alert(self, text: str) -> None:
        """Tell what reached the channel."""
        self._line("!", text, "", "yellow")

    def ready(self, what: str, detail: str) -> None:
        """Tell that something is set up."""
        self._line("✓", what, detail, "green")

    def address(self, what: str, address: str) -> None:
        """Give an address in a line of its own, whole, so that it can be clicked or copied."""
        self._console.print()
        self._console.print(f"  {what}", style="bold")
        self._console.print(
            Text(f"  {address}", "underline cyan", no_wrap=True, overflow="ignore"), crop=False
        )

    def remark(self, text: str) -> None:
        """Say something beside the story."""
        self._console.print(Padding(plain(text, "dim"), (0, 0, 0, 2)))

    def blank(self) -> None:
        """Leave a line."""
        self._console.print()

    def table(self, headings: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int]) -> None:
        """Print a small table; columns named in `numbers` hold figures."""
        table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0), pad_edge=False)
        for place, heading in enumerate(headings):
            table.add_column(heading, justify="right" if place in numbers else "left")
        for row in rows:
            table.add_row(*(plain(cell) for cell in row))
        self._console.print(Padding(table, (0, 0, 0, 2)))

    @contextmanager
    def waiting(self, text: str) -> Iterator[None]:
        """Show that something is awaited; on a terminal only, and gone afterwards."""
        if not self._console.is_terminal:
            yield
            return
        with self._console.status(plain(f"{text} …", "dim"), spinner="dots"):
            yield

    def _line(self, mark: str, text: str, detail: str, style: str) -> None:
        """Print one entry: time, mark, and a text that keeps its indent."""
        words = plain(f"{text}: {detail}" if detail else text)
        if detail:
            words.stylize("dim", len(text))
        head = Text.assemble((f"{self.seconds:6.1f}s ", "dim"), (mark, style), " ")
        for number, line in enumerate(words.wrap(self._console, self._console.width - len(head))):
            line.rstrip()
            self._console.print((head if number == 0 else Text(" " * len(head))) + line)
