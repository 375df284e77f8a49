"""`tieout completion SHELL`: what a shell reads to complete commands, options and their values."""

from __future__ import annotations

from typing import Final

import click
from click.shell_completion import get_completion_class

from service.commands.group import tieout

VARIABLE: Final = "_TIEOUT_COMPLETE"
"""Where the shell's script asks for completions; click looks for this name."""

SHELLS: Final = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS), metavar="SHELL")
def command(*, shell: str) -> None:
    """Print what lets SHELL (bash, zsh or fish) complete commands, options and values.

    \b
    bash  eval "$(tieout completion bash)"                          in ~/.bashrc
    zsh   eval "$(tieout completion zsh)"                           in ~/.zshrc
    fish  tieout completion fish > ~/.config/fish/completions/tieout.fish
    """  # noqa: D301 - click's mark for lines that are kept as they are
    kind = get_completion_class(shell)
    assert kind is not None, "click knows these shells"
    click.echo(kind(tieout, {}, "tieout", VARIABLE).source())
