"""`tieout demo`: a whole installation on this machine, and a story that is checked while it is told."""

from __future__ import annotations

from pathlib import Path

import click

from service.commands.telling import write_no_more
from service.commands.terminal import answers, plain
from service.demo.ending import Ending, Interrupted
from service.errors import TieoutError


@click.command("demo")
@click.option("--once", is_flag=True, help="End after the story: 0 when all of it came true.")
@click.option(
    "--port", type=click.IntRange(1, 65_535), default=8080, show_default=True, metavar="N",
    help="Where the page is to be; another port is taken when it is not free.",
)  # fmt: skip
@click.option(
    "--data-dir", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER",
    help="An empty folder to keep the data in; otherwise it is gone afterwards.",
)  # fmt: skip
def command(*, once: bool, port: int, data_dir: Path | None) -> None:
    """See it work: Postgres, a simulated hub with QuickBooks and Xero behind it, and the service.

    Troubles come up, and the terminal tells what tieout makes of them, each sentence checked against its own
    answers. Nothing leaves this machine; settings of the environment are not read.
    """
    ending = Ending()
    ending.listen()
    from service.demo.show import play  # noqa: PLC0415 - much, and only wanted here

    try:
        play(is_once=once, port=port, data_dir=data_dir, ending=ending)
    except (Interrupted, TieoutError, KeyboardInterrupt, OSError):
        # What ends beside us, as the terminal that was closed, is no trouble of its own.
        if not ending.is_asked:
            raise
        if once:
            raise click.Abort from None  # the story was not told to its end
        # Whoever ends it has seen enough: it is no error, and make should not call it one.
        _tell_end()


def _tell_end() -> None:
    try:
        click.echo()
        answers().print(plain("  The demo has ended, and all that it started.", "dim"))
    except OSError:
        write_no_more()  # the terminal was closed
