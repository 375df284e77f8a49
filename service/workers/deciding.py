"""Deciding on the failed records of an organization, by all that a decision rests on.

What may be pushed is looked for in the books that we hold once more, where somebody may have entered it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from service.domain.pushing.attempt import Evidence, EvidenceKind, speaking
from service.domain.pushing.decision import Decision, Verdict
from service.domain.pushing.policy import Policy
from service.domain.pushing.push import decide
from service.domain.pushing.readback import Finding, Look, refined
from service.domain.pushing.retry_plan import Wish, left_out
from service.domain.pushing.sibling import attempts_of_object, held_by_siblings, is_free
from service.domain.pushing.standing import held, may_double
from service.domain.pushing.trials import trials_due
from service.domain.record import LISTED_TYPES, Record
from service.store.database import Database
from service.store.push_conditions import read_known
from service.store.pushed import attempt_of, evidence_of
from service.store.pushes import list_attempts, list_open_evidence
from service.store.records import (
    list_blocked_records,
    list_due_records,
    list_records_by_ids,
    list_unproven_records,
)
from service.store.retries import list_wishes
from service.store.retry_candidates import list_standing_of
from service.store.siblings import list_siblings
from service.workers.paid import Payments
from service.workers.work import Work

RECORDS_MAX: Final = 500
"""Records decided on in a run; what is left makes the organization due again at once."""


@dataclass(slots=True, kw_only=True)
class Decided:
    """What a run has decided, and the evidence stored before that permits some of it."""

    records: Mapping[UUID, Record]
    wishes: Sequence[Wish]
    """Records of planned retries whose turn has come."""
    decisions: dict[UUID, Decision] = field(default_factory=dict)
    permits: dict[UUID, Evidence] = field(default_factory=dict)

    def wish_for(self, record: Record, now: datetime) -> Wish | None:
        """The planned retry that the record is sent for, if it is still what was planned."""
        mine = (each for each in self.wishes if each.record_id == record.record_id)
        return next((each for each in mine if each.holds_for(record, now)), None)

    def rests_on_kept(self, looks: Mapping[UUID, Look], now: datetime) -> bool:
        """Whether something is to be sent, or planned to be, of whose object an earlier look was used."""
        kept = {
            self.records[key].object_id for key, each in looks.items() if each.is_kept and key in self.records
        }
        planned = (each for each in self.records.values() if self.wish_for(each, now) is not None)
        return not kept.isdisjoint(each.object_id for each in (*self.in_turn(), *planned))

    def left_out(self, now: datetime) -> Mapping[tuple[UUID, UUID], str]:
        """Why some of the planned ones are not sent after all, by retry and record."""
        told = {}
        for wish in self.wishes:
            key = wish.record_id
            reason = left_out(wish, self.records.get(key), self.decisions.get(key), now)
            if reason is not None:
                told[wish.retry_id, key] = reason
        return told

    def in_turn(self) -> Sequence[Record]:
        """What may be pushed, longest failed first."""
        chosen = [self.records[key] for key, each in self.decisions.items() if each.verdict is Verdict.PUSH]
        return sorted(chosen, key=lambda each: (each.first_failed_at or each.updated_at, each.record_id))


@dataclass(frozen=True, slots=True, kw_only=True)
class Deciding:
    """What deciding takes, beside the organization that it is about."""

    database: Database
    policy: Policy
    payments: Payments
    chance: Callable[[], float]

    async def decided(self, work: Work, looks: Mapping[UUID, Look]) -> Decided:
        """Read and decide: every record that was looked at, and a decision on each that failed."""
        payments = await self.payments.read(work)
        async with self.database.organization(work.organization_id, readonly=True) as connection:
            due = await list_due_records(connection, work.organization_id, RECORDS_MAX)
            blocked = await list_blocked_records(connection, work.organization_id, RECORDS_MAX)
            unproven = await list_unproven_records(
                connection, work.organization_id, sorted(LISTED_TYPES), RECORDS_MAX
            )
            wishes = await list_wishes(connection, work.organization_id, RECORDS_MAX)
            wanted = await list_records_by_ids(
                connection, {each.record_id for each in wishes}, work.organization_id
            )
            records = {record.record_id: record for record in (*due, *blocked, *unproven, *wanted)}
            failed = [record for record in records.values() if record.has_failed]
            stored = await list_attempts(connection, work.organization_id, list(records))
            found = await list_open_evidence(connection, work.organization_id, list(records))
            siblings = await list_siblings(connection, work.organization_id, failed)
            known = await read_known(connection, work.organization_id, failed, payments)
        others = {
            key: [
                replace(each, evidence=_usable(each.evidence, looks.get(each.record.record_id)))
                for each in several
            ]
            for key, several in siblings.items()
        }
        tried = {
            key: attempts_of_object(
                record, [attempt_of(each) for each in stored.get(key, ())], others.get(key, ())
            )
            for key, record in records.items()
        }
        trials = trials_due(
            [
                (each, tried[each.record_id], known.conditions_of(each))
                for each in failed
                if is_free(each, others.get(each.record_id, ()))
            ],
            {cause: each.tried_at for cause, each in known.canaries.items()},
            self.policy,
            work.now,
        )
        decided = Decided(records=records, wishes=wishes)
        for record in failed:
            key = record.record_id
            attempts = tried[key]
            evidence = _usable([evidence_of(each) for each in found.get(key, ())], looks.get(key))
            conditions = known.conditions_of(record, canary_turn=key in trials)
            is_wished = decided.wish_for(record, work.now) is not None
            decision = decide(
                record,
                attempts,
                evidence,
                replace(conditions, is_wished=is_wished),
                now=work.now,
                policy=self.policy,
                random=self.chance(),
            )
            kind = decision.evidence
            permit = speaking(record, attempts, evidence, kind) if kind else None
            if permit:
                decided.permits[key] = permit
            decision = refined(decision, looks.get(key))
            decided.decisions[key] = held_by_siblings(record, decision, others.get(key, ()), permit)
        return decided

    async def hold_back(self, work: Work, decided: Decided) -> None:
        """Quarantine what stands in the books already: entered by hand while its push kept failing."""
        asked = [decided.records[key] for key, each in decided.decisions.items() if may_double(each)]
        if not asked:
            return
        async with self.database.organization(work.organization_id, readonly=True) as connection:
            standing = await list_standing_of(connection, work.organization_id, asked)
        for key, found in standing.items():
            permit = decided.permits.get(key)
            despite = permit.despite if permit else frozenset()
            decided.decisions[key] = held(decided.records[key], decided.decisions[key], found, despite)


def _usable(evidence: Sequence[Evidence], found: Look | None) -> Sequence[Evidence]:
    """What may be used of it: that the books do not hold it, only if this run has seen so again."""
    is_absent = found is not None and found.finding is Finding.ABSENT
    return [each for each in evidence if is_absent or each.kind is not EvidenceKind.READ_BACK]
