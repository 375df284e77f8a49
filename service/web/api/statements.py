"""Month-end statements: shown in four formats, and signed by two keys."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

import msgspec
from starlette.responses import Response

from service.domain.comparing.posting import UNDATED
from service.domain.statements.figures import CoveredLine, covered, figures_hash
from service.domain.statements.period import Period
from service.domain.statements.sign_off import (
    Signature,
    SignOff,
    SignRefused,
    SignRole,
    as_it_stands,
    sign,
    signature_of,
    withdraw,
    withdrawal,
)
from service.domain.statements.statement import Statement, state
from service.settings import Role
from service.statements.formats import FORMATS, Format, file_name, render
from service.statements.json_file import StatementFile, told
from service.statements.xlsx_file import WorkbookTooLong
from service.store.statements import (
    DIFFERENCES_MAX,
    count_statement_differences,
    get_facts,
    insert_sign_off,
    list_sign_offs,
)
from service.store.work import get_now
from service.web.problems import Fault, Refused, malformed, not_found
from service.web.route import Asked

MEDIA_TYPES: Final = tuple(making.media_type.partition(";")[0] for making in FORMATS.values())


class Sign(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """As what the caller's key signs."""

    role: Literal["preparer", "approver"]
    figures_hash: str | None = None
    """Of the statement that was looked at: where the figures have moved since, nothing is signed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A statement with its acts and how they stand."""

    statement: Statement
    acts: Signature
    """As it was written down."""
    months: tuple[Period, ...]
    """Every month that holds documents of the organization."""
    read_at: datetime

    @property
    def figures(self) -> tuple[CoveredLine, ...]:
        """What a signature of it covers."""
        return tuple(covered(self.statement))

    @property
    def signature(self) -> Signature:
        """As it stands: withdrawn if a figure has moved, even where nobody has written that down yet."""
        return as_it_stands(self.acts, self.figures)


async def get_one(asked: Asked) -> StatementFile | Response:
    """Answer a statement in the format that was asked for."""
    form = Format(asked.query["format"] or Format.JSON)
    period, as_of = period_of(asked), asked.query["as_of"]
    if form is Format.JSON:
        found = await load(asked, period, as_of=as_of)
        return told(found.statement, found.signature)
    async with asked.service.files.turn():
        found = await load(asked, period, as_of=as_of)
        try:
            content = await asyncio.to_thread(render, found.statement, found.signature, form)
        except WorkbookTooLong as error:
            raise Refused(409, str(error)) from None
    return Response(
        content,
        media_type=FORMATS[form].media_type,
        headers={"content-disposition": f'attachment; filename="{file_name(found.statement, form)}"'},
    )


async def sign_it(asked: Asked) -> StatementFile:
    """Sign a statement as it is now."""
    found = await write_signature(asked, SignRole(asked.body.role), asked.body.figures_hash)
    return told(found.statement, found.signature)


async def write_signature(asked: Asked, role: SignRole, seen: str | None) -> Signed:
    """Let the caller's key sign the figures that were seen, and give the statement as it stands then."""
    if role is SignRole.APPROVER and not asked.who.has(Role.APPROVER):
        raise Refused(403, f"Approving needs the role approver; this key has {asked.who.role.value}.")
    period = period_of(asked)
    found = await load(asked, period)
    if seen is not None and seen != figures_hash(found.figures).hex():
        raise Refused(409, "The figures have moved since you looked; look at the statement again, then sign.")
    now = await asked.service.database.now()
    acts = _acts(found, role, asked.who.name, now)
    async with asked.rows(readonly=False) as connection:
        for act in acts:
            if not await insert_sign_off(connection, asked.path["organization_id"], period, act):
                raise Refused(409, "Somebody signed at the same moment; look at the statement and try again.")
    return await load(asked, period)


def _acts(found: Signed, role: SignRole, name: str, now: datetime) -> list[SignOff]:
    """What signing adds: first a withdrawal that nobody has written down yet, if there is one."""
    is_complete = not found.statement.is_provisional
    acts, signature = [], found.acts
    because = withdrawal(signature, found.figures)
    if because is not None:
        acts.append(withdraw(signature, because, found.figures, is_complete=is_complete, at=now))
        signature = signature_of(acts)
    try:
        act = sign(signature, role, name, found.figures, is_complete=is_complete, at=now)
    except SignRefused as refused:
        raise Refused(409, str(refused)) from None
    return [*acts, act] if act is not None else acts


async def load(asked: Asked, period: Period, *, as_of: datetime | None = None) -> Signed:
    """Read one statement, all of it in one state of the database."""
    organization_id: UUID = asked.path["organization_id"]
    async with asked.rows() as connection:
        if await count_statement_differences(connection, organization_id) > DIFFERENCES_MAX:
            raise Refused(
                409,
                f"More than {DIFFERENCES_MAX:,} differences are open, which no statement can list; "
                "look at the connection and at /v1/differences first.",
            )
        facts = await get_facts(connection, organization_id, as_of)
        if facts is None:
            raise not_found("organization")
        acts = await list_sign_offs(connection, organization_id, period, as_of)
        read_at = await get_now(connection)
    statement = await asyncio.to_thread(state, facts, period)
    firsts = {each.month for sums in facts.months.values() for each in sums if each.month != UNDATED}
    months = tuple(Period(first) for first in sorted(firsts))
    return Signed(statement=statement, acts=signature_of(acts), months=months, read_at=read_at)


def period_of(asked: Asked) -> Period:
    """Read the month of the path."""
    try:
        return Period.parse(asked.path["period"])
    except ValueError as error:
        raise malformed(Fault(name="period", detail=str(error))) from None
