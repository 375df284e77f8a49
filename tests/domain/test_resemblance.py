"""What unknown messages resemble: a hint for whoever reads them, learned from the samples."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.causes.cause import classify
from service.domain.causes.names import Action, Cause
from service.domain.causes.resemblance import action_of, read_weights, resemblance_told, resembled
from tests.domain.resemblance_learning import learned, samples, written

FILE = "service/domain/causes/rules/resemblance.tsv"


def test_the_weights_are_what_the_samples_teach(project: Path) -> None:
    """The packaged file is learned from the samples of today; if not, `make resemblance` writes it anew."""
    assert (project / FILE).read_text(encoding="utf-8") == written(learned(samples()))


def test_weights_are_read_as_they_were_written() -> None:
    """A text of weights, read and written again, is the same."""
    text = written(learned([(Cause.PERIOD_LOCKED, "books are closed"), (Cause.RATE_LIMITED, "slow down")]))
    assert written(read_weights(text)) == text


HINTS = {
    "Nothing in your chart fits the sales side of this product": Cause.MISSING_LEDGER_ACCOUNT,
    "Money already applied on this paper is larger than what remains to pay": Cause.PAYMENT_NOT_APPLICABLE,
}


@pytest.mark.parametrize(("text", "cause"), HINTS.items())
def test_words_that_no_rule_knows_resemble_a_cause(text: str, cause: Cause) -> None:
    """In wordings of nobody's, single words still tell which cause it may be, and so what is to be done."""
    assert classify(text).cause is Cause.UNKNOWN
    assert resembled(text) is cause
    assert resemblance_told(text).startswith("Its words resemble ")


@pytest.mark.parametrize("text", ["", "Fnord", "Failed to sync invoice", "Could not export invoice.", "¿§?"])
def test_what_tells_nothing_resembles_nothing(text: str) -> None:
    """Of a text with hardly a word nothing is guessed: somebody reads it."""
    assert (resembled(text), resemblance_told(text)) == (None, "")
    assert action_of(Cause.UNKNOWN, text) is Action.READ


def test_a_hint_never_says_that_nobody_need_act() -> None:
    """Taken for unknown, the samples are hinted at in every way but one: that they pass by themselves."""
    assert {action_of(Cause.UNKNOWN, text) for _, text in samples()} == set(Action) - {Action.WAIT}


@given(st.text(max_size=400))
def test_any_text_has_an_action(text: str) -> None:
    """Whatever a platform says, something is to be done, and nothing is raised."""
    assert action_of(Cause.UNKNOWN, text) in Action


def test_a_known_cause_is_not_overruled() -> None:
    """What a rule knows stays what it is, whatever its words resemble besides."""
    for text in HINTS:
        assert action_of(Cause.CONNECTION_REVOKED, text) is Action.RECONNECT
