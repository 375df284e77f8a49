"""The decision table: complete, safe where the corpus says so, and readable by a bookkeeper."""

from __future__ import annotations

import re

import pytest

from service.domain.causes.cause import Action, Cause
from service.domain.causes.facts import (
    DETAIL_MAX,
    Cure,
    Owner,
    Retry,
    decision_table,
    facts_of,
    next_step_of,
    reason_of,
)

BY_ACTION = {
    Action.WAIT: {"rate_limited", "platform_unavailable", "access_token_expired"},
    Action.LOOK: {
        "timeout_ambiguous",
        "platform_internal_error",
        "stale_object",
        "duplicate_document_number",
    },
    Action.RECONNECT: {"connection_revoked", "permission_denied", "subscription_lapsed"},
    Action.CORRECT: {
        "currency_mismatch",
        "document_not_modifiable",
        "payment_not_applicable",
        "amount_mismatch",
        "missing_required_field",
        "invalid_field",
    },
    Action.ENGINEER: {"app_configuration", "unsupported_request"},
    Action.READ: {"unknown"},
}


def test_every_cause_has_its_row_and_its_way_to_act() -> None:
    """Thirty causes, seven ways: what is in no other group is set up in the accounting system."""
    table = decision_table()
    assert set(table) == set(Cause)
    for cause, facts in table.items():
        listed = [action for action, causes in BY_ACTION.items() if cause in causes]
        assert [facts.action] == (listed or [Action.SET_UP]), cause


def test_only_waiting_permits_a_blind_push() -> None:
    """A push without a look and without a cure is for the three causes in which nothing was done."""
    blind = {cause for cause, facts in decision_table().items() if facts.retry is Retry.BACKOFF}
    assert blind == BY_ACTION[Action.WAIT]
    assert not any(facts_of(cause).may_exist for cause in blind)


def test_what_may_have_landed_is_looked_for() -> None:
    """The causes that may leave a document behind are never pushed on a cure alone."""
    landed = {cause for cause, facts in decision_table().items() if facts.may_exist}
    assert landed == {*BY_ACTION[Action.LOOK], Cause.DOCUMENT_NOT_MODIFIABLE, Cause.UNKNOWN}
    assert all(facts_of(cause).retry in {Retry.AFTER_LOOK, Retry.NEVER} for cause in landed)


def test_whoever_waits_for_a_cure_has_one() -> None:
    """Each cause that waits for a cure names what is watched; one that nobody can see is tried as a trial."""
    waiting = [facts for facts in decision_table().values() if facts.retry is Retry.AFTER_CURE]
    assert len(waiting) > 15
    assert all(facts.cures and Cure.TIME not in facts.cures for facts in waiting)
    assert all(facts.owner is not Owner.NOBODY for facts in waiting)


@pytest.mark.parametrize("cause", sorted(Cause))
@pytest.mark.parametrize("platform", ["xero", "quickbooks_online_sandbox", None])
def test_the_sentence_can_be_acted_on(cause: Cause, platform: str | None) -> None:
    """One sentence, names filled in, of bearable length, without the words of programmers."""
    facts = facts_of(cause)
    sentence = reason_of(facts, object_type="receivable", platform=platform, detail="{object}: it said no. ")
    assert sentence[0].isupper()
    assert sentence.endswith(".")
    assert sentence.count(".") == 1
    assert len(sentence) < 260
    assert not re.search(r"\{(platform|detail)\}|\bAPI\b|record|None|sync", sentence)
    assert next_step_of(facts, object_type="bill", platform=platform).endswith(".")


def test_upstream_words_in_a_sentence_are_cut() -> None:
    """A long message is cut at a word within a sentence, and an unknown kind of object still has a name."""
    facts = facts_of(Cause.INVALID_FIELD)
    sentence = reason_of(facts, object_type="estimate", detail="word " * 900)
    assert len(sentence) < 2 * DETAIL_MAX
    assert "this record: word word" in sentence
    assert reason_of(facts, object_type="bill").endswith("no text was given; shorten, correct or remove it.")
