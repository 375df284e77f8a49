"""Which failure an answer is, and whether the request behind it was carried out.

The hub refuses in three shapes of its own: `{"error": {"message"}}`, `{"detail": [...]}` for validation, and
`{"message"}` where requests are counted. Anything else comes from something in between (a gateway's page),
and a gateway does not know what became of a request, whatever status it writes above. Hence:

    the hub's shape, 401 or 429, or the documented 400 of an expired token   not sent: turned away at the door
    the hub's shape, a status that says *turned away before any work*        refused
    everything else that is not a success                                    uncertain

Not on the list of refusals, though below 500: 408 and 425 (time), 409 (an earlier request, perhaps this very
one repeated by a proxy, is being carried out), and what nobody documented. Calling a refusal uncertain costs
a look; calling an execution refused costs a second invoice.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Final

import httpx
import msgspec

from service.errors import Fate, HubError, HubFailure
from service.hub.exchange import Answer
from service.hub.reading import Json

MESSAGE_CHARACTERS_MAX: Final = 300
"""Of the hub's words in ours: enough for a sentence, too little to flood a log."""

DETAILS_MAX: Final = 5
"""Findings of a validation that are told."""

REQUEST_ID_CHARACTERS_MAX: Final = 100

_TURNED_AWAY: Final = frozenset({400, 403, 404, 405, 406, 410, 413, 414, 415, 416, 422, 431})


class Shape(StrEnum):
    """Who speaks: the hub's own envelopes, or somebody else."""

    ERROR = "error"
    VALIDATION = "validation"
    MESSAGE = "message"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class Refusal:
    """The words of an answer that is no success."""

    shape: Shape
    message: str


def is_success(answer: Answer) -> bool:
    """Whether the hub says that it did what it was asked; what it did is for the body to show."""
    return HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES


def refusal(answer: Answer) -> Refusal:
    """Recognise the shape of an answer that is no success, and its words on one line."""
    try:
        body = msgspec.json.decode(answer.body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError, ValueError):
        body = None
    match body:
        case {"error": {"message": str(message)}}:
            return Refusal(Shape.ERROR, one_line(message))
        case {"detail": [*details]} if details:
            return Refusal(Shape.VALIDATION, one_line("; ".join(map(_detail, details[:DETAILS_MAX]))))
        case {"message": str(message)}:
            return Refusal(Shape.MESSAGE, one_line(message))
    return Refusal(Shape.FOREIGN, "the answer is not in any of the hub's shapes")


def is_expired_token(answer: Answer, words: Refusal) -> bool:
    """Whether another token would do: 401, or the documented 400 with its sentence."""
    if answer.status == HTTPStatus.UNAUTHORIZED:
        return True
    text = words.message.lower()
    said = "token" in text and "expired" in text
    return answer.status == HTTPStatus.BAD_REQUEST and words.shape is Shape.ERROR and said


def judge(doing: str, answer: Answer, now: datetime) -> HubError:
    """Make of an answer that is no success the error to raise; Retry-After may be counted from `now`."""
    words = refusal(answer)
    failure, fate = _verdict(answer, words)
    return HubError(
        f"{doing}: the hub answered {answer.status}: {words.message}",
        failure=failure,
        fate=fate,
        http_status=answer.status,
        retry_after_seconds=retry_after_seconds(answer.headers, now),
        request_id=request_id(answer.headers),
    )


def _verdict(answer: Answer, words: Refusal) -> tuple[HubFailure, Fate]:
    is_hub = words.shape is not Shape.FOREIGN
    at_the_door = Fate.NOT_SENT if is_hub else Fate.UNCERTAIN
    if is_expired_token(answer, words):
        return HubFailure.UNAUTHORIZED, at_the_door
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return HubFailure.THROTTLED, at_the_door
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return HubFailure.SERVER_ERROR, Fate.UNCERTAIN
    if not is_hub:
        return HubFailure.UNREADABLE, Fate.UNCERTAIN
    # A missing document is told by the hub itself; `{"message"}` is what a gateway without a route says too.
    is_missing = answer.status == HTTPStatus.NOT_FOUND and words.shape is Shape.ERROR
    failure = HubFailure.NOT_FOUND if is_missing else HubFailure.REFUSED
    return failure, Fate.REFUSED if answer.status in _TURNED_AWAY else Fate.UNCERTAIN


def retry_after_seconds(headers: Mapping[str, str], now: datetime) -> float | None:
    """Read Retry-After, in seconds or as a date; None where it is absent or means nothing."""
    text = headers.get("Retry-After", "").strip()
    if not text:
        return None
    seconds = number(text)
    if seconds is not None:
        return seconds
    try:
        at = parsedate_to_datetime(text)
        at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
        return max(0.0, (at - now).total_seconds())
    except (ValueError, OverflowError, TypeError):
        return None


def is_spent(headers: Mapping[str, str]) -> bool:
    """Whether the hub says that nothing remains of the present second."""
    remaining = headers.get("RateLimit-Remaining", headers.get("X-RateLimit-Remaining-Second", ""))
    return number(remaining) == 0


def told_limit(headers: Mapping[str, str]) -> float | None:
    """How many requests the hub allows in a second, where it says so."""
    return number(headers.get("X-RateLimit-Limit-Second", headers.get("RateLimit-Limit", "")))


def request_id(headers: httpx.Headers) -> str | None:
    """Give the hub's own name of the exchange, for its support."""
    text = headers.get("X-Request-Id", "")
    return one_line(text)[:REQUEST_ID_CHARACTERS_MAX] or None


def number(text: str) -> float | None:
    """Read a count of seconds or requests; None for what is none."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def one_line(text: str) -> str:
    """Make upstream words fit to stand in a sentence of ours: printable, on one line, of bounded length."""
    words = "".join(letter if letter.isprintable() else " " for letter in text[: MESSAGE_CHARACTERS_MAX * 2])
    line = " ".join(words.split())
    return line if len(line) <= MESSAGE_CHARACTERS_MAX else line[: MESSAGE_CHARACTERS_MAX - 1] + "…"


def _detail(detail: Json) -> str:
    match detail:
        case {"msg": str(message), "loc": [*location]}:
            where = ".".join(
                str(part) for part in location if isinstance(part, str | int) and not _is_huge(part)
            )
            return f"{where}: {message}"
        case {"msg": str(message)}:
            return message
    return "something"


def _is_huge(part: str | int) -> bool:
    """Python refuses to print integers of some thousand digits."""
    return isinstance(part, int) and part.bit_length() > 64  # noqa: PLR2004 - any bound will do
