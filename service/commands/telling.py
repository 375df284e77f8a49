"""How every command ends: 0 fine, 1 an expected refusal told in one line, 2 wrong usage, 130 interrupted.

The one place where exceptions become words. Expected trouble (`TieoutError`) carries its remedy already.
Anything else is a mistake of ours: one line says so, and where the details were put, because a traceback on
the screen helps nobody who meets it and may tell more than it should.
"""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from typing import Final

import click

from service.commands.group import tieout
from service.errors import SettingsError, TieoutError

FINE: Final = 0
REFUSED: Final = 1
USAGE: Final = 2
UNWRITTEN: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""What keeps an answer from being written: files are written by name elsewhere, and told by it."""

INTERRUPTED: Final = 130
"""128 and the number of SIGINT, as shells have it."""


def run(arguments: Sequence[str]) -> int:
    """Run a command and give the exit code; whatever went wrong has been told."""
    try:
        ended = tieout.main(args=list(arguments), prog_name="tieout", standalone_mode=False)
    except click.exceptions.Exit as ending:
        return ending.exit_code
    except click.ClickException as misuse:
        misuse.show()
        return misuse.exit_code
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        write_no_more()  # who reads us has read enough
        return REFUSED
    except OSError as error:
        if error.errno not in UNWRITTEN or error.filename is not None:
            return _tell(error, is_debugging="--debug" in arguments)
        write_no_more()
        tell(f"tieout: the answer could not be written whole: {error.strerror}")
        return REFUSED
    except Exception as error:  # noqa: BLE001 - nothing but words reaches a person
        return _tell(error, is_debugging="--debug" in arguments)
    return ended if isinstance(ended, int) else FINE


def write_no_more() -> None:
    """Have what is left of the answer go nowhere: Python must not complain about it while it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def tell(*lines: str) -> None:
    """Say something beside the answer, on standard error."""
    sys.stderr.write("".join(f"{line}\n" for line in lines))


def _tell(error: Exception, *, is_debugging: bool) -> int:
    causes = list(_leaves(error))
    if all(isinstance(cause, TieoutError) for cause in causes):
        for line in dict.fromkeys(line for cause in causes for line in _lines(cause)):
            tell(line)
        return REFUSED
    if is_debugging:
        tell("".join(traceback.format_exception(error)).rstrip())
        return REFUSED
    tell(
        f"tieout: something went wrong that should not have ({type(error).__name__}); "
        f"the details are in {_write_down(error)}, or shown by `tieout --debug …`"
    )
    return REFUSED


def _leaves(error: BaseException) -> Iterator[BaseException]:
    """What went wrong, where several things did at once."""
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield from _leaves(part)
    else:
        yield error


def _lines(error: BaseException) -> Sequence[str]:
    if isinstance(error, SettingsError) and len(error.problems) > 1:
        count = len(error.problems)
        return [f"tieout: {count} problems with the settings", *(f"  {each}" for each in error.problems)]
    return [f"tieout: {' '.join(str(error).split())}"]


def _write_down(error: Exception) -> str:
    """Put the details into a file that only its owner can read."""
    import tempfile  # noqa: PLC0415 - only wanted when something went wrong

    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="tieout-error-", suffix=".txt", delete=False, encoding="utf-8"
        ) as file:
            file.writelines(traceback.format_exception(error))
    except OSError:
        return "no file, for want of a place to write"
    return file.name
