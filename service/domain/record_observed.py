"""What becomes of a synced record when the hub tells something of it, or the rules of causes change.

`observe` is the only way in which what the hub said becomes our state. Its rules:

- **The later version wins**, by the hub's `updated_at`. Reading twice, late or in any order ends in the
  same state; a late `error` older than what we know never re-opens a settled record. Two versions of one
  instant are ordered by how far they got (pending, error, done), then by how much they tell, then by
  content: every replica prefers the same.
- `pending` is `waiting`; `done` is `acknowledged`, or stays `confirmed`; `error` is classified and gets the
  state its cause asks for. A status that is missing or unknown is kept and waits: it is shown, never fatal.
- An error after `done`, at once or by way of pending, is a **new episode**: attempts, evidence, times begin
  anew.
- The hub's own failed push counts as an attempt; an error that answers our accepted push was counted when
  we made it.
- **Quarantine remembers.** Another failure is no proof that an earlier try did nothing, so a quarantined
  record stays so, be it by way of `pending`; and an error that merely looks new while our push is under way
  (the hub touched the row) leads there too.
- **A doubt is kept beside the state** (`doubted_at`): a try that may have landed, or `done` told once, is
  forgotten by no later failure. It ends with `done`, with the document found, or with a push of ours, which
  rests on proof then (`pushing.attempt`) and whose outcome governs.
- An id of the books, once told, is not forgotten because a later answer is silent about it: it forbids blind
  pushes for good.
- What was read back although the hub calls it failed stays confirmed while the hub repeats itself; so does
  what a later record of the same object has superseded stay acknowledged.
- Every state that waits has a deadline by which we look again, whatever happens.

Money and number of the local document are copied in by whoever knows them; `observe` keeps them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import asdict, replace

from service.domain.causes.cause import classify, rules_version
from service.domain.causes.facts import Facts, Retry, facts_of, reason_of
from service.domain.pushing.policy import Policy
from service.domain.record import LISTED_TYPES, SENT_AGAIN, UNPROVEN, Record, SeenRecord
from service.domain.record_state import SETTLED, State, move

_PROGRESS = {"pending": 0, "error": 1, "done": 2}
_SEEN_FIELDS = SeenRecord.__struct_fields__
_BOOKS_IDS = ("platform_object_id", "provider_object_id")


def observe(previous: Record | None, seen: SeenRecord, now: datetime, policy: Policy) -> Record:
    """What we know after the hub told `seen`; the very same object when it is no news."""
    if previous is not None and not _is_news(previous, seen):
        return previous
    told = asdict(seen)
    if previous is not None:
        assert previous.record_id == seen.record_id, "observed another record"
        told |= {name: told[name] or getattr(previous, name) for name in _BOOKS_IDS}
    match seen.sync_status:
        case "done":
            ours = _done(previous, seen, now, policy)
        case "error":
            ours = _failed(previous, seen, now, policy)
        case _:
            ours = _pending(previous, seen, now, policy)
    ours["state"] = move(previous.state if previous else None, ours["state"])
    ours["doubted_at"] = _doubted_at(previous, seen, ours)
    if previous is None:
        return Record(**told, **ours)
    return replace(previous, **told, **ours, version=previous.version + 1)


def reclassify(record: Record, now: datetime, policy: Policy) -> Record:
    """Read a stored error again under the rules in force; the same object when nothing changes by it."""
    if (
        not record.has_failed
        or record.sync_status != "error"
        or (record.rules_version or 0) >= rules_version()
    ):
        return record
    cause = _classified(record)
    if cause["cause"] == record.cause:
        return replace(record, **cause, version=record.version + 1)
    ours = decided(cause, record, now, policy)
    is_free = _held_by_cause_alone(record)
    if record.state is State.QUARANTINED and not is_free:
        ours = quarantined(ours, now, policy)
    may_exist = facts_of(cause["cause"]).may_exist
    ours["doubted_at"] = record.updated_at if may_exist else None if is_free else record.doubted_at
    return replace(record, **{**ours, "state": move(record.state, ours["state"])}, version=record.version + 1)


def _held_by_cause_alone(record: Record) -> bool:
    """Whether nothing but its cause put it into doubt: no other try, nothing that ever landed."""
    is_first = record.episode == 1 and record.attempts_count <= 1
    return is_first and record.cause is not None and facts_of(record.cause).may_exist


def _doubted_at(previous: Record | None, seen: SeenRecord, ours: Mapping[str, Any]) -> datetime | None:
    """The doubt after a version: begun or renewed by it, kept, or ended because it is done.

    A time-out that was merely touched looks like another with the same words, so it renews the doubt.
    """
    if ours["state"] in SETTLED:
        return None
    cause = ours.get("cause", previous and previous.cause)
    if seen.sync_status == "error" and cause is not None and facts_of(cause).may_exist:
        return seen.updated_at
    if previous is not None and previous.is_doubted:
        return previous.doubted_at or previous.updated_at
    was_settled = previous is not None and previous.state in SETTLED
    return seen.updated_at if was_settled or ours["state"] is State.QUARANTINED else None


def _pending(previous: Record | None, seen: SeenRecord, now: datetime, policy: Policy) -> dict[str, Any]:
    """On its way; a cause that it had stays known until the outcome is."""
    is_ours = previous is not None and previous.state is State.WAITING and previous.reason == SENT_AGAIN
    reason = SENT_AGAIN if is_ours else "It is on its way to the books."
    if seen.sync_status != "pending":
        told = "no status" if seen.sync_status is None else f"the status {seen.sync_status[:40]!r}"
        reason = f"The hub tells {told} for it, which we do not know; it is read again."
    # A deadline that runs already is kept: reading a pending record again must not make it look younger.
    runs = previous is not None and previous.state is State.WAITING and previous.deadline_at is not None
    deadline = previous.deadline_at if previous and runs else now + timedelta(seconds=policy.stuck_seconds)
    return {"state": State.WAITING, "reason": reason, "deadline_at": deadline, "next_attempt_at": None}


def _done(previous: Record | None, seen: SeenRecord, now: datetime, policy: Policy) -> dict[str, Any]:
    """Done, as the hub says: an earlier failure is healed, a confirmation of the same document stands."""
    healed_at = previous.healed_at if previous else None
    if previous and previous.first_failed_at and healed_at is None:
        healed_at = seen.updated_at
    state, reason = State.ACKNOWLEDGED, "Acknowledged by the accounting system."
    is_listed = seen.object_type in LISTED_TYPES
    if is_listed:
        reason = "Acknowledged by the accounting system; not yet seen in the books."
    if previous and previous.state is State.CONFIRMED and _same_document(previous, seen):
        state, reason = State.CONFIRMED, previous.reason
    looks_again = is_listed and state is State.ACKNOWLEDGED
    return {
        **NO_CAUSE,
        "state": state,
        "reason": reason,
        "healed_at": healed_at,
        "next_attempt_at": None,
        "deadline_at": now + timedelta(seconds=policy.confirm_seconds) if looks_again else None,
    }


NO_CAUSE: Mapping[str, Any] = dict.fromkeys(
    ("cause", "cause_rule", "cause_group", "cause_text", "rules_version", "owner")
)


def _failed(previous: Record | None, seen: SeenRecord, now: datetime, policy: Policy) -> dict[str, Any]:
    """Failed: classified, counted, and given the state that its cause asks for."""
    ours = decided(_classified(seen), seen, now, policy)
    if previous is None:
        return {**ours, "attempts_count": 1, "first_failed_at": seen.updated_at}
    if previous.state in SETTLED and previous.sync_status == "error":
        return _failed_but_landed(ours, previous, seen, now, policy)
    if previous.state in SETTLED or _was_settled(previous):
        return {
            **ours,
            "episode": previous.episode + 1,
            "attempts_count": 1,
            "first_failed_at": seen.updated_at,
            "healed_at": None,
        }
    ours["first_failed_at"] = previous.first_failed_at or seen.updated_at
    if previous.has_failed and _same_failure(previous, seen):
        # Touched, not tried: what was decided stands.
        return {"state": previous.state}
    if previous.has_failed:
        is_try = seen.updated_at > previous.updated_at
        ours["attempts_count"] = previous.attempts_count + is_try
        return quarantined(ours, now, policy) if previous.state is State.QUARANTINED else ours
    # On its way since our push, which was counted then and left no doubt; or by a try of the hub's own.
    ours["attempts_count"] = max(previous.attempts_count, 1) + previous.is_doubted
    is_free = _is_answer(previous, seen) and not previous.is_doubted
    return ours if is_free else quarantined(ours, now, policy)


def _was_settled(previous: Record) -> bool:
    """Whether it is on its way although it was done: healed, or in doubt without ever having failed."""
    never_failed = previous.first_failed_at is None
    was_done = previous.healed_at is not None or (never_failed and previous.doubted_at is not None)
    return previous.state is State.WAITING and was_done


def _is_answer(previous: Record, seen: SeenRecord) -> bool:
    """Whether an error ends what was on its way: a first try, pending before, or another error."""
    if previous.first_failed_at is None or previous.sync_status == "pending":
        return True
    return previous.sync_status == "error" and not _same_failure(previous, seen)


def _failed_but_landed(
    ours: dict[str, Any], previous: Record, seen: SeenRecord, now: datetime, policy: Policy
) -> dict[str, Any]:
    """Read in the books or superseded, though told as failed: the same is no news, another is unproven."""
    if _same_failure(previous, seen):
        return {"state": previous.state}
    again = {
        "episode": previous.episode + 1,
        "attempts_count": 1,
        "first_failed_at": seen.updated_at,
        "healed_at": None,
    }
    return {**quarantined(ours, now, policy), **again}


def quarantined(ours: dict[str, Any], now: datetime, policy: Policy) -> dict[str, Any]:
    """The same failure, behind an attempt of which nobody knows whether it landed."""
    return {
        **ours,
        "state": State.QUARANTINED,
        "reason": UNPROVEN,
        "next_attempt_at": None,
        "deadline_at": now + timedelta(seconds=policy.evidence_seconds),
    }


def _classified(seen: SeenRecord) -> dict[str, Any]:
    """The columns that say what the error was understood as."""
    found = classify(seen.errors, object_type=seen.object_type, platform=seen.platform)
    return {
        "cause": found.cause,
        "cause_rule": found.rule,
        "cause_group": found.group,
        "cause_text": found.text,
        "rules_version": found.rules_version,
    }


def decided(cause: dict[str, Any], seen: SeenRecord, now: datetime, policy: Policy) -> dict[str, Any]:
    """The state that a cause asks for by itself; `push.decide` refines it with all that it knows."""
    facts = facts_of(cause["cause"])
    state, seconds = first_state(facts, policy)
    return {
        **cause,
        "state": state,
        "owner": facts.owner.value,
        "reason": reason_of(
            facts, object_type=seen.object_type, platform=seen.platform, detail=cause["cause_text"]
        ),
        "next_attempt_at": None,
        "deadline_at": now + timedelta(seconds=seconds),
    }


def first_state(facts: Facts, policy: Policy) -> tuple[State, float]:
    """The state that a failure of this kind begins in, and the seconds after which it is looked at again."""
    match facts.retry:
        case Retry.BACKOFF:
            return State.RETRYING, policy.retry_base_seconds
        case Retry.AFTER_LOOK:
            return State.QUARANTINED, policy.evidence_seconds
        case Retry.AFTER_CURE:
            return State.BLOCKED, policy.cure_seconds
        case Retry.NEVER:
            return State.NEEDS_PERSON, policy.person_seconds


def _same_document(previous: SeenRecord, seen: SeenRecord) -> bool:
    """Whether the hub still points at the same document of the books; silence is no other one."""
    return all(getattr(seen, name) in {None, getattr(previous, name)} for name in _BOOKS_IDS)


def _same_failure(previous: SeenRecord, seen: SeenRecord) -> bool:
    """Whether nothing but the time of the record moved."""
    return (
        _content(previous.errors) == _content(seen.errors)
        and previous.object_updated_at == seen.object_updated_at
        and _same_document(previous, seen)
    )


def _is_news(previous: Record, seen: SeenRecord) -> bool:
    """Whether it is a later version, or the same one with an id that was left out before."""
    if _age(seen) != _age(previous):
        return _age(seen) > _age(previous)
    return any(getattr(seen, name) and not getattr(previous, name) for name in _BOOKS_IDS)


def _age(seen: SeenRecord) -> tuple[datetime, int, int, str]:
    """How new a version is; total, so that any order of reading prefers the same one.

    The ids in the books are kept from version to version, so they say nothing of the age of one.
    """
    facts = [getattr(seen, name) for name in _SEEN_FIELDS if name not in _BOOKS_IDS]
    told = sum(fact is not None for fact in facts)
    return seen.updated_at, _PROGRESS.get(seen.sync_status or "", -1), told, _content(facts)


def _content(value: object) -> str:
    """A text that is equal for equal JSON values."""
    try:
        return json.dumps(value, sort_keys=True, default=str)
    except (TypeError, ValueError, RecursionError):
        return repr(value)
