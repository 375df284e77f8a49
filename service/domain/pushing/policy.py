"""The waits and bounds of following and retrying, as settings give them, and the backoff made of them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import timedelta

DOUBLINGS_MAX = 30
"""Doublings beyond which the cap holds whatever the base: a second doubled thirty times is 34 years."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Settings of CONTRACT section 1 that decisions need, in seconds; the defaults are the contract's."""

    stuck_seconds: float = 7_200
    retry_base_seconds: float = 60
    retry_cap_seconds: float = 21_600
    retry_attempts: int = 12
    cure_seconds: float = 300
    canary_seconds: float = 3_600
    confirm_seconds: float = 60
    evidence_seconds: float = 7_200
    evidence_pulls: int = 2
    """Pulls that must have ended since an attempt before its absence is believed; a count, no wait."""
    person_seconds: float = 86_400
    """How often a record that waits for a person, or was given up, is looked at again: once a sweep."""

    @classmethod
    def of(cls, settings: object) -> Policy:
        """Take the waits of the same names from settings."""
        known = {each.name: getattr(settings, each.name, None) for each in fields(cls)}
        return cls(**{name: value for name, value in known.items() if value is not None})

    @property
    def token_grace(self) -> timedelta:
        """How long a token may stay expired before the connection itself counts as lost: some hours."""
        return timedelta(seconds=self.retry_cap_seconds)


def backoff(policy: Policy, tries: int, random: float) -> timedelta:
    """Full jitter: a share `random` in [0, 1) of the wait that doubles with each try up to the cap."""
    doublings = min(max(tries - 1, 0), DOUBLINGS_MAX)
    ceiling = min(policy.retry_cap_seconds, policy.retry_base_seconds * 2**doublings)
    return timedelta(seconds=ceiling * random)
