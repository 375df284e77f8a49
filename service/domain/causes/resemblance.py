"""What a message that no rule knows resembles: a hint for the person who reads it, and nothing else.

Rules know phrases, and strangers say the same in others; their single words are mostly the same. So the
beginnings of words are weighed (multinomial naive Bayes over tf-idf; Rennie et al., "Tackling the Poor
Assumptions of Naive Bayes Text Classifiers", ICML 2003). How much each speaks for a cause was learned from
the samples of the tests and stands in `rules/resemblance.tsv`, which `make resemblance` writes.

The cause stays `unknown`: nothing is pushed, held or released because of a hint.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from importlib import resources
from typing import Final

from service.domain.causes.facts import Owner, facts_of
from service.domain.causes.names import Action, Cause
from service.domain.causes.wording import normalise

LETTERS: Final = 5
"""Of a word: enough to tell account from accept, few enough that archive, archived and archiving are one."""
SMOOTHING: Final = 0.1
"""Weight that every cause gives to every beginning, so that one which it never had does not exclude it."""
SHARPNESS: Final = 2.0
"""A text counts as two words: its own depend on each other, and all of them would be far too sure."""
WORDS_MIN: Final = 5
"""Different known words; `can not sync invoice` tells nothing, whatever it resembles."""
LIKELY: Final = 0.5
"""An action is hinted at where it is likelier than all others together."""
REMEMBERED_MAX: Final = 4_096
"""Texts whose hint is remembered: a fleet fails in hundreds of wordings."""

_WORD = re.compile(r"[a-z]{2,}")
_NEVER_HINTED: Final = frozenset({Action.WAIT, Action.READ})
"""That nobody has to do anything is not for guessing, and that somebody reads it is said already."""


@dataclass(frozen=True, kw_only=True)
class Weights:
    """What was learned: samples of each cause, how rare each beginning is, how much of it each cause has."""

    samples: Mapping[Cause, int]
    rarity: Mapping[str, float]
    shares: Mapping[Cause, Mapping[str, float]]

    def likely(self, text: str) -> Cause | None:
        """The likeliest cause of the action that is likelier than all others; None where there is none."""
        chances = self._chances(text)
        actions: defaultdict[Action, float] = defaultdict(float)
        for cause, chance in chances.items():
            actions[facts_of(cause).action] += chance
        action = max(actions, key=actions.__getitem__, default=Action.READ)
        if action in _NEVER_HINTED or actions[action] < LIKELY:
            return None
        return max((each for each in chances if facts_of(each).action is action), key=chances.__getitem__)

    def _chances(self, text: str) -> Mapping[Cause, float]:
        """How likely each cause is; nothing where too few words are known."""
        weights = normed(beginnings(text), self.rarity)
        if len(weights) < WORDS_MIN:
            return {}
        scores = {
            cause: prior
            + SHARPNESS * sum(weight * math.log(self._share(cause, each)) for each, weight in weights.items())
            for cause, prior in self._priors.items()
        }
        best = max(scores.values())
        odds = {cause: math.exp(score - best) for cause, score in scores.items()}
        total = sum(odds.values())
        return {cause: each / total for cause, each in odds.items()}

    def _share(self, cause: Cause, beginning: str) -> float:
        return (self.shares[cause].get(beginning, 0.0) + SMOOTHING) / self._totals[cause]

    @cached_property
    def _priors(self) -> Mapping[Cause, float]:
        total = sum(self.samples.values())
        return {cause: math.log(count / total) for cause, count in self.samples.items()}

    @cached_property
    def _totals(self) -> Mapping[Cause, float]:
        smoothing = SMOOTHING * len(self.rarity)
        return {cause: sum(shares.values()) + smoothing for cause, shares in self.shares.items()}


@lru_cache(maxsize=REMEMBERED_MAX)
def resembled(text: str) -> Cause | None:
    """The cause whose messages an unknown one resembles; None where it resembles none enough."""
    return _packaged().likely(text)


def resemblance_told(text: str) -> str:
    """A sentence about what an unknown message resembles; empty where it resembles nothing enough."""
    cause = resembled(text)
    if cause is None:
        return ""
    facts = facts_of(cause)
    whose = "nobody" if facts.owner is Owner.NOBODY else f"the {facts.owner.replace('_', ' ')}"
    return f"Its words resemble “{facts.title}” (for {whose}; over once {facts.cure})."


def action_of(cause: Cause, text: str) -> Action:
    """What somebody has to do about a failure: what its cause asks for or, if unknown, what it resembles."""
    hint = resembled(text) if cause is Cause.UNKNOWN else None
    return facts_of(hint or cause).action


def beginnings(text: str) -> Counter[str]:
    """The beginnings of a message's words, in the one spelling of rules."""
    return Counter(word[:LETTERS] for word in _WORD.findall(normalise(text)))


def normed(found: Mapping[str, int], rarity: Mapping[str, float]) -> Mapping[str, float]:
    """Tf-idf, of length one; what no sample has says nothing."""
    weights = {each: (1 + math.log(count)) * rarity[each] for each, count in found.items() if each in rarity}
    length = math.hypot(*weights.values())
    return {each: weight / length for each, weight in weights.items()}


@cache
def _packaged() -> Weights:
    """The weights that come with the package, read when the first unknown message is shown to somebody."""
    file = resources.files("service.domain.causes") / "rules" / "resemblance.tsv"
    return read_weights(file.read_text(encoding="utf-8"))


def read_weights(text: str) -> Weights:
    """Read a first line of `cause=samples`, then lines of a beginning, its rarity, and `cause=share` each."""
    head, *lines = (line.split("\t") for line in text.splitlines())
    rarity: dict[str, float] = {}
    shares: defaultdict[Cause, dict[str, float]] = defaultdict(dict)
    for beginning, rare, *told in lines:
        rarity[beginning] = float(rare)
        for cause, share in map(_pair, told):
            shares[cause][beginning] = share
    return Weights(
        samples={cause: int(count) for cause, count in map(_pair, head)}, rarity=rarity, shares=shares
    )


def _pair(told: str) -> tuple[Cause, float]:
    cause, _, number = told.partition("=")
    return Cause(cause), float(number)
