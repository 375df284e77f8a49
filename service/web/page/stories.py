"""The story of a record: what the hub said, what we tried and why, in one line of time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from service.web.api.records import GAVE_BACK, Attempt, Step, Story
from service.web.page import wording


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One thing that happened."""

    at: datetime
    tone: str
    title: str
    text: str | None = None
    quote: str | None = None


_TONES = {
    "confirmed": "good",
    "acknowledged": "good",
    "waiting": "quiet",
    "retrying": "wait",
    "blocked": "wait",
    "quarantined": "wait",
    "needs_person": "bad",
    "given_up": "bad",
}


def tone_of(state: str) -> str:
    """How a state is to be felt."""
    return _TONES.get(state, "quiet")


def timeline(story: Story) -> Sequence[Moment]:
    """Put everything that happened to a record in order, the newest first."""
    moments = [*_steps(story.history), *(each for attempt in story.attempts for each in _attempt(attempt))]
    return sorted(moments, key=lambda moment: moment.at, reverse=True)


def _steps(history: Sequence[Step]) -> Iterator[Moment]:
    """Tell the versions that changed something a person would notice."""
    before: Step | None = None
    for step in sorted(history, key=lambda step: step.version):
        seen = (step.state, step.cause, step.reason)
        if before is None or seen != (before.state, before.cause, before.reason):
            yield Moment(
                at=step.known_at,
                tone=tone_of(step.state),
                title=wording.state_name(step.state),
                text=step.reason,
            )
        before = step


def _attempt(attempt: Attempt) -> Iterator[Moment]:
    because = wording.TRIGGERS.get(attempt.trigger, attempt.trigger)
    yield Moment(
        at=attempt.started_at,
        tone="act",
        title=f"Push {attempt.number}, {because}",
        text=attempt.why,
    )
    if attempt.finished_at is not None:
        outcome = attempt.outcome if attempt.was_sent else "not_sent"
        words, tone = wording.OUTCOMES.get(outcome, (wording.plain(outcome), "quiet"))
        code = f" (HTTP {attempt.http_status})" if attempt.http_status else ""
        yield Moment(
            at=attempt.finished_at,
            tone=tone,
            title=f"Push {attempt.number}: {words}{code}",
            text=GAVE_BACK if attempt.gave_back else None,
            quote=attempt.error,
        )
