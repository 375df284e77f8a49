"""Stored attempts and evidence as the domain sees them, and what of a record goes with evidence."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from service.domain.pushing.attempt import Attempt, Evidence, EvidenceKind, Outcome, Trigger
from service.domain.pushing.override import said
from service.domain.record import Record
from service.store.pushes import OpenEvidence, StoredAttempt


def attempt_of(stored: StoredAttempt) -> Attempt:
    """An attempt, without what only the paper trail needs."""
    return Attempt(
        number=stored.number,
        episode=stored.episode,
        started_at=stored.started_at,
        record_updated_at=stored.record_updated_at,
        trigger=Trigger(stored.trigger),
        evidence=EvidenceKind(stored.evidence_kind),
        finished_at=stored.finished_at,
        outcome=Outcome(stored.outcome) if stored.outcome else None,
        http_status=stored.http_status,
        error=stored.error,
        told_at=stored.told_at,
    )


def evidence_of(stored: OpenEvidence) -> Evidence:
    """Evidence that no attempt has used yet; of a person's word, whose it is and why."""
    told = stored.detail
    return Evidence(
        evidence_id=stored.evidence_id,
        kind=EvidenceKind(stored.kind),
        observed_at=stored.observed_at,
        about=datetime.fromisoformat(told["record_updated_at"]) if "record_updated_at" in told else None,
        detail=said(told.get("decision", ""), told["person"], told.get("reason", ""))
        if "person" in told
        else "",
        despite=frozenset(told.get("despite", ())),
    )


def of_record(record: Record) -> Mapping[str, Any]:
    """The failure that evidence is about."""
    return {
        "cause": record.cause,
        "rule": record.cause_rule,
        "error": record.cause_text,
        "record_updated_at": record.updated_at,
    }
