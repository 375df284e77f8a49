"""Whether a list of the books that suddenly lacks much of them is believed, or looked at again first.

That half of the books vanished at once is believed when the next pull says so too: of about as many
documents. The same pull read again proves nothing: what is served may be emptied before it is filled anew,
and `last_pull` moves only then. A reading that failed by anything else in between was no look, and a list
from which ever more or ever fewer are missing has not come to rest.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

VANISHED_AT_ONCE_MIN: Final = 10
"""So many may go without a second look, whatever share of the books they are, and by so many may two looks
differ."""

_SAID: Final = re.compile(r"(\d+) of \d+ documents vanished at once with the pull of (\S+);")


def doubt_of(vanished: int, there: int, pulled_at: datetime, last_error: str | None) -> str | None:
    """Say why it is not believed yet that of the documents `there` so many are gone; None when it is.

    The list is as of `pulled_at`. `last_error` is what the reading before ended with: this same doubt, if
    that was the first look.
    """
    if vanished <= max(VANISHED_AT_ONCE_MIN, there / 2):
        return None
    said = _SAID.match(last_error or "")
    if said is not None:
        looked_at = datetime.fromisoformat(said[2])
        if looked_at < pulled_at and abs(vanished - int(said[1])) <= VANISHED_AT_ONCE_MIN:
            return None
        pulled_at = max(pulled_at, looked_at)
    return (
        f"{vanished} of {there} documents vanished at once with the pull of {pulled_at.isoformat()}; "
        "it is looked at again after the next"
    )
