"""What `service.domain.causes.resemblance` has learned, and from what: the samples of these tests.

Run as a script it prints the file of weights (`make resemblance`); a test compares.
"""

from __future__ import annotations

import math
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from functools import cache

from service.domain.causes.cause import Cause
from service.domain.causes.resemblance import Weights, beginnings, normed
from tests.domain.cause_samples import corpus, wordings


def samples() -> Iterable[tuple[Cause, str]]:
    """All that there is: met in public, or worded by us."""
    yield from ((row.cause, row.message) for row in corpus())
    yield from wordings()


def learned(pairs: Iterable[tuple[Cause, str]]) -> Weights:
    """Learn from (cause, message) pairs; their order does not matter."""
    found = [(cause, _beginnings(text)) for cause, text in pairs]
    texts = Counter(each for _, words in found for each in words)
    rarity = {each: math.log((1 + len(found)) / (1 + count)) + 1 for each, count in texts.items()}
    shares: defaultdict[Cause, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
    for cause, words in found:
        for each, weight in normed(words, rarity).items():
            shares[cause][each] += weight
    return Weights(samples=Counter(cause for cause, _ in found), rarity=rarity, shares=shares)


_beginnings = cache(beginnings)
"""Tests learn many times from nearly the same samples."""


def written(weights: Weights) -> str:
    """Weights as text, to two decimals, in the order of the alphabet: one that is easy to compare."""
    lines = [[f"{cause}={weights.samples[cause]}" for cause in sorted(weights.samples)]]
    for beginning in sorted(weights.rarity):
        told = [
            f"{cause}={weights.shares[cause][beginning]:.2f}"
            for cause in sorted(weights.shares)
            if beginning in weights.shares[cause]
        ]
        lines.append([beginning, f"{weights.rarity[beginning]:.2f}", *told])
    return "".join("\t".join(line) + "\n" for line in lines)


if __name__ == "__main__":
    sys.stdout.write(written(learned(samples())))
