"""What a push, its silence, or a reading of the books makes of a record.

`observe` follows the hub; these follow ourselves. Each is one move of `record_state`, with its
sentence and its deadline. What was not sent is no attempt and changes nothing, so it has no function here.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec.structs import replace

from service.domain.causes.facts import Owner, facts_of
from service.domain.pushing.policy import Policy
from service.domain.record import SENT_AGAIN, Record
from service.domain.record_observed import NO_CAUSE, decided, quarantined
from service.domain.record_state import State, move


def pushed(record: Record, now: datetime, policy: Policy) -> Record:
    """The hub took our push: it is on its way, and the outcome comes with a later version."""
    return _after_push(record, State.WAITING, SENT_AGAIN, now, policy)


def push_unknown(record: Record, now: datetime, policy: Policy) -> Record:
    """Our push went out and nobody knows what became of it."""
    reason = "It was sent and no answer came, so it may be in the books; it is looked for there first."
    return replace(_after_push(record, State.QUARANTINED, reason, now, policy), doubted_at=record.updated_at)


def push_refused(record: Record, now: datetime, policy: Policy) -> Record:
    """The hub itself refused our push; what was decided before is decided again, later.

    What was held in doubt rested on proof then, so its cause alone decides what it waits for; unless that may
    have left the document behind, or an id says that there is one.
    """
    if record.state is State.QUARANTINED and not _may_stand_there(record):
        cause = {"cause": record.cause, "cause_text": record.cause_text or ""}
        ours = decided(cause, record, now, policy)
        record = replace(
            record, state=move(record.state, ours["state"]), owner=ours["owner"], reason=ours["reason"]
        )
    return _after_push(record, record.state, record.reason, now, policy)


def _may_stand_there(record: Record) -> bool:
    has_id = bool(record.platform_object_id or record.provider_object_id)
    return has_id or record.cause is None or facts_of(record.cause).may_exist


def _after_push(record: Record, to: State, reason: str, now: datetime, policy: Policy) -> Record:
    """One more attempt, and the state it leaves the record in.

    Where there was a doubt the attempt rested on proof, so what becomes of it is all that is open now.
    """
    seconds = {
        State.WAITING: policy.stuck_seconds,
        State.QUARANTINED: policy.evidence_seconds,
    }.get(to, policy.retry_base_seconds)
    return replace(
        record,
        state=move(record.state, to),
        reason=reason,
        owner=Owner.NOBODY.value if to is State.WAITING else record.owner,
        attempts_count=record.attempts_count + 1,
        doubted_at=None,
        next_attempt_at=None,
        deadline_at=now + timedelta(seconds=seconds),
        version=record.version + 1,
    )


def confirmed(record: Record, reason: str, now: datetime) -> Record:
    """The very document was read in the books and is equal, whatever the hub calls it."""
    has_healed = record.first_failed_at is not None and record.healed_at is None
    return replace(
        record,
        **NO_CAUSE,
        state=move(record.state, State.CONFIRMED),
        reason=reason,
        healed_at=now if has_healed else record.healed_at,
        doubted_at=None,
        deadline_at=None,
        next_attempt_at=None,
        version=record.version + 1,
    )


def superseded(record: Record, reason: str) -> Record:
    """A later record of the same object is done: acknowledged with that one, and never sent.

    It has not healed by itself, and nothing of it is looked for in the books.
    """
    return replace(
        record,
        **NO_CAUSE,
        state=move(record.state, State.ACKNOWLEDGED),
        reason=reason,
        doubted_at=None,
        next_attempt_at=None,
        deadline_at=None,
        version=record.version + 1,
    )


def overdue(record: Record, now: datetime, policy: Policy) -> Record:
    """A record on its way past its deadline: looked at again, or quarantined when the hub never moved it."""
    if record.state is not State.WAITING or record.deadline_at is None or now < record.deadline_at:
        return record
    if record.sync_status == "error":
        ours = quarantined({"doubted_at": record.updated_at}, now, policy)
        ours["reason"] = "The hub took the push and never told what became of it, so it may be in the books."
    else:
        ours = {"state": State.WAITING, "deadline_at": now + timedelta(seconds=policy.stuck_seconds)}
    return replace(record, **{**ours, "state": move(record.state, ours["state"])}, version=record.version + 1)
