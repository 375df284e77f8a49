"""Everything random in the simulated hub comes from one seeded source, so that a seed is a world."""

from __future__ import annotations

import random
import uuid
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

Item = TypeVar("Item")


class Chance:
    """A seeded die that also makes identifiers."""

    def __init__(self, seed: int | str) -> None:
        """Two of the same seed tell the same story."""
        self.seed = seed
        self._random = random.Random(seed)  # noqa: S311 - simulation, not cryptography

    def uuid(self) -> str:
        """Make a version 4 UUID."""
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def pick(self, items: Sequence[Item]) -> Item:
        """Take one of `items`."""
        return items[int(self._random.random() * len(items))]

    def weighted(self, items: Sequence[Item], weights: Sequence[float]) -> Item:
        """Take one of `items`, each as likely as its weight says."""
        return self._random.choices(items, weights)[0]

    def between(self, low: float, high: float) -> float:
        """Return a number between the two."""
        return low + (high - low) * self._random.random()

    def whole(self, low: int, high: int) -> int:
        """Return an integer between the two, both included."""
        return self._random.randint(low, high)

    def happens(self, probability: float) -> bool:
        """Say yes with the probability given; 0 and 1 never consult the die."""
        if probability >= 1.0:
            return True
        return probability > 0.0 and self._random.random() < probability
