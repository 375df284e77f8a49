"""Retrying: by cause, once, with evidence.

A run takes one organization: what a dead process left unknown is written down as such; errors are read again
where the rules are newer; what may have landed is looked for in the books; then every failed record that is
due, blocked on something that may have come, or wanted by an operator, is decided on. Before one is pushed
the books that we hold are asked whether somebody has entered it there by hand, and the hub whether the record
has moved on (`reread`). What may be pushed is pushed, one after the other. When the hub itself is in trouble
the rest waits, since it would only fail alike; where that is known beforehand nothing is written of it.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from service.domain.cadence.due import FOLLOW_SECONDS
from service.domain.cadence.stream import RECORD_STREAMS
from service.domain.fleet import WorkKind
from service.domain.pushing.attempt import Outcome
from service.domain.pushing.policy import Policy
from service.domain.pushing.push import settle
from service.domain.pushing.record_push import overdue
from service.domain.record import Record
from service.hub.client import Hub
from service.store.cures import get_hub_pause
from service.store.database import Database
from service.store.pushes import list_unfinished_attempts
from service.store.records import (
    Change,
    get_next_look_at,
    lock_records,
    mark_records_looked_at,
    write_records,
)
from service.store.retries import leave_out_retry_items, list_wishes
from service.store.streams import nudge_streams
from service.store.work import nudge_work
from service.workers.circuit import Circuit
from service.workers.claims import Claims
from service.workers.deciding import Decided, Deciding
from service.workers.outdated import RECORDS_MAX as OUTDATED_MAX
from service.workers.outdated import reclassify_outdated
from service.workers.paid import Payments
from service.workers.push_attempt import LEAVES_WITHIN_SECONDS, Sending, abandoned
from service.workers.readback import ReadBack
from service.workers.reread import UNTOLD_MAX, UNTOLD_REMEMBERED_MAX, Told, told_of
from service.workers.resting import Trouble, known_trouble, rest_seconds
from service.workers.work import IDLE, Tally, Work

LANES: Final = 4
"""Organizations that are pushed at once; the hub's budget is the bound, not these."""

PUSHES_MAX: Final = 25
"""Pushes of a run: at the hub's thirty a second another organization's turn comes within seconds."""

IDLE_SECONDS: Final = 86_400.0
"""When nothing waits, nudges bring the next run; this is the bound without any."""

WISHES_SECONDS: Final = 15.0
"""How soon planned retries that wait are looked at again."""


@dataclass(slots=True)
class Sent:
    """What became of the pushes of a run."""

    outcomes: Counter[Outcome] = field(default_factory=Counter)
    moved_on: int = 0
    """Records of which the hub tells something newer: they are read first."""
    untold: int = 0
    """Records of which it tells nothing."""

    @property
    def is_stopped(self) -> bool:
        """Whether something was not sent although it was decided so."""
        return bool(self.outcomes[Outcome.NOT_SENT] or self.moved_on or self.untold)

    @property
    def trouble(self) -> Trouble | None:
        """What an operator finds as the reason of the rest, where it is not in the attempts."""
        reason = "the hub does not tell of records that are to be pushed"
        return Trouble(reason=reason) if self.untold else None


class Pusher:
    """Decides on the failed records of one organization a run, and pushes those that may be."""

    kind = WorkKind.PUSH
    lanes = LANES

    def __init__(
        self,
        database: Database,
        hub: Hub,
        policy: Policy,
        replica_id: str,
        chance: Callable[[], float] = random.random,
        *,
        circuit: Circuit | None = None,
    ) -> None:
        """Rest while `circuit`, which readers keep, says that the hub is down."""
        self._database = database
        self._hub = hub
        self._policy = policy
        self._replica_id = replica_id
        self._claims = Claims(database, self.kind, replica_id)
        self._circuit = circuit or Circuit()
        self._untold: set[UUID] = set()
        self._read_back = ReadBack(database, hub, policy)
        self._deciding = Deciding(
            database=database,
            policy=policy,
            payments=Payments(database, hub, policy, self._circuit),
            chance=chance,
        )

    async def run_once(self, now: datetime) -> Tally:  # noqa: ARG002 - a run's time is that of its claim
        """Decide on one organization that is due."""
        async with self._claims.working() as work:
            if work is None:
                return IDLE
            counts: Counter[str] = Counter()
            counts["abandoned"] = await self._write_abandoned(work)
            counts["reclassified"] = await reclassify_outdated(work, self._policy)
            looks = await self._read_back.look(work)
            decided = await self._deciding.decided(work, looks)
            if decided.rests_on_kept(looks, work.now):
                looks = await self._read_back.look(work, anew=True)
                decided = await self._deciding.decided(work, looks)
            counts.update(f"found_{each.finding}" for each in looks.values())
            await self._deciding.hold_back(work, decided)
            await self._settle(work, decided)
            trouble = await self._known_trouble(work, decided)
            sent = Sent() if trouble else await self._push(work, decided)
            counts.update(sent.outcomes)
            counts["untold"], counts["moved_on"] = sent.untold, sent.moved_on
            if trouble or sent.is_stopped:
                counts["rests"] = 1
                await self._rest(work, trouble or sent.trouble)
                return Tally(claimed=1, counts=counts)
            due_at = await self._next_due_at(work, decided)
            await work.finish(due_at=work.now if counts["reclassified"] == OUTDATED_MAX else due_at)
            return Tally(claimed=1, counts=counts)

    async def _write_abandoned(self, work: Work) -> int:
        async with work.writing() as connection:
            keys = await list_unfinished_attempts(connection, work.organization_id, work.claim.fence)
            for key in keys:
                await abandoned(connection, work, key, self._policy)
        return len(keys)

    async def _settle(self, work: Work, decided: Decided) -> None:
        """Write what was decided without a push; where only the next look moves, no version is made of it."""
        async with work.writing() as connection:
            locked = await lock_records(connection, work.organization_id, list(decided.records))
            changes, looked_at = [], {}
            for record_id, before in locked.items():
                if before.version != decided.records[record_id].version:
                    continue
                decision = decided.decisions.get(record_id)
                after = settle(before, decision) if decision else overdue(before, work.now, self._policy)
                if after is before:
                    continue
                if not _is_same_but_for_deadline(before, after):
                    changes.append(Change(before=before, after=after))
                elif before.deadline_at is None or before.deadline_at <= work.now:
                    assert after.deadline_at is not None, "whatever waits is looked at again"
                    looked_at[record_id] = (before.version, after.deadline_at)
            await write_records(connection, changes)
            await leave_out_retry_items(connection, decided.left_out(work.now))
            await mark_records_looked_at(connection, work.organization_id, looked_at)

    async def _push(self, work: Work, decided: Decided) -> Sent:
        """Push what may be pushed, longest failed first, as many as a run may; hub trouble ends it.

        The hub is asked for each just before; of what it does not tell, the others go first next time.
        """
        sent = Sent()
        types = set()
        sending = Sending(work=work, hub=self._hub, replica_id=self._replica_id, policy=self._policy)
        in_turn = sorted(decided.in_turn(), key=lambda each: each.record_id in self._untold)
        for record in in_turn[:PUSHES_MAX]:
            told = await self._told_of(work, record)
            sent.moved_on += told is Told.NEWER
            sent.untold += told in {Told.UNTOLD, Told.SILENCE}
            if told is Told.NEWER:
                types.add(record.object_type)
            if told is Told.SILENCE or sent.untold == UNTOLD_MAX:
                break
            if told is not Told.SAME:
                continue
            key = record.record_id
            decision, permit = decided.decisions[key], decided.permits.get(key)
            outcome = await sending.push(record, decision, permit, decided.wish_for(record, work.now))
            if outcome is None:
                continue
            sent.outcomes[outcome] += 1
            types.add(record.object_type)
            if outcome is Outcome.NOT_SENT:
                break
        await self._follow(work, types)
        return sent

    async def _told_of(self, work: Work, record: Record) -> Told:
        told = await told_of(self._hub, work, record, self._policy)
        if told is Told.UNTOLD:
            if len(self._untold) == UNTOLD_REMEMBERED_MAX:
                self._untold.clear()
            self._untold.add(record.record_id)
        else:
            self._untold.discard(record.record_id)
        return told

    async def _follow(self, work: Work, object_types: set[str]) -> None:
        """Have the outcomes read soon: no webhook will tell them."""
        streams = [RECORD_STREAMS[name] for name in object_types if name in RECORD_STREAMS]
        if streams:
            soon = _after(work, FOLLOW_SECONDS)
            async with work.writing() as connection:
                await nudge_streams(connection, work.organization_id, [(stream, soon) for stream in streams])
                await nudge_work(connection, [work.organization_id], WorkKind.POLL, soon)

    async def _known_trouble(self, work: Work, decided: Decided) -> Trouble | None:
        """What is known to keep the pushes that were decided from leaving, if there are any."""
        if not decided.in_turn():
            return None
        async with self._database.organization(work.organization_id, readonly=True) as connection:
            silent_until = await get_hub_pause(connection)
        if silent_until is not None:
            # Another replica was told so; this one's budget learns it only from a call of its own.
            seconds = (silent_until - work.now).total_seconds()
            return Trouble(reason="the hub asked for silence", seconds=seconds)
        return await known_trouble(self._hub, self._circuit, work.organization_id, LEAVES_WITHIN_SECONDS)

    async def _rest(self, work: Work, trouble: Trouble | None) -> None:
        """Give the claim back until it is worth trying again, or another record is to be looked at."""
        failures = work.claim.failures + 1
        async with self._database.organization(work.organization_id, readonly=True) as connection:
            look_at = await get_next_look_at(connection, work.organization_id, after=work.claim.claimed_at)
        due_at = _after(work, rest_seconds(failures, trouble))
        await work.finish(
            due_at=min(look_at, due_at) if look_at else due_at,
            failures=failures,
            error=trouble.reason if trouble else None,
        )

    async def _next_due_at(self, work: Work, decided: Decided) -> datetime:
        if len(decided.in_turn()) > PUSHES_MAX:
            return work.now
        async with self._database.organization(work.organization_id, readonly=True) as connection:
            next_look_at = await get_next_look_at(connection, work.organization_id)
            if decided.wishes and await list_wishes(connection, work.organization_id, 1):
                return _after(work, WISHES_SECONDS)
        return min(next_look_at, _after(work, IDLE_SECONDS)) if next_look_at else _after(work, IDLE_SECONDS)


def _is_same_but_for_deadline(before: Record, after: Record) -> bool:
    return (before.state, before.reason, before.owner, before.next_attempt_at) == (
        after.state,
        after.reason,
        after.owner,
        after.next_attempt_at,
    )


def _after(work: Work, seconds: float) -> datetime:
    return work.now + timedelta(seconds=seconds)
