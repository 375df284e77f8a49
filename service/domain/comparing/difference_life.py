"""The life of a difference: opened when comparing finds it first, changed, resolved when it finds it no more.

What a comparison may conclude it has concluded already: an uncertified scan neither hides a document nor
brings one back, so a difference that is no longer found has ended, and one that was not known has begun. A
disagreement that comes back later is a new difference; the old one keeps its dates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from service.domain.comparing.difference_kind import Difference


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownDifference:
    """An open difference as it is kept."""

    difference_id: UUID
    version: int
    difference: Difference


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What a comparison changes; what stays as it is, is not in here."""

    opened: Sequence[Difference]
    changed: Sequence[tuple[KnownDifference, Difference]]
    resolved: Sequence[KnownDifference]


def changes(known: Mapping[str, KnownDifference], found: Sequence[Difference]) -> Changes:
    """Match what was found with what is open, by fingerprint."""
    found_by_fingerprint = {difference.fingerprint: difference for difference in found}
    assert len(found_by_fingerprint) == len(found), "two differences share a fingerprint"
    kept = known.keys() & found_by_fingerprint.keys()
    return Changes(
        opened=[each for fingerprint, each in found_by_fingerprint.items() if fingerprint not in known],
        changed=[
            (known[fingerprint], found_by_fingerprint[fingerprint])
            for fingerprint in kept
            if known[fingerprint].difference != found_by_fingerprint[fingerprint]
        ],
        resolved=[each for fingerprint, each in known.items() if fingerprint not in kept],
    )
