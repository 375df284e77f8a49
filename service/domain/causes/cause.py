"""From the raw `errors` of a synced record to a cause: the one thing everything else is decided from.

Unwrap (`text`), bring to one spelling (`wording`), apply the rules (`rule_book`). The answer
for the same words is always the same, so it is remembered: a thousand records fail with one text. Nothing
here raises on any input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from service.domain.causes.names import Action, Cause
from service.domain.causes.rule_book import RuleBook, rule_book
from service.domain.causes.text import Problem, problems
from service.domain.causes.wording import group

__all__ = ["TEXT_SHOWN_MAX", "Action", "Cause", "Classification", "classify", "rules_version"]

TEXT_SHOWN_MAX = 500
"""Characters of the upstream message kept for people; longer ones are stack traces."""
REMEMBERED_MAX = 4_096
"""Distinct wordings remembered: a fleet fails in hundreds of wordings, each below 2 kB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Classification:
    """What an error was understood as."""

    cause: Cause
    rule: str | None
    """The rule that decided; None when none knows the words."""
    text: str
    """The upstream message for people: unwrapped, one line."""
    code: str | None
    """The platform's code, where told."""
    group: str
    """Equal for wordings that differ in names, numbers, ids and dates only."""
    rules_version: int


def classify(
    errors: object, *, object_type: str | None = None, platform: str | None = None
) -> Classification:
    """Classify a record's `errors` of whatever shape; never raises."""
    return _decide(problems(errors), object_type, platform)


def rules_version() -> int:
    """The version of the rules in force; what was classified under an older one is to be read again."""
    return rule_book().version


def classify_with(
    book: RuleBook, errors: object, *, object_type: str | None = None, platform: str | None = None
) -> Classification:
    """Classify with another rule book than the packaged one: to measure a change before making it."""
    return _apply(book, problems(errors), object_type, platform)


@lru_cache(maxsize=REMEMBERED_MAX)
def _decide(found: tuple[Problem, ...], object_type: str | None, platform: str | None) -> Classification:
    return _apply(rule_book(), found, object_type, platform)


def _apply(
    book: RuleBook, found: Sequence[Problem], object_type: str | None, platform: str | None
) -> Classification:
    """Let the rules decide, and keep what people need to see of it."""
    match = book.decide(found, object_type=object_type, platform=platform)
    problem = match.problem if match else next(iter(found), Problem(""))
    code = next(iter(problem.codes), None)
    shown = problem.text or next((other.text for other in found if other.text), "") or _wordless(problem)
    return Classification(
        cause=match.rule.cause if match else Cause.UNKNOWN,
        rule=match.rule.id if match else None,
        text=shown[:TEXT_SHOWN_MAX],
        code=code,
        group=group(shown, book.vocabulary),
        rules_version=book.version,
    )


def _wordless(problem: Problem) -> str:
    """What to show of an error that has a code or a status and no words."""
    if problem.codes:
        return f"code {problem.codes[0]}"
    return f"HTTP status {problem.http_status}" if problem.http_status else ""
