"""The rule book: rules that turn words into causes. They are data (`rules/*.toml`); adding one needs no code.

How one decides is told at the top of `rules/rulebook.toml`. Here: reading it, and applying it to the
problems of an error in their order. The first problem that a rule of general words or better understands
decides; hints and containers only speak when nothing else does. A code or an HTTP status never outweighs
words.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources
from typing import Any

from service.domain.causes.facts import Retry, facts_of
from service.domain.causes.names import Cause
from service.domain.causes.pattern import PatternError, source
from service.domain.causes.text import Problem
from service.domain.causes.wording import normalise

HINT = 1
"""At or below this priority a match does not settle a problem: a later problem may be told plainly."""

_PLATFORM_NAME = re.compile(r" ?\b(?:quickbooks|xero)\b ?")
"""What integrators put between the words of a rule: no Xero mapping, a default QuickBooks account. What is
only understood without it never permits a blind push."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule as the book has it; what the fields mean stands in `rules/rulebook.toml`."""

    id: str
    cause: Cause
    priority: int
    patterns: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    codes: frozenset[str] = frozenset()
    http_statuses: frozenset[int] = frozenset()
    platforms: frozenset[str] = frozenset()
    object_types: frozenset[str] = frozenset()
    examples: tuple[str, ...] = ()
    counterexamples: tuple[tuple[str, Cause], ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """A rule that understood a problem, and how well."""

    rule: Rule
    problem: Problem
    rank: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class _Compiled:
    rule: Rule
    wanted: re.Pattern[str] | None
    unwanted: re.Pattern[str] | None


@dataclass(frozen=True, slots=True)
class RuleBook:
    """All rules, compiled, with the version that stored classifications are compared with."""

    version: int
    rules: tuple[Rule, ...]
    words: Mapping[str, tuple[str, ...]]
    vocabulary: frozenset[str]
    _compiled: tuple[_Compiled, ...] = field(repr=False)

    @classmethod
    def of(cls, rules: Sequence[Rule], words: Mapping[str, tuple[str, ...]], version: int) -> RuleBook:
        """Compile rules; a pattern that cannot be read is told with its rule."""
        vocabulary = {
            word
            for rule in rules
            for text in (*rule.patterns, *rule.unless, *rule.examples)
            for word in re.findall(r"[a-z]{2,}", text.lower())
        }
        vocabulary |= {
            word for texts in words.values() for text in texts for word in re.findall(r"[a-z]{2,}", text)
        }
        compiled = tuple(_compile(rule, words) for rule in rules)
        return cls(version, tuple(rules), words, frozenset(vocabulary), compiled)

    def with_rules(self, changed: Mapping[str, Rule]) -> RuleBook:
        """The same book with some rules, by id, read differently: to measure a change before making it."""
        compiled = tuple(
            _compile(changed[one.rule.id], self.words) if one.rule.id in changed else one
            for one in self._compiled
        )
        return replace(self, rules=tuple(one.rule for one in compiled), _compiled=compiled)

    def match(
        self, problem: Problem, *, object_type: str | None = None, platform: str | None = None
    ) -> Match | None:
        """The rule that understands one problem best, or None."""
        text = normalise(problem.text)
        best = self._match(text, problem, object_type, platform)
        if best and best.rule.priority > HINT:
            return best
        bare = _PLATFORM_NAME.sub(" ", text).strip()
        found = self._match(bare, problem, object_type, platform) if bare != text else None
        if found is None or facts_of(found.rule.cause).retry is Retry.BACKOFF:
            return best
        return found if best is None or found.rule.priority > best.rule.priority else best

    def _match(
        self, text: str, problem: Problem, object_type: str | None, platform: str | None
    ) -> Match | None:
        """The rule that understands a text in the one spelling best, or None."""
        family = "quickbooks" if (platform or "").startswith("quickbooks") else platform
        best: Match | None = None
        for compiled in self._compiled:
            rule = compiled.rule
            if best and rule.priority < best.rank[0]:
                break
            if (rule.platforms and family and family not in rule.platforms) or (
                rule.object_types and object_type and object_type not in rule.object_types
            ):
                continue
            rank = _rank(compiled, text, problem)
            if rank and (best is None or rank > best.rank):
                best = Match(rule, problem, rank)
        return best

    def decide(
        self, problems: Sequence[Problem], *, object_type: str | None = None, platform: str | None = None
    ) -> Match | None:
        """The match of the first problem that is told plainly, else the best of what is only hinted at."""
        vague: Match | None = None
        for problem in problems:
            match = self.match(problem, object_type=object_type, platform=platform)
            if match and match.rule.priority > HINT:
                return match
            if match and (vague is None or match.rule.priority > vague.rule.priority):
                vague = match
        return vague


def _rank(compiled: _Compiled, text: str, problem: Problem) -> tuple[int, int, int] | None:
    """Priority, then how early, then how much it matches; codes and statuses count as matching at the end."""
    found = compiled.wanted.search(text) if compiled.wanted else None
    rule = compiled.rule
    known = not rule.codes.isdisjoint(problem.codes) or problem.http_status in rule.http_statuses
    if (not found and not known) or (compiled.unwanted and compiled.unwanted.search(text)):
        return None
    if found:
        return rule.priority, -found.start(), found.end() - found.start()
    return rule.priority, -len(text), 0


def _compile(rule: Rule, words: Mapping[str, tuple[str, ...]]) -> _Compiled:
    """Join the patterns of a rule into one expression each for what it wants and what it does not."""
    try:
        return _Compiled(rule, _join(rule.patterns, words), _join(rule.unless, words))
    except (PatternError, re.error) as error:
        raise PatternError(f"rule {rule.id}: {error}") from error


def _join(patterns: Sequence[str], words: Mapping[str, tuple[str, ...]]) -> re.Pattern[str] | None:
    """One expression that finds any of the patterns."""
    return re.compile("|".join(source(pattern, words) for pattern in patterns)) if patterns else None


@cache
def rule_book() -> RuleBook:
    """The rule book that comes with the package, read once."""
    folder = resources.files("service.domain.causes") / "rules"
    return read_rule_book(lambda name: (folder / f"{name}.toml").read_text(encoding="utf-8"))


def read_rule_book(read: Callable[[str], str]) -> RuleBook:
    """Build a rule book from texts by name; priorities are sorted so that matching can stop early."""
    head = tomllib.loads(read("rulebook"))
    words = {name: tuple(texts) for name, texts in head["words"].items()}
    rows = [row for name in head["files"] for row in tomllib.loads(read(name))["rule"]]
    rules = sorted((_rule(row) for row in rows), key=lambda rule: -rule.priority)
    return RuleBook.of(rules, words, int(head["version"]))


def _rule(row: Mapping[str, Any]) -> Rule:
    """One row of TOML; an unknown key is a typing error and raises."""
    fields = dict(row)
    for name in ("patterns", "unless", "examples"):
        fields[name] = tuple(fields.get(name, ()))
    for name in ("codes", "http_statuses", "platforms", "object_types"):
        fields[name] = frozenset(fields.get(name, ()))
    fields["cause"] = Cause(fields["cause"])
    fields["counterexamples"] = tuple(
        (example["text"], Cause(example["cause"])) for example in fields.get("counterexamples", ())
    )
    return Rule(**fields)
