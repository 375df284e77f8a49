"""`tieout`, also as `python -m service`: hands over to the commands and ends with their exit code.

Characters that the output's encoding lacks are written as JSON escapes them: nothing is lost, and JSON stays
JSON.
"""

from __future__ import annotations

import codecs
import io
import json
import sys

from service.commands.telling import run

ESCAPED = "tieout.escaped"


def main() -> None:
    """Run the command line; the entry point of the installed `tieout`."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        codecs.register_error(ESCAPED, _escape)
        sys.stdout.reconfigure(errors=ESCAPED)
    sys.exit(run(sys.argv[1:]))


def _escape(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


if __name__ == "__main__":
    main()
