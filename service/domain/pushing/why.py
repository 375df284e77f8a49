"""Why something was pushed, in a sentence: what made it due, and what proved that nothing would be doubled.

Made from what the paper trail holds, so it says tomorrow what was true then.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from service.domain.causes.facts import DETAIL_MAX
from service.domain.pushing.attempt import EvidenceKind, Trigger
from service.domain.pushing.override import Word, said

Detail = Mapping[str, Any]

_DUE: Final[Mapping[str, str]] = {
    Trigger.SCHEDULE: "Its wait was over",
    Trigger.CURE: "What kept it from the books was cured",
    Trigger.CANARY: "It was tried, since what cures it cannot be seen",
    Trigger.OPERATOR: "A person wanted it sent",
}


def why(trigger: str, kind: str, detail: Detail) -> str:
    """Why an attempt was made just then, and what permitted it."""
    due = _DUE.get(trigger, f"It was due ({trigger})")
    if trigger == Trigger.OPERATOR and detail.get("retry_id"):
        due = f"{_text(detail, 'person') or 'A person'} planned it with others"
    elif trigger == Trigger.OPERATOR and kind == EvidenceKind.NAMED_PERSON:
        return f"{sentence(kind, detail)}"
    proof = sentence(kind, detail)
    return f"{due}, and nothing could be doubled: {proof[0].lower()}{proof[1:]}"


def sentence(kind: str, detail: Detail) -> str:
    """What a row of evidence says."""
    match kind:
        case EvidenceKind.NOT_SENT:
            return "The push before it never left."
        case EvidenceKind.REFUSED:
            return "The hub itself refused the push before it."
        case EvidenceKind.REFUSED_BEFORE_CREATION:
            return f"It had failed before anything was made{_failure(detail)}."
        case EvidenceKind.READ_BACK:
            return f"The books were read whole and did not hold it{_reading(detail)}."
        case EvidenceKind.FOUND:
            return f"It was found in the books{_place(detail)}{_reading(detail)}."
        case EvidenceKind.NAMED_PERSON | EvidenceKind.SET_ASIDE:
            word = _text(detail, "decision") or Word.PUSH
            return f"{said(word, _text(detail, 'person') or 'Somebody', _text(detail, 'reason'))}."
        case _:
            return f"Evidence of the kind {kind}."


def _failure(detail: Detail) -> str:
    error = _text(detail, "error")
    if not error:
        return ""
    short = error if len(error) <= DETAIL_MAX else error[:DETAIL_MAX].rsplit(" ", 1)[0] + "…"
    return f", with “{short.rstrip('.')}”"


def _reading(detail: Detail) -> str:
    scan = detail.get("scan")
    if not isinstance(scan, Mapping):
        return ""
    read_at, pulled_at = _instant(scan.get("started_at")), _instant(scan.get("last_pull"))
    if not read_at or not pulled_at:
        return ""
    return f" (read at {read_at}, as the hub had pulled them at {pulled_at})"


def _place(detail: Detail) -> str:
    books_id = _text(detail, "books_id")
    return f" as document {books_id}" if books_id else ""


def _text(detail: Detail, name: str) -> str:
    value = detail.get(name)
    return value if isinstance(value, str) else ""


def _instant(told: object) -> str:
    """An instant as it came out of JSON."""
    try:
        at = datetime.fromisoformat(told) if isinstance(told, str) else None
    except ValueError:
        at = None
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else ""
