"""Why pushes fail, in the words of the platforms, inside the wrapping of an aggregator.

The causes are those that the hub's documentation names or that integrations meet daily. A cause is the truth
a test compares with; the API shows only a text, worded by the platform, laid out in one of several shapes.
"""

from __future__ import annotations

import tomllib
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from service.simulator.behaviour import ErrorsShape
from service.simulator.connections import Platform

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from service.simulator.chance import Chance


class Cause(StrEnum):
    """Causes that the simulated books can produce."""

    RATE_LIMITED = "rate_limited"
    PLATFORM_UNAVAILABLE = "platform_unavailable"
    ACCESS_TOKEN_EXPIRED = "access_token_expired"  # noqa: S105 - the name of a cause
    TIMEOUT_AMBIGUOUS = "timeout_ambiguous"
    PLATFORM_INTERNAL_ERROR = "platform_internal_error"
    DUPLICATE_DOCUMENT_NUMBER = "duplicate_document_number"
    CONNECTION_REVOKED = "connection_revoked"
    MISSING_TAX_RATE = "missing_tax_rate"
    MISSING_LEDGER_ACCOUNT = "missing_ledger_account"
    PERIOD_LOCKED = "period_locked"
    DUPLICATE_NAME = "duplicate_name"
    MULTIPLE_MATCHES = "multiple_matches"
    REFERENCE_NOT_FOUND = "reference_not_found"
    INVALID_FIELD = "invalid_field"
    UNKNOWN = "unknown"


def _read_texts() -> Mapping[Cause, Mapping[Platform, Sequence[str]]]:
    """Read the platforms' words from the data file beside this module."""
    content = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    return {
        cause: {platform: tuple(content[cause.value][platform.value]) for platform in Platform}
        for cause in Cause
    }


TEXTS = _read_texts()
"""The platform's words per cause; a name in braces is filled in."""


def text_of(cause: Cause, platform: Platform, details: Mapping[str, object], chance: Chance) -> str:
    """Word a failure as the platform would."""
    text = chance.pick(TEXTS[cause][platform])
    for name, value in details.items():
        text = text.replace("{" + name + "}", str(value))
    return text


_SHAPES = (ErrorsShape.MESSAGE, ErrorsShape.LIST, ErrorsShape.NESTED)


def errors_object(text: str, platform: Platform, shape: ErrorsShape, chance: Chance) -> object:
    """Wrap the platform's words as the provider hands them on; `shape` says in which layout."""
    system = "Xero" if platform is Platform.XERO else "QuickBooks Online"
    wrapped = f"Push to {system} failed: {text}"
    if shape is ErrorsShape.MIXED:
        shape = chance.pick(_SHAPES)
    if shape is ErrorsShape.LIST:
        return {"errors": [{"message": wrapped}]}
    if shape is ErrorsShape.NESTED:
        return {
            "provider": "railz",
            "status": "failed",
            "validation": {"errors": [{"field": None, "message": text}]},
        }
    if shape is ErrorsShape.BARE_STRING:
        return wrapped
    if shape is ErrorsShape.BARE_LIST:
        return [{"message": wrapped}]
    return {"message": wrapped}
