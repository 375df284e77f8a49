"""Signing a statement: one prepares, another approves, and figures that move withdraw both.

    open ──prepare──▶ prepared ──approve──▶ approved
                         │                     │
                         └──a figure moves─────┴──▶ withdrawn ──prepare──▶ prepared …

What was signed is kept with its figures, so that it can always be told what moved. Nobody withdraws: the
figures do. Preparer and approver must be different keys, in every round anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from service.domain.statements.figures import CoveredLine, figures_hash, told_moves


class Act(StrEnum):
    """What happened to a statement."""

    PREPARED = "prepared"
    APPROVED = "approved"
    WITHDRAWN = "withdrawn"


class SignRole(StrEnum):
    """As what somebody signs."""

    PREPARER = "preparer"
    APPROVER = "approver"


class SignStatus(StrEnum):
    """How a statement stands."""

    OPEN = "open"
    PREPARED = "prepared"
    APPROVED = "approved"
    WITHDRAWN = "withdrawn"


class SignRefused(Exception):  # noqa: N818 - names what is the case
    """It cannot be signed so; the message says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOff:
    """One act, as it is kept."""

    number: int
    act: Act
    key_name: str | None
    figures: Sequence[CoveredLine]
    because: str | None
    is_complete: bool
    """The month was over and read to its end when this was done."""
    acted_at: datetime

    @property
    def figures_hash(self) -> bytes:
        """Digest of what was signed."""
        return figures_hash(self.figures)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """How a statement stands with its signers."""

    status: SignStatus = SignStatus.OPEN
    preparer: str | None = None
    prepared_at: datetime | None = None
    approver: str | None = None
    approved_at: datetime | None = None
    withdrawn_because: str | None = None
    withdrawn_at: datetime | None = None
    signed_complete: bool = True
    """What stands was signed when the month was over and read to its end."""
    signed: Sequence[CoveredLine] = ()
    number: int = 0
    """How many acts there were."""

    @property
    def is_standing(self) -> bool:
        """Whether somebody vouches for the figures."""
        return self.status in {SignStatus.PREPARED, SignStatus.APPROVED}


def signature_of(acts: Sequence[SignOff]) -> Signature:
    """Fold the acts of a statement, in their order."""
    signature = Signature()
    for act in acts:
        signature = _after(signature, act)
    return signature


def _after(signature: Signature, act: SignOff) -> Signature:
    if act.act is Act.PREPARED:
        return Signature(
            status=SignStatus.PREPARED,
            preparer=act.key_name,
            prepared_at=act.acted_at,
            signed_complete=act.is_complete,
            signed=act.figures,
            number=act.number,
        )
    if act.act is Act.APPROVED:
        return replace(
            signature,
            status=SignStatus.APPROVED,
            approver=act.key_name,
            approved_at=act.acted_at,
            signed_complete=signature.signed_complete and act.is_complete,
            number=act.number,
        )
    return replace(
        signature,
        status=SignStatus.WITHDRAWN,
        withdrawn_because=act.because,
        withdrawn_at=act.acted_at,
        number=act.number,
    )


def withdrawal(signature: Signature, now: Sequence[CoveredLine]) -> str | None:
    """Say what moved under a standing signature; None if it still holds."""
    return told_moves(signature.signed, now) if signature.is_standing else None


def as_it_stands(signature: Signature, now: Sequence[CoveredLine]) -> Signature:
    """Show a signature as withdrawn whose figures moved, also before that has been written down."""
    because = withdrawal(signature, now)
    if because is None:
        return signature
    return replace(signature, status=SignStatus.WITHDRAWN, withdrawn_because=because)


def sign(
    signature: Signature,
    role: SignRole,
    key_name: str,
    now: Sequence[CoveredLine],
    *,
    is_complete: bool,
    at: datetime,
) -> SignOff | None:
    """Return the act that a signature is; None when this key has signed just that already."""
    assert withdrawal(signature, now) is None, "what moved is withdrawn before anybody signs anew"
    act = _prepare(signature, key_name) if role is SignRole.PREPARER else _approve(signature, key_name)
    if act is None:
        return None
    return SignOff(
        number=signature.number + 1,
        act=act,
        key_name=key_name,
        figures=now,
        because=None,
        is_complete=is_complete,
        acted_at=at,
    )


def _prepare(signature: Signature, key_name: str) -> Act | None:
    if not signature.is_standing:
        return Act.PREPARED
    if signature.preparer == key_name:
        return None
    raise SignRefused(
        f"It is {signature.status.value} already, prepared by {signature.preparer}; "
        "it can be prepared anew once a figure has moved."
    )


def _approve(signature: Signature, key_name: str) -> Act | None:
    if signature.status is SignStatus.APPROVED:
        if signature.approver == key_name:
            return None
        raise SignRefused(f"It has been approved already, by {signature.approver}.")
    if signature.status is SignStatus.WITHDRAWN:
        raise SignRefused("It was withdrawn because a figure moved; it must be prepared anew first.")
    if signature.status is SignStatus.OPEN:
        raise SignRefused("It has not been prepared yet; that comes first, by another key.")
    if signature.preparer == key_name:
        raise SignRefused(
            f"{key_name} prepared it; somebody else must approve it, with a key of another name."
        )
    return Act.APPROVED


def withdraw(
    signature: Signature, because: str, now: Sequence[CoveredLine], *, is_complete: bool, at: datetime
) -> SignOff:
    """Return the act by which figures withdraw what was signed."""
    assert signature.is_standing, "only what somebody signed can be withdrawn"
    return SignOff(
        number=signature.number + 1,
        act=Act.WITHDRAWN,
        key_name=None,
        figures=now,
        because=because,
        is_complete=is_complete,
        acted_at=at,
    )
