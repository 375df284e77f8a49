"""`tieout`, also as `python -m service`: hands over to the commands and ends with their exit code."""

from __future__ import annotations

import sys

from service.commands.telling import run


def main() -> None:
    """Run the command line; the entry point of the installed `tieout`."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
