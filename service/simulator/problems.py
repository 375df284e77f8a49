"""The hub's error shapes: the envelope, the validation list, and the rate limiter's own.

A refusal is raised where it is found and written once, by the gateway.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Refused(Exception):  # noqa: N818 - a refusal is an answer, not an error of ours
    """An answer other than success."""

    def __init__(self, status: int, payload: object, headers: Mapping[str, str] | None = None) -> None:
        self.status = status
        self.payload = payload
        self.headers = dict(headers or {})
        super().__init__(f"{status}")


def refused(status: int, message: str, error_type: str | None = None) -> Refused:
    """Refuse in the envelope of business and transport errors."""
    error = {"message": message} if error_type is None else {"type": error_type, "message": message}
    return Refused(status, {"error": error})


def invalid(where: Sequence[str | int], message: str, error_type: str = "value_error") -> Refused:
    """Refuse a request that fails validation, naming the place."""
    return Refused(422, {"detail": [{"loc": list(where), "msg": message, "type": error_type}]})


class Conflict(Refused):
    """What contradicts the state of things; its status is a switch."""


class Unknown(Refused):
    """An id that is well formed and leads nowhere; its status is a switch."""


def conflict(message: str) -> Conflict:
    """Refuse what contradicts the state of things."""
    return Conflict(409, {"error": {"message": message}})


def not_found(what: str, object_id: str) -> Unknown:
    """Refuse an id that is unknown here."""
    return Unknown(404, {"error": {"message": f"{what} with id {object_id} was not found."}})


def throttled(limit: int, retry_after_seconds: int, shape: str = "message") -> Refused:
    """Refuse what exceeds the budget, in the gateway's own shape or in the envelope of errors."""
    told = {"message": "API rate limit exceeded"}
    headers = {
        "Retry-After": str(retry_after_seconds),
        "RateLimit-Limit": str(limit),
        "RateLimit-Remaining": "0",
        "RateLimit-Reset": str(retry_after_seconds),
        "X-RateLimit-Limit-Second": str(limit),
        "X-RateLimit-Remaining-Second": "0",
    }
    return Refused(429, {"error": told} if shape == "error" else told, headers)
