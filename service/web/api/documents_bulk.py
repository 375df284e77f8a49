"""Many documents of the partner's own in one call: each is taken or refused by itself, in the order given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

import msgspec

from service.domain.document import Document
from service.store.partner_documents import Outcome, Put, list_known_organizations
from service.web.api.documents import put
from service.web.api.documents_shape import PutDocument, Unfit, bounded, read_document, read_local_id
from service.web.problems import Fault
from service.web.route import Asked

BULK_MAX: Final = 10_000
"""Documents in one call."""

BULK_PARTS_MAX: Final = 200 * BULK_MAX
"""Commas in one call: the shortest parts, of two characters, would take half a gigabyte to hold apart, and a
body of documents has one in some fifteen characters."""

BULK_FAULTS_MAX: Final = BULK_MAX
"""Faults told in one answer, beside the first of each document: some megabytes."""

DETAIL_MAX: Final = 300
"""Characters of what keeps an item from being read: it quotes the item."""

WRITTEN_AT_ONCE: Final = 500
"""Documents in one transaction: some tenths of a second."""


class BulkItem(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One document of many."""

    organization_id: UUID
    local_id: str
    document: PutDocument


class Bulk(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Many documents, of one organization or several."""

    documents: Sequence[BulkItem]


class RawBulk(msgspec.Struct, forbid_unknown_fields=True):
    """The same as it comes: each document is read by itself, so that one that is wrong stops no other."""

    documents: list[msgspec.Raw]


class RawItem(msgspec.Struct, forbid_unknown_fields=True):
    """One of them, its document unread."""

    organization_id: UUID
    local_id: str
    document: msgspec.Raw


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of one document of many; of a refused one, what would be right."""

    organization_id: UUID | None
    local_id: str | None
    outcome: Outcome
    errors: Sequence[Fault] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What became of each, in the order in which they were given, and of how many what."""

    counts: Mapping[str, int]
    data: Sequence[Result]


def read_bulk(content: bytes) -> RawBulk:
    """Read the body of a bulk call no further than to its documents."""
    if content.count(b",") > BULK_PARTS_MAX:
        raise msgspec.ValidationError(f"`documents` must hold at most {BULK_PARTS_MAX:,} parts")
    bulk = msgspec.json.decode(content, type=RawBulk)
    if not 0 < len(bulk.documents) <= BULK_MAX:
        raise msgspec.ValidationError(f"`documents` must hold 1 to {BULK_MAX:,} documents")
    return bulk


async def put_many(asked: Asked) -> Results:
    """Put many documents; each is taken or refused by itself."""
    results: list[Result] = []
    taken: set[tuple[UUID, str]] = set()
    documents: Sequence[msgspec.Raw] = asked.body.documents
    for start in range(0, len(documents), WRITTEN_AT_ONCE):
        some = await _put_some(asked, documents[start : start + WRITTEN_AT_ONCE], taken)
        results += _told(some, BULK_FAULTS_MAX - sum(len(each.errors) for each in results))
    counts = Counter(result.outcome.value for result in results)
    return Results(counts={outcome.value: counts[outcome.value] for outcome in Outcome}, data=results)


def _told(results: Sequence[Result], room: int) -> Iterator[Result]:
    """Leave out what an answer has no room for: all faults of a document but the first."""
    for result in results:
        errors = bounded(result.errors, max(1, room))
        room -= len(errors)
        yield replace(result, errors=errors)


async def _put_some(
    asked: Asked, documents: Sequence[msgspec.Raw], taken: set[tuple[UUID, str]]
) -> list[Result]:
    """Put what fits into one transaction; `taken` are the ids that came earlier in the same call."""
    results: list[Result | None] = [None] * len(documents)
    fit: dict[UUID, list[tuple[int, Document]]] = {}
    for position, raw in enumerate(documents):
        item = _item(raw)
        if isinstance(item, Result):
            results[position] = item
            continue
        organization_id, document = item
        key = (organization_id, document.document_id)
        if key in taken:
            results[position] = _refused(*key, Fault(name="local_id", detail="came earlier in this call"))
        else:
            taken.add(key)
            fit.setdefault(organization_id, []).append((position, document))
    async with asked.rows(readonly=False) as connection:
        there = await list_known_organizations(connection, list(fit))
        for organization_id, numbered in sorted(fit.items()):
            if organization_id in there:
                puts = await put(connection, organization_id, [document for _, document in numbered])
            else:
                puts = [Put(outcome=Outcome.REFUSED, reason="There is no such organization.")] * len(numbered)
            for (position, document), done in zip(numbered, puts, strict=True):
                name = "local_id" if organization_id in there else "organization_id"
                results[position] = Result(
                    organization_id=organization_id,
                    local_id=document.document_id,
                    outcome=done.outcome,
                    errors=[Fault(name=name, detail=done.reason)] if done.reason else [],
                )
    return [result for result in results if result is not None]


def _item(raw: msgspec.Raw) -> tuple[UUID, Document] | Result:
    try:
        item = msgspec.json.decode(raw, type=RawItem)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        detail = f"must be an object of organization_id, local_id and document: {error}"
        return _refused(None, None, Fault(name="item", detail=detail[:DETAIL_MAX]))
    try:
        return item.organization_id, read_document(item.document, read_local_id(item.local_id))
    except Unfit as unfit:
        return _refused(item.organization_id, item.local_id[:100], *unfit.faults)


def _refused(organization_id: UUID | None, local_id: str | None, *faults: Fault) -> Result:
    return Result(
        organization_id=organization_id, local_id=local_id, outcome=Outcome.REFUSED, errors=list(faults)
    )
