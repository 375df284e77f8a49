"""The rule book: each rule is shown by its examples, none can run away, and adding one needs no code."""

from __future__ import annotations

import hashlib
import json
import random
import re
import time
import tomllib
from pathlib import Path

import pytest

from service.domain.causes.cause import Cause, classify, classify_with
from service.domain.causes.facts import Retry, facts_of
from service.domain.causes.pattern import PatternError, source
from service.domain.causes.rule_book import Rule, read_rule_book, rule_book

FOLDER = Path(__file__).parent.parent.parent / "service" / "domain" / "causes" / "rules"
SECONDS_MAX = 1.0
"""Far beyond the worst case measured (0.06 s), far below what a text that runs away takes."""


@pytest.mark.parametrize("rule", rule_book().rules, ids=lambda rule: rule.id)
def test_a_rule_decides_its_examples(rule: Rule) -> None:
    """Every rule decides its own examples, and leaves misleading neighbours to their cause."""
    assert rule.examples
    for example in rule.examples:
        found = classify(example)
        assert (found.cause, found.rule) == (rule.cause, rule.id), example
    for text, cause in rule.counterexamples:
        assert classify(text).cause is cause, text


def test_every_cause_has_a_rule_and_ids_are_unique() -> None:
    """Each of the thirty causes can be found, and a rule's id names one rule."""
    rules = rule_book().rules
    assert {rule.cause for rule in rules} == set(Cause)
    assert len({rule.id for rule in rules}) == len(rules)
    assert all(rule.id.split(".")[0] == rule.cause for rule in rules)


def test_rules_that_permit_a_blind_push_say_what_forbids_it() -> None:
    """A rule whose words permit a push without a look has exceptions, or decides by a code alone."""
    blind = [rule for rule in rule_book().rules if facts_of(rule.cause).retry is Retry.BACKOFF]
    assert blind
    assert all(rule.unless or not rule.patterns for rule in blind)


def test_the_version_is_raised_with_every_change() -> None:
    """Whoever changes words or rules raises the version, so that what is stored is read again."""
    head = tomllib.loads((FOLDER / "rulebook.toml").read_text(encoding="utf-8"))
    rules = [tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8")) for name in head["files"]]
    content = json.dumps([head["version"], head["words"], rules], sort_keys=True)
    digest = hashlib.sha256(content.encode()).hexdigest()[:16]
    assert head["digest"] == digest, f"the rules changed: raise `version`, then set `digest` to {digest}"


def test_no_pattern_repeats_without_a_bound() -> None:
    """Every repetition that a pattern compiles to has an upper bound."""
    book = rule_book()
    for rule in book.rules:
        for pattern in (*rule.patterns, *rule.unless):
            expression = re.sub(r"\\.|\[[^\]]*\]", "x", source(pattern, book.words))
            assert not re.search(r"[*+]|\{\d+,\}", expression), (rule.id, pattern)


def test_the_worst_text_costs_little() -> None:
    """No text of words that rules look for takes long, however it is put together."""
    chance = random.Random(20)  # noqa: S311 - a seed to repeat
    words = sorted(rule_book().vocabulary)
    texts = [" ".join(chance.choices(chance.sample(words, 3), k=600)) for _ in range(40)]
    texts += ["account " * 2_000, "can not be " * 2_000, "invoice tax rate not " * 1_000, "a " * 9_000]
    for text in texts:
        began = time.process_time()
        classify(text)
        assert time.process_time() - began < SECONDS_MAX, text[:80]


BOOK = """
version = 7
files = ["extra"]
[words]
thing = ["gizmo", "widget(s)?"]
"""
EXTRA = """
[[rule]]
id = "period_locked.vault"
cause = "period_locked"
priority = 3
patterns = ["vault <> {thing}", "sealed ~ gizmo*"]
unless = ["unsealed"]
platforms = ["xero"]
examples = ["the vault holds a gizmo"]
"""


def test_a_rule_is_data() -> None:
    """A rule of nothing but text is understood: either order, parts of words, exceptions, platforms."""
    book = read_rule_book({"rulebook": BOOK, "extra": EXTRA}.__getitem__)
    for text in ("The vault has two widgets!", "Widget in vault", "SEALED by the gizmologist"):
        found = classify_with(book, text, platform="xero")
        assert (found.cause, found.rule, found.rules_version) == (
            Cause.PERIOD_LOCKED,
            "period_locked.vault",
            7,
        ), text
    assert classify_with(book, "Unsealed: widget in vault").cause is Cause.UNKNOWN
    assert classify_with(book, "Widget in vault", platform="quickbooks_online").cause is Cause.UNKNOWN
    assert classify_with(book, "Widgetry in vault").cause is Cause.UNKNOWN


def test_a_platform_between_the_words_hides_them_from_no_rule() -> None:
    """A rule knows its words with a platform's name between them, unless a push would go blindly for it."""
    book = read_rule_book({"rulebook": BOOK, "extra": EXTRA}.__getitem__)
    found = classify_with(book, "A sealed Xero vault of QuickBooks gizmos", platform="xero")
    assert found.cause is Cause.PERIOD_LOCKED
    blind = EXTRA.replace("period_locked", "platform_unavailable").replace("vault <> {thing}", "vault full")
    book = read_rule_book({"rulebook": BOOK, "extra": blind}.__getitem__)
    assert classify_with(book, "vault full", platform="xero").cause is Cause.PLATFORM_UNAVAILABLE
    assert classify_with(book, "vault Xero full", platform="xero").cause is Cause.UNKNOWN


@pytest.mark.parametrize("pattern", ["{nothing} here", "a ~ b ~ c ~ d ~ e", "a (b", "{self}"])
def test_a_pattern_that_cannot_be_read_is_told(pattern: str) -> None:
    """A mistake in a pattern stops the reading of the book and names the pattern."""
    with pytest.raises(PatternError, match=re.escape(repr(pattern))):
        source(pattern, {"self": ("{self}",)})
