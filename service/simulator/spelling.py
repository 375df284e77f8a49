"""How answers are written where the published examples differ: times, and fields without a value."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from service.simulator.behaviour import Behaviour

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00", re.ASCII)


def written(payload: Any, behaviour: Behaviour) -> Any:  # noqa: ANN401 - JSON
    """Give an answer as the switches say; as it is where none is set."""
    if behaviour.times == "offset" and not behaviour.omits_nulls:
        return payload
    return _written(payload, behaviour.times, omits_nulls=behaviour.omits_nulls)


def _written(value: Any, times: str, *, omits_nulls: bool) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return {
            name: _written(entry, times, omits_nulls=omits_nulls)
            for name, entry in value.items()
            if entry is not None or not omits_nulls
        }
    if isinstance(value, list):
        return [_written(entry, times, omits_nulls=omits_nulls) for entry in value]
    if times != "offset" and isinstance(value, str) and _INSTANT.fullmatch(value):
        at = datetime.fromisoformat(value).astimezone(UTC).replace(tzinfo=None)
        return f"{at.isoformat(timespec='milliseconds')}Z" if times == "zulu" else at.isoformat()
    return value
