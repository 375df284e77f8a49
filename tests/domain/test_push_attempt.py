"""What an answer means for the next push, and what a stored attempt still leaves open."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from service.domain.causes.cause import Cause
from service.domain.pushing.attempt import (
    EvidenceKind,
    Outcome,
    in_episode,
    is_under_way,
    next_number,
    outcome_of,
    permitted_by,
)
from service.errors import Fate
from tests.domain.record_builders import at, attempt, failed


@pytest.mark.parametrize(
    ("fate", "http_status", "outcome"),
    [
        (None, 200, Outcome.ACCEPTED),
        (Fate.NOT_SENT, None, Outcome.NOT_SENT),
        (Fate.NOT_SENT, 400, Outcome.NOT_SENT),
        (Fate.REFUSED, 403, Outcome.REFUSED),
        (Fate.REFUSED, 404, Outcome.REFUSED),
        (Fate.REFUSED, 422, Outcome.REFUSED),
        (Fate.REFUSED, 401, Outcome.NOT_SENT),
        (Fate.REFUSED, 429, Outcome.NOT_SENT),
        (Fate.REFUSED, 400, Outcome.UNCERTAIN),
        (Fate.REFUSED, 409, Outcome.UNCERTAIN),
        (Fate.REFUSED, 500, Outcome.UNCERTAIN),
        (Fate.REFUSED, None, Outcome.UNCERTAIN),
        (Fate.UNCERTAIN, 422, Outcome.UNCERTAIN),
        (Fate.UNCERTAIN, None, Outcome.UNCERTAIN),
    ],
)
def test_an_answer_means_no_more_than_it_proves(
    fate: Fate | None, http_status: int | None, outcome: Outcome
) -> None:
    """Only the refusals that P5 lists are refusals; whatever else is not success or unsent is uncertain."""
    assert outcome_of(fate, http_status) is outcome


def test_an_accepted_push_is_under_way_until_the_hub_tells_something_newer() -> None:
    """A version is an answer only if it is newer than the one decided on, and than the push itself."""
    record = failed(Cause.RATE_LIMITED)
    taken = attempt(2, 60)
    assert is_under_way(record, taken)
    assert is_under_way(replace(record, updated_at=at(59)), taken)
    assert not is_under_way(replace(record, updated_at=at(61)), taken)
    assert not is_under_way(record, attempt(2, 60, Outcome.REFUSED))
    assert permitted_by(replace(record, updated_at=at(59)), [taken], ()) is None
    answered = permitted_by(replace(record, updated_at=at(61)), [taken], ())
    assert answered is EvidenceKind.REFUSED_BEFORE_CREATION


def test_attempts_of_another_episode_count_for_nothing() -> None:
    """What was tried before the record was last settled neither forbids nor numbers anything now."""
    record = replace(failed(Cause.RATE_LIMITED), episode=2)
    old, new = attempt(9, 60, Outcome.UNCERTAIN), attempt(2, 70, Outcome.REFUSED, episode=2)
    assert in_episode(record, [new, old]) == (new,)
    assert permitted_by(record, [old], ()) is EvidenceKind.REFUSED_BEFORE_CREATION
    assert next_number(record, [old]) == 2
    assert next_number(record, [old, new]) == 3
